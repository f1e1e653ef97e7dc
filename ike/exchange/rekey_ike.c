/* SPDX-License-Identifier: Apache-2.0 */
/* Rekeying the IKE SA, RFC 7296 1.3.2, 2.8, 2.18: a new one inherits the children. */
#include "ike/child.h"
#include "ike/exchange/exchange.h"
#include "ike/negotiate.h"
#include "ike/pair.h"
#include "ike/peer_certs.h"
#include "ike/qcd.h"
#include "ike/reason.h"
#include "ike/sa.h"
#include "ike/task.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define SECOND INT64_C(1000000)
#define UNDELETED_US (30 * SECOND) /* whoever should delete the old one did not */

/* ---- both sides ------------------------------------------------------------------------- */

static int prepare(struct engine *e, struct task *t, struct blob *nonce)
{
	int r = task_nonce(e, nonce);

	return r != 0 ? r : engine_random(e, (uint8_t *)&t->spi_local, sizeof(t->spi_local));
}

static void put_spi(uint8_t out[static 8], uint64_t spi)
{
	for (int i = 0; i < 8; i++)
		out[i] = (uint8_t)(spi >> (56 - 8 * i));
}

/* The new IKE SA, up from the start, with all that the old one knew of the peer. */
struct ike_sa *rekey_ike_successor(struct engine *e, struct ike_sa *old, struct task *t)
{
	struct ike_sa *sa =
		sa_new_with_spi(e, old->pair, t->ours, &old->local, &old->remote, t->spi_local);

	if (sa == NULL)
		return NULL;
	sa->spi_peer = t->spi_peer;
	sa->suite = t->ike_suite;
	sa->nat_local = old->nat_local;
	sa->nat_remote = old->nat_remote;
	sa->encap = old->encap;
	sa->behind = old->behind;
	sa->retiring = old->retiring;
	sa->reauth_at = old->reauth_at; /* rekeying proves nothing anew (RFC 7296 2.8.3) */
	sa->rtt_us = old->rtt_us;
	sa->peer_fragments = old->peer_fragments;
	sa->peer_ikemesh = old->peer_ikemesh;
	sa->ppk = old->ppk; /* RFC 8784 3: by way of SK_d, and not once more */
	sa->peer_id_type = old->peer_id_type;
	sa->established_at = e->now;
	sa->authenticated_at = old->authenticated_at;
	sa->credential = old->credential;
	peer_certs_share(sa, old);
	sa->review = old->review || e->reviews > 0; /* its job may be lost with the old one */
	int r = blob_copy(&sa->peer_id, blob_view(&old->peer_id));
	if (r == 0)
		r = keymat_rekey(old->suite.prf, secret_view(&old->keys.d), &sa->suite,
				 blob_view(&t->ni), blob_view(&t->nr), secret_view(&t->shared),
				 secret_view(&t->more), t->ours ? t->spi_local : t->spi_peer,
				 t->ours ? t->spi_peer : t->spi_local, &sa->keys);
	sa_skip_handshake(e, sa);
	if (r != 0) {
		sa_close(e, sa);
		return NULL;
	}
	act_keys(e, sa);
	sa_plan_rekey(e, sa);
	return sa;
}

static void inherit(struct ike_sa *from, struct ike_sa *to)
{
	struct child *next;

	for (struct child *c = from->children; c; c = next) {
		next = c->next;
		if (c->state != CHILD_DELETING) /* its answer comes on the old one */
			child_move(c, to);
	}
}

/* `by` carries on; `sa` only waits for its DELETE, from us or from the peer. */
static void retire(struct engine *e, struct ike_sa *sa, struct ike_sa *by, bool we_delete)
{
	inherit(sa, by);
	sa->rekey_at = MONO_NEVER;
	sa->want_rekey = sa->want_child = false;
	sa->want_delete = we_delete;
	sa_set_state(e, sa, SA_REKEYED);
	sa->expires_at = mono_after(e->now, UNDELETED_US);
	sa_arm(e, sa);
	sa_work(e, sa);
}

/* Both sides made one: the redundant one is deleted by its maker, the old one by the other. */
static void resolve(struct engine *e, struct ike_sa *old, struct ike_sa *ours,
		    struct ike_sa *theirs, bool ours_loses)
{
	struct ike_sa *winner = ours_loses ? theirs : ours, *loser = ours_loses ? ours : theirs;

	if (winner == NULL)
		return;
	if (loser != NULL)
		retire(e, loser, winner, ours_loses);
	retire(e, old, winner, !ours_loses);
}

static size_t offer(const struct engine *e, const struct ike_sa *sa, struct proposal_spec *to)
{
	return proposal_for_rekey(e->spec->ike, e->spec->n_ike, sa->suite.n_add_ke > 0, to);
}

static void tell(struct engine *e, const struct ike_sa *sa, const struct ike_sa *old)
{
	report(e, REPORT_INFO, AREA_IKE, sa->pair, sa, EXCHANGE_CREATE_CHILD_SA,
	       "IKE SA [%u] rekeyed: [%u] carries on", old->number, sa->number);
	report_is(e, HAPPENING_REKEYED);
}

/* ---- ask, take -------------------------------------------------------------------------- */

void rekey_ike_fail(struct engine *e, struct ike_sa *sa, const char *why)
{
	report(e, REPORT_WARNING, AREA_IKE, sa->pair, sa, EXCHANGE_CREATE_CHILD_SA,
	       "cannot rekey IKE SA [%u]: %s", sa->number, why);
	report_is(e, HAPPENING_FAILED);
	e->counters.tally.rekey_failures[REKEYED_IKE]++;
	if (!rekey_ike_yield(e, sa)) {
		sa->rekey_at = mono_after(e->now, 10 * SECOND);
		if (++sa->rekey_failures > REKEY_FAILURES_MAX && sa_reauthenticate(e, sa))
			sa->rekey_at = MONO_NEVER;
		sa_arm(e, sa);
	}
	create_child_over(e, sa);
}

static void key_done(struct engine *e, struct ike_sa *sa, struct job *job)
{
	struct proposal_spec specs[SPEC_PROPOSALS];
	struct task *t = sa->ours;
	struct chain c;
	uint8_t spi[8];
	size_t n;

	if (t == NULL || t->kind != TASK_REKEY_IKE)
		return;
	if (job->result != 0 || !chain_open(&c)) {
		rekey_ike_fail(e, sa, "no key pair");
		return;
	}
	t->ke_key = job->ke_key;
	job->ke_key = NULL;
	put_spi(spi, t->spi_local);
	n = offer(e, sa, specs);
	sa_encode(&c.b, PROTO_IKE, BYTES(spi, sizeof(spi)), specs, n);
	nonce_encode(&c.b, blob_view(&t->ni));
	ke_encode(&c.b, t->ke->id, blob_view(&job->ke_public));
	if (sa_request(e, sa, EXCHANGE_CREATE_CHILD_SA, &c) != 0)
		rekey_ike_fail(e, sa, "cannot build the request");
}

void rekey_ike_ask(struct engine *e, struct ike_sa *sa)
{
	struct proposal_spec specs[SPEC_PROPOSALS];
	const size_t n = offer(e, sa, specs);
	struct task *t = task_new(TASK_REKEY_IKE, true);
	struct job *job = job_new(JOB_KE_GENERATE);

	sa->want_rekey = false;
	if (t == NULL || job == NULL) {
		task_free(t);
		job_free(job);
		sa->rekey_at = mono_after(e->now, 10 * SECOND);
		sa_arm(e, sa);
		return;
	}
	sa->ours = t;
	/* The group that served before, if it is still offered. */
	uint16_t group = sa->suite.ke->id;
	if (!proposal_has_ke(specs, n, group))
		group = proposal_first_ke(specs, n);
	job->ke = t->ke = ke_by_id(group);
	if (t->ke == NULL || prepare(e, t, &t->ni) != 0) {
		job_free(job);
		rekey_ike_fail(e, sa, "no randomness");
	} else if (act_job(e, sa, job, key_done) != 0) {
		rekey_ike_fail(e, sa, "out of memory");
	}
}

bool rekey_ike_other_group(struct engine *e, struct ike_sa *sa, uint16_t group)
{
	struct proposal_spec specs[SPEC_PROPOSALS];
	const size_t n = offer(e, sa, specs);
	struct task *t = sa->ours;
	struct job *job;

	if (t->rival.present || !proposal_has_ke(specs, n, group))
		return false; /* the peer's own rekeying is complete: it serves */
	t->other_group_tried = true;
	if (t->ke_key != NULL)
		t->ke->free(t->ke_key);
	t->ke_key = NULL;
	t->ke = ke_by_id(group);
	job = job_new(JOB_KE_GENERATE);
	if (job != NULL)
		job->ke = t->ke;
	if (job == NULL || act_job(e, sa, job, key_done) != 0)
		rekey_ike_fail(e, sa, "out of memory");
	return true;
}

static void derive_done(struct engine *e, struct ike_sa *sa, struct job *job)
{
	struct task *t = sa->ours;

	if (t == NULL || t->kind != TASK_REKEY_IKE)
		return;
	if (job->result != 0) {
		rekey_ike_fail(e, sa, "key exchange failed");
		return;
	}
	secret_move(&t->shared, &job->shared);
	if (t->ike_suite.n_add_ke > 0)
		followup_ask(e, sa);
	else
		rekey_ike_ours_made(e, sa);
}

void rekey_ike_ours_made(struct engine *e, struct ike_sa *sa)
{
	struct task *t = sa->ours;
	struct ike_sa *fresh = rekey_ike_successor(e, sa, t);

	if (fresh == NULL) {
		rekey_ike_fail(e, sa, "key derivation failed");
		return;
	}
	tell(e, fresh, sa);
	e->counters.tally.rekeys[REKEYED_IKE][ROLE_INITIATOR]++;
	sa->ours = NULL;
	if (sa->want_delete || sa->state != SA_UP) {
		/* Meanwhile it was to go: the peer has the successor, which must go as well. */
		retire(e, sa, fresh, true);
		fresh->want_delete = true;
		sa_work(e, fresh);
	} else if (t->rival.present && t->rival.ike_sa != NULL) {
		resolve(e, sa, fresh, t->rival.ike_sa, task_ours_loses(t));
	} else if (sa->theirs != NULL && sa->theirs->kind == TASK_REKEY_IKE) {
		task_meet(e, sa->theirs, t, NULL, fresh); /* decided when the peer's is answered */
	} else {
		retire(e, sa, fresh, true);
	}
	task_free(t);
	qcd_renew(e, fresh);
}

bool rekey_ike_yield(struct engine *e, struct ike_sa *sa)
{
	struct task *t = sa->ours;

	if (t == NULL || t->kind != TASK_REKEY_IKE || t->rival.ike_sa == NULL)
		return false;
	retire(e, sa, t->rival.ike_sa, false);
	return true;
}

void rekey_ike_take(struct engine *e, struct ike_sa *sa, const struct inbound *m)
{
	const struct payload *sap = payloads_find(m->payloads, PAYLOAD_SA);
	const struct payload *noncep = payloads_find(m->payloads, PAYLOAD_NONCE);
	const struct payload *kep = payloads_find(m->payloads, PAYLOAD_KE);
	struct proposal_spec specs[SPEC_PROPOSALS];
	const size_t n = offer(e, sa, specs);
	struct task *t = sa->ours;
	struct bytes nr, value;
	struct chosen chosen;
	struct sa_view v;
	uint16_t group;

	if (!sap || !noncep || !kep || !sa_decode(sap->body, &v) ||
	    !nonce_decode(noncep->body, &nr) || !ke_decode(kep->body, &group, &value) ||
	    !proposal_accept(specs, n, PROTO_IKE, true, &v, &chosen) || chosen.spi.n != 8 ||
	    !ike_suite_of(&chosen, &t->ike_suite) || t->ike_suite.ke != t->ke ||
	    group != t->ke->id || value.n != t->ke->response_len ||
	    (t->ike_suite.n_add_ke > 0 && !followup_take_link(t, m->payloads))) {
		rekey_ike_fail(e, sa, "peer's answer is malformed");
		return;
	}
	struct reader r = reader_of(chosen.spi);
	t->spi_peer = read_u64(&r);
	struct job *job = job_new(JOB_KE_DERIVE);
	if (job == NULL || t->spi_peer == 0 || blob_copy(&t->nr, nr) != 0 ||
	    blob_copy(&job->peer_public, value) != 0) {
		job_free(job);
		rekey_ike_fail(e, sa, "peer's answer is malformed");
		return;
	}
	job->ke = t->ke;
	job->ke_key = t->ke_key;
	t->ke_key = NULL;
	if (act_job(e, sa, job, derive_done) != 0)
		rekey_ike_fail(e, sa, "out of memory");
}

/* ---- answer ----------------------------------------------------------------------------- */

static void refuse(struct engine *e, struct ike_sa *sa, uint16_t notify, struct bytes data)
{
	task_free(sa->theirs);
	sa->theirs = NULL;
	report_reason(e, REPORT_INFO, AREA_IKE, reason_of_notify(notify, true, false), sa->pair, sa,
		      EXCHANGE_CREATE_CHILD_SA, "peer's rekeying of IKE SA [%u] refused: %s",
		      sa->number, notify_name(notify));
	sa_reply_notify(e, sa, EXCHANGE_CREATE_CHILD_SA, notify, data);
	sa_work(e, sa);
}

void rekey_ike_theirs_made(struct engine *e, struct ike_sa *sa, struct ike_sa *fresh)
{
	struct task *t = sa->theirs;

	sa->theirs = NULL;
	tell(e, fresh, sa);
	e->counters.tally.rekeys[REKEYED_IKE][ROLE_RESPONDER]++;
	if (t->rival.present && t->rival.ike_sa != NULL) {
		resolve(e, sa, t->rival.ike_sa, fresh, task_ours_loses(t));
	} else if (sa->ours != NULL && sa->ours->kind == TASK_REKEY_IKE) {
		task_meet(e, sa->ours, t, NULL, fresh); /* decided when ours is answered */
	} else {
		retire(e, sa, fresh, false);
	}
	task_free(t);
	pair_bound_sas(e, sa->pair);
}

static void respond_done(struct engine *e, struct ike_sa *sa, struct job *job)
{
	struct task *t = sa->theirs;
	struct ike_sa *fresh = NULL;
	struct chain c;
	uint8_t spi[8];

	if (t == NULL || t->kind != TASK_REKEY_IKE)
		return;
	if (sa->want_delete || sa->state != SA_UP)
		job->result = -ECANCELED; /* it is to go: no successor */
	const bool more = t->ike_suite.n_add_ke > 0;
	if (job->result == 0)
		secret_move(&t->shared, &job->shared);
	if (job->result == 0 && !more)
		fresh = rekey_ike_successor(e, sa, t);
	if (job->result != 0 || (!more && fresh == NULL) || !chain_open(&c)) {
		if (fresh != NULL)
			sa_close(e, fresh); /* the peer will never know of it */
		refuse(e, sa,
		       job->result == -EINVAL ? NOTIFY_INVALID_SYNTAX : NOTIFY_TEMPORARY_FAILURE,
		       BYTES_NONE);
		return;
	}
	put_spi(spi, t->spi_local);
	sa_encode_chosen(&c.b, t->number, PROTO_IKE, BYTES(spi, sizeof(spi)), t->t, t->n);
	nonce_encode(&c.b, blob_view(&t->nr));
	ke_encode(&c.b, t->ke->id, blob_view(&job->ke_public));
	if (more && !followup_expect(e, sa, &c.b)) {
		chain_close(&c);
		refuse(e, sa, NOTIFY_TEMPORARY_FAILURE, BYTES_NONE);
		return;
	}
	if (sa_reply(e, sa, EXCHANGE_CREATE_CHILD_SA, &c) != 0) {
		sa->theirs = NULL;
		task_free(t);
		if (fresh != NULL)
			sa_close(e, fresh);
		window_unhear(&sa->window);
	} else if (!more) {
		rekey_ike_theirs_made(e, sa, fresh);
	}
}

/*
 * Where rekeying takes more than one exchange, two at once would each be half done when they meet:
 * one side comes first (RFC 7296 2.25), and the other one tries again in a moment.
 */
static bool takes_turns(const struct engine *e, const struct ike_sa *sa)
{
	return sa->suite.n_add_ke > 0 || proposal_has_add_ke(e->spec->ike, e->spec->n_ike);
}

static enum doing doing_now(const struct engine *e, const struct ike_sa *sa)
{
	if (sa->state != SA_UP)
		return DOING_DELETE_IKE;
	for (const struct child *c = sa->children; c; c = c->next)
		if (c->state == CHILD_DELETING)
			return DOING_DELETE_THIS;
	if (sa->retiring)
		return DOING_OTHER; /* a new one is on its way to replace it */
	if (sa->ours == NULL)
		return DOING_NOTHING;
	if (sa->ours->rival.present)
		return DOING_OTHER; /* it has done so once already: that is to be resolved first */
	return sa->ours->kind == TASK_REKEY_IKE && !takes_turns(e, sa) ? DOING_REKEY_THIS
								       : DOING_OTHER;
}

void rekey_ike_answer(struct engine *e, struct ike_sa *sa, const struct inbound *m)
{
	const struct payload *sap = payloads_find(m->payloads, PAYLOAD_SA);
	const struct payload *noncep = payloads_find(m->payloads, PAYLOAD_NONCE);
	const struct payload *kep = payloads_find(m->payloads, PAYLOAD_KE);
	struct proposal_spec specs[SPEC_PROPOSALS];
	const size_t n = offer(e, sa, specs);
	uint16_t error = collide_request(ASKED_REKEY_IKE, doing_now(e, sa));
	struct task *t = error == 0 ? task_new(TASK_REKEY_IKE, false) : NULL;
	struct bytes ni, value;
	struct chosen chosen;
	struct sa_view v;
	uint16_t group;

	sa->theirs = t;
	e->counters.tally.collisions[COLLISION_POSTPONED] += error != 0;
	if (t == NULL) {
		refuse(e, sa, error ? error : NOTIFY_TEMPORARY_FAILURE, BYTES_NONE);
		return;
	}
	if (!sap || !noncep || !kep || !sa_decode(sap->body, &v) ||
	    !nonce_decode(noncep->body, &ni) || !ke_decode(kep->body, &group, &value)) {
		refuse(e, sa, NOTIFY_INVALID_SYNTAX, BYTES_NONE);
		return;
	}
	if (!proposal_choose(specs, n, PROTO_IKE, true, &v, &chosen) || chosen.spi.n != 8 ||
	    !ike_suite_of(&chosen, &t->ike_suite)) {
		refuse(e, sa, NOTIFY_NO_PROPOSAL_CHOSEN, BYTES_NONE);
		return;
	}
	t->ke = t->ike_suite.ke;
	if (group != t->ke->id || value.n != t->ke->public_len) {
		const uint8_t want[2] = { (uint8_t)(t->ke->id >> 8), (uint8_t)t->ke->id };
		refuse(e, sa, NOTIFY_INVALID_KE_PAYLOAD, BYTES(want, sizeof(want)));
		return;
	}
	struct reader r = reader_of(chosen.spi);
	t->spi_peer = read_u64(&r);
	memcpy(t->t, chosen.t, sizeof(t->t));
	t->n = chosen.n;
	t->number = chosen.number;
	struct job *job = job_new(JOB_KE_RESPOND);
	if (job == NULL || t->spi_peer == 0 || blob_copy(&t->ni, ni) != 0 ||
	    prepare(e, t, &t->nr) != 0 || blob_copy(&job->peer_public, value) != 0) {
		job_free(job);
		refuse(e, sa, NOTIFY_TEMPORARY_FAILURE, BYTES_NONE);
		return;
	}
	job->ke = t->ke;
	if (act_job(e, sa, job, respond_done) != 0)
		refuse(e, sa, NOTIFY_TEMPORARY_FAILURE, BYTES_NONE);
}
