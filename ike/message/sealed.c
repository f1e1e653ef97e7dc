/* SPDX-License-Identifier: Apache-2.0 */
#include "ike/message/sealed.h"
#include <errno.h>
#include <string.h>

#define GENERIC_HEADER_LEN 4
#define FRAGMENT_HEADER_LEN 4 /* RFC 7383 2.5: fragment number, total fragments */

/* Where things stand in a sealed message; all in octets from its start. */
struct layout {
	size_t iv;
	size_t text;
	size_t text_len; /* content, padding and pad length */
	size_t icv;
	size_t end;
};

static size_t icv_len(const struct seal_keys *k)
{
	return k->encr->aead ? k->encr->icv_len : k->integ->icv_len;
}

static bool keys_fit(const struct seal_keys *k)
{
	if (k->encr == NULL || k->sk_e.n != k->encr->key_len + k->encr->salt_len)
		return false;
	return k->encr->aead || (k->integ != NULL && k->sk_a.n == k->integ->key_len);
}

/* Before a content of n octets: IV and text begin at `body`, or behind the fragment's numbers. */
static struct layout layout_of(const struct seal_keys *k, size_t body, bool fragment,
			       size_t text_len)
{
	struct layout l = { .iv = body + (fragment ? FRAGMENT_HEADER_LEN : 0) };

	l.text = l.iv + k->encr->iv_len;
	l.text_len = text_len;
	l.icv = l.text + text_len;
	l.end = l.icv + icv_len(k);
	return l;
}

/* RFC 7296 3.14: content, padding and the pad length octet fill whole blocks; the pad is minimal.
 */
static size_t padded(const struct seal_keys *k, size_t n)
{
	const size_t block = k->encr->block;

	return (n + 1 + block - 1) / block * block;
}

static struct layout layout_to_seal(const struct seal_keys *k, bool fragment, size_t n)
{
	return layout_of(k, IKE_HEADER_LEN + GENERIC_HEADER_LEN, fragment, padded(k, n));
}

size_t sealed_size(const struct seal_keys *k, size_t n)
{
	return layout_to_seal(k, false, n).end;
}

size_t sealed_fragment_size(const struct seal_keys *k, size_t n)
{
	return layout_to_seal(k, true, n).end;
}

/* What the two kinds of payload differ in. */
struct envelope {
	uint8_t type; /* PAYLOAD_SK or PAYLOAD_SKF */
	uint8_t inner_first;
	uint16_t number, total; /* SKF only */
};

/* The message before it is encrypted, with all lengths in place, IV and ICV still zero. */
static struct bytes write_plain(const struct envelope *e, const struct layout *l,
				const struct ike_header *h, struct bytes content, uint8_t *out,
				size_t room)
{
	const size_t pad = l->text_len - content.n - 1;
	struct builder b;

	message_begin(&b, out, room, h);
	payload_begin(&b, e->type);
	patch_u8(&b.w, IKE_HEADER_LEN, e->inner_first);
	if (e->type == PAYLOAD_SKF) {
		write_u16(&b.w, e->number);
		write_u16(&b.w, e->total);
	}
	for (size_t i = l->iv; i < l->text; i++)
		write_u8(&b.w, 0);
	write_bytes(&b.w, content);
	for (size_t i = 0; i < pad; i++)
		write_u8(&b.w, 0);
	write_u8(&b.w, (uint8_t)pad);
	for (size_t i = l->icv; i < l->end; i++)
		write_u8(&b.w, 0);
	payload_end(&b);
	return message_end(&b);
}

/* RFC 5282 3.1: an IV is used only once with a key, so the counter never turns round. */
static int next_counter(const struct seal_keys *k, uint8_t *iv)
{
	if (k->iv_counter == NULL || *k->iv_counter == UINT64_MAX)
		return -EIO;
	uint64_t v = (*k->iv_counter)++;
	for (size_t i = k->encr->iv_len; i > 0; i--) {
		iv[i - 1] = (uint8_t)v;
		v >>= 8;
	}
	return 0;
}

static int seal_aead(const struct seal_keys *k, const struct layout *l, uint8_t *m)
{
	const int r = next_counter(k, m + l->iv);

	if (r != 0)
		return r;
	/* RFC 5282 5.1: all from the header up to the IV is associated data. */
	return k->encr->seal(k->encr, k->sk_e.p, m + l->iv, BYTES(m, l->iv), m + l->text,
			     l->text_len, m + l->icv);
}

static int seal_then_mac(const struct seal_keys *k, const struct layout *l, uint8_t *m)
{
	const struct bytes covered = BYTES(m, l->icv);
	/* RFC 7296 3.14: a new unpredictable IV for every message. */
	int r = random_fill(m + l->iv, k->encr->iv_len);

	if (r == 0)
		r = k->encr->seal(k->encr, k->sk_e.p, m + l->iv, BYTES_NONE, m + l->text,
				  l->text_len, NULL);
	if (r == 0)
		r = k->integ->compute(k->integ, k->sk_a, &covered, 1, m + l->icv);
	return r;
}

static size_t seal(const struct seal_keys *k, const struct envelope *e, const struct ike_header *h,
		   struct bytes content, uint8_t *out, size_t room)
{
	if (!keys_fit(k))
		return 0;
	const struct layout l = layout_to_seal(k, e->type == PAYLOAD_SKF, content.n);
	const struct bytes plain = write_plain(e, &l, h, content, out, room);
	if (plain.n == 0)
		return 0;
	const int r = k->encr->aead ? seal_aead(k, &l, out) : seal_then_mac(k, &l, out);
	if (r != 0) {
		wipe(out, plain.n);
		return 0;
	}
	return plain.n;
}

size_t sealed_seal(const struct seal_keys *k, const struct ike_header *h, uint8_t inner_first,
		   struct bytes chain, uint8_t *out, size_t room)
{
	const struct envelope e = { .type = PAYLOAD_SK, .inner_first = inner_first };

	return seal(k, &e, h, chain, out, room);
}

size_t sealed_seal_fragment(const struct seal_keys *k, const struct ike_header *h,
			    uint8_t inner_first, uint16_t number, uint16_t total, struct bytes part,
			    uint8_t *out, size_t room)
{
	/* RFC 7383 2.5: the first fragment names the first inner payload, the others MUST say 0. */
	const struct envelope e = { .type = PAYLOAD_SKF,
				    .inner_first = number == 1 ? inner_first : PAYLOAD_NONE,
				    .number = number,
				    .total = total };

	return seal(k, &e, h, part, out, room);
}

/* Finds the parts of a received message; false if they cannot be there. */
static bool layout_to_open(const struct seal_keys *k, const uint8_t *datagram, size_t n,
			   const struct payloads *ps, struct layout *out)
{
	const struct payload *p = ps->n > 0 ? &ps->p[ps->n - 1] : NULL;

	if (p == NULL || (p->type != PAYLOAD_SK && p->type != PAYLOAD_SKF))
		return false;
	/* RFC 7296 3.14: it MUST be the last payload, so it reaches to the end. */
	if (p->body.n > n || p->body.p != datagram + (n - p->body.n))
		return false;
	const size_t fixed = layout_of(k, 0, p->type == PAYLOAD_SKF, 0).end;
	if (p->body.n <= fixed)
		return false;
	*out = layout_of(k, n - p->body.n, p->type == PAYLOAD_SKF, p->body.n - fixed);
	return out->text_len % k->encr->block == 0;
}

static int open_aead(const struct seal_keys *k, const struct layout *l, uint8_t *m)
{
	/*
	 * RFC 5282 5.1: the associated data ends with the payload header. RFC 7383 2.5 makes
	 * number and total part of that header, so that they are covered too.
	 */
	return k->encr->open(k->encr, k->sk_e.p, m + l->iv, BYTES(m, l->iv), m + l->text,
			     l->text_len, m + l->icv);
}

static int check_then_open(const struct seal_keys *k, const struct layout *l, uint8_t *m)
{
	const struct bytes covered = BYTES(m, l->icv);
	uint8_t icv[ICV_MAX_LEN];
	int r;

	if (k->integ->icv_len > sizeof(icv))
		return -EIO;
	/* RFC 7296 3.14: over the encrypted message from the header through the pad length. */
	r = k->integ->compute(k->integ, k->sk_a, &covered, 1, icv);
	if (r != 0)
		return r;
	if (!secret_equal(BYTES(icv, k->integ->icv_len), BYTES(m + l->icv, k->integ->icv_len)))
		return -EBADMSG;
	return k->encr->open(k->encr, k->sk_e.p, m + l->iv, BYTES_NONE, m + l->text, l->text_len,
			     NULL);
}

int sealed_open(const struct seal_keys *k, uint8_t *datagram, size_t n, const struct payloads *ps,
		struct bytes *plain)
{
	struct layout l;

	*plain = BYTES_NONE;
	if (!keys_fit(k))
		return -EIO;
	if (!layout_to_open(k, datagram, n, ps, &l))
		return -EBADMSG;
	const int r = k->encr->aead ? open_aead(k, &l, datagram) : check_then_open(k, &l, datagram);
	if (r != 0)
		return r;
	/* RFC 7296 3.14: any length of padding is fine, if it is there; its content does not
	 * matter. */
	const size_t pad = datagram[l.icv - 1];
	if (pad + 1 > l.text_len) {
		wipe(datagram + l.text, l.text_len);
		return -EBADMSG;
	}
	*plain = BYTES(datagram + l.text, l.text_len - pad - 1);
	return 0;
}

bool skf_numbers(struct bytes body, uint16_t *number, uint16_t *total)
{
	struct reader r = reader_of(body);

	*number = read_u16(&r);
	*total = read_u16(&r);
	return !r.failed;
}
