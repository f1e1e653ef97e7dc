/* SPDX-License-Identifier: Apache-2.0 */
/* What a service manager gets to hear, and to keep. */
#include "cmd/ikemeshd/notify.h"

#include <errno.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cmocka.h>

static char dir[] = "/tmp/notify.XXXXXX";
static struct sockaddr_un address = { .sun_family = AF_UNIX };

/* A name in the file system, and an abstract one. */
static int manager_at(const char *path)
{
	const struct timeval patience = { .tv_sec = 5 };
	int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	socklen_t n = sizeof(address);

	memset(address.sun_path, 0, sizeof(address.sun_path));
	memcpy(address.sun_path, path, strlen(path));
	if (path[0] == '@') {
		address.sun_path[0] = '\0';
		n = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + strlen(path));
	}
	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
	assert_int_equal(bind(fd, (struct sockaddr *)&address, n), 0);
	setenv("NOTIFY_SOCKET", path, 1);
	return fd;
}

/* What was said; the descriptor that came with it, or -1. */
static int hear(int manager, char text[static 128])
{
	struct iovec data = { .iov_base = text, .iov_len = 127 };
	union {
		char room[CMSG_SPACE(sizeof(int))];
		struct cmsghdr align;
	} control;
	struct msghdr m = { .msg_iov = &data,
			    .msg_iovlen = 1,
			    .msg_control = &control,
			    .msg_controllen = sizeof(control) };
	ssize_t n = recvmsg(manager, &m, MSG_CMSG_CLOEXEC);
	int fd = -1;

	assert_true(n >= 0);
	text[n] = '\0';
	if (CMSG_FIRSTHDR(&m) != NULL)
		memcpy(&fd, CMSG_DATA(CMSG_FIRSTHDR(&m)), sizeof(fd));
	return fd;
}

static void test_nobody_wants_to_hear(void **state)
{
	(void)state;
	unsetenv("NOTIFY_SOCKET");
	assert_int_equal(notify("READY=1"), 0);
	assert_int_equal(notify_with("FDSTORE=1", 0), 0);
	assert_int_equal(notify_barrier(10), 0);
	setenv("NOTIFY_SOCKET", "not a path", 1);
	assert_int_equal(notify("READY=1"), 0);
	setenv("NOTIFY_SOCKET", "/tmp/nobody-is-here/notify", 1);
	assert_int_equal(notify("READY=1"), -ENOENT);
}

static void test_words_and_descriptors(void **state)
{
	char path[64], text[128];
	int ends[2], manager, got;

	(void)state;
	snprintf(path, sizeof(path), "%s/notify", dir);
	for (int i = 0; i < 2; i++) {
		if (i == 1)
			snprintf(path, sizeof(path), "@ikemesh-notify-test-%d", (int)getpid());
		manager = manager_at(path);
		assert_int_equal(notify("READY=1"), 1);
		assert_int_equal(hear(manager, text), -1);
		assert_string_equal(text, "READY=1");
		assert_int_equal(notifyf("EXTEND_TIMEOUT_USEC=%d", 7), 1);
		assert_int_equal(hear(manager, text), -1);
		assert_string_equal(text, "EXTEND_TIMEOUT_USEC=7");
		assert_int_equal(pipe(ends), 0);
		assert_int_equal(notify_with("FDSTORE=1", ends[1]), 1);
		got = hear(manager, text);
		assert_string_equal(text, "FDSTORE=1");
		assert_true(got >= 0 && got != ends[1]);
		assert_int_equal(write(got, "x", 1), 1);
		assert_int_equal(read(ends[0], text, 1), 1);
		close(got);
		close(ends[0]);
		close(ends[1]);
		close(manager);
	}
	snprintf(path, sizeof(path), "%s/notify", dir);
	unlink(path);
}

static void *let_go(void *arg)
{
	char text[128];
	int fd = hear(*(int *)arg, text);

	if (strcmp(text, "BARRIER=1") == 0)
		close(fd);
	return NULL;
}

static void test_barrier(void **state)
{
	char path[64], text[128];
	pthread_t reader;
	int manager;

	(void)state;
	snprintf(path, sizeof(path), "%s/notify", dir);
	manager = manager_at(path);
	assert_int_equal(notify_barrier(10), -ETIMEDOUT); /* nobody reads */
	close(hear(manager, text));
	assert_int_equal(pthread_create(&reader, NULL, let_go, &manager), 0);
	assert_int_equal(notify_barrier(5000), 1);
	pthread_join(reader, NULL);
	close(manager);
	unlink(path);
}

static void test_what_is_passed_on(void **state)
{
	static const char *const good[] = { "READY=1",
					    "RELOADING=1\nMONOTONIC_USEC=17",
					    "FDSTORE=1\nFDNAME=ikemesh-state-1\n",
					    "FDSTOREREMOVE=1\nFDNAME=ikemesh-key",
					    "WATCHDOG=1",
					    "EXTEND_TIMEOUT_USEC=90000000",
					    "STOPPING=1",
					    "STATUS=all is well",
					    "BARRIER=1",
					    "" };
	static const char *const bad[] = {
		"MAINPID=1",	   "READY=1\nMAINPID=1", "MAINPID=1\nREADY=1",
		"WATCHDOG_USEC=1", "WATCHDOG=trigger",	 "READY=10",
		"ERRNO=2",	   "MONITOR=1",		 "READY",
		"FDSTOREALL=1"
	};

	(void)state;
	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++)
		assert_true(notify_is_harmless(good[i]));
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_false(notify_is_harmless(bad[i]));
}

static int make_dir(void **state)
{
	(void)state;
	return mkdtemp(dir) != NULL ? 0 : -1;
}

static int remove_dir(void **state)
{
	(void)state;
	return rmdir(dir);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_nobody_wants_to_hear),
		cmocka_unit_test(test_words_and_descriptors),
		cmocka_unit_test(test_barrier),
		cmocka_unit_test(test_what_is_passed_on),
	};

	return cmocka_run_group_tests(tests, make_dir, remove_dir);
}
