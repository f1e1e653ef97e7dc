/* SPDX-License-Identifier: Apache-2.0 */
/* Who has to leave, and how: peers that are told, and those that cannot be told any more. */
#ifndef IKEMESH_IKE_LEAVE_H
#define IKEMESH_IKE_LEAVE_H

#include "ike/core.h"

/* All SAs of the pair go, with a DELETE to the peer (RFC 7296 1.4.1). */
void leave_pair(struct engine *e, struct pair *p);

/* After another configuration: pairs that it does not protect any more. */
void leave_unprotected(struct engine *e);

/*
 * Pairs whose local address is none of these (sorted by ip_compare()) any more. Nothing can be sent
 * from there: their SAs go in silence, so that none of them is used if the address comes back.
 */
void leave_addresses(struct engine *e, const struct ip *locals, size_t n);

/* All SAs of the pair go at once, and a new negotiation begins. */
void leave_and_return(struct engine *e, struct pair *p);

#endif
