/* SPDX-License-Identifier: Apache-2.0 */
/* IKE_AUTH as conversations: RFC 7296 1.2, 2.9, 2.15, 2.21.2, RFC 7383, RFC 7427. */
#include "sim/duet.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define SECOND INT64_C(1000000)

static const struct duet_options standin;
static const struct duet_options real = { .real = true };

/* The peer initiates; its right IKE_AUTH, for one change. */
static void ask(struct duet *d, const struct duet_options *o, struct draft *said)
{
	duet_start(d, o);
	duet_peer_init(d);
	peer_ask_auth(&d->peer, said);
}

/* The core initiates; the peer's right answer, for one change. */
static void answer(struct duet *d, const struct duet_options *o, struct draft *said)
{
	struct draft heard;

	duet_start(d, o);
	duet_core_init(d);
	duet_hear(d, EXCHANGE_IKE_AUTH, false, &heard);
	peer_answer_auth(&d->peer, &heard, said);
	draft_free(&heard);
}

/* The core refuses the peer: this notify alone, and nothing is installed. */
static void refused(struct duet *d, struct draft *said, uint16_t error)
{
	struct draft heard;

	duet_say(d, said);
	duet_hear(d, EXCHANGE_IKE_AUTH, true, &heard);
	assert_int_equal(draft_error(&heard), error);
	assert_false(draft_has(&heard, PAYLOAD_AUTH));
	assert_false(draft_has(&heard, PAYLOAD_SA));
	draft_free(&heard);
	duet_hear_nothing(d);
	assert_int_equal(d->kernel.n_sas, 0);
	assert_int_equal(duet_counters(d).child_sas, 0);
	duet_wait(d, 60 * SECOND);
	duet_assert_empty(d);
	peer_wipe(&d->peer);
	duet_peer_up(d);
	duet_end(d);
}

/* The IKE SA stands, the CHILD_SA is refused with this notify. */
static void child_refused(struct duet *d, struct draft *said, uint16_t error)
{
	struct draft heard;

	duet_say(d, said);
	duet_hear(d, EXCHANGE_IKE_AUTH, true, &heard);
	assert_int_equal(draft_error(&heard), error);
	assert_int_equal(peer_check_auth(&d->peer, &heard), VERDICT_GOOD);
	assert_false(draft_has(&heard, PAYLOAD_SA));
	draft_free(&heard);
	assert_int_equal(d->kernel.n_sas, 0);
	assert_int_equal(duet_counters(d).child_sas, 0);
	duet_end(d);
}

/* The core, as initiator, does not come up: it goes, and nothing is installed. */
static void fails(struct duet *d, struct draft *said)
{
	duet_say(d, said);
	assert_int_equal(d->kernel.n_sas, 0);
	assert_int_equal(duet_counters(d).child_sas, 0);
	assert_int_not_equal(duet_ike_state(d), IKE_ESTABLISHED);
	duet_end(d);
}

/* --- what the core says --- */

static void check_contents(struct draft *heard, const struct duet *d, bool request)
{
	struct id_view id;
	struct ts_list ts;

	assert_true(id_decode(
		blob_view(&draft_find(heard, request ? PAYLOAD_IDI : PAYLOAD_IDR)->body), &id));
	assert_int_equal(id.type, ID_DER_ASN1_DN);
	assert_true(bytes_equal(id.data, blob_view(&d->spec.credential.id)));
	assert_true(draft_has(heard, PAYLOAD_CERT));
	assert_true(draft_has_notify(heard, NOTIFY_USE_TRANSPORT_MODE));
	/* RFC 7296 2.9: host to host, each side's own address */
	assert_true(ts_decode(blob_view(&draft_find(heard, PAYLOAD_TSI)->body), &ts));
	assert_true(ip_equal(&ts.t[0].start, request ? &d->us.ip : &d->them.ip));
	assert_true(ip_equal(&ts.t[0].end, request ? &d->us.ip : &d->them.ip));
	assert_true(ts_decode(blob_view(&draft_find(heard, PAYLOAD_TSR)->body), &ts));
	assert_true(ip_equal(&ts.t[0].start, request ? &d->them.ip : &d->us.ip));
}

static void test_what_a_request_holds(void **state)
{
	struct duet d;
	struct draft heard;

	(void)state;
	duet_start(&d, &real);
	duet_core_init(&d);
	duet_hear(&d, EXCHANGE_IKE_AUTH, false, &heard);
	check_contents(&heard, &d, true);
	assert_true(draft_has(&heard, PAYLOAD_CERTREQ));
	assert_int_equal(heard.h.message_id, 1);
	/* design: never to a peer that is not ikemesh */
	assert_false(draft_has_notify(&heard, NOTIFY_INITIAL_CONTACT));
	draft_free(&heard);
	duet_end(&d);
}

/* RFC 7296 2.8: who answers may send at once, and ikemesh before we have judged its answer. */
static void esp_before_the_answer_of(bool ikemesh)
{
	struct duet_options o = standin;
	struct draft heard, said;
	struct duet d;

	o.peer_is_ikemesh = ikemesh;
	duet_start(&d, &o);
	duet_core_init(&d);
	assert_int_not_equal(d.expected, 0);
	/* said before the request leaves: IKE_SA_INIT was the last */
	assert_int_equal(d.expected_at, 1);
	duet_hear(&d, EXCHANGE_IKE_AUTH, false, &heard);
	peer_answer_auth(&d.peer, &heard, &said);
	draft_free(&heard);
	duet_say(&d, &said);
	assert_int_equal(d.expected, d.peer.esp_out);
	duet_assert_child(&d);
	duet_end(&d);
}

static void test_esp_may_come_before_the_answer(void **state)
{
	(void)state;
	esp_before_the_answer_of(false);
	esp_before_the_answer_of(true);
}

static uint32_t sending_on(struct duet *d)
{
	const struct fake_sa *a = fake_kernel_sa(&d->kernel, &d->them.ip, d->peer.esp_in);

	return a != NULL ? a->spec.spi : 0;
}

/*
 * The peer has authenticated anew and ends the old IKE SA before it has sent anything on the new
 * one, as it has nothing to send but answers: we go on without a gap.
 */
static void test_the_old_ike_sa_goes_first(void **state)
{
	struct draft said, heard;
	struct peer old, new;
	struct duet d;

	(void)state;
	duet_start(&d, &standin);
	duet_peer_up(&d);
	old = d.peer;
	d.peer = (struct peer){ .doer = old.doer,
				.spec = old.spec,
				.rng = old.rng,
				.self = old.self,
				.other = old.other };
	peer_init(&d.peer);
	duet_peer_init(&d);
	/* <-- IKE_AUTH { IDi, CERT, CERTREQ, AUTH, SA, TSi, TSr } */
	peer_ask_auth(&d.peer, &said);
	duet_say(&d, &said);
	duet_hear(&d, EXCHANGE_IKE_AUTH, true, &heard);
	peer_take_auth(&d.peer, &heard);
	draft_free(&heard);
	assert_int_equal(sending_on(&d), 0);
	new = d.peer;
	d.peer = old;
	/* <-- INFORMATIONAL { D(IKE) }, in the old one */
	peer_ask_delete_ike(&d.peer, &said);
	duet_say(&d, &said);
	assert_int_equal(sending_on(&d), 0); /* of the old ones none is left */
	old = d.peer;
	d.peer = new;
	assert_int_equal(sending_on(&d), d.peer.esp_in);
	assert_int_equal(fake_kernel_count(&d.kernel, &d.us.ip, &d.them.ip, false), 1);
	peer_wipe(&old);
	duet_end(&d);
}

static void test_what_an_answer_holds(void **state)
{
	struct duet d;
	struct draft said, heard;

	(void)state;
	ask(&d, &real, &said);
	duet_say(&d, &said);
	duet_hear(&d, EXCHANGE_IKE_AUTH, true, &heard);
	check_contents(&heard, &d, false);
	assert_int_equal(peer_check_auth(&d.peer, &heard), VERDICT_GOOD);
	draft_free(&heard);
	duet_end(&d);
}

/* --- fragments, RFC 7383 --- */

static void test_fragments_heard(void **state)
{
	static const size_t limits[] = { 300, 548, 1232 };

	(void)state;
	for (size_t i = 0; i < 3; i++) {
		struct duet d;
		struct draft said, heard;

		ask(&d, &real, &said);
		duet_say_fragmented(&d, &said, limits[i]);
		duet_hear(&d, EXCHANGE_IKE_AUTH, true, &heard);
		assert_int_equal(draft_error(&heard), 0);
		peer_take_auth(&d.peer, &heard);
		draft_free(&heard);
		duet_wait(&d, 6 * SECOND);
		duet_assert_child(&d);
		duet_end(&d);
	}
}

/* In any order, some twice; the answer comes once. */
static void test_fragments_out_of_order(void **state)
{
	struct duet d;
	struct draft said, heard;
	struct blob parts[32];
	size_t n;

	(void)state;
	ask(&d, &standin, &said);
	n = peer_seal_fragments(&d.peer, &said, 300, parts, 32);
	draft_free(&said);
	assert_true(n > 4);
	for (size_t i = n; i > 0; i--) {
		duet_hear_nothing(&d);
		duet_give(&d, blob_view(&parts[i - 1]));
		if (i % 2 == 0)
			duet_give(&d, blob_view(&parts[i - 1]));
	}
	duet_hear(&d, EXCHANGE_IKE_AUTH, true, &heard);
	assert_int_equal(draft_error(&heard), 0);
	draft_free(&heard);
	duet_hear_nothing(&d);
	/* RFC 7383 2.6.1: only the first fragment of a repeated request asks for the answer. */
	for (size_t i = 1; i < n; i++)
		duet_give(&d, blob_view(&parts[i]));
	duet_hear_nothing(&d);
	duet_give(&d, blob_view(&parts[0]));
	assert_true(duet_waiting(&d) > 0);
	for (size_t i = 0; i < n; i++)
		blob_free(&parts[i]);
	duet_end(&d);
}

/* Datagrams of the core stay below what every network carries, and only if the peer can. */
static void test_fragments_said(void **state)
{
	(void)state;
	for (int v6 = 0; v6 <= 1; v6++) {
		const struct duet_options o = { .ipv6 = v6 != 0 };
		struct duet d;
		const struct duet_datagram *x;

		duet_start(&d, &o);
		duet_core_init(&d);
		for (size_t n = duet_waiting(&d); n > 0; n--) {
			x = duet_take(&d);
			assert_in_range(x->b.n, 1, v6 ? 1280 - 48 : 1280 - 28);
		}
		duet_end(&d);
	}
}

static void test_no_fragments_for_who_cannot(void **state)
{
	struct duet d;
	struct draft heard, said;

	(void)state;
	duet_start(&d, &standin);
	duet_acquire(&d);
	duet_hear(&d, EXCHANGE_IKE_SA_INIT, false, &heard);
	peer_answer_init(&d.peer, &heard, &said);
	draft_free(&heard);
	draft_drop_notify(&said, NOTIFY_IKEV2_FRAGMENTATION_SUPPORTED);
	duet_say(&d, &said);
	assert_int_equal(duet_waiting(&d), 1);
	duet_hear(&d, EXCHANGE_IKE_AUTH, false, &heard);
	draft_free(&heard);
	duet_end(&d);
}

/* --- signatures --- */

/* RFC 7427: whoever announced no hashes gets the old method, and may use it. */
static void test_peer_without_rfc7427(void **state)
{
	struct duet d;
	struct draft said, heard;
	uint8_t method;
	struct bytes data;

	(void)state;
	duet_start(&d, &real);
	peer_ask_init(&d.peer, &said);
	draft_drop_notify(&said, NOTIFY_SIGNATURE_HASH_ALGORITHMS);
	duet_say(&d, &said);
	duet_hear(&d, EXCHANGE_IKE_SA_INIT, true, &heard);
	peer_take_init(&d.peer, &heard);
	d.peer.other_hashes = 0;
	draft_free(&heard);
	peer_ask_auth(&d.peer, &said);
	assert_true(auth_decode(blob_view(&draft_find(&said, PAYLOAD_AUTH)->body), &method, &data));
	assert_int_equal(method, AUTH_METHOD_RSA_SHA1);
	duet_say(&d, &said);
	duet_hear(&d, EXCHANGE_IKE_AUTH, true, &heard);
	assert_int_equal(draft_error(&heard), 0);
	assert_true(
		auth_decode(blob_view(&draft_find(&heard, PAYLOAD_AUTH)->body), &method, &data));
	assert_int_equal(method, AUTH_METHOD_RSA_SHA1);
	assert_int_equal(peer_check_auth(&d.peer, &heard), VERDICT_GOOD);
	draft_free(&heard);
	duet_end(&d);
}

/* One bit of the signature, of the signed identity, of the certificate. */
static void test_forged_proof(void **state)
{
	static const uint8_t types[] = { PAYLOAD_AUTH, PAYLOAD_IDI, PAYLOAD_CERT };

	(void)state;
	for (size_t i = 0; i < sizeof types; i++) {
		struct duet d;
		struct draft said;
		struct draft_payload *p;

		ask(&d, &real, &said);
		p = draft_find(&said, types[i]);
		p->body.p[p->body.n - 1] ^= 1;
		refused(&d, &said, NOTIFY_AUTHENTICATION_FAILED);
	}
}

static void test_forged_proof_in_the_answer(void **state)
{
	static const uint8_t types[] = { PAYLOAD_AUTH, PAYLOAD_IDR, PAYLOAD_CERT };

	(void)state;
	for (size_t i = 0; i < sizeof types; i++) {
		struct duet d;
		struct draft said;
		struct draft_payload *p;

		answer(&d, &real, &said);
		p = draft_find(&said, types[i]);
		p->body.p[p->body.n - 1] ^= 1;
		fails(&d, &said);
	}
}

/* Another CA, dates: whatever the verdict, the peer hears one thing and we say why. */
static void test_verdicts(void **state)
{
	static const enum verdict verdicts[] = { VERDICT_NO_TRUSTED_CA, VERDICT_EXPIRED,
						 VERDICT_NOT_YET_VALID, VERDICT_WEAK_KEY,
						 VERDICT_WRONG_KEY_TYPE };

	(void)state;
	for (size_t i = 0; i < sizeof verdicts / sizeof verdicts[0]; i++) {
		struct duet d;
		struct draft said, heard;

		ask(&d, &standin, &said);
		d.doer.verdict = verdicts[i];
		duet_say(&d, &said);
		duet_hear(&d, EXCHANGE_IKE_AUTH, true, &heard);
		assert_int_equal(draft_error(&heard), NOTIFY_AUTHENTICATION_FAILED);
		draft_free(&heard);
		assert_true(duet_reported(&d, verdict_name(verdicts[i])));
		duet_end(&d);

		answer(&d, &standin, &said);
		d.doer.verdict = verdicts[i];
		duet_say(&d, &said);
		assert_true(duet_reported(&d, verdict_name(verdicts[i])));
		assert_int_equal(d.kernel.n_sas, 0);
		duet_end(&d);
	}
}

/* T34 */
static void test_auth_methods(void **state)
{
	static const uint8_t methods[] = { 0, 2, 9, 10, 11, 13, 255 };

	(void)state;
	for (size_t i = 0; i < sizeof methods; i++) {
		struct duet d;
		struct draft said;
		uint8_t data[256] = { 1, 2, 3 };

		ask(&d, &real, &said);
		peer_set_auth(&said, methods[i], BYTES(data, sizeof data));
		refused(&d, &said, NOTIFY_AUTHENTICATION_FAILED);
		answer(&d, &real, &said);
		peer_set_auth(&said, methods[i], BYTES(data, sizeof data));
		fails(&d, &said);
	}
}

/* T57: lengths and values that no signature has. */
static void test_signature_lengths(void **state)
{
	static const size_t lengths[] = { 0, 1, 255, 257, 512 };

	(void)state;
	for (size_t i = 0; i < 5; i++) {
		struct duet d;
		struct draft said;
		uint8_t data[512];

		memset(data, 0xff, sizeof data);
		ask(&d, &real, &said);
		peer_set_auth(&said, AUTH_METHOD_RSA_SHA1, BYTES(data, lengths[i]));
		refused(&d, &said, NOTIFY_AUTHENTICATION_FAILED);
	}
}

/* T33, T34: no proof at all (EAP is wanted then, which there is not). */
static void test_no_auth_payload(void **state)
{
	struct duet d;
	struct draft said, heard;

	(void)state;
	ask(&d, &standin, &said);
	draft_drop(&said, PAYLOAD_AUTH);
	duet_say(&d, &said);
	duet_hear(&d, EXCHANGE_IKE_AUTH, true, &heard);
	assert_true(draft_error(&heard) == NOTIFY_AUTHENTICATION_FAILED ||
		    draft_error(&heard) == NOTIFY_INVALID_SYNTAX);
	assert_false(draft_has(&heard, PAYLOAD_AUTH));
	draft_free(&heard);
	assert_int_equal(d.kernel.n_sas, 0);
	duet_end(&d);
	answer(&d, &standin, &said);
	draft_drop(&said, PAYLOAD_AUTH);
	fails(&d, &said);
}

static void test_eap(void **state)
{
	static const uint8_t success[] = { 3, 1, 0, 4 };
	struct duet d;
	struct draft said, heard;

	(void)state;
	ask(&d, &standin, &said);
	draft_drop(&said, PAYLOAD_AUTH);
	draft_add(&said, PAYLOAD_EAP, BYTES(success, sizeof success));
	duet_say(&d, &said);
	duet_hear(&d, EXCHANGE_IKE_AUTH, true, &heard);
	assert_true(draft_error(&heard) != 0);
	draft_free(&heard);
	assert_int_equal(d.kernel.n_sas, 0);
	duet_end(&d);
	answer(&d, &standin, &said);
	draft_drop(&said, PAYLOAD_AUTH);
	draft_add(&said, PAYLOAD_EAP, BYTES(success, sizeof success));
	fails(&d, &said);
}

/* T35: only the verified leaf's key counts. */
static void test_two_certificates(void **state)
{
	(void)state;
	for (int attacker_first = 0; attacker_first <= 1; attacker_first++) {
		struct duet d;
		struct draft said, heard;
		struct blob body;
		struct draft_payload *cert;

		ask(&d, &real, &said);
		/* The core's own certificate: valid, but not of the key that signed. */
		cert_encode(draft_begin(&said), CERT_X509_SIGNATURE,
			    blob_view(&d.spec.credential.certs[0]));
		draft_end(&said);
		body = draft_take_last(&said);
		cert = draft_find(&said, PAYLOAD_CERT);
		draft_insert(&said, (size_t)(cert - said.p) + (attacker_first ? 0 : 1),
			     PAYLOAD_CERT, blob_view(&body));
		blob_free(&body);
		if (attacker_first) {
			refused(&d, &said, NOTIFY_AUTHENTICATION_FAILED);
			continue;
		}
		duet_say(&d, &said);
		duet_hear(&d, EXCHANGE_IKE_AUTH, true, &heard);
		assert_int_equal(draft_error(&heard), 0);
		draft_free(&heard);
		duet_end(&d);
	}
}

/* T68: encodings that we do not have, empty ones, and too many. */
static void test_certificate_payloads(void **state)
{
	static const uint8_t encodings[] = { 0, 1, 7, 11, 12, 13, 200 };

	(void)state;
	for (size_t i = 0; i < sizeof encodings; i++) {
		struct duet d;
		struct draft said;

		ask(&d, &real, &said);
		draft_find(&said, PAYLOAD_CERT)->body.p[0] = encodings[i];
		refused(&d, &said, NOTIFY_AUTHENTICATION_FAILED);
	}
	for (size_t n = 9; n <= 60; n += 51) {
		struct duet d;
		struct draft said, heard;

		ask(&d, &standin, &said);
		for (size_t i = 1; i < n; i++)
			draft_add(&said, PAYLOAD_CERT, BYTES((const uint8_t *)"\x04x", 2));
		duet_say_fragmented(&d, &said, 1200);
		duet_hear(&d, EXCHANGE_IKE_AUTH, true, &heard);
		draft_free(&heard); /* a limit, or more than is looked at: both are fine */
		duet_end(&d);
	}
}

/* RFC 4945 3.1, T36: an identity that the certificate does not have. */
static void test_identity_of_another(void **state)
{
	struct duet d;
	struct draft said;
	struct blob body;

	(void)state;
	ask(&d, &real, &said);
	id_encode(draft_begin(&said), PAYLOAD_IDI, ID_DER_ASN1_DN,
		  blob_view(&d.spec.credential.id));
	draft_end(&said);
	body = draft_take_last(&said);
	draft_set(draft_find(&said, PAYLOAD_IDI), blob_view(&body));
	blob_free(&body);
	peer_sign(&d.peer, &said);
	refused(&d, &said, NOTIFY_AUTHENTICATION_FAILED);
}

static void test_identity_types(void **state)
{
	static const uint8_t types[] = {
		0,	   ID_IPV4_ADDR, ID_FQDN, ID_RFC822_ADDR, ID_IPV6_ADDR, ID_DER_ASN1_GN,
		ID_KEY_ID, 255
	};

	(void)state;
	for (size_t i = 0; i < sizeof types; i++) {
		struct duet d;
		struct draft said;

		ask(&d, &real, &said);
		draft_find(&said, PAYLOAD_IDI)->body.p[0] = types[i];
		peer_sign(&d.peer, &said);
		/* An address of another length than its type has is no syntax. */
		refused(&d, &said,
			types[i] == ID_IPV4_ADDR || types[i] == ID_IPV6_ADDR
				? NOTIFY_INVALID_SYNTAX
				: NOTIFY_AUTHENTICATION_FAILED);
	}
}

/* The peer refuses us: it is remembered, with the reason. */
static void test_authentication_failed_heard(void **state)
{
	struct duet d;
	struct draft heard, said;

	(void)state;
	duet_start(&d, &standin);
	duet_core_init(&d);
	duet_hear(&d, EXCHANGE_IKE_AUTH, false, &heard);
	/* <-- IKE_AUTH { N(AUTHENTICATION_FAILED) } */
	peer_answer(&d.peer, &heard, &said);
	draft_free(&heard);
	draft_add_notify(&said, NOTIFY_AUTHENTICATION_FAILED, BYTES_NONE);
	duet_say(&d, &said);
	assert_true(duet_reported(&d, "AUTHENTICATION_FAILED"));
	duet_hear_nothing(&d);
	duet_assert_empty(&d);
	duet_end(&d);
}

/* --- the CHILD_SA --- */

/* Without USE_TRANSPORT_MODE tunnel mode was asked for: not this child. */
static void test_tunnel_mode_asked_for(void **state)
{
	struct duet d;
	struct draft said, heard;

	(void)state;
	ask(&d, &standin, &said);
	draft_drop_notify(&said, NOTIFY_USE_TRANSPORT_MODE);
	duet_say(&d, &said);
	duet_hear(&d, EXCHANGE_IKE_AUTH, true, &heard);
	assert_true(draft_error(&heard) != 0);
	assert_false(draft_has(&heard, PAYLOAD_SA));
	draft_free(&heard);
	assert_int_equal(d.kernel.n_sas, 0);
	duet_end(&d);
}

/* The answer lacks it: the child is refused, and deleted at the peer, which has it installed. */
static void test_tunnel_mode_answered(void **state)
{
	struct duet d;
	struct draft said, heard;

	(void)state;
	answer(&d, &standin, &said);
	draft_drop_notify(&said, NOTIFY_USE_TRANSPORT_MODE);
	duet_say(&d, &said);
	assert_int_equal(d.kernel.n_sas, 0);
	assert_int_equal(duet_counters(&d).child_sas, 0);
	duet_hear(&d, EXCHANGE_INFORMATIONAL, false, &heard);
	assert_true(draft_has(&heard, PAYLOAD_DELETE));
	draft_free(&heard);
	duet_end(&d);
}

/* Its place and the place of others is free. */
static void test_payload_order(void **state)
{
	struct duet d;
	struct draft said, heard;

	(void)state;
	ask(&d, &standin, &said);
	for (size_t i = 0; i < said.n / 2; i++) {
		struct draft_payload p = said.p[i];

		said.p[i] = said.p[said.n - 1 - i];
		said.p[said.n - 1 - i] = p;
	}
	duet_say(&d, &said);
	duet_hear(&d, EXCHANGE_IKE_AUTH, true, &heard);
	assert_int_equal(draft_error(&heard), 0);
	peer_take_auth(&d.peer, &heard);
	draft_free(&heard);
	duet_wait(&d, 6 * SECOND);
	duet_assert_child(&d);
	duet_end(&d);
}

static void set_ts(struct draft *said, uint8_t type, const struct ts *ts, size_t n)
{
	struct blob body;

	ts_encode(draft_begin(said), type, ts, n);
	draft_end(said);
	body = draft_take_last(said);
	draft_set(draft_find(said, type), blob_view(&body));
	blob_free(&body);
}

static struct ts ts_of(struct ip from, struct ip to, uint8_t protocol)
{
	return (struct ts){ .family = from.family,
			    .protocol = protocol,
			    .end_port = 65535,
			    .start = from,
			    .end = to };
}

/* Design 12: a peer speaks for its own address only. */
static void test_selectors_of_others(void **state)
{
	const struct ip us = fleet_address(1, false), third = fleet_address(3, false);
	const struct ts wrong[] = {
		ts_of(third, third, 0),
		ts_of(ip_v4(192, 0, 2, 1), ip_v4(192, 0, 2, 9), 0),
		ts_of(us, us, 0),
	};

	(void)state;
	for (size_t i = 0; i < 3; i++) {
		struct duet d;
		struct draft said;

		ask(&d, &standin, &said);
		set_ts(&said, PAYLOAD_TSI, &wrong[i], 1);
		child_refused(&d, &said, NOTIFY_TS_UNACCEPTABLE);
	}
	for (size_t i = 0; i < 2; i++) {
		struct duet d;
		struct draft said;

		ask(&d, &standin, &said);
		set_ts(&said, PAYLOAD_TSR, &wrong[i], 1);
		child_refused(&d, &said, NOTIFY_TS_UNACCEPTABLE);
	}
}

/* A trap elsewhere: the packet's own selector first, then the wide ones. Narrowed to hosts. */
static void test_selectors_are_narrowed(void **state)
{
	const struct ip all_from = ip_v4(0, 0, 0, 0), all_to = ip_v4(255, 255, 255, 255);
	struct ts tsi[2], tsr[2];
	struct ts_list list;
	struct duet d;
	struct draft said, heard;

	(void)state;
	ask(&d, &standin, &said);
	tsi[0] = ts_of(d.them.ip, d.them.ip, 6);
	tsi[0].start_port = tsi[0].end_port = 40000;
	tsi[1] = ts_of(all_from, all_to, 0);
	tsr[0] = ts_of(d.us.ip, d.us.ip, 6);
	tsr[0].start_port = tsr[0].end_port = 80;
	tsr[1] = ts_of(all_from, all_to, 0);
	set_ts(&said, PAYLOAD_TSI, tsi, 2);
	set_ts(&said, PAYLOAD_TSR, tsr, 2);
	duet_say(&d, &said);
	duet_hear(&d, EXCHANGE_IKE_AUTH, true, &heard);
	assert_int_equal(draft_error(&heard), 0);
	assert_true(ts_decode(blob_view(&draft_find(&heard, PAYLOAD_TSI)->body), &list));
	assert_true(ip_equal(&list.t[0].start, &d.them.ip));
	assert_true(ip_equal(&list.t[0].end, &d.them.ip));
	assert_int_equal(list.t[0].protocol, 0);
	assert_true(ts_decode(blob_view(&draft_find(&heard, PAYLOAD_TSR)->body), &list));
	assert_true(ip_equal(&list.t[0].start, &d.us.ip));
	assert_int_equal(list.t[0].end_port, 65535);
	draft_free(&heard);
	duet_end(&d);
}

/* T29: shapes that no selector has. Octets of the body, then what is refused. */
static void test_malformed_selectors(void **state)
{
	static const struct {
		size_t at;
		uint8_t value;
	} changes[] = {
		{ 0, 0 },   { 0, 2 }, { 0, 255 },	     /* number of selectors */
		{ 7, 0 },   { 7, 7 }, { 7, 15 },  { 7, 41 }, /* length of one */
		{ 4, 0 },   { 4, 8 }, /* type: none, IPv6 with IPv4's length */
		{ 12, 11 },	      /* starts above its end */
	};

	(void)state;
	for (size_t i = 0; i < sizeof changes / sizeof changes[0]; i++) {
		struct duet d;
		struct draft said, heard;

		ask(&d, &standin, &said);
		draft_find(&said, PAYLOAD_TSI)->body.p[changes[i].at] = changes[i].value;
		duet_say(&d, &said);
		duet_hear(&d, EXCHANGE_IKE_AUTH, true, &heard);
		assert_true(draft_error(&heard) == NOTIFY_TS_UNACCEPTABLE ||
			    draft_error(&heard) == NOTIFY_INVALID_SYNTAX);
		draft_free(&heard);
		assert_int_equal(d.kernel.n_sas, 0);
		assert_int_equal(duet_counters(&d).child_sas, 0);
		duet_end(&d);
	}
}

/* The answer's selectors leave what we asked for: RFC 7296 2.9. */
static void test_answered_selectors_of_others(void **state)
{
	const struct ts third = ts_of(fleet_address(3, false), fleet_address(3, false), 0);
	const struct ts wide = ts_of(ip_v4(0, 0, 0, 0), ip_v4(255, 255, 255, 255), 0);

	(void)state;
	for (int i = 0; i < 4; i++) {
		struct duet d;
		struct draft said;

		answer(&d, &standin, &said);
		set_ts(&said, i & 1 ? PAYLOAD_TSI : PAYLOAD_TSR, i & 2 ? &third : &wide, 1);
		duet_say(&d, &said);
		assert_int_equal(d.kernel.n_sas, 0);
		assert_int_equal(duet_counters(&d).child_sas, 0);
		duet_end(&d);
	}
}

static void set_esp(struct duet *d, struct draft *said, const struct proposal_spec *p,
		    struct bytes spi)
{
	struct blob body = body_sa(PROTO_ESP, spi, p, 1);

	(void)d;
	draft_set(draft_find(said, PAYLOAD_SA), blob_view(&body));
	blob_free(&body);
}

/* T32 and its kin. */
static void test_esp_proposals(void **state)
{
	static const struct transform wrong[] = {
		{ .type = TRANSFORM_ENCR, .id = 11 },		       /* NULL */
		{ .type = TRANSFORM_ENCR, .id = 21, .key_bits = 128 }, /* AES-GMAC */
		{ .type = TRANSFORM_ENCR, .id = ENCR_AES_GCM_16, .key_bits = 0 },
		{ .type = TRANSFORM_ENCR, .id = ENCR_AES_GCM_16, .key_bits = 7 },
		{ .type = TRANSFORM_ENCR, .id = ENCR_AES_GCM_16, .key_bits = 192 },
		{ .type = TRANSFORM_ENCR, .id = ENCR_AES_GCM_16, .key_bits = 65535 },
		{ .type = TRANSFORM_ESN, .id = ESN_YES },
		{ .type = TRANSFORM_ESN, .id = 2 },
	};
	static const uint8_t spi[] = { 1, 2, 3, 4 };

	(void)state;
	for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
		struct duet d;
		struct draft said;
		struct proposal_spec p;

		ask(&d, &standin, &said);
		p = d.peer_spec.esp[0];
		for (size_t j = 0; j < p.n; j++)
			if (p.t[j].type == wrong[i].type)
				p.t[j] = wrong[i];
		set_esp(&d, &said, &p, BYTES(spi, 4));
		child_refused(&d, &said, NOTIFY_NO_PROPOSAL_CHOSEN);
	}
}

/* An SPI of ESP is four octets, and not below 256 (RFC 4303 2.1). */
static void test_esp_spis(void **state)
{
	static const struct {
		uint8_t b[8];
		size_t n;
	} spis[] = { { { 0 }, 0 },
		     { { 1, 2, 3 }, 3 },
		     { { 1, 2, 3, 4, 5, 6, 7, 8 }, 8 },
		     { { 0, 0, 0, 0 }, 4 } };

	(void)state;
	for (size_t i = 0; i < sizeof spis / sizeof spis[0]; i++) {
		struct duet d;
		struct draft said, heard;

		ask(&d, &standin, &said);
		set_esp(&d, &said, &d.peer_spec.esp[0], BYTES(spis[i].b, spis[i].n));
		duet_say(&d, &said);
		duet_hear(&d, EXCHANGE_IKE_AUTH, true, &heard);
		if (draft_error(&heard) == 0)
			fail_msg("an ESP SPI of %zu octets was taken", spis[i].n);
		draft_free(&heard);
		assert_int_equal(d.kernel.n_sas, 0);
		duet_end(&d);
	}
}

static void test_esp_answer_with_another_suite(void **state)
{
	static const uint8_t spi[] = { 1, 2, 3, 4 };

	(void)state;
	for (int i = 0; i < 2; i++) {
		struct duet d;
		struct draft said;
		struct proposal_spec p;

		answer(&d, &standin, &said);
		p = d.peer_spec.esp[0];
		if (i == 0)
			p.t[0].key_bits = 256;
		else
			p.t[1].id = ESN_YES;
		set_esp(&d, &said, &p, BYTES(spi, 4));
		duet_say(&d, &said);
		assert_int_equal(d.kernel.n_sas, 0);
		assert_int_equal(duet_counters(&d).child_sas, 0);
		duet_end(&d);
	}
}

/* T23: what may be there once. */
static void test_payload_twice(void **state)
{
	static const uint8_t types[] = { PAYLOAD_IDI, PAYLOAD_AUTH, PAYLOAD_SA, PAYLOAD_TSI,
					 PAYLOAD_TSR };

	(void)state;
	for (size_t i = 0; i < sizeof types; i++) {
		struct duet d;
		struct draft said, heard;

		ask(&d, &standin, &said);
		draft_double(&said, types[i]);
		duet_say(&d, &said);
		duet_hear(&d, EXCHANGE_IKE_AUTH, true, &heard);
		assert_int_equal(draft_error(&heard), NOTIFY_INVALID_SYNTAX);
		draft_free(&heard);
		assert_int_equal(d.kernel.n_sas, 0);
		duet_end(&d);
	}
}

/* The peer keeps the IKE SA and refuses the child: IDr CERT AUTH N(error). */
static void test_child_refused_by_the_peer(void **state)
{
	static const uint16_t errors[] = { NOTIFY_NO_PROPOSAL_CHOSEN, NOTIFY_TS_UNACCEPTABLE,
					   NOTIFY_INTERNAL_ADDRESS_FAILURE };

	(void)state;
	for (size_t i = 0; i < 3; i++) {
		struct duet d;
		struct draft said;

		answer(&d, &standin, &said);
		draft_drop(&said, PAYLOAD_SA);
		draft_drop(&said, PAYLOAD_TSI);
		draft_drop(&said, PAYLOAD_TSR);
		draft_drop_notify(&said, NOTIFY_USE_TRANSPORT_MODE);
		draft_add_notify(&said, errors[i], BYTES_NONE);
		duet_say(&d, &said);
		assert_int_equal(d.kernel.n_sas, 0);
		assert_int_equal(duet_counters(&d).child_sas, 0);
		assert_true(duet_reported(&d, notify_name(errors[i])));
		duet_end(&d);
	}
}

/* --- who may ask --- */

/* An address in no list, or in a bypassed one, gets no SA. */
static void test_address_outside_the_subnets(void **state)
{
	const struct ip others[] = { ip_v4(192, 0, 2, 1), ip_v4(10, 255, 0, 1) };

	(void)state;
	for (size_t i = 0; i < 2; i++) {
		struct duet d;
		struct draft said, heard;

		duet_start(&d, &standin);
		d.them.ip = d.peer.self.ip = others[i];
		peer_ask_init(&d.peer, &said);
		duet_say(&d, &said);
		if (duet_waiting(&d) == 0) {
			draft_free(&said);
			duet_end(&d);
			continue;
		}
		duet_hear(&d, EXCHANGE_IKE_SA_INIT, true, &heard);
		if (draft_error(&heard) == 0) {
			peer_take_init(&d.peer, &heard);
			peer_ask_auth(&d.peer, &said);
			duet_say(&d, &said);
			draft_free(&heard);
			duet_hear(&d, EXCHANGE_IKE_AUTH, true, &heard);
			assert_true(draft_error(&heard) != 0);
		}
		draft_free(&heard);
		assert_int_equal(d.kernel.n_sas, 0);
		duet_end(&d);
	}
}

/* --- the same request again --- */

static void test_repeated_request(void **state)
{
	struct duet d;
	struct draft said, heard;
	struct blob auth;
	const struct duet_datagram *first[4], *again;
	size_t n = 0;

	(void)state;
	ask(&d, &standin, &said);
	auth = peer_seal(&d.peer, &said);
	draft_free(&said);
	duet_give(&d, blob_view(&auth));
	while (duet_waiting(&d) > 0 && n < 4)
		first[n++] = duet_take(&d);
	assert_true(n > 0);
	duet_log(&d);
	for (int i = 0; i < 3; i++) {
		duet_give(&d, blob_view(&auth));
		for (size_t j = 0; j < n; j++) {
			again = duet_take(&d);
			assert_non_null(again);
			assert_true(bytes_equal(blob_view(&again->b), blob_view(&first[j]->b)));
		}
	}
	duet_hear_nothing(&d);
	assert_int_equal(d.kernel.n_sas, 2); /* nothing twice */
	assert_null(strpbrk(duet_log(&d), "+-:"));
	(void)heard;
	blob_free(&auth);
	duet_end(&d);
}

/* T27: what does not verify is dropped, and the genuine one is still taken; one DH in all. */
static void test_wrong_keys_before_the_right_ones(void **state)
{
	struct duet d;
	struct draft said, heard;
	struct blob bad, good;

	(void)state;
	ask(&d, &standin, &said);
	good = peer_seal(&d.peer, &said);
	d.peer.sk_ai.b[0] ^= 1;
	bad = peer_seal(&d.peer, &said);
	d.peer.sk_ai.b[0] ^= 1;
	draft_free(&said);
	duet_log(&d);
	for (int i = 0; i < 50; i++)
		duet_give(&d, blob_view(&bad));
	duet_hear_nothing(&d);
	assert_string_equal(duet_log(&d), "");
	duet_give(&d, blob_view(&good));
	duet_hear(&d, EXCHANGE_IKE_AUTH, true, &heard);
	assert_int_equal(draft_error(&heard), 0);
	draft_free(&heard);
	blob_free(&good);
	blob_free(&bad);
	duet_end(&d);
}

/* --- INITIAL_CONTACT --- */

/* RFC 7296 2.4, design 7: sent by a peer that started afresh: its older SAs go. */
static void test_initial_contact_heard(void **state)
{
	struct duet d;
	struct draft said, heard;

	(void)state;
	duet_start(&d, &standin);
	duet_peer_up(&d);
	duet_wait(&d, 10 * SECOND);
	assert_int_equal(d.kernel.n_sas, 2);
	peer_wipe(&d.peer);
	duet_peer_init(&d);
	peer_ask_auth(&d.peer, &said);
	draft_add_notify(&said, NOTIFY_INITIAL_CONTACT, BYTES_NONE);
	duet_say(&d, &said);
	duet_hear(&d, EXCHANGE_IKE_AUTH, true, &heard);
	assert_int_equal(draft_error(&heard), 0);
	peer_take_auth(&d.peer, &heard);
	draft_free(&heard);
	duet_wait(&d, 10 * SECOND);
	duet_assert_child(&d);
	assert_int_equal(duet_counters(&d).ike_sas, 1);
	duet_end(&d);
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_what_a_request_holds),
		cmocka_unit_test(test_what_an_answer_holds),
		cmocka_unit_test(test_esp_may_come_before_the_answer),
		cmocka_unit_test(test_the_old_ike_sa_goes_first),
		cmocka_unit_test(test_fragments_heard),
		cmocka_unit_test(test_fragments_out_of_order),
		cmocka_unit_test(test_fragments_said),
		cmocka_unit_test(test_no_fragments_for_who_cannot),
		cmocka_unit_test(test_peer_without_rfc7427),
		cmocka_unit_test(test_forged_proof),
		cmocka_unit_test(test_forged_proof_in_the_answer),
		cmocka_unit_test(test_verdicts),
		cmocka_unit_test(test_auth_methods),
		cmocka_unit_test(test_signature_lengths),
		cmocka_unit_test(test_no_auth_payload),
		cmocka_unit_test(test_eap),
		cmocka_unit_test(test_two_certificates),
		cmocka_unit_test(test_certificate_payloads),
		cmocka_unit_test(test_identity_of_another),
		cmocka_unit_test(test_identity_types),
		cmocka_unit_test(test_authentication_failed_heard),
		cmocka_unit_test(test_tunnel_mode_asked_for),
		cmocka_unit_test(test_tunnel_mode_answered),
		cmocka_unit_test(test_payload_order),
		cmocka_unit_test(test_selectors_of_others),
		cmocka_unit_test(test_selectors_are_narrowed),
		cmocka_unit_test(test_malformed_selectors),
		cmocka_unit_test(test_answered_selectors_of_others),
		cmocka_unit_test(test_esp_proposals),
		cmocka_unit_test(test_esp_spis),
		cmocka_unit_test(test_esp_answer_with_another_suite),
		cmocka_unit_test(test_payload_twice),
		cmocka_unit_test(test_child_refused_by_the_peer),
		cmocka_unit_test(test_address_outside_the_subnets),
		cmocka_unit_test(test_repeated_request),
		cmocka_unit_test(test_wrong_keys_before_the_right_ones),
		cmocka_unit_test(test_initial_contact_heard),
	};

	if (argc > 1)
		cmocka_set_test_filter(argv[1]);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
