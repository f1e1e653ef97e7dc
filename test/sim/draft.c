/* SPDX-License-Identifier: Apache-2.0 */
#include "sim/draft.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define GENERIC_HEADER_LEN 4

void draft_init(struct draft *d, const struct ike_header *h)
{
	*d = (struct draft){ .h = *h };
}

void draft_free(struct draft *d)
{
	for (size_t i = 0; i < d->n; i++)
		blob_free(&d->p[i].body);
	free(d->scratch);
	*d = (struct draft){ 0 };
}

static void copy(struct blob *out, struct bytes from)
{
	if (blob_copy(out, from) != 0)
		abort();
}

void draft_copy(struct draft *to, const struct draft *from)
{
	*to = *from;
	to->scratch = NULL;
	for (size_t i = 0; i < from->n; i++) {
		to->p[i].body = (struct blob){ 0 };
		copy(&to->p[i].body, blob_view(&from->p[i].body));
	}
}

void draft_insert(struct draft *d, size_t at, uint8_t type, struct bytes body)
{
	struct draft_payload p = { .type = type };

	if (d->n >= DRAFT_PAYLOADS || at > d->n)
		abort();
	copy(&p.body, body);
	memmove(&d->p[at + 1], &d->p[at], (d->n - at) * sizeof d->p[0]);
	d->p[at] = p;
	d->n++;
}

void draft_add(struct draft *d, uint8_t type, struct bytes body)
{
	draft_insert(d, d->n, type, body);
}

/* Kept for the next draft, since a fuzzer makes many. */
static uint8_t *spare;

static uint8_t *scratch_take(void)
{
	uint8_t *p = spare != NULL ? spare : malloc(DRAFT_ROOM);

	if (p == NULL)
		abort();
	spare = NULL;
	return p;
}

static void scratch_give(uint8_t *p)
{
	free(spare);
	spare = p;
}

struct builder *draft_begin(struct draft *d)
{
	d->scratch = scratch_take();
	chain_begin(&d->b, d->scratch, DRAFT_ROOM);
	return &d->b;
}

void draft_end(struct draft *d)
{
	struct bytes chain = chain_end(&d->b);

	if (!draft_read(d, d->b.first, chain))
		abort();
	scratch_give(d->scratch);
	d->scratch = NULL;
}

void draft_add_notify(struct draft *d, uint16_t type, struct bytes data)
{
	notify_encode(draft_begin(d), PROTO_NONE, BYTES_NONE, type, data);
	draft_end(d);
}

struct draft_payload *draft_nth(struct draft *d, uint8_t type, size_t nth)
{
	for (size_t i = 0; i < d->n; i++)
		if (d->p[i].type == type && nth-- == 0)
			return &d->p[i];
	return NULL;
}

struct draft_payload *draft_find(struct draft *d, uint8_t type)
{
	return draft_nth(d, type, 0);
}

bool draft_has(const struct draft *d, uint8_t type)
{
	for (size_t i = 0; i < d->n; i++)
		if (d->p[i].type == type)
			return true;
	return false;
}

static bool notify_is(const struct draft_payload *p, uint16_t type, struct notify_view *v)
{
	return p->type == PAYLOAD_NOTIFY && notify_decode(blob_view(&p->body), v) &&
	       v->type == type;
}

struct draft_payload *draft_notify(struct draft *d, uint16_t type)
{
	struct notify_view v;

	for (size_t i = 0; i < d->n; i++)
		if (notify_is(&d->p[i], type, &v))
			return &d->p[i];
	return NULL;
}

bool draft_has_notify(const struct draft *d, uint16_t type)
{
	struct notify_view v;

	for (size_t i = 0; i < d->n; i++)
		if (notify_is(&d->p[i], type, &v))
			return true;
	return false;
}

struct bytes draft_notify_data(const struct draft *d, uint16_t type)
{
	struct notify_view v;

	for (size_t i = 0; i < d->n; i++)
		if (notify_is(&d->p[i], type, &v))
			return v.data;
	return BYTES_NONE;
}

uint16_t draft_error(const struct draft *d)
{
	struct notify_view v;

	for (size_t i = 0; i < d->n; i++)
		if (d->p[i].type == PAYLOAD_NOTIFY && notify_decode(blob_view(&d->p[i].body), &v) &&
		    v.type < NOTIFY_FIRST_STATUS)
			return v.type;
	return 0;
}

void draft_set(struct draft_payload *p, struct bytes body)
{
	struct blob old = p->body;

	p->body = (struct blob){ 0 };
	copy(&p->body, body);
	blob_free(&old);
}

void draft_drop_at(struct draft *d, size_t at)
{
	blob_free(&d->p[at].body);
	d->n--;
	memmove(&d->p[at], &d->p[at + 1], (d->n - at) * sizeof d->p[0]);
}

void draft_drop(struct draft *d, uint8_t type)
{
	for (size_t i = d->n; i > 0; i--)
		if (d->p[i - 1].type == type)
			draft_drop_at(d, i - 1);
}

void draft_drop_notify(struct draft *d, uint16_t type)
{
	struct notify_view v;

	for (size_t i = d->n; i > 0; i--)
		if (notify_is(&d->p[i - 1], type, &v))
			draft_drop_at(d, i - 1);
}

void draft_double(struct draft *d, uint8_t type)
{
	for (size_t i = 0; i < d->n; i++) {
		if (d->p[i].type != type)
			continue;
		draft_insert(d, i + 1, type, blob_view(&d->p[i].body));
		return;
	}
	abort();
}

const char *draft_text(const struct draft *d, char *out, size_t size)
{
	size_t at = 0;

	out[0] = '\0';
	for (size_t i = 0; i < d->n && at < size; i++) {
		struct notify_view v;
		int n;

		if (d->p[i].type == PAYLOAD_NOTIFY && notify_decode(blob_view(&d->p[i].body), &v))
			n = snprintf(out + at, size - at, "%sN(%s)", at > 0 ? " " : "",
				     notify_name(v.type));
		else
			n = snprintf(out + at, size - at, "%s%s", at > 0 ? " " : "",
				     payload_name(d->p[i].type));
		at += n > 0 ? (size_t)n : 0;
	}
	return out;
}

bool draft_read(struct draft *d, uint8_t first, struct bytes chain)
{
	struct payloads *ps = calloc(1, sizeof *ps);
	uint8_t inner_first;
	bool good;

	if (ps == NULL)
		abort();
	good = payloads_decode(first, chain, ps, &inner_first) == DECODE_OK;
	for (size_t i = 0; good && i < ps->n; i++) {
		draft_add(d, ps->p[i].type, ps->p[i].body);
		d->p[d->n - 1].critical = ps->p[i].critical;
	}
	free(ps);
	return good;
}

static uint8_t first_of(const struct draft *d)
{
	if (d->first_lies)
		return d->first_said;
	return d->n > 0 ? d->p[0].type : (uint8_t)PAYLOAD_NONE;
}

static void chain_write(const struct draft *d, struct writer *w)
{
	for (size_t i = 0; i < d->n; i++) {
		const struct draft_payload *p = &d->p[i];
		size_t length = p->body.n + GENERIC_HEADER_LEN;

		write_u8(w, i + 1 < d->n ? d->p[i + 1].type : (uint8_t)PAYLOAD_NONE);
		write_u8(w, p->critical ? 0x80 : 0);
		write_u16(w, p->lies ? p->length_said : (uint16_t)length);
		write_bytes(w, blob_view(&p->body));
	}
}

static struct writer start(void)
{
	return writer_of(scratch_take(), DRAFT_ROOM);
}

static struct blob finish(struct writer *w)
{
	struct blob out;

	if (w->failed)
		abort();
	copy(&out, writer_view(w));
	scratch_give(w->p);
	return out;
}

struct blob draft_chain(const struct draft *d, uint8_t *first)
{
	struct writer w = start();

	*first = first_of(d);
	chain_write(d, &w);
	return finish(&w);
}

struct blob draft_message(const struct draft *d)
{
	struct writer w = start();
	const struct ike_header *h = &d->h;
	size_t length_at;

	write_u64(&w, h->spi_i);
	write_u64(&w, h->spi_r);
	write_u8(&w, first_of(d));
	write_u8(&w, h->version);
	write_u8(&w, h->exchange);
	/* RFC 7296 3.1: flags are X X R V I X X X */
	write_u8(&w, (uint8_t)((h->response ? 0x20 : 0) | (h->initiator ? 0x08 : 0)));
	write_u32(&w, h->message_id);
	length_at = write_hole32(&w);
	chain_write(d, &w);
	patch_u32(&w, length_at, d->lies ? d->length_said : (uint32_t)w.n);
	return finish(&w);
}
