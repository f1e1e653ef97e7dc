/* SPDX-License-Identifier: Apache-2.0 */
/* Policies beside those of another IKE daemon: before them, behind them, and alone again. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "ike/ip.h"
#include "lib/xfrm_spec.h"
#include "xfrm/beside.h"
#include "xfrm/decode.h"
#include "xfrm/encode.h"
#include "xfrm/resync.h"

#define THEIR_TRAP 371328u /* priorities of strongSwan's */
#define THEIR_PASSTHROUGH 183615u
#define THEIR_REQID 3u

struct host {
	struct spec spec;
	struct policy_set set;
};

static void setup(struct host *h, enum stance stance)
{
	struct ip local = xfrm_ip("10.0.0.1");

	h->spec = xfrm_spec(ENTRIES("10.0.0.0/16"), ENTRIES("10.0.9.0/24"));
	h->set = xfrm_build(&h->spec, &local, 1);
	beside_arrange(&h->set, stance);
}

static void teardown(struct host *h)
{
	policy_set_free(&h->set);
	xfrm_spec_free(&h->spec);
}

/* As the kernel would give them back. */
static struct policy_held read_back(const struct policy *p)
{
	uint64_t buf[ENCODE_ROOM / 8];
	struct policy_held held;

	assert_true(decode_policy(encode_policy_put(buf, p, false), &held));
	return held;
}

static const struct policy *protecting(const struct host *h, enum policy_dir dir)
{
	for (size_t i = 0; i < h->set.n; i++)
		if (h->set.p[i].kind == POLICY_PROTECT && h->set.p[i].dir == dir)
			return &h->set.p[i];
	fail();
	return NULL;
}

static struct policy_held theirs(enum policy_dir dir, enum policy_kind kind, const char *src,
				 const char *dst)
{
	return (struct policy_held){
		.policy = { .dir = dir,
			    .kind = kind,
			    .src = xfrm_subnet(src),
			    .dst = xfrm_subnet(dst),
			    .priority = kind == POLICY_PROTECT ? THEIR_TRAP : THEIR_PASSTHROUGH },
		.tmpl_reqid = kind == POLICY_PROTECT ? THEIR_REQID : 0
	};
}

/* In comes what any SA brings, and never what none does; out goes by theirs, then by ours. */
static void where_they_stand(void **state)
{
	struct host beside, ahead;

	(void)state;
	setup(&beside, STANCE_BESIDE);
	setup(&ahead, STANCE_AHEAD);
	assert_true(protecting(&beside, POLICY_OUT)->priority > THEIR_TRAP);
	assert_false(policy_is_backstop(protecting(&beside, POLICY_OUT)));
	assert_true(protecting(&beside, POLICY_IN)->priority < THEIR_PASSTHROUGH);
	assert_true(protecting(&beside, POLICY_FWD)->priority < THEIR_PASSTHROUGH);
	assert_true(protecting(&ahead, POLICY_OUT)->priority < THEIR_PASSTHROUGH);
	assert_int_equal(read_back(protecting(&ahead, POLICY_OUT)).tmpl_reqid, IKEMESH_REQID);
	assert_int_equal(read_back(protecting(&ahead, POLICY_IN)).tmpl_reqid, 0);
	assert_int_equal(read_back(protecting(&ahead, POLICY_IN)).policy.kind, POLICY_PROTECT);
	assert_false(read_back(protecting(&ahead, POLICY_IN)).policy.optional);
	teardown(&beside);
	teardown(&ahead);
}

/* What the kernel has tells a daemon that is started anew how far the one before it had come. */
static void ahead_is_known_again(void **state)
{
	static const enum stance stances[] = { STANCE_ALONE, STANCE_BESIDE, STANCE_AHEAD };

	(void)state;
	for (size_t s = 0; s < 3; s++) {
		bool ahead = false;
		struct host h;

		setup(&h, stances[s]);
		for (size_t i = 0; i < h.set.n; i++) {
			const struct policy_held held = read_back(&h.set.p[i]);

			ahead |= beside_is_ahead(&held);
		}
		assert_int_equal(ahead, stances[s] == STANCE_AHEAD);
		teardown(&h);
	}
}

/* Each is known as ours when it comes back, with the selector that it went with. */
static void there_and_back(void **state)
{
	struct host h;

	(void)state;
	setup(&h, STANCE_BESIDE);
	for (size_t i = 0; i < h.set.n; i++) {
		struct policy_held held = read_back(&h.set.p[i]);

		assert_true(held.ours);
		assert_false(held.odd);
		assert_true(policy_same_selector(&held.policy, &h.set.p[i]));
	}
	teardown(&h);
}

/* A policy of theirs with the same addresses is another one, so both are there at once. */
static void the_same_addresses_are_no_conflict(void **state)
{
	struct policy_held trap = theirs(POLICY_OUT, POLICY_PROTECT, "10.0.0.1/32", "10.0.0.0/16");
	struct resync plan;
	struct host h;

	(void)state;
	setup(&h, STANCE_ALONE);
	assert_int_equal(resync_plan(&trap, 1, &h.set, &plan), 0);
	assert_int_equal(plan.blocked, 1);
	resync_free(&plan);
	beside_arrange(&h.set, STANCE_BESIDE);
	assert_int_equal(resync_plan(&trap, 1, &h.set, &plan), 0);
	assert_int_equal(plan.blocked, 0);
	assert_int_equal(plan.n, h.set.n);
	resync_free(&plan);
	teardown(&h);
}

/* From ahead to alone: all that is wanted is there before the others go. */
static void alone_again_without_a_gap(void **state)
{
	struct policy_held held[64];
	enum resync_op last = RESYNC_ADD;
	size_t deleted = 0, added = 0;
	struct host from, to;
	struct resync plan;

	(void)state;
	setup(&from, STANCE_AHEAD);
	setup(&to, STANCE_ALONE);
	assert_true(from.set.n < 64);
	for (size_t i = 0; i < from.set.n; i++)
		held[i] = read_back(&from.set.p[i]);
	assert_int_equal(resync_plan(held, from.set.n, &to.set, &plan), 0);
	for (size_t i = 0; i < plan.n; i++) {
		assert_true(plan.step[i].op >= last);
		last = plan.step[i].op;
		added += plan.step[i].op == RESYNC_ADD;
		deleted += plan.step[i].op == RESYNC_DELETE;
	}
	assert_int_equal(added, 6); /* out, in and fwd, of what is protected and what is bypassed */
	assert_int_equal(deleted, 6);
	resync_free(&plan);
	teardown(&from);
	teardown(&to);
}

static bool needless(const struct host *h, enum policy_dir dir, enum policy_kind kind,
		     const char *src, const char *dst)
{
	struct policy_held held = theirs(dir, kind, src, dst);

	return beside_is_needless(&held, &h->set);
}

static void what_of_theirs_can_go(void **state)
{
	struct policy_held held;
	struct host h;

	(void)state;
	setup(&h, STANCE_AHEAD);
	/* the trap, and what is made for a peer */
	assert_true(needless(&h, POLICY_OUT, POLICY_PROTECT, "10.0.0.1/32", "10.0.0.0/16"));
	assert_true(needless(&h, POLICY_IN, POLICY_PROTECT, "10.0.3.4/32", "10.0.0.1/32"));
	/* the no-IPsec connections */
	assert_true(needless(&h, POLICY_OUT, POLICY_BYPASS, "0.0.0.0/0", "10.0.9.0/24"));
	assert_true(needless(&h, POLICY_IN, POLICY_BYPASS, "10.0.9.7/32", "10.0.0.1/32"));
	/* a tunnel of the same host, another address of it, what passes more than ours */
	assert_false(needless(&h, POLICY_OUT, POLICY_PROTECT, "10.8.0.1/32", "10.8.0.2/32"));
	assert_false(needless(&h, POLICY_OUT, POLICY_PROTECT, "10.0.0.2/32", "10.0.0.0/16"));
	assert_false(needless(&h, POLICY_OUT, POLICY_BYPASS, "0.0.0.0/0", "10.0.0.0/8"));
	assert_false(needless(&h, POLICY_OUT, POLICY_BLOCK, "10.0.0.1/32", "10.0.7.0/24"));
	/* a tunnel through what we protect: its packets would be in the clear, or ours */
	held = theirs(POLICY_OUT, POLICY_PROTECT, "10.0.0.1/32", "0.0.0.0/0");
	held.tunnel = true;
	assert_false(beside_is_needless(&held, &h.set));
	/* for marked packets, and ours */
	held = theirs(POLICY_OUT, POLICY_PROTECT, "10.0.0.1/32", "10.0.0.0/16");
	held.apart = true;
	assert_false(beside_is_needless(&held, &h.set));
	held = read_back(protecting(&h, POLICY_OUT));
	assert_false(beside_is_needless(&held, &h.set));
	teardown(&h);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(where_they_stand),
		cmocka_unit_test(ahead_is_known_again),
		cmocka_unit_test(there_and_back),
		cmocka_unit_test(the_same_addresses_are_no_conflict),
		cmocka_unit_test(alone_again_without_a_gap),
		cmocka_unit_test(what_of_theirs_can_go),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
