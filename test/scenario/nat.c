/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Hosts behind translators of their own, and hosts that are not. Whoever is inside begins; then
 * both talk. Keys are replaced by either side, the translators lose their mappings now and then,
 * and sometimes nobody talks for longer than a mapping lives. Packets keep passing both ways.
 */
#include "scenario/scenario.h"

#include <stdio.h>

#define INSIDE 6
#define OUTSIDE 6
#define ESP_S 300
#define IKE_S 1100
#define LASTS_S 7200
#define TALK_S 3
#define IDLE_S 400	   /* once an hour; a mapping lives for two minutes */
#define FORGET_EVERY_S 600 /* on the average, one of the translators */
#define PASS_S 60	   /* some packet came through in so many seconds, whatever happened */
#define REST_S 60
#define STILL_S 120

static const struct wire_manners fair = { .delay_us = 8000, .jitter_us = 3000, .loss = 0.01 };

struct nats {
	bool still; /* translators keep their mappings from now on */
	bool idle;  /* and nobody talks */
	size_t forgotten;
};

static void forget(struct sim *s, void *arg)
{
	struct nats *t = arg;
	unsigned which = (unsigned)rng_below(&s->rng, s->options.nats);

	if (t->still)
		return;
	sim_at(s, rng_between(&s->rng, 0, 2 * FORGET_EVERY_S * SIM_SECOND), forget, t);
	nat_forget(&s->nats[which]);
	t->forgotten++;
}

static void look(struct sim *s, void *arg)
{
	struct nats *t = arg;

	for (size_t i = 0; i < s->n_pairs && !t->idle; i++) {
		const struct sim_pair *p = &s->pairs[i];

		for (unsigned way = 0; way < 2; way++)
			if (s->now.us - p->passed_at[way].us > PASS_S * SIM_SECOND)
				sim_breach_of(s, (int)p->a, (int)p->b,
					      "nothing came from %u to %u for %d s",
					      way == 0 ? p->a : p->b, way == 0 ? p->b : p->a,
					      PASS_S);
	}
	sim_at(s, SIM_SECOND, look, t);
}

static void talk(struct sim *s, int64_t for_s)
{
	for (size_t i = 0; i < s->n_pairs; i++)
		scenario_talk(s, s->pairs[i].a, s->pairs[i].b, TALK_S * SIM_SECOND,
			      for_s * SIM_SECOND);
}

/* Those outside speak first after a long silence: the mapping must be there still. */
static void after_silence(struct sim *s)
{
	for (size_t i = 0; i < s->n_pairs; i++)
		s->pairs[i].passed_at[0] = s->pairs[i].passed_at[1] = s->now;
	for (size_t i = 0; i < s->n_pairs; i++)
		sim_stream(s, s->pairs[i].b, s->pairs[i].a, 0, 200 * SIM_MS, 10);
	sim_run_for(s, 3 * SIM_SECOND);
	for (size_t i = 0; i < s->n_pairs; i++)
		if (s->pairs[i].passed_at[1].us < s->now.us - 3 * SIM_SECOND + SIM_MS)
			sim_breach_of(s, (int)s->pairs[i].a, (int)s->pairs[i].b,
				      "after a silence nothing comes in from %u to %u",
				      s->pairs[i].b, s->pairs[i].a);
}

static void run(const struct scenario_options *o, struct outcome *out)
{
	struct scenario_options with = *o;
	struct nats t = { 0 };
	struct sim *s;
	int64_t began;

	with.sim.nats = INSIDE;
	with.sim.fleet.esp_lifetime_s = ESP_S;
	with.sim.fleet.ike_lifetime_s = IKE_S;
	with.sim.fleet.dpd_timeout_s = 120;
	s = scenario_sim(&with, INSIDE + OUTSIDE, &fair);
	for (unsigned i = 0; i < INSIDE; i++)
		sim_behind(s, i, i);
	sim_start_all(s);
	began = s->now.us;
	for (unsigned a = 0; a < INSIDE; a++)
		for (unsigned b = INSIDE; b < INSIDE + OUTSIDE; b++) {
			sim_pair_want(s, a, b);
			sim_stream(s, a, b, rng_between(&s->rng, 0, SIM_SECOND), SIM_SECOND, 10);
		}
	sim_run_for(s, 10 * SIM_SECOND);
	for (size_t i = 0; i < s->n_pairs; i++) {
		histogram_add(&out->up, s->pairs[i].up_first.us - began);
		if (s->pairs[i].changed_at.us - began > out->converged_us)
			out->converged_us = s->pairs[i].changed_at.us - began;
	}
	sim_at(s, 0, look, &t);
	for (unsigned hour = 0; hour < 2; hour++) {
		if (hour == 0)
			sim_at(s, FORGET_EVERY_S * SIM_SECOND, forget, &t);
		talk(s, LASTS_S / 2);
		sim_run_for(s, (LASTS_S / 2 - STILL_S) * SIM_SECOND);
		/*
		 * One that forgets while nobody talks cuts its host off from outside: whoever asks
		 * there has no answer, and takes it for dead.
		 */
		t.still = hour == 1;
		sim_run_for(s, STILL_S * SIM_SECOND);
	}
	t.idle = true;
	sim_run_for(s, IDLE_S * SIM_SECOND);
	after_silence(s);
	sim_run_for(s, REST_S * SIM_SECOND);
	snprintf(out->text, sizeof out->text, "translators lost their mappings %zu times",
		 t.forgotten);
	scenario_tell(s, out);
	sim_free(s);
}

const struct scenario scenario_nat = {
	.name = "nat",
	.what = "6 hosts behind translators, 6 outside: rekeys, lost mappings, silences",
	.seeds = 10,
	.brief_seeds = 1,
	.run = run,
};
