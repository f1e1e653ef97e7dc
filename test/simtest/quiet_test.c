/* SPDX-License-Identifier: Apache-2.0 */
/* A host that has many peers and nothing to do sleeps: what wakes it, and how often. */
#include "sim/sim.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

#define PEERS 60
#define DPD_DELAY_S 30
#define LOOKS_A_DELAY 6 /* at most: those of all pairs fall together */
#define SETTLED_S 300	/* whatever is kept for a while is gone by then */
#define QUIET_S 1200

/* Host 0 has a pair with each of the others, and they came up one after the other. */
static struct sim *star(uint64_t seed, bool keeps)
{
	struct sim_options o = { .seed = seed,
				 .hosts = PEERS + 1,
				 .wire = { .delay_us = 5000 },
				 .fleet = { .dpd_delay_s = DPD_DELAY_S, .dpd_timeout_s = 120 },
				 .keeps = keeps };
	struct sim *s = sim_new(&o);

	sim_start_all(s);
	for (unsigned i = 1; i <= PEERS; i++)
		sim_stream(s, 0, i, i * SIM_SECOND * 997 / 1000, SIM_SECOND, 3);
	sim_run_for(s, (PEERS + SETTLED_S) * SIM_SECOND);
	for (unsigned i = 1; i <= PEERS; i++)
		sim_check_pair(s, 0, i);
	return s;
}

static void test_idle_pairs_are_looked_at_together(void **state)
{
	(void)state;
	for (uint64_t seed = 1; seed <= 3; seed++) {
		struct sim *s = star(seed, false);
		const struct sim_host *h = &s->hosts[0];
		const uint64_t timers = h->timers, vain = h->vain_timers;

		sim_run_for(s, QUIET_S * SIM_SECOND);
		assert_int_equal(h->vain_timers, vain);
		assert_in_range(h->timers - timers, QUIET_S / DPD_DELAY_S,
				(QUIET_S / DPD_DELAY_S + 1) * LOOKS_A_DELAY);
		for (unsigned i = 1; i <= PEERS; i++)
			sim_check_pair(s, 0, i);
		sim_free(s);
	}
}

/* What a look did not change needs no other record, and whoever goes on looks by itself. */
static void test_nothing_is_kept_of_a_look_that_found_nothing(void **state)
{
	struct sim *s = star(4, true);
	const size_t kept = s->hosts[0].kept.n;
	uint64_t adds;

	(void)state;
	sim_run_for(s, QUIET_S * SIM_SECOND);
	assert_int_equal(s->hosts[0].kept.n, kept);
	sim_die(s, 0);
	adds = s->hosts[0].kernel.adds;
	sim_run_for(s, QUIET_S * SIM_SECOND);
	assert_int_equal(s->hosts[0].kernel.adds, adds);
	for (unsigned i = 1; i <= PEERS; i++)
		sim_check_pair(s, 0, i);
	sim_free(s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_idle_pairs_are_looked_at_together),
		cmocka_unit_test(test_nothing_is_kept_of_a_look_that_found_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
