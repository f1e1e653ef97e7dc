/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Beside the policies and SAs of another IKE daemon of this host: what they carry is not to be
 * lost, and nothing is to be in the clear when they go. Pure.
 *
 * The kernel has one policy for a selector, and the other daemon's are for the same addresses as
 * ours. So ours have a mark that makes their selectors others: the user of a
 * selector, which the kernel compares and never matches packets against. As long as both are there,
 * what comes in must be ESP and may be on any SA of this host (no reqid); these policies come
 * before the other's. What goes out takes the other's policies and SAs as long as ours come behind
 * (STANCE_BESIDE), and ours once they come first again (STANCE_AHEAD).
 *
 * Built-in bypasses and backstops are as ever.
 */
#ifndef IKEMESH_XFRM_BESIDE_H
#define IKEMESH_XFRM_BESIDE_H

#include "xfrm/kernel.h"

#define BESIDE_USER 0x494b4dffu	  /* "IKM" */
#define BESIDE_BEHIND 0x00100000u /* added to a priority: behind those of other key daemons */

enum stance {
	STANCE_ALONE,
	STANCE_BESIDE,
	STANCE_AHEAD,
};

/* Makes of a set what it is to be beside another daemon. */
void beside_arrange(struct policy_set *set, enum stance stance);

/* Is it one of ours of STANCE_AHEAD, for what goes out by SAs? So a daemon that was there stood. */
bool beside_is_ahead(const struct policy_held *held);

/*
 * Is a policy of others one that says what these say, which were arranged: it has a template for
 * something that they protect, or lets pass what they let pass? It can go where these come first.
 * A tunnel stays, as its SAs do: without it what it carries would be in the clear.
 */
bool beside_is_needless(const struct policy_held *held, const struct policy_set *wanted);

#endif
