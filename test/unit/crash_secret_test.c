/* SPDX-License-Identifier: Apache-2.0 */
/* The secret of crash tokens: outlives a restart, not a cloning. */
#include "cmd/ikemeshd/crash_secret.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

struct place {
	char top[32];
	char state[64], id[64], file[96];
	char why[CRASH_SECRET_TEXT_LEN];
	uint8_t secret[QCD_SECRET_LEN];
};

static void machine(const struct place *p, const char *id)
{
	FILE *f = fopen(p->id, "w");

	assert_non_null(f);
	fprintf(f, "%s\n", id);
	fclose(f);
}

static void place_make(struct place *p)
{
	strcpy(p->top, "/tmp/crash-secret.XXXXXX");
	assert_non_null(mkdtemp(p->top));
	snprintf(p->state, sizeof p->state, "%s/state", p->top);
	snprintf(p->id, sizeof p->id, "%s/machine-id", p->top);
	snprintf(p->file, sizeof p->file, "%s/%s", p->state, CRASH_SECRET_FILE);
	machine(p, "0123456789abcdef0123456789abcdef");
}

static void place_free(struct place *p)
{
	unlink(p->file);
	unlink(p->id);
	rmdir(p->state);
	rmdir(p->top);
}

static int load(struct place *p)
{
	return crash_secret_load(p->state, p->id, p->secret, p->why);
}

static void expect_same(struct place *p, bool same)
{
	uint8_t before[QCD_SECRET_LEN];

	memcpy(before, p->secret, sizeof before);
	assert_int_equal(load(p), 0);
	assert_true((memcmp(before, p->secret, sizeof before) == 0) == same);
}

static void test_life(void **state)
{
	struct place p;
	struct stat st;

	(void)state;
	place_make(&p);
	assert_int_equal(load(&p), 0);
	assert_int_equal(stat(p.file, &st), 0);
	assert_int_equal(st.st_mode & 07777, 0600);
	assert_int_equal(stat(p.state, &st), 0);
	assert_int_equal(st.st_mode & 07777, 0700);
	expect_same(&p, true); /* the next start */
	/* A clone: the file came along. */
	machine(&p, "0123456789abcdef0123456789abcdee");
	expect_same(&p, false);
	expect_same(&p, true);
	/* Anybody may have read it. */
	assert_int_equal(chmod(p.file, 0644), 0);
	expect_same(&p, false);
	assert_int_equal(stat(p.file, &st), 0);
	assert_int_equal(st.st_mode & 07777, 0600);
	/* Cut short, or something else. */
	assert_int_equal(truncate(p.file, 40), 0);
	expect_same(&p, false);
	assert_int_equal(truncate(p.file, 0), 0);
	expect_same(&p, false);
	expect_same(&p, true);
	FILE *f = fopen(p.file, "r+");
	assert_non_null(f);
	fputc('X', f);
	fclose(f);
	expect_same(&p, false);
	place_free(&p);
}

/* The machine's id, which is not for everybody, is not in the file. */
static void test_id_is_not_told(void **state)
{
	struct place p;
	char text[512] = { 0 };
	FILE *f;

	(void)state;
	place_make(&p);
	assert_int_equal(load(&p), 0);
	f = fopen(p.file, "r");
	assert_non_null(f);
	size_t n = fread(text, 1, sizeof text, f);
	fclose(f);
	assert_null(memmem(text, n, "0123456789abcdef", 16));
	place_free(&p);
}

static void test_no_machine_id(void **state)
{
	struct place p;

	(void)state;
	place_make(&p);
	unlink(p.id);
	assert_int_equal(load(&p), 0);
	expect_same(&p, false); /* for this life alone */
	assert_int_equal(access(p.file, F_OK), -1);
	machine(&p, "too short");
	expect_same(&p, false);
	assert_int_equal(crash_secret_load(NULL, p.id, p.secret, p.why), 0);
	place_free(&p);
}

static void test_no_place(void **state)
{
	struct place p;

	(void)state;
	place_make(&p);
	assert_int_equal(crash_secret_load("/nonexistent/state", p.id, p.secret, p.why), -ENOENT);
	assert_non_null(strstr(p.why, "/nonexistent/state"));
	assert_int_equal(crash_secret_load(p.id, p.id, p.secret, p.why), -ENOTDIR);
	place_free(&p);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_life),
		cmocka_unit_test(test_id_is_not_told),
		cmocka_unit_test(test_no_machine_id),
		cmocka_unit_test(test_no_place),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
