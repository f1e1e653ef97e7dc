/* SPDX-License-Identifier: Apache-2.0 */
/* INFORMATIONAL: DELETE, liveness, late errors. RFC 7296 1.4, 2.21, 2.25. */
#include "ike/attempt.h"
#include "ike/child.h"
#include "ike/encap.h"
#include "ike/exchange/exchange.h"
#include "ike/pair.h"
#include "ike/qcd.h"
#include "ike/reason.h"
#include "ike/sa.h"
#include "ike/task.h"

#include <stdio.h>
#include <stdlib.h>

#define SHORT_LIFE_US INT64_C(10000000) /* of an IKE SA, so short that it was of no use */

/* ---- ask -------------------------------------------------------------------------------- */

static void ask(struct engine *e, struct ike_sa *sa, struct chain *c)
{
	if (sa_request(e, sa, EXCHANGE_INFORMATIONAL, c) != 0)
		sa_close(e, sa);
}

void informational_delete_sa(struct engine *e, struct ike_sa *sa)
{
	struct chain c;

	/* RFC 7296 1.4.1: deleting the IKE SA takes its children along. */
	child_abandon_all(e, sa);
	/* A rekeying that the peer has answered already: its successor must go as well, see there.
	 */
	const bool rekeyed =
		sa->ours != NULL && sa->ours->kind == TASK_REKEY_IKE && sa->ours->nr.n > 0;
	if (sa->window.request_out || rekeyed) {
		sa->want_delete = true;
		return;
	}
	task_free(sa->ours); /* not sent yet: its job may still be out, and is dropped then */
	sa->ours = NULL;
	if (!chain_open(&c)) {
		sa_close(e, sa);
		return;
	}
	delete_encode(&c.b, PROTO_IKE, NULL, 0);
	sa_set_state(e, sa, SA_DELETING);
	ask(e, sa, &c);
}

void informational_end_sa(struct engine *e, struct ike_sa *sa, const char *why)
{
	char text[ATTEMPT_TEXT_LEN];

	snprintf(text, sizeof(text), "peer's answer is malformed: %s", why);
	report_reason(e, REPORT_ERROR, AREA_IKE, REASON_MALFORMED, sa->pair, sa,
		      sa->window.request_exchange, "%s", text);
	pair_note(e, sa->pair, STAGE_UP, text);
	sa_request_done(e, sa);
	rekey_ike_yield(e, sa);
	task_free(sa->ours);
	sa->ours = NULL;
	informational_delete_sa(e, sa);
}

void informational_delete_child(struct engine *e, struct child *child)
{
	struct ike_sa *sa = child->sa;
	struct chain c;

	const uint32_t spi = child->spi_in;
	struct child *still = NULL;

	child->want_delete = true;
	if (sa->window.request_out || sa->ours != NULL || child_carries_for_successor(child))
		return;
	if (child->replaced_by != NULL)
		child_install_outbound(e, child->replaced_by);
	/* With that one there, this whole IKE SA may have become superfluous, and said so. */
	HASH_FIND(hh, e->children, &spi, sizeof(spi), still);
	if (still != child || child->sa != sa || child->lingers || sa->window.request_out ||
	    !chain_open(&c))
		return;
	child->want_delete = false;
	child->was_rekeyed = child->state == CHILD_REKEYED;
	child->state = CHILD_DELETING;
	if (child->out_added) { /* we stop sending on it now; receiving ends with the answer */
		const struct sa_ref ref = child_ref(child, false);
		act_sa_delete(e, &ref, false);
		child->out_added = false;
	}
	child->out_waits = child->held = false;
	deadline_disarm(&e->deadlines, &child->deadline);
	delete_encode(&c.b, PROTO_ESP, &child->spi_in, 1);
	ask(e, sa, &c);
}

void informational_notify(struct engine *e, struct ike_sa *sa, uint16_t notify)
{
	struct chain c;

	while (sa->children != NULL)
		child_remove(e, sa->children);
	if (!chain_open(&c)) {
		sa_close(e, sa);
		return;
	}
	notify_encode(&c.b, PROTO_NONE, BYTES_NONE, notify, BYTES_NONE);
	sa_set_state(e, sa, SA_DELETING);
	ask(e, sa, &c);
}

void informational_delete_spi(struct engine *e, struct ike_sa *sa, uint32_t spi)
{
	struct chain c;

	if (sa->window.request_out || sa->ours != NULL || !chain_open(&c))
		return;
	delete_encode(&c.b, PROTO_ESP, &spi, 1);
	ask(e, sa, &c);
}

void informational_probe(struct engine *e, struct ike_sa *sa)
{
	struct chain c;

	if (sa->window.request_out || !chain_open(&c))
		return;
	if (sa->want_token)
		qcd_encode(e, sa, &c.b);
	sa->want_token = false;
	encap_ask(e, sa, &c.b);
	ask(e, sa, &c);
}

/* ---- answer ----------------------------------------------------------------------------- */

/*
 * RFC 7296 1.4.1: for each of the peer's SPIs our own half is named in the answer and goes. One
 * whose DELETE of ours is under way is not named again.
 */
static size_t delete_children(struct engine *e, struct ike_sa *sa, const struct delete_view *d,
			      uint32_t *ours, size_t room)
{
	struct reader r = reader_of(d->spis);
	size_t n = 0;

	for (uint16_t i = 0; i < d->count; i++) {
		uint32_t spi = read_u32(&r);
		/* It may have moved on to another IKE SA of the pair. */
		struct child *c = spi ? child_by_spi_out(sa->pair, spi) : NULL;
		if (c == NULL || mono_is_never(c->installed_at))
			continue;
		if (c->state != CHILD_DELETING && n < room)
			ours[n++] = c->spi_in;
		report_reason(e, c->replaced_by ? REPORT_INFO : REPORT_NOTICE, AREA_CHILD,
			      c->replaced_by ? REASON_NONE : REASON_PEER_DELETED, sa->pair, sa,
			      EXCHANGE_INFORMATIONAL, "peer deleted CHILD_SA {%u}", c->number);
		if (c->state == CHILD_REKEYED)
			child_linger(e, c);
		else
			child_remove(e, c);
	}
	return n;
}

struct findings {
	bool delete_sa;
	uint16_t error;
	uint32_t spis[32];
	size_t n;
};

static void examine(struct engine *e, struct ike_sa *sa, const struct payloads *ps,
		    struct findings *f)
{
	for (size_t i = 0; i < ps->n; i++) {
		struct delete_view d;
		struct notify_view n;
		if (ps->p[i].type == PAYLOAD_DELETE && delete_decode(ps->p[i].body, &d)) {
			if (d.protocol == PROTO_IKE)
				f->delete_sa = true;
			else if (d.protocol == PROTO_ESP)
				f->n += delete_children(e, sa, &d, f->spis + f->n,
							sizeof(f->spis) / sizeof(f->spis[0]) -
								f->n);
		} else if (ps->p[i].type == PAYLOAD_NOTIFY && notify_decode(ps->p[i].body, &n) &&
			   n.type < NOTIFY_FIRST_STATUS && f->error == 0) {
			f->error = n.type;
		}
	}
}

/*
 * The peer ends the IKE SA, since it has authenticated anew: it receives on the new CHILD_SA (RFC
 * 7296 2.8). We send on that before the old one goes, and nothing has to wait in between. One that
 * was rekeyed ends in any case, and says nothing of the CHILD_SAs.
 */
static void let_another_in(struct engine *e, const struct ike_sa *sa)
{
	if (sa->state == SA_REKEYED)
		return;
	for (const struct ike_sa *other = sa->pair->sas; other; other = other->next) {
		if (other == sa || !sa_is_up(other))
			continue;
		for (struct child *c = other->children; c; c = c->next) {
			if (c->out_waits && !child_is_successor(c)) {
				child_install_outbound(e, c);
				return; /* what else there is may have changed */
			}
		}
	}
}

static void gone(struct engine *e, struct ike_sa *sa)
{
	rekey_ike_yield(e, sa); /* its children, if any is left, belong to the successor */
	if (sa->ours != NULL && sa->ours->nr.n == 0 && !sa->window.request_out) {
		task_free(sa->ours); /* its key pair is still being made: nothing to ask now */
		sa->ours = NULL;
	}
	child_abandon_all(e, sa);
	/* RFC 7296 2.25.2: what we asked for meanwhile is moot, and nobody is there to answer it.
	 */
	sa->retransmit_at = MONO_NEVER;
	/* Not closed at once: the peer may miss our answer and ask again. */
	sa_set_state(e, sa, SA_LINGERS);
}

/* RFC 7296 2.21.2: the initiator found our authentication wanting after we had let it in. */
static bool peer_rejects_us(uint16_t error)
{
	return error == NOTIFY_AUTHENTICATION_FAILED || error == NOTIFY_INVALID_SYNTAX ||
	       error == NOTIFY_UNSUPPORTED_CRITICAL_PAYLOAD;
}

static void remember_rejection(struct engine *e, struct ike_sa *sa, uint16_t error)
{
	struct past_attempt **last = &sa->pair->attempts[0];
	struct status_attempt a;

	report_reason(e, REPORT_ERROR, AREA_AUTH, reason_of_notify(error, false, false), sa->pair,
		      sa, EXCHANGE_INFORMATIONAL, "peer ends the IKE SA: %s%s", notify_name(error),
		      error == NOTIFY_AUTHENTICATION_FAILED ? " (it does not trust our certificate)"
							    : "");
	if (*last == NULL)
		return;
	attempt_unpack(*last, &a);
	if (a.failed)
		return;
	a.failed = true;
	a.stage = STAGE_AUTH;
	a.notify = error;
	a.ended_at = e->now;
	snprintf(a.reason, sizeof(a.reason), "peer sent %s after the handshake",
		 notify_name(error));
	attempt_amend(e, last, &a);
}

/*
 * Up, and at once gone again, with nothing in its place: a peer that keeps one IKE SA for an
 * identity (uniqueids=yes of strongSwan's) does so to each of the hosts that share a certificate.
 */
static void remember_short_life(struct engine *e, struct ike_sa *sa)
{
	struct past_attempt **last = &sa->pair->attempts[0];
	struct status_attempt a;

	for (const struct ike_sa *other = sa->pair->sas; other; other = other->next)
		if (other != sa && sa_is_up(other))
			return;
	if (sa->state == SA_REKEYED || *last == NULL ||
	    mono_reached(e->now, mono_after(sa->authenticated_at, SHORT_LIFE_US)))
		return;
	attempt_unpack(*last, &a);
	if (a.failed || a.stage != STAGE_UP)
		return;
	snprintf(a.reason, sizeof(a.reason), "the peer deleted it soon after");
	attempt_amend(e, last, &a);
}

static void informational_answer(struct engine *e, struct ike_sa *sa, const struct inbound *m)
{
	struct findings f = { 0 };
	struct notify_view token;
	struct chain c;

	examine(e, sa, m->payloads, &f);
	sa_limit_by_peer(e, sa, m->payloads);
	if (!chain_open(&c)) {
		sa_close(e, sa);
		return;
	}
	if (f.n > 0)
		delete_encode(&c.b, PROTO_ESP, f.spis, f.n);
	/* RFC 6290 4.3: after a rekeying the peer hands us its token, and gets ours. */
	if (notify_find(m->payloads, NOTIFY_QUICK_CRASH_DETECTION, &token)) {
		qcd_keep(sa, m->payloads);
		qcd_encode(e, sa, &c.b);
	}
	encap_answer(e, sa, m->payloads, &c.b);
	if (sa_reply(e, sa, EXCHANGE_INFORMATIONAL, &c) != 0) {
		sa_close(e, sa);
		return;
	}
	if (f.delete_sa) {
		report_reason(e, REPORT_NOTICE, AREA_IKE, REASON_PEER_DELETED, sa->pair, sa,
			      EXCHANGE_INFORMATIONAL, "peer deleted IKE SA [%u]", sa->number);
		remember_short_life(e, sa);
		let_another_in(e, sa);
		gone(e, sa);
	} else if (peer_rejects_us(f.error)) {
		remember_rejection(e, sa, f.error);
		gone(e, sa);
	} else {
		/* An empty request right after the handshake says that the peer receives. */
		for (struct child *child = sa->children; child; child = child->next)
			if (child->out_waits && m->payloads->n == 0)
				child_install_outbound(e, child);
	}
}

/* ---- take, give up ---------------------------------------------------------------------- */

static void informational_take(struct engine *e, struct ike_sa *sa, const struct inbound *m)
{
	struct child *next;

	/* Whatever the peer says to a DELETE, the thing is gone. */
	qcd_keep(sa, m->payloads);
	sa_request_done(e, sa);
	if (sa->state == SA_DELETING) {
		sa_close(e, sa);
		return;
	}
	encap_take(e, sa, m->payloads);
	for (struct child *c = sa->children; c; c = next) {
		next = c->next;
		if (c->state != CHILD_DELETING)
			continue;
		if (c->was_rekeyed)
			child_linger(e, c);
		else
			child_remove(e, c);
	}
	sa_work(e, sa);
}

static void informational_give_up(struct engine *e, struct ike_sa *sa)
{
	/* RFC 7296 2.4. An unanswered DELETE says nothing: the peer may have forgotten the SA. */
	if (sa->state == SA_UP)
		sa_peer_dead(e, sa, "no answer to INFORMATIONAL");
	else
		sa_close(e, sa);
}

const struct exchange exchange_informational = {
	.type = EXCHANGE_INFORMATIONAL,
	.answer = informational_answer,
	.take = informational_take,
	.give_up = informational_give_up,
};
