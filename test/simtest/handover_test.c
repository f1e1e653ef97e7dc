/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A daemon is replaced by another that takes over its state, at any moment: with traffic both ways,
 * rekeys of everything every few seconds and lost messages. No packet is lost, no pair begins anew,
 * and whatever was under way comes to an end.
 */
#include "ike/task.h"
#include "sim/sim.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define INTERVAL_US (5 * SIM_MS)

static bool one_in_twenty(struct sim *s, unsigned from, struct bytes datagram)
{
	(void)from;
	(void)datagram;
	return rng_below(&s->rng, 20) == 0;
}

static struct sim *pair_up(uint64_t seed, bool loses, uint32_t esp_s, uint32_t ike_s)
{
	struct sim_options o = {
		.seed = seed,
		.hosts = 2,
		.wire = { .delay_us = 1000, .jitter_us = 300 },
		.fleet = { .esp_lifetime_s = esp_s, .ike_lifetime_s = ike_s },
		.keeps = true,
	};
	struct sim *s = sim_new(&o);

	sim_start_all(s);
	sim_stream(s, 0, 1, 0, SIM_SECOND, 3);
	sim_run_for(s, 4 * SIM_SECOND);
	assert_true(sim_pair_up(s, 0, 1));
	if (loses)
		s->lose = one_in_twenty;
	return s;
}

/* Of this daemon's life. */
static uint64_t begun(const struct sim *s, unsigned host)
{
	struct status_counters c;

	engine_counters(s->hosts[host].engine, &c);
	return c.ike_initiated + c.ike_responded;
}

static size_t jobs_out(const struct sim *s, unsigned host)
{
	struct status_counters c;

	engine_counters(s->hosts[host].engine, &c);
	return c.jobs;
}

static int random_zero(void *arg, uint8_t *out, size_t n)
{
	(void)arg;
	memset(out, 7, n);
	return 0;
}

static size_t tasks_of(const struct sim *s, unsigned host)
{
	const struct ike_sa *sa, *next;
	size_t n = 0;

	HASH_ITER(hh, s->hosts[host].engine->sas, sa, next)
	{
		n += (sa->ours != NULL ? 1 : 0) + (sa->theirs != NULL ? 1 : 0);
	}
	return n;
}

struct tally {
	size_t handovers, under_way; /* with an exchange of ours or the peer's that is not over */
};

/*
 * As the daemon does it: what the pool has under way is waited for. What the successor would save
 * is what it was given, to the octet.
 */
static void hand_over(struct sim *s, unsigned host, struct tally *t)
{
	const struct event timer = { .kind = EVENT_TIMER };
	struct secret before = { 0 }, after = { 0 };

	for (unsigned ms = 0; ms < 200 && jobs_out(s, host) > 0; ms++)
		sim_run_for(s, SIM_MS);
	sim_feed(s, host, &timer);
	if (jobs_out(s, host) > 0) {
		sim_handover(s, host);
		return;
	}
	t->under_way += tasks_of(s, host);
	t->handovers++;
	assert_int_equal(engine_save(s->hosts[host].engine, &before), 0);
	sim_handover(s, host);
	assert_int_equal(engine_save(s->hosts[host].engine, &after), 0);
	assert_int_equal(after.n, before.n);
	assert_memory_equal(after.p, before.p, before.n);
	secret_free(&before);
	secret_free(&after);
}

static void test_at_rest(void **state)
{
	(void)state;
	for (unsigned host = 0; host < 2; host++) {
		struct sim *s = pair_up(1 + host, false, 0, 0);
		const uint64_t others = begun(s, 1 - host);

		sim_stream(s, 0, 1, 0, INTERVAL_US, 400);
		sim_stream(s, 1, 0, 0, INTERVAL_US, 400);
		for (unsigned i = 0; i < 10; i++) {
			sim_run_for(s, 200 * SIM_MS);
			sim_handover(s, host);
			assert_int_equal(sim_ike_sas(s, host, 1 - host), 1);
			assert_int_equal(sim_live_children(s, host, 1 - host), 1);
		}
		sim_run_for(s, SIM_SECOND);
		const struct sim_tally t = sim_tally(s, -1, -1);
		assert_int_equal(t.was_protected, t.sent);
		assert_int_equal(begun(s, host), 0);
		assert_int_equal(begun(s, 1 - host), others);
		/* Message ids, keys and timers are right: all goes on as before. */
		sim_command(s, 0, 1, COMMAND_REKEY);
		sim_run_for(s, SIM_SECOND);
		sim_command(s, 1, 0, COMMAND_REKEY_IKE);
		sim_run_for(s, 10 * SIM_SECOND);
		sim_check_pair(s, 0, 1);
		sim_command(s, 1, 0, COMMAND_DOWN);
		sim_run_for(s, 2 * SIM_SECOND);
		assert_int_equal(sim_ike_sas(s, 0, 1) + sim_ike_sas(s, 1, 0), 0);
		sim_free(s);
	}
}

/* Of both hosts, at any moment of rekeys of CHILD_SA and IKE SA. */
static void test_in_the_middle(void **state)
{
	struct tally done = { 0 };
	size_t lost = 0, sent = 0;

	(void)state;
	for (uint64_t seed = 1; seed <= 60; seed++) {
		struct sim *s = pair_up(seed, seed % 3 == 0, 2, 5);

		sim_stream(s, 0, 1, 0, INTERVAL_US, 8000);
		sim_stream(s, 1, 0, 0, INTERVAL_US, 8000);
		for (unsigned i = 0; i < 40; i++) {
			const unsigned host = (unsigned)rng_below(&s->rng, 2);

			sim_run_for(s, rng_between(&s->rng, 0, SIM_SECOND));
			for (unsigned n = 0; i % 2 == 0 && n < 4000 && tasks_of(s, host) == 0; n++)
				sim_run_for(s, SIM_MS / 4);
			hand_over(s, host, &done);
		}
		s->lose = NULL;
		sim_run_for(s, 20 * SIM_SECOND);
		if (seed % 3 != 0) /* and none was rekeyed in vain */
			assert_int_equal(begun(s, 0) + begun(s, 1), 0);
		assert_true(sim_pair_up(s, 0, 1));
		const struct sim_tally t = sim_tally(s, -1, -1);
		if (t.was_protected != t.sent) {
			printf("seed %llu: %zu of %zu\n", (unsigned long long)seed,
			       t.sent - t.was_protected, t.sent);
			sim_tally_print(&t);
		}
		lost += t.sent - t.was_protected;
		sent += t.sent;
		sim_free(s);
	}
	printf("%zu handovers, %zu exchanges under way; %zu of %zu packets lost\n", done.handovers,
	       done.under_way, lost, sent);
	assert_true(done.handovers > 1000 && done.under_way > 100);
	assert_int_equal(lost, 0);
}

static const struct pair *only_pair(const struct sim *s, unsigned host)
{
	return s->hosts[host].engine->pairs;
}

/* An answer was taken, and the job that it needs is out. */
static bool is_between(const struct sim *s, unsigned host)
{
	const struct ike_sa *sa, *next;

	HASH_ITER(hh, s->hosts[host].engine->sas, sa, next)
	{
		if (sa->ours != NULL && !sa->window.request_out && sa->ours->nr.n > 0)
			return true;
	}
	return false;
}

/* kill -9 at any moment: what was kept of each step is enough. */
static void test_killed(void **state)
{
	struct tally done = { 0 };
	size_t lost = 0, sent = 0, between = 0;

	(void)state;
	for (uint64_t seed = 1; seed <= 60; seed++) {
		struct sim *s = pair_up(seed, seed % 3 == 0, 2, 5);

		sim_stream(s, 0, 1, 0, INTERVAL_US, 4000);
		sim_stream(s, 1, 0, 0, INTERVAL_US, 4000);
		for (unsigned i = 0; i < 40; i++) {
			const unsigned host = (unsigned)rng_below(&s->rng, 2);

			sim_run_for(s, rng_between(&s->rng, 0, SIM_SECOND));
			for (unsigned n = 0; i % 2 == 0 && n < 4000 && tasks_of(s, host) == 0; n++)
				sim_run_for(s, SIM_MS / 4);
			for (unsigned n = 0; i % 4 == 1 && n < 60000 && !is_between(s, host); n++)
				sim_run_for(s, SIM_MS / 20);
			between += is_between(s, host) ? 1 : 0;
			done.under_way += tasks_of(s, host);
			done.handovers++;
			sim_die(s, host);
		}
		s->lose = NULL;
		sim_run_for(s, 20 * SIM_SECOND);
		if (seed % 3 != 0)
			assert_int_equal(begun(s, 0) + begun(s, 1), 0);
		assert_true(sim_pair_up(s, 0, 1));
		const struct sim_tally t = sim_tally(s, -1, -1);
		lost += t.sent - t.was_protected;
		sent += t.sent;
		assert_non_null(only_pair(s, 0));
		sim_free(s);
	}
	printf("%zu kills, %zu exchanges under way; %zu of %zu packets lost\n", done.handovers,
	       done.under_way, lost, sent);
	printf("%zu of them between an answer and its job\n", between);
	assert_true(done.under_way > 300 && between > 100);
	assert_int_equal(lost, 0);
}

/* A negotiation that is not over is begun anew, and its first packets are not lost. */
static void test_before_it_is_up(void **state)
{
	(void)state;
	for (unsigned host = 0; host < 2; host++) {
		for (int64_t at_us = 0; at_us < 12 * SIM_MS; at_us += SIM_MS / 4) {
			struct sim *s = sim_new(&(struct sim_options){
				.seed = 5, .hosts = 2, .wire = { .delay_us = 1000 } });

			sim_start_all(s);
			sim_stream(s, 0, 1, 0, SIM_SECOND, 1);
			sim_run_for(s, at_us);
			sim_handover(s, host);
			sim_run_for(s, 10 * SIM_SECOND); /* the kernel asks again after 6 s */
			assert_true(sim_pair_up(s, 0, 1));
			const struct sim_tally t = sim_tally(s, -1, -1);
			assert_int_equal(t.was_protected, t.sent);
			sim_free(s);
		}
	}
}

static struct engine *taker(struct sim *s, struct actions *out)
{
	struct engine *e = engine_new(&(struct engine_options){ .random = random_zero,
								.port = 500,
								.port_natt = 4500,
								.awaits_state = true,
								.keeps = true });
	const struct event spec = { .kind = EVENT_SPEC, .spec = { &s->hosts[0].spec } };

	assert_non_null(e);
	assert_int_equal(engine_step(e, s->now, &spec, out), 0);
	return e;
}

/* Two that went on from the same state, the first of which died over it, share no IV. */
static void test_no_iv_twice(void **state)
{
	struct sim *s = pair_up(3, false, 2, 5);
	struct secret saved = { 0 };
	struct actions out;
	uint64_t before = 0;

	(void)state;
	actions_init(&out);
	assert_int_equal(engine_save(s->hosts[0].engine, &saved), 0);
	for (unsigned died = 0; died < 4; died++) {
		struct engine *e = taker(s, &out);
		struct event loaded = { .kind = EVENT_STATE_LOADED };

		loaded.state_loaded.state = secret_view(&saved);
		loaded.state_loaded.died = died;
		assert_int_equal(engine_step(e, s->now, &loaded, &out), 0);
		assert_non_null(e->sas);
		if (died > 0)
			assert_true(e->sas->iv_counter - before >= 1000000);
		before = e->sas->iv_counter;
		engine_free(e);
	}
	actions_free(&out);
	secret_free(&saved);
	sim_free(s);
}

/* What it was told wrongly must not lead astray later either. */
static void live_on(const struct sim *s, struct engine *e, struct actions *out)
{
	const struct event timer = { .kind = EVENT_TIMER }, down = { .kind = EVENT_SHUTDOWN };
	struct mono at = s->now;
	struct secret left = { 0 };

	/* One pair's damage is not to cost the others what the next process finds. */
	assert_int_equal(engine_save(e, &left), 0);
	secret_free(&left);
	for (int64_t after = SIM_SECOND; after < 100000 * SIM_SECOND; after *= 7) {
		at.us += after;
		assert_int_equal(engine_step(e, at, &timer, out), 0);
	}
	assert_int_equal(engine_step(e, at, &down, out), 0);
	at.us += 1000 * SIM_SECOND;
	assert_int_equal(engine_step(e, at, &timer, out), 0);
}

/* Cut off anywhere, or with any octet changed: no crash, no leak, and it is told. */
static void test_damaged(void **state)
{
	struct sim *s = pair_up(3, false, 2, 5);
	struct secret saved = { 0 };
	struct actions out;

	(void)state;
	actions_init(&out);
	for (unsigned n = 0; n < 4000 && tasks_of(s, 0) == 0; n++)
		sim_run_for(s, SIM_MS);
	assert_true(tasks_of(s, 0) > 0);
	assert_int_equal(engine_save(s->hosts[0].engine, &saved), 0);
	for (size_t n = 0; n < 3 * saved.n; n++) {
		struct engine *e = taker(s, &out);
		struct event loaded = { .kind = EVENT_STATE_LOADED };
		const uint8_t had = saved.p[n / 3];

		loaded.state_loaded.state = BYTES(saved.p, n % 3 == 0 ? n / 3 : saved.n);
		if (n % 3 == 1)
			saved.p[n / 3] ^= (uint8_t)(1u << rng_below(&s->rng, 8));
		if (n % 3 == 2)
			saved.p[n / 3]++; /* one more than there are */
		assert_int_equal(engine_step(e, s->now, &loaded, &out), 0);
		if (n % 3 == 0 && n > 0)
			assert_true(out.n > 0 && out.a[out.n - 1].kind == ACTION_REPORT);
		saved.p[n / 3] = had;
		live_on(s, e, &out);
		engine_free(e);
	}
	actions_free(&out);
	secret_free(&saved);
	sim_free(s);
}

/* Small numbers are what counts, lengths and flags: every other octet becomes one. */
static void spoil(struct rng *rng, struct bytes from, uint8_t *to)
{
	memcpy(to, from.p, from.n);
	for (uint64_t k = 1 + rng_below(rng, 4); k > 0; k--)
		to[16 + rng_below(rng, from.n - 16)] =
			(uint8_t)rng_below(rng, rng_below(rng, 2) == 0 ? 4 : 256);
}

/* Several octets at once, in states with different exchanges under way. */
static void test_damaged_at_random(void **state)
{
	struct actions out;

	(void)state;
	actions_init(&out);
	for (uint64_t seed = 1; seed <= 8; seed++) {
		struct sim *s = pair_up(seed, seed % 3 == 0, 2, 5);
		struct secret saved = { 0 };
		uint8_t *spoilt;

		for (unsigned n = 0; n < 4000 && tasks_of(s, 0) == 0; n++)
			sim_run_for(s, SIM_MS / 4);
		assert_int_equal(engine_save(s->hosts[0].engine, &saved), 0);
		spoilt = malloc(saved.n);
		for (unsigned n = 0; n < 500; n++) {
			struct engine *e = taker(s, &out);
			struct event loaded = { .kind = EVENT_STATE_LOADED };

			spoil(&s->rng, secret_view(&saved), spoilt);
			loaded.state_loaded.state = BYTES(spoilt, saved.n);
			assert_int_equal(engine_step(e, s->now, &loaded, &out), 0);
			live_on(s, e, &out);
			engine_free(e);
		}
		free(spoilt);
		secret_free(&saved);
		sim_free(s);
	}
	actions_free(&out);
}

static struct child *that_waits(const struct sim *s, unsigned host)
{
	for (struct pair *p = s->hosts[host].engine->pairs; p; p = p->hh.next)
		for (struct ike_sa *sa = p->sas; sa; sa = sa->next)
			for (struct child *c = sa->children; c; c = c->next)
				if (c->out_waits && c->keys != NULL)
					return c;
	return NULL;
}

static struct sim *with_one_that_waits(struct child **c)
{
	struct sim_options o = {
		.seed = 1, .hosts = 2, .wire = { .delay_us = 1000 }, .keeps = true
	};
	struct sim *s = sim_new(&o);

	sim_start_all(s);
	sim_send(s, 0, 1); /* both begin: who answers waits for the other's first packet */
	sim_send(s, 1, 0);
	*c = NULL;
	for (unsigned n = 0; n < 4000 && *c == NULL; n++) {
		sim_run_for(s, SIM_MS / 4);
		*c = that_waits(s, 1);
	}
	assert_non_null(*c);
	return s;
}

static bool has_a_key(void *arg, const struct fake_sa *sa)
{
	static const uint8_t none[SA_KEY_MAX];

	(void)arg;
	assert_true(sa->spec.key_len > 0);
	assert_memory_not_equal(sa->spec.key, none, sa->spec.key_len);
	return true;
}

/*
 * The key of an SA that is still to be put into the kernel is not there: neither in the state, nor
 * in a process that goes on. None goes in without it, and the pair comes up again.
 */
static void test_without_a_key(void **state)
{
	(void)state;
	for (int handed_over = 0; handed_over <= 1; handed_over++) {
		struct child *c;
		struct sim *s = with_one_that_waits(&c);

		if (handed_over) {
			memset(c->keys, 0, sizeof(*c->keys));
			sim_handover(s, 1);
		} else {
			free(c->keys);
			c->keys = NULL;
		}
		sim_stream(s, 0, 1, 0, SIM_SECOND, 60);
		for (unsigned n = 0; n < 70 * 4; n++) {
			sim_run_for(s, SIM_SECOND / 4);
			fake_kernel_walk(&s->hosts[1].kernel, has_a_key, NULL);
		}
		assert_true(sim_pair_up(s, 0, 1));
		sim_free(s);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_no_iv_twice),	  cmocka_unit_test(test_at_rest),
		cmocka_unit_test(test_in_the_middle),	  cmocka_unit_test(test_killed),
		cmocka_unit_test(test_before_it_is_up),	  cmocka_unit_test(test_damaged),
		cmocka_unit_test(test_damaged_at_random), cmocka_unit_test(test_without_a_key),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
