/* SPDX-License-Identifier: Apache-2.0 */
/* The pure parts of the path probe: the search, and what routers say. */
#include "cmd/ikectl/path_probe.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "lib/xfrm_spec.h"

/* Whatever passes, it is found to within four octets, in few steps, without going beyond. */
static void test_bisect(void **state)
{
	(void)state;
	for (size_t limit = 100; limit <= 9000; limit++) {
		struct bisect b = { .passes = 100, .fails = 9001 };
		unsigned steps = 0;

		for (size_t size; (size = bisect_next(&b)) != 0; steps++) {
			assert_in_range(size, 101, 9000);
			bisect_learn(&b, size, size <= limit);
		}
		assert_true(b.passes <= limit && limit - b.passes < 4);
		assert_true(steps <= 12);
	}
}

/* A late answer changes nothing that is known already. */
static void test_learn(void **state)
{
	struct bisect b = { .passes = 500, .fails = 1000 };

	(void)state;
	bisect_learn(&b, 400, true);
	bisect_learn(&b, 1200, false);
	assert_int_equal(b.passes, 500);
	assert_int_equal(b.fails, 1000);
	b = (struct bisect){ .passes = 998, .fails = 1000 };
	assert_int_equal(bisect_next(&b), 0);
}

/* RFC 792: type 3, code 4, 1300, then the head of what was sent from 10.1.0.1 to 10.1.1.2 */
static const uint8_t needed[] = {
	0x45, 0, 0,    56, 0,  0,  0, 0, 64, 1, 0,    0,    10,	  1, 0, 254,
	10,   1, 0,    1,  3,  4,  0, 0, 0,  0, 0x05, 0x14, 0x45, 0, 5, 220,
	0,    0, 0x40, 0,  63, 50, 0, 0, 10, 1, 0,    1,    10,	  1, 1, 2,
};

static void test_ipv4(void **state)
{
	struct ip peer = xfrm_ip("10.1.1.2"), other = xfrm_ip("10.1.1.3");
	uint8_t m[sizeof(needed)];
	unsigned mtu;

	(void)state;
	assert_true(too_big(BYTES(needed, sizeof(needed)), &peer, &mtu));
	assert_int_equal(mtu, 1300);
	assert_false(too_big(BYTES(needed, sizeof(needed)), &other, &mtu));
	for (size_t n = 0; n < sizeof(needed); n++)
		assert_false(too_big(BYTES(needed, n), &peer, &mtu));
	memcpy(m, needed, sizeof(m));
	m[21] = 1; /* host unreachable */
	assert_false(too_big(BYTES(m, sizeof(m)), &peer, &mtu));
	memcpy(m, needed, sizeof(m));
	m[0] = 0x44; /* a header shorter than there is any */
	assert_false(too_big(BYTES(m, sizeof(m)), &peer, &mtu));
	m[0] = 0x4f; /* one that reaches beyond the end */
	assert_false(too_big(BYTES(m, sizeof(m)), &peer, &mtu));
}

static void test_ipv6(void **state)
{
	struct ip peer = xfrm_ip("fd00:1:0:1::2"), other = xfrm_ip("fd00:1:0:1::3");
	uint8_t m[48] = { 2, 0, 0, 0, 0, 0, 0x05, 0x00, 0x60 };
	unsigned mtu;

	(void)state;
	memcpy(m + 8 + 24, peer.b, 16);
	assert_true(too_big(BYTES(m, sizeof(m)), &peer, &mtu));
	assert_int_equal(mtu, 1280);
	assert_false(too_big(BYTES(m, sizeof(m)), &other, &mtu));
	assert_false(too_big(BYTES(m, sizeof(m) - 1), &peer, &mtu));
	m[0] = 1;
	assert_false(too_big(BYTES(m, sizeof(m)), &peer, &mtu));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_bisect),
		cmocka_unit_test(test_learn),
		cmocka_unit_test(test_ipv4),
		cmocka_unit_test(test_ipv6),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
