/* SPDX-License-Identifier: Apache-2.0 */
/* NIST ACVP answers ("internal projections"). */
#include "crypto/openssl_lib.h"
#include "crypto/openssl_ops.h"
#include "crypto/trust.h"
#include "lib/testpki.h"
#include "lib/testvec.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

/* Where the walk stands. */
struct at {
	const json_t *group, *test;
	struct testvec_count count;
	struct testvec_pool pool;
};

static struct bytes field(struct at *at, const char *name)
{
	return testvec_member(&at->pool, at->test, name);
}

static void check(struct at *at, bool good)
{
	char id[16];

	(void)snprintf(id, sizeof(id), "%zu", testvec_number(at->test, "tcId"));
	testvec_check(&at->count, good, id);
}

static bool group_is(const struct at *at, const char *key, const char *text)
{
	return strcmp(testvec_text(at->group, key), text) == 0;
}

static bool passed(const struct at *at)
{
	return json_is_true(json_object_get(at->test, "testPassed"));
}

static void walk(const char *file, void (*one)(struct at *at))
{
	struct at at = { .count = { .file = file } };
	json_t *root, *group, *test;
	size_t i, j;

	testvec_need();
	root = testvec_json(file);
	json_array_foreach(json_object_get(root, "testGroups"), i, group)
	{
		json_array_foreach(json_object_get(group, "tests"), j, test)
		{
			at.group = group;
			at.test = test;
			one(&at);
			testvec_clear(&at.pool);
		}
	}
	json_decref(root);
	testvec_report(&at.count);
}

static void cbc_monte(struct at *at, const struct encr_alg *e, bool seal)
{
	json_t *result;
	size_t i;

	json_array_foreach(json_object_get(at->test, "resultsArray"), i, result)
	{
		struct bytes key = testvec_member(&at->pool, result, "key");
		struct bytes iv = testvec_member(&at->pool, result, "iv");
		struct bytes in = testvec_member(&at->pool, result, seal ? "pt" : "ct");
		uint8_t out[16];

		testvec_cbc_monte(e, seal, key, iv, in, out);
		check(at, bytes_equal(BYTES(out, 16),
				      testvec_member(&at->pool, result, seal ? "ct" : "pt")));
		testvec_clear(&at->pool);
	}
}

static void cbc_case(struct at *at)
{
	const struct encr_alg *e =
		encr_by_id(ENCR_AES_CBC, (uint16_t)testvec_number(at->group, "keyLen"));
	struct bytes plain, sealed;
	uint8_t data[1024];
	bool good;

	if (e == NULL) {
		testvec_skip(&at->count, "key size not supported");
		return;
	}
	if (group_is(at, "testType", "MCT")) {
		cbc_monte(at, e, group_is(at, "direction", "encrypt"));
		return;
	}
	plain = field(at, "pt");
	sealed = field(at, "ct");
	assert_true(plain.n == sealed.n && plain.n <= sizeof(data));
	memcpy(data, plain.p, plain.n);
	assert_int_equal(
		e->seal(e, field(at, "key").p, field(at, "iv").p, BYTES_NONE, data, plain.n, NULL),
		0);
	good = bytes_equal(BYTES(data, plain.n), sealed);
	assert_int_equal(
		e->open(e, field(at, "key").p, field(at, "iv").p, BYTES_NONE, data, plain.n, NULL),
		0);
	check(at, good && bytes_equal(BYTES(data, plain.n), plain));
}

static void gcm_case(struct at *at)
{
	const struct encr_alg *e =
		encr_by_id(ENCR_AES_GCM_16, (uint16_t)testvec_number(at->group, "keyLen"));

	if (e == NULL || testvec_number(at->group, "ivLen") != 96 ||
	    testvec_number(at->group, "tagLen") != 128) {
		testvec_skip(&at->count, "IV or tag of another length");
		return;
	}
	check(at, testvec_gcm(e, field(at, "key"), field(at, "iv"), field(at, "aad"),
			      field(at, "pt"), field(at, "ct"), field(at, "tag")) == passed(at));
}

static void test_aes(void **state)
{
	(void)state;
	walk("nist-acvp/ACVP-AES-CBC-1.0.internalProjection.json.gz", cbc_case);
	walk("nist-acvp/ACVP-AES-GCM-1.0.internalProjection.json.gz", gcm_case);
}

static void hmac_case(struct at *at)
{
	const struct prf_alg *prf = prf_by_id(PRF_HMAC_SHA2_256);
	struct bytes message = field(at, "msg"), mac = field(at, "mac");
	uint8_t out[PRF_MAX_LEN];

	assert_true(mac.n <= prf->len);
	assert_int_equal(prf->compute(prf, field(at, "key"), &message, 1, out), 0);
	check(at, bytes_equal(BYTES(out, mac.n), mac));
}

static void sha_case(struct at *at)
{
	struct bytes message = field(at, "msg");
	uint8_t out[32];

	if (!group_is(at, "testType", "AFT")) {
		testvec_skip(&at->count, "Monte Carlo of another kind, or gigabytes");
		return;
	}
	if (testvec_number(at->test, "len") != 8 * message.n) {
		testvec_skip(&at->count, "not whole octets");
		return;
	}
	assert_int_equal(EVP_Digest(message.p, message.n, out, NULL, lib_digest("SHA256"), NULL),
			 1);
	check(at, bytes_equal(BYTES(out, 32), field(at, "md")));
}

static void test_hmac_and_sha256(void **state)
{
	(void)state;
	walk("nist-acvp/HMAC-SHA2-256-1.0.internalProjection.json.gz", hmac_case);
	walk("nist-acvp/HMAC-SHA2-256-2.0.internalProjection.json.gz", hmac_case);
	walk("nist-acvp/SHA2-256-1.0.internalProjection.json.gz", sha_case);
}

static const struct sig_scheme *rsa_scheme(const struct at *at)
{
	if (!group_is(at, "sigType", "pkcs1v1.5"))
		return NULL;
	if (group_is(at, "hashAlg", "SHA-1"))
		return sig_by_method(AUTH_METHOD_RSA_SHA1);
	return group_is(at, "hashAlg", "SHA2-256") ? sig_choose(KEY_RSA, 1u << HASH_SHA2_256, NULL)
						   : NULL;
}

/* A key that RFC 8247 does not allow is refused whatever it signed. */
static void rsa_case(struct at *at)
{
	const struct sig_scheme *scheme = rsa_scheme(at);
	struct blob spki = testpki_rsa_spki(testvec_member(&at->pool, at->group, "n"),
					    testvec_member(&at->pool, at->group, "e"));
	enum verdict v = spki_check_signature(blob_view(&spki), scheme, field(at, "message"),
					      field(at, "signature"));

	if (scheme == NULL)
		testvec_skip(&at->count, "hash or padding not supported");
	else if (testvec_number(at->group, "modulo") < 2048)
		check(at, v == VERDICT_WEAK_KEY);
	else
		check(at, (v == VERDICT_GOOD) == passed(at));
	blob_free(&spki);
}

static void test_rsa(void **state)
{
	(void)state;
	walk("nist-acvp/RSA-SigVer-FIPS186-4.internalProjection.json.gz", rsa_case);
	walk("nist-acvp/RSA-SigVer-FIPS186-5.internalProjection.json.gz", rsa_case);
}

/* y = 2^x, by way of a key x and the peer's value 2. */
static bool is_power(const struct ke_alg *ke, struct bytes x, struct bytes y)
{
	uint8_t two[KE_MAX_PUBLIC] = { 0 }, power[KE_MAX_PUBLIC];
	struct ke_key *key;

	two[ke->public_len - 1] = 2;
	assert_int_equal(ossl_ke_import(ke, x, &key), 0);
	assert_int_equal(ke->derive(ke, key, BYTES(two, ke->public_len), power), 0);
	ke->free(key);
	return bytes_equal(BYTES(power, ke->secret_len), y);
}

static void key_case(struct at *at)
{
	bool expected = json_object_get(at->test, "testPassed") == NULL || passed(at);

	if (!group_is(at, "safePrimeGroup", "MODP-2048"))
		testvec_skip(&at->count, "none of IKE's groups");
	else
		check(at,
		      is_power(ke_by_id(KE_MODP_2048), field(at, "x"), field(at, "y")) == expected);
}

static void other_group_case(struct at *at)
{
	testvec_skip(&at->count, "none of IKE's groups");
}

static void test_safe_primes(void **state)
{
	(void)state;
	walk("nist-acvp/safePrimes-keyGen-1.0.internalProjection.json.gz", key_case);
	walk("nist-acvp/safePrimes-keyVer-1.0.internalProjection.json.gz", key_case);
	walk("nist-acvp/KAS-FFC-SSC-Sp800-56Ar3.internalProjection.json.gz", other_group_case);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_aes),
		cmocka_unit_test(test_hmac_and_sha256),
		cmocka_unit_test(test_rsa),
		cmocka_unit_test(test_safe_primes),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
