/* SPDX-License-Identifier: Apache-2.0 */
/* What must hold in every step, and at rest. */
#include "sim/sim.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#define TRACE_SHOWN 200
#define IDLE_TIMERS_MAX 50
#define ALWAYS_WALKED 64 /* SAs */
#define SELDOM 64	 /* steps */

void sim_breach(const struct sim *s, const char *format, ...)
{
	unsigned long long seed;
	char text[512];
	va_list ap;

	va_start(ap, format);
	vsnprintf(text, sizeof text, format, ap);
	va_end(ap);
	trace_print(&s->trace, TRACE_SHOWN);
	fprintf(stderr, "seed %llu, %lld us: %s\n", (unsigned long long)s->options.seed,
		(long long)s->now.us, text);
	seed = s->options.seed;
	/* Nothing returns through the frames that still use it. */
	sim_free((struct sim *)(uintptr_t)s);
	fail_msg("seed %llu: %s", seed, text);
	abort();
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
		sim_breach(h->sim,
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
		    out->deadline.us <= h->sim->now.us && out->deadline.us == before.us;

	h->idle_timers = idle ? h->idle_timers + 1 : 0;
	if (h->idle_timers > IDLE_TIMERS_MAX)
		sim_breach(h->sim, "host %u: the deadline %lld us stays due and nothing is done",
			   h->index, (long long)before.us);
}

/* --- the kernel holds nothing that the core does not stand for --- */

static bool known(void *arg, const struct fake_sa *sa)
{
	const struct sim_host *h = arg;
	const struct sa_ref ref = { .src = sa->spec.src, .dst = sa->spec.dst, .spi = sa->spec.spi };

	if (!engine_knows_sa(h->engine, &ref))
		sim_breach(h->sim,
			   "host %u: the kernel has an %s SA %08x that the core does not know",
			   h->index, sa->spec.inbound ? "inbound" : "outbound",
			   (unsigned)sa->spec.spi);
	return true;
}

void sim_check_host(struct sim_host *h)
{
	if (!h->running || (h->kernel.n_sas > ALWAYS_WALKED && h->steps % SELDOM != 0))
		return;
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

static void check_direction(const struct sim *s, unsigned from, unsigned to)
{
	const struct sim_host *a = &s->hosts[from], *b = &s->hosts[to];
	size_t out = fake_kernel_count(&a->kernel, &a->ip, &b->ip, false);
	size_t in = fake_kernel_count(&b->kernel, &a->ip, &b->ip, true);

	if (out != 1 || in != 1)
		sim_breach(s, "%u to %u at rest: %zu outbound SAs, %zu inbound ones", from, to, out,
			   in);
}

void sim_check_pair(const struct sim *s, unsigned a, unsigned b)
{
	size_t at_a = sim_live_children(s, a, b), at_b = sim_live_children(s, b, a);

	if (!sim_pair_up(s, a, b))
		sim_breach(s, "%u and %u at rest: no SAs with equal keys both ways", a, b);
	if (at_a != 1 || at_b != 1)
		sim_breach(s, "%u and %u at rest: %zu and %zu live CHILD_SAs", a, b, at_a, at_b);
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
		sim_breach(s, "host %u holds %zu inbound and %zu outbound SAs with %u since %u s",
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
