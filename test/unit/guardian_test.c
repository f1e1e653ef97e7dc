/* SPDX-License-Identifier: Apache-2.0 */
/* Who starts the keyholder starts it again, and goes with the process that wanted it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "cmd/ikemeshd/guardian.h"
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

static char dir[] = "/tmp/ikemesh-guardian-XXXXXX", program[64], births[64];

/* In the keyholder's place: says who it is and what it got, and waits. */
static const char script[] = "#!/bin/sh\n"
			     "[ -S /proc/$$/fd/3 ] && has=socket || has=nothing\n"
			     "echo $$ $has $LISTEN_PID $LISTEN_FDS \"$*\" $NOTIFY_SOCKET >>%s\n"
			     "exec sleep 60\n";

static int setup(void **state)
{
	FILE *f;

	(void)state;
	assert_non_null(mkdtemp(dir));
	snprintf(program, sizeof(program), "%s/keyholder", dir);
	snprintf(births, sizeof(births), "%s/births", dir);
	f = fopen(program, "w");
	fprintf(f, script, births);
	assert_int_equal(fclose(f), 0);
	return chmod(program, 0700);
}

static int teardown(void **state)
{
	(void)state;
	unlink(program);
	unlink(births);
	return rmdir(dir);
}

/* The nth one that was started: its process and what it said. Waits for it. */
static pid_t born(int n, char *said, size_t room)
{
	for (int i = 0; i < 1000; i++) {
		FILE *f = fopen(births, "r");
		int lines = 0;

		while (f != NULL && fgets(said, (int)room, f) != NULL)
			if (strchr(said, '\n') != NULL && ++lines == n) {
				fclose(f);
				assert_true(atoi(said) > 1);
				return (pid_t)atoi(said);
			}
		if (f != NULL)
			fclose(f);
		poll(NULL, 0, 10);
	}
	fail_msg("there is no keyholder number %d", n);
	return 0;
}

static bool is_there(pid_t pid)
{
	return kill(pid, 0) == 0;
}

static void assert_ends(pid_t pid)
{
	for (int i = 0; i < 1000 && is_there(pid); i++)
		poll(NULL, 0, 10);
	assert_false(is_there(pid));
}

/* The process that wants a keyholder; it does nothing else. */
static pid_t start_client(int listener)
{
	const struct guardian_options o = { .program = program,
					    .config_path = "/etc/x.yml",
					    .user = "somebody",
					    .listener = listener };
	pid_t client = fork();

	if (client != 0)
		return client;
	setenv("NOTIFY_SOCKET", "/nonexistent", 1);
	setenv("LISTEN_FDS", "7", 1);
	if (guardian_start(&o) != 0)
		_exit(1);
	for (;;)
		pause();
}

static void test_it_guards(void **state)
{
	int listener = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
	const pid_t client = start_client(listener);
	char said[256], expected[256];
	pid_t one, two, last;

	(void)state;
	one = born(1, said, sizeof(said));
	snprintf(expected, sizeof(expected),
		 "%d socket %d 1 --keyholder --config /etc/x.yml --user somebody\n", (int)one,
		 (int)one);
	assert_string_equal(said, expected);
	kill(one, SIGKILL);
	two = born(2, said, sizeof(said));
	assert_int_not_equal(one, two);
	kill(two, SIGKILL);
	last = born(3, said, sizeof(said));
	assert_true(is_there(last));
	/* Whatever becomes of who wanted it. */
	kill(client, SIGKILL);
	assert_int_equal(waitpid(client, NULL, 0), client);
	assert_ends(last);
	close(listener);
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(test_it_guards) };

	return cmocka_run_group_tests(tests, setup, teardown);
}
