/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <netinet/in.h>

#include "ike/ip.h"
#include "lib/xfrm_spec.h"
#include "xfrm/bypass.h"

static const char *const all[] = { "0.0.0.0/0", "::/0", NULL };
static const char *const nothing[] = { NULL };

static struct policy_set build(const char *const *protect, const char *const *bypass)
{
	struct spec spec = xfrm_spec(protect, bypass);
	struct ip locals[] = { xfrm_ip("10.0.0.1"), xfrm_ip("2001:db8::1") };
	struct policy_set set = xfrm_build(&spec, locals, 2);

	xfrm_spec_free(&spec);
	return set;
}

/* What becomes of a packet that a host with this set sends or receives. */
static enum policy_kind fate(const struct policy_set *set, enum policy_dir dir,
			     struct policy_flow flow)
{
	const struct policy *p = policy_lookup(set, dir, &flow);

	return p ? p->kind : POLICY_BYPASS;
}

#define OUT(src, dst, proto, a, b) POLICY_OUT, xfrm_flow(src, dst, proto, a, b)
#define IN(src, dst, proto, a, b) POLICY_IN, xfrm_flow(src, dst, proto, a, b)
#define FWD(src, dst, proto, a, b) POLICY_FWD, xfrm_flow(src, dst, proto, a, b)
#define CLEAR(...) assert_int_equal(fate(&set, __VA_ARGS__), POLICY_BYPASS)
#define PROTECTED(...) assert_int_equal(fate(&set, __VA_ARGS__), POLICY_PROTECT)

static void wins_over_a_wider_subnet(void **state)
{
	struct policy_set set = build(ENTRIES("10.0.0.0/20"), ENTRIES("10.0.0.9/32"));

	(void)state;
	CLEAR(OUT("10.0.0.1", "10.0.0.9", 6, 1, 2));
	CLEAR(IN("10.0.0.9", "10.0.0.1", 6, 1, 2));
	CLEAR(FWD("10.0.0.9", "10.0.0.1", 6, 1, 2));
	PROTECTED(OUT("10.0.0.1", "10.0.0.8", 6, 1, 2));
	PROTECTED(IN("10.0.0.8", "10.0.0.1", 6, 1, 2));
	PROTECTED(FWD("10.0.0.8", "10.0.0.1", 6, 1, 2));
	policy_set_free(&set);
}

/* As strongSwan has it: passthrough before every trap, whatever the prefixes. */
static void wins_over_a_narrower_subnet(void **state)
{
	struct policy_set set =
		build(ENTRIES("10.0.5.0/24", "10.0.6.6/32"), ENTRIES("10.0.0.0/16"));

	(void)state;
	CLEAR(OUT("10.0.0.1", "10.0.5.5", 6, 1, 2));
	CLEAR(IN("10.0.5.5", "10.0.0.1", 6, 1, 2));
	CLEAR(OUT("10.0.0.1", "10.0.6.6", 6, 1, 2));
	policy_set_free(&set);
}

static void neighbour_discovery_passes(void **state)
{
	struct policy_set set = build(all, nothing);

	(void)state;
	for (uint16_t type = 120; type < 150; type++) {
		bool nd = type >= 133 && type <= 137;
		enum policy_kind want = nd ? POLICY_BYPASS : POLICY_PROTECT;

		assert_int_equal(fate(&set, OUT("2001:db8::1", "2001:db8::2", 58, type, 0)), want);
		assert_int_equal(fate(&set, IN("2001:db8::2", "2001:db8::1", 58, type, 0)), want);
	}
	PROTECTED(OUT("2001:db8::1", "2001:db8::2", 58, 128, 0)); /* echo */
	PROTECTED(OUT("2001:db8::1", "2001:db8::2", IPPROTO_UDP, 135, 136));
	policy_set_free(&set);
}

static void link_local_and_groups_pass(void **state)
{
	struct policy_set set = build(all, nothing);

	(void)state;
	CLEAR(OUT("2001:db8::1", "fe80::1", 6, 1, 2));
	CLEAR(IN("fe80::1", "2001:db8::1", 6, 1, 2));
	CLEAR(OUT("2001:db8::1", "ff02::16", 58, 143, 0)); /* MLD */
	CLEAR(OUT("2001:db8::1", "ff02::1:ff00:2", 58, 135, 0));
	CLEAR(IN("2001:db8::2", "ff02::1", 17, 1, 2));
	CLEAR(OUT("10.0.0.1", "224.0.0.22", 2, 0, 0)); /* IGMP */
	CLEAR(OUT("10.0.0.1", "255.255.255.255", 17, 68, 67));
	CLEAR(OUT("10.0.0.1", "169.254.169.254", 6, 1, 80));
	CLEAR(IN("169.254.169.254", "10.0.0.1", 6, 80, 1));
	/* and nothing beside them */
	PROTECTED(OUT("10.0.0.1", "169.253.0.1", 6, 1, 2));
	PROTECTED(OUT("10.0.0.1", "223.255.255.255", 6, 1, 2));
	PROTECTED(OUT("2001:db8::1", "fec0::1", 6, 1, 2));
	PROTECTED(OUT("2001:db8::1", "fe00::1", 6, 1, 2));
	policy_set_free(&set);
}

/* A router that does no IPsec says that a packet is too large: let in, and nothing else of ICMP. */
static void icmp_errors_come_in_if_allowed(void **state)
{
	struct spec spec = xfrm_spec(ENTRIES("10.0.0.0/20", "2001:db8::/64"), nothing);
	struct ip locals[] = { xfrm_ip("10.0.0.1"), xfrm_ip("2001:db8::1") };
	struct policy_set set = xfrm_build(&spec, locals, 2);

	(void)state;
	PROTECTED(IN("10.0.0.254", "10.0.0.1", 1, 3, 4));
	PROTECTED(IN("2001:db8::fe", "2001:db8::1", 58, 2, 0));
	policy_set_free(&set);

	spec.allow_icmp_errors = true;
	set = xfrm_build(&spec, locals, 2);
	CLEAR(IN("10.0.0.254", "10.0.0.1", 1, 3, 4));
	CLEAR(IN("2001:db8::fe", "2001:db8::1", 58, 2, 0));
	for (uint16_t type = 0; type < 256; type++) {
		for (uint16_t code = 0; code < 16; code++) {
			if (type != 3 || code != 4)
				PROTECTED(IN("10.0.0.254", "10.0.0.1", 1, type, code));
			if ((type != 2 || code != 0) && (type < 133 || type > 137))
				PROTECTED(IN("2001:db8::fe", "2001:db8::1", 58, type, code));
		}
	}
	/* neither out, nor on to others, nor another protocol with such ports */
	PROTECTED(OUT("10.0.0.1", "10.0.0.254", 1, 3, 4));
	PROTECTED(FWD("10.0.0.254", "10.0.0.1", 1, 3, 4));
	PROTECTED(OUT("2001:db8::1", "2001:db8::fe", 58, 2, 0));
	PROTECTED(IN("10.0.0.254", "10.0.0.1", 17, 3, 4));
	policy_set_free(&set);
	xfrm_spec_free(&spec);
}

/* An entry for TCP alone leaves ICMP to itself; one said twice makes no second policy. */
static void icmp_errors_only_where_protected(void **state)
{
	struct spec spec = xfrm_spec(ENTRIES("10.0.0.0/20 tcp/80"), nothing);
	struct ip local = xfrm_ip("10.0.0.1");
	struct policy_set set, without = xfrm_build(&spec, &local, 1);

	(void)state;
	spec.allow_icmp_errors = true;
	set = xfrm_build(&spec, &local, 1);
	assert_int_equal(set.n, without.n);
	policy_set_free(&set);
	policy_set_free(&without);
	xfrm_spec_free(&spec);

	spec = xfrm_spec(ENTRIES("10.0.0.0/20", "10.0.0.0/20"), nothing);
	without = xfrm_build(&spec, &local, 1);
	spec.allow_icmp_errors = true;
	set = xfrm_build(&spec, &local, 1);
	assert_int_equal(set.n, without.n + 1);
	policy_set_free(&set);
	policy_set_free(&without);
	xfrm_spec_free(&spec);
}

/* A group as a source is no address: nothing may come in the clear by it. */
static void a_group_is_no_source(void **state)
{
	struct policy_set set = build(all, nothing);

	(void)state;
	PROTECTED(IN("224.0.0.1", "10.0.0.1", 17, 1, 2));
	PROTECTED(IN("ff02::1", "2001:db8::1", 17, 1, 2));
	PROTECTED(IN("255.255.255.255", "10.0.0.1", 17, 1, 2));
	policy_set_free(&set);
}

static void a_listed_link_local_subnet_is_meant(void **state)
{
	struct policy_set set = build(ENTRIES("169.254.7.0/24", "0.0.0.0/0"), nothing);

	(void)state;
	PROTECTED(OUT("10.0.0.1", "169.254.7.1", 6, 1, 2));
	CLEAR(OUT("10.0.0.1", "224.0.0.1", 17, 1, 2)); /* the other built-in ones stay */
	policy_set_free(&set);
}

static void nothing_built_in_for_a_family_without_subnets(void **state)
{
	struct policy_set set = build(ENTRIES("10.0.0.0/20"), ENTRIES("2001:db8::/32"));

	(void)state;
	for (size_t i = 0; i < set.n; i++)
		if (set.p[i].src.ip.family == 6)
			assert_true(set.p[i].src.prefix == 128 || set.p[i].dst.prefix == 128);
	policy_set_free(&set);
}

static void no_policy_of_a_bypass_reaches_beyond_own_addresses(void **state)
{
	struct policy_set set = build(ENTRIES("10.0.0.0/8"), ENTRIES("10.244.0.0/16"));

	(void)state;
	for (size_t i = 0; i < set.n; i++) {
		const struct policy *p = &set.p[i];
		const struct subnet *own = p->dir == POLICY_OUT ? &p->src : &p->dst;

		if (p->priority >= POLICY_PRIORITY + 0x1000 * RANK_BYPASS)
			assert_int_equal(own->prefix, 32);
		else
			assert_int_not_equal(p->dir, POLICY_FWD);
	}
	policy_set_free(&set);
}

static void a_port_only(void **state)
{
	struct policy_set set = build(ENTRIES("10.0.0.0/20"), ENTRIES("10.0.0.9/32 udp/53"));

	(void)state;
	CLEAR(OUT("10.0.0.1", "10.0.0.9", IPPROTO_UDP, 40000, 53));
	CLEAR(IN("10.0.0.9", "10.0.0.1", IPPROTO_UDP, 53, 40000));
	CLEAR(FWD("10.0.0.9", "10.0.0.1", IPPROTO_UDP, 53, 40000));
	PROTECTED(OUT("10.0.0.1", "10.0.0.9", IPPROTO_TCP, 40000, 53));
	PROTECTED(OUT("10.0.0.1", "10.0.0.9", IPPROTO_UDP, 53, 40000));
	PROTECTED(IN("10.0.0.9", "10.0.0.1", IPPROTO_UDP, 40000, 53));
	policy_set_free(&set);
}

static void indices_are_ours_and_unique(void **state)
{
	struct policy_set set =
		build(ENTRIES("0.0.0.0/0", "::/0"),
		      ENTRIES("10.0.0.9/32", "10.1.0.0/16", "2001:db8:9::/48", "10.1.2.3/16"));

	(void)state;
	for (size_t i = 0; i < set.n; i++) {
		const struct policy *p = &set.p[i];

		if (p->kind == POLICY_PROTECT)
			continue;
		assert_int_equal(p->index & 7, p->dir); /* the kernel demands it */
		assert_true(policy_is_ours(p, 0));
		for (size_t k = 0; k < i; k++)
			assert_int_not_equal(set.p[k].index, p->index);
	}
	policy_set_free(&set);
}

static void indices_end(void **state)
{
	uint32_t last = POLICY_INDEX_SPAN / 8 - 1;

	(void)state;
	assert_int_equal(bypass_index(POLICY_IN, 0), IKEMESH_POLICY_INDEX);
	assert_int_equal(bypass_index(POLICY_FWD, 1), IKEMESH_POLICY_INDEX + 8 + 2);
	assert_int_equal(bypass_index(POLICY_OUT, last),
			 IKEMESH_POLICY_INDEX + POLICY_INDEX_SPAN - 8 + 1);
	assert_int_equal(bypass_index(POLICY_OUT, last + 1), 0);
	assert_int_equal(bypass_index(POLICY_OUT, UINT32_MAX), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(wins_over_a_wider_subnet),
		cmocka_unit_test(wins_over_a_narrower_subnet),
		cmocka_unit_test(neighbour_discovery_passes),
		cmocka_unit_test(link_local_and_groups_pass),
		cmocka_unit_test(icmp_errors_come_in_if_allowed),
		cmocka_unit_test(icmp_errors_only_where_protected),
		cmocka_unit_test(a_group_is_no_source),
		cmocka_unit_test(a_listed_link_local_subnet_is_meant),
		cmocka_unit_test(nothing_built_in_for_a_family_without_subnets),
		cmocka_unit_test(no_policy_of_a_bypass_reaches_beyond_own_addresses),
		cmocka_unit_test(a_port_only),
		cmocka_unit_test(indices_are_ours_and_unique),
		cmocka_unit_test(indices_end),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
