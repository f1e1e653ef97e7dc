/* SPDX-License-Identifier: Apache-2.0 */
/*
 * IKE_INTERMEDIATE (RFC 9242) for the additional key exchanges of RFC 9370 2.2.2: one each, in the
 * order of their transform types, between IKE_SA_INIT and IKE_AUTH. Every one changes all keys of
 * the IKE SA; its own two messages still go under those before. There is no other use of it here.
 */
#include "ike/exchange/exchange.h"
#include "ike/intauth.h"
#include "ike/negotiate.h"
#include "ike/ppk.h"
#include "ike/sa.h"

#include <errno.h>
#include <string.h>

bool intermediate_is_due(const struct ike_sa *sa)
{
	return sa->hs != NULL && sa->hs->add_ke_done < sa->suite.n_add_ke;
}

/* ---- both sides ------------------------------------------------------------------------- */

static const struct ke_alg *due(const struct ike_sa *sa)
{
	return sa->suite.add_ke[sa->hs->add_ke_done];
}

static int note_received(struct ike_sa *sa, const struct inbound *m)
{
	return intauth_received(sa, &(struct intauth_message){ .header = m->octets,
							       .first = m->first,
							       .reserved = m->reserved,
							       .content = m->chain });
}

/* The peer's value of the exchange that is due: of its method, n octets. */
static bool take_value(const struct ike_sa *sa, const struct payloads *ps, size_t n,
		       struct blob *out)
{
	const struct payload *ke = payloads_find(ps, PAYLOAD_KE);
	struct bytes value;
	uint16_t method;

	return ke != NULL && ke_decode(ke->body, &method, &value) && method == due(sa)->id &&
	       value.n == n && blob_copy(out, value) == 0;
}

/* RFC 9370 2.2.2: SKEYSEED(n) = prf(SK_d(n-1), SK(n) | Ni | Nr), and all keys anew from it. */
static int derive(const struct ike_sa *sa, struct bytes shared, struct ike_keys *out)
{
	return keymat_rekey(sa->suite.prf, secret_view(&sa->keys.d), &sa->suite,
			    blob_view(&sa->hs->ni), blob_view(&sa->hs->nr), shared, BYTES_NONE,
			    sa->initiator ? sa->spi_local : sa->spi_peer,
			    sa->initiator ? sa->spi_peer : sa->spi_local, out);
}

static void replace_keys(struct engine *e, struct ike_sa *sa)
{
	struct handshake *hs = sa->hs;

	ike_keys_free(&hs->old_keys);
	hs->old_keys = sa->keys;
	sa->keys = hs->next_keys;
	hs->next_keys = (struct ike_keys){ 0 };
	hs->add_ke_done++;
	act_keys(e, sa);
}

/* ---- ask -------------------------------------------------------------------------------- */

static void key_done(struct engine *e, struct ike_sa *sa, struct job *job)
{
	struct handshake *hs = sa->hs;
	struct chain c;

	if (job->result != 0) {
		sa_fail(e, sa, 0, false, "cannot make a %s key pair: %s", hs->ke->name,
			strerror(-job->result));
		return;
	}
	hs->ke_key = job->ke_key;
	job->ke_key = NULL;
	if (!chain_open(&c)) {
		sa_fail(e, sa, 0, false, "cannot build IKE_INTERMEDIATE: out of memory");
		return;
	}
	ke_encode(&c.b, hs->ke->id, blob_view(&job->ke_public));
	sa_set_state(e, sa, SA_I_MORE);
	if (sa_request(e, sa, EXCHANGE_IKE_INTERMEDIATE, &c) != 0)
		sa_fail(e, sa, 0, false, "cannot build IKE_INTERMEDIATE");
}

void intermediate_ask(struct engine *e, struct ike_sa *sa)
{
	struct job *job = job_new(JOB_KE_GENERATE);

	sa_stage(sa, STAGE_INTERMEDIATE);
	sa_set_state(e, sa, SA_I_KEY);
	if (job == NULL) {
		sa_fail(e, sa, 0, false, "cannot start IKE_INTERMEDIATE: out of memory");
		return;
	}
	job->ke = sa->hs->ke = due(sa);
	if (act_job(e, sa, job, key_done) != 0)
		sa_fail(e, sa, 0, false, "cannot start IKE_INTERMEDIATE: out of memory");
}

/* ---- take ------------------------------------------------------------------------------- */

static void derive_done(struct engine *e, struct ike_sa *sa, struct job *job)
{
	struct handshake *hs = sa->hs;

	if (job->result != 0 || derive(sa, secret_view(&job->shared), &hs->next_keys) != 0) {
		sa_fail(e, sa, 0, false, "additional key exchange %s failed", hs->ke->name);
		return;
	}
	replace_keys(e, sa);
	init_go_on(e, sa);
}

static void intermediate_take(struct engine *e, struct ike_sa *sa, const struct inbound *m)
{
	struct handshake *hs = sa->hs;
	uint16_t error = notify_error_of(m->payloads);
	struct job *job;

	if (sa->state != SA_I_MORE)
		return;
	sa_request_done(e, sa);
	if (payloads_find(m->payloads, PAYLOAD_KE) == NULL) {
		sa_fail(e, sa, error, false, "peer refused IKE_INTERMEDIATE with %s: %s",
			hs->ke->name, error != 0 ? notify_name(error) : "no key exchange in it");
		return;
	}
	job = job_new(JOB_KE_DERIVE);
	if (job == NULL || note_received(sa, m) != 0 ||
	    !take_value(sa, m->payloads, hs->ke->response_len, &job->peer_public)) {
		job_free(job);
		sa_fail(e, sa, NOTIFY_INVALID_SYNTAX, false,
			"peer's IKE_INTERMEDIATE answer has no %s value that can be", hs->ke->name);
		return;
	}
	job->ke = hs->ke;
	job->ke_key = hs->ke_key;
	hs->ke_key = NULL;
	sa_set_state(e, sa, SA_I_DERIVE);
	if (act_job(e, sa, job, derive_done) != 0)
		sa_fail(e, sa, 0, false, "out of memory");
}

static void intermediate_give_up(struct engine *e, struct ike_sa *sa)
{
	sa_fail(e, sa, 0, false,
		"no answer to IKE_INTERMEDIATE after %u tries: are larger messages lost on the "
		"way?",
		sa->window.tries);
}

/* ---- answer ----------------------------------------------------------------------------- */

static void refuse(struct engine *e, struct ike_sa *sa, uint16_t notify, const char *why)
{
	sa_reply_notify(e, sa, EXCHANGE_IKE_INTERMEDIATE, notify, BYTES_NONE);
	sa_fail_softly(e, sa, notify, true, SA_LINGERS, "%s: %s", notify_name(notify), why);
}

/* Under the keys of before, which stay for the same request coming again: see receive.c. */
static void reply(struct engine *e, struct ike_sa *sa)
{
	struct handshake *hs = sa->hs;
	struct chain c;

	if (!chain_open(&c)) {
		sa_fail(e, sa, 0, false, "cannot answer IKE_INTERMEDIATE: out of memory");
		return;
	}
	ke_encode(&c.b, hs->ke->id, blob_view(&hs->ke_public));
	if (sa_reply(e, sa, EXCHANGE_IKE_INTERMEDIATE, &c) != 0) {
		sa_fail(e, sa, 0, false, "cannot answer IKE_INTERMEDIATE");
		return;
	}
	replace_keys(e, sa);
	hs->sent_at = e->now;
	if (!intermediate_is_due(sa))
		sa_stage(sa, STAGE_AUTH);
	sa_set_state(e, sa, SA_R_INIT);
}

static void ppk_done(struct engine *e, struct ike_sa *sa, struct job *job)
{
	if (job->result != 0) {
		sa_fail(e, sa, 0, false, "cannot use our PPK: %s", job_why(job));
		return;
	}
	ppk_keep(sa, job);
	reply(e, sa);
}

static void respond_done(struct engine *e, struct ike_sa *sa, struct job *job)
{
	struct handshake *hs = sa->hs;
	struct job *ppk;

	if (job->result == -EINVAL) {
		refuse(e, sa, NOTIFY_INVALID_SYNTAX,
		       "peer's value of an additional key exchange is not acceptable");
		return;
	}
	if (job->result != 0 || derive(sa, secret_view(&job->shared), &hs->next_keys) != 0) {
		sa_fail(e, sa, 0, false, "additional key exchange %s failed here", hs->ke->name);
		return;
	}
	blob_free(&hs->ke_public);
	hs->ke_public = job->ke_public;
	job->ke_public = (struct blob){ 0 };
	/* The PPK comes last (RFC 8784 3), and is there before IKE_AUTH can come. */
	if (!hs->ppk || hs->add_ke_done + 1 < sa->suite.n_add_ke) {
		reply(e, sa);
		return;
	}
	ppk = ppk_job(e, sa, &hs->next_keys);
	if (ppk == NULL || act_job(e, sa, ppk, ppk_done) != 0)
		sa_fail(e, sa, 0, false, "cannot use our PPK: out of memory");
}

/* Only ever called when one is due, and the last message was answered: see receive.c. */
static void intermediate_answer(struct engine *e, struct ike_sa *sa, const struct inbound *m)
{
	struct handshake *hs = sa->hs;
	struct job *job = job_new(JOB_KE_RESPOND);

	/* RFC 9242 3.2: behind a NAT the port changes with the first of them. */
	sa->local = *m->local;
	sa->remote = *m->remote;
	hs->ke = due(sa);
	if (job == NULL || note_received(sa, m) != 0 ||
	    !take_value(sa, m->payloads, hs->ke->public_len, &job->peer_public)) {
		job_free(job);
		refuse(e, sa, NOTIFY_INVALID_SYNTAX,
		       "peer's IKE_INTERMEDIATE has no value of the key exchange that is due");
		return;
	}
	job->ke = hs->ke;
	sa_set_state(e, sa, SA_R_KEY);
	if (act_job(e, sa, job, respond_done) != 0)
		sa_fail(e, sa, 0, false, "out of memory");
}

const struct exchange exchange_intermediate = {
	.type = EXCHANGE_IKE_INTERMEDIATE,
	.answer = intermediate_answer,
	.take = intermediate_take,
	.give_up = intermediate_give_up,
};
