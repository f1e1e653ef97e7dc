/* SPDX-License-Identifier: Apache-2.0 */
/* A wire that drops ESP and lets UDP pass, and traffic that only looks as if there were one. */
#include "ike/core.h"
#include "sim/sim.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

#define MINUTE (60 * SIM_SECOND)
#define HOUR (60 * MINUTE)
#define HEALED_S 15 /* by then packets pass */

static struct sim *world(uint64_t seed)
{
	struct sim_options o = { .seed = seed, .hosts = 2, .wire = { .delay_us = 5000 } };
	struct sim *s = sim_new(&o);

	sim_start_all(s);
	return s;
}

static void talk(struct sim *s, unsigned from, unsigned to, unsigned seconds)
{
	sim_stream(s, from, to, 0, SIM_SECOND / 2, 2 * seconds);
}

struct seen {
	enum encap_memory memory;
	unsigned encapsulated, plain;
};

static void see_pair(void *arg, const struct status_pair *p)
{
	((struct seen *)arg)->memory = p->encap;
}

static void see_ike(void *arg, const struct status_ike *i)
{
	(void)arg;
	(void)i;
}

static void see_child(void *arg, const struct status_child *c)
{
	struct seen *seen = arg;

	seen->encapsulated += c->encap && c->state == CHILD_INSTALLED;
	seen->plain += !c->encap && c->state == CHILD_INSTALLED;
}

static struct seen look(const struct sim *s, unsigned host)
{
	struct seen seen = { 0 };
	const struct status_visitor v = {
		.pair = see_pair, .ike = see_ike, .child = see_child, .arg = &seen
	};

	s->hosts[host].core->status(s->hosts[host].engine, &v);
	return seen;
}

/* Of what was sent from now on, all comes. */
static void assert_passes(struct sim *s, unsigned from, unsigned to)
{
	const size_t lost = sim_tally(s, (int)from, (int)to).lost;

	talk(s, from, to, 10);
	sim_run_for(s, 12 * SIM_SECOND);
	assert_int_equal(sim_tally(s, (int)from, (int)to).lost, lost);
}

static struct sim *healed(uint64_t seed)
{
	struct sim *s = world(seed);

	s->esp_filtered = true;
	talk(s, 0, 1, HEALED_S);
	sim_run_for(s, HEALED_S * SIM_SECOND);
	return s;
}

/* Even where traffic is one way: the peer says that it received nothing, and then that it did. */
static void test_filtered_esp_goes_in_udp(void **state)
{
	(void)state;
	for (uint64_t seed = 1; seed <= 20; seed++) {
		struct sim *s = healed(seed);

		assert_int_equal(look(s, 0).encapsulated, 1);
		assert_int_equal(look(s, 0).plain, 0);
		assert_int_equal(look(s, 0).memory, ENCAP_HELPS);
		assert_passes(s, 0, 1);
		assert_passes(s, 1, 0);
		sim_check_pair(s, 0, 1);
		sim_free(s);
	}
}

/* Both send at once, and both notice. */
static void test_both_notice(void **state)
{
	(void)state;
	for (uint64_t seed = 1; seed <= 20; seed++) {
		struct sim *s = world(seed);

		s->esp_filtered = true;
		talk(s, 0, 1, HEALED_S + 10);
		talk(s, 1, 0, HEALED_S + 10);
		sim_run_for(s, (HEALED_S + 10) * SIM_SECOND);
		assert_passes(s, 0, 1);
		assert_passes(s, 1, 0);
		sim_run_for(s, MINUTE);
		sim_check_pair(s, 0, 1);
		assert_int_equal(look(s, 0).encapsulated, 1);
		sim_free(s);
	}
}

/* What h1 asks arrives, and what h0 answers does not. */
static void test_filtered_one_way(void **state)
{
	(void)state;
	for (uint64_t seed = 1; seed <= 20; seed++) {
		struct sim *s = world(seed);

		s->esp_filtered = s->esp_filtered_h0 = true;
		talk(s, 1, 0, HEALED_S + 5);
		talk(s, 0, 1, HEALED_S + 5);
		sim_run_for(s, (HEALED_S + 5) * SIM_SECOND);
		assert_int_equal(look(s, 1).memory, ENCAP_HELPS);
		assert_int_equal(look(s, 0).encapsulated, 1);
		assert_passes(s, 0, 1);
		assert_passes(s, 1, 0);
		sim_free(s);
	}
}

/* An IKE SA that begins anew begins in UDP at once, after a handover of the state as well. */
static void test_it_is_remembered(void **state)
{
	struct sim *s = healed(1);

	(void)state;
	sim_handover(s, 0);
	sim_command(s, 0, 1, COMMAND_DOWN);
	sim_run_for(s, 2 * SIM_SECOND);
	assert_int_equal(look(s, 0).encapsulated, 0);
	assert_int_equal(look(s, 0).memory, ENCAP_HELPS);
	sim_send(s, 0, 1);
	sim_run_for(s, 2 * SIM_SECOND);
	assert_int_equal(look(s, 0).encapsulated, 1);
	assert_passes(s, 0, 1);
	/* The peer knows nothing of it, and need not. */
	sim_command(s, 1, 0, COMMAND_DOWN);
	sim_run_for(s, 2 * SIM_SECOND);
	sim_send(s, 1, 0);
	sim_run_for(s, 2 * SIM_SECOND);
	assert_int_equal(look(s, 1).encapsulated, 1);
	assert_passes(s, 1, 0);
	sim_free(s);
}

/* A day later what begins anew begins plain. */
static void test_it_is_forgotten(void **state)
{
	struct sim *s = healed(1);

	(void)state;
	s->esp_filtered = false;
	sim_command(s, 0, 1, COMMAND_DOWN);
	sim_run_for(s, 23 * HOUR);
	sim_send(s, 0, 1);
	sim_run_for(s, 2 * SIM_SECOND);
	assert_int_equal(look(s, 0).encapsulated, 1);
	sim_command(s, 0, 1, COMMAND_DOWN);
	sim_run_for(s, 2 * HOUR);
	sim_send(s, 0, 1);
	sim_run_for(s, 2 * SIM_SECOND);
	assert_int_equal(look(s, 0).plain, 1);
	assert_int_equal(look(s, 0).encapsulated, 0);
	assert_passes(s, 0, 1);
	sim_free(s);
}

/* Rekeying leaves it in UDP, for ever if need be. */
static void test_rekeying_changes_nothing(void **state)
{
	struct sim *s = healed(3);

	(void)state;
	sim_command(s, 0, 1, COMMAND_REKEY_IKE);
	sim_run_for(s, 5 * SIM_SECOND);
	sim_command(s, 0, 1, COMMAND_REKEY);
	sim_run_for(s, 10 * SIM_SECOND);
	assert_int_equal(look(s, 0).encapsulated, 1);
	assert_int_equal(look(s, 0).plain, 0);
	assert_passes(s, 0, 1);
	sim_free(s);
}

/* One way by its nature, for an hour: the peer counts the packets, and nothing is tried. */
static void test_one_way_traffic_is_no_filter(void **state)
{
	(void)state;
	for (uint64_t seed = 1; seed <= 5; seed++) {
		struct sim *s = world(seed);

		talk(s, 0, 1, 3600);
		sim_run_for(s, HOUR);
		assert_int_equal(look(s, 0).memory, ENCAP_UNKNOWN);
		assert_int_equal(look(s, 0).encapsulated, 0);
		assert_int_equal(sim_tally(s, 0, 1).lost, 0);
		sim_free(s);
	}
}

/* A peer that died does not answer IKE either. */
static void test_a_dead_peer_is_no_filter(void **state)
{
	struct sim *s = world(1);

	(void)state;
	sim_send(s, 0, 1);
	sim_run_for(s, SIM_SECOND);
	sim_crash(s, 1);
	talk(s, 0, 1, 60);
	sim_run_for(s, MINUTE);
	assert_int_equal(look(s, 0).memory, ENCAP_UNKNOWN);
	sim_free(s);
}

/* As a peer of another make: it has no vendor ID of ours, and does not count. */
static void estrange(struct sim *s, void *arg)
{
	(void)arg;
	for (struct ike_sa *sa = s->hosts[0].engine->pairs->sas; sa; sa = sa->next)
		sa->peer_ikemesh = false;
}

static struct sim *world_of_a_stranger(void)
{
	struct sim *s = world(1);

	sim_send(s, 0, 1);
	for (unsigned at = 1; at < 400; at++)
		sim_at(s, at * SIM_SECOND / 10, estrange, NULL);
	return s;
}

/* Some packets one way look like a filter; the trial finds nothing, and ends though nobody talks.
 */
static void test_a_trial_ends_in_silence(void **state)
{
	struct sim *s = world_of_a_stranger();

	(void)state;
	talk(s, 0, 1, 14);
	sim_run_for(s, 20 * SIM_SECOND);
	assert_int_equal(look(s, 0).memory, ENCAP_TRYING);
	sim_run_for(s, MINUTE);
	assert_int_equal(look(s, 0).memory, ENCAP_NO_HELP);
	/* What comes now proves nothing. */
	talk(s, 1, 0, 10);
	sim_run_for(s, 20 * SIM_SECOND);
	assert_int_equal(look(s, 0).memory, ENCAP_NO_HELP);
	sim_free(s);
}

/* Nobody talks to who asks, until late in the trial: plain ESP would have been answered as well. */
static void test_a_late_answer_is_no_proof(void **state)
{
	struct sim *s = world_of_a_stranger();

	(void)state;
	talk(s, 0, 1, 9);
	sim_run_for(s, 20 * SIM_SECOND);
	assert_int_equal(look(s, 0).memory, ENCAP_TRYING);
	sim_run_for(s, 30 * SIM_SECOND);
	s->hosts[0].engine->pairs->encap_at.us -= 20 * SIM_SECOND; /* the looks came late */
	talk(s, 1, 0, 1);
	sim_run_for(s, 5 * SIM_SECOND);
	assert_int_equal(look(s, 0).memory, ENCAP_NO_HELP);
	sim_free(s);
}

/* Filtered in earnest: the answer comes in time. */
static void test_a_stranger_behind_a_filter(void **state)
{
	struct sim *s = world_of_a_stranger();

	(void)state;
	s->esp_filtered = true;
	talk(s, 0, 1, 30);
	talk(s, 1, 0, 30);
	sim_run_for(s, 30 * SIM_SECOND);
	assert_int_equal(look(s, 0).memory, ENCAP_HELPS);
	sim_free(s);
}

static void test_idle_pairs_are_left_alone(void **state)
{
	struct sim *s = world(1);
	uint64_t datagrams;

	(void)state;
	sim_send(s, 0, 1);
	sim_send(s, 1, 0);
	sim_run_for(s, MINUTE);
	datagrams = s->datagrams;
	sim_run_for(s, 30 * MINUTE);
	assert_int_equal(s->datagrams, datagrams);
	sim_free(s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_filtered_esp_goes_in_udp),
		cmocka_unit_test(test_both_notice),
		cmocka_unit_test(test_filtered_one_way),
		cmocka_unit_test(test_it_is_remembered),
		cmocka_unit_test(test_it_is_forgotten),
		cmocka_unit_test(test_rekeying_changes_nothing),
		cmocka_unit_test(test_one_way_traffic_is_no_filter),
		cmocka_unit_test(test_a_dead_peer_is_no_filter),
		cmocka_unit_test(test_a_trial_ends_in_silence),
		cmocka_unit_test(test_a_late_answer_is_no_proof),
		cmocka_unit_test(test_a_stranger_behind_a_filter),
		cmocka_unit_test(test_idle_pairs_are_left_alone),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
