/* SPDX-License-Identifier: Apache-2.0 */
#include "cmd/ikectl/client.h"

#include <errno.h>
#include <grp.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#define PATIENCE_MS 10000
#define PATIENCE_LONG_MS 35000	/* for what the daemon answers when it is done, within 30 s */
#define ANSWER_MAX (256u << 20) /* octets */

/* The socket's group is the one that control_group names. */
static void explain_access(const char *path, char *error)
{
	const struct group *group = NULL;
	struct stat st;

	if (stat(path, &st) == 0 && (st.st_mode & S_IWGRP) != 0)
		group = getgrgid(st.st_gid);
	if (group != NULL)
		snprintf(error, CLIENT_ERROR_LEN,
			 "you may not ask the daemon at %s: root may, and members of the group %s",
			 path, group->gr_name);
	else
		snprintf(error, CLIENT_ERROR_LEN,
			 "you may not ask the daemon at %s: run this as root, or have root set "
			 "control_group in ikemesh.yml",
			 path);
}

static void explain(int err, const char *path, char *error)
{
	if (err == -ENOENT || err == -ECONNREFUSED)
		snprintf(error, CLIENT_ERROR_LEN,
			 "no daemon answers at %s: start it (`systemctl start ikemesh`), or name "
			 "its directory with --run-dir",
			 path);
	else if (err == -EACCES || err == -EPERM)
		explain_access(path, error);
	else if (err == -EAGAIN || err == -ETIMEDOUT)
		snprintf(error, CLIENT_ERROR_LEN,
			 "the daemon at %s does not answer: see its log (`journalctl -u ikemesh`)",
			 path);
	else if (err == -EPROTO)
		snprintf(error, CLIENT_ERROR_LEN,
			 "the daemon at %s closed the connection without an answer", path);
	else
		snprintf(error, CLIENT_ERROR_LEN, "%s: %s", path, strerror(-err));
}

/* Those wait for a key that may be in a token, and for certificates to be verified. */
static unsigned patience_of(const json_t *request)
{
	const char *command = json_string_value(json_object_get(request, "command"));

	if (command != NULL &&
	    (strcmp(command, "reload") == 0 || strcmp(command, "preflight") == 0))
		return PATIENCE_LONG_MS;
	return PATIENCE_MS;
}

/* path fits a socket address. A descriptor, or negative errno. */
static int connect_to(const char *path, unsigned patience_ms)
{
	const struct timeval patience = { .tv_sec = patience_ms / 1000,
					  .tv_usec = patience_ms % 1000 * 1000 };
	struct sockaddr_un a = { .sun_family = AF_UNIX };
	int fd;

	memcpy(a.sun_path, path, strlen(path) + 1);
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return -errno;
	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
	setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof(patience));
	if (connect(fd, (const struct sockaddr *)&a, sizeof(a)) != 0) {
		int err = -errno;

		close(fd);
		return err;
	}
	return fd;
}

static int send_line(int fd, const json_t *request)
{
	char *text = json_dumps(request, JSON_COMPACT);
	size_t n, sent = 0;

	if (text == NULL)
		return -ENOMEM;
	n = strlen(text);
	text[n++] = '\n';
	while (sent < n) {
		ssize_t now = send(fd, text + sent, n - sent, MSG_NOSIGNAL);

		if (now < 0) {
			free(text);
			return -errno;
		}
		sent += (size_t)now;
	}
	free(text);
	return 0;
}

static int64_t ms_now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

/* All until the daemon closes; -ETIMEDOUT after the deadline, whatever still comes. */
static int receive_all(int fd, int64_t deadline_ms, char **out, size_t *out_n)
{
	char *text = NULL;
	size_t n = 0, room = 0;

	for (;;) {
		ssize_t now;

		if (n == room) {
			char *more = room < ANSWER_MAX ? realloc(text, room + 65536) : NULL;

			if (more == NULL) {
				free(text);
				return -ENOMEM;
			}
			text = more;
			room += 65536;
		}
		now = recv(fd, text + n, room - n, 0);
		if (now < 0 && errno == EINTR)
			continue;
		/* Refused before all that we said was read: what we were told is complete. */
		if (now == 0 || (now < 0 && errno == ECONNRESET && n > 0))
			break;
		if (now < 0) {
			int err = -errno;

			free(text);
			return err;
		}
		n += (size_t)now;
		if (ms_now() >= deadline_ms) {
			free(text);
			return -ETIMEDOUT;
		}
	}
	*out = text;
	*out_n = n;
	return 0;
}

static int converse(const char *path, const json_t *request, unsigned patience_ms,
		    int64_t deadline_ms, json_t **answer)
{
	char *text = NULL;
	size_t n = 0;
	int fd = connect_to(path, patience_ms), err;

	if (fd < 0)
		return fd;
	err = send_line(fd, request);
	if (err == 0 || err == -EPIPE || err == -ECONNRESET) /* it may have said why */
		err = receive_all(fd, deadline_ms, &text, &n);
	close(fd);
	if (err != 0)
		return err;
	*answer = json_loadb(text, n, 0, NULL);
	free(text);
	return *answer != NULL ? 0 : -EPROTO;
}

/* The daemon's refusal becomes the error. */
static json_t *refused(json_t *answer, int *err, char *error)
{
	const char *reason = json_string_value(json_object_get(answer, "reason"));

	const char *why = json_string_value(json_object_get(answer, "error"));

	if (!json_is_false(json_object_get(answer, "ok")))
		return answer;
	snprintf(error, CLIENT_ERROR_LEN, "%s", why != NULL ? why : "the daemon refused");
	if (reason != NULL && strcmp(reason, "not allowed") == 0)
		*err = -EPERM;
	json_decref(answer);
	return NULL;
}

static json_t *ask(const char *run_dir, const json_t *request, unsigned patience_ms,
		   int64_t deadline_ms, int *err, char *error)
{
	char path[sizeof(((struct sockaddr_un *)0)->sun_path)];
	json_t *answer = NULL;

	if (snprintf(path, sizeof(path), "%s/control.sock", run_dir) < (int)sizeof(path))
		*err = converse(path, request, patience_ms, deadline_ms, &answer);
	else
		*err = -ENAMETOOLONG;
	if (*err != 0) {
		explain(*err, path, error);
		return NULL;
	}
	return refused(answer, err, error);
}

json_t *client_ask(const char *run_dir, const json_t *request, int *err,
		   char error[static CLIENT_ERROR_LEN])
{
	return ask(run_dir, request, patience_of(request), INT64_MAX, err, error);
}

json_t *client_ask_within(const char *run_dir, const json_t *request, unsigned ms, int *err,
			  char error[static CLIENT_ERROR_LEN])
{
	return ask(run_dir, request, ms, ms_now() + ms, err, error);
}
