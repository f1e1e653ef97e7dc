/* SPDX-License-Identifier: Apache-2.0 */
/* Signature schemes: which, by what the peer said (RFC 7296 3.8, RFC 7427). */
#include "crypto/suite.h"

#define OID_RSA_ENCRYPTION(last) 0x06, 0x09, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, last
#define OID_SHA2(last) 0x06, 0x09, 0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x02, last
#define DER_NULL 0x05, 0x00
#define DER_SEQUENCE 0x30
#define DER_OID 0x06
#define DER_INTEGER 0x02
#define DER_EXPLICIT(number) (0xa0 | (number))
#define LAST_SHA256 0x01
#define LAST_SHA384 0x02
#define LAST_SHA512 0x03

/* RFC 7427 A.1 */
#define PKCS1_ALGID(last)                                              \
	{                                                              \
		DER_SEQUENCE, 0x0d, OID_RSA_ENCRYPTION(last), DER_NULL \
	}
static const uint8_t pkcs1_sha256_algid[] = PKCS1_ALGID(0x0b);
static const uint8_t pkcs1_sha384_algid[] = PKCS1_ALGID(0x0c);
static const uint8_t pkcs1_sha512_algid[] = PKCS1_ALGID(0x0d);

/* RFC 7427 A.3 */
#define ECDSA_ALGID(last)                                                                         \
	{                                                                                         \
		DER_SEQUENCE, 0x0a, DER_OID, 0x08, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x04, 0x03, last \
	}
static const uint8_t ecdsa_sha256_algid[] = ECDSA_ALGID(0x02);
static const uint8_t ecdsa_sha384_algid[] = ECDSA_ALGID(0x03);
static const uint8_t ecdsa_sha512_algid[] = ECDSA_ALGID(0x04);

/* RFC 8420 A */
static const uint8_t ed25519_algid[] = { DER_SEQUENCE, 0x05, DER_OID, 0x03, 0x2b, 0x65, 0x70 };

/* RFC 7427 A.4, the trailerField left out as DER demands of a default. */
#define HASH_ALGID(last) DER_SEQUENCE, 0x0d, OID_SHA2(last), DER_NULL
#define PSS_ALGID(last, salt)                                                                      \
	{                                                                                          \
		DER_SEQUENCE, 0x41, OID_RSA_ENCRYPTION(0x0a), DER_SEQUENCE, 0x34, DER_EXPLICIT(0), \
			0x0f, HASH_ALGID(last), DER_EXPLICIT(1), 0x1c, DER_SEQUENCE, 0x1a,         \
			OID_RSA_ENCRYPTION(0x08), HASH_ALGID(last), DER_EXPLICIT(2), 0x03,         \
			DER_INTEGER, 0x01, salt                                                    \
	}
static const uint8_t pss_sha256_algid[] = PSS_ALGID(LAST_SHA256, 32);
static const uint8_t pss_sha384_algid[] = PSS_ALGID(LAST_SHA384, 48);
static const uint8_t pss_sha512_algid[] = PSS_ALGID(LAST_SHA512, 64);

#define ALGID(der) .algid = (der), .algid_len = sizeof(der)
#define SCHEME(scheme_name, hash_bits, key_type, der)                                         \
	{                                                                                     \
		.name = (scheme_name), .method = AUTH_METHOD_DIGITAL_SIGNATURE,               \
		.hash = HASH_SHA2_##hash_bits, .key = (key_type), .digest = "SHA" #hash_bits, \
		ALGID(der)                                                                    \
	}
#define SCHEME_PSS(hash_bits, salt, der)                                                     \
	{                                                                                    \
		.name = "RSA_EMSA_PSS_SHA2_" #hash_bits "_SALT_" #salt,                      \
		.method = AUTH_METHOD_DIGITAL_SIGNATURE, .hash = HASH_SHA2_##hash_bits,      \
		.key = KEY_RSA, .pss = true, .salt_len = (salt), .digest = "SHA" #hash_bits, \
		ALGID(der)                                                                   \
	}

static const struct sig_scheme rsa_sha1 = { .name = "RSA_EMSA_PKCS1_SHA1",
					    .method = AUTH_METHOD_RSA_SHA1,
					    .key = KEY_RSA,
					    .digest = "SHA1" };
static const struct sig_scheme rsa_sha256 =
	SCHEME("RSA_EMSA_PKCS1_SHA2_256", 256, KEY_RSA, pkcs1_sha256_algid);
static const struct sig_scheme rsa_sha384 =
	SCHEME("RSA_EMSA_PKCS1_SHA2_384", 384, KEY_RSA, pkcs1_sha384_algid);
static const struct sig_scheme rsa_sha512 =
	SCHEME("RSA_EMSA_PKCS1_SHA2_512", 512, KEY_RSA, pkcs1_sha512_algid);
static const struct sig_scheme pss_sha256 = SCHEME_PSS(256, 32, pss_sha256_algid);
static const struct sig_scheme pss_sha384 = SCHEME_PSS(384, 48, pss_sha384_algid);
static const struct sig_scheme pss_sha512 = SCHEME_PSS(512, 64, pss_sha512_algid);
/* RFC 4754: curve and hash go together. */
static const struct sig_scheme ecdsa_256 = { .name = "ECDSA-256",
					     .method = AUTH_METHOD_ECDSA_256,
					     .key = KEY_ECDSA_P256,
					     .digest = "SHA256" };
static const struct sig_scheme ecdsa_384 = { .name = "ECDSA-384",
					     .method = AUTH_METHOD_ECDSA_384,
					     .key = KEY_ECDSA_P384,
					     .digest = "SHA384" };
static const struct sig_scheme ecdsa_521 = { .name = "ECDSA-521",
					     .method = AUTH_METHOD_ECDSA_521,
					     .key = KEY_ECDSA_P521,
					     .digest = "SHA512" };
/* RFC 7427: any hash with any curve; key is the customary one, see sig_fits(). */
static const struct sig_scheme ecdsa_sha256 =
	SCHEME("ECDSA_WITH_SHA256_DER", 256, KEY_ECDSA_P256, ecdsa_sha256_algid);
static const struct sig_scheme ecdsa_sha384 =
	SCHEME("ECDSA_WITH_SHA384_DER", 384, KEY_ECDSA_P384, ecdsa_sha384_algid);
static const struct sig_scheme ecdsa_sha512 =
	SCHEME("ECDSA_WITH_SHA512_DER", 512, KEY_ECDSA_P521, ecdsa_sha512_algid);
static const struct sig_scheme ed25519 = { .name = "ED25519",
					   .method = AUTH_METHOD_DIGITAL_SIGNATURE,
					   .hash = HASH_IDENTITY,
					   .key = KEY_ED25519,
					   ALGID(ed25519_algid) };

/* The order is the one of preference where several fit a key. */
static const struct sig_scheme *const rows[] = {
	&rsa_sha256, &rsa_sha384, &rsa_sha512,	 &pss_sha256,	&pss_sha384,
	&pss_sha512, &rsa_sha1,	  &ecdsa_sha256, &ecdsa_sha384, &ecdsa_sha512,
	&ecdsa_256,  &ecdsa_384,  &ecdsa_521,	 &ed25519,	NULL,
};

const struct sig_scheme *const *sig_all(void)
{
	return rows;
}

static bool is_ecdsa(enum key_type key)
{
	return key == KEY_ECDSA_P256 || key == KEY_ECDSA_P384 || key == KEY_ECDSA_P521;
}

bool sig_fits(const struct sig_scheme *scheme, enum key_type key)
{
	if (scheme->method == AUTH_METHOD_DIGITAL_SIGNATURE && is_ecdsa(scheme->key))
		return is_ecdsa(key);
	return scheme->key == key;
}

const struct sig_scheme *sig_by_method(uint8_t method)
{
	if (method == AUTH_METHOD_DIGITAL_SIGNATURE)
		return NULL; /* the AlgorithmIdentifier decides */
	for (size_t i = 0; rows[i] != NULL; i++)
		if (rows[i]->method == method)
			return rows[i];
	return NULL;
}

/* A row of method 14 for the key whose hash was announced, PSS or not; NULL if none. */
static const struct sig_scheme *choose_digital(enum key_type key, uint32_t hashes, bool pss)
{
	const struct sig_scheme *found = NULL;

	for (size_t i = 0; rows[i] != NULL; i++) {
		const struct sig_scheme *s = rows[i];

		if (s->method != AUTH_METHOD_DIGITAL_SIGNATURE || !sig_fits(s, key) ||
		    s->pss != pss || (hashes & (1u << s->hash)) == 0)
			continue;
		if (s->key == key)
			return s;
		if (found == NULL)
			found = s;
	}
	return found;
}

const struct sig_scheme *sig_choose(enum key_type key, uint32_t hashes,
				    const struct sig_scheme *like)
{
	const struct sig_scheme *s = NULL;

	if (key == KEY_RSA && like != NULL && like->pss) {
		if ((hashes & (1u << like->hash)) != 0)
			return like;
		s = choose_digital(key, hashes, true);
	}
	if (s == NULL)
		s = choose_digital(key, hashes, false);
	for (size_t i = 0; s == NULL && rows[i] != NULL; i++)
		if (rows[i]->method != AUTH_METHOD_DIGITAL_SIGNATURE && rows[i]->key == key)
			s = rows[i];
	return s;
}

/* A DER element of that tag is taken off the front of *from; its content is empty if it is not
 * there. */
static bool der_take(struct bytes *from, uint8_t tag, struct bytes *content)
{
	size_t n;

	*content = BYTES_NONE;
	/* All that is read here is shorter than 128 octets: one octet of length, as DER demands. */
	if (from->n < 2 || from->p[0] != tag || from->p[1] >= 0x80)
		return false;
	n = from->p[1];
	if (n > from->n - 2)
		return false;
	*content = BYTES(from->p + 2, n);
	*from = BYTES(from->p + 2 + n, from->n - 2 - n);
	return true;
}

/* The same, and nothing may follow it. */
static bool der_only(struct bytes from, uint8_t tag, struct bytes *content)
{
	return der_take(&from, tag, content) && from.n == 0;
}

/* The content of a SHA-2 AlgorithmIdentifier, parameters NULL or absent (RFC 4055 2.1); 0 if none.
 */
static uint16_t pss_hash(struct bytes algid)
{
	static const uint8_t oid[] = { OID_SHA2(0) };
	struct bytes rest = algid, content, null;
	uint8_t last;

	if (!der_take(&rest, DER_OID, &content) || content.n != sizeof(oid) - 2 ||
	    !bytes_equal(BYTES(content.p, content.n - 1), BYTES(oid + 2, content.n - 1)))
		return 0;
	if (rest.n != 0 && (!der_only(rest, 0x05, &null) || null.n != 0))
		return 0;
	last = content.p[content.n - 1];
	return last == LAST_SHA256   ? HASH_SHA2_256
	       : last == LAST_SHA384 ? HASH_SHA2_384
	       : last == LAST_SHA512 ? HASH_SHA2_512
				     : 0;
}

/* The content of [0]: a hash AlgorithmIdentifier. */
static uint16_t pss_hash_field(struct bytes field)
{
	struct bytes algid;
	return der_only(field, DER_SEQUENCE, &algid) ? pss_hash(algid) : 0;
}

/* The content of [1]: MGF1 with a hash, which is returned. */
static uint16_t pss_mgf_field(struct bytes field)
{
	static const uint8_t mgf1[] = { OID_RSA_ENCRYPTION(0x08) };
	struct bytes algid, oid;

	if (!der_only(field, DER_SEQUENCE, &algid) || !der_take(&algid, DER_OID, &oid) ||
	    !bytes_equal(oid, BYTES(mgf1 + 2, sizeof(mgf1) - 2)))
		return 0;
	return pss_hash_field(algid);
}

/* The content of [2] and [3]: an INTEGER of 0 to 127; -1 for any other. */
static int pss_number_field(struct bytes field)
{
	struct bytes number;

	if (!der_only(field, DER_INTEGER, &number) || number.n != 1 || number.p[0] >= 0x80)
		return -1;
	return number.p[0];
}

/*
 * RFC 8017 A.2.3. What is absent defaults to SHA-1, MGF1 with SHA-1 and 20 octets of salt, none of
 * which is accepted; trailerField may be absent, and is 1.
 */
static const struct sig_scheme *pss_by_params(struct bytes params)
{
	struct bytes hash_field, mgf_field, salt_field, trailer_field;
	uint16_t hash;
	int salt;

	if (!der_take(&params, DER_EXPLICIT(0), &hash_field) ||
	    !der_take(&params, DER_EXPLICIT(1), &mgf_field) ||
	    !der_take(&params, DER_EXPLICIT(2), &salt_field))
		return NULL;
	if (params.n != 0 && (!der_only(params, DER_EXPLICIT(3), &trailer_field) ||
			      pss_number_field(trailer_field) != 1))
		return NULL;
	hash = pss_hash_field(hash_field);
	salt = pss_number_field(salt_field);
	if (hash == 0 || salt < 0 || pss_mgf_field(mgf_field) != hash)
		return NULL;
	for (size_t i = 0; rows[i] != NULL; i++)
		if (rows[i]->pss && rows[i]->hash == hash && rows[i]->salt_len == (size_t)salt)
			return rows[i];
	return NULL;
}

const struct sig_scheme *sig_by_algid(struct bytes der)
{
	static const uint8_t pss_oid[] = { OID_RSA_ENCRYPTION(0x0a) };
	struct bytes algid, oid, params;

	for (size_t i = 0; rows[i] != NULL; i++)
		if (rows[i]->algid_len > 0 &&
		    bytes_equal(der, BYTES(rows[i]->algid, rows[i]->algid_len)))
			return rows[i];
	if (!der_only(der, DER_SEQUENCE, &algid) || !der_take(&algid, DER_OID, &oid) ||
	    !bytes_equal(oid, BYTES(pss_oid + 2, sizeof(pss_oid) - 2)) ||
	    !der_only(algid, DER_SEQUENCE, &params))
		return NULL;
	return pss_by_params(params);
}
