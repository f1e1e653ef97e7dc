/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The IKE ports: wildcard sockets on 500 and 4500, IPv4 and IPv6.
 *
 * Each datagram comes with the local address that it was sent to, and an answer leaves from the
 * address that it names. On port 4500 the non-ESP marker (RFC 3948 2.2) is cut and added here, and
 * NAT keepalives (2.3) end here. Big datagrams may be fragmented by IP: a certificate must get
 * through even to peers that know no RFC 7383. ICMP errors are handed on as hints.
 */
#ifndef IKEMESH_CMD_UDP_H
#define IKEMESH_CMD_UDP_H

#include "ike/ip.h"

#define UDP_DATAGRAM_MAX 16384 /* octets of an IKE message; what is longer is dropped */
#define UDP_TURN_MAX 64	       /* datagrams a socket in one turn */

#define UDP_SOCKETS 4 /* IPv4 and IPv6, each IKE and IKE with NAT traversal, in this order */

struct udp;

struct udp_options {
	uint16_t port;	    /* 500 */
	uint16_t port_natt; /* 4500 */
	/* What the kernel must do for the sockets to pass the policies; NULL: nothing (tests). */
	int (*bypass)(int fd, int family);
	int (*udp_encap)(int fd);
	/* UDP_SOCKETS that a predecessor opened and made ready; -1: none, NULL: none at all. Those
	 * that are taken are set to -1 here and closed by udp_close(). */
	int *adopted;
};

struct udp_counters {
	uint64_t received, sent;
	uint64_t too_long; /* dropped: longer than UDP_DATAGRAM_MAX */
	uint64_t stray;	   /* dropped: neither IKE nor keepalive, or not for one address */
	uint64_t keepalives;
	uint64_t send_errors;
	uint64_t icmp_errors;
};

struct udp_handler {
	/* datagram is borrowed and may be written to until the handler returns */
	void (*packet)(void *arg, const struct endpoint *local, const struct endpoint *remote,
		       uint8_t *datagram, size_t n);
	/* error is a negative errno; local.ip may be none where the kernel did not say */
	void (*unreachable)(void *arg, const struct endpoint *local, const struct endpoint *remote,
			    int error);
	void *arg;
};

#define UDP_ERROR_LEN 200

/*
 * 0, or negative errno with the reason in words. A kernel without IPv6 gets IPv4 alone. options is
 * copied.
 */
int udp_open(const struct udp_options *options, struct udp **out, char error[static UDP_ERROR_LEN]);
void udp_close(struct udp *u);

/* Readable when a turn of that socket is due; -1: it is not there. For a successor, too; borrowed.
 */
void udp_sockets(const struct udp *u, int out[static UDP_SOCKETS]);

/* At most UDP_TURN_MAX datagrams of that socket, or ICMP errors, without blocking. */
void udp_turn(struct udp *u, size_t socket, const struct udp_handler *handler);

/* 0 or negative errno. local.port says which socket, and so whether the marker is added. */
int udp_send(struct udp *u, const struct endpoint *local, const struct endpoint *remote,
	     struct bytes datagram);

/* A NAT keepalive (RFC 3948 2.3): the one octet that has no marker. */
int udp_keepalive(struct udp *u, const struct endpoint *local, const struct endpoint *remote);

const struct udp_counters *udp_counters(const struct udp *u);

#endif
