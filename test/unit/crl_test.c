/* SPDX-License-Identifier: Apache-2.0 */
/* Lists of revoked certificates, RFC 5280 5 and 6.3: read, described, and what they do to a chain.
 */
#include "crypto/crl.h"
#include "lib/testpki.h"
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define VIEW(text) BYTES((const uint8_t *)(text), strlen(text))

static struct testpki_cert ca, sub, leaf, deep;

static int setup(void **state)
{
	(void)state;
	testpki_ca(&ca, "O=Example, CN=Test CA");
	testpki_make(&sub, &(struct testpki_spec){ .subject = "O=Example, CN=Sub CA",
						   .issuer = &ca,
						   .ca = true,
						   .slot = 2 });
	testpki_leaf(&leaf, &ca, "O=Example, CN=host");
	testpki_leaf(&deep, &sub, "O=Example, CN=deep");
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	testpki_free(&deep);
	testpki_free(&leaf);
	testpki_free(&sub);
	testpki_free(&ca);
	return 0;
}

/* Adds a list made as specified. */
static void add(struct crls *to, const struct testpki_crl_spec *spec)
{
	struct blob der = testpki_crl(spec, NULL);

	assert_int_equal(crls_add(to, blob_view(&der)), 0);
	blob_free(&der);
}

/* A set of up to two lists. */
static struct crls *lists(const struct testpki_crl_spec *a, const struct testpki_crl_spec *b)
{
	struct crls *c = crls_new();

	if (a != NULL)
		add(c, a);
	if (b != NULL)
		add(c, b);
	return c;
}

/* What becomes of `deep` (sub above it) or `leaf`, with these lists, of which a use is taken. */
static enum verdict judge(struct crls *crls, enum crl_policy policy, bool is_deep,
			  struct peer_finding *out)
{
	const struct trust_rules rules = { .crl_policy = policy };
	const struct bytes certs[] = { blob_view(is_deep ? &deep.der : &leaf.der),
				       blob_view(&sub.der) };
	struct trust *t = trust_new();
	enum verdict v;

	assert_int_equal(trust_add_ca(t, blob_view(&ca.der)), 0);
	trust_set_rules(t, &rules);
	trust_set_crls(t, crls);
	crls_drop(crls);
	v = trust_check_certs(t, certs, is_deep ? 2 : 1, BYTES_NONE, TESTPKI_NOW, out);
	trust_free(t);
	if (v == VERDICT_GOOD)
		assert_string_equal(out->text, "");
	else
		assert_non_null(strstr(out->text, "CN="));
	return v;
}

static void assert_says(const char *text, const char *says)
{
	if (strstr(text, says) == NULL)
		fail_msg("\"%s\" does not say \"%s\"", text, says);
}

static const struct testpki_crl_spec empty_of_ca = { .issuer = &ca };
static const struct testpki_crl_spec empty_of_sub = { .issuer = &sub };

static void test_revoked_leaf(void **state)
{
	const struct testpki_crl_spec spec = { .issuer = &ca, .revoked = { &leaf }, .reason = 1 };
	struct peer_finding f;

	(void)state;
	for (int policy = CRL_SOFT; policy <= CRL_HARD; policy++) {
		assert_int_equal(judge(lists(&spec, NULL), (enum crl_policy)policy, false, &f),
				 VERDICT_REVOKED);
		assert_string_equal(verdict_name(f.verdict), "certificate revoked");
		assert_says(f.text, "\"O=Example, CN=host\" was revoked on 2029-12-31 12:00:00 UTC "
				    "(keyCompromise)");
		assert_string_equal(f.leaf.subject, "O=Example, CN=host");
	}
	/* others are not */
	assert_int_equal(judge(lists(&spec, &empty_of_sub), CRL_HARD, true, &f), VERDICT_GOOD);
	assert_string_equal(f.warning, "");
}

static void test_revoked_intermediate(void **state)
{
	const struct testpki_crl_spec spec = { .issuer = &ca, .revoked = { &leaf, &sub } };
	struct peer_finding f;

	(void)state;
	assert_int_equal(judge(lists(&spec, &empty_of_sub), CRL_SOFT, true, &f), VERDICT_REVOKED);
	assert_says(f.text, "\"O=Example, CN=Sub CA\" was revoked on 2029-12-31 12:00:00 UTC");
	assert_null(strstr(f.text, "("));
}

/* A list that takes an entry back: what was on hold is good again. */
static void test_last_list_counts(void **state)
{
	const struct testpki_crl_spec older = { .issuer = &ca,
						.revoked = { &leaf },
						.reason = 6,
						.this_update = TESTPKI_NOW - 2 * TESTPKI_DAY,
						.next_update = TESTPKI_NOW - 1 };
	struct peer_finding f;

	(void)state;
	assert_int_equal(judge(lists(&older, &empty_of_ca), CRL_HARD, false, &f), VERDICT_GOOD);
	assert_int_equal(judge(lists(&empty_of_ca, &older), CRL_HARD, false, &f), VERDICT_GOOD);
	assert_int_equal(judge(lists(&older, NULL), CRL_SOFT, false, &f), VERDICT_REVOKED);
	assert_says(f.text, "(certificateHold)");
}

static void test_no_list_of_the_issuer(void **state)
{
	struct peer_finding f;

	(void)state;
	assert_int_equal(judge(lists(&empty_of_sub, NULL), CRL_SOFT, false, &f), VERDICT_GOOD);
	assert_says(f.warning, "\"O=Example, CN=host\" may be revoked: there is no CRL of "
			       "\"O=Example, CN=Test CA\"");
	assert_int_equal(judge(lists(&empty_of_sub, NULL), CRL_HARD, false, &f), VERDICT_NO_CRL);
	assert_says(f.text, "there is no CRL of \"O=Example, CN=Test CA\"");
	/* of one in the middle of the chain */
	assert_int_equal(judge(lists(&empty_of_ca, NULL), CRL_HARD, true, &f), VERDICT_NO_CRL);
	assert_says(f.text, "there is no CRL of \"O=Example, CN=Sub CA\"");
	assert_int_equal(judge(lists(NULL, NULL), CRL_HARD, false, &f), VERDICT_NO_CRL);
	/* without the key nothing is asked, and nothing said */
	assert_int_equal(judge(NULL, CRL_SOFT, false, &f), VERDICT_GOOD);
	assert_string_equal(f.warning, "");
}

static void test_list_out_of_date(void **state)
{
	const struct testpki_crl_spec stale = { .issuer = &ca, .next_update = TESTPKI_NOW - 1 };
	const struct testpki_crl_spec early = { .issuer = &ca, .this_update = TESTPKI_NOW + 9 };
	struct peer_finding f;

	(void)state;
	assert_int_equal(judge(lists(&stale, NULL), CRL_SOFT, false, &f), VERDICT_GOOD);
	assert_says(f.warning, "was to be replaced by 2029-12-31 23:59:59 UTC");
	assert_int_equal(judge(lists(&stale, NULL), CRL_HARD, false, &f), VERDICT_NO_CRL);
	assert_says(f.text, "was to be replaced by 2029-12-31 23:59:59 UTC");
	assert_int_equal(judge(lists(&early, NULL), CRL_HARD, false, &f), VERDICT_NO_CRL);
}

/* Whoever can write a list under a CA's name revokes nobody with it. */
static void test_list_that_its_issuer_did_not_sign(void **state)
{
	const struct testpki_crl_spec forged = { .issuer = &ca,
						 .revoked = { &leaf },
						 .bad_signature = true };
	struct peer_finding f;

	(void)state;
	assert_int_equal(judge(lists(&forged, NULL), CRL_SOFT, false, &f), VERDICT_GOOD);
	assert_says(f.warning, "is refused: CRL signature failure");
	assert_int_equal(judge(lists(&forged, NULL), CRL_HARD, false, &f), VERDICT_NO_CRL);
}

/* The old and the new CA of one name: each one's list is held against its own. */
static void test_lists_of_two_cas_of_one_name(void **state)
{
	const struct trust_rules rules = { .crl_policy = CRL_HARD };
	struct testpki_cert renewed, host;
	struct trust *t = trust_new();
	struct crls *crls;
	struct peer_finding f;
	struct bytes certs[1];

	(void)state;
	testpki_make(&renewed, &(struct testpki_spec){
				       .subject = "O=Example, CN=Test CA", .ca = true, .slot = 4 });
	testpki_leaf(&host, &renewed, "O=Example, CN=new");
	assert_int_equal(trust_add_ca(t, blob_view(&ca.der)), 0);
	assert_int_equal(trust_add_ca(t, blob_view(&renewed.der)), 0);
	trust_set_rules(t, &rules);
	crls = lists(&(struct testpki_crl_spec){ .issuer = &ca, .revoked = { &leaf } },
		     &(struct testpki_crl_spec){ .issuer = &renewed });
	trust_set_crls(t, crls);
	crls_drop(crls);
	certs[0] = blob_view(&host.der);
	assert_int_equal(trust_check_certs(t, certs, 1, BYTES_NONE, TESTPKI_NOW, &f), VERDICT_GOOD);
	certs[0] = blob_view(&leaf.der);
	assert_int_equal(trust_check_certs(t, certs, 1, BYTES_NONE, TESTPKI_NOW, &f),
			 VERDICT_REVOKED);
	trust_free(t);
	testpki_free(&host);
	testpki_free(&renewed);
}

/* An intermediate given as a CA is believed since we were given it: nobody's list is asked for. */
static void test_anchor_needs_no_list(void **state)
{
	const struct trust_rules rules = { .crl_policy = CRL_HARD };
	const struct bytes certs[] = { blob_view(&deep.der) };
	struct crls *crls = lists(&empty_of_sub, NULL);
	struct trust *t = trust_new();
	struct peer_finding f;

	(void)state;
	assert_int_equal(trust_add_ca(t, blob_view(&sub.der)), 0);
	trust_set_rules(t, &rules);
	trust_set_crls(t, crls);
	crls_drop(crls);
	assert_int_equal(trust_check_certs(t, certs, 1, BYTES_NONE, TESTPKI_NOW, &f), VERDICT_GOOD);
	assert_string_equal(f.warning, "");
	trust_free(t);
}

/* Other lists, all else the same: the old set goes on as it was. */
static void test_lists_replaced(void **state)
{
	const struct bytes certs[] = { blob_view(&leaf.der) };
	struct crls *fresh =
		lists(&(struct testpki_crl_spec){ .issuer = &ca, .revoked = { &leaf } }, NULL);
	struct trust *t = trust_new(), *later;
	struct crls *none = lists(&empty_of_ca, NULL);
	struct peer_finding f;

	(void)state;
	assert_int_equal(trust_add_ca(t, blob_view(&ca.der)), 0);
	trust_set_crls(t, none);
	crls_drop(none);
	later = trust_with_crls(t, fresh);
	crls_drop(fresh);
	assert_int_equal(trust_check_certs(t, certs, 1, BYTES_NONE, TESTPKI_NOW, &f), VERDICT_GOOD);
	trust_free(t);
	assert_int_equal(trust_check_certs(later, certs, 1, BYTES_NONE, TESTPKI_NOW, &f),
			 VERDICT_REVOKED);
	trust_free(later);
}

static void test_files(void **state)
{
	struct blob pem, der = testpki_crl(&empty_of_ca, &pem), other_pem, longer;
	struct blob other = testpki_crl(
		&(struct testpki_crl_spec){ .issuer = &sub, .revoked = { &deep, &leaf } },
		&other_pem);
	struct crls *c = crls_new();
	struct crl_info info;
	char *text;

	(void)state;
	assert_true(asprintf(&text, "words\n%.*s%.*s%.*s", (int)pem.n, (char *)pem.p, (int)ca.pem.n,
			     (char *)ca.pem.p, (int)other_pem.n, (char *)other_pem.p) > 0);
	assert_int_equal(crls_count(NULL), 0);
	assert_int_equal(crls_add(c, VIEW(text)), 0);
	assert_int_equal(crls_count(c), 2);
	crls_describe(c, 1, &info);
	assert_string_equal(info.issuer, "O=Example, CN=Sub CA");
	assert_int_equal(info.this_update, TESTPKI_NOW - TESTPKI_DAY);
	assert_int_equal(info.next_update, TESTPKI_NOW + TESTPKI_DAY);
	assert_int_equal(info.revoked, 2);
	assert_true(info.number[0] != '\0');
	assert_false(info.delta);
	assert_int_equal(crls_add(c, blob_view(&der)), 0);
	assert_int_equal(crls_count(c), 3);

	/* nothing is added of what is broken */
	assert_int_equal(crls_add(c, VIEW("")), -ENOENT);
	assert_int_equal(crls_add(c, VIEW("no list\n")), -ENOENT);
	assert_int_equal(crls_add(c, blob_view(&ca.pem)), -ENOENT);
	assert_int_equal(crls_add(c, blob_view(&ca.der)), -EINVAL);
	assert_int_equal(crls_add(c, BYTES((uint8_t *)text, strlen(text) - 30)), -EINVAL);
	assert_int_equal(blob_copy(&longer, BYTES(other.p, other.n)), 0);
	longer.p[0] ^= 0x01;
	assert_int_equal(crls_add(c, blob_view(&longer)), -ENOENT);
	for (size_t n = 1; n < der.n; n++)
		assert_int_equal(crls_add(c, BYTES(der.p, n)), -EINVAL);
	assert_int_equal(crls_count(c), 3);
	blob_free(&longer);
	blob_free(&der);
	blob_free(&pem);
	blob_free(&other);
	blob_free(&other_pem);
	free(text);
	crls_drop(c);
}

/* Every octet of a list flipped: it is refused, or it proves nothing, or it says the same. */
static void test_every_octet_flipped(void **state)
{
	const struct testpki_crl_spec spec = { .issuer = &ca };
	struct blob der = testpki_crl(&spec, NULL);
	struct peer_finding f;

	(void)state;
	for (size_t i = 0; i < der.n; i++) {
		struct crls *c = crls_new();

		der.p[i] ^= 0x01;
		if (crls_add(c, blob_view(&der)) == 0) {
			crls_describe(c, 0, &(struct crl_info){ 0 });
			assert_int_not_equal(judge(c, CRL_HARD, false, &f), VERDICT_REVOKED);
		} else {
			crls_drop(c);
		}
		der.p[i] ^= 0x01;
	}
	blob_free(&der);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_revoked_leaf),
		cmocka_unit_test(test_revoked_intermediate),
		cmocka_unit_test(test_last_list_counts),
		cmocka_unit_test(test_no_list_of_the_issuer),
		cmocka_unit_test(test_list_out_of_date),
		cmocka_unit_test(test_list_that_its_issuer_did_not_sign),
		cmocka_unit_test(test_lists_of_two_cas_of_one_name),
		cmocka_unit_test(test_anchor_needs_no_list),
		cmocka_unit_test(test_lists_replaced),
		cmocka_unit_test(test_files),
		cmocka_unit_test(test_every_octet_flipped),
	};
	return cmocka_run_group_tests(tests, setup, teardown);
}
