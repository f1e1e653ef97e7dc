/* SPDX-License-Identifier: Apache-2.0 */
/* In the place of store.c under the sanitizers: each object by itself. */
#include "ike/store.h"

#include "crypto/secret.h"

#include <stdlib.h>

void store_init(struct store *s, size_t size)
{
	*s = (struct store){ .size = size };
}

void *store_take(struct store *s)
{
	void *p = calloc(1, s->size);

	s->n += p != NULL;
	return p;
}

void store_give(struct store *s, void *p)
{
	if (p == NULL)
		return;
	wipe(p, s->size);
	free(p);
	s->n--;
}

void store_free(struct store *s)
{
	(void)s;
}
