/* SPDX-License-Identifier: Apache-2.0 */
#include "cmd/ikemeshd/metrics_host.h"

#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#define STAT_PATH "/proc/net/xfrm_stat"
#define STAT_ROOM 8192
#define STAT_NAME 64
#define STAT_LETTERS "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_"

void metrics_host_open_self(struct metrics_host *h)
{
	h->statm = open("/proc/self/statm", O_RDONLY | O_CLOEXEC);
	h->xfrm_stat = -1;
}

void metrics_host_open(struct metrics_host *h)
{
	metrics_host_open_self(h);
	h->xfrm_stat = open(STAT_PATH, O_RDONLY | O_CLOEXEC);
}

void metrics_host_close(struct metrics_host *h)
{
	if (h->statm >= 0)
		close(h->statm);
	if (h->xfrm_stat >= 0)
		close(h->xfrm_stat);
}

/* As the file is now, ended by NUL. */
static bool read_small(int fd, char *out, size_t room)
{
	ssize_t n = fd >= 0 ? pread(fd, out, room - 1, 0) : -1;

	out[n > 0 ? n : 0] = '\0';
	return n > 0;
}

uint64_t host_resident_bytes(const struct metrics_host *h)
{
	const char *resident; /* the second number */
	char text[256];

	if (!read_small(h->statm, text, sizeof(text)) || (resident = strchr(text, ' ')) == NULL)
		return 0;
	return strtoull(resident, NULL, 10) * (uint64_t)sysconf(_SC_PAGESIZE);
}

static uint64_t us_of(const struct timeval *t)
{
	return (uint64_t)t->tv_sec * 1000000 + (uint64_t)t->tv_usec;
}

uint64_t host_cpu_us(void)
{
	struct rusage u = { 0 };

	getrusage(RUSAGE_SELF, &u);
	return us_of(&u.ru_utime) + us_of(&u.ru_stime);
}

json_t *host_xfrm_stat_parse(const char *text)
{
	json_t *all = json_object();
	char *end;

	for (const char *line = text; line != NULL && *line != '\0';) {
		const size_t n = strspn(line, STAT_LETTERS);
		const unsigned long long value = strtoull(line + n, &end, 10);
		char name[STAT_NAME];

		if (n > 0 && n < sizeof(name) && end > line + n) {
			snprintf(name, sizeof(name), "%.*s", (int)n, line);
			json_object_set_new(all, name, json_integer((json_int_t)value));
		}
		line = strchr(line, '\n');
		line = line != NULL ? line + 1 : NULL;
	}
	return all;
}

json_t *host_xfrm_stat(const struct metrics_host *h)
{
	char text[STAT_ROOM];

	return host_xfrm_stat_parse(read_small(h->xfrm_stat, text, sizeof(text)) ? text : "");
}
