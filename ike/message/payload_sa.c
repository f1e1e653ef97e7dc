/* SPDX-License-Identifier: Apache-2.0 */
/* The Security Association payload, RFC 7296 3.3: proposals, transforms, attributes. */
#include "ike/message/payload.h"

#define SUBSTRUCTURE_HEADER_LEN 4 /* last, reserved, length */

enum {
	LAST = 0,
	MORE_PROPOSALS = 2,
	MORE_TRANSFORMS = 3,
};

enum {
	ATTRIBUTE_FIXED = 0x8000, /* 3.3.5: AF, the value is two octets and stands here */
	ATTRIBUTE_KEY_LENGTH = 14,
};

/*
 * 3.3.1, 3.3.2: a substructure as a box. The first octet says whether another follows, which must
 * agree with the octets that are there.
 */
static struct reader read_substructure(struct reader *r, uint8_t more)
{
	const uint8_t last = read_u8(r);
	read_u8(r);
	const uint16_t length = read_u16(r);

	if (length < SUBSTRUCTURE_HEADER_LEN)
		r->failed = true;
	struct reader box = read_box(r, (size_t)length - SUBSTRUCTURE_HEADER_LEN);
	if (last != (r->left > 0 ? more : LAST))
		r->failed = true;
	return box;
}

/*
 * 3.3.5. An attribute that means nothing to us spoils the transform (3.3.6), and so does a Key
 * Length that comes twice, as TLV, or as 0 (which would look as if there were none).
 */
static void read_attribute(struct reader *r, struct transform_view *out)
{
	const uint16_t type = read_u16(r);
	const uint16_t value = read_u16(r);

	if ((type & ATTRIBUTE_FIXED) == 0)
		read_bytes(r, value); /* value was the length */
	if (type != (ATTRIBUTE_FIXED | ATTRIBUTE_KEY_LENGTH) || value == 0 || out->t.key_bits != 0)
		out->unknown_attribute = true;
	else
		out->t.key_bits = value;
}

/* 3.3.2 */
static bool read_transform(struct reader *r, struct transform_view *out)
{
	struct reader box = read_substructure(r, MORE_TRANSFORMS);

	*out = (struct transform_view){ 0 };
	out->t.type = read_u8(&box);
	read_u8(&box);
	out->t.id = read_u16(&box);
	while (!box.failed && box.left > 0)
		read_attribute(&box, out);
	return reader_done(&box) && !r->failed;
}

/* 3.3: MUST check that the lengths are consistent with the counts. */
static bool transforms_are_sane(struct bytes transforms, uint8_t count)
{
	struct reader r = reader_of(transforms);
	struct transform_view t;
	size_t n = 0;

	while (r.left > 0 && n <= SA_TRANSFORMS_MAX) { /* one more than count, which is below */
		if (!read_transform(&r, &t))
			return false;
		n++;
	}
	/* 3.3.1: one or more. */
	return n == count && n > 0;
}

static bool read_proposal(struct reader *r, struct proposal_view *out)
{
	struct reader box = read_substructure(r, MORE_PROPOSALS);

	out->number = read_u8(&box);
	out->protocol = read_u8(&box);
	const uint8_t spi_size = read_u8(&box);
	out->n_transforms = read_u8(&box);
	out->spi = read_bytes(&box, spi_size);
	out->transforms = read_rest(&box);
	return reader_done(&box) && !r->failed && out->n_transforms <= SA_TRANSFORMS_MAX &&
	       transforms_are_sane(out->transforms, out->n_transforms);
}

bool sa_decode(struct bytes body, struct sa_view *out)
{
	struct reader r = reader_of(body);

	out->n = 0;
	out->too_many = SA_NOT_TOO_MANY;
	while (r.left > 0) {
		if (out->n == SA_PROPOSALS_MAX) {
			out->too_many = SA_TOO_MANY_PROPOSALS;
			return false;
		}
		if (!read_proposal(&r, &out->p[out->n])) {
			if (out->p[out->n].n_transforms > SA_TRANSFORMS_MAX)
				out->too_many = SA_TOO_MANY_TRANSFORMS;
			return false;
		}
		/* 3.3.1: each MUST be one more than the one before; an answer starts anywhere. */
		if (out->n > 0 && out->p[out->n].number != out->p[out->n - 1].number + 1)
			return false;
		out->n++;
	}
	return reader_done(&r) && out->n > 0;
}

bool transform_next(const struct proposal_view *p, size_t *pos, struct transform_view *out)
{
	struct reader r;

	if (*pos >= p->transforms.n)
		return false;
	r = reader_of(BYTES(p->transforms.p + *pos, p->transforms.n - *pos));
	if (!read_transform(&r, out))
		return false;
	*pos = p->transforms.n - r.left;
	return true;
}

static void write_transform(struct writer *w, const struct transform *t, bool last)
{
	const size_t start = w->n;

	write_u8(w, last ? LAST : MORE_TRANSFORMS);
	write_u8(w, 0);
	const size_t length_at = write_hole16(w);
	write_u8(w, t->type);
	write_u8(w, 0);
	write_u16(w, t->id);
	if (t->key_bits != 0) {
		write_u16(w, ATTRIBUTE_FIXED | ATTRIBUTE_KEY_LENGTH);
		write_u16(w, t->key_bits);
	}
	patch_u16(w, length_at, (uint16_t)(w->n - start));
}

/* p->transforms is not looked at: they come from t. */
static void write_proposal(struct writer *w, const struct proposal_view *p,
			   const struct transform *t, size_t n, bool last)
{
	const size_t start = w->n;

	if (p->spi.n > UINT8_MAX || n > SA_TRANSFORMS_MAX)
		w->failed = true;
	write_u8(w, last ? LAST : MORE_PROPOSALS);
	write_u8(w, 0);
	const size_t length_at = write_hole16(w);
	write_u8(w, p->number);
	write_u8(w, p->protocol);
	write_u8(w, (uint8_t)p->spi.n);
	write_u8(w, (uint8_t)n);
	write_bytes(w, p->spi);
	for (size_t i = 0; i < n && !w->failed; i++)
		write_transform(w, &t[i], i + 1 == n);
	patch_u16(w, length_at, (uint16_t)(w->n - start));
}

void sa_encode(struct builder *b, uint8_t protocol, struct bytes spi,
	       const struct proposal_spec *specs, size_t n)
{
	payload_begin(b, PAYLOAD_SA);
	for (size_t i = 0; i < n; i++) {
		/* 3.3.1: the first proposal MUST be 1. */
		const struct proposal_view p = { .number = (uint8_t)(i + 1),
						 .protocol = protocol,
						 .spi = spi };
		write_proposal(&b->w, &p, specs[i].t, specs[i].n, i + 1 == n);
	}
	payload_end(b);
}

void sa_encode_chosen(struct builder *b, uint8_t number, uint8_t protocol, struct bytes spi,
		      const struct transform *t, size_t n)
{
	const struct proposal_view p = { .number = number, .protocol = protocol, .spi = spi };

	payload_begin(b, PAYLOAD_SA);
	write_proposal(&b->w, &p, t, n, true);
	payload_end(b);
}
