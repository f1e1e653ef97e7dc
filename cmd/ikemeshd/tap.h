/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Sees the ESP that comes to this host, plain and in UDP, whether or not there is an SA for it: raw
 * sockets with a bypass of their own, which get a copy of each packet and take nothing from
 * anybody. They listen for a while only, since each copy costs, and are parked otherwise: a filter
 * in the kernel keeps those SPIs away of which the reader says that they are known, so that a busy
 * SA costs no more than its first packet.
 */
#ifndef IKEMESH_CMD_TAP_H
#define IKEMESH_CMD_TAP_H

#include "ike/ip.h"

#include <linux/filter.h>

enum tap_kind {
	TAP_ESP4,
	TAP_ESP6,
	TAP_UDP4, /* RFC 3948 */
	TAP_UDP6,
	TAP_KINDS,
};

struct tapped {
	struct ip local, remote;
	uint16_t port; /* in UDP: the peer's; 0: plain ESP */
	uint32_t spi, seq;
	size_t octets; /* of the IP packet; over IPv6 without extension headers */
};

struct tap;

struct tap_options {
	uint16_t port_natt;		   /* 4500; 0: ESP in UDP is not looked for */
	int (*bypass)(int fd, int family); /* NULL: none (tests) */
	int epoll;			   /* where the sockets are watched; stays the caller's */
};

/* Parked, at first. 0 or negative errno. A kernel without IPv6 gets IPv4 alone. */
int tap_open(const struct tap_options *options, struct tap **out);
void tap_close(struct tap *t); /* NULL is fine */

/* What comes from now on is heard. 0 or negative errno: it is parked. */
int tap_listen(struct tap *t);
/* Nothing more is heard, and what was is forgotten. */
void tap_park(struct tap *t);

/*
 * At most TAP_TURN_MAX packets of each socket. seen() returns true if the SPI is known: it is not
 * shown again until tap_forget(). Returns how many were read.
 */
#define TAP_TURN_MAX 32
size_t tap_turn(struct tap *t, bool (*seen)(void *arg, const struct tapped *p), void *arg);
void tap_forget(struct tap *t);
/* Not watched for a while: readable sockets wake nobody. */
void tap_watch(struct tap *t, bool on);

/*
 * The filter for a kind of socket: lets ESP through but for n known SPIs (the first TAP_KNOWN_MAX
 * of them). Returns its length, of at most TAP_FILTER_MAX.
 */
#define TAP_KNOWN_MAX 256
#define TAP_FILTER_MAX (TAP_KNOWN_MAX * 2 + 16)
size_t tap_filter(enum tap_kind kind, uint16_t port_natt, const uint32_t *known, size_t n,
		  struct sock_filter out[static TAP_FILTER_MAX]);

/*
 * What a socket of that kind gave. IPv4 packets come with their header; of IPv6 the addresses are
 * in *out already. total: octets that there were, of which n are at p. false: no ESP.
 */
bool tap_decode(enum tap_kind kind, const uint8_t *p, size_t n, size_t total, struct tapped *out);

#endif
