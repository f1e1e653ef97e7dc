/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A large fleet starts at once: 2,000 hosts, each with traffic to and from fifty others, 50,000
 * pairs in all. All come up; then, at a quarter of the hosts chosen by chance, the daemon restarts
 * in order or the machine is rebooted, all in one minute, and they come up again.
 */
#include "scenario/scenario.h"

#include <stdio.h>
#include <stdlib.h>

#define HOSTS 2000
#define PEERS 50
#define SPREAD_US SIM_SECOND
#define TALK_US (2 * SIM_SECOND)
#define SETTLE_S 120
#define ROLL_S 60
#define DOWN_S 10
#define HEAL_S 240 /* those who did not restart find the dead in dpd_timeout, and half a minute */
#define REST_S 70

static const struct wire_manners fair = { .delay_us = 1000, .jitter_us = 1000, .loss = 0.01 };

struct fleet {
	struct sim *s;
	unsigned back; /* hosts to be started again, next first */
	unsigned *order;
};

/* Each has the same peers as seen from itself: so many hosts further on, and back. */
static void choose_peers(struct sim *s, int64_t for_us)
{
	bool *taken = calloc(s->n_hosts, sizeof *taken);
	unsigned n = 0, peers = s->n_hosts - 1 < PEERS ? s->n_hosts - 1 : PEERS;

	if (taken == NULL)
		abort();
	while (n < peers / 2) {
		unsigned step = 1 + (unsigned)rng_below(&s->rng, (s->n_hosts - 1) / 2);

		if (taken[step])
			continue;
		taken[step] = true;
		n++;
		for (unsigned a = 0; a < s->n_hosts; a++) {
			unsigned b = (a + step) % s->n_hosts;

			sim_stream(s, a, b, rng_between(&s->rng, 0, SPREAD_US), TALK_US,
				   (unsigned)(for_us / TALK_US));
			sim_stream(s, b, a, rng_between(&s->rng, 0, SPREAD_US), TALK_US,
				   (unsigned)(for_us / TALK_US));
			sim_pair_want(s, a, b);
		}
	}
	free(taken);
}

static void shuffle(struct sim *s, unsigned *order)
{
	for (unsigned i = 0; i < s->n_hosts; i++)
		order[i] = i;
	for (unsigned i = s->n_hosts - 1; i > 0; i--) {
		unsigned j = (unsigned)rng_below(&s->rng, i + 1), keep = order[i];

		order[i] = order[j];
		order[j] = keep;
	}
}

static void start_again(struct sim *s, void *arg)
{
	struct fleet *f = arg;

	sim_start(s, f->order[f->back++]);
}

static void roll(struct fleet *f)
{
	struct sim *s = f->s;

	shuffle(s, f->order);
	for (unsigned i = 0; i < s->n_hosts / 4; i++) {
		if (i % 2 == 0)
			sim_shutdown(s, f->order[i]);
		else
			sim_crash(s, f->order[i]);
		sim_at(s, DOWN_S * SIM_SECOND, start_again, f);
		sim_run_for(s, ROLL_S * SIM_SECOND / (s->n_hosts / 4));
	}
}

/* Until all that shall be up is up and single, but no longer than that. */
static void converge(struct sim *s, int64_t began, int64_t for_s, const char *after,
		     int64_t *converged_us)
{
	sim_run_for(s, for_s * SIM_SECOND);
	for (size_t i = 0; i < s->n_pairs; i++) {
		const struct sim_pair *p = &s->pairs[i];

		if (!p->single)
			sim_breach_of(s, (int)p->a, (int)p->b, "%u and %u %s %lld s after %s", p->a,
				      p->b, p->up ? "have more than one SA" : "are down",
				      (long long)for_s, after);
		if (p->changed_at.us - began > *converged_us)
			*converged_us = p->changed_at.us - began;
	}
}

static void run(const struct scenario_options *o, struct outcome *out)
{
	struct scenario_options with = *o;
	struct fleet f = { 0 };
	struct sim *s;
	int64_t began, rolled, again_us = 0;

	with.sim.packets_kept = 1 << 23;
	s = f.s = scenario_sim(&with, o->hosts == 0 ? HOSTS : o->hosts, &fair);
	f.order = calloc(s->n_hosts, sizeof *f.order);
	if (f.order == NULL)
		abort();
	began = s->now.us;
	sim_start_all(s);
	choose_peers(s, (SETTLE_S + ROLL_S + HEAL_S) * SIM_SECOND);
	converge(s, began, SETTLE_S, "the start", &out->converged_us);
	for (size_t i = 0; i < s->n_pairs; i++)
		histogram_add(&out->up, s->pairs[i].up_first.us - began);
	if (o->verbose)
		printf("  all %zu pairs up, the last after %.3f s\n", s->n_pairs,
		       (double)out->converged_us / 1e6);
	roll(&f);
	rolled = s->now.us;
	converge(s, rolled, HEAL_S, "a quarter of the hosts restarted", &again_us);
	sim_run_for(s, REST_S * SIM_SECOND);
	sim_check_rest(s);
	snprintf(out->text, sizeof out->text,
		 "%u hosts, %zu pairs; a quarter restarts: all well again after %.3f s", s->n_hosts,
		 s->n_pairs, (double)again_us / 1e6);
	scenario_tell(s, out);
	free(f.order);
	sim_free(s);
}

const struct scenario scenario_large = {
	.name = "large",
	.what = "2,000 hosts start at once, each with 50 peers; then a quarter of them restarts",
	.seeds = 1,
	.brief_seeds = 1,
	.brief_hosts = 24,
	.run = run,
};
