/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cases [--names | --table FILE] [NAME]: each row is a test of its own; with --table, a table of
 * what was sent, expected and seen is written to FILE (-: standard output), as docs/bad-input.md
 * has it;
 * --names plays nothing.
 */
#include "cases/scene.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define CASES_MAX 200

static FILE *table;

static void play(void **state)
{
	scene_play(*state, table);
}

static size_t collect(struct CMUnitTest tests[static CASES_MAX])
{
	const struct bad_case *const all[] = { cases_header, cases_negotiation, cases_states,
					       cases_auth,   cases_fragments,	cases_certificates,
					       cases_keys,   cases_peers };
	size_t n = 0;

	for (size_t i = 0; i < sizeof all / sizeof all[0]; i++)
		for (const struct bad_case *row = all[i]; row->name != NULL && n < CASES_MAX; row++)
			tests[n++] = (struct CMUnitTest){ .name = row->name,
							  .test_func = play,
							  .initial_state = (void *)row };
	return n;
}

int main(int argc, char **argv)
{
	static struct CMUnitTest tests[CASES_MAX];
	const size_t n = collect(tests);
	int r;

	if (argc > 1 && strcmp(argv[1], "--names") == 0) {
		for (size_t i = 0; i < n; i++)
			puts(tests[i].name);
		return 0;
	}
	if (argc > 2 && strcmp(argv[1], "--table") == 0) {
		table = strcmp(argv[2], "-") == 0 ? stdout : fopen(argv[2], "w");
		if (table == NULL) {
			perror(argv[2]);
			return 2;
		}
		fprintf(table,
			"| case | whose | sent | expected | seen |\n|---|---|---|---|---|\n");
		argv += 2;
		argc -= 2;
	}
	if (argc > 1)
		cmocka_set_test_filter(argv[1]);
	r = _cmocka_run_group_tests("cases", tests, n, NULL, NULL);
	if (table != NULL && table != stdout && fclose(table) != 0)
		r = 1;
	return r;
}
