/* SPDX-License-Identifier: Apache-2.0 */
/* With stand-in crypto: what is our own. */
#include "bench/count.h"
#include "bench/heap.h"
#include "bench/parts.h"
#include "bench/stats.h"
#include "bench/world.h"
#include "scenario/scenario.h"

#include <stdio.h>
#include <stdlib.h>

#define A_SAMPLE 100 /* handshakes */
#define SAMPLES 10
#define SETTLED_US INT64_C(300000000) /* whatever is kept for a while is gone by then */

static void open_cheap(struct world *w)
{
	const struct world_options o = { .standin = true };

	scenario_cheap_rows(true);
	world_open(w, &o);
}

/* ---- growth ----------------------------------------------------------------------------- */

static int64_t cpu_of_both(const struct world *w)
{
	return w->sides[ROLE_INITIATOR].cpu_ns + w->sides[ROLE_RESPONDER].cpu_ns;
}

static void sample(struct world *w, struct stats *us, struct heap_tally *heap)
{
	for (unsigned i = 0; i < SAMPLES; i++) {
		const int64_t cpu = cpu_of_both(w);
		const struct heap_tally before = heap_tally(HEAP_CORE);

		world_connect(w, A_SAMPLE);
		stats_add(us, (double)(cpu_of_both(w) - cpu) / A_SAMPLE / 1e3);
		heap->calls += heap_tally(HEAP_CORE).calls - before.calls;
		heap->octets += heap_tally(HEAP_CORE).octets - before.octets;
	}
}

static void grow_to(struct world *w, unsigned pairs)
{
	if (w->next_pair < pairs)
		world_connect(w, pairs - w->next_pair);
}

int bench_growth(unsigned most)
{
	static const unsigned sizes[] = { 10, 100, 1000, 3000, 10000, 30000, 100000, 300000 };
	struct world w;

	open_cheap(&w);
	world_connect(&w, 1);
	printf("{\"part\": \"growth\", \"at\": [");
	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]) && sizes[i] <= most; i++) {
		struct heap_tally heap = { 0 };
		struct stats us = { 0 };

		grow_to(&w, sizes[i]);
		sample(&w, &us, &heap);
		printf("%s\n  {\"pairs\": %u, ", i > 0 ? "," : "", sizes[i]);
		stats_print(&us, "cpu_us", 1);
		printf(", \"allocations\": %.1f, \"allocated\": %.0f}",
		       (double)heap.calls / (A_SAMPLE * SAMPLES),
		       (double)heap.octets / (A_SAMPLE * SAMPLES));
	}
	printf("]}\n");
	world_close(&w);
	return 0;
}

/* ---- memory ----------------------------------------------------------------------------- */

static double held_after(struct world *w, unsigned pairs, int64_t us)
{
	const int64_t before = heap_held();

	world_connect(w, pairs);
	world_wait(w, us);
	return (double)(heap_held() - before) / pairs / ROLES;
}

int bench_memory(unsigned pairs)
{
	double fresh, settled;
	struct world w;

	open_cheap(&w);
	world_connect(&w, pairs);
	world_wait(&w, SETTLED_US);
	fresh = held_after(&w, pairs, 1000);
	world_wait(&w, SETTLED_US);
	settled = held_after(&w, pairs, SETTLED_US);
	printf("{\"part\": \"memory\", \"pairs\": %u, \"fresh\": %.0f, \"settled\": %.0f}\n", pairs,
	       fresh, settled);
	world_close(&w);
	return 0;
}

/* ---- instructions ----------------------------------------------------------------------- */

int bench_count(unsigned pairs, unsigned n)
{
	struct world w;

	open_cheap(&w);
	grow_to(&w, pairs);
	count_begin();
	world_connect(&w, n);
	count_end();
	printf("{\"part\": \"count\", \"pairs\": %u, \"handshakes\": %u, \"counted\": %s}\n", pairs,
	       n, count_possible() ? "true" : "false");
	world_close(&w);
	return 0;
}
