/* SPDX-License-Identifier: Apache-2.0 */
#include "ike/store.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define SIZE 500  /* octets; not a multiple of the alignment */
#define MANY 2000 /* several blocks */

static void assert_zero(const uint8_t *p)
{
	for (size_t i = 0; i < SIZE; i++)
		assert_int_equal(p[i], 0);
}

/* They do not overlap, are aligned, and each is all zero when it is taken. */
static void test_many(void **state)
{
	static uint8_t *all[MANY];
	struct store s;

	(void)state;
	store_init(&s, SIZE);
	for (unsigned round = 0; round < 3; round++) {
		for (unsigned i = 0; i < MANY; i++) {
			all[i] = store_take(&s);
			assert_non_null(all[i]);
			assert_int_equal((uintptr_t)all[i] % _Alignof(max_align_t), 0);
			assert_zero(all[i]);
			memset(all[i], (int)(i % 255 + 1), SIZE);
		}
		assert_int_equal(s.n, MANY);
		for (unsigned i = 0; i < MANY; i++)
			for (size_t k = 0; k < SIZE; k++)
				assert_int_equal(all[i][k], i % 255 + 1);
		/* In an order that has holes in each block. */
		for (unsigned i = 0; i < MANY; i++)
			store_give(&s, all[i * 7 % MANY]);
		assert_int_equal(s.n, 0);
		assert_int_equal(s.n_blocks, 1); /* the others went back */
	}
	store_free(&s);
}

/* A hole is filled before a block is begun. */
static void test_holes_are_filled(void **state)
{
	static void *all[MANY];
	struct store s;

	(void)state;
	store_init(&s, SIZE);
	for (unsigned i = 0; i < MANY; i++)
		all[i] = store_take(&s);
	for (unsigned i = 0; i < MANY; i += 2)
		store_give(&s, all[i]);
	const size_t blocks = s.n_blocks;
	assert_in_range(blocks, MANY * SIZE / STORE_BLOCK, MANY * SIZE / STORE_BLOCK + 2);
	for (unsigned i = 0; i < MANY; i += 2) {
		all[i] = store_take(&s);
		assert_zero(all[i]);
		assert_int_equal(s.n_blocks, blocks);
	}
	for (unsigned i = 0; i < MANY; i++)
		store_give(&s, all[i]);
	store_give(&s, NULL);
	store_free(&s);
	assert_int_equal(s.n_blocks, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_many),
		cmocka_unit_test(test_holes_are_filled),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
