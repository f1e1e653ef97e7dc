/* SPDX-License-Identifier: Apache-2.0 */
#include "crypto/suite.h"
#include "lib/rfc3526.h"
#include "lib/toykem.h"
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define TEXT(s) BYTES((const uint8_t *)(s), sizeof(s) - 1)
#define DATA_LEN 64

static void test_rows_are_found_by_id(void **state)
{
	const char *missing = "";

	(void)state;
	assert_int_equal(suite_self_check(&missing), 0);
	assert_null(missing);
	for (size_t i = 0; prf_all()[i] != NULL; i++)
		assert_ptr_equal(prf_by_id(prf_all()[i]->id), prf_all()[i]);
	for (size_t i = 0; encr_all()[i] != NULL; i++)
		assert_ptr_equal(encr_by_id(encr_all()[i]->id, encr_all()[i]->key_bits),
				 encr_all()[i]);
	for (size_t i = 0; integ_all()[i] != NULL; i++)
		assert_ptr_equal(integ_by_id(integ_all()[i]->id), integ_all()[i]);
	for (size_t i = 0; ke_all()[i] != NULL; i++)
		assert_ptr_equal(ke_by_id(ke_all()[i]->id), ke_all()[i]);
}

static void test_unknown_ids_have_no_row(void **state)
{
	static const uint16_t unknown[] = { 0, 1, 2, 1023, 1024, 65535 };

	(void)state;
	for (size_t i = 0; i < sizeof(unknown) / sizeof(unknown[0]); i++) {
		assert_null(prf_by_id(unknown[i]));
		assert_null(encr_by_id(unknown[i], 128));
		assert_null(integ_by_id(unknown[i]));
		assert_null(ke_by_id(unknown[i]));
	}
	assert_null(encr_by_id(ENCR_AES_CBC, 0));
	assert_null(encr_by_id(ENCR_AES_CBC, 192));
	assert_null(encr_by_id(ENCR_AES_GCM_16, 7));
	assert_null(encr_by_id(ENCR_AES_GCM_16, 65535));
}

static void test_names_are_those_of_status(void **state)
{
	(void)state;
	assert_string_equal(prf_by_id(PRF_HMAC_SHA2_256)->name, "PRF_HMAC_SHA2_256");
	assert_string_equal(prf_by_id(PRF_HMAC_SHA2_256)->keyword, "prfsha256");
	assert_string_equal(encr_by_id(ENCR_AES_CBC, 128)->name, "AES_CBC_128");
	assert_string_equal(encr_by_id(ENCR_AES_CBC, 128)->keyword, "aes128");
	assert_string_equal(encr_by_id(ENCR_AES_GCM_16, 256)->name, "AES_GCM_16_256");
	assert_string_equal(encr_by_id(ENCR_AES_GCM_16, 256)->keyword, "aes256gcm16");
	assert_string_equal(integ_by_id(AUTH_HMAC_SHA2_512_256)->name, "HMAC_SHA2_512_256");
	assert_string_equal(integ_by_id(AUTH_HMAC_SHA2_512_256)->keyword, "sha512");
	assert_string_equal(ke_by_id(KE_MODP_2048)->name, "MODP_2048");
	assert_string_equal(ke_by_id(KE_CURVE25519)->keyword, "curve25519");
}

static void test_sizes_stay_within_the_limits(void **state)
{
	(void)state;
	for (size_t i = 0; prf_all()[i] != NULL; i++)
		assert_true(prf_all()[i]->len <= PRF_MAX_LEN);
	for (size_t i = 0; encr_all()[i] != NULL; i++) {
		const struct encr_alg *e = encr_all()[i];

		assert_true(e->key_len + e->salt_len <= ENCR_MAX_KEY);
		assert_true(e->iv_len <= IV_MAX_LEN);
		assert_true(e->icv_len <= ICV_MAX_LEN);
		assert_int_equal(e->key_len * 8, e->key_bits);
	}
	for (size_t i = 0; integ_all()[i] != NULL; i++) {
		assert_true(integ_all()[i]->key_len <= INTEG_MAX_LEN);
		assert_true(integ_all()[i]->icv_len <= ICV_MAX_LEN);
	}
	for (size_t i = 0; ke_all()[i] != NULL; i++) {
		const struct ke_alg *ke = ke_all()[i], *toy = toykem_by_id(ke->id);

		assert_true(ke->public_len <= KE_MAX_PUBLIC && ke->response_len <= KE_MAX_PUBLIC);
		assert_true(ke->encapsulate != NULL || ke->public_len == ke->response_len);
		assert_true((toy != NULL) == (ke->encapsulate != NULL));
		/* so that what is tried out with the stand-in holds for the row */
		if (toy != NULL)
			assert_true(toy->public_len == ke->public_len &&
				    toy->response_len == ke->response_len &&
				    toy->secret_len == ke->secret_len && ke->optional);
	}
}

static void test_prf_is_the_same_for_any_cut(void **state)
{
	const struct bytes whole[] = { TEXT("one two three") };
	const struct bytes cut[] = { TEXT("one"), BYTES_NONE, TEXT(" two thre"), TEXT("e") };
	uint8_t a[PRF_MAX_LEN], b[PRF_MAX_LEN];

	(void)state;
	for (size_t i = 0; prf_all()[i] != NULL; i++) {
		const struct prf_alg *prf = prf_all()[i];

		assert_int_equal(prf->compute(prf, TEXT("key"), whole, 1, a), 0);
		assert_int_equal(prf->compute(prf, TEXT("key"), cut, 4, b), 0);
		assert_memory_equal(a, b, prf->len);
		/* no key at all is another key, not the one of before */
		assert_int_equal(prf->compute(prf, BYTES_NONE, whole, 1, b), 0);
		assert_memory_not_equal(a, b, prf->len);
	}
}

static void test_integ_is_the_truncated_prf(void **state)
{
	const struct bytes part = TEXT("octets");
	uint8_t a[PRF_MAX_LEN], b[ICV_MAX_LEN];

	(void)state;
	for (uint16_t i = 0; integ_all()[i] != NULL; i++) {
		const struct integ_alg *integ = integ_all()[i];
		const struct prf_alg *prf = prf_all()[i];

		assert_int_equal(prf->compute(prf, TEXT("key"), &part, 1, a), 0);
		assert_int_equal(integ->compute(integ, TEXT("key"), &part, 1, b), 0);
		assert_memory_equal(a, b, integ->icv_len);
	}
}

/* T1 | T2 | ... by hand, RFC 7296 2.13 */
static void test_prf_plus_by_hand(void **state)
{
	const struct prf_alg *prf = prf_by_id(PRF_HMAC_SHA2_256);
	const struct bytes seed[] = { TEXT("Ni"), TEXT("Nr") };
	static const uint8_t one = 1, two = 2;
	uint8_t t[2][32], out[50];

	(void)state;
	assert_int_equal(prf->compute(prf, TEXT("k"),
				      (struct bytes[]){ seed[0], seed[1], BYTES(&one, 1) }, 3,
				      t[0]),
			 0);
	assert_int_equal(
		prf->compute(prf, TEXT("k"),
			     (struct bytes[]){ BYTES(t[0], 32), seed[0], seed[1], BYTES(&two, 1) },
			     4, t[1]),
		0);
	assert_int_equal(prf_plus(prf, TEXT("k"), seed, 2, out, sizeof(out)), 0);
	assert_memory_equal(out, t, sizeof(out));
}

static void test_prf_plus_ends_at_255_blocks(void **state)
{
	const struct bytes seed = TEXT("seed");

	(void)state;
	for (size_t i = 0; prf_all()[i] != NULL; i++) {
		const struct prf_alg *prf = prf_all()[i];
		size_t most = 255 * prf->len;
		uint8_t *out = malloc(most + 1);

		assert_non_null(out);
		assert_int_equal(prf_plus(prf, TEXT("k"), &seed, 1, out, most), 0);
		assert_int_equal(prf_plus(prf, TEXT("k"), &seed, 1, out, most + 1), -EINVAL);
		assert_int_equal(prf_plus(prf, TEXT("k"), &seed, 1, out, 0), 0);
		free(out);
	}
}

static int prf_that_fails(const struct prf_alg *alg, struct bytes key, const struct bytes *parts,
			  size_t n_parts, uint8_t *out)
{
	(void)key;
	if (parts[n_parts - 1].p[0] == 2)
		return -EIO;
	memset(out, 0x5a, alg->len);
	return 0;
}

static void test_prf_plus_that_fails_leaves_nothing(void **state)
{
	static const struct prf_alg broken = { .len = 8, .compute = prf_that_fails };
	const struct bytes seed = TEXT("seed");
	static const uint8_t zeros[16];
	uint8_t out[16];

	(void)state;
	assert_int_equal(prf_plus(&broken, TEXT("k"), &seed, 1, out, sizeof(out)), -EIO);
	assert_memory_equal(out, zeros, sizeof(out));
}

static void test_every_cipher_there_and_back(void **state)
{
	uint8_t key[ENCR_MAX_KEY], iv[IV_MAX_LEN], plain[DATA_LEN], data[DATA_LEN];
	uint8_t icv[ICV_MAX_LEN];

	(void)state;
	for (size_t i = 0; encr_all()[i] != NULL; i++) {
		const struct encr_alg *e = encr_all()[i];

		for (size_t n = 0; n <= DATA_LEN; n += e->block) {
			assert_int_equal(random_fill(key, sizeof(key)), 0);
			assert_int_equal(random_fill(iv, sizeof(iv)), 0);
			assert_int_equal(random_fill(plain, sizeof(plain)), 0);
			memcpy(data, plain, n);
			assert_int_equal(e->seal(e, key, iv, TEXT("aad"), data, n, icv), 0);
			if (n >= 16)
				assert_memory_not_equal(data, plain, n);
			assert_int_equal(e->open(e, key, iv, TEXT("aad"), data, n, icv), 0);
			assert_memory_equal(data, plain, n);
		}
	}
}

static void test_cbc_takes_whole_blocks_only(void **state)
{
	const struct encr_alg *e = encr_by_id(ENCR_AES_CBC, 128);
	uint8_t key[ENCR_MAX_KEY] = { 0 }, iv[IV_MAX_LEN] = { 0 }, data[DATA_LEN] = { 0 };

	(void)state;
	for (size_t n = 1; n < DATA_LEN; n++) {
		int expected = n % 16 == 0 ? 0 : -EINVAL;

		assert_int_equal(e->seal(e, key, iv, BYTES_NONE, data, n, NULL), expected);
		assert_int_equal(e->open(e, key, iv, BYTES_NONE, data, n, NULL), expected);
	}
}

/* Opens a copy of the sealed data, with one bit of something wrong: nothing may come out. */
static void assert_refused(const struct encr_alg *e, const uint8_t *key, const uint8_t *iv,
			   struct bytes aad, const uint8_t *sealed, const uint8_t *icv)
{
	static const uint8_t zeros[DATA_LEN];
	uint8_t data[DATA_LEN];

	memcpy(data, sealed, DATA_LEN);
	assert_int_equal(e->open(e, key, iv, aad, data, DATA_LEN, icv), -EBADMSG);
	assert_memory_equal(data, zeros, DATA_LEN);
}

static void refuse_flips(const struct encr_alg *e)
{
	uint8_t key[ENCR_MAX_KEY] = { 1 }, iv[IV_MAX_LEN] = { 2 }, aad[12] = { 3 };
	uint8_t data[DATA_LEN] = { 4 }, icv[ICV_MAX_LEN];
	struct {
		uint8_t *p;
		size_t n;
	} parts[] = {
		{ key, e->key_len + e->salt_len },
		{ iv, e->iv_len },
		{ aad, sizeof(aad) },
		{ data, sizeof(data) },
		{ icv, e->icv_len },
	};

	assert_int_equal(e->seal(e, key, iv, BYTES(aad, sizeof(aad)), data, DATA_LEN, icv), 0);
	for (size_t i = 0; i < sizeof(parts) / sizeof(parts[0]); i++) {
		for (size_t bit = 0; bit < 8 * parts[i].n; bit++) {
			parts[i].p[bit / 8] ^= (uint8_t)(1 << bit % 8);
			assert_refused(e, key, iv, BYTES(aad, sizeof(aad)), data, icv);
			parts[i].p[bit / 8] ^= (uint8_t)(1 << bit % 8);
		}
	}
	assert_int_equal(e->open(e, key, iv, BYTES(aad, sizeof(aad)), data, DATA_LEN, icv), 0);
}

static void test_every_flipped_bit_is_refused_and_wiped(void **state)
{
	(void)state;
	for (size_t i = 0; encr_all()[i] != NULL; i++)
		if (encr_all()[i]->aead)
			refuse_flips(encr_all()[i]);
}

/* The same key, by way of its private octets: another process carries the exchange on. */
static struct ke_key *handed_over(const struct ke_alg *ke, struct ke_key *key)
{
	struct secret value = { 0 };
	struct ke_key *copy;

	assert_int_equal(ke->private_get(ke, key, &value), 0);
	assert_true(value.n > 0);
	assert_int_equal(ke->private_set(ke, secret_view(&value), &copy), 0);
	secret_free(&value);
	ke->free(key);
	return copy;
}

static void agree(const struct ke_alg *ke)
{
	uint8_t public_a[KE_MAX_PUBLIC], public_b[KE_MAX_PUBLIC];
	uint8_t secret_a[KE_MAX_PUBLIC], secret_b[KE_MAX_PUBLIC];
	struct ke_key *a, *b;

	assert_int_equal(ke->generate(ke, &a, public_a), 0);
	assert_int_equal(ke->generate(ke, &b, public_b), 0);
	assert_memory_not_equal(public_a, public_b, ke->public_len);
	assert_int_equal(ke->derive(ke, a, BYTES(public_b, ke->public_len), secret_a), 0);
	assert_int_equal(ke->derive(ke, b, BYTES(public_a, ke->public_len), secret_b), 0);
	assert_memory_equal(secret_a, secret_b, ke->secret_len);
	a = handed_over(ke, a);
	memset(secret_a, 0, sizeof(secret_a));
	assert_int_equal(ke->derive(ke, a, BYTES(public_b, ke->public_len), secret_a), 0);
	assert_memory_equal(secret_a, secret_b, ke->secret_len);
	ke->free(a);
	ke->free(b);
}

static void test_both_sides_agree(void **state)
{
	(void)state;
	for (size_t i = 0; ke_all()[i] != NULL; i++)
		if (ke_all()[i]->encapsulate == NULL)
			agree(ke_all()[i]);
	ke_all()[0]->free(NULL);
}

/* What ML-KEM promises, of the library's where it has it, and of the stand-in. */
static void encapsulate(const struct ke_alg *kem)
{
	uint8_t public_value[KE_MAX_PUBLIC], response[KE_MAX_PUBLIC], again[KE_MAX_PUBLIC];
	uint8_t ours[32], theirs[32], other[32];
	struct ke_key *key;

	assert_int_equal(kem->secret_len, sizeof(ours));
	assert_int_equal(kem->generate(kem, &key, public_value), 0);
	const struct bytes peer = BYTES(public_value, kem->public_len);
	const struct bytes answer = BYTES(response, kem->response_len);
	assert_int_equal(kem->encapsulate(kem, peer, response, theirs), 0);
	assert_int_equal(kem->derive(kem, key, answer, ours), 0);
	assert_memory_equal(ours, theirs, sizeof(ours));
	if (kem->private_get != NULL) { /* the stand-in's cannot */
		key = handed_over(kem, key);
		assert_int_equal(kem->derive(kem, key, answer, other), 0);
		assert_memory_equal(other, theirs, sizeof(other));
	}
	/* another time, another secret */
	assert_int_equal(kem->encapsulate(kem, peer, again, other), 0);
	assert_memory_not_equal(again, response, kem->response_len);
	assert_memory_not_equal(other, theirs, sizeof(theirs));
	/* FIPS 203 6.3: a changed response gives a secret, but not that one */
	for (size_t i = 0; i < kem->response_len; i += 97) {
		response[i] ^= 1;
		assert_int_equal(kem->derive(kem, key, answer, other), 0);
		assert_memory_not_equal(other, ours, sizeof(ours));
		response[i] ^= 1;
	}
	/* lengths, either way */
	for (size_t n = 0; n <= KE_MAX_PUBLIC; n += n == kem->public_len - 1 ? 2 : 1)
		if (n != kem->public_len)
			assert_int_equal(
				kem->encapsulate(kem, BYTES(public_value, n), again, other),
				-EINVAL);
	for (size_t n = 0; n <= KE_MAX_PUBLIC; n++)
		if (n != kem->response_len)
			assert_int_equal(kem->derive(kem, key, BYTES(response, n), other), -EINVAL);
	/* FIPS 203 7.2: no public value */
	memset(public_value, 0xff, kem->public_len);
	assert_int_equal(kem->encapsulate(kem, peer, again, other), -EINVAL);
	kem->free(key);
}

static void test_kems(void **state)
{
	size_t n = 0;

	(void)state;
	for (size_t i = 0; ke_all()[i] != NULL; i++) {
		const struct ke_alg *kem = ke_all()[i];

		if (kem->encapsulate == NULL)
			continue;
		n++;
		encapsulate(toykem_by_id(kem->id));
		if (ke_available(kem))
			encapsulate(kem);
		else
			print_message("%s: the library has none, only the stand-in is tried\n",
				      kem->name);
	}
	assert_int_equal(n, 3);
}

/* T18 */
static void test_ke_of_wrong_length(void **state)
{
	static const uint8_t zeros[4096] = { 2 };
	static const size_t lengths[] = { 0, 1, 31, 33, 63, 65, 97, 255, 257, 385, 511, 513, 4096 };
	uint8_t public_value[KE_MAX_PUBLIC], secret[KE_MAX_PUBLIC];

	(void)state;
	for (size_t i = 0; ke_all()[i] != NULL; i++) {
		const struct ke_alg *ke = ke_all()[i];
		struct ke_key *key;

		if (ke->encapsulate != NULL)
			continue; /* test_kems */
		assert_int_equal(ke->generate(ke, &key, public_value), 0);
		for (size_t j = 0; j < sizeof(lengths) / sizeof(lengths[0]); j++)
			assert_int_equal(ke->derive(ke, key, BYTES(zeros, lengths[j]), secret),
					 -EINVAL);
		ke->free(key);
	}
}

static size_t unhex(const char *hex, uint8_t *out)
{
	size_t n = strlen(hex) / 2;

	for (size_t i = 0; i < n; i++) {
		char pair[3] = { hex[2 * i], hex[2 * i + 1], '\0' };
		out[i] = (uint8_t)strtoul(pair, NULL, 16);
	}
	return n;
}

/* number += what, which is 1 or -1 */
static void step(uint8_t *number, size_t n, int what)
{
	for (size_t i = n; i-- > 0;) {
		number[i] = (uint8_t)(number[i] + what);
		if (number[i] != (what > 0 ? 0 : 0xff))
			return;
	}
}

/* RFC 6989 2.1, T17: 1 < r < p-1 */
static void refuse_edges(const struct ke_alg *ke, const char *prime)
{
	uint8_t value[KE_MAX_PUBLIC], secret[KE_MAX_PUBLIC];
	size_t n = ke->public_len;
	struct bytes peer = BYTES(value, n);
	struct ke_key *key;

	assert_int_equal(ke->generate(ke, &key, value), 0);
	memset(value, 0, n);
	assert_int_equal(ke->derive(ke, key, peer, secret), -EINVAL); /* 0 */
	value[n - 1] = 1;
	assert_int_equal(ke->derive(ke, key, peer, secret), -EINVAL); /* 1 */
	value[n - 1] = 2;
	assert_int_equal(ke->derive(ke, key, peer, secret), 0); /* 2 */

	assert_int_equal(unhex(prime, value), n);
	assert_int_equal(ke->derive(ke, key, peer, secret), -EINVAL); /* p */
	step(value, n, 1);
	assert_int_equal(ke->derive(ke, key, peer, secret), -EINVAL); /* p+1 */
	step(value, n, -1);
	step(value, n, -1);
	assert_int_equal(ke->derive(ke, key, peer, secret), -EINVAL); /* p-1 */
	step(value, n, -1);
	assert_int_equal(ke->derive(ke, key, peer, secret), 0); /* p-2 */
	memset(value, 0xff, n);
	assert_int_equal(ke->derive(ke, key, peer, secret), -EINVAL); /* 2^n - 1 */
	ke->free(key);
}

static void test_ke_edges(void **state)
{
	(void)state;
	refuse_edges(ke_by_id(KE_MODP_2048), RFC3526_MODP_2048);
	refuse_edges(ke_by_id(KE_MODP_3072), RFC3526_MODP_3072);
	refuse_edges(ke_by_id(KE_MODP_4096), RFC3526_MODP_4096);
}

static void test_points_off_the_curve(void **state)
{
	static const uint16_t curves[] = { KE_ECP_256, KE_ECP_384 };
	uint8_t value[KE_MAX_PUBLIC], secret[KE_MAX_PUBLIC];

	(void)state;
	for (size_t i = 0; i < 2; i++) {
		const struct ke_alg *ke = ke_by_id(curves[i]);
		struct ke_key *key;

		assert_int_equal(ke->generate(ke, &key, value), 0);
		for (size_t bit = 0; bit < 8 * ke->public_len; bit++) {
			value[bit / 8] ^= (uint8_t)(1 << bit % 8);
			assert_int_equal(ke->derive(ke, key, BYTES(value, ke->public_len), secret),
					 -EINVAL);
			value[bit / 8] ^= (uint8_t)(1 << bit % 8);
		}
		memset(value, 0, sizeof(value));
		assert_int_equal(ke->derive(ke, key, BYTES(value, ke->public_len), secret),
				 -EINVAL);
		memset(value, 0xff, sizeof(value));
		assert_int_equal(ke->derive(ke, key, BYTES(value, ke->public_len), secret),
				 -EINVAL);
		ke->free(key);
	}
}

/* RFC 8031 5: points of small order give a shared secret of zeros. */
static void test_curve25519_of_small_order(void **state)
{
	static const uint8_t small[][32] = {
		{ 0 },
		{ 1 },
		{ 0xe0, 0xeb, 0x7a, 0x7c, 0x3b, 0x41, 0xb8, 0xae, 0x16, 0x56, 0xe3,
		  0xfa, 0xf1, 0x9f, 0xc4, 0x6a, 0xda, 0x09, 0x8d, 0xeb, 0x9c, 0x32,
		  0xb1, 0xfd, 0x86, 0x62, 0x05, 0x16, 0x5f, 0x49, 0xb8, 0x00 },
	};
	static const uint8_t zeros[32];
	const struct ke_alg *ke = ke_by_id(KE_CURVE25519);
	uint8_t value[32], secret[32] = { 1 };
	struct ke_key *key;

	(void)state;
	assert_int_equal(ke->generate(ke, &key, value), 0);
	for (size_t i = 0; i < sizeof(small) / sizeof(small[0]); i++) {
		assert_int_equal(ke->derive(ke, key, BYTES(small[i], 32), secret), -EINVAL);
		assert_memory_equal(secret, zeros, 32);
	}
	ke->free(key);
}

/* RFC 7296 2.14: two secrets in five hundred begin with a zero octet, and keep it. */
static void test_leading_zeros_are_kept(void **state)
{
	const struct ke_alg *ke = ke_by_id(KE_ECP_256);
	uint8_t ours[KE_MAX_PUBLIC], theirs[KE_MAX_PUBLIC], a[KE_MAX_PUBLIC], b[KE_MAX_PUBLIC];
	int found = 0;

	(void)state;
	for (int i = 0; i < 5000 && found < 2; i++) {
		struct ke_key *x, *y;

		assert_int_equal(ke->generate(ke, &x, ours), 0);
		assert_int_equal(ke->generate(ke, &y, theirs), 0);
		assert_int_equal(ke->derive(ke, x, BYTES(theirs, ke->public_len), a), 0);
		assert_int_equal(ke->derive(ke, y, BYTES(ours, ke->public_len), b), 0);
		assert_memory_equal(a, b, ke->secret_len);
		found += a[0] == 0;
		ke->free(x);
		ke->free(y);
	}
	assert_int_equal(found, 2);
}

static void test_schemes_by_method(void **state)
{
	(void)state;
	assert_string_equal(sig_by_method(AUTH_METHOD_RSA_SHA1)->name, "RSA_EMSA_PKCS1_SHA1");
	assert_string_equal(sig_by_method(AUTH_METHOD_ECDSA_256)->name, "ECDSA-256");
	assert_string_equal(sig_by_method(AUTH_METHOD_ECDSA_384)->name, "ECDSA-384");
	assert_string_equal(sig_by_method(AUTH_METHOD_ECDSA_521)->name, "ECDSA-521");
	/* shared secret, DSS, NULL, digital signature, none */
	assert_null(sig_by_method(0));
	assert_null(sig_by_method(2));
	assert_null(sig_by_method(3));
	assert_null(sig_by_method(13));
	assert_null(sig_by_method(14));
	assert_null(sig_by_method(255));
}

static void test_schemes_by_their_own_algid(void **state)
{
	(void)state;
	for (size_t i = 0; sig_all()[i] != NULL; i++) {
		const struct sig_scheme *s = sig_all()[i];
		uint8_t der[128];

		if (s->algid_len == 0)
			continue;
		assert_int_equal(s->method, AUTH_METHOD_DIGITAL_SIGNATURE);
		assert_ptr_equal(sig_by_algid(BYTES(s->algid, s->algid_len)), s);
		memcpy(der, s->algid, s->algid_len);
		der[s->algid_len] = 0;
		assert_null(sig_by_algid(BYTES(der, s->algid_len + 1)));
		for (size_t n = 0; n < s->algid_len; n++)
			assert_null(sig_by_algid(BYTES(der, n)));
		/* one bit of another: another scheme of ours, or none, but not this one */
		for (size_t bit = 0; bit < 8 * s->algid_len; bit++) {
			der[bit / 8] ^= (uint8_t)(1 << bit % 8);
			assert_ptr_not_equal(sig_by_algid(BYTES(der, s->algid_len)), s);
			der[bit / 8] ^= (uint8_t)(1 << bit % 8);
		}
	}
}

/* Parts of a PSS AlgorithmIdentifier (RFC 8017 A.2.3), as hex. */
#define PSS "06092a864886f70d01010a"
#define SHA1 "300906052b0e03021a0500"
#define SHA256 "300d06096086480165030402010500"
#define SHA256_BARE "300b0609608648016503040201"
#define SHA384 "300d06096086480165030402020500"
#define MGF1 "06092a864886f70d010108"

/* T62, T63 */
static void test_pss_parameters(void **state)
{
	static const struct {
		const char *what;
		const char *hex;
		bool good;
	} rows[] = {
		{ "trailer absent",
		  "3041" PSS "3034a00f" SHA256 "a11c301a" MGF1 SHA256 "a203020120", true },
		{ "trailer explicit",
		  "3046" PSS "3039a00f" SHA256 "a11c301a" MGF1 SHA256 "a203020120a303020101",
		  true },
		{ "hash without NULL",
		  "303d" PSS "3030a00d" SHA256_BARE "a11a3018" MGF1 SHA256_BARE "a203020120",
		  true },
		{ "empty", "300d" PSS "3000", false },
		{ "absent", "300b" PSS, false },
		{ "NULL", "300d" PSS "0500", false },
		{ "SHA-1 explicit",
		  "303e" PSS "3031a00b" SHA1 "a1183016" MGF1 SHA1 "a203020114a303020101", false },
		{ "hash absent", "3030" PSS "3023a11c301a" MGF1 SHA256 "a203020120", false },
		{ "MGF absent", "3023" PSS "3016a00f" SHA256 "a203020120", false },
		{ "salt absent", "303c" PSS "302fa00f" SHA256 "a11c301a" MGF1 SHA256, false },
		{ "salt -1", "3041" PSS "3034a00f" SHA256 "a11c301a" MGF1 SHA256 "a2030201ff",
		  false },
		{ "salt 0", "3041" PSS "3034a00f" SHA256 "a11c301a" MGF1 SHA256 "a203020100",
		  false },
		{ "salt 20", "3041" PSS "3034a00f" SHA256 "a11c301a" MGF1 SHA256 "a203020114",
		  false },
		{ "salt 32 in two octets",
		  "3042" PSS "3035a00f" SHA256 "a11c301a" MGF1 SHA256 "a20402020020", false },
		{ "salt 2^31-1",
		  "3044" PSS "3037a00f" SHA256 "a11c301a" MGF1 SHA256 "a20602047fffffff", false },
		{ "salt 2^63",
		  "3049" PSS "303ca00f" SHA256 "a11c301a" MGF1 SHA256 "a20b0209008000000000000000",
		  false },
		{ "salt of no octets",
		  "3040" PSS "3033a00f" SHA256 "a11c301a" MGF1 SHA256 "a2020200", false },
		{ "trailer 2",
		  "3046" PSS "3039a00f" SHA256 "a11c301a" MGF1 SHA256 "a203020120a303020102",
		  false },
		{ "trailer -1",
		  "3046" PSS "3039a00f" SHA256 "a11c301a" MGF1 SHA256 "a203020120a3030201ff",
		  false },
		{ "other hash in MGF",
		  "3041" PSS "3034a00f" SHA256 "a11c301a" MGF1 SHA384 "a203020120", false },
		{ "other hash", "3041" PSS "3034a00f" SHA384 "a11c301a" MGF1 SHA256 "a203020120",
		  false },
		{ "fields swapped",
		  "3041" PSS "3034a11c301a" MGF1 SHA256 "a00f" SHA256 "a203020120", false },
		{ "MGF of another kind",
		  "3041" PSS "3034a00f" SHA256 "a11c301a06092a864886f70d010109" SHA256 "a203020120",
		  false },
		{ "trailing octet within",
		  "3043" PSS "3036a00f" SHA256 "a11c301a" MGF1 SHA256 "a2030201200500", false },
		{ "long form of length",
		  "308141" PSS "3034a00f" SHA256 "a11c301a" MGF1 SHA256 "a203020120", false },
		{ "length past the end",
		  "3042" PSS "3034a00f" SHA256 "a11c301a" MGF1 SHA256 "a203020120", false },
		{ "indefinite length",
		  "3080" PSS "3034a00f" SHA256 "a11c301a" MGF1 SHA256 "a2030201200000", false },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		uint8_t der[256];
		const struct sig_scheme *s = sig_by_algid(BYTES(der, unhex(rows[i].hex, der)));

		if ((s != NULL) != rows[i].good)
			print_error("%s\n", rows[i].what);
		assert_int_equal(s != NULL, rows[i].good);
		if (s != NULL)
			assert_string_equal(s->name, "RSA_EMSA_PSS_SHA2_256_SALT_32");
	}
}

static void test_other_algids(void **state)
{
	static const char *const refused[] = {
		"300d06092a864886f70d0101050500", /* sha1WithRSAEncryption */
		"300b06092a864886f70d01010b",	  /* sha256WithRSAEncryption without NULL */
		"300906072a8648ce380403",	  /* dsa-with-sha1 */
		"300b0609608648016503040302",	  /* dsa-with-sha256 */
		"300906072a8648ce3d0401",	  /* ecdsa-with-sha1 */
		"300c06082a8648ce3d0403020500",	  /* ecdsa-with-sha256 with NULL */
		"30070603"
		"2b6570"
		"0500", /* Ed25519 with NULL */
		"3000",
		"300206",
		"",
	};

	(void)state;
	for (size_t i = 0; i < sizeof(refused) / sizeof(refused[0]); i++) {
		uint8_t der[64];
		assert_null(sig_by_algid(BYTES(der, unhex(refused[i], der))));
	}
}

#define BIT(hash) (1u << (hash))
#define ALL_HASHES                                                                       \
	(BIT(HASH_SHA1) | BIT(HASH_SHA2_256) | BIT(HASH_SHA2_384) | BIT(HASH_SHA2_512) | \
	 BIT(HASH_IDENTITY))

static const struct sig_scheme *scheme(const char *name)
{
	for (size_t i = 0; sig_all()[i] != NULL; i++)
		if (strcmp(sig_all()[i]->name, name) == 0)
			return sig_all()[i];
	return NULL;
}

static void test_choice_of_scheme(void **state)
{
	static const struct {
		enum key_type key;
		uint32_t hashes;
		const char *like;
		const char *expected;
	} rows[] = {
		{ KEY_RSA, 0, NULL, "RSA_EMSA_PKCS1_SHA1" },
		{ KEY_RSA, 0, "RSA_EMSA_PKCS1_SHA1", "RSA_EMSA_PKCS1_SHA1" },
		{ KEY_RSA, ALL_HASHES, NULL, "RSA_EMSA_PKCS1_SHA2_256" },
		{ KEY_RSA, BIT(HASH_SHA2_512), NULL, "RSA_EMSA_PKCS1_SHA2_512" },
		{ KEY_RSA, BIT(HASH_SHA1), NULL, "RSA_EMSA_PKCS1_SHA1" },
		{ KEY_RSA, ALL_HASHES, "RSA_EMSA_PSS_SHA2_512_SALT_64",
		  "RSA_EMSA_PSS_SHA2_512_SALT_64" },
		{ KEY_RSA, BIT(HASH_SHA2_256), "RSA_EMSA_PSS_SHA2_512_SALT_64",
		  "RSA_EMSA_PSS_SHA2_256_SALT_32" },
		{ KEY_RSA, 0, "RSA_EMSA_PSS_SHA2_512_SALT_64", "RSA_EMSA_PKCS1_SHA1" },
		{ KEY_RSA, ALL_HASHES, "ECDSA_WITH_SHA256_DER", "RSA_EMSA_PKCS1_SHA2_256" },
		{ KEY_ECDSA_P256, ALL_HASHES, "RSA_EMSA_PSS_SHA2_256_SALT_32",
		  "ECDSA_WITH_SHA256_DER" },
		{ KEY_ECDSA_P384, ALL_HASHES, NULL, "ECDSA_WITH_SHA384_DER" },
		{ KEY_ECDSA_P256, BIT(HASH_SHA2_384), NULL, "ECDSA_WITH_SHA384_DER" },
		{ KEY_ECDSA_P256, 0, NULL, "ECDSA-256" },
		{ KEY_ECDSA_P384, 0, NULL, "ECDSA-384" },
		{ KEY_ECDSA_P521, ALL_HASHES, NULL, "ECDSA_WITH_SHA512_DER" },
		{ KEY_ECDSA_P521, 1u << HASH_SHA2_256, NULL, "ECDSA_WITH_SHA256_DER" },
		{ KEY_ECDSA_P521, 0, NULL, "ECDSA-521" },
		{ KEY_ED25519, ALL_HASHES, NULL, "ED25519" },
		{ KEY_ED25519, BIT(HASH_SHA2_256), NULL, NULL },
		{ KEY_ED25519, 0, NULL, NULL },
		{ KEY_NONE, ALL_HASHES, NULL, NULL },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		const struct sig_scheme *like = rows[i].like == NULL ? NULL : scheme(rows[i].like);
		const struct sig_scheme *got = sig_choose(rows[i].key, rows[i].hashes, like);

		assert_true(rows[i].like == NULL || like != NULL);
		if (rows[i].expected == NULL)
			assert_null(got);
		else
			assert_string_equal(got->name, rows[i].expected);
	}
}

static void test_sha1_of_parts(void **state)
{
	/* FIPS 180-1 appendix A */
	static const uint8_t abc[] = { 0xa9, 0x99, 0x3e, 0x36, 0x47, 0x06, 0x81, 0x6a, 0xba, 0x3e,
				       0x25, 0x71, 0x78, 0x50, 0xc2, 0x6c, 0x9c, 0xd0, 0xd8, 0x9d };
	const struct bytes parts[] = { TEXT("a"), BYTES_NONE, TEXT("bc") };
	uint8_t out[20];

	(void)state;
	assert_int_equal(sha1(parts, 3, out), 0);
	assert_memory_equal(out, abc, 20);
}

static void test_random_differs(void **state)
{
	uint8_t a[32], b[32];

	(void)state;
	assert_int_equal(random_fill(a, sizeof(a)), 0);
	assert_int_equal(random_fill(b, sizeof(b)), 0);
	assert_memory_not_equal(a, b, sizeof(a));
	assert_int_equal(random_fill(NULL, 0), 0);
}

/* No octet is handed out twice, and none stays behind. */
static void test_random_from_a_stock(void **state)
{
	static const uint8_t none[RANDOM_STOCK];
	struct random_stock s = { 0 };
	uint8_t all[64][40], large[RANDOM_STOCK + 1] = { 0 };

	(void)state;
	for (size_t i = 0; i < 64; i++) {
		assert_int_equal(random_take(&s, all[i], sizeof(all[i])), 0);
		assert_memory_equal(s.octets + s.left, none, sizeof(s.octets) - s.left);
		for (size_t j = 0; j < i; j++)
			assert_memory_not_equal(all[i], all[j], sizeof(all[i]));
	}
	assert_int_equal(random_take(&s, large, sizeof(large)), 0);
	assert_memory_not_equal(large, none, sizeof(none));
	assert_int_equal(random_take(&s, large, 0), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_rows_are_found_by_id),
		cmocka_unit_test(test_unknown_ids_have_no_row),
		cmocka_unit_test(test_names_are_those_of_status),
		cmocka_unit_test(test_sizes_stay_within_the_limits),
		cmocka_unit_test(test_prf_is_the_same_for_any_cut),
		cmocka_unit_test(test_integ_is_the_truncated_prf),
		cmocka_unit_test(test_prf_plus_by_hand),
		cmocka_unit_test(test_prf_plus_ends_at_255_blocks),
		cmocka_unit_test(test_prf_plus_that_fails_leaves_nothing),
		cmocka_unit_test(test_every_cipher_there_and_back),
		cmocka_unit_test(test_cbc_takes_whole_blocks_only),
		cmocka_unit_test(test_every_flipped_bit_is_refused_and_wiped),
		cmocka_unit_test(test_both_sides_agree),
		cmocka_unit_test(test_kems),
		cmocka_unit_test(test_ke_of_wrong_length),
		cmocka_unit_test(test_ke_edges),
		cmocka_unit_test(test_points_off_the_curve),
		cmocka_unit_test(test_curve25519_of_small_order),
		cmocka_unit_test(test_leading_zeros_are_kept),
		cmocka_unit_test(test_schemes_by_method),
		cmocka_unit_test(test_schemes_by_their_own_algid),
		cmocka_unit_test(test_pss_parameters),
		cmocka_unit_test(test_other_algids),
		cmocka_unit_test(test_choice_of_scheme),
		cmocka_unit_test(test_sha1_of_parts),
		cmocka_unit_test(test_random_differs),
		cmocka_unit_test(test_random_from_a_stock),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
