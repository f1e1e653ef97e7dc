/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A year of twenty hosts: keys are replaced every hour, and every few hours something befalls one
 * of them, or the network. Whatever it was, HEAL_S after it is over each pair that it touched is
 * up, with one CHILD_SA soon; nobody else notices; memory stays what it was.
 */
#include "scenario/scenario.h"

#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>

#define HOSTS 20
#define DAYS 365
#define HOUR_S INT64_C(3600)
#define DAY_S (24 * HOUR_S)
#define TROUBLE_EVERY_S (2 * HOUR_S) /* on the average */
#define IDLE_TALK_S 600		     /* each pair now and then sends a packet */
#define HEAL_S 300		     /* a dead peer is found in 150 s, back-off ends after 60 s */
#define BLIP_S 5		     /* nobody who was left in peace is down for longer */
#define OVERLAP_S 120		     /* and nobody has two SAs for longer */
#define LOOK_S 20
#define REST_S 600
#define MOMENTS 10
#define MOMENT_S 61
#define HEAP_GROWS 1.25 /* at most, from the first look to the last */
#define CERT_DAYS 90

static const struct wire_manners fair = {
	.delay_us = 5000, .jitter_us = 2000, .loss = 0.005, .duplicate = 0.001
};

enum trouble_kind {
	REBOOT,	 /* the machine, its SAs with it */
	KILL,	 /* the daemon: the kernel keeps what it has */
	RESTART, /* in order */
	PARTITION,
	WEATHER, /* one packet in five is lost */
	CLOCK,
	SLEEP,
	RENEWAL,    /* another certificate */
	WRONG_DATE, /* and the daemon starts anew with it: certificates look expired */
	TROUBLES,
};

struct year {
	const struct scenario_options *o;
	struct sim *s;
	bool *busy; /* by host: something befalls it already */
	bool parted, weather;
	bool over; /* no more trouble */
	size_t befell[TROUBLES];
	uint32_t serial;
	size_t heap_first;
	bool *healing; /* by pair: excused, and not yet looked at since */
	struct outcome *out;
};

/* What is to be undone, and when. */
struct trouble {
	struct year *y;
	enum trouble_kind kind;
	unsigned host;
	int64_t lasts_us;
};

static int64_t log_uniform(struct rng *r, int64_t low, int64_t high)
{
	int64_t at = low;

	while (at < high && rng_below(r, 4) != 0)
		at *= 2;
	return at + rng_between(r, 0, at) > high ? high : at + rng_between(r, 0, at);
}

/* --- what a pair goes through --- */

/* Its trouble is over in `after_us`, then both talk, or one; HEAL_S later all must be well. */
static void excuse(struct year *y, struct sim_pair *p, int64_t after_us)
{
	struct sim *s = y->s;
	const int64_t until = s->now.us + after_us;
	const uint64_t one_sided = rng_below(&s->rng, 4);

	y->healing[p - s->pairs] = true;
	if (until + HEAL_S * SIM_SECOND > p->excused_until.us)
		p->excused_until.us = until + HEAL_S * SIM_SECOND;
	if (one_sided != 1)
		sim_stream(s, p->a, p->b, after_us + rng_between(&s->rng, 0, SIM_SECOND),
			   2 * SIM_SECOND, HEAL_S / 2);
	if (one_sided != 2)
		sim_stream(s, p->b, p->a, after_us + rng_between(&s->rng, 0, SIM_SECOND),
			   2 * SIM_SECOND, HEAL_S / 2);
}

static void excuse_host(struct year *y, unsigned host, int64_t after_us)
{
	for (unsigned i = 0; i < y->s->n_hosts; i++)
		if (i != host)
			excuse(y, sim_pair_find(y->s, host, i), after_us);
}

static void excuse_parted(struct year *y, int64_t after_us)
{
	const unsigned *part = y->s->wire.part;

	for (size_t i = 0; i < y->s->n_pairs; i++)
		if (part[y->s->pairs[i].a] != part[y->s->pairs[i].b])
			excuse(y, &y->s->pairs[i], after_us);
}

/* --- trouble begins and ends --- */

static void renew(struct year *y, unsigned host)
{
	struct fleet_options fleet = y->s->options.fleet;
	const int64_t now_s = y->s->now.us / SIM_SECOND;

	fleet.serial = ++y->serial;
	fleet.valid_from = now_s - DAY_S;
	fleet.valid_until = now_s + CERT_DAYS * DAY_S;
	sim_reload(y->s, host, &fleet);
}

static void set_wall(struct year *y, unsigned host, int64_t off_s)
{
	y->s->hosts[host].wall_off_s = off_s;
}

static void finish(struct sim *s, void *arg)
{
	struct trouble *t = arg;
	struct year *y = t->y;

	switch (t->kind) {
	case REBOOT:
	case KILL:
	case RESTART:
		sim_start(s, t->host);
		break;
	case PARTITION:
		for (unsigned i = 0; i < s->n_hosts; i++)
			wire_part(&s->wire, i, 0);
		y->parted = false;
		break;
	case WEATHER:
		s->wire.manners = fair;
		y->weather = false;
		break;
	case WRONG_DATE:
		set_wall(y, t->host, 0);
		break;
	case CLOCK:
	case SLEEP:
	case RENEWAL:
	case TROUBLES:
		break;
	}
	if (t->kind != PARTITION && t->kind != WEATHER)
		y->busy[t->host] = false;
	free(t);
}

static void part(struct year *y)
{
	struct sim *s = y->s;

	for (unsigned i = 0; i < s->n_hosts; i++)
		wire_part(&s->wire, i, rng_below(&s->rng, 4) == 0);
	y->parted = true;
}

static void begin(struct year *y, struct trouble *t)
{
	struct sim *s = y->s;
	struct rng *r = &s->rng;

	switch (t->kind) {
	case REBOOT:
		t->lasts_us = rng_between(r, 20, 300) * SIM_SECOND;
		sim_crash(s, t->host);
		break;
	case KILL:
		t->lasts_us = log_uniform(r, 100 * SIM_MS, 600 * SIM_SECOND);
		sim_stop_daemon(s, t->host);
		break;
	case RESTART:
		t->lasts_us = rng_between(r, 2, 30) * SIM_SECOND;
		sim_shutdown(s, t->host);
		break;
	case PARTITION:
		t->lasts_us = log_uniform(r, SIM_SECOND, 4 * HOUR_S * SIM_SECOND);
		part(y);
		excuse_parted(y, t->lasts_us);
		break;
	case WEATHER:
		t->lasts_us = log_uniform(r, 10 * SIM_SECOND, HOUR_S * SIM_SECOND);
		s->wire.manners.loss = 0.2;
		s->wire.manners.jitter_us = 200 * SIM_MS;
		s->wire.manners.duplicate = 0.05;
		y->weather = true;
		for (size_t i = 0; i < s->n_pairs; i++)
			excuse(y, &s->pairs[i], t->lasts_us);
		break;
	case CLOCK:
		sim_clock_jump(s, t->host,
			       rng_below(r, 4) == 0 ? -rng_between(r, 1, 3 * SIM_SECOND)
						    : log_uniform(r, SIM_MS, DAY_S * SIM_SECOND));
		break;
	case SLEEP:
		t->lasts_us = log_uniform(r, SIM_SECOND, 8 * HOUR_S * SIM_SECOND);
		sim_sleep(s, t->host, t->lasts_us);
		break;
	case RENEWAL:
		renew(y, t->host);
		break;
	case WRONG_DATE:
		t->lasts_us = log_uniform(r, 10 * SIM_SECOND, 2 * HOUR_S * SIM_SECOND);
		set_wall(y, t->host, (rng_below(r, 2) == 0 ? -1 : 1) * 1000 * DAY_S);
		sim_stop_daemon(s, t->host);
		sim_start(s, t->host);
		break;
	case TROUBLES:
		break;
	}
}

/* Certificates run out for those who are not renewed by chance. */
static void renewals(struct sim *s, void *arg)
{
	struct year *y = arg;

	for (unsigned i = 0; i < s->n_hosts; i++)
		renew(y, i);
	sim_at(s, (CERT_DAYS - 10) * DAY_S * SIM_SECOND, renewals, y);
}

static void befall(struct sim *s, void *arg)
{
	struct year *y = arg;
	struct trouble *t = calloc(1, sizeof *t);
	bool of_all;

	if (t == NULL)
		abort();
	if (y->over) {
		free(t);
		return;
	}
	sim_at(s, rng_between(&s->rng, 1, 2 * TROUBLE_EVERY_S * SIM_SECOND), befall, y);
	t->y = y;
	t->kind = (enum trouble_kind)rng_below(&s->rng, TROUBLES);
	t->host = (unsigned)rng_below(&s->rng, s->n_hosts);
	of_all = t->kind == PARTITION || t->kind == WEATHER;
	if (of_all ? y->parted || y->weather : y->busy[t->host]) {
		free(t);
		return;
	}
	y->befell[t->kind]++;
	begin(y, t);
	if (!of_all) {
		y->busy[t->host] = true;
		excuse_host(y, t->host, t->lasts_us);
	}
	sim_at(s, t->lasts_us, finish, t);
}

/* --- what must hold all the year --- */

/* How long after its trouble was over was it up? */
static void note_healed(struct year *y, size_t i)
{
	const struct sim_pair *p = &y->s->pairs[i];

	if (y->healing[i] && p->up)
		histogram_add(&y->out->up, p->up_at.us - p->excused_until.us + HEAL_S * SIM_SECOND);
	y->healing[i] = false;
}

static void look(struct sim *s, void *arg)
{
	struct year *y = arg;
	const int64_t now = s->now.us;

	for (size_t i = 0; i < s->n_pairs; i++) {
		const struct sim_pair *p = &s->pairs[i];
		const int64_t for_us = now - p->changed_at.us;

		if (p->excused_until.us > now)
			continue;
		note_healed(y, i);
		if (!p->up && for_us > BLIP_S * SIM_SECOND)
			sim_breach_of(
				s, (int)p->a, (int)p->b,
				"%u and %u are down since %lld s, and left in peace since %lld s",
				p->a, p->b, (long long)(for_us / SIM_SECOND),
				(long long)((now - p->excused_until.us) / SIM_SECOND));
		if (!p->single && for_us > OVERLAP_S * SIM_SECOND)
			sim_breach_of(s, (int)p->a, (int)p->b,
				      "%u and %u have more than one SA since %lld s", p->a, p->b,
				      (long long)(for_us / SIM_SECOND));
	}
	sim_at(s, LOOK_S * SIM_SECOND, look, y);
}

static void daily(struct sim *s, void *arg)
{
	struct year *y = arg;
	const size_t heap = mallinfo2().uordblks; /* 0 under a sanitizer */
	const long long day = (s->now.us / SIM_SECOND + DAY_S / 2) / DAY_S;

	for (unsigned i = 0; i < s->n_hosts; i++) {
		struct status_counters c;

		if (!s->hosts[i].running)
			continue;
		s->hosts[i].core->counters(s->hosts[i].engine, &c);
		if (c.ike_sas > 4 * s->n_hosts || c.child_sas > 8 * s->n_hosts ||
		    c.pairs > 2 * s->n_hosts)
			sim_breach_of(s, (int)i, -1,
				      "host %u holds %zu IKE SAs, %zu CHILD_SAs, %zu pairs", i,
				      c.ike_sas, c.child_sas, c.pairs);
	}
	if (y->heap_first == 0)
		y->heap_first = heap;
	if ((double)heap > HEAP_GROWS * (double)y->heap_first)
		sim_breach(s, "memory grew from %zu to %zu octets by day %lld", y->heap_first, heap,
			   day);
	if (y->o->verbose && day % 10 == 0)
		printf("  day %lld: %zu of %zu pairs up, heap %zu, %llu events\n", day, s->pairs_up,
		       s->n_pairs, heap, (unsigned long long)s->events);
	sim_at(s, DAY_S * SIM_SECOND, daily, y);
}

static void idle_talk(struct sim *s, void *arg)
{
	const struct sim_pair *p = &s->pairs[rng_below(&s->rng, s->n_pairs)];
	struct year *y = arg;
	const bool back = rng_below(&s->rng, 2) == 0;

	sim_send(s, back ? p->b : p->a, back ? p->a : p->b);
	if (!y->over)
		sim_at(s, rng_between(&s->rng, 0, IDLE_TALK_S * SIM_SECOND / (int64_t)s->n_pairs),
		       idle_talk, y);
}

/* --- the year --- */

/* Rekeys go on, so that pairs are at rest at different moments: each is, at one of some. */
static void check_alone(struct sim *s)
{
	bool *seen = calloc(s->n_pairs, sizeof *seen);

	if (seen == NULL)
		abort();
	for (unsigned at = 0; at < MOMENTS; at++) {
		for (size_t i = 0; i < s->n_pairs; i++) {
			const struct sim_pair *p = &s->pairs[i];

			seen[i] = seen[i] || (p->single && sim_ike_sas(s, p->a, p->b) == 1 &&
					      sim_ike_sas(s, p->b, p->a) == 1 &&
					      sim_live_children(s, p->a, p->b) == 1 &&
					      sim_live_children(s, p->b, p->a) == 1);
		}
		sim_run_for(s, MOMENT_S * SIM_SECOND);
	}
	for (size_t i = 0; i < s->n_pairs; i++)
		if (!seen[i])
			sim_breach_of(s, (int)s->pairs[i].a, (int)s->pairs[i].b,
				      "%u and %u never have one IKE SA and one CHILD_SA",
				      s->pairs[i].a, s->pairs[i].b);
	free(seen);
}

static void run(const struct scenario_options *o, struct outcome *out)
{
	const int64_t days = o->days == 0 ? DAYS : o->days;
	struct scenario_options with = *o;
	struct year y = { .o = o, .out = out };
	struct sim *s;

	with.sim.fleet.esp_lifetime_s = HOUR_S;
	with.sim.fleet.ike_lifetime_s = 4 * HOUR_S;
	with.sim.fleet.dpd_timeout_s = 120;
	with.sim.packets_kept = 1 << 20;
	s = y.s = scenario_sim(&with, o->hosts == 0 ? HOSTS : o->hosts, &fair);
	y.busy = calloc(s->n_hosts, sizeof *y.busy);
	y.healing = calloc((size_t)s->n_hosts * s->n_hosts, sizeof *y.healing);
	if (y.busy == NULL || y.healing == NULL)
		abort();
	sim_start_all(s);
	for (unsigned a = 0; a < s->n_hosts; a++)
		for (unsigned b = a + 1; b < s->n_hosts; b++)
			excuse(&y, sim_pair_want(s, a, b), 0);
	sim_at(s, 0, renewals, &y);
	sim_at(s, 0, look, &y);
	sim_at(s, DAY_S * SIM_SECOND / 2, daily, &y);
	sim_at(s, HEAL_S * SIM_SECOND, befall, &y);
	sim_at(s, HEAL_S * SIM_SECOND, idle_talk, &y);
	sim_run_for(s, days * DAY_S * SIM_SECOND);
	y.over = true;
	sim_run_for(s, 9 * HOUR_S * SIM_SECOND); /* the longest trouble ends */
	sim_run_for(s, REST_S * SIM_SECOND);
	for (size_t i = 0; i < s->n_pairs; i++)
		if (!s->pairs[i].up)
			sim_breach_of(s, (int)s->pairs[i].a, (int)s->pairs[i].b,
				      "%u and %u are down at the end", s->pairs[i].a,
				      s->pairs[i].b);
	check_alone(s);
	snprintf(out->text, sizeof out->text,
		 "%lld days: %zu reboots, %zu kills, %zu restarts, %zu partitions, %zu storms, %zu "
		 "clock jumps, %zu sleeps, %zu renewals, %zu wrong dates",
		 (long long)days, y.befell[REBOOT], y.befell[KILL], y.befell[RESTART],
		 y.befell[PARTITION], y.befell[WEATHER], y.befell[CLOCK], y.befell[SLEEP],
		 y.befell[RENEWAL], y.befell[WRONG_DATE]);
	scenario_tell(s, out);
	free(y.busy);
	free(y.healing);
	sim_free(s);
}

const struct scenario scenario_year = {
	.name = "year",
	.what = "a year of 20 hosts: rekeys, reboots, partitions, sleep, clock jumps, renewals",
	.seeds = 1,
	.brief_seeds = 1,
	.brief_hosts = 6,
	.brief_days = 2,
	.run = run,
};
