/* SPDX-License-Identifier: Apache-2.0 */
#include "sim/fleet.h"

#include "crypto/trust.h"
#include "sim/jobs.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define STANDIN_CERT_LEN 1100 /* as long as an RSA-3072 one */

struct ip fleet_address(unsigned host, bool ipv6)
{
	uint8_t b[16] = { 0xfd, 0 };

	if (!ipv6)
		return ip_v4(10, (uint8_t)(host >> 16), (uint8_t)(host >> 8), (uint8_t)host);
	b[13] = (uint8_t)(host >> 16);
	b[14] = (uint8_t)(host >> 8);
	b[15] = (uint8_t)host;
	return ip_from(6, b);
}

unsigned fleet_number(const struct ip *ip)
{
	unsigned first = ip->family == 4 ? 0 : 12;

	return ((unsigned)ip->b[first + 2] << 8 | ip->b[first + 3]) % FLEET_HOSTS;
}

struct blob fleet_name(const char *text)
{
	/* SEQUENCE { SET { SEQUENCE { OID 2.5.4.3, UTF8String text } } } */
	static const uint8_t oid[] = { 0x06, 0x03, 0x55, 0x04, 0x03 };
	size_t n = strlen(text), at = 0;
	struct blob b = { .p = calloc(1, 13 + n), .n = 13 + n };

	if (b.p == NULL || n > 100)
		abort();
	b.p[at++] = 0x30;
	b.p[at++] = (uint8_t)(n + 11);
	b.p[at++] = 0x31;
	b.p[at++] = (uint8_t)(n + 9);
	b.p[at++] = 0x30;
	b.p[at++] = (uint8_t)(n + 7);
	memcpy(b.p + at, oid, sizeof oid);
	at += sizeof oid;
	b.p[at++] = 0x0c;
	b.p[at++] = (uint8_t)n;
	memcpy(b.p + at, text, n);
	return b;
}

static void copy(struct blob *out, struct bytes from)
{
	if (blob_copy(out, from) != 0)
		abort();
}

static void proposals(struct spec *s, uint16_t group)
{
	s->ike[0] = (struct proposal_spec){
		.t = {
			{ .type = TRANSFORM_ENCR, .id = ENCR_AES_CBC, .key_bits = 128 },
			{ .type = TRANSFORM_PRF, .id = PRF_HMAC_SHA2_256 },
			{ .type = TRANSFORM_INTEG, .id = AUTH_HMAC_SHA2_256_128 },
			{ .type = TRANSFORM_KE, .id = group },
		},
		.n = 4,
	};
	s->n_ike = 1;
	s->esp[0] = (struct proposal_spec){
		.t = {
			{ .type = TRANSFORM_ENCR, .id = ENCR_AES_GCM_16, .key_bits = 128 },
			{ .type = TRANSFORM_ESN, .id = ESN_NO },
		},
		.n = 2,
	};
	s->n_esp = 1;
}

static struct subnet_spec *subnet(const char *text)
{
	struct subnet_spec *s = calloc(1, sizeof *s);
	bool had_host_bits;

	if (s == NULL || !subnet_parse(text, &s->net, &had_host_bits))
		abort();
	return s;
}

static void spec_common(struct spec *s, const struct fleet_options *o)
{
	*s = (struct spec){
		.protect = subnet(o->ipv6 ? "fd00::/16" : "10.0.0.0/8"),
		.n_protect = 1,
		.bypass = subnet(o->ipv6 ? "fd00:ff::/32" : "10.255.0.0/16"),
		.n_bypass = 1,
		.optional = o->optional,
		.ike_lifetime_s = o->ike_lifetime_s,
		.esp_lifetime_s = o->esp_lifetime_s,
		.dpd_delay_s = o->dpd_delay_s == 0 ? 30 : o->dpd_delay_s,
		.max_pairs = 10000,
		.half_open_limit = 1000,
		.half_open_per_source = 8,
		.cookie_threshold = 30,
		.error_replies = 10,
		.child_requests_per_minute = 60,
		.dpd_timeout_s = o->dpd_timeout_s == 0 ? 150 : o->dpd_timeout_s,
		.replay_window = 64,
		.encapsulation = ENCAP_AUTO,
		.prestart_timeout_s = 30,
	};
	proposals(s, o->group == 0 ? KE_MODP_2048 : o->group);
	s->credential.generation = 1;
	s->credential.id_type = ID_DER_ASN1_DN;
	s->credential.key = KEY_RSA;
	s->credential.key_bits = 3072;
	s->cas = calloc(1, sizeof *s->cas);
	if (s->cas == NULL)
		abort();
	s->n_cas = 1;
}

void fleet_spec(struct spec *s, unsigned host, const struct fleet_options *o)
{
	struct credential_spec *c = &s->credential;
	char name[32];

	spec_common(s, o);
	snprintf(name, sizeof name, "host-%u", o->shared_certificate ? 0 : host);
	c->id = fleet_name(name);
	c->certs[0] = standin_cert(o->ca, blob_view(&c->id), STANDIN_CERT_LEN);
	standin_cert_limits(&c->certs[0], o->serial, o->valid_from, o->valid_until);
	c->n_certs = 1;
	snprintf(c->leaf.subject, sizeof c->leaf.subject, "CN=%s", name);
	copy(&s->cas[0].der, BYTES((const uint8_t *)"CA", 2));
	memset(s->cas[0].info.spki_sha1, o->ca, sizeof s->cas[0].info.spki_sha1);
}

void fleet_spec_real(struct spec *s, unsigned host, const struct fleet_options *o,
		     const struct bytes *chain, size_t n_chain, struct bytes ca)
{
	struct credential_spec *c = &s->credential;

	(void)host;
	spec_common(s, o);
	for (size_t i = 0; i < n_chain; i++)
		copy(&c->certs[i], chain[i]);
	c->n_certs = n_chain;
	if (cert_describe(chain[0], &c->leaf) != 0 || cert_subject_der(chain[0], &c->id) != 0)
		abort();
	c->key = c->leaf.key;
	c->key_bits = c->leaf.key_bits;
	copy(&s->cas[0].der, ca);
	if (cert_describe(ca, &s->cas[0].info) != 0)
		abort();
}
