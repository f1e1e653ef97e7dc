/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Truncate and flip: hands a good message to a callback with each prefix cut and each bit turned
 * over. Every variant is a heap block of exactly its size, so that AddressSanitizer sees a read of
 * a single octet too many; the callee may change it, and must not keep it.
 */
#ifndef IKEMESH_TEST_LIB_FLIP_H
#define IKEMESH_TEST_LIB_FLIP_H

#include "crypto/bytes.h"

/* what: "prefix of 13" or "octet 17, bit 3", for messages; static until the next call. */
typedef void flip_try(void *arg, uint8_t *p, size_t n, const char *what);

/* Each returns how many variants were tried. */
size_t flip_prefixes(struct bytes good, flip_try *try, void *arg); /* lengths 0 to n-1 */
size_t flip_bits(struct bytes good, flip_try *try, void *arg);
size_t flip_all(struct bytes good, flip_try *try, void *arg); /* both */

/* One exact copy, unchanged: the good case through the same callback. */
void flip_none(struct bytes good, flip_try *try, void *arg);

#endif
