/* SPDX-License-Identifier: Apache-2.0 */
#include "sim/nat.h"

#include <stdlib.h>

#define PORT_FIRST 1024

static bool expired(const struct nat *n, const struct nat_mapping *m, struct mono now)
{
	return now.us - m->used_at.us > n->idle_us;
}

static void sweep(struct nat *n, struct mono now)
{
	for (size_t i = 0; i < n->n;) {
		if (expired(n, &n->mappings[i], now))
			n->mappings[i] = n->mappings[--n->n];
		else
			i++;
	}
}

static bool taken(const struct nat *n, uint16_t port, const struct endpoint *outer)
{
	for (size_t i = 0; i < n->n; i++)
		if (n->mappings[i].port == port && endpoint_equal(&n->mappings[i].outer, outer))
			return true;
	return false;
}

static uint16_t choose(const struct nat *n, struct rng *r, uint16_t wish,
		       const struct endpoint *outer)
{
	uint16_t port = wish;

	while ((n->shuffled && port == wish) || taken(n, port, outer))
		port = (uint16_t)(PORT_FIRST + rng_below(r, 65536 - PORT_FIRST));
	return port;
}

uint16_t nat_out(struct nat *n, struct rng *r, struct mono now, const struct endpoint *inner,
		 const struct endpoint *outer)
{
	struct nat_mapping *m;

	sweep(n, now);
	for (size_t i = 0; i < n->n; i++) {
		m = &n->mappings[i];
		if (!endpoint_equal(&m->inner, inner) || !endpoint_equal(&m->outer, outer))
			continue;
		m->used_at = now;
		return m->port;
	}
	if (n->n == n->room) {
		n->room = n->room == 0 ? 16 : n->room * 2;
		n->mappings = realloc(n->mappings, n->room * sizeof *n->mappings);
		if (n->mappings == NULL)
			abort();
	}
	m = &n->mappings[n->n];
	*m = (struct nat_mapping){
		.inner = *inner,
		.outer = *outer,
		.port = choose(n, r, inner->port, outer),
		.used_at = now,
	};
	n->n++;
	n->made++;
	return m->port;
}

const struct endpoint *nat_in(struct nat *n, struct mono now, uint16_t port,
			      const struct endpoint *outer)
{
	for (size_t i = 0; i < n->n; i++) {
		struct nat_mapping *m = &n->mappings[i];

		if (m->port != port || !endpoint_equal(&m->outer, outer) || expired(n, m, now))
			continue;
		m->used_at = now;
		return &m->inner;
	}
	n->refused++;
	return NULL;
}

void nat_forget(struct nat *n)
{
	n->n = 0;
	n->shuffled = true;
}

void nat_free(struct nat *n)
{
	free(n->mappings);
	n->mappings = NULL;
	n->n = n->room = 0;
}
