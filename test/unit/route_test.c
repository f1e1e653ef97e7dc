/* SPDX-License-Identifier: Apache-2.0 */
#include "xfrm/route.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

/* A namespace without any route would do as well: the loopback is always there. */
static const struct ip here = { 4, { 127, 0, 0, 1 } }, there = { 4, { 127, 0, 0, 9 } },
		       elsewhere = { 4, { 127, 0, 0, 2 } };

static void test_the_routes_choose_an_address(void **state)
{
	const struct ip none = { 0 };
	struct routes r;
	struct ip local;

	(void)state;
	assert_int_equal(routes_open(&r, NULL), 0);
	/* The same socket, asked about other addresses between: nothing of them sticks. */
	for (int i = 0; i < 3; i++) {
		local = none;
		assert_int_equal(routes_local_for(&r, &there, &local), 0);
		assert_true(ip_equal(&local, &here));
		assert_true(routes_path_mtu(&r, &elsewhere, &there) >= 1280);
		assert_true(routes_path_mtu(&r, &none, &there) >= 1280);
	}
	routes_close(&r);
	assert_true(r.fd4 == -1 && r.fd6 == -1);
	routes_close(&r);
}

static void test_what_is_no_address_of_ours(void **state)
{
	const struct ip foreign = { 4, { 192, 0, 2, 1 } };
	struct routes r;
	struct ip local = { 0 };

	(void)state;
	assert_int_equal(routes_open(&r, NULL), 0);
	assert_true(routes_path_mtu(&r, &foreign, &there) < 0);
	/* And the next question is answered. */
	assert_true(routes_path_mtu(&r, &here, &there) >= 1280);
	assert_int_equal(routes_local_for(&r, &there, &local), 0);
	routes_close(&r);
}

static void test_ipv6(void **state)
{
	const struct ip self = { 6, { [15] = 1 } };
	struct ip local = { 0 };
	struct routes r;

	(void)state;
	assert_int_equal(routes_open(&r, NULL), 0);
	if (r.fd6 < 0 || routes_local_for(&r, &self, &local) != 0) {
		routes_close(&r);
		skip();
	}
	assert_true(ip_equal(&local, &self));
	assert_true(routes_path_mtu(&r, &self, &self) >= 1280);
	assert_int_equal(routes_local_for(&r, &self, &local), 0);
	routes_close(&r);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_the_routes_choose_an_address),
		cmocka_unit_test(test_what_is_no_address_of_ours),
		cmocka_unit_test(test_ipv6),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
