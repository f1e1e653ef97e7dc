/* SPDX-License-Identifier: Apache-2.0 */
/* A host inside a protected subnet goes on talking to itself. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "lib/xfrm_spec.h"
#include "xfrm/policy.h"

static enum policy_kind decided(const struct policy_set *set, enum policy_dir dir, const char *src,
				const char *dst)
{
	struct policy_flow f = xfrm_flow(src, dst, 6, 40000, 443);
	const struct policy *p = policy_lookup(set, dir, &f);

	assert_non_null(p);
	return p->kind;
}

static void ipv6_addresses_of_ones_own(void **state)
{
	struct spec spec = xfrm_spec(ENTRIES("fd00::/64", "10.0.0.0/20"), ENTRIES());
	struct ip locals[] = { xfrm_ip("fd00::1"), xfrm_ip("fd00::2"), xfrm_ip("fd01::1"),
			       xfrm_ip("10.0.0.1") };
	struct policy_set set = xfrm_build(&spec, locals, 4);
	static const char *const own[] = { "fd00::1", "fd00::2" };

	(void)state;
	for (size_t i = 0; i < 2; i++) {
		for (size_t k = 0; k < 2; k++) {
			assert_int_equal(decided(&set, POLICY_OUT, own[i], own[k]), POLICY_BYPASS);
			assert_int_equal(decided(&set, POLICY_IN, own[i], own[k]), POLICY_BYPASS);
		}
		assert_int_equal(decided(&set, POLICY_OUT, own[i], "fd00::3"), POLICY_PROTECT);
		assert_int_equal(decided(&set, POLICY_IN, "fd00::3", own[i]), POLICY_PROTECT);
		assert_int_equal(decided(&set, POLICY_FWD, "fd00::3", own[i]), POLICY_PROTECT);
	}
	assert_int_equal(decided(&set, POLICY_IN, "fd00::1", "fd01::1"), POLICY_BYPASS);
	/* what no policy would meet needs none, nor does IPv4 */
	for (size_t i = 0; i < set.n; i++) {
		assert_false(set.p[i].kind == POLICY_BYPASS &&
			     ip_equal(&set.p[i].dst.ip, &locals[2]));
		assert_false(set.p[i].kind == POLICY_BYPASS &&
			     ip_equal(&set.p[i].dst.ip, &locals[3]));
	}
	policy_set_free(&set);
	xfrm_spec_free(&spec);
}

/* One that is covered talks to one that is not. */
static void all_own_addresses_count(void **state)
{
	struct spec spec = xfrm_spec(ENTRIES("fd00::/64"), ENTRIES());
	struct subnet_spec ours = { .net = xfrm_subnet("fd00::1/128") };
	struct ip locals[] = { xfrm_ip("fd00::2"), xfrm_ip("fd00::1"), xfrm_ip("fd00::2") };
	struct policy_set set;

	(void)state;
	spec.local = &ours;
	spec.n_local = 1;
	set = xfrm_build(&spec, locals, 3);
	assert_int_equal(decided(&set, POLICY_OUT, "fd00::1", "fd00::2"), POLICY_BYPASS);
	assert_int_equal(decided(&set, POLICY_IN, "fd00::2", "fd00::1"), POLICY_BYPASS);
	assert_int_equal(decided(&set, POLICY_OUT, "fd00::1", "fd00::3"), POLICY_PROTECT);
	for (size_t i = 0; i < set.n; i++)
		for (size_t k = 0; k < i; k++)
			assert_false(policy_same_selector(&set.p[i], &set.p[k]));
	policy_set_free(&set);
	xfrm_spec_free(&spec);
}

static void what_the_default_policy_would_block(void **state)
{
	struct spec spec = xfrm_spec(ENTRIES("10.0.0.0/20"), ENTRIES());
	struct ip locals[] = { xfrm_ip("fd01::1") };
	struct policy_flow f = xfrm_flow("::1", "::1", 6, 40000, 443);
	struct policy_set set = xfrm_build(&spec, locals, 1);

	(void)state;
	assert_null(policy_lookup(&set, POLICY_IN, &f));
	policy_set_free(&set);
	spec.strict_default = true;
	set = xfrm_build(&spec, locals, 1);
	assert_int_equal(decided(&set, POLICY_IN, "::1", "::1"), POLICY_BYPASS);
	assert_int_equal(decided(&set, POLICY_OUT, "::1", "::1"), POLICY_BYPASS);
	assert_int_equal(decided(&set, POLICY_IN, "fd01::1", "fd01::1"), POLICY_BYPASS);
	f = xfrm_flow("fd01::2", "fd01::1", 6, 40000, 443);
	assert_null(policy_lookup(&set, POLICY_IN, &f)); /* the default policy's business */
	policy_set_free(&set);
	xfrm_spec_free(&spec);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(ipv6_addresses_of_ones_own),
		cmocka_unit_test(all_own_addresses_count),
		cmocka_unit_test(what_the_default_policy_would_block),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
