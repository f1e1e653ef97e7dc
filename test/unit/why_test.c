/* SPDX-License-Identifier: Apache-2.0 */
/* `ikectl why`: causes told from what is remembered, each by the facts that tell it from the next.
 */
#include "cmd/ikectl/why.h"

#include "crypto/trust.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "lib/xfrm_spec.h"

#define NOW 1800000000
#define OWN "\"certificate\":{\"not_before\":1700000000,\"not_after\":1900000000}"
#define OWN_OLD "\"certificate\":{\"not_before\":1600000000,\"not_after\":1700000000}"
#define OWN_EARLY "\"certificate\":{\"not_before\":1900000000,\"not_after\":2000000000}"
#define KEYHOLDER_AWAY OWN ",\"keyholder\":{\"away\":true}"

static json_t *parse(const char *json)
{
	json_error_t error;
	json_t *o = json_loads(json, 0, &error);

	if (o == NULL)
		fail_msg("%d:%d: %s in %s", error.line, error.column, error.text, json);
	return o;
}

static struct why_facts facts_of(const char *status)
{
	return (struct why_facts){ .status = parse(status),
				   .now = NOW,
				   .clock_synchronised = true };
}

static void assert_why(const struct why_facts *f, const char *cause, bool amiss)
{
	struct diagnosis d;

	why_diagnose(f, &d);
	assert_string_equal(d.cause->name, cause);
	assert_int_equal(d.cause->amiss, amiss);
	assert_true(d.cause->sentence[0] != '\0');
	assert_true(!amiss || d.cause->mend != NULL); /* there is always something to do */
}

static void assert_cause(const char *status, const char *cause, bool amiss)
{
	struct why_facts f = facts_of(status);

	assert_why(&f, cause, amiss);
	json_decref((json_t *)f.status);
}

/* Two IKE SAs that were deleted soon, so long ago, on a pair in that state. */
static void assert_deleted(const char *state, unsigned first, unsigned second, const char *cause,
			   bool amiss)
{
	static const char attempt[] = "{\"failed\":false,\"cause\":\"peer-deleted\","
				      "\"reason\":\"x\",\"ended_s_ago\":%u},";
	char *status, attempts[2 * sizeof(attempt) + 16];

	snprintf(attempts, sizeof(attempts), attempt, first);
	snprintf(attempts + strlen(attempts), sizeof(attempts) - strlen(attempts), attempt, second);
	if (asprintf(&status,
		     "{%s,\"peer\":{\"address\":\"10.1.0.9\",\"ruling\":\"enforced\"},\"pairs\":[{"
		     "\"remote\":\"10.1.0.9\",\"state\":\"%s\",\"attempts\":[%s"
		     "{\"failed\":false,\"cause\":null,\"ended_s_ago\":1}],\"ike_sas\":[]}]}",
		     OWN, state, attempts) < 0)
		abort();
	assert_cause(status, cause, amiss);
	free(status);
}

/* Once may happen; again and again is told, be it up at the moment or not. */
static void test_deleted_again_and_again(void **state)
{
	(void)state;
	assert_deleted("up", 5, 40, "peer-deleted", true);
	assert_deleted("connecting", 5, 40, "peer-deleted", true);
	assert_deleted("up", 5, 400, "idle", false);
	assert_deleted("connecting", 5, 400, "connecting", false);
}

/* A pair that is not up, with this as its only attempt. */
static char *failed(const char *own, const char *attempt)
{
	char *out = NULL;

	if (asprintf(&out,
		     "{%s,\"peer\":{\"address\":\"10.1.0.9\",\"ruling\":\"enforced\",\"subnet\":"
		     "\"10.1.0.0/16\"},\"pairs\":[{\"local\":\"10.1.0.1\",\"ruling\":\"enforced\","
		     "\"since_s_ago\":20,\"retry_in_s\":4,\"remote\":\"10.1.0.9\",\"state\":"
		     "\"backing off\",\"attempts\":[{%s}]}]}",
		     own, attempt) < 0)
		abort();
	return out;
}

static void assert_attempt(const char *own, const char *attempt, const char *cause)
{
	char *status = failed(own, attempt);

	assert_cause(status, cause, true);
	free(status);
}

static void test_certificates(void **state)
{
	static const struct {
		enum verdict verdict;
		const char *cause, *fast_clock, *slow_clock;
	} rows[] = {
		{ VERDICT_NO_TRUSTED_CA, "wrong-ca", "wrong-ca", "wrong-ca" },
		{ VERDICT_EXPIRED, "expired", "clock", "expired" },
		{ VERDICT_NOT_YET_VALID, "not-yet-valid", "not-yet-valid", "clock" },
		{ VERDICT_ID_MISMATCH, "identity", "identity", "identity" },
		{ VERDICT_NOT_ALLOWED, "not-allowed", "not-allowed", "not-allowed" },
		{ VERDICT_WRONG_ADDRESS, "wrong-address", "wrong-address", "wrong-address" },
		{ VERDICT_REVOKED, "revoked", "revoked", "revoked" },
		{ VERDICT_NO_CRL, "no-crl", "no-crl", "no-crl" },
		{ VERDICT_BAD_SIGNATURE, "signature", "signature", "signature" },
		{ VERDICT_WEAK_KEY, "certificate", "certificate", "certificate" },
		{ VERDICT_BAD_CHAIN, "certificate", "certificate", "certificate" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		char attempt[256];

		snprintf(attempt, sizeof(attempt),
			 "\"failed\":true,\"stage\":\"IKE_AUTH\",\"notify\":"
			 "\"AUTHENTICATION_FAILED\",\"notify_ours\":true,\"certificate\":\"%s\"",
			 verdict_name(rows[i].verdict));
		assert_attempt(OWN, attempt, rows[i].cause);
		assert_attempt(OWN_OLD, attempt, rows[i].fast_clock);
		assert_attempt(OWN_EARLY, attempt, rows[i].slow_clock);
	}
}

#define REFUSED(stage, notify, ours) \
	"\"failed\":true,\"stage\":\"" stage "\",\"notify\":\"" notify "\",\"notify_ours\":" ours

static void test_refusals(void **state)
{
	(void)state;
	assert_attempt(OWN, REFUSED("IKE_SA_INIT", "NO_PROPOSAL_CHOSEN", "false"),
		       "no-common-ike-proposal");
	assert_attempt(OWN, REFUSED("IKE_SA_INIT", "NO_PROPOSAL_CHOSEN", "true"),
		       "no-common-ike-proposal");
	assert_attempt(OWN, REFUSED("IKE_SA_INIT", "INVALID_KE_PAYLOAD", "false"),
		       "no-common-ike-proposal");
	assert_attempt(OWN, REFUSED("CHILD_SA", "NO_PROPOSAL_CHOSEN", "false"),
		       "no-common-esp-proposal");
	assert_attempt(OWN, REFUSED("CHILD_SA", "TS_UNACCEPTABLE", "false"), "selectors");
	assert_attempt(OWN, REFUSED("CHILD_SA", "TS_UNACCEPTABLE", "true"), "selectors");
	assert_attempt(OWN, REFUSED("IKE_AUTH", "AUTHENTICATION_FAILED", "false"), "refused-us");
	assert_attempt(OWN_OLD, REFUSED("IKE_AUTH", "AUTHENTICATION_FAILED", "false"),
		       "own-expired");
	assert_attempt(OWN_EARLY, REFUSED("IKE_AUTH", "AUTHENTICATION_FAILED", "false"), "clock");
	assert_attempt(OWN, REFUSED("IKE_AUTH", "AUTHENTICATION_FAILED", "true"), "other");
	/* we do not even sign with such a one */
	assert_attempt(OWN_OLD, REFUSED("IKE_AUTH", "AUTHENTICATION_FAILED", "true"),
		       "own-expired");
	assert_attempt(OWN_OLD, "\"failed\":true,\"stage\":\"IKE_AUTH\",\"reason\":\"no\"",
		       "own-expired");
	assert_attempt(OWN_OLD, "\"failed\":true,\"stage\":\"IKE_SA_INIT\",\"reason\":\"no\"",
		       "other");
	assert_attempt(OWN, REFUSED("IKE_AUTH", "INVALID_SYNTAX", "true"), "other");
	/* What nobody could sign. */
	assert_attempt(KEYHOLDER_AWAY, "\"failed\":true,\"stage\":\"IKE_AUTH\",\"reason\":\"no\"",
		       "keyholder");
	assert_attempt(KEYHOLDER_AWAY, REFUSED("IKE_AUTH", "AUTHENTICATION_FAILED", "true"),
		       "keyholder");
	assert_attempt(KEYHOLDER_AWAY, REFUSED("IKE_AUTH", "AUTHENTICATION_FAILED", "false"),
		       "refused-us");
	assert_attempt(OWN, "\"failed\":true,\"stage\":\"IKE_AUTH\",\"reason\":\"no\"", "other");
	/* nothing is signed with it: by us as responder, and as initiator */
	assert_attempt(OWN_OLD, REFUSED("IKE_AUTH", "AUTHENTICATION_FAILED", "true"),
		       "own-expired");
	assert_attempt(OWN_OLD, "\"failed\":true,\"stage\":\"IKE_AUTH\",\"reason\":\"no\"",
		       "own-expired");
}

#define SILENT(stage, unreachable) \
	"\"failed\":false,\"silent\":true,\"stage\":\"" stage "\",\"unreachable\":" unreachable

static void assert_silence(const char *attempt, enum neighbour neighbour, const char *cause)
{
	char *status = failed(OWN, attempt);
	struct why_facts f = facts_of(status);

	f.neighbour = neighbour;
	assert_why(&f, cause, true);
	json_decref((json_t *)f.status);
	free(status);
}

static void test_silence(void **state)
{
	const char *nothing = SILENT("IKE_SA_INIT", "null");

	(void)state;
	assert_silence(nothing, NEIGHBOUR_UNKNOWN, "silent");
	assert_silence(nothing, NEIGHBOUR_ALIVE, "ike-filtered");
	assert_silence(nothing, NEIGHBOUR_GONE, "peer-down");
	assert_silence(SILENT("IKE_SA_INIT", "\"EHOSTUNREACH\""), NEIGHBOUR_UNKNOWN, "peer-down");
	assert_silence(SILENT("IKE_SA_INIT", "\"ENETUNREACH\""), NEIGHBOUR_UNKNOWN, "no-route");
	assert_silence(SILENT("IKE_SA_INIT", "\"ECONNREFUSED\""), NEIGHBOUR_ALIVE, "no-ipsec");
	assert_silence(SILENT("IKE_AUTH", "null"), NEIGHBOUR_ALIVE, "ike-auth-silent");
}

/* A peer that is protected is not heard in the clear by the daemon: somebody else knocks. */
static void test_knock(void **state)
{
	char *status = failed(OWN, SILENT("IKE_SA_INIT", "null"));
	struct why_facts f = facts_of(status);
	struct diagnosis d;

	(void)state;
	f.neighbour = NEIGHBOUR_ALIVE;
	why_diagnose(&f, &d);
	assert_true(why_is_silence(&d));
	f.knock = KNOCK_CLOSED;
	assert_why(&f, "no-ipsec", true);
	why_diagnose(&f, &d);
	assert_false(why_is_silence(&d));
	f.knock = KNOCK_FORBIDDEN;
	f.neighbour = NEIGHBOUR_UNKNOWN;
	assert_why(&f, "ike-filtered", true);
	json_decref((json_t *)f.status);
	free(status);
}

/* RFC 792: port unreachable, then the head of an octet to port 500 of 10.1.1.2 */
static const uint8_t closed[] = {
	0x45, 0, 0,  57, 0, 0, 0,  0, 64, 1,	0,    0, 10, 1,	   1, 2, 10, 1,	 0,
	1,    3, 3,  0,	 0, 0, 0,  0, 0,  0x45, 0,    0, 29, 0,	   0, 0, 0,  64, 17,
	0,    0, 10, 1,	 0, 1, 10, 1, 1,  2,	0xc0, 1, 1,  0xf4, 0, 9, 0,  0,
};

static void test_knock_heard(void **state)
{
	struct ip peer = xfrm_ip("10.1.1.2"), other = xfrm_ip("10.1.1.3");
	uint8_t m[sizeof(closed)];

	(void)state;
	assert_int_equal(knock_heard(BYTES(closed, sizeof(closed)), &peer, 500), KNOCK_CLOSED);
	assert_int_equal(knock_heard(BYTES(closed, sizeof(closed)), &other, 500), KNOCK_NOTHING);
	assert_int_equal(knock_heard(BYTES(closed, sizeof(closed)), &peer, 501), KNOCK_NOTHING);
	for (size_t n = 0; n < sizeof(closed); n++)
		assert_int_equal(knock_heard(BYTES(closed, n), &peer, 500), KNOCK_NOTHING);
	memcpy(m, closed, sizeof(m));
	m[21] = 13;
	assert_int_equal(knock_heard(BYTES(m, sizeof(m)), &peer, 500), KNOCK_FORBIDDEN);
	m[21] = 4; /* too large: no word of the port */
	assert_int_equal(knock_heard(BYTES(m, sizeof(m)), &peer, 500), KNOCK_NOTHING);
	memcpy(m, closed, sizeof(m));
	m[28] = 0x4f; /* a header within that reaches beyond the end */
	assert_int_equal(knock_heard(BYTES(m, sizeof(m)), &peer, 500), KNOCK_NOTHING);
}

static void test_knock_heard_ipv6(void **state)
{
	struct ip peer = xfrm_ip("fd00::2"), other = xfrm_ip("fd00::3");
	uint8_t m[56] = { 1, 4, 0, 0, 0, 0, 0, 0, 0x60, 0, 0, 0, 0, 9, 17 };

	(void)state;
	memcpy(m + 8 + 24, peer.b, 16);
	m[8 + 40 + 2] = 1;
	m[8 + 40 + 3] = 0xf4;
	assert_int_equal(knock_heard(BYTES(m, sizeof(m)), &peer, 500), KNOCK_CLOSED);
	assert_int_equal(knock_heard(BYTES(m, sizeof(m)), &other, 500), KNOCK_NOTHING);
	assert_int_equal(knock_heard(BYTES(m, sizeof(m) - 1), &peer, 500), KNOCK_NOTHING);
	m[1] = 1;
	assert_int_equal(knock_heard(BYTES(m, sizeof(m)), &peer, 500), KNOCK_FORBIDDEN);
	m[1] = 3;
	assert_int_equal(knock_heard(BYTES(m, sizeof(m)), &peer, 500), KNOCK_NOTHING);
}

/* One that has just begun tells nothing: the one before does. */
static void test_which_attempt(void **state)
{
	(void)state;
	assert_attempt(OWN,
		       "\"failed\":false,\"silent\":false,\"stage\":\"IKE_SA_INIT\"},{" REFUSED(
			       "CHILD_SA", "TS_UNACCEPTABLE", "false"),
		       "selectors");
	assert_cause("{\"peer\":{\"ruling\":\"enforced\"},\"pairs\":[{\"state\":\"connecting\","
		     "\"attempts\":[{\"failed\":false}]}]}",
		     "connecting", false);
	assert_cause("{\"peer\":{\"ruling\":\"optional\"},\"pairs\":[{\"state\":\"down\","
		     "\"attempts\":[]}]}",
		     "no-sa", false);
}

static void test_no_pair(void **state)
{
	(void)state;
	assert_cause("{\"peer\":{\"ruling\":\"enforced\"},\"pairs\":[]}", "no-traffic", false);
	assert_cause("{\"peer\":{\"ruling\":\"none\"},\"pairs\":[]}", "not-protected", false);
	assert_cause("{\"peer\":{\"ruling\":\"bypass\"},\"pairs\":[]}", "bypassed", false);
	assert_cause("{\"peer\":{\"address\":\"10.1.0.1\",\"ruling\":\"enforced\"},\"listening\":["
		     "\"10.1.0.1\"],\"pairs\":[]}",
		     "own-address", false);
	/* what is left of a time when it was protected */
	assert_cause(
		"{\"peer\":{\"ruling\":\"bypass\"},\"pairs\":[{\"state\":\"down\",\"attempts\":"
		"[{\"failed\":true}]}]}",
		"bypassed", false);
}

#define UP(in, out)                                                                               \
	"{\"peer\":{\"address\":\"10.1.0.9\",\"ruling\":\"enforced\"},\"pairs\":[{\"state\":"     \
	"\"up\","                                                                                 \
	"\"attempts\":[{\"failed\":true,\"reason\":\"long ago\"}],\"ike_sas\":[{\"child_sas\":[{" \
	"\"in\":{\"packets\":" in "},\"out\":{\"packets\":" out "}}]}]}]}"

static void test_up(void **state)
{
	struct why_facts f = facts_of(UP("5", "5"));

	(void)state;
	assert_cause(UP("0", "0"), "idle", false);
	assert_cause(UP("0", "2"), "fine", false); /* may be on its way */
	assert_cause(UP("0", "3"), "esp-filtered", true);
	assert_cause(UP("1", "300"), "fine", false);
	f.path = (struct path_probe){ .peer = xfrm_ip("10.1.0.9"),
				      .overhead = { 34, 37, 4 },
				      .answered = true,
				      .largest = 1264,
				      .believed = 1466 };
	assert_why(&f, "mtu", true);
	f.path.believed = 1266;
	assert_why(&f, "fine", false);
	f.path.believed = 1466;
	f.path.answered = false; /* pings are not answered: nothing is known */
	assert_why(&f, "fine", false);
	json_decref((json_t *)f.status);
}

/* Of two of our addresses, one up, the other is asked about. */
static void test_several_pairs(void **state)
{
	(void)state;
	assert_cause("{\"peer\":{\"ruling\":\"enforced\"},\"pairs\":[{\"state\":\"up\"},{\"state\":"
		     "\"backing off\",\"attempts\":[{" REFUSED("CHILD_SA", "TS_UNACCEPTABLE",
							       "false") "}]},{\"state\":\"up\"}]}",
		     "selectors", true);
}

static void test_text(void **state)
{
	char *status = failed(
		OWN "\n,\"ike_proposals\":[\"aes128-sha256-modp2048\"]",
		"\"failed\":true,\"initiator\":false,\"started_s_ago\":12,\"ended_s_ago\":12,"
		"\"stage\":\"IKE_SA_INIT\",\"notify\":\"NO_PROPOSAL_CHOSEN\",\"notify_ours\":true,"
		"\"retransmits\":2,\"reason\":\"no common IKE "
		"proposal\",\"offered\":\"AES_CBC_256\"");
	struct why_facts f = facts_of(status);
	struct diagnosis d;
	char *text = NULL;
	size_t n = 0;
	FILE *out = open_memstream(&text, &n);
	json_t *document;

	(void)state;
	f.clock_synchronised = false;
	why_diagnose(&f, &d);
	why_print(&f, &d, out);
	fclose(out);
	assert_string_equal(
		text, "10.1.0.9: there is no common IKE proposal\n"
		      "        (no common IKE proposal)\n"
		      "mend:   give both sides one in common in ike_proposals\n"
		      "        and mind that no NTP client keeps this host's clock\n"
		      "rule:   10.1.0.0/16 of ipsec_subnets: ESP or nothing\n"
		      "state:  backing off, for 20s; next try in 4s (10.1.0.1 with 10.1.0.9)\n"
		      "attempts, newest first:\n"
		      "    12s ago, begun by the peer: IKE_SA_INIT failed, 2 retransmits\n"
		      "        no common IKE proposal\n"
		      "        we refused with NO_PROPOSAL_CHOSEN: none of the algorithms offered\n"
		      "        the peer offered AES_CBC_256; we take aes128-sha256-modp2048\n");
	free(text);
	document = why_json(&f, &d);
	assert_string_equal(json_string_value(json_object_get(document, "cause")),
			    "no-common-ike-proposal");
	assert_true(json_is_true(json_object_get(document, "amiss")));
	json_decref(document);
	json_decref((json_t *)f.status);
	free(status);
}

/* What stands, and that the first ESP went. */
static void test_text_up(void **state)
{
	struct why_facts f = facts_of(
		"{\"peer\":{\"address\":\"10.1.0.9\",\"ruling\":\"enforced\",\"subnet\":"
		"\"10.1.0.0/16\"},\"pairs\":[{\"local\":\"10.1.0.1\",\"remote\":\"10.1.0.9\","
		"\"ruling\":\"enforced\",\"state\":\"up\",\"since_s_ago\":9,\"attempts\":[{"
		"\"failed\":false,\"initiator\":true,\"started_s_ago\":10,\"ended_s_ago\":9,"
		"\"stage\":\"up\"}],\"ike_sas\":[{\"number\":1,\"state\":\"ESTABLISHED\","
		"\"peer_id\":\"CN=b\",\"peer_certificate\":{\"not_after\":1800864000},"
		"\"child_sas\":[{\"number\":2,\"state\":\"INSTALLED\",\"in\":{\"packets\":3},"
		"\"out\":{\"packets\":4}}]}]}]}");
	struct diagnosis d;
	char *text = NULL;
	size_t n = 0;
	FILE *out = open_memstream(&text, &n);

	(void)state;
	why_diagnose(&f, &d);
	why_print(&f, &d, out);
	fclose(out);
	assert_string_equal(text,
			    "10.1.0.9: nothing is amiss: ESP goes both ways\n"
			    "rule:   10.1.0.0/16 of ipsec_subnets: ESP or nothing\n"
			    "state:  up, for 9s (10.1.0.1 with 10.1.0.9)\n"
			    "    IKE [1] ESTABLISHED, with CN=b (its certificate is good for 10d)\n"
			    "    ESP {2} INSTALLED: 4 packets sent, 3 received\n"
			    "attempts, newest first:\n"
			    "    10s ago, begun by us: up reached\n");
	free(text);
	json_decref((json_t *)f.status);
}

static void test_meanings(void **state)
{
	(void)state;
	assert_string_equal(notify_meaning("TS_UNACCEPTABLE"),
			    "not this traffic between these addresses");
	assert_null(notify_meaning("COOKIE"));
	assert_null(notify_meaning(""));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_deleted_again_and_again),
		cmocka_unit_test(test_certificates),
		cmocka_unit_test(test_refusals),
		cmocka_unit_test(test_silence),
		cmocka_unit_test(test_which_attempt),
		cmocka_unit_test(test_no_pair),
		cmocka_unit_test(test_up),
		cmocka_unit_test(test_several_pairs),
		cmocka_unit_test(test_text),
		cmocka_unit_test(test_text_up),
		cmocka_unit_test(test_meanings),
		cmocka_unit_test(test_knock),
		cmocka_unit_test(test_knock_heard),
		cmocka_unit_test(test_knock_heard_ipv6),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
