/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Re-authenticates all peers, a few at a time: what `ikectl rotate` asks for. Which peers are
 * connected, and since when they have proved their identity, is handed in; whom to ask comes out. A
 * pure function of these and of time.
 */
#ifndef IKEMESH_CMD_ROTATION_H
#define IKEMESH_CMD_ROTATION_H

#include "cmd/ikemeshd/peers.h"

#define ROTATION_AT_ONCE 16	/* asked and not done yet */
#define ROTATION_A_TICK 8	/* asked in one tick */
#define ROTATION_TICK_US 250000 /* from one tick to the next while it runs */
#define ROTATION_PATIENCE_US INT64_C(20000000)
#define ROTATION_TRIES 3

enum rotation_state {
	ROTATION_WAITS,
	ROTATION_ASKED,
	ROTATION_DONE,
	ROTATION_GONE,	 /* the peer is not connected any more: its next IKE SA is a new one */
	ROTATION_FAILED, /* asked ROTATION_TRIES times; the old IKE SA goes on */
};

struct rotation_target {
	struct ip local, remote;
	enum rotation_state state;
	struct mono asked_at;
	unsigned tries;
};

struct rotation {
	struct rotation_target *targets;
	size_t n;
	size_t count[ROTATION_FAILED + 1]; /* by state */
	uint32_t credential;
	struct mono started, ended; /* ended: MONO_NEVER while it runs */
};

/*
 * Of all who are connected; credential is the generation of ours that they shall see, or a later
 * one. One that runs begins anew. 0 or -ENOMEM, with *r as it was.
 */
int rotation_begin(struct rotation *r, const struct peers *connected, uint32_t credential,
		   struct mono now);
void rotation_free(struct rotation *r);

static inline bool rotation_runs(const struct rotation *r)
{
	return r->n > r->count[ROTATION_DONE] + r->count[ROTATION_GONE] + r->count[ROTATION_FAILED];
}

/* Asks for some. connected is sorted here. */
void rotation_tick(struct rotation *r, struct peers *connected, struct mono now,
		   void (*ask)(void *arg, const struct ip *local, const struct ip *remote),
		   void *arg);

#endif
