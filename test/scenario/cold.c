/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A cold start: a hundred hosts begin in the same instant, each with something to send to every
 * other within the first tenth of a second, over a network that loses one packet in ten. All 4,950
 * pairs come up, and are left with one CHILD_SA each.
 */
#include "scenario/scenario.h"

#define HOSTS 100
#define FIRST_US (100 * SIM_MS)
#define EAGER_S 5 /* a packet a second */
#define CALM_S 85 /* a packet every tenth; then what was replaced has lingered and is gone */
#define REST_S 5  /* without a packet */

static const struct wire_manners lossy = { .delay_us = 500, .jitter_us = 500, .loss = 0.1 };

static void talk(struct sim *s, unsigned from, unsigned to)
{
	const int64_t first_us = rng_between(&s->rng, 0, FIRST_US);

	sim_stream(s, from, to, first_us, SIM_SECOND, EAGER_S);
	sim_stream(s, from, to, first_us + EAGER_S * SIM_SECOND, 10 * SIM_SECOND, CALM_S / 10);
}

static void run(const struct scenario_options *o, struct outcome *out)
{
	struct sim *s = scenario_sim(o, o->hosts == 0 ? HOSTS : o->hosts, &lossy);
	const int64_t began = s->now.us;

	sim_start_all(s);
	for (unsigned a = 0; a < s->n_hosts; a++)
		for (unsigned b = a + 1; b < s->n_hosts; b++) {
			talk(s, a, b);
			talk(s, b, a);
			sim_pair_want(s, a, b);
		}
	sim_run_for(s, (EAGER_S + CALM_S + REST_S) * SIM_SECOND);
	for (size_t i = 0; i < s->n_pairs; i++) {
		const struct sim_pair *p = &s->pairs[i];

		if (!p->up)
			sim_breach_of(s, (int)p->a, (int)p->b,
				      "hosts %u and %u are not up after %d s", p->a, p->b,
				      EAGER_S + CALM_S);
		histogram_add(&out->up, p->up_first.us - began);
		if (p->changed_at.us - began > out->converged_us)
			out->converged_us = p->changed_at.us - began;
	}
	sim_check_rest(s);
	scenario_check_unrepaired(s);
	scenario_tell(s, out);
	sim_free(s);
}

const struct scenario scenario_cold = {
	.name = "cold",
	.what = "100 hosts start at once at 10 % loss, every one sends to every other",
	.seeds = 10,
	.brief_seeds = 2,
	.brief_hosts = 30,
	.run = run,
};
