/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Certificates, private keys, and whom to trust. A trust set is immutable once built: a reload
 * builds another one. Nothing here ever opens a file or a connection; input is octets.
 */
#ifndef IKEMESH_CRYPTO_TRUST_H
#define IKEMESH_CRYPTO_TRUST_H

#include "crypto/bytes.h"
#include "crypto/suite.h"
#include <time.h>

#define CERT_TEXT_LEN 256   /* octets with the final NUL */
#define CERT_CHAIN_MAX 8    /* leaf and at most 7 intermediates */
#define CERT_SIZE_MAX 16384 /* octets of DER */

/* RFC 7296 3.5 */
enum id_type {
	ID_IPV4_ADDR = 1,
	ID_FQDN = 2,
	ID_RFC822_ADDR = 3,
	ID_IPV6_ADDR = 5,
	ID_DER_ASN1_DN = 9,
	ID_DER_ASN1_GN = 10,
	ID_KEY_ID = 11,
};

/* What a person wants to know of a certificate. Texts are printable ASCII, escaped where needed. */
struct cert_info {
	char subject[CERT_TEXT_LEN]; /* "C=US, O=Example, CN=host": strongSwan's order and form */
	char issuer[CERT_TEXT_LEN];
	char serial[64];      /* hex with colons */
	char fingerprint[96]; /* SHA-256, hex with colons */
	time_t not_before;    /* seconds since the epoch */
	time_t not_after;
	enum key_type key;
	unsigned key_bits;
	bool is_ca;	       /* basicConstraints CA:TRUE */
	uint8_t spki_sha1[20]; /* of the SubjectPublicKeyInfo: CERTREQ, RFC 7296 3.7 */
};

/* Why a peer was refused (or not). The text form names what failed and when or where. */
enum verdict {
	VERDICT_GOOD,
	VERDICT_MALFORMED,     /* not a certificate, trailing bytes, too large */
	VERDICT_NO_TRUSTED_CA, /* no chain to one of our CAs */
	VERDICT_EXPIRED,
	VERDICT_NOT_YET_VALID,
	VERDICT_BAD_CHAIN,	/* signature, constraints, key usage, too long */
	VERDICT_WEAK_KEY,	/* RSA outside 2048..8192, or an exponent that is not sane */
	VERDICT_ID_MISMATCH,	/* the identity claimed is not in the certificate (RFC 4945 3.1) */
	VERDICT_BAD_SIGNATURE,	/* the AUTH payload does not verify under the leaf's key */
	VERDICT_WRONG_KEY_TYPE, /* scheme and key do not go together */
	VERDICT_FAILED,		/* our library failed: not the peer's fault */
};
const char *verdict_name(enum verdict v); /* "certificate expired", ... static text */

#define VERDICT_TEXT_LEN 320

struct trust;
struct sign_key;

/* NULL on no memory. */
struct trust *trust_new(void);
void trust_free(struct trust *t);

/* Adds one DER CA certificate. 0, -EINVAL (not a certificate), -EPERM (not a CA), -ENOMEM. */
int trust_add_ca(struct trust *t, struct bytes der);

/*
 * Chain, dates, constraints and key of certs[0] (the leaf; the others in any order) at time `at`.
 * text (VERDICT_TEXT_LEN octets) says what failed in words, naming the certificate; empty if good.
 */
enum verdict trust_check_chain(const struct trust *t, const struct bytes *certs, size_t n_certs,
			       time_t at, char *text);

/*
 * The identity is in the certificate: a DN by value (RFC 5280 7.1: string types and case and inner
 * spaces do not matter), an FQDN, address or mailbox in subjectAltName. No wildcards.
 */
bool trust_id_matches(struct bytes leaf, uint8_t id_type, struct bytes id);

/* The signature over tbs under the leaf's key. VERDICT_GOOD, _BAD_SIGNATURE, _WRONG_KEY_TYPE ... */
enum verdict trust_check_signature(struct bytes leaf, const struct sig_scheme *scheme,
				   struct bytes tbs, struct bytes signature);

/* The same under a bare SubjectPublicKeyInfo; also VERDICT_MALFORMED and VERDICT_WEAK_KEY. */
enum verdict spki_check_signature(struct bytes spki, const struct sig_scheme *scheme,
				  struct bytes tbs, struct bytes signature);

/* All that a peer shows of itself in IKE_AUTH. */
struct peer_proof {
	const struct bytes *certs; /* leaf first */
	size_t n_certs;
	uint8_t id_type;
	struct bytes id;
	const struct sig_scheme *scheme;
	struct bytes tbs;
	struct bytes signature;
};

/*
 * Chain, then identity, then signature; stops at the first that fails. The leaf is taken apart once
 * and the signature is checked under the very certificate that was verified. text as above; leaf is
 * filled in as soon as the certificate can be read, else zeroed.
 */
enum verdict trust_check_peer(const struct trust *t, const struct peer_proof *proof, time_t at,
			      struct cert_info *leaf, char *text);

/* 0, or -EINVAL if der is not exactly one certificate. */
int cert_describe(struct bytes der, struct cert_info *out);

/* The DER subject name of a certificate, owned by the caller: our IDi as ID_DER_ASN1_DN. */
int cert_subject_der(struct bytes der, struct blob *out);

/* A DER Name as text, in strongSwan's form, escaped; malformed input gives "(malformed name)". */
void dn_to_text(struct bytes der_name, char *out, size_t out_size);

/* Equal by value, RFC 5280 7.1. Malformed names equal nothing. */
bool dn_equal(struct bytes a, struct bytes b);

/*
 * All certificates of a PEM text, in order, as DER blobs owned by the caller. Text around the
 * blocks is skipped. Windows line ends and a missing last newline are fine. *n is in: room, out:
 * found. 0; -EINVAL a block is broken; -ENOENT no block at all; -E2BIG more than the room.
 */
int pem_certs(struct bytes pem, struct blob *out, size_t *n);

/* A private key from PEM. 0; -EINVAL not a key; -EACCES encrypted (has a pass phrase); -ENOMEM. */
int sign_key_from_pem(struct bytes pem, struct sign_key **out);
void sign_key_free(struct sign_key *k);
enum key_type sign_key_type(const struct sign_key *k);
unsigned sign_key_bits(const struct sign_key *k);
bool sign_key_matches(const struct sign_key *k, struct bytes cert_der);

/* Signs tbs. *signature is owned by the caller. 0, -EINVAL (scheme does not fit the key), -EIO. */
int sign_key_sign(const struct sign_key *k, const struct sig_scheme *scheme, struct bytes tbs,
		  struct blob *signature);

#endif
