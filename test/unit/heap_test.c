/* SPDX-License-Identifier: Apache-2.0 */
#include "cmd/ikemeshd/clock.h"
#include "cmd/ikemeshd/heap.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

/* A storm is tidied up after when it is over, and once more when nothing is kept of it. */
static void test_when(void **state)
{
	const struct mono begin = { .us = 1000 * CLOCK_SECOND + 1 };
	struct mono now = begin;
	uint64_t handshakes = 0;
	struct heap h;
	unsigned n = 0;

	(void)state;
	heap_open(&h);
	assert_false(heap_tick(&h, now, HEAP_HANDSHAKES - 1));
	assert_int_equal(heap_deadline(&h).us, MONO_NEVER.us);
	while (handshakes < 100 * HEAP_HANDSHAKES) {
		handshakes += HEAP_HANDSHAKES;
		now.us += CLOCK_SECOND / 10;
		assert_false(heap_tick(&h, now, handshakes));
	}
	const struct mono over = now;
	while (heap_deadline(&h).us != MONO_NEVER.us) {
		assert_int_equal(heap_deadline(&h).us % CLOCK_REST_US, 0);
		assert_true(heap_deadline(&h).us > now.us);
		now = heap_deadline(&h);
		assert_true(heap_tick(&h, now, handshakes));
		n++;
	}
	assert_int_equal(n, 2);
	assert_in_range(now.us - over.us, 240 * CLOCK_SECOND, 260 * CLOCK_SECOND);
}

/* What stays is as it was. */
static void test_tidy(void **state)
{
	static char *all[4096];
	struct heap h;

	(void)state;
	heap_open(&h);
	for (size_t i = 0; i < 4096; i++) {
		all[i] = malloc(1000);
		assert_non_null(all[i]);
		memset(all[i], (int)(i % 256), 1000);
	}
	for (size_t i = 0; i < 4096; i++)
		if (i % 64 != 0)
			free(all[i]);
	for (unsigned locked = 0; locked < 2; locked++)
		heap_tidy(&h, locked != 0);
	for (size_t i = 0; i < 4096; i += 64) {
		for (size_t k = 0; k < 1000; k++)
			assert_int_equal((unsigned char)all[i][k], i % 256);
		free(all[i]);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_when),
		cmocka_unit_test(test_tidy),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
