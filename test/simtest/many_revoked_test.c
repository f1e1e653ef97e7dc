/* SPDX-License-Identifier: Apache-2.0 */
/* New CRLs among many peers: each is looked at once, and who is revoked is out within a moment. */
#include "sim/sim.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#define HOSTS 80u /* more than two batches of a review */

static const struct event review = { .kind = EVENT_REVIEW };

/* Host 0 speaks with everybody. */
static struct sim *star(uint64_t seed)
{
	const struct sim_options o = { .seed = seed,
				       .hosts = HOSTS,
				       .wire = { .delay_us = 500, .jitter_us = 200 },
				       .timer_slack_us = 2000 };
	struct sim *s = sim_new(&o);

	sim_start_all(s);
	for (unsigned b = 1; b < HOSTS; b++)
		sim_stream(s, 0, b, 0, SIM_SECOND, 60);
	sim_run_for(s, 20 * SIM_SECOND);
	return s;
}

static unsigned pairs_up(const struct sim *s)
{
	unsigned n = 0;

	for (unsigned b = 1; b < HOSTS; b++)
		n += sim_pair_up(s, 0, b);
	return n;
}

static void test_nobody_is_revoked(void **state)
{
	struct sim *s = star(1);

	(void)state;
	assert_int_equal(pairs_up(s), HOSTS - 1);
	s->hosts[0].doer.verdict = VERDICT_EXPIRED; /* no reason to end anything */
	sim_feed(s, 0, &review);
	sim_run_for(s, SIM_SECOND);
	assert_int_equal(pairs_up(s), HOSTS - 1);
	sim_free(s);
}

static void test_all_are_revoked(void **state)
{
	struct sim *s = star(2);
	struct status_counters c;

	(void)state;
	assert_int_equal(pairs_up(s), HOSTS - 1);
	s->hosts[0].doer.verdict = VERDICT_REVOKED;
	sim_feed(s, 0, &review);
	sim_run_for(s, SIM_SECOND / 2);
	assert_int_equal(pairs_up(s), 0);
	engine_counters(s->hosts[0].engine, &c);
	assert_int_equal(c.child_sas, 0);
	/* taken off the list: their next packets bring them back */
	s->hosts[0].doer.verdict = VERDICT_GOOD;
	sim_run_for(s, 30 * SIM_SECOND);
	assert_int_equal(pairs_up(s), HOSTS - 1);
	sim_free(s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_nobody_is_revoked),
		cmocka_unit_test(test_all_are_revoked),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
