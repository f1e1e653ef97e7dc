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
	VERDICT_REVOKED,	/* its CA took it, or one above it, back */
	VERDICT_NO_CRL,		/* crl_policy: hard, and no list tells of it */
	VERDICT_NOT_ALLOWED,	/* matches none of peer_identities */
	VERDICT_WRONG_ADDRESS,	/* bind_address_to_certificate: the peer's is not in it */
	VERDICT_BAD_SIGNATURE,	/* the AUTH payload does not verify under the leaf's key */
	VERDICT_WRONG_KEY_TYPE, /* scheme and key do not go together */
	VERDICT_FAILED,		/* our library failed: not the peer's fault */
};
const char *verdict_name(enum verdict v); /* "certificate expired", ... static text */

#define VERDICT_TEXT_LEN 320

struct crls;
struct pattern;
struct trust;
struct sign_key;

/* What to make of a certificate of which no list tells: none of its issuer's, or one too old. */
enum crl_policy {
	CRL_SOFT, /* it passes, with a warning */
	CRL_HARD, /* it is refused */
};

/* What is asked of a peer beyond a chain to a CA: the configuration's keys of these names. */
struct trust_rules {
	bool strict_ca;
	bool bind_address;
	enum crl_policy crl_policy;
};

/* What was found of a peer, as plain data. */
struct peer_finding {
	enum verdict verdict;
	char text[VERDICT_TEXT_LEN];	/* why not, naming the certificate; empty if good */
	char warning[VERDICT_TEXT_LEN]; /* what would refuse it under stricter keys; empty: none */
	bool pinned;  /* its certificate is our own, which needs no CA: see trust_add_own */
	bool excused; /* and is believed for that alone; warning says what of */
	struct cert_info leaf; /* zeroed if it could not be read */
};

/* Filled by one thread, then shared. NULL on no memory. */
struct trust *trust_new(void);
void trust_free(struct trust *t);

/* Adds one DER CA certificate. 0, -EINVAL (not a certificate), -EPERM (not a CA), -ENOMEM. */
int trust_add_ca(struct trust *t, struct bytes der);

/*
 * Our own certificate, which a whole fleet may share: whoever shows the same one is believed (if
 * the signature is right) even where no chain leads to a CA, unless strict_ca. The chain is looked
 * at all the same, and what is wrong with it becomes a warning: the CAs are for the day of
 * rotation. Its dates, key usage, identity and revocation are never excused. 0, -EINVAL, -ENOMEM.
 */
int trust_add_own(struct trust *t, struct bytes der);

/* Takes the pattern, whatever comes of it: with any, a peer must match one. 0 or -ENOMEM. */
int trust_add_pattern(struct trust *t, struct pattern *p);
void trust_set_rules(struct trust *t, const struct trust_rules *rules);
void trust_set_crls(struct trust *t, struct crls *crls); /* a use of its own; NULL: none are read */

/* The same with other lists: what it has in common with t is shared. NULL on no memory. */
struct trust *trust_with_crls(const struct trust *t, struct crls *crls);

/* Is our own certificate still good for new SAs? text (VERDICT_TEXT_LEN): if not, why and what to
 * do. VERDICT_GOOD, also without one; VERDICT_EXPIRED. */
enum verdict trust_check_own(const struct trust *t, time_t at, char *text);

/*
 * Chain, dates, constraints, key and revocation of certs[0] (the leaf; the others in any order) at
 * time `at`; nothing is pinned. text (VERDICT_TEXT_LEN octets) says what failed in words, naming
 * the certificate; empty if good.
 */
enum verdict trust_check_chain(const struct trust *t, const struct bytes *certs, size_t n_certs,
			       time_t at, char *text);

/*
 * Would these certificates do for a peer at this address (4 or 16 octets; none: not asked for)?
 * All but its identity and its signature. Returns out->verdict.
 */
enum verdict trust_check_certs(const struct trust *t, const struct bytes *certs, size_t n_certs,
			       struct bytes address, time_t at, struct peer_finding *out);

/*
 * Chains found good are remembered by the two above, as long as the set lives: so many at most, for
 * as long as the dates of all of a chain and of all lists allow. hits: chains that were not built
 * anew.
 */
#define TRUST_KNOWN_MAX 128
struct known_tally {
	size_t entries;
	uint64_t hits;
};
struct known_tally trust_known(const struct trust *t);

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
	struct bytes address; /* where it is: 4 or 16 octets */
	const struct sig_scheme *scheme;
	struct bytes tbs;
	struct bytes signature;
};

/*
 * Chain, rules, identity, then signature; stops at the first that fails. The leaf is taken apart
 * once and the signature is checked under the very certificate that was verified. Returns
 * out->verdict.
 */
enum verdict trust_check_peer(const struct trust *t, const struct peer_proof *proof, time_t at,
			      struct peer_finding *out);

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

#define KEY_WHY_LEN 256

/*
 * The key that a URI of OSSL_STORE names ("pkcs11:token=mesh;object=host?pin-value=1234", RFC 7512;
 * "handle:0x81000001"), by a provider of the library, or a pkcs11: one by its engine. The key stays
 * where it is: what is had is a handle, which has signed once for a trial. Nobody is asked for a
 * PIN. Takes as long as the device takes.
 * 0; -ENOSYS nothing here knows the scheme; -ENOENT no such key; -EACCES no PIN; -EINVAL not a key
 * that we can sign with; -EIO the device fails; -ENOMEM. why says it in words, without the URI.
 */
int sign_key_from_uri(const char *uri, struct sign_key **out, char why[static KEY_WHY_LEN]);
void sign_key_free(struct sign_key *k);
/* The same key for one more owner, who frees it too. NULL on no memory. */
struct sign_key *sign_key_share(const struct sign_key *k);
enum key_type sign_key_type(const struct sign_key *k);
bool sign_key_is_outside(const struct sign_key *k); /* in a token, which may be slow */
unsigned sign_key_bits(const struct sign_key *k);
bool sign_key_matches(const struct sign_key *k, struct bytes cert_der);

/* Signs tbs. *signature is owned by the caller. 0, -EINVAL (scheme does not fit the key), -EIO. */
int sign_key_sign(const struct sign_key *k, const struct sig_scheme *scheme, struct bytes tbs,
		  struct blob *signature);

#endif
