/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Fragments in any order, held against a model of RFC 7383 2.6; and a chain that is cut, sealed,
 * opened and put together again, with an octet changed on the way or not.
 */
#include "fuzz/frame.h"

#include "ike/message/fragment.h"
#include "ike/message/sealed.h"
#include <stdlib.h>
#include <string.h>

/* --- the model --- */

struct model {
	bool there;
	uint32_t id;
	uint16_t total, have;
	uint8_t first;
	size_t octets;
	struct bytes part[FRAGMENTS_MAX];
	bool present[FRAGMENTS_MAX];
};

static enum fragment_result model_add(struct model *m, uint32_t id, uint16_t number, uint16_t total,
				      uint8_t first, struct bytes part)
{
	const bool goes_on = m->there && m->id == id && m->total == total;

	if (number == 0 || number > total)
		return FRAGMENT_DROPPED;
	if (goes_on && m->present[number - 1])
		return FRAGMENT_DUPLICATE;
	if (total > FRAGMENTS_MAX || part.n > FRAGMENTS_BYTES_MAX - (goes_on ? m->octets : 0))
		return FRAGMENT_TOO_MANY;
	if (m->there && m->id == id && total < m->total)
		return FRAGMENT_DROPPED;
	if (!goes_on)
		*m = (struct model){ .there = true, .id = id, .total = total };
	m->present[number - 1] = true;
	m->part[number - 1] = part;
	m->octets += part.n;
	if (number == 1)
		m->first = first;
	return ++m->have == total ? FRAGMENT_COMPLETE : FRAGMENT_QUEUED;
}

static void model_equals(const struct model *m, const struct blob *chain, uint8_t first)
{
	size_t at = 0;

	HOLDS(chain->n == m->octets && first == m->first);
	for (size_t i = 0; i < m->total; i++) {
		if (m->part[i].n > 0)
			HOLDS(memcmp(chain->p + at, m->part[i].p, m->part[i].n) == 0);
		at += m->part[i].n;
	}
}

static void any_order(struct feed *input)
{
	struct fragments *q = NULL;
	struct model m = { 0 };

	while (input->left > 0) {
		uint32_t id = feed_u8(input);
		uint16_t number = feed_u8(input), total = feed_u8(input);
		uint8_t first = feed_u8(input), got_first;
		struct bytes part = feed_bytes(input, (size_t)feed_u8(input) * 16);
		struct exact copy = exact_of(part);
		enum fragment_result want = model_add(&m, id, number, total, first, part), got;
		struct blob chain;

		got = fragments_add(&q, id, number, total, first, BYTES(copy.p, copy.n), &chain,
				    &got_first);
		exact_free(&copy);
		HOLDS(got == want);
		HOLDS((chain.p == NULL) || got == FRAGMENT_COMPLETE);
		if (got == FRAGMENT_COMPLETE) {
			model_equals(&m, &chain, got_first);
			m = (struct model){ 0 };
			HOLDS(q == NULL);
		}
		blob_free(&chain);
	}
	fragments_free(&q);
	HOLDS(q == NULL);
}

/* --- there and back --- */

#define KEYS_LEN 64
#define WAY_ROOM (IKE_MESSAGE_MAX + 64)

struct way {
	struct seal_keys keys;
	struct ike_header h;
	uint64_t counter;
	uint16_t hurt, at; /* that one arrives with another octet there; 0: none */
	uint8_t by;
};

/* As it is received. false: it was dropped. */
static bool carry(struct way *w, struct bytes part, uint8_t first, uint16_t number, uint16_t total,
		  struct fragments **q, struct blob *chain, uint8_t *got_first)
{
	static uint8_t datagram[WAY_ROOM];
	size_t n = sealed_seal_fragment(&w->keys, &w->h, first, number, total, part, datagram,
					sizeof datagram);
	struct payloads ps;
	struct ike_header h;
	struct bytes plain;
	uint8_t inner;
	uint16_t got_number, got_total;
	bool hurt = w->hurt == number && w->by != 0;
	int r;

	HOLDS(n > 0 && n == sealed_fragment_size(&w->keys, part.n));
	if (hurt)
		datagram[w->at % n] ^= w->by;
	if (ike_header_decode(BYTES(datagram, n), &h) != DECODE_OK ||
	    payloads_decode(h.next_payload, BYTES(datagram + IKE_HEADER_LEN, n - IKE_HEADER_LEN),
			    &ps, &inner) != DECODE_OK ||
	    ps.n == 0 || ps.p[ps.n - 1].type != PAYLOAD_SKF) {
		HOLDS(hurt);
		return false;
	}
	if (!skf_numbers(ps.p[ps.n - 1].body, &got_number, &got_total))
		return false;
	r = sealed_open(&w->keys, datagram, n, &ps, &plain);
	/* Integrity covers all of the message. */
	HOLDS((r == 0) == !hurt);
	if (r != 0)
		return false;
	HOLDS(got_number == number && got_total == total);
	fragments_add(q, 1, got_number, got_total, inner, plain, chain, got_first);
	return true;
}

static void there_and_back(struct feed *input)
{
	static uint8_t key[KEYS_LEN];
	const bool aead = feed_u8(input) % 2 != 0;
	struct way w = { .h = { .exchange = EXCHANGE_IKE_AUTH, .message_id = 1 } };
	size_t limit = feed_u16(input) % 2048, part;
	uint8_t first = feed_u8(input), got_first = 0;
	struct fragments *q = NULL;
	struct blob got = { 0 };
	struct bytes chain;
	uint16_t total;
	bool lost = false;

	memset(key, 7, sizeof key);
	w.keys.encr = encr_by_id(aead ? ENCR_AES_GCM_16 : ENCR_AES_CBC, 128);
	w.keys.integ = aead ? NULL : integ_by_id(AUTH_HMAC_SHA2_256_128);
	w.keys.sk_e = BYTES(key, w.keys.encr->key_len + w.keys.encr->salt_len);
	w.keys.sk_a = BYTES(key, aead ? 0 : w.keys.integ->key_len);
	w.keys.iv_counter = &w.counter;
	w.hurt = feed_u8(input);
	w.at = feed_u16(input);
	w.by = feed_u8(input);
	chain = feed_rest(input);
	part = fragment_part_size(&w.keys, limit, chain.n, &total);
	if (part == 0 || total > FRAGMENTS_MAX)
		return;
	HOLDS(sealed_fragment_size(&w.keys, part) <= limit);
	for (uint16_t i = 1; i <= total; i++) {
		size_t at = (size_t)(i - 1) * part;
		size_t n = chain.n - at < part ? chain.n - at : part;

		if (!carry(&w, BYTES(n > 0 ? chain.p + at : NULL, n), i == 1 ? first : 0, i, total,
			   &q, &got, &got_first))
			lost = true;
	}
	HOLDS(lost == (q != NULL || (w.by != 0 && w.hurt == 1 && total == 1)));
	if (!lost)
		HOLDS(bytes_equal(blob_view(&got), chain) && got_first == first);
	blob_free(&got);
	fragments_free(&q);
}

FUZZ_TARGET(input)
{
	if (feed_u8(input) % 2 == 0)
		any_order(input);
	else
		there_and_back(input);
}
