/* SPDX-License-Identifier: Apache-2.0 */
/* IKE_SA_INIT, RFC 7296 1.2: the only exchange in the clear. Nothing in it is trusted. */
#include "ike/attempt.h"
#include "ike/auth.h"
#include "ike/encap.h"
#include "ike/exchange/exchange.h"
#include "ike/load.h"
#include "ike/natd.h"
#include "ike/pair.h"
#include "ike/peer_certs.h"
#include "ike/ppk.h"
#include "ike/reason.h"
#include "ike/sa.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define NONCE_LEN 32	  /* RFC 7296 2.10: at least half the key size of the prf */
#define RESTARTS_MAX 5	  /* INVALID_KE_PAYLOAD answers that we follow in one attempt */
#define COOKIES_AT_ONCE 1 /* that we follow before the request is due again */

/* Tells an ikemesh peer from others: the first 16 octets of SHA-256("ikemesh 1"). */
static const uint8_t vendor_id[16] = { 0x0a, 0x10, 0x9b, 0xb3, 0xdf, 0x1b, 0x7f, 0xaa,
				       0x75, 0x3f, 0x4d, 0xd6, 0x58, 0x31, 0x20, 0x73 };

/* RFC 7427 4: what we can verify. */
static const uint8_t hash_list[] = { 0, HASH_SHA2_256, 0, HASH_SHA2_384,
				     0, HASH_SHA2_512, 0, HASH_IDENTITY };

/* ---- both sides ------------------------------------------------------------------------- */

static bool is_ikemesh(const struct payloads *ps)
{
	for (size_t i = 0; i < ps->n; i++)
		if (ps->p[i].type == PAYLOAD_VENDOR &&
		    bytes_equal(ps->p[i].body, BYTES(vendor_id, sizeof(vendor_id))))
			return true;
	return false;
}

static uint32_t hashes_of(const struct payloads *ps)
{
	struct notify_view n;
	uint32_t mask = 0;

	if (!notify_find(ps, NOTIFY_SIGNATURE_HASH_ALGORITHMS, &n))
		return 0;
	struct reader r = reader_of(n.data);
	while (r.left >= 2) {
		uint16_t id = read_u16(&r);
		if (id < 32)
			mask |= 1u << id;
	}
	return mask;
}

/* What every IKE_SA_INIT message says about its sender. */
static void take_notes(struct engine *e, struct ike_sa *sa, const struct init_request *m)
{
	struct natd_finding nat;
	struct notify_view n;

	natd_examine(m->payloads, m->header->spi_i, m->header->spi_r, m->local, m->remote, &nat);
	sa->nat_local = nat.local;
	sa->nat_remote = nat.remote;
	sa->encap = (nat.local || nat.remote || (nat.present && encap_wanted(e, sa))) &&
		    e->spec->encapsulation != ENCAP_NEVER;
	sa->peer_fragments = notify_find(m->payloads, NOTIFY_IKEV2_FRAGMENTATION_SUPPORTED, &n);
	sa->peer_ikemesh = is_ikemesh(m->payloads);
	sa->hs->peer_hashes = hashes_of(m->payloads);
	/* RFC 9242 3.1: what we have no use for is not taken up. */
	sa->hs->intermediate =
		notify_find(m->payloads, NOTIFY_INTERMEDIATE_EXCHANGE_SUPPORTED, &n) &&
		proposal_has_add_ke(e->spec->ike, e->spec->n_ike);
	/* RFC 8784 3: a responder takes up what it can, an initiator has offered it. */
	if (!sa->initiator)
		sa->hs->ppk_said = ppk_is_configured(e);
	sa->hs->ppk = sa->hs->ppk_said && notify_find(m->payloads, NOTIFY_USE_PPK, &n);
	sa->hs->ppk_said = sa->initiator ? sa->hs->ppk_said : sa->hs->ppk;
}

static void encode_abilities(struct engine *e, struct builder *b, const struct ike_sa *sa,
			     uint64_t spi_i, uint64_t spi_r)
{
	natd_encode(b, spi_i, spi_r, &sa->local, &sa->remote, encap_wanted(e, sa));
	notify_encode(b, PROTO_NONE, BYTES_NONE, NOTIFY_IKEV2_FRAGMENTATION_SUPPORTED, BYTES_NONE);
	notify_encode(b, PROTO_NONE, BYTES_NONE, NOTIFY_SIGNATURE_HASH_ALGORITHMS,
		      BYTES(hash_list, sizeof(hash_list)));
	if (sa->initiator ? proposal_has_add_ke(e->spec->ike, e->spec->n_ike)
			  : sa->hs->intermediate)
		notify_encode(b, PROTO_NONE, BYTES_NONE, NOTIFY_INTERMEDIATE_EXCHANGE_SUPPORTED,
			      BYTES_NONE);
	if (sa->hs->ppk_said)
		notify_encode(b, PROTO_NONE, BYTES_NONE, NOTIFY_USE_PPK, BYTES_NONE);
	vendor_encode(b, BYTES(vendor_id, sizeof(vendor_id)));
}

static int nonce_make(struct engine *e, struct blob *out)
{
	uint8_t nonce[NONCE_LEN];
	int r = engine_random(e, nonce, sizeof(nonce));

	return r != 0 ? r : blob_copy(out, BYTES(nonce, sizeof(nonce)));
}

/* SA, KE and nonce as every good message of the exchange carries them. */
struct offer {
	struct sa_view sa;
	uint16_t group;
	struct bytes ke, nonce;
	bool cookie_returned;
};

static bool offer_decode(const struct payloads *ps, struct offer *o)
{
	const struct payload *sa = payloads_find(ps, PAYLOAD_SA),
			     *ke = payloads_find(ps, PAYLOAD_KE),
			     *nonce = payloads_find(ps, PAYLOAD_NONCE);

	return sa && ke && nonce && sa_decode(sa->body, &o->sa) &&
	       ke_decode(ke->body, &o->group, &o->ke) && nonce_decode(nonce->body, &o->nonce);
}

/* ---- initiator -------------------------------------------------------------------------- */

#define INIT_ROOM 4096 /* octets of any IKE_SA_INIT of ours */

/* The request with what the SA has: group, key, nonce, perhaps a cookie. */
static struct bytes request_encode(struct engine *e, const struct ike_sa *sa,
				   uint8_t buffer[static INIT_ROOM])
{
	const struct handshake *hs = sa->hs;
	const struct ike_header h = { .spi_i = sa->spi_local,
				      .version = 0x20,
				      .exchange = EXCHANGE_IKE_SA_INIT,
				      .initiator = true };
	struct builder b;

	message_begin(&b, buffer, INIT_ROOM, &h);
	if (hs->cookie.n > 0) /* RFC 7296 2.6: first, everything else unchanged */
		notify_encode(&b, PROTO_NONE, BYTES_NONE, NOTIFY_COOKIE, blob_view(&hs->cookie));
	sa_encode(&b, PROTO_IKE, BYTES_NONE, e->spec->ike, e->spec->n_ike);
	ke_encode(&b, hs->ke->id, blob_view(&hs->ke_public));
	nonce_encode(&b, blob_view(&hs->ni));
	encode_abilities(e, &b, sa, sa->spi_local, 0);
	return message_end(&b);
}

size_t init_request_size(struct engine *e, const struct endpoint *local,
			 const struct endpoint *remote)
{
	uint8_t buffer[INIT_ROOM], nonce[NONCE_LEN] = { 0 }, public[INIT_ROOM] = { 0 };
	struct handshake hs = { .ke = ke_by_id(proposal_first_ke(e->spec->ike, e->spec->n_ike)),
				.ni = { .p = nonce, .n = sizeof(nonce) },
				.ppk_said = ppk_is_configured(e) };
	const struct ike_sa sa = { .local = *local, .remote = *remote, .hs = &hs };

	if (hs.ke == NULL || hs.ke->public_len > sizeof(public))
		return 0;
	hs.ke_public = (struct blob){ .p = public, .n = hs.ke->public_len };
	return request_encode(e, &sa, buffer).n;
}

/* What is to be sent, and what AUTH will sign. false: the attempt has failed. */
static bool request_build(struct engine *e, struct ike_sa *sa)
{
	struct handshake *hs = sa->hs;
	uint8_t buffer[INIT_ROOM];
	struct bytes message = request_encode(e, sa, buffer);
	struct window *w = &sa->window;

	datagrams_free(&w->request);
	w->request.d = calloc(1, sizeof(*w->request.d));
	w->request.n = w->request.d ? 1 : 0;
	blob_free(&hs->init_i);
	if (message.n == 0 || w->request.n == 0 || blob_copy(&w->request.d[0], message) != 0 ||
	    blob_copy(&hs->init_i, message) != 0) {
		sa_fail(e, sa, 0, false, "cannot build IKE_SA_INIT: out of memory");
		return false;
	}
	hs->cookie_waits = false;
	hs->sent_at = e->now;
	return true;
}

static void init_send(struct engine *e, struct ike_sa *sa)
{
	struct window *w = &sa->window;

	if (!request_build(e, sa))
		return;
	sa->hs->cookies = 0;
	w->request_out = true;
	w->request_exchange = EXCHANGE_IKE_SA_INIT;
	w->tries = 1;
	sa->retransmit_at = mono_after(e->now, window_wait(1));
	sa_set_state(e, sa, SA_I_INIT);
	sa_send_request(e, sa);
}

bool init_again(struct engine *e, struct ike_sa *sa)
{
	sa->hs->cookies = 0;
	return !sa->hs->cookie_waits || request_build(e, sa);
}

static void init_key_done(struct engine *e, struct ike_sa *sa, struct job *job)
{
	struct handshake *hs = sa->hs;

	if (job->result != 0) {
		sa_fail(e, sa, 0, false, "cannot make a %s key pair: %s", hs->ke->name,
			strerror(-job->result));
		return;
	}
	hs->ke_key = job->ke_key;
	job->ke_key = NULL;
	hs->ke_public = job->ke_public;
	job->ke_public = (struct blob){ 0 };
	init_send(e, sa);
}

void init_ask(struct engine *e, struct ike_sa *sa, uint16_t group)
{
	struct handshake *hs = sa->hs;
	struct job *job = job_new(JOB_KE_GENERATE);

	hs->ke = ke_by_id(group);
	hs->ppk_said = ppk_is_configured(e);
	if (job == NULL || hs->ke == NULL || (hs->ni.n == 0 && nonce_make(e, &hs->ni) != 0)) {
		job_free(job);
		sa_fail(e, sa, 0, false, "cannot start IKE_SA_INIT: out of memory");
		return;
	}
	job->ke = hs->ke;
	sa_set_state(e, sa, SA_I_KEY);
	if (act_job(e, sa, job, init_key_done) != 0)
		sa_fail(e, sa, 0, false, "cannot start IKE_SA_INIT: out of memory");
}

void init_give_up(struct engine *e, struct ike_sa *sa)
{
	struct handshake *hs = sa->hs;

	const int error = sa->attempt != NULL ? sa->attempt->unreachable : 0;

	if (hs->hint_notify != 0 || hs->hint[0] != '\0')
		sa_fail(e, sa, hs->hint_notify, false, "%s", hs->hint);
	else if (hs->cookies > 0)
		sa_fail(e, sa, NOTIFY_COOKIE, false, "peer keeps asking for another cookie");
	else if (error != 0)
		sa_fail(e, sa, 0, false,
			"no answer to IKE_SA_INIT after %u tries; the network says: %s",
			sa->window.tries, strerror(-error));
	else
		sa_fail(e, sa, 0, false,
			"no answer to IKE_SA_INIT after %u tries: peer unreachable",
			sa->window.tries);
}

static void ppk_done_i(struct engine *e, struct ike_sa *sa, struct job *job)
{
	if (job->result != 0) {
		sa_fail(e, sa, 0, false, "cannot use our PPK: %s", job_why(job));
		return;
	}
	ppk_keep(sa, job);
	auth_ask(e, sa);
}

/* The PPK comes last of all keys (RFC 8784 3). */
void init_go_on(struct engine *e, struct ike_sa *sa)
{
	struct job *job;

	/* RFC 7296 2.23, RFC 9242 3.2: behind a NAT the port changes for all that follows. */
	if (sa->nat_local || sa->nat_remote || sa->encap) {
		sa->local.port = e->options.port_natt;
		if (sa->remote.port == e->options.port) /* else it is the NAT's choice already */
			sa->remote.port = e->options.port_natt;
	}
	if (intermediate_is_due(sa)) {
		intermediate_ask(e, sa);
		return;
	}
	if (!sa->hs->ppk) {
		auth_ask(e, sa);
		return;
	}
	job = ppk_job(e, sa, &sa->keys);
	if (job == NULL || act_job(e, sa, job, ppk_done_i) != 0)
		sa_fail(e, sa, 0, false, "cannot use our PPK: out of memory");
}

static void take_hint(struct engine *e, struct ike_sa *sa, uint16_t notify, const char *text);

/* The value was none of the peer's: anybody may have sent that answer. A better one still counts.
 */
static void wait_for_better(struct engine *e, struct ike_sa *sa, struct job *job)
{
	struct handshake *hs = sa->hs;

	hs->ke_key = job->ke_key;
	job->ke_key = NULL;
	blob_free(&hs->nr);
	blob_free(&hs->init_r);
	sa->spi_peer = 0;
	sa_set_state(e, sa, SA_I_INIT);
	sa->retransmit_at = mono_after(e->now, window_wait(sa->window.tries));
	sa_arm(e, sa);
	take_hint(e, sa, NOTIFY_INVALID_SYNTAX, "peer's key exchange value is not acceptable");
}

static void init_derive_done(struct engine *e, struct ike_sa *sa, struct job *job)
{
	struct handshake *hs = sa->hs;
	int r = job->result;

	if (r == 0)
		r = keymat_init(&sa->suite, blob_view(&hs->ni), blob_view(&hs->nr),
				secret_view(&job->shared), sa->spi_local, sa->spi_peer, &sa->keys);
	if (r == -EINVAL) {
		wait_for_better(e, sa, job);
	} else if (r != 0) {
		sa_fail(e, sa, 0, false, "key derivation failed: %s", strerror(-r));
	} else {
		sa_request_done(e, sa);
		act_keys(e, sa);
		report(e, REPORT_INFO, AREA_IKE, sa->pair, sa, EXCHANGE_IKE_SA_INIT,
		       "peer answers: %s, %s", sa->suite.encr->name, hs->ke->name);
		init_go_on(e, sa);
	}
}

/* Errors in the clear may come from anybody: RFC 7296 2.21.1. Kept as a hint, see sa.c. */
static void take_hint(struct engine *e, struct ike_sa *sa, uint16_t notify, const char *text)
{
	struct handshake *hs = sa->hs;

	if (hs->hint_notify != 0)
		return;
	hs->hint_notify = notify;
	attempt_silent(sa, false);
	snprintf(hs->hint, sizeof(hs->hint), "%s", text);
	report_reason(e, REPORT_INFO, AREA_IKE, reason_of_notify(notify, false, true), sa->pair, sa,
		      EXCHANGE_IKE_SA_INIT, "%s", text);
	/* A real answer still counts if it comes before the next retransmission would go out. */
}

static bool may_restart(struct engine *e, struct ike_sa *sa)
{
	if (++sa->hs->restarts <= RESTARTS_MAX)
		return true;
	take_hint(e, sa, NOTIFY_INVALID_KE_PAYLOAD,
		  "peer keeps asking for another key exchange group");
	return false;
}

/*
 * RFC 7296 2.6: 1 to 64 octets. The same request with the cookie goes at once, and with another one
 * when it is due again: what AUTH signs changes with it, while the peer may have taken the first by
 * now (it was asked twice, and has answered each). A strongSwan that has just started on a host
 * that has just been switched on takes none of its own cookies for up to 10 s.
 */
static void take_cookie(struct engine *e, struct ike_sa *sa, struct bytes cookie)
{
	struct handshake *hs = sa->hs;
	struct window *w = &sa->window;

	if (cookie.n < 1 || cookie.n > 64)
		return;
	blob_free(&hs->cookie);
	if (blob_copy(&hs->cookie, cookie) != 0)
		return;
	attempt_silent(sa, false);
	hs->cookie_waits = ++hs->cookies > COOKIES_AT_ONCE;
	if (hs->cookie_waits || !request_build(e, sa))
		return;
	sa->retransmit_at = mono_after(e->now, window_wait(w->tries));
	sa_arm(e, sa);
	sa_send_request(e, sa);
}

static void take_invalid_ke(struct engine *e, struct ike_sa *sa, struct bytes data)
{
	struct handshake *hs = sa->hs;
	struct reader r = reader_of(data);
	uint16_t group = read_u16(&r);

	/* RFC 7296 1.2: a group that we did offer, and not the one that we just used. */
	if (!reader_done(&r) || group == hs->ke->id ||
	    !proposal_has_ke(e->spec->ike, e->spec->n_ike, group)) {
		take_hint(e, sa, NOTIFY_INVALID_KE_PAYLOAD,
			  "peer asks for a key exchange group that we do not offer");
		return;
	}
	if (!may_restart(e, sa))
		return;
	hs->ke->free(hs->ke_key);
	hs->ke_key = NULL;
	blob_free(&hs->ke_public);
	datagrams_free(&sa->window.request);
	sa->window.request_out = false;
	sa->retransmit_at = MONO_NEVER;
	init_ask(e, sa, group);
}

static void take_error(struct engine *e, struct ike_sa *sa, const struct init_request *m)
{
	for (size_t i = 0; i < m->payloads->n; i++) {
		struct notify_view n;
		char text[120];
		if (m->payloads->p[i].type != PAYLOAD_NOTIFY ||
		    !notify_decode(m->payloads->p[i].body, &n))
			continue;
		if (n.type == NOTIFY_COOKIE) {
			take_cookie(e, sa, n.data);
			return;
		}
		if (n.type == NOTIFY_INVALID_KE_PAYLOAD) {
			take_invalid_ke(e, sa, n.data);
			return;
		}
		if (n.type >= NOTIFY_FIRST_STATUS)
			continue;
		snprintf(text, sizeof(text), "peer refused IKE_SA_INIT: %s (%u)%s",
			 notify_name(n.type), n.type,
			 n.type == NOTIFY_NO_PROPOSAL_CHOSEN ? ": no common IKE proposal" : "");
		take_hint(e, sa, n.type, text);
		return;
	}
}

void init_take(struct engine *e, struct ike_sa *sa, const struct init_request *m)
{
	struct handshake *hs = sa->hs;
	struct offer o;
	struct chosen chosen;

	if (sa->state != SA_I_INIT || m->header->message_id != 0)
		return;
	if (payloads_find(m->payloads, PAYLOAD_SA) == NULL) {
		take_error(e, sa, m);
		return;
	}
	if (m->header->spi_r == 0 || !offer_decode(m->payloads, &o)) {
		take_hint(e, sa, NOTIFY_INVALID_SYNTAX, "peer's IKE_SA_INIT answer is malformed");
		return;
	}
	if (!proposal_accept(e->spec->ike, e->spec->n_ike, PROTO_IKE, true, &o.sa, &chosen) ||
	    !ike_suite_of(&chosen, &sa->suite) || sa->suite.ke != hs->ke || o.group != hs->ke->id) {
		take_hint(e, sa, NOTIFY_NO_PROPOSAL_CHOSEN,
			  "peer's IKE_SA_INIT answer chooses what we did not offer");
		return;
	}
	if (o.ke.n != hs->ke->response_len) {
		take_hint(e, sa, NOTIFY_INVALID_SYNTAX,
			  "peer's key exchange value has a wrong length");
		return;
	}
	/* RFC 9370 2.2.1; not at once, since anybody could have sent this. */
	struct notify_view n;
	if (sa->suite.n_add_ke > 0 &&
	    !notify_find(m->payloads, NOTIFY_INTERMEDIATE_EXCHANGE_SUPPORTED, &n)) {
		take_hint(e, sa, NOTIFY_NO_PROPOSAL_CHOSEN,
			  "peer chooses an additional key exchange, and knows no IKE_INTERMEDIATE");
		return;
	}
	/* RFC 8784 3; 6 */
	if (hs->ppk_said && e->spec->ppk_required &&
	    !notify_find(m->payloads, NOTIFY_USE_PPK, &n)) {
		take_hint(e, sa, NOTIFY_AUTHENTICATION_FAILED,
			  "peer does not use a PPK, and ppk_required is set here");
		return;
	}
	struct job *job = job_new(JOB_KE_DERIVE);
	if (job == NULL || blob_copy(&hs->nr, o.nonce) != 0 ||
	    blob_copy(&hs->init_r, m->datagram) != 0 || blob_copy(&job->peer_public, o.ke) != 0) {
		job_free(job);
		blob_free(&hs->nr);
		blob_free(&hs->init_r);
		return; /* our retransmission brings the answer again */
	}
	hs->hint_notify = 0;
	certreq_keep(hs, m->payloads);
	sa->spi_peer = m->header->spi_r;
	sa->rtt_us = e->now.us - hs->sent_at.us;
	take_notes(e, sa, m);
	sa->retransmit_at = MONO_NEVER; /* but the request is kept: see wait_for_better */
	job->ke = hs->ke;
	job->ke_key = hs->ke_key;
	hs->ke_key = NULL;
	sa_set_state(e, sa, SA_I_DERIVE);
	if (act_job(e, sa, job, init_derive_done) != 0)
		sa_fail(e, sa, 0, false, "out of memory");
}

/* ---- responder -------------------------------------------------------------------------- */

/* An error in the clear, without any state: one datagram out for one in (RFC 7296 2.21.1). */
static void send_refusal(struct engine *e, const struct init_request *m, uint16_t notify,
			 struct bytes data)
{
	uint8_t buffer[256];
	const struct ike_header h = { .spi_i = m->header->spi_i,
				      .version = 0x20,
				      .exchange = EXCHANGE_IKE_SA_INIT,
				      .response = true };
	struct builder b;

	message_begin(&b, buffer, sizeof(buffer), &h);
	notify_encode(&b, PROTO_NONE, BYTES_NONE, notify, data);
	struct bytes message = message_end(&b);
	act_send(e, m->local, m->remote, message);
}

static void refuse(struct engine *e, const struct init_request *m, uint16_t notify,
		   struct bytes data)
{
	if (load_may_complain(e, COMPLAINT_INIT, &m->local->ip, &m->remote->ip))
		send_refusal(e, m, notify, data);
}

static void drop(struct engine *e, enum drop cause)
{
	e->counters.drops++;
	e->counters.tally.drops[cause]++;
}

/* RFC 8019 4.2: beyond, silence. */
static bool has_room(struct engine *e, const struct init_request *m, const struct pair *p)
{
	if (load_has_room(e, &m->local->ip, &m->remote->ip, p))
		return true;
	drop(e, DROP_LOAD);
	return false;
}

/* Under load the sender must show that it receives what we send to its address. */
static bool cookie_passes(struct engine *e, const struct init_request *m, const struct pair *p,
			  struct offer *o)
{
	uint8_t cookie[COOKIE_LEN];
	struct notify_view n;

	if (!load_wants_cookie(e, &m->local->ip, &m->remote->ip, p))
		return has_room(e, m, p);
	if (cookie_refresh(&e->cookies, e->now, e->options.random, e->options.random_arg) != 0)
		return false;
	o->cookie_returned =
		notify_find(m->payloads, NOTIFY_COOKIE, &n) &&
		cookie_good(&e->cookies, n.data, o->nonce, m->remote, m->header->spi_i);
	if (o->cookie_returned)
		return has_room(e, m, p);
	if (cookie_make(&e->cookies, o->nonce, m->remote, m->header->spi_i, cookie) == 0) {
		e->counters.cookies_sent++;
		send_refusal(e, m, NOTIFY_COOKIE, BYTES(cookie, sizeof(cookie)));
	}
	return false;
}

/* The refusal is remembered where an operator looks for it, if the peer is one of ours. */
static void remember_refusal(struct engine *e, const struct init_request *m, uint16_t notify,
			     const char *why, const char *offered)
{
	if (!spec_protects(e->spec, &m->local->ip, &m->remote->ip))
		return;
	struct pair *p = pair_get_unsolicited(e, &m->local->ip, &m->remote->ip);
	struct status_attempt *a = p ? calloc(1, sizeof(*a)) : NULL;
	if (a == NULL) {
		if (p != NULL)
			pair_release(e, p);
		return;
	}
	a->started_at = a->ended_at = e->now;
	a->failed = true;
	a->stage = STAGE_INIT;
	a->notify = notify;
	a->notify_ours = true;
	snprintf(a->reason, sizeof(a->reason), "%s", why);
	snprintf(a->offered, sizeof(a->offered), "%s", offered);
	tally_attempt(&e->counters.tally, a);
	pair_remember(e, p, a);
	pair_release(e, p);
	report_reason(e, REPORT_ERROR, AREA_IKE, reason_of_notify(notify, true, true), p, NULL,
		      EXCHANGE_IKE_SA_INIT, "peer's IKE_SA_INIT refused: %s", why);
}

static void refuse_proposals(struct engine *e, const struct init_request *m, const struct offer *o,
			     const char *because)
{
	char offered[160], why[ATTEMPT_TEXT_LEN];

	/* A forger must not fill our memory either. */
	if (!load_may_complain(e, COMPLAINT_INIT, &m->local->ip, &m->remote->ip)) {
		drop(e, DROP_LOAD);
		return;
	}
	proposals_text(&o->sa, offered, sizeof(offered));
	snprintf(why, sizeof(why), "NO_PROPOSAL_CHOSEN: %s, peer offers %s", because, offered);
	remember_refusal(e, m, NOTIFY_NO_PROPOSAL_CHOSEN, why, offered);
	send_refusal(e, m, NOTIFY_NO_PROPOSAL_CHOSEN, BYTES_NONE);
}

/* All keys are there: the answer, and the door is half open. */
static void init_reply(struct engine *e, struct ike_sa *sa)
{
	struct handshake *hs = sa->hs;
	uint8_t buffer[4096];
	struct window *w = &sa->window;
	struct builder b;
	const struct ike_header h = { .spi_i = sa->spi_peer,
				      .spi_r = sa->spi_local,
				      .version = 0x20,
				      .exchange = EXCHANGE_IKE_SA_INIT,
				      .response = true };

	message_begin(&b, buffer, sizeof(buffer), &h);
	sa_encode_chosen(&b, hs->ike_number, PROTO_IKE, BYTES_NONE, hs->ike_t, hs->ike_n);
	ke_encode(&b, hs->ke->id, blob_view(&hs->ke_public));
	nonce_encode(&b, blob_view(&hs->nr));
	encode_abilities(e, &b, sa, sa->spi_peer, sa->spi_local);
	auth_encode_certreq(e, &b);
	struct bytes message = message_end(&b);

	w->reply.d = calloc(1, sizeof(*w->reply.d));
	w->reply.n = w->reply.d ? 1 : 0;
	if (message.n == 0 || w->reply.n == 0 || blob_copy(&w->reply.d[0], message) != 0 ||
	    blob_copy(&hs->init_r, message) != 0) {
		sa_fail(e, sa, 0, false, "cannot answer IKE_SA_INIT: out of memory");
		return;
	}
	w->answering = false;
	hs->sent_at = e->now;
	sa_set_state(e, sa, SA_R_INIT);
	sa_stage(sa, intermediate_is_due(sa) ? STAGE_INTERMEDIATE : STAGE_AUTH);
	act_send(e, &sa->local, &sa->remote, message);
	/* Anybody can ask as often as he likes: not for everyday's log. */
	report(e, REPORT_DEBUG, AREA_IKE, sa->pair, sa, EXCHANGE_IKE_SA_INIT,
	       "peer begins and is answered: %s, %s", sa->suite.encr->name, hs->ke->name);
}

static void ppk_done_r(struct engine *e, struct ike_sa *sa, struct job *job)
{
	if (job->result != 0) {
		sa_fail(e, sa, 0, false, "cannot use our PPK: %s", job_why(job));
		return;
	}
	ppk_keep(sa, job);
	init_reply(e, sa);
}

/* Key pair and shared secret are there. */
static void init_respond_done(struct engine *e, struct ike_sa *sa, struct job *job)
{
	struct handshake *hs = sa->hs;
	int r = job->result;

	if (r == 0)
		r = keymat_init(&sa->suite, blob_view(&hs->ni), blob_view(&hs->nr),
				secret_view(&job->shared), sa->spi_peer, sa->spi_local, &sa->keys);
	if (r != 0) {
		/* RFC 6989 2.1: a bad value is met with silence. */
		sa_fail(e, sa, 0, false,
			r == -EINVAL ? "peer's %s value is not acceptable"
				     : "key exchange %s failed here",
			hs->ke->name);
		return;
	}
	hs->ke_public = job->ke_public;
	job->ke_public = (struct blob){ 0 };
	act_keys(e, sa);
	/* With additional key exchanges the keys are not the last ones yet: see intermediate.c. */
	if (!hs->ppk || intermediate_is_due(sa)) {
		init_reply(e, sa);
		return;
	}
	/* Before it is known that the peer has the same: so IKE_AUTH can be judged at once. */
	struct job *ppk = ppk_job(e, sa, &sa->keys);
	if (ppk == NULL || act_job(e, sa, ppk, ppk_done_r) != 0)
		sa_fail(e, sa, 0, false, "cannot use our PPK: out of memory");
}

static void respond(struct engine *e, const struct init_request *m, const struct offer *o,
		    const struct chosen *chosen, const struct ike_suite *suite)
{
	struct pair *p = pair_get_unsolicited(e, &m->local->ip, &m->remote->ip);
	struct ike_sa *sa = p ? sa_new(e, p, false, m->local, m->remote) : NULL;
	struct job *job = job_new(JOB_KE_RESPOND);

	if (sa == NULL || job == NULL)
		goto fail;
	struct handshake *hs = sa->hs;
	sa->spi_peer = m->header->spi_i;
	sa->peer_returned_cookie = o->cookie_returned;
	sa->suite = *suite;
	hs->ke = suite->ke;
	memcpy(hs->ike_t, chosen->t, sizeof(hs->ike_t));
	hs->ike_n = chosen->n;
	hs->ike_number = chosen->number;
	if (blob_copy(&hs->ni, o->nonce) != 0 || nonce_make(e, &hs->nr) != 0 ||
	    blob_copy(&hs->init_i, m->datagram) != 0 || blob_copy(&job->peer_public, o->ke) != 0)
		goto fail;
	job->ke = suite->ke;
	take_notes(e, sa, m);
	sa->window.recv_id = 1;
	sa->window.from_local = *m->local;
	sa->window.from_remote = *m->remote;
	sa->window.answering = true;
	sa_set_state(e, sa, SA_R_KEY);
	e->counters.ike_responded++;
	if (act_job(e, sa, job, init_respond_done) != 0)
		sa_close(e, sa);
	return;
fail:
	job_free(job);
	if (sa != NULL)
		sa_close(e, sa);
	else if (p != NULL)
		pair_release(e, p);
}

/* The same request again, or the answer got lost: RFC 7296 2.1. */
static bool is_repeat(struct engine *e, const struct init_request *m, const struct pair *p)
{
	for (struct ike_sa *sa = p ? p->sas : NULL; sa; sa = sa->next) {
		if (sa->initiator || sa->spi_peer != m->header->spi_i ||
		    !endpoint_equal(&sa->remote, m->remote))
			continue;
		if (sa->hs != NULL && sa->window.recv_id == 1 && !sa->window.answering &&
		    bytes_equal(m->datagram, blob_view(&sa->hs->init_i)))
			sa_repeat_reply(e, sa);
		return true;
	}
	return false;
}

void init_answer(struct engine *e, const struct init_request *m)
{
	struct pair *p = pair_find(e, &m->local->ip, &m->remote->ip);
	struct offer o = { 0 };
	struct notify_view n;
	struct chosen chosen;
	struct ike_suite suite;

	if (is_repeat(e, m, p))
		return;
	if (!offer_decode(m->payloads, &o)) {
		drop(e, DROP_MALFORMED);
		load_sa_payload(e, &o.sa);
		refuse(e, m, NOTIFY_INVALID_SYNTAX, BYTES_NONE);
		return;
	}
	if (!cookie_passes(e, m, p, &o))
		return;
	if (!proposal_choose(e->spec->ike, e->spec->n_ike, PROTO_IKE, true, &o.sa, &chosen) ||
	    !ike_suite_of(&chosen, &suite)) {
		refuse_proposals(e, m, &o, "no common IKE proposal");
		return;
	}
	/* RFC 9370 2.2.1: who offers additional key exchanges must know how to make them. */
	if (suite.n_add_ke > 0 &&
	    !notify_find(m->payloads, NOTIFY_INTERMEDIATE_EXCHANGE_SUPPORTED, &n)) {
		refuse_proposals(e, m, &o, "additional key exchange without IKE_INTERMEDIATE");
		return;
	}
	if (o.group != suite.ke->id) {
		const uint8_t group[2] = { (uint8_t)(suite.ke->id >> 8), (uint8_t)suite.ke->id };
		/* RFC 7296 1.2: no error but a step, smaller than what came; as a COOKIE, no state.
		 */
		send_refusal(e, m, NOTIFY_INVALID_KE_PAYLOAD, BYTES(group, sizeof(group)));
		return;
	}
	if (o.ke.n != suite.ke->public_len) {
		drop(e, DROP_MALFORMED);
		refuse(e, m, NOTIFY_INVALID_SYNTAX, BYTES_NONE);
		return;
	}
	respond(e, m, &o, &chosen, &suite);
}
