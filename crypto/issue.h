/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Keys and certificates for tests and for a start: a CA, and instance certificates under it, of
 * RSA-3072 with SHA-256. There are no files here, input and output are octets.
 */
#ifndef IKEMESH_CRYPTO_ISSUE_H
#define IKEMESH_CRYPTO_ISSUE_H

#include "crypto/bytes.h"
#include "crypto/secret.h"
#include <stdbool.h>
#include <time.h>

#define ISSUE_NAME_MAX 64 /* octets of a common name, RFC 5280 A.1 */

struct issue_spec {
	bool ca;
	const char *common_name;  /* printable ASCII, beside O=ikemesh */
	const char *const *names; /* subjectAltName: host names and addresses, in text */
	size_t n_names;
	time_t from;
	unsigned days;
};

struct issued {
	struct blob certificate; /* PEM */
	struct secret key;	 /* PEM, PKCS#8 */
};

/*
 * A new key and its certificate, under the issuer (PEM texts; empty: under itself), which it does
 * not outlive. 0: *out is the caller's, issued_free() frees it. -EINVAL: a name that is none, or an
 * issuer that is no CA or not of that key. -EKEYEXPIRED: the issuer is over before it would begin.
 * -ENOMEM, -EIO.
 */
int issue_make(const struct issue_spec *spec, struct bytes issuer_certificate,
	       struct bytes issuer_key, struct issued *out);
void issued_free(struct issued *i);

#endif
