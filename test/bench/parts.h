/* SPDX-License-Identifier: Apache-2.0 */
/* What the bench measures. bench_…() print one JSON object each, and return an exit status. */
#ifndef IKEMESH_TEST_BENCH_PARTS_H
#define IKEMESH_TEST_BENCH_PARTS_H

#include "bench/floor.h"
#include "bench/stats.h"
#include "bench/world.h"

/* CPU a handshake, nanoseconds, and its ratio to the floor. */
struct ratio {
	struct stats floor, floor_part[FLOOR_PARTS];
	struct stats cpu[ENDS], over[ENDS];
};
/* cold: no certificate was seen before. */
void measure_ratio(struct ratio *r, unsigned rounds, bool cold);
int bench_ratio(unsigned rounds, bool cold);

/* Answers each number on the standard input with the CPU of one end, ms a handshake. */
int bench_floor(void);

/* Seconds a handshake, both ends: by the clock, in all threads, in the thread of the cores. */
struct pace {
	struct stats wall, cpu, engine;
};
/* speedup: how much faster two cores were by the clock, each round. Nonzero where there are none to
 * choose. */
int measure_cores(struct pace *one, struct pace *two, struct stats *speedup, unsigned rounds);
/*
 * How much faster two cores can be, by CPU time alone, so that other load does not matter: the work
 * is shared but for the cores' own, which is one thread's.
 */
double speedup_by_cpu(struct pace *one, struct pace *two);
int bench_cores(unsigned rounds);

/* So many system calls that do nothing; so many switches between two processes, two calls each. */
int bench_calls(unsigned n);
int bench_switches(unsigned n);

/* Stand-in crypto; both ends together. */
struct cost {
	struct stats us, allocations, allocated; /* CPU, calls and octets a handshake */
};
struct growth {
	struct cost small, large;
};
void measure_growth(struct growth *g, unsigned pairs);
int bench_growth(unsigned most);

/* Octets a pair and end: right after the handshake, and when all that goes is gone. */
struct memory {
	double fresh, settled;
};
void measure_memory(struct memory *m, unsigned pairs);
int bench_memory(unsigned pairs);

int bench_count(unsigned pairs, unsigned n);
int bench_check(void);

#endif
