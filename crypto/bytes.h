/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Octet strings, three kinds told apart by their owner:
 *   struct bytes   borrowed view; whoever hands it out says how long it lives
 *   struct blob    owned on the heap; blob_free() by the owner, never copied by assignment
 *   struct secret  (secret.h) owned, wiped when freed
 */
#ifndef IKEMESH_CRYPTO_BYTES_H
#define IKEMESH_CRYPTO_BYTES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct bytes {
	const uint8_t *p;
	size_t n;
};

struct blob {
	uint8_t *p;
	size_t n;
};

#define BYTES(pointer, size) ((struct bytes){ .p = (pointer), .n = (size) })
#define BYTES_NONE ((struct bytes){ .p = NULL, .n = 0 })

static inline struct bytes blob_view(const struct blob *b)
{
	return BYTES(b->p, b->n);
}

/* Equal content. Takes time depending on the content: never for secrets, see secret_equal(). */
bool bytes_equal(struct bytes a, struct bytes b);

/* A copy that the caller owns. 0, or -ENOMEM with *out empty. An empty view makes an empty blob. */
int blob_copy(struct blob *out, struct bytes from);

/* Frees and empties; an empty blob is fine. */
void blob_free(struct blob *b);

#endif
