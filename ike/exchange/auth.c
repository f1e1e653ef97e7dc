/* SPDX-License-Identifier: Apache-2.0 */
/* IKE_AUTH with one transport-mode CHILD_SA, RFC 7296 1.2, 2.15, 2.21.2. */
#include "ike/auth.h"
#include "ike/admission.h"
#include "ike/attempt.h"

#include "ike/child.h"
#include "ike/exchange/exchange.h"
#include "ike/negotiate.h"
#include "ike/pair.h"
#include "ike/peer_certs.h"
#include "ike/ppk.h"
#include "ike/qcd.h"
#include "ike/reason.h"
#include "ike/sa.h"
#include "ike/survivor.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Outbound SA of a responder at first contact: about one round trip, within these bounds. */
#define OUT_WAIT_MIN_US INT64_C(200000)
#define OUT_WAIT_MAX_US INT64_C(2000000)

/* ---- both sides ------------------------------------------------------------------------- */

/* The peer has shown who it is (or not). Its certificates are kept. */
static bool verdict_good(struct engine *e, struct ike_sa *sa, struct job *job)
{
	attempt_judged(sa, job->judged.verdict);
	if (job->judged.verdict != VERDICT_GOOD) {
		report_reason(e, REPORT_INFO, AREA_AUTH, reason_of_verdict(job->judged.verdict),
			      sa->pair, sa, EXCHANGE_IKE_AUTH, "peer not trusted: %s: %s",
			      verdict_name(job->judged.verdict), job->judged.text);
		return false;
	}
	if (job->judged.warning[0] != '\0')
		report(e, REPORT_WARNING, AREA_AUTH, sa->pair, sa, EXCHANGE_IKE_AUTH, "%s",
		       job->judged.warning);
	peer_certs_take(e, sa, job);
	return true;
}

static void why_of(const struct job *job, char *out, size_t size)
{
	snprintf(out, size, "%s%s%s", verdict_name(job->judged.verdict),
		 job->judged.text[0] ? ": " : "", job->judged.text);
}

/* Keys of the CHILD_SA that IKE_AUTH made: KEYMAT without a new Diffie-Hellman (2.17). */
static int derive_child(struct ike_sa *sa, struct child *c)
{
	return child_derive(c, BYTES_NONE, blob_view(&sa->hs->ni), blob_view(&sa->hs->nr));
}

/* ---- initiator -------------------------------------------------------------------------- */

static void auth_send(struct engine *e, struct ike_sa *sa)
{
	struct chain c;

	sa->hs->child = child_new(e, sa, true);
	if (sa->hs->child == NULL || !chain_open(&c)) {
		sa_fail(e, sa, 0, false, "cannot build IKE_AUTH: out of memory");
		return;
	}
	sa->credential = e->spec->credential.generation;
	auth_encode_ours(e, sa, &c.b);
	auth_encode_certreq(e, &c.b);
	/*
	 * RFC 7296 2.4. Others than ikemesh apply it to every address of the same identity, and a
	 * whole fleet may share one: never to them. Nor where SAs of another daemon of this host
	 * are in use.
	 */
	if (sa->peer_ikemesh && !sa->pair->joins && !pair_has_other_sa(e, sa->pair, sa))
		notify_encode(&c.b, PROTO_NONE, BYTES_NONE, NOTIFY_INITIAL_CONTACT, BYTES_NONE);
	ppk_encode(sa, &c.b);
	qcd_encode(e, sa, &c.b);
	child_offer(e, sa->hs->child, false, &c.b);
	/* RFC 7296 2.8: it may send at once. ikemesh waits for a round trip, which is not always
	 * enough for us to judge its answer. */
	if (!sa->encap)
		act_expect(e, &sa->local.ip, &sa->remote.ip, sa->hs->child->spi_in);
	sa_set_state(e, sa, SA_I_AUTH);
	if (sa_request(e, sa, EXCHANGE_IKE_AUTH, &c) != 0)
		sa_fail(e, sa, 0, false, "cannot build IKE_AUTH");
}

/* A certificate exchanged by a reload while its key was signing: sign again with the new one. */
static bool credential_changed(const struct engine *e, const struct job *job)
{
	return job->credential != e->spec->credential.generation;
}

/* Under which of our SK_pi we sign: with the PPK first; the peer may not have it. */
static struct bytes sk_pi(const struct ike_sa *sa, bool with_ppk)
{
	return secret_view(with_ppk ? &sa->hs->ppk_sk[1] : &sa->keys.pi);
}

/* RFC 8784 3: the same once more without the PPK, for a peer that does not have it. */
static void sign_without_ppk_done(struct engine *e, struct ike_sa *sa, struct job *job)
{
	if (job->result != 0) {
		sa_fail(e, sa, 0, false, "cannot sign with our key: %s", job_why(job));
	} else if (credential_changed(e, job)) {
		auth_ask(e, sa);
	} else if (auth_data(sa, blob_view(&job->signature), &sa->hs->no_ppk_auth) != 0) {
		sa_fail(e, sa, 0, false, "cannot build IKE_AUTH: out of memory");
	} else {
		auth_send(e, sa);
	}
}

static void sign_without_ppk(struct engine *e, struct ike_sa *sa)
{
	struct job *job = auth_sign_job(e, sa, sk_pi(sa, false));

	if (job == NULL || act_job(e, sa, job, sign_without_ppk_done) != 0)
		sa_fail(e, sa, 0, false, "cannot sign: out of memory");
}

static void sign_done_i(struct engine *e, struct ike_sa *sa, struct job *job)
{
	if (credential_changed(e, job)) { /* whatever came of it */
		auth_ask(e, sa);
	} else if (job->result != 0) {
		sa_fail(e, sa, 0, false, "cannot sign with our key: %s", job_why(job));
	} else {
		blob_free(&sa->hs->signature);
		sa->hs->signature = job->signature;
		job->signature = (struct blob){ 0 };
		if (sa->hs->ppk && !e->spec->ppk_required)
			sign_without_ppk(e, sa);
		else
			auth_send(e, sa);
	}
}

void auth_ask(struct engine *e, struct ike_sa *sa)
{
	struct job *job;

	sa_stage(sa, STAGE_AUTH);
	if (!auth_choose_scheme(e, sa)) {
		sa_fail(e, sa, 0, false, "peer accepts no signature that our key can make");
		return;
	}
	job = auth_sign_job(e, sa, sk_pi(sa, sa->hs->ppk));
	sa_set_state(e, sa, SA_I_SIGN);
	if (job == NULL || act_job(e, sa, job, sign_done_i) != 0)
		sa_fail(e, sa, 0, false, "cannot sign: out of memory");
}

static void auth_give_up(struct engine *e, struct ike_sa *sa)
{
	sa_fail(e, sa, 0, false, "no answer to IKE_AUTH after %u tries", sa->window.tries);
}

static const char *meaning(uint16_t notify, bool ppk)
{
	switch (notify) {
	case NOTIFY_AUTHENTICATION_FAILED:
		return ppk ? "peer does not accept our certificate or signature, or has another PPK"
			   : "peer does not accept our certificate or signature";
	case NOTIFY_NO_PROPOSAL_CHOSEN:
		return "no common ESP proposal";
	case NOTIFY_TS_UNACCEPTABLE:
		return "peer has no policy for traffic between these two addresses";
	default:
		return "peer refused";
	}
}

/* What the answer says of the CHILD_SA; 0: fine, else the notify that fits, with *why. */
static uint16_t take_child(const struct engine *e, struct ike_sa *sa, const struct payloads *ps,
			   const char **why)
{
	uint16_t error = notify_error_of(ps);

	*why = meaning(error, false);
	return error != 0 ? error : child_accept(e, sa->hs->child, ps, false, why);
}

/* Our own refusal after the peer did its part: the IKE SA without a CHILD_SA serves nobody. */
static void refuse_child(struct engine *e, struct ike_sa *sa, uint16_t notify, const char *why)
{
	sa_stage(sa, STAGE_CHILD);
	if (sa->hs->child != NULL)
		child_remove(e, sa->hs->child);
	sa_fail_softly(e, sa, notify, false, SA_UP, "CHILD_SA: %s: %s", notify_name(notify), why);
	informational_delete_sa(e, sa);
}

static void verify_done_i(struct engine *e, struct ike_sa *sa, struct job *job)
{
	struct handshake *hs = sa->hs;
	char why[ATTEMPT_TEXT_LEN - 40];

	if (!verdict_good(e, sa, job)) {
		why_of(job, why, sizeof(why));
		sa_fail_softly(e, sa, NOTIFY_AUTHENTICATION_FAILED, true, SA_UP,
			       "AUTHENTICATION_FAILED: %s", why);
		/* RFC 7296 2.21.2: told in an exchange of its own. */
		informational_notify(e, sa, NOTIFY_AUTHENTICATION_FAILED);
		return;
	}
	if (hs->child_error != 0) {
		refuse_child(e, sa, hs->child_error, hs->hint);
		return;
	}
	if (derive_child(sa, hs->child) != 0) {
		sa_fail(e, sa, 0, false, "cannot derive keys of the CHILD_SA");
		return;
	}
	struct child *c = hs->child;
	/* The peer sent all along: that we can receive now it must hear at once (RFC 7296 2.8). */
	sa->want_probe = sa->heals && sa->peer_ikemesh;
	sa->confirmed = sa->want_probe;
	sa_plan_rekey(e, sa);
	sa_established(e, sa);
	ppk_audit(e, sa);
	child_install(e, c);
	sa_settle(e, sa);
	pair_retire(e, sa->pair, sa);
	survivor_choose(e, sa->pair);
	survivor_confirm(e, sa->pair);
	if (sa->state == SA_UP)
		sa_work(e, sa);
	admission_succeeded(e);
}

static void auth_take(struct engine *e, struct ike_sa *sa, const struct inbound *m)
{
	struct handshake *hs = sa->hs;
	const char *why = "";
	struct job *job;

	if (sa->state != SA_I_AUTH)
		return;
	sa_request_done(e, sa);
	uint16_t error = notify_error_of(m->payloads);
	if (payloads_find(m->payloads, PAYLOAD_AUTH) == NULL && error != 0) {
		sa_fail(e, sa, error, false, "peer refused IKE_AUTH: %s: %s", notify_name(error),
			meaning(error, hs->ppk));
		return;
	}
	hs->child_error = take_child(e, sa, m->payloads, &why);
	if (hs->child_error != 0)
		snprintf(hs->hint, sizeof(hs->hint), "%s", why);
	uint16_t bad = ppk_accept(e, sa, m->payloads, &why);
	if (bad == 0)
		bad = auth_verify_job(e, sa, m->payloads, &job, &why);
	if (bad != 0) {
		sa_fail_softly(e, sa, bad, true, SA_UP, "%s: %s", notify_name(bad), why);
		informational_notify(e, sa, NOTIFY_AUTHENTICATION_FAILED);
		return;
	}
	sa_limit_by_peer(e, sa, m->payloads);
	qcd_keep(sa, m->payloads);
	sa_set_state(e, sa, SA_I_VERIFY);
	if (act_job(e, sa, job, verify_done_i) != 0)
		sa_fail(e, sa, 0, false, "out of memory");
}

/* ---- responder -------------------------------------------------------------------------- */

/* IDr, CERT, AUTH and the CHILD_SA or the notify that refuses it. */
static int send_answer(struct engine *e, struct ike_sa *sa)
{
	struct handshake *hs = sa->hs;
	struct chain c;

	if (!chain_open(&c))
		return -ENOMEM;
	sa->credential = e->spec->credential.generation;
	auth_encode_ours(e, sa, &c.b);
	ppk_encode(sa, &c.b);
	qcd_encode(e, sa, &c.b);
	if (hs->child_error != 0)
		notify_encode(&c.b, PROTO_NONE, BYTES_NONE, hs->child_error, BYTES_NONE);
	else if (hs->answer.child != NULL)
		child_answer_encode(&hs->answer, &c.b);
	return sa_reply(e, sa, EXCHANGE_IKE_AUTH, &c);
}

static int64_t out_wait(const struct ike_sa *sa)
{
	int64_t us = 2 * sa->rtt_us;

	if (us < OUT_WAIT_MIN_US)
		return OUT_WAIT_MIN_US;
	return us > OUT_WAIT_MAX_US ? OUT_WAIT_MAX_US : us;
}

static void establish_r(struct engine *e, struct ike_sa *sa)
{
	struct handshake *hs = sa->hs;

	if (hs->initial_contact)
		pair_initial_contact(e, sa->pair, sa);
	sa_plan_rekey(e, sa);
	if (hs->child_error != 0)
		sa_note_child_failure(sa, hs->child_error, hs->hint);
	sa_established(e, sa);
	ppk_audit(e, sa);
	if (hs->answer.child != NULL && derive_child(sa, hs->answer.child) != 0) {
		child_remove(e, hs->answer.child);
		hs->child_error = NOTIFY_NO_ADDITIONAL_SAS;
	}
	/* [SA_ADD inbound, SEND answer] stand and fall together; see auth_answer_without_child. */
	const bool quiet = !pair_is_wanted(e, sa->pair) && !pair_has_other_sa(e, sa->pair, sa);
	if (hs->answer.child != NULL)
		child_install_inbound(e, hs->answer.child, out_wait(sa));
	if (send_answer(e, sa) != 0) {
		sa_close(e, sa);
		return;
	}
	/*
	 * Nothing of ours waits to be sent, so the first will be an answer to the peer's first
	 * packet, and by then the peer receives. Some answers (ICMPv6 echo) the kernel does not
	 * hold.
	 */
	if (hs->answer.child != NULL && quiet)
		child_install_outbound_too(e, hs->answer.child);
	survivor_confirm(e, sa->pair);
	pair_bound_sas(e, sa->pair);
	ppk_enforce(e, sa->pair); /* it may have become required since the peer was judged */
	e->settling = sa;
}

static void sign_done_r(struct engine *e, struct ike_sa *sa, struct job *job)
{
	if (credential_changed(e, job)) {
		struct job *again = auth_sign_job(e, sa, secret_view(&sa->keys.pr));
		if (again == NULL || act_job(e, sa, again, sign_done_r) != 0)
			sa_fail(e, sa, 0, false, "cannot sign: out of memory");
		return;
	}
	if (job->result != 0) {
		sa_reply_notify(e, sa, EXCHANGE_IKE_AUTH, NOTIFY_AUTHENTICATION_FAILED, BYTES_NONE);
		sa_fail_softly(e, sa, NOTIFY_AUTHENTICATION_FAILED, true, SA_LINGERS,
			       "cannot sign with our key: %s", job_why(job));
		return;
	}
	sa->hs->signature = job->signature;
	job->signature = (struct blob){ 0 };
	establish_r(e, sa);
}

static void refuse_peer(struct engine *e, struct ike_sa *sa, uint16_t notify, const char *why)
{
	if (sa->hs->answer.child != NULL)
		child_remove(e, sa->hs->answer.child);
	sa_reply_notify(e, sa, EXCHANGE_IKE_AUTH, notify, BYTES_NONE);
	sa_fail_softly(e, sa, notify, true, SA_LINGERS, "%s: %s", notify_name(notify), why);
}

static void verify_done_r(struct engine *e, struct ike_sa *sa, struct job *job)
{
	char why[ATTEMPT_TEXT_LEN - 40];

	if (!verdict_good(e, sa, job)) {
		why_of(job, why, sizeof(why));
		refuse_peer(e, sa, NOTIFY_AUTHENTICATION_FAILED, why);
		return;
	}
	if (!auth_choose_scheme(e, sa)) {
		refuse_peer(e, sa, NOTIFY_AUTHENTICATION_FAILED,
			    "peer accepts no signature that our key can make");
		return;
	}
	struct job *sign = auth_sign_job(e, sa, secret_view(&sa->keys.pr));
	sa_set_state(e, sa, SA_R_SIGN);
	if (sign == NULL || act_job(e, sa, sign, sign_done_r) != 0)
		sa_fail(e, sa, 0, false, "cannot sign: out of memory");
}

/* RFC 7296 2.23: the initiator chooses the port; from here on we answer where it speaks from. */
static void follow(struct ike_sa *sa, const struct inbound *m)
{
	sa->local = *m->local;
	sa->remote = *m->remote;
}

static bool is_childless(const struct payloads *ps)
{
	return !payloads_find(ps, PAYLOAD_SA) && !payloads_find(ps, PAYLOAD_TSI) &&
	       !payloads_find(ps, PAYLOAD_TSR);
}

static void auth_answer(struct engine *e, struct ike_sa *sa, const struct inbound *m)
{
	struct handshake *hs = sa->hs;
	struct notify_view n;
	const char *why = "";
	struct job *job;

	follow(sa, m);
	sa->rtt_us = e->now.us - hs->sent_at.us;
	hs->initial_contact = notify_find(m->payloads, NOTIFY_INITIAL_CONTACT, &n);
	hs->no_child = is_childless(m->payloads); /* RFC 6023 */
	qcd_keep(sa, m->payloads);
	certreq_keep(hs, m->payloads);
	/* RFC 9242 3.2: all of them come first. Without them the keys are not those agreed on. */
	if (intermediate_is_due(sa)) {
		refuse_peer(e, sa, NOTIFY_INVALID_SYNTAX,
			    "peer leaves out an additional key exchange that it agreed to");
		return;
	}
	uint16_t bad = ppk_judge(e, sa, m->payloads, &why);
	if (bad == 0)
		bad = auth_verify_job(e, sa, m->payloads, &job, &why);
	if (bad != 0) {
		refuse_peer(e, sa, bad, why);
		return;
	}
	if (!hs->no_child) {
		hs->child_error = child_judge(e, sa, m->payloads, false, &hs->answer, &why);
		if (hs->child_error != 0) {
			snprintf(hs->hint, sizeof(hs->hint), "%s", why);
			report_reason(e, REPORT_ERROR, AREA_CHILD,
				      reason_of_notify(hs->child_error, true, false), sa->pair, sa,
				      EXCHANGE_IKE_AUTH, "peer's CHILD_SA refused: %s: %s",
				      notify_name(hs->child_error), why);
		}
	}
	sa_set_state(e, sa, SA_R_VERIFY);
	if (act_job(e, sa, job, verify_done_r) != 0)
		sa_fail(e, sa, 0, false, "out of memory");
}

void auth_answer_without_child(struct engine *e, struct ike_sa *sa, uint16_t notify)
{
	struct handshake *hs = sa->hs;

	if (hs == NULL)
		return;
	if (hs->answer.child != NULL)
		child_remove(e, hs->answer.child);
	hs->child_error = notify;
	act_group(e);
	if (send_answer(e, sa) != 0)
		sa_close(e, sa);
}

const struct exchange exchange_auth = {
	.type = EXCHANGE_IKE_AUTH,
	.answer = auth_answer,
	.take = auth_take,
	.give_up = auth_give_up,
};
