/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The end of ours beside another IKE daemon (strongSwan) that was started after `ikectl release`,
 * without a packet lost where we can decide: it is asked for SAs with each peer that ours are with,
 * and ours carry the traffic meanwhile. An acquire for its trap's reqid
 * asks it, made by a socket with a policy of its own. Ours stand between its traps and the policies
 * that it makes for a peer: packets go over to its SA with that. What peers still send on ours is
 * taken until they send no more.
 *
 * Such a daemon is waited for where ours were released. Without one, or where it has no policy for
 * what ours protect, nothing is done.
 */
#ifndef IKEMESH_CTL_HANDBACK_H
#define IKEMESH_CTL_HANDBACK_H

#include "xfrm/kernel.h"

struct handback_peer {
	struct ip local, remote;
	uint32_t reqid, trap; /* of the trap: its template's, and its priority */
	bool in, out;	      /* an SA of the other daemon's is there */
};

struct handback {
	struct kernel *kernel;	      /* borrowed */
	struct policy_held *policies; /* all of the host's */
	size_t n_policies, policies_room;
	struct handback_peer *peers;
	size_t n_peers, peers_room;
	size_t n_missing; /* in the last look */
	uint64_t heard;	  /* packets on SAs of ours */
	/* Every few seconds while peers are missing; NULL: nobody looks on. */
	void (*progress)(const struct handback *h);
};

/*
 * Returns when all is done but the removal of ours, after a minute at most.
 * 0 or negative errno: then ours are as they were, but for out policies that others replace.
 */
int handback_run(struct handback *h);
void handback_free(struct handback *h);

/* ---- pure parts ------------------------------------------------------------------------------ */

/* Did an ikemeshd leave them so that another daemon can have its own beside (`ikectl release`)? */
bool handback_is_released(const struct handback *h);
/* The policy of another daemon that an SA of ours from src to dst stands for; NULL: none. */
const struct policy_held *handback_trap(const struct handback *h, const struct ip *src,
					const struct ip *dst);
/* An SA of ours; those that come in, and that no trap is for, are nobody. 0 or -ENOMEM. */
int handback_ours(struct handback *h, const struct sa_held *sa);
/*
 * Where an out policy of ours is to stand: just before the first trap that any peer of its has. 0:
 * where it is.
 */
uint32_t handback_priority(const struct handback *h, const struct policy *ours);
/* An SA of the other daemon's. */
void handback_theirs(struct handback *h, const struct sa_held *sa);
/* n_missing is how many have not both. */
void handback_count(struct handback *h);

#endif
