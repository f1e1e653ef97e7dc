/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The peers that traffic still goes in the clear with, where IPsec is optional: those that were
 * heard (clear.h), unless an SA came up since, and those that this host wanted an SA with in vain
 * and so sends to in the clear.
 */
#ifndef IKEMESH_CMD_CLEAR_VIEW_H
#define IKEMESH_CMD_CLEAR_VIEW_H

#include "cmd/ikemeshd/clear.h"
#include "ike/engine.h"

#define CLEAR_WINDOW_US INT64_C(3600000000) /* who was silent longer does not talk any more */
/* What is on its way, and what the peer sends until its own SA is in, was seen after ours came. */
#define CLEAR_GRACE_US INT64_C(10000000)

struct clear_talker {
	struct ip remote;
	const struct subnet_spec *entry; /* of ipsec_subnets: what makes it optional; borrowed */
	struct mono in;			 /* last heard; MONO_NEVER: was not */
	struct mono out; /* last attempt that failed; MONO_NEVER: none did, or an SA stands */
};

/*
 * Sorted by address, the caller's to free. What an SA put an end to is forgotten by clear. 0 or
 * -ENOMEM. clear NULL: nobody was heard. sees_decrypted (clear.h): as long as there is an SA with a
 * peer, whatever was heard of it may have come through that.
 */
int clear_view(struct clear *clear, const struct engine *engine, const struct spec *spec,
	       bool sees_decrypted, struct mono now, struct clear_talker **out, size_t *n);

#endif
