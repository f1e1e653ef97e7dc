/* SPDX-License-Identifier: Apache-2.0 */
#include "crypto/bytes.h"
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

static const uint8_t abc[] = { 'a', 'b', 'c' };
static const uint8_t abd[] = { 'a', 'b', 'd' };

static void test_equal(void **state)
{
	(void)state;
	assert_true(bytes_equal(BYTES(abc, 3), BYTES(abc, 3)));
	assert_true(bytes_equal(BYTES(abc, 2), BYTES(abd, 2)));
	assert_false(bytes_equal(BYTES(abc, 3), BYTES(abd, 3)));
	assert_false(bytes_equal(BYTES(abc, 3), BYTES(abc, 2)));
	assert_true(bytes_equal(BYTES_NONE, BYTES(abc, 0)));
	assert_false(bytes_equal(BYTES_NONE, BYTES(abc, 1)));
}

static void test_copy_is_our_own(void **state)
{
	uint8_t from[] = { 1, 2, 3 };
	struct blob b;

	(void)state;
	assert_int_equal(blob_copy(&b, BYTES(from, sizeof(from))), 0);
	from[0] = 9;
	assert_int_equal(b.n, 3);
	assert_int_equal(b.p[0], 1);
	assert_true(bytes_equal(blob_view(&b), BYTES(b.p, 3)));
	blob_free(&b);
	assert_null(b.p);
	assert_int_equal(b.n, 0);
	blob_free(&b);
}

static void test_copy_of_nothing(void **state)
{
	struct blob b = { .p = (uint8_t *)&b, .n = 1 };

	(void)state;
	assert_int_equal(blob_copy(&b, BYTES_NONE), 0);
	assert_null(b.p);
	assert_int_equal(b.n, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_equal),
		cmocka_unit_test(test_copy_is_our_own),
		cmocka_unit_test(test_copy_of_nothing),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
