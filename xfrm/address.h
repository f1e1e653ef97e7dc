/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Local addresses come and go, and a host becomes a router: rtnetlink.
 *
 * A host counts as forwarding as soon as one of its interfaces does, whatever `all` says.
 */
#ifndef IKEMESH_XFRM_ADDRESS_H
#define IKEMESH_XFRM_ADDRESS_H

#include "xfrm/policy.h"

struct addresses;

int addresses_open(struct addresses **out);
void addresses_close(struct addresses *a);
int addresses_fd(const struct addresses *a);

/*
 * Drains the socket; *changed tells whether anything of the locality is otherwise now. Where the
 * kernel had more to tell than could be heard, all is asked for as well. After an error the locality
 * is as it was, and the next call asks again whatever the socket says.
 */
int addresses_read(struct addresses *a, bool *changed);

/*
 * The current list, sorted and each once, without loopback, link-local and multicast ones, nor
 * those that failed IPv6 duplicate address detection. Tentative ones are in it, so that they are
 * covered before they can be used, and deprecated ones, since they still receive. Borrowed until
 * the next addresses_read().
 */
const struct ip *addresses_list(const struct addresses *a, size_t *n);

/*
 * All that policies depend on: that list, the broadcast addresses of the IPv4 networks (none of which
 * is in the list, nor 255.255.255.255), and whether this host forwards. Borrowed likewise.
 */
struct locality addresses_locality(const struct addresses *a);

#endif
