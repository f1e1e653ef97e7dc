/* SPDX-License-Identifier: Apache-2.0 */
#include "cmd/ikemeshd/shortage.h"

#include "crypto/memory.h"
#include <jansson.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>

/* The process has one heap: this belongs to it, and not to any object. */
static atomic_uint_fast64_t refused;

uint64_t shortages(void)
{
	return atomic_load_explicit(&refused, memory_order_relaxed);
}

void shortage_add(void)
{
	atomic_fetch_add_explicit(&refused, 1, memory_order_relaxed);
}

void shortage_watch(void)
{
	if (crypto_memory_ours() != 0)
		fprintf(stderr,
			"the crypto library has allocated before us: what it frees is neither "
			"wiped nor counted\n");
	json_set_alloc_funcs(malloc, free);
}
