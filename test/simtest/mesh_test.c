/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Meshes under virtual time, over many seeds: do all pairs come up, how long does it take, is
 * anything lost, does cleartext ever leave. IKEMESH_SIM_SEEDS says how many seeds; the default is
 * small, so that the whole stays a matter of seconds.
 */
#include "sim/sim.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static unsigned seeds(unsigned usual)
{
	const char *text = getenv("IKEMESH_SIM_SEEDS");
	unsigned long n = text == NULL ? 0 : strtoul(text, NULL, 10);

	return n == 0 ? usual : (unsigned)n;
}

/* The seed to start from: to run a failed one again, alone. */
static uint64_t first_seed(void)
{
	const char *text = getenv("IKEMESH_SIM_FIRST");

	return text == NULL ? 1 : strtoull(text, NULL, 10);
}

/* Ordinary manners: half a millisecond, a little jitter. Odd seeds have late soft limits. */
static struct sim_options usual(uint64_t seed, unsigned hosts)
{
	return (struct sim_options){
		.seed = seed,
		.hosts = hosts,
		.wire = { .delay_us = 500, .jitter_us = 200 },
		.timer_slack_us = 2000,
		.soft_late = seed % 2 == 1,
	};
}

/* --- distributions --- */

struct times {
	int64_t us[10000];
	size_t n;
};

static int by_value(const void *a, const void *b)
{
	int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;

	return (x > y) - (x < y);
}

static void times_add(struct times *t, int64_t us)
{
	if (t->n < sizeof t->us / sizeof t->us[0])
		t->us[t->n++] = us;
}

static int64_t times_at(struct times *t, unsigned percent)
{
	qsort(t->us, t->n, sizeof t->us[0], by_value);
	return t->n == 0 ? 0 : t->us[(t->n - 1) * percent / 100];
}

static void times_print(struct times *t, const char *what)
{
	printf("  %s: %zu, median %.3f s, 90 %% %.3f s, 99 %% %.3f s, worst %.3f s\n", what, t->n,
	       (double)times_at(t, 50) / 1e6, (double)times_at(t, 90) / 1e6,
	       (double)times_at(t, 99) / 1e6, (double)times_at(t, 100) / 1e6);
}

static bool all_up(const struct sim *s, void *arg)
{
	unsigned hosts = s->n_hosts;

	(void)arg;
	return sim_pairs_up(s) == (size_t)hosts * (hosts - 1) / 2;
}

static void all_stream(struct sim *s, int64_t interval_us, unsigned count)
{
	for (unsigned a = 0; a < s->n_hosts; a++)
		for (unsigned b = 0; b < s->n_hosts; b++)
			if (a != b)
				sim_stream(s, a, b, 0, interval_us, count);
}

static void check_all(const struct sim *s)
{
	for (unsigned a = 0; a < s->n_hosts; a++)
		for (unsigned b = a + 1; b < s->n_hosts; b++)
			sim_check_pair(s, a, b);
}

/* --- one side starts, bad links --- */

static void lossy_run(double loss, unsigned n, struct times *t)
{
	for (uint64_t seed = first_seed(); seed < first_seed() + n; seed++) {
		struct sim_options o = usual(seed, 2);
		struct sim *s;
		int64_t from;

		o.wire =
			(struct wire_manners){ .delay_us = 50000, .jitter_us = 5000, .loss = loss };
		s = sim_new(&o);
		sim_start_all(s);
		from = s->now.us;
		sim_stream(s, 0, 1, 0, SIM_SECOND, 600);
		if (!sim_run_until(s, all_up, NULL, 120 * SIM_SECOND))
			sim_breach(s, "not up after two minutes at %.0f %% loss", loss * 100);
		times_add(t, s->now.us - from);
		sim_run_for(s, 60 * SIM_SECOND);
		check_all(s);
		sim_free(s);
	}
}

static void test_loss_20(void **state)
{
	struct times *t = calloc(1, sizeof *t);

	(void)state;
	lossy_run(0.20, seeds(40), t);
	times_print(t, "up at 20 % loss, 50 ms");
	free(t);
}

static void test_loss_30(void **state)
{
	struct times *t = calloc(1, sizeof *t);

	(void)state;
	lossy_run(0.30, seeds(40), t);
	times_print(t, "up at 30 % loss, 50 ms");
	free(t);
}

/* --- a cold start loses nothing --- */

static void test_cold_start_loses_nothing(void **state)
{
	struct times *t = calloc(1, sizeof *t);

	(void)state;
	for (uint64_t seed = first_seed(); seed < first_seed() + seeds(50); seed++) {
		struct sim_options o = usual(seed, 2);
		struct sim *s = sim_new(&o);
		struct sim_tally tally;

		sim_start_all(s);
		sim_stream(s, 0, 1, SIM_MS, SIM_MS, 100);
		sim_run_for(s, 10 * SIM_SECOND);
		tally = sim_tally(s, 0, 1);
		if (tally.was_protected != 100)
			sim_breach(s, "%zu of 100 packets arrived, %zu lost, %zu held",
				   tally.was_protected, tally.lost, tally.held);
		times_add(t, s->packets[0].done_at.us - s->packets[0].sent_at.us);
		check_all(s);
		sim_free(s);
	}
	times_print(t, "first packet's way");
	free(t);
}

/* --- both start at once --- */

static uint64_t crossings(const struct sim *s, unsigned host)
{
	struct status_counters c;

	engine_counters(s->hosts[host].engine, &c);
	return c.tally.collisions[COLLISION_FIRST_CONTACT];
}

static void test_crossed_start(void **state)
{
	struct times *t = calloc(1, sizeof *t);

	(void)state;
	for (uint64_t seed = first_seed(); seed < first_seed() + seeds(50); seed++) {
		struct sim_options o = usual(seed, 2);
		struct sim *s;
		struct sim_tally tally;
		int64_t from;

		o.wire = (struct wire_manners){ .delay_us = 2000, .jitter_us = 100 };
		s = sim_new(&o);
		sim_start_all(s);
		from = s->now.us;
		sim_stream(s, 0, 1, 0, 100 * SIM_MS, 700);
		sim_stream(s, 1, 0, 0, 100 * SIM_MS, 700);
		if (!sim_run_until(s, all_up, NULL, 60 * SIM_SECOND))
			sim_breach(s, "not up after a minute");
		times_add(t, s->now.us - from);
		sim_run_for(s, 65 * SIM_SECOND);
		check_all(s);
		tally = sim_tally(s, -1, -1);
		if (tally.lost != 0)
			sim_breach(s, "%zu packets lost", tally.lost);
		/* Seen by who gave up its own, one of the two. */
		if (crossings(s, 0) + crossings(s, 1) != 1)
			sim_breach(s, "a crossed start was not counted once");
		sim_free(s);
	}
	times_print(t, "up after a crossed start, 2 ms");
	free(t);
}

/*
 * One begins, and the other has something to send at some moment of the handshake: it may not use
 * its SA before the first one can receive.
 */
static void test_other_side_soon(void **state)
{
	(void)state;
	for (uint64_t seed = first_seed(); seed < first_seed() + seeds(100); seed++) {
		struct sim_options o = usual(seed, 2);
		struct sim *s;
		struct sim_tally tally;

		o.wire = (struct wire_manners){ .delay_us = 10000 }; /* a burst stays in order */
		s = sim_new(&o);
		sim_start_all(s);
		sim_stream(s, 0, 1, 0, 100 * SIM_MS, 50);
		sim_stream(s, 1, 0, rng_between(&s->rng, 0, 70 * SIM_MS), SIM_MS, 80);
		sim_run_for(s, 60 * SIM_SECOND);
		tally = sim_tally(s, -1, -1);
		if (tally.was_protected != tally.sent)
			sim_breach(s, "%zu of %zu packets lost", tally.lost, tally.sent);
		check_all(s);
		sim_free(s);
	}
}

/* --- a mesh starts at once --- */

static void test_mesh_starts_at_once(void **state)
{
	struct times *t = calloc(1, sizeof *t);
	unsigned n = seeds(3);

	(void)state;
	for (uint64_t seed = first_seed(); seed < first_seed() + n; seed++) {
		struct sim_options o = usual(seed, 20);
		struct sim *s;
		int64_t from;

		o.wire = (struct wire_manners){ .delay_us = 1000, .jitter_us = 1000, .loss = 0.10 };
		s = sim_new(&o);
		sim_start_all(s);
		from = s->now.us;
		all_stream(s, 500 * SIM_MS, 240);
		if (!sim_run_until(s, all_up, NULL, 120 * SIM_SECOND))
			sim_breach(s, "%zu of 190 pairs up after two minutes", sim_pairs_up(s));
		times_add(t, s->now.us - from);
		sim_run_for(s, 60 * SIM_SECOND);
		check_all(s);
		sim_free(s);
	}
	times_print(t, "20 hosts at once, 10 % loss: last pair up");
	free(t);
}

/* --- one host reboots --- */

static void reboot(struct sim *s, void *arg)
{
	(void)arg;
	sim_crash(s, 0);
}

static void boot(struct sim *s, void *arg)
{
	(void)arg;
	sim_start(s, 0);
}

/* Both send all the time: the rebooted host's own traffic mends it. */
static void test_reboot(void **state)
{
	struct times *t = calloc(1, sizeof *t);

	(void)state;
	for (uint64_t seed = first_seed(); seed < first_seed() + seeds(20); seed++) {
		struct sim_options o = usual(seed, 4);
		struct sim *s = sim_new(&o);
		int64_t booted;

		sim_start_all(s);
		all_stream(s, 10 * SIM_MS, 6000);
		sim_run_for(s, 10 * SIM_SECOND);
		check_all(s);
		sim_at(s, SIM_SECOND, reboot, NULL);
		sim_at(s, 3 * SIM_SECOND, boot, NULL);
		booted = s->now.us + 3 * SIM_SECOND;
		sim_run_for(s, 3 * SIM_SECOND);
		if (!sim_run_until(s, all_up, NULL, 30 * SIM_SECOND))
			sim_breach(s, "%zu of 6 pairs up half a minute after the reboot",
				   sim_pairs_up(s));
		times_add(t, s->now.us - booted);
		sim_run_for(s, 40 * SIM_SECOND);
		check_all(s);
		sim_free(s);
	}
	times_print(t, "up again after a reboot");
	free(t);
}

/* --- the daemon dies: nothing leaves in the clear --- */

static void test_fail_closed(void **state)
{
	(void)state;
	for (uint64_t seed = first_seed(); seed < first_seed() + seeds(10); seed++) {
		struct sim_options o = usual(seed, 2);
		struct sim *s = sim_new(&o);
		struct sim_tally tally;

		sim_start_all(s);
		sim_stop_daemon(s, 0);
		sim_stream(s, 0, 1, 0, SIM_MS, 200);
		sim_run_for(s, SIM_SECOND);
		tally = sim_tally(s, 0, 1);
		assert_int_equal(tally.clear + tally.was_protected, 0);
		assert_int_equal(s->hosts[0].kernel.clear_sent, 0);
		/* It comes back: the next packet finds it. */
		sim_start(s, 0);
		sim_stream(s, 0, 1, 0, 100 * SIM_MS, 20);
		if (!sim_run_until(s, all_up, NULL, 10 * SIM_SECOND))
			sim_breach(s, "not up after the daemon came back");
		sim_free(s);
	}
}

/* --- duplicated, reordered, cut off for a while --- */

static void part(struct sim *s, void *arg)
{
	(void)arg;
	wire_part(&s->wire, 0, 1);
}

static void join(struct sim *s, void *arg)
{
	(void)arg;
	wire_part(&s->wire, 0, 0);
}

static void test_rough_network(void **state)
{
	(void)state;
	for (uint64_t seed = first_seed(); seed < first_seed() + seeds(20); seed++) {
		struct sim_options o = usual(seed, 3);
		struct sim *s;

		o.wire = (struct wire_manners){
			.delay_us = 1000, .jitter_us = 200000, .loss = 0.05, .duplicate = 0.3
		};
		s = sim_new(&o);
		sim_start_all(s);
		sim_at(s, 20 * SIM_MS, part, NULL);
		sim_at(s, 20 * SIM_SECOND, join, NULL);
		all_stream(s, 200 * SIM_MS, 900);
		if (!sim_run_until(s, all_up, NULL, 120 * SIM_SECOND))
			sim_breach(s, "%zu of 3 pairs up after two minutes", sim_pairs_up(s));
		sim_run_for(s, 60 * SIM_SECOND);
		check_all(s);
		sim_free(s);
	}
}

/* --- rekeying under traffic --- */

static void rekey_run(uint64_t seed, const struct wire_manners *wire, bool may_lose)
{
	struct sim_options o = usual(seed, 3);
	struct sim *s;
	struct sim_tally tally;

	o.fleet.esp_lifetime_s = 60;
	o.fleet.ike_lifetime_s = 170;
	o.wire = *wire;
	s = sim_new(&o);
	sim_watch_overlap(s, may_lose ? 60 : 15);
	sim_start_all(s);
	all_stream(s, 50 * SIM_MS, 12000);
	sim_run_for(s, 600 * SIM_SECOND);
	sim_run_for(s, 20 * SIM_SECOND);
	for (unsigned a = 0; a < 3; a++)
		for (unsigned b = a + 1; b < 3; b++)
			if (!sim_pair_up(s, a, b))
				sim_breach(s, "%u and %u are down after ten minutes of rekeying", a,
					   b);
	tally = sim_tally(s, -1, -1);
	if (!may_lose && tally.lost - tally.by_reason[LOSS_RELEASED] > 0)
		sim_breach(s, "%zu of %zu packets lost", tally.lost, tally.sent);
	if (s->hosts[0].kernel.adds < 20)
		sim_breach(s, "only %llu SAs in ten minutes",
			   (unsigned long long)s->hosts[0].kernel.adds);
	sim_free(s);
}

static void test_rekeying_loses_nothing(void **state)
{
	static const struct wire_manners good = { .delay_us = 5000, .jitter_us = 200 };

	(void)state;
	for (uint64_t seed = first_seed(); seed < first_seed() + seeds(5); seed++)
		rekey_run(seed, &good, false);
}

static void test_rekeying_on_bad_links(void **state)
{
	static const struct wire_manners bad = {
		.delay_us = 50000, .jitter_us = 100000, .loss = 0.1, .duplicate = 0.1
	};

	(void)state;
	for (uint64_t seed = first_seed(); seed < first_seed() + seeds(5); seed++)
		rekey_run(seed, &bad, true);
}

/* Both rekey the same CHILD_SA at once, on good links and bad: RFC 7296 2.8.1. */
static void rekey_both(struct sim *s, void *arg)
{
	(void)arg;
	sim_command(s, 0, 1, COMMAND_REKEY);
	sim_command(s, 1, 0, COMMAND_REKEY);
}

static void crossed_rekey_run(uint64_t seed, double loss)
{
	struct sim_options o = usual(seed, 2);
	struct sim *s;
	struct sim_tally tally;

	o.wire = (struct wire_manners){ .delay_us = 2000, .jitter_us = 500, .loss = loss };
	s = sim_new(&o);
	sim_watch_overlap(s, 20);
	sim_start_all(s);
	sim_stream(s, 0, 1, 0, 10 * SIM_MS, 20000);
	sim_stream(s, 1, 0, 5 * SIM_MS, 10 * SIM_MS, 20000);
	for (int64_t i = 1; i <= 4; i++)
		sim_at(s, i * 30 * SIM_SECOND, rekey_both, NULL);
	sim_run_for(s, 190 * SIM_SECOND);
	check_all(s);
	tally = sim_tally(s, -1, -1);
	if (loss == 0 && tally.lost > 0)
		sim_breach(s, "%zu packets lost over rekeys", tally.lost);
	if (s->hosts[0].kernel.adds < 10)
		sim_breach(s, "nothing was rekeyed");
	sim_free(s);
}

static void test_crossed_rekey(void **state)
{
	(void)state;
	for (uint64_t seed = first_seed(); seed < first_seed() + seeds(10); seed++)
		crossed_rekey_run(seed, seed % 2 == 0 ? 0 : 0.1);
}

/* --- one leaves in order, and the others know --- */

static void test_shutdown(void **state)
{
	(void)state;
	for (uint64_t seed = first_seed(); seed < first_seed() + seeds(10); seed++) {
		struct sim_options o = usual(seed, 3);
		struct sim *s = sim_new(&o);

		sim_start_all(s);
		all_stream(s, 100 * SIM_MS, 100);
		sim_run_for(s, 10 * SIM_SECOND);
		check_all(s);
		sim_shutdown(s, 0);
		sim_run_for(s, 5 * SIM_SECOND);
		if (s->hosts[0].kernel.n_sas != 0)
			sim_breach(s, "%zu SAs are left on the host that shut down",
				   s->hosts[0].kernel.n_sas);
		for (unsigned other = 1; other < 3; other++)
			if (fake_kernel_count(&s->hosts[other].kernel, &s->hosts[other].ip,
					      &s->hosts[0].ip, false) != 0)
				sim_breach(s, "host %u still sends to the one that left", other);
		sim_check_pair(s, 1, 2);
		sim_start(s, 0);
		all_stream(s, 100 * SIM_MS, 20);
		if (!sim_run_until(s, all_up, NULL, 10 * SIM_SECOND))
			sim_breach(s, "not up again after a restart");
		sim_free(s);
	}
}

/* --- SAs that the kernel refuses now and then --- */

static void refuse(struct sim *s, void *arg)
{
	struct sim_host *h = &s->hosts[rng_below(&s->rng, s->n_hosts)];

	(void)arg;
	h->kernel.fail_add_in = (unsigned)rng_below(&s->rng, 3) + 1;
	sim_at(s, 10 * SIM_SECOND, refuse, NULL);
}

static void test_refused_sas(void **state)
{
	(void)state;
	for (uint64_t seed = first_seed(); seed < first_seed() + seeds(10); seed++) {
		struct sim_options o = usual(seed, 3);
		struct sim *s;

		o.fleet.esp_lifetime_s = 30;
		s = sim_new(&o);
		s->hosts[0].kernel.fail_add_in = 1;
		s->hosts[1].kernel.fail_add_in = 2;
		sim_start_all(s);
		sim_at(s, 5 * SIM_SECOND, refuse, NULL);
		all_stream(s, 100 * SIM_MS, 3000);
		sim_run_for(s, 300 * SIM_SECOND);
		for (unsigned i = 0; i < 3; i++)
			s->hosts[i].kernel.fail_add_in = 0;
		all_stream(s, 100 * SIM_MS, 900);
		if (!sim_run_until(s, all_up, NULL, 90 * SIM_SECOND))
			sim_breach(s, "%zu of 3 pairs up when nothing fails any more",
				   sim_pairs_up(s));
		sim_free(s);
	}
}

/* --- a seed says it all --- */

static uint64_t run_hash(uint64_t seed)
{
	struct sim_options o = usual(seed, 4);
	struct sim *s;
	uint64_t hash;

	o.wire.loss = 0.2;
	s = sim_new(&o);
	sim_start_all(s);
	all_stream(s, 100 * SIM_MS, 50);
	sim_run_for(s, 10 * SIM_SECOND);
	hash = s->trace.hash;
	sim_free(s);
	return hash;
}

static void test_same_seed_same_trace(void **state)
{
	(void)state;
	assert_true(run_hash(5) == run_hash(5));
	assert_true(run_hash(5) != run_hash(6));
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_same_seed_same_trace),
		cmocka_unit_test(test_cold_start_loses_nothing),
		cmocka_unit_test(test_fail_closed),
		cmocka_unit_test(test_loss_20),
		cmocka_unit_test(test_loss_30),
		cmocka_unit_test(test_crossed_start),
		cmocka_unit_test(test_other_side_soon),
		cmocka_unit_test(test_mesh_starts_at_once),
		cmocka_unit_test(test_reboot),
		cmocka_unit_test(test_rough_network),
		cmocka_unit_test(test_rekeying_loses_nothing),
		cmocka_unit_test(test_rekeying_on_bad_links),
		cmocka_unit_test(test_crossed_rekey),
		cmocka_unit_test(test_shutdown),
		cmocka_unit_test(test_refused_sas),
	};

	if (argc > 1)
		cmocka_set_test_filter(argv[1]);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
