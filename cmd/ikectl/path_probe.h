/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How large a packet gets to a peer: ICMP echo requests with DF set, which go inside the SA as any
 * packet does, halving the range of sizes. What routers say of too large ones is listened to by a
 * socket that passes the policies, so that it is seen even if the kernel refuses it.
 */
#ifndef IKEMESH_CTL_PATH_PROBE_H
#define IKEMESH_CTL_PATH_PROBE_H

#include "ike/ip.h"
#include "xfrm/overhead.h"

struct path_probe {
	struct ip peer;		  /* family 0: no path was probed */
	struct overhead overhead; /* of its SA; zero where there is none */
	int error;		  /* negative errno: it could not be probed */
	bool answered;		  /* small pings are */
	/* Octets of an IP packet before ESP: */
	size_t most;	  /* that the interface takes */
	size_t largest;	  /* that was answered */
	size_t believed;  /* that the kernel takes the way for, afterwards */
	struct ip router; /* that said "too large"; family 0: none */
	unsigned router_mtu;
};

/* peer and overhead are set; mtu: the interface's. told is called before each packet; may be NULL.
 */
void path_probe(struct path_probe *p, unsigned mtu, void (*told)(size_t size));

/*
 * n small echo requests, one after the other; each is waited for patience_ms, or (0) a second.
 * *answered: how many were. 0 or negative errno: what kept one from leaving.
 */
int path_echo(const struct ip *peer, unsigned n, int patience_ms, unsigned *answered);

/* ---- pure parts ------------------------------------------------------------------------------ */

/* A search for the largest size that passes, knowing one that does and one that does not. */
struct bisect {
	size_t passes, fails;
};
size_t bisect_next(const struct bisect *b); /* 0: found */
void bisect_learn(struct bisect *b, size_t size, bool passed);

/*
 * Is this ICMP (IPv4: with the IP header) or ICMPv6 message a complaint that a packet to peer was
 * too large? *mtu is what the next link takes.
 */
bool too_big(struct bytes message, const struct ip *peer, unsigned *mtu);

#endif
