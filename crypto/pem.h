/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The textual encoding of keys and certificates, RFC 7468. Lenient in white space only: Windows
 * line ends, indentation, a missing last newline, and lines run together are all fine.
 */
#ifndef IKEMESH_CRYPTO_PEM_H
#define IKEMESH_CRYPTO_PEM_H

#include "crypto/bytes.h"
#include "crypto/secret.h"

/* Views into the text that was handed in. */
struct pem_block {
	struct bytes label; /* CERTIFICATE */
	struct bytes body;  /* all between the BEGIN and END lines */
};

/* Takes the next block off *text. 0; -ENOENT no more; -EINVAL a block that does not end as it
 * began. */
int pem_next(struct bytes *text, struct pem_block *block);

/* The old kind of encryption, with a Proc-Type header (RFC 1421). */
bool pem_is_encrypted(const struct pem_block *block);

/* The content, owned by the caller. 0; -EINVAL not base64, or empty; -ENOMEM. */
int pem_decode(const struct pem_block *block, struct secret *out);

#endif
