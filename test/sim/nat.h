/* SPDX-License-Identifier: Apache-2.0 */
/*
 * An address translator as Linux's masquerade is one: a mapping for each inner endpoint and outer
 * endpoint, the port kept where it is free, answers let in from that outer endpoint alone, and
 * forgotten when nothing has passed for a while.
 */
#ifndef IKEMESH_TEST_SIM_NAT_H
#define IKEMESH_TEST_SIM_NAT_H

#include "ike/event.h"
#include "sim/rng.h"

struct nat_mapping {
	struct endpoint inner, outer;
	uint16_t port; /* ours, for this one */
	struct mono used_at;
};

struct nat {
	struct ip ip;
	int64_t idle_us; /* a mapping unused for so long is forgotten */
	struct nat_mapping *mappings;
	size_t n, room;
	bool shuffled; /* new mappings get any port: set by nat_forget() */
	uint64_t made, refused;
};

/* From within: the port that `inner` has for `outer`; a mapping is made if there is none. */
uint16_t nat_out(struct nat *n, struct rng *r, struct mono now, const struct endpoint *inner,
		 const struct endpoint *outer);
/* From without to our port: the inner endpoint, or NULL. */
const struct endpoint *nat_in(struct nat *n, struct mono now, uint16_t port,
			      const struct endpoint *outer);
/* It was rebooted: no mapping is left, and new ones have other ports. */
void nat_forget(struct nat *n);
void nat_free(struct nat *n);

#endif
