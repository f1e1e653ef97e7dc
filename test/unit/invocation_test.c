/* SPDX-License-Identifier: Apache-2.0 */
#include "cmd/ikectl/invocation.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static enum status run(const struct invocation *in)
{
	(void)in;
	return STATUS_GOOD;
}

static const struct option paint_options[] = {
	{ "force", no_argument, NULL, 0 },
	{ "within", required_argument, NULL, 0 },
	{ 0 },
};

static const struct command commands[] = {
	{ .name = "list", .run = run },
	{ .name = "up", .argument = ARGUMENT_NEEDED, .synopsis = "up PEER", .run = run },
	{ .name = "check", .argument = ARGUMENT_OPTIONAL, .run = run },
	{ .name = "paint",
	  .argument = ARGUMENT_NEEDED,
	  .synopsis = "paint COLOUR [WALL]",
	  .run = run,
	  .further = 1,
	  .options = paint_options },
};

#define WORDS_MAX 16

static struct invocation in;
static const struct command *command;
static char line_room[256];

/* Words with blanks between them, behind the program's name. */
static enum wanted read_line(const char *line)
{
	char *words[WORDS_MAX] = { "ikectl" }, *rest = NULL;
	int n = 1;

	assert_true(strlen(line) < sizeof(line_room));
	strcpy(line_room, line);
	for (char *w = strtok_r(line_room, " ", &rest); w != NULL; w = strtok_r(NULL, " ", &rest)) {
		assert_true(n + 1 < WORDS_MAX);
		words[n++] = w;
	}
	in = (struct invocation){ .run_dir = "/run/x" };
	return invocation_read(n, words, commands, sizeof(commands) / sizeof(commands[0]), &in,
			       &command);
}

static void test_general_options(void **state)
{
	static const char *const lines[] = {
		"--json --run-dir /tmp/r up 10.0.0.1",
		"up --json 10.0.0.1 --run-dir /tmp/r",
		"--run-dir=/tmp/r up 10.0.0.1 --json",
	};

	(void)state;
	for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++) {
		assert_int_equal(read_line(lines[i]), WANTED_COMMAND);
		assert_string_equal(command->name, "up");
		assert_string_equal(in.command, "up");
		assert_string_equal(in.argument, "10.0.0.1");
		assert_true(in.json);
		assert_string_equal(in.run_dir, "/tmp/r");
	}
	assert_int_equal(read_line("list"), WANTED_COMMAND);
	assert_null(in.argument);
	assert_false(in.json);
	assert_string_equal(in.run_dir, "/run/x");
}

static void test_own_options(void **state)
{
	(void)state;
	assert_int_equal(read_line("paint --within 5m red --force"), WANTED_COMMAND);
	assert_string_equal(command_option(&in, "within"), "5m");
	assert_string_equal(command_option(&in, "force"), "");
	assert_string_equal(in.argument, "red");
	assert_int_equal(in.n_arguments, 1);
	/* The last one given counts. */
	assert_int_equal(read_line("--json paint red wall --within=5m --within=6m"),
			 WANTED_COMMAND);
	assert_string_equal(command_option(&in, "within"), "6m");
	assert_null(command_option(&in, "force"));
	assert_int_equal(in.n_arguments, 2);
	assert_string_equal(in.arguments[1], "wall");
	assert_true(in.json);
}

/* An option of one command is none of another's, and none of ikectl's. */
static void test_options_of_others(void **state)
{
	(void)state;
	assert_int_equal(read_line("up 10.0.0.1 --force"), WANTED_NOTHING);
	assert_int_equal(read_line("--force paint red"), WANTED_NOTHING);
	assert_int_equal(read_line("paint red --within"), WANTED_NOTHING);
	assert_int_equal(read_line("paint red --force=yes"), WANTED_NOTHING);
	assert_int_equal(read_line("paint red --force --force --force --force --force --force "
				   "--force --force"),
			 WANTED_COMMAND);
	assert_int_equal(read_line("paint red --force --force --force --force --force --force "
				   "--force --force --force"),
			 WANTED_NOTHING);
}

static void test_arguments(void **state)
{
	(void)state;
	assert_int_equal(read_line("up"), WANTED_NOTHING);
	assert_int_equal(read_line("up a b"), WANTED_NOTHING);
	assert_int_equal(read_line("list a"), WANTED_NOTHING);
	assert_int_equal(read_line("check"), WANTED_COMMAND);
	assert_null(in.argument);
	assert_int_equal(read_line("check a"), WANTED_COMMAND);
	assert_int_equal(read_line("check a b"), WANTED_NOTHING);
	assert_int_equal(read_line("paint a b c"), WANTED_NOTHING);
	/* What stands behind "--" is no option. */
	assert_int_equal(read_line("paint -- --force"), WANTED_COMMAND);
	assert_string_equal(in.argument, "--force");
}

static void test_no_command(void **state)
{
	(void)state;
	assert_int_equal(read_line(""), WANTED_USAGE);
	assert_int_equal(read_line("--json"), WANTED_USAGE);
	assert_int_equal(read_line("unknown"), WANTED_NOTHING);
	assert_int_equal(read_line("--help"), WANTED_HELP);
	assert_int_equal(read_line("paint --help"), WANTED_HELP);
	assert_int_equal(read_line("--version"), WANTED_VERSION);
	assert_int_equal(read_line("--what"), WANTED_NOTHING);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_general_options),	  cmocka_unit_test(test_own_options),
		cmocka_unit_test(test_options_of_others), cmocka_unit_test(test_arguments),
		cmocka_unit_test(test_no_command),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
