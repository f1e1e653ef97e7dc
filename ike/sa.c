/* SPDX-License-Identifier: Apache-2.0 */
#include "ike/sa.h"

#include "ike/attempt.h"
#include "ike/child.h"
#include "ike/exchange/exchange.h"
#include "ike/hold.h"
#include "ike/idle.h"
#include "ike/kept.h"
#include "ike/load.h"
#include "ike/overtake.h"
#include "ike/pair.h"
#include "ike/peer_certs.h"
#include "ike/review.h"
#include "ike/save.h"
#include "ike/stray.h"
#include "ike/task.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SECOND INT64_C(1000000)

static void plan_keepalive(struct engine *e, struct ike_sa *sa);

/* ---- birth and death -------------------------------------------------------------------- */

static bool spi_is_free(const struct engine *e, uint64_t spi)
{
	struct ike_sa *other;

	HASH_FIND(hh, e->sas, &spi, sizeof(spi), other);
	return spi != 0 && other == NULL;
}

static int spi_pick(struct engine *e, uint64_t *spi)
{
	do {
		int r = engine_random(e, (uint8_t *)spi, sizeof(*spi));
		if (r != 0)
			return r;
	} while (!spi_is_free(e, *spi)); /* RFC 7296 3.1: must not be zero */
	return 0;
}

struct ike_sa *sa_new(struct engine *e, struct pair *p, bool initiator,
		      const struct endpoint *local, const struct endpoint *remote)
{
	uint64_t spi;

	if (spi_pick(e, &spi) != 0)
		return NULL;
	return sa_new_with_spi(e, p, initiator, local, remote, spi);
}

struct ike_sa *sa_new_with_spi(struct engine *e, struct pair *p, bool initiator,
			       const struct endpoint *local, const struct endpoint *remote,
			       uint64_t spi_local)
{
	if (deadlines_reserve(&e->deadlines, e->n_objects + 1) != 0)
		return NULL;
	struct ike_sa *sa = store_take(&e->sa_store);
	struct handshake *hs = calloc(1, sizeof(*hs));
	struct status_attempt *attempt = attempt_new(e, initiator);
	const bool counted = !initiator && load_opened(e, &remote->ip);
	if (sa == NULL || hs == NULL || attempt == NULL || !spi_is_free(e, spi_local) ||
	    (!initiator && !counted))
		goto fail;
	sa->spi_local = spi_local;
	sa->pair = p;
	sa->initiator = initiator;
	sa->state = initiator ? SA_I_KEY : SA_R_KEY;
	sa->local = *local;
	sa->remote = *remote;
	sa->hs = hs;
	sa->attempt = attempt;
	sa->created_at = e->now;
	sa->established_at = sa->rekey_at = sa->retransmit_at = sa->expires_at = MONO_NEVER;
	sa->authenticated_at = sa->overtake_at = MONO_NEVER;
	sa->dies_at = sa->keepalive_at = sa->reauth_at = sa->idle_at = MONO_NEVER;
	sa->heard_at = e->now;
	sa->window.fragments_until = sa->window.reply_until = MONO_NEVER;
	sa->deadline.owner = DEADLINE_SA;
	HASH_ADD(hh, e->sas, spi_local, sizeof(sa->spi_local), sa);
	if (sa->hh.tbl == NULL)
		goto fail;
	sa->number = ++e->next_sa;
	sa->next = p->sas;
	p->sas = sa;
	/* Not idle: else its timer could free the pair in the very step in which this SA ends. */
	p->forget_at = MONO_NEVER;
	e->n_objects++;
	return sa;
fail:
	if (counted)
		load_closed(e, &remote->ip);
	free(attempt);
	free(hs);
	store_give(&e->sa_store, sa);
	return NULL;
}

void handshake_free(struct handshake *hs)
{
	if (hs == NULL)
		return;
	blob_free(&hs->ni);
	blob_free(&hs->nr);
	if (hs->ke_key != NULL)
		hs->ke->free(hs->ke_key);
	blob_free(&hs->ke_public);
	blob_free(&hs->init_i);
	blob_free(&hs->init_r);
	blob_free(&hs->cookie);
	blob_free(&hs->signature);
	blob_free(&hs->peer_cas);
	blob_free(&hs->ppk_id);
	for (size_t i = 0; i < JOB_SK; i++)
		secret_free(&hs->ppk_sk[i]);
	blob_free(&hs->no_ppk_auth);
	ike_keys_free(&hs->old_keys);
	ike_keys_free(&hs->next_keys);
	blob_free(&hs->int_i);
	blob_free(&hs->int_r);
	free(hs);
}

void sa_settle(struct engine *e, struct ike_sa *sa)
{
	handshake_free(sa->hs);
	sa->hs = NULL;
	secret_free(&sa->keys.pi);
	secret_free(&sa->keys.pr);
	kept_pack(e, sa);
}

void sa_skip_handshake(struct engine *e, struct ike_sa *sa)
{
	sa_settle(e, sa);
	free(sa->attempt);
	sa->attempt = NULL;
	sa->authenticated = true;
	plan_keepalive(e, sa);
	sa_set_state(e, sa, SA_UP);
	sa_plan_idle(e, sa);
}

/* The engine drops their results when they come home. */
static void forget_jobs(struct ike_sa *sa)
{
	for (struct job_ref *ref = sa->jobs; ref; ref = ref->next)
		ref->sa = NULL;
	sa->jobs = NULL;
}

static void unlink_sa(struct ike_sa *sa)
{
	for (struct ike_sa **at = &sa->pair->sas; *at; at = &(*at)->next) {
		if (*at == sa) {
			*at = sa->next;
			return;
		}
	}
}

void sa_close(struct engine *e, struct ike_sa *sa)
{
	if (sa->state == SA_DEAD)
		return;
	save_touch(e, sa->pair);
	while (sa->children != NULL)
		child_remove(e, sa->children);
	forget_jobs(sa);
	tasks_forget_sa(sa->pair, sa);
	hold_changed(e, sa->pair);
	sa_set_state(e, sa, SA_DEAD);
	deadline_disarm(&e->deadlines, &sa->deadline);
	HASH_DELETE(hh, e->sas, sa);
	unlink_sa(sa);
	if (e->settling == sa)
		e->settling = NULL;
	if (sa->attempt != NULL) {
		pair_remember(e, sa->pair, sa->attempt);
		sa->attempt = NULL;
	}
	e->n_objects--;
	sa->next = e->dead;
	e->dead = sa;
	sa->pair->n_dead++;
}

static void forget_fragments(struct engine *e, struct ike_sa *sa)
{
	window_forget_fragments(&sa->window);
	load_reassembly_changed(e, sa);
}

void sa_free_dead(struct engine *e)
{
	while (e->dead != NULL) {
		struct ike_sa *sa = e->dead;
		e->dead = sa->next;
		handshake_free(sa->hs);
		task_free(sa->ours);
		task_free(sa->theirs);
		kept_drop(e, sa);
		ike_keys_free(&sa->keys);
		forget_fragments(e, sa);
		window_free(&sa->window);
		blob_free(&sa->peer_id);
		blob_free(&sa->peer_token);
		peer_certs_drop(e, sa);
		store_give(&e->sa_store, sa);
	}
}

/* ---- state ------------------------------------------------------------------------------ */

bool sa_is_half_open(const struct ike_sa *sa)
{
	return !sa->initiator && (sa->state == SA_R_KEY || sa->state == SA_R_INIT ||
				  sa->state == SA_R_VERIFY || sa->state == SA_R_SIGN ||
				  (sa->state == SA_LINGERS && mono_is_never(sa->established_at)));
}

bool sa_is_up(const struct ike_sa *sa)
{
	return sa->state == SA_UP;
}

bool sa_is_connecting(const struct ike_sa *sa)
{
	return sa->state <= SA_R_SIGN;
}

void sa_arm(struct engine *e, struct ike_sa *sa)
{
	save_touch(e, sa->pair);
	struct mono at = mono_first(sa->retransmit_at, sa->expires_at);

	at = mono_first(at, sa->window.fragments_until);
	at = mono_first(at, sa->window.reply_until);
	if (sa->state == SA_R_INIT)
		at = mono_first(at, sa->overtake_at);
	if (sa->state == SA_UP) {
		at = mono_first(at, sa->rekey_at);
		at = mono_first(at, sa->dies_at);
		at = mono_first(at, sa->reauth_at);
		at = mono_first(at, sa->keepalive_at);
		at = mono_first(at, sa->idle_at);
		if (sa->theirs != NULL)
			at = mono_first(at, sa->theirs->until);
	}
	deadline_arm(&e->deadlines, &sa->deadline, at);
}

void sa_set_state(struct engine *e, struct ike_sa *sa, enum sa_state state)
{
	bool before = sa_is_half_open(sa);

	sa->state = state;
	if (before && !sa_is_half_open(sa))
		load_closed(e, &sa->remote.ip);
	if (sa_is_connecting(sa))
		hold_stepped(e, sa->pair);
	switch (state) {
	case SA_R_INIT:
		sa->overtake_at = overtake_due(e, sa);
		/* fall through */
	case SA_R_KEY:
	case SA_R_VERIFY:
	case SA_R_SIGN:
		sa->expires_at = mono_after(sa->created_at, HALF_OPEN_LIFE_S * SECOND);
		break;
	case SA_LINGERS:
		if (sa->hs != NULL)
			forget_jobs(sa); /* of a handshake that is over */
		sa->expires_at = mono_after(e->now, LINGER_S * SECOND);
		break;
	case SA_DELETING:
		sa->expires_at = mono_after(e->now, DELETE_WAIT_S * SECOND);
		break;
	default:
		sa->expires_at = MONO_NEVER;
		break;
	}
	if (state != SA_DEAD)
		sa_arm(e, sa);
}

void sa_stage(struct ike_sa *sa, enum stage stage)
{
	if (sa->attempt != NULL)
		sa->attempt->stage = stage;
}

void sa_note_child_failure(struct ike_sa *sa, uint16_t notify, const char *why)
{
	struct status_attempt *a = sa->attempt;

	if (a == NULL)
		return;
	a->failed = true;
	a->stage = STAGE_CHILD;
	a->notify = notify;
	a->notify_ours = true;
	snprintf(a->reason, sizeof(a->reason), "CHILD_SA: %s: %s", notify_name(notify), why);
}

void sa_unretire(struct engine *e, struct pair *p)
{
	for (struct ike_sa *sa = p->sas; sa; sa = sa->next) {
		if (!sa->retiring)
			continue;
		sa->retiring = false;
		if (mono_is_never(sa->rekey_at))
			sa->rekey_at = mono_after(e->now, 60 * SECOND);
		sa_arm(e, sa);
		for (struct child *c = sa->children; c; c = c->next)
			if (c->state == CHILD_INSTALLED && mono_is_never(c->rekey_at))
				child_retry_rekey(e, c, mono_after(e->now, 60 * SECOND));
	}
}

/* Where a negotiation that ended stood. */
static uint8_t exchange_of(enum stage stage)
{
	switch (stage) {
	case STAGE_INIT:
		return EXCHANGE_IKE_SA_INIT;
	case STAGE_INTERMEDIATE:
		return EXCHANGE_IKE_INTERMEDIATE;
	case STAGE_AUTH:
		return EXCHANGE_IKE_AUTH;
	default:
		return 0;
	}
}

static enum report_area area_of(enum stage stage)
{
	switch (stage) {
	case STAGE_AUTH:
		return AREA_AUTH;
	case STAGE_CHILD:
		return AREA_CHILD;
	default:
		return AREA_IKE;
	}
}

static void attempt_end(struct engine *e, struct ike_sa *sa, uint16_t notify, bool ours,
			const char *format, va_list args)
{
	struct status_attempt *a = sa->attempt, none = { .initiator = sa->initiator };
	char text[ATTEMPT_TEXT_LEN];

	vsnprintf(text, sizeof(text), format, args);
	a = a != NULL ? a : &none;
	a->ended_at = e->now;
	a->failed = true;
	a->notify = notify;
	a->notify_ours = ours;
	a->retransmits = sa->retransmits;
	memcpy(a->reason, text, sizeof(text));
	report_reason(e, REPORT_ERROR, area_of(a->stage), attempt_reason(a), sa->pair, sa,
		      exchange_of(a->stage), "%s failed: %s",
		      sa->initiator ? "negotiation" : "peer's negotiation", text);
	report_is(e, HAPPENING_FAILED);
	e->counters.ike_failed++;
	tally_attempt(&e->counters.tally, a);
	if (a == &none)
		return;
	pair_remember(e, sa->pair, a);
	sa->attempt = NULL;
	if (sa->initiator) {
		pair_back_off(e, sa->pair);
		sa_unretire(e, sa->pair);
	}
}

void sa_fail(struct engine *e, struct ike_sa *sa, uint16_t notify, bool ours, const char *format,
	     ...)
{
	va_list args;

	va_start(args, format);
	attempt_end(e, sa, notify, ours, format, args);
	va_end(args);
	sa_close(e, sa);
}

void sa_fail_softly(struct engine *e, struct ike_sa *sa, uint16_t notify, bool ours,
		    enum sa_state then, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	attempt_end(e, sa, notify, ours, format, args);
	va_end(args);
	sa_set_state(e, sa, then);
}

void sa_established(struct engine *e, struct ike_sa *sa)
{
	struct status_attempt *a = sa->attempt;

	sa->established_at = sa->authenticated_at = e->now;
	sa->authenticated = true;
	e->counters.strays_healed += sa->heals;
	sa->heals = false;
	sa->pair->solicited = sa->pair->answered = true;
	sa->pair->joins = false;
	pair_used(e, sa->pair);
	plan_keepalive(e, sa);
	sa_set_state(e, sa, SA_UP);
	sa_plan_idle(e, sa);
	if (a != NULL) {
		a->ended_at = e->now;
		if (!a->failed) {
			a->stage = STAGE_UP;
			a->reason[0] = '\0';
		}
		a->retransmits = sa->retransmits;
		tally_attempt(&e->counters.tally, a);
		pair_remember(e, sa->pair, a);
		sa->attempt = NULL;
	}
	report(e, REPORT_NOTICE, AREA_IKE, sa->pair, sa, EXCHANGE_IKE_AUTH,
	       "IKE SA [%u] established with %s", sa->number,
	       sa->peer_certs ? sa->peer_certs->leaf.subject : "peer");
	review_established(e, sa);
}

/* ---- time ------------------------------------------------------------------------------- */

static void give_up(struct engine *e, struct ike_sa *sa)
{
	uint8_t type = sa->window.request_exchange;

	if (type == EXCHANGE_IKE_SA_INIT)
		init_give_up(e, sa);
	else
		exchange_by_type(type)->give_up(e, sa);
}

static void retransmit(struct engine *e, struct ike_sa *sa)
{
	struct window *w = &sa->window;

	if (sa->pair->suspect) {
		stray_unanswered(e, sa);
		return;
	}
	/* An error that anybody could have sent is believed once nothing better came. */
	bool hinted = sa->hs != NULL && sa->hs->hint_notify != 0;
	if (w->tries >= WINDOW_TRIES || hinted) {
		sa->retransmit_at = MONO_NEVER;
		give_up(e, sa);
		return;
	}
	w->tries++;
	sa->retransmits++;
	hold_changed(e, sa->pair);
	e->counters.retransmits_out++;
	if (sa->attempt != NULL)
		sa->attempt->retransmits = sa->retransmits;
	attempt_silent(sa, true);
	report(e, REPORT_DEBUG, AREA_NET, sa->pair, sa, w->request_exchange,
	       "no answer yet: the request is sent again (%u)", w->tries);
	sa->retransmit_at = mono_after(e->now, window_wait(w->tries));
	sa_arm(e, sa);
	if (w->request_exchange == EXCHANGE_IKE_SA_INIT && !init_again(e, sa))
		return;
	sa_send_request(e, sa);
}

/* RFC 3948 4: whoever is behind a NAT keeps its mapping alive. */
static void plan_keepalive(struct engine *e, struct ike_sa *sa)
{
	sa->keepalive_at = MONO_NEVER;
	if (sa->nat_local)
		sa->keepalive_at = mono_after(e->now, KEEPALIVE_S * SECOND);
}

/* Has it an SA on which the kernel sends them? */
static bool kernel_keeps_alive(const struct ike_sa *sa)
{
	for (const struct child *c = sa->children; c; c = c->next)
		if (c->out_added && c->keeps_alive)
			return true;
	return false;
}

void sa_follow_port(struct engine *e, struct ike_sa *sa, uint16_t port)
{
	if (!sa->nat_remote || sa->remote.port == port)
		return;
	report(e, REPORT_INFO, AREA_NET, sa->pair, sa, 0,
	       "peer's NAT mapping changed: port %u, now %u", sa->remote.port, port);
	sa->remote.port = port;
	for (struct child *c = sa->children; c; c = c->next)
		child_follow_port(e, c);
}

static void expire(struct engine *e, struct ike_sa *sa)
{
	if (sa_is_half_open(sa) && sa->state != SA_LINGERS)
		sa_fail(e, sa, 0, false, "peer went silent after %s",
			sa->state == SA_R_INIT ? "our IKE_SA_INIT answer" : "its request");
	else
		sa_close(e, sa);
}

void sa_plan_idle(struct engine *e, struct ike_sa *sa)
{
	const int64_t idle = SECOND * e->spec->idle_timeout_s;

	sa->idle_at = idle == 0 ? MONO_NEVER : mono_after(e->now, idle);
	sa_arm(e, sa);
}

void sa_timer(struct engine *e, struct ike_sa *sa)
{
	if (mono_reached(e->now, sa->window.fragments_until))
		forget_fragments(e, sa);
	if (mono_reached(e->now, sa->window.reply_until))
		window_forget_reply(&sa->window);
	if (mono_reached(e->now, sa->expires_at)) {
		expire(e, sa);
	} else if (sa->state == SA_R_INIT && mono_reached(e->now, sa->overtake_at)) {
		overtake(e, sa);
	} else if (sa->state == SA_UP && mono_reached(e->now, sa->dies_at)) {
		sa_peer_dead(e, sa, "we send, and nothing comes back");
	} else if (sa->state == SA_UP && mono_reached(e->now, sa->reauth_at)) {
		/* Should it fail, again in a while, as long as the peer lets the old one live. */
		sa->reauth_at = mono_after(e->now, 10 * SECOND);
		sa->retiring = false;
		sa_reauthenticate(e, sa);
	} else if (sa->state == SA_UP && mono_reached(e->now, sa->keepalive_at)) {
		if (!kernel_keeps_alive(sa))
			act_keepalive(e, &sa->local, &sa->remote);
		plan_keepalive(e, sa);
	} else if (sa->state == SA_UP && sa->theirs != NULL &&
		   mono_reached(e->now, sa->theirs->until)) {
		followup_forget(e, sa);
		sa_work(e, sa);
	} else if (sa->state == SA_UP && mono_reached(e->now, sa->idle_at)) {
		sa_plan_idle(e, sa);
		idle_check_sa(e, sa);
	} else if (mono_reached(e->now, sa->retransmit_at)) {
		retransmit(e, sa);
	} else if (sa->state == SA_UP && mono_reached(e->now, sa->rekey_at)) {
		sa->rekey_at = MONO_NEVER;
		sa->want_rekey = true;
		sa_work(e, sa);
	}
	if (sa->state != SA_DEAD)
		sa_arm(e, sa);
}

void sa_probe(struct engine *e, struct ike_sa *sa)
{
	const int64_t timeout = SECOND * e->spec->dpd_timeout_s;
	const int64_t delay = SECOND * e->spec->dpd_delay_s;
	struct mono last_chance = mono_after(e->now, 2 * window_wait(1));

	if (sa->state != SA_UP || !mono_is_never(sa->dies_at))
		return;
	/*
	 * How long an idle peer was not heard of says nothing: the time counts from when we spoke
	 * to it, and the last look was a dpd_delay ago. A few lost answers are no death.
	 */
	sa->dies_at = mono_after(sa->heard_at, timeout);
	if (sa->dies_at.us < e->now.us + timeout - delay)
		sa->dies_at = mono_after(e->now, timeout - delay);
	if (sa->dies_at.us < last_chance.us)
		sa->dies_at = last_chance;
	sa->want_probe = true;
	sa_arm(e, sa);
	sa_work(e, sa);
}

void sa_heard(struct engine *e, struct ike_sa *sa)
{
	sa->heard_at = e->now;
	sa->dies_at = MONO_NEVER;
	sa->want_probe = false;
}

void sa_peer_dead(struct engine *e, struct ike_sa *sa, const char *why)
{
	struct pair *p = sa->pair;
	struct ike_sa *next;

	report_reason(e, REPORT_WARNING, AREA_IKE, REASON_PEER_DEAD, p, sa, 0,
		      "peer is dead: %s; its SAs are gone", why);
	pair_note(e, p, STAGE_UP, why);
	for (struct ike_sa *other = p->sas; other; other = next) {
		next = other->next;
		/* One that is on its way, or heard of later, is another life of the peer's. */
		if (!sa_is_connecting(other) && other->heard_at.us <= sa->heard_at.us)
			sa_close(e, other);
	}
}

bool sa_reauthenticate(struct engine *e, struct ike_sa *sa)
{
	if (sa->state != SA_UP || sa->retiring || pair_is_connecting(e, sa->pair))
		return false;
	sa->retiring = true;
	report(e, REPORT_INFO, AREA_AUTH, sa->pair, sa, 0, "IKE SA [%u] is authenticated anew",
	       sa->number);
	pair_initiate(e, sa->pair);
	return true;
}

#define AUTH_LIFETIME_MIN_S \
	10 /* a peer that asks for less does not get it: we would do nothing else */

void sa_limit_by_peer(struct engine *e, struct ike_sa *sa, const struct payloads *ps)
{
	struct notify_view n;

	if (!notify_find(ps, NOTIFY_AUTH_LIFETIME, &n))
		return;
	struct reader r = reader_of(n.data);
	uint32_t life = read_u32(&r);
	if (!reader_done(&r))
		return;
	if (life < AUTH_LIFETIME_MIN_S)
		life = AUTH_LIFETIME_MIN_S;
	/* A fifth before the peer would end it. */
	sa->reauth_at = mono_after(e->now, SECOND * life / 5 * 4);
	sa_arm(e, sa);
}

/* Is there a child, but for those that are only received on for what is still on its way? */
static bool has_use(const struct ike_sa *sa)
{
	for (const struct child *c = sa->children; c; c = c->next)
		if (!c->lingers)
			return true;
	return false;
}

/* The most urgent first: what must go, then the IKE SA, then its children. */
void sa_work(struct engine *e, struct ike_sa *sa)
{
	if (sa->window.request_out || sa->ours != NULL ||
	    (sa->state != SA_UP && sa->state != SA_REKEYED))
		return;
	if (sa->want_delete) {
		informational_delete_sa(e, sa);
		return;
	}
	for (struct child *c = sa->children; c; c = c->next) {
		if (c->want_delete && !child_carries_for_successor(c)) {
			informational_delete_child(e, c);
			return;
		}
	}
	if (sa->want_probe || sa->want_token) {
		sa->want_probe = false;
		informational_probe(e, sa);
		return;
	}
	if (sa->state != SA_UP || sa->theirs != NULL)
		return;
	if (sa->ends && !has_use(sa)) {
		informational_delete_sa(e, sa);
		return;
	}
	if (sa->want_rekey) {
		rekey_ike_ask(e, sa);
		return;
	}
	for (struct child *c = sa->children; c; c = c->next) {
		if (c->want_rekey && c->state == CHILD_INSTALLED) {
			create_child_ask(e, sa, c);
			return;
		}
	}
	if (sa->want_child) {
		sa->want_child = false;
		if (pair_live_child(sa->pair) == NULL)
			create_child_ask(e, sa, NULL);
	}
}

void sa_plan_rekey(struct engine *e, struct ike_sa *sa)
{
	uint16_t fuzz = 0;
	int64_t life = SECOND * e->spec->ike_lifetime_s;

	sa->rekey_at = MONO_NEVER;
	if (life != 0 && engine_random(e, (uint8_t *)&fuzz, sizeof(fuzz)) == 0) {
		sa->rekey_at = mono_after(e->now, life - life / 10 * fuzz / 65536);
		if (!sa->initiator)
			sa->rekey_at = mono_after(sa->rekey_at, life / 50);
	}
	sa_arm(e, sa);
}
