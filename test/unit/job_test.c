/* SPDX-License-Identifier: Apache-2.0 */
#include "crypto/job.h"
#include "lib/testpki.h"
#include "lib/toykem.h"
#include <errno.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#define VIEW(text) BYTES((const uint8_t *)(text), strlen(text))
#define N_THREADS 4
#define ROUNDS 20

static struct testpki_cert ca, host;
static struct trust *trust;
static struct sign_key *key;

static int setup(void **state)
{
	(void)state;
	testpki_ca(&ca, "O=Example, CN=Test CA");
	testpki_make(&host, &(struct testpki_spec){ .subject = "O=Example, CN=host",
						    .issuer = &ca,
						    .slot = 1,
						    .san = "DNS:host.example" });
	trust = trust_new();
	assert_int_equal(trust_add_ca(trust, blob_view(&ca.der)), 0);
	return sign_key_from_pem(blob_view(&host.key_pem), &key);
}

static int teardown(void **state)
{
	(void)state;
	sign_key_free(key);
	trust_free(trust);
	testpki_free(&host);
	testpki_free(&ca);
	return 0;
}

static struct job *ke_job(enum job_kind kind, const struct ke_alg *ke)
{
	struct job *j = job_new(kind);

	assert_non_null(j);
	j->ke = ke;
	return j;
}

/* The initiator generates, the responder does both at once, the initiator derives. */
static void exchange(const struct ke_alg *ke)
{
	struct job *initiator = ke_job(JOB_KE_GENERATE, ke);
	struct job *responder = ke_job(JOB_KE_RESPOND, ke);

	initiator->ticket = 7;
	job_run(initiator, NULL, NULL, NULL, 0);
	assert_int_equal(initiator->result, 0);
	assert_int_equal(initiator->ke_public.n, ke->public_len);
	assert_int_equal(initiator->ticket, 7);

	assert_int_equal(blob_copy(&responder->peer_public, blob_view(&initiator->ke_public)), 0);
	job_run(responder, NULL, NULL, NULL, 0);
	assert_int_equal(responder->result, 0);
	assert_int_equal(responder->ke_public.n, ke->response_len);

	initiator->kind = JOB_KE_DERIVE;
	assert_int_equal(blob_copy(&initiator->peer_public, blob_view(&responder->ke_public)), 0);
	job_run(initiator, NULL, NULL, NULL, 0);
	assert_int_equal(initiator->result, 0);
	assert_int_equal(initiator->shared.n, ke->secret_len);
	assert_true(secret_equal(secret_view(&initiator->shared), secret_view(&responder->shared)));
	job_free(initiator);
	job_free(responder);
}

static void test_key_exchange(void **state)
{
	(void)state;
	for (size_t i = 0; ke_all()[i] != NULL; i++)
		exchange(toykem_for(ke_all()[i]));
	job_free(NULL);
}

static void test_key_exchange_refused(void **state)
{
	static const uint8_t zeros[256];
	const struct ke_alg *ke = ke_by_id(KE_MODP_2048);
	struct job *j = ke_job(JOB_KE_RESPOND, ke);

	(void)state;
	assert_int_equal(blob_copy(&j->peer_public, BYTES(zeros, sizeof(zeros))), 0);
	job_run(j, NULL, NULL, NULL, 0);
	assert_int_equal(j->result, -EINVAL);
	assert_null(j->shared.p);
	job_free(j);

	/* nothing generated before */
	j = ke_job(JOB_KE_DERIVE, ke);
	job_run(j, NULL, NULL, NULL, 0);
	assert_int_equal(j->result, -EINVAL);
	job_free(j);
}

/* Signed by the host's key: what JOB_VERIFY is to check. */
static struct job *verify_job(void)
{
	struct job *j = job_new(JOB_SIGN);

	assert_non_null(j);
	j->scheme = sig_choose(KEY_RSA, 1u << HASH_SHA2_256, NULL);
	assert_int_equal(blob_copy(&j->tbs, VIEW("octets of RFC 7296 2.15")), 0);
	job_run(j, key, NULL, NULL, 0);
	assert_int_equal(j->result, 0);
	assert_int_equal(j->signature.n, 256);

	j->kind = JOB_VERIFY;
	assert_int_equal(blob_copy(&j->certs[0], blob_view(&host.der)), 0);
	j->n_certs = 1;
	j->id_type = ID_FQDN;
	assert_int_equal(blob_copy(&j->id, VIEW("host.example")), 0);
	return j;
}

static void test_sign_and_verify(void **state)
{
	struct job *j = verify_job();

	(void)state;
	job_run(j, NULL, trust, NULL, TESTPKI_NOW);
	assert_int_equal(j->result, 0);
	assert_int_equal(j->judged.verdict, VERDICT_GOOD);
	assert_string_equal(j->judged.text, "");
	assert_string_equal(j->judged.leaf.subject, "O=Example, CN=host");
	job_free(j);
}

/* Chain, then identity, then signature: the first that fails is told. */
static void test_verify_stops_at_the_first_failure(void **state)
{
	struct job *j = verify_job();

	(void)state;
	j->signature.p[9] ^= 1;
	job_run(j, NULL, trust, NULL, TESTPKI_NOW);
	assert_int_equal(j->judged.verdict, VERDICT_BAD_SIGNATURE);
	assert_non_null(strstr(j->judged.text, "O=Example, CN=host"));

	j->id.p[0] = 'H';
	j->id.p[1] = 'x';
	job_run(j, NULL, trust, NULL, TESTPKI_NOW);
	assert_int_equal(j->judged.verdict, VERDICT_ID_MISMATCH);
	assert_non_null(strstr(j->judged.text, "\"Hxst.example\""));

	job_run(j, NULL, trust, NULL, TESTPKI_NOW + 1000 * TESTPKI_DAY);
	assert_int_equal(j->judged.verdict, VERDICT_EXPIRED);
	assert_string_equal(j->judged.leaf.subject, "O=Example, CN=host");

	j->certs[0].p[0] ^= 1;
	job_run(j, NULL, trust, NULL, TESTPKI_NOW);
	assert_int_equal(j->judged.verdict, VERDICT_MALFORMED);
	assert_string_equal(j->judged.leaf.subject, "");
	assert_int_equal(j->result, 0);
	job_free(j);
}

static void test_identity_in_words(void **state)
{
	static const struct {
		uint8_t type;
		const char *octets;
		size_t n;
		const char *text;
	} rows[] = {
		{ ID_IPV4_ADDR, "\x0a\0\0\x07", 4, "\"10.0.0.7\"" },
		{ ID_IPV6_ADDR, "\x20\x01\x0d\xb8\0\0\0\0\0\0\0\0\0\0\0\x07", 16,
		  "\"2001:db8::7\"" },
		{ ID_DER_ASN1_DN, "junk", 4, "\"(malformed name)\"" },
		{ ID_KEY_ID, "a\"b\n", 4, "\"a\\\"b\\x0a\"" },
		{ ID_IPV4_ADDR, "\x0a", 1, "\"\\x0a\"" },
		{ ID_FQDN, "", 0, "\"\"" },
	};
	struct job *j = verify_job();

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		blob_free(&j->id);
		assert_int_equal(
			blob_copy(&j->id, BYTES((const uint8_t *)rows[i].octets, rows[i].n)), 0);
		j->id_type = rows[i].type;
		job_run(j, NULL, trust, NULL, TESTPKI_NOW);
		assert_int_equal(j->judged.verdict, VERDICT_ID_MISMATCH);
		assert_non_null(strstr(j->judged.text, rows[i].text));
	}
	job_free(j);
}

static void test_without_key_or_trust(void **state)
{
	struct job *j = verify_job();

	(void)state;
	job_run(j, NULL, NULL, NULL, TESTPKI_NOW);
	assert_int_equal(j->result, -EINVAL);
	assert_int_equal(j->judged.verdict, VERDICT_FAILED);
	j->kind = JOB_SIGN;
	job_run(j, NULL, NULL, NULL, TESTPKI_NOW);
	assert_int_equal(j->result, -EINVAL);
	j->scheme = NULL;
	job_run(j, key, NULL, NULL, TESTPKI_NOW);
	assert_int_equal(j->result, -EINVAL);
	assert_null(j->signature.p);
	job_free(j);
}

/* One key and one trust set for all threads, as in the daemon. */
static void *run_some(void *failures)
{
	for (int i = 0; i < ROUNDS; i++) {
		struct job *j = job_new(JOB_SIGN);
		struct job *k = job_new(JOB_KE_GENERATE);

		j->scheme = sig_choose(KEY_RSA, 1u << HASH_SHA2_256, NULL);
		(void)blob_copy(&j->tbs, VIEW("x"));
		(void)blob_copy(&j->certs[0], blob_view(&host.der));
		(void)blob_copy(&j->id, VIEW("host.example"));
		j->n_certs = 1;
		j->id_type = ID_FQDN;
		job_run(j, key, NULL, NULL, 0);
		j->kind = JOB_VERIFY;
		job_run(j, NULL, trust, NULL, TESTPKI_NOW);
		k->ke = ke_by_id(KE_MODP_2048);
		job_run(k, NULL, NULL, NULL, 0);
		if (j->judged.verdict != VERDICT_GOOD || k->result != 0)
			++*(int *)failures;
		job_free(j);
		job_free(k);
	}
	return NULL;
}

static void test_in_several_threads(void **state)
{
	pthread_t threads[N_THREADS];
	int failures[N_THREADS] = { 0 };

	(void)state;
	for (int i = 0; i < N_THREADS; i++)
		assert_int_equal(pthread_create(&threads[i], NULL, run_some, &failures[i]), 0);
	for (int i = 0; i < N_THREADS; i++) {
		assert_int_equal(pthread_join(threads[i], NULL), 0);
		assert_int_equal(failures[i], 0);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_key_exchange),
		cmocka_unit_test(test_key_exchange_refused),
		cmocka_unit_test(test_sign_and_verify),
		cmocka_unit_test(test_verify_stops_at_the_first_failure),
		cmocka_unit_test(test_identity_in_words),
		cmocka_unit_test(test_without_key_or_trust),
		cmocka_unit_test(test_in_several_threads),
	};
	return cmocka_run_group_tests(tests, setup, teardown);
}
