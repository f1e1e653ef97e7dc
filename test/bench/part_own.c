/* SPDX-License-Identifier: Apache-2.0 */
/* With stand-in crypto: what is our own. */
#include "bench/count.h"
#include "bench/heap.h"
#include "bench/parts.h"
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
	return w->sides[END_INITIATOR].cpu_ns + w->sides[END_RESPONDER].cpu_ns;
}

static void sample(struct world *w, struct cost *c)
{
	const int64_t cpu = cpu_of_both(w);
	const struct heap_tally before = heap_tally(HEAP_CORE);

	world_connect(w, A_SAMPLE);
	stats_add(&c->us, (double)(cpu_of_both(w) - cpu) / A_SAMPLE / 1e3);
	stats_add(&c->allocations, (double)(heap_tally(HEAP_CORE).calls - before.calls) / A_SAMPLE);
	stats_add(&c->allocated, (double)(heap_tally(HEAP_CORE).octets - before.octets) / A_SAMPLE);
}

static void grow_to(struct world *w, unsigned pairs)
{
	if (w->next_pair < pairs)
		world_connect(w, pairs - w->next_pair);
}

/*
 * Beside so many pairs, and beside ten: in turn, so that other load meets both alike. The first
 * handshakes of a world warm it up.
 */
void measure_growth(struct growth *g, unsigned pairs)
{
	struct world large, small;

	*g = (struct growth){ 0 };
	open_cheap(&large);
	grow_to(&large, pairs);
	for (unsigned i = 0; i < SAMPLES; i++) {
		sample(&large, &g->large);
		open_cheap(&small);
		grow_to(&small, 10);
		sample(&small, &g->small);
		world_close(&small);
	}
	world_close(&large);
}

static void print_cost(struct cost *c)
{
	stats_print(&c->us, "cpu_us", 1);
	printf(", \"allocations\": %.1f, \"allocated\": %.0f", stats_at(&c->allocations, 50),
	       stats_at(&c->allocated, 50));
}

int bench_growth(unsigned most)
{
	static const unsigned sizes[] = { 10, 100, 1000, 3000, 10000, 30000, 100000, 300000 };

	printf("{\"part\": \"growth\", \"at\": [");
	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]) && sizes[i] <= most; i++) {
		static struct growth g;

		measure_growth(&g, sizes[i]);
		printf("%s\n  {\"pairs\": %u, ", i > 0 ? "," : "", sizes[i]);
		print_cost(&g.large);
		printf(", \"ratio_to_ten\": %.3f}",
		       stats_at(&g.large.us, 25) / stats_at(&g.small.us, 25));
	}
	printf("]}\n");
	return 0;
}

/* ---- memory ----------------------------------------------------------------------------- */

static double held_after(struct world *w, unsigned pairs, int64_t us)
{
	const int64_t before = heap_held();

	world_connect(w, pairs);
	world_wait(w, us);
	return (double)(heap_held() - before) / pairs / ENDS;
}

void measure_memory(struct memory *m, unsigned pairs)
{
	struct world w;

	open_cheap(&w);
	m->fresh = held_after(&w, pairs, 1000);
	world_close(&w);
	open_cheap(&w);
	m->settled = held_after(&w, pairs, SETTLED_US);
	world_close(&w);
}

int bench_memory(unsigned pairs)
{
	struct memory m;

	measure_memory(&m, pairs);
	printf("{\"part\": \"memory\", \"pairs\": %u, \"fresh\": %.0f, \"settled\": %.0f}\n", pairs,
	       m.fresh, m.settled);
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
