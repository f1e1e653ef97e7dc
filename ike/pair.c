/* SPDX-License-Identifier: Apache-2.0 */
#include "ike/pair.h"

#include "ike/admission.h"
#include "ike/attempt.h"
#include "ike/child.h"
#include "ike/encap.h"
#include "ike/exchange/exchange.h"
#include "ike/hold.h"
#include "ike/idle.h"
#include "ike/load.h"
#include "ike/sa.h"
#include "ike/save.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define BACK_OFF_FIRST_S 1
#define BACK_OFF_LAST_S 60
#define FORGIVEN_S (3 * BACK_OFF_LAST_S)
/* The kernel asks once per larval state (xfrm_acq_expires); what it asked for stays wanted so long.
 */
#define WANTED_S 10
/* How long the memory of an idle pair is kept: failures of our own, and of strangers' attempts. */
#define MEMORY_S 3600
#define MEMORY_UNSOLICITED_S 600

static struct pair_key key_of(const struct ip *local, const struct ip *remote)
{
	struct pair_key k;

	memset(&k, 0, sizeof(k)); /* hashed as octets */
	k.local = *local;
	k.remote = *remote;
	return k;
}

struct pair *pair_find(const struct engine *e, const struct ip *local, const struct ip *remote)
{
	struct pair_key k = key_of(local, remote);
	struct pair *p = NULL;

	HASH_FIND(hh, e->pairs, &k, sizeof(k), p);
	return p;
}

static bool is_full(const struct engine *e)
{
	return e->spec != NULL && HASH_COUNT(e->pairs) >= e->spec->max_pairs;
}

static struct pair *pair_new(struct engine *e, const struct ip *local, const struct ip *remote)
{
	struct pair *p;

	if (deadlines_reserve(&e->deadlines, e->n_objects + 1) != 0)
		return NULL;
	p = store_take(&e->pair_store);
	if (p == NULL)
		return NULL;
	p->key = key_of(local, remote);
	p->retry_at = p->forget_at = p->decoy_until = MONO_NEVER;
	p->wanted_until = (struct mono){ .us = INT64_MIN };
	p->sacrificed_at = (struct mono){ .us = INT64_MIN / 2 };
	p->since = e->now;
	p->plain_at = (struct mono){ .us = INT64_MIN / 2 };
	p->deadline.owner = DEADLINE_PAIR;
	return p;
}

/* Once it is hashed; uthash may have had no memory. */
static struct pair *pair_counted(struct engine *e, struct pair *p)
{
	if (p->hh.tbl == NULL) {
		store_give(&e->pair_store, p);
		return NULL;
	}
	e->n_objects++;
	return p;
}

static struct pair *add(struct engine *e, const struct ip *local, const struct ip *remote)
{
	struct pair *p = pair_new(e, local, remote);

	if (p == NULL)
		return NULL;
	HASH_ADD(hh, e->pairs, key, sizeof(p->key), p);
	p = pair_counted(e, p);
	if (p == NULL)
		return NULL;
	p->used_at = e->now;
	DL_APPEND2(e->by_use, p, use_prev, use_next);
	return p;
}

struct pair *pair_get(struct engine *e, const struct ip *local, const struct ip *remote)
{
	struct pair *p = pair_find(e, local, remote);

	if (p != NULL)
		return p;
	if (is_full(e))
		idle_make_room(e, true); /* traffic is never refused for it */
	return add(e, local, remote);
}

struct pair *pair_new_suspect(struct engine *e, const struct ip *local, const struct ip *remote)
{
	struct pair *p = pair_new(e, local, remote);

	if (p == NULL)
		return NULL;
	p->suspect = true;
	HASH_ADD(hh, e->suspects, key, sizeof(p->key), p);
	return pair_counted(e, p);
}

bool pair_enlist(struct engine *e, struct ike_sa *sa)
{
	struct pair *suspect = sa->pair;
	struct pair *p = pair_get_unsolicited(e, &suspect->key.local, &suspect->key.remote);

	if (p == NULL)
		return false;
	admission_forget(e, p);
	sa->pair = p;
	sa->next = p->sas;
	p->sas = sa;
	p->solicited = true;
	p->forget_at = MONO_NEVER;
	suspect->sas = NULL;
	pair_free(e, suspect);
	return true;
}

void pair_used(struct engine *e, struct pair *p)
{
	p->used_at = e->now;
	save_touch(e, p);
	DL_DELETE2(e->by_use, p, use_prev, use_next);
	DL_APPEND2(e->by_use, p, use_prev, use_next);
}

struct pair *pair_get_unsolicited(struct engine *e, const struct ip *local, const struct ip *remote)
{
	struct pair *p = pair_find(e, local, remote);

	if (p != NULL)
		return p;
	/* A forger has as many addresses as he likes: they drive out nobody that has an SA. */
	if (is_full(e) && !idle_make_room(e, false))
		return NULL;
	return add(e, local, remote);
}

void pair_free(struct engine *e, struct pair *p)
{
	deadline_disarm(&e->deadlines, &p->deadline);
	save_forget(e, p);
	admission_forget(e, p);
	hold_forget(e, p);
	e->n_objects--;
	if (p->suspect) {
		HASH_DELETE(hh, e->suspects, p);
	} else {
		DL_DELETE2(e->by_use, p, use_prev, use_next);
		HASH_DELETE(hh, e->pairs, p);
	}
	for (size_t i = 0; i < PAIR_ATTEMPTS; i++)
		attempt_free(e, p->attempts[i]);
	/* What ended in this very step still knows it: nobody is to release it a second time. */
	for (struct ike_sa *sa = e->dead; sa && p->n_dead > 0; sa = sa->next) {
		if (sa->pair != p)
			continue;
		sa->pair = NULL;
		p->n_dead--;
	}
	store_give(&e->pair_store, p);
}

void pair_arm(struct engine *e, struct pair *p)
{
	save_touch(e, p);
	struct mono at = mono_first(p->retry_at, p->forget_at);

	deadline_arm(&e->deadlines, &p->deadline, mono_first(at, p->decoy_until));
}

/* Worth a memory is who is in our subnets; others leave no trace. */
static bool is_memorable(const struct engine *e, const struct pair *p)
{
	return e->spec != NULL && (p->attempts[0] != NULL || encap_memory_left(e, p) > 0) &&
	       spec_protects(e->spec, &p->key.local, &p->key.remote);
}

void pair_release(struct engine *e, struct pair *p)
{
	if (p->sas != NULL || p->turn != TURN_NONE)
		return;
	if (p->suspect || (!is_memorable(e, p) && mono_is_never(p->retry_at))) {
		pair_free(e, p);
		return;
	}
	int64_t keep = p->solicited ? MEMORY_S : MEMORY_UNSOLICITED_S;
	p->forget_at = mono_after(e->now, keep * 1000000);
	if (encap_memory_left(e, p) > keep * 1000000)
		p->forget_at = mono_after(e->now, encap_memory_left(e, p));
	pair_arm(e, p);
}

struct child *pair_live_child(const struct pair *p)
{
	for (struct ike_sa *sa = p->sas; sa; sa = sa->next)
		for (struct child *c = sa->children; c; c = c->next)
			if (c->state <= CHILD_INSTALLED && c->protocol == 0 &&
			    (c->out_added || c->out_waits))
				return c;
	return NULL;
}

size_t pair_children(const struct pair *p)
{
	size_t n = 0;

	for (struct ike_sa *sa = p->sas; sa; sa = sa->next)
		for (struct child *c = sa->children; c; c = c->next)
			n++;
	return n;
}

/*
 * Anybody can send an IKE_SA_INIT under the peer's address: until it has shown that it receives
 * what we send there, it keeps us from beginning ourselves for a moment only.
 */
#define PROMISE_US INT64_C(3000000)

static bool is_unproven(const struct ike_sa *sa)
{
	return !sa->initiator && sa->state <= SA_R_INIT && !sa->peer_returned_cookie;
}

/* Of several the first counts: another one does not begin the moment anew. */
static bool are_promises_over(const struct engine *e, const struct pair *p)
{
	for (const struct ike_sa *sa = p->sas; sa; sa = sa->next)
		if (sa_is_connecting(sa) && is_unproven(sa) &&
		    e->now.us - sa->created_at.us >= PROMISE_US)
			return true;
	return false;
}

static bool is_promising(const struct engine *e, const struct ike_sa *sa)
{
	return sa_is_connecting(sa) && !(is_unproven(sa) && are_promises_over(e, sa->pair));
}

bool pair_is_connecting(const struct engine *e, const struct pair *p)
{
	for (struct ike_sa *sa = p->sas; sa; sa = sa->next)
		if (is_promising(e, sa))
			return true;
	return false;
}

bool pair_has_other_sa(const struct engine *e, const struct pair *p, const struct ike_sa *but)
{
	for (struct ike_sa *sa = p->sas; sa; sa = sa->next)
		if (sa != but && (sa_is_up(sa) || is_promising(e, sa)))
			return true;
	return false;
}

struct ike_sa *pair_heir(const struct pair *p, const struct ike_sa *of)
{
	for (struct ike_sa *sa = p->sas; sa; sa = sa->next)
		if (sa != of && sa_is_up(sa))
			return sa;
	return NULL;
}

void pair_retire(struct engine *e, struct pair *p, const struct ike_sa *but)
{
	struct ike_sa *next;

	for (struct ike_sa *sa = p->sas; sa; sa = next) {
		next = sa->next;
		if (sa != but && sa->retiring && sa_is_up(sa))
			informational_delete_sa(e, sa);
	}
}

/* RFC 7296 2.4: INITIAL_CONTACT speaks for one identity, and one of several behind a NAT. */
static bool same_peer(const struct ike_sa *a, const struct ike_sa *b)
{
	if (a->peer_id_type != b->peer_id_type || !ip_equal(&a->behind, &b->behind))
		return false;
	return a->peer_id_type == ID_DER_ASN1_DN
		       ? dn_equal(blob_view(&a->peer_id), blob_view(&b->peer_id))
		       : bytes_equal(blob_view(&a->peer_id), blob_view(&b->peer_id));
}

/*
 * The oldest, of those without a child if there is one: a peer may not pile them up. What came up
 * in this very step is not among them.
 */
static struct ike_sa *superfluous(const struct engine *e, const struct pair *p, size_t *n)
{
	struct ike_sa *oldest = NULL;

	*n = 0;
	for (struct ike_sa *sa = p->sas; sa; sa = sa->next) {
		++*n;
		if ((!sa_is_up(sa) && sa->state != SA_REKEYED) ||
		    sa->established_at.us == e->now.us)
			continue;
		/* New ones are put in front. */
		if (oldest == NULL || sa->children == NULL || oldest->children != NULL)
			oldest = sa;
	}
	return oldest;
}

void pair_bound_sas(struct engine *e, struct pair *p)
{
	size_t n;
	struct ike_sa *sa = superfluous(e, p, &n);

	if (sa == NULL || n <= PAIR_SAS_MAX)
		return;
	load_limit(e, LIMIT_IKE_SAS);
	report_reason(e, REPORT_WARNING, AREA_IKE, REASON_TOO_MANY, p, sa, 0,
		      "more than %d IKE SAs with one peer: [%u] goes", PAIR_SAS_MAX, sa->number);
	if (n > 2 * PAIR_SAS_MAX)
		sa_close(e, sa); /* it does not answer our DELETEs */
	else
		informational_delete_sa(e, sa);
}

void pair_initial_contact(struct engine *e, struct pair *p, const struct ike_sa *but)
{
	struct ike_sa *next;

	for (struct ike_sa *sa = p->sas; sa; sa = next) {
		next = sa->next;
		/*
		 * What came up while this exchange was under way is no debris of an earlier life:
		 * both sides began at once.
		 */
		if (sa == but || sa_is_connecting(sa) || !same_peer(sa, but) ||
		    sa->established_at.us >= but->created_at.us)
			continue;
		report_reason(e, REPORT_NOTICE, AREA_IKE, REASON_PEER_RESTARTED, p, sa, 0,
			      "peer starts afresh (INITIAL_CONTACT): its older IKE SA is gone");
		sa_close(e, sa);
	}
}

void pair_back_off(struct engine *e, struct pair *p)
{
	int64_t wait = BACK_OFF_FIRST_S;

	/* What went well for a while is forgiven: only then, since the kernel may refuse an SA
	 * late. */
	if (e->now.us - p->failed_at.us > FORGIVEN_S * INT64_C(1000000))
		p->failures = 0;
	p->failed_at = e->now;

	for (unsigned i = 0; i < p->failures && wait < BACK_OFF_LAST_S; i++)
		wait *= 2;
	if (wait > BACK_OFF_LAST_S)
		wait = BACK_OFF_LAST_S;
	if (p->failures < 1000)
		p->failures++;
	p->retry_at = mono_after(e->now, wait * 1000000);
	pair_arm(e, p);
}

void pair_no_retry(struct engine *e, struct pair *p)
{
	p->retry_at = MONO_NEVER;
	pair_arm(e, p);
}

void pair_clear_back_off(struct engine *e, struct pair *p)
{
	p->failures = 0;
	p->retry_at = MONO_NEVER;
	pair_arm(e, p);
}

void pair_initiate(struct engine *e, struct pair *p)
{
	const struct endpoint local = { .ip = p->key.local, .port = e->options.port };
	const struct endpoint remote = { .ip = p->key.remote, .port = e->options.port };

	if (e->spec == NULL || e->shutting_down)
		return;
	save_touch(e, p);
	admission_forget(e, p);
	p->retry_at = p->forget_at = MONO_NEVER;
	p->solicited = true;
	pair_arm(e, p);
	struct ike_sa *sa = sa_new(e, p, true, &local, &remote);
	if (sa == NULL) {
		report_reason(e, REPORT_ERROR, AREA_IKE, REASON_NO_MEMORY, p, NULL, 0,
			      "cannot negotiate: out of memory");
		pair_back_off(e, p);
		return;
	}
	e->counters.ike_initiated++;
	init_ask(e, sa, proposal_first_ke(e->spec->ike, e->spec->n_ike));
}

bool pair_is_wanted(const struct engine *e, const struct pair *p)
{
	return p->wanted_until.us > e->now.us;
}

/* By an IKE SA that is there already, or by a new one. */
static void make_child(struct engine *e, struct pair *p)
{
	for (struct ike_sa *sa = p->sas; sa; sa = sa->next) {
		if (!sa_is_up(sa) || sa->retiring || sa->want_delete || sa->ends)
			continue;
		sa->want_child = pair_children(p) < PAIR_CHILDREN_ASKED;
		sa_work(e, sa);
		return;
	}
	admission_ask(e, p);
}

void pair_acquire(struct engine *e, struct pair *p)
{
	struct child *c = pair_live_child(p);

	p->wanted_until = mono_after(e->now, INT64_C(1000000) * WANTED_S);
	pair_used(e, p);
	hold_asked(e, p);
	if (pair_is_connecting(e, p)) { /* ours or the peer's: it will serve, or in a moment not */
		if (mono_is_never(p->retry_at)) {
			p->retry_at = mono_after(e->now, PROMISE_US);
			pair_arm(e, p);
		}
		return;
	}
	if (c != NULL && (c->out_waits || e->now.us - c->installed_at.us < 1000000))
		return; /* crossed with our own installing */
	if (!mono_is_never(p->retry_at) && !mono_reached(e->now, p->retry_at))
		return; /* backing off: pair_timer goes on */
	if (c != NULL) {
		child_doubt(e, c); /* the kernel asks although it has one, as far as we know */
		return;
	}
	report(e, REPORT_INFO, AREA_XFRM, p, NULL, 0, "the kernel asks for an SA: traffic waits");
	report_is(e, HAPPENING_ACQUIRE);
	make_child(e, p);
}

void pair_lost(struct engine *e, struct pair *p, struct child *c)
{
	report_reason(e, REPORT_WARNING, AREA_XFRM, REASON_KERNEL_LOST, p, c->sa, 0,
		      "the kernel lost CHILD_SA {%u}: negotiating afresh", c->number);
	informational_delete_sa(e, c->sa);
	if (pair_is_wanted(e, p) && !pair_is_connecting(e, p) && pair_live_child(p) == NULL)
		make_child(e, p);
}

void pair_timer(struct engine *e, struct pair *p)
{
	hold_timer(e, p);
	if (!mono_reached(e->now, mono_first(p->retry_at, p->forget_at))) {
		pair_arm(e, p);
		return;
	}
	if (p->sas == NULL && mono_reached(e->now, p->forget_at)) {
		pair_free(e, p);
		return;
	}
	if (p->sas != NULL)
		p->forget_at = MONO_NEVER; /* until it is idle again: pair_release */
	p->retry_at = MONO_NEVER;
	if (!pair_is_wanted(e, p) || pair_live_child(p) != NULL) {
		pair_arm(e, p);
	} else if (pair_is_connecting(e, p)) {
		p->retry_at = mono_after(e->now, PROMISE_US);
		pair_arm(e, p);
	} else {
		make_child(e, p);
	}
	if (p->sas == NULL && mono_is_never(p->forget_at))
		pair_release(e, p);
}

void pair_remember(struct engine *e, struct pair *p, struct status_attempt *a)
{
	struct past_attempt *past = attempt_pack(e, a);

	free(a);
	if (past == NULL)
		return;
	attempt_free(e, p->attempts[PAIR_ATTEMPTS - 1]);
	memmove(&p->attempts[1], &p->attempts[0], sizeof(p->attempts[0]) * (PAIR_ATTEMPTS - 1));
	p->attempts[0] = past;
}

void pair_note(struct engine *e, struct pair *p, enum stage stage, const char *why)
{
	struct status_attempt *a = calloc(1, sizeof(*a));

	if (a == NULL)
		return;
	a->started_at = a->ended_at = e->now;
	a->failed = true;
	a->stage = stage;
	snprintf(a->reason, sizeof(a->reason), "%s", why);
	pair_remember(e, p, a);
}
