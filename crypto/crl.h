/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Certificate revocation lists, RFC 5280 5. A set is filled by one thread and then shared: from
 * there on it does not change, and is counted. Whether a list is signed by whom it names is found
 * out where it is used, since only there the issuer's certificate is known.
 */
#ifndef IKEMESH_CRYPTO_CRL_H
#define IKEMESH_CRYPTO_CRL_H

#include "crypto/bytes.h"
#include "crypto/trust.h"

/* What a person wants to know of a list. Texts as in struct cert_info. */
struct crl_info {
	char issuer[CERT_TEXT_LEN];
	char number[64];    /* hex with colons; empty: it has none */
	time_t this_update; /* seconds since the epoch */
	time_t next_update; /* 0: it names none */
	size_t revoked;	    /* certificates */
	bool delta;	    /* RFC 5280 5.2.4: to be read with another one */
};

struct crls;

struct crls *crls_new(void); /* NULL on no memory; one user */
struct crls *crls_keep(struct crls *c);
void crls_drop(struct crls *c); /* any thread; NULL is fine */

/*
 * Adds what a file has: PEM, of which only X509 CRL blocks count, or one list as DER. 0; -EINVAL a
 * list is broken, -ENOENT there is none; -ENOMEM. On failure nothing is added.
 */
int crls_add(struct crls *c, struct bytes file);
int crls_join(struct crls *c, const struct crls *from); /* 0 or -ENOMEM */

size_t crls_count(const struct crls *c); /* NULL is none */
void crls_describe(const struct crls *c, size_t i, struct crl_info *out);

/* List i as it was read, for crls_add(); the caller's. 0 or -ENOMEM. */
int crls_der(const struct crls *c, size_t i, struct blob *out);
/* The same lists in the same order; either may be NULL. */
bool crls_equal(const struct crls *a, const struct crls *b);

#endif
