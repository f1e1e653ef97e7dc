/* SPDX-License-Identifier: Apache-2.0 */
/* C2SP/wycheproof: every "invalid" is refused. "acceptable" is refused as well, and counted. */
#include "crypto/trust.h"
#include "lib/testvec.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define N_ELEMENTS(a) (sizeof(a) / sizeof((a)[0]))

typedef void case_fn(struct testvec_count *count, const json_t *group, const json_t *test);

static bool is_valid(const json_t *test)
{
	return strcmp(testvec_text(test, "result"), "valid") == 0;
}

static void check(struct testvec_count *count, const json_t *test, bool good)
{
	char id[16];

	(void)snprintf(id, sizeof(id), "%zu", testvec_number(test, "tcId"));
	testvec_check(count, good, id);
}

/* All cases of a file. */
static void walk(const char *file, case_fn *one)
{
	struct testvec_count count = { .file = file };
	json_t *root, *group, *test;
	size_t i, j;

	testvec_need();
	root = testvec_json(file);
	json_array_foreach(json_object_get(root, "testGroups"), i, group)
	{
		json_array_foreach(json_object_get(group, "tests"), j, test)
		{
			one(&count, group, test);
		}
	}
	json_decref(root);
	testvec_report(&count);
	assert_true(count.run > 0);
}

/* "SHA-256" to a hash; 0 if it is none of ours. */
static uint16_t hash_of(const char *name)
{
	if (strcmp(name, "SHA-256") == 0)
		return HASH_SHA2_256;
	if (strcmp(name, "SHA-384") == 0)
		return HASH_SHA2_384;
	return strcmp(name, "SHA-512") == 0 ? HASH_SHA2_512 : 0;
}

static const struct sig_scheme *rsa_scheme(uint16_t hash, bool pss)
{
	for (size_t i = 0; sig_all()[i] != NULL; i++) {
		const struct sig_scheme *s = sig_all()[i];

		if (s->key == KEY_RSA && s->pss == pss && s->hash == hash && hash != 0)
			return s;
	}
	return NULL;
}

static bool verifies(const json_t *group, const json_t *test, const struct sig_scheme *scheme)
{
	struct testvec_pool pool = { 0 };
	struct bytes spki = testvec_member(&pool, group, "publicKeyDer");
	enum verdict v = spki_check_signature(spki, scheme, testvec_member(&pool, test, "msg"),
					      testvec_member(&pool, test, "sig"));

	testvec_clear(&pool);
	return v == VERDICT_GOOD;
}

static void pkcs1_case(struct testvec_count *count, const json_t *group, const json_t *test)
{
	const struct sig_scheme *scheme = rsa_scheme(hash_of(testvec_text(group, "sha")), false);

	check(count, test, verifies(group, test, scheme) == is_valid(test));
}

/*
 * Whether a signature verifies under our parameters (RFC 7427 A.4: one hash for all, salt as long).
 * In a group with another salt that is the one case that was given the wrong salt, namely ours.
 */
static bool verifies_under_ours(const json_t *group, const json_t *test,
				const struct sig_scheme *scheme)
{
	char changed[32];

	if (strcmp(testvec_text(group, "sha"), testvec_text(group, "mgfSha")) != 0)
		return false;
	if (testvec_number(group, "sLen") == scheme->salt_len)
		return is_valid(test);
	(void)snprintf(changed, sizeof(changed), "s_len changed to %zu", scheme->salt_len);
	return strcmp(testvec_text(test, "comment"), changed) == 0;
}

static void pss_case(struct testvec_count *count, const json_t *group, const json_t *test)
{
	const struct sig_scheme *scheme = rsa_scheme(hash_of(testvec_text(group, "sha")), true);

	if (scheme == NULL) {
		testvec_skip(count, "hash not supported");
		return;
	}
	check(count, test,
	      verifies(group, test, scheme) == verifies_under_ours(group, test, scheme));
}

static void test_rsa_pkcs1(void **state)
{
	static const char *const files[] = {
		"wycheproof/rsa_signature_2048_sha256_test.json.gz",
		"wycheproof/rsa_signature_2048_sha384_test.json.gz",
		"wycheproof/rsa_signature_2048_sha512_test.json.gz",
		"wycheproof/rsa_signature_3072_sha256_test.json.gz",
		"wycheproof/rsa_signature_3072_sha384_test.json.gz",
		"wycheproof/rsa_signature_3072_sha512_test.json.gz",
		"wycheproof/rsa_signature_4096_sha256_test.json.gz",
		"wycheproof/rsa_signature_4096_sha384_test.json.gz",
		"wycheproof/rsa_signature_4096_sha512_test.json.gz",
		"wycheproof/rsa_signature_8192_sha256_test.json.gz",
	};

	(void)state;
	for (size_t i = 0; i < N_ELEMENTS(files); i++)
		walk(files[i], pkcs1_case);
}

static void test_rsa_pss(void **state)
{
	static const char *const files[] = {
		"wycheproof/rsa_pss_2048_sha256_mgf1_0_test.json.gz",
		"wycheproof/rsa_pss_2048_sha256_mgf1_32_params_test.json.gz",
		"wycheproof/rsa_pss_2048_sha256_mgf1_32_test.json.gz",
		"wycheproof/rsa_pss_2048_sha256_mgf1sha1_20_test.json.gz",
		"wycheproof/rsa_pss_3072_sha256_mgf1_32_test.json.gz",
		"wycheproof/rsa_pss_4096_sha256_mgf1_32_test.json.gz",
		"wycheproof/rsa_pss_4096_sha512_mgf1_64_test.json.gz",
		"wycheproof/rsa_pss_misc_params_test.json.gz",
		"wycheproof/rsa_pss_misc_test.json.gz",
	};

	(void)state;
	for (size_t i = 0; i < N_ELEMENTS(files); i++)
		walk(files[i], pss_case);
}

/* The row for a key size, if IV and tag are those of ESP. */
static const struct encr_alg *gcm_row(struct testvec_count *count, const json_t *group)
{
	const struct encr_alg *e =
		encr_by_id(ENCR_AES_GCM_16, (uint16_t)testvec_number(group, "keySize"));

	if (e == NULL)
		testvec_skip(count, "key size not supported");
	else if (testvec_number(group, "ivSize") != 96 || testvec_number(group, "tagSize") != 128)
		testvec_skip(count, "IV or tag of another length");
	else
		return e;
	return NULL;
}

static void gcm_case(struct testvec_count *count, const json_t *group, const json_t *test)
{
	const struct encr_alg *e = gcm_row(count, group);
	struct testvec_pool pool = { 0 };

	if (e == NULL)
		return;
	check(count, test,
	      testvec_gcm(e, testvec_member(&pool, test, "key"), testvec_member(&pool, test, "iv"),
			  testvec_member(&pool, test, "aad"), testvec_member(&pool, test, "msg"),
			  testvec_member(&pool, test, "ct"),
			  testvec_member(&pool, test, "tag")) == is_valid(test));
	testvec_clear(&pool);
}

static void gmac_case(struct testvec_count *count, const json_t *group, const json_t *test)
{
	const struct encr_alg *e = gcm_row(count, group);
	struct testvec_pool pool = { 0 };
	struct bytes none = BYTES((const uint8_t *)"", 0);

	if (e == NULL)
		return;
	check(count, test,
	      testvec_gcm(e, testvec_member(&pool, test, "key"), testvec_member(&pool, test, "iv"),
			  testvec_member(&pool, test, "msg"), none, none,
			  testvec_member(&pool, test, "tag")) == is_valid(test));
	testvec_clear(&pool);
}

static void test_gcm(void **state)
{
	(void)state;
	walk("wycheproof/aes_gcm_test.json.gz", gcm_case);
	walk("wycheproof/aes_gmac_test.json.gz", gmac_case);
}

/* The padding of PKCS#5 is the test's matter: ours is that of RFC 7296 3.14. */
static bool padding_is_good(const uint8_t *data, size_t n)
{
	uint8_t pad = n == 0 ? 0 : data[n - 1];

	if (pad == 0 || pad > 16 || pad > n)
		return false;
	for (size_t i = n - pad; i < n; i++)
		if (data[i] != pad)
			return false;
	return true;
}

static void cbc_case(struct testvec_count *count, const json_t *group, const json_t *test)
{
	const struct encr_alg *e =
		encr_by_id(ENCR_AES_CBC, (uint16_t)testvec_number(group, "keySize"));
	struct testvec_pool pool = { 0 };
	struct bytes key = testvec_member(&pool, test, "key");
	struct bytes iv = testvec_member(&pool, test, "iv");
	struct bytes plain = testvec_member(&pool, test, "msg");
	struct bytes sealed = testvec_member(&pool, test, "ct");
	uint8_t data[256] = { 0 };
	bool good;

	assert_true(sealed.n <= sizeof(data));
	memcpy(data, sealed.p, sealed.n);
	if (e == NULL) {
		testvec_skip(count, "key size not supported");
		goto out;
	}
	good = e->open(e, key.p, iv.p, BYTES_NONE, data, sealed.n, NULL) == 0 &&
	       padding_is_good(data, sealed.n);
	if (good)
		good = bytes_equal(BYTES(data, sealed.n - data[sealed.n - 1]), plain);
	check(count, test, good == is_valid(test));
out:
	testvec_clear(&pool);
}

static void test_cbc(void **state)
{
	(void)state;
	walk("wycheproof/aes_cbc_pkcs5_test.json.gz", cbc_case);
}

static void hmac_case(struct testvec_count *count, const json_t *group, const json_t *test)
{
	const struct prf_alg *prf = prf_by_id(PRF_HMAC_SHA2_256);
	const struct integ_alg *integ = integ_by_id(AUTH_HMAC_SHA2_256_128);
	struct testvec_pool pool = { 0 };
	struct bytes key = testvec_member(&pool, test, "key");
	struct bytes message = testvec_member(&pool, test, "msg");
	struct bytes tag = testvec_member(&pool, test, "tag");
	uint8_t out[PRF_MAX_LEN];
	bool whole = testvec_number(group, "tagSize") == 256;
	int r = whole ? prf->compute(prf, key, &message, 1, out)
		      : integ->compute(integ, key, &message, 1, out);

	assert_int_equal(r, 0);
	assert_int_equal(tag.n, whole ? prf->len : integ->icv_len);
	check(count, test, secret_equal(BYTES(out, tag.n), tag) == is_valid(test));
	testvec_clear(&pool);
}

static void test_hmac(void **state)
{
	(void)state;
	walk("wycheproof/hmac_sha256_test.json.gz", hmac_case);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_rsa_pkcs1), cmocka_unit_test(test_rsa_pss),
		cmocka_unit_test(test_gcm),	  cmocka_unit_test(test_cbc),
		cmocka_unit_test(test_hmac),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
