/* SPDX-License-Identifier: Apache-2.0 */
/* Tokens of RFC 6290: who lost an IKE SA proves it, and nobody else can. */
#include "ike/load.h"
#include "ike/qcd.h"
#include "sim/duet.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#define SECOND INT64_C(1000000)
#define QCD NOTIFY_QUICK_CRASH_DETECTION

static const uint8_t secret[QCD_SECRET_LEN] = { 0,  1,	2,  3,	4,  5,	6,  7,	8,  9,	10,
						11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21,
						22, 23, 24, 25, 26, 27, 28, 29, 30, 31 };
/* SHA-256("ikemesh 1"), cut: what tells an ikemesh peer. */
static const uint8_t vendor_id[16] = { 0x0a, 0x10, 0x9b, 0xb3, 0xdf, 0x1b, 0x7f, 0xaa,
				       0x75, 0x3f, 0x4d, 0xd6, 0x58, 0x31, 0x20, 0x73 };
static const uint8_t token[24] = "of the peer's own making";

static const struct duet_options ikemesh = { .peer_is_ikemesh = true, .qcd_secret = secret };

static void start(struct duet *d, const struct duet_options *o)
{
	duet_start(d, o);
	d->peer.vendor = BYTES(vendor_id, sizeof vendor_id);
}

/* --- the token itself --- */

static void test_token(void **state)
{
	/* python3: hmac.new(bytes(range(32)), SPIi SPIr 10.0.0.1 10.0.0.2, sha256)[:16] */
	static const uint8_t want[QCD_TOKEN_LEN] = {
		0x6f, 0x5e, 0xad, 0x05, 0x88, 0x70, 0xc8, 0x18,
		0x0f, 0xcf, 0xb5, 0x8b, 0xf7, 0x0f, 0xdc, 0x2e
	};
	const uint64_t i = UINT64_C(0x0102030405060708), r = UINT64_C(0x1112131415161718);
	uint8_t other[QCD_SECRET_LEN], got[QCD_TOKEN_LEN];
	struct ip maker, taker, else_;

	(void)state;
	assert_true(ip_parse("10.0.0.1", &maker));
	assert_true(ip_parse("10.0.0.2", &taker));
	assert_true(ip_parse("10.0.0.3", &else_));
	assert_int_equal(qcd_token(secret, i, r, &maker, &taker, got), 0);
	assert_memory_equal(got, want, sizeof want);
	/* Each part counts. */
	for (int bit = 0; bit < 64; bit++) {
		assert_int_equal(qcd_token(secret, i ^ UINT64_C(1) << bit, r, &maker, &taker, got),
				 0);
		assert_memory_not_equal(got, want, sizeof want);
		assert_int_equal(qcd_token(secret, i, r ^ UINT64_C(1) << bit, &maker, &taker, got),
				 0);
		assert_memory_not_equal(got, want, sizeof want);
	}
	qcd_token(secret, r, i, &maker, &taker, got);
	assert_memory_not_equal(got, want, sizeof want);
	qcd_token(secret, i, r, &else_, &taker, got);
	assert_memory_not_equal(got, want, sizeof want);
	qcd_token(secret, i, r, &maker, &else_, got);
	assert_memory_not_equal(got, want, sizeof want);
	qcd_token(secret, i, r, &taker, &maker, got);
	assert_memory_not_equal(got, want, sizeof want);
	memcpy(other, secret, sizeof other);
	other[31] ^= 1;
	qcd_token(other, i, r, &maker, &taker, got);
	assert_memory_not_equal(got, want, sizeof want);
}

/* --- the maker --- */

static void expect_token(const struct duet *d, struct bytes got, uint64_t spi_i, uint64_t spi_r)
{
	uint8_t want[QCD_TOKEN_LEN];

	assert_int_equal(qcd_token(secret, spi_i, spi_r, &d->us.ip, &d->them.ip, want), 0);
	assert_int_equal(got.n, sizeof want);
	assert_memory_equal(got.p, want, sizeof want);
}

/* RFC 6290 4.1: protocol IKE, no SPI, 16419. */
static void expect_header(struct draft *d)
{
	const uint8_t *p = draft_notify(d, QCD)->body.p;

	assert_int_equal(p[0], 1);
	assert_int_equal(p[1], 0);
	assert_int_equal(p[2] << 8 | p[3], 16419);
}

static void test_handed_out(void **state)
{
	static const struct duet_options others = { .qcd_secret = secret };
	static const struct duet_options none = { .peer_is_ikemesh = true };
	struct duet d;
	struct draft heard, said;

	(void)state;
	/* --> IKE_AUTH { ..., N(QCD_TOKEN), SA, TSi, TSr } */
	start(&d, &ikemesh);
	duet_core_init(&d);
	duet_hear(&d, EXCHANGE_IKE_AUTH, false, &heard);
	expect_header(&heard);
	expect_token(&d, draft_notify_data(&heard, QCD), d.peer.spi_i, d.peer.spi_r);
	draft_free(&heard);
	duet_end(&d);

	/* <-- IKE_AUTH { ... } --> IKE_AUTH { ..., N(QCD_TOKEN), SA, TSi, TSr } */
	start(&d, &ikemesh);
	duet_peer_init(&d);
	peer_ask_auth(&d.peer, &said);
	duet_say(&d, &said);
	duet_hear(&d, EXCHANGE_IKE_AUTH, true, &heard);
	expect_token(&d, draft_notify_data(&heard, QCD), d.peer.spi_i, d.peer.spi_r);
	draft_free(&heard);
	duet_end(&d);

	/* To others never; nor without a secret. */
	duet_start(&d, &others);
	duet_core_init(&d);
	duet_hear(&d, EXCHANGE_IKE_AUTH, false, &heard);
	assert_false(draft_has_notify(&heard, QCD));
	draft_free(&heard);
	duet_end(&d);
	start(&d, &none);
	duet_core_init(&d);
	duet_hear(&d, EXCHANGE_IKE_AUTH, false, &heard);
	assert_false(draft_has_notify(&heard, QCD));
	draft_free(&heard);
	duet_end(&d);
}

/* A request for an IKE SA that is not here, as the peer would seal it: nobody can open it. */
static struct blob lost_request(bool response)
{
	uint8_t sealed[60] = { PAYLOAD_NONE };
	struct ike_header h = { .spi_i = 0x1111,
				.spi_r = 0x2222,
				.version = 0x20,
				.exchange = EXCHANGE_INFORMATIONAL,
				.initiator = true,
				.response = response,
				.message_id = 5 };
	struct draft d;
	struct blob b;

	draft_init(&d, &h);
	draft_add(&d, PAYLOAD_SK, BYTES(sealed, sizeof sealed));
	b = draft_message(&d);
	draft_free(&d);
	return b;
}

/* RFC 6290 4.5: SPIs and message id are those of the request. */
static void expect_presented(struct duet *d)
{
	struct ike_header h;
	struct draft heard;
	const struct duet_datagram *sent = duet_take(d);

	assert_non_null(sent);
	assert_int_equal(ike_header_decode(blob_view(&sent->b), &h), DECODE_OK);
	assert_int_equal(h.spi_i, 0x1111);
	assert_int_equal(h.spi_r, 0x2222);
	assert_int_equal(h.message_id, 5);
	assert_true(h.response);
	assert_false(h.initiator);
	draft_init(&heard, &h);
	assert_true(draft_read(&heard, h.next_payload,
			       BYTES(sent->b.p + IKE_HEADER_LEN, sent->b.n - IKE_HEADER_LEN)));
	assert_int_equal(heard.n, 2);
	assert_true(draft_has_notify(&heard, NOTIFY_INVALID_IKE_SPI));
	expect_header(&heard);
	expect_token(d, draft_notify_data(&heard, QCD), 0x1111, 0x2222);
	draft_free(&heard);
}

static void test_presented(void **state)
{
	struct duet d;
	struct blob request = lost_request(false), answer = lost_request(true);
	struct endpoint other;
	const struct duet_datagram *sent;
	uint8_t want[QCD_TOKEN_LEN];

	(void)state;
	start(&d, &ikemesh);
	duet_give(&d, blob_view(&request));
	expect_presented(&d);
	assert_int_equal(duet_counters(&d).qcd_sent, 1);
	duet_give(&d, blob_view(&answer)); /* an answer is answered by nothing */
	duet_hear_nothing(&d);
	/* From another address, somebody gets another token: not the one of this pair. */
	other = d.them;
	other.ip.b[3]++;
	duet_give_from(&d, &other, &d.us, blob_view(&request));
	sent = duet_take(&d);
	assert_non_null(sent);
	qcd_token(secret, 0x1111, 0x2222, &d.us.ip, &d.them.ip, want);
	for (size_t i = 0; i + sizeof want <= sent->b.n; i++)
		assert_memory_not_equal(sent->b.p + i, want, sizeof want);
	/* Limited, as all that is said in the clear. */
	for (int i = 0; i < 100; i++)
		duet_give(&d, blob_view(&request));
	assert_int_equal(d.n_sent, 1 + LOAD_REPLY_BURST_SOURCE);
	duet_end(&d);
	blob_free(&request);
	blob_free(&answer);
}

/* What is not here yet may come: no token and no INVALID_IKE_SPI. */
static void test_not_before_state_is_there(void **state)
{
	struct duet_options o = ikemesh;
	struct duet d;
	struct blob request = lost_request(false);
	const struct event loaded = { .kind = EVENT_STATE_LOADED };

	(void)state;
	o.no_spec = true;
	start(&d, &o);
	duet_give(&d, blob_view(&request));
	duet_hear_nothing(&d);
	duet_event(&d, &(struct event){ .kind = EVENT_SPEC, .spec = { .spec = &d.spec } });
	duet_give(&d, blob_view(&request));
	expect_presented(&d);
	duet_end(&d);

	o = ikemesh;
	o.awaits_state = true;
	start(&d, &o);
	duet_give(&d, blob_view(&request));
	duet_hear_nothing(&d);
	duet_event(&d, &loaded);
	duet_give(&d, blob_view(&request));
	expect_presented(&d);
	duet_end(&d);
	blob_free(&request);
}

/* --- the taker --- */

/* Up, with a token of the peer's. */
static void up(struct duet *d, bool by_core, struct bytes given)
{
	struct draft heard, said;

	start(d, &ikemesh);
	if (by_core) {
		duet_core_init(d);
		duet_hear(d, EXCHANGE_IKE_AUTH, false, &heard);
		peer_answer_auth(&d->peer, &heard, &said);
		draft_add_notify(&said, QCD, given);
		draft_free(&heard);
		duet_say(d, &said);
	} else {
		duet_peer_init(d);
		peer_ask_auth(&d->peer, &said);
		draft_add_notify(&said, QCD, given);
		duet_say(d, &said);
		duet_hear(d, EXCHANGE_IKE_AUTH, true, &heard);
		peer_take_auth(&d->peer, &heard);
		draft_free(&heard);
		duet_esp_from_peer(d);
		duet_esp_from_peer(d);
	}
	duet_assert_child(d);
}

/* HDR { N(INVALID_IKE_SPI), N(QCD_TOKEN) } in the clear, as an answer of the peer's. */
static void claim_open(struct duet *d, struct draft *out)
{
	const struct ike_header h = { .spi_i = d->peer.spi_i,
				      .spi_r = d->peer.spi_r,
				      .version = 0x20,
				      .exchange = EXCHANGE_INFORMATIONAL,
				      .initiator = d->peer.initiator,
				      .response = true };

	draft_init(out, &h);
	draft_add_notify(out, NOTIFY_INVALID_IKE_SPI, BYTES_NONE);
}

static void claim_say(struct duet *d, struct draft *claim)
{
	struct blob b = draft_message(claim);

	draft_free(claim);
	duet_give(d, blob_view(&b));
	blob_free(&b);
}

static void test_taken(void **state)
{
	(void)state;
	for (int by_core = 0; by_core <= 1; by_core++) {
		struct duet d;
		struct draft claim;

		up(&d, by_core != 0, BYTES(token, sizeof token));
		while (duet_take(&d) != NULL)
			;
		claim_open(&d, &claim);
		draft_add_notify(&claim, QCD, BYTES(token, sizeof token));
		claim_say(&d, &claim);
		/* All gone, nothing said (RFC 6290 4.5), and the next packet begins afresh. */
		assert_int_equal(d.kernel.n_sas, 0);
		assert_int_equal(duet_counters(&d).ike_sas, 0);
		assert_int_equal(duet_counters(&d).qcd_taken, 1);
		duet_hear_nothing(&d);
		assert_true(duet_reported(&d, "has lost IKE SA"));
		peer_wipe(&d.peer);
		duet_core_up(&d);
		duet_end(&d);
	}
}

/* RFC 6290 4.5: of four, the last is the right one. */
static void test_several(void **state)
{
	struct duet d;
	struct draft claim;
	uint8_t wrong[sizeof token];

	(void)state;
	memcpy(wrong, token, sizeof wrong);
	wrong[0] ^= 1;
	up(&d, true, BYTES(token, sizeof token));
	claim_open(&d, &claim);
	for (int i = 0; i < 3; i++)
		draft_add_notify(&claim, QCD, BYTES(wrong, sizeof wrong));
	draft_add_notify(&claim, QCD, BYTES(token, sizeof token));
	claim_say(&d, &claim);
	assert_int_equal(duet_counters(&d).ike_sas, 0);
	duet_end(&d);
}

/* Nothing but the very token, from the peer's address, in an answer with INVALID_IKE_SPI. */
static void test_forged(void **state)
{
	struct duet d;
	struct draft claim;
	struct blob b;
	struct endpoint other;

	(void)state;
	up(&d, true, BYTES(token, sizeof token));
	while (duet_take(&d) != NULL)
		;
	for (size_t bit = 0; bit < sizeof token * 8; bit++) {
		uint8_t wrong[sizeof token];

		memcpy(wrong, token, sizeof wrong);
		wrong[bit / 8] ^= (uint8_t)(1u << bit % 8);
		claim_open(&d, &claim);
		draft_add_notify(&claim, QCD, BYTES(wrong, sizeof wrong));
		claim_say(&d, &claim);
	}
	assert_int_equal(duet_counters(&d).qcd_wrong, sizeof token * 8);
	/* Its beginning; more than it; none; no INVALID_IKE_SPI. */
	claim_open(&d, &claim);
	draft_add_notify(&claim, QCD, BYTES(token, sizeof token - 1));
	claim_say(&d, &claim);
	claim_open(&d, &claim);
	draft_add_notify(&claim, QCD, BYTES_NONE);
	claim_say(&d, &claim);
	claim_open(&d, &claim);
	claim_say(&d, &claim);
	claim_open(&d, &claim);
	draft_drop_notify(&claim, NOTIFY_INVALID_IKE_SPI);
	draft_add_notify(&claim, QCD, BYTES(token, sizeof token));
	claim_say(&d, &claim);
	/* Other SPIs. */
	claim_open(&d, &claim);
	claim.h.spi_r ^= 1;
	draft_add_notify(&claim, QCD, BYTES(token, sizeof token));
	claim_say(&d, &claim);
	/* A request; from another address. */
	claim_open(&d, &claim);
	claim.h.response = false;
	draft_add_notify(&claim, QCD, BYTES(token, sizeof token));
	claim_say(&d, &claim);
	claim_open(&d, &claim);
	draft_add_notify(&claim, QCD, BYTES(token, sizeof token));
	b = draft_message(&claim);
	draft_free(&claim);
	other = d.them;
	other.ip.b[3]++;
	duet_give_from(&d, &other, &d.us, blob_view(&b));
	duet_hear_nothing(&d);
	duet_assert_child(&d);
	assert_int_equal(duet_counters(&d).qcd_taken, 0);
	/* And now the right one. */
	duet_give(&d, blob_view(&b));
	assert_int_equal(duet_counters(&d).qcd_taken, 1);
	blob_free(&b);
	duet_end(&d);
}

/* RFC 6290 5: 16 to 128 octets. An empty token would be everybody's. */
static void test_lengths(void **state)
{
	static const struct {
		size_t n;
		bool kept;
	} cases[] = { { 0, false }, { 15, false }, { 16, true }, { 128, true }, { 129, false } };
	uint8_t octets[129] = { 1, 2, 3 };

	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct duet d;
		struct draft claim;

		up(&d, true, BYTES(octets, cases[i].n));
		claim_open(&d, &claim);
		draft_add_notify(&claim, QCD, BYTES(octets, cases[i].n));
		claim_say(&d, &claim);
		assert_int_equal(duet_counters(&d).ike_sas, cases[i].kept ? 0 : 1);
		duet_end(&d);
	}
}

/* Before the peer is authenticated its token is worth nothing. */
static void test_not_before_authentication(void **state)
{
	struct duet d;
	struct draft claim, said;

	(void)state;
	start(&d, &ikemesh);
	duet_peer_init(&d);
	d.hold_jobs = true;
	peer_ask_auth(&d.peer, &said);
	draft_add_notify(&said, QCD, BYTES(token, sizeof token));
	duet_say(&d, &said);
	claim_open(&d, &claim);
	draft_add_notify(&claim, QCD, BYTES(token, sizeof token));
	claim_say(&d, &claim);
	assert_int_equal(duet_counters(&d).ike_sas, 1);
	d.hold_jobs = false;
	duet_run_jobs(&d);
	duet_run_jobs(&d);
	duet_end(&d);
}

/* RFC 6290 4.3: after a rekeying the peer hands over the new one, and gets ours in the answer. */
static void test_renewed(void **state)
{
	static const uint8_t fresh[17] = "another of theirs";
	struct duet d;
	struct draft said, heard, claim;

	(void)state;
	up(&d, true, BYTES(token, sizeof token));
	while (duet_take(&d) != NULL)
		;
	/* <-- INFORMATIONAL { N(QCD_TOKEN) } --> INFORMATIONAL { N(QCD_TOKEN) } */
	peer_ask(&d.peer, EXCHANGE_INFORMATIONAL, &said);
	draft_add_notify(&said, QCD, BYTES(fresh, sizeof fresh));
	duet_say(&d, &said);
	duet_hear(&d, EXCHANGE_INFORMATIONAL, true, &heard);
	expect_token(&d, draft_notify_data(&heard, QCD), d.peer.spi_i, d.peer.spi_r);
	draft_free(&heard);
	/* The old one is good no longer. */
	claim_open(&d, &claim);
	draft_add_notify(&claim, QCD, BYTES(token, sizeof token));
	claim_say(&d, &claim);
	assert_int_equal(duet_counters(&d).ike_sas, 1);
	claim_open(&d, &claim);
	draft_add_notify(&claim, QCD, BYTES(fresh, sizeof fresh));
	claim_say(&d, &claim);
	assert_int_equal(duet_counters(&d).ike_sas, 0);
	duet_end(&d);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_token),
		cmocka_unit_test(test_handed_out),
		cmocka_unit_test(test_presented),
		cmocka_unit_test(test_not_before_state_is_there),
		cmocka_unit_test(test_taken),
		cmocka_unit_test(test_several),
		cmocka_unit_test(test_forged),
		cmocka_unit_test(test_lengths),
		cmocka_unit_test(test_not_before_authentication),
		cmocka_unit_test(test_renewed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
