/* SPDX-License-Identifier: Apache-2.0 */
/* With real crypto: CPU a handshake against the floor of the same moments, and two cores. */
#include "bench/floor.h"
#include "bench/parts.h"
#include "bench/stats.h"
#include "bench/world.h"

#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#define A_ROUND 8 /* handshakes: some 40 ms, so that both see the machine in the same mood */

/* ---- against the floor ------------------------------------------------------------------ */

struct ratio {
	struct stats floor, floor_part[FLOOR_PARTS];
	struct stats cpu[ROLES], over[ROLES];
};

static void round_of(struct world *w, struct ratio *r)
{
	int64_t parts[FLOOR_PARTS] = { 0 }, floor = 0, before[ROLES];

	for (unsigned i = 0; i < ROLES; i++)
		before[i] = w->sides[i].cpu_ns;
	/* Before and after: what changes meanwhile counts half each. */
	floor_run(A_ROUND / 2, parts);
	world_connect(w, A_ROUND);
	floor_run(A_ROUND / 2, parts);
	for (unsigned i = 0; i < FLOOR_PARTS; i++) {
		stats_add(&r->floor_part[i], (double)parts[i] / A_ROUND);
		floor += parts[i];
	}
	stats_add(&r->floor, (double)floor / A_ROUND);
	for (unsigned i = 0; i < ROLES; i++) {
		const int64_t ns = w->sides[i].cpu_ns - before[i];

		stats_add(&r->cpu[i], (double)ns / A_ROUND);
		stats_add(&r->over[i], (double)ns / (double)floor);
	}
}

static void measure_ratio(struct ratio *r, unsigned rounds, bool cold)
{
	const struct world_options o = { .threads = 0 };
	struct world w;

	*r = (struct ratio){ 0 };
	world_open(&w, &o);
	floor_open();
	world_connect(&w, A_ROUND);
	for (unsigned i = 0; i < rounds; i++) {
		if (cold)
			world_forget_certificates();
		round_of(&w, r);
	}
	floor_close();
	world_close(&w);
}

static void print_ratio(struct ratio *r)
{
	for (unsigned i = 0; i < FLOOR_PARTS; i++) {
		stats_print(&r->floor_part[i], floor_names[i], 1e-6);
		printf(",\n  ");
	}
	stats_print(&r->floor, "floor_ms", 1e-6);
	printf(",\n  ");
	stats_print(&r->cpu[ROLE_INITIATOR], "initiator_ms", 1e-6);
	printf(",\n  ");
	stats_print(&r->cpu[ROLE_RESPONDER], "responder_ms", 1e-6);
	printf(",\n  ");
	stats_print(&r->over[ROLE_INITIATOR], "initiator_ratio", 1);
	printf(",\n  ");
	stats_print(&r->over[ROLE_RESPONDER], "responder_ratio", 1);
}

int bench_ratio(unsigned rounds)
{
	static struct ratio r;

	measure_ratio(&r, rounds, false);
	printf("{\"part\": \"ratio\",\n  ");
	print_ratio(&r);
	printf("}\n");
	return 0;
}

/* ---- one core, two cores ---------------------------------------------------------------- */

#define CORES_ROUND 192

struct pace {
	struct stats wall, cpu,
		engine; /* seconds a handshake: by the clock, in all threads, in the core's */
};

static double seconds(clockid_t clock)
{
	struct timespec t;

	clock_gettime(clock, &t);
	return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

static void pace_of(struct world *w, struct pace *p)
{
	const double wall = seconds(CLOCK_MONOTONIC), cpu = seconds(CLOCK_PROCESS_CPUTIME_ID),
		     engine = seconds(CLOCK_THREAD_CPUTIME_ID);

	world_connect(w, CORES_ROUND);
	stats_add(&p->wall, (seconds(CLOCK_MONOTONIC) - wall) / CORES_ROUND);
	stats_add(&p->cpu, (seconds(CLOCK_PROCESS_CPUTIME_ID) - cpu) / CORES_ROUND);
	stats_add(&p->engine, (seconds(CLOCK_THREAD_CPUTIME_ID) - engine) / CORES_ROUND);
}

/* Threads that are there already stay where they are. */
static void stay_on(unsigned cores)
{
	cpu_set_t all, some;
	unsigned n = 0;

	CPU_ZERO(&some);
	if (sched_getaffinity(0, sizeof(all), &all) != 0)
		return;
	for (int i = 0; i < CPU_SETSIZE && n < cores; i++) {
		if (!CPU_ISSET(i, &all))
			continue;
		CPU_SET(i, &some);
		n++;
	}
	sched_setaffinity(0, sizeof(some), &some);
}

static void open_pace(struct world *w, unsigned threads)
{
	const struct world_options o = { .threads = threads, .together = WORLD_UNDER_WAY };

	world_open(w, &o);
	world_connect(w, CORES_ROUND);
}

static void print_pace(struct pace *p, const char *name)
{
	printf("\"%s\": {\"handshakes_a_second\": %.1f, \"cpu_ms\": %.3f, \"core_ms\": %.3f}", name,
	       1 / stats_at(&p->wall, 50), stats_at(&p->cpu, 50) * 1e3,
	       stats_at(&p->engine, 50) * 1e3);
}

/*
 * How much faster two cores can be, by CPU time alone, so that other load does not matter: the work
 * is shared but for the core's own, which is one thread's.
 */
static double speedup(struct pace *one, struct pace *two)
{
	const double half = stats_at(&two->cpu, 50) / 2, core = stats_at(&two->engine, 50);

	return stats_at(&one->cpu, 50) / (half > core ? half : core);
}

int bench_cores(unsigned rounds)
{
	static struct pace one, two;
	struct world alone, shared;
	cpu_set_t all;

	if (sched_getaffinity(0, sizeof(all), &all) != 0)
		return 1;
	stay_on(2);
	open_pace(&shared, 2);
	open_pace(&alone, 0);
	for (unsigned i = 0; i < rounds; i++) {
		sched_setaffinity(0, sizeof(all), &all);
		stay_on(1);
		pace_of(&alone, &one);
		sched_setaffinity(0, sizeof(all), &all);
		stay_on(2);
		pace_of(&shared, &two);
	}
	world_close(&alone);
	world_close(&shared);
	printf("{\"part\": \"cores\",\n  ");
	print_pace(&one, "one");
	printf(",\n  ");
	print_pace(&two, "two");
	printf(",\n  \"speedup\": %.3f, \"speedup_by_cpu\": %.3f}\n",
	       stats_at(&one.wall, 50) / stats_at(&two.wall, 50), speedup(&one, &two));
	return 0;
}
