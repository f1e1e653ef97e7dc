/* SPDX-License-Identifier: Apache-2.0 */
#include "ike/store.h"

#include "crypto/secret.h"

#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#define ALIGN _Alignof(max_align_t)

/* One that was given back. The rest of it is all zero. */
struct vacancy {
	struct vacancy *next;
};

/* At the beginning of each block; the objects follow. */
struct store_block {
	_Alignas(max_align_t) struct store_block *prev;
	struct store_block *next; /* these two: that have room */
	struct vacancy *vacant;
	size_t used, fresh; /* objects: taken; never taken yet: from there on */
};

static size_t in_block(const struct store *s)
{
	return (STORE_BLOCK - sizeof(struct store_block)) / s->size;
}

static struct store_block *block_of(void *p)
{
	return (struct store_block *)((uintptr_t)p & ~(uintptr_t)(STORE_BLOCK - 1));
}

static void link_block(struct store *s, struct store_block *b)
{
	b->prev = NULL;
	b->next = s->roomy;
	if (b->next != NULL)
		b->next->prev = b;
	s->roomy = b;
}

static void unlink_block(struct store *s, struct store_block *b)
{
	if (b->next != NULL)
		b->next->prev = b->prev;
	if (b->prev != NULL)
		b->prev->next = b->next;
	else
		s->roomy = b->next;
}

void store_init(struct store *s, size_t size)
{
	*s = (struct store){ .size = (size + ALIGN - 1) / ALIGN * ALIGN };
}

/* Its octets are touched when they are taken, not before. */
static bool add_block(struct store *s)
{
	struct store_block *b = aligned_alloc(STORE_BLOCK, STORE_BLOCK);

	if (b == NULL)
		return false;
	*b = (struct store_block){ 0 };
	link_block(s, b);
	s->n_blocks++;
	return true;
}

void *store_take(struct store *s)
{
	struct store_block *b;
	void *p;

	if (s->roomy == NULL && !add_block(s))
		return NULL;
	b = s->roomy;
	p = b->vacant;
	if (p != NULL) {
		b->vacant = b->vacant->next;
	} else {
		p = (uint8_t *)(b + 1) + b->fresh++ * s->size;
	}
	memset(p, 0, s->size);
	if (++b->used == in_block(s))
		unlink_block(s, b);
	s->n++;
	return p;
}

void store_give(struct store *s, void *p)
{
	struct store_block *b = block_of(p);
	struct vacancy *v = p;

	if (p == NULL)
		return;
	wipe(p, s->size);
	v->next = b->vacant;
	b->vacant = v;
	if (b->used-- == in_block(s))
		link_block(s, b);
	s->n--;
	/* One without objects stays, lest the next peer fetch it anew. */
	if (b->used == 0 && (b->prev != NULL || b->next != NULL)) {
		unlink_block(s, b);
		s->n_blocks--;
		free(b);
	}
}

void store_free(struct store *s)
{
	while (s->roomy != NULL) {
		struct store_block *b = s->roomy;

		unlink_block(s, b);
		s->n_blocks--;
		free(b);
	}
}
