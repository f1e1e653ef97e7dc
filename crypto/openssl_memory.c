/* SPDX-License-Identifier: Apache-2.0 */
#include "crypto/memory.h"

#include <errno.h>
#include <openssl/crypto.h>
#include <stdlib.h>

static void *take(size_t n, const char *file, int line)
{
	(void)file;
	(void)line;
	return malloc(n);
}

static void *move(void *p, size_t n, const char *file, int line)
{
	(void)file;
	(void)line;
	return realloc(p, n);
}

static void leave(void *p, const char *file, int line)
{
	(void)file;
	(void)line;
	free(p);
}

int crypto_memory_ours(void)
{
	return CRYPTO_set_mem_functions(take, move, leave) == 1 ? 0 : -EBUSY;
}
