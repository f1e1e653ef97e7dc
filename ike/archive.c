/* SPDX-License-Identifier: Apache-2.0 */
#include "ike/archive.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define ROOM_FIRST 1024
#define MONO_LATEST_US (INT64_MAX / 4) /* some 73,000 years of uptime */
#define KE_KEY_MAX 4096		       /* octets: ML-KEM-1024 has 3168 */

struct archive archive_saver(void)
{
	return (struct archive){ 0 };
}

struct archive archive_loader(struct bytes from)
{
	return (struct archive){ .loads = true, .in = reader_of(from) };
}

void archive_free(struct archive *a)
{
	secret_free(&a->out);
	a->n = 0;
}

int archive_take(struct archive *a, struct secret *out)
{
	int err = a->failed ? -ENOMEM : secret_copy(out, BYTES(a->out.p, a->n));

	archive_free(a);
	return err;
}

static bool grow(struct archive *a, size_t more)
{
	struct secret wider = { 0 };
	size_t room = a->out.n > 0 ? a->out.n : ROOM_FIRST;

	while (room - a->n < more)
		room *= 2;
	if (room == a->out.n)
		return true;
	if (secret_new(&wider, room) != 0)
		return false;
	if (a->n > 0)
		memcpy(wider.p, a->out.p, a->n);
	secret_move(&a->out, &wider);
	return true;
}

/* n octets for the caller to fill in; NULL: it failed. */
static uint8_t *space(struct archive *a, size_t n)
{
	uint8_t *p;

	if (a->failed || !grow(a, n)) {
		a->failed = true;
		return NULL;
	}
	p = a->out.p + a->n;
	a->n += n;
	return p;
}

static uint64_t take(struct archive *a, size_t octets)
{
	struct bytes b = read_bytes(&a->in, octets);
	uint64_t v = 0;

	a->failed = a->failed || a->in.failed;
	for (size_t i = 0; !a->failed && i < octets; i++)
		v = v << 8 | b.p[i];
	return v;
}

static void put(struct archive *a, uint64_t v, size_t octets)
{
	uint8_t *p = space(a, octets);

	for (size_t i = octets; p != NULL && i > 0; i--, v >>= 8)
		p[i - 1] = (uint8_t)v;
}

void archive_u8(struct archive *a, uint8_t *v)
{
	if (a->loads)
		*v = (uint8_t)take(a, sizeof(*v));
	else
		put(a, *v, sizeof(*v));
}

void archive_u16(struct archive *a, uint16_t *v)
{
	if (a->loads)
		*v = (uint16_t)take(a, sizeof(*v));
	else
		put(a, *v, sizeof(*v));
}

void archive_u32(struct archive *a, uint32_t *v)
{
	if (a->loads)
		*v = (uint32_t)take(a, sizeof(*v));
	else
		put(a, *v, sizeof(*v));
}

void archive_u64(struct archive *a, uint64_t *v)
{
	if (a->loads)
		*v = take(a, sizeof(*v));
	else
		put(a, *v, sizeof(*v));
}

void archive_bool(struct archive *a, bool *v)
{
	uint8_t octet = a->loads ? 0 : *v;

	archive_u8(a, &octet);
	if (octet > 1)
		a->failed = true;
	if (a->loads)
		*v = octet == 1;
}

void archive_uint(struct archive *a, unsigned *v)
{
	uint32_t wide = a->loads ? 0 : *v;

	archive_u32(a, &wide);
	if (a->loads)
		*v = wide;
}

void archive_i64(struct archive *a, int64_t *v)
{
	uint64_t bits = a->loads ? 0 : (uint64_t)*v;

	archive_u64(a, &bits);
	if (a->loads)
		*v = (int64_t)bits;
}

/* Times of this boot, "never" and "long ago": of others no difference could be taken. */
void archive_mono(struct archive *a, struct mono *v)
{
	archive_i64(a, &v->us);
	if (!a->loads || v->us == MONO_NEVER.us || v->us == INT64_MIN)
		return;
	if (v->us > MONO_LATEST_US || v->us < INT64_MIN / 2)
		a->failed = true;
}

void archive_octets(struct archive *a, uint8_t *p, size_t n)
{
	if (a->loads) {
		struct bytes b = read_bytes(&a->in, n);

		a->failed = a->failed || a->in.failed;
		if (n == 0)
			return; /* p may be NULL then: there was no memory for it */
		if (a->failed)
			memset(p, 0, n);
		else
			memcpy(p, b.p, n);
	} else {
		uint8_t *to = space(a, n);

		if (to != NULL && p != NULL)
			memcpy(to, p, n);
	}
}

void archive_text(struct archive *a, char *text, size_t size)
{
	uint16_t n = a->loads ? 0 : (uint16_t)strnlen(text, size);

	archive_u16(a, &n);
	if (n >= size)
		a->failed = true;
	archive_octets(a, (uint8_t *)text, a->failed ? 0 : n);
	if (a->loads)
		text[a->failed ? 0 : n] = '\0';
}

void archive_ip(struct archive *a, struct ip *ip)
{
	archive_u8(a, &ip->family);
	if (ip->family != 0 && ip->family != 4 && ip->family != 6)
		a->failed = true;
	archive_octets(a, ip->b, sizeof(ip->b));
	/* The same address is the same octets: two pairs of one would be two owners of its SAs. */
	for (size_t i = ip_len(ip); a->loads && !a->failed && i < sizeof(ip->b); i++)
		if (ip->b[i] != 0)
			a->failed = true;
}

void archive_endpoint(struct archive *a, struct endpoint *at)
{
	archive_ip(a, &at->ip);
	archive_u16(a, &at->port);
}

/* A length that may be believed. */
static uint32_t length(struct archive *a, size_t n, size_t most)
{
	uint32_t wide = (uint32_t)n;

	if (n > most)
		a->failed = true;
	archive_u32(a, &wide);
	if (a->loads && (wide > most || wide > a->in.left))
		a->failed = true;
	return a->failed ? 0 : wide;
}

void archive_blob(struct archive *a, struct blob *v, size_t most)
{
	uint32_t n = length(a, a->loads ? 0 : v->n, most);

	if (a->loads) {
		*v = (struct blob){ 0 };
		if (n == 0)
			return;
		v->p = malloc(n);
		v->n = v->p != NULL ? n : 0;
		a->failed = a->failed || v->p == NULL;
	}
	archive_octets(a, v->p, a->failed ? 0 : n);
}

void archive_secret(struct archive *a, struct secret *v, size_t most)
{
	uint32_t n = length(a, a->loads ? 0 : v->n, most);

	if (a->loads) {
		*v = (struct secret){ 0 };
		if (n == 0)
			return;
		a->failed = a->failed || secret_new(v, n) != 0;
	}
	archive_octets(a, v->p, a->failed ? 0 : n);
}

void archive_string(struct archive *a, char **v, size_t most)
{
	size_t n = !a->loads && *v != NULL ? strlen(*v) : 0;
	bool there = !a->loads && *v != NULL;

	archive_bool(a, &there);
	n = there ? length(a, n, most) : 0;
	if (a->loads) {
		*v = there && !a->failed ? calloc(1, n + 1) : NULL;
		a->failed = a->failed || (there && *v == NULL);
	}
	if (there && !a->failed)
		archive_octets(a, (uint8_t *)*v, n);
	if (there && a->loads && !a->failed && strlen(*v) != n)
		a->failed = true;
}

size_t archive_count(struct archive *a, size_t *n, size_t most)
{
	uint64_t wide = a->loads ? 0 : *n;

	archive_u64(a, &wide);
	if (wide > most)
		a->failed = true;
	if (a->loads)
		*n = a->failed ? 0 : (size_t)wide;
	return a->failed ? 0 : (size_t)wide;
}

/* ---- rows -------------------------------------------------------------------------------- */

#define NO_ROW 0xffffu

static uint16_t row_id(struct archive *a, bool there, uint16_t id)
{
	uint16_t v = there ? id : NO_ROW;

	archive_u16(a, &v);
	return v;
}

static void row_found(struct archive *a, uint16_t id, bool found)
{
	if (id != NO_ROW && !found)
		a->failed = true;
}

void archive_encr(struct archive *a, const struct encr_alg **v)
{
	const struct encr_alg *had = a->loads ? NULL : *v;
	uint16_t id = row_id(a, had != NULL, had != NULL ? had->id : 0);
	uint16_t bits = had != NULL ? had->key_bits : 0;

	archive_u16(a, &bits);
	if (!a->loads)
		return;
	*v = id == NO_ROW || a->failed ? NULL : encr_by_id(id, bits);
	row_found(a, id, *v != NULL);
}

void archive_integ(struct archive *a, const struct integ_alg **v)
{
	const struct integ_alg *had = a->loads ? NULL : *v;
	uint16_t id = row_id(a, had != NULL, had != NULL ? had->id : 0);

	if (!a->loads)
		return;
	*v = id == NO_ROW || a->failed ? NULL : integ_by_id(id);
	row_found(a, id, *v != NULL);
}

void archive_prf(struct archive *a, const struct prf_alg **v)
{
	const struct prf_alg *had = a->loads ? NULL : *v;
	uint16_t id = row_id(a, had != NULL, had != NULL ? had->id : 0);

	if (!a->loads)
		return;
	*v = id == NO_ROW || a->failed ? NULL : prf_by_id(id);
	row_found(a, id, *v != NULL);
}

void archive_ke(struct archive *a, const struct ke_alg **v)
{
	const struct ke_alg *had = a->loads ? NULL : *v;
	uint16_t id = row_id(a, had != NULL, had != NULL ? had->id : 0);

	if (!a->loads)
		return;
	*v = id == NO_ROW || a->failed ? NULL : ke_by_id(id);
	row_found(a, id, *v != NULL);
}

void archive_ke_key(struct archive *a, const struct ke_alg *ke, struct ke_key **v)
{
	struct secret value = { 0 };

	if (!a->loads && *v != NULL && ke->private_get(ke, *v, &value) != 0)
		a->failed = true;
	archive_secret(a, &value, KE_KEY_MAX);
	if (a->loads) {
		*v = NULL;
		if (!a->failed && value.n > 0 &&
		    (ke == NULL || ke->private_set(ke, secret_view(&value), v) != 0))
			a->failed = true;
	}
	secret_free(&value);
}

/* ---- boxes ------------------------------------------------------------------------------- */

size_t archive_open(struct archive *a)
{
	size_t at = a->n;

	put(a, 0, sizeof(uint32_t));
	return at;
}

void archive_close(struct archive *a, size_t at)
{
	size_t n = a->n;

	if (a->failed)
		return;
	a->n = at;
	put(a, n - at - sizeof(uint32_t), sizeof(uint32_t));
	a->n = n;
}

struct archive archive_box(struct archive *a)
{
	uint32_t n = length(a, 0, UINT32_MAX);
	struct archive box = archive_loader(read_bytes(&a->in, n));

	box.failed = a->failed;
	box.version = a->version;
	return box;
}
