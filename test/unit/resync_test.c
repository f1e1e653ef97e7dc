/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A stand-in for the kernel's policy table carries the steps out, by the kernel's own rules: an
 * update keeps the index, a taken index is replaced in silence, a deletion goes by index.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "ike/ip.h"
#include "lib/xfrm_spec.h"
#include "xfrm/resync.h"

#define TABLE 256

struct table {
	struct policy_held p[TABLE];
	size_t n;
	uint32_t next_index;
};

static struct policy_held *by_selector(struct table *t, const struct policy *p)
{
	for (size_t i = 0; i < t->n; i++)
		if (!t->p[i].apart && policy_same_selector(&t->p[i].policy, p))
			return &t->p[i];
	return NULL;
}

static struct policy_held *by_index(struct table *t, enum policy_dir dir, uint32_t index)
{
	for (size_t i = 0; i < t->n; i++)
		if (t->p[i].policy.dir == dir && t->p[i].policy.index == index)
			return &t->p[i];
	return NULL;
}

static uint32_t table_index(struct table *t, const struct policy *p)
{
	if (p->index && !by_index(t, p->dir, p->index))
		return p->index;
	t->next_index += 8;
	return t->next_index + p->dir;
}

static struct policy_held *table_put(struct table *t, const struct policy *p)
{
	struct policy_held *old = by_selector(t, p);
	struct policy_held held = { .policy = *p };

	held.policy.index = old ? old->policy.index : table_index(t, p);
	held.tmpl_reqid = p->kind == POLICY_PROTECT ? IKEMESH_REQID : 0;
	held.ours = policy_is_ours(&held.policy, held.tmpl_reqid);
	if (!old) {
		assert_true(t->n < TABLE);
		old = &t->p[t->n++];
	}
	*old = held;
	return old;
}

static void table_step(struct table *t, const struct resync_step *s)
{
	struct policy_held *there;

	switch (s->op) {
	case RESYNC_ADD:
		assert_null(by_selector(t, &s->policy));
		assert_true(table_put(t, &s->policy)->ours);
		break;
	case RESYNC_UPDATE:
		there = by_selector(t, &s->policy);
		assert_true(there && there->ours);
		assert_true(table_put(t, &s->policy)->ours);
		break;
	case RESYNC_DELETE:
		there = by_index(t, s->policy.dir, s->policy.index);
		assert_true(there && there->ours);
		assert_true(policy_same_selector(&there->policy, &s->policy));
		*there = t->p[--t->n];
		break;
	}
}

/* What the table makes of a packet. */
static const struct policy *decide(const struct table *t, enum policy_dir dir,
				   const struct policy_flow *flow)
{
	struct policy_set set = { 0 };
	const struct policy *hit;
	size_t at;

	for (size_t i = 0; i < t->n; i++)
		assert_int_equal(policy_set_add(&set, &t->p[i].policy), 0);
	hit = policy_lookup(&set, dir, flow);
	at = hit ? (size_t)(hit - set.p) : 0;
	policy_set_free(&set);
	return hit ? &t->p[at].policy : NULL;
}

/* Plans and carries out; returns how many steps it took. */
static size_t sync_table(struct table *t, const struct policy_set *wanted, size_t *blocked)
{
	struct resync plan;
	size_t n;

	assert_int_equal(resync_plan(t->p, t->n, wanted, &plan), 0);
	for (size_t i = 0; i < plan.n; i++)
		table_step(t, &plan.step[i]);
	n = plan.n;
	if (blocked)
		*blocked = plan.blocked;
	resync_free(&plan);
	return n;
}

static struct policy_set wanted_of(const char *const *protect, const char *const *bypass)
{
	struct spec spec = xfrm_spec(protect, bypass);
	struct ip locals[] = { xfrm_ip("10.0.0.1"), xfrm_ip("10.0.0.2") };
	struct policy_set set = xfrm_build(&spec, locals, 2);

	xfrm_spec_free(&spec);
	return set;
}

static void assert_holds(struct table *t, const struct policy_set *wanted)
{
	size_t ours = 0;

	for (size_t i = 0; i < t->n; i++)
		ours += t->p[i].ours;
	assert_int_equal(ours, wanted->n);
	for (size_t i = 0; i < wanted->n; i++) {
		const struct policy_held *h = by_selector(t, &wanted->p[i]);

		assert_non_null(h);
		assert_int_equal(h->policy.kind, wanted->p[i].kind);
		assert_int_equal(h->policy.optional, wanted->p[i].optional);
		assert_int_equal(h->policy.priority, wanted->p[i].priority);
	}
}

static void from_nothing_and_back(void **state)
{
	struct policy_set wanted = wanted_of(ENTRIES("10.0.0.0/20"), ENTRIES("10.0.0.9/32"));
	struct policy_set none = { 0 };
	struct table t = { 0 };

	(void)state;
	assert_int_equal(sync_table(&t, &wanted, NULL), wanted.n);
	assert_holds(&t, &wanted);
	assert_int_equal(sync_table(&t, &wanted, NULL), 0); /* nothing left to do */
	assert_int_equal(sync_table(&t, &none, NULL), wanted.n);
	assert_int_equal(t.n, 0);
	policy_set_free(&wanted);
}

static void optional_is_flipped_in_place(void **state)
{
	struct policy_set enforced = wanted_of(ENTRIES("10.0.0.0/20"), ENTRIES());
	struct policy_set optional = wanted_of(ENTRIES("10.0.0.0/20?"), ENTRIES());
	struct table t = { 0 };
	struct resync plan;

	(void)state;
	sync_table(&t, &enforced, NULL);
	assert_int_equal(resync_plan(t.p, t.n, &optional, &plan), 0);
	assert_int_equal(plan.n, 6); /* two addresses, three directions */
	for (size_t i = 0; i < plan.n; i++)
		assert_int_equal(plan.step[i].op, RESYNC_UPDATE);
	resync_free(&plan);
	policy_set_free(&enforced);
	policy_set_free(&optional);
}

static void others_stay(void **state)
{
	struct policy_set wanted = wanted_of(ENTRIES("10.0.0.0/20"), ENTRIES());
	struct policy_set none = { 0 };
	struct policy foreign = { .dir = POLICY_OUT,
				  .kind = POLICY_PROTECT,
				  .src = xfrm_subnet("10.0.0.1/32"),
				  .dst = xfrm_subnet("10.0.0.0/20"),
				  .priority = 1 };
	struct table t = { 0 };
	struct policy_held kept;
	size_t blocked;

	(void)state;
	table_put(&t, &foreign);
	t.p[0].ours = false;
	t.p[0].tmpl_reqid = 7;
	kept = t.p[0];
	/* one with our very selector: it stays, ours does not come, and we are told */
	sync_table(&t, &wanted, &blocked);
	assert_int_equal(blocked, 1);
	assert_int_equal(t.n, wanted.n);
	assert_memory_equal(&t.p[0], &kept, sizeof(kept));
	sync_table(&t, &none, NULL);
	assert_int_equal(t.n, 1);
	assert_memory_equal(&t.p[0], &kept, sizeof(kept));

	/* one with a mark stands elsewhere, and is in nobody's way */
	t.p[0].apart = true;
	sync_table(&t, &wanted, &blocked);
	assert_int_equal(blocked, 0);
	assert_int_equal(t.n, wanted.n + 1);
	policy_set_free(&wanted);
}

static void an_odd_one_is_put_right(void **state)
{
	struct policy_set wanted = wanted_of(ENTRIES("10.0.0.0/20"), ENTRIES());
	struct table t = { 0 };

	(void)state;
	sync_table(&t, &wanted, NULL);
	t.p[8].odd = true; /* somebody changed the template of it */
	assert_int_equal(sync_table(&t, &wanted, NULL), 1);
	policy_set_free(&wanted);
}

static void indices_in_use_are_passed_over(void **state)
{
	struct policy_set wanted = wanted_of(ENTRIES("10.0.0.0/20"), ENTRIES("10.0.0.9/32"));
	struct policy squatter = { .dir = POLICY_OUT,
				   .kind = POLICY_BYPASS,
				   .src = xfrm_subnet("192.0.2.1/32"),
				   .dst = xfrm_subnet("192.0.2.2/32"),
				   .index = IKEMESH_POLICY_INDEX + 1 };
	struct table t = { 0 };

	(void)state;
	assert_false(table_put(&t, &squatter)->ours); /* not in our band */
	sync_table(&t, &wanted, NULL);
	assert_holds(&t, &wanted);
	policy_set_free(&wanted);
}

static void a_protected_subnet_becomes_a_bypass_and_back(void **state)
{
	struct policy_set a = wanted_of(ENTRIES("10.0.0.0/20", "10.1.0.0/20"), ENTRIES());
	struct policy_set b = wanted_of(ENTRIES("10.1.0.0/20"), ENTRIES("10.0.0.0/20"));
	struct table t = { 0 };

	(void)state;
	sync_table(&t, &a, NULL);
	sync_table(&t, &b, NULL);
	assert_holds(&t, &b);
	sync_table(&t, &a, NULL);
	assert_holds(&t, &a);
	policy_set_free(&a);
	policy_set_free(&b);
}

/* What is protected before and after is never in the clear, and what is bypassed never caught. */
static void no_gap_at_any_step(void **state)
{
	struct policy_set a = wanted_of(ENTRIES("10.0.0.0/20"), ENTRIES("10.0.0.9/32"));
	struct policy_set b = wanted_of(ENTRIES("10.0.0.0/16?", "10.0.0.0/19"),
					ENTRIES("10.0.0.8/29", "10.0.31.0/24"));
	struct policy_flow guarded = xfrm_flow("10.0.0.1", "10.0.1.1", 6, 1, 2);
	struct policy_flow free_one = xfrm_flow("10.0.0.1", "10.0.0.9", 6, 1, 2);
	const struct policy_set *ways[][2] = { { &a, &b }, { &b, &a } };

	(void)state;
	for (size_t w = 0; w < 2; w++) {
		struct table t = { 0 };
		struct resync plan;

		sync_table(&t, ways[w][0], NULL);
		assert_int_equal(resync_plan(t.p, t.n, ways[w][1], &plan), 0);
		for (size_t i = 0; i < plan.n; i++) {
			const struct policy *p;

			table_step(&t, &plan.step[i]);
			p = decide(&t, POLICY_OUT, &guarded);
			assert_true(p && p->kind == POLICY_PROTECT && !p->optional);
			p = decide(&t, POLICY_OUT, &free_one);
			assert_true(p && p->kind == POLICY_BYPASS);
		}
		resync_free(&plan);
		assert_holds(&t, ways[w][1]);
	}
	policy_set_free(&a);
	policy_set_free(&b);
}

/* At the start and at the end the bypassed are never caught either. */
static void bypasses_come_first_and_go_last(void **state)
{
	struct policy_set set = wanted_of(ENTRIES("10.0.0.0/20"), ENTRIES("10.0.0.9/32"));
	struct policy_set none = { 0 };
	struct policy_flow free_one = xfrm_flow("10.0.0.9", "10.0.0.2", 6, 1, 2);
	const struct policy_set *targets[] = { &set, &none };
	struct table t = { 0 };

	(void)state;
	for (size_t k = 0; k < 2; k++) {
		struct resync plan;

		assert_int_equal(resync_plan(t.p, t.n, targets[k], &plan), 0);
		for (size_t i = 0; i < plan.n; i++) {
			const struct policy *p;

			table_step(&t, &plan.step[i]);
			p = decide(&t, POLICY_IN, &free_one);
			assert_true(!p || p->kind == POLICY_BYPASS);
		}
		resync_free(&plan);
	}
	policy_set_free(&set);
}

/* Any configuration after any other, with neighbours: it always ends as wanted, in one pass. */
static void any_after_any(void **state)
{
	static const char *const nets[] = { "10.0.0.0/20", "10.0.0.0/20?", "10.0.16.0/20",
					    "10.0.0.9/32", "10.0.0.0/8",   "10.0.0.9/32 udp/53",
					    "0.0.0.0/0",   "10.9.0.0/16" };
	uint32_t seed = 12345;
	struct table t = { 0 };
	struct policy foreign = { .dir = POLICY_IN,
				  .kind = POLICY_BLOCK,
				  .src = xfrm_subnet("10.77.0.0/16"),
				  .dst = xfrm_subnet("10.0.0.1/32") };

	(void)state;
	table_put(&t, &foreign);
	for (unsigned round = 0; round < 500; round++) {
		const char *protect[9] = { 0 }, *bypass[9] = { 0 };
		size_t np = 0, nb = 0;
		struct policy_set wanted;

		for (size_t i = 0; i < 8; i++) {
			seed = seed * 1103515245 + 12345;
			if (seed >> 16 & 1)
				protect[np++] = nets[i];
			if (seed >> 18 & 1 && seed >> 19 & 1)
				bypass[nb++] = nets[i];
		}
		wanted = wanted_of(protect, bypass);
		sync_table(&t, &wanted, NULL);
		assert_holds(&t, &wanted);
		assert_int_equal(sync_table(&t, &wanted, NULL), 0);
		assert_false(by_selector(&t, &foreign)->ours);
		policy_set_free(&wanted);
	}
}

static struct subnet_spec random_entry(uint32_t *seed)
{
	static const uint8_t prefixes[] = { 8, 16, 20, 24, 28, 32 };
	struct subnet_spec e = { 0 };
	uint32_t bits;

	*seed = *seed * 1103515245 + 12345;
	bits = *seed >> 16;
	e.net = xfrm_subnet(bits & 1 ? "10.8.0.0/32" : "10.8.16.0/32");
	e.net.prefix = prefixes[bits / 2 % 6];
	e.net.ip.b[2] &= e.net.prefix < 20 ? 0 : 0xff;
	e.net.ip.b[1] &= e.net.prefix < 16 ? 0 : 0xff;
	return e;
}

static enum ruling decided(const struct table *t, const char *peer)
{
	struct policy_flow f = xfrm_flow("10.0.0.1", peer, 6, 1, 2);
	const struct policy *p = decide(t, POLICY_OUT, &f);

	return p && p->kind == POLICY_PROTECT ? RULING_ENFORCED : RULING_NONE;
}

/*
 * Lists and precedence may all change at once: what is protected before and after is never in the
 * clear on the way.
 */
static void precedence_changes_without_a_leak(void **state)
{
	static const char *const peers[] = { "10.8.0.0",  "10.8.0.1",	 "10.8.1.0",  "10.8.16.0",
					     "10.8.16.9", "10.8.31.255", "10.8.99.1", "10.9.0.1" };
	enum {
		N_PEERS = sizeof(peers) / sizeof(peers[0]),
	};
	struct ip local = xfrm_ip("10.0.0.1");
	enum ruling before[N_PEERS], after[N_PEERS];
	struct table t = { 0 };
	uint32_t seed = 7;

	(void)state;
	for (unsigned round = 0; round < 3000; round++) {
		struct subnet_spec protect[3], bypass[3];
		struct spec s = { .protect = protect,
				  .n_protect = 3,
				  .bypass = bypass,
				  .n_bypass = 3,
				  .precedence =
					  round % 3 ? PRECEDENCE_LONGEST : PRECEDENCE_BYPASS };
		struct policy_set wanted;
		struct resync plan;

		for (size_t i = 0; i < 3; i++) {
			protect[i] = random_entry(&seed);
			bypass[i] = random_entry(&seed);
		}
		wanted = xfrm_build(&s, &local, 1);
		for (size_t i = 0; i < N_PEERS; i++) {
			struct ip peer = xfrm_ip(peers[i]);

			before[i] = decided(&t, peers[i]);
			after[i] = spec_ruling(&s, &peer, NULL);
		}
		assert_int_equal(resync_plan(t.p, t.n, &wanted, &plan), 0);
		for (size_t k = 0; k < plan.n; k++) {
			table_step(&t, &plan.step[k]);
			for (size_t i = 0; i < N_PEERS; i++)
				if (before[i] == RULING_ENFORCED && after[i] == RULING_ENFORCED)
					assert_int_equal(decided(&t, peers[i]), RULING_ENFORCED);
		}
		resync_free(&plan);
		assert_holds(&t, &wanted);
		policy_set_free(&wanted);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(from_nothing_and_back),
		cmocka_unit_test(optional_is_flipped_in_place),
		cmocka_unit_test(others_stay),
		cmocka_unit_test(an_odd_one_is_put_right),
		cmocka_unit_test(indices_in_use_are_passed_over),
		cmocka_unit_test(a_protected_subnet_becomes_a_bypass_and_back),
		cmocka_unit_test(no_gap_at_any_step),
		cmocka_unit_test(bypasses_come_first_and_go_last),
		cmocka_unit_test(any_after_any),
		cmocka_unit_test(precedence_changes_without_a_leak),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
