/* SPDX-License-Identifier: Apache-2.0 */
/* IKE_SA_INIT as conversations: RFC 7296 1.2, 2.6, 2.7, 2.10, 2.23. */
#include "sim/duet.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#define SECOND INT64_C(1000000)

static const struct duet_options standin;

/* The peer's right request, for one change. */
static void ask(struct duet *d, struct draft *said)
{
	duet_start(d, &standin);
	peer_ask_init(&d->peer, said);
}

/* The core refuses with this error, or says nothing if 0 (silence is always allowed); no state. */
static void refused(struct duet *d, struct draft *said, uint16_t error)
{
	struct draft heard;

	duet_say(d, said);
	if (duet_waiting(d) > 0) {
		duet_hear(d, EXCHANGE_IKE_SA_INIT, true, &heard);
		assert_int_equal(draft_error(&heard), error);
		assert_int_equal(heard.h.message_id, 0);
		draft_free(&heard);
	}
	duet_hear_nothing(d);
	duet_assert_empty(d);
	/* And the right thing still goes. */
	peer_wipe(&d->peer);
	duet_peer_up(d);
	duet_end(d);
}

/* --- as responder --- */

static void test_what_an_answer_holds(void **state)
{
	struct duet d;
	struct draft said, heard;
	struct bytes nonce;

	(void)state;
	ask(&d, &said);
	duet_say(&d, &said);
	duet_hear(&d, EXCHANGE_IKE_SA_INIT, true, &heard);
	assert_true(draft_has(&heard, PAYLOAD_SA));
	assert_true(draft_has(&heard, PAYLOAD_KE));
	assert_true(nonce_decode(blob_view(&draft_find(&heard, PAYLOAD_NONCE)->body), &nonce));
	assert_in_range(nonce.n, 16, 256);
	assert_true(draft_has_notify(&heard, NOTIFY_NAT_DETECTION_SOURCE_IP));
	assert_true(draft_has_notify(&heard, NOTIFY_NAT_DETECTION_DESTINATION_IP));
	assert_true(draft_has_notify(&heard, NOTIFY_IKEV2_FRAGMENTATION_SUPPORTED));
	assert_true(draft_has_notify(&heard, NOTIFY_SIGNATURE_HASH_ALGORITHMS));
	assert_true(heard.h.spi_r != 0);
	assert_false(heard.h.initiator);
	draft_free(&heard);
	duet_end(&d);
}

/* RFC 7296 2.1: a repeated request gets the same octets again. */
static void test_repeated_request(void **state)
{
	struct duet d;
	struct draft said;
	struct blob init;
	const struct duet_datagram *first, *again;

	(void)state;
	ask(&d, &said);
	init = peer_encode(&d.peer, &said);
	draft_free(&said);
	duet_give(&d, blob_view(&init));
	first = duet_take(&d);
	for (int i = 0; i < 3; i++) {
		duet_give(&d, blob_view(&init));
		again = duet_take(&d);
		assert_non_null(again);
		assert_true(bytes_equal(blob_view(&again->b), blob_view(&first->b)));
	}
	assert_int_equal(duet_counters(&d).ike_sas, 1);
	duet_hear_nothing(&d);
	blob_free(&init);
	duet_end(&d);
}

/* T21: one datagram for one, and never unasked again. */
static void test_no_amplification(void **state)
{
	struct duet d;
	struct draft said;

	(void)state;
	ask(&d, &said);
	duet_say(&d, &said);
	assert_int_equal(duet_waiting(&d), 1);
	duet_wait(&d, 100 * SECOND);
	assert_int_equal(duet_waiting(&d), 1);
	duet_assert_empty(&d);
	duet_end(&d);
}

static void set_sa(struct draft *said, uint8_t protocol, const struct proposal_spec *specs,
		   size_t n)
{
	struct blob body = body_sa(protocol, BYTES_NONE, specs, n);

	draft_set(draft_find(said, PAYLOAD_SA), blob_view(&body));
	blob_free(&body);
}

/* One transform changed at a time: T07 to T09, T32. */
static void test_no_proposal_chosen(void **state)
{
	static const struct transform wrong[] = {
		{ .type = TRANSFORM_ENCR, .id = ENCR_AES_CBC, .key_bits = 192 },
		{ .type = TRANSFORM_ENCR, .id = ENCR_AES_CBC, .key_bits = 0 },
		{ .type = TRANSFORM_ENCR, .id = 3, .key_bits = 0 },
		{ .type = TRANSFORM_ENCR, .id = 0, .key_bits = 0 },
		{ .type = TRANSFORM_ENCR, .id = 65535, .key_bits = 128 },
		{ .type = TRANSFORM_PRF, .id = 1 },
		{ .type = TRANSFORM_PRF, .id = 1023 },
		{ .type = TRANSFORM_INTEG, .id = 5 },
		{ .type = TRANSFORM_INTEG, .id = 65535 },
		{ .type = TRANSFORM_KE, .id = 1 },
		{ .type = TRANSFORM_KE, .id = 0 },
		{ .type = 9, .id = 1 }, /* a type that nobody knows */
	};

	(void)state;
	for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
		struct duet d;
		struct draft said;
		struct proposal_spec p;

		ask(&d, &said);
		p = d.peer_spec.ike[0];
		if (wrong[i].type == 9)
			p.t[p.n++] = wrong[i];
		for (size_t j = 0; j < p.n; j++)
			if (p.t[j].type == wrong[i].type)
				p.t[j] = wrong[i];
		set_sa(&said, PROTO_IKE, &p, 1);
		refused(&d, &said, NOTIFY_NO_PROPOSAL_CHOSEN);
	}
}

/* Each type must be there once at least. */
static void test_transform_missing(void **state)
{
	(void)state;
	for (size_t i = 0; i < 4; i++) {
		struct duet d;
		struct draft said;
		struct proposal_spec p;

		ask(&d, &said);
		p = d.peer_spec.ike[0];
		p.n--;
		memmove(&p.t[i], &p.t[i + 1], (p.n - i) * sizeof p.t[0]);
		set_sa(&said, PROTO_IKE, &p, 1);
		refused(&d, &said, NOTIFY_NO_PROPOSAL_CHOSEN);
	}
}

/* Of several proposals with several groups the right one is found. */
static void test_many_proposals(void **state)
{
	struct duet d;
	struct draft said, heard;
	struct proposal_spec p[4];
	struct sa_view v;

	(void)state;
	ask(&d, &said);
	for (size_t i = 0; i < 4; i++)
		p[i] = d.peer_spec.ike[0];
	p[0].t[0].key_bits = 256;
	p[1].t[3].id = KE_MODP_4096;
	p[2].t[p[2].n++] = (struct transform){ .type = TRANSFORM_KE, .id = KE_ECP_256 };
	p[2].t[p[2].n++] = (struct transform){ .type = TRANSFORM_PRF, .id = PRF_HMAC_SHA2_512 };
	p[2].t[p[2].n++] = (struct transform){ .type = TRANSFORM_ENCR, .id = 1234, .key_bits = 0 };
	set_sa(&said, PROTO_IKE, p, 4);
	duet_say(&d, &said);
	duet_hear(&d, EXCHANGE_IKE_SA_INIT, true, &heard);
	assert_int_equal(draft_error(&heard), 0);
	assert_true(sa_decode(blob_view(&draft_find(&heard, PAYLOAD_SA)->body), &v));
	/* RFC 7296 3.3.1: the number of the one that was taken, one transform a type. */
	assert_int_equal(v.n, 1);
	assert_int_equal(v.p[0].number, 3);
	assert_int_equal(v.p[0].n_transforms, 4);
	draft_free(&heard);
	duet_end(&d);
}

/* RFC 7296 1.2: the group guessed is not the one chosen: say which. */
static void test_invalid_ke_payload_said(void **state)
{
	struct duet d;
	struct draft said, heard;
	struct proposal_spec p;
	struct builder *b;
	struct blob body;
	struct bytes data;
	uint8_t value[64] = { 4, 5, 6 };

	(void)state;
	ask(&d, &said);
	p = d.peer_spec.ike[0];
	p.t[p.n++] = (struct transform){ .type = TRANSFORM_KE, .id = KE_ECP_256 };
	set_sa(&said, PROTO_IKE, &p, 1);
	b = draft_begin(&said);
	ke_encode(b, KE_ECP_256, BYTES(value, sizeof value));
	draft_end(&said);
	body = draft_take_last(&said);
	draft_set(draft_find(&said, PAYLOAD_KE), blob_view(&body));
	blob_free(&body);
	duet_say(&d, &said);
	duet_hear(&d, EXCHANGE_IKE_SA_INIT, true, &heard);
	assert_int_equal(draft_error(&heard), NOTIFY_INVALID_KE_PAYLOAD);
	data = draft_notify_data(&heard, NOTIFY_INVALID_KE_PAYLOAD);
	assert_int_equal(data.n, 2);
	assert_int_equal(data.p[0] << 8 | data.p[1], KE_MODP_2048);
	draft_free(&heard);
	duet_assert_empty(&d);
	duet_end(&d);
}

/* T03, T23: what must be there once. */
static void test_payload_missing_or_twice(void **state)
{
	static const uint8_t types[] = { PAYLOAD_SA, PAYLOAD_KE, PAYLOAD_NONCE };

	(void)state;
	for (size_t i = 0; i < sizeof types; i++) {
		struct duet d;
		struct draft said;

		ask(&d, &said);
		draft_drop(&said, types[i]);
		refused(&d, &said, NOTIFY_INVALID_SYNTAX);
		ask(&d, &said);
		draft_double(&said, types[i]);
		refused(&d, &said, NOTIFY_INVALID_SYNTAX);
	}
}

/* RFC 7296 2.10, 3.9 */
static void test_nonce_length(void **state)
{
	static const struct {
		size_t n;
		bool good;
	} lengths[] = { { 0, false }, { 1, false },  { 15, false },
			{ 16, true }, { 256, true }, { 257, false } };

	(void)state;
	for (size_t i = 0; i < sizeof lengths / sizeof lengths[0]; i++) {
		struct duet d;
		struct draft said, heard;
		uint8_t nonce[300] = { 1, 2, 3 };

		ask(&d, &said);
		draft_set(draft_find(&said, PAYLOAD_NONCE), BYTES(nonce, lengths[i].n));
		if (!lengths[i].good) {
			refused(&d, &said, NOTIFY_INVALID_SYNTAX);
			continue;
		}
		duet_say(&d, &said);
		duet_hear(&d, EXCHANGE_IKE_SA_INIT, true, &heard);
		assert_int_equal(draft_error(&heard), 0);
		draft_free(&heard);
		duet_end(&d);
	}
}

/* The order of payloads is free, and strange notifies and vendor IDs are no matter. */
static void test_order_and_strangers(void **state)
{
	struct duet d;
	struct draft said, heard;
	uint8_t vendor[272] = { 0x68, 0x6a, 0x8c, 0xbd };

	(void)state;
	ask(&d, &said);
	for (size_t i = 0; i + 1 < said.n; i++) {
		struct draft_payload p = said.p[i];

		said.p[i] = said.p[said.n - 1];
		said.p[said.n - 1] = p;
	}
	draft_add(&said, PAYLOAD_VENDOR, BYTES(vendor, sizeof vendor));
	draft_add_notify(&said, 12345, BYTES(vendor, 100)); /* an unknown error in a request */
	draft_add_notify(&said, 45678, BYTES_NONE);
	draft_add(&said, 200, BYTES(vendor, 10)); /* an unknown payload, not critical */
	duet_say(&d, &said);
	duet_hear(&d, EXCHANGE_IKE_SA_INIT, true, &heard);
	assert_int_equal(draft_error(&heard), 0);
	draft_free(&heard);
	duet_end(&d);
}

/* --- as initiator --- */

static void hear_request(struct duet *d, struct draft *heard)
{
	duet_hear(d, EXCHANGE_IKE_SA_INIT, false, heard);
	assert_int_equal(heard->h.spi_r, 0);
	assert_int_equal(heard->h.message_id, 0);
	assert_true(heard->h.initiator);
}

/* An answer in the clear with one notify. */
static void say_notify(struct duet *d, const struct draft *request, uint16_t type,
		       struct bytes data, uint64_t spi_r)
{
	struct draft said;
	struct ike_header h = request->h;

	h.response = true;
	h.initiator = false;
	h.spi_r = spi_r;
	draft_init(&said, &h);
	draft_add_notify(&said, type, data);
	duet_say(d, &said);
}

/* RFC 7296 2.6: the same message once more, with the cookie first. */
static void test_cookie_demanded(void **state)
{
	uint8_t cookie[64];
	struct duet d;
	struct draft first, second, said;

	(void)state;
	memset(cookie, 0xc0, sizeof cookie);
	for (size_t n = 1; n <= 64; n += 63) {
		duet_start(&d, &standin);
		duet_acquire(&d);
		hear_request(&d, &first);
		/* <-- IKE_SA_INIT { N(COOKIE) } */
		say_notify(&d, &first, NOTIFY_COOKIE, BYTES(cookie, n), 0);
		/* --> IKE_SA_INIT { N(COOKIE), SA, KE, Ni } */
		hear_request(&d, &second);
		assert_int_equal(second.p[0].type, PAYLOAD_NOTIFY);
		assert_true(
			bytes_equal(draft_notify_data(&second, NOTIFY_COOKIE), BYTES(cookie, n)));
		assert_int_equal(second.h.spi_i, first.h.spi_i);
		assert_int_equal(second.n, first.n + 1);
		for (size_t i = 0; i < first.n; i++)
			assert_true(bytes_equal(blob_view(&second.p[i + 1].body),
						blob_view(&first.p[i].body)));
		/* AUTH covers this second message: go on to the end. */
		peer_answer_init(&d.peer, &second, &said);
		draft_free(&first);
		draft_free(&second);
		duet_say(&d, &said);
		duet_hear(&d, EXCHANGE_IKE_AUTH, false, &first);
		assert_int_equal(peer_check_auth(&d.peer, &first), VERDICT_GOOD);
		peer_answer_auth(&d.peer, &first, &said);
		draft_free(&first);
		duet_say(&d, &said);
		duet_assert_child(&d);
		duet_end(&d);
	}
}

/* T43: 0 and 65 octets are no cookies; and cookies without end come to an end. */
static void test_cookie_malformed(void **state)
{
	static const size_t lengths[] = { 0, 65, 200 };
	uint8_t cookie[200] = { 1 };

	(void)state;
	for (size_t i = 0; i < 3; i++) {
		struct duet d;
		struct draft heard, said;

		duet_start(&d, &standin);
		duet_acquire(&d);
		hear_request(&d, &heard);
		say_notify(&d, &heard, NOTIFY_COOKIE, BYTES(cookie, lengths[i]), 0);
		duet_hear_nothing(&d);
		/* The right answer is still taken. */
		peer_answer_init(&d.peer, &heard, &said);
		draft_free(&heard);
		duet_say(&d, &said);
		duet_hear(&d, EXCHANGE_IKE_AUTH, false, &heard);
		draft_free(&heard);
		duet_end(&d);
	}
}

/* Each request is answered by another cookie. Returns how many were sent. */
static unsigned demand_cookies(struct duet *d, uint8_t cookie[static 8], struct draft *last)
{
	unsigned asked = 0;

	while (duet_waiting(d) > 0 && asked < 100) {
		draft_free(last);
		hear_request(d, last);
		asked++;
		if (asked == 1 && cookie[0] > 0)
			assert_true(bytes_equal(draft_notify_data(last, NOTIFY_COOKIE),
						BYTES(cookie, 8)));
		cookie[0]++;
		say_notify(d, last, NOTIFY_COOKIE, BYTES(cookie, 8), 0);
	}
	return asked;
}

/*
 * A peer takes none of its own cookies for a while (strongSwan 5.9, just started): the request goes
 * on with the newest one in its own time, and the first that is taken brings the same IKE SA up.
 */
static void test_endless_cookies(void **state)
{
	struct draft heard = { 0 }, said;
	uint8_t cookie[8] = { 0 };
	unsigned sent;
	struct duet d;
	uint64_t spi;

	(void)state;
	duet_start(&d, &standin);
	duet_acquire(&d);
	sent = demand_cookies(&d, cookie, &heard);
	assert_int_equal(sent, 2);
	spi = heard.h.spi_i;
	for (int i = 0; i < 40; i++) {
		duet_wait(&d, 250000);
		sent += demand_cookies(&d, cookie, &heard);
	}
	assert_in_range(sent, 2 * 6, 2 * 10); /* in 10 s */
	while (duet_waiting(&d) == 0)
		duet_wait(&d, 250000);
	draft_free(&heard);
	hear_request(&d, &heard);
	assert_int_equal(heard.h.spi_i, spi);
	peer_answer_init(&d.peer, &heard, &said);
	draft_free(&heard);
	duet_say(&d, &said);
	duet_hear(&d, EXCHANGE_IKE_AUTH, false, &heard);
	assert_int_equal(peer_check_auth(&d.peer, &heard), VERDICT_GOOD);
	draft_free(&heard);
	duet_end(&d);
}

/*
 * The request was repeated, and both were answered, each by a cookie of its own time. What the peer
 * takes is what AUTH signs: the request with the first of them, which is on its way.
 */
static void test_two_cookies_for_two_requests(void **state)
{
	static const uint8_t first[] = { 1, 1, 1, 1 }, second[] = { 2, 2, 2, 2 };
	struct draft heard = { 0 }, asked = { 0 }, said;
	struct duet d;

	(void)state;
	duet_start(&d, &standin);
	duet_acquire(&d);
	hear_request(&d, &heard);
	say_notify(&d, &heard, NOTIFY_COOKIE, BYTES(first, 4), 0);
	hear_request(&d, &asked);
	assert_true(bytes_equal(draft_notify_data(&asked, NOTIFY_COOKIE), BYTES(first, 4)));
	say_notify(&d, &heard, NOTIFY_COOKIE, BYTES(second, 4), 0);
	assert_int_equal(duet_waiting(&d), 0);
	peer_answer_init(&d.peer, &asked, &said);
	draft_free(&heard);
	draft_free(&asked);
	duet_say(&d, &said);
	duet_hear(&d, EXCHANGE_IKE_AUTH, false, &heard);
	assert_int_equal(peer_check_auth(&d.peer, &heard), VERDICT_GOOD);
	draft_free(&heard);
	duet_end(&d);
}

/* Nor does it go on for ever: that is no silence, and is told. */
static void test_nothing_but_cookies(void **state)
{
	struct draft heard = { 0 };
	uint8_t cookie[8] = { 0 };
	unsigned sent = 0;
	struct duet d;

	(void)state;
	duet_start(&d, &standin);
	duet_acquire(&d);
	while (!duet_reported(&d, "keeps asking for another cookie") && sent < 100) {
		sent += demand_cookies(&d, cookie, &heard);
		duet_wait(&d, 100000);
	}
	assert_in_range(sent, 10, 39);
	draft_free(&heard);
	duet_end(&d);
}

/* A spec with two groups: the peer wants the second. */
static void two_groups(struct duet *d)
{
	const struct event e = { .kind = EVENT_SPEC, .spec = { .spec = &d->spec } };
	const struct duet_options o = { .no_spec = true };

	duet_start(d, &o);
	d->spec.ike[0].t[d->spec.ike[0].n++] =
		(struct transform){ .type = TRANSFORM_KE, .id = KE_ECP_256 };
	d->peer_spec.ike[0].t[3].id = KE_ECP_256;
	duet_event(d, &e);
}

static void test_invalid_ke_payload_heard(void **state)
{
	static const uint8_t group[] = { 0, KE_ECP_256 };

	(void)state;
	for (int spi = 0; spi <= 1; spi++) { /* some answer with an SPI of their own */
		struct duet d;
		struct draft first, second, said;
		struct bytes value;
		uint16_t said_group;

		two_groups(&d);
		duet_acquire(&d);
		hear_request(&d, &first);
		/* <-- IKE_SA_INIT { N(INVALID_KE_PAYLOAD) } */
		say_notify(&d, &first, NOTIFY_INVALID_KE_PAYLOAD, BYTES(group, 2), spi ? 99 : 0);
		/* --> IKE_SA_INIT { SA, KE(19), Ni }, RFC 7296 2.7: responder SPI zero again */
		hear_request(&d, &second);
		assert_true(ke_decode(blob_view(&draft_find(&second, PAYLOAD_KE)->body),
				      &said_group, &value));
		assert_int_equal(said_group, KE_ECP_256);
		assert_int_equal(value.n, 64);
		peer_answer_init(&d.peer, &second, &said);
		draft_free(&first);
		draft_free(&second);
		duet_say(&d, &said);
		duet_hear(&d, EXCHANGE_IKE_AUTH, false, &first);
		assert_int_equal(peer_check_auth(&d.peer, &first), VERDICT_GOOD);
		draft_free(&first);
		duet_end(&d);
	}
}

/* A group that we never offered, or the one we sent, or no group: no answer to go by. */
static void test_invalid_ke_payload_misused(void **state)
{
	static const struct {
		uint8_t data[4];
		size_t n;
	} wrong[] = {
		{ { 0, KE_CURVE25519 }, 2 },
		{ { 0, KE_MODP_2048 }, 2 },
		{ { 0, 1 }, 2 }, /* a downgrade */
		{ { 0 }, 0 },
		{ { 0 }, 1 },
		{ { 0, KE_ECP_256, 0 }, 3 },
	};

	(void)state;
	for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
		struct duet d;
		struct draft heard;
		struct bytes value;
		uint16_t group;

		two_groups(&d);
		duet_acquire(&d);
		hear_request(&d, &heard);
		say_notify(&d, &heard, NOTIFY_INVALID_KE_PAYLOAD, BYTES(wrong[i].data, wrong[i].n),
			   0);
		draft_free(&heard);
		if (duet_waiting(&d) > 0) {
			hear_request(&d, &heard);
			assert_true(ke_decode(blob_view(&draft_find(&heard, PAYLOAD_KE)->body),
					      &group, &value));
			assert_int_equal(group, KE_MODP_2048);
			draft_free(&heard);
		}
		duet_end(&d);
	}
}

/* RFC 7296 2.6.1: either first. */
static void test_cookie_and_invalid_ke(void **state)
{
	static const uint8_t group[] = { 0, KE_ECP_256 };
	static const uint8_t cookie[] = { 7, 7, 7, 7 };

	(void)state;
	for (int cookie_first = 0; cookie_first <= 1; cookie_first++) {
		struct duet d;
		struct draft heard, said;

		two_groups(&d);
		duet_acquire(&d);
		for (int i = 0; i < 2; i++) {
			hear_request(&d, &heard);
			if ((i == 0) == (cookie_first != 0))
				say_notify(&d, &heard, NOTIFY_COOKIE, BYTES(cookie, 4), 0);
			else
				say_notify(&d, &heard, NOTIFY_INVALID_KE_PAYLOAD, BYTES(group, 2),
					   0);
			draft_free(&heard);
		}
		hear_request(&d, &heard);
		assert_int_equal(draft_notify_data(&heard, NOTIFY_COOKIE).n, 4);
		peer_answer_init(&d.peer, &heard, &said);
		draft_free(&heard);
		duet_say(&d, &said);
		duet_hear(&d, EXCHANGE_IKE_AUTH, false, &heard);
		assert_int_equal(peer_check_auth(&d.peer, &heard), VERDICT_GOOD);
		draft_free(&heard);
		duet_end(&d);
	}
}

/* RFC 7296 2.21.1: an error in the clear may be forged: the right answer is still taken. */
static void test_forged_error_ends_nothing(void **state)
{
	static const uint16_t errors[] = { NOTIFY_NO_PROPOSAL_CHOSEN,	 NOTIFY_INVALID_SYNTAX,
					   NOTIFY_AUTHENTICATION_FAILED, NOTIFY_INVALID_IKE_SPI,
					   NOTIFY_INVALID_MAJOR_VERSION, 8192 };

	(void)state;
	for (size_t i = 0; i < sizeof errors / sizeof errors[0]; i++) {
		struct duet d;
		struct draft heard, said;

		duet_start(&d, &standin);
		duet_acquire(&d);
		hear_request(&d, &heard);
		say_notify(&d, &heard, errors[i], BYTES_NONE, 0);
		duet_hear_nothing(&d);
		peer_answer_init(&d.peer, &heard, &said);
		draft_free(&heard);
		duet_say(&d, &said);
		duet_hear(&d, EXCHANGE_IKE_AUTH, false, &heard);
		draft_free(&heard);
		duet_end(&d);
	}
}

/* The peer means it: the reason is remembered and told. */
static void test_no_proposal_chosen_heard(void **state)
{
	struct duet d;
	struct draft heard;

	(void)state;
	duet_start(&d, &standin);
	duet_acquire(&d);
	hear_request(&d, &heard);
	say_notify(&d, &heard, NOTIFY_NO_PROPOSAL_CHOSEN, BYTES_NONE, 0);
	draft_free(&heard);
	duet_wait(&d, 50 * SECOND);
	assert_true(duet_reported(&d, "NO_PROPOSAL_CHOSEN"));
	duet_end(&d);
}

/* The answer names what was not offered, or more than one: RFC 7296 2.7. */
static void test_answer_with_another_suite(void **state)
{
	(void)state;
	for (size_t i = 0; i < 6; i++) {
		struct duet d;
		struct draft heard, said;
		struct proposal_spec p;
		struct blob body;

		duet_start(&d, &standin);
		duet_acquire(&d);
		hear_request(&d, &heard);
		peer_answer_init(&d.peer, &heard, &said);
		draft_free(&heard);
		p = d.peer_spec.ike[0];
		if (i < 4)
			p.t[i].id++;
		else if (i == 4)
			p.t[0].key_bits = 256;
		else
			p.t[p.n++] = p.t[1];
		body = body_sa(PROTO_IKE, BYTES_NONE, &p, 1);
		draft_set(draft_find(&said, PAYLOAD_SA), blob_view(&body));
		blob_free(&body);
		duet_say(&d, &said);
		assert_int_equal(duet_counters(&d).child_sas, 0);
		if (duet_waiting(&d) > 0) {
			const struct duet_datagram *x = duet_take(&d);
			struct ike_header h;

			assert_int_equal(ike_header_decode(blob_view(&x->b), &h), DECODE_OK);
			assert_int_not_equal(h.exchange, EXCHANGE_IKE_AUTH);
		}
		duet_end(&d);
	}
}

/* From another address, or to another SPI: not the answer. */
static void test_answer_from_elsewhere(void **state)
{
	struct duet d;
	struct draft heard, said;
	struct blob answer;
	struct endpoint other;

	(void)state;
	duet_start(&d, &standin);
	duet_acquire(&d);
	hear_request(&d, &heard);
	peer_answer_init(&d.peer, &heard, &said);
	draft_free(&heard);
	answer = peer_encode(&d.peer, &said);
	draft_free(&said);
	other = d.them;
	other.ip = fleet_address(3, false);
	duet_give_from(&d, &other, &d.us, blob_view(&answer));
	duet_hear_nothing(&d);
	answer.p[0] ^= 1;
	duet_give(&d, blob_view(&answer));
	duet_hear_nothing(&d);
	answer.p[0] ^= 1;
	duet_give(&d, blob_view(&answer));
	duet_hear(&d, EXCHANGE_IKE_AUTH, false, &heard);
	draft_free(&heard);
	blob_free(&answer);
	duet_end(&d);
}

/* The answer comes twice: once is enough. */
static void test_answer_twice(void **state)
{
	struct duet d;
	struct draft heard, said;
	struct blob answer;

	(void)state;
	duet_start(&d, &standin);
	duet_acquire(&d);
	hear_request(&d, &heard);
	peer_answer_init(&d.peer, &heard, &said);
	draft_free(&heard);
	answer = peer_encode(&d.peer, &said);
	draft_free(&said);
	duet_give(&d, blob_view(&answer));
	duet_hear(&d, EXCHANGE_IKE_AUTH, false, &heard);
	draft_free(&heard);
	duet_give(&d, blob_view(&answer));
	duet_hear_nothing(&d);
	blob_free(&answer);
	duet_end(&d);
}

/* No answer payload that is needed: dropped, the right one still taken (RFC 7296 2.21.1). */
static void test_answer_lacks_a_payload(void **state)
{
	static const uint8_t types[] = { PAYLOAD_SA, PAYLOAD_KE, PAYLOAD_NONCE };

	(void)state;
	for (size_t i = 0; i < sizeof types; i++) {
		struct duet d;
		struct draft heard, said, whole;

		duet_start(&d, &standin);
		duet_acquire(&d);
		hear_request(&d, &heard);
		peer_answer_init(&d.peer, &heard, &said);
		draft_free(&heard);
		draft_copy(&whole, &said);
		draft_drop(&said, types[i]);
		duet_say(&d, &said);
		duet_hear_nothing(&d);
		duet_say(&d, &whole);
		duet_hear(&d, EXCHANGE_IKE_AUTH, false, &heard);
		draft_free(&heard);
		duet_end(&d);
	}
}

/* --- our own demand for cookies, RFC 7296 2.6, RFC 8019 --- */

/* Many strangers knock; then who asks has to show a cookie first. */
static void test_cookie_under_load(void **state)
{
	struct duet d;
	struct draft said, heard;
	struct bytes cookie;
	unsigned n = 0;

	(void)state;
	duet_start(&d, &standin);
	d.hold_jobs = true;
	for (; n < 200; n++) {
		struct endpoint from = { .ip = fleet_address(100 + n, false), .port = 500 };
		struct blob init;

		peer_wipe(&d.peer);
		d.peer.self = from;
		peer_ask_init(&d.peer, &said);
		init = peer_encode(&d.peer, &said);
		draft_free(&said);
		duet_give_from(&d, &from, &d.us, blob_view(&init));
		blob_free(&init);
		if (duet_waiting(&d) > 0)
			break; /* held jobs answer nobody: this is a cookie */
	}
	assert_in_range(n, 10, 199);
	duet_hear(&d, EXCHANGE_IKE_SA_INIT, true, &heard);
	cookie = draft_notify_data(&heard, NOTIFY_COOKIE);
	assert_in_range(cookie.n, 1, 64);
	assert_int_equal(heard.h.spi_r, 0);
	assert_int_equal(d.n_jobs, n); /* no key exchange for this one */
	/* A wrong one gets another demand, a right one is let in. */
	assert_int_equal(blob_copy(&d.peer.cookie, cookie), 0);
	draft_free(&heard);
	d.peer.cookie.p[0] ^= 1;
	for (int right = 0; right <= 1; right++) {
		struct blob init;

		peer_ask_init(&d.peer, &said);
		init = peer_encode(&d.peer, &said);
		draft_free(&said);
		duet_give_from(&d, &d.peer.self, &d.us, blob_view(&init));
		blob_free(&init);
		if (!right) {
			duet_hear(&d, EXCHANGE_IKE_SA_INIT, true, &heard);
			assert_true(draft_has_notify(&heard, NOTIFY_COOKIE));
			draft_free(&heard);
			d.peer.cookie.p[0] ^= 1;
		}
	}
	assert_int_equal(d.n_jobs, n + 1);
	duet_end(&d);
}

/* --- NAT detection, 2.23 --- */

/* The peer's hash tells of another address: ESP in UDP, and port 4500 from IKE_AUTH on. */
static void test_nat_seen_as_initiator(void **state)
{
	struct duet d;
	struct draft heard, said;
	uint8_t hash[28] = { 0 };
	const struct duet_datagram *x;

	(void)state;
	duet_start(&d, &standin);
	duet_acquire(&d);
	hear_request(&d, &heard);
	peer_answer_init(&d.peer, &heard, &said);
	draft_free(&heard);
	memcpy(hash, draft_notify(&said, NOTIFY_NAT_DETECTION_SOURCE_IP)->body.p, 4);
	draft_set(draft_notify(&said, NOTIFY_NAT_DETECTION_SOURCE_IP), BYTES(hash, 24));
	duet_say(&d, &said);
	x = duet_take(&d);
	assert_non_null(x);
	assert_int_equal(x->local.port, 4500);
	assert_int_equal(x->remote.port, 4500);
	duet_end(&d);
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_what_an_answer_holds),
		cmocka_unit_test(test_repeated_request),
		cmocka_unit_test(test_no_amplification),
		cmocka_unit_test(test_no_proposal_chosen),
		cmocka_unit_test(test_transform_missing),
		cmocka_unit_test(test_many_proposals),
		cmocka_unit_test(test_invalid_ke_payload_said),
		cmocka_unit_test(test_payload_missing_or_twice),
		cmocka_unit_test(test_nonce_length),
		cmocka_unit_test(test_order_and_strangers),
		cmocka_unit_test(test_cookie_demanded),
		cmocka_unit_test(test_cookie_malformed),
		cmocka_unit_test(test_endless_cookies),
		cmocka_unit_test(test_two_cookies_for_two_requests),
		cmocka_unit_test(test_nothing_but_cookies),
		cmocka_unit_test(test_invalid_ke_payload_heard),
		cmocka_unit_test(test_invalid_ke_payload_misused),
		cmocka_unit_test(test_cookie_and_invalid_ke),
		cmocka_unit_test(test_forged_error_ends_nothing),
		cmocka_unit_test(test_no_proposal_chosen_heard),
		cmocka_unit_test(test_answer_with_another_suite),
		cmocka_unit_test(test_answer_from_elsewhere),
		cmocka_unit_test(test_answer_twice),
		cmocka_unit_test(test_answer_lacks_a_payload),
		cmocka_unit_test(test_cookie_under_load),
		cmocka_unit_test(test_nat_seen_as_initiator),
	};

	if (argc > 1)
		cmocka_set_test_filter(argv[1]);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
