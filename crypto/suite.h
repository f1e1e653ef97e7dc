/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Algorithms as const rows, one per IANA transform id (and key length): sizes, limits, operations.
 * The core never names an algorithm; it is handed a row. A stand-in row (simulator) is made by
 * writing another struct with other functions.
 *
 * Every operation returns 0, or a negative errno: -ENOMEM, -EBADMSG (integrity check failed),
 * -EINVAL (the peer's value is not acceptable), -EIO (the library failed).
 */
#ifndef IKEMESH_CRYPTO_SUITE_H
#define IKEMESH_CRYPTO_SUITE_H

#include "crypto/bytes.h"
#include "crypto/secret.h"

/* RFC 7296 3.3.2 */
enum transform_type {
	TRANSFORM_ENCR = 1,
	TRANSFORM_PRF = 2,
	TRANSFORM_INTEG = 3,
	TRANSFORM_KE = 4,
	TRANSFORM_ESN = 5,
	TRANSFORM_ADDKE1 = 6, /* to 12: additional key exchanges, RFC 9370 2.2.1 */
	TRANSFORM_ADDKE7 = 12,
};

#define ADDKE_MAX 7	   /* additional key exchanges of one SA */
#define TRANSFORM_TYPES 12 /* types that there are, from 1: transforms of a chosen proposal */

enum {
	ENCR_AES_CBC = 12,
	ENCR_AES_GCM_16 = 20,
	PRF_HMAC_SHA2_256 = 5,
	PRF_HMAC_SHA2_384 = 6,
	PRF_HMAC_SHA2_512 = 7,
	AUTH_HMAC_SHA2_256_128 = 12,
	AUTH_HMAC_SHA2_384_192 = 13,
	AUTH_HMAC_SHA2_512_256 = 14,
	KE_NONE = 0,
	KE_MODP_2048 = 14,
	KE_MODP_3072 = 15,
	KE_MODP_4096 = 16,
	KE_ECP_256 = 19,
	KE_ECP_384 = 20,
	KE_CURVE25519 = 31,
	KE_ML_KEM_512 = 35,
	KE_ML_KEM_768 = 36,
	KE_ML_KEM_1024 = 37,
	ESN_NO = 0,
	ESN_YES = 1,
};

#define PRF_MAX_LEN 64	   /* octets, HMAC-SHA2-512 */
#define INTEG_MAX_LEN 64   /* key octets */
#define ICV_MAX_LEN 32	   /* octets */
#define ENCR_MAX_KEY 36	   /* octets, AES-256 key and GCM salt */
#define IV_MAX_LEN 16	   /* octets */
#define KE_MAX_PUBLIC 1568 /* octets either way, ML-KEM-1024 */

struct prf_alg {
	uint16_t id;
	const char *name;    /* as strongSwan prints it in status: PRF_HMAC_SHA2_256 */
	const char *keyword; /* as proposal strings write it: prfsha256 */
	size_t len;	     /* octets of output, and the preferred key length (RFC 7296 2.13) */
	/* out receives alg->len octets of prf(key, parts[0] | parts[1] | ...). */
	int (*compute)(const struct prf_alg *alg, struct bytes key, const struct bytes *parts,
		       size_t n_parts, uint8_t *out);
	const char *fetch; /* the library's name */
};

struct encr_alg {
	uint16_t id;
	uint16_t key_bits;   /* the Key Length attribute, RFC 7296 3.3.5 */
	const char *name;    /* AES_CBC_128, AES_GCM_16_128 */
	const char *keyword; /* aes128, aes128gcm16 */
	size_t key_len;	     /* octets without the salt */
	size_t salt_len;     /* octets that follow the key in keying material (RFC 4106 8.1) */
	size_t iv_len;	     /* octets sent explicitly */
	size_t icv_len;	     /* octets; 0 where a separate integrity algorithm is needed */
	size_t block;	     /* octets the plaintext must be a multiple of; 1 if any length goes */
	bool aead;
	/*
	 * In place over data[0..n). key is key_len + salt_len octets, iv is iv_len. aad and icv are
	 * used by AEAD rows only (icv_len octets; written by seal, checked by open in constant
	 * time: -EBADMSG, and data is then wiped).
	 */
	int (*seal)(const struct encr_alg *alg, const uint8_t *key, const uint8_t *iv,
		    struct bytes aad, uint8_t *data, size_t n, uint8_t *icv);
	int (*open)(const struct encr_alg *alg, const uint8_t *key, const uint8_t *iv,
		    struct bytes aad, uint8_t *data, size_t n, const uint8_t *icv);
	const char *fetch;
};

struct integ_alg {
	uint16_t id;
	const char *name;    /* HMAC_SHA2_256_128 */
	const char *keyword; /* sha256 */
	size_t key_len;	     /* octets */
	size_t icv_len;	     /* octets, truncated */
	int (*compute)(const struct integ_alg *alg, struct bytes key, const struct bytes *parts,
		       size_t n_parts, uint8_t *icv);
	const char *fetch;
};

struct ke_key; /* a private value; opaque, owned by whoever generated it, freed by alg->free */

struct ke_alg {
	uint16_t id;
	const char *name;    /* MODP_2048 */
	const char *keyword; /* modp2048 */
	size_t public_len;   /* octets on the wire, exact (RFC 7296 3.4), from the initiator */
	size_t response_len; /* and from the responder: another length with a KEM */
	size_t secret_len;   /* octets, leading zeros kept (RFC 7296 2.14) */
	bool optional;	     /* not every crypto library has it: see ke_available() */
	/* A fresh key pair, used once (RFC 6989 4.1 is avoided that way). */
	int (*generate)(const struct ke_alg *alg, struct ke_key **key, uint8_t *public_value);
	/*
	 * From our private value and the peer's public one; KEM: decapsulates the response.
	 * -EINVAL: a wrong length, or the peer's value fails RFC 6989 2 (1 < r < p-1; on the curve;
	 * not all zero). A KEM's response of the right length always gives some secret.
	 */
	int (*derive)(const struct ke_alg *alg, const struct ke_key *key, struct bytes peer,
		      uint8_t *secret);
	/*
	 * KEM, as responder: response (response_len octets) and secret from the initiator's public
	 * value. -EINVAL: that is none. NULL: no KEM, the responder generates and derives.
	 */
	int (*encapsulate)(const struct ke_alg *alg, struct bytes peer, uint8_t *response,
			   uint8_t *secret);
	void (*free)(struct ke_key *key); /* wipes; NULL is fine */
	/*
	 * The private value as octets, and a key made of such: an exchange that is under way can be
	 * carried on by another process. *value is the caller's and must be empty before.
	 */
	int (*private_get)(const struct ke_alg *alg, const struct ke_key *key,
			   struct secret *value);
	int (*private_set)(const struct ke_alg *alg, struct bytes value, struct ke_key **key);
	const char *fetch;
};

enum key_type {
	KEY_NONE,
	KEY_RSA,
	KEY_ECDSA_P256,
	KEY_ECDSA_P384,
	KEY_ECDSA_P521,
	KEY_ED25519,
};

/* RFC 7296 3.8, RFC 7427 3 */
enum auth_method {
	AUTH_METHOD_RSA_SHA1 = 1,
	AUTH_METHOD_ECDSA_256 = 9,
	AUTH_METHOD_ECDSA_384 = 10,
	AUTH_METHOD_ECDSA_521 = 11,
	AUTH_METHOD_DIGITAL_SIGNATURE = 14,
};

/* RFC 7427 7: SIGNATURE_HASH_ALGORITHMS */
enum hash_id {
	HASH_SHA1 = 1,
	HASH_SHA2_256 = 2,
	HASH_SHA2_384 = 3,
	HASH_SHA2_512 = 4,
	HASH_IDENTITY = 5,
};

struct sig_scheme {
	const char *name; /* RSA_EMSA_PKCS1_SHA2_256 */
	uint8_t method;	  /* enum auth_method */
	uint16_t hash;	  /* enum hash_id that the peer must have announced; 0 for method 1 */
	enum key_type key;
	bool pss;
	size_t salt_len;      /* octets, PSS */
	const uint8_t *algid; /* DER AlgorithmIdentifier sent with method 14 */
	size_t algid_len;
	const char *digest; /* the library's name */
};

/* Rows by id; NULL if there is none (an unknown id is never an error by itself). A row may be there
 * and not available. */
const struct prf_alg *prf_by_id(uint16_t id);
const struct encr_alg *encr_by_id(uint16_t id, uint16_t key_bits);
const struct integ_alg *integ_by_id(uint16_t id);
const struct ke_alg *ke_by_id(uint16_t id);

/* All rows, ended by NULL, strongest choice is not implied by the order. */
const struct prf_alg *const *prf_all(void);
const struct encr_alg *const *encr_all(void);
const struct integ_alg *const *integ_all(void);
const struct ke_alg *const *ke_all(void);
const struct sig_scheme *const *sig_all(void);

/* Whether the crypto library that runs has it: optional rows are probed for, the others are there.
 */
bool ke_available(const struct ke_alg *alg);

/*
 * The scheme that a received AlgorithmIdentifier stands for (RFC 7427 3 and appendix A; a PSS with
 * and without explicit trailerField are the same). der must be used up exactly. NULL: unknown,
 * malformed or with parameters that are refused (salt length other than the hash's, MGF hash other
 * than the hash, SHA-1).
 */
const struct sig_scheme *sig_by_algid(struct bytes der);

/* Scheme for a received method other than 14; NULL if not supported. */
const struct sig_scheme *sig_by_method(uint8_t method);

/* Whether a key of that type can sign so. With method 14 any ECDSA curve goes with any hash. */
bool sig_fits(const struct sig_scheme *scheme, enum key_type key);

/*
 * How to sign with a key of this type. hashes: bit (1u << enum hash_id) for each hash the peer
 * announced, 0 if the peer sent no SIGNATURE_HASH_ALGORITHMS (then only the old methods are left).
 * PKCS#1 v1.5 with SHA2-256 by preference for RSA. like: the scheme that the peer signed with, NULL
 * if not known yet; its padding is followed when it is PSS. NULL: no way to sign for this peer.
 */
const struct sig_scheme *sig_choose(enum key_type key, uint32_t hashes,
				    const struct sig_scheme *like);

/*
 * prf+ (RFC 7296 2.13): out_len octets of prf+(key, seed[0] | seed[1] | ...). At most 255 blocks:
 * -EINVAL beyond.
 */
int prf_plus(const struct prf_alg *alg, struct bytes key, const struct bytes *seed, size_t n_seed,
	     uint8_t *out, size_t out_len);

/*
 * Start-up self-check: the algorithm of every row that is not optional can be fetched. 0, or
 * -ENOENT with *missing its name.
 */
int suite_self_check(const char **missing);

/* SHA-1 of parts (NAT detection RFC 7296 2.23, CERTREQ 3.7: not a security use). */
int sha1(const struct bytes *parts, size_t n_parts, uint8_t out[static 20]);

/* Cryptographic randomness. 0 or -EIO. */
int random_fill(uint8_t *out, size_t n);

/*
 * The same from a stock, which is filled with many octets at once: each filling asks the library,
 * and the library the kernel whether this is still the process that it was. Octets are wiped as
 * they are handed out. For a process that does not fork: both would have the same ones.
 */
#define RANDOM_STOCK 512
struct random_stock {
	uint8_t octets[RANDOM_STOCK];
	size_t left; /* zero-initialised: empty */
};
int random_take(struct random_stock *s, uint8_t *out, size_t n); /* 0 or -EIO */

#endif
