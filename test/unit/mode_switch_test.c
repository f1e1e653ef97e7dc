/* SPDX-License-Identifier: Apache-2.0 */
#include "cmd/ikemeshd/clock.h"
#include "cmd/ikemeshd/mode_switch.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#define MINUTE (60 * CLOCK_SECOND)

struct bench {
	char dir[64], file[80], fresh[80];
	struct mode_switch s;
	struct mono now;
	char why[MODE_TEXT_LEN];
};

static int set_up(void **state)
{
	struct bench *b = calloc(1, sizeof(*b));

	assert_non_null(b);
	strcpy(b->dir, "/tmp/ikemesh-switch-XXXXXX");
	assert_non_null(mkdtemp(b->dir));
	snprintf(b->file, sizeof(b->file), "%s/mode", b->dir);
	snprintf(b->fresh, sizeof(b->fresh), "%s/mode.new", b->dir);
	b->now = (struct mono){ 7 * CLOCK_SECOND };
	assert_int_equal(mode_switch_load(&b->s, b->dir), 0);
	*state = b;
	return 0;
}

static int tear_down(void **state)
{
	struct bench *b = *state;

	mode_switch_wipe(&b->s);
	unlink(b->file);
	rmdir(b->fresh);
	rmdir(b->dir);
	free(b);
	return 0;
}

static struct subnet net(const char *text)
{
	struct subnet out;
	bool host_bits;

	assert_true(subnet_parse(text, &out, &host_bits));
	return out;
}

static int choose(struct bench *b, const char *where, enum mode_choice choice, int64_t within)
{
	struct subnet at;

	if (where != NULL)
		at = net(where);
	return mode_switch_choose(&b->s, where != NULL ? &at : NULL, choice, b->now, within,
				  b->why);
}

static void expect_in_force(const struct bench *b, const char *where, enum mode_choice choice)
{
	const struct subnet at = net(where);

	assert_int_equal(mode_of(&b->s.now, &at), choice);
}

/* What a daemon that starts now, or the boot, would find. */
static void expect_on_disk(struct bench *b, const char *where, enum mode_choice choice)
{
	const struct subnet at = net(where);
	struct mode m;

	assert_int_equal(mode_load(b->dir, &m, b->why), 0);
	assert_int_equal(mode_of(&m, &at), choice);
	mode_wipe(&m);
}

#define A "10.0.0.0/20"
#define B "10.1.0.0/16"

static void test_for_good(void **state)
{
	struct bench *b = *state;

	assert_int_equal(choose(b, NULL, MODE_ENFORCED, 0), 0);
	assert_int_equal(choose(b, B, MODE_OPTIONAL, 0), 0);
	assert_false(mode_switch_is_pending(&b->s));
	expect_in_force(b, A, MODE_ENFORCED);
	expect_in_force(b, B, MODE_OPTIONAL);
	expect_on_disk(b, A, MODE_ENFORCED);
	expect_on_disk(b, B, MODE_OPTIONAL);
	b->now = clock_after(b->now, 1000 * MINUTE);
	assert_false(mode_switch_tick(&b->s, b->now));
	/* After a restart. */
	mode_switch_wipe(&b->s);
	assert_int_equal(mode_switch_load(&b->s, b->dir), 0);
	expect_in_force(b, A, MODE_ENFORCED);
	expect_in_force(b, B, MODE_OPTIONAL);
}

static void test_goes_back(void **state)
{
	struct bench *b = *state;

	assert_int_equal(choose(b, NULL, MODE_OPTIONAL, 0), 0);
	assert_int_equal(choose(b, NULL, MODE_ENFORCED, 5 * MINUTE), 0);
	assert_true(mode_switch_is_pending(&b->s));
	assert_int_equal(b->s.back_at.us, b->now.us + 5 * MINUTE);
	expect_in_force(b, A, MODE_ENFORCED);
	expect_on_disk(b, A, MODE_OPTIONAL);
	b->now = clock_after(b->now, 5 * MINUTE - 1);
	assert_false(mode_switch_tick(&b->s, b->now));
	expect_in_force(b, A, MODE_ENFORCED);
	b->now = clock_after(b->now, 1);
	assert_true(mode_switch_tick(&b->s, b->now));
	expect_in_force(b, A, MODE_OPTIONAL);
	assert_false(mode_switch_is_pending(&b->s));
	assert_false(mode_switch_tick(&b->s, b->now));
	assert_int_equal(mode_switch_confirm(&b->s, b->why), -ENOENT);
}

static void test_confirmed(void **state)
{
	struct bench *b = *state;

	assert_int_equal(mode_switch_confirm(&b->s, b->why), -ENOENT);
	assert_int_equal(choose(b, A, MODE_ENFORCED, MINUTE), 0);
	expect_on_disk(b, A, MODE_FILE);
	assert_int_equal(mode_switch_confirm(&b->s, b->why), 0);
	expect_on_disk(b, A, MODE_ENFORCED);
	b->now = clock_after(b->now, 10 * MINUTE);
	assert_false(mode_switch_tick(&b->s, b->now));
	expect_in_force(b, A, MODE_ENFORCED);
	assert_false(mode_switch_back(&b->s));
	expect_in_force(b, A, MODE_ENFORCED);
}

/* The daemon was killed meanwhile: what nobody confirmed is gone. */
static void test_killed(void **state)
{
	struct bench *b = *state;

	assert_int_equal(choose(b, NULL, MODE_ENFORCED, 5 * MINUTE), 0);
	mode_switch_wipe(&b->s);
	assert_int_equal(mode_switch_load(&b->s, b->dir), 0);
	expect_in_force(b, A, MODE_FILE);
	assert_false(mode_switch_is_pending(&b->s));
}

/* Another one for all, for good: nothing is left of the one that was pending. */
static void test_replaced(void **state)
{
	struct bench *b = *state;

	assert_int_equal(choose(b, A, MODE_ENFORCED, 5 * MINUTE), 0);
	assert_int_equal(choose(b, NULL, MODE_OPTIONAL, 0), 0);
	assert_false(mode_switch_is_pending(&b->s));
	expect_in_force(b, A, MODE_OPTIONAL);
	expect_on_disk(b, A, MODE_OPTIONAL);
}

/* For one subnet, for good, it would confirm the pending one unasked. */
static void test_refused_while_pending(void **state)
{
	struct bench *b = *state;

	assert_int_equal(choose(b, NULL, MODE_ENFORCED, 5 * MINUTE), 0);
	assert_int_equal(choose(b, A, MODE_OPTIONAL, 0), -EBUSY);
	assert_non_null(strstr(b->why, "ikectl confirm"));
	expect_in_force(b, A, MODE_ENFORCED);
	expect_on_disk(b, A, MODE_FILE);
	assert_true(mode_switch_is_pending(&b->s));
}

/* Both await confirmation: the time begins anew, and the way back leads behind the first. */
static void test_added_while_pending(void **state)
{
	struct bench *b = *state;

	assert_int_equal(choose(b, A, MODE_ENFORCED, 5 * MINUTE), 0);
	b->now = clock_after(b->now, 4 * MINUTE);
	assert_int_equal(choose(b, B, MODE_OPTIONAL, 5 * MINUTE), 0);
	b->now = clock_after(b->now, 4 * MINUTE);
	assert_false(mode_switch_tick(&b->s, b->now));
	expect_in_force(b, A, MODE_ENFORCED);
	expect_in_force(b, B, MODE_OPTIONAL);
	b->now = clock_after(b->now, MINUTE);
	assert_true(mode_switch_tick(&b->s, b->now));
	expect_in_force(b, A, MODE_FILE);
	expect_in_force(b, B, MODE_FILE);
}

static void test_try_changes_nothing(void **state)
{
	const struct subnet a = net(A);
	struct bench *b = *state;
	struct mode m;

	assert_int_equal(mode_switch_try(&b->s, &a, MODE_ENFORCED, &m), 0);
	assert_int_equal(mode_of(&m, &a), MODE_ENFORCED);
	expect_in_force(b, A, MODE_FILE);
	mode_wipe(&m);
}

/* What cannot be saved is not taken, and what cannot be confirmed goes back in time. */
static void test_cannot_save(void **state)
{
	struct bench *b = *state;

	assert_int_equal(mkdir(b->fresh, 0700), 0);
	assert_int_equal(choose(b, NULL, MODE_OPTIONAL, 0), -EEXIST);
	assert_non_null(strstr(b->why, b->file));
	expect_in_force(b, A, MODE_FILE);
	assert_int_equal(choose(b, NULL, MODE_OPTIONAL, MINUTE), 0);
	assert_int_equal(mode_switch_confirm(&b->s, b->why), -EEXIST);
	expect_in_force(b, A, MODE_OPTIONAL);
	b->now = clock_after(b->now, MINUTE);
	assert_true(mode_switch_tick(&b->s, b->now));
	expect_in_force(b, A, MODE_FILE);
}

/* Nobody knows what was chosen: enforced, until somebody chooses. */
static void test_bad_file(void **state)
{
	struct bench *b = *state;
	FILE *f = fopen(b->file, "w");

	assert_non_null(f);
	assert_true(fputs("ikemesh mode 1\nall opt", f) >= 0);
	assert_int_equal(fclose(f), 0);
	assert_int_equal(chmod(b->file, 0600), 0);
	mode_switch_wipe(&b->s);
	assert_int_equal(mode_switch_load(&b->s, b->dir), -EINVAL);
	assert_non_null(b->s.fault);
	expect_in_force(b, A, MODE_ENFORCED);
	/* What is not confirmed does not mend it. */
	assert_int_equal(choose(b, NULL, MODE_OPTIONAL, MINUTE), 0);
	assert_non_null(b->s.fault);
	assert_true(mode_switch_back(&b->s));
	expect_in_force(b, A, MODE_ENFORCED);
	assert_int_equal(choose(b, NULL, MODE_FILE, 0), 0);
	assert_null(b->s.fault);
	expect_on_disk(b, A, MODE_FILE);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
	const struct CMUnitTest tests[] = {
		TEST(test_for_good),
		TEST(test_goes_back),
		TEST(test_confirmed),
		TEST(test_killed),
		TEST(test_replaced),
		TEST(test_refused_while_pending),
		TEST(test_added_while_pending),
		TEST(test_try_changes_nothing),
		TEST(test_cannot_save),
		TEST(test_bad_file),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
