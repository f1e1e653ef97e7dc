/* SPDX-License-Identifier: Apache-2.0 */
#include "scenario/scenario.h"

struct sim *scenario_sim(const struct scenario_options *o, unsigned hosts,
			 const struct wire_manners *wire)
{
	struct sim_options options = o->sim;

	options.hosts = hosts;
	options.wire = *wire;
	options.timer_slack_us = 2 * SIM_MS;
	options.soft_late = options.seed % 2 == 1;
	options.fleet.shared_certificate = options.seed % 3 == 0;
	options.fleet.ipv6 = options.seed % 4 == 0;
	return sim_new(&options);
}

void scenario_tell(const struct sim *s, struct outcome *out)
{
	out->tally = sim_tally(s, -1, -1);
	out->events = s->events;
	out->datagrams = s->datagrams;
	out->digest = s->digest;
	out->pairs = s->n_pairs;
	out->done = true;
}

void scenario_check_unrepaired(const struct sim *s)
{
	for (unsigned i = 0; i < s->n_hosts; i++) {
		struct status_counters c;

		s->hosts[i].core->counters(s->hosts[i].engine, &c);
		if (c.breaches > 0)
			sim_breach_of(s, (int)i, -1,
				      "host %u: its self-check had to mend %llu pairs", i,
				      (unsigned long long)c.breaches);
	}
}

void scenario_talk(struct sim *s, unsigned a, unsigned b, int64_t interval_us, int64_t for_us)
{
	const unsigned count = (unsigned)(for_us / interval_us);

	sim_stream(s, a, b, rng_between(&s->rng, 0, interval_us), interval_us, count);
	sim_stream(s, b, a, rng_between(&s->rng, 0, interval_us), interval_us, count);
}
