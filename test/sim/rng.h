/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Seeded pseudo-randomness for tests (splitmix64): the same seed gives the same run on every
 * machine. Never a source of keys.
 */
#ifndef IKEMESH_TEST_SIM_RNG_H
#define IKEMESH_TEST_SIM_RNG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct rng {
	uint64_t state;
};

static inline uint64_t rng_mix(uint64_t x)
{
	x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9u;
	x = (x ^ (x >> 27)) * 0x94d049bb133111ebu;
	return x ^ (x >> 31);
}

static inline uint64_t rng_next(struct rng *r)
{
	r->state += 0x9e3779b97f4a7c15u;
	return rng_mix(r->state);
}

/* Uniform in 0..n-1; 0 if n is 0. */
static inline uint64_t rng_below(struct rng *r, uint64_t n)
{
	return n == 0 ? 0 : rng_next(r) % n;
}

static inline int64_t rng_between(struct rng *r, int64_t low, int64_t high)
{
	return high <= low ? low : low + (int64_t)rng_below(r, (uint64_t)(high - low + 1));
}

static inline bool rng_chance(struct rng *r, double probability)
{
	return (double)(rng_next(r) >> 11) * (1.0 / 9007199254740992.0) < probability;
}

static inline void rng_fill(struct rng *r, uint8_t *out, size_t n)
{
	for (size_t i = 0; i < n; i++)
		out[i] = (uint8_t)rng_next(r);
}

#endif
