/* SPDX-License-Identifier: Apache-2.0 */
#include "lib/flip.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define WHAT_LEN 48

/* block_free() it. An empty block ends where it starts, so that its first octet is off limits. */
static uint8_t *block_copy(struct bytes b)
{
	uint8_t *block = malloc(b.n > 0 ? b.n : 1);

	if (block == NULL)
		abort();
	if (b.n == 0)
		return block + 1;
	memcpy(block, b.p, b.n);
	return block;
}

static void block_free(uint8_t *p, size_t n)
{
	free(n > 0 ? p : p - 1);
}

void flip_none(struct bytes good, flip_try *try, void *arg)
{
	uint8_t *p = block_copy(good);

	try(arg, p, good.n, "whole");
	block_free(p, good.n);
}

size_t flip_prefixes(struct bytes good, flip_try *try, void *arg)
{
	char what[WHAT_LEN];

	for (size_t n = 0; n < good.n; n++) {
		uint8_t *p = block_copy(BYTES(good.p, n));
		snprintf(what, sizeof(what), "prefix of %zu", n);
		try(arg, p, n, what);
		block_free(p, n);
	}
	return good.n;
}

size_t flip_bits(struct bytes good, flip_try *try, void *arg)
{
	char what[WHAT_LEN];

	for (size_t i = 0; i < good.n * 8; i++) {
		uint8_t *p = block_copy(good);
		p[i / 8] = (uint8_t)(p[i / 8] ^ 1u << i % 8);
		snprintf(what, sizeof(what), "octet %zu, bit %zu", i / 8, i % 8);
		try(arg, p, good.n, what);
		block_free(p, good.n);
	}
	return good.n * 8;
}

size_t flip_all(struct bytes good, flip_try *try, void *arg)
{
	const size_t prefixes = flip_prefixes(good, try, arg);

	return prefixes + flip_bits(good, try, arg);
}
