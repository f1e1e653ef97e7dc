/* SPDX-License-Identifier: Apache-2.0 */
/* Figures of RFC 3526, 4231, 4868 and 7427, three ESP packets and four powers in group 14. */
#include "crypto/openssl_ops.h"
#include "crypto/suite.h"
#include "lib/rfc3526.h"
#include "lib/testvec.h"
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>
#include <strings.h>

#include <cmocka.h>

#define N_ELEMENTS(a) (sizeof(a) / sizeof((a)[0]))
#define IP_HEADER 20 /* octets */
#define ESP_HEADER 8 /* octets: SPI and sequence number, the associated data of RFC 4106 */

/* Our copies of the primes, which known_answers_test.c holds against what the library uses. */
static void test_rfc3526(void **state)
{
	static const char *const ours[] = { RFC3526_MODP_2048, RFC3526_MODP_3072,
					    RFC3526_MODP_4096 };
	struct testvec_count count = { .file = "rfc/rfc3526-groups.txt" };
	struct testvec_cavs c;
	const char *line;

	(void)state;
	testvec_need();
	testvec_cavs_open(&c, count.file);
	while ((line = testvec_cavs_next(&c)) != NULL) {
		const char *prime = testvec_cavs_get(&c, "P");
		size_t i = 0;

		if (strcmp(line, "G") != 0)
			continue;
		while (i < N_ELEMENTS(ours) && strlen(ours[i]) != strlen(prime))
			i++;
		if (i == N_ELEMENTS(ours))
			testvec_skip(&count, "group not supported");
		else
			testvec_check(&count,
				      strcasecmp(prime, ours[i]) == 0 &&
					      strcmp(testvec_cavs_get(&c, "G"), "2") == 0,
				      testvec_cavs_get(&c, "COUNT"));
	}
	testvec_report(&count);
	assert_int_equal(count.run, N_ELEMENTS(ours));
}

static void test_rfc4231(void **state)
{
	const struct prf_alg *prf = prf_by_id(PRF_HMAC_SHA2_256);
	struct testvec_count count = { .file = "rfc/rfc4231-hmac-sha256.txt" };
	struct testvec_pool pool = { 0 };
	struct testvec_cavs c;
	const char *line;

	(void)state;
	testvec_need();
	testvec_cavs_open(&c, count.file);
	while ((line = testvec_cavs_next(&c)) != NULL) {
		struct bytes message;
		uint8_t out[PRF_MAX_LEN];

		if (strcmp(line, "MD") != 0)
			continue;
		message = testvec_hex(&pool, testvec_cavs_get(&c, "Msg"));
		assert_int_equal(prf->compute(prf, testvec_hex(&pool, testvec_cavs_get(&c, "Key")),
					      &message, 1, out),
				 0);
		testvec_check(&count,
			      bytes_equal(BYTES(out, prf->len),
					  testvec_hex(&pool, testvec_cavs_get(&c, "MD"))),
			      testvec_cavs_get(&c, "Len"));
		testvec_clear(&pool);
	}
	testvec_report(&count);
}

static bool rfc4868_agrees(const json_t *test)
{
	const struct prf_alg *prf = prf_by_id(PRF_HMAC_SHA2_256);
	const struct integ_alg *integ = integ_by_id(AUTH_HMAC_SHA2_256_128);
	struct testvec_pool pool = { 0 };
	struct bytes key = testvec_member(&pool, test, "key");
	struct bytes data = testvec_member(&pool, test, "data");
	struct bytes icv = testvec_member(&pool, test, "auth128");
	uint8_t out[PRF_MAX_LEN];
	bool good;

	assert_int_equal(prf->compute(prf, key, &data, 1, out), 0);
	good = bytes_equal(BYTES(out, prf->len), testvec_member(&pool, test, "prf"));
	if (icv.n > 0) {
		assert_int_equal(integ->compute(integ, key, &data, 1, out), 0);
		good = good && icv.n == integ->icv_len &&
		       bytes_equal(BYTES(out, integ->icv_len), icv);
	}
	testvec_clear(&pool);
	return good;
}

static void test_rfc4868(void **state)
{
	struct testvec_count count = { .file = "rfc/rfc4868-hmac-sha256.json" };
	json_t *root, *test;
	size_t i;

	(void)state;
	testvec_need();
	root = testvec_json(count.file);
	json_array_foreach(json_object_get(root, "cases"), i, test)
	{
		testvec_check(&count, rfc4868_agrees(test), testvec_text(test, "case"));
	}
	json_decref(root);
	testvec_report(&count);
}

/* The scheme for a name of RFC 7427 appendix A; "" for what we refuse. */
static const char *scheme_for(const char *name)
{
	static const char *const rows[][2] = {
		{ "sha256WithRSAEncryption", "RSA_EMSA_PKCS1_SHA2_256" },
		{ "sha384WithRSAEncryption", "RSA_EMSA_PKCS1_SHA2_384" },
		{ "sha512WithRSAEncryption", "RSA_EMSA_PKCS1_SHA2_512" },
		{ "ecdsa-with-sha256", "ECDSA_WITH_SHA256_DER" },
		{ "ecdsa-with-sha384", "ECDSA_WITH_SHA384_DER" },
		{ "ecdsa-with-sha512", "ECDSA_WITH_SHA512_DER" },
		{ "RSASSA-PSS with sha-256", "RSA_EMSA_PSS_SHA2_256_SALT_32" },
	};

	for (size_t i = 0; i < N_ELEMENTS(rows); i++)
		if (strcmp(rows[i][0], name) == 0)
			return rows[i][1];
	return "";
}

static void test_rfc7427(void **state)
{
	struct testvec_count count = { .file = "rfc/rfc7427-algorithm-identifiers.json" };
	struct testvec_pool pool = { 0 };
	json_t *root, *test;
	size_t i;

	(void)state;
	testvec_need();
	root = testvec_json(count.file);
	json_array_foreach(json_object_get(root, "algorithms"), i, test)
	{
		const char *name = testvec_text(test, "name");
		const struct sig_scheme *s = sig_by_algid(testvec_member(&pool, test, "der"));

		testvec_check(&count, strcmp(s == NULL ? "" : s->name, scheme_for(name)) == 0,
			      name);
		testvec_clear(&pool);
	}
	json_decref(root);
	testvec_report(&count);
}

/* RFC 4106: SPI | sequence number | IV | ciphertext | ICV; what is sealed ends in padding, 4 */
static bool esp_opens(const struct encr_alg *e, struct bytes keymat, struct bytes inner,
		      struct bytes outer)
{
	const uint8_t *esp = outer.p + IP_HEADER;
	const uint8_t *sealed = esp + ESP_HEADER + e->iv_len;
	size_t n = outer.n - IP_HEADER - ESP_HEADER - e->iv_len - e->icv_len;
	uint8_t data[256];

	assert_true(keymat.n == e->key_len + e->salt_len && n <= sizeof(data) && inner.n <= n);
	memcpy(data, sealed, n);
	return e->open(e, keymat.p, esp + ESP_HEADER, BYTES(esp, ESP_HEADER), data, n,
		       sealed + n) == 0 &&
	       bytes_equal(BYTES(data, inner.n), inner) && data[n - 1] == 4;
}

static void test_esp(void **state)
{
	struct testvec_count count = { .file = "rfc/esp-aes-gcm16-dpdk.json" };
	struct testvec_pool pool = { 0 };
	json_t *root, *test;
	size_t i;

	(void)state;
	testvec_need();
	root = testvec_json(count.file);
	json_array_foreach(json_object_get(root, "vectors"), i, test)
	{
		struct bytes key = testvec_member(&pool, test, "key");
		const struct encr_alg *e = encr_by_id(ENCR_AES_GCM_16, (uint16_t)(8 * key.n));

		if (e == NULL)
			testvec_skip(&count, "key size not supported");
		else
			testvec_check(&count,
				      esp_opens(e, testvec_member(&pool, test, "keymat"),
						testvec_member(&pool, test, "inner_ip_packet"),
						testvec_member(&pool, test, "outer_ip_packet")),
				      testvec_text(test, "name"));
		testvec_clear(&pool);
	}
	json_decref(root);
	testvec_report(&count);
}

static bool is_power(const struct ke_alg *ke, struct bytes exponent, struct bytes base,
		     struct bytes expected)
{
	uint8_t power[KE_MAX_PUBLIC];
	struct ke_key *key;

	assert_int_equal(ossl_ke_import(ke, exponent, &key), 0);
	assert_int_equal(ke->derive(ke, key, base, power), 0);
	ke->free(key);
	return bytes_equal(BYTES(power, ke->secret_len), expected);
}

static void test_modp2048(void **state)
{
	const struct ke_alg *ke = ke_by_id(KE_MODP_2048);
	struct testvec_count count = { .file = "rfc/modp2048-strongswan.json" };
	struct testvec_pool pool = { 0 };
	uint8_t two[KE_MAX_PUBLIC] = { 0 };
	struct bytes x_i, x_r, y_i, y_r, secret, base;
	json_t *root;

	(void)state;
	testvec_need();
	root = testvec_json(count.file);
	two[ke->public_len - 1] = 2;
	base = BYTES(two, ke->public_len);
	x_i = testvec_member(&pool, root, "priv_i");
	x_r = testvec_member(&pool, root, "priv_r");
	y_i = testvec_member(&pool, root, "pub_i");
	y_r = testvec_member(&pool, root, "pub_r");
	secret = testvec_member(&pool, root, "shared");
	testvec_check(&count, is_power(ke, x_i, base, y_i), "g^i");
	testvec_check(&count, is_power(ke, x_r, base, y_r), "g^r");
	testvec_check(&count, is_power(ke, x_i, y_r, secret), "g^ir of the initiator");
	testvec_check(&count, is_power(ke, x_r, y_i, secret), "g^ir of the responder");
	testvec_clear(&pool);
	json_decref(root);
	testvec_report(&count);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_rfc3526), cmocka_unit_test(test_rfc4231),
		cmocka_unit_test(test_rfc4868), cmocka_unit_test(test_rfc7427),
		cmocka_unit_test(test_esp),	cmocka_unit_test(test_modp2048),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
