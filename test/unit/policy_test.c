/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "ike/ip.h"
#include "lib/xfrm_spec.h"
#include "xfrm/bypass.h"

/* The policies of a set that are no built-in bypass. */
static size_t made(const struct policy_set *s, const struct policy **out, size_t room)
{
	size_t n = 0;

	for (size_t i = 0; i < s->n; i++) {
		if (s->p[i].priority < POLICY_PRIORITY + 0x1000 * RANK_BYPASS)
			continue;
		if (n < room)
			out[n] = &s->p[i];
		n++;
	}
	return n;
}

static void one_subnet_three_policies(void **state)
{
	struct spec spec = xfrm_spec(ENTRIES("10.0.16.0/20"), ENTRIES());
	struct ip local = xfrm_ip("10.0.0.1");
	struct policy_set set = xfrm_build(&spec, &local, 1);
	struct subnet host = xfrm_subnet("10.0.0.1/32"), net = xfrm_subnet("10.0.16.0/20");
	const struct policy *p[4];

	(void)state;
	assert_int_equal(made(&set, p, 4), 3);
	assert_int_equal(p[0]->dir, POLICY_OUT);
	assert_int_equal(p[1]->dir, POLICY_IN);
	assert_int_equal(p[2]->dir, POLICY_FWD);
	for (size_t i = 0; i < 3; i++) {
		assert_int_equal(p[i]->kind, POLICY_PROTECT);
		assert_false(p[i]->optional);
		assert_int_equal(p[i]->index, 0);
		assert_true(subnet_equal(&p[i]->src, i ? &net : &host));
		assert_true(subnet_equal(&p[i]->dst, i ? &host : &net));
		assert_int_equal(p[i]->protocol, 0);
		assert_int_equal(p[i]->src_port_mask, 0);
		assert_int_equal(p[i]->dst_port_mask, 0);
	}
	policy_set_free(&set);
	xfrm_spec_free(&spec);
}

static void every_address_with_every_subnet_of_its_family(void **state)
{
	struct spec spec =
		xfrm_spec(ENTRIES("10.0.0.0/20", "10.1.0.0/20", "2001:db8::/48"), ENTRIES());
	struct ip locals[] = { xfrm_ip("10.0.0.1"), xfrm_ip("10.0.0.2"), xfrm_ip("2001:db8::1") };
	struct policy_set set = xfrm_build(&spec, locals, 3);
	const struct policy *p[16];

	(void)state;
	assert_int_equal(made(&set, p, 16), 2 * 2 * 3 + 3);
	for (size_t i = 0; i < set.n; i++)
		assert_int_equal(set.p[i].src.ip.family, set.p[i].dst.ip.family);
	policy_set_free(&set);
	xfrm_spec_free(&spec);
}

static void nothing_wanted_nothing_made(void **state)
{
	struct spec none = xfrm_spec(ENTRIES(), ENTRIES());
	struct spec some = xfrm_spec(ENTRIES("10.0.0.0/20"), ENTRIES("10.0.0.7/32"));
	struct ip local = xfrm_ip("10.0.0.1");
	struct policy_set set = xfrm_build(&none, &local, 1);
	const struct policy *p[1];

	(void)state;
	assert_int_equal(set.n, 0);
	policy_set_free(&set);
	/* no address yet: the built-in bypasses alone */
	set = xfrm_build(&some, NULL, 0);
	assert_int_equal(made(&set, p, 1), 0);
	assert_int_not_equal(set.n, 0);
	policy_set_free(&set);
	xfrm_spec_free(&none);
	xfrm_spec_free(&some);
}

static void said_twice_is_said_once(void **state)
{
	struct spec spec =
		xfrm_spec(ENTRIES("10.0.0.0/20?", "10.1.0.0/20?", "10.0.5.5/20"), ENTRIES());
	struct ip locals[] = { xfrm_ip("10.0.0.1"), xfrm_ip("10.0.0.1") };
	struct policy_set set = xfrm_build(&spec, locals, 2);
	const struct policy *p[8];

	(void)state;
	assert_int_equal(made(&set, p, 8), 6);
	for (size_t i = 0; i < 3; i++)
		assert_false(p[i]->optional); /* enforced once is enforced */
	for (size_t i = 3; i < 6; i++)
		assert_true(p[i]->optional);
	policy_set_free(&set);
	xfrm_spec_free(&spec);
}

static void a_bypass_takes_the_place_of_the_same_subnet(void **state)
{
	struct spec spec = xfrm_spec(ENTRIES("10.0.0.0/20", "10.1.0.0/20"), ENTRIES("10.0.0.0/20"));
	struct ip local = xfrm_ip("10.0.0.1");
	struct policy_set set = xfrm_build(&spec, &local, 1);
	const struct policy *p[8];

	(void)state;
	assert_int_equal(made(&set, p, 8), 6);
	for (size_t i = 0; i < set.n; i++)
		for (size_t k = 0; k < i; k++)
			assert_false(policy_same_selector(&set.p[i], &set.p[k]));
	policy_set_free(&set);
	xfrm_spec_free(&spec);
}

static void optional_for_all_or_for_one(void **state)
{
	struct spec spec = xfrm_spec(ENTRIES("10.0.0.0/8", "10.0.8.0/22?"), ENTRIES());
	struct ip local = xfrm_ip("10.0.0.1");
	struct policy_flow narrow = xfrm_flow("10.0.0.1", "10.0.9.1", 6, 1, 1);
	struct policy_flow wide = xfrm_flow("10.0.0.1", "10.0.12.1", 6, 1, 1);
	struct policy_set set = xfrm_build(&spec, &local, 1);

	(void)state;
	/* the longer prefix decides */
	assert_true(policy_lookup(&set, POLICY_OUT, &narrow)->optional);
	assert_false(policy_lookup(&set, POLICY_OUT, &wide)->optional);
	policy_set_free(&set);
	spec.optional = true;
	set = xfrm_build(&spec, &local, 1);
	assert_true(policy_lookup(&set, POLICY_OUT, &wide)->optional);
	policy_set_free(&set);
	xfrm_spec_free(&spec);
}

static void priorities_stay_in_the_band(void **state)
{
	struct spec spec = xfrm_spec(
		ENTRIES("0.0.0.0/0", "10.0.0.1/32", "::/0", "2001:db8::1/128",
			"10.0.0.1/32 udp/53"),
		ENTRIES("0.0.0.0/1", "10.0.0.9/32", "8000::/1", "2001:db8::9/128 tcp/22"));
	struct ip locals[] = { xfrm_ip("10.0.0.1"), xfrm_ip("2001:db8::1") };
	struct policy_set set = xfrm_build(&spec, locals, 2);
	uint32_t last_bypass = 0, first_protect = UINT32_MAX;

	(void)state;
	for (size_t i = 0; i < set.n; i++) {
		const struct policy *p = &set.p[i];

		assert_in_range(p->priority, POLICY_PRIORITY,
				POLICY_PRIORITY + POLICY_PRIORITY_SPAN - 1);
		if (p->kind == POLICY_BYPASS && p->priority > last_bypass)
			last_bypass = p->priority;
		if (p->kind == POLICY_PROTECT && p->priority < first_protect)
			first_protect = p->priority;
	}
	assert_true(last_bypass < first_protect);
	policy_set_free(&set);
	xfrm_spec_free(&spec);
}

static void ours_and_others(void **state)
{
	struct policy p = { .dir = POLICY_OUT, .kind = POLICY_PROTECT };

	(void)state;
	assert_true(policy_is_ours(&p, IKEMESH_REQID));
	assert_false(policy_is_ours(&p, IKEMESH_REQID + 1));
	assert_false(policy_is_ours(&p, 0));

	/* without a template: index and priority both */
	p.kind = POLICY_BYPASS;
	p.index = IKEMESH_POLICY_INDEX;
	p.priority = POLICY_PRIORITY;
	assert_true(policy_is_ours(&p, 0));
	assert_false(policy_is_ours(&p, 7));
	p.kind = POLICY_BLOCK;
	assert_true(policy_is_ours(&p, 0));
	p.index = IKEMESH_POLICY_INDEX - 1;
	assert_false(policy_is_ours(&p, 0));
	p.index = IKEMESH_POLICY_INDEX + POLICY_INDEX_SPAN - 1;
	assert_true(policy_is_ours(&p, 0));
	p.index = IKEMESH_POLICY_INDEX + POLICY_INDEX_SPAN;
	assert_false(policy_is_ours(&p, 0));
	p.index = IKEMESH_POLICY_INDEX;
	p.priority = POLICY_PRIORITY - 1;
	assert_false(policy_is_ours(&p, 0));
	p.priority = POLICY_PRIORITY + POLICY_PRIORITY_SPAN;
	assert_false(policy_is_ours(&p, 0));
}

static void selectors_differ_in_any_field(void **state)
{
	const struct policy base = { .dir = POLICY_OUT,
				     .src = xfrm_subnet("10.0.0.1/32"),
				     .dst = xfrm_subnet("10.0.0.0/20") };
	struct policy v[10];

	(void)state;
	for (size_t i = 0; i < 10; i++)
		v[i] = base;
	v[0].dir = POLICY_IN;
	v[1].src = xfrm_subnet("10.0.0.2/32");
	v[2].dst = xfrm_subnet("10.0.0.0/21");
	v[3].dst = xfrm_subnet("10.0.16.0/20");
	v[4].protocol = 17;
	v[5].src_port = 1;
	v[6].src_port_mask = 1;
	v[7].dst_port = 1;
	v[8].dst_port_mask = 1;
	v[9].src = xfrm_subnet("::/32");
	for (size_t i = 0; i < 10; i++) {
		assert_false(policy_same_selector(&base, &v[i]));
		assert_true((policy_compare(&base, &v[i]) < 0) ==
			    (policy_compare(&v[i], &base) > 0));
	}
	/* these are no part of it */
	v[0] = base;
	v[0].kind = POLICY_BLOCK;
	v[0].priority = 9;
	v[0].index = 9;
	v[0].optional = true;
	assert_true(policy_same_selector(&base, &v[0]));
}

static void a_port_of_a_protected_subnet(void **state)
{
	struct spec spec = xfrm_spec(ENTRIES("10.0.0.0/20 tcp/443"), ENTRIES());
	struct ip local = xfrm_ip("10.0.0.1");
	struct policy_set set = xfrm_build(&spec, &local, 1);
	struct policy_flow to = xfrm_flow("10.0.0.1", "10.0.0.2", 6, 50000, 443);
	struct policy_flow from = xfrm_flow("10.0.0.2", "10.0.0.1", 6, 443, 50000);
	struct policy_flow other = xfrm_flow("10.0.0.1", "10.0.0.2", 6, 443, 50000);

	(void)state;
	assert_non_null(policy_lookup(&set, POLICY_OUT, &to));
	assert_non_null(policy_lookup(&set, POLICY_IN, &from));
	assert_non_null(policy_lookup(&set, POLICY_FWD, &from));
	assert_null(policy_lookup(&set, POLICY_OUT, &other));
	policy_set_free(&set);
	xfrm_spec_free(&spec);
}

static void thousands_of_addresses(void **state)
{
	struct spec spec = xfrm_spec(ENTRIES("10.0.0.0/8"), ENTRIES("10.9.0.0/16"));
	size_t n = 10000;
	struct ip *locals = calloc(n, sizeof(*locals));
	struct policy_set set;

	(void)state;
	assert_non_null(locals);
	for (size_t i = 0; i < n; i++)
		locals[i] = ip_v4(10, 0, (uint8_t)(i >> 8), (uint8_t)i);
	set = xfrm_build(&spec, locals, n);
	assert_int_equal(set.n, 10 + 6 * n); /* with what is built in */
	free(locals);
	policy_set_free(&set);
	xfrm_spec_free(&spec);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(one_subnet_three_policies),
		cmocka_unit_test(every_address_with_every_subnet_of_its_family),
		cmocka_unit_test(nothing_wanted_nothing_made),
		cmocka_unit_test(said_twice_is_said_once),
		cmocka_unit_test(a_bypass_takes_the_place_of_the_same_subnet),
		cmocka_unit_test(optional_for_all_or_for_one),
		cmocka_unit_test(priorities_stay_in_the_band),
		cmocka_unit_test(ours_and_others),
		cmocka_unit_test(selectors_differ_in_any_field),
		cmocka_unit_test(a_port_of_a_protected_subnet),
		cmocka_unit_test(thousands_of_addresses),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
