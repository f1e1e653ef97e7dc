/* SPDX-License-Identifier: Apache-2.0 */
/* The world: its time, and what happens in it one after the other. */
#include "sim/inside.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define START_US (1000 * SIM_SECOND)
#define ACQUIRE_EXPIRES_US (6 * SIM_SECOND)

void *sim_grab(size_t n, size_t size)
{
	void *p = calloc(n == 0 ? 1 : n, size);

	if (p == NULL)
		abort();
	return p;
}

/* --- events --- */

struct sim_event *sim_event_new(struct sim *s, enum sim_event_kind kind, unsigned host,
				int64_t after_us)
{
	struct sim_event *e = s->reserve;

	if (e == NULL) {
		e = sim_grab(1, sizeof *e);
	} else {
		s->reserve = e->next;
		memset(e, 0, sizeof *e);
	}
	e->kind = kind;
	e->host = host;
	e->life = s->hosts[host].life;
	queue_push(&s->queue, (struct mono){ s->now.us + (after_us > 0 ? after_us : 0) }, e);
	return e;
}

void sim_event_free(struct sim *s, struct sim_event *e)
{
	if (e->kind == SIM_DATAGRAM)
		blob_free(&e->packet.datagram);
	if (e->kind == SIM_JOB)
		job_free(e->job);
	e->next = s->reserve;
	s->reserve = e;
}

static void queue_drop(struct sim *s)
{
	struct mono at;

	while (s->queue.n > 0)
		sim_event_free(s, queue_pop(&s->queue, &at));
	queue_free(&s->queue);
	for (struct sim_event *e = s->reserve, *next; e != NULL; e = next) {
		next = e->next;
		free(e);
	}
}

/* --- the trace --- */

static bool in_focus(const struct sim *s, int host, int peer)
{
	const int *of = s->options.focus;

	if (!s->options.focused)
		return true;
	if (of[1] < 0)
		return host == of[0] || peer == of[0];
	return (host == of[0] || host == of[1]) && (peer < 0 || peer == of[0] || peer == of[1]);
}

void sim_trace(struct sim *s, unsigned host, int peer, const char *format, ...)
{
	char text[TRACE_LINE];
	va_list ap;

	if (s->trace.off || !in_focus(s, (int)host, peer))
		return;
	va_start(ap, format);
	vsnprintf(text, sizeof text, format, ap);
	va_end(ap);
	trace_line(&s->trace, s->now, "h%u %s", host, text);
}

/* --- a world --- */

struct sim *sim_new(const struct sim_options *options)
{
	struct sim *s = sim_grab(1, sizeof *s);

	s->options = *options;
	if (s->options.cores == 0)
		s->options.cores = 2;
	if (s->options.acquire_expires_us == 0)
		s->options.acquire_expires_us = ACQUIRE_EXPIRES_US;
	s->now.us = START_US;
	s->rng.state = options->seed;
	s->n_hosts = options->hosts;
	s->hosts = sim_grab(s->n_hosts, sizeof *s->hosts);
	s->nats = sim_grab(options->nats, sizeof *s->nats);
	trace_init(&s->trace);
	s->trace.off = options->quiet;
	wire_init(&s->wire, s->n_hosts, &options->wire);
	for (unsigned i = 0; i < s->n_hosts; i++)
		sim_host_init(s, i);
	for (unsigned i = 0; i < options->nats; i++) {
		s->nats[i].ip = fleet_address(s->n_hosts + i + 1, options->fleet.ipv6);
		s->nats[i].idle_us = 120 * SIM_SECOND;
	}
	return s;
}

void sim_free(struct sim *s)
{
	for (unsigned i = 0; i < s->n_hosts; i++)
		sim_host_wipe(&s->hosts[i]);
	for (unsigned i = 0; i < s->options.nats; i++)
		nat_free(&s->nats[i]);
	if (s->current != NULL)
		sim_event_free(s, s->current);
	queue_drop(s);
	sim_pairs_free(s);
	sim_real_free(s);
	free(s->hosts);
	free(s->nats);
	free(s->packets);
	free(s->overlap);
	wire_free(&s->wire);
	trace_free(&s->trace);
	free(s);
}

/* --- time --- */

static void call_later(struct sim *s, struct sim_event *e)
{
	queue_push(&s->queue, s->hosts[e->host].asleep_until, e);
	s->current = NULL;
}

/* What a host that sleeps misses is lost or waits. true: there is nothing more to do. */
static bool slept_through(struct sim *s, struct sim_event *e)
{
	if (s->hosts[e->host].asleep_until.us <= s->now.us)
		return false;
	switch (e->kind) {
	case SIM_ESP:
		sim_packet_lost(s, &e->esp.inner, LOSS_DOWN);
		return true;
	case SIM_CLEAR:
		sim_packet_lost(s, &e->app, LOSS_DOWN);
		return true;
	case SIM_DATAGRAM:
	case SIM_TIMER: /* both are set again when it wakes */
	case SIM_TICK:
		return true;
	case SIM_JOB:
	case SIM_KERNEL:
	case SIM_UNREACHABLE:
	case SIM_STOP:
		call_later(s, e);
		return true;
	case SIM_STREAM:
	case SIM_WAKE:
	case SIM_CALL:
		return false;
	}
	return false;
}

static void wake(struct sim *s, struct sim_host *h)
{
	if (h->asleep_until.us > s->now.us)
		return; /* it was sent to sleep again */
	h->asleep_until.us = 0;
	sim_trace(s, h->index, -1, "wakes");
	sim_clock_jump(s, h->index, 0);
}

static void dispatch(struct sim *s, struct sim_event *e)
{
	struct sim_host *h = &s->hosts[e->host];

	if (slept_through(s, e))
		return;
	switch (e->kind) {
	case SIM_DATAGRAM:
		sim_host_datagram(h, e);
		break;
	case SIM_ESP:
		sim_net_esp(h, e);
		break;
	case SIM_CLEAR:
		sim_net_clear(h, e);
		break;
	case SIM_TIMER:
		sim_host_timer(h, e);
		break;
	case SIM_TICK:
		sim_host_tick(h, e);
		break;
	case SIM_JOB:
		sim_host_job(h, e);
		break;
	case SIM_KERNEL:
	case SIM_UNREACHABLE:
		if (e->life == h->life)
			sim_feed(s, e->host, &e->event);
		break;
	case SIM_STREAM:
		sim_stream_go_on(s, e);
		break;
	case SIM_STOP:
		if (e->life == h->life)
			sim_stop_daemon(s, e->host);
		break;
	case SIM_WAKE:
		wake(s, h);
		break;
	case SIM_CALL:
		e->call.call(s, e->call.arg);
		break;
	}
}

void sim_at(struct sim *s, int64_t after_us, void (*call)(struct sim *s, void *arg), void *arg)
{
	struct sim_event *e = sim_event_new(s, SIM_CALL, 0, after_us);

	e->call.call = call;
	e->call.arg = arg;
}

bool sim_run_until(struct sim *s, bool (*done)(const struct sim *s, void *arg), void *arg,
		   int64_t us)
{
	int64_t end = s->now.us + us;

	if (done != NULL && done(s, arg))
		return true;
	while (s->queue.n > 0 && s->queue.heap[0].at_us <= end) {
		struct sim_event *e = queue_pop(&s->queue, &s->now);

		s->events++;
		s->digest = rng_mix(s->digest ^ (uint64_t)s->now.us ^ (uint64_t)e->kind << 56 ^
				    (uint64_t)e->host << 40);
		s->current = e;
		dispatch(s, e);
		if (s->current != NULL)
			sim_event_free(s, e);
		s->current = NULL;
		if (s->sas_changed && done != NULL && done(s, arg))
			return true;
		s->sas_changed = false;
	}
	s->now.us = end;
	return false;
}

void sim_run_for(struct sim *s, int64_t us)
{
	sim_run_until(s, NULL, NULL, us);
}
