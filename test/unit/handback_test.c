/* SPDX-License-Identifier: Apache-2.0 */
/* Whom another IKE daemon is asked to have SAs with before ours go, and when it has them. */
#include "cmd/ikectl/handback.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "lib/xfrm_spec.h"
#include "xfrm/beside.h"

#define TRAP_REQID 3

struct host {
	struct spec spec;
	struct policy_set set;
	struct policy_held held[128];
	struct handback h;
};

static void add(struct host *host, const struct policy_held *held)
{
	assert_true(host->h.n_policies < 128);
	host->held[host->h.n_policies++] = *held;
	host->h.policies = host->held;
}

static void setup(struct host *host, enum stance stance)
{
	const struct ip local = xfrm_ip("10.0.0.1");

	*host = (struct host){ 0 };
	host->spec = xfrm_spec(ENTRIES("10.0.0.0/16", "10.5.0.0/16"), ENTRIES("10.0.9.0/24"));
	host->set = xfrm_build(&host->spec, &local, 1);
	beside_arrange(&host->set, stance);
	for (size_t i = 0; i < host->set.n; i++)
		add(host, &(struct policy_held){ .policy = host->set.p[i], .ours = true });
}

static void teardown(struct host *host)
{
	free(host->h.peers);
	policy_set_free(&host->set);
	xfrm_spec_free(&host->spec);
}

static struct policy_held trap(const char *dst, uint32_t priority, uint32_t reqid)
{
	return (struct policy_held){ .policy = { .dir = POLICY_OUT,
						 .kind = POLICY_PROTECT,
						 .src = xfrm_subnet("10.0.0.1/32"),
						 .dst = xfrm_subnet(dst),
						 .priority = priority },
				     .tmpl_reqid = reqid };
}

static struct sa_held sa(const char *src, const char *dst)
{
	return (struct sa_held){ .ref = { .src = xfrm_ip(src), .dst = xfrm_ip(dst), .spi = 1 },
				 .transport = true };
}

static void ours(struct host *host, const char *remote)
{
	const struct sa_held out = sa("10.0.0.1", remote), in = sa(remote, "10.0.0.1");

	assert_int_equal(handback_ours(&host->h, &in), 0);
	assert_int_equal(handback_ours(&host->h, &out), 0);
	assert_int_equal(handback_ours(&host->h, &out), 0); /* a rekey: two at once */
}

static void test_nobody_is_there(void **state)
{
	struct host host;

	(void)state;
	setup(&host, STANCE_AHEAD);
	ours(&host, "10.0.3.4");
	assert_int_equal(host.h.n_peers, 0);
	assert_true(handback_is_released(&host.h));
	teardown(&host);
	setup(&host, STANCE_ALONE);
	assert_false(handback_is_released(&host.h));
	teardown(&host);
}

/* Each peer of ours once, with the reqid of the trap that the other daemon has for it. */
static void test_who_is_asked_for(void **state)
{
	struct policy_held tunnel, marked;
	struct policy_held wide = trap("10.0.0.0/16", 371328, TRAP_REQID);
	struct policy_held near = trap("10.0.3.0/24", 369000, TRAP_REQID + 1);
	struct policy_held met = trap("10.0.7.7/32", 367231, TRAP_REQID + 2);
	struct host host;

	(void)state;
	setup(&host, STANCE_AHEAD);
	tunnel = trap("10.5.0.0/16", 100, 7);
	tunnel.tunnel = true;
	marked = trap("10.5.0.0/16", 100, 8);
	marked.apart = true;
	add(&host, &wide);
	add(&host, &near);
	add(&host, &met);
	add(&host, &tunnel);
	add(&host, &marked);
	ours(&host, "10.0.7.7");
	ours(&host, "10.0.3.4");
	ours(&host, "10.5.0.9"); /* ours alone: no trap that would do */
	assert_int_equal(host.h.n_peers, 2);
	assert_int_equal(host.h.peers[0].reqid, TRAP_REQID);
	assert_int_equal(host.h.peers[1].reqid, TRAP_REQID + 1);
	for (size_t i = 0; i < host.h.n_policies; i++) {
		const struct policy_held *p = &host.held[i];
		const bool concerned = p->ours && p->policy.dir == POLICY_OUT &&
				       p->policy.kind == POLICY_PROTECT &&
				       p->policy.dst.ip.b[1] == 0;

		/* between what is made for a peer and the trap */
		if (p->ours)
			assert_int_equal(handback_priority(&host.h, &p->policy),
					 concerned ? 368999 : 0);
	}
	assert_int_equal(host.h.peers[1].local.b[3], 1);
	assert_int_equal(host.h.peers[1].remote.b[3], 4);
	teardown(&host);
}

/* Both ways, with keys, and for transport: before that it has none. */
static void test_when_it_has_them(void **state)
{
	struct policy_held wide = trap("10.0.0.0/16", 371328, TRAP_REQID);
	struct sa_held out = sa("10.0.0.1", "10.0.7.7"), in = sa("10.0.7.7", "10.0.0.1");
	struct host host;

	(void)state;
	setup(&host, STANCE_AHEAD);
	add(&host, &wide);
	ours(&host, "10.0.7.7");
	handback_count(&host.h);
	assert_int_equal(host.h.n_missing, 1);
	out.larval = true;
	handback_theirs(&host.h, &out);
	handback_theirs(&host.h, &in);
	handback_count(&host.h);
	assert_int_equal(host.h.n_missing, 1);
	out.larval = false;
	out.transport = false;
	handback_theirs(&host.h, &out);
	handback_count(&host.h);
	assert_int_equal(host.h.n_missing, 1);
	out.transport = true;
	handback_theirs(&host.h, &out);
	handback_count(&host.h);
	assert_int_equal(host.h.n_missing, 0);
	teardown(&host);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_nobody_is_there),
		cmocka_unit_test(test_who_is_asked_for),
		cmocka_unit_test(test_when_it_has_them),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
