/* SPDX-License-Identifier: Apache-2.0 */
/* What is asked of a peer beyond its chain, and whom no chain is asked of. */
#include "crypto/crl.h"
#include "crypto/job.h"
#include "crypto/pattern.h"
#include "lib/testpki.h"
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

static const uint8_t here[] = { 10, 0, 0, 1 };
static const uint8_t elsewhere[] = { 10, 0, 0, 2 };
static const uint8_t here6[16] = { 0x20, 0x01, 0x0d, 0xb8, [15] = 1 };

static struct testpki_cert ca, other_ca, shared, host;

static int setup(void **state)
{
	(void)state;
	testpki_ca(&ca, "CN=CA");
	testpki_make(&other_ca,
		     &(struct testpki_spec){ .subject = "CN=Other CA", .ca = true, .slot = 3 });
	testpki_make(&shared, &(struct testpki_spec){ .subject = "O=Example, CN=shared",
						      .issuer = &ca,
						      .slot = 1,
						      .san = "IP:10.0.0.1, IP:2001:db8::1" });
	testpki_leaf(&host, &ca, "O=Example, CN=host");
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	testpki_free(&host);
	testpki_free(&shared);
	testpki_free(&other_ca);
	testpki_free(&ca);
	return 0;
}

/* Under one CA, with `own` as our own certificate if there is one. */
static struct trust *trust_of(const struct testpki_cert *anchor, const struct testpki_cert *own,
			      const struct trust_rules *rules)
{
	struct trust *t = trust_new();

	assert_int_equal(trust_add_ca(t, blob_view(&anchor->der)), 0);
	if (own != NULL)
		assert_int_equal(trust_add_own(t, blob_view(&own->der)), 0);
	if (rules != NULL)
		trust_set_rules(t, rules);
	return t;
}

/* Asks, and is done with t. */
static enum verdict ask_at(struct trust *t, const struct testpki_cert *cert, struct bytes address,
			   time_t at, struct peer_finding *out)
{
	const struct bytes certs[] = { blob_view(&cert->der) };
	enum verdict v = trust_check_certs(t, certs, 1, address, at, out);

	assert_int_equal(v, out->verdict);
	trust_free(t);
	return v;
}

static enum verdict ask(struct trust *t, const struct testpki_cert *cert, struct peer_finding *out)
{
	return ask_at(t, cert, BYTES_NONE, TESTPKI_NOW, out);
}

/* ---- the shared certificate ----------------------------------------------------------------- */

static const struct trust_rules strict = { .strict_ca = true };

static void test_our_own_certificate_under_its_ca(void **state)
{
	struct peer_finding f;

	(void)state;
	assert_int_equal(ask(trust_of(&ca, &shared, NULL), &shared, &f), VERDICT_GOOD);
	assert_true(f.pinned);
	assert_string_equal(f.warning, "");
	assert_int_equal(ask(trust_of(&ca, &shared, &strict), &shared, &f), VERDICT_GOOD);
	assert_int_equal(ask(trust_of(&ca, &shared, NULL), &host, &f), VERDICT_GOOD);
	assert_false(f.pinned);
}

static void test_our_own_certificate_under_another_ca(void **state)
{
	struct peer_finding f;

	(void)state;
	assert_int_equal(ask(trust_of(&other_ca, &shared, NULL), &shared, &f), VERDICT_GOOD);
	assert_true(f.pinned);
	assert_string_equal(f.text, "");
	assert_non_null(strstr(f.warning, "believed only since its certificate is our own: no "
					  "trusted CA: certificate \"O=Example, CN=shared\" is "
					  "not under a trusted CA (issuer \"CN=CA\")"));
	assert_int_equal(ask(trust_of(&other_ca, &shared, &strict), &shared, &f),
			 VERDICT_NO_TRUSTED_CA);
	assert_true(f.pinned);
	assert_string_equal(f.warning, "");
	/* nobody else is believed for it */
	assert_int_equal(ask(trust_of(&other_ca, &shared, NULL), &host, &f), VERDICT_NO_TRUSTED_CA);
	assert_false(f.pinned);
}

/* A CA of the same name with another key: the signature of our certificate is wrong under it. */
static void test_our_own_certificate_under_a_ca_of_the_same_name(void **state)
{
	struct testpki_cert twin;
	struct peer_finding f;

	(void)state;
	testpki_make(&twin, &(struct testpki_spec){ .subject = "CN=CA", .ca = true, .slot = 4 });
	assert_int_equal(ask(trust_of(&twin, &shared, NULL), &shared, &f), VERDICT_GOOD);
	assert_non_null(strstr(f.warning, "our own"));
	assert_int_equal(ask(trust_of(&twin, &shared, &strict), &shared, &f), VERDICT_BAD_CHAIN);
	testpki_free(&twin);
}

/* What is the certificate's own fault is not excused. */
static void test_own_certificate_that_is_no_good_itself(void **state)
{
	static const struct testpki_spec specs[] = {
		{ .subject = "CN=x", .slot = 1, .not_after = TESTPKI_NOW - 1 },
		{ .subject = "CN=x", .slot = 1, .not_before = TESTPKI_NOW + 1 },
		{ .subject = "CN=x", .slot = 1, .key_usage = "keyEncipherment" },
		{ .subject = "CN=x", .slot = 1, .kind = TESTPKI_RSA_1024 },
	};
	static const enum verdict verdicts[] = { VERDICT_NO_TRUSTED_CA, VERDICT_NO_TRUSTED_CA,
						 VERDICT_BAD_CHAIN, VERDICT_WEAK_KEY };
	struct peer_finding f;

	(void)state;
	for (size_t i = 0; i < sizeof(specs) / sizeof(specs[0]); i++) {
		struct testpki_spec spec = specs[i];
		struct testpki_cert own;

		spec.issuer = &ca;
		testpki_make(&own, &spec);
		assert_int_equal(ask(trust_of(&other_ca, &own, NULL), &own, &f), verdicts[i]);
		assert_int_not_equal(ask(trust_of(&ca, &own, NULL), &own, &f), VERDICT_GOOD);
		assert_string_equal(f.warning, "");
		testpki_free(&own);
	}
}

static void test_own_certificate_revoked(void **state)
{
	struct blob der = testpki_crl(
		&(struct testpki_crl_spec){ .issuer = &ca, .revoked = { &shared } }, NULL);
	struct crls *crls = crls_new();
	struct trust *t = trust_of(&ca, &shared, NULL);
	struct peer_finding f;

	(void)state;
	assert_int_equal(crls_add(crls, blob_view(&der)), 0);
	trust_set_crls(t, crls);
	crls_drop(crls);
	blob_free(&der);
	assert_int_equal(ask(t, &shared, &f), VERDICT_REVOKED);
	assert_true(f.pinned);
}

static void test_own_certificate_expires(void **state)
{
	struct trust *t = trust_of(&ca, &shared, NULL), *none = trust_new();
	char text[VERDICT_TEXT_LEN];
	const time_t end = TESTPKI_NOW + 365 * TESTPKI_DAY;

	(void)state;
	assert_int_equal(trust_check_own(t, end, text), VERDICT_GOOD);
	assert_string_equal(text, "");
	assert_int_equal(trust_check_own(t, end + 1, text), VERDICT_EXPIRED);
	assert_non_null(strstr(text,
			       "our own certificate expired on 2031-01-01 00:00:00 UTC (it is "
			       "2031-01-01 00:00:01 UTC)"));
	assert_non_null(strstr(text, "ikectl reload"));
	/* a clock that jumped back: as if nothing had been */
	assert_int_equal(trust_check_own(t, TESTPKI_NOW, text), VERDICT_GOOD);
	assert_int_equal(trust_check_own(none, end + 1, text), VERDICT_GOOD);
	trust_free(none);
	trust_free(t);
}

/* Nothing is signed with it any more, and the job says why. */
static void test_no_signature_by_an_expired_certificate(void **state)
{
	struct trust *t = trust_of(&ca, &shared, NULL);
	struct sign_key *key;
	struct job *j = job_new(JOB_SIGN);

	(void)state;
	assert_int_equal(sign_key_from_pem(blob_view(&shared.key_pem), &key), 0);
	j->scheme = sig_choose(KEY_RSA, 1u << HASH_SHA2_256, NULL);
	assert_int_equal(blob_copy(&j->tbs, BYTES(here, sizeof(here))), 0);
	job_run(j, key, t, NULL, TESTPKI_NOW + 400 * TESTPKI_DAY);
	assert_int_equal(j->result, -EKEYEXPIRED);
	assert_non_null(strstr(j->judged.text, "our own certificate expired on 2031-01-01"));
	assert_null(j->signature.p);
	job_run(j, key, t, NULL, TESTPKI_NOW);
	assert_int_equal(j->result, 0);
	assert_string_equal(j->judged.text, "");
	job_free(j);
	sign_key_free(key);
	trust_free(t);
}

/* ---- peer_identities, bind_address_to_certificate ------------------------------------------- */

static void add_pattern(struct trust *t, const char *text)
{
	const char *why = "";
	struct pattern *p;

	assert_int_equal(pattern_parse(text, &p, &why), 0);
	assert_int_equal(trust_add_pattern(t, p), 0);
}

static void test_patterns(void **state)
{
	struct trust *t = trust_of(&ca, NULL, NULL);
	struct peer_finding f;

	(void)state;
	add_pattern(t, "O=Example, CN=shared");
	assert_int_equal(ask(t, &host, &f), VERDICT_NOT_ALLOWED);
	assert_string_equal(f.text, "certificate \"O=Example, CN=host\" matches none of "
				    "peer_identities");
	t = trust_of(&ca, NULL, NULL);
	add_pattern(t, "O=Example, CN=shared");
	add_pattern(t, "O=Example, CN=h*");
	assert_int_equal(ask(t, &host, &f), VERDICT_GOOD);
	/* our own certificate is held to them too */
	t = trust_of(&ca, &shared, NULL);
	add_pattern(t, "O=Example, CN=h*");
	assert_int_equal(ask(t, &shared, &f), VERDICT_NOT_ALLOWED);
}

static const struct trust_rules bound = { .bind_address = true };

static enum verdict ask_bound(const struct testpki_cert *cert, struct bytes address,
			      struct peer_finding *f)
{
	return ask_at(trust_of(&ca, NULL, &bound), cert, address, TESTPKI_NOW, f);
}

static void test_address_in_certificate(void **state)
{
	struct peer_finding f;

	(void)state;
	assert_int_equal(ask_bound(&shared, BYTES(here, 4), &f), VERDICT_GOOD);
	assert_int_equal(ask_bound(&shared, BYTES(here6, 16), &f), VERDICT_GOOD);
	assert_int_equal(ask_bound(&shared, BYTES(elsewhere, 4), &f), VERDICT_WRONG_ADDRESS);
	assert_string_equal(f.text,
			    "certificate \"O=Example, CN=shared\" has no iPAddress 10.0.0.2");
	assert_int_equal(ask_bound(&host, BYTES(here, 4), &f), VERDICT_WRONG_ADDRESS);
	/* without the key anybody may be anywhere */
	assert_int_equal(ask_at(trust_of(&ca, NULL, NULL), &host, BYTES(here, 4), TESTPKI_NOW, &f),
			 VERDICT_GOOD);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_our_own_certificate_under_its_ca),
		cmocka_unit_test(test_our_own_certificate_under_another_ca),
		cmocka_unit_test(test_our_own_certificate_under_a_ca_of_the_same_name),
		cmocka_unit_test(test_own_certificate_that_is_no_good_itself),
		cmocka_unit_test(test_own_certificate_revoked),
		cmocka_unit_test(test_own_certificate_expires),
		cmocka_unit_test(test_no_signature_by_an_expired_certificate),
		cmocka_unit_test(test_patterns),
		cmocka_unit_test(test_address_in_certificate),
	};
	return cmocka_run_group_tests(tests, setup, teardown);
}
