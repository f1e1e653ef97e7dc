/* SPDX-License-Identifier: Apache-2.0 */
#include "ike/status.h"

#include "ike/attempt.h"
#include "ike/child.h"
#include "ike/core.h"
#include "ike/pair.h"
#include "ike/peer_certs.h"
#include "ike/sa.h"

static enum ike_state state_of(const struct ike_sa *sa)
{
	switch (sa->state) {
	case SA_UP:
		return IKE_ESTABLISHED;
	case SA_REKEYED:
		return IKE_REKEYED;
	case SA_DELETING:
	case SA_LINGERS:
	case SA_DEAD:
		return IKE_DELETING;
	case SA_I_KEY:
	case SA_I_INIT:
	case SA_I_DERIVE:
	case SA_R_KEY:
		return IKE_CONNECTING;
	default:
		return IKE_AUTHENTICATING;
	}
}

static void show_child(const struct child *c, const struct status_visitor *v)
{
	const struct status_child s = {
		.number = c->number,
		.state = c->state,
		.spi_in = c->spi_in,
		.spi_out = c->spi_out,
		.local = c->sa->local.ip,
		.remote = c->sa->remote.ip,
		.encr = c->suite.encr,
		.integ = c->suite.integ,
		.ke = c->suite.ke,
		.esn = c->suite.esn,
		.encap = c->sa->encap,
		.protocol = c->protocol,
		.local_port = c->local_port,
		.remote_port = c->remote_port,
		.installed_at = c->installed_at,
		.rekey_at = c->rekey_at,
	};
	v->child(v->arg, &s);
}

static void show_ike(const struct ike_sa *sa, const struct status_visitor *v)
{
	const struct peer_certs *pc = sa->peer_certs;
	const struct status_ike s = {
		.number = sa->number,
		.state = state_of(sa),
		.initiator = sa->initiator,
		.spi_i = sa->initiator ? sa->spi_local : sa->spi_peer,
		.spi_r = sa->initiator ? sa->spi_peer : sa->spi_local,
		.local = sa->local,
		.remote = sa->remote,
		.encr = sa->suite.encr,
		.integ = sa->suite.integ,
		.prf = sa->suite.prf,
		.ke = sa->suite.ke,
		.add_ke = sa->suite.add_ke,
		.n_add_ke = sa->suite.n_add_ke,
		.created_at = sa->created_at,
		.established_at = sa->established_at,
		.rekey_at = sa->rekey_at,
		.authenticated_at = sa->authenticated_at,
		.peer_id_type = sa->peer_id_type,
		.peer_id = blob_view(&sa->peer_id),
		.peer_cert = pc != NULL ? &pc->leaf : NULL,
		.peer_chain = pc != NULL ? pc->certs : NULL,
		.n_peer_chain = pc != NULL ? pc->n_certs : 0,
		.peer_cas = pc != NULL ? pc->cas : BYTES_NONE,
		.credential = sa->credential,
		.peer_pinned = sa->peer_pinned,
		.peer_warning = sa->peer_warning,
		.peer_is_ikemesh = sa->peer_ikemesh,
		.ppk = sa->ppk,
		.retransmits = sa->retransmits,
	};
	v->ike(v->arg, &s);
	for (const struct child *c = sa->children; c; c = c->next)
		if (!mono_is_never(c->installed_at))
			show_child(c, v);
}

static size_t attempts_of(const struct pair *p, struct status_attempt *out)
{
	size_t n = 0;

	for (const struct ike_sa *sa = p->sas; sa && n < PAIR_ATTEMPTS; sa = sa->next)
		if (sa->attempt != NULL)
			out[n++] = *sa->attempt;
	for (size_t i = 0; i < PAIR_ATTEMPTS && p->attempts[i] && n < PAIR_ATTEMPTS; i++)
		attempt_unpack(p->attempts[i], &out[n++]);
	return n;
}

static void count(const struct pair *p, size_t *ike, size_t *children)
{
	*ike = *children = 0;
	for (const struct ike_sa *sa = p->sas; sa; sa = sa->next) {
		*ike += sa->state != SA_LINGERS;
		for (const struct child *c = sa->children; c; c = c->next)
			*children += !mono_is_never(c->installed_at);
	}
}

void engine_status(const struct engine *e, const struct status_visitor *v)
{
	for (const struct pair *p = e->pairs; p; p = p->hh.next) {
		struct status_attempt attempts[PAIR_ATTEMPTS];
		struct status_pair s = {
			.local = p->key.local,
			.remote = p->key.remote,
			.attempts = attempts,
			.n_attempts = attempts_of(p, attempts),
			.since = p->since,
			.retry_at = p->retry_at,
			.failures = p->failures,
			.waiting = p->turn != TURN_NONE,
			.encap = p->encap,
			.encap_at = p->encap_at,
		};
		count(p, &s.n_ike, &s.n_children);
		v->pair(v->arg, &s);
		for (const struct ike_sa *sa = p->sas; sa; sa = sa->next)
			if (sa->state != SA_LINGERS)
				show_ike(sa, v);
	}
}

void engine_counters(const struct engine *e, struct status_counters *out)
{
	*out = e->counters;
	out->half_open = e->half_open;
	out->pairs = HASH_COUNT(e->pairs);
	out->ike_sas = HASH_COUNT(e->sas);
	out->child_sas = HASH_COUNT(e->children);
	out->jobs = HASH_COUNT(e->jobs);
}

bool engine_knows_sa(const struct engine *e, const struct sa_ref *ref)
{
	const struct child *c = child_by_ref(e, ref);

	if (c == NULL) {
		const struct pair *p = pair_find(e, &ref->src, &ref->dst);
		return p != NULL && p->decoy == ref->spi;
	}
	return ip_equal(&ref->dst, &c->sa->local.ip) ? c->in_added : c->out_added;
}

const char *encap_memory_name(enum encap_memory m)
{
	static const char *const names[] = { "unknown", "trying", "helps", "no help" };

	return names[m];
}

const char *stage_name(enum stage s)
{
	static const char *const names[] = { "acquire",	 "IKE_SA_INIT", "IKE_INTERMEDIATE",
					     "IKE_AUTH", "CHILD_SA",	"up" };
	return names[s];
}

const char *ike_state_name(enum ike_state s)
{
	static const char *const names[] = { "CONNECTING", "AUTHENTICATING", "ESTABLISHED",
					     "REKEYED", "DELETING" };
	return names[s];
}

const char *child_state_name(enum child_state s)
{
	static const char *const names[] = { "INSTALLING", "INSTALLED", "REKEYED", "DELETING" };
	return names[s];
}
