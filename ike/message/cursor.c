/* SPDX-License-Identifier: Apache-2.0 */
#include "ike/message/cursor.h"
#include <string.h>

struct reader reader_of(struct bytes b)
{
	return (struct reader){ .p = b.p, .left = b.n };
}

/* The next n octets, or NULL, and from then on nothing is left. */
static const uint8_t *take(struct reader *r, size_t n)
{
	const uint8_t *at = r->p;

	if (r->failed || n > r->left) {
		r->failed = true;
		r->left = 0;
		return NULL;
	}
	if (n > 0)
		r->p += n;
	r->left -= n;
	return at;
}

static uint64_t read_number(struct reader *r, size_t octets)
{
	const uint8_t *p = take(r, octets);
	uint64_t v = 0;

	for (size_t i = 0; p != NULL && i < octets; i++)
		v = v << 8 | p[i];
	return v;
}

uint8_t read_u8(struct reader *r)
{
	return (uint8_t)read_number(r, 1);
}

uint16_t read_u16(struct reader *r)
{
	return (uint16_t)read_number(r, 2);
}

uint32_t read_u32(struct reader *r)
{
	return (uint32_t)read_number(r, 4);
}

uint64_t read_u64(struct reader *r)
{
	return read_number(r, 8);
}

struct bytes read_bytes(struct reader *r, size_t n)
{
	const uint8_t *p = take(r, n);

	return p != NULL ? BYTES(p, n) : BYTES_NONE;
}

struct bytes read_rest(struct reader *r)
{
	return read_bytes(r, r->left);
}

struct reader read_box(struct reader *r, size_t n)
{
	struct reader box = reader_of(read_bytes(r, n));

	box.failed = r->failed;
	return box;
}

bool reader_done(const struct reader *r)
{
	return !r->failed && r->left == 0;
}

struct writer writer_of(uint8_t *p, size_t room)
{
	return (struct writer){ .p = p, .room = room };
}

uint8_t *write_space(struct writer *w, size_t n)
{
	uint8_t *at;

	if (w->failed || n > w->room - w->n) {
		w->failed = true;
		return NULL;
	}
	at = w->p + w->n;
	w->n += n;
	return at;
}

static void put_number(uint8_t *p, uint64_t v, size_t octets)
{
	for (size_t i = octets; i > 0; i--) {
		p[i - 1] = (uint8_t)v;
		v >>= 8;
	}
}

static void write_number(struct writer *w, uint64_t v, size_t octets)
{
	uint8_t *p = write_space(w, octets);

	if (p != NULL)
		put_number(p, v, octets);
}

void write_u8(struct writer *w, uint8_t v)
{
	write_number(w, v, 1);
}

void write_u16(struct writer *w, uint16_t v)
{
	write_number(w, v, 2);
}

void write_u32(struct writer *w, uint32_t v)
{
	write_number(w, v, 4);
}

void write_u64(struct writer *w, uint64_t v)
{
	write_number(w, v, 8);
}

void write_bytes(struct writer *w, struct bytes b)
{
	uint8_t *p = write_space(w, b.n);

	if (p != NULL && b.n > 0)
		memcpy(p, b.p, b.n);
}

static size_t write_hole(struct writer *w, size_t octets)
{
	size_t at = w->n;

	write_number(w, 0, octets);
	return at;
}

size_t write_hole16(struct writer *w)
{
	return write_hole(w, 2);
}

size_t write_hole32(struct writer *w)
{
	return write_hole(w, 4);
}

static void patch_number(struct writer *w, size_t at, uint64_t v, size_t octets)
{
	if (at > w->n || octets > w->n - at)
		w->failed = true;
	if (!w->failed)
		put_number(w->p + at, v, octets);
}

void patch_u8(struct writer *w, size_t at, uint8_t v)
{
	patch_number(w, at, v, 1);
}

void patch_u16(struct writer *w, size_t at, uint16_t v)
{
	patch_number(w, at, v, 2);
}

void patch_u32(struct writer *w, size_t at, uint32_t v)
{
	patch_number(w, at, v, 4);
}

struct bytes writer_view(const struct writer *w)
{
	return w->failed ? BYTES_NONE : BYTES(w->p, w->n);
}
