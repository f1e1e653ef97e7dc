/* SPDX-License-Identifier: Apache-2.0 */
#include "ike/message/rules.h"
#include "lib/sample.h"
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#define INIT EXCHANGE_IKE_SA_INIT
#define AUTH EXCHANGE_IKE_AUTH
#define CHILD EXCHANGE_CREATE_CHILD_SA
#define INFO EXCHANGE_INFORMATIONAL

#define UNKNOWN 200

/* Types as a string of payload numbers, ended by 0. */
#define CHAIN(...) chain_of((const uint8_t[]){ __VA_ARGS__, 0 })

enum {
	SA = PAYLOAD_SA,
	KE = PAYLOAD_KE,
	IDI = PAYLOAD_IDI,
	IDR = PAYLOAD_IDR,
	CERT = PAYLOAD_CERT,
	CERTREQ = PAYLOAD_CERTREQ,
	SIG = PAYLOAD_AUTH,
	NONCE = PAYLOAD_NONCE,
	N = PAYLOAD_NOTIFY,
	D = PAYLOAD_DELETE,
	V = PAYLOAD_VENDOR,
	TSI = PAYLOAD_TSI,
	TSR = PAYLOAD_TSR,
	CP = PAYLOAD_CP,
	EAP = PAYLOAD_EAP,
};

static struct payloads chain_of(const uint8_t *types)
{
	struct payloads ps = { 0 };

	while (types[ps.n] != 0) {
		ps.p[ps.n].type = types[ps.n];
		ps.n++;
	}
	return ps;
}

static void with(struct payloads *ps, uint8_t type, size_t n)
{
	for (size_t i = 0; i < n; i++)
		ps->p[ps->n++] = (struct payload){ .type = type };
}

static void fine(uint8_t exchange, bool response, struct payloads ps)
{
	const struct judgement j = rules_judge(exchange, response, &ps);

	if (j.notify != 0)
		fail_msg("%s: %s", payload_name(j.payload), j.why);
}

static void refused(uint8_t exchange, bool response, struct payloads ps, uint8_t payload,
		    const char *why)
{
	const struct judgement j = rules_judge(exchange, response, &ps);

	assert_int_equal(j.notify, NOTIFY_INVALID_SYNTAX);
	assert_int_equal(j.payload, payload);
	assert_string_equal(j.why, why);
}

static void test_every_sample_is_fine(void **state)
{
	uint8_t buf[SAMPLE_ROOM], first;
	struct payloads ps;

	(void)state;
	for (size_t s = 0; s < n_samples; s++) {
		const struct bytes c = sample_chain(&samples[s], buf, &first);
		assert_int_equal(payloads_decode(first, c, &ps, NULL), DECODE_OK);
		fine(samples[s].exchange, samples[s].response, ps);
	}
}

static void t03_chain_that_lacks_a_payload(void **state)
{
	(void)state;
	refused(INIT, false, CHAIN(SA, KE), NONCE, "missing");
	refused(INIT, false, CHAIN(SA, NONCE), KE, "missing");
	refused(INIT, false, CHAIN(KE, NONCE), SA, "missing");
	refused(INIT, true, CHAIN(SA, KE), NONCE, "missing");
	refused(CHILD, false, CHAIN(SA, TSI, TSR), NONCE, "missing");
	refused(CHILD, false, CHAIN(NONCE, TSI, TSR), SA, "missing");
	refused(AUTH, false, CHAIN(SIG, SA, TSI, TSR), IDI, "missing");
	refused(AUTH, true, CHAIN(SIG, SA, TSI, TSR), IDR, "missing");
}

static void test_empty_messages(void **state)
{
	const struct payloads none = { 0 };

	(void)state;
	refused(INIT, false, none, SA, "missing");
	refused(INIT, true, none, SA, "missing");
	refused(AUTH, false, none, IDI, "missing");
	refused(AUTH, true, none, IDR, "missing");
	refused(CHILD, false, none, SA, "missing");
	refused(CHILD, true, none, SA, "missing");
	fine(INFO, false, none);
	fine(INFO, true, none);
}

static void t04_substructure_type_in_the_chain(void **state)
{
	(void)state;
	/* KE names type 2 as the next: it is skipped, and then the Nonce is missing. */
	refused(INIT, false, CHAIN(SA, KE, 2), NONCE, "missing");
	fine(INIT, false, CHAIN(SA, KE, 2, 3, NONCE));
}

static void t23_duplicates(void **state)
{
	(void)state;
	refused(INIT, false, CHAIN(SA, SA, KE, NONCE), SA, "too many");
	refused(INIT, false, CHAIN(SA, KE, KE, NONCE), KE, "too many");
	refused(INIT, false, CHAIN(SA, KE, NONCE, NONCE), NONCE, "too many");
	refused(INIT, true, CHAIN(SA, KE, NONCE, SA), SA, "too many");
	refused(AUTH, false, CHAIN(IDI, IDI, SIG), IDI, "too many");
	refused(AUTH, false, CHAIN(IDI, IDR, IDR, SIG), IDR, "too many");
	refused(AUTH, false, CHAIN(IDI, SIG, SA, TSI, TSR, SIG), SIG, "too many");
	refused(AUTH, false, CHAIN(IDI, SIG, SA, TSI, TSI, TSR), TSI, "too many");
	refused(AUTH, false, CHAIN(IDI, SIG, SA, TSI, TSR, TSR), TSR, "too many");
	refused(AUTH, true, CHAIN(IDR, IDR, SIG), IDR, "too many");
	refused(AUTH, true, CHAIN(IDR, SIG, SIG), SIG, "too many");
	refused(CHILD, false, CHAIN(SA, SA, NONCE, TSI, TSR), SA, "too many");
	refused(CHILD, false, CHAIN(SA, NONCE, NONCE, TSI, TSR), NONCE, "too many");
	refused(CHILD, false, CHAIN(SA, NONCE, KE, KE), KE, "too many");
}

static void test_order_is_free(void **state)
{
	(void)state;
	/* RFC 7296 2.5; all of these were seen on the wire. */
	fine(INIT, false, CHAIN(N, V, NONCE, KE, N, SA));
	fine(AUTH, false, CHAIN(IDI, N, SIG, N, SA, TSI, TSR, N));
	fine(AUTH, false, CHAIN(TSR, TSI, SA, SIG, CERTREQ, CERT, IDI));
	fine(CHILD, false, CHAIN(N, SA, NONCE, TSI, TSR));
	fine(CHILD, false, CHAIN(SA, NONCE, KE, TSI, TSR, N, N));
}

static void test_what_peers_send(void **state)
{
	(void)state;
	fine(AUTH, false, CHAIN(IDI, CERT, CERTREQ, CERTREQ, SIG, SA, TSI, TSR)); /* no IDr */
	fine(AUTH, true, CHAIN(IDR, CERT, CERT, CERT, SIG, SA, TSI, TSR, N));	  /* CERT unasked */
	fine(AUTH, true, CHAIN(IDR, CERT, SIG, N)); /* the CHILD_SA is refused, the IKE SA is not */
	fine(AUTH, true, CHAIN(N));		    /* some refuse all of it */
	fine(AUTH, false, CHAIN(IDI, CERT, SIG, N)); /* RFC 6023: no CHILD_SA wanted */
	fine(INIT, true, CHAIN(SA, KE, NONCE, CERTREQ, CERTREQ, N, V));
	fine(CHILD, false, CHAIN(SA, NONCE, KE)); /* an IKE SA is rekeyed */
	fine(INFO, false, CHAIN(D, D, N, CP));
}

static void test_refusals_are_notifies_alone(void **state)
{
	(void)state;
	fine(INIT, true, CHAIN(N));
	fine(INIT, true, CHAIN(N, N, V));
	fine(INIT, true, CHAIN(V, UNKNOWN, N));
	fine(CHILD, true, CHAIN(N));
	fine(AUTH, true, CHAIN(N, N));
	/* In a request that is no excuse, and neither is a Vendor ID alone. */
	refused(INIT, false, CHAIN(N), SA, "missing");
	refused(AUTH, false, CHAIN(N), IDI, "missing");
	refused(INIT, true, CHAIN(V), SA, "missing");
	/* Half an answer is none. */
	refused(INIT, true, CHAIN(N, SA), KE, "missing");
}

static void t33_request_without_auth_is_told_apart(void **state)
{
	(void)state;
	/* Well formed (2.16 asks for EAP so): the exchange answers AUTHENTICATION_FAILED. */
	fine(AUTH, false, CHAIN(IDI, SA, TSI, TSR));
	fine(AUTH, false, CHAIN(IDI, EAP));
	fine(AUTH, true, CHAIN(IDR, CERT, SIG, EAP));
	/* EAP-Success out of nowhere is no answer. */
	refused(AUTH, true, CHAIN(EAP), IDR, "missing");
}

static void t39_unknown_payloads(void **state)
{
	static const struct {
		uint8_t exchange;
		bool response;
	} messages[] = {
		{ INIT, false }, { AUTH, false }, { CHILD, false }, { INFO, false }, { INFO, true }
	};

	(void)state;
	for (size_t i = 0; i < sizeof(messages) / sizeof(messages[0]); i++) {
		struct payloads ps = CHAIN(UNKNOWN);
		ps.p[0].critical = true;
		const struct judgement j =
			rules_judge(messages[i].exchange, messages[i].response, &ps);
		assert_int_equal(j.notify, NOTIFY_UNSUPPORTED_CRITICAL_PAYLOAD);
		assert_int_equal(j.payload, UNKNOWN);
		assert_string_equal(j.why, "critical");
	}
	fine(INIT, false, CHAIN(UNKNOWN, SA, 1, KE, 32, NONCE, 255));
	fine(INFO, false, CHAIN(UNKNOWN));
}

static void t39_critical_bit_on_known_payloads_is_ignored(void **state)
{
	struct payloads ps = CHAIN(SA, KE, NONCE, N, V);

	(void)state;
	for (size_t i = 0; i < ps.n; i++)
		ps.p[i].critical = true;
	fine(INIT, false, ps);
}

static void t41_t54_sealed_payloads_where_none_may_be(void **state)
{
	(void)state;
	refused(INIT, false, CHAIN(SA, KE, NONCE, PAYLOAD_SK), PAYLOAD_SK, "not allowed here");
	refused(INIT, false, CHAIN(PAYLOAD_SK), PAYLOAD_SK, "not allowed here");
	refused(INIT, false, CHAIN(PAYLOAD_SKF), PAYLOAD_SKF, "not allowed here");
	refused(INIT, true, CHAIN(N, PAYLOAD_SKF), PAYLOAD_SKF, "not allowed here");
	/* RFC 7296 3.1: MUST NOT contain another Encrypted payload. */
	refused(AUTH, false, CHAIN(IDI, SIG, PAYLOAD_SK), PAYLOAD_SK, "not allowed here");
	refused(INFO, false, CHAIN(PAYLOAD_SK), PAYLOAD_SK, "not allowed here");
	refused(INFO, true, CHAIN(N, PAYLOAD_SKF), PAYLOAD_SKF, "not allowed here");
}

static void test_known_payloads_out_of_place(void **state)
{
	(void)state;
	refused(INIT, false, CHAIN(SA, KE, NONCE, IDI), IDI, "not allowed here");
	refused(INIT, false, CHAIN(SA, KE, NONCE, CERTREQ), CERTREQ, "not allowed here");
	refused(AUTH, false, CHAIN(IDI, SIG, D), D, "not allowed here");
	refused(AUTH, true, CHAIN(IDR, SIG, IDI), IDI, "not allowed here");
	refused(CHILD, false, CHAIN(SA, NONCE, SIG), SIG, "not allowed here");
	refused(INFO, false, CHAIN(SA), SA, "not allowed here");
	refused(INFO, false, CHAIN(EAP), EAP, "not allowed here");
}

static void test_limits_for_each_type(void **state)
{
	static const struct {
		uint8_t exchange;
		uint8_t type;
		size_t most;
	} rows[] = {
		{ INIT, N, 20 },   { INIT, V, 20 },	  { AUTH, N, 20 },  { AUTH, V, 20 },
		{ AUTH, CERT, 8 }, { AUTH, CERTREQ, 20 }, { CHILD, N, 20 }, { INFO, D, 20 },
		{ INFO, N, 20 },   { INFO, V, 20 },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct payloads ps = { 0 };
		if (rows[i].exchange == INIT)
			ps = CHAIN(SA, KE, NONCE);
		else if (rows[i].exchange == AUTH)
			ps = CHAIN(IDI, SIG);
		else if (rows[i].exchange == CHILD)
			ps = CHAIN(SA, NONCE);
		with(&ps, rows[i].type, rows[i].most);
		fine(rows[i].exchange, false, ps);
		with(&ps, rows[i].type, 1);
		refused(rows[i].exchange, false, ps, rows[i].type, "too many");
	}
}

static void t68_nine_certificates(void **state)
{
	struct payloads ps = CHAIN(IDR, SIG);

	(void)state;
	with(&ps, CERT, 9);
	refused(AUTH, true, ps, CERT, "too many");
}

static void t01_exchanges_that_are_none(void **state)
{
	static const uint8_t none[] = { 0, 1, 33, 38, 42, 45, 240, 255 };

	(void)state;
	for (size_t i = 0; i < sizeof(none); i++) {
		refused(none[i], false, CHAIN(SA, KE, NONCE), PAYLOAD_NONE, "unknown exchange");
		refused(none[i], true, CHAIN(N), PAYLOAD_NONE, "unknown exchange");
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_every_sample_is_fine),
		cmocka_unit_test(t03_chain_that_lacks_a_payload),
		cmocka_unit_test(test_empty_messages),
		cmocka_unit_test(t04_substructure_type_in_the_chain),
		cmocka_unit_test(t23_duplicates),
		cmocka_unit_test(test_order_is_free),
		cmocka_unit_test(test_what_peers_send),
		cmocka_unit_test(test_refusals_are_notifies_alone),
		cmocka_unit_test(t33_request_without_auth_is_told_apart),
		cmocka_unit_test(t39_unknown_payloads),
		cmocka_unit_test(t39_critical_bit_on_known_payloads_is_ignored),
		cmocka_unit_test(t41_t54_sealed_payloads_where_none_may_be),
		cmocka_unit_test(test_known_payloads_out_of_place),
		cmocka_unit_test(test_limits_for_each_type),
		cmocka_unit_test(t68_nine_certificates),
		cmocka_unit_test(t01_exchanges_that_are_none),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
