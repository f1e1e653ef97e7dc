/* SPDX-License-Identifier: Apache-2.0 */
/* What a service manager hears: that the loop turns, and how long a start may take. */
#include "cmd/ikemeshd/watchdog.h"

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

static char dir[] = "/tmp/watchdog.XXXXXX";
static struct sockaddr_un manager_address = { .sun_family = AF_UNIX };
static int manager = -1;

static int manager_start(void **state)
{
	const struct timeval patience = { .tv_sec = 5 };

	(void)state;
	if (mkdtemp(dir) == NULL)
		return -1;
	snprintf(manager_address.sun_path, sizeof(manager_address.sun_path), "%s/notify", dir);
	manager = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	setsockopt(manager, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
	setenv("NOTIFY_SOCKET", manager_address.sun_path, 1);
	return bind(manager, (struct sockaddr *)&manager_address, sizeof(manager_address));
}

static int manager_end(void **state)
{
	(void)state;
	close(manager);
	unlink(manager_address.sun_path);
	return rmdir(dir);
}

static void assert_heard(const char *what)
{
	char text[256] = "";

	assert_true(recv(manager, text, sizeof(text) - 1, 0) > 0);
	assert_string_equal(text, what);
}

static bool has_said_something(void)
{
	char text[8];

	return recv(manager, text, sizeof(text), MSG_PEEK | MSG_DONTWAIT) > 0;
}

static void test_each_turn_of_the_loop_in_time_is_told(void **state)
{
	struct watchdog *w;
	struct loop *l;

	(void)state;
	setenv("WATCHDOG_USEC", "40000", 1);
	unsetenv("WATCHDOG_PID");
	assert_int_equal(loop_open(&l), 0);
	assert_int_equal(watchdog_open(l, &w), 0);
	assert_non_null(w);
	assert_int_equal(loop_turn(l), 0);
	assert_heard("WATCHDOG=1");
	assert_int_equal(loop_turn(l), 0);
	assert_heard("WATCHDOG=1");
	/* Who does not turn says nothing. */
	usleep(100000);
	assert_false(has_said_something());
	watchdog_close(w);
	loop_close(l);
}

static void test_nobody_wants_it(void **state)
{
	struct watchdog *w;
	struct loop *l;

	(void)state;
	assert_int_equal(loop_open(&l), 0);
	unsetenv("WATCHDOG_USEC");
	assert_int_equal(watchdog_open(l, &w), 0);
	assert_null(w);
	/* It was meant for another process. */
	setenv("WATCHDOG_USEC", "40000", 1);
	setenv("WATCHDOG_PID", "1", 1);
	assert_int_equal(watchdog_open(l, &w), 0);
	assert_null(w);
	watchdog_close(w);
	loop_close(l);
}

static void test_a_start_may_take_longer(void **state)
{
	(void)state;
	watchdog_start_within(90);
	assert_heard("EXTEND_TIMEOUT_USEC=90000000");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_each_turn_of_the_loop_in_time_is_told),
		cmocka_unit_test(test_nobody_wants_it),
		cmocka_unit_test(test_a_start_may_take_longer),
	};

	return cmocka_run_group_tests(tests, manager_start, manager_end);
}
