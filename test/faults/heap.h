/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The heap of a whole test program, libraries and all, under the test's hand: one chosen allocation
 * fails, and each block is looked at as it is freed.
 *
 * Only what this thread does while it is armed counts, so that the test's own memory never fails:
 *
 *	heap_fail(n);	     ... the n-th allocation from now on fails, once
 *	heap_arm(true);
 *	r = product_call();
 *	heap_arm(false);
 *	heap_failed()	     ... was there an n-th?
 */
#ifndef IKEMESH_TEST_FAULTS_HEAP_H
#define IKEMESH_TEST_FAULTS_HEAP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* The n-th allocation (from 1) that is made while armed fails; 0: none does. Counts anew. */
void heap_fail(uint64_t n);
/* Returns what it was before. */
bool heap_arm(bool on);
uint64_t heap_counted(void); /* since heap_fail() */
bool heap_failed(void);
/* Who asked for the one that failed: return addresses, deepest first. Their number. */
size_t heap_who(void *const **frames);

/*
 * The one that failed was asked for by the C library itself. If it then gave what was wanted of it
 * all the same, nothing was lost: vasprintf(3) does without its last, smaller block.
 */
bool heap_libc_asked(void);

/* As backtrace(3), which loads a library at its first use. */
size_t heap_callers(void **frames, size_t max);

/* Called with each block before it is freed or moved, on whatever thread; NULL: nobody. */
void heap_on_free(void (*look)(const void *p, size_t n));

#endif
