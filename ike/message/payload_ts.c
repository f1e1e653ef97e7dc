/* SPDX-License-Identifier: Apache-2.0 */
/* The Traffic Selector payloads, RFC 7296 3.13. */
#include "ike/message/payload.h"

enum {
	TS_IPV4_ADDR_RANGE = 7,
	TS_IPV6_ADDR_RANGE = 8,
};

#define SELECTOR_HEADER_LEN 4 /* type, protocol, length */

static uint8_t family_of(uint8_t ts_type)
{
	if (ts_type == TS_IPV4_ADDR_RANGE)
		return 4;
	return ts_type == TS_IPV6_ADDR_RANGE ? 6 : 0;
}

static struct ip read_ip(struct reader *r, uint8_t family)
{
	const struct bytes b = read_bytes(r, family == 4 ? 4 : 16);

	return b.p != NULL ? ip_from(family, b.p) : (struct ip){ 0 };
}

/* 3.13.1: a range runs upwards; only OPAQUE, "neither all nor some", runs from 65535 to 0. */
static bool range_is_sane(const struct ts *t)
{
	const bool opaque = t->start_port == UINT16_MAX && t->end_port == 0;

	return (t->start_port <= t->end_port || opaque) && ip_compare(&t->start, &t->end) <= 0;
}

/* 3.13.1. family is 0 if the selector is of a type to be skipped. */
static bool read_selector(struct reader *r, struct ts *out)
{
	const uint8_t type = read_u8(r);
	const uint8_t protocol = read_u8(r);
	const uint16_t length = read_u16(r);

	if (length < SELECTOR_HEADER_LEN)
		r->failed = true;
	struct reader box = read_box(r, (size_t)length - SELECTOR_HEADER_LEN);
	*out = (struct ts){ .family = family_of(type), .protocol = protocol };
	if (out->family == 0)
		return !r->failed;
	out->start_port = read_u16(&box);
	out->end_port = read_u16(&box);
	out->start = read_ip(&box, out->family);
	out->end = read_ip(&box, out->family);
	return reader_done(&box) && range_is_sane(out);
}

bool ts_decode(struct bytes body, struct ts_list *out)
{
	struct reader r = reader_of(body);
	const uint8_t count = read_u8(&r);
	struct ts t;

	out->n = 0;
	out->too_many = false;
	read_bytes(&r, 3);
	for (unsigned i = 0; i < count; i++) {
		if (!read_selector(&r, &t))
			return false;
		if (t.family == 0)
			continue; /* RFC 7296 2.9: an unknown type is ignored */
		if (out->n == TS_MAX) {
			out->too_many = true;
			return false;
		}
		out->t[out->n++] = t;
	}
	/* 3.13: one or more. */
	return reader_done(&r) && count > 0;
}

static void write_selector(struct writer *w, const struct ts *t)
{
	const size_t start = w->n;

	write_u8(w, t->family == 4 ? TS_IPV4_ADDR_RANGE : TS_IPV6_ADDR_RANGE);
	write_u8(w, t->protocol);
	const size_t length_at = write_hole16(w);
	write_u16(w, t->start_port);
	write_u16(w, t->end_port);
	write_bytes(w, BYTES(t->start.b, ip_len(&t->start)));
	write_bytes(w, BYTES(t->end.b, ip_len(&t->end)));
	patch_u16(w, length_at, (uint16_t)(w->n - start));
}

void ts_encode(struct builder *b, uint8_t payload_type, const struct ts *t, size_t n)
{
	payload_begin(b, payload_type);
	if (n > UINT8_MAX)
		b->w.failed = true;
	write_u8(&b->w, (uint8_t)n);
	write_u8(&b->w, 0);
	write_u16(&b->w, 0);
	for (size_t i = 0; i < n; i++)
		write_selector(&b->w, &t[i]);
	payload_end(b);
}
