/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Questions to the routes, by sockets that are opened once: a process that may open none later on
 * can still ask. No packet leaves, and no policy is asked.
 */
#ifndef IKEMESH_XFRM_ROUTE_H
#define IKEMESH_XFRM_ROUTE_H

#include "ike/ip.h"

struct routes {
	int fd4, fd6; /* -1: not there */
};

/*
 * bypass: see kernel_socket_bypass(); NULL: none (tests, where there are no policies). 0 or
 * negative errno. A kernel without IPv6 gets IPv4 alone.
 */
int routes_open(struct routes *r, int (*bypass)(int fd, int family));
void routes_close(struct routes *r); /* what was never opened must be -1 */

/* The local address that the routes choose for remote. 0, or negative errno: -ENETUNREACH ... */
int routes_local_for(const struct routes *r, const struct ip *remote, struct ip *local);

/*
 * MTU of the way from local (of no family: any) to remote as the routes have it: the interface's,
 * or what a router's ICMP error said. ESP is not taken off. Negative errno: no route ...
 */
int routes_path_mtu(const struct routes *r, const struct ip *local, const struct ip *remote);

#endif
