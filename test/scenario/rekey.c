/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Keys are replaced all the time, and by both ends at once whenever it can be arranged: CHILD_SAs,
 * IKE SAs, re-authentication, one against the other, with a packet lost now and then. No pair is
 * down meanwhile, and in the end each is left with one IKE SA and one CHILD_SA.
 */
#include "scenario/scenario.h"

#include <stdlib.h>

#define HOSTS 12
#define ESP_S 60
#define IKE_S 170
#define STORM_S 600
#define CLASH_EVERY_S 7 /* on the average, for each pair */
#define CALM_S 400	/* no more commands, and no more lifetimes */
#define DOWN_S 15
#define OVERLAP_S 100
#define LOOK_S 1

static const struct wire_manners fair = { .delay_us = 2000, .jitter_us = 500, .loss = 0.01 };

struct storm {
	struct sim *s;
	bool over;
	bool strict; /* all are up: from now on they stay */
};

static void clash(struct sim *s, void *arg)
{
	static const enum command_kind things[] = { COMMAND_REKEY, COMMAND_REKEY, COMMAND_REKEY_IKE,
						    COMMAND_REAUTH };
	struct storm *t = arg;
	const struct sim_pair *p = &s->pairs[rng_below(&s->rng, s->n_pairs)];
	const enum command_kind one = things[rng_below(&s->rng, 4)];
	const enum command_kind other =
		rng_below(&s->rng, 2) == 0 ? one : things[rng_below(&s->rng, 4)];

	if (t->over)
		return;
	sim_command(s, p->a, p->b, one);
	sim_command(s, p->b, p->a, other);
	sim_at(s, rng_between(&s->rng, 0, 2 * CLASH_EVERY_S * SIM_SECOND / (int64_t)s->n_pairs),
	       clash, t);
}

static void look(struct sim *s, void *arg)
{
	struct storm *t = arg;

	for (size_t i = 0; i < s->n_pairs; i++) {
		const struct sim_pair *p = &s->pairs[i];
		const int64_t for_s = (s->now.us - p->changed_at.us) / SIM_SECOND;

		if (!p->up && for_s > DOWN_S)
			sim_breach_of(s, (int)p->a, (int)p->b, "%u and %u are down since %lld s",
				      p->a, p->b, (long long)for_s);
		if (t->over && !p->single && for_s > OVERLAP_S)
			sim_breach_of(s, (int)p->a, (int)p->b,
				      "%u and %u have more than one SA since %lld s", p->a, p->b,
				      (long long)for_s);
	}
	sim_at(s, LOOK_S * SIM_SECOND, look, t);
}

static void reload_all(struct sim *s, const struct fleet_options *fleet)
{
	for (unsigned i = 0; i < s->n_hosts; i++)
		sim_reload(s, i, fleet);
}

static void run(const struct scenario_options *o, struct outcome *out)
{
	struct scenario_options with = *o;
	struct fleet_options calm;
	struct storm t = { 0 };
	struct sim *s;
	int64_t calm_at;

	with.sim.fleet.esp_lifetime_s = ESP_S;
	with.sim.fleet.ike_lifetime_s = IKE_S;
	s = t.s = scenario_sim(&with, o->hosts == 0 ? HOSTS : o->hosts, &fair);
	sim_start_all(s);
	for (unsigned a = 0; a < s->n_hosts; a++)
		for (unsigned b = a + 1; b < s->n_hosts; b++) {
			scenario_talk(s, a, b, SIM_SECOND, (STORM_S + CALM_S) * SIM_SECOND);
			sim_pair_want(s, a, b);
		}
	sim_run_for(s, 30 * SIM_SECOND);
	sim_at(s, 0, clash, &t);
	sim_at(s, 0, look, &t);
	sim_run_for(s, STORM_S * SIM_SECOND);
	t.over = true;
	calm = s->options.fleet;
	calm.esp_lifetime_s = calm.ike_lifetime_s = 0;
	reload_all(s, &calm);
	calm_at = s->now.us;
	/* Lifetimes of SAs that are there still count: each is replaced once more. */
	sim_run_for(s, CALM_S * SIM_SECOND);
	for (size_t i = 0; i < s->n_pairs; i++)
		if (s->pairs[i].changed_at.us - calm_at > out->converged_us)
			out->converged_us = s->pairs[i].changed_at.us - calm_at;
	sim_check_rest(s);
	scenario_tell(s, out);
	sim_free(s);
}

const struct scenario scenario_rekey = {
	.name = "rekey",
	.what = "12 hosts replace keys all the time, both ends at once",
	.seeds = 10,
	.brief_seeds = 1,
	.brief_hosts = 5,
	.run = run,
};
