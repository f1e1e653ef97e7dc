/* SPDX-License-Identifier: Apache-2.0 */
#include "ike/message/payload.h"
#include "lib/flip.h"
#include "lib/sample.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define N_ELEMENTS(a) (sizeof(a) / sizeof((a)[0]))
#define OCTETS(...) \
	BYTES(((const uint8_t[]){ __VA_ARGS__ }), sizeof((const uint8_t[]){ __VA_ARGS__ }))
#define ROOM 2048

/* ---- one payload in a chain of its own -------------------------------------------------- */

struct one {
	uint8_t buf[ROOM];
	struct builder b;
};

static struct builder *begin(struct one *o)
{
	chain_begin(&o->b, o->buf, sizeof(o->buf));
	return &o->b;
}

/* The body of the payload that was encoded, whose type and generic header must be right. */
static struct bytes body(struct one *o, uint8_t type)
{
	const struct bytes c = chain_end(&o->b);

	assert_true(c.n >= 4);
	assert_int_equal(o->b.first, type);
	assert_int_equal(c.p[0], 0);
	assert_int_equal(c.p[1], 0);
	assert_int_equal(c.p[2] << 8 | c.p[3], c.n);
	return BYTES(c.p + 4, c.n - 4);
}

static void expect_body(struct one *o, uint8_t type, struct bytes expected)
{
	const struct bytes b = body(o, type);

	assert_int_equal(b.n, expected.n);
	assert_memory_equal(b.p, expected.p, expected.n);
}

static void expect_bytes(struct bytes b, struct bytes expected)
{
	assert_int_equal(b.n, expected.n);
	if (b.n > 0)
		assert_memory_equal(b.p, expected.p, b.n);
}

/* ---- 3.3: SA ---------------------------------------------------------------------------- */

/* Two proposals, with SPIs, as RFC 7296 3.3.1 and 3.3.2 draw them. */
static const uint8_t sa_golden[] = {
	2, 0, 0, 40, 1, 3, 4, 3,  0xc0, 0xff, 0xee, 0x01, /* proposal 1: ESP, SPI, 3 transforms */
	3, 0, 0, 12, 1, 0, 0, 20, 0x80, 14,   0,    128,  /* ENCR_AES_GCM_16, Key Length 128 */
	3, 0, 0, 8,  4, 0, 0, 14,			  /* group 14 */
	0, 0, 0, 8,  5, 0, 0, 0,			  /* no ESN */
	0, 0, 0, 20, 2, 3, 4, 1,  0xc0, 0xff, 0xee, 0x01, /* proposal 2: one transform */
	0, 0, 0, 8,  5, 0, 0, 1,			  /* ESN */
};
#define SA_SECOND 40 /* where proposal 2 starts */

static const struct proposal_spec sa_specs[] = {
	{ .t = { { TRANSFORM_ENCR, ENCR_AES_GCM_16, 128 },
		 { TRANSFORM_KE, KE_MODP_2048, 0 },
		 { TRANSFORM_ESN, ESN_NO, 0 } },
	  .n = 3 },
	{ .t = { { TRANSFORM_ESN, ESN_YES, 0 } }, .n = 1 },
};

static const uint8_t spi4[] = { 0xc0, 0xff, 0xee, 0x01 };

static bool sa_decodes(struct bytes b)
{
	const struct payload p = { .type = PAYLOAD_SA, .body = b };

	return sample_walk(&p);
}

static void test_sa_is_encoded(void **state)
{
	struct one o;

	(void)state;
	sa_encode(begin(&o), PROTO_ESP, BYTES(spi4, 4), sa_specs, 2);
	expect_body(&o, PAYLOAD_SA, BYTES(sa_golden, sizeof(sa_golden)));
}

static void test_sa_is_decoded(void **state)
{
	struct transform_view t;
	struct sa_view sa;
	size_t pos = 0;

	(void)state;
	assert_true(sa_decode(BYTES(sa_golden, sizeof(sa_golden)), &sa));
	assert_int_equal(sa.n, 2);
	assert_int_equal(sa.p[0].number, 1);
	assert_int_equal(sa.p[0].protocol, PROTO_ESP);
	expect_bytes(sa.p[0].spi, BYTES(spi4, 4));
	for (size_t i = 0; i < sa_specs[0].n; i++) {
		assert_true(transform_next(&sa.p[0], &pos, &t));
		assert_int_equal(t.t.type, sa_specs[0].t[i].type);
		assert_int_equal(t.t.id, sa_specs[0].t[i].id);
		assert_int_equal(t.t.key_bits, sa_specs[0].t[i].key_bits);
		assert_false(t.unknown_attribute);
	}
	assert_false(transform_next(&sa.p[0], &pos, &t));
	assert_false(transform_next(&sa.p[0], &pos, &t));
	assert_int_equal(sa.p[1].number, 2);
	assert_int_equal(sa.p[1].n_transforms, 1);
}

static void test_sa_answer_keeps_the_number(void **state)
{
	struct sa_view sa;
	struct one o;

	(void)state;
	sa_encode_chosen(begin(&o), 7, PROTO_IKE, OCTETS(1, 2, 3, 4, 5, 6, 7, 8), sa_specs[0].t, 3);
	assert_true(sa_decode(body(&o, PAYLOAD_SA), &sa));
	assert_int_equal(sa.n, 1);
	assert_int_equal(sa.p[0].number, 7);
	assert_int_equal(sa.p[0].protocol, PROTO_IKE);
	assert_int_equal(sa.p[0].spi.n, 8);
	assert_int_equal(sa.p[0].n_transforms, 3);
}

/* sa_golden with one octet changed. */
static bool sa_with(size_t at, uint8_t v)
{
	uint8_t b[sizeof(sa_golden)];

	memcpy(b, sa_golden, sizeof(b));
	b[at] = v;
	return sa_decodes(BYTES(b, sizeof(b)));
}

static void t16_counts_that_are_wrong(void **state)
{
	(void)state;
	assert_true(sa_with(7, 3));
	for (unsigned n = 0; n < 256; n++)
		if (n != 3)
			assert_false(sa_with(7, (uint8_t)n));
	/* No transforms at all, and truly so. */
	assert_false(sa_decodes(OCTETS(0, 0, 0, 8, 1, 1, 0, 0)));
	/* No proposals at all. */
	assert_false(sa_decodes(BYTES_NONE));
}

static void t16_last_substructure_misused(void **state)
{
	static const size_t at[] = { 0, 12, 24, 32, SA_SECOND, SA_SECOND + 12 };

	(void)state;
	for (size_t i = 0; i < N_ELEMENTS(at); i++)
		for (unsigned v = 0; v < 256; v++)
			assert_int_equal(sa_with(at[i], (uint8_t)v), v == sa_golden[at[i]]);
}

static void t16_lengths_that_are_wrong(void **state)
{
	static const size_t at[] = { 3, 15, 27, 35, SA_SECOND + 3, SA_SECOND + 15 };

	(void)state;
	for (size_t i = 0; i < N_ELEMENTS(at); i++) {
		for (unsigned v = 0; v < 256; v++)
			assert_int_equal(sa_with(at[i], (uint8_t)v), v == sa_golden[at[i]]);
		assert_false(sa_with(at[i] - 1, 0xff));
	}
}

static void t16_spi_size(void **state)
{
	struct sa_view sa;

	(void)state;
	for (unsigned v = 0; v < 256; v++)
		assert_int_equal(sa_with(6, (uint8_t)v), v == 4);
	/* 255 octets that are there: a view, to be judged by whoever knows the protocol. */
	uint8_t b[8 + 255 + 8] = { 0, 0, 1, 15, 1, 3, 255, 1 };
	memcpy(b + 8 + 255, OCTETS(0, 0, 0, 8, 5, 0, 0, 0).p, 8);
	assert_true(sa_decode(BYTES(b, sizeof(b)), &sa));
	assert_int_equal(sa.p[0].spi.n, 255);
}

/* A proposal of one transform ENCR_AES_CBC with these attributes; false if it does not decode. */
static bool encr_with(struct bytes attributes, struct transform_view *t)
{
	uint8_t b[64] = { 0, 0, 0, 0, 1, 1, 0, 1, 0, 0, 0, 0, 1, 0, 0, 12 };
	const size_t n = 16 + attributes.n;
	struct sa_view sa;
	size_t pos = 0;

	assert_true(n <= sizeof(b));
	b[3] = (uint8_t)n;
	b[11] = (uint8_t)(n - 8);
	memcpy(b + 16, attributes.p, attributes.n);
	return sa_decode(BYTES(b, n), &sa) && transform_next(&sa.p[0], &pos, t);
}

static void t16_t32_key_length_attributes(void **state)
{
	static const struct {
		uint8_t octets[12];
		size_t n;
		bool decodes, understood;
		uint16_t key_bits;
	} rows[] = {
		{ { 0 }, 0, true, true, 0 }, /* absent */
		{ { 0x80, 14, 0, 128 }, 4, true, true, 128 },
		{ { 0x80, 14, 0, 7 }, 4, true, true, 7 }, /* fits no row */
		{ { 0x80, 14, 0xff, 0xff }, 4, true, true, 65535 },
		{ { 0x80, 14, 0, 0 }, 4, true, false, 0 }, /* not the same as absent */
		{ { 0x80, 14, 0, 128, 0x80, 14, 0, 128 }, 8, true, false, 128 }, /* twice */
		{ { 0x80, 14, 0, 128, 0x80, 14, 1, 0 }, 8, true, false, 128 },
		{ { 0, 14, 0, 2, 0, 128 }, 6, true, false, 0 }, /* as TLV */
		{ { 0x80, 15, 0, 128 }, 4, true, false, 0 },	/* another attribute */
		{ { 0x80, 14, 0, 128, 0, 99, 0, 1, 5 }, 9, true, false, 128 },
		{ { 0, 99, 0, 0 }, 4, true, false, 0 },	 /* TLV without value */
		{ { 0, 99, 0, 1 }, 4, false, false, 0 }, /* TLV past the end */
		{ { 0, 99, 0xff, 0xff, 0 }, 5, false, false, 0 },
		{ { 0x80, 14, 0 }, 3, false, false, 0 }, /* cut short */
		{ { 0x80 }, 1, false, false, 0 },
	};

	(void)state;
	for (size_t i = 0; i < N_ELEMENTS(rows); i++) {
		struct transform_view t = { 0 };
		assert_int_equal(encr_with(BYTES(rows[i].octets, rows[i].n), &t), rows[i].decodes);
		if (!rows[i].decodes)
			continue;
		assert_int_equal(t.unknown_attribute, !rows[i].understood);
		assert_int_equal(t.t.key_bits, rows[i].key_bits);
		assert_int_equal(t.t.id, ENCR_AES_CBC);
	}
}

static void test_reserved_fields_of_sa_are_ignored(void **state)
{
	(void)state;
	assert_true(sa_with(1, 0xff));
	assert_true(sa_with(13, 0xff));
	assert_true(sa_with(17, 0xff));
}

static void test_proposals_count_up(void **state)
{
	(void)state;
	assert_false(sa_with(4, 2)); /* 2, 2 */
	assert_false(sa_with(SA_SECOND + 4, 1));
	assert_false(sa_with(SA_SECOND + 4, 3));
	assert_false(sa_with(4, 255));
}

/* n proposals of m transforms each. */
static struct bytes many(struct one *o, size_t n, size_t m)
{
	struct writer *w = &begin(o)->w;

	for (size_t i = 0; i < n; i++) {
		write_u8(w, i + 1 < n ? 2 : 0);
		write_u8(w, 0);
		write_u16(w, (uint16_t)(8 + 8 * m));
		write_u8(w, (uint8_t)(i + 1));
		write_u8(w, PROTO_ESP);
		write_u8(w, 0);
		write_u8(w, (uint8_t)m);
		for (size_t j = 0; j < m; j++) {
			write_u32(w, (j + 1 < m ? 3u << 24 : 0) | 8);
			write_u32(w, 5u << 24);
		}
	}
	return writer_view(w);
}

static void test_limits_of_sa(void **state)
{
	struct one o;

	(void)state;
	assert_true(sa_decodes(many(&o, SA_PROPOSALS_MAX, 1)));
	assert_false(sa_decodes(many(&o, SA_PROPOSALS_MAX + 1, 1)));
	assert_true(sa_decodes(many(&o, 1, SA_TRANSFORMS_MAX)));
	assert_false(sa_decodes(many(&o, 1, SA_TRANSFORMS_MAX + 1)));
}

/* ---- 3.4: KE ---------------------------------------------------------------------------- */

static void test_ke(void **state)
{
	struct bytes value;
	uint16_t group;
	struct one o;

	(void)state;
	ke_encode(begin(&o), 14, OCTETS(0xaa, 0xbb));
	expect_body(&o, PAYLOAD_KE, OCTETS(0, 14, 0, 0, 0xaa, 0xbb));
	assert_true(ke_decode(OCTETS(0, 31, 0xff, 0xff, 0xaa), &group, &value));
	assert_int_equal(group, 31);
	expect_bytes(value, OCTETS(0xaa));
	assert_false(ke_decode(OCTETS(0, 31, 0, 0), &group, &value));
	assert_false(ke_decode(OCTETS(0, 31, 0), &group, &value));
	assert_false(ke_decode(BYTES_NONE, &group, &value));
}

/* ---- 3.5: ID ---------------------------------------------------------------------------- */

static void test_id(void **state)
{
	const struct bytes raw = OCTETS(ID_FQDN, 0xff, 0xff, 0xff, 'a', '.', 'b');
	struct id_view id;
	struct one o;

	(void)state;
	id_encode(begin(&o), PAYLOAD_IDR, ID_FQDN, OCTETS('a', '.', 'b'));
	expect_body(&o, PAYLOAD_IDR, OCTETS(ID_FQDN, 0, 0, 0, 'a', '.', 'b'));
	assert_true(id_decode(raw, &id));
	assert_int_equal(id.type, ID_FQDN);
	expect_bytes(id.data, OCTETS('a', '.', 'b'));
	/* AUTH covers the reserved octets as they came (2.15). */
	assert_ptr_equal(id.whole.p, raw.p);
	assert_int_equal(id.whole.n, raw.n);
}

static void test_id_lengths(void **state)
{
	static const uint8_t raw[24] = { 0 };
	uint8_t copy[24];
	struct id_view id;

	(void)state;
	for (size_t n = 0; n <= sizeof(raw); n++) {
		memcpy(copy, raw, sizeof(copy));
		copy[0] = ID_IPV4_ADDR;
		assert_int_equal(id_decode(BYTES(copy, n), &id), n == 8);
		copy[0] = ID_IPV6_ADDR;
		assert_int_equal(id_decode(BYTES(copy, n), &id), n == 20);
		copy[0] = ID_KEY_ID;
		assert_int_equal(id_decode(BYTES(copy, n), &id), n >= 4);
	}
}

/* ---- 3.6, 3.7: CERT, CERTREQ ------------------------------------------------------------ */

static void test_cert(void **state)
{
	struct bytes data;
	uint8_t encoding;
	struct one o;

	(void)state;
	cert_encode(begin(&o), CERT_X509_SIGNATURE, OCTETS(0x30, 0x00));
	expect_body(&o, PAYLOAD_CERT, OCTETS(4, 0x30, 0x00));
	assert_true(cert_decode(OCTETS(4, 0x30), &encoding, &data));
	assert_int_equal(encoding, CERT_X509_SIGNATURE);
	expect_bytes(data, OCTETS(0x30));
}

static void t68_certificates_of_other_encodings(void **state)
{
	static const uint8_t encodings[] = { 0, 1, 7, 11, 12, 13, 200 };
	struct bytes data;
	uint8_t encoding;

	(void)state;
	for (size_t i = 0; i < sizeof(encodings); i++) {
		assert_true(cert_decode(OCTETS(encodings[i], 1, 2), &encoding, &data));
		assert_int_equal(encoding, encodings[i]);
		assert_int_equal(data.n, 2);
	}
	/* Empty: nothing wrong with the form, but it is no certificate. */
	assert_true(cert_decode(OCTETS(4), &encoding, &data));
	assert_int_equal(data.n, 0);
	assert_false(cert_decode(BYTES_NONE, &encoding, &data));
}

static void t68_certreq_of_any_length(void **state)
{
	static const struct {
		size_t n;
		bool good;
	} rows[] = { { 0, true },  { 19, false },    { 20, true },   { 21, false },
		     { 40, true }, { 65515, false }, { 65520, true } };
	uint8_t *b = calloc(1, 1 + 65520);
	struct bytes hashes;
	uint8_t encoding;
	struct one o;

	(void)state;
	assert_non_null(b);
	for (size_t i = 0; i < N_ELEMENTS(rows); i++) {
		b[0] = CERT_X509_SIGNATURE;
		assert_int_equal(certreq_decode(BYTES(b, 1 + rows[i].n), &encoding, &hashes),
				 rows[i].good);
		/* An encoding whose authorities are not defined. */
		b[0] = 11;
		assert_true(certreq_decode(BYTES(b, 1 + rows[i].n), &encoding, &hashes));
	}
	assert_false(certreq_decode(BYTES_NONE, &encoding, &hashes));
	certreq_encode(begin(&o), CERT_X509_SIGNATURE, BYTES(b + 1, 20));
	assert_int_equal(body(&o, PAYLOAD_CERTREQ).n, 21);
	free(b);
}

/* ---- 3.8: AUTH -------------------------------------------------------------------------- */

static void test_auth(void **state)
{
	struct bytes data;
	uint8_t method;
	struct one o;

	(void)state;
	auth_encode(begin(&o), AUTH_METHOD_RSA_SHA1, OCTETS(0xaa, 0xbb));
	expect_body(&o, PAYLOAD_AUTH, OCTETS(1, 0, 0, 0, 0xaa, 0xbb));
	assert_true(auth_decode(OCTETS(2, 1, 1, 1, 0xcc), &method, &data));
	assert_int_equal(method, 2);
	expect_bytes(data, OCTETS(0xcc));
	assert_true(auth_decode(OCTETS(2, 0, 0, 0), &method, &data));
	assert_int_equal(data.n, 0);
	assert_false(auth_decode(OCTETS(2, 0, 0), &method, &data));
}

static void t63_algorithm_identifier_of_any_length(void **state)
{
	struct bytes data, algid, signature;
	uint8_t method;
	struct one o;

	(void)state;
	auth_signature_encode(begin(&o), OCTETS(0x30, 0x00), OCTETS(0xaa, 0xbb, 0xcc));
	expect_body(&o, PAYLOAD_AUTH, OCTETS(14, 0, 0, 0, 2, 0x30, 0x00, 0xaa, 0xbb, 0xcc));
	assert_true(auth_decode(body(&o, PAYLOAD_AUTH), &method, &data));
	assert_true(auth_signature_decode(data, &algid, &signature));
	expect_bytes(algid, OCTETS(0x30, 0x00));
	expect_bytes(signature, OCTETS(0xaa, 0xbb, 0xcc));
	assert_false(auth_signature_decode(BYTES_NONE, &algid, &signature));
	assert_false(auth_signature_decode(OCTETS(0, 1, 2), &algid, &signature));
	assert_false(auth_signature_decode(OCTETS(3, 1, 2), &algid, &signature));
	assert_false(auth_signature_decode(OCTETS(2, 1, 2), &algid, &signature)); /* no signature */
	assert_false(auth_signature_decode(OCTETS(255, 1, 2), &algid, &signature));
	assert_true(auth_signature_decode(OCTETS(1, 1, 2), &algid, &signature));
}

static void test_algorithm_identifier_too_long_to_encode(void **state)
{
	static const uint8_t algid[256] = { 0 };
	struct one o;

	(void)state;
	auth_signature_encode(begin(&o), BYTES(algid, 255), OCTETS(1));
	assert_int_equal(body(&o, PAYLOAD_AUTH).n, 4 + 1 + 255 + 1);
	auth_signature_encode(begin(&o), BYTES(algid, 256), OCTETS(1));
	assert_int_equal(chain_end(&o.b).n, 0);
}

/* ---- 3.9: Nonce ------------------------------------------------------------------------- */

static void test_nonce_lengths(void **state)
{
	static const uint8_t raw[300] = { 7 };
	struct bytes nonce;
	struct one o;

	(void)state;
	for (size_t n = 0; n <= sizeof(raw); n++)
		assert_int_equal(nonce_decode(BYTES(raw, n), &nonce), n >= 16 && n <= 256);
	nonce_encode(begin(&o), BYTES(raw, 32));
	expect_body(&o, PAYLOAD_NONCE, BYTES(raw, 32));
}

/* ---- 3.10: Notify ----------------------------------------------------------------------- */

static void test_notify(void **state)
{
	struct notify_view n;
	struct one o;

	(void)state;
	notify_encode(begin(&o), PROTO_ESP, BYTES(spi4, 4), NOTIFY_REKEY_SA, OCTETS(9));
	expect_body(&o, PAYLOAD_NOTIFY, OCTETS(3, 4, 0x40, 0x09, 0xc0, 0xff, 0xee, 0x01, 9));
	assert_true(notify_decode(body(&o, PAYLOAD_NOTIFY), &n));
	assert_int_equal(n.protocol, PROTO_ESP);
	assert_int_equal(n.type, NOTIFY_REKEY_SA);
	expect_bytes(n.spi, BYTES(spi4, 4));
	expect_bytes(n.data, OCTETS(9));
}

static void test_notify_without_spi_has_no_protocol(void **state)
{
	struct notify_view n;
	struct one o;

	(void)state;
	notify_encode(begin(&o), PROTO_IKE, BYTES_NONE, NOTIFY_COOKIE, OCTETS(1, 2));
	expect_body(&o, PAYLOAD_NOTIFY, OCTETS(0, 0, 0x40, 0x06, 1, 2));
	/* 3.10: MUST be ignored on receipt. */
	assert_true(notify_decode(OCTETS(1, 0, 0x40, 0x06), &n));
	assert_int_equal(n.protocol, PROTO_NONE);
	assert_int_equal(n.data.n, 0);
}

static void test_notify_lengths(void **state)
{
	const struct bytes raw = OCTETS(3, 4, 0x40, 0x09, 1, 2, 3, 4);
	struct notify_view n;

	(void)state;
	for (size_t i = 0; i < raw.n; i++)
		assert_false(notify_decode(BYTES(raw.p, i), &n));
	assert_false(notify_decode(OCTETS(3, 255, 0, 7, 1, 2, 3, 4), &n));
	assert_true(notify_decode(raw, &n));
}

static void test_notify_is_found(void **state)
{
	struct notify_view n;
	struct payloads ps;
	struct one o;

	(void)state;
	begin(&o);
	notify_encode(&o.b, 0, BYTES_NONE, NOTIFY_COOKIE, OCTETS(1));
	payload_begin(&o.b, PAYLOAD_NOTIFY); /* malformed: an SPI that is not there */
	write_u32(&o.b.w, 0x03044009);
	payload_end(&o.b);
	notify_encode(&o.b, PROTO_ESP, BYTES(spi4, 4), NOTIFY_REKEY_SA, BYTES_NONE);
	notify_encode(&o.b, 0, BYTES_NONE, NOTIFY_COOKIE, OCTETS(2));
	assert_int_equal(payloads_decode(o.b.first, chain_end(&o.b), &ps, NULL), DECODE_OK);
	assert_true(notify_find(&ps, NOTIFY_REKEY_SA, &n));
	expect_bytes(n.spi, BYTES(spi4, 4));
	assert_true(notify_find(&ps, NOTIFY_COOKIE, &n));
	expect_bytes(n.data, OCTETS(1));
	assert_false(notify_find(&ps, NOTIFY_INVALID_SYNTAX, &n));
}

/* ---- 3.11: Delete ----------------------------------------------------------------------- */

static void test_delete(void **state)
{
	static const uint32_t spis[] = { 0xc0ffee01, 2 };
	struct delete_view d;
	struct one o;

	(void)state;
	delete_encode(begin(&o), PROTO_ESP, spis, 2);
	expect_body(&o, PAYLOAD_DELETE, OCTETS(3, 4, 0, 2, 0xc0, 0xff, 0xee, 0x01, 0, 0, 0, 2));
	assert_true(delete_decode(body(&o, PAYLOAD_DELETE), &d));
	assert_int_equal(d.protocol, PROTO_ESP);
	assert_int_equal(d.spi_size, 4);
	assert_int_equal(d.count, 2);
	assert_int_equal(d.spis.n, 8);
	delete_encode(begin(&o), PROTO_IKE, NULL, 0);
	expect_body(&o, PAYLOAD_DELETE, OCTETS(1, 0, 0, 0));
	assert_true(delete_decode(body(&o, PAYLOAD_DELETE), &d));
	assert_int_equal(d.spis.n, 0);
}

static void test_delete_lengths(void **state)
{
	static const uint8_t big[4 + 40] = { 3, 4, 0xff, 0xff };
	struct delete_view d;

	(void)state;
	assert_false(delete_decode(BYTES(big, sizeof(big)), &d));
	assert_false(delete_decode(OCTETS(3, 4, 0, 1, 1, 2, 3), &d));
	assert_false(delete_decode(OCTETS(3, 4, 0, 1, 1, 2, 3, 4, 5), &d));
	assert_false(delete_decode(OCTETS(3, 4, 0, 0, 1, 2, 3, 4), &d));
	assert_false(delete_decode(OCTETS(3, 4, 0), &d));
	/* 3.11: four octets for ESP and AH, none for IKE. */
	assert_false(delete_decode(OCTETS(3, 8, 0, 1, 1, 2, 3, 4, 5, 6, 7, 8), &d));
	assert_false(delete_decode(OCTETS(2, 0, 0, 9), &d));
	assert_false(delete_decode(OCTETS(1, 8, 0, 1, 1, 2, 3, 4, 5, 6, 7, 8), &d));
	assert_true(delete_decode(OCTETS(2, 4, 0, 1, 1, 2, 3, 4), &d));
}

/* ---- 3.12 ------------------------------------------------------------------------------- */

static void test_vendor(void **state)
{
	struct one o;

	(void)state;
	vendor_encode(begin(&o), OCTETS('v', 'i', 'd'));
	expect_body(&o, PAYLOAD_VENDOR, OCTETS('v', 'i', 'd'));
}

/* ---- 3.13: traffic selectors ------------------------------------------------------------ */

static const uint8_t ts_golden[] = {
	2,    0, 0, 0,			    /* two selectors */
	7,    6, 0, 16, 0,  22, 0,    80,   /* IPv4, TCP, ports 22 to 80 */
	10,   0, 0, 1,	10, 0,	0,    9,    /* 10.0.0.1 to 10.0.0.9 */
	8,    0, 0, 40, 0,  0,	0xff, 0xff, /* IPv6, any */
	0xfd, 0, 0, 0,	0,  0,	0,    0,    0, 0, 0, 0, 0, 0, 0, 1,
	0xfd, 0, 0, 0,	0,  0,	0,    0,    0, 0, 0, 0, 0, 0, 0, 1,
};
#define TS_FIRST 4
#define TS_SECOND 20

static bool ts_with(size_t at, uint8_t v)
{
	uint8_t b[sizeof(ts_golden)];
	struct ts_list ts;

	memcpy(b, ts_golden, sizeof(b));
	b[at] = v;
	return ts_decode(BYTES(b, sizeof(b)), &ts);
}

static void test_ts_there_and_back(void **state)
{
	const struct ip start = ip_v4(10, 0, 0, 1), end = ip_v4(10, 0, 0, 9);
	struct ts_list ts;
	struct one o;

	(void)state;
	assert_true(ts_decode(BYTES(ts_golden, sizeof(ts_golden)), &ts));
	assert_int_equal(ts.n, 2);
	assert_int_equal(ts.t[0].family, 4);
	assert_int_equal(ts.t[0].protocol, 6);
	assert_int_equal(ts.t[0].start_port, 22);
	assert_int_equal(ts.t[0].end_port, 80);
	assert_true(ip_equal(&ts.t[0].start, &start));
	assert_true(ip_equal(&ts.t[0].end, &end));
	assert_int_equal(ts.t[1].family, 6);
	assert_int_equal(ts.t[1].end_port, 65535);
	ts_encode(begin(&o), PAYLOAD_TSR, ts.t, ts.n);
	expect_body(&o, PAYLOAD_TSR, BYTES(ts_golden, sizeof(ts_golden)));
}

static void t29_counts_that_are_wrong(void **state)
{
	struct ts_list ts;

	(void)state;
	for (unsigned n = 0; n < 256; n++)
		assert_int_equal(ts_with(0, (uint8_t)n), n == 2);
	assert_false(ts_decode(OCTETS(0, 0, 0, 0), &ts));
	assert_false(ts_decode(OCTETS(0, 0, 0), &ts));
	assert_false(ts_decode(BYTES_NONE, &ts));
}

static void t29_selector_lengths_that_are_wrong(void **state)
{
	(void)state;
	for (unsigned n = 0; n < 256; n++) {
		assert_int_equal(ts_with(TS_FIRST + 3, (uint8_t)n), n == 16);
		assert_int_equal(ts_with(TS_SECOND + 3, (uint8_t)n), n == 40);
	}
	assert_false(ts_with(TS_FIRST + 2, 1));
}

static void t29_types_that_do_not_fit(void **state)
{
	(void)state;
	assert_false(ts_with(TS_FIRST, 8));  /* IPv6 with the length of IPv4 */
	assert_false(ts_with(TS_SECOND, 7)); /* and the reverse */
}

static void test_unknown_selectors_are_skipped(void **state)
{
	uint8_t b[sizeof(ts_golden)];
	struct ts_list ts;

	(void)state;
	memcpy(b, ts_golden, sizeof(b));
	b[TS_FIRST] = 0;
	assert_true(ts_decode(BYTES(b, sizeof(b)), &ts));
	assert_int_equal(ts.n, 1);
	assert_int_equal(ts.t[0].family, 6);
	/* Only unknown ones: nothing is left, and nothing is wrong. */
	assert_true(ts_decode(OCTETS(1, 0, 0, 0, 9, 0, 0, 8, 1, 2, 3, 4), &ts));
	assert_int_equal(ts.n, 0);
	assert_true(ts_decode(OCTETS(1, 0, 0, 0, 9, 0, 0, 4), &ts));
	assert_false(ts_decode(OCTETS(1, 0, 0, 0, 9, 0, 0, 3, 0), &ts));
	assert_false(ts_decode(OCTETS(1, 0, 0, 0, 9, 0, 0, 9, 1, 2, 3, 4), &ts));
}

static void t29_ranges_that_run_backwards(void **state)
{
	struct ts_list ts;

	(void)state;
	assert_false(ts_with(TS_FIRST + 11, 10)); /* 10.0.0.10 to 10.0.0.9 */
	assert_true(ts_with(TS_FIRST + 11, 9));
	assert_false(ts_with(TS_SECOND + 8, 0xfe));
	assert_false(ts_with(TS_FIRST + 5, 81)); /* ports 81 to 80 */
	/* 3.13.1: OPAQUE is the one pair that may. */
	assert_true(ts_decode(
		OCTETS(1, 0, 0, 0, 7, 6, 0, 16, 0xff, 0xff, 0, 0, 10, 0, 0, 1, 10, 0, 0, 1), &ts));
	assert_int_equal(ts.t[0].start_port, 65535);
	assert_int_equal(ts.t[0].end_port, 0);
}

static void test_number_of_selectors_is_limited(void **state)
{
	struct ts list[TS_MAX + 1];
	struct ts_list ts;
	struct one o;

	(void)state;
	for (size_t i = 0; i < N_ELEMENTS(list); i++)
		list[i] = (struct ts){ .family = 4,
				       .start = ip_v4(10, 0, 0, 1),
				       .end = ip_v4(10, 0, 0, 1),
				       .end_port = 65535 };
	ts_encode(begin(&o), PAYLOAD_TSI, list, TS_MAX);
	assert_true(ts_decode(body(&o, PAYLOAD_TSI), &ts));
	assert_int_equal(ts.n, TS_MAX);
	ts_encode(begin(&o), PAYLOAD_TSI, list, TS_MAX + 1);
	assert_false(ts_decode(body(&o, PAYLOAD_TSI), &ts));
}

/* ---- 3.15, 3.16: CP, EAP ---------------------------------------------------------------- */

static void test_cp(void **state)
{
	uint8_t type;

	(void)state;
	assert_true(cp_decode(OCTETS(1, 0, 0, 0), &type));
	assert_int_equal(type, 1);
	assert_true(cp_decode(OCTETS(1, 0, 0, 0, 0, 1, 0, 0, 0, 3, 0, 4, 1, 2, 3, 4), &type));
	assert_false(cp_decode(OCTETS(1, 0, 0), &type));
	assert_false(cp_decode(OCTETS(1, 0, 0, 0, 0, 1), &type));
	assert_false(cp_decode(OCTETS(1, 0, 0, 0, 0, 1, 0, 1), &type));
	assert_false(cp_decode(OCTETS(1, 0, 0, 0, 0, 1, 0xff, 0xff, 1), &type));
}

static void test_eap(void **state)
{
	uint8_t code;

	(void)state;
	assert_true(eap_decode(OCTETS(3, 1, 0, 4), &code));
	assert_int_equal(code, 3);
	assert_true(eap_decode(OCTETS(1, 1, 0, 5, 1), &code));
	assert_false(eap_decode(OCTETS(3, 1, 0), &code));
	assert_false(eap_decode(OCTETS(3, 1, 0, 5), &code));
	assert_false(eap_decode(OCTETS(3, 1, 0, 4, 0), &code));
	assert_false(eap_decode(BYTES_NONE, &code));
}

/* ---- truncate and flip ------------------------------------------------------------------ */

static void walk_body(void *arg, uint8_t *p, size_t n, const char *what)
{
	struct payload payload = *(const struct payload *)arg;

	(void)what;
	payload.body = BYTES(p, n);
	sample_walk(&payload);
}

/* Each body on its own, so that not even the next payload is there to be read by mistake. */
static void test_every_body_cut_and_flipped(void **state)
{
	uint8_t buf[SAMPLE_ROOM], first;
	struct payloads ps;
	size_t n = 0, bodies = 0;

	(void)state;
	for (size_t s = 0; s < n_samples; s++) {
		const struct bytes c = sample_chain(&samples[s], buf, &first);
		assert_int_equal(payloads_decode(first, c, &ps, NULL), DECODE_OK);
		for (size_t i = 0; i < ps.n; i++)
			n += flip_all(ps.p[i].body, walk_body, &ps.p[i]);
		bodies += ps.n;
	}
	print_message("%zu variants of %zu payloads\n", n, bodies);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_sa_is_encoded),
		cmocka_unit_test(test_sa_is_decoded),
		cmocka_unit_test(test_sa_answer_keeps_the_number),
		cmocka_unit_test(t16_counts_that_are_wrong),
		cmocka_unit_test(t16_last_substructure_misused),
		cmocka_unit_test(t16_lengths_that_are_wrong),
		cmocka_unit_test(t16_spi_size),
		cmocka_unit_test(t16_t32_key_length_attributes),
		cmocka_unit_test(test_reserved_fields_of_sa_are_ignored),
		cmocka_unit_test(test_proposals_count_up),
		cmocka_unit_test(test_limits_of_sa),
		cmocka_unit_test(test_ke),
		cmocka_unit_test(test_id),
		cmocka_unit_test(test_id_lengths),
		cmocka_unit_test(test_cert),
		cmocka_unit_test(t68_certificates_of_other_encodings),
		cmocka_unit_test(t68_certreq_of_any_length),
		cmocka_unit_test(test_auth),
		cmocka_unit_test(t63_algorithm_identifier_of_any_length),
		cmocka_unit_test(test_algorithm_identifier_too_long_to_encode),
		cmocka_unit_test(test_nonce_lengths),
		cmocka_unit_test(test_notify),
		cmocka_unit_test(test_notify_without_spi_has_no_protocol),
		cmocka_unit_test(test_notify_lengths),
		cmocka_unit_test(test_notify_is_found),
		cmocka_unit_test(test_delete),
		cmocka_unit_test(test_delete_lengths),
		cmocka_unit_test(test_vendor),
		cmocka_unit_test(test_ts_there_and_back),
		cmocka_unit_test(t29_counts_that_are_wrong),
		cmocka_unit_test(t29_selector_lengths_that_are_wrong),
		cmocka_unit_test(t29_types_that_do_not_fit),
		cmocka_unit_test(test_unknown_selectors_are_skipped),
		cmocka_unit_test(t29_ranges_that_run_backwards),
		cmocka_unit_test(test_number_of_selectors_is_limited),
		cmocka_unit_test(test_cp),
		cmocka_unit_test(test_eap),
		cmocka_unit_test(test_every_body_cut_and_flipped),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
