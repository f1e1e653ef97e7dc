/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A secret: owned octets that are wiped before their memory goes back, are compared in constant
 * time, and that nothing can print (no function here takes a stream or returns text).
 */
#ifndef IKEMESH_CRYPTO_SECRET_H
#define IKEMESH_CRYPTO_SECRET_H

#include "crypto/bytes.h"

struct secret {
	uint8_t *p;
	size_t n;
};

/* n zero octets owned by s. 0 or -ENOMEM (s is empty then). s must be empty before. */
int secret_new(struct secret *s, size_t n);

/* A copy of from. 0 or -ENOMEM. */
int secret_copy(struct secret *s, struct bytes from);

/* Wipes, frees and empties. */
void secret_free(struct secret *s);

/* Moves the content; from is empty afterwards, and what `to` held is wiped. */
void secret_move(struct secret *to, struct secret *from);

static inline struct bytes secret_view(const struct secret *s)
{
	return BYTES(s->p, s->n);
}

/* Constant time in the content (not in the lengths). */
bool secret_equal(struct bytes a, struct bytes b);

/*
 * Keeps this process's memory out of core files, and away from debuggers that are not root's:
 * to be called before the first secret is read. 0 or negative errno.
 */
int secret_guard_process(void);

/*
 * Keeps this process's memory out of swap, whatever it uses from now on. 0; -EPERM: it is not
 * allowed to lock as much as it likes (RLIMIT_MEMLOCK), and nothing is locked; or negative errno.
 */
int secret_lock_process(void);

/* Overwrites memory in a way that the compiler may not drop. */
void wipe(void *p, size_t n);

#endif
