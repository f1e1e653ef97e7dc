/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The peers of another IKE daemon whose SAs are taken over (takeover.h): who talks on those, who is
 * up with us, whom to ask next, and whether somebody is missing whom it would be wrong to leave.
 * Pure.
 *
 * Each is asked in its turn, however many of those before it do not answer: a fleet has hosts that
 * are gone and whose old SAs are still there.
 */
#ifndef IKEMESH_CMD_TAKEOVER_PEERS_H
#define IKEMESH_CMD_TAKEOVER_PEERS_H

#include "ike/event.h"

#define HASH_NONFATAL_OOM 1
#include <uthash.h>

/* A peer is asked again after so long. */
#define TAKEOVER_ASK_EVERY_US INT64_C(3000000)
/* Who sends nothing and does not answer for so long, from being asked, has gone, or asks himself.
 */
#define TAKEOVER_PATIENCE_US INT64_C(10000000)

struct takeover_peer {
	UT_hash_handle hh; /* by key */
	struct {
		struct ip local, remote;
	} key;
	uint64_t at_first, now;		   /* packets that came on the SAs that were left */
	bool fresh;			   /* found in this look */
	bool held;			   /* such an SA is there */
	bool up;			   /* we have a CHILD_SA with it */
	struct mono asked_first, asked_at; /* MONO_NEVER: not yet */
};

struct takeover_peers {
	struct takeover_peer *all;
	struct takeover_peer *asked_last;
	size_t n_missing; /* in the last look */
	uint64_t heard;	  /* packets on all of the SAs that were left, in the last look */
};

/* A look begins: what was held and up is to be told again. */
void takeover_peers_look(struct takeover_peers *t);
/* An inbound SA that was left. 0 or -ENOMEM. */
int takeover_peers_held(struct takeover_peers *t, const struct ip *local, const struct ip *remote,
			uint64_t packets);
void takeover_peers_up(struct takeover_peers *t, const struct ip *local, const struct ip *remote);

static inline bool takeover_peer_is_missing(const struct takeover_peer *p)
{
	return p->held && !p->up;
}

/* The next one to be asked now, and noted as asked. NULL: nobody is due. Borrowed. */
const struct takeover_peer *takeover_peers_ask(struct takeover_peers *t, struct mono now);

/* Behind a look: is anybody missing who talks, or had no time to answer? */
bool takeover_peers_missed(struct takeover_peers *t, struct mono now);

size_t takeover_peers_count(const struct takeover_peers *t);
void takeover_peers_free(struct takeover_peers *t);

#endif
