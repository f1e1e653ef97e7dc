/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Every allocation of the process, the library's too, counted by who asked for it. Octets are as
 * the allocator gives them, its header with them.
 */
#ifndef IKEMESH_TEST_BENCH_HEAP_H
#define IKEMESH_TEST_BENCH_HEAP_H

#include <stddef.h>
#include <stdint.h>

enum heap_user {
	HEAP_BENCH, /* all that is not measured */
	HEAP_CORE,  /* within engine_step() */
	HEAP_JOB,   /* heavy crypto */
	HEAP_USERS,
};

struct heap_tally {
	uint64_t calls;	 /* malloc, calloc, realloc */
	uint64_t octets; /* given out */
};

/* Of this thread, from now on. Returns who it was before. */
enum heap_user heap_use(enum heap_user user);
/* Of this thread, since its beginning. */
struct heap_tally heap_tally(enum heap_user user);
/* What is held by the whole process at this moment. */
int64_t heap_held(void);

#endif
