/* SPDX-License-Identifier: Apache-2.0 */
#include "ike/message/fragment.h"
#include "ike/message/sealed.h"
#include "lib/flip.h"
#include "lib/sample.h"
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define ROOM 8192
#define LENGTH_AT 24
#define BODY_AT (IKE_HEADER_LEN + 4)

static const uint8_t sk_e[ENCR_MAX_KEY] = { 0xe0, 1, 2, 3, 4, 5, 6, 7, 8, 9 };
static const uint8_t sk_a[INTEG_MAX_LEN] = { 0xa0, 1, 2, 3, 4, 5, 6, 7, 8, 9 };

/* Keys for a pair of rows, with a counter of their own. */
struct suite {
	struct seal_keys k;
	uint64_t counter;
};

static void suite_set(struct suite *s, const struct encr_alg *encr, const struct integ_alg *integ)
{
	*s = (struct suite){ .counter = 1 };
	s->k = (struct seal_keys){ .encr = encr,
				   .integ = encr->aead ? NULL : integ,
				   .sk_e = BYTES(sk_e, encr->key_len + encr->salt_len),
				   .iv_counter = &s->counter };
	if (!encr->aead)
		s->k.sk_a = BYTES(sk_a, integ->key_len);
}

/* Calls fn for each pair of rows that make a suite. Returns how many. */
static size_t each_suite(void (*fn)(struct suite *s))
{
	struct suite s;
	size_t n = 0;

	for (size_t e = 0; encr_all()[e] != NULL; e++) {
		for (size_t i = 0; integ_all()[i] != NULL; i++) {
			if (encr_all()[e]->aead && i > 0)
				continue;
			suite_set(&s, encr_all()[e], integ_all()[i]);
			fn(&s);
			n++;
		}
	}
	return n;
}

static void cbc(struct suite *s)
{
	suite_set(s, encr_by_id(ENCR_AES_CBC, 128), integ_by_id(AUTH_HMAC_SHA2_256_128));
}

static void gcm(struct suite *s)
{
	suite_set(s, encr_by_id(ENCR_AES_GCM_16, 128), NULL);
}

static const struct ike_header header = {
	.spi_i = 0x0102030405060708,
	.spi_r = 0x1112131415161718,
	.exchange = EXCHANGE_IKE_AUTH,
	.initiator = true,
	.message_id = 1,
};

static void put32(uint8_t *p, size_t v)
{
	p[0] = (uint8_t)(v >> 24);
	p[1] = (uint8_t)(v >> 16);
	p[2] = (uint8_t)(v >> 8);
	p[3] = (uint8_t)v;
}

/* As the engine does it: header, chain, then open. -EPROTO if it does not get so far. */
static int take(const struct seal_keys *k, uint8_t *m, size_t n, struct bytes *plain,
		uint8_t *inner_first)
{
	struct payloads ps;
	struct ike_header h;

	*plain = BYTES_NONE;
	if (ike_header_decode(BYTES(m, n), &h) != DECODE_OK)
		return -EPROTO;
	if (payloads_decode(h.next_payload, BYTES(m + IKE_HEADER_LEN, n - IKE_HEADER_LEN), &ps,
			    inner_first) != DECODE_OK)
		return -EPROTO;
	return sealed_open(k, m, n, &ps, plain);
}

/* ---- there and back --------------------------------------------------------------------- */

static void round_trip(struct suite *s, size_t n)
{
	uint8_t content[600], m[1024], first = 0;
	struct bytes plain;

	for (size_t i = 0; i < n; i++)
		content[i] = (uint8_t)i;
	const size_t len =
		sealed_seal(&s->k, &header, PAYLOAD_IDI, BYTES(content, n), m, sizeof(m));
	assert_true(len > 0);
	assert_int_equal(len, sealed_size(&s->k, n));
	assert_int_equal(take(&s->k, m, len, &plain, &first), 0);
	assert_int_equal(first, PAYLOAD_IDI);
	assert_true(bytes_equal(plain, BYTES(content, n)));
	assert_true(plain.p >= m && plain.p + plain.n <= m + len); /* in place */
}

static void round_trips(struct suite *s)
{
	for (size_t n = 0; n < 70; n++)
		round_trip(s, n);
	round_trip(s, 600);
}

static void test_every_suite_there_and_back(void **state)
{
	(void)state;
	print_message("%zu suites\n", each_suite(round_trips));
}

static void fragment_there_and_back(struct suite *s)
{
	static const uint8_t part[] = "a part of some chain";
	uint8_t m[256], first;
	uint16_t number, total;
	struct payloads ps;
	struct bytes plain;

	for (uint16_t i = 1; i <= 3; i++) {
		const size_t n = sealed_seal_fragment(&s->k, &header, PAYLOAD_IDI, i, 3,
						      BYTES(part, sizeof(part)), m, sizeof(m));
		assert_int_equal(n, sealed_fragment_size(&s->k, sizeof(part)));
		assert_int_equal(m[16], PAYLOAD_SKF);
		assert_int_equal(payloads_decode(PAYLOAD_SKF,
						 BYTES(m + IKE_HEADER_LEN, n - IKE_HEADER_LEN), &ps,
						 &first),
				 DECODE_OK);
		/* RFC 7383 2.5: in the rest of the fragments it MUST be zero. */
		assert_int_equal(first, i == 1 ? PAYLOAD_IDI : PAYLOAD_NONE);
		assert_true(skf_numbers(ps.p[0].body, &number, &total));
		assert_int_equal(number, i);
		assert_int_equal(total, 3);
		assert_int_equal(sealed_open(&s->k, m, n, &ps, &plain), 0);
		assert_true(bytes_equal(plain, BYTES(part, sizeof(part))));
	}
}

static void test_every_suite_in_fragments(void **state)
{
	(void)state;
	each_suite(fragment_there_and_back);
}

static void test_header_is_as_given(void **state)
{
	struct ike_header h;
	struct suite s;
	uint8_t m[256];

	(void)state;
	cbc(&s);
	const size_t n = sealed_seal(&s.k, &header, 0, BYTES_NONE, m, sizeof(m));
	assert_int_equal(ike_header_decode(BYTES(m, n), &h), DECODE_OK);
	assert_true(h.spi_i == header.spi_i && h.spi_r == header.spi_r);
	assert_int_equal(h.next_payload, PAYLOAD_SK);
	assert_int_equal(h.exchange, EXCHANGE_IKE_AUTH);
	assert_true(h.initiator && !h.response);
	assert_int_equal(h.message_id, 1);
	assert_int_equal(h.length, n);
}

/* The whole way of a message that is too large: split, sealed, opened, joined, in reverse. */
static void through_fragments(struct suite *s)
{
	uint8_t buf[SAMPLE_ROOM], m[4][256], first, joined_first;
	const struct bytes chain = sample_chain(&samples[3], buf, &first);
	const size_t limit = 256;
	struct fragments *q = NULL;
	struct blob joined;
	struct bytes plain;
	uint16_t total;
	const size_t part = fragment_part_size(&s->k, limit, chain.n, &total);

	assert_true(total > 1 && total <= 4);
	for (uint16_t i = total; i > 0; i--) {
		const size_t at = part * (i - 1u);
		const size_t n = chain.n - at < part ? chain.n - at : part;
		const size_t len = sealed_seal_fragment(&s->k, &header, first, i, total,
							BYTES(chain.p + at, n), m[i - 1], limit);
		uint8_t inner;
		assert_true(len > 0 && len <= limit);
		assert_int_equal(take(&s->k, m[i - 1], len, &plain, &inner), 0);
		assert_int_equal(
			fragments_add(&q, 1, i, total, inner, plain, &joined, &joined_first),
			i > 1 ? FRAGMENT_QUEUED : FRAGMENT_COMPLETE);
	}
	assert_int_equal(joined_first, first);
	assert_true(bytes_equal(blob_view(&joined), chain));
	blob_free(&joined);
}

static void test_large_message_through_fragments(void **state)
{
	(void)state;
	each_suite(through_fragments);
}

/* ---- initialisation vectors ------------------------------------------------------------- */

static void test_cbc_vectors_are_random(void **state)
{
	uint8_t a[256], b[256];
	struct suite s;

	(void)state;
	cbc(&s);
	s.k.iv_counter = NULL; /* not needed */
	const size_t n = sealed_seal(&s.k, &header, 0, BYTES_NONE, a, sizeof(a));
	assert_int_equal(sealed_seal(&s.k, &header, 0, BYTES_NONE, b, sizeof(b)), n);
	assert_memory_not_equal(a + BODY_AT, b + BODY_AT, 16);
}

static void test_gcm_vectors_count(void **state)
{
	static const uint8_t expected[] = { 0, 0, 0, 1, 0, 0, 0, 0 };
	struct suite s;
	uint8_t m[256];

	(void)state;
	gcm(&s);
	s.counter = UINT64_C(1) << 32;
	assert_true(sealed_seal(&s.k, &header, 0, BYTES_NONE, m, sizeof(m)) > 0);
	assert_memory_equal(m + BODY_AT, expected, sizeof(expected));
	assert_true(s.counter == (UINT64_C(1) << 32) + 1);
	assert_true(sealed_seal_fragment(&s.k, &header, 0, 1, 1, BYTES_NONE, m, sizeof(m)) > 0);
	assert_int_equal(m[BODY_AT + 4 + 7], 1);
	assert_true(s.counter == (UINT64_C(1) << 32) + 2);
}

static void test_gcm_counter_never_turns_round(void **state)
{
	struct suite s;
	uint8_t m[256];

	(void)state;
	gcm(&s);
	s.counter = UINT64_MAX - 1;
	assert_true(sealed_seal(&s.k, &header, 0, BYTES_NONE, m, sizeof(m)) > 0);
	assert_int_equal(sealed_seal(&s.k, &header, 0, BYTES_NONE, m, sizeof(m)), 0);
	assert_int_equal(sealed_seal(&s.k, &header, 0, BYTES_NONE, m, sizeof(m)), 0);
	assert_true(s.counter == UINT64_MAX);
	s.k.iv_counter = NULL;
	assert_int_equal(sealed_seal(&s.k, &header, 0, BYTES_NONE, m, sizeof(m)), 0);
}

/* ---- what does not fit ------------------------------------------------------------------ */

static void room_one_short(struct suite *s)
{
	for (size_t n = 0; n < 40; n++) {
		const size_t room = sealed_size(&s->k, n);
		uint8_t *exact = malloc(room), content[40] = { 0 };
		assert_non_null(exact);
		assert_int_equal(sealed_seal(&s->k, &header, 0, BYTES(content, n), exact, room),
				 room);
		free(exact);
		exact = malloc(room - 1);
		assert_non_null(exact);
		assert_int_equal(sealed_seal(&s->k, &header, 0, BYTES(content, n), exact, room - 1),
				 0);
		free(exact);
	}
}

static void test_room_to_the_octet(void **state)
{
	(void)state;
	each_suite(room_one_short);
}

static void test_payload_longer_than_its_field(void **state)
{
	uint8_t *content = calloc(1, 65536), *m = malloc(66000);
	struct suite s;

	(void)state;
	assert_non_null(content);
	assert_non_null(m);
	gcm(&s);
	/* 65535 = 4 + 8 + 65506 + 1 + 16 */
	assert_true(sealed_seal(&s.k, &header, 0, BYTES(content, 65506), m, 66000) > 0);
	assert_int_equal(sealed_seal(&s.k, &header, 0, BYTES(content, 65507), m, 66000), 0);
	free(content);
	free(m);
}

static void wrong_keys(struct suite *s)
{
	const struct seal_keys good = s->k;
	uint8_t m[256], first;
	struct bytes plain;
	const size_t n = sealed_seal(&s->k, &header, 0, BYTES_NONE, m, sizeof(m));

	assert_true(n > 0);
	s->k.sk_e.n--;
	assert_int_equal(sealed_seal(&s->k, &header, 0, BYTES_NONE, m + n, sizeof(m) - n), 0);
	assert_int_equal(take(&s->k, m, n, &plain, &first), -EIO);
	s->k = good;
	if (s->k.encr->aead)
		return;
	s->k.sk_a.n--;
	assert_int_equal(take(&s->k, m, n, &plain, &first), -EIO);
	s->k = good;
	s->k.integ = NULL;
	assert_int_equal(take(&s->k, m, n, &plain, &first), -EIO);
	s->k = good;
	s->k.encr = NULL;
	assert_int_equal(take(&s->k, m, n, &plain, &first), -EIO);
}

static void test_keys_of_the_wrong_size(void **state)
{
	(void)state;
	each_suite(wrong_keys);
}

static void other_keys(struct suite *s)
{
	uint8_t m[256], key[ENCR_MAX_KEY], mac[INTEG_MAX_LEN], first;
	struct bytes plain;
	const size_t n = sealed_seal(&s->k, &header, 0, BYTES_NONE, m, sizeof(m));

	memcpy(key, sk_e, sizeof(key));
	memcpy(mac, sk_a, sizeof(mac));
	key[s->k.sk_e.n - 1] ^= 1; /* with GCM, the salt */
	mac[0] ^= 1;
	s->k.sk_e.p = key;
	if (!s->k.encr->aead)
		s->k.sk_a.p = mac;
	assert_int_equal(take(&s->k, m, n, &plain, &first), -EBADMSG);
}

static void test_other_keys(void **state)
{
	(void)state;
	each_suite(other_keys);
}

/* ---- tampering -------------------------------------------------------------------------- */

static void expect_refusal(void *arg, uint8_t *p, size_t n, const char *what)
{
	const struct suite *s = arg;
	struct bytes plain;
	uint8_t first;
	const int r = take(&s->k, p, n, &plain, &first);

	if ((r != -EPROTO && r != -EBADMSG) || plain.n != 0)
		fail_msg("%s: %d", what, r);
}

/* The same, with lengths that fit what is left: now the cut is met by sealed_open(). */
static void expect_refusal_mended(void *arg, uint8_t *p, size_t n, const char *what)
{
	if (n >= BODY_AT) {
		put32(p + LENGTH_AT, n);
		p[BODY_AT - 2] = (uint8_t)((n - IKE_HEADER_LEN) >> 8);
		p[BODY_AT - 1] = (uint8_t)(n - IKE_HEADER_LEN);
	}
	expect_refusal(arg, p, n, what);
}

static size_t variants;

static void cut_and_flip(struct suite *s)
{
	uint8_t buf[SAMPLE_ROOM], m[SAMPLE_ROOM], first;
	const struct bytes chain = sample_chain(&samples[8], buf, &first);
	const size_t n = sealed_seal(&s->k, &header, first, chain, m, sizeof(m));

	assert_true(n > 0);
	variants += flip_all(BYTES(m, n), expect_refusal, s);
	variants += flip_prefixes(BYTES(m, n), expect_refusal_mended, s);
}

static void t27_every_message_cut_and_flipped(void **state)
{
	(void)state;
	variants = 0;
	const size_t n = each_suite(cut_and_flip);
	print_message("%zu variants of %zu messages\n", variants, n);
}

static void cut_and_flip_fragment(struct suite *s)
{
	static const uint8_t part[33] = { 1 };
	uint8_t m[256];
	const size_t n = sealed_seal_fragment(&s->k, &header, PAYLOAD_IDI, 1, 2,
					      BYTES(part, sizeof(part)), m, sizeof(m));

	assert_true(n > 0);
	variants += flip_all(BYTES(m, n), expect_refusal, s);
	variants += flip_prefixes(BYTES(m, n), expect_refusal_mended, s);
}

/* Number and total are covered by integrity like the rest (RFC 7383 2.5). */
static void t48_every_fragment_cut_and_flipped(void **state)
{
	(void)state;
	variants = 0;
	const size_t n = each_suite(cut_and_flip_fragment);
	print_message("%zu variants of %zu fragments\n", variants, n);
}

/* An SKF payload with a body of n octets, all zero. */
static void short_fragment(struct suite *s, size_t n)
{
	uint8_t *m = malloc(BODY_AT + n), first;
	struct bytes plain;
	struct builder b;

	assert_non_null(m);
	message_begin(&b, m, BODY_AT + n, &header);
	payload_begin(&b, PAYLOAD_SKF);
	for (size_t i = 0; i < n; i++)
		write_u8(&b.w, 0);
	payload_end(&b);
	assert_int_equal(message_end(&b).n, BODY_AT + n);
	assert_int_equal(take(&s->k, m, BODY_AT + n, &plain, &first), -EBADMSG);
	free(m);
}

static void short_fragments(struct suite *s)
{
	const size_t whole = sealed_fragment_size(&s->k, 40) - BODY_AT;

	for (size_t n = 0; n <= whole; n++)
		short_fragment(s, n);
}

static void t48_fragments_of_every_length(void **state)
{
	(void)state;
	each_suite(short_fragments);
}

static void test_numbers_of_a_short_fragment(void **state)
{
	static const uint8_t body[] = { 0x01, 0x02, 0x03, 0x04 };
	uint16_t number, total;

	(void)state;
	for (size_t n = 0; n < 4; n++)
		assert_false(skf_numbers(BYTES(body, n), &number, &total));
	assert_true(skf_numbers(BYTES(body, 4), &number, &total));
	assert_int_equal(number, 0x0102);
	assert_int_equal(total, 0x0304);
}

/* ---- by hand ---------------------------------------------------------------------------- */

/*
 * A message { [V,] SK { text } } where the caller chose content and padding himself. Sealed without
 * the code under test; returns its length.
 */
static size_t seal_by_hand(const struct seal_keys *k, bool vendor, struct bytes text, uint8_t *m)
{
	const size_t icv_len = k->encr->aead ? k->encr->icv_len : k->integ->icv_len;
	struct builder b;
	size_t iv, at;

	message_begin(&b, m, ROOM, &header);
	if (vendor) {
		payload_begin(&b, PAYLOAD_VENDOR);
		write_u32(&b.w, 0xcafe);
		payload_end(&b);
	}
	payload_begin(&b, PAYLOAD_SK);
	iv = b.w.n;
	memset(write_space(&b.w, k->encr->iv_len), 7, k->encr->iv_len);
	at = b.w.n;
	write_bytes(&b.w, text);
	memset(write_space(&b.w, icv_len), 0, icv_len);
	payload_end(&b);
	const struct bytes whole = message_end(&b), covered = BYTES(m, at + text.n);
	assert_true(whole.n > 0);
	/* RFC 5282 5.1: all before the IV is associated data. */
	assert_int_equal(k->encr->seal(k->encr, k->sk_e.p, m + iv,
				       k->encr->aead ? BYTES(m, iv) : BYTES_NONE, m + at, text.n,
				       k->encr->aead ? m + at + text.n : NULL),
			 0);
	if (!k->encr->aead)
		assert_int_equal(k->integ->compute(k->integ, k->sk_a, &covered, 1, m + at + text.n),
				 0);
	return whole.n;
}

/* text octets of which the last says `pad`. */
static int open_padded(struct suite *s, size_t text, uint8_t pad, struct bytes *plain, uint8_t *m)
{
	uint8_t content[512], first;

	memset(content, 0x55, sizeof(content));
	content[text - 1] = pad;
	return take(&s->k, m, seal_by_hand(&s->k, false, BYTES(content, text), m), plain, &first);
}

static void all_paddings(struct suite *s)
{
	static uint8_t m[ROOM];
	struct bytes plain;

	/* RFC 7296 3.14: any length that results in proper alignment, of any content. */
	for (unsigned pad = 0; pad < 256; pad++) {
		assert_int_equal(open_padded(s, 256, (uint8_t)pad, &plain, m), 0);
		assert_int_equal(plain.n, 255 - pad);
	}
}

static void test_any_padding_is_taken(void **state)
{
	(void)state;
	each_suite(all_paddings);
}

static void too_much_padding(struct suite *s)
{
	static uint8_t m[ROOM];
	struct bytes plain;

	for (unsigned pad = 16; pad < 256; pad++)
		assert_int_equal(open_padded(s, 16, (uint8_t)pad, &plain, m), -EBADMSG);
	assert_int_equal(plain.n, 0);
	assert_int_equal(open_padded(s, 16, 15, &plain, m), 0);
	assert_int_equal(plain.n, 0);
}

static void test_padding_longer_than_the_text(void **state)
{
	(void)state;
	each_suite(too_much_padding);
}

static void after_vendor(struct suite *s)
{
	static const uint8_t text[16] = { 'x', [15] = 14 };
	static uint8_t m[ROOM];
	struct bytes plain;
	uint8_t first;
	size_t n = seal_by_hand(&s->k, true, BYTES(text, 16), m);

	/* Payloads between header and SK are covered too. */
	assert_int_equal(take(&s->k, m, n, &plain, &first), 0);
	assert_true(bytes_equal(plain, BYTES(text, 1)));
	n = seal_by_hand(&s->k, true, BYTES(text, 16), m);
	m[BODY_AT] ^= 1;
	assert_int_equal(take(&s->k, m, n, &plain, &first), -EBADMSG);
}

static void test_payloads_in_front_are_covered(void **state)
{
	(void)state;
	each_suite(after_vendor);
}

static void test_text_must_fill_blocks(void **state)
{
	static uint8_t m[ROOM];
	struct bytes plain;
	struct suite s;
	uint8_t first;

	(void)state;
	cbc(&s);
	/* 16 octets, whose ICV is then made for one octet less. */
	static const uint8_t text[16] = { 0 };
	size_t n = seal_by_hand(&s.k, false, BYTES(text, 16), m) - 1;
	const struct bytes covered = BYTES(m, n - 16);
	put32(m + LENGTH_AT, n);
	m[BODY_AT - 1]--;
	assert_int_equal(s.k.integ->compute(s.k.integ, s.k.sk_a, &covered, 1, m + n - 16), 0);
	assert_int_equal(take(&s.k, m, n, &plain, &first), -EBADMSG);
}

static void test_payloads_that_are_not_the_datagrams(void **state)
{
	uint8_t m[256], other[256], first;
	struct payloads ps, none = { 0 };
	struct bytes plain;
	struct suite s;

	(void)state;
	gcm(&s);
	const size_t n = sealed_seal(&s.k, &header, 0, BYTES_NONE, m, sizeof(m));
	memcpy(other, m, sizeof(m));
	assert_int_equal(payloads_decode(PAYLOAD_SK, BYTES(m + IKE_HEADER_LEN, n - IKE_HEADER_LEN),
					 &ps, &first),
			 DECODE_OK);
	assert_int_equal(sealed_open(&s.k, other, n, &ps, &plain), -EBADMSG);
	assert_int_equal(sealed_open(&s.k, m, n - 1, &ps, &plain), -EBADMSG);
	assert_int_equal(sealed_open(&s.k, m, 4, &ps, &plain), -EBADMSG);
	assert_int_equal(sealed_open(&s.k, m, n, &none, &plain), -EBADMSG);
	ps.p[0].type = PAYLOAD_VENDOR;
	assert_int_equal(sealed_open(&s.k, m, n, &ps, &plain), -EBADMSG);
	ps.p[0].type = PAYLOAD_SK;
	assert_int_equal(sealed_open(&s.k, m, n, &ps, &plain), 0);
}

/* ---- stand-in rows ---------------------------------------------------------------------- */

static unsigned opened;

static int count_open(const struct encr_alg *alg, const uint8_t *key, const uint8_t *iv,
		      struct bytes aad, uint8_t *data, size_t n, const uint8_t *icv)
{
	(void)alg, (void)key, (void)iv, (void)aad, (void)data, (void)n, (void)icv;
	opened++;
	return 0;
}

static int fail_seal(const struct encr_alg *alg, const uint8_t *key, const uint8_t *iv,
		     struct bytes aad, uint8_t *data, size_t n, uint8_t *icv)
{
	(void)alg, (void)key, (void)iv, (void)aad, (void)data, (void)n, (void)icv;
	return -EIO;
}

static int fail_integ(const struct integ_alg *alg, struct bytes key, const struct bytes *parts,
		      size_t n_parts, uint8_t *icv)
{
	(void)alg, (void)key, (void)parts, (void)n_parts, (void)icv;
	return -ENOMEM;
}

static void test_integrity_comes_before_decryption(void **state)
{
	struct encr_alg counting;
	uint8_t m[256], copy[256], first;
	struct bytes plain;
	struct suite s;

	(void)state;
	cbc(&s);
	const size_t n = sealed_seal(&s.k, &header, 0, BYTES_NONE, m, sizeof(m));
	counting = *s.k.encr;
	counting.open = count_open;
	s.k.encr = &counting;
	opened = 0;
	m[n - 1] ^= 1;
	memcpy(copy, m, n);
	assert_int_equal(take(&s.k, m, n, &plain, &first), -EBADMSG);
	assert_int_equal(opened, 0);
	assert_memory_equal(m, copy, n);
	m[n - 1] ^= 1;
	(void)take(&s.k, m, n, &plain, &first);
	assert_int_equal(opened, 1);
}

static void test_failure_of_the_library_is_passed_on(void **state)
{
	struct integ_alg failing;
	uint8_t m[256], first;
	struct bytes plain;
	struct suite s;

	(void)state;
	cbc(&s);
	const size_t n = sealed_seal(&s.k, &header, 0, BYTES_NONE, m, sizeof(m));
	failing = *s.k.integ;
	failing.compute = fail_integ;
	s.k.integ = &failing;
	assert_int_equal(take(&s.k, m, n, &plain, &first), -ENOMEM);
	assert_int_equal(sealed_seal(&s.k, &header, 0, BYTES_NONE, m, sizeof(m)), 0);
}

static void test_failed_sealing_leaves_no_plaintext(void **state)
{
	static const uint8_t content[] = "nobody shall see this";
	struct encr_alg failing = *encr_by_id(ENCR_AES_GCM_16, 128);
	uint8_t m[256];
	struct suite s;

	(void)state;
	failing.seal = fail_seal;
	suite_set(&s, &failing, NULL);
	memset(m, 0, sizeof(m));
	assert_int_equal(
		sealed_seal(&s.k, &header, 0, BYTES(content, sizeof(content)), m, sizeof(m)), 0);
	for (size_t i = 0; i < sizeof(m); i++)
		assert_int_equal(m[i], 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_every_suite_there_and_back),
		cmocka_unit_test(test_every_suite_in_fragments),
		cmocka_unit_test(test_header_is_as_given),
		cmocka_unit_test(test_large_message_through_fragments),
		cmocka_unit_test(test_cbc_vectors_are_random),
		cmocka_unit_test(test_gcm_vectors_count),
		cmocka_unit_test(test_gcm_counter_never_turns_round),
		cmocka_unit_test(test_room_to_the_octet),
		cmocka_unit_test(test_payload_longer_than_its_field),
		cmocka_unit_test(test_keys_of_the_wrong_size),
		cmocka_unit_test(test_other_keys),
		cmocka_unit_test(t27_every_message_cut_and_flipped),
		cmocka_unit_test(t48_every_fragment_cut_and_flipped),
		cmocka_unit_test(t48_fragments_of_every_length),
		cmocka_unit_test(test_numbers_of_a_short_fragment),
		cmocka_unit_test(test_any_padding_is_taken),
		cmocka_unit_test(test_padding_longer_than_the_text),
		cmocka_unit_test(test_payloads_in_front_are_covered),
		cmocka_unit_test(test_text_must_fill_blocks),
		cmocka_unit_test(test_payloads_that_are_not_the_datagrams),
		cmocka_unit_test(test_integrity_comes_before_decryption),
		cmocka_unit_test(test_failure_of_the_library_is_passed_on),
		cmocka_unit_test(test_failed_sealing_leaves_no_plaintext),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
