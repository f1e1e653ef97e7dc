/* SPDX-License-Identifier: Apache-2.0 */
/* Each limit at its edge: what is allowed goes through, one more does not, and is counted. */
#include "crypto/trust.h"
#include "ike/load.h"
#include "ike/peer_certs.h"
#include "sim/duet.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define SECOND INT64_C(1000000)

static const struct duet_options standin;
static const struct duet_options ipv6 = { .ipv6 = true };

static uint64_t reached(struct duet *d, enum limit which)
{
	return duet_counters(d).tally.limits[which];
}

static void forget_sent(struct duet *d)
{
	for (size_t i = 0; i < d->n_sent; i++)
		blob_free(&d->sent[i].b);
	d->n_sent = d->taken = 0;
	d->reports[0] = d->log[0] = d->happened[0] = '\0';
}

/* --- IKE_SA_INIT of strangers ----------------------------------------------------------------- */

enum welcome {
	SILENCE,
	ANSWERED,
	COOKIE_ASKED,
	REFUSED,
};

/* What the core says to the request of a peer at this address. */
static enum welcome knock(struct duet *d, const struct ip *from, struct draft *said)
{
	const struct endpoint at = { .ip = *from, .port = 500 };
	struct blob message = peer_encode(&d->peer, said);
	const struct duet_datagram *answer;
	enum welcome w = SILENCE;
	struct draft heard;

	draft_free(said);
	forget_sent(d);
	duet_give_from(d, &at, &d->us, blob_view(&message));
	blob_free(&message);
	answer = duet_take(d);
	if (answer == NULL)
		return SILENCE;
	assert_true(endpoint_equal(&answer->remote, &at));
	assert_int_equal(peer_open(&d->peer, blob_view(&answer->b), &heard), 0);
	if (draft_has_notify(&heard, NOTIFY_COOKIE)) {
		w = COOKIE_ASKED;
		blob_free(&d->peer.cookie);
		assert_int_equal(
			blob_copy(&d->peer.cookie, draft_notify_data(&heard, NOTIFY_COOKIE)), 0);
	} else {
		w = draft_error(&heard) != 0 ? REFUSED : ANSWERED;
	}
	draft_free(&heard);
	forget_sent(d);
	return w;
}

/* A new IKE SA of whoever is there; returns a cookie if it is asked for one. */
static enum welcome begin(struct duet *d, const struct ip *from, bool returns_cookie)
{
	struct draft said;
	enum welcome w;

	peer_wipe(&d->peer);
	d->peer.self.ip = *from;
	peer_ask_init(&d->peer, &said);
	w = knock(d, from, &said);
	if (w != COOKIE_ASKED || !returns_cookie)
		return w;
	peer_ask_init(&d->peer, &said);
	return knock(d, from, &said);
}

static struct ip host(unsigned n)
{
	return ip_v4(10, 1, (uint8_t)(n >> 8), (uint8_t)n);
}

static void test_cookie_threshold(void **state)
{
	struct duet d;

	(void)state;
	duet_start(&d, &standin);
	d.spec.cookie_threshold = 5;
	for (unsigned i = 0; i < 8; i++) {
		const struct ip from = host(i);

		assert_int_equal(begin(&d, &from, false), i < 5 ? ANSWERED : COOKIE_ASKED);
		assert_int_equal(duet_counters(&d).half_open, i < 5 ? i + 1 : 5);
	}
	assert_int_equal(duet_counters(&d).cookies_sent, 3);
	/* Who returns it is served; without a place for state until then. */
	const struct ip from = host(100);
	assert_int_equal(begin(&d, &from, true), ANSWERED);
	assert_int_equal(duet_counters(&d).half_open, 6);
	duet_end(&d);
	duet_start(&d, &standin);
	d.spec.cookie_threshold = 0;
	assert_int_equal(begin(&d, &from, false), COOKIE_ASKED);
	assert_int_equal(duet_counters(&d).pairs, 0);
	assert_int_equal(begin(&d, &from, true), ANSWERED);
	duet_end(&d);
}

static void test_half_open_limit(void **state)
{
	struct duet d;

	(void)state;
	duet_start(&d, &standin);
	d.spec.half_open_limit = 40;
	for (unsigned i = 0; i < 42; i++) {
		const struct ip from = host(i);

		assert_int_equal(begin(&d, &from, true), i < 40 ? ANSWERED : SILENCE);
	}
	assert_int_equal(duet_counters(&d).half_open, 40);
	assert_int_equal(reached(&d, LIMIT_HALF_OPEN), 2);
	assert_int_equal(duet_counters(&d).tally.drops[DROP_LOAD], 2);
	/* RFC 8019 4.1: nobody keeps a place for longer than 30 s. */
	duet_wait(&d, 31 * SECOND);
	assert_int_equal(duet_counters(&d).half_open, 0);
	const struct ip from = host(300);
	assert_int_equal(begin(&d, &from, false), ANSWERED);
	duet_end(&d);
}

/* So many from there are answered, and no more; another source is. */
static void places_of(struct duet *d, const struct ip *from, size_t n, unsigned places,
		      const struct ip *another)
{
	for (unsigned i = 0; i < places + 2; i++)
		assert_int_equal(begin(d, &from[i % n], true), i < places ? ANSWERED : SILENCE);
	assert_int_equal(duet_counters(d).half_open, places);
	assert_int_equal(reached(d, LIMIT_HALF_OPEN_SOURCE), 2);
	assert_int_equal(begin(d, another, true), ANSWERED);
}

static void test_half_open_per_source(void **state)
{
	const struct ip from = host(1), another = host(2);
	struct duet d;

	(void)state;
	duet_start(&d, &standin);
	places_of(&d, &from, 1, 8, &another);
	duet_end(&d);
	duet_start(&d, &standin);
	d.spec.half_open_per_source = 1;
	places_of(&d, &from, 1, 1, &another);
	duet_end(&d);
}

/* IKE_AUTH of the peer, with one payload made anew; the answer's first error. */
static uint16_t auth_answer(struct duet *d, struct draft *said)
{
	struct draft heard;
	uint16_t error;

	duet_say_fragmented(d, said, 1400);
	duet_hear(d, EXCHANGE_IKE_AUTH, true, &heard);
	error = draft_error(&heard);
	draft_free(&heard);
	return error;
}

/* RFC 8019 4.2: who fails to prove who it is keeps its place a while, so it fails seldom. */
static void test_failed_proofs(void **state)
{
	struct duet d;
	unsigned judged = 0;

	(void)state;
	duet_start(&d, &standin);
	d.doer.verdict = VERDICT_NO_TRUSTED_CA;
	for (unsigned i = 0; i < 100; i++) {
		struct draft said, heard;
		struct blob message;

		if (begin(&d, &d.them.ip, true) != ANSWERED)
			continue;
		/* What knock() took: the answer, once more. */
		peer_ask_init(&d.peer, &said);
		message = peer_encode(&d.peer, &said);
		draft_free(&said);
		duet_give(&d, blob_view(&message));
		blob_free(&message);
		duet_hear(&d, EXCHANGE_IKE_SA_INIT, true, &heard);
		peer_take_init(&d.peer, &heard);
		draft_free(&heard);
		peer_ask_auth(&d.peer, &said);
		judged += auth_answer(&d, &said) == NOTIFY_AUTHENTICATION_FAILED;
	}
	assert_int_equal(judged, 8);
	assert_int_equal(reached(&d, LIMIT_HALF_OPEN_SOURCE), 92);
	duet_wait(&d, 31 * SECOND);
	d.doer.verdict = VERDICT_GOOD;
	peer_wipe(&d.peer);
	d.peer.self = d.them;
	forget_sent(&d);
	duet_peer_up(&d);
	duet_end(&d);
}

static struct ip v6(uint8_t first, uint8_t network, uint8_t last)
{
	const uint8_t b[16] = { first, 0, 0x0d, 0xb8, 0, 0, 0, network, [15] = last };

	return ip_from(6, b);
}

/* RFC 8019 4.2: whoever has one address of a /64 has them all. */
static void test_half_open_per_network(void **state)
{
	const struct ip from[] = { v6(0x20, 1, 1), v6(0x20, 1, 2), v6(0x20, 1, 3) };
	const struct ip another = v6(0x20, 2, 1);
	struct duet d;

	(void)state;
	duet_start(&d, &ipv6);
	places_of(&d, from, 3, 8, &another);
	duet_end(&d);
}

/* Under ipsec_subnets a fleet may live in one /64: it has half of all places. */
static void test_half_open_of_a_fleet(void **state)
{
	struct ip from[20];
	const struct ip another = v6(0xfd, 2, 1);
	struct duet d;

	(void)state;
	for (uint8_t i = 0; i < 20; i++)
		from[i] = v6(0xfd, 1, i);
	duet_start(&d, &ipv6);
	places_of(&d, from, 1, 8, &from[1]);
	duet_end(&d);
	duet_start(&d, &ipv6);
	d.spec.half_open_limit = 33;
	places_of(&d, from, 20, 17, &another);
	duet_end(&d);
}

/* So has a host whose pairs with us are many, as its addresses and ours are. */
static void test_half_open_of_a_host(void **state)
{
	const struct ip from = host(1), another = host(2);
	struct duet d;

	(void)state;
	duet_start(&d, &standin);
	d.spec.half_open_per_source = 1000;
	d.spec.half_open_limit = 33;
	places_of(&d, &from, 1, 17, &another);
	duet_end(&d);
}

/* RFC 7296 2.6: the secret is rotated; what was made under the one before is good, older is not. */
static void test_old_cookies(void **state)
{
	static const int waits[] = { 0, COOKIE_PERIOD_S - 1, COOKIE_PERIOD_S + 1,
				     2 * COOKIE_PERIOD_S + 1, 3600 };
	const struct ip from = host(1);

	(void)state;
	for (size_t i = 0; i < sizeof waits / sizeof waits[0]; i++) {
		const bool good = waits[i] < 2 * COOKIE_PERIOD_S;
		struct draft said;
		struct duet d;

		duet_start(&d, &standin);
		d.spec.cookie_threshold = 0;
		assert_int_equal(begin(&d, &from, false), COOKIE_ASKED);
		duet_wait(&d, waits[i] * SECOND);
		peer_ask_init(&d.peer, &said);
		assert_int_equal(knock(&d, &from, &said), good ? ANSWERED : COOKIE_ASKED);
		assert_int_equal(duet_counters(&d).half_open, good);
		duet_end(&d);
	}
}

/* --- errors in the clear, RFC 7296 2.21.4 ------------------------------------------------------
 */

static size_t told(struct duet *d, const struct ip *from)
{
	const struct endpoint at = { .ip = *from, .port = 500 };
	/* INFORMATIONAL of an IKE SA that is not here */
	static const uint8_t junk[28] = { 1, 2, 3, 4,	 5,  6,	   7, 8, 1, 1, 1, 1, 1, 1,
					  1, 1, 0, 0x20, 37, 0x08, 0, 0, 0, 0, 0, 0, 0, 28 };
	size_t n;

	forget_sent(d);
	duet_give_from(d, &at, &d->us, BYTES(junk, sizeof junk));
	n = d->n_sent;
	forget_sent(d);
	return n;
}

static void test_error_replies_in_all(void **state)
{
	struct duet d;
	size_t n = 0;

	(void)state;
	duet_start(&d, &standin);
	for (unsigned i = 0; i < 100; i++) {
		const struct ip from = host(i);

		n += told(&d, &from);
	}
	assert_int_equal(n, 20); /* of two seconds */
	assert_int_equal(reached(&d, LIMIT_REPLIES), 80);
	const struct ip from = host(500);
	duet_wait(&d, SECOND / 10 - 1);
	assert_int_equal(told(&d, &from), 0);
	duet_wait(&d, 1);
	assert_int_equal(told(&d, &from), 1);
	assert_int_equal(told(&d, &from), 0);
	duet_end(&d);
	duet_start(&d, &standin);
	d.spec.error_replies = 0;
	assert_int_equal(told(&d, &from), 0);
	assert_int_equal(reached(&d, LIMIT_REPLIES), 1);
	duet_end(&d);
}

static void test_error_replies_of_a_source(void **state)
{
	const struct ip from = host(1), another = host(2);
	struct duet d;

	(void)state;
	duet_start(&d, &standin);
	for (unsigned i = 0; i < 20; i++)
		assert_int_equal(told(&d, &from), i < LOAD_REPLY_BURST_SOURCE);
	assert_int_equal(reached(&d, LIMIT_REPLIES_SOURCE), 20 - LOAD_REPLY_BURST_SOURCE);
	assert_int_equal(told(&d, &another), 1);
	duet_wait(&d, SECOND - 1);
	assert_int_equal(told(&d, &from), 0);
	duet_wait(&d, 1);
	assert_int_equal(told(&d, &from), 1);
	assert_int_equal(told(&d, &from), 0);
	duet_end(&d);
}

/* Under ipsec_subnets each address of a /64 is a host of its own, elsewhere they are one sender. */
static void test_error_replies_of_a_fleet(void **state)
{
	(void)state;
	for (int fleet = 0; fleet < 2; fleet++) {
		struct duet d;
		size_t n = 0;

		duet_start(&d, &ipv6);
		for (uint8_t i = 0; i < 15; i++) {
			const struct ip from = v6(fleet ? 0xfd : 0x20, 1, i);

			n += told(&d, &from);
		}
		assert_int_equal(n, fleet ? 15 : LOAD_REPLY_BURST_SOURCE);
		duet_end(&d);
	}
}

/* RFC 7296 1.2: the right group is a step of the exchange, which nobody can go on without. */
static void test_wrong_group_is_always_told(void **state)
{
	static const uint32_t rates[] = { 10, 0 };

	(void)state;
	for (size_t r = 0; r < 2; r++) {
		struct duet d;

		duet_start(&d, &standin);
		d.spec.error_replies = rates[r];
		for (unsigned i = 0; i < 100; i++) {
			const struct ip from = host(i);
			struct draft said;

			peer_wipe(&d.peer);
			d.peer.self.ip = from;
			peer_ask_init(&d.peer, &said);
			draft_find(&said, PAYLOAD_KE)->body.p[1] = KE_ECP_256;
			assert_int_equal(knock(&d, &from, &said), REFUSED);
		}
		assert_int_equal(duet_counters(&d).pairs, 0);
		duet_end(&d);
	}
}

/* --- sizes and numbers in a message ------------------------------------------------------------
 */

/* IKE_SA_INIT with a vendor ID that makes it so long. */
static void test_datagram(void **state)
{
	uint8_t *vendor = calloc(1, 20000);

	(void)state;
	assert_non_null(vendor);
	for (size_t over = 0; over < 2; over++) {
		struct draft said;
		struct blob message;
		struct duet d;

		duet_start(&d, &standin);
		peer_ask_init(&d.peer, &said);
		message = draft_message(&said);
		draft_add(&said, PAYLOAD_VENDOR,
			  BYTES(vendor, IKE_MESSAGE_MAX - message.n - 4 + over));
		blob_free(&message);
		assert_int_equal(knock(&d, &d.them.ip, &said), over ? SILENCE : ANSWERED);
		assert_int_equal(reached(&d, LIMIT_DATAGRAM), over);
		duet_end(&d);
	}
	free(vendor);
}

static void test_payloads(void **state)
{
	(void)state;
	for (size_t over = 0; over < 2; over++) {
		struct draft said;
		struct duet d;

		duet_start(&d, &standin);
		peer_ask_init(&d.peer, &said);
		while (said.n < IKE_PAYLOADS_MAX + over)
			draft_add(&said, 200, BYTES_NONE); /* nobody knows it, and it is skipped */
		assert_int_equal(knock(&d, &d.them.ip, &said), over ? SILENCE : ANSWERED);
		assert_int_equal(reached(&d, LIMIT_PAYLOADS), over);
		duet_end(&d);
	}
}

static void test_payloads_of_one_kind(void **state)
{
	(void)state;
	for (size_t over = 0; over < 2; over++) {
		struct draft said;
		struct duet d;

		duet_start(&d, &standin);
		peer_ask_init(&d.peer, &said);
		draft_drop(&said, PAYLOAD_NOTIFY);
		for (size_t i = 0; i < 20 + over; i++)
			draft_add_notify(&said, 50000, BYTES_NONE);
		assert_int_equal(knock(&d, &d.them.ip, &said), over ? REFUSED : ANSWERED);
		assert_int_equal(reached(&d, LIMIT_PAYLOADS), over);
		duet_end(&d);
	}
}

/* The SA payload of an IKE_SA_INIT, made anew: proposals of so many transforms, the last the right
 * ones. */
static void set_sa(struct duet *d, struct draft *said, size_t proposals, size_t transforms)
{
	static struct proposal_spec specs[SA_PROPOSALS_MAX + 1];
	struct builder b;
	struct ike_header h = { .version = 0x20 };
	uint8_t *room = malloc(100000);
	struct bytes body;

	assert_non_null(room);
	for (size_t i = 0; i < proposals; i++)
		specs[i] = d->peer_spec.ike[0];
	message_begin(&b, room, 100000, &h);
	sa_encode(&b, PROTO_IKE, BYTES_NONE, specs, proposals);
	body = message_end(&b);
	body = BYTES(room + 32, body.n - 32);
	if (transforms > 0) { /* one proposal: PRFs that nobody knows behind its own transforms */
		uint8_t *p = room + 32;
		size_t n = body.n, own = p[7];

		for (size_t i = own; i < transforms; i++) {
			static const uint8_t prf[8] = { 3, 0, 0, 8, 2, 0, 0xff, 0 };

			memmove(p + 8 + 8, p + 8, n - 8);
			memcpy(p + 8, prf, 8);
			n += 8;
		}
		p[2] = (uint8_t)(n >> 8);
		p[3] = (uint8_t)n;
		p[7] = (uint8_t)transforms;
		body = BYTES(p, n);
	}
	draft_set(draft_find(said, PAYLOAD_SA), body);
	free(room);
}

static void test_proposals(void **state)
{
	(void)state;
	for (size_t over = 0; over < 2; over++) {
		struct draft said;
		struct duet d;

		duet_start(&d, &standin);
		peer_ask_init(&d.peer, &said);
		set_sa(&d, &said, SA_PROPOSALS_MAX + over, 0);
		assert_int_equal(knock(&d, &d.them.ip, &said), over ? REFUSED : ANSWERED);
		assert_int_equal(reached(&d, LIMIT_PROPOSALS), over);
		duet_end(&d);
	}
}

static void test_transforms(void **state)
{
	(void)state;
	for (size_t over = 0; over < 2; over++) {
		struct draft said;
		struct duet d;

		duet_start(&d, &standin);
		peer_ask_init(&d.peer, &said);
		set_sa(&d, &said, 1, SA_TRANSFORMS_MAX + over);
		assert_int_equal(knock(&d, &d.them.ip, &said), over ? REFUSED : ANSWERED);
		assert_int_equal(reached(&d, LIMIT_TRANSFORMS), over);
		duet_end(&d);
	}
}

static void test_traffic_selectors(void **state)
{
	(void)state;
	for (size_t over = 0; over < 2; over++) {
		struct blob one = { 0 };
		uint8_t many[4 + 16 * (TS_MAX + 1)] = { (uint8_t)(TS_MAX + over) };
		struct draft said;
		struct duet d;

		duet_start(&d, &standin);
		duet_peer_init(&d);
		peer_ask_auth(&d.peer, &said);
		one = body_ts(&d.them.ip);
		assert_int_equal(one.n, 4 + 16);
		for (size_t i = 0; i < TS_MAX + over; i++)
			memcpy(many + 4 + 16 * i, one.p + 4, 16);
		blob_free(&one);
		draft_set(draft_find(&said, PAYLOAD_TSI), BYTES(many, 4 + 16 * (TS_MAX + over)));
		assert_int_equal(auth_answer(&d, &said), over ? NOTIFY_INVALID_SYNTAX : 0);
		assert_int_equal(reached(&d, LIMIT_TRAFFIC_SELECTORS), over);
		duet_end(&d);
	}
}

static void test_certificates(void **state)
{
	(void)state;
	for (size_t over = 0; over < 2; over++) {
		struct draft said;
		struct duet d;
		size_t n = 0;

		duet_start(&d, &standin);
		duet_peer_init(&d);
		peer_ask_auth(&d.peer, &said);
		while (draft_nth(&said, PAYLOAD_CERT, n) != NULL)
			n++;
		for (; n < CERT_CHAIN_MAX + over; n++)
			draft_add(&said, PAYLOAD_CERT,
				  BYTES(draft_find(&said, PAYLOAD_CERT)->body.p,
					draft_find(&said, PAYLOAD_CERT)->body.n));
		assert_int_equal(auth_answer(&d, &said), over ? NOTIFY_INVALID_SYNTAX : 0);
		assert_int_equal(reached(&d, LIMIT_PAYLOADS), over);
		duet_end(&d);
	}
}

/* A certificate that is too large: the same as none. */
static void test_certificate_size(void **state)
{
	uint8_t *cert = calloc(1, CERT_SIZE_MAX + 2);

	(void)state;
	assert_non_null(cert);
	cert[0] = CERT_X509_SIGNATURE;
	for (size_t over = 0; over < 2; over++) {
		struct draft said;
		struct duet d;

		duet_start(&d, &standin);
		duet_peer_init(&d);
		peer_ask_auth(&d.peer, &said);
		draft_add(&said, PAYLOAD_CERT, BYTES(cert, 1 + CERT_SIZE_MAX + over));
		(void)auth_answer(&d, &said);
		assert_int_equal(reached(&d, LIMIT_CERTIFICATES), over);
		duet_end(&d);
	}
	free(cert);
}

/* --- fragments, RFC 7383 5 ---------------------------------------------------------------------
 */

/* One fragment of an IKE_AUTH request of the peer that is half open now. */
static void fragment(struct duet *d, uint16_t number, uint16_t total, struct bytes part)
{
	struct draft said;
	struct blob datagram;

	peer_ask_auth(&d->peer, &said);
	datagram = peer_seal_fragment(&d->peer, &said.h, number == 1 ? PAYLOAD_IDI : 0, number,
				      total, part);
	duet_give(d, blob_view(&datagram));
	blob_free(&datagram);
	draft_free(&said);
}

static void test_fragments(void **state)
{
	uint8_t part[FRAGMENTS_BYTES_MAX / 8 + 1] = { 0 };
	struct duet d;

	(void)state;
	duet_start(&d, &standin);
	duet_peer_init(&d);
	fragment(&d, 1, FRAGMENTS_MAX + 1, BYTES(part, 10));
	assert_int_equal(reached(&d, LIMIT_FRAGMENTS), 1);
	assert_int_equal(d.engine->reassembling, 0);
	fragment(&d, 1, FRAGMENTS_MAX, BYTES(part, 10));
	assert_int_equal(reached(&d, LIMIT_FRAGMENTS), 1);
	assert_int_equal(d.engine->reassembling, 10);
	fragment(&d, 2, FRAGMENTS_MAX, BYTES(part, FRAGMENTS_BYTES_MAX / 8 - 10));
	for (uint16_t i = 3; i < 10; i++)
		fragment(&d, i, FRAGMENTS_MAX, BYTES(part, FRAGMENTS_BYTES_MAX / 8));
	assert_int_equal(reached(&d, LIMIT_FRAGMENTS), 1);
	assert_int_equal(d.engine->reassembling, FRAGMENTS_BYTES_MAX);
	fragment(&d, 10, FRAGMENTS_MAX, BYTES(part, 1));
	assert_int_equal(reached(&d, LIMIT_FRAGMENTS), 2);
	assert_int_equal(d.engine->reassembling, FRAGMENTS_BYTES_MAX);
	/* They go with their half-open IKE SA. */
	duet_wait(&d, 31 * SECOND);
	assert_int_equal(d.engine->reassembling, 0);
	duet_end(&d);
}

static void test_reassembly_in_all(void **state)
{
	uint8_t part[100] = { 0 };
	struct duet d;

	(void)state;
	duet_start(&d, &standin);
	duet_peer_init(&d);
	d.engine->reassembling = LOAD_REASSEMBLY_OCTETS - 150; /* of others */
	fragment(&d, 1, 3, BYTES(part, 100));
	assert_int_equal(d.engine->reassembling, LOAD_REASSEMBLY_OCTETS - 50);
	fragment(&d, 2, 3, BYTES(part, 51));
	assert_int_equal(reached(&d, LIMIT_REASSEMBLY), 1);
	fragment(&d, 2, 3, BYTES(part, 50));
	assert_int_equal(reached(&d, LIMIT_REASSEMBLY), 1);
	assert_int_equal(d.engine->reassembling, LOAD_REASSEMBLY_OCTETS);
	/* They go with their half-open IKE SA; who has proved its identity has its own bound alone.
	 */
	duet_wait(&d, 31 * SECOND);
	assert_int_equal(d.engine->reassembling, LOAD_REASSEMBLY_OCTETS - 150);
	d.engine->reassembling = 0;
	forget_sent(&d);
	peer_wipe(&d.peer);
	duet_peer_up(&d);
	d.engine->reassembling = LOAD_REASSEMBLY_OCTETS;
	forget_sent(&d);
	struct draft said, heard;
	peer_ask(&d.peer, EXCHANGE_INFORMATIONAL, &said);
	draft_add_notify(&said, 50000, BYTES(part, 100));
	draft_add_notify(&said, 50000, BYTES(part, 100));
	duet_say_fragmented(&d, &said, 120);
	duet_hear(&d, EXCHANGE_INFORMATIONAL, true, &heard);
	draft_free(&heard);
	assert_int_equal(reached(&d, LIMIT_REASSEMBLY), 1);
	assert_int_equal(d.engine->reassembling, LOAD_REASSEMBLY_OCTETS);
	duet_end(&d);
}

/* --- peers that have proved who they are, RFC 8019 5 -------------------------------------------
 */

/* Asks for one more CHILD_SA: the error in the answer. */
static uint16_t ask_child(struct duet *d)
{
	static uint32_t number;
	const uint8_t nonce[32] = { 1 };
	const uint32_t n = ++number;
	const uint8_t spi[4] = { 0x11, 0, (uint8_t)(n >> 8), (uint8_t)n };
	struct draft said, heard;
	struct blob ts;
	uint16_t error;

	forget_sent(d);
	peer_ask(&d->peer, EXCHANGE_CREATE_CHILD_SA, &said);
	draft_add_notify(&said, NOTIFY_USE_TRANSPORT_MODE, BYTES_NONE);
	sa_encode(draft_begin(&said), PROTO_ESP, BYTES(spi, 4), d->peer_spec.esp, 1);
	draft_end(&said);
	nonce_encode(draft_begin(&said), BYTES(nonce, sizeof nonce));
	draft_end(&said);
	ts = body_ts(&d->them.ip);
	draft_add(&said, PAYLOAD_TSI, blob_view(&ts));
	blob_free(&ts);
	ts = body_ts(&d->us.ip);
	draft_add(&said, PAYLOAD_TSR, blob_view(&ts));
	blob_free(&ts);
	duet_say(d, &said);
	duet_hear(d, EXCHANGE_CREATE_CHILD_SA, true, &heard);
	error = draft_error(&heard);
	draft_free(&heard);
	return error;
}

static void test_child_requests(void **state)
{
	struct duet d;

	(void)state;
	duet_start(&d, &standin);
	duet_peer_up(&d);
	for (unsigned i = 0; i < LOAD_CHILD_BURST; i++)
		assert_int_not_equal(ask_child(&d), NOTIFY_TEMPORARY_FAILURE);
	assert_int_equal(reached(&d, LIMIT_CHILD_REQUESTS), 0);
	for (unsigned i = 0; i < 100; i++)
		assert_int_equal(ask_child(&d), NOTIFY_TEMPORARY_FAILURE);
	assert_int_equal(reached(&d, LIMIT_CHILD_REQUESTS), 100);
	duet_wait(&d, SECOND);
	assert_int_not_equal(ask_child(&d), NOTIFY_TEMPORARY_FAILURE);
	assert_int_equal(ask_child(&d), NOTIFY_TEMPORARY_FAILURE);
	duet_end(&d);
}

/* PAIR_CHILDREN_MAX */
static void test_children(void **state)
{
	struct duet d;

	(void)state;
	duet_start(&d, &standin);
	duet_peer_up(&d);
	for (unsigned i = 1; i < 18; i++)
		assert_int_equal(ask_child(&d), i < 16 ? 0 : NOTIFY_NO_ADDITIONAL_SAS);
	assert_int_equal(reached(&d, LIMIT_CHILDREN), 2);
	assert_int_equal(duet_counters(&d).child_sas, 16);
	duet_end(&d);
}

/* PAIR_SAS_MAX */
static void test_ike_sas(void **state)
{
	struct duet d;

	(void)state;
	duet_start(&d, &standin);
	for (unsigned i = 0; i < 12; i++) {
		const uint64_t before = reached(&d, LIMIT_IKE_SAS);

		forget_sent(&d);
		peer_wipe(&d.peer);
		duet_peer_up_beside(&d);
		assert_int_equal(reached(&d, LIMIT_IKE_SAS) - before, i >= 8);
		duet_wait(&d, SECOND / 10);
	}
	duet_end(&d);
}

/* Beyond PEER_CERTS_OCTETS the chains of further peers are not kept. */
static void test_peer_certificates(void **state)
{
	struct duet d;

	(void)state;
	for (size_t full = 0; full < 2; full++) {
		duet_start(&d, &standin);
		if (full)
			d.engine->peer_certs_octets = PEER_CERTS_OCTETS;
		duet_peer_up(&d);
		assert_int_equal(reached(&d, LIMIT_PEER_CERTIFICATES), full);
		duet_end(&d);
	}
}

/* Metrics are labelled with them. */
static void test_names(void **state)
{
	(void)state;
	for (int i = 0; i < LIMITS; i++) {
		assert_non_null(limit_name((enum limit)i));
		for (int k = 0; k < i; k++)
			assert_string_not_equal(limit_name((enum limit)i),
						limit_name((enum limit)k));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_cookie_threshold),
		cmocka_unit_test(test_half_open_limit),
		cmocka_unit_test(test_half_open_per_source),
		cmocka_unit_test(test_failed_proofs),
		cmocka_unit_test(test_half_open_per_network),
		cmocka_unit_test(test_half_open_of_a_fleet),
		cmocka_unit_test(test_half_open_of_a_host),
		cmocka_unit_test(test_old_cookies),
		cmocka_unit_test(test_error_replies_in_all),
		cmocka_unit_test(test_error_replies_of_a_source),
		cmocka_unit_test(test_error_replies_of_a_fleet),
		cmocka_unit_test(test_wrong_group_is_always_told),
		cmocka_unit_test(test_datagram),
		cmocka_unit_test(test_payloads),
		cmocka_unit_test(test_payloads_of_one_kind),
		cmocka_unit_test(test_proposals),
		cmocka_unit_test(test_transforms),
		cmocka_unit_test(test_traffic_selectors),
		cmocka_unit_test(test_certificates),
		cmocka_unit_test(test_certificate_size),
		cmocka_unit_test(test_fragments),
		cmocka_unit_test(test_reassembly_in_all),
		cmocka_unit_test(test_child_requests),
		cmocka_unit_test(test_children),
		cmocka_unit_test(test_ike_sas),
		cmocka_unit_test(test_peer_certificates),
		cmocka_unit_test(test_names),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
