/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A takeover, phase by phase, with what fails in each, and with a daemon that ends in the middle:
 * the next one has what the kernel has, and the SAs that were handed over. Kernel, core and clock
 * are made up here.
 */
#include "cmd/ikemeshd/clock.h"
#include "cmd/ikemeshd/daemon.h"
#include "cmd/ikemeshd/takeover.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "lib/xfrm_spec.h"

#define PEERS 3
#define LOOK_US INT64_C(250000)
#define SECOND INT64_C(1000000)
#define ALL_LIFE 1000 /* of a daemon, in calls that change the kernel */

struct left_sa {
	struct sa_held held;
	bool gone;
};

struct left_policy {
	struct policy_held held;
	bool gone;
};

static struct world {
	struct mono now;
	struct ip local;
	struct spec spec;
	struct config config;
	struct log *log;

	/* The kernel. */
	struct policy_set ours;
	struct left_sa sas[2 * PEERS + 1];
	struct left_policy policies[6];
	int dump_error, sync_error;

	/* The core. */
	bool up[PEERS]; /* a CHILD_SA with that peer */
	unsigned asked[PEERS];

	int life; /* so many changes are made yet, then the daemon is no more */
	bool was_beside, was_ahead, was_alone;
} w;

static struct ip peer(unsigned i)
{
	return ip_v4(10, 0, 0, (uint8_t)(i + 2));
}

static bool dies(void)
{
	return w.life-- <= 0;
}

/* ---- kernel, core and clock ------------------------------------------------------------------ */

struct mono __wrap_clock_now(void);
struct mono __wrap_clock_now(void)
{
	return w.now;
}

const struct ip *__wrap_addresses_list(const struct addresses *a, size_t *n);
const struct ip *__wrap_addresses_list(const struct addresses *a, size_t *n)
{
	(void)a;
	*n = 1;
	return &w.local;
}

int __wrap_policies_sync(struct policies *p, const struct spec *spec);
int __wrap_policies_sync(struct policies *p, const struct spec *spec)
{
	if (dies())
		return 0;
	policy_set_free(&p->wanted);
	p->wanted = xfrm_build(spec, &w.local, 1);
	beside_arrange(&p->wanted, p->stance);
	w.was_beside |= p->stance == STANCE_BESIDE;
	w.was_ahead |= p->stance == STANCE_AHEAD;
	w.was_alone |= p->stance == STANCE_ALONE;
	if (w.sync_error != 0)
		return w.sync_error;
	policy_set_free(&w.ours);
	w.ours = xfrm_build(spec, &w.local, 1);
	beside_arrange(&w.ours, p->stance);
	return 0;
}

int __wrap_kernel_policy_dump(struct kernel *k, int (*each)(const struct policy_held *, void *),
			      void *arg);
int __wrap_kernel_policy_dump(struct kernel *k, int (*each)(const struct policy_held *, void *),
			      void *arg)
{
	(void)k;
	for (size_t i = 0; i < w.ours.n; i++) {
		const struct policy_held held = { .policy = w.ours.p[i], .ours = true };

		assert_int_equal(each(&held, arg), 0);
	}
	for (size_t i = 0; i < sizeof(w.policies) / sizeof(w.policies[0]); i++)
		if (!w.policies[i].gone)
			assert_int_equal(each(&w.policies[i].held, arg), 0);
	return 0;
}

int __wrap_kernel_policy_delete_other(struct kernel *k, const struct policy_held *held);
int __wrap_kernel_policy_delete_other(struct kernel *k, const struct policy_held *held)
{
	(void)k;
	if (dies())
		return 0;
	for (size_t i = 0; i < sizeof(w.policies) / sizeof(w.policies[0]); i++)
		if (memcmp(&w.policies[i].held, held, sizeof(*held)) == 0)
			w.policies[i].gone = true;
	return 0;
}

int __wrap_kernel_sa_dump_others(struct kernel *k, int (*each)(const struct sa_held *, void *),
				 void *arg);
int __wrap_kernel_sa_dump_others(struct kernel *k, int (*each)(const struct sa_held *, void *),
				 void *arg)
{
	(void)k;
	if (w.dump_error != 0)
		return w.dump_error;
	for (size_t i = 0; i < sizeof(w.sas) / sizeof(w.sas[0]); i++)
		if (!w.sas[i].gone)
			assert_int_equal(each(&w.sas[i].held, arg), 0);
	return 0;
}

int __wrap_kernel_sa_delete(struct kernel *k, const struct sa_ref *ref);
int __wrap_kernel_sa_delete(struct kernel *k, const struct sa_ref *ref)
{
	(void)k;
	if (dies())
		return 0;
	for (size_t i = 0; i < sizeof(w.sas) / sizeof(w.sas[0]); i++)
		w.sas[i].gone |= w.sas[i].held.ref.spi == ref->spi;
	return 0;
}

void __wrap_engine_status(const struct engine *e, const struct status_visitor *v);
void __wrap_engine_status(const struct engine *e, const struct status_visitor *v)
{
	(void)e;
	for (unsigned i = 0; i < PEERS; i++) {
		const struct status_child c = { .local = w.local,
						.remote = peer(i),
						.state = w.up[i] ? CHILD_INSTALLED
								 : CHILD_INSTALLING };

		v->child(v->arg, &c);
	}
}

void __wrap_daemon_feed(struct daemon *d, const struct event *event);
void __wrap_daemon_feed(struct daemon *d, const struct event *event)
{
	(void)d;
	assert_int_equal(event->kind, EVENT_COMMAND);
	assert_int_equal(event->command.command, COMMAND_JOIN);
	assert_true(ip_equal(&event->command.local, &w.local));
	for (unsigned i = 0; i < PEERS; i++) {
		const struct ip remote = peer(i);

		w.asked[i] += ip_equal(&event->command.remote, &remote);
	}
}

/* ---- what strongSwan left -------------------------------------------------------------------- */

static void leave_policy(size_t at, enum policy_dir dir, enum policy_kind kind, const char *src,
			 const char *dst)
{
	w.policies[at].held = (struct policy_held){
		.policy = { .dir = dir,
			    .kind = kind,
			    .src = xfrm_subnet(src),
			    .dst = xfrm_subnet(dst),
			    .priority = 371328 },
		.tmpl_reqid = kind == POLICY_PROTECT ? 1 : 0,
	};
}

/* The fifth is for what we do not protect, the sixth a tunnel; the last SA is that one's. */
static void leave_behind(void)
{
	leave_policy(0, POLICY_OUT, POLICY_BYPASS, "0.0.0.0/0", "10.0.9.0/24");
	leave_policy(1, POLICY_OUT, POLICY_PROTECT, "10.0.0.1/32", "10.0.0.0/16");
	leave_policy(2, POLICY_IN, POLICY_PROTECT, "10.0.0.0/16", "10.0.0.1/32");
	leave_policy(3, POLICY_IN, POLICY_BYPASS, "10.0.9.0/24", "0.0.0.0/0");
	leave_policy(4, POLICY_OUT, POLICY_PROTECT, "10.8.0.1/32", "10.8.0.0/16");
	leave_policy(5, POLICY_OUT, POLICY_PROTECT, "10.0.0.1/32", "10.0.0.0/16");
	w.policies[5].held.tunnel = true;
	for (unsigned i = 0; i < PEERS; i++) {
		w.sas[2 * i].held = (struct sa_held){
			.ref = { .src = peer(i), .dst = w.local, .spi = 2 * i + 1 },
			.transport = true
		};
		w.sas[2 * i + 1].held = (struct sa_held){
			.ref = { .src = w.local, .dst = peer(i), .spi = 2 * i + 2 },
			.transport = true
		};
	}
	w.sas[2 * PEERS].held =
		(struct sa_held){ .ref = { .src = peer(0), .dst = w.local, .spi = 99 },
				  .transport = false };
}

static bool cleared(void)
{
	bool all = true;

	for (unsigned i = 0; i < 2 * PEERS; i++)
		all &= w.sas[i].gone;
	for (unsigned i = 0; i < 4; i++)
		all &= w.policies[i].gone;
	/* never what is not ours to replace */
	assert_false(w.sas[2 * PEERS].gone || w.policies[4].gone || w.policies[5].gone);
	return all;
}

static int set_up(void **state)
{
	(void)state;
	memset(&w, 0, sizeof(w));
	w.now.us = 1000 * SECOND;
	w.local = xfrm_ip("10.0.0.1");
	w.spec = xfrm_spec(ENTRIES("10.0.0.0/16"), ENTRIES("10.0.9.0/24"));
	w.config = (struct config){ .spec = w.spec, .takeover = true };
	w.life = ALL_LIFE;
	leave_behind();
	return log_open(LOG_TO_FILE, "/dev/null", REPORT_ERROR, &w.log) == 0 ||
			       log_open(LOG_TO_STDERR, NULL, REPORT_ERROR, &w.log) == 0
		       ? 0
		       : -1;
}

static int tear_down(void **state)
{
	(void)state;
	log_close(w.log);
	policy_set_free(&w.ours);
	xfrm_spec_free(&w.spec);
	return 0;
}

/* ---- a daemon -------------------------------------------------------------------------------- */

static void begin(struct daemon *d, int error)
{
	*d = (struct daemon){ .config = &w.config,
			      .log = w.log,
			      .takeover = { .look_at = MONO_NEVER } };
	w.was_beside = w.was_ahead = w.was_alone = false;
	w.life = ALL_LIFE;
	assert_int_equal(takeover_begin(d), error);
}

static void end(struct daemon *d)
{
	takeover_free(&d->takeover);
	policy_set_free(&d->policies.wanted);
}

/* So long it looks; those who talk send on the SAs that were left. */
static void let(struct daemon *d, int64_t us, bool talks0, bool talks1, bool talks2)
{
	const bool talks[PEERS] = { talks0, talks1, talks2 };

	for (; us > 0; us -= LOOK_US) {
		takeover_tick(d, w.now);
		w.now.us += LOOK_US;
		for (unsigned i = 0; i < PEERS; i++)
			w.sas[2 * i].held.counters.packets += talks[i];
	}
}

static void up(bool up0, bool up1, bool up2)
{
	w.up[0] = up0;
	w.up[1] = up1;
	w.up[2] = up2;
}

static void assert_told(const struct daemon *d, int done, size_t missing)
{
	json_t *j = takeover_json(&d->takeover);

	if (done < 0) {
		assert_true(json_is_null(j));
	} else {
		assert_int_equal(json_is_true(json_object_get(j, "done")), done);
		assert_int_equal(json_array_size(json_object_get(j, "missing")), missing);
		assert_int_equal(json_integer_value(json_object_get(j, "peers")), PEERS);
	}
	json_decref(j);
}

/* ---- the phases ------------------------------------------------------------------------------ */

static void test_all_the_way(void **state)
{
	struct daemon d;

	(void)state;
	begin(&d, 0);
	let(&d, SECOND, true, true, true);
	assert_int_equal(d.takeover.stance, STANCE_BESIDE);
	assert_true(w.asked[0] == 1 && w.asked[1] == 1 && w.asked[2] == 1);
	assert_told(&d, false, PEERS);

	up(true, true, false);
	let(&d, 20 * SECOND, true, true, true);
	assert_int_equal(d.takeover.stance, STANCE_BESIDE); /* it talks: it is waited for */
	assert_int_equal(w.asked[0], 1);
	assert_in_range(w.asked[2], 6, 8);
	assert_told(&d, false, 1);

	up(true, true, true);
	let(&d, LOOK_US, true, true, true);
	assert_int_equal(d.takeover.stance, STANCE_AHEAD);
	assert_told(&d, true, 0);
	let(&d, 5 * SECOND, false, true, false);
	assert_int_equal(d.takeover.stance, STANCE_AHEAD); /* what one still sends is taken */
	assert_false(w.sas[2].gone);
	let(&d, 3 * SECOND, false, false, false);
	assert_int_equal(d.takeover.stance, STANCE_ALONE);
	assert_int_equal(d.policies.stance, STANCE_ALONE);
	assert_true(cleared());
	assert_told(&d, -1, 0);
	assert_int_equal(takeover_deadline(&d.takeover).us, MONO_NEVER.us);
	end(&d);
}

static void test_without_the_key_and_without_others(void **state)
{
	struct daemon d;

	(void)state;
	w.config.takeover = false;
	begin(&d, 0);
	assert_true(w.was_alone && !w.was_beside);
	end(&d);
	w.config.takeover = true;
	for (unsigned i = 0; i < 4; i++)
		w.policies[i].gone = true;
	begin(&d, 0);
	assert_int_equal(d.takeover.stance, STANCE_ALONE);
	assert_int_equal(takeover_deadline(&d.takeover).us, MONO_NEVER.us);
	end(&d);
}

/* Of peers that are gone the SAs are left, too. Whom it is talking with goes over all the same. */
static void test_silent_ones_are_left_after_a_time(void **state)
{
	struct daemon d;

	(void)state;
	begin(&d, 0);
	up(true, true, false);
	let(&d, TAKEOVER_PATIENCE_US - SECOND, true, true, false);
	assert_int_equal(d.takeover.stance, STANCE_BESIDE);
	let(&d, 2 * SECOND, true, true, false);
	assert_int_equal(d.takeover.stance, STANCE_AHEAD);
	end(&d);
}

/* What was left for a peer that talks and cannot come up runs out in the end. */
static void test_until_it_expires(void **state)
{
	struct daemon d;

	(void)state;
	begin(&d, 0);
	up(true, true, false);
	let(&d, 60 * SECOND, true, true, true);
	assert_int_equal(d.takeover.stance, STANCE_BESIDE);
	w.sas[4].gone = w.sas[5].gone = true;
	let(&d, LOOK_US, true, true, false);
	assert_int_equal(d.takeover.stance, STANCE_AHEAD);
	end(&d);
}

/* Ahead it is not for ever, whatever comes on the old SAs. */
static void test_who_never_stops(void **state)
{
	struct daemon d;

	(void)state;
	begin(&d, 0);
	up(true, true, true);
	let(&d, LOOK_US, true, true, true);
	assert_int_equal(d.takeover.stance, STANCE_AHEAD);
	let(&d, TAKEOVER_PATIENCE_US - SECOND, true, true, true);
	assert_int_equal(d.takeover.stance, STANCE_AHEAD);
	let(&d, 2 * SECOND, true, true, true);
	assert_int_equal(d.takeover.stance, STANCE_ALONE);
	assert_true(cleared());
	end(&d);
}

/* Nothing is decided by what could not be seen; policies that the kernel refuses are told. */
static void test_the_kernel_fails(void **state)
{
	struct daemon d;

	(void)state;
	begin(&d, 0);
	up(true, true, true);
	w.dump_error = -ENOBUFS;
	let(&d, 30 * SECOND, true, true, true);
	assert_int_equal(d.takeover.stance, STANCE_BESIDE);
	w.dump_error = 0;
	let(&d, LOOK_US, true, true, true);
	assert_int_equal(d.takeover.stance, STANCE_AHEAD);
	w.dump_error = -ENOBUFS;
	let(&d, 30 * SECOND, false, false, false);
	assert_int_equal(d.takeover.stance, STANCE_AHEAD);
	w.dump_error = 0;
	let(&d, 3 * SECOND, false, false, false);
	assert_int_equal(d.takeover.stance, STANCE_ALONE);
	end(&d);
	leave_behind();
	for (unsigned i = 0; i < 4; i++)
		w.policies[i].gone = false;
	w.sync_error = -EPERM;
	begin(&d, -EPERM);
	end(&d);
}

/* ---- a daemon ends, and another begins ------------------------------------------------------- */

/* Beside: those who are up with the SAs handed over are asked no more. */
static void test_restart_beside(void **state)
{
	struct daemon d;

	(void)state;
	begin(&d, 0);
	up(true, false, false);
	let(&d, SECOND, true, true, true);
	end(&d);
	memset(w.asked, 0, sizeof(w.asked));
	begin(&d, 0);
	assert_int_equal(d.takeover.stance, STANCE_BESIDE);
	let(&d, SECOND, true, true, true);
	assert_true(w.asked[0] == 0 && w.asked[1] == 1 && w.asked[2] == 1);
	up(true, true, true);
	let(&d, LOOK_US, true, true, true);
	assert_int_equal(d.takeover.stance, STANCE_AHEAD);
	end(&d);
}

static void come_ahead(struct daemon *d)
{
	begin(d, 0);
	up(true, true, false); /* the third one is silent, and given up */
	let(d, TAKEOVER_PATIENCE_US + SECOND, true, true, false);
	assert_int_equal(d->takeover.stance, STANCE_AHEAD);
}

/* Ahead: packets go by our SAs, and never again by those that peers may have dropped since. */
static void test_restart_ahead(void **state)
{
	struct daemon d;

	(void)state;
	come_ahead(&d);
	end(&d);
	begin(&d, 0);
	assert_int_equal(d.takeover.stance, STANCE_AHEAD);
	assert_false(w.was_beside || w.was_alone);
	let(&d, SECOND, false, true, false);
	assert_int_equal(d.takeover.stance, STANCE_AHEAD);
	let(&d, 4 * SECOND, false, false, false);
	assert_true(cleared());
	assert_false(w.was_beside);
	end(&d);
}

/* The same without what should have been handed over: the old SAs are all there is. */
static void test_restart_ahead_without_sas(void **state)
{
	struct daemon d;

	(void)state;
	come_ahead(&d);
	end(&d);
	up(false, false, false);
	begin(&d, 0);
	assert_int_equal(d.takeover.stance, STANCE_BESIDE);
	assert_false(w.was_ahead || w.was_alone);
	let(&d, SECOND, true, true, false);
	assert_int_equal(d.takeover.stance, STANCE_BESIDE);
	end(&d);
}

/* It is killed at each single step of its end: the next one comes to the end, and leaves nothing.
 */
static void test_killed_while_removing(void **state)
{
	int steps = 0;
	bool killed;

	(void)state;
	do {
		struct daemon d;

		policy_set_free(&w.ours);
		for (size_t i = 0; i < sizeof(w.sas) / sizeof(w.sas[0]); i++)
			w.sas[i].gone = false;
		for (size_t i = 0; i < sizeof(w.policies) / sizeof(w.policies[0]); i++)
			w.policies[i].gone = false;
		come_ahead(&d);
		w.life = steps;
		let(&d, 3 * SECOND, false, false, false);
		killed = w.life < 0;
		end(&d);
		begin(&d, 0);
		let(&d, 4 * SECOND, false, false, false);
		assert_int_equal(d.takeover.stance, STANCE_ALONE);
		assert_true(cleared());
		for (size_t i = 0; i < w.ours.n; i++)
			assert_false(w.ours.p[i].beside);
		/* Not once behind policies whose SAs are gone. */
		assert_true(!w.was_beside || !killed || steps >= 2 * PEERS + 4);
		end(&d);
		steps++;
	} while (killed);
	assert_int_equal(steps,
			 2 * PEERS + 4 + 2); /* SAs, policies, our own, and the one that lives */
}

/* And back: what we leave stays, and allows others to have the same beside it. */
static void test_release(void **state)
{
	struct daemon d;

	(void)state;
	for (unsigned i = 0; i < 4; i++)
		w.policies[i].gone = true;
	begin(&d, 0);
	assert_int_equal(d.takeover.stance, STANCE_ALONE);
	takeover_release(&d);
	assert_int_equal(d.policies.stance, STANCE_AHEAD);
	assert_true(w.ours.n > 0);
	for (size_t i = 0; i < w.ours.n; i++) {
		const struct policy *p = &w.ours.p[i];

		if (p->kind == POLICY_PROTECT && p->dir == POLICY_OUT)
			assert_true(p->beside && p->priority < BESIDE_BEHIND);
	}
	end(&d);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
	const struct CMUnitTest tests[] = {
		TEST(test_all_the_way),
		TEST(test_without_the_key_and_without_others),
		TEST(test_silent_ones_are_left_after_a_time),
		TEST(test_until_it_expires),
		TEST(test_who_never_stops),
		TEST(test_the_kernel_fails),
		TEST(test_restart_beside),
		TEST(test_restart_ahead),
		TEST(test_restart_ahead_without_sas),
		TEST(test_killed_while_removing),
		TEST(test_release),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
