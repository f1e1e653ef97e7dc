/* SPDX-License-Identifier: Apache-2.0 */
/* Warnings that certificates end, under a time of day that the test moves. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "cmd/ikemeshd/expiry.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define DAY ((time_t)86400)
#define HOUR ((time_t)3600)
#define END ((time_t)1893456000) /* 2030-01-01 00:00:00 UTC */

static const uint32_t usual[] = { 30, 14, 7, 3, 1 };

struct said {
	size_t n;
	size_t errors;
	char last[EXPIRY_TEXT_LEN];
};

static void hear(void *arg, enum report_level level, const char *text)
{
	struct said *s = arg;

	s->n++;
	s->errors += level == REPORT_ERROR;
	snprintf(s->last, sizeof(s->last), "%s", text);
}

static struct expiry_item item_of(enum expiry_what what)
{
	return (struct expiry_item){ .what = what,
				     .subject = "CN=x",
				     .fingerprint = "aa:bb",
				     .whom = "10.1.0.2",
				     .not_after = END };
}

/* How many times something is said at this time. */
static size_t at(struct expiry *x, time_t now, struct said *s)
{
	const struct expiry_item item = item_of(EXPIRY_OWN);
	size_t before = s->n;

	expiry_check(x, &item, 1, usual, 5, now, hear, s);
	return s->n - before;
}

static void test_each_threshold_once(void **state)
{
	struct expiry *x = expiry_new();
	struct said s = { 0 };
	char days[64] = "";

	(void)state;
	/* Every hour of 60 days, until five days after the end. */
	for (time_t now = END - 55 * DAY; now < END + 5 * DAY; now += HOUR) {
		char one[16];

		if (at(x, now, &s) == 0)
			continue;
		snprintf(one, sizeof(one), "%ld ", (long)((END - now) / DAY));
		strcat(days, one);
	}
	assert_string_equal(days, "30 14 7 3 1 0 ");
	assert_int_equal(s.n, 6);
	assert_int_equal(s.errors, 1); /* that it is over */
	expiry_free(x);
}

static void test_exactly_at_a_threshold(void **state)
{
	struct expiry *x = expiry_new();
	struct said s = { 0 };

	(void)state;
	assert_int_equal(at(x, END - 30 * DAY - 1, &s), 0);
	assert_int_equal(at(x, END - 30 * DAY, &s), 1);
	assert_int_equal(at(x, END - 14 * DAY - 1, &s), 0);
	assert_int_equal(at(x, END - DAY, &s), 1); /* the nearest alone */
	assert_int_equal(at(x, END, &s), 0);	   /* RFC 5280 4.1.2.5: inclusive */
	assert_int_equal(at(x, END + 1, &s), 1);
	assert_non_null(strstr(s.last, "expired on 2030-01-01 00:00 UTC"));
	assert_non_null(strstr(s.last, "ikectl rotate"));
	expiry_free(x);
}

/* The clock goes back, once by an hour and once by years: nothing is said twice. */
static void test_a_clock_that_jumps_back(void **state)
{
	static const time_t back[] = { HOUR, 10 * DAY, 20 * 365 * DAY, END + DAY };

	(void)state;
	for (size_t i = 0; i < sizeof(back) / sizeof(back[0]); i++) {
		struct expiry *x = expiry_new();
		struct said s = { 0 };

		assert_int_equal(at(x, END - 6 * DAY, &s), 1);
		assert_int_equal(at(x, END - 6 * DAY - back[i], &s), 0);
		assert_int_equal(at(x, END - 6 * DAY, &s), 0);
		assert_int_equal(at(x, END - 3 * DAY, &s), 1);
		expiry_free(x);
	}
}

static void test_jumps_to_the_ends_of_time(void **state)
{
	struct expiry *x = expiry_new();
	struct said s = { 0 };

	(void)state;
	assert_int_equal(at(x, 0, &s), 0);
	assert_int_equal(at(x, -END, &s), 0);
	assert_int_equal(at(x, (time_t)1 << 40, &s), 1);
	assert_int_equal(at(x, 0, &s), 0);
	expiry_free(x);
}

/* A renewed certificate is another one, and a CA of the same fingerprint is another item. */
static void test_each_item_for_itself(void **state)
{
	struct expiry *x = expiry_new();
	struct expiry_item items[3] = { item_of(EXPIRY_OWN), item_of(EXPIRY_CA),
					item_of(EXPIRY_PEER) };
	struct said s = { 0 };

	(void)state;
	expiry_check(x, items, 3, usual, 5, END - 2 * DAY, hear, &s);
	assert_int_equal(s.n, 3);
	assert_non_null(strstr(s.last, "of peer 10.1.0.2 expires in 2 days"));
	items[0].fingerprint = "cc:dd";
	expiry_check(x, items, 3, usual, 5, END - 2 * DAY, hear, &s);
	assert_int_equal(s.n, 4);
	/* A peer's is no error of ours. */
	expiry_check(x, &items[2], 1, usual, 5, END + DAY, hear, &s);
	assert_int_equal(s.n, 5);
	assert_int_equal(s.errors, 0);
	expiry_free(x);
}

/* Other thresholds by a reload: what is nearer than what was said is said. */
static void test_other_thresholds(void **state)
{
	static const uint32_t more[] = { 1, 5, 90 };
	const struct expiry_item item = item_of(EXPIRY_OWN);
	struct expiry *x = expiry_new();
	struct said s = { 0 };

	(void)state;
	expiry_check(x, &item, 1, usual, 5, END - 5 * DAY, hear, &s); /* 7 */
	expiry_check(x, &item, 1, more, 3, END - 5 * DAY, hear, &s);  /* 5 */
	expiry_check(x, &item, 1, usual, 5, END - 5 * DAY, hear, &s);
	assert_int_equal(s.n, 2);
	/* None at all: only that it is over. */
	expiry_check(x, &item, 1, more, 0, END - 1, hear, &s);
	assert_int_equal(s.n, 2);
	expiry_check(x, &item, 1, more, 0, END + 1, hear, &s);
	assert_int_equal(s.n, 3);
	expiry_free(x);
}

/* One for a week is said at 3 days and 1, and not all its life long. */
static void test_a_crl_is_replaced_often(void **state)
{
	struct expiry_item item = item_of(EXPIRY_CRL);
	struct expiry *x = expiry_new();
	struct said s = { 0 };

	(void)state;
	item.not_before = END - 7 * DAY;
	for (time_t now = item.not_before; now < END - 3 * DAY; now += HOUR)
		expiry_check(x, &item, 1, usual, 5, now, hear, &s);
	assert_int_equal(s.n, 0);
	expiry_check(x, &item, 1, usual, 5, END - 3 * DAY, hear, &s);
	assert_int_equal(s.n, 1);
	assert_non_null(strstr(s.last, "CRL of \"CN=x\" expires in 3 days"));
	expiry_check(x, &item, 1, usual, 5, END - DAY, hear, &s);
	expiry_check(x, &item, 1, usual, 5, END + 1, hear, &s);
	assert_int_equal(s.n, 3);
	assert_non_null(strstr(s.last, "put a new one in its place"));
	expiry_free(x);
}

/* More items than are remembered: memory is bounded, and the latest are not said again. */
static void test_memory_is_bounded(void **state)
{
	struct expiry *x = expiry_new();
	struct said s = { 0 };
	char name[32];
	struct expiry_item item = item_of(EXPIRY_PEER);

	(void)state;
	item.fingerprint = name;
	for (unsigned i = 0; i < EXPIRY_REMEMBERED + 100; i++) {
		snprintf(name, sizeof(name), "%u", i);
		expiry_check(x, &item, 1, usual, 5, END - DAY, hear, &s);
		expiry_check(x, &item, 1, usual, 5, END - DAY, hear, &s);
	}
	assert_int_equal(s.n, EXPIRY_REMEMBERED + 100);
	snprintf(name, sizeof(name), "0");
	expiry_check(x, &item, 1, usual, 5, END - DAY, hear, &s);
	assert_int_equal(s.n, EXPIRY_REMEMBERED + 101);
	expiry_free(x);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_each_threshold_once),
		cmocka_unit_test(test_exactly_at_a_threshold),
		cmocka_unit_test(test_a_clock_that_jumps_back),
		cmocka_unit_test(test_jumps_to_the_ends_of_time),
		cmocka_unit_test(test_each_item_for_itself),
		cmocka_unit_test(test_other_thresholds),
		cmocka_unit_test(test_a_crl_is_replaced_often),
		cmocka_unit_test(test_memory_is_bounded),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
