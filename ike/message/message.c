/* SPDX-License-Identifier: Apache-2.0 */
#include "ike/message/message.h"

#define VERSION_2_0 0x20
#define GENERIC_HEADER_LEN 4 /* RFC 7296 3.2 */
#define NEXT_PAYLOAD_AT 16   /* in the IKE header */
#define LENGTH_AT 24

enum header_flag {
	FLAG_INITIATOR = 0x08,
	FLAG_RESPONSE = 0x20,
};

enum payload_flag {
	FLAG_CRITICAL = 0x80,
};

const char *decode_error_name(enum decode_error e)
{
	static const char *const names[] = {
		[DECODE_OK] = "fine",
		[DECODE_SHORT] = "cut short",
		[DECODE_LENGTH] = "length in the header is not the datagram's",
		[DECODE_MAJOR_VERSION] = "major version is not 2",
		[DECODE_CHAIN] = "payload lengths do not fit",
		[DECODE_TOO_MANY] = "too many payloads",
		[DECODE_TOO_LARGE] = "too large",
	};
	const size_t n = sizeof(names) / sizeof(names[0]);

	return (size_t)e < n ? names[e] : "unknown";
}

static void header_read(struct reader *r, struct ike_header *h)
{
	*h = (struct ike_header){ 0 };
	h->spi_i = read_u64(r);
	h->spi_r = read_u64(r);
	h->next_payload = read_u8(r);
	h->version = read_u8(r);
	h->exchange = read_u8(r);
	/* RFC 7296 3.1: the other bits MUST be ignored on receipt. */
	const uint8_t flags = read_u8(r);
	h->initiator = (flags & FLAG_INITIATOR) != 0;
	h->response = (flags & FLAG_RESPONSE) != 0;
	h->message_id = read_u32(r);
	h->length = read_u32(r);
}

enum decode_error ike_header_decode(struct bytes datagram, struct ike_header *h)
{
	struct reader r = reader_of(datagram);

	header_read(&r, h);
	if (datagram.n > IKE_MESSAGE_MAX)
		return DECODE_TOO_LARGE;
	if (r.failed)
		return DECODE_SHORT;
	/* RFC 7296 3.1: the minor version MUST be ignored. */
	if (h->version >> 4 != VERSION_2_0 >> 4)
		return DECODE_MAJOR_VERSION;
	if (h->length > datagram.n)
		return DECODE_SHORT;
	return h->length == datagram.n ? DECODE_OK : DECODE_LENGTH;
}

static void header_write(struct writer *w, const struct ike_header *h)
{
	write_u64(w, h->spi_i);
	write_u64(w, h->spi_r);
	write_u8(w, PAYLOAD_NONE);
	/* RFC 7296 3.1: MUST set the major version to 2 and the minor version to 0. */
	write_u8(w, VERSION_2_0);
	write_u8(w, h->exchange);
	write_u8(w, (uint8_t)((h->initiator ? FLAG_INITIATOR : 0) |
			      (h->response ? FLAG_RESPONSE : 0)));
	write_u32(w, h->message_id);
	write_hole32(w);
}

/* One payload off the reader; returns the type of the next. */
static uint8_t payload_read(struct reader *r, uint8_t type, struct payload *p)
{
	const uint8_t next = read_u8(r);
	const uint8_t flags = read_u8(r);
	const uint16_t length = read_u16(r);

	/* RFC 7296 3.2: the length includes the generic header. */
	if (length < GENERIC_HEADER_LEN)
		r->failed = true;
	p->type = type;
	p->critical = (flags & FLAG_CRITICAL) != 0;
	p->body = read_bytes(r, (size_t)length - GENERIC_HEADER_LEN);
	return next;
}

enum decode_error payloads_decode(uint8_t first, struct bytes body, struct payloads *out,
				  uint8_t *inner_first)
{
	struct reader r = reader_of(body);
	uint8_t type = first, inner = PAYLOAD_NONE;
	size_t n = 0;

	*out = (struct payloads){ 0 };
	while (type != PAYLOAD_NONE && !r.failed && n < IKE_PAYLOADS_MAX) {
		const uint8_t next = payload_read(&r, type, &out->p[n++]);
		/* RFC 7296 3.14, RFC 7383 2.5: MUST be the last payload in the message. */
		const bool sealed = type == PAYLOAD_SK || type == PAYLOAD_SKF;

		inner = sealed ? next : PAYLOAD_NONE;
		type = sealed ? PAYLOAD_NONE : next;
	}
	if (inner_first != NULL)
		*inner_first = inner;
	if (type != PAYLOAD_NONE && !r.failed)
		return DECODE_TOO_MANY;
	if (!reader_done(&r))
		return DECODE_CHAIN;
	out->n = n; /* no views from a chain that is broken */
	return DECODE_OK;
}

const struct payload *payloads_find(const struct payloads *ps, uint8_t type)
{
	for (size_t i = 0; i < ps->n; i++)
		if (ps->p[i].type == type)
			return &ps->p[i];
	return NULL;
}

size_t payloads_count(const struct payloads *ps, uint8_t type)
{
	size_t n = 0;

	for (size_t i = 0; i < ps->n; i++)
		if (ps->p[i].type == type)
			n++;
	return n;
}

void message_begin(struct builder *b, uint8_t *p, size_t room, const struct ike_header *h)
{
	*b = (struct builder){ .w = writer_of(p, room),
			       .next_at = NEXT_PAYLOAD_AT,
			       .has_header = true };
	header_write(&b->w, h);
}

void chain_begin(struct builder *b, uint8_t *p, size_t room)
{
	*b = (struct builder){ .w = writer_of(p, room), .next_at = SIZE_MAX };
}

void payload_begin(struct builder *b, uint8_t type)
{
	if (b->next_at != SIZE_MAX)
		patch_u8(&b->w, b->next_at, type);
	if (b->first == PAYLOAD_NONE)
		b->first = type;
	b->next_at = b->w.n;
	write_u8(&b->w, PAYLOAD_NONE);
	write_u8(&b->w, 0); /* RFC 7296 3.2: not critical, for all types defined there */
	b->length_at = write_hole16(&b->w);
}

void payload_end(struct builder *b)
{
	const size_t length = b->w.n - b->next_at;

	if (length > UINT16_MAX)
		b->w.failed = true;
	patch_u16(&b->w, b->length_at, (uint16_t)length);
}

struct bytes message_end(struct builder *b)
{
	if (b->w.n > UINT32_MAX)
		b->w.failed = true;
	patch_u32(&b->w, LENGTH_AT, (uint32_t)b->w.n);
	return writer_view(&b->w);
}

struct bytes chain_end(struct builder *b)
{
	return writer_view(&b->w);
}
