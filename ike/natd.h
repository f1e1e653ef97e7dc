/* SPDX-License-Identifier: Apache-2.0 */
/* NAT detection, RFC 7296 2.23. */
#ifndef IKEMESH_IKE_NATD_H
#define IKEMESH_IKE_NATD_H

#include "ike/message/payload.h"

/* SHA-1(SPIi | SPIr | address | port), 20 octets. 0 or -EIO. */
int natd_hash(uint64_t spi_i, uint64_t spi_r, const struct endpoint *e, uint8_t out[static 20]);

struct natd_finding {
	bool present; /* the peer speaks NAT traversal */
	bool local;   /* we are behind a NAT */
	bool remote;  /* the peer is */
};
/* Holds the peer's notifies against what the datagram's addresses say. */
void natd_examine(const struct payloads *ps, uint64_t spi_i, uint64_t spi_r,
		  const struct endpoint *local, const struct endpoint *remote,
		  struct natd_finding *out);

/*
 * Both notifies. pretend: the source hash is made wrong on purpose, so that the peer too sees a NAT
 * and encapsulates (encapsulation: always).
 */
void natd_encode(struct builder *b, uint64_t spi_i, uint64_t spi_r, const struct endpoint *local,
		 const struct endpoint *remote, bool pretend);

#endif
