/* SPDX-License-Identifier: Apache-2.0 */
#include "cmd/ikemeshd/notify.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#define TEXT_LEN 512

/* As much everybody's as the variable of the environment that it goes with. */
static int channel = -1;

/* 0: there is none. An address that begins with @ is an abstract one. */
static socklen_t manager(struct sockaddr_un *out)
{
	const char *path = getenv("NOTIFY_SOCKET");
	const size_t n = path != NULL ? strlen(path) : 0;

	if (n < 2 || n >= sizeof(out->sun_path) || (path[0] != '/' && path[0] != '@'))
		return 0;
	*out = (struct sockaddr_un){ .sun_family = AF_UNIX };
	memcpy(out->sun_path, path, n);
	if (path[0] == '@')
		out->sun_path[0] = '\0';
	return (socklen_t)(offsetof(struct sockaddr_un, sun_path) + n + (path[0] == '/'));
}

static int open_channel(void)
{
	if (channel < 0)
		channel = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	return channel >= 0 ? 0 : -errno;
}

static int say(const char *text, const int *fd)
{
	struct sockaddr_un to;
	const socklen_t to_n = manager(&to);
	struct iovec data = { .iov_base = (void *)text, .iov_len = strlen(text) };
	union {
		char room[CMSG_SPACE(sizeof(int))];
		struct cmsghdr align;
	} control = { 0 };
	struct msghdr m = {
		.msg_name = &to, .msg_namelen = to_n, .msg_iov = &data, .msg_iovlen = 1
	};
	int err;

	if (to_n == 0)
		return 0;
	if ((err = open_channel()) != 0)
		return err;
	if (fd != NULL) {
		m.msg_control = &control;
		m.msg_controllen = sizeof(control);
		*CMSG_FIRSTHDR(&m) = (struct cmsghdr){ .cmsg_len = CMSG_LEN(sizeof(*fd)),
						       .cmsg_level = SOL_SOCKET,
						       .cmsg_type = SCM_RIGHTS };
		memcpy(CMSG_DATA(CMSG_FIRSTHDR(&m)), fd, sizeof(*fd));
	}
	return sendmsg(channel, &m, MSG_NOSIGNAL) >= 0 ? 1 : -errno;
}

int notify(const char *text)
{
	return say(text, NULL);
}

int notifyf(const char *format, ...)
{
	char text[TEXT_LEN];
	va_list args;

	va_start(args, format);
	vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	return say(text, NULL);
}

int notify_with(const char *text, int fd)
{
	return say(text, &fd);
}

/* The manager closes what came with a barrier when it has read so far. */
int notify_barrier(int timeout_ms)
{
	struct pollfd p;
	int ends[2], r;

	if (pipe2(ends, O_CLOEXEC) != 0)
		return -errno;
	r = notify_with("BARRIER=1", ends[1]);
	close(ends[1]);
	p = (struct pollfd){ .fd = ends[0] };
	if (r > 0) {
		int n = poll(&p, 1, timeout_ms);

		r = n > 0 ? 1 : n == 0 ? -ETIMEDOUT : -errno;
	}
	close(ends[0]);
	return r;
}

static bool is_harmless(const char *line, size_t n)
{
	static const char *const words[] = {
		"READY=1",    "RELOADING=1",	 "STOPPING=1",
		"STATUS=",    "MONOTONIC_USEC=", "EXTEND_TIMEOUT_USEC=",
		"WATCHDOG=1", "FDSTORE=1",	 "FDSTOREREMOVE=1",
		"FDNAME=",    "BARRIER=1"
	};

	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
		const size_t length = strlen(words[i]);
		const bool begins = n >= length && memcmp(line, words[i], length) == 0;

		if (begins && (n == length || words[i][length - 1] == '='))
			return true;
	}
	return n == 0;
}

bool notify_is_harmless(const char *text)
{
	for (;;) {
		const size_t n = strcspn(text, "\n");

		if (!is_harmless(text, n))
			return false;
		if (text[n] == '\0')
			return true;
		text += n + 1;
	}
}
