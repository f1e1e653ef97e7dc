/* SPDX-License-Identifier: Apache-2.0 */
#include "crypto/memory.h"

#include "crypto/secret.h"
#include <errno.h>
#include <malloc.h>
#include <openssl/crypto.h>
#include <stdlib.h>
#include <string.h>

static void *take(size_t n, const char *file, int line)
{
	(void)file;
	(void)line;
	return malloc(n);
}

/* malloc_usable_size() is all that may have been written to, and no less than was asked for. */
static void leave(void *p, const char *file, int line)
{
	(void)file;
	(void)line;
	if (p == NULL)
		return;
	wipe(p, malloc_usable_size(p));
	free(p);
}

static void *move(void *p, size_t n, const char *file, int line)
{
	const size_t before = p != NULL ? malloc_usable_size(p) : 0;
	void *other;

	if (n == 0) {
		leave(p, file, line);
		return NULL;
	}
	other = malloc(n);
	if (other == NULL || p == NULL)
		return other;
	memcpy(other, p, before < n ? before : n);
	leave(p, file, line);
	return other;
}

int crypto_memory_ours(void)
{
	return CRYPTO_set_mem_functions(take, move, leave) == 1 ? 0 : -EBUSY;
}
