/* SPDX-License-Identifier: Apache-2.0 */
#include "lib/sample.h"
#include "crypto/trust.h"
#include "ike/message/payload.h"

#define TEXT(s) BYTES((const uint8_t *)(s), sizeof(s) - 1)

static const struct proposal_spec ike_proposals[] = {
	{ .t = { { TRANSFORM_ENCR, ENCR_AES_CBC, 128 },
		 { TRANSFORM_ENCR, ENCR_AES_CBC, 256 },
		 { TRANSFORM_INTEG, AUTH_HMAC_SHA2_256_128, 0 },
		 { TRANSFORM_PRF, PRF_HMAC_SHA2_256, 0 },
		 { TRANSFORM_KE, KE_MODP_2048, 0 },
		 { TRANSFORM_KE, KE_CURVE25519, 0 } },
	  .n = 6 },
	{ .t = { { TRANSFORM_ENCR, ENCR_AES_GCM_16, 128 },
		 { TRANSFORM_PRF, PRF_HMAC_SHA2_256, 0 },
		 { TRANSFORM_KE, KE_CURVE25519, 0 } },
	  .n = 3 },
};

static const struct proposal_spec esp_proposals[] = {
	{ .t = { { TRANSFORM_ENCR, ENCR_AES_GCM_16, 128 }, { TRANSFORM_ESN, ESN_NO, 0 } }, .n = 2 },
};

static const uint8_t octets[64] = { 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16 };
#define SOME(n) BYTES(octets, n)

static struct ts host(uint8_t last)
{
	return (struct ts){ .family = 4,
			    .end_port = UINT16_MAX,
			    .start = ip_v4(10, 0, 0, last),
			    .end = ip_v4(10, 0, 0, last) };
}

static struct ts host6(uint8_t last)
{
	const struct ip ip = { .family = 6, .b = { 0xfd, [15] = last } };

	return (struct ts){ .family = 6, .end_port = UINT16_MAX, .start = ip, .end = ip };
}

static void notify(struct builder *b, uint16_t type, struct bytes data)
{
	notify_encode(b, PROTO_NONE, BYTES_NONE, type, data);
}

static void selectors(struct builder *b)
{
	const struct ts i[] = { host(1), host6(1) }, r[] = { host(2), host6(2) };

	ts_encode(b, PAYLOAD_TSI, i, 2);
	ts_encode(b, PAYLOAD_TSR, r, 2);
}

/* --> IKE_SA_INIT { SAi1, KEi, Ni, N(NAT_D) x2, N(FRAG), N(HASHES), V } */
static void init_request(struct builder *b)
{
	sa_encode(b, PROTO_IKE, BYTES_NONE, ike_proposals, 2);
	ke_encode(b, KE_CURVE25519, SOME(32));
	nonce_encode(b, SOME(32));
	notify(b, NOTIFY_NAT_DETECTION_SOURCE_IP, SOME(20));
	notify(b, NOTIFY_NAT_DETECTION_DESTINATION_IP, SOME(20));
	notify(b, NOTIFY_IKEV2_FRAGMENTATION_SUPPORTED, BYTES_NONE);
	notify(b, NOTIFY_SIGNATURE_HASH_ALGORITHMS, SOME(6));
	vendor_encode(b, TEXT("a vendor"));
}

/* <-- IKE_SA_INIT { SAr1, KEr, Nr, CERTREQ, N(MULTIPLE_AUTH) } */
static void init_response(struct builder *b)
{
	sa_encode_chosen(b, 1, PROTO_IKE, BYTES_NONE, ike_proposals[1].t, ike_proposals[1].n);
	ke_encode(b, KE_CURVE25519, SOME(32));
	nonce_encode(b, SOME(32));
	certreq_encode(b, CERT_X509_SIGNATURE, SOME(40));
	notify(b, NOTIFY_MULTIPLE_AUTH_SUPPORTED, BYTES_NONE);
}

/* <-- IKE_SA_INIT { N(COOKIE) } */
static void init_cookie(struct builder *b)
{
	notify(b, NOTIFY_COOKIE, SOME(33));
}

/* --> IKE_AUTH { IDi, CERT x2, CERTREQ, IDr, AUTH, N(TRANSPORT), SAi2, TSi, TSr } */
static void auth_request(struct builder *b)
{
	id_encode(b, PAYLOAD_IDI, ID_FQDN, TEXT("a.example"));
	cert_encode(b, CERT_X509_SIGNATURE, SOME(50));
	cert_encode(b, CERT_X509_SIGNATURE, SOME(60));
	certreq_encode(b, CERT_X509_SIGNATURE, SOME(20));
	id_encode(b, PAYLOAD_IDR, ID_IPV4_ADDR, SOME(4));
	auth_signature_encode(b, SOME(15), SOME(48));
	notify(b, NOTIFY_USE_TRANSPORT_MODE, BYTES_NONE);
	sa_encode(b, PROTO_ESP, SOME(4), esp_proposals, 1);
	selectors(b);
}

/* <-- IKE_AUTH { IDr, CERT, AUTH, SAr2, TSi, TSr, N(TRANSPORT) } */
static void auth_response(struct builder *b)
{
	id_encode(b, PAYLOAD_IDR, ID_FQDN, TEXT("b.example"));
	cert_encode(b, CERT_X509_SIGNATURE, SOME(50));
	auth_encode(b, AUTH_METHOD_RSA_SHA1, SOME(64));
	sa_encode_chosen(b, 1, PROTO_ESP, SOME(4), esp_proposals[0].t, esp_proposals[0].n);
	selectors(b);
	notify(b, NOTIFY_USE_TRANSPORT_MODE, BYTES_NONE);
}

/* <-- IKE_AUTH { N(AUTHENTICATION_FAILED) } */
static void auth_refusal(struct builder *b)
{
	notify(b, NOTIFY_AUTHENTICATION_FAILED, BYTES_NONE);
}

/* --> CREATE_CHILD_SA { N(REKEY_SA), N(TRANSPORT), SA, Ni, KEi, TSi, TSr } */
static void child_request(struct builder *b)
{
	notify_encode(b, PROTO_ESP, SOME(4), NOTIFY_REKEY_SA, BYTES_NONE);
	notify(b, NOTIFY_USE_TRANSPORT_MODE, BYTES_NONE);
	sa_encode(b, PROTO_ESP, SOME(4), esp_proposals, 1);
	nonce_encode(b, SOME(32));
	ke_encode(b, KE_CURVE25519, SOME(32));
	selectors(b);
}

/* <-- CREATE_CHILD_SA { SA, Nr, KEr } of a rekeyed IKE SA */
static void child_response(struct builder *b)
{
	sa_encode_chosen(b, 2, PROTO_IKE, SOME(8), ike_proposals[0].t, 4);
	nonce_encode(b, SOME(16));
	ke_encode(b, KE_CURVE25519, SOME(32));
}

/* --> INFORMATIONAL { D, D, N(INVALID_SELECTORS), CP } */
static void informational_request(struct builder *b)
{
	static const uint32_t spis[] = { 0xc0ffee01, 0xc0ffee02 };

	delete_encode(b, PROTO_ESP, spis, 2);
	delete_encode(b, PROTO_IKE, NULL, 0);
	notify_encode(b, PROTO_ESP, SOME(4), NOTIFY_INVALID_SELECTORS, SOME(9));
	payload_begin(b, PAYLOAD_CP);
	write_u32(&b->w, 0x01000000); /* CFG_REQUEST */
	write_u32(&b->w, 0x00010000); /* INTERNAL_IP4_ADDRESS, empty */
	write_u32(&b->w, 0x00030004); /* INTERNAL_IP4_DNS */
	write_bytes(&b->w, SOME(4));
	payload_end(b);
}

/* <-- INFORMATIONAL { } */
static void informational_response(struct builder *b)
{
	(void)b;
}

const struct sample samples[] = {
	{ "IKE_SA_INIT request", EXCHANGE_IKE_SA_INIT, false, init_request },
	{ "IKE_SA_INIT response", EXCHANGE_IKE_SA_INIT, true, init_response },
	{ "IKE_SA_INIT cookie", EXCHANGE_IKE_SA_INIT, true, init_cookie },
	{ "IKE_AUTH request", EXCHANGE_IKE_AUTH, false, auth_request },
	{ "IKE_AUTH response", EXCHANGE_IKE_AUTH, true, auth_response },
	{ "IKE_AUTH refusal", EXCHANGE_IKE_AUTH, true, auth_refusal },
	{ "CREATE_CHILD_SA request", EXCHANGE_CREATE_CHILD_SA, false, child_request },
	{ "CREATE_CHILD_SA response", EXCHANGE_CREATE_CHILD_SA, true, child_response },
	{ "INFORMATIONAL request", EXCHANGE_INFORMATIONAL, false, informational_request },
	{ "INFORMATIONAL response", EXCHANGE_INFORMATIONAL, true, informational_response },
};

const size_t n_samples = sizeof(samples) / sizeof(samples[0]);

struct ike_header sample_header(const struct sample *s)
{
	return (struct ike_header){ .spi_i = 0x0102030405060708,
				    .spi_r = 0x1112131415161718,
				    .exchange = s->exchange,
				    .initiator = !s->response,
				    .response = s->response,
				    .message_id = 7 };
}

struct bytes sample_message(const struct sample *s, uint8_t buf[static SAMPLE_ROOM])
{
	const struct ike_header h = sample_header(s);
	struct builder b;

	message_begin(&b, buf, SAMPLE_ROOM, &h);
	s->payloads(&b);
	return message_end(&b);
}

struct bytes sample_chain(const struct sample *s, uint8_t buf[static SAMPLE_ROOM], uint8_t *first)
{
	struct builder b;

	chain_begin(&b, buf, SAMPLE_ROOM);
	s->payloads(&b);
	*first = b.first;
	return chain_end(&b);
}

/* Reads each octet, so that a view that reaches too far is noticed. */
static void touch(struct bytes b)
{
	volatile uint8_t sum = 0;

	for (size_t i = 0; i < b.n; i++)
		sum = (uint8_t)(sum + b.p[i]);
}

static bool walk_sa(struct bytes body)
{
	struct transform_view t;
	struct sa_view sa;

	if (!sa_decode(body, &sa))
		return false;
	for (size_t i = 0; i < sa.n; i++) {
		size_t pos = 0, n = 0;
		while (transform_next(&sa.p[i], &pos, &t))
			n++;
		touch(sa.p[i].spi);
		if (n != sa.p[i].n_transforms)
			return false;
	}
	return true;
}

static bool walk_auth(struct bytes body)
{
	struct bytes data, algid, signature;
	uint8_t method;

	if (!auth_decode(body, &method, &data))
		return false;
	touch(data);
	if (method != AUTH_METHOD_DIGITAL_SIGNATURE)
		return true;
	if (!auth_signature_decode(data, &algid, &signature))
		return false;
	touch(algid);
	touch(signature);
	return true;
}

static bool walk_notify(struct bytes body)
{
	struct notify_view n;

	if (!notify_decode(body, &n))
		return false;
	touch(n.spi);
	touch(n.data);
	return true;
}

/* Payloads of a number and octets. */
static bool walk_simple(uint8_t type, struct bytes body)
{
	struct bytes data = BYTES_NONE;
	struct delete_view d = { 0 };
	struct id_view id = { 0 };
	uint16_t group;
	uint8_t octet;
	bool good;

	switch (type) {
	case PAYLOAD_KE:
		good = ke_decode(body, &group, &data);
		break;
	case PAYLOAD_IDI:
	case PAYLOAD_IDR:
		good = id_decode(body, &id);
		data = id.data;
		break;
	case PAYLOAD_CERT:
		good = cert_decode(body, &octet, &data);
		break;
	case PAYLOAD_CERTREQ:
		good = certreq_decode(body, &octet, &data);
		break;
	case PAYLOAD_NONCE:
		good = nonce_decode(body, &data);
		break;
	case PAYLOAD_DELETE:
		good = delete_decode(body, &d);
		data = d.spis;
		break;
	case PAYLOAD_CP:
		good = cp_decode(body, &octet);
		break;
	case PAYLOAD_EAP:
		good = eap_decode(body, &octet);
		break;
	default:
		good = true;
		data = body;
		break;
	}
	if (good)
		touch(data);
	return good;
}

bool sample_walk(const struct payload *p)
{
	struct ts_list ts;

	switch (p->type) {
	case PAYLOAD_SA:
		return walk_sa(p->body);
	case PAYLOAD_AUTH:
		return walk_auth(p->body);
	case PAYLOAD_NOTIFY:
		return walk_notify(p->body);
	case PAYLOAD_TSI:
	case PAYLOAD_TSR:
		return ts_decode(p->body, &ts);
	default:
		return walk_simple(p->type, p->body);
	}
}

size_t sample_walk_all(const struct payloads *ps)
{
	size_t good = 0;

	for (size_t i = 0; i < ps->n; i++)
		if (sample_walk(&ps->p[i]))
			good++;
	return good;
}
