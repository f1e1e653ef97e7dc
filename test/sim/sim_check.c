/* SPDX-License-Identifier: Apache-2.0 */
/* What must hold in every step, and at rest. */
#include "sim/inside.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#define TRACE_SHOWN 200
#define IDLE_TIMERS_MAX 50
#define ALWAYS_WALKED 16 /* SAs */

static void breach(const struct sim *s, int a, int b, const char *format, va_list ap)
	__attribute__((format(printf, 4, 0), noreturn));

static void breach(const struct sim *s, int a, int b, const char *format, va_list ap)
{
	unsigned long long seed = s->options.seed;
	char text[512];

	vsnprintf(text, sizeof text, format, ap);
	trace_print(&s->trace, TRACE_SHOWN);
	if (s->options.breach != NULL)
		s->options.breach(s, a, b, text);
	fprintf(stderr, "seed %llu, %lld us: %s\n", seed, (long long)s->now.us, text);
	/* Nothing returns through the frames that still use it. */
	sim_free((struct sim *)(uintptr_t)s);
	fail_msg("seed %llu: %s", seed, text);
	abort();
}

void sim_breach(const struct sim *s, const char *format, ...)
{
	va_list ap;

	va_start(ap, format);
	breach(s, -1, -1, format, ap);
}

void sim_breach_of(const struct sim *s, int a, int b, const char *format, ...)
{
	va_list ap;

	va_start(ap, format);
	breach(s, a, b, format, ap);
}

/* --- a group ends with its failure --- */

void sim_check_plan(struct sim_host *h, const struct actions *out)
{
	if (out->n > h->plan_room) {
		free(h->plan);
		h->plan_room = out->n * 2;
		h->plan = calloc(h->plan_room, sizeof *h->plan);
		if (h->plan == NULL)
			abort();
	}
	for (size_t i = 0; i < out->n; i++) {
		h->plan[i].kind = out->a[i].kind;
		h->plan[i].group = out->a[i].group;
	}
	h->n_plan = out->n;
	h->plan_at = 0;
	h->group_failed = false;
}

void sim_check_performed(struct sim_host *h, enum action_kind kind, bool failed)
{
	while (h->plan_at < h->n_plan && h->group_failed &&
	       h->plan[h->plan_at].group == h->failed_group)
		h->plan_at++;
	if (h->plan_at == h->n_plan || h->plan[h->plan_at].kind != kind)
		sim_breach_of(h->sim, (int)h->index, -1,
			      "host %u: an action was performed out of turn, or after its "
			      "group had failed",
			      h->index);
	if (failed) {
		h->group_failed = true;
		h->failed_group = h->plan[h->plan_at].group;
	}
	h->plan_at++;
}

/* --- no busy loop --- */

void sim_check_timer(struct sim_host *h, const struct event *event, const struct actions *out,
		     struct mono before)
{
	bool idle = event->kind == EVENT_TIMER && out->n == 0 &&
		    out->deadline.us <= sim_host_now(h).us && out->deadline.us == before.us;

	h->timers += event->kind == EVENT_TIMER;
	h->vain_timers += event->kind == EVENT_TIMER && out->n == 0;
	h->idle_timers = idle ? h->idle_timers + 1 : 0;
	if (h->idle_timers > IDLE_TIMERS_MAX)
		sim_breach_of(h->sim, (int)h->index, -1,
			      "host %u: the deadline %lld us stays due and nothing is done",
			      h->index, (long long)before.us);
}

/* --- the kernel holds nothing that the core does not stand for --- */

static bool known(void *arg, const struct fake_sa *sa)
{
	const struct sim_host *h = arg;
	const struct sa_ref ref = { .src = sa->spec.src, .dst = sa->spec.dst, .spi = sa->spec.spi };

	if (!h->core->knows_sa(h->engine, &ref))
		sim_breach_of(h->sim, (int)h->index, -1,
			      "host %u: the kernel has an %s SA %08x that the core does not know",
			      h->index, sa->spec.inbound ? "inbound" : "outbound",
			      (unsigned)sa->spec.spi);
	return true;
}

void sim_check_host(struct sim_host *h)
{
	const size_t n = h->kernel.n_sas;

	/* Of many, so seldom that it comes to one look-up in eight steps. */
	if (h->running && !h->taking_over && (n <= ALWAYS_WALKED || h->steps % (8 * n) == 0))
		fake_kernel_walk(&h->kernel, known, h);
}

/* --- no cleartext where ESP is demanded --- */

void sim_check_clear(const struct sim *s, const struct sim_host *at, const struct ip *remote)
{
	char text[IP_TEXT_LEN];

	if (spec_ruling(&at->spec, remote, NULL) == RULING_ENFORCED)
		sim_breach(s, "host %u: cleartext with %s, which is protected", at->index,
			   ip_text(remote, text));
}

/* --- at rest --- */

/* Of what a core holds with one peer. */
struct holding {
	size_t children, sas, others; /* live; established; neither of both */
};

struct census {
	const struct sim *s;
	struct holding *of; /* by peer */
	size_t strays;	    /* SAs with addresses that nobody has */
};

static struct holding *holding_of(struct census *c, const struct ip *remote)
{
	int peer = sim_net_owner(c->s, remote);

	if (peer >= 0)
		return &c->of[peer];
	c->strays++;
	return NULL;
}

static void census_pair(void *arg, const struct status_pair *p)
{
	(void)arg;
	(void)p;
}

static void census_ike(void *arg, const struct status_ike *i)
{
	struct holding *h = holding_of(arg, &i->remote.ip);

	if (h == NULL)
		return;
	if (i->state == IKE_ESTABLISHED)
		h->sas++;
	else
		h->others++;
}

static void census_child(void *arg, const struct status_child *ch)
{
	struct holding *h = holding_of(arg, &ch->remote);

	if (h == NULL)
		return;
	if (ch->state == CHILD_INSTALLED)
		h->children++;
	else
		h->others++;
}

static void check_holding(const struct sim *s, unsigned at, unsigned peer, const struct holding *h)
{
	bool wanted = sim_pair_find(s, at, peer) != NULL;

	if (wanted && (h->children != 1 || h->sas != 1 || h->others != 0))
		sim_breach_of(s, (int)at, (int)peer,
			      "host %u has of %u at rest: %zu live CHILD_SAs, %zu IKE SAs, %zu "
			      "others",
			      at, peer, h->children, h->sas, h->others);
	if (!wanted && h->children + h->sas + h->others > 0)
		sim_breach_of(s, (int)at, (int)peer,
			      "host %u has SAs with %u, and nobody wanted any", at, peer);
}

static void check_census(const struct sim *s, unsigned at)
{
	struct census c = { .s = s, .of = sim_grab(s->n_hosts, sizeof *c.of) };
	const struct status_visitor v = {
		.pair = census_pair, .ike = census_ike, .child = census_child, .arg = &c
	};
	struct status_counters counters;

	s->hosts[at].core->status(s->hosts[at].engine, &v);
	s->hosts[at].core->counters(s->hosts[at].engine, &counters);
	if (c.strays > 0)
		sim_breach_of(s, (int)at, -1,
			      "host %u holds %zu SAs with addresses that nobody has", at, c.strays);
	if (counters.half_open != 0 || counters.jobs != 0)
		sim_breach_of(s, (int)at, -1, "host %u at rest: %zu half-open IKE SAs, %zu jobs",
			      at, counters.half_open, counters.jobs);
	for (unsigned i = 0; i < s->n_hosts; i++)
		check_holding(s, at, i, &c.of[i]);
	free(c.of);
}

static size_t pairs_of(const struct sim *s, unsigned host)
{
	size_t n = 0;

	for (unsigned i = 0; i < s->n_hosts; i++)
		n += sim_pair_find(s, host, i) != NULL;
	return n;
}

void sim_check_rest(const struct sim *s)
{
	struct sim_tally t = sim_tally(s, -1, -1);

	for (size_t i = 0; i < s->n_pairs; i++) {
		const struct sim_pair *p = &s->pairs[i];

		if (!p->single)
			sim_breach_of(s, (int)p->a, (int)p->b, "%u and %u at rest: %s", p->a, p->b,
				      p->up ? "more than one SA a direction"
					    : "no SAs with equal keys both ways");
	}
	for (unsigned i = 0; i < s->n_hosts; i++) {
		const size_t n = s->hosts[i].kernel.n_sas, pairs = pairs_of(s, i);

		if (n != 2 * pairs)
			sim_breach_of(s, (int)i, -1,
				      "host %u at rest: %zu SAs in the kernel for %zu pairs", i, n,
				      pairs);
		check_census(s, i);
	}
	if (t.held > 0)
		sim_breach(s, "%zu packets are held still", t.held);
}

static void check_direction(const struct sim *s, unsigned from, unsigned to)
{
	const struct sim_host *a = &s->hosts[from], *b = &s->hosts[to];
	size_t out = fake_kernel_count(&a->kernel, &a->ip, &b->ip, false);
	size_t in = fake_kernel_count(&b->kernel, &a->ip, &b->ip, true);

	if (out != 1 || in != 1)
		sim_breach_of(s, (int)from, (int)to,
			      "%u to %u at rest: %zu outbound SAs, %zu inbound ones", from, to, out,
			      in);
}

void sim_check_pair(const struct sim *s, unsigned a, unsigned b)
{
	size_t at_a = sim_live_children(s, a, b), at_b = sim_live_children(s, b, a);

	if (!sim_pair_up(s, a, b))
		sim_breach_of(s, (int)a, (int)b,
			      "%u and %u at rest: no SAs with equal keys both ways", a, b);
	if (at_a != 1 || at_b != 1)
		sim_breach_of(s, (int)a, (int)b, "%u and %u at rest: %zu and %zu live CHILD_SAs", a,
			      b, at_a, at_b);
	check_direction(s, a, b);
	check_direction(s, b, a);
}

/* --- what is replaced goes --- */

static void overlap_look(struct sim *s, unsigned at, unsigned from)
{
	const struct sim_host *h = &s->hosts[at], *peer = &s->hosts[from];
	unsigned *seconds = &s->overlap[at * s->n_hosts + from];
	size_t in = fake_kernel_count(&h->kernel, &peer->ip, &h->ip, true);
	size_t out = fake_kernel_count(&h->kernel, &h->ip, &peer->ip, false);

	*seconds = in > 1 || out > 1 ? *seconds + 1 : 0;
	if (*seconds > s->overlap_limit_s)
		sim_breach_of(s, (int)at, (int)from,
			      "host %u holds %zu inbound and %zu outbound SAs with %u since %u s",
			      at, in, out, from, *seconds);
}

static void overlap_watch(struct sim *s, void *arg)
{
	(void)arg;
	for (unsigned a = 0; a < s->n_hosts; a++)
		for (unsigned b = 0; b < s->n_hosts; b++)
			if (a != b)
				overlap_look(s, a, b);
	sim_at(s, SIM_SECOND, overlap_watch, NULL);
}

void sim_watch_overlap(struct sim *s, unsigned limit_s)
{
	s->overlap_limit_s = limit_s;
	s->overlap = calloc((size_t)s->n_hosts * s->n_hosts, sizeof *s->overlap);
	if (s->overlap == NULL)
		abort();
	sim_at(s, SIM_SECOND, overlap_watch, NULL);
}
