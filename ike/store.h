/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Room for objects of one size that live as long as a peer does. They stand side by side in blocks
 * of their own, which are mappings: so a burst of handshakes leaves no holes between them, and what
 * it leaves on the heap behind them goes back to the system. There is a second implementation,
 * store_heap.c, by which the sanitizers see each object.
 */
#ifndef IKEMESH_IKE_STORE_H
#define IKEMESH_IKE_STORE_H

#include <stddef.h>

#define STORE_BLOCK ((size_t)1 << 18) /* octets, and what a block is aligned to */

struct store_block;

struct store {
	size_t size;		   /* octets of an object */
	struct store_block *roomy; /* blocks that have room, the one to be filled first in front */
	size_t n, n_blocks;	   /* objects that are taken, blocks that there are */
};

/* size: octets of an object, few beside STORE_BLOCK. */
void store_init(struct store *s, size_t size);
/* An object, all zero. NULL on no memory. */
void *store_take(struct store *s);
/* Wipes it. NULL is fine. */
void store_give(struct store *s, void *p);
/* All objects were given back. */
void store_free(struct store *s);

#endif
