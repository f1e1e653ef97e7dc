/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A host is reset while its peers go on sending on SAs that it lost. Without a dead-peer timer, and
 * also when it has nothing to send itself, they are back at once.
 */
#include "ike/stray.h"
#include "sim/sim.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#define HOSTS 8 /* the first is reset */
#define INTERVAL_US (10 * SIM_MS)
#define DOWN_US (2 * SIM_SECOND)
#define SEEDS 20

static struct sim *fleet(uint64_t seed, bool healing, double loss)
{
	/* No dead-peer timer. */
	struct sim_options o = { .seed = seed,
				 .hosts = HOSTS,
				 .wire = { .delay_us = 1000, .jitter_us = 500 },
				 .fleet = { .dpd_delay_s = 0, .dpd_timeout_s = 0 },
				 .deaf = !healing };
	struct sim *s = sim_new(&o);

	for (unsigned i = 0; i < HOSTS; i++)
		s->hosts[i].spec.dpd_delay_s = 0;
	sim_start_all(s);
	for (unsigned i = 1; i < HOSTS; i++)
		sim_stream(s, i, 0, 0, SIM_SECOND, 3);
	sim_run_for(s, 20 * SIM_SECOND);
	for (unsigned i = 1; i < HOSTS; i++)
		sim_check_pair(s, 0, i);
	s->wire.manners.loss = loss;
	return s;
}

/* When the first packet from that host arrived that was sent after `since`; -1: none. */
static int64_t outage_between(const struct sim *s, unsigned from, unsigned to, struct mono since)
{
	for (size_t i = 0; i < s->n_packets; i++) {
		const struct sim_packet *p = &s->packets[i];

		if (p->from == from && p->to == to && p->fate == FATE_PROTECTED &&
		    p->done_at.us > since.us)
			return p->done_at.us - since.us;
	}
	return -1;
}

static int64_t outage(const struct sim *s, unsigned from, struct mono since)
{
	return outage_between(s, from, 0, since);
}

static int by_size(const void *a, const void *b)
{
	const int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;

	return x < y ? -1 : x > y;
}

struct figures {
	int64_t all[SEEDS * HOSTS];
	size_t n, never;
};

/* Crash, two seconds later the start; all send every 10 ms, or all but the host itself. */
static void reset(struct sim *s, bool both, int64_t watch_us, struct figures *f)
{
	const unsigned count = (unsigned)((DOWN_US + watch_us) / INTERVAL_US);
	struct mono started;

	for (unsigned i = 1; i < HOSTS; i++) {
		sim_stream(s, i, 0, 0, INTERVAL_US, count);
		if (both)
			sim_stream(s, 0, i, DOWN_US, INTERVAL_US,
				   (unsigned)(watch_us / INTERVAL_US));
	}
	sim_run_for(s, SIM_SECOND / 10);
	sim_crash(s, 0);
	sim_run_for(s, DOWN_US);
	sim_start(s, 0);
	started = s->now;
	sim_run_for(s, watch_us);
	for (unsigned i = 1; i < HOSTS; i++) {
		int64_t us = outage(s, i, started);

		if (us < 0)
			f->never++;
		else
			f->all[f->n++] = us;
	}
}

static void tell(const char *what, struct figures *f)
{
	qsort(f->all, f->n, sizeof f->all[0], by_size);
	printf("%s: median %.0f ms, worst %.0f ms, never %zu\n", what,
	       (double)f->all[f->n / 2] / 1e3, (double)f->all[f->n - 1] / 1e3, f->never);
}

static void test_back_at_once(void **state)
{
	(void)state;
	for (int both = 0; both <= 1; both++) {
		struct figures f = { 0 };

		for (uint64_t seed = 1; seed <= SEEDS; seed++) {
			struct sim *s = fleet(seed, true, 0);

			reset(s, both != 0, 2 * SIM_SECOND, &f);
			for (unsigned i = 1; i < HOSTS; i++)
				sim_check_pair(s, 0, i);
			sim_free(s);
		}
		tell(both ? "both send" : "the others send", &f);
		assert_int_equal(f.never, 0);
		assert_in_range(f.all[f.n - 1], 0, 200 * SIM_MS);
	}
}

/*
 * Every peer's negotiation takes its time, one after the other: the first of them is answered when
 * it is ready, and does not wait for the last.
 */
static void test_nobody_waits_for_the_last(void **state)
{
	struct figures f = { 0 };

	(void)state;
	for (uint64_t seed = 1; seed <= SEEDS; seed++) {
		struct sim *s = fleet(seed, true, 0);
		struct mono started;

		for (unsigned i = 1; i < HOSTS; i++) {
			const struct wire_manners far = { .delay_us = (int64_t)i * 25 * SIM_MS };

			wire_except(&s->wire, 0, i, &far);
			wire_except(&s->wire, i, 0, &far);
			sim_stream(s, i, 0, 0, INTERVAL_US, 400);
			sim_stream(s, 0, i, DOWN_US, INTERVAL_US, 200);
		}
		sim_crash(s, 0);
		sim_run_for(s, DOWN_US);
		sim_start(s, 0);
		started = s->now;
		sim_run_for(s, 2 * SIM_SECOND);
		for (unsigned i = 1; i < HOSTS; i++) {
			const int64_t us = outage_between(s, 0, i, started);

			assert_in_range(us, 1, 3 * (int64_t)i * 50 * SIM_MS + 100 * SIM_MS);
			f.all[f.n++] = us;
		}
		sim_free(s);
	}
	tell("answers, round trips of 50 to 350 ms", &f);
}

/* With losses: an IKE_SA_INIT that was lost is not repeated, but followed by another. */
static void test_with_losses(void **state)
{
	struct figures f = { 0 };

	(void)state;
	for (uint64_t seed = 1; seed <= SEEDS; seed++) {
		struct sim *s = fleet(seed, true, 0.1);

		reset(s, false, 60 * SIM_SECOND, &f);
		s->wire.manners.loss = 0;
		sim_run_for(s, 60 * SIM_SECOND);
		for (unsigned i = 1; i < HOSTS; i++)
			sim_check_pair(s, 0, i);
		sim_free(s);
	}
	tell("10 % loss", &f);
	assert_int_equal(f.never, 0);
	assert_in_range(f.all[f.n / 2], 0, 200 * SIM_MS);
	assert_in_range(f.all[f.n - 1], 0, 15 * SIM_SECOND);
}

/* What it is worth: nobody would ever notice. */
static void test_without_it(void **state)
{
	struct figures f = { 0 };
	struct sim *s = fleet(1, false, 0);

	(void)state;
	reset(s, false, 60 * SIM_SECOND, &f);
	assert_int_equal(f.never, HOSTS - 1);
	sim_free(s);
}

/*
 * h1 is behind a NAT, and what it sends on to the host that was reset is ESP in UDP: it is asked
 * at the port that the NAT gave it, as nothing else gets in.
 */
static void test_peer_behind_nat(void **state)
{
	(void)state;
	for (uint64_t seed = 1; seed <= SEEDS; seed++) {
		struct sim *s = sim_new(&(struct sim_options){
			.seed = seed, .hosts = 2, .nats = 1, .wire = { .delay_us = 1000 } });
		struct mono started;

		sim_behind(s, 1, 0);
		sim_start_all(s);
		sim_stream(s, 1, 0, 0, INTERVAL_US, 700);
		sim_run_for(s, 3 * SIM_SECOND);
		assert_true(sim_pair_up(s, 0, 1));
		sim_crash(s, 0);
		sim_run_for(s, DOWN_US);
		sim_start(s, 0);
		started = s->now;
		sim_run_for(s, SIM_SECOND);
		assert_in_range(outage(s, 1, started), 1, 300 * SIM_MS);
		sim_run_for(s, 20 * SIM_SECOND);
		assert_true(sim_pair_up(s, 0, 1));
		assert_int_equal(sim_live_children(s, 1, 0), 1);
		sim_free(s);
	}
}

/* Many peers at once: more than may be asked at a time, and more than the bucket holds. */
static void test_many(void **state)
{
	const unsigned many = 3 * SUSPECTS_MAX;
	struct sim_options o = { .seed = 1,
				 .hosts = many,
				 .wire = { .delay_us = 1000, .jitter_us = 500 },
				 .cores = 8,
				 .quiet = true };
	struct sim *s = sim_new(&o);
	struct mono started;
	int64_t worst = 0;

	(void)state;
	sim_start_all(s);
	for (unsigned i = 1; i < many; i++)
		sim_stream(s, i, 0, i * SIM_MS * 20, SIM_SECOND, 2);
	sim_run_for(s, 30 * SIM_SECOND);
	for (unsigned i = 1; i < many; i++) {
		assert_true(sim_pair_up(s, 0, i));
		sim_stream(s, i, 0, 0, 5 * INTERVAL_US, 200);
	}
	sim_crash(s, 0);
	sim_run_for(s, SIM_SECOND);
	sim_start(s, 0);
	started = s->now;
	sim_run_for(s, 9 * SIM_SECOND);
	for (unsigned i = 1; i < many; i++) {
		const int64_t us = outage(s, i, started);

		assert_true(us > 0);
		worst = us > worst ? us : worst;
	}
	printf("%u peers: the last one after %.0f ms\n", many - 1, (double)worst / 1e3);
	assert_in_range(worst, 0, 5 * SIM_SECOND);
	sim_free(s);
}

/* Somebody flushes the kernel's SAs beneath the daemon. */
static void test_flushed(void **state)
{
	(void)state;
	for (uint64_t seed = 1; seed <= SEEDS; seed++) {
		struct sim *s = fleet(seed, true, 0);
		struct mono at;

		for (unsigned i = 1; i < HOSTS; i++)
			sim_stream(s, i, 0, 0, INTERVAL_US, 200);
		sim_run_for(s, SIM_SECOND);
		fake_kernel_flush(&s->hosts[0].kernel);
		s->hosts[0].wary_until.us = INT64_MAX; /* the kernel tells the daemon */
		at = s->now;
		sim_run_for(s, SIM_SECOND);
		for (unsigned i = 1; i < HOSTS; i++)
			assert_in_range(outage(s, i, at), 1, 600 * SIM_MS);
		sim_run_for(s, 20 * SIM_SECOND);
		for (unsigned i = 1; i < HOSTS; i++)
			sim_check_pair(s, 0, i);
		sim_free(s);
	}
}

static struct status_counters counters(const struct sim *s, unsigned host)
{
	struct status_counters c;

	engine_counters(s->hosts[host].engine, &c);
	return c;
}

/*
 * Without traffic, IKE itself meets an SPI that is not there any more: the token that the host gave
 * before its reset convinces the peer at once, also after the IKE SA was rekeyed by either side.
 */
static void test_token(void **state)
{
	(void)state;
	for (int rekeyed_by = -1; rekeyed_by <= 1; rekeyed_by++) {
		struct sim *s = fleet(7, false, 0);

		if (rekeyed_by >= 0)
			sim_command(s, (unsigned)rekeyed_by, 1 - (unsigned)rekeyed_by,
				    COMMAND_REKEY_IKE);
		sim_run_for(s, 30 * SIM_SECOND);
		sim_check_pair(s, 0, 1);
		sim_crash(s, 0);
		sim_run_for(s, SIM_SECOND);
		sim_start(s, 0);
		/* h1 --> CREATE_CHILD_SA { N(REKEY_SA), ... }, h1 <-- { N(INVALID_IKE_SPI),
		 * N(QCD_TOKEN) } */
		sim_command(s, 1, 0, COMMAND_REKEY);
		sim_run_for(s, SIM_SECOND / 10);
		assert_int_equal(counters(s, 0).qcd_sent, 1);
		assert_int_equal(counters(s, 1).qcd_taken, 1);
		assert_int_equal(sim_ike_sas(s, 1, 0), 0);
		assert_int_equal(sim_live_children(s, 1, 0), 0);
		/* The next packet starts afresh. */
		sim_send(s, 1, 0);
		sim_run_for(s, 10 * SIM_SECOND);
		sim_check_pair(s, 0, 1);
		sim_free(s);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_back_at_once),
		cmocka_unit_test(test_with_losses),
		cmocka_unit_test(test_peer_behind_nat),
		cmocka_unit_test(test_many),
		cmocka_unit_test(test_without_it),
		cmocka_unit_test(test_flushed),
		cmocka_unit_test(test_token),
		cmocka_unit_test(test_nobody_waits_for_the_last),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
