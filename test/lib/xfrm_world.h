/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Hosts for tests of the kernel, in network namespaces of their own: `here` (10.0.0.1 on v0) and
 * `there` (10.0.0.2 on v1), joined by a cable. There is no ARP on it: a packet to any address
 * leaves, so that the wire shows what the policies let through.
 */
#ifndef IKEMESH_TEST_XFRM_WORLD_H
#define IKEMESH_TEST_XFRM_WORLD_H

#include "crypto/bytes.h"
#include "ike/ip.h"

struct world {
	int home, here, there; /* namespaces */
	int wire;	       /* sees what passes v0, either way */
};

/* False: not allowed to, or no veth. Aborts where it breaks half way. Ends up here. */
bool world_open(struct world *w);
void world_close(struct world *w); /* ends up at home */
void world_enter(int ns);

/* Lines for `ip -batch`; "ip" left out. True if all went well. */
bool world_ip(const char *lines);
/* Runs a command and returns its output; the caller frees it. */
char *world_output(const char *command);

/* One datagram; 0 or negative errno. */
int world_send(const char *src, const char *dst, uint16_t port);
/* A datagram socket on that port of any address (family 4 or 6). Nothing blocks on it. */
int world_listen(int family, uint16_t port);
/* Does a datagram arrive within so many ms? */
bool world_receives(int socket, int ms);

/* Did a packet of this protocol to dst leave within so many ms? Earlier ones are passed over. */
bool world_sent(int wire, const char *dst, uint8_t protocol, int ms);
void world_forget(int wire);	    /* what passed until now */
int world_wire(const char *device); /* sees what passes another device, here */
bool world_readable(int fd, int ms);

#endif
