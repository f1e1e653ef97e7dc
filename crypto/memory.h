/* SPDX-License-Identifier: Apache-2.0 */
/* Where the crypto library has its memory from. */
#ifndef IKEMESH_CRYPTO_MEMORY_H
#define IKEMESH_CRYPTO_MEMORY_H

/*
 * From the program's malloc() as it is linked, so that whoever counts or refuses there does so for
 * the library, too. And whatever the library gives back is wiped: OpenSSL 3.0 does so with keys,
 * but not with what it decodes them from. Before anything else of crypto/: 0, or -EBUSY if it is
 * too late.
 */
int crypto_memory_ours(void);

#endif
