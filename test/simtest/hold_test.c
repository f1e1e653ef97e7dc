/* SPDX-License-Identifier: Apache-2.0 */
/*
 * First packets of several peers in one queue of the kernel: it tries only the head, and when that
 * has its SA, what finds none is lost. See ike/hold.h.
 */
#include "sim/sim.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

static struct sim *three(uint64_t seed, unsigned hosts)
{
	struct sim_options o = {
		.seed = seed,
		.hosts = hosts,
		.wire = { .delay_us = 500, .jitter_us = 200 },
		.timer_slack_us = 2000,
		.soft_late = seed % 2 == 1,
		.quiet = hosts > 10,
	};

	return sim_new(&o);
}

/* Slower by far than the others. */
static void far_away(struct sim *s, unsigned host, int64_t delay_us)
{
	const struct wire_manners far = { .delay_us = delay_us };

	wire_except(&s->wire, 0, host, &far);
	wire_except(&s->wire, host, 0, &far);
}

static void assert_all_delivered(const struct sim *s)
{
	const struct sim_tally t = sim_tally(s, -1, -1);

	if (t.was_protected != t.sent) {
		sim_tally_print(&t);
		trace_print(&s->trace, 40);
	}
	assert_int_equal(t.was_protected, t.sent);
}

static void test_packets_behind_the_head_are_not_lost(void **state)
{
	(void)state;
	for (uint64_t seed = 1; seed <= 20; seed++) {
		struct sim *s = three(seed, 4);

		sim_start_all(s);
		far_away(s, 2, 40 * SIM_MS);
		far_away(s, 3, 90 * SIM_MS);
		for (unsigned peer = 1; peer <= 3; peer++)
			sim_send(s, 0, peer);
		sim_run_for(s, 2 * SIM_SECOND);
		assert_all_delivered(s);
		sim_free(s);
	}
}

/*
 * The first one got ready at once. The others' handshakes take far more than twice as long, but
 * they come further all the time.
 */
static void test_the_head_was_lucky(void **state)
{
	(void)state;
	for (uint64_t seed = 1; seed <= 20; seed++) {
		struct sim *s = three(seed, 12);

		sim_start_all(s);
		for (unsigned peer = 2; peer < 12; peer++)
			far_away(s, peer, (180 + 10 * peer) * SIM_MS);
		for (unsigned peer = 1; peer < 12; peer++)
			sim_send(s, 0, peer);
		sim_run_for(s, 4 * SIM_SECOND);
		assert_all_delivered(s);
		sim_free(s);
	}
}

/* ... and with a single peer nothing waits for anybody. */
static void test_alone_the_head_does_not_wait(void **state)
{
	struct sim *s = three(1, 2);

	(void)state;
	sim_start_all(s);
	const size_t n = sim_send(s, 0, 1);
	sim_run_for(s, SIM_SECOND);
	assert_int_equal(s->packets[n].fate, FATE_PROTECTED);
	assert_in_range(s->packets[n].done_at.us - s->packets[n].sent_at.us, 0, 60 * SIM_MS);
	sim_free(s);
}

/* The head waits for others that are under way, but not for one that is silent. */
static void test_a_silent_peer_behind_delays_the_head_a_little(void **state)
{
	struct sim *s = three(1, 3);

	(void)state;
	sim_start(s, 0);
	sim_start(s, 1);
	const size_t n = sim_send(s, 0, 1);
	sim_send(s, 0, 2); /* not there */
	sim_run_for(s, 2 * SIM_SECOND);
	assert_int_equal(s->packets[n].fate, FATE_PROTECTED);
	assert_in_range(s->packets[n].done_at.us - s->packets[n].sent_at.us, 0, 600 * SIM_MS);
	sim_free(s);
}

/* New peers all the time: those who come later are waited for half a second, all together. */
static void test_the_head_does_not_wait_for_ever(void **state)
{
	struct sim *s = three(1, 40);
	size_t n;

	(void)state;
	sim_start_all(s);
	for (unsigned peer = 2; peer < 40; peer++)
		far_away(s, peer, 40 * SIM_MS);
	n = sim_send(s, 0, 1);
	for (unsigned peer = 2; peer < 40; peer++)
		sim_stream(s, 0, peer, peer * 50 * SIM_MS, SIM_SECOND, 1);
	sim_send(s, 0, 2);
	sim_run_for(s, 4 * SIM_SECOND);
	assert_int_equal(s->packets[n].fate, FATE_PROTECTED);
	assert_in_range(s->packets[n].done_at.us - s->packets[n].sent_at.us, 0, 700 * SIM_MS);
	sim_free(s);
}

static uint64_t decoys(const struct sim *s, unsigned host)
{
	struct status_counters c;

	engine_counters(s->hosts[host].engine, &c);
	return c.decoys;
}

/* A dead peer at the head holds nobody up for longer than its own first retransmission. */
static void test_a_dead_peer_at_the_head(void **state)
{
	(void)state;
	for (uint64_t seed = 1; seed <= 20; seed++) {
		struct sim *s = three(seed, 4);

		sim_start(s, 0);
		sim_start(s, 1);
		sim_start(s, 2);
		sim_send(s, 0, 3); /* not there */
		const size_t a = sim_send(s, 0, 1), b = sim_send(s, 0, 2);
		sim_run_for(s, 3 * SIM_SECOND);
		assert_int_equal(s->packets[a].fate, FATE_PROTECTED);
		assert_int_equal(s->packets[b].fate, FATE_PROTECTED);
		assert_in_range(s->packets[a].done_at.us - s->packets[a].sent_at.us, 0,
				600 * SIM_MS);
		assert_int_equal(decoys(s, 0), 1);
		/* Nothing of the decoy is left. */
		assert_int_equal(fake_kernel_count(&s->hosts[0].kernel, &s->hosts[0].ip,
						   &s->hosts[3].ip, false),
				 0);
		sim_free(s);
	}
}

/* Somebody keeps sending to a host that is gone: first contacts are as quick as ever. */
static void test_a_peer_long_dead(void **state)
{
	struct sim *s = three(3, 3);

	(void)state;
	sim_start(s, 0);
	sim_start(s, 1);
	sim_stream(s, 0, 2, 0, 100 * SIM_MS, 600);
	sim_run_for(s, 50 * SIM_SECOND);
	const size_t n = sim_send(s, 0, 1);
	sim_run_for(s, SIM_SECOND);
	assert_int_equal(s->packets[n].fate, FATE_PROTECTED);
	assert_in_range(s->packets[n].done_at.us - s->packets[n].sent_at.us, 0, 200 * SIM_MS);
	sim_free(s);
}

/* A hundred peers at once, one packet for each: what the kernel holds arrives. */
static void test_a_full_queue_arrives(void **state)
{
	(void)state;
	for (uint64_t seed = 1; seed <= 3; seed++) {
		struct sim *s = three(seed, 1 + FAKE_KERNEL_HELD_MAX);

		sim_start_all(s);
		for (unsigned peer = 1; peer <= FAKE_KERNEL_HELD_MAX; peer++)
			sim_send(s, 0, peer);
		sim_run_for(s, 20 * SIM_SECOND);
		assert_all_delivered(s);
		sim_free(s);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_packets_behind_the_head_are_not_lost),
		cmocka_unit_test(test_the_head_was_lucky),
		cmocka_unit_test(test_alone_the_head_does_not_wait),
		cmocka_unit_test(test_a_silent_peer_behind_delays_the_head_a_little),
		cmocka_unit_test(test_the_head_does_not_wait_for_ever),
		cmocka_unit_test(test_a_dead_peer_at_the_head),
		cmocka_unit_test(test_a_peer_long_dead),
		cmocka_unit_test(test_a_full_queue_arrives),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
