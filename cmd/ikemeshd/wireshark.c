/* SPDX-License-Identifier: Apache-2.0 */
#include "cmd/ikemeshd/wireshark.h"

#include "ike/message/iana.h"

#include <inttypes.h>
#include <stdio.h>

static const struct {
	uint16_t id, bits;
	const char *ike, *esp;
} ciphers[] = {
	{ ENCR_AES_CBC, 128, "AES-CBC-128 [RFC3602]", "AES-CBC [RFC3602]" },
	{ ENCR_AES_CBC, 256, "AES-CBC-256 [RFC3602]", "AES-CBC [RFC3602]" },
	{ ENCR_AES_GCM_16, 128, "AES-GCM-128 with 16 octet ICV [RFC5282]",
	  "AES-GCM with 16 octet ICV [RFC4106]" },
	{ ENCR_AES_GCM_16, 256, "AES-GCM-256 with 16 octet ICV [RFC5282]",
	  "AES-GCM with 16 octet ICV [RFC4106]" },
};

static const struct {
	uint16_t id;
	const char *ike, *esp;
} integrities[] = {
	{ AUTH_HMAC_SHA2_256_128, "HMAC_SHA2_256_128 [RFC4868]", "HMAC-SHA-256-128 [RFC4868]" },
	{ AUTH_HMAC_SHA2_384_192, "HMAC_SHA2_384_192 [RFC4868]", "HMAC-SHA-384-192 [RFC4868]" },
	{ AUTH_HMAC_SHA2_512_256, "HMAC_SHA2_512_256 [RFC4868]", "HMAC-SHA-512-256 [RFC4868]" },
};

struct names {
	const char *encr, *integ; /* NULL: there is none */
};

static struct names names_of(const struct encr_alg *encr, const struct integ_alg *integ, bool esp)
{
	struct names n = { .integ = esp ? "NULL" : "NONE [RFC4306]" };

	if (integ != NULL)
		n.integ = NULL;
	for (size_t i = 0; i < sizeof(ciphers) / sizeof(ciphers[0]); i++)
		if (ciphers[i].id == encr->id && ciphers[i].bits == encr->key_bits)
			n.encr = esp ? ciphers[i].esp : ciphers[i].ike;
	for (size_t i = 0; integ != NULL && i < sizeof(integrities) / sizeof(integrities[0]); i++)
		if (integrities[i].id == integ->id)
			n.integ = esp ? integrities[i].esp : integrities[i].ike;
	return n;
}

#define HEX_LEN (2 * SA_KEY_MAX + 1)

static const char *hex(struct bytes b, char out[static HEX_LEN])
{
	size_t n = b.n <= SA_KEY_MAX ? b.n : 0;

	out[0] = '\0';
	for (size_t i = 0; i < n; i++)
		snprintf(out + 2 * i, 3, "%02x", b.p[i]);
	return out;
}

static size_t bounded(int n)
{
	return n > 0 && n < WIRESHARK_LINE_LEN ? (size_t)n : 0;
}

size_t wireshark_ike(const struct exposed_keys *k, char out[static WIRESHARK_LINE_LEN])
{
	const struct names names = names_of(k->encr, k->integ, false);
	char ei[HEX_LEN], er[HEX_LEN], ai[HEX_LEN], ar[HEX_LEN];
	int n = 0;

	if (names.encr != NULL && names.integ != NULL)
		n = snprintf(out, WIRESHARK_LINE_LEN,
			     "%016" PRIx64 ",%016" PRIx64 ",%s,%s,\"%s\",%s,%s,\"%s\"\n", k->spi_i,
			     k->spi_r, hex(secret_view(&k->ei), ei), hex(secret_view(&k->er), er),
			     names.encr, hex(secret_view(&k->ai), ai), hex(secret_view(&k->ar), ar),
			     names.integ);
	wipe(ei, sizeof(ei));
	wipe(er, sizeof(er));
	wipe(ai, sizeof(ai));
	wipe(ar, sizeof(ar));
	return bounded(n);
}

/* Encryption first, its salt behind it, then integrity (RFC 7296 2.17). */
size_t wireshark_esp(const struct sa_spec *sa, char out[static WIRESHARK_LINE_LEN])
{
	const struct names names = names_of(sa->encr, sa->integ, true);
	const size_t encr = sa->encr->key_len + sa->encr->salt_len;
	char src[IP_TEXT_LEN], dst[IP_TEXT_LEN], key[HEX_LEN], auth[HEX_LEN];
	int n = 0;

	if (names.encr != NULL && names.integ != NULL && sa->key_len >= encr)
		n = snprintf(out, WIRESHARK_LINE_LEN,
			     "\"%s\",\"%s\",\"%s\",\"0x%08x\",\"%s\",\"0x%s\",\"%s\",\"%s%s\"\n",
			     sa->src.family == 6 ? "IPv6" : "IPv4", ip_text(&sa->src, src),
			     ip_text(&sa->dst, dst), sa->spi, names.encr,
			     hex(BYTES(sa->key, encr), key), names.integ,
			     sa->integ != NULL ? "0x" : "",
			     hex(BYTES(sa->key + encr, sa->key_len - encr), auth));
	wipe(key, sizeof(key));
	wipe(auth, sizeof(auth));
	return bounded(n);
}
