/* SPDX-License-Identifier: Apache-2.0 */
#include "xfrm/found.h"
#include "xfrm/number.h"

#include <errno.h>
#include <limits.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

struct heard {
	char text[200];
};

static void on_told(void *arg, const char *name, int value, int error)
{
	struct heard *h = arg;
	const size_t n = strlen(h->text);

	snprintf(h->text + n, sizeof(h->text) - n, "%s=%d:%d ", name, value, error);
}

/* RUN_DIR/file with this content; RUN_DIR is new. */
static char *run_dir_with(const char *file, const char *content)
{
	char path[100], template[] = "/tmp/ikemesh-found-XXXXXX";
	FILE *f;

	assert_non_null(mkdtemp(template));
	snprintf(path, sizeof(path), "%s/%s", template, file);
	f = fopen(path, "we");
	assert_non_null(f);
	assert_true(fputs(content, f) >= 0);
	assert_int_equal(fclose(f), 0);
	return strdup(template);
}

static bool remove_run_dir(char *run_dir, const char *file)
{
	char path[100];
	bool there;

	snprintf(path, sizeof(path), "%s/%s", run_dir, file);
	there = unlink(path) == 0;
	assert_int_equal(rmdir(run_dir), 0);
	free(run_dir);
	return there;
}

static void test_numbers(void **state)
{
	static const char *const none[] = { "",		  " ",		"x1",
					    "-",	  "4294967349", "99999999999999999999",
					    "-2147483649" };
	int value = 7;

	(void)state;
	assert_string_equal(number_int(" 12,34", &value), ",34");
	assert_int_equal(value, 12);
	assert_string_equal(number_int("-2147483648\n", &value), "\n");
	assert_int_equal(value, INT_MIN);
	for (size_t i = 0; i < sizeof(none) / sizeof(none[0]); i++)
		assert_null(number_int(none[i], &value));
	assert_int_equal(value, INT_MIN);
}

/* The names are of no sysctl, so that nothing is set here. */
static void test_kept_sysctls_are_told(void **state)
{
	struct heard h = { "" };
	char *run_dir = run_dir_with("sysctl", "ikemesh_none_a 1000\nikemesh_none_b -3\n");

	(void)state;
	assert_int_equal(found_restore_sysctls(run_dir, on_told, &h), -ENOENT);
	assert_string_equal(h.text, "ikemesh_none_a=1000:-2 ikemesh_none_b=-3:-2 ");
	assert_true(remove_run_dir(run_dir, "sysctl"));
}

static void test_what_is_no_value_is_not_restored(void **state)
{
	static const char *const files[] = { "ikemesh_none\n", "ikemesh_none x\n", "ikemesh_none ",
					     "ikemesh_none 4294967297\n" };

	(void)state;
	for (size_t i = 0; i < sizeof(files) / sizeof(files[0]); i++) {
		struct heard h = { "" };
		char *run_dir = run_dir_with("sysctl", files[i]);

		assert_int_equal(found_restore_sysctls(run_dir, on_told, &h), 0);
		assert_string_equal(h.text, "");
		assert_false(remove_run_dir(run_dir, "sysctl"));
	}
}

/* The kernel is not asked for what cannot have been its default policy. */
static void test_no_default_policy_of_nonsense(void **state)
{
	static const char *const files[] = { "", "in 1\nfwd 1\n", "in 1\nout 1\nfwd 1\n",
					     "in 1\nfwd x\nout 1\n",
					     "in 1\nfwd 1\nout 4294967297\n" };

	(void)state;
	for (size_t i = 0; i < sizeof(files) / sizeof(files[0]); i++) {
		char *run_dir = run_dir_with("default-policy", files[i]);

		assert_int_equal(found_loosen(NULL, run_dir), -EINVAL);
		assert_true(found_is_strict(run_dir));
		assert_true(remove_run_dir(run_dir, "default-policy"));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_numbers),
		cmocka_unit_test(test_kept_sysctls_are_told),
		cmocka_unit_test(test_what_is_no_value_is_not_restored),
		cmocka_unit_test(test_no_default_policy_of_nonsense),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
