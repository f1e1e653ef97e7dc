/* SPDX-License-Identifier: Apache-2.0 */
#include "cmd/ikemeshd/fd_store.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <systemd/sd-daemon.h>
#include <unistd.h>

#define FIRST_FD 3 /* SD_LISTEN_FDS_START */
#define ASIDE_FD 64

static bool is_name(const char *name, size_t n)
{
	if (n == 0 || n >= FD_STORE_NAME_LEN)
		return false;
	for (size_t i = 0; i < n; i++)
		if (!isalnum((unsigned char)name[i]) && name[i] != '-' && name[i] != '_')
			return false;
	return true;
}

static void keep(struct fd_store *s, int fd, const char *name, size_t n)
{
	struct fd_stored *e = &s->p[s->n];

	if (fd < 0 || s->n == FD_STORE_MAX || !is_name(name, n)) {
		if (fd >= 0)
			close(fd);
		return;
	}
	*e = (struct fd_stored){ .fd = fd };
	memcpy(e->name, name, n);
	s->n++;
}

static void let_go(struct fd_store *s, const char *name, size_t n)
{
	for (size_t i = s->n; i-- > 0;) {
		if (strlen(s->p[i].name) != n || memcmp(s->p[i].name, name, n) != 0)
			continue;
		close(s->p[i].fd);
		s->p[i] = s->p[--s->n];
	}
}

void fd_store_take(struct fd_store *s)
{
	char **names = NULL;
	int n = sd_listen_fds_with_names(1, &names);

	*s = (struct fd_store){ 0 };
	for (int i = 0; i < n; i++) {
		keep(s, FIRST_FD + i, names[i], strlen(names[i]));
		free(names[i]);
	}
	free(names);
}

/* The value of a line NAME=value; *n octets, or NULL. */
static const char *value_of(const char *text, const char *name, size_t *n)
{
	const size_t len = strlen(name);

	for (const char *line = text; line != NULL; line = strchr(line, '\n')) {
		line += *line == '\n';
		if (strncmp(line, name, len) == 0 && line[len] == '=') {
			*n = strcspn(line + len + 1, "\n");
			return line + len + 1;
		}
	}
	return NULL;
}

static bool says(const char *text, const char *name)
{
	size_t n;
	const char *value = value_of(text, name, &n);

	return value != NULL && n == 1 && *value == '1';
}

void fd_store_hear(struct fd_store *s, const char *text, int fd)
{
	size_t n = 0;
	const char *name = value_of(text, "FDNAME", &n);

	if (name != NULL && says(text, "FDSTORE")) {
		keep(s, fd, name, n);
		return;
	}
	if (name != NULL && says(text, "FDSTOREREMOVE"))
		let_go(s, name, n);
	if (fd >= 0)
		close(fd);
}

static int say(const struct fd_store *s)
{
	char n[16], pid[16], names[FD_STORE_MAX * FD_STORE_NAME_LEN] = "";

	for (size_t i = 0, at = 0; i < s->n; i++)
		at += (size_t)snprintf(names + at, sizeof(names) - at, "%s%s", i > 0 ? ":" : "",
				       s->p[i].name);
	snprintf(n, sizeof(n), "%zu", s->n);
	snprintf(pid, sizeof(pid), "%d", (int)getpid());
	if (setenv("LISTEN_FDS", n, 1) != 0 || setenv("LISTEN_PID", pid, 1) != 0 ||
	    setenv("LISTEN_FDNAMES", names, 1) != 0)
		return -errno;
	return 0;
}

int fd_store_hand(const struct fd_store *s)
{
	int aside[FD_STORE_MAX];

	for (size_t i = 0; i < s->n; i++) {
		/* Out of the way of the places that they go to. */
		aside[i] = fcntl(s->p[i].fd, F_DUPFD_CLOEXEC, ASIDE_FD);
		if (aside[i] < 0)
			return -errno;
	}
	for (size_t i = 0; i < s->n; i++)
		if (dup2(aside[i], FIRST_FD + (int)i) < 0)
			return -errno;
	if (close_range(FIRST_FD + (unsigned)s->n, ~0u, CLOSE_RANGE_CLOEXEC) != 0 &&
	    errno != ENOSYS)
		return -errno;
	return say(s);
}

void fd_store_close(struct fd_store *s)
{
	for (size_t i = 0; i < s->n; i++)
		close(s->p[i].fd);
	s->n = 0;
}
