/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The peers that are connected now: for each pair with an established IKE SA the newest of these.
 * What it points to is the core's, and is good until the next event.
 */
#ifndef IKEMESH_CMD_PEERS_H
#define IKEMESH_CMD_PEERS_H

#include "ike/engine.h"

struct peer {
	struct ip local, remote;
	struct status_ike ike;
};

struct peers {
	struct peer *p;
	size_t n, room;
	void **shown; /* what they point to, where it is their own */
	size_t n_shown;
};

/* engine NULL: there are none yet. 0 or -ENOMEM. */
int peers_collect(const struct engine *engine, struct peers *out);
void peers_free(struct peers *ps);

/*
 * What they showed is copied, so that it is good as long as they are; what else an IKE SA's status
 * points to is not there any more. They are grouped. 0 or -ENOMEM.
 */
int peers_own(struct peers *ps);

/*
 * Those that showed the same certificate stand beside each other, and of these those that are
 * alike: they named the same CAs, too.
 */
void peers_group(struct peers *ps);
static inline bool peers_alike(const struct peer *a, const struct peer *b)
{
	return a->ike.peer_cert == b->ike.peer_cert;
}

#endif
