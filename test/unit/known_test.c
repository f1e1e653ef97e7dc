/* SPDX-License-Identifier: Apache-2.0 */
/* Chains found good are remembered, and nothing but their building: all else is asked each time. */
#include "crypto/crl.h"
#include "crypto/pattern.h"
#include "crypto/trust.h"
#include "lib/testpki.h"
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define DAYS(n) (TESTPKI_NOW + (n)*TESTPKI_DAY)
#define ADDRESS BYTES(((const uint8_t[]){ 10, 0, 0, 1 }), 4)

static struct testpki_cert ca, sub, leaf, deep;
static struct sign_key *key;

/* The leaf ends after 100 days, the CA between it and the root after 50. */
static int setup(void **state)
{
	(void)state;
	testpki_ca(&ca, "O=Example, CN=Test CA");
	testpki_make(&sub, &(struct testpki_spec){ .subject = "O=Example, CN=Sub CA",
						   .issuer = &ca,
						   .ca = true,
						   .slot = 2,
						   .not_after = DAYS(50) });
	testpki_make(&leaf, &(struct testpki_spec){ .subject = "O=Example, CN=host",
						    .issuer = &ca,
						    .slot = 1,
						    .san = "IP:10.0.0.1",
						    .not_after = DAYS(100) });
	testpki_make(&deep, &(struct testpki_spec){ .subject = "O=Example, CN=deep",
						    .issuer = &sub,
						    .slot = 1,
						    .not_after = DAYS(100) });
	assert_int_equal(sign_key_from_pem(blob_view(&leaf.key_pem), &key), 0);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	sign_key_free(key);
	testpki_free(&deep);
	testpki_free(&leaf);
	testpki_free(&sub);
	testpki_free(&ca);
	return 0;
}

static struct trust *trust_of(const struct testpki_cert *root)
{
	struct trust *t = trust_new();

	assert_non_null(t);
	assert_int_equal(trust_add_ca(t, blob_view(&root->der)), 0);
	return t;
}

static enum verdict judge(const struct trust *t, const struct testpki_cert *a,
			  const struct testpki_cert *b, time_t at)
{
	const struct bytes certs[] = { blob_view(&a->der),
				       b != NULL ? blob_view(&b->der) : BYTES_NONE };
	struct peer_finding f;

	return trust_check_certs(t, certs, b != NULL ? 2 : 1, BYTES_NONE, at, &f);
}

static void assert_known(const struct trust *t, size_t entries, uint64_t hits)
{
	const struct known_tally tally = trust_known(t);

	assert_int_equal(tally.entries, entries);
	assert_int_equal(tally.hits, hits);
}

static void test_found_again(void **state)
{
	struct trust *t = trust_of(&ca);
	const struct bytes certs = blob_view(&leaf.der);
	struct peer_finding first, again;

	(void)state;
	assert_int_equal(trust_check_certs(t, &certs, 1, BYTES_NONE, DAYS(0), &first),
			 VERDICT_GOOD);
	assert_known(t, 1, 0);
	assert_int_equal(trust_check_certs(t, &certs, 1, BYTES_NONE, DAYS(1), &again),
			 VERDICT_GOOD);
	assert_known(t, 1, 1);
	assert_memory_equal(&first, &again, sizeof(first));
	trust_free(t);
}

static void test_dates_are_asked_each_time(void **state)
{
	struct trust *t = trust_of(&ca);

	(void)state;
	assert_int_equal(judge(t, &leaf, NULL, DAYS(0)), VERDICT_GOOD);
	assert_int_equal(judge(t, &leaf, NULL, DAYS(99)), VERDICT_GOOD);
	assert_known(t, 1, 1);
	assert_int_equal(judge(t, &leaf, NULL, DAYS(101)), VERDICT_EXPIRED);
	assert_int_equal(judge(t, &leaf, NULL, DAYS(-2)), VERDICT_NOT_YET_VALID);
	assert_known(t, 1, 1);
	/* The clock was set right again. */
	assert_int_equal(judge(t, &leaf, NULL, DAYS(1)), VERDICT_GOOD);
	assert_known(t, 1, 2);
	trust_free(t);
}

static void test_dates_of_the_whole_chain(void **state)
{
	struct trust *t = trust_of(&ca);

	(void)state;
	assert_int_equal(judge(t, &deep, &sub, DAYS(0)), VERDICT_GOOD);
	assert_int_equal(judge(t, &deep, &sub, DAYS(49)), VERDICT_GOOD);
	assert_known(t, 1, 1);
	assert_int_equal(judge(t, &deep, &sub, DAYS(51)), VERDICT_EXPIRED);
	trust_free(t);
}

/* To the second, with and without memory of it. */
static void test_the_last_second(void **state)
{
	(void)state;
	for (time_t at = DAYS(100) - 2; at <= DAYS(100) + 2; at++) {
		struct trust *fresh = trust_of(&ca), *t = trust_of(&ca);

		assert_int_equal(judge(t, &leaf, NULL, DAYS(0)), VERDICT_GOOD);
		assert_int_equal(judge(t, &leaf, NULL, at), judge(fresh, &leaf, NULL, at));
		trust_free(fresh);
		trust_free(t);
	}
}

static void test_what_is_refused_is_not_kept(void **state)
{
	struct trust *t = trust_of(&sub);

	(void)state;
	assert_int_equal(judge(t, &leaf, NULL, DAYS(0)), VERDICT_NO_TRUSTED_CA);
	assert_int_equal(judge(t, &leaf, NULL, DAYS(0)), VERDICT_NO_TRUSTED_CA);
	assert_known(t, 0, 0);
	trust_free(t);
}

/* The same leaf is another chain with, and without, what stands behind it. */
static void test_all_that_is_shown_counts(void **state)
{
	struct trust *t = trust_of(&ca);

	(void)state;
	assert_int_equal(judge(t, &deep, &sub, DAYS(0)), VERDICT_GOOD);
	assert_int_equal(judge(t, &deep, NULL, DAYS(0)), VERDICT_NO_TRUSTED_CA);
	assert_int_equal(judge(t, &deep, &leaf, DAYS(0)), VERDICT_NO_TRUSTED_CA);
	assert_known(t, 1, 0);
	trust_free(t);
}

static void add_list(struct crls *lists, const struct testpki_crl_spec *spec)
{
	struct blob der = testpki_crl(spec, NULL);

	assert_int_equal(crls_add(lists, blob_view(&der)), 0);
	blob_free(&der);
}

static void test_other_lists_are_another_set(void **state)
{
	struct trust *t = trust_of(&ca), *other;
	struct crls *lists = crls_new();

	(void)state;
	add_list(lists, &(struct testpki_crl_spec){ .issuer = &ca, .revoked = { &leaf } });
	assert_int_equal(judge(t, &leaf, NULL, DAYS(0)), VERDICT_GOOD);
	other = trust_with_crls(t, lists);
	assert_non_null(other);
	assert_known(other, 0, 0);
	assert_int_equal(judge(other, &leaf, NULL, DAYS(0)), VERDICT_REVOKED);
	/* Set in place, while it is filled. */
	trust_set_crls(t, lists);
	assert_int_equal(judge(t, &leaf, NULL, DAYS(0)), VERDICT_REVOKED);
	trust_free(other);
	trust_free(t);
	crls_drop(lists);
}

static void test_a_list_ends(void **state)
{
	struct trust *t = trust_of(&ca);
	struct crls *lists = crls_new();

	(void)state;
	add_list(lists, &(struct testpki_crl_spec){ .issuer = &ca, .next_update = DAYS(10) });
	trust_set_crls(t, lists);
	trust_set_rules(t, &(struct trust_rules){ .crl_policy = CRL_HARD });
	assert_int_equal(judge(t, &leaf, NULL, DAYS(0)), VERDICT_GOOD);
	assert_int_equal(judge(t, &leaf, NULL, DAYS(9)), VERDICT_GOOD);
	assert_known(t, 1, 1);
	assert_int_equal(judge(t, &leaf, NULL, DAYS(11)), VERDICT_NO_CRL);
	trust_free(t);
	crls_drop(lists);
}

/* What passes with a warning is warned of each time. */
static void test_a_warning_stays(void **state)
{
	struct trust *t = trust_of(&ca);
	const struct bytes certs = blob_view(&leaf.der);
	struct crls *none = crls_new();
	struct peer_finding f;

	(void)state;
	trust_set_crls(t, none);
	for (int i = 0; i < 2; i++) {
		assert_int_equal(trust_check_certs(t, &certs, 1, BYTES_NONE, DAYS(0), &f),
				 VERDICT_GOOD);
		assert_non_null(strstr(f.warning, "there is no CRL"));
	}
	assert_known(t, 0, 0);
	trust_free(t);
	crls_drop(none);
}

static void test_rules_beside_the_chain(void **state)
{
	struct trust *t = trust_of(&ca);
	const struct bytes certs = blob_view(&leaf.der);
	const uint8_t elsewhere[] = { 10, 0, 0, 2 };
	struct peer_finding f;
	struct pattern *p = NULL;
	const char *why;

	(void)state;
	trust_set_rules(t, &(struct trust_rules){ .bind_address = true });
	assert_int_equal(trust_check_certs(t, &certs, 1, ADDRESS, DAYS(0), &f), VERDICT_GOOD);
	assert_int_equal(trust_check_certs(t, &certs, 1, BYTES(elsewhere, 4), DAYS(0), &f),
			 VERDICT_WRONG_ADDRESS);
	assert_int_equal(trust_check_certs(t, &certs, 1, ADDRESS, DAYS(0), &f), VERDICT_GOOD);
	assert_known(t, 1, 2);
	assert_int_equal(pattern_parse("O=Somebody, CN=*", &p, &why), 0);
	assert_int_equal(trust_add_pattern(t, p), 0);
	assert_int_equal(trust_check_certs(t, &certs, 1, ADDRESS, DAYS(0), &f),
			 VERDICT_NOT_ALLOWED);
	assert_known(t, 1, 3);
	trust_free(t);
}

static void test_identity_and_signature_each_time(void **state)
{
	struct trust *t = trust_of(&ca);
	const struct bytes certs = blob_view(&leaf.der), tbs = BYTES((const uint8_t *)"said", 4);
	const struct sig_scheme *scheme = sig_choose(KEY_RSA, 1u << HASH_SHA2_256, NULL);
	struct blob signature = { 0 }, name = testpki_name("O=Example, CN=host", false),
		    other = testpki_name("O=Example, CN=other", false);
	struct peer_finding f;

	(void)state;
	assert_int_equal(sign_key_sign(key, scheme, tbs, &signature), 0);
	struct peer_proof proof = { .certs = &certs,
				    .n_certs = 1,
				    .id_type = ID_DER_ASN1_DN,
				    .id = blob_view(&name),
				    .scheme = scheme,
				    .tbs = tbs,
				    .signature = blob_view(&signature) };
	assert_int_equal(trust_check_peer(t, &proof, DAYS(0), &f), VERDICT_GOOD);
	assert_int_equal(trust_check_peer(t, &proof, DAYS(0), &f), VERDICT_GOOD);
	proof.id = blob_view(&other);
	assert_int_equal(trust_check_peer(t, &proof, DAYS(0), &f), VERDICT_ID_MISMATCH);
	proof.id = blob_view(&name);
	signature.p[7] ^= 1;
	assert_int_equal(trust_check_peer(t, &proof, DAYS(0), &f), VERDICT_BAD_SIGNATURE);
	assert_known(t, 1, 3);
	blob_free(&signature);
	blob_free(&name);
	blob_free(&other);
	trust_free(t);
}

/* Pinned or not, as without memory. */
static void test_our_own(void **state)
{
	struct trust *t = trust_of(&ca);
	const struct bytes certs = blob_view(&leaf.der);
	struct peer_finding f;

	(void)state;
	assert_int_equal(trust_add_own(t, certs), 0);
	for (int i = 0; i < 2; i++) {
		assert_int_equal(trust_check_certs(t, &certs, 1, BYTES_NONE, DAYS(0), &f),
				 VERDICT_GOOD);
		assert_true(f.pinned);
		assert_false(f.excused);
	}
	assert_int_equal(judge(t, &deep, &sub, DAYS(0)), VERDICT_GOOD);
	trust_free(t);
}

static void test_bounded(void **state)
{
	struct trust *t = trust_of(&ca);
	char subject[64];

	(void)state;
	for (unsigned i = 0; i < 2 * TRUST_KNOWN_MAX; i++) {
		struct testpki_cert many;

		snprintf(subject, sizeof(subject), "O=Example, CN=host-%u", i);
		testpki_leaf(&many, &ca, subject);
		assert_int_equal(judge(t, &many, NULL, DAYS(0)), VERDICT_GOOD);
		testpki_free(&many);
	}
	assert_in_range(trust_known(t).entries, TRUST_KNOWN_MAX / 2, TRUST_KNOWN_MAX);
	/* Whoever comes often stays. */
	assert_int_equal(judge(t, &leaf, NULL, DAYS(0)), VERDICT_GOOD);
	assert_int_equal(judge(t, &leaf, NULL, DAYS(0)), VERDICT_GOOD);
	assert_int_equal(trust_known(t).hits, 1);
	trust_free(t);
}

static void *judge_often(void *arg)
{
	for (int i = 0; i < 100; i++)
		if (judge(arg, i % 3 == 0 ? &deep : &leaf, i % 3 == 0 ? &sub : NULL, DAYS(0)) !=
		    VERDICT_GOOD)
			abort();
	return NULL;
}

static void test_many_threads(void **state)
{
	struct trust *t = trust_of(&ca);
	pthread_t threads[4];

	(void)state;
	for (size_t i = 0; i < 4; i++)
		assert_int_equal(pthread_create(&threads[i], NULL, judge_often, t), 0);
	for (size_t i = 0; i < 4; i++)
		pthread_join(threads[i], NULL);
	assert_in_range(trust_known(t).hits, 4 * 100 - 8, 4 * 100 - 2);
	assert_int_equal(trust_known(t).entries, 2);
	trust_free(t);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_found_again),
		cmocka_unit_test(test_dates_are_asked_each_time),
		cmocka_unit_test(test_dates_of_the_whole_chain),
		cmocka_unit_test(test_the_last_second),
		cmocka_unit_test(test_what_is_refused_is_not_kept),
		cmocka_unit_test(test_all_that_is_shown_counts),
		cmocka_unit_test(test_other_lists_are_another_set),
		cmocka_unit_test(test_a_list_ends),
		cmocka_unit_test(test_a_warning_stays),
		cmocka_unit_test(test_rules_beside_the_chain),
		cmocka_unit_test(test_identity_and_signature_each_time),
		cmocka_unit_test(test_our_own),
		cmocka_unit_test(test_bounded),
		cmocka_unit_test(test_many_threads),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
