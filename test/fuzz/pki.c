/* SPDX-License-Identifier: Apache-2.0 */
#define OPENSSL_SUPPRESS_DEPRECATED
#include "fuzz/pki.h"

#include "crypto/trust.h"
#include "sim/rng.h"
#include <openssl/rand.h>
#include <string.h>

/* --- the library's random numbers --- */

static struct rng rng = { .state = 10 };

static int rand_bytes(unsigned char *out, int n)
{
	rng_fill(&rng, out, (size_t)n);
	return 1;
}

static int rand_status(void)
{
	return 1;
}

static void rand_from_seed(void)
{
	static RAND_METHOD method = { .bytes = rand_bytes,
				      .pseudorand = rand_bytes,
				      .status = rand_status };

	HOLDS(RAND_set_rand_method(&method) == 1);
}

/* --- certificates --- */

static struct fuzz_pki the_pki;

static void lists_make(struct fuzz_pki *p)
{
	const struct testpki_crl_spec none = { .issuer = &p->ca };
	const struct testpki_crl_spec one = { .issuer = &p->ca, .revoked = { &p->host } };

	p->list = testpki_crl(&none, &p->list_pem);
	p->list_host = testpki_crl(&one, NULL);
}

const struct fuzz_pki *fuzz_pki(void)
{
	struct fuzz_pki *p = &the_pki;
	const struct testpki_spec ca = { .subject = "O=Example, CN=Test CA",
					 .kind = TESTPKI_ECDSA_P256,
					 .ca = true };
	const struct testpki_spec other = {
		.subject = "CN=Other CA", .kind = TESTPKI_ECDSA_P256, .slot = 2, .ca = true
	};
	const struct testpki_spec host = {
		.subject = "O=Example, CN=host-a",
		.issuer = &p->ca,
		.kind = TESTPKI_RSA_2048,
		.slot = 1,
		.san = "DNS:a.example, IP:10.0.0.1, IP:fd00::1, email:a@example"
	};

	if (p->ca.der.n > 0)
		return p;
	rand_from_seed();
	testpki_make(&p->ca, &ca);
	testpki_make(&p->other_ca, &other);
	testpki_make(&p->host, &host);
	lists_make(p);
	return p;
}

/* --- signatures --- */

/* 1.2.840.10045.4.3.2, RFC 5758 3.2 */
static const uint8_t ecdsa_sha256[] = { 0x30, 0x0a, 0x06, 0x08, 0x2a, 0x86,
					0x48, 0xce, 0x3d, 0x04, 0x03, 0x02 };

static struct sign_key *ca_key(void)
{
	static struct sign_key *key;

	if (key == NULL)
		HOLDS(sign_key_from_pem(blob_view(&fuzz_pki()->ca.key_pem), &key) == 0);
	return key;
}

/* DER: the shortest form of a length. */
static uint8_t *put_head(uint8_t *at, uint8_t tag, size_t n)
{
	const unsigned octets = n < 0x80 ? 0 : n < 0x100 ? 1 : n < 0x10000 ? 2 : 3;

	*at++ = tag;
	if (octets > 0)
		*at++ = (uint8_t)(0x80 | octets);
	for (unsigned i = octets; i > 1; i--)
		*at++ = (uint8_t)(n >> (8 * (i - 1)));
	*at++ = (uint8_t)n;
	return at;
}

static uint8_t *put(uint8_t *at, struct bytes b)
{
	if (b.n > 0)
		memcpy(at, b.p, b.n);
	return at + b.n;
}

struct blob fuzz_pki_sign(struct bytes to_be_signed)
{
	const struct sig_scheme *scheme = sig_by_algid(BYTES(ecdsa_sha256, sizeof ecdsa_sha256));
	static uint8_t body[FUZZ_INPUT_MAX + 256], whole[FUZZ_INPUT_MAX + 512];
	struct blob signature = { 0 }, out;
	uint8_t *at;
	size_t n;

	HOLDS(scheme != NULL && to_be_signed.n <= FUZZ_INPUT_MAX);
	HOLDS(sign_key_sign(ca_key(), scheme, to_be_signed, &signature) == 0);
	at = put(body, to_be_signed);
	at = put(at, BYTES(ecdsa_sha256, sizeof ecdsa_sha256));
	at = put_head(at, 0x03, signature.n + 1);
	*at++ = 0;
	at = put(at, blob_view(&signature));
	blob_free(&signature);
	n = (size_t)(at - body);
	at = put(put_head(whole, 0x30, n), BYTES(body, n));
	HOLDS(blob_copy(&out, BYTES(whole, (size_t)(at - whole))) == 0);
	return out;
}

/* --- files --- */

struct bytes fuzz_pki_file(const char *path)
{
	const struct fuzz_pki *p = fuzz_pki();
	static const uint8_t ppk[] =
		"00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff\n";
	const struct {
		const char *path;
		struct bytes content;
	} files[] = {
		{ "/p/ca", blob_view(&p->ca.pem) },
		{ "/p/other-ca", blob_view(&p->other_ca.pem) },
		{ "/p/host", blob_view(&p->host.pem) },
		{ "/p/key", blob_view(&p->host.key_pem) },
		{ "/p/list", blob_view(&p->list_pem) },
		{ "/p/revoking", blob_view(&p->list_host) },
		{ "/p/ppk", BYTES(ppk, sizeof ppk - 1) },
	};

	for (size_t i = 0; i < sizeof files / sizeof files[0]; i++)
		if (strcmp(files[i].path, path) == 0)
			return files[i].content;
	return BYTES_NONE;
}
