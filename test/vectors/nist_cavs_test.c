/* SPDX-License-Identifier: Apache-2.0 */
/* NIST CAVS answers: the IKEv2 key derivation of SP 800-135, and what it and ESP are built from. */
#include "crypto/openssl_lib.h"
#include "crypto/suite.h"
#include "crypto/trust.h"
#include "lib/testpki.h"
#include "lib/testvec.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define N_ELEMENTS(a) (sizeof(a) / sizeof((a)[0]))
#define DKM_MAX 1024 /* octets; 3072 bits are the most asked for */

/* An open file with what is counted of it. */
struct file {
	struct testvec_cavs cavs;
	struct testvec_count count;
	struct testvec_pool pool;
};

static struct bytes field(struct file *f, const char *name)
{
	return testvec_hex(&f->pool, testvec_cavs_get(&f->cavs, name));
}

static size_t number(const struct file *f, const char *name)
{
	return strtoul(testvec_cavs_get(&f->cavs, name), NULL, 10);
}

/* Calls one() at each line of that name; the fields before it are at hand. */
static void walk(const char *name, const char *last, void (*one)(struct file *f))
{
	struct file f = { .count = { .file = name } };
	const char *line;

	testvec_need();
	testvec_cavs_open(&f.cavs, name);
	while ((line = testvec_cavs_next(&f.cavs)) != NULL) {
		if (strcmp(line, last) == 0)
			one(&f);
		testvec_clear(&f.pool);
	}
	testvec_report(&f.count);
}

static const struct prf_alg *prf_of(const char *hash)
{
	if (strcmp(hash, "SHA-256") == 0)
		return prf_by_id(PRF_HMAC_SHA2_256);
	if (strcmp(hash, "SHA-384") == 0)
		return prf_by_id(PRF_HMAC_SHA2_384);
	return strcmp(hash, "SHA-512") == 0 ? prf_by_id(PRF_HMAC_SHA2_512) : NULL;
}

static bool prf_gives(const struct prf_alg *prf, struct bytes key, const struct bytes *parts,
		      size_t n_parts, struct bytes expected)
{
	uint8_t out[PRF_MAX_LEN];

	assert_int_equal(prf->compute(prf, key, parts, n_parts, out), 0);
	return bytes_equal(BYTES(out, prf->len), expected);
}

static bool prf_plus_gives(const struct prf_alg *prf, struct bytes key, const struct bytes *seed,
			   size_t n_seed, struct bytes expected)
{
	uint8_t out[DKM_MAX];

	assert_true(expected.n <= sizeof(out));
	assert_int_equal(prf_plus(prf, key, seed, n_seed, out, expected.n), 0);
	return bytes_equal(BYTES(out, expected.n), expected);
}

/* RFC 7296 2.14, 2.17, 2.18 */
static bool ikev2_agrees(struct file *f, const struct prf_alg *prf)
{
	struct bytes ni = field(f, "Ni"), nr = field(f, "Nr");
	struct bytes spi_i = field(f, "SPIi"), spi_r = field(f, "SPIr");
	struct bytes secret = field(f, "g^ir"), new_secret = field(f, "g^ir (new)");
	struct bytes skeyseed = field(f, "SKEYSEED"), dkm = field(f, "DKM");
	struct bytes sk_d = BYTES(dkm.p, prf->len);
	const struct bytes all[] = { ni, nr, spi_i, spi_r };
	const struct bytes fresh[] = { new_secret, ni, nr };
	uint8_t nonces[512];

	assert_true(ni.n + nr.n <= sizeof(nonces) && dkm.n >= prf->len);
	memcpy(nonces, ni.p, ni.n);
	memcpy(nonces + ni.n, nr.p, nr.n);
	return prf_gives(prf, BYTES(nonces, ni.n + nr.n), &secret, 1, skeyseed) &&
	       prf_plus_gives(prf, skeyseed, all, 4, dkm) &&
	       prf_plus_gives(prf, sk_d, all, 2, field(f, "DKM(Child SA)")) &&
	       prf_plus_gives(prf, sk_d, fresh, 3, field(f, "DKM(Child SA D-H)")) &&
	       prf_gives(prf, sk_d, fresh, 3, field(f, "SKEYSEED(Rekey)"));
}

static void test_ikev2(void **state)
{
	struct file f = { .count = { .file = "nist-cavs/ikev2.fax.gz" } };
	const struct prf_alg *prf = NULL;
	const char *line;

	(void)state;
	testvec_need();
	testvec_cavs_open(&f.cavs, f.count.file);
	while ((line = testvec_cavs_next(&f.cavs)) != NULL) {
		if (strncmp(line, "SHA-", 4) == 0)
			prf = prf_of(line);
		if (strcmp(line, "SKEYSEED(Rekey)") != 0)
			continue;
		if (prf == NULL)
			testvec_skip(&f.count, "PRF not supported");
		else
			testvec_check(&f.count, ikev2_agrees(&f, prf),
				      testvec_cavs_get(&f.cavs, "COUNT"));
		testvec_clear(&f.pool);
	}
	testvec_report(&f.count);
	assert_true(f.count.run > 0);
}

static void hmac_case(struct file *f)
{
	struct bytes key = field(f, "Key"), message = field(f, "Msg"), mac = field(f, "Mac");
	uint8_t out[PRF_MAX_LEN];

	for (size_t i = 0; prf_all()[i] != NULL; i++) {
		const struct prf_alg *prf = prf_all()[i];

		if (prf->len != number(f, "L"))
			continue;
		assert_int_equal(prf->compute(prf, key, &message, 1, out), 0);
		testvec_check(&f->count, bytes_equal(BYTES(out, mac.n), mac),
			      testvec_cavs_get(&f->cavs, "Count"));
		return;
	}
	testvec_skip(&f->count, "hash not supported");
}

static void test_hmac(void **state)
{
	(void)state;
	walk("nist-cavs/HMAC.fax.gz", "Mac", hmac_case);
}

static void sha256(struct bytes message, uint8_t out[static 32])
{
	unsigned n = 0;

	assert_int_equal(EVP_Digest(message.p, message.n, out, &n, lib_digest("SHA256"), NULL), 1);
	assert_int_equal(n, 32);
}

static void sha_case(struct file *f)
{
	struct bytes message = field(f, "Msg"), md = field(f, "MD");
	uint8_t out[32];

	sha256(BYTES(message.p, number(f, "Len") / 8), out);
	testvec_check(&f->count, bytes_equal(BYTES(out, 32), md),
		      testvec_cavs_get(&f->cavs, "Len"));
}

/* SHAVS 6.4: a digest of the last three, a thousand times, from the seed or the MD before. */
static void sha_monte_case(struct file *f)
{
	static uint8_t seed[32];
	struct bytes md = field(f, "MD");
	uint8_t last[3][32], next[32];

	if (number(f, "COUNT") == 0)
		memcpy(seed, field(f, "Seed").p, 32);
	for (int i = 0; i < 3; i++)
		memcpy(last[i], seed, 32);
	for (int i = 0; i < 1000; i++) {
		sha256(BYTES(last[0], sizeof(last)), next);
		memmove(last[0], last[1], 64);
		memcpy(last[2], next, 32);
	}
	testvec_check(&f->count, bytes_equal(BYTES(next, 32), md),
		      testvec_cavs_get(&f->cavs, "COUNT"));
	memcpy(seed, next, 32);
}

static void test_sha256(void **state)
{
	(void)state;
	walk("nist-cavs/SHA256ShortMsg.fax.gz", "MD", sha_case);
	walk("nist-cavs/SHA256LongMsg.fax.gz", "MD", sha_case);
	walk("nist-cavs/SHA256Monte.fax.gz", "MD", sha_monte_case);
}

/* Sealing and opening both, whatever the file's direction. */
static void cbc_case(struct file *f)
{
	struct bytes key = field(f, "KEY"), iv = field(f, "IV");
	struct bytes plain = field(f, "PLAINTEXT"), sealed = field(f, "CIPHERTEXT");
	const struct encr_alg *e = encr_by_id(ENCR_AES_CBC, (uint16_t)(8 * key.n));
	uint8_t data[1024];
	bool good;

	assert_true(plain.n == sealed.n && plain.n <= sizeof(data));
	memcpy(data, plain.p, plain.n);
	assert_int_equal(e->seal(e, key.p, iv.p, BYTES_NONE, data, plain.n, NULL), 0);
	good = bytes_equal(BYTES(data, plain.n), sealed);
	assert_int_equal(e->open(e, key.p, iv.p, BYTES_NONE, data, plain.n, NULL), 0);
	testvec_check(&f->count, good && bytes_equal(BYTES(data, plain.n), plain),
		      testvec_cavs_get(&f->cavs, "COUNT"));
}

static void cbc_monte_case(struct file *f, bool seal)
{
	struct bytes key = field(f, "KEY"), iv = field(f, "IV");
	struct bytes in = field(f, seal ? "PLAINTEXT" : "CIPHERTEXT");
	struct bytes expected = field(f, seal ? "CIPHERTEXT" : "PLAINTEXT");
	uint8_t out[16];

	testvec_cbc_monte(encr_by_id(ENCR_AES_CBC, (uint16_t)(8 * key.n)), seal, key, iv, in, out);
	testvec_check(&f->count, bytes_equal(BYTES(out, 16), expected),
		      testvec_cavs_get(&f->cavs, "COUNT"));
}

/* The second of plaintext and ciphertext ends a case; which one that is, the section says. */
static void walk_cbc(const char *name, bool monte)
{
	struct file f = { .count = { .file = name } };
	const char *line;
	bool seal = true;

	testvec_need();
	testvec_cavs_open(&f.cavs, name);
	while ((line = testvec_cavs_next(&f.cavs)) != NULL) {
		if (strcmp(line, "ENCRYPT") == 0 || strcmp(line, "DECRYPT") == 0)
			seal = *line == 'E';
		if (strcmp(line, seal ? "CIPHERTEXT" : "PLAINTEXT") != 0)
			continue;
		if (monte)
			cbc_monte_case(&f, seal);
		else
			cbc_case(&f);
		testvec_clear(&f.pool);
	}
	testvec_report(&f.count);
}

static void test_cbc(void **state)
{
	static const char *const kinds[] = {
		"GFSbox", "KeySbox", "MMT", "VarKey", "VarTxt", "MCT"
	};
	char name[64];

	(void)state;
	for (size_t i = 0; i < N_ELEMENTS(kinds); i++) {
		for (int bits = 128; bits <= 256; bits += 128) {
			(void)snprintf(name, sizeof(name), "nist-cavs/CBC%s%d.fax.gz", kinds[i],
				       bits);
			walk_cbc(name, strcmp(kinds[i], "MCT") == 0);
		}
	}
}

/* expected: the plaintext, or NULL where it is to be refused. */
static void gcm_case(struct file *f, const char *expected)
{
	struct bytes key = field(f, "Key"), nonce = field(f, "IV"), sealed = field(f, "CT");
	struct bytes plain = expected == NULL ? sealed : testvec_hex(&f->pool, expected);
	const struct encr_alg *e = encr_by_id(ENCR_AES_GCM_16, (uint16_t)(8 * key.n));

	if (number(f, "IVlen") != 96 || number(f, "Taglen") != 128) {
		testvec_skip(&f->count, "IV or tag of another length");
		return;
	}
	testvec_check(&f->count,
		      testvec_gcm(e, key, nonce, field(f, "AAD"), plain, sealed, field(f, "Tag")) ==
			      (expected != NULL),
		      testvec_cavs_get(&f->cavs, "Count"));
}

static void walk_gcm(const char *name)
{
	struct file f = { .count = { .file = name } };
	const char *line;

	testvec_need();
	testvec_cavs_open(&f.cavs, name);
	while ((line = testvec_cavs_next(&f.cavs)) != NULL) {
		if (strcmp(line, "PT") == 0)
			gcm_case(&f, testvec_cavs_get(&f.cavs, "PT"));
		else if (strcmp(line, "FAIL") == 0)
			gcm_case(&f, NULL);
		testvec_clear(&f.pool);
	}
	testvec_report(&f.count);
}

static void test_gcm(void **state)
{
	(void)state;
	walk_gcm("nist-cavs/gcmDecrypt128.fax.gz");
	walk_gcm("nist-cavs/gcmDecrypt256.fax.gz");
}

static const struct sig_scheme *pkcs1_of(const char *hash)
{
	for (size_t i = 0; sig_all()[i] != NULL; i++) {
		const struct sig_scheme *s = sig_all()[i];

		if (s->key == KEY_RSA && !s->pss && strcmp(s->digest, hash) == 0)
			return s;
	}
	return NULL;
}

static void rsa_case(struct file *f)
{
	const struct sig_scheme *scheme = pkcs1_of(testvec_cavs_get(&f->cavs, "SHAAlg"));
	bool good = *testvec_cavs_get(&f->cavs, "Result") == 'P';
	struct blob spki = testpki_rsa_spki(field(f, "n"), field(f, "e"));
	enum verdict v =
		spki_check_signature(blob_view(&spki), scheme, field(f, "Msg"), field(f, "S"));

	if (number(f, "mod") < 2048)
		testvec_check(&f->count, v == VERDICT_WEAK_KEY, "of 1024 bits, all refused");
	else if (scheme == NULL)
		testvec_skip(&f->count, "hash not supported");
	else
		testvec_check(&f->count, (v == VERDICT_GOOD) == good,
			      testvec_cavs_get(&f->cavs, "S"));
	blob_free(&spki);
}

/* All of these have no salt at all, which RFC 7427 A.4 as we take it never has: all are refused. */
static void pss_case(struct file *f)
{
	const char *hash = testvec_cavs_get(&f->cavs, "SHAAlg");
	struct blob spki = testpki_rsa_spki(field(f, "n"), field(f, "e"));

	for (size_t i = 0; sig_all()[i] != NULL; i++) {
		const struct sig_scheme *s = sig_all()[i];

		if (!s->pss || strcmp(s->digest, hash) != 0)
			continue;
		testvec_check(&f->count,
			      spki_check_signature(blob_view(&spki), s, field(f, "Msg"),
						   field(f, "S")) != VERDICT_GOOD,
			      "without salt, all refused");
		goto out;
	}
	testvec_skip(&f->count, "hash not supported");
out:
	blob_free(&spki);
}

static void test_rsa(void **state)
{
	(void)state;
	walk("nist-cavs/SigVer15_186-3.fax.gz", "Result", rsa_case);
	walk("nist-cavs/SigVerPSS_186-3.fax.gz", "Result", pss_case);
}

static void ffc_case(struct file *f)
{
	testvec_skip(&f->count, "a group of its own, none of IKE's");
}

static void test_ffc(void **state)
{
	(void)state;
	walk("nist-cavs/KASFunctionTest_FFCEphem_NOKC_ZZOnly_init.fax.gz", "COUNT", ffc_case);
	walk("nist-cavs/KASFunctionTest_FFCEphem_NOKC_ZZOnly_resp.fax.gz", "COUNT", ffc_case);
	walk("nist-cavs/KASValidityTest_FFCEphem_NOKC_ZZOnly_init.fax.gz", "COUNT", ffc_case);
	walk("nist-cavs/KASValidityTest_FFCEphem_NOKC_ZZOnly_resp.fax.gz", "COUNT", ffc_case);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_ikev2),  cmocka_unit_test(test_hmac),
		cmocka_unit_test(test_sha256), cmocka_unit_test(test_cbc),
		cmocka_unit_test(test_gcm),    cmocka_unit_test(test_rsa),
		cmocka_unit_test(test_ffc),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
