/* SPDX-License-Identifier: Apache-2.0 */
#include "ike/stray.h"

#include "ike/child.h"
#include "ike/exchange/exchange.h"
#include "ike/hold.h"
#include "ike/pair.h"
#include "ike/proposal.h"
#include "ike/sa.h"

#include <stdlib.h>
#include <string.h>

#define SECOND INT64_C(1000000)
#define WAYS 8		/* places that a source may have */
#define SPIS 4		/* of one source that are followed at once */
#define CREDIT_MAX 4096 /* octets: what was saved up long ago pays for little */
#define QUIET_MIN_US (SECOND / 2)
#define QUIET_MAX_US (60 * SECOND)
#define RESERVED_SPIS 256 /* RFC 4303 2.1: 1 to 255; 0 is never on the wire */

struct source {
	struct pair_key key;
	struct {
		uint32_t spi, seq;
	} last[SPIS];
	unsigned next; /* of last, to be given up for another SPI */
	size_t credit; /* octets that came and are not yet spent */
	struct mono seen_at;
	struct mono quiet_until; /* nothing is sent before */
	unsigned unanswered;	 /* in a row */
};

struct strays {
	uint64_t seed; /* unknown to forgers: they cannot choose whose place they take */
	struct bucket bucket;
	struct source *s[STRAY_SOURCES]; /* in sets of WAYS; NULL: free */
};

/* ---- the table --------------------------------------------------------------------------- */

static struct strays *table(struct engine *e)
{
	struct strays *t = e->strays;

	if (t != NULL)
		return t;
	t = calloc(1, sizeof(*t));
	if (t == NULL || engine_random(e, (uint8_t *)&t->seed, sizeof(t->seed)) != 0) {
		free(t);
		return NULL;
	}
	t->bucket = (struct bucket){ .tokens = STRAY_BURST, .at = e->now };
	e->strays = t;
	return t;
}

static struct pair_key key_of(const struct ip *local, const struct ip *remote)
{
	struct pair_key k;

	memset(&k, 0, sizeof(k)); /* hashed as octets */
	k.local = *local;
	k.remote = *remote;
	return k;
}

static uint64_t mix(uint64_t h, const void *octets, size_t n)
{
	const uint8_t *p = octets;

	for (size_t i = 0; i < n; i++) {
		h = (h ^ p[i]) * UINT64_C(0x9e3779b97f4a7c15);
		h ^= h >> 29;
	}
	return h;
}

static struct source **set_of(struct strays *t, const struct pair_key *key)
{
	return &t->s[mix(t->seed, key, sizeof(*key)) % (STRAY_SOURCES / WAYS) * WAYS];
}

static bool is_of(const struct source *s, const struct pair_key *key)
{
	return s != NULL && ip_equal(&s->key.local, &key->local) &&
	       ip_equal(&s->key.remote, &key->remote);
}

/* Found, or made, in the place of the one that was quiet for longest if need be. NULL: no memory.
 */
static struct source *source_get(struct engine *e, struct strays *t, const struct pair_key *key)
{
	struct source **set = set_of(t, key), **place = set;

	for (size_t i = 0; i < WAYS; i++) {
		if (is_of(set[i], key))
			return set[i];
		if (*place != NULL && (set[i] == NULL || set[i]->seen_at.us < (*place)->seen_at.us))
			place = &set[i];
	}
	if (*place == NULL)
		*place = malloc(sizeof(**place));
	if (*place != NULL)
		**place = (struct source){ .key = *key, .quiet_until = e->now };
	return *place;
}

static struct source *source_find(struct engine *e, const struct pair_key *key)
{
	struct source **set = e->strays ? set_of(e->strays, key) : NULL;

	for (size_t i = 0; set != NULL && i < WAYS; i++)
		if (is_of(set[i], key))
			return set[i];
	return NULL;
}

/* ---- judgement --------------------------------------------------------------------------- */

/* The second packet of an SPI, with a higher number than the one before? */
static bool is_sender(struct source *s, uint32_t spi, uint32_t seq)
{
	for (size_t i = 0; i < SPIS; i++) {
		if (s->last[i].spi != spi)
			continue;
		bool rises = seq > s->last[i].seq;
		s->last[i].seq = seq;
		return rises;
	}
	s->last[s->next].spi = spi;
	s->last[s->next].seq = seq;
	s->next = (s->next + 1) % SPIS;
	return false;
}

static bool take_token(struct engine *e, struct bucket *b)
{
	int64_t more = (e->now.us - b->at.us) / (SECOND / STRAY_PER_S);

	if (more > 0) {
		int64_t tokens = b->tokens + more;
		b->tokens = tokens > STRAY_BURST ? STRAY_BURST : (unsigned)tokens;
		b->at = e->now;
	}
	if (b->tokens == 0)
		return false;
	b->tokens--;
	return true;
}

/* Of an SA that the kernel has only just got, packets may still be on their way to us. */
#define NEW_US SECOND

/*
 * An SPI of ours: the kernel is about to get it, or about to lose it. If it should have had it for
 * long, somebody flushed it, and the peer is told.
 */
static bool is_known(struct engine *e, const struct event *event)
{
	const uint32_t spi = event->stray.spi;
	struct child *c;

	HASH_FIND(hh, e->children, &spi, sizeof(spi), c);
	if (c == NULL)
		return false;
	/* With other addresses it is no SA of ours, and says nothing of this one. */
	if (!ip_equal(&c->sa->local.ip, &event->stray.local) ||
	    !ip_equal(&c->sa->remote.ip, &event->stray.remote))
		return true;
	if (c->state == CHILD_INSTALLED && c->in_added && !c->want_delete &&
	    e->now.us - c->installed_at.us >= NEW_US) {
		report_reason(e, REPORT_WARNING, AREA_XFRM, REASON_KERNEL_LOST, c->sa->pair, c->sa,
			      0, "the kernel lost CHILD_SA {%u}: it is deleted", c->number);
		e->counters.strays_deleted++;
		c->want_delete = true;
		sa_work(e, c->sa);
	}
	return true;
}

/* An exchange is under way that will settle it. */
static bool is_busy(const struct engine *e, const struct pair *p)
{
	for (const struct ike_sa *sa = p ? p->sas : NULL; sa; sa = sa->next)
		if (sa->state == SA_DELETING)
			return true;
	return p != NULL && pair_is_connecting(e, p);
}

/* What is sent must have come in before. */
static bool pays(struct engine *e, struct source *s, size_t octets)
{
	if (s->credit < octets)
		return false; /* the next packet brings more */
	if (!take_token(e, &e->strays->bucket)) {
		e->counters.strays_refused++;
		return false;
	}
	s->credit -= octets;
	return true;
}

static void be_quiet(struct engine *e, struct source *s)
{
	int64_t wait = QUIET_MIN_US;

	for (unsigned i = 0; i < s->unanswered && wait < QUIET_MAX_US; i++)
		wait *= 2;
	s->quiet_until = mono_after(e->now, wait < QUIET_MAX_US ? wait : QUIET_MAX_US);
	if (s->unanswered < 16)
		s->unanswered++;
}

/* ---- what is done about it --------------------------------------------------------------- */

/* IP and UDP around a datagram. */
static size_t headers_len(const struct ip *ip)
{
	return (ip->family == 6 ? 40u : 20u) + 8u;
}

/* asked: the suspect who has not answered yet, or NULL. */
static void ask(struct engine *e, struct source *s, struct pair *asked, const struct event *event)
{
	/* In UDP: to the port that it came from, which a NAT may have chosen. */
	const uint16_t port = event->stray.port;
	const struct endpoint local = { .ip = s->key.local,
					.port = port ? e->options.port_natt : e->options.port };
	const struct endpoint remote = { .ip = s->key.remote,
					 .port = port ? port : e->options.port };
	const size_t octets = init_request_size(e, &local, &remote);

	if (asked == NULL && HASH_COUNT(e->suspects) >= SUSPECTS_MAX) {
		e->counters.strays_refused++;
		return;
	}
	if (octets == 0 || !pays(e, s, octets + headers_len(&local.ip)))
		return;
	be_quiet(e, s);
	/* It, or its answer, was lost, or the answer comes late: now another may be waited for. */
	if (asked != NULL && asked->sas != NULL)
		sa_close(e, asked->sas);
	struct pair *p = asked ? asked : pair_new_suspect(e, &s->key.local, &s->key.remote);
	struct ike_sa *sa = p ? sa_new(e, p, true, &local, &remote) : NULL;
	if (sa == NULL) {
		if (p != NULL && asked == NULL)
			pair_free(e, p);
		return;
	}
	e->counters.strays_asked++;
	sa->heals = true;
	init_ask(e, sa, proposal_first_ke(e->spec->ike, e->spec->n_ike));
}

#define DELETE_OCTETS 100 /* of the message, in any suite */

static void tell(struct engine *e, struct source *s, struct ike_sa *sa, uint32_t spi)
{
	if (sa->window.request_out || sa->ours != NULL ||
	    !pays(e, s, DELETE_OCTETS + headers_len(&s->key.local)))
		return;
	be_quiet(e, s);
	e->counters.strays_deleted++;
	report(e, REPORT_INFO, AREA_XFRM, sa->pair, sa, 0,
	       "peer sends on an SA that is not there (SPI %08x): it is told to delete it", spi);
	informational_delete_spi(e, sa, spi);
}

static bool may_serve(const struct engine *e, const struct event *event)
{
	return e->spec != NULL && e->state_loaded && !e->shutting_down &&
	       event->stray.spi >= RESERVED_SPIS && spec_covers(e->spec, &event->stray.local) &&
	       spec_ruling(e->spec, &event->stray.remote, NULL) == RULING_ENFORCED;
}

void stray_esp(struct engine *e, const struct event *event)
{
	const struct pair_key key = key_of(&event->stray.local, &event->stray.remote);

	e->counters.strays++;
	if (!may_serve(e, event)) {
		e->counters.strays_refused++;
		return;
	}
	if (is_known(e, event))
		return;
	struct pair *p = pair_find(e, &key.local, &key.remote), *asked;
	HASH_FIND(hh, e->suspects, &key, sizeof(key), asked);
	struct strays *t = table(e);
	if (t == NULL)
		return;
	struct source *s = source_get(e, t, &key);
	if (s == NULL)
		return;
	s->seen_at = e->now;
	s->credit += event->stray.octets;
	if (s->credit > CREDIT_MAX)
		s->credit = CREDIT_MAX;
	if (!is_sender(s, event->stray.spi, event->stray.seq))
		return;
	if (is_busy(e, p)) {
		hold_bereft(e, p);
		return;
	}
	if (!mono_reached(e->now, s->quiet_until))
		return;
	struct ike_sa *sa = p ? pair_heir(p, NULL) : NULL;
	if (sa != NULL)
		tell(e, s, sa, event->stray.spi);
	else if (p == NULL || mono_is_never(p->retry_at) || mono_reached(e->now, p->retry_at))
		ask(e, s, asked, event);
}

void stray_answered(struct engine *e, struct ike_sa *sa)
{
	struct source *s = source_find(e, &sa->pair->key);

	if (s != NULL)
		s->unanswered = 0;
	if (!pair_enlist(e, sa)) {
		sa_close(e, sa);
		return;
	}
	hold_bereft(e, sa->pair);
	report(e, REPORT_NOTICE, AREA_XFRM, sa->pair, sa, 0,
	       "peer sends on an SA that this host has lost, and it answers: negotiating afresh");
}

void stray_unanswered(struct engine *e, struct ike_sa *sa)
{
	struct mono end = mono_after(sa->created_at, SUSPECT_LIFE_US);

	if (mono_reached(e->now, end)) {
		sa_close(e, sa);
	} else {
		sa->retransmit_at = end;
		sa_arm(e, sa);
	}
}

void stray_wanted(struct engine *e, struct pair *p)
{
	struct pair *suspect;

	HASH_FIND(hh, e->suspects, &p->key, sizeof(p->key), suspect);
	if (suspect != NULL && suspect->sas != NULL)
		pair_enlist(e, suspect->sas);
}

void stray_close_suspects(struct engine *e)
{
	struct pair *p, *next;

	HASH_ITER(hh, e->suspects, p, next)
	{
		while (p->sas != NULL)
			sa_close(e, p->sas);
	}
}

void stray_free(struct engine *e)
{
	for (size_t i = 0; e->strays != NULL && i < STRAY_SOURCES; i++)
		free(e->strays->s[i]);
	free(e->strays);
	e->strays = NULL;
}
