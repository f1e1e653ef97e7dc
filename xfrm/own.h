/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a host sends to itself. IPv4 marks such routes: they meet no policy (disable_xfrm and
 * disable_policy of the loopback interface). IPv6 does not: a host whose own address lies in a
 * protected subnet would ask for an SA with itself, and reach its own services no more. So there
 * is a bypass for each own IPv6 address that lies in one, as the destination of what goes and the
 * source of what comes: packets to an own address do not leave. Where the kernel's default policy
 * blocks (strict_default) there is one for every own IPv6 address, and for ::1. Pure.
 *
 * A packet from the wire that claims an own address as its source is let in by this. The kernel
 * throws such away for IPv4, not for IPv6: a filter (rpfilter) does that where it matters.
 */
#ifndef IKEMESH_XFRM_OWN_H
#define IKEMESH_XFRM_OWN_H

#include "xfrm/policy.h"

/* Appends to out, without indices. 0 or -ENOMEM. */
int own_build(const struct spec *spec, const struct ip *locals, size_t n_locals,
	      struct policy_set *out);

#endif
