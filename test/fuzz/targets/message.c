/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One datagram in the clear: header, chain, each payload's decoder, the rules. What was taken can
 * be built again octet for octet, and no prefix of it is taken.
 */
#include "fuzz/frame.h"

#include "ike/message/payload.h"
#include "ike/message/rules.h"
#include "lib/sample.h"
#include <string.h>

static void built_again(struct bytes m, const struct ike_header *h, const struct payloads *ps,
			uint8_t inner_first)
{
	static uint8_t out[IKE_MESSAGE_MAX];
	struct builder b;
	struct bytes again;

	message_begin(&b, out, sizeof out, h);
	for (size_t i = 0; i < ps->n; i++) {
		payload_begin(&b, ps->p[i].type);
		write_bytes(&b.w, ps->p[i].body);
		payload_end(&b);
	}
	if (ps->n > 0 && inner_first != 0)
		patch_u8(&b.w, b.next_at, inner_first);
	again = message_end(&b);
	HOLDS(again.n == m.n);
	/* Flags and reserved bits that nobody reads are not kept; lengths and types are. */
	HOLDS(memcmp(again.p + 24, m.p + 24, 4) == 0);
}

/* Every octet of what was handed out lies within the message. */
static void within(struct bytes whole, const struct payloads *ps)
{
	for (size_t i = 0; i < ps->n; i++)
		HOLDS(ps->p[i].body.p >= whole.p &&
		      ps->p[i].body.p + ps->p[i].body.n <= whole.p + whole.n);
}

/* --- libFuzzer alone: most of what it makes has lengths that fit --- */

#if defined(IKEMESH_FUZZ) && !defined(__AFL_COMPILER)
size_t LLVMFuzzerMutate(uint8_t *p, size_t n, size_t room);
size_t LLVMFuzzerCustomMutator(uint8_t *p, size_t n, size_t room, unsigned seed);

static void put16(uint8_t *p, size_t v)
{
	p[0] = (uint8_t)(v >> 8);
	p[1] = (uint8_t)v;
}

/* The payload that does not fit ends where the message ends. */
static void mend_chain(uint8_t *p, size_t n)
{
	size_t at = IKE_HEADER_LEN;
	uint8_t type = p[16];

	while (at + 4 <= n && type != PAYLOAD_NONE) {
		size_t length = (size_t)p[at + 2] << 8 | p[at + 3];

		if (length < 4 || length > n - at) {
			put16(p + at + 2, n - at);
			p[at] = PAYLOAD_NONE;
			return;
		}
		type = p[at];
		at += length;
	}
}

size_t LLVMFuzzerCustomMutator(uint8_t *p, size_t n, size_t room, unsigned seed)
{
	n = LLVMFuzzerMutate(p, n, room);
	if (n < IKE_HEADER_LEN || n > IKE_MESSAGE_MAX || seed % 8 == 0)
		return n;
	p[17] = 0x20;
	p[24] = p[25] = 0;
	put16(p + 26, n);
	if (seed % 2 == 0)
		mend_chain(p, n);
	return n;
}
#endif

FUZZ_TARGET(input)
{
	const struct bytes m = feed_rest(input);
	struct ike_header h;
	struct payloads ps, cut;
	uint8_t inner_first = 0;
	struct judgement j;
	char text[256];
	struct bytes body;

	if (ike_header_decode(m, &h) != DECODE_OK)
		return;
	body = BYTES(m.p + IKE_HEADER_LEN, m.n - IKE_HEADER_LEN);
	if (payloads_decode(h.next_payload, body, &ps, &inner_first) != DECODE_OK)
		return;
	within(m, &ps);
	HOLDS(sample_walk_all(&ps) <= ps.n);
	payloads_text(&ps, text, sizeof text);
	HOLDS(strlen(text) < sizeof text);
	j = rules_judge(h.exchange, h.response, &ps);
	HOLDS((j.notify == 0) == (j.why == NULL));
	rules_judge(h.exchange, !h.response, &ps);
	built_again(m, &h, &ps, inner_first);
	if (body.n > 0)
		HOLDS(payloads_decode(h.next_payload, BYTES(body.p, body.n - 1), &cut, NULL) !=
		      DECODE_OK);
}
