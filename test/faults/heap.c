/* SPDX-License-Identifier: Apache-2.0 */
#include "faults/heap.h"

#include <dlfcn.h>
#include <errno.h>
#include <gnu/libc-version.h>
#include <malloc.h>
#include <stdlib.h>
#include <string.h>
#include <unwind.h>

#define FRAMES 24

/* Beneath stands AddressSanitizer's allocator where there is one, and else the C library's. */
#ifdef HEAP_UNDER_ASAN
#define BENEATH(name) __interceptor_##name
#else
#define BENEATH(name) __libc_##name
#endif
void *BENEATH(malloc)(size_t n);
void *BENEATH(calloc)(size_t n, size_t size);
void *BENEATH(realloc)(void *p, size_t n);
void BENEATH(free)(void *p);

static _Thread_local bool armed;
static uint64_t counted, fails_at;
static bool failed;
static void *who[FRAMES];
static int n_who;
static void (*volatile looks)(const void *p, size_t n);

struct frames {
	void **to;
	size_t n, max;
};

static _Unwind_Reason_Code note_frame(struct _Unwind_Context *context, void *arg)
{
	struct frames *f = arg;

	if (f->n == f->max)
		return _URC_END_OF_STACK;
	f->to[f->n++] = (void *)_Unwind_GetIP(context);
	return _URC_NO_REASON;
}

size_t heap_callers(void **frames, size_t max)
{
	struct frames f = { .to = frames, .max = max };

	_Unwind_Backtrace(note_frame, &f);
	return f.n;
}

void heap_fail(uint64_t n)
{
	counted = 0;
	fails_at = n;
	failed = false;
	n_who = 0;
}

bool heap_arm(bool on)
{
	const bool before = armed;

	armed = on;
	return before;
}

uint64_t heap_counted(void)
{
	return counted;
}

bool heap_failed(void)
{
	return failed;
}

size_t heap_who(void *const **frames)
{
	*frames = who;
	return (size_t)n_who;
}

bool heap_libc_asked(void)
{
	Dl_info of_libc, of_caller;

	/* Frames: heap_callers(), fails(), malloc() or its like, who called that. */
	return n_who > 3 && dladdr((void *)(uintptr_t)gnu_get_libc_version, &of_libc) != 0 &&
	       dladdr(who[3], &of_caller) != 0 && of_caller.dli_fbase == of_libc.dli_fbase;
}

void heap_on_free(void (*look)(const void *p, size_t n))
{
	looks = look;
}

static bool fails(void)
{
	if (!armed || ++counted != fails_at)
		return false;
	failed = true;
	armed = false;
	n_who = (int)heap_callers(who, FRAMES);
	armed = true;
	errno = ENOMEM;
	return true;
}

static void look_at(void *p)
{
	if (looks != NULL && p != NULL)
		looks(p, malloc_usable_size(p));
}

/* ---- in the place of the C library's ------------------------------------------------------ */

void *malloc(size_t n)
{
	return fails() ? NULL : BENEATH(malloc)(n);
}

void *calloc(size_t n, size_t size)
{
	return fails() ? NULL : BENEATH(calloc)(n, size);
}

/* Whether a block moves is the allocator's affair: each is taken for one that does. */
void *realloc(void *p, size_t n)
{
	const bool grows = p == NULL || n > malloc_usable_size(p);

	/* What gets smaller can stay where it is, and is never refused. */
	if (grows && fails())
		return NULL;
	look_at(p);
	return BENEATH(realloc)(p, n);
}

void *reallocarray(void *p, size_t n, size_t size)
{
	size_t total;

	if (__builtin_mul_overflow(n, size, &total)) {
		errno = ENOMEM;
		return NULL;
	}
	return realloc(p, total);
}

void free(void *p)
{
	look_at(p);
	BENEATH(free)(p);
}
