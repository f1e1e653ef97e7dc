/* SPDX-License-Identifier: Apache-2.0 */
/* Is the peer there (RFC 7296 2.4)? Pairs that have been idle for long before the question comes.
 */
#include "sim/sim.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

#define IDLE_S 1000
#define DPD_DELAY_S 30
#define DPD_TIMEOUT_S 120

static struct sim *idle_pair(uint64_t seed)
{
	struct sim_options o = { .seed = seed,
				 .hosts = 2,
				 .wire = { .delay_us = 5000 },
				 .fleet = { .dpd_delay_s = DPD_DELAY_S,
					    .dpd_timeout_s = DPD_TIMEOUT_S } };
	struct sim *s = sim_new(&o);

	sim_start_all(s);
	sim_stream(s, 0, 1, 0, SIM_SECOND, 3);
	sim_run_for(s, IDLE_S * SIM_SECOND);
	sim_check_pair(s, 0, 1);
	return s;
}

/* The first so many datagrams of host 1 are lost. */
static bool lose_answers(struct sim *s, unsigned from, struct bytes datagram)
{
	unsigned *left = s->lose_arg;

	(void)datagram;
	if (from != 1 || *left == 0)
		return false;
	--*left;
	return true;
}

/*
 * h0 sends one packet, nothing comes back by its nature, and h0 asks:
 *   h0 --> h1 INFORMATIONAL {}
 *   h0 <-- h1 the answer, lost so many times
 */
static void test_lost_answers_are_no_death(void **state)
{
	(void)state;
	for (unsigned lost = 1; lost <= 5; lost++) {
		struct sim *s = idle_pair(lost);
		unsigned left = lost;
		uint64_t adds;

		s->lose = lose_answers;
		s->lose_arg = &left;
		adds = s->hosts[0].kernel.adds;
		sim_send(s, 0, 1);
		sim_run_for(s, 200 * SIM_SECOND);
		assert_int_equal(left, 0);
		sim_check_pair(s, 0, 1);
		assert_int_equal(s->hosts[0].kernel.adds, adds);
		sim_free(s);
	}
}

/* The peer went while nobody spoke: found dead dpd_timeout after the first packet, not later. */
static void test_death_while_idle(void **state)
{
	(void)state;
	for (uint64_t seed = 1; seed <= 5; seed++) {
		struct sim *s = idle_pair(seed);

		sim_crash(s, 1);
		sim_run_for(s, 100 * SIM_SECOND);
		assert_int_equal(s->hosts[0].kernel.n_sas, 2);
		sim_stream(s, 0, 1, 0, SIM_SECOND, DPD_TIMEOUT_S);
		sim_run_for(s, (DPD_TIMEOUT_S + 1) * SIM_SECOND);
		assert_int_equal(s->hosts[0].kernel.n_sas, 0);
		sim_free(s);
	}
}

/* All requests of host 0 are lost, its answers are not. */
static bool lose_requests(struct sim *s, unsigned from, struct bytes datagram)
{
	(void)s;
	return from == 0 && datagram.n > 19 && (datagram.p[19] & 0x20) == 0; /* RFC 7296 3.1 */
}

/*
 * Both replace the IKE SA, and of h0 only the answers arrive:
 *   h0 --> h1 CREATE_CHILD_SA {SA, Ni, KEi}, lost each time
 *   h0 <-- h1 CREATE_CHILD_SA {SA, Ni, KEi}, answered
 *   h0 <-- h1 INFORMATIONAL {D}, answered: the old IKE SA is gone, and with it what h0 asked for
 */
static void test_request_that_is_moot_is_no_death(void **state)
{
	(void)state;
	for (uint64_t seed = 1; seed <= 5; seed++) {
		struct sim *s = idle_pair(seed);
		uint64_t adds = s->hosts[0].kernel.adds;

		s->lose = lose_requests;
		sim_command(s, 0, 1, COMMAND_REKEY_IKE);
		sim_run_for(s, 28 * SIM_SECOND); /* a few seconds more and h0 gives up */
		sim_command(s, 1, 0, COMMAND_REKEY_IKE);
		sim_run_for(s, 100 * SIM_SECOND);
		assert_int_equal(s->hosts[0].kernel.adds, adds);
		sim_check_pair(s, 0, 1);
		assert_int_equal(sim_ike_sas(s, 0, 1), 1);
		assert_int_equal(sim_ike_sas(s, 1, 0), 1);
		sim_free(s);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_lost_answers_are_no_death),
		cmocka_unit_test(test_death_while_idle),
		cmocka_unit_test(test_request_that_is_moot_is_no_death),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
