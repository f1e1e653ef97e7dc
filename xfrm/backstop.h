/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What stands behind the policies of policy.h, for local addresses that nobody has told us of yet:
 * before the network is up there are none, and later on the kernel has a new one some milliseconds
 * before its event is read. Pure.
 *
 * For each entry of the configuration there is what a local address would get, for any local
 * address (of local_addresses, if there are any), and with a priority behind everybody's policies:
 * of an enforced subnet nothing goes in or out, of an optional or a no-IPsec one everything. Being
 * last they decide only where nobody, of us or others, has said anything; what they block fails at
 * once (EPERM) and does not wait.
 *
 * The kernel asks the out policies about forwarded packets too, and those have foreign source
 * addresses: containers' before they are masqueraded, and whatever a router carries. None of it is
 * ours to block. So out and fwd stand only as long as there is nothing to forward: on a host that
 * does not forward, and on one that does until it has its first address of that family. What is
 * left is, on hosts that forward, the moment in which a further address is new. The in direction
 * is asked about packets for this host alone, and always stands.
 *
 * The built-in bypasses of bypass.h are for any local address to begin with, so that addresses can
 * be got by DHCP, and neighbours and routers be found.
 */
#ifndef IKEMESH_XFRM_BACKSTOP_H
#define IKEMESH_XFRM_BACKSTOP_H

#include "xfrm/policy.h"

/*
 * The whole set: policy_build(), what passes as broadcast, and what stands behind it. 0, -ENOMEM or
 * -ENOSPC as there; the set is empty then.
 */
int backstop_build(const struct spec *spec, const struct locality *here, struct policy_set *out);

#endif
