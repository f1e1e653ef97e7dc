/* SPDX-License-Identifier: Apache-2.0 */
/* IKE_AUTH: proofs that are none. */
#include "cases/shown.h"

#include <openssl/bn.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>
#include <openssl/sha.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define N(x) (sizeof(x) / sizeof((x)[0]))
#define K 256		 /* octets of the peer's modulus */
#define DIGEST_INFO_N 51 /* of SHA2-256 */

/* ---- no proof, or of another kind: T33, T34 ---------------------------------------------------
 */

/* As request and as answer; changed by the function. */
static void both_roles(struct scene *s, void (*change)(struct draft *said, size_t nth), size_t n)
{
	for (size_t i = 0; i < 2 * n; i++) {
		struct draft said;

		if (i % 2 == 0)
			scene_auth(s, &said);
		else
			scene_auth_answer(s, &said);
		change(&said, i / 2);
		scene_say(s, &said);
		scene_check(s, s->d.kernel.n_sas == 0 && duet_counters(&s->d).child_sas == 0,
			    "no SA was made");
	}
}

static void with_eap(struct draft *said, size_t nth)
{
	static const uint8_t bodies[][5] = { { 3, 1, 0, 4 }, { 1, 1, 0, 5, 1 }, { 4, 1, 0, 4 } };

	draft_drop(said, PAYLOAD_AUTH);
	draft_add(said, PAYLOAD_EAP, BYTES(bodies[nth], nth == 1 ? 5 : 4));
}

static void eap(struct scene *s)
{
	both_roles(s, with_eap, 3);
}

static void without_auth(struct draft *said, size_t nth)
{
	(void)nth;
	draft_drop(said, PAYLOAD_AUTH);
}

static void auth_missing(struct scene *s)
{
	both_roles(s, without_auth, 1);
}

static void with_method(struct draft *said, size_t nth)
{
	static const uint8_t methods[] = { 0, 2, 9, 10, 11, 13, 255 };
	static const uint8_t data[256] = { 1, 2, 3 };

	peer_set_auth(said, methods[nth], BYTES(data, sizeof data));
}

static void auth_methods(struct scene *s)
{
	both_roles(s, with_method, 7);
}

/* The order of payloads is free: RFC 7296 2.5. */
static void auth_before_id(struct scene *s)
{
	struct draft said;
	struct blob body = { 0 };

	scene_auth(s, &said);
	assert_int_equal(blob_copy(&body, blob_view(&draft_find(&said, PAYLOAD_AUTH)->body)), 0);
	draft_drop(&said, PAYLOAD_AUTH);
	draft_insert(&said, 0, PAYLOAD_AUTH, blob_view(&body));
	blob_free(&body);
	scene_check(s, scene_say(s, &said) == OUT_GOES_ON, "it is taken all the same");
}

/* ---- RSA signatures by hand: T57, T61 ---------------------------------------------------------
 */

/* The private operation of the peer's key on a whole block: what no library signs. */
static void raw_sign(const uint8_t block[static K], uint8_t out[static K])
{
	struct blob pem = testpki_key_pem(TESTPKI_RSA_2048, 2, NULL);
	BIO *bio = BIO_new_mem_buf(pem.p, (int)pem.n);
	EVP_PKEY *key = PEM_read_bio_PrivateKey(bio, NULL, NULL, NULL);
	EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new(key, NULL);
	size_t n = K;

	assert_true(ctx != NULL && EVP_PKEY_decrypt_init(ctx) == 1);
	assert_int_equal(EVP_PKEY_CTX_set_rsa_padding(ctx, RSA_NO_PADDING), 1);
	assert_int_equal(EVP_PKEY_decrypt(ctx, out, &n, block, K), 1);
	assert_int_equal(n, K);
	EVP_PKEY_CTX_free(ctx);
	EVP_PKEY_free(key);
	BIO_free(bio);
	blob_free(&pem);
}

static void modulus(uint8_t out[static K])
{
	struct blob pem = testpki_key_pem(TESTPKI_RSA_2048, 2, NULL);
	BIO *bio = BIO_new_mem_buf(pem.p, (int)pem.n);
	EVP_PKEY *key = PEM_read_bio_PrivateKey(bio, NULL, NULL, NULL);
	BIGNUM *n = NULL;

	assert_int_equal(EVP_PKEY_get_bn_param(key, "n", &n), 1);
	assert_int_equal(BN_bn2binpad(n, out, K), K);
	BN_free(n);
	EVP_PKEY_free(key);
	BIO_free(bio);
	blob_free(&pem);
}

/* RSASSA-PKCS1-v1_5 with SHA2-256, of RFC 7427 */
static const uint8_t pkcs1_sha256[] = { 0x30, 0x0d, 0x06, 0x09, 0x2a, 0x86, 0x48, 0x86,
					0xf7, 0x0d, 0x01, 0x01, 0x0b, 0x05, 0x00 };

static void say_signature(struct scene *s, struct draft *said, struct bytes algid,
			  struct bytes signature)
{
	struct blob body;

	auth_signature_encode(draft_begin(said), algid, signature);
	draft_end(said);
	body = draft_take_last(said);
	draft_set(draft_find(said, PAYLOAD_AUTH), blob_view(&body));
	blob_free(&body);
	scene_say(s, said);
}

/* T57: 0, 1, n-1, n, n+1, all ones, and lengths about the modulus'. */
static void signature_range(struct scene *s)
{
	uint8_t value[K + 1];

	for (int i = 0; i < 9; i++) {
		struct draft said;
		size_t n = K;

		memset(value, i == 5 ? 0xff : 0, sizeof value);
		if (i == 1)
			value[K - 1] = 1;
		if (i >= 2 && i <= 4) {
			modulus(value); /* odd: no carry, and n+1 has none either unless ff */
			value[K - 1] = (uint8_t)(value[K - 1] + i - 3);
		}
		if (i >= 6)
			n = (size_t[]){ 0, K - 1, K + 1 }[i - 6];
		scene_auth(s, &said);
		say_signature(s, &said, BYTES(pkcs1_sha256, sizeof pkcs1_sha256), BYTES(value, n));
	}
}

/* 00 01 ff ... 00 DigestInfo, bent in one way; 0: not bent. */
enum bend {
	STRAIGHT,
	HASH_CUT,	  /* to 16 octets */
	HASH_GROWN,	  /* to 40 */
	NO_PARAMETERS,	  /* the NULL left out of DigestInfo */
	LONG_PARAMETERS,  /* octets hidden in the parameters */
	TRAILING_GARBAGE, /* the digest in front, garbage behind it: e=3 forgery of 2006 */
	SHORT_PADDING,	  /* fewer than eight ff */
	WRONG_PADDING,	  /* one octet of it not ff */
	BLOCK_TYPE_2,
	LONG_LENGTH, /* BER: a length in more octets than it needs */
	BENDS,
};

static size_t digest_info(enum bend b, const uint8_t hash[static 32], uint8_t *out)
{
	static const uint8_t oid[] = { 0x06, 0x09, 0x60, 0x86, 0x48, 0x01,
				       0x65, 0x03, 0x04, 0x02, 0x01 };
	const size_t hash_n = b == HASH_CUT ? 16 : b == HASH_GROWN ? 40 : 32;
	uint8_t inner[120], *p = inner;
	size_t n;

	*p++ = 0x30;
	*p++ = (uint8_t)(sizeof oid + (b == NO_PARAMETERS ? 0 : b == LONG_PARAMETERS ? 18 : 2));
	memcpy(p, oid, sizeof oid);
	p += sizeof oid;
	if (b == LONG_PARAMETERS) {
		*p++ = 0x04;
		*p++ = 16;
		memset(p, 0x5a, 16);
		p += 16;
	} else if (b != NO_PARAMETERS) {
		*p++ = 0x05;
		*p++ = 0x00;
	}
	*p++ = 0x04;
	*p++ = (uint8_t)hash_n;
	memset(p, 0x77, hash_n);
	memcpy(p, hash, hash_n < 32 ? hash_n : 32);
	p += hash_n;
	n = (size_t)(p - inner);
	*out++ = 0x30;
	if (b == LONG_LENGTH)
		*out++ = 0x81;
	*out++ = (uint8_t)n;
	memcpy(out, inner, n);
	return n + 2 + (b == LONG_LENGTH);
}

static void padded(enum bend b, struct bytes tbs, uint8_t block[static K])
{
	uint8_t hash[32], info[140];
	size_t n, at;

	SHA256(tbs.p, tbs.n, hash);
	n = digest_info(b, hash, info);
	memset(block, 0xff, K);
	block[0] = 0;
	block[1] = b == BLOCK_TYPE_2 ? 2 : 1;
	at = b == TRAILING_GARBAGE ? 2 + 8 + 1 : b == SHORT_PADDING ? 2 + 4 + 1 : K - n;
	block[at - 1] = 0;
	memcpy(block + at, info, n);
	for (size_t i = at + n; i < K; i++)
		block[i] = 0x42;
	if (b == WRONG_PADDING)
		block[20] = 0xfe;
}

static void pkcs1_padding(struct scene *s)
{
	for (enum bend b = STRAIGHT; b < BENDS; b++) {
		uint8_t block[K], signature[K];
		struct draft said;
		struct blob tbs;

		scene_auth(s, &said);
		tbs = peer_signed_octets(&s->d.peer, &said);
		padded(b, blob_view(&tbs), block);
		raw_sign(block, signature);
		blob_free(&tbs);
		say_signature(s, &said, BYTES(pkcs1_sha256, sizeof pkcs1_sha256),
			      BYTES(signature, K));
		if (b == STRAIGHT) /* made by the same hands, and good: so the others fail by what
				      is bent */
			scene_check(s, duet_counters(&s->d).child_sas == 1,
				    "the straight one is taken");
	}
}

/* ---- RSA of exponent 3: T61 --------------------------------------------------------------------
 */

static struct testpki_cert *e3_cert(void)
{
	return shown_once(KEPT_E3, &(struct testpki_spec){ .subject = "O=Example, CN=peer",
							   .issuer = shown_ca(),
							   .kind = TESTPKI_RSA_E3,
							   .slot = 2 });
}

/* The least number whose cube is not below `block`, bit by bit from above. */
static void cube_root(const uint8_t block[static K], uint8_t out[static K])
{
	BIGNUM *wanted = BN_bin2bn(block, K, NULL), *root = BN_new(), *cube = BN_new();
	BN_CTX *ctx = BN_CTX_new();

	assert_true(wanted != NULL && root != NULL && cube != NULL && ctx != NULL);
	for (int bit = K * 8 / 3; bit >= 0; bit--) {
		BN_set_bit(root, bit);
		assert_true(BN_sqr(cube, root, ctx) && BN_mul(cube, cube, root, ctx));
		if (BN_cmp(cube, wanted) >= 0)
			BN_clear_bit(root, bit);
	}
	BN_add_word(root, 1);
	assert_true(BN_sqr(cube, root, ctx) && BN_mul(cube, cube, root, ctx));
	assert_int_equal(BN_bn2binpad(cube, out, K), K);
	assert_memory_equal(out, block, 2 + 8 + 1 + DIGEST_INFO_N);
	assert_int_equal(BN_bn2binpad(root, out, K), K);
	BN_free(wanted);
	BN_free(root);
	BN_free(cube);
	BN_CTX_free(ctx);
}

/* Bleichenbacher's forgery of 2006: made without the private key, good where what follows the
 * digest is not looked at. The genuine one first, so that it fails by that. */
static void pkcs1_cubes(struct scene *s)
{
	uint8_t block[K], signature[K];
	struct draft said;
	struct blob tbs;

	scene_check(s, shown(s, e3_cert(), NULL, 0, BYTES_NONE) == OUT_GOES_ON,
		    "the genuine one is taken");
	scene_auth(s, &said);
	shown_cert(&said, blob_view(&e3_cert()->der));
	tbs = peer_signed_octets(&s->d.peer, &said);
	padded(TRAILING_GARBAGE, blob_view(&tbs), block);
	cube_root(block, signature);
	blob_free(&tbs);
	say_signature(s, &said, BYTES(pkcs1_sha256, sizeof pkcs1_sha256), BYTES(signature, K));
}

/* ---- AlgorithmIdentifiers: T62, T63 -----------------------------------------------------------
 */

/* RSASSA-PSS with SHA2-256, MGF1 of the same, salt 32. */
static const uint8_t pss_sha256[] = { 0x30, 0x41, 0x06, 0x09, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d,
				      0x01, 0x01, 0x0a, 0x30, 0x34, 0xa0, 0x0f, 0x30, 0x0d, 0x06,
				      0x09, 0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x02, 0x01,
				      0x05, 0x00, 0xa1, 0x1c, 0x30, 0x1a, 0x06, 0x09, 0x2a, 0x86,
				      0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x08, 0x30, 0x0d, 0x06,
				      0x09, 0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x02, 0x01,
				      0x05, 0x00, 0xa2, 0x03, 0x02, 0x01, 0x20 };

static size_t pss_with_salt(const char *integer, size_t n, uint8_t *out)
{
	const size_t at = sizeof pss_sha256 - 3; /* INTEGER */

	memcpy(out, pss_sha256, at);
	memcpy(out + at, integer, n);
	out[1] = (uint8_t)(out[1] + n - 3);
	out[14] = (uint8_t)(out[14] + n - 3);
	out[at - 1] = (uint8_t)n;
	return at + n;
}

/* A genuine PSS signature of the peer, under an AlgorithmIdentifier that says something else. */
static void say_pss(struct scene *s, const uint8_t *algid, size_t n)
{
	const struct sig_scheme *scheme = sig_by_algid(BYTES(pss_sha256, sizeof pss_sha256));
	struct blob tbs, signature;
	struct draft said;

	assert_non_null(scheme);
	scene_auth(s, &said);
	tbs = peer_signed_octets(&s->d.peer, &said);
	assert_int_equal(sign_key_sign(s->d.peer_doer.key, scheme, blob_view(&tbs), &signature), 0);
	say_signature(s, &said, BYTES(algid, n), blob_view(&signature));
	blob_free(&tbs);
	blob_free(&signature);
}

static void pss_parameters(struct scene *s)
{
	static const struct {
		const char *integer;
		size_t n;
	} salts[] = { { "\x02\x01\xff", 3 },
		      { "\x02\x04\x7f\xff\xff\xff", 6 },
		      { "\x02\x09\x00\x80\0\0\0\0\0\0\0", 11 },
		      { "\x02\x01\x00", 3 },
		      { "\x02\x00", 2 } };
	uint8_t algid[100];

	for (size_t i = 0; i < N(salts); i++)
		say_pss(s, algid, pss_with_salt(salts[i].integer, salts[i].n, algid));
	memcpy(algid, pss_sha256, sizeof pss_sha256);
	algid[59] = 0x02; /* MGF1 of SHA2-384 */
	say_pss(s, algid, sizeof pss_sha256);
	memcpy(algid, pss_sha256, sizeof pss_sha256); /* trailerField 2 */
	memcpy(algid + sizeof pss_sha256, (const uint8_t[]){ 0xa3, 3, 2, 1, 2 }, 5);
	algid[1] = (uint8_t)(algid[1] + 5);
	algid[14] = (uint8_t)(algid[14] + 5);
	say_pss(s, algid, sizeof pss_sha256 + 5);
	/* No MGF at all: SHA-1 by default. */
	memcpy(algid, pss_sha256, 32);
	memcpy(algid + 32, pss_sha256 + sizeof pss_sha256 - 5, 5);
	algid[1] = 35;
	algid[14] = 22;
	say_pss(s, algid, 37);
}

static void pss_trailer(struct scene *s)
{
	uint8_t algid[100];

	say_pss(s, pss_sha256, sizeof pss_sha256);
	memcpy(algid, pss_sha256, sizeof pss_sha256);
	memcpy(algid + sizeof pss_sha256, (const uint8_t[]){ 0xa3, 3, 2, 1, 1 }, 5);
	algid[1] = (uint8_t)(algid[1] + 5);
	algid[14] = (uint8_t)(algid[14] + 5);
	say_pss(s, algid, sizeof pss_sha256 + 5);
}

static void algorithm_identifiers(struct scene *s)
{
	static const uint8_t ecdsa_sha256[] = { 0x30, 0x0a, 0x06, 0x08, 0x2a, 0x86,
						0x48, 0xce, 0x3d, 0x04, 0x03, 0x02 };
	static const uint8_t sha1[] = { 0x30, 0x0d, 0x06, 0x09, 0x2a, 0x86, 0x48, 0x86,
					0xf7, 0x0d, 0x01, 0x01, 0x05, 0x05, 0x00 };
	static const uint8_t trailing[] = { 0x30, 0x0d, 0x06, 0x09, 0x2a, 0x86, 0x48, 0x86,
					    0xf7, 0x0d, 0x01, 0x01, 0x0b, 0x05, 0x00, 0x00 };
	const struct bytes whole[] = { BYTES(ecdsa_sha256, sizeof ecdsa_sha256),
				       BYTES(sha1, sizeof sha1), BYTES(trailing, sizeof trailing) };

	for (size_t i = 0; i < N(whole) + 2; i++) {
		uint8_t data[300] = { 0 };
		struct draft said;

		scene_auth(s, &said);
		if (i < N(whole)) {
			say_signature(s, &said, whole[i], BYTES(data, K));
			continue;
		}
		data[0] = i == N(whole) ? 0 : 255; /* RFC 7427 3: length of ASN.1, then ASN.1 */
		memcpy(data + 1, pkcs1_sha256, sizeof pkcs1_sha256);
		peer_set_auth(&said, AUTH_METHOD_DIGITAL_SIGNATURE, BYTES(data, 100));
		scene_say(s, &said);
	}
}

#define REFUSED                              \
	{                                    \
		NOTIFY_AUTHENTICATION_FAILED \
	}

const struct bad_case cases_auth[] = {
	{ "T33",
	  "eap",
	  "CVE-2021-45079 strongSwan",
	  "EAP Success, Identity, Failure and no AUTH, asked and answered",
	  ALLOW(OUT_ENDS),
	  { NOTIFY_AUTHENTICATION_FAILED, NOTIFY_INVALID_SYNTAX },
	  .play = eap },
	{ "T34",
	  "auth_missing",
	  "RFC 7296 2.15",
	  "no AUTH, asked and answered",
	  ALLOW(OUT_ENDS),
	  { NOTIFY_AUTHENTICATION_FAILED, NOTIFY_INVALID_SYNTAX },
	  .play = auth_missing },
	{ "T34", "auth_methods", "RFC 7296 2.15",
	  "AUTH methods 0, 2, 9, 10, 11, 13, 255, asked and answered", ALLOW(OUT_ENDS), REFUSED,
	  .real = true, .play = auth_methods },
	{ "T34", "auth_before_id", "RFC 7296 2.5", "AUTH in front of ID", ALLOW(OUT_GOES_ON),
	  .real = true, .play = auth_before_id },
	{ "T57", "signature_range", "CVE-2017-11185 strongSwan",
	  "signatures 0, 1, n-1, n, n+1, all ones; of 0, k-1, k+1 octets", 0, REFUSED, .real = true,
	  .play = signature_range },
	{ "T61", "pkcs1_padding", "CVE-2018-16151, -16152, CVE-2026-50721, -50722",
	  "a good PKCS#1 v1.5 signature by hand, and nine bent ones", ALLOW(OUT_GOES_ON), REFUSED,
	  .real = true, .play = pkcs1_padding },
	{ "T61", "pkcs1_cubes", "CVE-2006-4339; CVE-2018-16151, -16152",
	  "exponent 3: a genuine signature, and one whose cube begins as it should",
	  ALLOW(OUT_GOES_ON), REFUSED, .real = true, .play = pkcs1_cubes },
	{ "T62", "pss_parameters", "CVE-2018-6459, CVE-2021-41990 strongSwan",
	  "PSS: salt -1, 0, 2^31-1, 2^63, empty; other MGF hash; trailer 2; no MGF", 0, REFUSED,
	  .real = true, .play = pss_parameters },
	{ "T63", "pss_trailer", "RFC 7427 A.4", "PSS with and without trailerField",
	  ALLOW(OUT_GOES_ON), .real = true, .play = pss_trailer },
	{ "T63", "algorithm_identifiers", "RFC 7427 3",
	  "ECDSA of an RSA key, SHA-1, an octet too many, length 0 and past the end", 0, REFUSED,
	  .real = true, .play = algorithm_identifiers },
	{ .name = NULL },
};
