/* SPDX-License-Identifier: Apache-2.0 */
/* What stands behind the policies of known addresses. The last cases are on a real kernel: root. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>
#include <netinet/in.h>

#include "ike/ip.h"
#include "lib/xfrm_spec.h"
#include "lib/xfrm_world.h"
#include "xfrm/backstop.h"
#include "xfrm/kernel.h"

#define SOON 150 /* ms */

struct host {
	const char *locals, *broadcast;
	bool forwards, strict;
};

static struct policy_set build(const char *const *protect, const char *const *bypass, struct host h)
{
	struct spec spec = xfrm_spec(protect, bypass);
	struct ip local = h.locals ? xfrm_ip(h.locals) : (struct ip){ 0 };
	struct ip broadcast = h.broadcast ? xfrm_ip(h.broadcast) : (struct ip){ 0 };
	struct locality here = { .locals = &local,
				 .n_locals = h.locals ? 1 : 0,
				 .broadcasts = &broadcast,
				 .n_broadcasts = h.broadcast ? 1 : 0,
				 .forwards4 = h.forwards,
				 .forwards6 = h.forwards };
	struct policy_set set;

	spec.strict_default = h.strict;
	assert_int_equal(backstop_build(&spec, &here, &set), 0);
	xfrm_spec_free(&spec);
	return set;
}

#define NOBODY_YET ((struct host){ 0 })

enum { NONE = -1 };

static int fate(const struct policy_set *set, enum policy_dir dir, struct policy_flow flow)
{
	const struct policy *p = policy_lookup(set, dir, &flow);

	return p ? (int)p->kind : NONE;
}

#define OUT(src, dst, proto, a, b) POLICY_OUT, xfrm_flow(src, dst, proto, a, b)
#define IN(src, dst, proto, a, b) POLICY_IN, xfrm_flow(src, dst, proto, a, b)
#define FWD(src, dst, proto, a, b) POLICY_FWD, xfrm_flow(src, dst, proto, a, b)
#define IS(kind, ...) assert_int_equal(fate(&set, __VA_ARGS__), kind)

static void an_address_not_known_yet_is_blocked(void **state)
{
	struct policy_set set =
		build(ENTRIES("10.0.0.0/16", "2001:db8::/32"), ENTRIES(), NOBODY_YET);

	(void)state;
	IS(POLICY_BLOCK, OUT("10.0.0.1", "10.0.3.4", 6, 1, 2));
	IS(POLICY_BLOCK, OUT("192.168.1.1", "10.0.3.4", 17, 1, 2));
	IS(POLICY_BLOCK, IN("10.0.3.4", "10.0.0.1", 6, 1, 2));
	IS(POLICY_BLOCK, FWD("10.0.3.4", "10.0.0.1", 6, 1, 2));
	IS(POLICY_BLOCK, OUT("2001:db8::1", "2001:db8::2", 6, 1, 2));
	IS(POLICY_BLOCK, IN("2001:db8::2", "2001:db8::1", 6, 1, 2));
	IS(NONE, OUT("10.0.0.1", "10.1.0.1", 6, 1, 2));
	IS(NONE, IN("10.1.0.1", "10.0.0.1", 6, 1, 2));
	policy_set_free(&set);
}

static void a_known_address_is_protected_before_it_is_blocked(void **state)
{
	struct policy_set set = build(ENTRIES("10.0.0.0/16"), ENTRIES("10.0.0.9/32"),
				      (struct host){ .locals = "10.0.0.1" });

	(void)state;
	IS(POLICY_PROTECT, OUT("10.0.0.1", "10.0.3.4", 6, 1, 2));
	IS(POLICY_PROTECT, IN("10.0.3.4", "10.0.0.1", 6, 1, 2));
	IS(POLICY_BYPASS, OUT("10.0.0.1", "10.0.0.9", 6, 1, 2));
	IS(POLICY_BLOCK, OUT("10.0.0.2", "10.0.3.4", 6, 1, 2));
	IS(POLICY_BLOCK, IN("10.0.3.4", "10.0.0.2", 6, 1, 2));
	policy_set_free(&set);
}

/* What the configuration lets pass, it lets pass for addresses to come. */
static void what_is_not_enforced_passes(void **state)
{
	struct policy_set set = build(ENTRIES("10.0.0.0/16", "10.0.8.0/22?", "10.0.4.0/24 udp/53"),
				      ENTRIES("10.0.0.9/32", "10.0.7.0/24 tcp/179"), NOBODY_YET);

	(void)state;
	IS(POLICY_BYPASS, OUT("10.0.0.1", "10.0.9.1", 6, 1, 2));
	IS(POLICY_BYPASS, IN("10.0.9.1", "10.0.0.1", 6, 1, 2));
	IS(POLICY_BYPASS, OUT("10.0.0.1", "10.0.0.9", 6, 1, 2));
	IS(POLICY_BYPASS, IN("10.0.0.9", "10.0.0.1", 6, 1, 2));
	IS(POLICY_BYPASS, OUT("10.0.0.1", "10.0.7.7", 6, 1, 179));
	IS(POLICY_BLOCK, OUT("10.0.0.1", "10.0.7.7", 6, 1, 180));
	IS(POLICY_BLOCK, OUT("10.0.0.1", "10.0.4.4", 17, 1, 53));
	policy_set_free(&set);
}

static void nothing_enforced_nothing_behind(void **state)
{
	struct policy_set set = build(ENTRIES("10.0.0.0/16?"), ENTRIES("10.0.0.9/32"), NOBODY_YET);

	(void)state;
	for (size_t i = 0; i < set.n; i++)
		assert_false(policy_is_backstop(&set.p[i]));
	policy_set_free(&set);
}

/* A host must get its address, and find its neighbours, before any of its addresses is known. */
static void what_a_host_needs_to_become_one(void **state)
{
	struct policy_set set = build(ENTRIES("0.0.0.0/0", "::/0"), ENTRIES(), NOBODY_YET);

	(void)state;
	/* DHCP: asked by broadcast, renewed by unicast; either end */
	IS(POLICY_BYPASS, OUT("0.0.0.0", "255.255.255.255", 17, 68, 67));
	IS(POLICY_BYPASS, IN("10.0.0.2", "255.255.255.255", 17, 67, 68));
	IS(POLICY_BYPASS, OUT("10.0.0.1", "10.0.0.2", 17, 68, 67));
	IS(POLICY_BYPASS, IN("10.0.0.2", "10.0.0.1", 17, 67, 68));
	IS(POLICY_BYPASS, IN("10.0.0.1", "10.0.0.2", 17, 68, 67));
	IS(POLICY_BYPASS, OUT("10.0.0.2", "10.0.0.1", 17, 67, 68));
	IS(POLICY_BLOCK, OUT("10.0.0.1", "10.0.0.2", 17, 68, 69));
	IS(POLICY_BLOCK, OUT("10.0.0.1", "10.0.0.2", 6, 68, 67));
	IS(POLICY_BLOCK, IN("10.0.0.2", "10.0.0.1", 17, 67, 53));
	/* DHCPv6 */
	IS(POLICY_BYPASS, OUT("fe80::1", "ff02::1:2", 17, 546, 547));
	IS(POLICY_BYPASS, IN("fe80::2", "fe80::1", 17, 547, 546));
	IS(POLICY_BYPASS, OUT("2001:db8::1", "2001:db8::2", 17, 546, 547));
	IS(POLICY_BYPASS, IN("2001:db8::2", "2001:db8::1", 17, 547, 546));
	/* router and neighbour discovery, and multicast listeners, before there is an address */
	IS(POLICY_BYPASS, OUT("::", "ff02::2", 58, 133, 0));
	IS(POLICY_BYPASS, IN("fe80::2", "fe80::1", 58, 134, 0));
	IS(POLICY_BYPASS, OUT("2001:db8::1", "2001:db8::2", 58, 135, 0));
	IS(POLICY_BYPASS, IN("2001:db8::2", "2001:db8::1", 58, 136, 0));
	IS(POLICY_BYPASS, OUT("::", "ff02::16", 58, 143, 0));
	IS(POLICY_BYPASS, IN("fe80::2", "ff02::1", 58, 130, 0));
	IS(POLICY_BLOCK, OUT("2001:db8::1", "2001:db8::2", 58, 128, 0));
	/* link-local addresses, groups */
	IS(POLICY_BYPASS, OUT("169.254.1.1", "169.254.169.254", 6, 1, 80));
	IS(POLICY_BYPASS, OUT("10.0.0.1", "224.0.0.22", 2, 0, 0));
	policy_set_free(&set);
}

static void the_broadcast_address_of_a_local_net(void **state)
{
	struct policy_set set =
		build(ENTRIES("10.0.0.0/8"), ENTRIES(),
		      (struct host){ .locals = "10.0.0.1", .broadcast = "10.0.0.255" });

	(void)state;
	IS(POLICY_BYPASS, OUT("10.0.0.1", "10.0.0.255", 17, 138, 138));
	IS(POLICY_BYPASS, IN("10.0.0.7", "10.0.0.255", 17, 138, 138));
	IS(POLICY_PROTECT, OUT("10.0.0.1", "10.0.1.255", 17, 138, 138));
	policy_set_free(&set);
}

/* Packets that are forwarded meet out and fwd policies, with the addresses of others. */
static void a_host_that_forwards_blocks_for_itself_only(void **state)
{
	struct policy_set set = build(ENTRIES("10.0.0.0/8"), ENTRIES(),
				      (struct host){ .locals = "10.0.0.1", .forwards = true });

	(void)state;
	IS(POLICY_PROTECT, OUT("10.0.0.1", "10.2.0.1", 6, 1, 2));
	IS(NONE, OUT("172.17.0.2", "10.2.0.1", 6, 1, 2));
	IS(NONE, FWD("10.2.0.1", "172.17.0.2", 6, 1, 2));
	IS(NONE, OUT("10.3.0.1", "10.2.0.1", 50, 0, 0));
	IS(POLICY_BLOCK, IN("10.2.0.1", "10.0.0.2", 6, 1, 2));
	policy_set_free(&set);

	/* and as long as it has no address, nothing is forwarded */
	set = build(ENTRIES("10.0.0.0/8"), ENTRIES(), (struct host){ .forwards = true });
	IS(POLICY_BLOCK, OUT("10.0.0.1", "10.2.0.1", 6, 1, 2));
	policy_set_free(&set);
}

/* A policy of others, whatever its priority, has its say before. */
static void they_yield_to_everybody(void **state)
{
	struct policy_set set = build(ENTRIES("10.0.0.0/16"), ENTRIES("10.0.0.9/32"), NOBODY_YET);
	struct policy foreign = { .dir = POLICY_OUT,
				  .kind = POLICY_BYPASS,
				  .src = xfrm_subnet("10.8.0.0/16"),
				  .dst = xfrm_subnet("10.0.1.0/24"),
				  .priority = 600000 };

	(void)state;
	assert_int_equal(policy_set_add(&set, &foreign), 0);
	IS(POLICY_BYPASS, OUT("10.8.0.1", "10.0.1.1", 6, 1, 2));
	IS(POLICY_BLOCK, OUT("10.9.0.1", "10.0.1.1", 6, 1, 2));
	policy_set_free(&set);
}

/* The kernel has one policy for a selector. */
static void each_selector_once(const struct policy_set *set)
{
	for (size_t i = 0; i < set->n; i++)
		for (size_t k = 0; k < i; k++)
			assert_false(policy_same_selector(&set->p[i], &set->p[k]));
}

static void all_are_known_as_ours(void **state)
{
	struct policy_set set =
		build(ENTRIES("10.0.0.0/16", "fe80::/10", "224.0.0.0/4"), ENTRIES("10.0.0.9/32"),
		      (struct host){ .locals = "10.0.0.1", .broadcast = "10.0.255.255" });

	(void)state;
	for (size_t i = 0; i < set.n; i++) {
		uint32_t reqid = set.p[i].kind == POLICY_PROTECT ? IKEMESH_REQID : 0;

		assert_true(policy_is_ours(&set.p[i], reqid));
	}
	each_selector_once(&set);
	policy_set_free(&set);
}

/* Where local_addresses names ours, others on this host are nothing to us. */
static void only_for_addresses_that_are_covered(void **state)
{
	struct spec spec = xfrm_spec(ENTRIES("10.0.0.0/8"), ENTRIES());
	struct subnet_spec ours[] = { { .net = xfrm_subnet("10.0.0.0/24") },
				      { .net = xfrm_subnet("2001:db8::/64") } };
	struct locality here = { 0 };
	struct policy_set set;

	(void)state;
	spec.local = ours;
	spec.n_local = 2;
	assert_int_equal(backstop_build(&spec, &here, &set), 0);
	IS(POLICY_BLOCK, OUT("10.0.0.1", "10.3.0.1", 6, 1, 2));
	IS(POLICY_BLOCK, IN("10.3.0.1", "10.0.0.1", 6, 1, 2));
	IS(NONE, OUT("10.0.1.1", "10.3.0.1", 6, 1, 2));
	IS(NONE, IN("10.3.0.1", "10.0.1.1", 6, 1, 2));
	policy_set_free(&set);

	/* a single address has one policy for a selector, be it here or not yet */
	ours[0].net = xfrm_subnet("10.0.0.1/32");
	for (size_t n = 0; n < 2; n++) {
		struct ip local = xfrm_ip("10.0.0.1");

		here = (struct locality){ .locals = &local, .n_locals = n };
		assert_int_equal(backstop_build(&spec, &here, &set), 0);
		IS(n ? (int)POLICY_PROTECT : (int)POLICY_BLOCK,
		   OUT("10.0.0.1", "10.3.0.1", 6, 1, 2));
		each_selector_once(&set);
		policy_set_free(&set);
	}
	xfrm_spec_free(&spec);
}

/* The more specific entry decides for addresses to come, as for those that are there. */
static void precedence_holds_behind_too(void **state)
{
	struct spec spec = xfrm_spec(ENTRIES("10.0.0.0/8", "10.4.4.0/24"), ENTRIES("10.4.0.0/16"));
	struct locality here = { 0 };
	struct policy_set set;

	(void)state;
	assert_int_equal(backstop_build(&spec, &here, &set), 0);
	IS(POLICY_BYPASS, OUT("10.0.0.1", "10.4.4.4", 6, 1, 2));
	policy_set_free(&set);
	spec.precedence = PRECEDENCE_LONGEST;
	assert_int_equal(backstop_build(&spec, &here, &set), 0);
	IS(POLICY_BLOCK, OUT("10.0.0.1", "10.4.4.4", 6, 1, 2));
	IS(POLICY_BYPASS, OUT("10.0.0.1", "10.4.5.4", 6, 1, 2));
	policy_set_free(&set);
	xfrm_spec_free(&spec);
}

static void strict_keeps_what_every_host_needs(void **state)
{
	struct policy_set set = build(ENTRIES("10.0.0.0/16?"), ENTRIES("192.0.2.0/24"),
				      (struct host){ .strict = true });

	(void)state;
	IS(POLICY_BYPASS, OUT("2001:db8::1", "2001:db8::2", 58, 135, 0));
	IS(POLICY_BYPASS, OUT("fe80::1", "ff02::1:2", 17, 546, 547));
	IS(POLICY_BYPASS, OUT("10.0.0.1", "192.0.2.1", 6, 1, 2));
	IS(POLICY_BYPASS, OUT("10.0.0.1", "10.0.3.4", 6, 1, 2));
	IS(NONE, OUT("2001:db8::1", "2001:db8::2", 6, 1, 2));
	policy_set_free(&set);
}

/* ---- on a real kernel ---------------------------------------------------------------------- */

static struct test {
	struct world world;
	struct kernel *k;
	bool possible;
} t;

static int set_up(void **state)
{
	(void)state;
	memset(&t, 0, sizeof(t));
	t.possible = world_open(&t.world);
	return t.possible ? kernel_open(&t.k) : 0;
}

static int tear_down(void **state)
{
	(void)state;
	kernel_close(t.k);
	world_close(&t.world);
	return 0;
}

static void need_world(void)
{
	if (!t.possible) {
		print_message("[  SKIP   ] no network namespaces with veth here\n");
		skip();
	}
}

static void install(const struct policy_set *set)
{
	size_t changed;

	assert_int_equal(kernel_policy_sync(t.k, set, &changed), 0);
}

static bool leaves(const char *src, const char *dst)
{
	world_forget(t.world.wire);
	world_send(src, dst, 9);
	return world_sent(t.world.wire, dst, IPPROTO_UDP, SOON);
}

static void the_kernel_blocks_what_it_knows_no_address_for(void **state)
{
	struct policy_set set =
		build(ENTRIES("10.0.0.0/16", "2001:db8::/32"), ENTRIES("10.0.9.0/24"), NOBODY_YET);

	(void)state;
	need_world();
	assert_true(leaves("10.0.0.1", "10.0.3.4"));
	install(&set);
	assert_false(leaves("10.0.0.1", "10.0.3.4"));
	assert_false(leaves("2001:db8::1", "2001:db8::7"));
	assert_true(leaves("10.0.0.1", "10.0.9.4"));
	assert_true(leaves("10.0.0.1", "10.3.0.4"));
	policy_set_free(&set);
}

/* The address becomes known: no moment in between, and a look-up that ends at the exact policy. */
static void what_protects_comes_before_what_blocks(void **state)
{
	struct policy_set before =
		build(ENTRIES("10.0.0.0/16?", "10.4.0.0/16"), ENTRIES(), NOBODY_YET);
	struct policy_set after = build(ENTRIES("10.0.0.0/16?", "10.4.0.0/16?"), ENTRIES(),
					(struct host){ .locals = "10.0.0.1" });
	size_t policies, sas;

	(void)state;
	need_world();
	install(&before);
	assert_false(leaves("10.0.0.1", "10.4.0.1"));
	/* optional for this address, and blocked for all others */
	for (size_t i = 0; i < after.n; i++)
		assert_int_equal(kernel_policy_update(t.k, &after.p[i]), 0);
	assert_true(leaves("10.0.0.1", "10.4.0.1"));
	assert_int_equal(kernel_remove_ours(t.k, &policies, &sas), 0);
	assert_true(policies > 0);
	policy_set_free(&before);
	policy_set_free(&after);
}

static void a_policy_of_others_in_a_backstops_place(void **state)
{
	struct policy_set set = build(ENTRIES("10.0.0.0/16"), ENTRIES(), NOBODY_YET);
	struct policy foreign = { .dir = POLICY_OUT,
				  .kind = POLICY_BYPASS,
				  .src = xfrm_subnet("0.0.0.0/0"),
				  .dst = xfrm_subnet("10.0.0.0/16"),
				  .priority = 600000 };

	(void)state;
	need_world();
	assert_int_equal(kernel_policy_add(t.k, &foreign), 0);
	install(&set);
	assert_true(leaves("10.0.0.1", "10.0.3.4"));
	policy_set_free(&set);
}

static void the_default_policy(void **state)
{
	struct policy_set set = build(ENTRIES("10.4.0.0/16"), ENTRIES("10.0.9.0/24"),
				      (struct host){ .strict = true });
	struct policy_default was, now, block = { DEFAULT_BLOCK, DEFAULT_BLOCK, DEFAULT_BLOCK };
	int r;

	(void)state;
	need_world();
	r = kernel_default_get(t.k, &was);
	if (r == -EINVAL || r == -EOPNOTSUPP)
		skip();
	assert_int_equal(r, 0);
	assert_int_equal(was.out, DEFAULT_ACCEPT);
	install(&set);
	assert_int_equal(kernel_default_set(t.k, &block), 0);
	assert_int_equal(kernel_default_get(t.k, &now), 0);
	assert_int_equal(now.in, DEFAULT_BLOCK);
	assert_int_equal(now.fwd, DEFAULT_BLOCK);
	assert_int_equal(now.out, DEFAULT_BLOCK);
	assert_false(leaves("10.0.0.1", "10.7.0.1"));
	assert_true(leaves("10.0.0.1", "10.0.9.4"));
	assert_int_equal(kernel_default_set(t.k, &was), 0);
	assert_true(leaves("10.0.0.1", "10.7.0.1"));
	policy_set_free(&set);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_address_not_known_yet_is_blocked),
		cmocka_unit_test(a_known_address_is_protected_before_it_is_blocked),
		cmocka_unit_test(what_is_not_enforced_passes),
		cmocka_unit_test(nothing_enforced_nothing_behind),
		cmocka_unit_test(what_a_host_needs_to_become_one),
		cmocka_unit_test(the_broadcast_address_of_a_local_net),
		cmocka_unit_test(a_host_that_forwards_blocks_for_itself_only),
		cmocka_unit_test(they_yield_to_everybody),
		cmocka_unit_test(all_are_known_as_ours),
		cmocka_unit_test(only_for_addresses_that_are_covered),
		cmocka_unit_test(precedence_holds_behind_too),
		cmocka_unit_test(strict_keeps_what_every_host_needs),
		TEST(the_kernel_blocks_what_it_knows_no_address_for),
		TEST(what_protects_comes_before_what_blocks),
		TEST(a_policy_of_others_in_a_backstops_place),
		TEST(the_default_policy),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
