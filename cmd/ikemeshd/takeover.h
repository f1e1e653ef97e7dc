/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Key takeover: strongSwan ran here, its process was killed, and what it had in the kernel still
 * carries the traffic. It goes over to SAs of ours without a packet lost or in the clear.
 *
 * BESIDE what it left, packets go on by its policies and SAs, and peers' IKE messages come to us.
 * With each of its peers, as the kernel's SAs name them, we negotiate SAs of our own, without
 * INITIAL_CONTACT, so that the old ones stay. When all have come up, or those that have not have
 * been silent for PATIENCE since they were asked, our policies come first (AHEAD): packets go by
 * our SAs, and what peers still send on the old ones is taken. Once they send no more on those, its
 * SAs and those of its policies that ours stand for are removed, and we are ALONE.
 *
 * A daemon that is started anew meanwhile goes on from what the kernel has: AHEAD if its policies
 * stood so and its SAs were handed over, otherwise BESIDE.
 *
 * A peer that does not come up and talks on the old SAs keeps us BESIDE, until those expire: the
 * log, statusall and `ikectl wait` tell.
 */
#ifndef IKEMESH_CMD_TAKEOVER_H
#define IKEMESH_CMD_TAKEOVER_H

#include "cmd/ikemeshd/takeover_peers.h"
#include "xfrm/beside.h"
#include <jansson.h>
#include <stdbool.h>

struct takeover {
	enum stance stance;  /* as the policies have it */
	struct mono since;   /* it is so */
	struct mono look_at; /* MONO_NEVER: alone */
	struct takeover_peers peers;
	struct mono quiet_since; /* AHEAD: what was heard on the SAs that were left is the same */
};

struct daemon;

/* With the policies: puts them where they are to be. 0, or the error of policies_sync(). */
int takeover_begin(struct daemon *d);
void takeover_tick(struct daemon *d, struct mono now);
struct mono takeover_deadline(const struct takeover *t);
void takeover_free(struct takeover *t);
/* The other way: what we leave carries the traffic until another IKE daemon has its own, which
 * `ikectl disable` sees to (cmd/ikectl/handback.h). */
void takeover_release(struct daemon *d);
/* For statusall, `ikectl wait` and others: null where we are alone. */
json_t *takeover_json(const struct takeover *t);

#endif
