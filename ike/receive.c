/* SPDX-License-Identifier: Apache-2.0 */
#include "ike/receive.h"

#include "ike/exchange/exchange.h"
#include "ike/load.h"
#include "ike/message/rules.h"
#include "ike/pair.h"
#include "ike/qcd.h"
#include "ike/sa.h"
#include "ike/stray.h"

/* A datagram on its way through. */
struct arrival {
	const struct endpoint *local, *remote;
	uint8_t *datagram;
	size_t n;
	struct ike_header header;
	struct payloads payloads; /* outer chain */
	uint8_t inner_first;
};

const struct exchange *exchange_by_type(uint8_t type)
{
	static const struct exchange *const rows[] = { &exchange_intermediate, &exchange_auth,
						       &exchange_create_child, &exchange_followup,
						       &exchange_informational };

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		if (rows[i]->type == type)
			return rows[i];
	return NULL;
}

static void drop(struct engine *e, const struct arrival *a, enum drop cause, const char *why)
{
	char from[ENDPOINT_TEXT_LEN];

	e->counters.drops++;
	e->counters.tally.drops[cause]++;
	report(e, REPORT_DEBUG, AREA_NET, NULL, NULL, a->header.exchange,
	       "dropped a datagram from %s: %s", endpoint_text(a->remote, from), why);
}

/* An answer outside any IKE SA: same SPIs and message id as the request (RFC 7296 2.21.4, 2.5). */
static void complain(struct engine *e, const struct arrival *a, uint16_t notify, struct bytes data)
{
	const enum complaint about =
		a->header.exchange == EXCHANGE_IKE_SA_INIT ? COMPLAINT_INIT : COMPLAINT_JUNK;
	uint8_t buffer[128];
	struct builder b;
	struct ike_header h = a->header;

	if (h.response || !load_may_complain(e, about, &a->local->ip, &a->remote->ip))
		return;
	h.version = 0x20;
	h.response = true;
	h.initiator = !a->header.initiator;
	message_begin(&b, buffer, sizeof(buffer), &h);
	notify_encode(&b, PROTO_NONE, BYTES_NONE, notify, data);
	if (notify == NOTIFY_INVALID_IKE_SPI && e->has_qcd_secret) {
		qcd_encode_lost(e, &a->header, a->local, a->remote, &b);
		e->counters.qcd_sent++;
	}
	struct bytes message = message_end(&b);
	act_send(e, a->local, a->remote, message);
}

/* ---- IKE_SA_INIT ------------------------------------------------------------------------- */

static bool judged(struct engine *e, struct arrival *a)
{
	struct judgement j = rules_judge(a->header.exchange, a->header.response, &a->payloads);

	if (j.notify == 0)
		return true;
	if (j.too_many)
		load_limit(e, LIMIT_PAYLOADS);
	drop(e, a, DROP_UNEXPECTED, j.why);
	if (a->header.exchange == EXCHANGE_IKE_SA_INIT) {
		struct bytes data = j.notify == NOTIFY_UNSUPPORTED_CRITICAL_PAYLOAD
					    ? BYTES(&j.payload, 1)
					    : BYTES_NONE;
		complain(e, a, j.notify, data);
	}
	return false;
}

/* Whoever answers was not only seen by a forger's word. */
static void take_init(struct engine *e, struct ike_sa *sa, const struct init_request *m)
{
	if (sa->pair->suspect && sa->state == SA_I_INIT)
		stray_answered(e, sa);
	if (sa->state == SA_I_INIT)
		init_take(e, sa, m);
}

static void receive_init(struct engine *e, struct arrival *a)
{
	const struct ike_header *h = &a->header;
	const struct init_request m = { .header = h,
					.payloads = &a->payloads,
					.local = a->local,
					.remote = a->remote,
					.datagram = BYTES(a->datagram, a->n) };
	struct ike_sa *sa = NULL;

	/* SK and SKF have no place here: there are no keys yet (RFC 7383 2.3). */
	if (payloads_find(&a->payloads, PAYLOAD_SK) || payloads_find(&a->payloads, PAYLOAD_SKF)) {
		drop(e, a, DROP_UNEXPECTED, "an encrypted payload in IKE_SA_INIT");
		return;
	}
	if (h->response) {
		HASH_FIND(hh, e->sas, &h->spi_i, sizeof(h->spi_i), sa);
		if (sa == NULL || !sa->initiator || h->initiator ||
		    !ip_equal(&sa->remote.ip, &a->remote->ip))
			drop(e, a, DROP_UNEXPECTED, "an IKE_SA_INIT answer to no request of ours");
		else if (judged(e, a))
			take_init(e, sa, &m);
		return;
	}
	/*
	 * Our own request, reflected: we would authenticate ourselves to ourselves, and take the
	 * result for the peer. The SPI cannot be changed on the way, both keys and AUTH cover it.
	 */
	HASH_FIND(hh, e->sas, &h->spi_i, sizeof(h->spi_i), sa);
	if (sa != NULL) {
		drop(e, a, DROP_UNEXPECTED, "our own request, reflected");
		return;
	}
	if (!h->initiator || h->message_id != 0 || h->spi_i == 0 || h->spi_r != 0)
		drop(e, a, DROP_MALFORMED, "IKE_SA_INIT header fields that cannot be");
	else if (e->shutting_down)
		drop(e, a, DROP_UNEXPECTED, "shutting down");
	else if (judged(e, a))
		init_answer(e, &m);
}

/* ---- protected exchanges ---------------------------------------------------------------- */

static struct ike_sa *find_sa(const struct engine *e, const struct ike_header *h)
{
	/* RFC 7296 2.6: which of the two SPIs is ours depends on who began. */
	uint64_t ours = h->initiator ? h->spi_r : h->spi_i;
	uint64_t theirs = h->initiator ? h->spi_i : h->spi_r;
	struct ike_sa *sa = NULL;

	HASH_FIND(hh, e->sas, &ours, sizeof(ours), sa);
	if (sa == NULL || sa->initiator == h->initiator || sa->spi_peer != theirs)
		return NULL;
	return sa;
}

/*
 * One of the SPIs is of an IKE SA of ours, whatever else of the header is wrong: it is not lost,
 * and the proof that it is must not go out (RFC 6290 9.2).
 */
static bool knows_spi(const struct engine *e, const struct ike_header *h)
{
	struct ike_sa *sa = NULL;

	HASH_FIND(hh, e->sas, &h->spi_i, sizeof(h->spi_i), sa);
	if (sa == NULL)
		HASH_FIND(hh, e->sas, &h->spi_r, sizeof(h->spi_r), sa);
	return sa != NULL;
}

static bool has_keys(const struct ike_sa *sa)
{
	return sa->keys.d.n > 0;
}

/* Inner chain in hand: judge it and hand it over. */
static void dispatch(struct engine *e, struct ike_sa *sa, struct arrival *a, uint8_t first,
		     uint8_t reserved, struct bytes chain)
{
	const struct ike_header *h = &a->header;
	const struct exchange *x = exchange_by_type(h->exchange);
	struct payloads inner;
	uint8_t inner_first;
	const struct inbound m = {
		.header = h,
		.payloads = &inner,
		.local = a->local,
		.remote = a->remote,
		.octets = a->datagram,
		.first = first,
		.reserved = reserved,
		.chain = chain,
	};
	enum decode_error bad = payloads_decode(first, chain, &inner, &inner_first);
	struct judgement j = { 0 };

	load_decode_error(e, bad);
	if (bad != DECODE_OK || inner_first != 0)
		j = (struct judgement){ .notify = NOTIFY_INVALID_SYNTAX,
					.why = bad ? decode_error_name(bad)
						   : "an encrypted payload within another" };
	else
		j = rules_judge(h->exchange, h->response, &inner);
	if (j.too_many)
		load_limit(e, LIMIT_PAYLOADS);
	if (bad == DECODE_OK)
		sa_tell_message(e, sa, h, &inner, false);
	if (h->response) {
		/* It is authentic, so the peer will not say anything better. */
		if (j.notify != 0 && sa->state == SA_UP)
			informational_end_sa(e, sa, j.why);
		else if (j.notify != 0)
			sa_fail(e, sa, j.notify, false, "peer's answer is malformed: %s", j.why);
		if (j.notify != 0)
			return;
		x->take(e, sa, &m);
		return;
	}
	sa->window.recv_id++;
	sa->window.answering = true;
	window_forget_reply(&sa->window);
	if (j.notify == 0) {
		x->answer(e, sa, &m);
		return;
	}
	report_reason(e, REPORT_WARNING, AREA_IKE, REASON_MALFORMED, sa->pair, sa, h->exchange,
		      "peer's request is refused: %s: %s", notify_name(j.notify), j.why);
	sa_reply_notify(e, sa, h->exchange, j.notify,
			j.notify == NOTIFY_UNSUPPORTED_CRITICAL_PAYLOAD ? BYTES(&j.payload, 1)
									: BYTES_NONE);
	/* RFC 7296 2.21.3: malformed after authentication ends the IKE SA; before it, the attempt.
	 */
	if (sa_is_connecting(sa))
		sa_fail_softly(e, sa, j.notify, true, SA_LINGERS, "%s: %s", notify_name(j.notify),
			       j.why);
}

/* The octet behind "next payload" in the header of an SK or SKF payload that is the first one. */
static uint8_t sk_reserved(const struct arrival *a)
{
	return a->datagram[IKE_HEADER_LEN + 1];
}

static void take_fragment(struct engine *e, struct ike_sa *sa, struct arrival *a, struct bytes part)
{
	const struct payload *skf = &a->payloads.p[a->payloads.n - 1];
	struct fragments **q =
		a->header.response ? &sa->window.in_responses : &sa->window.in_requests;
	uint16_t number, total;
	struct blob chain = { 0 };
	uint8_t first;

	if (!skf_numbers(skf->body, &number, &total))
		return;
	if (!load_takes_fragment(e, sa, part.n)) {
		drop(e, a, DROP_LOAD, "too many fragments wait for the rest of their messages");
		return;
	}
	if (number == 1 && sa->hs != NULL)
		sa->hs->skf_reserved = sk_reserved(a);
	const enum fragment_result result = fragments_add(q, a->header.message_id, number, total,
							  a->inner_first, part, &chain, &first);
	load_reassembly_changed(e, sa);
	switch (result) {
	case FRAGMENT_COMPLETE:
		if (sa->window.in_requests == NULL && sa->window.in_responses == NULL)
			sa->window.fragments_until = MONO_NEVER;
		dispatch(e, sa, a, first, sa->hs != NULL ? sa->hs->skf_reserved : 0,
			 blob_view(&chain));
		wipe(chain.p, chain.n);
		blob_free(&chain);
		break;
	case FRAGMENT_TOO_MANY:
		load_limit(e, LIMIT_FRAGMENTS);
		/* fall through */
	case FRAGMENT_DROPPED:
		drop(e, a, DROP_MALFORMED, "a fragment that cannot be");
		break;
	case FRAGMENT_QUEUED:
		if (!mono_is_never(sa->window.fragments_until))
			break;
		sa->window.fragments_until =
			mono_after(e->now, FRAGMENTS_LIFE_S * INT64_C(1000000));
		sa_arm(e, sa);
		break;
	case FRAGMENT_DUPLICATE:
		break;
	}
}

/* RFC 7383 2.6.1: a repeated request is answered again on its first fragment alone. */
static bool is_later_fragment(const struct arrival *a)
{
	const struct payload *last = &a->payloads.p[a->payloads.n - 1];
	uint16_t number, total;

	return last->type == PAYLOAD_SKF && skf_numbers(last->body, &number, &total) && number != 1;
}

static void came_from(struct ike_sa *sa, const struct arrival *a)
{
	sa->window.from_local = *a->local;
	sa->window.from_remote = *a->remote;
}

/* What a peer may ask now, if it has not asked it before. */
static bool is_in_order(const struct ike_sa *sa, uint8_t exchange)
{
	if (sa->state == SA_LINGERS)
		return false;
	/* RFC 7296 1.2: one IKE_AUTH request, from the initiator. RFC 9242 3.2: these before it. */
	if (exchange == EXCHANGE_IKE_AUTH)
		return sa->state == SA_R_INIT;
	if (exchange == EXCHANGE_IKE_INTERMEDIATE)
		return sa->state == SA_R_INIT && intermediate_is_due(sa);
	return true;
}

static bool wanted(struct engine *e, struct ike_sa *sa, const struct arrival *a)
{
	const struct ike_header *h = &a->header;

	if (h->response) {
		if (sa->window.request_out && h->message_id == sa->window.send_id &&
		    h->exchange == sa->window.request_exchange)
			return true;
		drop(e, a, DROP_UNEXPECTED, "an answer to no request of ours");
		return false;
	}
	switch (window_judge_request(&sa->window, h->message_id)) {
	case WINDOW_NEW:
		if (!is_in_order(sa, h->exchange))
			break;
		came_from(sa, a);
		if (sa->state == SA_UP)
			sa_follow_port(e, sa, a->remote->port);
		return true;
	case WINDOW_REPEAT:
		came_from(sa, a);
		if (!is_later_fragment(a))
			sa_repeat_reply(e, sa);
		return false;
	case WINDOW_BUSY:
		return false;
	case WINDOW_OUTSIDE:
		break;
	}
	drop(e, a, DROP_WINDOW, "message id outside the window");
	return false;
}

/*
 * The answer to an IKE_INTERMEDIATE request changed the keys (RFC 9370 2.2.2): the same request, if
 * it comes again, still has those of before.
 */
static struct seal_keys keys_for(struct ike_sa *sa, const struct ike_header *h)
{
	struct seal_keys k = sa_keys_in(sa);

	if (h->exchange == EXCHANGE_IKE_INTERMEDIATE && !h->response && sa->hs != NULL &&
	    sa->hs->old_keys.d.n > 0 && !sa->initiator && !sa->window.answering &&
	    h->message_id + 1 == sa->window.recv_id) {
		k.sk_e = secret_view(&sa->hs->old_keys.ei);
		k.sk_a = secret_view(&sa->hs->old_keys.ai);
	}
	return k;
}

/* RFC 9242 3.2: what such a message is about is sealed. Ours have nothing else. */
static bool is_bare(const struct arrival *a)
{
	return a->header.exchange != EXCHANGE_IKE_INTERMEDIATE || a->payloads.n == 1;
}

static void receive_protected(struct engine *e, struct arrival *a)
{
	struct ike_sa *sa = find_sa(e, &a->header);
	const struct exchange *x = exchange_by_type(a->header.exchange);
	const struct payload *last = a->payloads.n ? &a->payloads.p[a->payloads.n - 1] : NULL;
	struct bytes plain;

	if (sa == NULL) {
		e->counters.invalid_spi++;
		/* What is not here may be about to be handed over. */
		if (e->state_loaded && !knows_spi(e, &a->header))
			complain(e, a, NOTIFY_INVALID_IKE_SPI, BYTES_NONE);
		drop(e, a, DROP_NO_SA, "no IKE SA of these SPIs");
		return;
	}
	/* The pair is between two addresses: a port may change on the way, an address not. */
	if (!ip_equal(&sa->remote.ip, &a->remote->ip) || !ip_equal(&sa->local.ip, &a->local->ip)) {
		drop(e, a, DROP_ADDRESS, "not from the peer's address");
		return;
	}
	if (a->header.response && qcd_take(e, sa, &a->payloads))
		return;
	bool fragment = last && last->type == PAYLOAD_SKF;
	if (x == NULL || !has_keys(sa) || last == NULL || (last->type != PAYLOAD_SK && !fragment) ||
	    (fragment && !sa->peer_fragments) || !is_bare(a)) {
		drop(e, a, DROP_UNEXPECTED, "not a protected message that we can take");
		return;
	}
	/* A peer that is not authenticated, or was refused, has nothing to ask but these. */
	if (!sa->authenticated && !a->header.response && a->header.exchange != EXCHANGE_IKE_AUTH &&
	    a->header.exchange != EXCHANGE_IKE_INTERMEDIATE) {
		drop(e, a, DROP_UNAUTHENTICATED, "a request of a peer that is not authenticated");
		return;
	}
	const struct seal_keys k = keys_for(sa, &a->header);
	if (sealed_open(&k, a->datagram, a->n, &a->payloads, &plain) != 0) {
		e->counters.integrity_errors++;
		drop(e, a, DROP_INTEGRITY, "integrity check failed");
		return;
	}
	if (!wanted(e, sa, a))
		return;
	sa_heard(e, sa); /* not for what anybody may have recorded and sent again */
	if (fragment)
		take_fragment(e, sa, a, plain);
	else
		dispatch(e, sa, a, a->inner_first, sk_reserved(a), plain);
}

void receive(struct engine *e, const struct endpoint *local, const struct endpoint *remote,
	     uint8_t *datagram, size_t n)
{
	struct arrival a = { .local = local, .remote = remote, .datagram = datagram, .n = n };
	enum decode_error bad = ike_header_decode(BYTES(datagram, n), &a.header);

	e->counters.packets_in++;
	if (bad == DECODE_MAJOR_VERSION && (a.header.version >> 4) > 2)
		complain(e, &a, NOTIFY_INVALID_MAJOR_VERSION, BYTES_NONE); /* RFC 7296 2.5 */
	if (bad == DECODE_OK)
		bad = payloads_decode(a.header.next_payload,
				      BYTES(datagram + IKE_HEADER_LEN, n - IKE_HEADER_LEN),
				      &a.payloads, &a.inner_first);
	if (bad != DECODE_OK) {
		e->counters.decode_errors++;
		load_decode_error(e, bad);
		drop(e, &a, DROP_MALFORMED, decode_error_name(bad));
		return;
	}
	/* Before the configuration is there: silence, so that no peer takes a refusal to heart. */
	if (e->spec == NULL)
		return;
	e->heard_exchange = a.header.exchange;
	e->heard_id = a.header.message_id;
	if (a.header.exchange == EXCHANGE_IKE_SA_INIT)
		receive_init(e, &a);
	else
		receive_protected(e, &a);
}
