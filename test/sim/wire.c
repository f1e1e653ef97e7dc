/* SPDX-License-Identifier: Apache-2.0 */
#include "sim/wire.h"

#include <stdlib.h>

void wire_init(struct wire *w, size_t n_hosts, const struct wire_manners *manners)
{
	*w = (struct wire){ .manners = *manners, .n_hosts = n_hosts };
	w->part = calloc(n_hosts, sizeof *w->part);
	if (w->part == NULL)
		abort();
}

void wire_free(struct wire *w)
{
	free(w->part);
	free(w->exceptions);
	w->part = NULL;
	w->exceptions = NULL;
}

static struct wire_exception *exception_find(const struct wire *w, unsigned from, unsigned to)
{
	for (size_t i = 0; i < w->n_exceptions; i++)
		if (w->exceptions[i].from == from && w->exceptions[i].to == to)
			return &w->exceptions[i];
	return NULL;
}

void wire_except(struct wire *w, unsigned from, unsigned to, const struct wire_manners *manners)
{
	struct wire_exception *x = exception_find(w, from, to);

	if (x == NULL) {
		x = realloc(w->exceptions, (w->n_exceptions + 1) * sizeof *x);
		if (x == NULL)
			abort();
		w->exceptions = x;
		x += w->n_exceptions++;
	}
	*x = (struct wire_exception){ .from = from, .to = to, .manners = *manners };
}

void wire_part(struct wire *w, unsigned host, unsigned part)
{
	w->part[host] = part;
}

const struct wire_manners *wire_manners_of(const struct wire *w, unsigned from, unsigned to)
{
	const struct wire_exception *x = exception_find(w, from, to);

	return x == NULL ? &w->manners : &x->manners;
}

static bool arrives(const struct wire_manners *m, struct rng *r, size_t n)
{
	for (size_t i = 0; i < (n + WIRE_MTU - 1) / WIRE_MTU; i++)
		if (rng_chance(r, m->loss))
			return false;
	return true;
}

size_t wire_carry(struct wire *w, struct rng *r, unsigned from, unsigned to, size_t n,
		  int64_t after_us[static WIRE_COPIES])
{
	const struct wire_manners *m = wire_manners_of(w, from, to);
	size_t copies = 1, arrived = 0;

	w->packets++;
	w->octets += n;
	if (w->part[from] != w->part[to]) {
		w->lost++;
		return 0;
	}
	if (rng_chance(r, m->duplicate)) {
		copies = 2;
		w->duplicated++;
	}
	for (size_t i = 0; i < copies; i++)
		if (arrives(m, r, n))
			after_us[arrived++] = m->delay_us + rng_between(r, 0, m->jitter_us);
	if (arrived == 0)
		w->lost++;
	return arrived;
}
