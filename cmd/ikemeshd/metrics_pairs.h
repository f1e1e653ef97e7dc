/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The pairs and SAs of the core as numbers: one walk over it, and one dump of the kernel's SAs. No
 * text and no JSON is made of a pair that nobody will be told of, so a thousand pairs cost little.
 */
#ifndef IKEMESH_CMD_METRICS_PAIRS_H
#define IKEMESH_CMD_METRICS_PAIRS_H

#include "ike/engine.h"
#include "ike/spec.h"
#include "xfrm/kernel.h"

/* The states that `ikectl status` shows, but for never: what never was has no pair. */
enum metrics_state {
	METRICS_UP,
	METRICS_CONNECTING,
	METRICS_WAITING,
	METRICS_BACKING_OFF,
	METRICS_DOWN,
	METRICS_CLEAR,	  /* no SA, and none is needed */
	METRICS_BYPASSED, /* left over of a former configuration */
	METRICS_STATES,
};
const char *metrics_state_name(enum metrics_state s); /* "backing-off" */

/* ESP: into this host and out of it. */
struct metrics_traffic {
	uint64_t bytes_in, bytes_out, packets_in, packets_out;
};
void metrics_traffic_add(struct metrics_traffic *t, const struct sa_counters *c, bool inbound);

struct metrics_pair {
	struct ip local, remote;
	enum metrics_state state;
	struct mono since;
	unsigned failures;		/* in a row */
	enum reason reason;		/* of the last attempt that tells one */
	bool trouble;			/* wanted, not up, and the last attempts were in vain */
	struct metrics_traffic traffic; /* of the SAs that it has now */
};

#define METRICS_IKE_STATES (IKE_DELETING + 1)
#define METRICS_CHILD_STATES (CHILD_DELETING + 1)

struct metrics_pairs {
	struct metrics_pair *p; /* by addresses */
	size_t n, room;
	size_t states[METRICS_STATES], n_trouble;
	size_t ike[METRICS_IKE_STATES], child[METRICS_CHILD_STATES];
	struct metrics_traffic traffic; /* of all together */
};

/* kernel NULL: no traffic. 0 or -ENOMEM; to be freed in both cases. */
int metrics_pairs_collect(const struct engine *engine, const struct spec *spec,
			  struct kernel *kernel, struct metrics_pairs *out);
void metrics_pairs_free(struct metrics_pairs *m);

#endif
