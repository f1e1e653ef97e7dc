/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Certificates, lists of revoked ones, names, patterns and PEM, as a peer or a file may bring them.
 * The first octet is the kind (seeds.h). What our CA is to have signed is signed by it here, so
 * that what is in it is looked at.
 */
#include "fuzz/pki.h"
#include "fuzz/seeds.h"

#include "crypto/crl.h"
#include "crypto/pattern.h"
#include "crypto/pem.h"
#include "crypto/trust.h"
#include <stdlib.h>
#include <string.h>

static const char *const patterns[] = { "*.example", "O=Example, CN=*", "a@example", "10.0.0.0/8",
					"C=*, *, CN=host-a" };

static void printable(const char *text, size_t size)
{
	HOLDS(strnlen(text, size) < size);
	for (; *text != '\0'; text++)
		HOLDS((unsigned char)*text >= 0x20 && (unsigned char)*text < 0x7f);
}

/* --- one certificate --- */

static void patterns_match(struct bytes der)
{
	for (size_t i = 0; i < sizeof patterns / sizeof patterns[0]; i++) {
		struct pattern *p;
		const char *why;

		HOLDS(pattern_parse(patterns[i], &p, &why) == 0);
		pattern_matches(p, der);
		pattern_free(p);
	}
}

static void identity_of(struct bytes der)
{
	struct blob name;
	char text[CERT_TEXT_LEN];

	if (cert_subject_der(der, &name) != 0)
		return;
	dn_to_text(blob_view(&name), text, sizeof text);
	printable(text, sizeof text);
	/* What it names is in it, unless it names nobody. */
	if (name.n > 2 && dn_equal(blob_view(&name), blob_view(&name)))
		HOLDS(trust_id_matches(der, ID_DER_ASN1_DN, blob_view(&name)));
	blob_free(&name);
}

static void describe(struct bytes der)
{
	static const uint8_t fqdn[] = "a.example", address[] = { 10, 0, 0, 1 };
	struct cert_info info;

	if (cert_describe(der, &info) != 0)
		return;
	printable(info.subject, sizeof info.subject);
	printable(info.issuer, sizeof info.issuer);
	printable(info.serial, sizeof info.serial);
	printable(info.fingerprint, sizeof info.fingerprint);
	identity_of(der);
	trust_id_matches(der, ID_FQDN, BYTES(fqdn, sizeof fqdn - 1));
	trust_id_matches(der, ID_IPV4_ADDR, BYTES(address, sizeof address));
	trust_id_matches(der, ID_RFC822_ADDR, BYTES(fqdn, sizeof fqdn - 1));
	patterns_match(der);
}

/* --- whom to trust --- */

/* Our CA, and what our rules can ask for. */
static struct trust *trust_of(uint8_t how, struct bytes list)
{
	const struct trust_rules rules = { .strict_ca = (how & 1) != 0,
					   .bind_address = (how & 2) != 0,
					   .crl_policy = (how & 4) != 0 ? CRL_HARD : CRL_SOFT };
	struct trust *t = trust_new();
	struct crls *crls = crls_new();
	const char *why;
	struct pattern *p;

	HOLDS(t != NULL && crls != NULL);
	HOLDS(trust_add_ca(t, blob_view(&fuzz_pki()->ca.der)) == 0);
	if ((how & 8) != 0)
		HOLDS(trust_add_own(t, blob_view(&fuzz_pki()->host.der)) == 0);
	if ((how & 16) != 0) {
		HOLDS(pattern_parse("O=Example, CN=*", &p, &why) == 0);
		HOLDS(trust_add_pattern(t, p) == 0);
	}
	trust_set_rules(t, &rules);
	crls_add(crls, list.n > 0 ? list : blob_view(&fuzz_pki()->list));
	trust_set_crls(t, crls);
	crls_drop(crls);
	return t;
}

static void judge(const struct trust *t, const struct bytes *certs, size_t n)
{
	static const uint8_t address[] = { 10, 0, 0, 1 };
	struct peer_finding once, twice;
	char text[VERDICT_TEXT_LEN];

	trust_check_chain(t, certs, n, TESTPKI_NOW, text);
	printable(text, sizeof text);
	trust_check_certs(t, certs, n, BYTES(address, 4), TESTPKI_NOW, &once);
	printable(once.text, sizeof once.text);
	printable(once.warning, sizeof once.warning);
	HOLDS((once.verdict == VERDICT_GOOD) == (once.text[0] == '\0'));
	/* What is remembered is no other than what was found. */
	trust_check_certs(t, certs, n, BYTES(address, 4), TESTPKI_NOW, &twice);
	HOLDS(once.verdict == twice.verdict && strcmp(once.text, twice.text) == 0);
}

static void judge_one(uint8_t how, struct bytes der, struct bytes list)
{
	struct trust *t = trust_of(how, list);

	judge(t, &der, 1);
	trust_free(t);
}

/* --- kinds --- */

static void alone(struct feed *in)
{
	const struct bytes der = feed_rest(in);
	struct trust *t = trust_new();

	HOLDS(t != NULL);
	describe(der);
	trust_add_ca(t, der);
	trust_add_own(t, der);
	trust_free(t);
	judge_one(0, der, BYTES_NONE);
}

static void list_read(struct bytes file)
{
	struct crls *c = crls_new(), *again = crls_new();
	struct crl_info info;
	struct blob der;

	HOLDS(c != NULL && again != NULL);
	if (crls_add(c, file) == 0)
		HOLDS(crls_count(c) > 0);
	else
		HOLDS(crls_count(c) == 0);
	for (size_t i = 0; i < crls_count(c); i++) {
		crls_describe(c, i, &info);
		printable(info.issuer, sizeof info.issuer);
		printable(info.number, sizeof info.number);
		HOLDS(crls_der(c, i, &der) == 0);
		HOLDS(crls_add(again, blob_view(&der)) == 0);
		blob_free(&der);
	}
	HOLDS(crls_equal(c, again));
	crls_drop(again);
	crls_drop(c);
}

static void list(struct feed *in)
{
	const struct bytes file = feed_rest(in);

	list_read(file);
	judge_one(4, blob_view(&fuzz_pki()->host.der), file);
}

static void pem(struct feed *in)
{
	struct bytes text = feed_rest(in), left = text;
	struct blob certs[CERT_CHAIN_MAX];
	size_t n = CERT_CHAIN_MAX;
	struct pem_block block;
	struct sign_key *key;

	if (pem_certs(text, certs, &n) == 0)
		for (size_t i = 0; i < n; i++)
			blob_free(&certs[i]);
	while (pem_next(&left, &block) == 0) {
		struct secret content = { 0 };

		pem_is_encrypted(&block);
		if (pem_decode(&block, &content) == 0)
			HOLDS(content.n > 0);
		secret_free(&content);
	}
	if (sign_key_from_pem(text, &key) == 0) {
		sign_key_matches(key, blob_view(&fuzz_pki()->host.der));
		sign_key_free(key);
	}
}

static void pattern(struct feed *in)
{
	char *text = exact_text(feed_rest(in));
	const char *why = NULL;
	struct pattern *p;

	if (pattern_parse(text, &p, &why) == 0) {
		HOLDS(strcmp(pattern_text(p), text) == 0);
		pattern_matches(p, blob_view(&fuzz_pki()->host.der));
		pattern_matches(p, blob_view(&fuzz_pki()->ca.der));
		pattern_free(p);
	} else {
		HOLDS(why != NULL);
	}
	free(text);
}

/* Without our CA's key nobody is believed. */
static void shown(struct feed *in)
{
	const uint8_t how = feed_u8(in);
	struct bytes certs[CERT_CHAIN_MAX];
	struct peer_proof proof = { .certs = certs };
	const struct sig_scheme *const *schemes = sig_all();
	struct trust *t = trust_of(how & ~8, BYTES_NONE);
	struct peer_finding found;
	size_t n = feed_u8(in) % (CERT_CHAIN_MAX + 1), n_schemes = 0;

	while (schemes[n_schemes] != NULL)
		n_schemes++;
	for (size_t i = 0; i < n; i++)
		certs[i] = feed_sized(in);
	proof.n_certs = n;
	proof.id_type = feed_u8(in);
	proof.scheme = schemes[feed_u8(in) % n_schemes];
	proof.id = feed_sized(in);
	proof.address = feed_bytes(in, feed_u8(in) % 2 == 0 ? 4 : 16);
	proof.tbs = feed_sized(in);
	proof.signature = feed_rest(in);
	if (n > 0)
		judge(t, certs, n);
	HOLDS(trust_check_peer(t, &proof, TESTPKI_NOW, &found) != VERDICT_GOOD);
	printable(found.text, sizeof found.text);
	spki_check_signature(proof.id, proof.scheme, proof.tbs, proof.signature);
	sig_by_algid(proof.id);
	trust_free(t);
}

static void signed_by_us(struct feed *in)
{
	const uint8_t how = feed_u8(in);
	struct blob der = fuzz_pki_sign(feed_rest(in));

	describe(blob_view(&der));
	judge_one(how, blob_view(&der), BYTES_NONE);
	blob_free(&der);
}

static void listed_by_us(struct feed *in)
{
	const uint8_t how = feed_u8(in);
	struct blob der = fuzz_pki_sign(feed_rest(in));

	list_read(blob_view(&der));
	judge_one(how, blob_view(&fuzz_pki()->host.der), blob_view(&der));
	blob_free(&der);
}

static void names(struct feed *in)
{
	struct exact a = exact_of(feed_sized(in)), b = exact_of(feed_rest(in));
	char text[CERT_TEXT_LEN];

	dn_to_text(BYTES(a.p, a.n), text, sizeof text);
	printable(text, sizeof text);
	HOLDS(dn_equal(BYTES(a.p, a.n), BYTES(b.p, b.n)) ==
	      dn_equal(BYTES(b.p, b.n), BYTES(a.p, a.n)));
	exact_free(&a);
	exact_free(&b);
}

static void (*const kinds[CERTIFICATE_KINDS])(struct feed *in) = {
	[CERTIFICATE_ALONE] = alone,
	[CERTIFICATE_LIST] = list,
	[CERTIFICATE_PEM] = pem,
	[CERTIFICATE_PATTERN] = pattern,
	[CERTIFICATE_SHOWN] = shown,
	[CERTIFICATE_SIGNED] = signed_by_us,
	[CERTIFICATE_LISTED] = listed_by_us,
	[CERTIFICATE_NAMES] = names,
};

FUZZ_TARGET(input)
{
	fuzz_pki();
	kinds[feed_u8(input) % CERTIFICATE_KINDS](input);
}
