/* SPDX-License-Identifier: Apache-2.0 */
#include "xfrm/overhead.h"

#define ESP_HEADER 8 /* SPI and sequence number */
#define ESP_ALIGN 4  /* RFC 4303 2.4: the ICV begins at a multiple of 4 octets */
#define TRAILER 2    /* pad length and next header */
#define UDP_HEADER 8

static size_t ip_header(uint8_t family)
{
	return family == 4 ? 20 : 40;
}

/* Octets in front of the encrypted part and behind it. */
static size_t around(const struct overhead *o)
{
	return o->min - TRAILER;
}

struct overhead overhead_of(const struct encr_alg *encr, const struct integ_alg *integ, bool udp)
{
	struct overhead o = { .block = encr->block > ESP_ALIGN ? encr->block : ESP_ALIGN };

	o.min = ESP_HEADER + encr->iv_len + TRAILER + encr->icv_len +
		(integ != NULL ? integ->icv_len : 0) + (udp ? UDP_HEADER : 0);
	o.max = o.min + o.block - 1;
	return o;
}

size_t overhead_packet(const struct overhead *o, uint8_t family, size_t packet)
{
	const size_t header = ip_header(family);
	const size_t plain = packet - header + TRAILER;

	return header + around(o) + (plain + o->block - 1) / o->block * o->block;
}

size_t overhead_largest(const struct overhead *o, uint8_t family, size_t mtu)
{
	const size_t header = ip_header(family);

	if (mtu < header + around(o) + o->block)
		return 0;
	return header + (mtu - header - around(o)) / o->block * o->block - TRAILER;
}
