/* SPDX-License-Identifier: Apache-2.0 */
/* CREATE_CHILD_SA for CHILD_SAs: new ones and rekeying, RFC 7296 1.3.1, 1.3.3, 2.8. */
#include "ike/child.h"
#include "ike/exchange/exchange.h"
#include "ike/load.h"
#include "ike/negotiate.h"
#include "ike/pair.h"
#include "ike/reason.h"
#include "ike/sa.h"
#include "ike/task.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define SECOND INT64_C(1000000)
/* RFC 7296 2.8: at a rekey our outbound SA waits so long for the peer's first ESP or DELETE. */
#define OUT_WAIT_US (5 * SECOND)

/* ---- both sides ------------------------------------------------------------------------- */

static void put_spi(uint8_t out[static 4], uint32_t spi)
{
	for (int i = 0; i < 4; i++)
		out[i] = (uint8_t)(spi >> (24 - 8 * i));
}

static int derive(const struct task *t, struct child *c, struct bytes shared)
{
	return child_derive(c, shared, blob_view(&t->ni), blob_view(&t->nr));
}

/* ---- ask -------------------------------------------------------------------------------- */

void create_child_over(struct engine *e, struct ike_sa *sa)
{
	task_free(sa->ours);
	sa->ours = NULL;
	sa_work(e, sa);
}

static void retry_later(struct engine *e, struct ike_sa *sa, struct task *t, bool temporary);

/* Ours came to nothing without a refusal that would say for how long: again in a while. */
static void fail(struct engine *e, struct ike_sa *sa, const char *why)
{
	struct task *t = sa->ours;

	report(e, REPORT_WARNING, AREA_CHILD, sa->pair, sa, EXCHANGE_CREATE_CHILD_SA, "%s: %s",
	       t->old ? "cannot rekey a CHILD_SA" : "cannot make a CHILD_SA", why);
	report_is(e, HAPPENING_FAILED);
	e->counters.tally.rekey_failures[REKEYED_CHILD] += t->kind == TASK_REKEY_CHILD;
	if (t->kind != TASK_REKEY_IKE)
		retry_later(e, sa, t, true);
	if (t->fresh != NULL)
		child_remove(e, t->fresh);
	create_child_over(e, sa);
}

static void create_child_send(struct engine *e, struct ike_sa *sa)
{
	struct task *t = sa->ours;
	struct chain c;
	uint8_t spi[4];

	if (!chain_open(&c)) {
		fail(e, sa, "out of memory");
		return;
	}
	if (t->old != NULL) {
		/* RFC 7296 2.8: the SPI that we expect in inbound packets of the old SA. */
		put_spi(spi, t->old->spi_in);
		notify_encode(&c.b, PROTO_ESP, BYTES(spi, sizeof(spi)), NOTIFY_REKEY_SA,
			      BYTES_NONE);
	}
	child_offer(e, t->fresh, true, &c.b);
	nonce_encode(&c.b, blob_view(&t->ni));
	if (t->ke != NULL)
		ke_encode(&c.b, t->ke->id, blob_view(&t->ke_public));
	if (sa_request(e, sa, EXCHANGE_CREATE_CHILD_SA, &c) != 0)
		fail(e, sa, "cannot build the request");
}

static void key_done(struct engine *e, struct ike_sa *sa, struct job *job)
{
	struct task *t = sa->ours;

	if (t == NULL || t->kind == TASK_REKEY_IKE)
		return;
	if (job->result != 0 || t->fresh == NULL || (t->kind == TASK_REKEY_CHILD && !t->old)) {
		fail(e, sa, job->result ? strerror(-job->result) : "it is gone meanwhile");
		return;
	}
	t->ke_key = job->ke_key;
	job->ke_key = NULL;
	blob_free(&t->ke_public);
	t->ke_public = job->ke_public;
	job->ke_public = (struct blob){ 0 };
	create_child_send(e, sa);
}

static void make_key(struct engine *e, struct ike_sa *sa, uint16_t group)
{
	struct task *t = sa->ours;
	struct job *job = job_new(JOB_KE_GENERATE);

	t->ke = ke_by_id(group);
	if (job == NULL || t->ke == NULL) {
		job_free(job);
		fail(e, sa, "out of memory");
		return;
	}
	job->ke = t->ke;
	if (act_job(e, sa, job, key_done) != 0)
		fail(e, sa, "out of memory");
}

void create_child_ask(struct engine *e, struct ike_sa *sa, struct child *old)
{
	const uint16_t group = proposal_first_ke(e->spec->esp, e->spec->n_esp);
	struct task *t = task_new(old ? TASK_REKEY_CHILD : TASK_NEW_CHILD, true);

	if (t == NULL)
		return;
	sa->ours = t;
	t->old = old;
	if (old != NULL)
		old->want_rekey =
			false; /* before anything can fail: that asks what there is to do */
	t->fresh = child_new(e, sa, true);
	if (t->fresh == NULL || task_nonce(e, &t->ni) != 0) {
		fail(e, sa, "out of memory");
		return;
	}
	if (old != NULL) {
		t->fresh->protocol = old->protocol;
		t->fresh->local_port = old->local_port;
		t->fresh->remote_port = old->remote_port;
	}
	if (group != KE_NONE)
		make_key(e, sa, group);
	else
		create_child_send(e, sa);
}

/* ---- take ------------------------------------------------------------------------------- */

/* Both are there, ours and the peer's: who made the one with the lowest nonce deletes it. */
static void resolve(struct engine *e, struct child *old, struct child *ours, struct child *theirs,
		    bool ours_loses)
{
	struct child *winner = ours_loses ? theirs : ours, *loser = ours_loses ? ours : theirs;

	if (winner == NULL)
		return;
	if (loser != NULL)
		child_replaced(e, loser, winner);
	if (old != NULL)
		child_replaced(e, old, winner);
	if (ours_loses && ours != NULL)
		ours->want_delete = true;
	if (!ours_loses && old != NULL)
		old->want_delete = true;
}

static void finish_ours(struct engine *e, struct ike_sa *sa, struct bytes shared)
{
	struct task *t = sa->ours;
	struct child *c = t->fresh, *old = t->old;

	if (derive(t, c, shared) != 0) {
		fail(e, sa, "key derivation failed");
		return;
	}
	e->counters.tally.rekeys[REKEYED_CHILD][ROLE_INITIATOR] += t->kind == TASK_REKEY_CHILD;
	if (t->rival.present && t->rival.child != NULL && task_ours_loses(t)) {
		child_install_loser(e, c);
	} else {
		child_install(e, c);
		if (t->rival.present) {
			resolve(e, old, c, t->rival.child, false);
		} else if (old != NULL) {
			child_replaced(e, old, c);
			/* The peer's exchange for the same SA is still being answered: then decide.
			 */
			if (sa->theirs != NULL && sa->theirs->old == old)
				task_meet(e, sa->theirs, t, c, NULL);
			else
				old->want_delete = true;
		}
	}
	create_child_over(e, sa);
}

static void derive_done(struct engine *e, struct ike_sa *sa, struct job *job)
{
	struct task *t = sa->ours;

	if (t == NULL || t->kind == TASK_REKEY_IKE)
		return;
	if (job->result != 0 || t->fresh == NULL)
		fail(e, sa,
		     job->result == -EINVAL ? "peer's key exchange value is not acceptable"
					    : "key exchange failed");
	else
		finish_ours(e, sa, secret_view(&job->shared));
}

static struct mono retry_time(struct engine *e, unsigned failures)
{
	uint16_t fuzz = 0;

	engine_random(e, (uint8_t *)&fuzz, sizeof(fuzz));
	return mono_after(e->now, SECOND * failures + SECOND * fuzz / 65536);
}

/* Nothing could be begun: something else is under way with the peer. */
static struct mono another_time(const struct engine *e)
{
	return mono_after(e->now, 60 * SECOND);
}

/* RFC 7296 2.25: TEMPORARY_FAILURE asks to wait; other refusals will not change by waiting. */
static void retry_later(struct engine *e, struct ike_sa *sa, struct task *t, bool temporary)
{
	struct child *old = t->old;

	if (t->kind == TASK_REKEY_IKE) {
		if (!temporary || ++sa->rekey_failures > REKEY_FAILURES_MAX)
			sa->rekey_at = sa_reauthenticate(e, sa) ? MONO_NEVER : another_time(e);
		else
			sa->rekey_at = retry_time(e, sa->rekey_failures);
		sa_arm(e, sa);
	} else if (old != NULL && old->state == CHILD_INSTALLED) {
		if (temporary && ++old->rekey_failures <= REKEY_FAILURES_MAX)
			child_retry_rekey(e, old, retry_time(e, old->rekey_failures));
		else if (!sa_reauthenticate(e, sa))
			child_retry_rekey(e, old, another_time(e));
	} else if (t->kind == TASK_NEW_CHILD && !temporary) {
		/* No CHILD_SA from this IKE SA: it serves nobody. Traffic asks again. */
		sa->want_delete = true;
		pair_back_off(e, sa->pair);
	}
}

/* RFC 7296 2.25: the peer does not know the SA any more: ours is debris. */
static void child_not_found(struct engine *e, struct ike_sa *sa, struct task *t)
{
	if (t->old == NULL || t->old->replaced_by != NULL)
		return;
	child_remove(e, t->old);
	sa->want_child = pair_live_child(sa->pair) == NULL;
}

static bool other_group(struct engine *e, struct ike_sa *sa, const struct inbound *m)
{
	struct task *t = sa->ours;
	struct notify_view n;

	if (!notify_find(m->payloads, NOTIFY_INVALID_KE_PAYLOAD, &n) || n.data.n != 2 ||
	    t->other_group_tried)
		return false;
	uint16_t group = (uint16_t)(n.data.p[0] << 8 | n.data.p[1]);
	if (t->kind == TASK_REKEY_IKE)
		return rekey_ike_other_group(e, sa, group);
	if (t->fresh == NULL || !proposal_has_ke(e->spec->esp, e->spec->n_esp, group))
		return false;
	t->other_group_tried = true;
	if (t->ke_key != NULL)
		t->ke->free(t->ke_key);
	t->ke_key = NULL;
	make_key(e, sa, group);
	return true;
}

static void count_refusal(struct engine *e, const struct task *t, uint16_t error)
{
	struct status_tally *all = &e->counters.tally;

	if (error == NOTIFY_TEMPORARY_FAILURE)
		all->collisions[COLLISION_POSTPONED]++;
	else if (t->kind != TASK_NEW_CHILD)
		all->rekey_failures[t->kind == TASK_REKEY_IKE ? REKEYED_IKE : REKEYED_CHILD]++;
}

bool create_child_refused(struct engine *e, struct ike_sa *sa, const struct inbound *m)
{
	struct task *t = sa->ours;
	uint16_t error = notify_error_of(m->payloads);

	if (error == 0)
		return false;
	if (other_group(e, sa, m))
		return true;
	report_reason(e, error == NOTIFY_TEMPORARY_FAILURE ? REPORT_INFO : REPORT_WARNING,
		      AREA_CHILD, reason_of_notify(error, false, false), sa->pair, sa,
		      EXCHANGE_CREATE_CHILD_SA, "peer refused CREATE_CHILD_SA: %s",
		      notify_name(error));
	count_refusal(e, t, error);
	if (error == NOTIFY_CHILD_SA_NOT_FOUND)
		child_not_found(e, sa, t);
	else if (!rekey_ike_yield(e, sa))
		retry_later(e, sa, t, error == NOTIFY_TEMPORARY_FAILURE);
	if (t->fresh != NULL)
		child_remove(e, t->fresh);
	create_child_over(e, sa);
	return true;
}

static void create_child_take(struct engine *e, struct ike_sa *sa, const struct inbound *m)
{
	const struct payload *nonce = payloads_find(m->payloads, PAYLOAD_NONCE);
	const struct payload *ke = payloads_find(m->payloads, PAYLOAD_KE);
	struct task *t = sa->ours;
	const char *why = "peer's answer is malformed";
	struct bytes nr, value;
	uint16_t group;
	struct job *job;

	sa_request_done(e, sa);
	if (t == NULL)
		return;
	if (create_child_refused(e, sa, m))
		return;
	if (t->kind == TASK_REKEY_IKE) {
		rekey_ike_take(e, sa, m);
		return;
	}
	if (t->fresh == NULL || nonce == NULL || !nonce_decode(nonce->body, &nr) ||
	    child_accept(e, t->fresh, m->payloads, true, &why) != 0 ||
	    (t->fresh->suite.ke != NULL && t->fresh->suite.ke != t->ke) ||
	    blob_copy(&t->nr, nr) != 0) {
		fail(e, sa, why);
		return;
	}
	if (t->fresh->suite.ke == NULL) { /* no PFS, or the peer chose to do without, as offered */
		finish_ours(e, sa, BYTES_NONE);
		return;
	}
	job = job_new(JOB_KE_DERIVE);
	if (job == NULL || ke == NULL || !ke_decode(ke->body, &group, &value) ||
	    group != t->ke->id || value.n != t->ke->public_len ||
	    blob_copy(&job->peer_public, value) != 0) {
		job_free(job);
		fail(e, sa, "peer's key exchange payload is missing or malformed");
		return;
	}
	job->ke = t->ke;
	job->ke_key = t->ke_key;
	t->ke_key = NULL;
	if (act_job(e, sa, job, derive_done) != 0)
		fail(e, sa, "out of memory");
}

static void create_child_give_up(struct engine *e, struct ike_sa *sa)
{
	/* RFC 7296 2.4: no answer at all means that the peer, and with it the IKE SA, is dead. */
	sa_peer_dead(e, sa, "no answer to CREATE_CHILD_SA");
}

/* ---- answer ----------------------------------------------------------------------------- */

static void refuse(struct engine *e, struct ike_sa *sa, uint16_t notify, struct bytes data,
		   const char *why)
{
	if (sa->theirs != NULL && sa->theirs->fresh != NULL)
		child_remove(e, sa->theirs->fresh);
	task_free(sa->theirs);
	sa->theirs = NULL;
	report_reason(e, REPORT_INFO, AREA_CHILD, reason_of_notify(notify, true, false), sa->pair,
		      sa, EXCHANGE_CREATE_CHILD_SA, "peer's CREATE_CHILD_SA refused: %s: %s",
		      notify_name(notify), why);
	sa_reply_notify(e, sa, EXCHANGE_CREATE_CHILD_SA, notify, data);
	sa_work(e, sa);
}

static enum doing doing_now(const struct ike_sa *sa, const struct child *old)
{
	if (sa->state != SA_UP)
		return DOING_DELETE_IKE;
	if (old != NULL && (old->state == CHILD_DELETING || old->state == CHILD_REKEYED))
		return DOING_DELETE_THIS;
	if (sa->ours == NULL)
		return DOING_NOTHING;
	if (sa->ours->kind == TASK_REKEY_IKE)
		return DOING_REKEY_IKE;
	return old != NULL && sa->ours->old == old ? DOING_REKEY_THIS : DOING_OTHER;
}

/* [SA_ADD inbound, SEND answer]: see create_child_settled and create_child_answer_failed. */
static void finish_theirs(struct engine *e, struct ike_sa *sa, struct bytes shared)
{
	struct task *t = sa->theirs;
	struct chain c;

	if (t->fresh == NULL || derive(t, t->fresh, shared) != 0 || !chain_open(&c)) {
		refuse(e, sa, NOTIFY_TEMPORARY_FAILURE, BYTES_NONE, "key derivation failed");
		return;
	}
	child_install_inbound(e, t->fresh,
			      child_can_send_on_another(t->fresh) ? OUT_WAIT_US : SECOND / 5);
	child_answer_encode(&t->answer, &c.b);
	nonce_encode(&c.b, blob_view(&t->nr));
	if (t->ke != NULL)
		ke_encode(&c.b, t->ke->id, blob_view(&t->ke_public));
	if (sa_reply(e, sa, EXCHANGE_CREATE_CHILD_SA, &c) != 0) {
		sa_close(e, sa);
		return;
	}
	e->settling = sa;
}

void create_child_settled(struct engine *e, struct ike_sa *sa)
{
	struct task *t = sa->theirs;
	struct task *ours = sa->ours;

	if (t == NULL)
		return;
	if (t->kind == TASK_REKEY_CHILD && t->fresh != NULL) {
		e->counters.tally.rekeys[REKEYED_CHILD][ROLE_RESPONDER]++;
		if (t->rival.present && t->rival.child != NULL) {
			resolve(e, t->old, t->rival.child, t->fresh, task_ours_loses(t));
		} else if (t->old != NULL) {
			child_replaced(e, t->old, t->fresh);
			if (ours != NULL && ours->old == t->old)
				task_meet(e, ours, t, t->fresh, NULL);
		}
	}
	task_free(t);
	sa->theirs = NULL;
	sa_work(e, sa);
}

void create_child_answer_failed(struct engine *e, struct ike_sa *sa)
{
	refuse(e, sa, NOTIFY_TEMPORARY_FAILURE, BYTES_NONE, "the kernel refuses the SA");
}

static void respond_done(struct engine *e, struct ike_sa *sa, struct job *job)
{
	struct task *t = sa->theirs;

	if (t == NULL || t->kind == TASK_REKEY_IKE)
		return;
	if (job->result != 0) {
		/* RFC 6989 2.5: a value that cannot be is a syntax error. */
		refuse(e, sa,
		       job->result == -EINVAL ? NOTIFY_INVALID_SYNTAX : NOTIFY_TEMPORARY_FAILURE,
		       BYTES_NONE, "key exchange failed");
		return;
	}
	t->ke_public = job->ke_public;
	job->ke_public = (struct blob){ 0 };
	finish_theirs(e, sa, secret_view(&job->shared));
}

/* PFS: the peer's KE payload must be of the group chosen (RFC 7296 1.3). */
static void key_exchange(struct engine *e, struct ike_sa *sa, const struct payloads *ps)
{
	const struct payload *ke = payloads_find(ps, PAYLOAD_KE);
	struct task *t = sa->theirs;
	struct bytes value = BYTES_NONE;
	uint16_t group = KE_NONE;

	if (ke != NULL && !ke_decode(ke->body, &group, &value)) {
		refuse(e, sa, NOTIFY_INVALID_SYNTAX, BYTES_NONE, "malformed KE");
		return;
	}
	if (group != t->ke->id || value.n != t->ke->public_len) {
		const uint8_t want[2] = { (uint8_t)(t->ke->id >> 8), (uint8_t)t->ke->id };
		refuse(e, sa, NOTIFY_INVALID_KE_PAYLOAD, BYTES(want, sizeof(want)), "other group");
		return;
	}
	struct job *job = job_new(JOB_KE_RESPOND);
	if (job != NULL)
		job->ke = t->ke;
	/* No memory: the peer finds out and starts afresh. */
	if (job == NULL || blob_copy(&job->peer_public, value) != 0) {
		job_free(job);
		sa_close(e, sa);
	} else if (act_job(e, sa, job, respond_done) != 0) {
		sa_close(e, sa);
	}
}

/* The SA that the request says it rekeys. false: it names one that is not there. */
static bool find_old(const struct ike_sa *sa, const struct payloads *ps, struct child **old,
		     struct notify_view *n)
{
	*old = NULL;
	if (!notify_find(ps, NOTIFY_REKEY_SA, n))
		return true;
	struct reader r = reader_of(n->spi);
	uint32_t spi = read_u32(&r);
	if (n->protocol == PROTO_ESP && reader_done(&r))
		*old = child_by_spi_out(sa->pair, spi);
	return *old != NULL;
}

static bool asks_for_ike(const struct payloads *ps)
{
	const struct payload *sa = payloads_find(ps, PAYLOAD_SA);
	struct sa_view v;

	return sa != NULL && sa_decode(sa->body, &v) && v.n > 0 && v.p[0].protocol == PROTO_IKE;
}

static void refuse_not_found(struct engine *e, struct ike_sa *sa, const struct notify_view *n)
{
	struct chain c;

	report(e, REPORT_INFO, AREA_CHILD, sa->pair, sa, EXCHANGE_CREATE_CHILD_SA,
	       "peer wants to rekey a CHILD_SA that is not there");
	if (!chain_open(&c)) {
		sa_close(e, sa);
		return;
	}
	notify_encode(&c.b, n->protocol, n->spi, NOTIFY_CHILD_SA_NOT_FOUND, BYTES_NONE);
	if (sa_reply(e, sa, EXCHANGE_CREATE_CHILD_SA, &c) != 0)
		sa_close(e, sa);
}

static void create_child_answer(struct engine *e, struct ike_sa *sa, const struct inbound *m)
{
	const struct payload *nonce = payloads_find(m->payloads, PAYLOAD_NONCE);
	struct notify_view n;
	struct bytes ni;
	struct child *old;
	const char *why = "malformed";
	uint16_t error;

	followup_forget(e, sa);
	/* RFC 8019 5: a peer that asks too often SHOULD be told to slow down so. */
	if (!load_takes_child_request(e, sa->pair)) {
		refuse(e, sa, NOTIFY_TEMPORARY_FAILURE, BYTES_NONE, "peer asks too often");
		return;
	}
	if (asks_for_ike(m->payloads)) {
		rekey_ike_answer(e, sa, m);
		return;
	}
	if (!find_old(sa, m->payloads, &old, &n)) {
		refuse_not_found(e, sa, &n);
		return;
	}
	error = collide_request(old ? ASKED_REKEY_CHILD : ASKED_NEW_CHILD, doing_now(sa, old));
	if (error != 0) {
		e->counters.tally.collisions[COLLISION_POSTPONED]++;
		refuse(e, sa, error, BYTES_NONE, "another exchange is under way");
		return;
	}
	sa->theirs = task_new(old ? TASK_REKEY_CHILD : TASK_NEW_CHILD, false);
	if (sa->theirs == NULL || nonce == NULL || !nonce_decode(nonce->body, &ni) ||
	    blob_copy(&sa->theirs->ni, ni) != 0 || task_nonce(e, &sa->theirs->nr) != 0) {
		refuse(e, sa, NOTIFY_INVALID_SYNTAX, BYTES_NONE, "no nonce");
		return;
	}
	struct task *t = sa->theirs;
	t->old = old;
	error = child_judge(e, sa, m->payloads, true, &t->answer, &why);
	t->fresh = t->answer.child;
	if (error != 0) {
		refuse(e, sa, error, BYTES_NONE, why);
		return;
	}
	t->ke = t->fresh->suite.ke;
	if (t->ke != NULL)
		key_exchange(e, sa, m->payloads);
	else
		finish_theirs(e, sa, BYTES_NONE);
}

const struct exchange exchange_create_child = {
	.type = EXCHANGE_CREATE_CHILD_SA,
	.answer = create_child_answer,
	.take = create_child_take,
	.give_up = create_child_give_up,
};
