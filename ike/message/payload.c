/* SPDX-License-Identifier: Apache-2.0 */
#include "ike/message/payload.h"

#include <stdio.h>

#define SHA1_LEN 20
#define EAP_HEADER_LEN 4
#define ESP_SPI_LEN 4

/* Fields marked RESERVED: sent as zero, ignored on receipt (RFC 7296 2.5). */
static void skip_reserved(struct reader *r, size_t n)
{
	read_bytes(r, n);
}

static void write_reserved(struct writer *w, size_t n)
{
	for (size_t i = 0; i < n; i++)
		write_u8(w, 0);
}

/* 3.4 */
bool ke_decode(struct bytes body, uint16_t *group, struct bytes *value)
{
	struct reader r = reader_of(body);

	*group = read_u16(&r);
	skip_reserved(&r, 2);
	*value = read_rest(&r);
	return reader_done(&r) && value->n > 0;
}

void ke_encode(struct builder *b, uint16_t group, struct bytes value)
{
	payload_begin(b, PAYLOAD_KE);
	write_u16(&b->w, group);
	write_reserved(&b->w, 2);
	write_bytes(&b->w, value);
	payload_end(b);
}

/* 3.5: two types name addresses, whose size is fixed. */
static bool id_length_fits(uint8_t type, size_t n)
{
	if (type == ID_IPV4_ADDR)
		return n == 4;
	return type != ID_IPV6_ADDR || n == 16;
}

bool id_decode(struct bytes body, struct id_view *out)
{
	struct reader r = reader_of(body);

	out->type = read_u8(&r);
	skip_reserved(&r, 3);
	out->data = read_rest(&r);
	out->whole = body;
	return reader_done(&r) && id_length_fits(out->type, out->data.n);
}

void id_encode(struct builder *b, uint8_t payload_type, uint8_t id_type, struct bytes data)
{
	payload_begin(b, payload_type);
	write_u8(&b->w, id_type);
	write_reserved(&b->w, 3);
	write_bytes(&b->w, data);
	payload_end(b);
}

/* 3.6 */
bool cert_decode(struct bytes body, uint8_t *encoding, struct bytes *data)
{
	struct reader r = reader_of(body);

	*encoding = read_u8(&r);
	*data = read_rest(&r);
	return reader_done(&r);
}

void cert_encode(struct builder *b, uint8_t encoding, struct bytes data)
{
	payload_begin(b, PAYLOAD_CERT);
	write_u8(&b->w, encoding);
	write_bytes(&b->w, data);
	payload_end(b);
}

/* 3.7: the authorities are defined for the X.509 encodings only; others carry what they like. */
static bool carries_hashes(uint8_t encoding)
{
	return encoding == CERT_X509_SIGNATURE || encoding == CERT_HASH_URL ||
	       encoding == CERT_HASH_URL_BUNDLE;
}

bool certreq_decode(struct bytes body, uint8_t *encoding, struct bytes *hashes)
{
	return cert_decode(body, encoding, hashes) &&
	       (!carries_hashes(*encoding) || hashes->n % SHA1_LEN == 0);
}

void certreq_encode(struct builder *b, uint8_t encoding, struct bytes hashes)
{
	payload_begin(b, PAYLOAD_CERTREQ);
	write_u8(&b->w, encoding);
	write_bytes(&b->w, hashes);
	payload_end(b);
}

/* 3.8 */
bool auth_decode(struct bytes body, uint8_t *method, struct bytes *data)
{
	struct reader r = reader_of(body);

	*method = read_u8(&r);
	skip_reserved(&r, 3);
	*data = read_rest(&r);
	return reader_done(&r);
}

void auth_encode(struct builder *b, uint8_t method, struct bytes data)
{
	payload_begin(b, PAYLOAD_AUTH);
	write_u8(&b->w, method);
	write_reserved(&b->w, 3);
	write_bytes(&b->w, data);
	payload_end(b);
}

/* RFC 7427 3 */
bool auth_signature_decode(struct bytes data, struct bytes *algid, struct bytes *signature)
{
	struct reader r = reader_of(data);
	const uint8_t length = read_u8(&r);

	*algid = read_bytes(&r, length);
	*signature = read_rest(&r);
	return reader_done(&r) && algid->n > 0 && signature->n > 0;
}

void auth_signature_encode(struct builder *b, struct bytes algid, struct bytes signature)
{
	payload_begin(b, PAYLOAD_AUTH);
	write_u8(&b->w, AUTH_METHOD_DIGITAL_SIGNATURE);
	write_reserved(&b->w, 3);
	if (algid.n > UINT8_MAX)
		b->w.failed = true;
	write_u8(&b->w, (uint8_t)algid.n);
	write_bytes(&b->w, algid);
	write_bytes(&b->w, signature);
	payload_end(b);
}

/* 3.9 */
bool nonce_decode(struct bytes body, struct bytes *out)
{
	*out = body;
	return body.n >= NONCE_MIN && body.n <= NONCE_MAX;
}

void nonce_encode(struct builder *b, struct bytes nonce)
{
	payload_begin(b, PAYLOAD_NONCE);
	write_bytes(&b->w, nonce);
	payload_end(b);
}

/* 3.10 */
bool notify_decode(struct bytes body, struct notify_view *out)
{
	struct reader r = reader_of(body);

	out->protocol = read_u8(&r);
	const uint8_t spi_size = read_u8(&r);
	out->type = read_u16(&r);
	out->spi = read_bytes(&r, spi_size);
	out->data = read_rest(&r);
	/* If the SPI field is empty, the protocol MUST be ignored on receipt. */
	if (spi_size == 0)
		out->protocol = PROTO_NONE;
	return reader_done(&r);
}

void notify_encode(struct builder *b, uint8_t protocol, struct bytes spi, uint16_t type,
		   struct bytes data)
{
	payload_begin(b, PAYLOAD_NOTIFY);
	if (spi.n > UINT8_MAX)
		b->w.failed = true;
	write_u8(&b->w, spi.n > 0 ? protocol : PROTO_NONE); /* MUST be zero without an SPI */
	write_u8(&b->w, (uint8_t)spi.n);
	write_u16(&b->w, type);
	write_bytes(&b->w, spi);
	write_bytes(&b->w, data);
	payload_end(b);
}

bool notify_find(const struct payloads *ps, uint16_t type, struct notify_view *out)
{
	for (size_t i = 0; i < ps->n; i++)
		if (ps->p[i].type == PAYLOAD_NOTIFY && notify_decode(ps->p[i].body, out) &&
		    out->type == type)
			return true;
	return false;
}

/* 3.11: SPIs of IKE are in the header, those of ESP and AH have four octets. */
static bool delete_size_fits(uint8_t protocol, uint8_t spi_size)
{
	if (protocol == PROTO_IKE)
		return spi_size == 0;
	return (protocol != PROTO_ESP && protocol != PROTO_AH) || spi_size == ESP_SPI_LEN;
}

bool delete_decode(struct bytes body, struct delete_view *out)
{
	struct reader r = reader_of(body);

	out->protocol = read_u8(&r);
	out->spi_size = read_u8(&r);
	out->count = read_u16(&r);
	out->spis = read_bytes(&r, (size_t)out->count * out->spi_size);
	return reader_done(&r) && delete_size_fits(out->protocol, out->spi_size);
}

void delete_encode(struct builder *b, uint8_t protocol, const uint32_t *spis, size_t n)
{
	payload_begin(b, PAYLOAD_DELETE);
	if (n > UINT16_MAX)
		b->w.failed = true;
	write_u8(&b->w, protocol);
	write_u8(&b->w, protocol == PROTO_IKE ? 0 : ESP_SPI_LEN);
	write_u16(&b->w, (uint16_t)n);
	for (size_t i = 0; i < n; i++)
		write_u32(&b->w, spis[i]);
	payload_end(b);
}

/* 3.12 */
void vendor_encode(struct builder *b, struct bytes id)
{
	payload_begin(b, PAYLOAD_VENDOR);
	write_bytes(&b->w, id);
	payload_end(b);
}

/* 3.15 */
bool cp_decode(struct bytes body, uint8_t *cfg_type)
{
	struct reader r = reader_of(body);

	*cfg_type = read_u8(&r);
	skip_reserved(&r, 3);
	while (!r.failed && r.left > 0) {
		read_u16(&r); /* attribute type */
		read_bytes(&r, read_u16(&r));
	}
	return reader_done(&r);
}

/* 3.16 */
bool eap_decode(struct bytes body, uint8_t *code)
{
	struct reader r = reader_of(body);

	*code = read_u8(&r);
	read_u8(&r); /* identifier */
	return read_u16(&r) == body.n && body.n >= EAP_HEADER_LEN;
}

const char *payloads_text(const struct payloads *ps, char *out, size_t size)
{
	size_t at = 0;

	out[0] = '\0';
	for (size_t i = 0; i < ps->n && at < size; i++) {
		const char *gap = at > 0 ? " " : "";
		struct notify_view v;
		int n;

		if (ps->p[i].type == PAYLOAD_NOTIFY && notify_decode(ps->p[i].body, &v))
			n = snprintf(out + at, size - at, "%sN(%s)", gap, notify_name(v.type));
		else
			n = snprintf(out + at, size - at, "%s%s", gap, payload_name(ps->p[i].type));
		at += n > 0 ? (size_t)n : 0;
	}
	return out;
}
