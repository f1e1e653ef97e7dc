/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

#include "cmd/ikemeshd/stop.h"

static void what_systemd_says(void **state)
{
	(void)state;
	assert_int_equal(stop_judge("running", "stop"), STOP_FOR_GOOD);
	assert_int_equal(stop_judge("degraded", "stop"), STOP_FOR_GOOD);
	assert_int_equal(stop_judge("running", "restart"), STOP_RESTART);
	assert_int_equal(stop_judge("running", "try-restart"), STOP_RESTART);
	assert_int_equal(stop_judge("running", "start"), STOP_RESTART);
	assert_int_equal(stop_judge("stopping", "stop"), STOP_SHUTDOWN);
	assert_int_equal(stop_judge("running", ""), STOP_FOR_GOOD); /* a kill */
	assert_int_equal(stop_judge("running", "reload"), STOP_UNKNOWN);
}

static void without_a_service_manager_it_is_a_stop(void **state)
{
	(void)state;
	unsetenv("INVOCATION_ID");
	assert_int_equal(stop_ask(), STOP_FOR_GOOD);
	assert_int_equal(stop_untold(), STOP_FOR_GOOD);
}

static void what_a_signal_brings(void **state)
{
	struct signalfd_siginfo info = { .ssi_signo = SIGTERM, .ssi_code = SI_QUEUE };
	enum stop_kind kind = STOP_UNKNOWN;

	(void)state;
	info.ssi_int = STOP_RESTART;
	assert_true(stop_told(&info, &kind));
	assert_int_equal(kind, STOP_RESTART);
	info.ssi_int = STOP_UNKNOWN + 1;
	assert_false(stop_told(&info, &kind));
	info.ssi_int = STOP_FOR_GOOD;
	info.ssi_uid = 1000; /* who is not root says nothing of the sort */
	assert_false(stop_told(&info, &kind));
	info.ssi_uid = 0;
	info.ssi_code = SI_USER; /* a plain kill */
	assert_false(stop_told(&info, &kind));
	assert_int_equal(kind, STOP_RESTART);
}

/* To a process of ours, that would be the daemon. */
static void what_the_unit_sends(void **state)
{
	struct signalfd_siginfo info;
	enum stop_kind kind;
	char pid[16];
	sigset_t set;
	int fd;

	(void)state;
	sigemptyset(&set);
	sigaddset(&set, SIGTERM);
	assert_int_equal(sigprocmask(SIG_BLOCK, &set, NULL), 0);
	fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
	unsetenv("MAINPID");
	assert_int_equal(stop_tell(), 1);
	snprintf(pid, sizeof(pid), "%d", (int)getpid());
	setenv("MAINPID", pid, 1);
	assert_int_equal(stop_tell(), 0);
	assert_int_equal(read(fd, &info, sizeof(info)), sizeof(info));
	assert_true(stop_told(&info, &kind) == (getuid() == 0));
	if (getuid() == 0)
		assert_int_equal(kind, STOP_FOR_GOOD);
	close(fd);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_systemd_says),
		cmocka_unit_test(without_a_service_manager_it_is_a_stop),
		cmocka_unit_test(what_a_signal_brings),
		cmocka_unit_test(what_the_unit_sends),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
