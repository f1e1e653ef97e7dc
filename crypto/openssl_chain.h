/* SPDX-License-Identifier: Apache-2.0 */
/* What the files about trust share with each other; see trust.h. */
#ifndef IKEMESH_CRYPTO_OPENSSL_CHAIN_H
#define IKEMESH_CRYPTO_OPENSSL_CHAIN_H

#include "crypto/crl.h"
#include "crypto/openssl_lib.h"
#include <openssl/x509_vfy.h>

/* --- openssl_chain.c ------------------------------------------------------------------------ */

/* One trust anchor, self-signed or not. NULL on no memory. */
X509_STORE *lib_anchor_new(X509 *ca);

struct chain_rules {
	X509_STORE *const *anchors;
	size_t n_anchors;
	const struct crls *crls; /* NULL: revocation is not looked at */
	enum crl_policy crl_policy;
	time_t at;
};

/* What we ask of a leaf beyond RFC 5280's path validation. */
enum verdict lib_leaf_check(X509 *leaf, char *text);
/* Whether it is within its dates. */
enum verdict lib_dates_check(X509 *cert, time_t at, char *text);
/* from <= t < until */
struct lib_span {
	time_t from, until;
};

/*
 * RFC 5280 6 under the anchor that does, or comes nearest. warning: what the policy lets pass. span
 * (may be NULL): of a good chain, when the same rules would find it good again; empty: only now.
 */
enum verdict lib_chain_check(const struct chain_rules *rules, X509 *leaf, STACK_OF(X509) * others,
			     char *text, char *warning, struct lib_span *span);

/*
 * A verdict about one certificate: its subject in quotes, then what is said of it; cut if too long.
 * text has VERDICT_TEXT_LEN octets. Returns v.
 */
enum verdict lib_say(enum verdict v, char *text, X509 *cert, const char *what, ...)
	__attribute__((format(printf, 4, 5)));

/* "2031-01-02 03:04:05 UTC" */
#define LIB_TIME_LEN 32
const char *lib_time_text(time_t at, char out[static LIB_TIME_LEN]);

/* --- openssl_known.c ------------------------------------------------------------------------ */

#define LIB_KNOWN_KEY 32 /* octets: SHA-256 */

/* Any thread may use it. */
struct known;
struct known *lib_known_new(void); /* NULL on no memory */
void lib_known_free(struct known *k);
/* The hash of all that a peer showed, in its order. */
bool lib_known_key(const struct bytes *certs, size_t n_certs, uint8_t key[static LIB_KNOWN_KEY]);
/* The leaf, the caller's to free, if the chain is good at that time; else NULL. */
X509 *lib_known_find(struct known *k, const uint8_t key[static LIB_KNOWN_KEY], time_t at,
		     struct cert_info *info);
void lib_known_add(struct known *k, const uint8_t key[static LIB_KNOWN_KEY], X509 *leaf,
		   const struct cert_info *info, struct lib_span span);
void lib_known_forget(struct known *k); /* the set's rules are others now */
struct known_tally lib_known_tally(struct known *k);

/* --- openssl_crl.c -------------------------------------------------------------------------- */

STACK_OF(X509_CRL) * lib_crls(const struct crls *c);
/* " on DATE (reason)" of the entry for cert; empty if there is none. */
void lib_revocation_text(X509_CRL *crl, X509 *cert, char *out, size_t out_size);

/* --- openssl_identity.c --------------------------------------------------------------------- */

bool lib_id_matches(X509 *cert, uint8_t id_type, struct bytes id);
/* iPAddress in subjectAltName: 4 or 16 octets. */
bool lib_has_address(X509 *cert, struct bytes address);
/* An identity as a person reads it. */
void lib_id_text(uint8_t id_type, struct bytes id, char *out, size_t out_size);

/* --- openssl_pattern.c ---------------------------------------------------------------------- */

struct pattern;
bool lib_pattern_matches(const struct pattern *p, X509 *cert);

#endif
