/* SPDX-License-Identifier: Apache-2.0 */
/* Wireshark's captures with their keys: sealed_open() against plaintext that others decrypted. */
#include "crypto/suite.h"
#include "ike/message/payload.h"
#include "ike/message/rules.h"
#include "ike/message/sealed.h"
#include "lib/flip.h"
#include "lib/pcap.h"
#include "lib/sample.h"
#include "lib/testvec.h"
#include <errno.h>
#include <inttypes.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

/* A line of Wireshark's ikev2_decryption_table. */
struct keys {
	uint64_t spi_i, spi_r;
	struct seal_keys i, r;
};

struct check {
	struct testvec_pool pool;
	struct keys keys[4];
	size_t n_keys;
	const char *file; /* name without folder */
	json_t *frames;
	size_t opened, flipped;
};

static const struct encr_alg *encr_named(const char *name)
{
	if (strcmp(name, "\"AES-CBC-256 [RFC3602]\"") == 0)
		return encr_by_id(ENCR_AES_CBC, 256);
	if (strcmp(name, "\"AES-GCM-256 with 16 octet ICV [RFC5282]\"") == 0)
		return encr_by_id(ENCR_AES_GCM_16, 256);
	fail_msg("no row for %s", name);
	return NULL;
}

static const struct integ_alg *integ_named(const char *name)
{
	if (strcmp(name, "\"HMAC_SHA2_256_128 [RFC4868]\"") == 0)
		return integ_by_id(AUTH_HMAC_SHA2_256_128);
	assert_string_equal(name, "\"NONE [RFC4306]\"");
	return NULL;
}

/* spi_i,spi_r,sk_ei,sk_er,"encryption",sk_ai,sk_ar,"integrity" */
static void read_line(struct check *c, char *line)
{
	struct keys *k = &c->keys[c->n_keys++];
	char *field[8];

	for (size_t i = 0; i < 8; i++) {
		field[i] = strsep(&line, ",");
		assert_non_null(field[i]);
	}
	k->spi_i = strtoull(field[0], NULL, 16);
	k->spi_r = strtoull(field[1], NULL, 16);
	k->i.encr = k->r.encr = encr_named(field[4]);
	k->i.integ = k->r.integ = integ_named(field[7]);
	k->i.sk_e = testvec_hex(&c->pool, field[2]);
	k->r.sk_e = testvec_hex(&c->pool, field[3]);
	k->i.sk_a = testvec_hex(&c->pool, field[5]);
	k->r.sk_a = testvec_hex(&c->pool, field[6]);
}

static void read_table(struct check *c)
{
	struct blob file = testvec_read("pcap-keyed/ikev2_decryption_table");
	char *text = strndup((const char *)file.p, file.n), *at = text, *line;

	assert_non_null(text);
	while ((line = strsep(&at, "\r\n")) != NULL)
		if (*line != '\0' && c->n_keys < 4)
			read_line(c, line);
	free(text);
	blob_free(&file);
}

static const struct seal_keys *keys_for(const struct check *c, const struct ike_header *h)
{
	for (size_t i = 0; i < c->n_keys; i++)
		if (c->keys[i].spi_i == h->spi_i && c->keys[i].spi_r == h->spi_r)
			return h->initiator ? &c->keys[i].i : &c->keys[i].r;
	return NULL;
}

static const json_t *expected_of(const struct check *c, size_t frame)
{
	const json_t *f;
	size_t i;

	json_array_foreach(c->frames, i, f)
	{
		if (strcmp(testvec_text(f, "file"), c->file) == 0 &&
		    testvec_number(f, "frame") == frame)
			return f;
	}
	return NULL;
}

static int open_message(const struct seal_keys *k, uint8_t *p, size_t n, struct bytes *plain,
			uint8_t *inner_first)
{
	struct ike_header h;
	struct payloads ps;

	*plain = BYTES_NONE;
	if (ike_header_decode(BYTES(p, n), &h) != DECODE_OK ||
	    payloads_decode(h.next_payload, BYTES(p + IKE_HEADER_LEN, n - IKE_HEADER_LEN), &ps,
			    inner_first) != DECODE_OK)
		return -EPROTO;
	return sealed_open(k, p, n, &ps, plain);
}

static void expect_refusal(void *arg, uint8_t *p, size_t n, const char *what)
{
	struct bytes plain;
	uint8_t first;

	if (open_message(arg, p, n, &plain, &first) == 0)
		fail_msg("%s was taken", what);
}

static void check_payloads(const struct payloads *ps, const json_t *expected)
{
	const json_t *types = json_object_get(expected, "payload_types");
	struct testvec_pool pool = { 0 };
	const struct payload *auth = payloads_find(ps, PAYLOAD_AUTH);
	const struct bytes auth_data = testvec_member(&pool, expected, "auth_data");
	struct bytes data = BYTES_NONE;
	uint8_t method;

	assert_int_equal(ps->n, json_array_size(types));
	for (size_t i = 0; i < ps->n; i++)
		assert_int_equal(ps->p[i].type, json_integer_value(json_array_get(types, i)));
	assert_int_equal(sample_walk_all(ps), ps->n);
	if (auth != NULL)
		assert_true(auth_decode(auth->body, &method, &data));
	assert_true(bytes_equal(data, auth_data));
	testvec_clear(&pool);
}

static void message(struct check *c, struct bytes m, const struct ike_header *h,
		    const json_t *expected)
{
	const struct seal_keys *k = keys_for(c, h);
	const struct bytes want = testvec_member(&c->pool, expected, "inner_plaintext");
	uint8_t copy[IKE_MESSAGE_MAX], inner_first;
	struct payloads ps;
	struct bytes plain;

	assert_non_null(k);
	const size_t icv_len = k->encr->aead ? k->encr->icv_len : k->integ->icv_len;
	memcpy(copy, m.p, m.n);
	assert_int_equal(open_message(k, copy, m.n, &plain, &inner_first), 0);
	assert_true(bytes_equal(plain, want));
	/* What lies between the content and the octet that tells how much it is. */
	assert_int_equal(copy + m.n - icv_len - 1 - (plain.p + plain.n),
			 testvec_number(expected, "pad_length"));
	assert_int_equal(payloads_decode(inner_first, plain, &ps, NULL), DECODE_OK);
	check_payloads(&ps, expected);
	assert_int_equal(rules_judge(h->exchange, h->response, &ps).notify, 0);
	assert_int_equal(sealed_size(k, plain.n), m.n); /* they pad as little as we do */
	c->flipped += flip_all(m, expect_refusal, (void *)(uintptr_t)k);
	c->opened++;
}

static void datagram(void *arg, const struct pcap_datagram *d)
{
	struct check *c = arg;
	const struct bytes m = pcap_ike(d);
	const json_t *expected = expected_of(c, d->frame);
	struct ike_header h;

	assert_int_equal(ike_header_decode(m, &h), DECODE_OK);
	if (h.exchange == EXCHANGE_IKE_SA_INIT) {
		assert_null(expected);
		return;
	}
	assert_non_null(expected);
	message(c, m, &h, expected);
}

static void check_file(const char *name, size_t sealed)
{
	struct check c = { .file = strchr(name, '/') + 1 };
	json_t *root;

	testvec_need();
	root = testvec_json("pcap-keyed/expected-decrypted.json");
	c.frames = json_object_get(root, "frames");
	read_table(&c);
	struct blob file = testvec_read(name);
	assert_true(pcap_each(blob_view(&file), datagram, &c) > 0);
	print_message("%s: %zu messages opened, %zu variants of them refused\n", name, c.opened,
		      c.flipped);
	assert_int_equal(c.opened, sealed);
	blob_free(&file);
	json_decref(root);
	testvec_clear(&c.pool);
}

static void test_aes256_cbc_with_hmac_sha256(void **state)
{
	(void)state;
	check_file("pcap-keyed/ikev2-decrypt-aes256cbc.pcapng", 2);
}

static void test_aes256_gcm16(void **state)
{
	(void)state;
	check_file("pcap-keyed/ikev2-decrypt-aes256gcm16.pcap", 4);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_aes256_cbc_with_hmac_sha256),
		cmocka_unit_test(test_aes256_gcm16),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
