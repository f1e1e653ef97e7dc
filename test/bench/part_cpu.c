/* SPDX-License-Identifier: Apache-2.0 */
/* With real crypto: CPU a handshake against the floor of the same moments, and two cores. */
#include "bench/parts.h"

#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#define A_ROUND 8 /* handshakes: some 40 ms, so that both see the machine in the same mood */

/* ---- against the floor ------------------------------------------------------------------ */

static void round_of(struct world *w, struct ratio *r)
{
	int64_t parts[FLOOR_PARTS] = { 0 }, floor = 0, before[ENDS];

	for (unsigned i = 0; i < ENDS; i++)
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
	for (unsigned i = 0; i < ENDS; i++) {
		const int64_t ns = w->sides[i].cpu_ns - before[i];

		stats_add(&r->cpu[i], (double)ns / A_ROUND);
		stats_add(&r->over[i], (double)ns / (double)floor);
	}
}

void measure_ratio(struct ratio *r, unsigned rounds, bool cold)
{
	const struct world_options o = { .cold = cold };
	struct world w;

	*r = (struct ratio){ 0 };
	world_open(&w, &o);
	floor_open();
	world_connect(&w, A_ROUND);
	for (unsigned i = 0; i < rounds; i++)
		round_of(&w, r);
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
	stats_print(&r->cpu[END_INITIATOR], "initiator_ms", 1e-6);
	printf(",\n  ");
	stats_print(&r->cpu[END_RESPONDER], "responder_ms", 1e-6);
	printf(",\n  ");
	stats_print(&r->over[END_INITIATOR], "initiator_ratio", 1);
	printf(",\n  ");
	stats_print(&r->over[END_RESPONDER], "responder_ratio", 1);
}

int bench_ratio(unsigned rounds, bool cold)
{
	static struct ratio r;

	measure_ratio(&r, rounds, cold);
	printf("{\"part\": \"%s\",\n  ", cold ? "ratio_cold" : "ratio");
	print_ratio(&r);
	printf("}\n");
	return 0;
}

/* ---- one core, two cores ---------------------------------------------------------------- */

#define CORES_ROUND 192

static double seconds(clockid_t clock)
{
	struct timespec t;

	clock_gettime(clock, &t);
	return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

/* Seconds by the clock a handshake. */
static double pace_of(struct world *w, struct pace *p)
{
	const double wall = seconds(CLOCK_MONOTONIC), cpu = seconds(CLOCK_PROCESS_CPUTIME_ID),
		     engine = seconds(CLOCK_THREAD_CPUTIME_ID);

	world_connect(w, CORES_ROUND);
	const double took = (seconds(CLOCK_MONOTONIC) - wall) / CORES_ROUND;
	stats_add(&p->wall, took);
	stats_add(&p->cpu, (seconds(CLOCK_PROCESS_CPUTIME_ID) - cpu) / CORES_ROUND);
	stats_add(&p->engine, (seconds(CLOCK_THREAD_CPUTIME_ID) - engine) / CORES_ROUND);
	return took;
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

double speedup_by_cpu(struct pace *one, struct pace *two)
{
	const double alone = stats_at(&one->cpu, 50), both = stats_at(&two->cpu, 50),
		     core = stats_at(&two->engine, 50);
	/* Sharing cannot save any work: what looks so is other load. */
	const double work = alone < both ? alone : both;

	return work / (both / 2 > core ? both / 2 : core);
}

int measure_cores(struct pace *one, struct pace *two, struct stats *speedup, unsigned rounds)
{
	struct world alone, shared;
	cpu_set_t all;

	*one = *two = (struct pace){ 0 };
	*speedup = (struct stats){ 0 };
	if (sched_getaffinity(0, sizeof(all), &all) != 0)
		return 1;
	stay_on(2);
	open_pace(&shared, 2);
	open_pace(&alone, 0);
	for (unsigned i = 0; i < rounds; i++) {
		sched_setaffinity(0, sizeof(all), &all);
		stay_on(1);
		const double by_one = pace_of(&alone, one);
		sched_setaffinity(0, sizeof(all), &all);
		stay_on(2);
		/* Of neighbours in time: the machine's moods last longer than two of them. */
		stats_add(speedup, by_one / pace_of(&shared, two));
	}
	sched_setaffinity(0, sizeof(all), &all);
	world_close(&alone);
	world_close(&shared);
	return 0;
}

int bench_cores(unsigned rounds)
{
	static struct pace one, two;
	static struct stats speedup;

	if (measure_cores(&one, &two, &speedup, rounds) != 0)
		return 1;
	printf("{\"part\": \"cores\",\n  ");
	print_pace(&one, "one");
	printf(",\n  ");
	print_pace(&two, "two");
	printf(",\n  ");
	stats_print(&speedup, "speedup", 1);
	printf(",\n  \"speedup_by_cpu\": %.3f}\n", speedup_by_cpu(&one, &two));
	return 0;
}

/* ---- the floor alone, for the guest -----------------------------------------------------------
 */

int bench_floor(void)
{
	unsigned n;

	floor_open();
	while (scanf("%u", &n) == 1) {
		printf("%.3f\n", (double)floor_of_all(n) / (n > 0 ? n : 1) / 1e6);
		fflush(stdout);
	}
	floor_close();
	return 0;
}
