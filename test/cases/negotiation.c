/* SPDX-License-Identifier: Apache-2.0 */
/* Proposals, key exchange values, cookies: all that IKE_SA_INIT negotiates, and the ESP proposals.
 */
#include "cases/scene.h"

#include <openssl/bn.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define N(x) (sizeof(x) / sizeof((x)[0]))

static void set_sa(struct draft *said, uint8_t protocol, struct bytes spi,
		   const struct proposal_spec *p)
{
	struct blob body = body_sa(protocol, spi, p, 1);

	draft_set(draft_find(said, PAYLOAD_SA), blob_view(&body));
	blob_free(&body);
}

/* IKE_SA_INIT with our proposal, of which the transforms of one type are those, or none. */
static void offer(struct scene *s, uint8_t type, const struct transform *t, size_t n)
{
	struct proposal_spec p = s->d.peer_spec.ike[0];
	struct draft said;
	size_t kept = 0;

	scene_init(s, &said);
	for (size_t i = 0; i < p.n; i++)
		if (p.t[i].type != type)
			p.t[kept++] = p.t[i];
	for (size_t i = 0; i < n; i++)
		p.t[kept++] = t[i];
	p.n = kept;
	set_sa(&said, PROTO_IKE, BYTES_NONE, &p);
	scene_say(s, &said);
}

/* T07 */
static void no_group(struct scene *s)
{
	offer(s, TRANSFORM_KE, NULL, 0);
}

/* T08, T09: what nobody has, or we do not want. */
static void unknown_transforms(struct scene *s, uint8_t type, const uint16_t *ids, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		const struct transform t = { .type = type, .id = ids[i] };

		offer(s, type, &t, 1);
	}
}

static void unknown_integrity(struct scene *s)
{
	static const uint16_t ids[] = { 5 /* AES-XCBC-96 */, 0, 1, 1023, 65535 };

	unknown_transforms(s, TRANSFORM_INTEG, ids, N(ids));
}

static void weak_prf(struct scene *s)
{
	static const uint16_t ids[] = { 1 /* HMAC-MD5 */, 3 /* TIGER */, 0, 1023, 65535 };

	unknown_transforms(s, TRANSFORM_PRF, ids, N(ids));
	offer(s, TRANSFORM_PRF, NULL, 0);
}

/* T16: each octet of the SA payload takes odd values; lengths and counts among them. */
static void odd_proposals(struct scene *s)
{
	static const uint8_t values[] = { 0, 1, 2, 3, 8, 0x7f, 0x80, 0xff };

	for (size_t at = 0;; at++) {
		struct draft said;
		bool more;

		scene_clear(s);
		peer_ask_init(&s->d.peer, &said);
		more = at < draft_find(&said, PAYLOAD_SA)->body.n;
		for (size_t i = 0; more && i < N(values); i++) {
			struct draft copy;

			draft_copy(&copy, &said);
			draft_find(&copy, PAYLOAD_SA)->body.p[at] = values[i];
			/* From many sources: the limits of one are another case. */
			s->d.peer.self.ip = fleet_address(100 + (unsigned)(at * 8 + i), false);
			scene_say_clear(s, &copy);
		}
		draft_free(&said);
		if (!more)
			break;
	}
}

static void key_lengths(struct scene *s)
{
	/* ENCR_AES_CBC with no length, 0, 7, 65535 bits: RFC 7296 3.3.5 */
	static const uint16_t bits[] = { 0, 7, 127, 65535 };

	for (size_t i = 0; i < N(bits); i++) {
		const struct transform t = { .type = TRANSFORM_ENCR,
					     .id = 12,
					     .key_bits = bits[i] };

		offer(s, TRANSFORM_ENCR, &t, 1);
	}
}

/* ---- key exchange values ----------------------------------------------------------------------
 */

static void set_ke(struct draft *said, uint16_t group, struct bytes value)
{
	struct blob body;

	ke_encode(draft_begin(said), group, value);
	draft_end(said);
	body = draft_take_last(said);
	draft_set(draft_find(said, PAYLOAD_KE), blob_view(&body));
	blob_free(&body);
}

/* 0, 1, p-1, p, p+1, 2^2048-1 */
#define WEAK 6
static void weak_value(int nth, uint8_t out[static 256])
{
	BIGNUM *p = BN_get_rfc3526_prime_2048(NULL);

	memset(out, nth == 5 ? 0xff : 0, 256);
	if (nth == 1)
		out[255] = 1;
	if (nth == 2)
		BN_sub_word(p, 1);
	if (nth == 4)
		BN_add_word(p, 1);
	if (nth >= 2 && nth <= 4)
		assert_int_equal(BN_bn2binpad(p, out, 256), 256);
	BN_free(p);
}

/* T17, as responder and as initiator: RFC 6989 2.1. */
static void weak_values(struct scene *s)
{
	uint8_t value[256];

	for (int nth = 0; nth < WEAK; nth++) {
		struct draft said, heard;

		weak_value(nth, value);
		scene_init(s, &said);
		set_ke(&said, KE_MODP_2048, BYTES(value, 256));
		scene_say_clear(s, &said);

		scene_clear(s);
		duet_wait(&s->d, 4000 * SECOND);
		duet_acquire(&s->d);
		duet_hear(&s->d, EXCHANGE_IKE_SA_INIT, false, &heard);
		peer_answer_init(&s->d.peer, &heard, &said);
		set_ke(&said, KE_MODP_2048, BYTES(value, 256));
		draft_free(&heard);
		scene_say_clear(s, &said);
	}
}

/* T18 */
static void value_lengths(struct scene *s)
{
	static const size_t lengths[] = { 0, 1, 255, 257, 512, 4096, 15000 };
	uint8_t *value = malloc(15000);

	assert_non_null(value);
	memset(value, 0x55, 15000);
	for (size_t i = 0; i < N(lengths); i++) {
		struct draft said;

		scene_init(s, &said);
		set_ke(&said, KE_MODP_2048, BYTES(value, lengths[i]));
		scene_say_clear(s, &said);
	}
	for (size_t n = 40000; n <= 65527; n += 25527) { /* beyond a datagram that is read */
		struct draft said;
		uint8_t *large = calloc(1, n);

		assert_non_null(large);
		scene_init(s, &said);
		set_ke(&said, KE_MODP_2048, BYTES(large, n));
		scene_say_clear(s, &said);
		free(large);
	}
	free(value);
}

/* RFC 7296 2.10, 3.9 */
static void nonce_lengths(struct scene *s)
{
	static const size_t lengths[] = { 0, 1, 15, 257, 1000 };
	static const uint8_t nonce[1000] = { 1 };

	for (size_t i = 0; i < N(lengths); i++) {
		struct draft said;

		scene_init(s, &said);
		draft_set(draft_find(&said, PAYLOAD_NONCE), BYTES(nonce, lengths[i]));
		scene_say_clear(s, &said);
	}
}

/* ---- cookies: T43 -----------------------------------------------------------------------------
 */

static void say_notify(struct scene *s, const struct draft *request, uint16_t type,
		       struct bytes data)
{
	struct ike_header h = request->h;
	struct draft said;

	h.initiator = false;
	h.response = true;
	draft_init(&said, &h);
	draft_add_notify(&said, type, data);
	scene_say_clear(s, &said);
}

/* The core asks; lengths that no cookie has; and then demands without end. */
static void cookies_to_us(struct scene *s)
{
	static const uint8_t cookie[65] = { 1 };
	struct draft heard;

	scene_clear(s);
	duet_wait(&s->d, 4000 * SECOND);
	duet_acquire(&s->d);
	duet_hear(&s->d, EXCHANGE_IKE_SA_INIT, false, &heard);
	say_notify(s, &heard, NOTIFY_COOKIE, BYTES_NONE);
	say_notify(s, &heard, NOTIFY_COOKIE, BYTES(cookie, 65));
	scene_check(s, s->d.n_sent == 1, "neither is answered by another request");
	draft_free(&heard);
	scene_clear(s);
}

static void endless_cookies(struct scene *s)
{
	uint8_t cookie[64] = { 0 };
	struct draft heard;

	scene_clear(s);
	duet_wait(&s->d, 4000 * SECOND);
	duet_acquire(&s->d);
	duet_hear(&s->d, EXCHANGE_IKE_SA_INIT, false, &heard);
	for (uint8_t i = 0; i < 50; i++) {
		cookie[0] = i;
		say_notify(s, &heard, NOTIFY_COOKIE, BYTES(cookie, sizeof cookie));
	}
	scene_check(s, s->d.n_sent <= 10, "10 requests at most");
	draft_free(&heard);
	scene_clear(s);
}

/* Under load: without a cookie, with a wrong one, one of another address, a stale one. */
static void cookies_of_strangers(struct scene *s)
{
	struct endpoint other = { .ip = fleet_address(77, false), .port = 500 };
	const uint32_t threshold = s->d.spec.cookie_threshold;
	struct draft said, heard;
	struct blob message;

	s->d.spec.cookie_threshold = 0;
	scene_init(s, &said);
	scene_say(s, &said);
	duet_hear(&s->d, EXCHANGE_IKE_SA_INIT, true, &heard);
	assert_int_equal(blob_copy(&s->d.peer.cookie, draft_notify_data(&heard, NOTIFY_COOKIE)), 0);
	draft_free(&heard);
	for (size_t i = 0; i < s->d.peer.cookie.n; i++) {
		s->d.peer.cookie.p[i] ^= 1;
		peer_ask_init(&s->d.peer, &said);
		scene_say_clear(s, &said);
		s->d.peer.cookie.p[i] ^= 1;
	}
	peer_ask_init(&s->d.peer, &said);
	message = draft_message(&said);
	scene_give_from(s, &other, blob_view(&message));
	duet_wait(&s->d, 300 * SECOND);
	scene_give(s, blob_view(&message));
	draft_free(&said);
	blob_free(&message);
	scene_check(s, duet_counters(&s->d).half_open == 0, "nothing is half open");
	s->d.spec.cookie_threshold = threshold;
}

/* RFC 7296 2.6.1: both orders, and then it goes on. */
static void cookie_and_invalid_ke(struct scene *s)
{
	const uint32_t threshold = s->d.spec.cookie_threshold;
	struct draft said, heard;

	s->d.spec.cookie_threshold = 0;
	scene_init(s, &said);
	draft_find(&said, PAYLOAD_KE)->body.p[1] = 19;
	scene_say_clear(s, &said);
	duet_hear(&s->d, EXCHANGE_IKE_SA_INIT, true, &heard);
	assert_int_equal(blob_copy(&s->d.peer.cookie, draft_notify_data(&heard, NOTIFY_COOKIE)), 0);
	draft_free(&heard);
	peer_ask_init(&s->d.peer, &said);
	draft_find(&said, PAYLOAD_KE)->body.p[1] = 19;
	scene_say_clear(s, &said); /* INVALID_KE_PAYLOAD */
	peer_ask_init(&s->d.peer, &said);
	scene_say(s, &said); /* the right one, with the cookie */
	scene_check(s, duet_counters(&s->d).half_open == 1, "the right one is taken");
	s->d.spec.cookie_threshold = threshold;
}

/* ---- ESP: T32 ---------------------------------------------------------------------------------
 */

static void esp_proposals(struct scene *s)
{
	static const struct transform wrong[] = {
		{ .type = TRANSFORM_ENCR, .id = 11 },		       /* NULL */
		{ .type = TRANSFORM_ENCR, .id = 21, .key_bits = 128 }, /* AES-GMAC */
		{ .type = TRANSFORM_ENCR, .id = ENCR_AES_GCM_16, .key_bits = 0 },
		{ .type = TRANSFORM_ENCR, .id = ENCR_AES_GCM_16, .key_bits = 7 },
		{ .type = TRANSFORM_ENCR, .id = ENCR_AES_GCM_16, .key_bits = 192 },
		{ .type = TRANSFORM_ENCR, .id = ENCR_AES_GCM_16, .key_bits = 65535 },
		{ .type = TRANSFORM_ESN, .id = ESN_YES },
		{ .type = TRANSFORM_ESN, .id = 2 },
	};
	static const uint8_t spi[] = { 1, 2, 3, 4 };

	for (size_t i = 0; i <= N(wrong); i++) {
		struct proposal_spec p = s->d.peer_spec.esp[0];
		struct draft said;

		scene_auth(s, &said);
		for (size_t k = 0; i < N(wrong) && k < p.n; k++)
			if (p.t[k].type == wrong[i].type)
				p.t[k] = wrong[i];
		for (size_t k = 0; i == N(wrong) && k < p.n; k++)
			if (p.t[k].type == TRANSFORM_ESN) /* none at all */
				p.t[k] = p.t[--p.n];
		set_sa(&said, PROTO_ESP, BYTES(spi, 4), &p);
		scene_say(s, &said);
	}
}

#define INIT_REFUSED                      \
	{                                 \
		NOTIFY_NO_PROPOSAL_CHOSEN \
	}

const struct bad_case cases_negotiation[] = {
	{ "T07", "no_group", "CVE-2016-5391 Libreswan", "a proposal without transform type 4", 0,
	  INIT_REFUSED, .play = no_group },
	{ "T08", "unknown_integrity", "CVE-2016-3071 Libreswan",
	  "INTEG AES-XCBC-96, 0, 1, 1023, 65535 alone", 0, INIT_REFUSED,
	  .play = unknown_integrity },
	{ "T09", "weak_prf", "CVE-2018-10811 strongSwan", "PRF HMAC-MD5, 3, 0, 1023, 65535, none",
	  0, INIT_REFUSED, .play = weak_prf },
	{ "T16",
	  "odd_proposals",
	  "CVE-2026-35424, CVE-2023-21758 Windows",
	  "each octet of SA is 0, 1, 2, 3, 8, 127, 128, 255",
	  ALLOW(OUT_GOES_ON) | ALLOW(OUT_DROP),
	  { NOTIFY_NO_PROPOSAL_CHOSEN, NOTIFY_INVALID_SYNTAX, NOTIFY_INVALID_KE_PAYLOAD },
	  .play = odd_proposals },
	{ "T16", "key_lengths", "CVE-2026-35424 Windows", "AES-CBC of 0, 7, 127, 65535 bits", 0,
	  INIT_REFUSED, .play = key_lengths },
	{ "T17", "weak_values", "RFC 6989 2.1; Libreswan impair 05",
	  "KE 0, 1, p-1, p, p+1, 2^2048-1, asked and answered", ALLOW(OUT_DROP) | ALLOW(OUT_KEPT),
	  .real = true, .play = weak_values },
	{ "T18",
	  "value_lengths",
	  "CVE-2023-41913 strongSwan",
	  "group 14 with 0, 1, 255, 257 ... 65527 octets",
	  ALLOW(OUT_DROP),
	  { NOTIFY_INVALID_SYNTAX },
	  .play = value_lengths },
	{ "",
	  "nonce_lengths",
	  "RFC 7296 2.10",
	  "nonces of 0, 1, 15, 257, 1000 octets",
	  ALLOW(OUT_DROP),
	  { NOTIFY_INVALID_SYNTAX },
	  .play = nonce_lengths },
	{ "T43", "cookies_to_us", "Libreswan ddos-cookie-02",
	  "to our request: COOKIE of 0, 65 octets", ALLOW(OUT_DROP) | ALLOW(OUT_KEPT),
	  .play = cookies_to_us },
	{ "T43", "endless_cookies", "Libreswan ddos-cookie-03", "to our request: 50 COOKIEs",
	  ALLOW(OUT_GOES_ON) | ALLOW(OUT_DROP) | ALLOW(OUT_KEPT), .play = endless_cookies },
	{ "T43", "cookies_of_strangers", "RFC 7296 2.6",
	  "under load: no cookie, each octet wrong, another address, 300 s old", ALLOW(OUT_COOKIE),
	  .play = cookies_of_strangers },
	{ "T43",
	  "cookie_and_invalid_ke",
	  "RFC 7296 2.6.1",
	  "under load: a wrong group without and with cookie, then the right one",
	  ALLOW(OUT_COOKIE) | ALLOW(OUT_GOES_ON),
	  { NOTIFY_INVALID_KE_PAYLOAD },
	  .play = cookie_and_invalid_ke },
	{ "T32", "esp_proposals", "CVE-2024-3652 Libreswan",
	  "NULL, AES-GMAC, GCM of 0, 7, 192, 65535 bits, ESN, none", 0, INIT_REFUSED,
	  .play = esp_proposals },
	{ .name = NULL },
};
