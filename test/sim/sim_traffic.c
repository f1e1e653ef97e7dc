/* SPDX-License-Identifier: Apache-2.0 */
/* Applications: what they send, and what becomes of it. */
#include "sim/inside.h"

#include <stdio.h>
#include <stdlib.h>

static size_t slot_of(const struct sim *s, uint64_t id)
{
	return s->options.packets_kept == 0 ? id : id % s->options.packets_kept;
}

struct sim_packet *sim_packet_of(struct sim *s, const struct app_packet *p)
{
	return &s->packets[slot_of(s, p->id)];
}

void sim_packet_lost(struct sim *s, const struct app_packet *p, enum loss why)
{
	struct sim_packet *k = sim_packet_of(s, p);

	/* Of two copies the one that arrives counts, and of two losses the first. */
	if (k->fate != FATE_UNDERWAY && k->fate != FATE_HELD)
		return;
	k->fate = FATE_LOST;
	k->why = why;
	k->done_at = s->now;
	if (why != LOSS_WIRE)
		sim_trace(s, k->from, (int)k->to, "--- packet %llu to h%u is lost: %s",
			  (unsigned long long)p->id, k->to, loss_name(why));
}

static void tally_add(struct sim_tally *t, const struct sim_packet *p)
{
	t->sent++;
	t->underway += p->fate == FATE_UNDERWAY;
	t->held += p->fate == FATE_HELD;
	t->was_protected += p->fate == FATE_PROTECTED;
	t->clear += p->fate == FATE_CLEAR;
	t->lost += p->fate == FATE_LOST;
	if (p->fate == FATE_LOST)
		t->by_reason[p->why]++;
}

static void room_for_one(struct sim *s)
{
	if (s->options.packets_kept != 0) {
		if (s->packets == NULL)
			s->packets = sim_grab(s->options.packets_kept, sizeof *s->packets);
		if (s->n_packets >= s->options.packets_kept) {
			const struct sim_packet *old = &s->packets[slot_of(s, s->n_packets)];

			if (old->fate == FATE_UNDERWAY || old->fate == FATE_HELD)
				sim_breach(s,
					   "a packet of host %u to %u, sent at %lld us, is "
					   "neither delivered nor lost",
					   old->from, old->to, (long long)old->sent_at.us);
			tally_add(&s->retired, old);
		}
		return;
	}
	if (s->n_packets < s->packet_room)
		return;
	s->packet_room = s->packet_room == 0 ? 1024 : s->packet_room * 2;
	s->packets = realloc(s->packets, s->packet_room * sizeof *s->packets);
	if (s->packets == NULL)
		abort();
}

static struct app_packet app_packet(struct sim *s, unsigned from, unsigned to)
{
	room_for_one(s);
	s->packets[slot_of(s, s->n_packets)] = (struct sim_packet){
		.from = from, .to = to, .fate = FATE_UNDERWAY, .sent_at = s->now
	};
	return (struct app_packet){
		.id = s->n_packets++,
		.src = s->hosts[from].ip,
		.dst = sim_address(s, from, to),
		.protocol = 1,
		.n = APP_OCTETS,
	};
}

size_t sim_send(struct sim *s, unsigned from, unsigned to)
{
	struct sim_host *h = &s->hosts[from];
	struct app_packet p = app_packet(s, from, to);
	struct sim_packet *k = sim_packet_of(s, &p);

	if (!h->up || h->asleep_until.us > s->now.us) {
		sim_packet_lost(s, &p, LOSS_DOWN);
		return p.id;
	}
	fake_kernel_output(&h->kernel, sim_host_now(h), &p);
	if (k->fate == FATE_UNDERWAY && !k->left)
		k->fate = FATE_HELD;
	sim_timers_set(h);
	return p.id;
}

void sim_stream(struct sim *s, unsigned from, unsigned to, int64_t start_us, int64_t interval_us,
		unsigned count)
{
	struct sim_event *e = sim_event_new(s, SIM_STREAM, from, start_us);

	e->stream.to = to;
	e->stream.interval_us = interval_us;
	e->stream.count = count;
}

void sim_stream_go_on(struct sim *s, struct sim_event *e)
{
	sim_send(s, e->host, e->stream.to);
	if (--e->stream.count == 0)
		return;
	queue_push(&s->queue, (struct mono){ s->now.us + e->stream.interval_us }, e);
	s->current = NULL;
}

struct sim_tally sim_tally(const struct sim *s, int from, int to)
{
	size_t n = s->n_packets;
	struct sim_tally t = { 0 };

	if (from < 0 && to < 0)
		t = s->retired;
	if (s->options.packets_kept != 0 && n > s->options.packets_kept)
		n = s->options.packets_kept;
	for (size_t i = 0; i < n; i++) {
		const struct sim_packet *p = &s->packets[i];

		if ((from < 0 || p->from == (unsigned)from) && (to < 0 || p->to == (unsigned)to))
			tally_add(&t, p);
	}
	return t;
}

void sim_tally_print(const struct sim_tally *t)
{
	printf("  %zu packets: %zu protected, %zu clear, %zu held, %zu under way, %zu lost",
	       t->sent, t->was_protected, t->clear, t->held, t->underway, t->lost);
	for (unsigned i = 0; i < LOSS_KINDS; i++)
		if (t->by_reason[i] > 0)
			printf(", %s %zu", loss_name((enum loss)i), t->by_reason[i]);
	printf("\n");
}
