/* SPDX-License-Identifier: Apache-2.0 */
#include "ike/natd.h"

#include <string.h>

int natd_hash(uint64_t spi_i, uint64_t spi_r, const struct endpoint *e, uint8_t out[static 20])
{
	uint8_t buffer[8 + 8 + 16 + 2];
	struct writer w = writer_of(buffer, sizeof(buffer));

	write_u64(&w, spi_i);
	write_u64(&w, spi_r);
	write_bytes(&w, BYTES(e->ip.b, ip_len(&e->ip)));
	write_u16(&w, e->port);
	const struct bytes all = writer_view(&w);
	return sha1(&all, 1, out);
}

static bool notify_is(const struct payload *p, uint16_t type, struct notify_view *n)
{
	return p->type == PAYLOAD_NOTIFY && notify_decode(p->body, n) && n->type == type;
}

/* RFC 7296 2.23: several SOURCE_IP notifies may be there; one that matches is enough. */
static void hold_against(const struct payloads *ps, uint16_t type, const uint8_t hash[static 20],
			 bool *present, bool *differs)
{
	bool match = false;

	*present = false;
	for (size_t i = 0; i < ps->n; i++) {
		struct notify_view n;
		if (!notify_is(&ps->p[i], type, &n))
			continue;
		*present = true;
		match = match || bytes_equal(n.data, BYTES(hash, 20));
	}
	*differs = *present && !match;
}

void natd_examine(const struct payloads *ps, uint64_t spi_i, uint64_t spi_r,
		  const struct endpoint *local, const struct endpoint *remote,
		  struct natd_finding *out)
{
	uint8_t ours[20], theirs[20];
	bool source, destination;

	*out = (struct natd_finding){ 0 };
	if (natd_hash(spi_i, spi_r, local, ours) != 0 || natd_hash(spi_i, spi_r, remote, theirs))
		return;
	hold_against(ps, NOTIFY_NAT_DETECTION_SOURCE_IP, theirs, &source, &out->remote);
	hold_against(ps, NOTIFY_NAT_DETECTION_DESTINATION_IP, ours, &destination, &out->local);
	out->present = source && destination;
	if (!out->present)
		out->local = out->remote = false;
}

void natd_encode(struct builder *b, uint64_t spi_i, uint64_t spi_r, const struct endpoint *local,
		 const struct endpoint *remote, bool pretend)
{
	uint8_t source[20], destination[20];

	if (natd_hash(spi_i, spi_r, local, source) != 0 ||
	    natd_hash(spi_i, spi_r, remote, destination) != 0)
		return;
	if (pretend)
		source[0] ^= 0xff;
	notify_encode(b, PROTO_NONE, BYTES_NONE, NOTIFY_NAT_DETECTION_SOURCE_IP,
		      BYTES(source, sizeof(source)));
	notify_encode(b, PROTO_NONE, BYTES_NONE, NOTIFY_NAT_DETECTION_DESTINATION_IP,
		      BYTES(destination, sizeof(destination)));
}
