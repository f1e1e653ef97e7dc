/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Hosts that get another address, another certificate, or both; whose certificate has run out until
 * it is renewed. Each time all pairs are up again soon, and nothing of an old address is left for
 * longer than its keys live.
 */
#include "scenario/scenario.h"

#include <stdio.h>

#define HOSTS 10
#define ESP_S 300
#define IKE_S 900
#define LASTS_S 3600
#define EVERY_S 60 /* on the average */
#define TALK_S 2
#define PASS_S 60
#define EXPIRED_S 120
/* Without traffic nobody asks: its SAs end when they cannot be replaced. */
#define REST_S (IKE_S + 400)

static const struct wire_manners fair = { .delay_us = 5000, .jitter_us = 2000, .loss = 0.01 };

struct roam {
	bool over;
	unsigned expired; /* the host whose certificate has run out; n_hosts: none */
	uint32_t serial;
	size_t moves, renewals, expiries;
};

static void renew(struct sim *s, struct roam *r, unsigned host, bool good)
{
	struct fleet_options fleet = s->options.fleet;
	const int64_t now_s = s->now.us / SIM_SECOND;

	fleet.serial = ++r->serial;
	fleet.valid_from = now_s - 1000;
	fleet.valid_until = good ? now_s + 1000000 : now_s - 1;
	sim_reload(s, host, &fleet);
	for (unsigned i = 0; i < s->n_hosts; i++)
		if (i != host)
			sim_command(s, host, i, COMMAND_REAUTH);
}

static void excuse(struct sim *s, unsigned host)
{
	for (unsigned i = 0; i < s->n_hosts; i++) {
		struct sim_pair *p = i == host ? NULL : sim_pair_find(s, host, i);

		if (p != NULL)
			p->passed_at[0] = p->passed_at[1] = s->now;
	}
}

static void renew_expired(struct sim *s, void *arg)
{
	struct roam *r = arg;

	renew(s, r, r->expired, true);
	excuse(s, r->expired);
	r->expired = s->n_hosts;
}

static void befall(struct sim *s, void *arg)
{
	struct roam *r = arg;
	unsigned host = (unsigned)rng_below(&s->rng, s->n_hosts);

	if (r->over)
		return;
	sim_at(s, rng_between(&s->rng, 0, 2 * EVERY_S * SIM_SECOND), befall, r);
	if (host == r->expired)
		return;
	switch (rng_below(&s->rng, 4)) {
	case 0:
		renew(s, r, host, true);
		r->renewals++;
		break;
	case 1:
		if (r->expired != s->n_hosts)
			break;
		r->expired = host;
		r->expiries++;
		renew(s, r, host, false);
		sim_at(s, EXPIRED_S * SIM_SECOND, renew_expired, r);
		break;
	case 2:
		renew(s, r, host, true); /* both at once */
					 /* fall through */
	default:
		sim_move(s, host);
		excuse(s, host);
		r->moves++;
	}
}

static void look(struct sim *s, void *arg)
{
	const struct roam *r = arg;

	for (size_t i = 0; i < s->n_pairs && !r->over; i++) {
		const struct sim_pair *p = &s->pairs[i];

		for (unsigned way = 0; way < 2; way++)
			if (s->now.us - p->passed_at[way].us > PASS_S * SIM_SECOND &&
			    p->a != r->expired && p->b != r->expired)
				sim_breach_of(s, (int)p->a, (int)p->b,
					      "nothing came from %u to %u for %d s",
					      way == 0 ? p->a : p->b, way == 0 ? p->b : p->a,
					      PASS_S);
	}
	sim_at(s, SIM_SECOND, look, arg);
}

static void run(const struct scenario_options *o, struct outcome *out)
{
	struct scenario_options with = *o;
	struct fleet_options calm;
	struct roam r = { 0 };
	struct sim *s;

	with.sim.fleet.esp_lifetime_s = ESP_S;
	with.sim.fleet.ike_lifetime_s = IKE_S;
	with.sim.fleet.dpd_timeout_s = 120;
	s = scenario_sim(&with, o->hosts == 0 ? HOSTS : o->hosts, &fair);
	r.expired = s->n_hosts;
	sim_start_all(s);
	for (unsigned a = 0; a < s->n_hosts; a++)
		for (unsigned b = a + 1; b < s->n_hosts; b++) {
			sim_pair_want(s, a, b);
			scenario_talk(s, a, b, TALK_S * SIM_SECOND,
				      (LASTS_S + REST_S) * SIM_SECOND);
		}
	sim_at(s, 0, look, &r);
	sim_at(s, 30 * SIM_SECOND, befall, &r);
	sim_run_for(s, LASTS_S * SIM_SECOND);
	r.over = true;
	calm = s->options.fleet;
	calm.esp_lifetime_s = calm.ike_lifetime_s = 0;
	sim_run_for(s, EXPIRED_S * SIM_SECOND);
	for (unsigned i = 0; i < s->n_hosts; i++)
		sim_reload(s, i, &calm);
	sim_run_for(s, REST_S * SIM_SECOND);
	sim_check_rest(s);
	snprintf(out->text, sizeof out->text, "%zu moves, %zu renewals, %zu expiries", r.moves,
		 r.renewals, r.expiries);
	scenario_tell(s, out);
	sim_free(s);
}

const struct scenario scenario_roam = {
	.name = "roam",
	.what = "10 hosts that change address and certificate",
	.seeds = 10,
	.brief_seeds = 1,
	.brief_hosts = 6,
	.run = run,
};
