/* SPDX-License-Identifier: Apache-2.0 */
#include "bench/heap.h"

#include "ike/store.h"

#include <malloc.h>
#include <stdatomic.h>
#include <stdlib.h>

#define CHUNK_HEADER sizeof(size_t)

void *__libc_malloc(size_t n);
void *__libc_calloc(size_t n, size_t size);
void *__libc_realloc(void *p, size_t n);
void *__libc_memalign(size_t alignment, size_t n);
void __libc_free(void *p);

static _Thread_local enum heap_user now;
static _Thread_local struct heap_tally tallies[HEAP_USERS];
static atomic_int_fast64_t held;

enum heap_user heap_use(enum heap_user user)
{
	const enum heap_user before = now;

	now = user;
	return before;
}

struct heap_tally heap_tally(enum heap_user user)
{
	return tallies[user];
}

int64_t heap_held(void)
{
	return atomic_load(&held);
}

/* Of a store's block, known by where it stands, the rest of its mapping is never touched. */
static int64_t size_of(void *p)
{
	if (p == NULL)
		return 0;
	if ((uintptr_t)p % STORE_BLOCK == 0)
		return STORE_BLOCK;
	return (int64_t)(malloc_usable_size(p) + CHUNK_HEADER);
}

static void *taken(void *p, int64_t before)
{
	const int64_t size = size_of(p);

	tallies[now].calls++;
	tallies[now].octets += (uint64_t)size;
	atomic_fetch_add_explicit(&held, size - before, memory_order_relaxed);
	return p;
}

/* ---- in the place of the C library's ------------------------------------------------------ */

void *malloc(size_t n)
{
	return taken(__libc_malloc(n), 0);
}

void *aligned_alloc(size_t alignment, size_t n)
{
	return taken(__libc_memalign(alignment, n), 0);
}

void *calloc(size_t n, size_t size)
{
	return taken(__libc_calloc(n, size), 0);
}

void *realloc(void *p, size_t n)
{
	const int64_t before = size_of(p);
	void *other = __libc_realloc(p, n);

	return other == NULL && n > 0 ? NULL : taken(other, before);
}

void free(void *p)
{
	atomic_fetch_sub_explicit(&held, size_of(p), memory_order_relaxed);
	__libc_free(p);
}
