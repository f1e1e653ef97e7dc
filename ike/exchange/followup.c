/* SPDX-License-Identifier: Apache-2.0 */
/*
 * IKE_FOLLOWUP_KE, RFC 9370 2.2.4: the additional key exchanges of an IKE SA that is rekeyed, one
 * each, after CREATE_CHILD_SA. Until the last one there is no new IKE SA, only what both sides
 * remember; a link that the responder made up ties the exchanges together.
 */
#include "ike/exchange/exchange.h"
#include "ike/negotiate.h"
#include "ike/reason.h"
#include "ike/sa.h"
#include "ike/task.h"

#include <errno.h>
#include <string.h>

#define LINK_LEN 16

/* ---- both sides ------------------------------------------------------------------------- */

static const struct ke_alg *due(const struct task *t)
{
	return t->ike_suite.add_ke[t->add_ke_done];
}

static bool is_last(const struct task *t)
{
	return t->add_ke_done + 1 == t->ike_suite.n_add_ke;
}

/* A task whose CREATE_CHILD_SA is over, and that has exchanges before it. */
static bool is_under_way(const struct task *t)
{
	return t != NULL && t->kind == TASK_REKEY_IKE && t->link.n > 0;
}

/* SK(1) | SK(2) | ... */
static int add_secret(struct task *t, struct bytes shared)
{
	struct secret sum = { 0 };
	int r = secret_new(&sum, t->more.n + shared.n);

	if (r != 0)
		return r;
	if (t->more.n > 0)
		memcpy(sum.p, t->more.p, t->more.n);
	memcpy(sum.p + t->more.n, shared.p, shared.n);
	secret_move(&t->more, &sum);
	t->add_ke_done++;
	return 0;
}

static bool take_value(const struct task *t, const struct payloads *ps, size_t n, struct blob *out)
{
	const struct payload *ke = payloads_find(ps, PAYLOAD_KE);
	struct bytes value;
	uint16_t method;

	return ke != NULL && ke_decode(ke->body, &method, &value) && method == due(t)->id &&
	       value.n == n && blob_copy(out, value) == 0;
}

static void link_encode(const struct task *t, struct builder *b)
{
	notify_encode(b, PROTO_NONE, BYTES_NONE, NOTIFY_ADDITIONAL_KEY_EXCHANGE,
		      blob_view(&t->link));
}

bool followup_take_link(struct task *t, const struct payloads *ps)
{
	struct notify_view n;

	blob_free(&t->link);
	return notify_find(ps, NOTIFY_ADDITIONAL_KEY_EXCHANGE, &n) && n.data.n > 0 &&
	       blob_copy(&t->link, n.data) == 0;
}

/* ---- ask -------------------------------------------------------------------------------- */

static void key_done(struct engine *e, struct ike_sa *sa, struct job *job)
{
	struct task *t = sa->ours;
	struct chain c;

	if (!is_under_way(t))
		return;
	if (job->result != 0 || !chain_open(&c)) {
		rekey_ike_fail(e, sa, "no key pair");
		return;
	}
	t->ke_key = job->ke_key;
	job->ke_key = NULL;
	ke_encode(&c.b, t->ke->id, blob_view(&job->ke_public));
	link_encode(t, &c.b);
	if (sa_request(e, sa, EXCHANGE_IKE_FOLLOWUP_KE, &c) != 0)
		rekey_ike_fail(e, sa, "cannot build the request");
}

void followup_ask(struct engine *e, struct ike_sa *sa)
{
	struct task *t = sa->ours;
	struct job *job = job_new(JOB_KE_GENERATE);

	if (job == NULL) {
		rekey_ike_fail(e, sa, "out of memory");
		return;
	}
	job->ke = t->ke = due(t);
	if (act_job(e, sa, job, key_done) != 0)
		rekey_ike_fail(e, sa, "out of memory");
}

/* ---- take ------------------------------------------------------------------------------- */

static void derive_done(struct engine *e, struct ike_sa *sa, struct job *job)
{
	struct task *t = sa->ours;

	if (!is_under_way(t))
		return;
	if (job->result != 0 || add_secret(t, secret_view(&job->shared)) != 0)
		rekey_ike_fail(e, sa, "additional key exchange failed");
	else if (t->add_ke_done < t->ike_suite.n_add_ke)
		followup_ask(e, sa);
	else
		rekey_ike_ours_made(e, sa);
}

static void followup_take(struct engine *e, struct ike_sa *sa, const struct inbound *m)
{
	struct task *t = sa->ours;
	struct job *job;

	sa_request_done(e, sa);
	if (!is_under_way(t))
		return;
	if (payloads_find(m->payloads, PAYLOAD_KE) == NULL) {
		/* STATE_NOT_FOUND: it took us too long. */
		rekey_ike_fail(e, sa, notify_name(notify_error_of(m->payloads)));
		return;
	}
	job = job_new(JOB_KE_DERIVE);
	if (job == NULL || !take_value(t, m->payloads, t->ke->response_len, &job->peer_public) ||
	    (!is_last(t) && !followup_take_link(t, m->payloads))) {
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

static void followup_give_up(struct engine *e, struct ike_sa *sa)
{
	/* RFC 7296 2.4: no answer at all means that the peer is dead. */
	sa_peer_dead(e, sa, "no answer to IKE_FOLLOWUP_KE");
}

/* ---- answer ----------------------------------------------------------------------------- */

bool followup_expect(struct engine *e, struct ike_sa *sa, struct builder *b)
{
	struct task *t = sa->theirs;
	uint8_t link[LINK_LEN];

	blob_free(&t->link);
	if (engine_random(e, link, sizeof(link)) != 0 ||
	    blob_copy(&t->link, BYTES(link, sizeof(link))) != 0)
		return false;
	t->until = mono_after(e->now, FOLLOWUP_WAIT_US);
	link_encode(t, b);
	sa_arm(e, sa);
	return true;
}

void followup_forget(struct engine *e, struct ike_sa *sa)
{
	if (!is_under_way(sa->theirs))
		return;
	report(e, REPORT_INFO, AREA_IKE, sa->pair, sa, EXCHANGE_IKE_FOLLOWUP_KE,
	       "peer does not go on with its rekeying of IKE SA [%u]", sa->number);
	task_free(sa->theirs);
	sa->theirs = NULL;
}

/* What remains of the peer's rekeying goes with it; there may be nothing. */
static void refuse(struct engine *e, struct ike_sa *sa, uint16_t notify)
{
	task_free(sa->theirs);
	sa->theirs = NULL;
	report_reason(e, REPORT_INFO, AREA_IKE, reason_of_notify(notify, true, false), sa->pair, sa,
		      EXCHANGE_IKE_FOLLOWUP_KE, "peer's rekeying of IKE SA [%u] refused: %s",
		      sa->number, notify_name(notify));
	sa_reply_notify(e, sa, EXCHANGE_IKE_FOLLOWUP_KE, notify, BYTES_NONE);
	sa_work(e, sa);
}

static void respond_done(struct engine *e, struct ike_sa *sa, struct job *job)
{
	struct task *t = sa->theirs;
	struct ike_sa *fresh = NULL;
	struct chain c;

	if (!is_under_way(t))
		return;
	if (job->result != 0 || sa->want_delete || sa->state != SA_UP ||
	    add_secret(t, secret_view(&job->shared)) != 0 || !chain_open(&c)) {
		refuse(e, sa,
		       job->result == -EINVAL ? NOTIFY_INVALID_SYNTAX : NOTIFY_TEMPORARY_FAILURE);
		return;
	}
	ke_encode(&c.b, t->ke->id, blob_view(&job->ke_public));
	const bool last = t->add_ke_done == t->ike_suite.n_add_ke;
	if (last)
		fresh = rekey_ike_successor(e, sa, t);
	if (last ? fresh == NULL : !followup_expect(e, sa, &c.b)) {
		chain_close(&c);
		refuse(e, sa, NOTIFY_TEMPORARY_FAILURE);
		return;
	}
	if (sa_reply(e, sa, EXCHANGE_IKE_FOLLOWUP_KE, &c) != 0) {
		if (last)
			sa_close(e, fresh); /* the peer will never know of it */
		sa_close(e, sa);
	} else if (last) {
		rekey_ike_theirs_made(e, sa, fresh);
	}
}

static bool has_link(const struct task *t, const struct payloads *ps)
{
	struct notify_view n;

	return notify_find(ps, NOTIFY_ADDITIONAL_KEY_EXCHANGE, &n) &&
	       bytes_equal(n.data, blob_view(&t->link));
}

static void followup_answer(struct engine *e, struct ike_sa *sa, const struct inbound *m)
{
	struct task *t = sa->theirs;
	struct job *job;

	if (!is_under_way(t) || !has_link(t, m->payloads)) {
		/* RFC 9370 2.2.4: we have forgotten what it goes on from. */
		sa_reply_notify(e, sa, EXCHANGE_IKE_FOLLOWUP_KE, NOTIFY_STATE_NOT_FOUND,
				BYTES_NONE);
		return;
	}
	t->until = MONO_NEVER;
	t->ke = due(t);
	job = job_new(JOB_KE_RESPOND);
	if (job == NULL || !take_value(t, m->payloads, t->ke->public_len, &job->peer_public)) {
		job_free(job);
		refuse(e, sa, NOTIFY_INVALID_SYNTAX);
		return;
	}
	job->ke = t->ke;
	if (act_job(e, sa, job, respond_done) != 0)
		refuse(e, sa, NOTIFY_TEMPORARY_FAILURE);
}

const struct exchange exchange_followup = {
	.type = EXCHANGE_IKE_FOLLOWUP_KE,
	.answer = followup_answer,
	.take = followup_take,
	.give_up = followup_give_up,
};
