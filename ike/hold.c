/* SPDX-License-Identifier: Apache-2.0 */
#include "ike/hold.h"

#include "ike/child.h"
#include "ike/pair.h"
#include "ike/sa.h"

#include <stdlib.h>
#include <string.h>

#define DECOY_US INT64_C(50000)	   /* the kernel looks at the queue at its next tick */
#define DECOY_LIFE_S 2		   /* the kernel takes it away by itself, should we die meanwhile */
#define PURGE_US INT64_C(60000000) /* XFRM_QUEUE_TMO_MAX: then the kernel drops the queue */
#define SILENT_MOST_US INT64_C(10000000) /* whatever others took */
#define FILLS_UP_US INT64_C(15000000)
#define SACRIFICE_US INT64_C(1000000) /* each makes the kernel ask anew: at most so often */
#define SPI_MIN 0x10000u

/* One queue of the kernel. */
struct hold {
	struct hold *prev, *next;
	struct ip local;
	const struct subnet_spec *net;
	int64_t last_us;     /* from asking to being ready, of the last that got ready */
	int64_t patience_us; /* with a negotiation, from asking on */
	struct mono step_at; /* when one of its pairs came a step further */
	struct pair *pairs;  /* in the order of asking */
};

static struct hold *find(const struct engine *e, const struct ip *local,
			 const struct subnet_spec *net)
{
	struct hold *h;

	DL_FOREACH(e->holds, h)
		if (h->net == net && ip_equal(&h->local, local))
			return h;
	return NULL;
}

static struct hold *get(struct engine *e, const struct ip *local, const struct subnet_spec *net)
{
	struct hold *h = find(e, local, net);

	if (h != NULL)
		return h;
	h = calloc(1, sizeof(*h));
	if (h == NULL)
		return NULL; /* as if nothing were known of it */
	h->local = *local;
	h->net = net;
	h->patience_us = HOLD_STEP_US;
	DL_APPEND(e->holds, h);
	return h;
}

/* The queue is freed with its last pair. */
static void leave(struct engine *e, struct pair *p)
{
	struct hold *h = p->hold;

	if (h == NULL)
		return;
	DL_DELETE2(h->pairs, p, hold_prev, hold_next);
	p->hold = NULL;
	p->ready = false;
	if (h->pairs != NULL)
		return;
	DL_DELETE(e->holds, h);
	free(h);
}

void hold_asked(struct engine *e, struct pair *p)
{
	const struct subnet_spec *net = NULL;
	struct pair *other;
	size_t n = 0;

	if (p->hold != NULL) {
		p->asks++;
		e->hold_changed = true;
		return;
	}
	/* Where IPsec is optional nothing is held: it goes in the clear until there is an SA. */
	if (spec_ruling(e->spec, &p->key.remote, &net) != RULING_ENFORCED)
		return;
	struct hold *h = get(e, &p->key.local, net);
	if (h == NULL)
		return;
	DL_COUNT2(h->pairs, other, n, hold_next);
	if (n >= HOLD_PACKETS)
		return; /* full: this packet is lost already */
	p->hold = h;
	p->ready = false;
	p->asks = 1;
	p->asked_at = e->now;
	e->hold_changed = true;
	DL_APPEND2(h->pairs, p, hold_prev, hold_next);
}

/* In the attempt under way, or there is none: it failed. */
static bool has_answered(const struct pair *p)
{
	for (const struct ike_sa *sa = p->sas; sa; sa = sa->next)
		if (sa_is_up(sa) ||
		    (sa_is_connecting(sa) && sa->state != SA_I_KEY && sa->state != SA_I_INIT))
			return true;
	return false;
}

/*
 * Under way, with something to lose, and for no longer than is to be expected; or slow because we
 * are, with all those that are asked at once: its peer is there, and one or the other comes
 * further.
 */
static bool is_hopeful(const struct engine *e, const struct pair *p)
{
	if (p->bereft || (p->turn == TURN_NONE && !pair_is_connecting(e, p)))
		return false;
	if (e->now.us - p->asked_at.us < p->hold->patience_us)
		return true;
	return (p->turn != TURN_NONE || has_answered(p)) &&
	       e->now.us - p->hold->step_at.us < HOLD_SLOW_US;
}

static struct child *held_child(const struct pair *p)
{
	for (const struct ike_sa *sa = p->sas; sa; sa = sa->next)
		for (struct child *c = sa->children; c; c = c->next)
			if (c->held)
				return c;
	return NULL;
}

/*
 * Those who had asked when the head got ready, and for a moment those who ask later: all the time,
 * and they would make it wait without end.
 */
static bool others_are_hopeful(const struct engine *e, const struct pair *head, struct mono ready)
{
	const bool all = e->now.us - ready.us < HOLD_STEP_US;

	for (const struct pair *p = head->hold_next; p; p = p->hold_next)
		if (!p->ready && (all || p->asked_at.us <= ready.us) && is_hopeful(e, p))
			return true;
	return false;
}

/*
 * Usually a first retransmission says that a peer is dead. Where hundreds are asked at once they
 * all take longer, and what those took that are ready says how long.
 */
static void learn_patience(const struct engine *e, const struct pair *p)
{
	p->hold->last_us = e->now.us - p->asked_at.us;
	p->hold->patience_us = 2 * p->hold->last_us;
	if (p->hold->patience_us < HOLD_STEP_US)
		p->hold->patience_us = HOLD_STEP_US;
	if (p->hold->patience_us > HOLD_MOST_US)
		p->hold->patience_us = HOLD_MOST_US;
}

/* As long as the last one took, nobody may get ready. */
static struct mono step_from(const struct engine *e, const struct hold *h)
{
	return mono_after(e->now,
			  h->patience_us > 2 * HOLD_STEP_US ? h->patience_us / 2 : HOLD_STEP_US);
}

bool hold_must_wait(struct engine *e, struct child *c)
{
	struct pair *p = c->sa->pair;

	if (p->hold == NULL || p->hold->pairs != p || p->ready || child_can_send_on_another(c))
		return false;
	if (!c->held)
		learn_patience(e, p);
	if (!others_are_hopeful(e, p, e->now))
		return false;
	if (!c->held)
		c->held_at = e->now;
	c->held = true;
	child_hold_until(e, c, step_from(e, p->hold));
	return true;
}

void hold_installed(struct engine *e, const struct child *c)
{
	struct pair *p = c->sa->pair;

	p->bereft = false;
	if (p->hold == NULL || p->ready)
		return;
	learn_patience(e, p);
	p->ready = true;
	e->hold_changed = true;
}

void hold_bereft(struct engine *e, struct pair *p)
{
	p->bereft = true;
	hold_changed(e, p);
}

void hold_stepped(struct engine *e, struct pair *p)
{
	if (p->hold != NULL)
		p->hold->step_at = e->now;
}

void hold_changed(struct engine *e, const struct pair *p)
{
	if (p->hold != NULL)
		e->hold_changed = true;
}

/* ---- the decoy -------------------------------------------------------------------------- */

static const struct transform *first_of(const struct proposal_spec *s, uint8_t type)
{
	for (size_t i = 0; i < s->n; i++)
		if (s->t[i].type == type)
			return &s->t[i];
	return NULL;
}

static bool decoy_spec(struct engine *e, const struct pair *p, struct sa_spec *s)
{
	const struct transform *encr = first_of(&e->spec->esp[0], TRANSFORM_ENCR);
	const struct transform *integ = first_of(&e->spec->esp[0], TRANSFORM_INTEG);

	memset(s, 0, sizeof(*s));
	s->src = p->key.local;
	s->dst = p->key.remote;
	s->encr = encr ? encr_by_id(encr->id, encr->key_bits) : NULL;
	if (s->encr == NULL)
		return false;
	s->integ = s->encr->aead || !integ ? NULL : integ_by_id(integ->id);
	s->key_len =
		s->encr->key_len + s->encr->salt_len + (s->integ != NULL ? s->integ->key_len : 0);
	s->replay_window = e->spec->replay_window;
	s->hard_s = DECOY_LIFE_S;
	return engine_random(e, s->key, s->key_len) == 0 &&
	       engine_random(e, (uint8_t *)&s->spi, sizeof(s->spi)) == 0 && s->spi >= SPI_MIN;
}

static void take_away(struct engine *e, struct pair *p)
{
	const struct sa_ref ref = { .src = p->key.local, .dst = p->key.remote, .spi = p->decoy };

	if (p->decoy == 0)
		return;
	act_sa_delete(e, &ref, false);
	p->decoy = 0;
}

static bool sacrifice(struct engine *e, struct pair *p)
{
	struct sa_spec s;

	if (p->decoy != 0 || !decoy_spec(e, p, &s))
		return false;
	report(e, REPORT_INFO, AREA_XFRM, p, NULL, 0,
	       "no answer yet, and held packets of others wait behind this peer's: those go, its "
	       "own are given up");
	e->counters.decoys++;
	p->sacrificed_at = e->now;
	p->decoy = s.spi;
	p->decoy_until = mono_after(e->now, DECOY_US);
	act_group(e);
	act_sa_add(e, &s);
	act_nudge(e, p);
	wipe(&s, sizeof(s));
	pair_arm(e, p);
	return true;
}

void hold_timer(struct engine *e, struct pair *p)
{
	if (!mono_reached(e->now, p->decoy_until))
		return;
	take_away(e, p);
	p->decoy_until = MONO_NEVER;
	hold_changed(e, p);
}

/* ---- what follows ----------------------------------------------------------------------- */

/* The kernel's queue went: those who are ready have nothing in it any more. */
static void flushed(struct engine *e, struct hold *h, struct pair *head)
{
	struct pair *p = h->pairs, *next;

	for (; p; p = next) {
		next = p->hold_next;
		if (p == head || p->ready)
			leave(e, p); /* with the last of them h is gone */
	}
}

static bool anybody_is_ready(const struct pair *behind)
{
	for (const struct pair *p = behind->hold_next; p; p = p->hold_next)
		if (p->ready)
			return true;
	return false;
}

/* A narrowed CHILD_SA carries some of its traffic: a decoy would swallow that, too. */
static bool can_send(const struct pair *p)
{
	for (const struct ike_sa *sa = p->sas; sa; sa = sa->next)
		for (const struct child *c = sa->children; c; c = c->next)
			if (c->out_added)
				return true;
	return false;
}

/*
 * Not a sign for its first retransmission's time, or four times what others take: a peer that is
 * only slow must not lose its packets for the sake of others'.
 */
static bool is_silent(const struct engine *e, const struct hold *h, const struct pair *p)
{
	int64_t bear = 4 * h->last_us;

	bear = bear < HOLD_STEP_US ? HOLD_STEP_US : bear;
	bear = bear > SILENT_MOST_US ? SILENT_MOST_US : bear;
	return p->turn == TURN_NONE && !has_answered(p) && e->now.us - p->asked_at.us >= bear;
}

/*
 * Nobody is ready behind it, but traffic goes on and fills the queue with what goes nowhere: the
 * next peer's packet would find no place.
 */
static bool fills_up(const struct engine *e, const struct pair *p)
{
	return p->asks > 1 && (p->failures > 0 || e->now.us - p->asked_at.us >= FILLS_UP_US);
}

/* One step. false: nothing more to do. */
static bool advance(struct engine *e, struct hold *h)
{
	struct pair *head = h->pairs;
	struct child *c = held_child(head);

	if (head->ready) {
		flushed(e, h, head);
		return true;
	}
	if (c != NULL) {
		const struct mono most = mono_after(c->held_at, HOLD_MOST_US);
		if (!others_are_hopeful(e, head, c->held_at) || mono_reached(e->now, most)) {
			child_release(e, c); /* now it is ready */
			return head->hold == h && head->ready;
		}
		child_hold_until(e, c, mono_first(step_from(e, h), most));
		return false;
	}
	if (e->now.us - head->asked_at.us >= PURGE_US) {
		leave(e, head);
		return true;
	}
	if (!is_silent(e, h, head) || can_send(head) ||
	    !(anybody_is_ready(head) || fills_up(e, head)))
		return false;
	const struct mono again = mono_after(head->sacrificed_at, SACRIFICE_US);
	if (!mono_reached(e->now, again)) {
		head->decoy_until = mono_first(head->decoy_until, again);
		pair_arm(e, head);
		return false;
	}
	if (!sacrifice(e, head))
		return false;
	flushed(e, h, head);
	return true;
}

static bool is_there(const struct engine *e, const struct hold *h)
{
	const struct hold *other;

	DL_FOREACH(e->holds, other)
		if (other == h)
			return true;
	return false;
}

void hold_settle(struct engine *e)
{
	struct hold *h, *next;

	if (!e->hold_changed)
		return;
	e->hold_changed = false;
	for (h = e->holds; h; h = next) {
		next = h->next;
		while (is_there(e, h) && advance(e, h)) /* it is freed with its last pair */
			;
	}
}

void hold_forget(struct engine *e, struct pair *p)
{
	take_away(e, p);
	hold_changed(e, p);
	leave(e, p);
}

void hold_forget_all(struct engine *e)
{
	while (e->holds != NULL)
		leave(e, e->holds->pairs);
}
