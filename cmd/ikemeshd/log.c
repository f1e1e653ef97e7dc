/* SPDX-License-Identifier: Apache-2.0 */
#include "cmd/ikemeshd/log.h"
#include "cmd/ikemeshd/clock.h"
#include "cmd/ikemeshd/fold.h"
#include "ike/message/iana.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <syslog.h>
#include <systemd/sd-journal.h>
#include <time.h>
#include <unistd.h>

#define LINE_LEN 1024 /* octets of one line */
#define JOURNAL_SOCKET "/run/systemd/journal/socket"

struct log {
	enum log_target target;
	int fd; /* LOG_TO_FILE: ours; LOG_TO_STDERR: 2 */
	enum report_level level;
	struct fold fold;
};

static const int priorities[REPORT_LEVELS] = {
	[REPORT_ERROR] = LOG_ERR, [REPORT_WARNING] = LOG_WARNING, [REPORT_NOTICE] = LOG_NOTICE,
	[REPORT_INFO] = LOG_INFO, [REPORT_DEBUG] = LOG_DEBUG,
};

void log_escape(const char *in, char *out, size_t room)
{
	size_t n = 0;

	for (; *in != '\0' && n + 5 <= room; in++) {
		unsigned char c = (unsigned char)*in;

		if (c >= 0x20 && c < 0x7f)
			out[n++] = (char)c;
		else
			n += (size_t)snprintf(out + n, room - n, "\\x%02x", c);
	}
	out[n] = '\0';
}

/* " [EXCHANGE spi_i spi_r]" or nothing. */
static void put_context(const struct report *r, char *out, size_t room)
{
	const char *exchange = r->exchange != 0 ? exchange_name(r->exchange) : "";
	const char *gap = r->exchange != 0 && r->spi_i != 0 ? " " : "";

	out[0] = '\0';
	if (r->spi_i != 0)
		snprintf(out, room, " [%s%s%016" PRIx64 "_i %016" PRIx64 "_r]", exchange, gap,
			 r->spi_i, r->spi_r);
	else if (r->exchange != 0)
		snprintf(out, room, " [%s]", exchange);
}

void log_line(const struct report *r, char *out, size_t room)
{
	char text[LINE_LEN], peer[IP_TEXT_LEN] = "", context[96];

	log_escape(r->text, text, sizeof(text));
	put_context(r, context, sizeof(context));
	if (r->remote.family != 0)
		ip_text(&r->remote, peer);
	snprintf(out, room, "%s%s%s%s", peer, peer[0] != '\0' ? ": " : "", text, context);
}

/* Descriptors get time and level too; one write a line, so that lines never mingle. */
static void write_line(int fd, enum report_level level, const char *line)
{
	char stamp[32] = "", all[LINE_LEN + 128];
	struct timespec ts = { 0 };
	struct tm tm;
	int n;

	clock_gettime(CLOCK_REALTIME, &ts);
	if (gmtime_r(&ts.tv_sec, &tm) != NULL)
		strftime(stamp, sizeof(stamp), "%Y-%m-%dT%H:%M:%S", &tm);
	n = snprintf(all, sizeof(all), "%s.%03ldZ ikemeshd %s: %s\n", stamp, ts.tv_nsec / 1000000,
		     report_level_name(level), line);
	if (n >= (int)sizeof(all)) {
		n = (int)sizeof(all) - 1;
		all[n - 1] = '\n';
	}
	(void)!write(fd, all, (size_t)n);
}

#define FIELDS_MAX 12
#define FIELD_LEN (LINE_LEN + 32)
struct fields {
	char text[FIELDS_MAX][FIELD_LEN];
	struct iovec v[FIELDS_MAX];
	int n;
};

static void __attribute__((format(printf, 2, 3)))
put_field(struct fields *f, const char *format, ...)
{
	va_list args;
	int n;

	va_start(args, format);
	n = vsnprintf(f->text[f->n], FIELD_LEN, format, args);
	va_end(args);
	f->v[f->n].iov_base = f->text[f->n];
	f->v[f->n].iov_len = n < FIELD_LEN ? (size_t)n : FIELD_LEN - 1;
	f->n++;
}

static void write_journal(const struct report *r, const char *line)
{
	struct fields f = { .n = 0 };
	char text[IP_TEXT_LEN];

	put_field(&f, "MESSAGE=%s", line);
	put_field(&f, "PRIORITY=%d", priorities[r->level]);
	put_field(&f, "SYSLOG_IDENTIFIER=ikemeshd");
	if (r->remote.family != 0)
		put_field(&f, "PEER=%s", ip_text(&r->remote, text));
	if (r->local.family != 0)
		put_field(&f, "LOCAL=%s", ip_text(&r->local, text));
	if (r->spi_i != 0)
		put_field(&f, "IKE_SPI=%016" PRIx64 "_i %016" PRIx64 "_r", r->spi_i, r->spi_r);
	put_field(&f, "AREA=%s", report_area_name(r->area));
	if (r->reason != REASON_NONE)
		put_field(&f, "REASON=%s", reason_name(r->reason));
	if (r->exchange != 0)
		put_field(&f, "EXCHANGE=%s", exchange_name(r->exchange));
	if (r->has_message_id)
		put_field(&f, "MESSAGE_ID=%" PRIu32, r->message_id);
	sd_journal_sendv(f.v, f.n);
}

static void write_report(const struct log *l, const struct report *r)
{
	char line[LINE_LEN];

	log_line(r, line, sizeof(line));
	switch (l->target) {
	case LOG_TO_JOURNAL:
		write_journal(r, line);
		break;
	case LOG_TO_SYSLOG:
		syslog(priorities[r->level], "%s", line);
		break;
	case LOG_TO_STDERR:
	case LOG_TO_FILE:
		write_line(l->fd, r->level, line);
		break;
	}
}

static void write_sum(void *arg, const struct fold_slot *slot)
{
	char text[FOLD_TEXT_LEN + 64];
	struct report sum = slot->report;

	snprintf(text, sizeof(text), "%s (said %u more time%s within %d seconds)", slot->text,
		 slot->repeats, slot->repeats == 1 ? "" : "s", FOLD_WINDOW_S);
	sum.text = text;
	write_report(arg, &sum);
}

/* A log that is read by nobody (a FIFO, a terminal that stands still) must not stop the daemon. */
static int open_file(const char *path)
{
	int fd =
		open(path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC | O_NOCTTY | O_NONBLOCK, 0640);
	struct stat st;

	if (fd < 0)
		return errno == ENXIO ? -EINVAL : -errno;
	if (fstat(fd, &st) == 0 && S_ISREG(st.st_mode))
		return fd;
	close(fd);
	return -EINVAL;
}

const char *log_path_error(int err)
{
	return err == -EINVAL ? "is not a regular file" : strerror(-err);
}

int log_retarget(struct log *l, enum log_target target, const char *path)
{
	int fd = STDERR_FILENO;

	if (target == LOG_TO_JOURNAL && access(JOURNAL_SOCKET, W_OK) != 0)
		target = LOG_TO_STDERR;
	if (target == LOG_TO_FILE)
		fd = open_file(path);
	if (fd < 0)
		return fd;
	if (l->target == LOG_TO_FILE)
		close(l->fd);
	if (target == LOG_TO_SYSLOG)
		openlog("ikemeshd", LOG_PID | LOG_NDELAY, LOG_DAEMON);
	l->target = target;
	l->fd = fd;
	return 0;
}

int log_open(enum log_target target, const char *path, enum report_level level, struct log **out)
{
	struct log *l = calloc(1, sizeof(*l));
	int err;

	*out = NULL;
	if (l == NULL)
		return -ENOMEM;
	l->level = level;
	l->target = LOG_TO_STDERR;
	l->fd = STDERR_FILENO;
	fold_init(&l->fold, write_sum, l);
	err = log_retarget(l, target, path);
	if (err != 0) {
		free(l);
		return err;
	}
	*out = l;
	return 0;
}

void log_close(struct log *l)
{
	if (l == NULL)
		return;
	fold_flush(&l->fold);
	if (l->target == LOG_TO_FILE)
		close(l->fd);
	free(l);
}

void log_report(struct log *l, const struct report *report)
{
	if (report->level <= l->level && fold_admit(&l->fold, clock_now(), report))
		write_report(l, report);
}

void log_text_in(struct log *l, enum report_area area, enum report_level level, const char *format,
		 ...)
{
	char text[LINE_LEN];
	const struct report r = { .level = level, .area = area, .text = text };
	va_list args;

	va_start(args, format);
	vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	if (level <= l->level)
		write_report(l, &r);
}

void log_recurrent_in(struct log *l, enum report_area area, enum report_level level,
		      const char *format, ...)
{
	char text[LINE_LEN];
	const struct report r = { .level = level, .area = area, .text = text };
	va_list args;

	va_start(args, format);
	vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	log_report(l, &r);
}

struct mono log_tick(struct log *l, struct mono now)
{
	return fold_tick(&l->fold, now);
}
