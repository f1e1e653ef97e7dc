/* SPDX-License-Identifier: Apache-2.0 */
#include "ike/message/message.h"
#include "lib/flip.h"
#include "lib/sample.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define VERSION_AT 17
#define FLAGS_AT 19
#define LENGTH_AT 24

/* RFC 7296 3.1, by hand: an IKE_SA_INIT request with one empty Vendor ID payload. */
static const uint8_t golden[] = {
	0xa1, 0xa2, 0xa3, 0xa4, 0xa5, 0xa6, 0xa7, 0xa8, /* initiator's SPI */
	0xb1, 0xb2, 0xb3, 0xb4, 0xb5, 0xb6, 0xb7, 0xb8, /* responder's SPI */
	43,   0x20, 34,	  0x08,				/* next payload, version, exchange, I */
	0x01, 0x02, 0x03, 0x04,				/* message ID */
	0,    0,    0,	  32,				/* length */
	0,    0,    0,	  4,				/* V */
};

static const struct ike_header golden_header = {
	.spi_i = 0xa1a2a3a4a5a6a7a8,
	.spi_r = 0xb1b2b3b4b5b6b7b8,
	.next_payload = PAYLOAD_VENDOR,
	.version = 0x20,
	.exchange = EXCHANGE_IKE_SA_INIT,
	.initiator = true,
	.message_id = 0x01020304,
	.length = 32,
};

static void put32(uint8_t *p, size_t v)
{
	p[0] = (uint8_t)(v >> 24);
	p[1] = (uint8_t)(v >> 16);
	p[2] = (uint8_t)(v >> 8);
	p[3] = (uint8_t)v;
}

static enum decode_error header_of(const uint8_t *p, size_t n)
{
	struct ike_header h;

	return ike_header_decode(BYTES(p, n), &h);
}

/* Header and chain of a whole message. */
static enum decode_error decode(struct bytes m, struct payloads *ps, uint8_t *inner_first)
{
	struct ike_header h;
	const enum decode_error e = ike_header_decode(m, &h);

	if (e != DECODE_OK)
		return e;
	return payloads_decode(h.next_payload, BYTES(m.p + IKE_HEADER_LEN, m.n - IKE_HEADER_LEN),
			       ps, inner_first);
}

static void test_header_is_decoded(void **state)
{
	struct ike_header h;

	(void)state;
	assert_int_equal(ike_header_decode(BYTES(golden, sizeof(golden)), &h), DECODE_OK);
	assert_true(h.spi_i == golden_header.spi_i && h.spi_r == golden_header.spi_r);
	assert_int_equal(h.next_payload, PAYLOAD_VENDOR);
	assert_int_equal(h.version, 0x20);
	assert_int_equal(h.exchange, EXCHANGE_IKE_SA_INIT);
	assert_true(h.initiator);
	assert_false(h.response);
	assert_int_equal(h.message_id, 0x01020304);
	assert_int_equal(h.length, 32);
}

static void test_header_is_encoded(void **state)
{
	uint8_t out[sizeof(golden)];
	struct builder b;

	(void)state;
	message_begin(&b, out, sizeof(out), &golden_header);
	payload_begin(&b, PAYLOAD_VENDOR);
	payload_end(&b);
	assert_int_equal(message_end(&b).n, sizeof(golden));
	assert_memory_equal(out, golden, sizeof(golden));
}

static void test_version_and_lengths_are_the_builders(void **state)
{
	struct ike_header h = golden_header;
	uint8_t out[sizeof(golden)];
	struct builder b;

	(void)state;
	h.version = 0x3f;
	h.next_payload = 99;
	h.length = 12345;
	message_begin(&b, out, sizeof(out), &h);
	payload_begin(&b, PAYLOAD_VENDOR);
	payload_end(&b);
	assert_int_equal(message_end(&b).n, sizeof(golden));
	assert_memory_equal(out, golden, sizeof(golden));
}

static void test_flags(void **state)
{
	uint8_t m[sizeof(golden)];
	struct ike_header h;

	(void)state;
	memcpy(m, golden, sizeof(m));
	for (unsigned flags = 0; flags < 256; flags++) {
		/* RFC 7296 3.1: X bits and V MUST be ignored. */
		m[FLAGS_AT] = (uint8_t)flags;
		assert_int_equal(ike_header_decode(BYTES(m, sizeof(m)), &h), DECODE_OK);
		assert_int_equal(h.initiator, (flags & 0x08) != 0);
		assert_int_equal(h.response, (flags & 0x20) != 0);
	}
}

static void test_minor_version_is_ignored(void **state)
{
	uint8_t m[sizeof(golden)];

	(void)state;
	memcpy(m, golden, sizeof(m));
	for (uint8_t minor = 0; minor < 16; minor++) {
		m[VERSION_AT] = (uint8_t)(0x20 | minor);
		assert_int_equal(header_of(m, sizeof(m)), DECODE_OK);
	}
}

static void t11_other_major_versions(void **state)
{
	struct ike_header h;
	uint8_t m[sizeof(golden)];

	(void)state;
	memcpy(m, golden, sizeof(m));
	for (unsigned major = 0; major < 16; major++) {
		m[VERSION_AT] = (uint8_t)(major << 4);
		if (major == 2)
			continue;
		assert_int_equal(ike_header_decode(BYTES(m, sizeof(m)), &h), DECODE_MAJOR_VERSION);
		/* The caller tells IKEv1 (silence) from IKEv3 (an answer) by these. */
		assert_int_equal(h.version, major << 4);
		assert_true(h.spi_i == golden_header.spi_i);
		assert_false(h.response);
		/* Of another version, the length may mean anything. */
		m[LENGTH_AT] = 0xff;
		assert_int_equal(header_of(m, sizeof(m)), DECODE_MAJOR_VERSION);
		m[LENGTH_AT] = 0;
	}
}

static void expect_short(void *arg, uint8_t *p, size_t n, const char *what)
{
	(void)arg;
	(void)what;
	assert_int_equal(header_of(p, n), DECODE_SHORT);
}

static void t12_datagrams_of_0_to_31_octets(void **state)
{
	(void)state;
	assert_int_equal(flip_prefixes(BYTES(golden, sizeof(golden)), expect_short, NULL), 32);
}

static void t12_header_length_other_than_the_datagrams(void **state)
{
	static const struct {
		size_t length;
		enum decode_error error;
	} rows[] = {
		{ 0, DECODE_LENGTH },	 { 27, DECODE_LENGTH },
		{ 28, DECODE_LENGTH },	 { 31, DECODE_LENGTH },
		{ 32, DECODE_OK },	 { 33, DECODE_SHORT },
		{ 65536, DECODE_SHORT }, { 0xffffffff, DECODE_SHORT },
	};
	uint8_t m[sizeof(golden)];

	(void)state;
	memcpy(m, golden, sizeof(m));
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		put32(m + LENGTH_AT, rows[i].length);
		assert_int_equal(header_of(m, sizeof(m)), rows[i].error);
	}
}

static void test_large_datagrams_are_not_read(void **state)
{
	uint8_t *m = calloc(1, IKE_MESSAGE_MAX + 1);

	(void)state;
	assert_non_null(m);
	memcpy(m, golden, IKE_HEADER_LEN);
	put32(m + LENGTH_AT, IKE_MESSAGE_MAX);
	assert_int_equal(header_of(m, IKE_MESSAGE_MAX), DECODE_OK);
	put32(m + LENGTH_AT, IKE_MESSAGE_MAX + 1);
	assert_int_equal(header_of(m, IKE_MESSAGE_MAX + 1), DECODE_TOO_LARGE);
	free(m);
}

static void test_chain_is_walked(void **state)
{
	static const uint8_t chain[] = {
		PAYLOAD_NOTIFY,
		0x00,
		0,
		6,
		0xaa,
		0xbb, /* first, of type NONCE */
		200,
		0x7f,
		0,
		4, /* NOTIFY, reserved bits set */
		0,
		0x80,
		0,
		5,
		0xcc, /* of type 200, critical */
	};
	struct payloads ps;
	uint8_t inner = 99;

	(void)state;
	assert_int_equal(payloads_decode(PAYLOAD_NONCE, BYTES(chain, sizeof(chain)), &ps, &inner),
			 DECODE_OK);
	assert_int_equal(ps.n, 3);
	assert_int_equal(inner, 0);
	assert_int_equal(ps.p[0].type, PAYLOAD_NONCE);
	assert_ptr_equal(ps.p[0].body.p, chain + 4);
	assert_int_equal(ps.p[0].body.n, 2);
	assert_int_equal(ps.p[1].type, PAYLOAD_NOTIFY);
	assert_false(ps.p[1].critical);
	assert_int_equal(ps.p[1].body.n, 0);
	assert_int_equal(ps.p[2].type, 200);
	assert_true(ps.p[2].critical);
	assert_int_equal(ps.p[2].body.p[0], 0xcc);
}

static void test_find_and_count(void **state)
{
	struct payloads ps = { .n = 3 };

	(void)state;
	ps.p[0].type = PAYLOAD_CERT;
	ps.p[1].type = PAYLOAD_NOTIFY;
	ps.p[2].type = PAYLOAD_CERT;
	assert_ptr_equal(payloads_find(&ps, PAYLOAD_CERT), &ps.p[0]);
	assert_ptr_equal(payloads_find(&ps, PAYLOAD_NOTIFY), &ps.p[1]);
	assert_null(payloads_find(&ps, PAYLOAD_SA));
	assert_int_equal(payloads_count(&ps, PAYLOAD_CERT), 2);
	assert_int_equal(payloads_count(&ps, PAYLOAD_SA), 0);
}

static void test_empty_chain(void **state)
{
	struct payloads ps;

	(void)state;
	assert_int_equal(payloads_decode(0, BYTES_NONE, &ps, NULL), DECODE_OK);
	assert_int_equal(ps.n, 0);
	/* A first payload is promised that does not come. */
	assert_int_equal(payloads_decode(PAYLOAD_NOTIFY, BYTES_NONE, &ps, NULL), DECODE_CHAIN);
}

static void t02_chain_that_ends_before_the_octets_do(void **state)
{
	struct payloads ps;
	uint8_t m[sizeof(golden)], buf[SAMPLE_ROOM];

	(void)state;
	/* In the header. */
	memcpy(m, golden, sizeof(m));
	m[16] = PAYLOAD_NONE;
	assert_int_equal(decode(BYTES(m, sizeof(m)), &ps, NULL), DECODE_CHAIN);
	assert_int_equal(ps.n, 0);
	/* In the first payload of a message of several. */
	const struct bytes good = sample_message(&samples[0], buf);
	buf[IKE_HEADER_LEN] = PAYLOAD_NONE;
	assert_int_equal(decode(good, &ps, NULL), DECODE_CHAIN);
	assert_int_equal(ps.n, 0);
}

static void t13_payload_length_zero_to_three_everywhere(void **state)
{
	struct payloads ps;
	uint8_t buf[SAMPLE_ROOM];

	(void)state;
	for (size_t s = 0; s < n_samples; s++) {
		const struct bytes good = sample_message(&samples[s], buf);
		size_t at = IKE_HEADER_LEN;
		while (at < good.n) {
			uint8_t *length = buf + at + 2;
			const uint8_t high = length[0], low = length[1];
			length[0] = 0;
			for (length[1] = 0; length[1] < 4; length[1]++)
				assert_int_equal(decode(good, &ps, NULL), DECODE_CHAIN);
			length[0] = high;
			length[1] = low;
			at += (size_t)high << 8 | low;
		}
		assert_int_equal(at, good.n);
	}
}

static void test_payload_length_past_the_end(void **state)
{
	uint8_t chain[] = { 0, 0, 0, 8, 1, 2, 3, 4 };
	struct payloads ps;

	(void)state;
	assert_int_equal(payloads_decode(PAYLOAD_KE, BYTES(chain, 8), &ps, NULL), DECODE_OK);
	chain[3] = 9;
	assert_int_equal(payloads_decode(PAYLOAD_KE, BYTES(chain, 8), &ps, NULL), DECODE_CHAIN);
	chain[2] = 0xff;
	assert_int_equal(payloads_decode(PAYLOAD_KE, BYTES(chain, 8), &ps, NULL), DECODE_CHAIN);
	chain[2] = 0;
	chain[3] = 7;
	assert_int_equal(payloads_decode(PAYLOAD_KE, BYTES(chain, 8), &ps, NULL), DECODE_CHAIN);
}

static void test_sealed_payload_ends_the_chain(void **state)
{
	static const uint8_t chain[] = { PAYLOAD_IDI, 0, 0, 6, 0xaa, 0xbb };
	static const uint8_t behind_vendor[] = { PAYLOAD_SKF, 0, 0, 4, PAYLOAD_IDR, 0, 0, 5, 1 };
	struct payloads ps;
	uint8_t inner;

	(void)state;
	assert_int_equal(payloads_decode(PAYLOAD_SK, BYTES(chain, 6), &ps, &inner), DECODE_OK);
	assert_int_equal(ps.n, 1);
	assert_int_equal(inner, PAYLOAD_IDI);
	assert_int_equal(payloads_decode(PAYLOAD_SKF, BYTES(chain, 6), &ps, &inner), DECODE_OK);
	assert_int_equal(inner, PAYLOAD_IDI);
	assert_int_equal(payloads_decode(PAYLOAD_VENDOR, BYTES(behind_vendor, 9), &ps, &inner),
			 DECODE_OK);
	assert_int_equal(ps.n, 2);
	assert_int_equal(ps.p[1].type, PAYLOAD_SKF);
	assert_int_equal(inner, PAYLOAD_IDR);
}

static void t41_payloads_behind_a_sealed_one(void **state)
{
	static const uint8_t kinds[] = { PAYLOAD_SK, PAYLOAD_SKF };
	static const uint8_t behind[] = { PAYLOAD_NOTIFY, PAYLOAD_SK, PAYLOAD_SKF, PAYLOAD_NONE };
	struct payloads ps;
	uint8_t chain[] = { 0, 0, 0, 6, 0xaa, 0xbb, 0, 0, 0, 4 };

	(void)state;
	for (size_t k = 0; k < sizeof(kinds); k++) {
		for (size_t i = 0; i < sizeof(behind); i++) {
			chain[0] = behind[i];
			assert_int_equal(
				payloads_decode(kinds[k], BYTES(chain, sizeof(chain)), &ps, NULL),
				DECODE_CHAIN);
			assert_int_equal(ps.n, 0);
		}
	}
}

static void test_number_of_payloads_is_limited(void **state)
{
	uint8_t chain[(IKE_PAYLOADS_MAX + 1) * 4];
	struct builder b;
	struct payloads ps;

	(void)state;
	chain_begin(&b, chain, sizeof(chain));
	for (size_t i = 0; i < IKE_PAYLOADS_MAX; i++) {
		payload_begin(&b, PAYLOAD_VENDOR);
		payload_end(&b);
	}
	assert_int_equal(payloads_decode(b.first, chain_end(&b), &ps, NULL), DECODE_OK);
	assert_int_equal(ps.n, IKE_PAYLOADS_MAX);
	payload_begin(&b, PAYLOAD_VENDOR);
	payload_end(&b);
	assert_int_equal(payloads_decode(b.first, chain_end(&b), &ps, NULL), DECODE_TOO_MANY);
	assert_int_equal(ps.n, 0);
}

static void t15_vendor_id_of_any_size(void **state)
{
	static const size_t sizes[] = { 0, 1, 272, 16000, 65531 };
	uint8_t *buf = malloc(70000), *id = calloc(1, 65531);
	struct payloads ps;
	struct builder b;

	(void)state;
	assert_non_null(buf);
	assert_non_null(id);
	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		chain_begin(&b, buf, 70000);
		payload_begin(&b, PAYLOAD_VENDOR);
		write_bytes(&b.w, BYTES(id, sizes[i]));
		payload_end(&b);
		assert_int_equal(payloads_decode(b.first, chain_end(&b), &ps, NULL), DECODE_OK);
		assert_int_equal(ps.n, 1);
		assert_int_equal(ps.p[0].body.n, sizes[i]);
	}
	free(buf);
	free(id);
}

static void test_builder_refuses_a_payload_that_is_too_long(void **state)
{
	uint8_t *buf = malloc(70000), *data = calloc(1, 65532);
	struct builder b;

	(void)state;
	assert_non_null(buf);
	assert_non_null(data);
	chain_begin(&b, buf, 70000);
	payload_begin(&b, PAYLOAD_CERT);
	write_bytes(&b.w, BYTES(data, 65532));
	payload_end(&b);
	assert_int_equal(chain_end(&b).n, 0);
	free(buf);
	free(data);
}

static void test_builder_without_room_gives_nothing(void **state)
{
	uint8_t buf[SAMPLE_ROOM];
	struct builder b;

	(void)state;
	for (size_t s = 0; s < n_samples; s++) {
		const struct ike_header h = sample_header(&samples[s]);
		const size_t whole = sample_message(&samples[s], buf).n;
		for (size_t room = 0; room < whole; room++) {
			uint8_t *exact = malloc(room > 0 ? room : 1);
			assert_non_null(exact);
			message_begin(&b, exact, room, &h);
			samples[s].payloads(&b);
			assert_int_equal(message_end(&b).n, 0);
			free(exact);
		}
	}
}

static void test_every_sample_comes_back(void **state)
{
	uint8_t buf[SAMPLE_ROOM], chain[SAMPLE_ROOM], first;
	struct payloads ps, inner;
	struct ike_header h;

	(void)state;
	for (size_t s = 0; s < n_samples; s++) {
		const struct bytes m = sample_message(&samples[s], buf);
		assert_int_equal(ike_header_decode(m, &h), DECODE_OK);
		assert_int_equal(h.exchange, samples[s].exchange);
		assert_int_equal(h.response, samples[s].response);
		assert_int_equal(decode(m, &ps, NULL), DECODE_OK);
		assert_int_equal(sample_walk_all(&ps), ps.n);
		/* An inner chain is the same without the header. */
		const struct bytes c = sample_chain(&samples[s], chain, &first);
		assert_int_equal(first, h.next_payload);
		assert_int_equal(c.n, m.n - IKE_HEADER_LEN);
		assert_int_equal(payloads_decode(first, c, &inner, NULL), DECODE_OK);
		assert_int_equal(inner.n, ps.n);
	}
}

/* What is left of a message that was tampered with must be readable, or refused. */
static void walk_message(void *arg, uint8_t *p, size_t n, const char *what)
{
	struct payloads ps;

	(void)arg;
	(void)what;
	if (decode(BYTES(p, n), &ps, NULL) == DECODE_OK)
		sample_walk_all(&ps);
}

static void expect_refusal(void *arg, uint8_t *p, size_t n, const char *what)
{
	struct payloads ps;

	(void)arg;
	if (decode(BYTES(p, n), &ps, NULL) == DECODE_OK)
		fail_msg("%s was taken", what);
}

/* The same with a header length that fits, so that the cut is met by the payloads. */
static void walk_mended(void *arg, uint8_t *p, size_t n, const char *what)
{
	if (n >= IKE_HEADER_LEN)
		put32(p + LENGTH_AT, n);
	if (n < IKE_HEADER_LEN || p[16] != PAYLOAD_NONE)
		expect_refusal(arg, p, n, what);
}

static void test_every_message_cut_and_flipped(void **state)
{
	uint8_t buf[SAMPLE_ROOM];
	size_t n = 0;

	(void)state;
	for (size_t s = 0; s < n_samples; s++) {
		const struct bytes good = sample_message(&samples[s], buf);
		n += flip_prefixes(good, expect_refusal, NULL);
		n += flip_prefixes(good, walk_mended, NULL);
		n += flip_bits(good, walk_message, NULL);
	}
	print_message("%zu variants of %zu messages\n", n, n_samples);
}

static void test_names(void **state)
{
	(void)state;
	assert_string_equal(exchange_name(34), "IKE_SA_INIT");
	assert_string_equal(exchange_name(37), "INFORMATIONAL");
	assert_string_equal(exchange_name(0), "unknown");
	assert_string_equal(payload_name(33), "SA");
	assert_string_equal(payload_name(53), "SKF");
	assert_string_equal(payload_name(200), "unknown");
	assert_string_equal(notify_name(14), "NO_PROPOSAL_CHOSEN");
	assert_string_equal(notify_name(16431), "SIGNATURE_HASH_ALGORITHMS");
	assert_string_equal(notify_name(65535), "unknown");
	for (int e = DECODE_OK; e <= DECODE_TOO_LARGE; e++)
		assert_true(strlen(decode_error_name((enum decode_error)e)) > 3);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_header_is_decoded),
		cmocka_unit_test(test_header_is_encoded),
		cmocka_unit_test(test_version_and_lengths_are_the_builders),
		cmocka_unit_test(test_flags),
		cmocka_unit_test(test_minor_version_is_ignored),
		cmocka_unit_test(t11_other_major_versions),
		cmocka_unit_test(t12_datagrams_of_0_to_31_octets),
		cmocka_unit_test(t12_header_length_other_than_the_datagrams),
		cmocka_unit_test(test_large_datagrams_are_not_read),
		cmocka_unit_test(test_chain_is_walked),
		cmocka_unit_test(test_find_and_count),
		cmocka_unit_test(test_empty_chain),
		cmocka_unit_test(t02_chain_that_ends_before_the_octets_do),
		cmocka_unit_test(t13_payload_length_zero_to_three_everywhere),
		cmocka_unit_test(test_payload_length_past_the_end),
		cmocka_unit_test(test_sealed_payload_ends_the_chain),
		cmocka_unit_test(t41_payloads_behind_a_sealed_one),
		cmocka_unit_test(test_number_of_payloads_is_limited),
		cmocka_unit_test(t15_vendor_id_of_any_size),
		cmocka_unit_test(test_builder_refuses_a_payload_that_is_too_long),
		cmocka_unit_test(test_builder_without_room_gives_nothing),
		cmocka_unit_test(test_every_sample_comes_back),
		cmocka_unit_test(test_every_message_cut_and_flipped),
		cmocka_unit_test(test_names),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
