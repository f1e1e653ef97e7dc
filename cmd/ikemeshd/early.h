/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ESP that is here before its SA. Whoever answers IKE_AUTH has its SAs before we have the answer
 * (RFC 7296 2.8), and strongSwan sends on them at once: at a re-authentication under traffic that
 * would cost a packet or two, since the kernel drops what it has no SA for. From when the request
 * leaves, a raw socket (one for each family, parked while nobody is waited for) keeps a copy of
 * what the peer sends under the SPI that we chose; once the inbound SA is in, the kernel is handed
 * it again. What comes of it is the kernel's to judge, as of any packet: nothing is delivered
 * before the peer is authenticated and the SA is there.
 */
#ifndef IKEMESH_CMD_EARLY_H
#define IKEMESH_CMD_EARLY_H

#include "ike/event.h"

#define EARLY_MAX 64			/* SPIs at once; beyond, nothing is kept */
#define EARLY_WAIT_US INT64_C(10000000) /* an answer that takes longer is none */
#define EARLY_OCTETS (256 << 10)	/* kept of one SPI */
#define EARLY_PACKETS 256		/* kept of one SPI */

struct early;

/* bypass: see kernel_socket_bypass(); NULL: none (tests). NULL on no memory; where raw sockets
 * cannot be had (CAP_NET_RAW) nothing is kept. */
struct early *early_new(int (*bypass)(int fd, int family));
void early_free(struct early *e); /* NULL is fine */

/* Plain ESP from remote to local with this SPI (host order) is kept from now on. */
void early_expect(struct early *e, const struct ip *local, const struct ip *remote, uint32_t spi,
		  struct mono now);

/* That SA is in the kernel. Returns how many packets it was handed. */
size_t early_deliver(struct early *e, const struct ip *local, const struct ip *remote,
		     uint32_t spi);

/* Lets go what was waited for too long. Costs nothing where nothing is waited for.
 * NULL is fine. */
void early_prune(struct early *e, struct mono now);

size_t early_count(const struct early *e); /* SPIs waited for */

#endif
