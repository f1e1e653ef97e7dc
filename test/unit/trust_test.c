/* SPDX-License-Identifier: Apache-2.0 */
#include "crypto/trust.h"
#include "lib/testpki.h"
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define N_ELEMENTS(a) (sizeof(a) / sizeof((a)[0]))
#define VIEW(text) BYTES((const uint8_t *)(text), strlen(text))

/* The usual CA and leaf, for all tests. */
static struct testpki_cert ca, leaf;
static struct trust *trust;

static int setup(void **state)
{
	(void)state;
	testpki_ca(&ca, "C=US, O=Example, CN=Test CA");
	testpki_make(&leaf, &(struct testpki_spec){
				    .subject = "C=US, O=Example, CN=host-a",
				    .issuer = &ca,
				    .slot = 1,
				    .san = "DNS:a.example, IP:10.0.0.1, IP:2001:db8::1, "
					   "email:Root@Example.org, DNS:*.wild.example",
			    });
	trust = trust_new();
	assert_non_null(trust);
	assert_int_equal(trust_add_ca(trust, blob_view(&ca.der)), 0);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	trust_free(trust);
	testpki_free(&ca);
	testpki_free(&leaf);
	return 0;
}

/* The verdict on a leaf and what comes with it, up to four certificates, under the usual CA. */
static enum verdict check_under(const struct trust *t, const struct testpki_cert *a,
				const struct testpki_cert *b, const struct testpki_cert *c,
				char *text)
{
	struct bytes certs[3] = { blob_view(&a->der) };
	size_t n = 1;

	if (b != NULL)
		certs[n++] = blob_view(&b->der);
	if (c != NULL)
		certs[n++] = blob_view(&c->der);
	return trust_check_chain(t, certs, n, TESTPKI_NOW, text);
}

/* Makes a leaf as specified (under the usual CA unless said otherwise), and asks for its verdict.
 */
static void assert_leaf(const struct testpki_spec *wanted, enum verdict expected, const char *says)
{
	struct testpki_spec spec = *wanted;
	struct testpki_cert cert;
	char text[VERDICT_TEXT_LEN];
	enum verdict v;

	if (spec.subject == NULL)
		spec.subject = "CN=odd leaf";
	if (spec.issuer == NULL)
		spec.issuer = &ca;
	if (spec.slot == 0)
		spec.slot = 1;
	testpki_make(&cert, &spec);
	v = check_under(trust, &cert, NULL, NULL, text);
	if (v != expected || strstr(text, says) == NULL)
		print_error("%s: %s (expected: %s)\n", verdict_name(v), text, says);
	assert_int_equal(v, expected);
	assert_non_null(strstr(text, says));
	if (expected == VERDICT_GOOD)
		assert_string_equal(text, "");
	else
		assert_non_null(strstr(text, spec.subject));
	testpki_free(&cert);
}

static void test_good_leaves(void **state)
{
	(void)state;
	assert_leaf(&(struct testpki_spec){ 0 }, VERDICT_GOOD, "");
	assert_leaf(&(struct testpki_spec){ .kind = TESTPKI_RSA_3072 }, VERDICT_GOOD, "");
	assert_leaf(&(struct testpki_spec){ .kind = TESTPKI_ECDSA_P256 }, VERDICT_GOOD, "");
	assert_leaf(&(struct testpki_spec){ .kind = TESTPKI_ECDSA_P384 }, VERDICT_GOOD, "");
	assert_leaf(&(struct testpki_spec){ .kind = TESTPKI_ECDSA_P521 }, VERDICT_GOOD, "");
	assert_leaf(&(struct testpki_spec){ .kind = TESTPKI_ED25519 }, VERDICT_GOOD, "");
	assert_leaf(&(struct testpki_spec){ .key_usage = "none" }, VERDICT_GOOD, "");
	assert_leaf(&(struct testpki_spec){ .key_usage = "nonRepudiation" }, VERDICT_GOOD, "");
	assert_leaf(&(struct testpki_spec){ .key_usage = "digitalSignature,keyEncipherment" },
		    VERDICT_GOOD, "");
	assert_leaf(&(struct testpki_spec){ .eku = "serverAuth,clientAuth" }, VERDICT_GOOD, "");
	assert_leaf(&(struct testpki_spec){ .eku = "critical,ipsecIKE" }, VERDICT_GOOD, "");
	assert_leaf(&(struct testpki_spec){ .eku = "anyExtendedKeyUsage" }, VERDICT_GOOD, "");
	assert_leaf(&(struct testpki_spec){ .digest = "SHA512" }, VERDICT_GOOD, "");
}

static void test_dates(void **state)
{
	(void)state;
	assert_leaf(&(struct testpki_spec){ .not_after = TESTPKI_NOW - 1 }, VERDICT_EXPIRED,
		    "expired on 2029-12-31 23:59:59 UTC; it is 2030-01-01 00:00:00 UTC");
	assert_leaf(&(struct testpki_spec){ .not_after = TESTPKI_NOW + 1 }, VERDICT_GOOD, "");
	assert_leaf(&(struct testpki_spec){ .not_before = TESTPKI_NOW + 1 }, VERDICT_NOT_YET_VALID,
		    "not valid before 2030-01-01 00:00:01 UTC; it is 2030-01-01 00:00:00 UTC");
	assert_leaf(&(struct testpki_spec){ .not_before = TESTPKI_NOW }, VERDICT_GOOD, "");
}

static void test_leaves_of_another_purpose(void **state)
{
	(void)state;
	assert_leaf(&(struct testpki_spec){ .key_usage = "keyEncipherment" }, VERDICT_BAD_CHAIN,
		    "keyUsage");
	assert_leaf(&(struct testpki_spec){ .eku = "codeSigning,emailProtection" },
		    VERDICT_BAD_CHAIN, "extendedKeyUsage");
}

/* T59, RFC 8247 3.1.1 */
static void test_weak_leaves(void **state)
{
	(void)state;
	assert_leaf(&(struct testpki_spec){ .kind = TESTPKI_RSA_1024 }, VERDICT_WEAK_KEY,
		    "1024 bits");
	assert_leaf(&(struct testpki_spec){ .kind = TESTPKI_RSA_E1 }, VERDICT_WEAK_KEY, "exponent");
	assert_leaf(&(struct testpki_spec){ .digest = "SHA1" }, VERDICT_BAD_CHAIN, "weak");
	assert_leaf(&(struct testpki_spec){ .bad_signature = true }, VERDICT_BAD_CHAIN,
		    "signature");
}

static void test_self_signed_stranger(void **state)
{
	struct testpki_cert stranger;
	char text[VERDICT_TEXT_LEN];

	(void)state;
	testpki_make(&stranger, &(struct testpki_spec){ .subject = "CN=stranger", .slot = 2 });
	assert_int_equal(check_under(trust, &stranger, NULL, NULL, text), VERDICT_NO_TRUSTED_CA);
	assert_non_null(strstr(text, "CN=stranger"));
	/* T35: the stranger first, then one that is good: the first one counts */
	assert_int_equal(check_under(trust, &stranger, &leaf, NULL, text), VERDICT_NO_TRUSTED_CA);
	assert_int_equal(check_under(trust, &leaf, &stranger, NULL, text), VERDICT_GOOD);
	testpki_free(&stranger);
}

static void test_no_ca_at_all(void **state)
{
	struct trust *empty = trust_new();
	char text[VERDICT_TEXT_LEN];

	(void)state;
	assert_int_equal(check_under(empty, &leaf, NULL, NULL, text), VERDICT_NO_TRUSTED_CA);
	assert_non_null(strstr(text, "CN=host-a"));
	assert_non_null(strstr(text, "CN=Test CA"));
	trust_free(empty);
	trust_free(NULL);
}

static void test_intermediates_in_any_order(void **state)
{
	struct testpki_cert upper, lower, host;
	char text[VERDICT_TEXT_LEN];

	(void)state;
	testpki_make(&upper, &(struct testpki_spec){
				     .subject = "CN=upper", .issuer = &ca, .ca = true, .slot = 2 });
	testpki_make(&lower,
		     &(struct testpki_spec){
			     .subject = "CN=lower", .issuer = &upper, .ca = true, .slot = 3 });
	testpki_leaf(&host, &lower, "CN=deep");
	assert_int_equal(check_under(trust, &host, &lower, &upper, text), VERDICT_GOOD);
	assert_int_equal(check_under(trust, &host, &upper, &lower, text), VERDICT_GOOD);
	assert_int_equal(check_under(trust, &host, &lower, NULL, text), VERDICT_NO_TRUSTED_CA);
	assert_non_null(
		strstr(text, "\"CN=lower\" is not under a trusted CA (issuer \"CN=upper\")"));
	assert_int_equal(check_under(trust, &host, &upper, NULL, text), VERDICT_NO_TRUSTED_CA);
	testpki_free(&host);
	testpki_free(&lower);
	testpki_free(&upper);
}

/* An intermediate among our CAs is an anchor by itself. */
static void test_intermediate_as_anchor(void **state)
{
	struct testpki_cert sub, host;
	struct trust *t = trust_new();
	char text[VERDICT_TEXT_LEN];

	(void)state;
	testpki_make(&sub, &(struct testpki_spec){
				   .subject = "CN=sub", .issuer = &ca, .ca = true, .slot = 2 });
	testpki_leaf(&host, &sub, "CN=below sub");
	assert_int_equal(trust_add_ca(t, blob_view(&sub.der)), 0);
	assert_int_equal(check_under(t, &host, NULL, NULL, text), VERDICT_GOOD);
	assert_int_equal(check_under(t, &host, &sub, &ca, text), VERDICT_GOOD);
	assert_int_equal(check_under(t, &leaf, &ca, NULL, text), VERDICT_NO_TRUSTED_CA);
	trust_free(t);
	testpki_free(&host);
	testpki_free(&sub);
}

/* RFC 5280 6.1; seven intermediates at most. */
static void test_long_chains(void **state)
{
	struct testpki_cert chain[CERT_CHAIN_MAX + 1];
	struct bytes certs[CERT_CHAIN_MAX + 1];
	char text[VERDICT_TEXT_LEN];

	(void)state;
	for (size_t n = 7; n <= 8; n++) { /* intermediates */
		const struct testpki_cert *above = &ca;

		for (size_t i = n; i >= 1; i--) {
			char subject[32];

			(void)snprintf(subject, sizeof(subject), "CN=level %zu", i);
			testpki_make(&chain[i], &(struct testpki_spec){ .subject = subject,
									.issuer = above,
									.ca = true,
									.slot = 2 + i % 2 });
			above = &chain[i];
		}
		testpki_leaf(&chain[0], above, "CN=far down");
		for (size_t i = 0; i <= n; i++)
			certs[i] = blob_view(&chain[i].der);
		assert_int_equal(trust_check_chain(trust, certs, n + 1, TESTPKI_NOW, text),
				 n == 7 ? VERDICT_GOOD : VERDICT_BAD_CHAIN);
		for (size_t i = 0; i <= n; i++)
			testpki_free(&chain[i]);
	}
}

/* A chain with one CA between, made as specified. */
static void assert_intermediate(const struct testpki_spec *wanted, enum verdict expected)
{
	struct testpki_spec spec = *wanted;
	struct testpki_cert sub, host;
	char text[VERDICT_TEXT_LEN];
	enum verdict v;

	spec.subject = "CN=odd CA";
	spec.issuer = &ca;
	spec.slot = 2;
	testpki_make(&sub, &spec);
	testpki_make(&host, &(struct testpki_spec){ .subject = "CN=host",
						    .issuer = &sub,
						    .slot = 1,
						    .san = "DNS:vpn.eXample.org" });
	v = check_under(trust, &host, &sub, NULL, text);
	if (v != expected)
		print_error("%s: %s\n", verdict_name(v), text);
	assert_int_equal(v, expected);
	testpki_free(&host);
	testpki_free(&sub);
}

static void test_intermediates_with_a_fault(void **state)
{
	(void)state;
	assert_intermediate(&(struct testpki_spec){ .ca = true }, VERDICT_GOOD);
	assert_intermediate(&(struct testpki_spec){ .ca = false }, VERDICT_BAD_CHAIN);
	assert_intermediate(&(struct testpki_spec){ .ca = true, .key_usage = "cRLSign" },
			    VERDICT_BAD_CHAIN);
	assert_intermediate(&(struct testpki_spec){ .ca = true, .not_after = TESTPKI_NOW - 1 },
			    VERDICT_EXPIRED);
	assert_intermediate(&(struct testpki_spec){ .ca = true, .not_before = TESTPKI_NOW + 9 },
			    VERDICT_NOT_YET_VALID);
	assert_intermediate(&(struct testpki_spec){ .ca = true, .bad_signature = true },
			    VERDICT_BAD_CHAIN);
	assert_intermediate(&(struct testpki_spec){ .ca = true, .kind = TESTPKI_RSA_1024 },
			    VERDICT_WEAK_KEY);
	assert_intermediate(&(struct testpki_spec){ .ca = true, .digest = "SHA1" },
			    VERDICT_BAD_CHAIN);
	/* T67 */
	assert_intermediate(
		&(struct testpki_spec){ .ca = true,
					.name_constraints = "excluded;DNS:example.org" },
		VERDICT_BAD_CHAIN);
	assert_intermediate(
		&(struct testpki_spec){ .ca = true,
					.name_constraints = "permitted;DNS:example.org" },
		VERDICT_GOOD);
	assert_intermediate(
		&(struct testpki_spec){ .ca = true,
					.name_constraints = "permitted;DNS:example.com" },
		VERDICT_BAD_CHAIN);
	/* no CA below this one, and there is none */
	assert_intermediate(&(struct testpki_spec){ .ca = true, .limit_path = true }, VERDICT_GOOD);
}

static void test_path_length(void **state)
{
	struct testpki_cert upper, lower, host;
	char text[VERDICT_TEXT_LEN];

	(void)state;
	testpki_make(&upper, &(struct testpki_spec){ .subject = "CN=upper",
						     .issuer = &ca,
						     .ca = true,
						     .limit_path = true,
						     .path_len = 0,
						     .slot = 2 });
	testpki_make(&lower,
		     &(struct testpki_spec){
			     .subject = "CN=lower", .issuer = &upper, .ca = true, .slot = 3 });
	testpki_leaf(&host, &lower, "CN=deep");
	assert_int_equal(check_under(trust, &host, &lower, &upper, text), VERDICT_BAD_CHAIN);
	assert_non_null(strstr(text, "path length"));
	testpki_free(&host);
	testpki_free(&lower);
	testpki_free(&upper);
}

/* Leaves and CAs with keys of every kind, each under each. */
static void test_kinds_of_keys_mixed(void **state)
{
	static const enum testpki_kind kinds[] = { TESTPKI_RSA_2048, TESTPKI_ECDSA_P256,
						   TESTPKI_ECDSA_P384, TESTPKI_ECDSA_P521,
						   TESTPKI_ED25519 };
	char text[VERDICT_TEXT_LEN];

	(void)state;
	for (size_t i = 0; i < N_ELEMENTS(kinds) * N_ELEMENTS(kinds); i++) {
		struct testpki_cert root, host;
		struct trust *t = trust_new();

		testpki_make(&root, &(struct testpki_spec){ .subject = "CN=root",
							    .ca = true,
							    .kind = kinds[i / N_ELEMENTS(kinds)] });
		testpki_make(&host, &(struct testpki_spec){ .subject = "CN=host",
							    .issuer = &root,
							    .kind = kinds[i % N_ELEMENTS(kinds)],
							    .slot = 1 });
		assert_int_equal(trust_add_ca(t, blob_view(&root.der)), 0);
		assert_int_equal(check_under(t, &host, NULL, NULL, text), VERDICT_GOOD);
		trust_free(t);
		testpki_free(&host);
		testpki_free(&root);
	}
}

/* Two CAs of one name, as while a CA is being replaced; a root's own signature may be SHA-1. */
static void test_old_and_new_ca_of_one_name(void **state)
{
	struct testpki_cert renewed, host;
	struct trust *both = trust_new();
	char text[VERDICT_TEXT_LEN];

	(void)state;
	testpki_make(&renewed, &(struct testpki_spec){ .subject = "C=US, O=Example, CN=Test CA",
						       .ca = true,
						       .digest = "SHA1",
						       .slot = 4 });
	testpki_leaf(&host, &renewed, "CN=under the new one");
	assert_int_equal(check_under(trust, &host, NULL, NULL, text), VERDICT_BAD_CHAIN);
	assert_int_equal(trust_add_ca(both, blob_view(&ca.der)), 0);
	assert_int_equal(trust_add_ca(both, blob_view(&renewed.der)), 0);
	assert_int_equal(check_under(both, &host, NULL, NULL, text), VERDICT_GOOD);
	assert_int_equal(check_under(both, &leaf, NULL, NULL, text), VERDICT_GOOD);
	trust_free(both);
	testpki_free(&host);
	testpki_free(&renewed);
}

/* Of several CAs, the verdict is the one under the CA that the chain belongs to. */
static void test_verdict_of_the_nearest_ca(void **state)
{
	struct testpki_cert other, expired;
	struct trust *both = trust_new();
	char text[VERDICT_TEXT_LEN];

	(void)state;
	testpki_make(&other,
		     &(struct testpki_spec){ .subject = "CN=Other CA", .ca = true, .slot = 4 });
	testpki_make(&expired,
		     &(struct testpki_spec){ .subject = "CN=too old",
					     .issuer = &ca,
					     .slot = 1,
					     .not_after = TESTPKI_NOW - TESTPKI_DAY / 2 });
	assert_int_equal(trust_add_ca(both, blob_view(&ca.der)), 0);
	assert_int_equal(trust_add_ca(both, blob_view(&other.der)), 0);
	assert_int_equal(check_under(both, &expired, NULL, NULL, text), VERDICT_EXPIRED);
	assert_non_null(strstr(text, "CN=too old"));
	trust_free(both);
	testpki_free(&other);
	testpki_free(&expired);
}

static void test_cas_that_are_refused(void **state)
{
	struct testpki_cert weak, host;
	struct trust *t = trust_new();
	struct blob longer;
	char text[VERDICT_TEXT_LEN];

	(void)state;
	assert_int_equal(trust_add_ca(t, BYTES_NONE), -EINVAL);
	assert_int_equal(trust_add_ca(t, VIEW("nonsense")), -EINVAL);
	assert_int_equal(trust_add_ca(t, blob_view(&leaf.der)), -EPERM);
	assert_int_equal(blob_copy(&longer, BYTES(ca.pem.p, ca.der.n + 1)), 0);
	memcpy(longer.p, ca.der.p, ca.der.n);
	assert_int_equal(trust_add_ca(t, blob_view(&longer)), -EINVAL);
	assert_int_equal(trust_add_ca(t, blob_view(&ca.der)), 0);
	assert_int_equal(trust_add_ca(t, blob_view(&ca.der)), 0); /* twice is once */
	blob_free(&longer);

	testpki_make(&weak, &(struct testpki_spec){
				    .subject = "CN=weak", .ca = true, .kind = TESTPKI_RSA_1024 });
	testpki_leaf(&host, &weak, "CN=under weak");
	assert_int_equal(trust_add_ca(t, blob_view(&weak.der)), 0);
	assert_int_equal(check_under(t, &host, NULL, NULL, text), VERDICT_WEAK_KEY);
	assert_non_null(strstr(text, "CN=weak"));
	trust_free(t);
	testpki_free(&host);
	testpki_free(&weak);
}

/* T68 */
static void test_certificates_that_are_none(void **state)
{
	static uint8_t large[CERT_SIZE_MAX + 1] = { 0x30, 0x82, 0x3f, 0xfd };
	struct bytes certs[CERT_CHAIN_MAX] = { 0 };
	char text[VERDICT_TEXT_LEN];

	(void)state;
	assert_int_equal(trust_check_chain(trust, certs, 0, TESTPKI_NOW, text), VERDICT_MALFORMED);
	assert_int_not_equal(strlen(text), 0);
	assert_int_equal(trust_check_chain(trust, certs, 1, TESTPKI_NOW, text), VERDICT_MALFORMED);
	certs[0] = VIEW("not a certificate");
	assert_int_equal(trust_check_chain(trust, certs, 1, TESTPKI_NOW, text), VERDICT_MALFORMED);
	certs[0] = BYTES(large, sizeof(large));
	assert_int_equal(trust_check_chain(trust, certs, 1, TESTPKI_NOW, text), VERDICT_MALFORMED);
	/* what comes with a good leaf may be anything */
	certs[0] = blob_view(&leaf.der);
	for (size_t i = 1; i < CERT_CHAIN_MAX; i++)
		certs[i] = BYTES(large, i * 1000);
	assert_int_equal(trust_check_chain(trust, certs, CERT_CHAIN_MAX, TESTPKI_NOW, text),
			 VERDICT_GOOD);
}

/* T64: every octet of a certificate changed, every prefix of it. */
static void test_every_octet_of_a_certificate_flipped(void **state)
{
	static const uint8_t masks[] = { 0x01, 0xff };
	struct bytes view = blob_view(&leaf.der);
	char text[VERDICT_TEXT_LEN];
	struct cert_info info;
	struct blob name;

	(void)state;
	for (size_t i = 0; i < leaf.der.n; i++) {
		for (size_t m = 0; m < sizeof(masks); m++) {
			leaf.der.p[i] ^= masks[m];
			assert_int_not_equal(trust_check_chain(trust, &view, 1, TESTPKI_NOW, text),
					     VERDICT_GOOD);
			assert_int_not_equal(strlen(text), 0);
			(void)cert_describe(view, &info);
			(void)trust_id_matches(view, ID_FQDN, VIEW("a.example"));
			if (cert_subject_der(view, &name) == 0)
				blob_free(&name);
			leaf.der.p[i] ^= masks[m];
		}
		assert_int_equal(cert_describe(BYTES(leaf.der.p, i), &info), -EINVAL);
	}
	assert_int_equal(trust_check_chain(trust, &view, 1, TESTPKI_NOW, text), VERDICT_GOOD);
}

static bool holds(uint8_t type, const char *text)
{
	return trust_id_matches(blob_view(&leaf.der), type, VIEW(text));
}

static void test_identities_in_the_alternative_name(void **state)
{
	static const uint8_t v4[] = { 10, 0, 0, 1 };
	static const uint8_t v6[16] = { 0x20, 0x01, 0x0d, 0xb8, [15] = 1 };
	struct bytes der = blob_view(&leaf.der);

	(void)state;
	assert_true(holds(ID_FQDN, "a.example"));
	assert_true(holds(ID_FQDN, "A.Example"));
	assert_false(holds(ID_FQDN, "a.example."));
	assert_false(holds(ID_FQDN, "b.example"));
	assert_false(holds(ID_FQDN, "a.exampl"));
	assert_false(holds(ID_FQDN, ""));
	assert_false(holds(ID_FQDN, "10.0.0.1"));
	/* neither a pattern nor its own text */
	assert_false(holds(ID_FQDN, "x.wild.example"));
	assert_false(holds(ID_FQDN, "*.wild.example"));
	assert_true(holds(ID_RFC822_ADDR, "Root@Example.org"));
	assert_true(holds(ID_RFC822_ADDR, "Root@EXAMPLE.org"));
	assert_false(holds(ID_RFC822_ADDR, "root@Example.org"));
	assert_false(holds(ID_RFC822_ADDR, "a.example"));
	assert_false(holds(ID_FQDN, "Root@Example.org"));
	assert_true(trust_id_matches(der, ID_IPV4_ADDR, BYTES(v4, 4)));
	assert_true(trust_id_matches(der, ID_IPV6_ADDR, BYTES(v6, 16)));
	assert_false(trust_id_matches(der, ID_IPV6_ADDR, BYTES(v4, 4)));
	assert_false(trust_id_matches(der, ID_IPV4_ADDR, BYTES(v6, 16)));
	assert_false(trust_id_matches(der, ID_IPV4_ADDR, BYTES(v4, 3)));
	assert_false(trust_id_matches(der, ID_IPV4_ADDR, BYTES_NONE));
	assert_false(holds(ID_KEY_ID, "a.example"));
	assert_false(holds(ID_DER_ASN1_GN, "a.example"));
	assert_false(holds(0, "a.example"));
	assert_false(trust_id_matches(VIEW("junk"), ID_FQDN, VIEW("a.example")));
}

/* T36: "a.ex" NUL "mple" in the certificate; the identity of the same octets, and the part before.
 */
static void test_nul_in_a_dns_name(void **state)
{
	struct blob copy;
	uint8_t *at;

	(void)state;
	assert_int_equal(blob_copy(&copy, blob_view(&leaf.der)), 0);
	at = memmem(copy.p, copy.n, "a.example", 9);
	assert_non_null(at);
	at[4] = '\0';
	assert_false(trust_id_matches(blob_view(&copy), ID_FQDN, BYTES(at, 9)));
	assert_false(trust_id_matches(blob_view(&copy), ID_FQDN, VIEW("a.ex")));
	blob_free(&copy);
}

static void assert_dn(const char *subject, bool utf8, bool expected)
{
	struct blob name = testpki_name(subject, utf8);

	assert_int_equal(trust_id_matches(blob_view(&leaf.der), ID_DER_ASN1_DN, blob_view(&name)),
			 expected);
	blob_free(&name);
}

static void test_identity_is_the_subject(void **state)
{
	struct testpki_cert nameless;
	static const uint8_t empty[] = { 0x30, 0x00 };

	(void)state;
	assert_dn("C=US, O=Example, CN=host-a", false, true);
	assert_dn("C=US, O=Example, CN=host-a", true, true);
	assert_dn("C=US, O=EXAMPLE, CN=HOST-A", true, true);
	assert_dn("C=US, O=  Example , CN=host-a", true, true);
	assert_dn("C=US, O=Example, CN=host-b", true, false);
	assert_dn("C=US, O=Example", true, false);
	assert_dn("O=Example, C=US, CN=host-a", true, false);
	assert_dn("C=US, O=Example, CN=host-a, CN=host-a", true, false);
	assert_dn("C=US, O=Example, OU=host-a", true, false);

	testpki_make(&nameless, &(struct testpki_spec){ .subject = "", .issuer = &ca, .slot = 1 });
	assert_false(trust_id_matches(blob_view(&nameless.der), ID_DER_ASN1_DN,
				      BYTES(empty, sizeof(empty))));
	testpki_free(&nameless);
}

/* SEQUENCE { SET { SEQUENCE { CN, value } } } with a value of the given type */
static struct bytes common_name(uint8_t *out, uint8_t type, const void *value, uint8_t n)
{
	const uint8_t head[] = { 0x30, (uint8_t)(11 + n),
				 0x31, (uint8_t)(9 + n),
				 0x30, (uint8_t)(7 + n),
				 0x06, 0x03,
				 0x55, 0x04,
				 0x03, type,
				 n };

	memcpy(out, head, sizeof(head));
	memcpy(out + sizeof(head), value, n);
	return BYTES(out, sizeof(head) + n);
}

static void test_names_equal_by_value(void **state)
{
	uint8_t a[64], b[64];
	struct bytes printable = common_name(a, 0x13, "a  b", 4);

	(void)state;
	assert_true(dn_equal(printable, printable));
	assert_true(dn_equal(printable, common_name(b, 0x0c, "A b", 3)));
	assert_true(dn_equal(printable, common_name(b, 0x1e, "\0A\0 \0b", 6))); /* BMPString */
	assert_false(dn_equal(printable, common_name(b, 0x0c, "ab", 2)));
	assert_false(dn_equal(printable, common_name(b, 0x0c, "", 0)));
}

static void test_names_that_equal_nothing(void **state)
{
	uint8_t a[64], b[64];
	struct bytes nul = common_name(a, 0x0c, "a\0b", 3);
	struct bytes good = common_name(b, 0x0c, "host", 4);

	(void)state;
	assert_false(dn_equal(nul, nul));
	nul = common_name(a, 0x1e, "\0a\0\0\0b", 6);
	assert_false(dn_equal(nul, nul));
	assert_false(dn_equal(BYTES_NONE, BYTES_NONE));
	for (size_t n = 0; n < good.n; n++)
		assert_false(dn_equal(BYTES(good.p, n), BYTES(good.p, n)));
	memcpy(a, good.p, good.n);
	a[good.n] = 0;
	assert_false(dn_equal(BYTES(a, good.n + 1), BYTES(a, good.n + 1)));
	/* not UTF-8 */
	nul = common_name(a, 0x0c, "\xff\xfe", 2);
	assert_false(dn_equal(nul, nul));
}

static void assert_text(struct bytes name, const char *expected)
{
	char out[128];

	dn_to_text(name, out, sizeof(out));
	assert_string_equal(out, expected);
}

static void test_names_as_text(void **state)
{
	/* C=US + CN=x in one SET; 1.2.3=y */
	static const uint8_t several[] = { 0x30, 0x24, 0x31, 0x15, 0x30, 0x09, 0x06, 0x03,
					   0x55, 0x04, 0x06, 0x13, 0x02, 'U',  'S',  0x30,
					   0x08, 0x06, 0x03, 0x55, 0x04, 0x03, 0x0c, 0x01,
					   'x',	 0x31, 0x0b, 0x30, 0x09, 0x06, 0x02, 0x2a,
					   0x03, 0x0c, 0x03, 'y',  0x20, 'z' };
	struct blob name = testpki_name("C=US, ST=Some State, L=X, O=Example, OU=Y, CN=host, "
					"emailAddress=a@b.example, DC=example, UID=u",
					true);
	uint8_t cn[64];

	(void)state;
	assert_text(blob_view(&name), "C=US, ST=Some State, L=X, O=Example, OU=Y, CN=host, "
				      "E=a@b.example, DC=example, UID=u");
	blob_free(&name);
	assert_text(BYTES(several, sizeof(several)), "C=US + CN=x, 1.2.3=y z");
	/* T20: what could break a log line, or look like another attribute */
	assert_text(common_name(cn, 0x0c, "a\nb\x1b[0m", 7), "CN=a\\x0ab\\x1b[0m");
	assert_text(common_name(cn, 0x0c, "x, O=y+\"\\%n", 11), "CN=x\\, O=y\\+\\\"\\\\%n");
	assert_text(common_name(cn, 0x0c, "a\0b", 3), "CN=a\\x00b");
	assert_text(common_name(cn, 0x0c, "\xc3\xa9", 2), "CN=\\xc3\\xa9");
	assert_text(common_name(cn, 0x14, "\xe9", 1), "CN=\\xc3\\xa9"); /* T61 */
	assert_text(VIEW("junk"), "(malformed name)");
	assert_text(BYTES_NONE, "(malformed name)");
}

static void test_text_that_does_not_fit(void **state)
{
	uint8_t cn[64];
	struct bytes name = common_name(cn, 0x0c, "a\nb", 3);
	char out[16];

	(void)state;
	for (size_t room = 0; room < sizeof(out); room++) {
		memset(out, '#', sizeof(out));
		dn_to_text(name, out, room);
		if (room > 0)
			assert_true(strlen(out) < room);
		assert_int_equal(out[room], '#');
	}
}

static void test_description(void **state)
{
	struct cert_info info;
	struct blob name, expected;

	(void)state;
	assert_int_equal(cert_describe(blob_view(&leaf.der), &info), 0);
	assert_string_equal(info.subject, "C=US, O=Example, CN=host-a");
	assert_string_equal(info.issuer, "C=US, O=Example, CN=Test CA");
	assert_int_equal(info.not_before, TESTPKI_NOW - TESTPKI_DAY);
	assert_int_equal(info.not_after, TESTPKI_NOW + 365 * TESTPKI_DAY);
	assert_int_equal(info.key, KEY_RSA);
	assert_int_equal(info.key_bits, 2048);
	assert_false(info.is_ca);
	assert_int_equal(strlen(info.fingerprint), 95);
	assert_int_equal(strlen(info.serial), 5); /* 10:xx */
	assert_int_equal(cert_describe(blob_view(&ca.der), &info), 0);
	assert_true(info.is_ca);
	assert_int_equal(cert_describe(VIEW("junk"), &info), -EINVAL);

	assert_int_equal(cert_subject_der(blob_view(&leaf.der), &name), 0);
	expected = testpki_name("C=US, O=Example, CN=host-a", false);
	assert_true(bytes_equal(blob_view(&name), blob_view(&expected)));
	blob_free(&name);
	blob_free(&expected);
	assert_int_equal(cert_subject_der(VIEW("junk"), &name), -EINVAL);
}

static void test_every_verdict_has_a_name(void **state)
{
	(void)state;
	for (int v = VERDICT_GOOD; v <= VERDICT_FAILED; v++)
		assert_string_not_equal(verdict_name((enum verdict)v), "unknown verdict");
	assert_string_equal(verdict_name((enum verdict)99), "unknown verdict");
	assert_string_equal(verdict_name(VERDICT_EXPIRED), "certificate expired");
}

/* A text put together of up to four pieces, the caller's. */
static char *join(const char *a, const struct blob *b, const char *c, const struct blob *d)
{
	static const struct blob none = { 0 };
	char *out;

	b = b == NULL ? &none : b;
	d = d == NULL ? &none : d;
	assert_true(asprintf(&out, "%s%.*s%s%.*s", a, (int)b->n, (const char *)b->p, c, (int)d->n,
			     (const char *)d->p) >= 0);
	return out;
}

/* Every newline in text replaced. */
static char *with_line_ends(const char *text, const char *end)
{
	char *out = calloc(1, strlen(text) * 4 + 1);
	size_t at = 0;

	assert_non_null(out);
	for (; *text != '\0'; text++) {
		if (*text == '\n')
			at += strlen(strcpy(out + at, end));
		else
			out[at++] = *text;
	}
	return out;
}

static int count_certs(char *text, size_t *n)
{
	struct blob certs[2] = { 0 };
	int r;

	*n = 2;
	r = pem_certs(VIEW(text), certs, n);
	assert_true(r == 0 || *n == 0);
	for (size_t i = 0; i < 2; i++) {
		if (i < *n)
			assert_true(bytes_equal(blob_view(&certs[i]),
						blob_view(i == 0 ? &leaf.der : &ca.der)));
		else
			assert_null(certs[i].p);
		blob_free(&certs[i]);
	}
	free(text);
	return r;
}

static void assert_pem(char *text, int expected, size_t expected_n)
{
	size_t n;

	assert_int_equal(count_certs(text, &n), expected);
	assert_int_equal(n, expected_n);
}

static void test_pem_in_every_shape(void **state)
{
	char *one = join("", &leaf.pem, "", NULL);

	(void)state;
	assert_pem(join("", &leaf.pem, "", NULL), 0, 1);
	assert_pem(join("", &leaf.pem, "", &ca.pem), 0, 2);
	assert_pem(join("text above\n", &leaf.pem, "text between\n\n", &ca.pem), 0, 2);
	assert_pem(join("", &leaf.key_pem, "", &leaf.pem), 0, 1);
	assert_pem(strndup(one, strlen(one) - 1), 0, 1); /* no last newline */
	assert_pem(with_line_ends(one, "\r\n"), 0, 1);
	assert_pem(with_line_ends(one, "\n    "), 0, 1); /* indented */
	assert_pem(with_line_ends(one, " "), 0, 1);	 /* run together */
	assert_pem(with_line_ends(one, ""), 0, 1);
	free(one);
}

static void test_pem_that_is_broken(void **state)
{
	char *one = join("", &leaf.pem, "", NULL);
	char *text;

	(void)state;
	assert_pem(strdup(""), -ENOENT, 0);
	assert_pem(strdup("nothing of the kind\n"), -ENOENT, 0);
	assert_pem(join("", &leaf.key_pem, "", NULL), -ENOENT, 0);
	assert_pem(strdup("-----BEGIN CERTIFICATE-----\n-----END CERTIFICATE-----\n"), -EINVAL, 0);
	assert_pem(strdup("-----BEGIN CERTIFICATE-----\nMAA=\n-----END CERTIFICATE-----\n"),
		   -EINVAL, 0);
	assert_pem(strdup("-----BEGIN CERTIFICATE-----\nM=AA\n-----END CERTIFICATE-----\n"),
		   -EINVAL, 0);
	assert_pem(strdup("-----BEGIN CERTIFICATE-----\nMIIB*\n-----END CERTIFICATE-----\n"),
		   -EINVAL, 0);
	assert_pem(strdup("-----BEGIN CERTIFICATE-----\nMIIB\n-----END PRIVATE KEY-----\n"),
		   -EINVAL, 0);
	assert_pem(strdup("-----BEGIN CERTIFICATE"), -EINVAL, 0);
	assert_pem(strdup("-----BEGIN \n-----\n-----END \n-----"), -EINVAL, 0);
	/* cut anywhere behind the first boundary; the last cut is a lost newline, and fine */
	for (size_t n = 27; n + 1 < strlen(one); n++)
		assert_pem(strndup(one, n), -EINVAL, 0);
	/* a good one, then a broken one: nothing is handed out */
	assert_pem(join("", &leaf.pem, "-----BEGIN CERTIFICATE-----\n", NULL), -EINVAL, 0);
	text = join("", &leaf.pem, "", &ca.pem);
	assert_pem(join(text, &leaf.pem, "", NULL), -E2BIG, 0);
	free(text);
	free(one);
}

static int load_key(char *text, enum key_type *type)
{
	struct sign_key *key;
	int r = sign_key_from_pem(VIEW(text), &key);

	if (r == 0)
		*type = sign_key_type(key);
	else
		assert_null(key);
	sign_key_free(key);
	free(text);
	return r;
}

static void test_keys_in_every_shape(void **state)
{
	static const struct {
		enum testpki_kind kind;
		enum key_type type;
	} kinds[] = {
		{ TESTPKI_RSA_2048, KEY_RSA },		{ TESTPKI_ECDSA_P256, KEY_ECDSA_P256 },
		{ TESTPKI_ECDSA_P384, KEY_ECDSA_P384 }, { TESTPKI_ECDSA_P521, KEY_ECDSA_P521 },
		{ TESTPKI_ED25519, KEY_ED25519 },
	};

	(void)state;
	for (size_t i = 0; i < N_ELEMENTS(kinds); i++) {
		struct blob pem = testpki_key_pem(kinds[i].kind, 1, NULL);
		char *text = join("", &pem, "", NULL);
		enum key_type type = KEY_NONE;

		assert_int_equal(load_key(strdup(text), &type), 0);
		assert_int_equal(type, kinds[i].type);
		assert_int_equal(load_key(with_line_ends(text, "\r\n"), &type), 0);
		assert_int_equal(load_key(strndup(text, strlen(text) - 1), &type), 0);
		assert_int_equal(load_key(join("", &leaf.pem, "more\n", &pem), &type), 0);
		assert_int_equal(load_key(strndup(text, strlen(text) - 9), &type), -EINVAL);
		blob_free(&pem);
		pem = testpki_key_pem(kinds[i].kind, 1, "open sesame");
		assert_int_equal(load_key(join("", &pem, "", NULL), &type), -EACCES);
		blob_free(&pem);
		free(text);
	}
}

static void test_keys_that_are_none(void **state)
{
	enum key_type type;
	static const char old_kind[] = "-----BEGIN RSA PRIVATE KEY-----\n"
				       "Proc-Type: 4,ENCRYPTED\nDEK-Info: AES-128-CBC,00\n\n"
				       "MIIB\n-----END RSA PRIVATE KEY-----\n";

	(void)state;
	assert_int_equal(load_key(strdup(""), &type), -EINVAL);
	assert_int_equal(load_key(strdup("junk"), &type), -EINVAL);
	assert_int_equal(load_key(join("", &leaf.pem, "", NULL), &type), -EINVAL);
	assert_int_equal(load_key(strdup(old_kind), &type), -EACCES);
	assert_int_equal(load_key(strdup("-----BEGIN PRIVATE KEY-----\nMAA=\n"
					 "-----END PRIVATE KEY-----\n"),
				  &type),
			 -EINVAL);
	sign_key_free(NULL);
}

static void test_key_and_certificate_match(void **state)
{
	struct sign_key *key;

	(void)state;
	assert_int_equal(sign_key_from_pem(blob_view(&leaf.key_pem), &key), 0);
	assert_true(sign_key_matches(key, blob_view(&leaf.der)));
	assert_false(sign_key_matches(key, blob_view(&ca.der)));
	assert_false(sign_key_matches(key, VIEW("junk")));
	assert_int_equal(sign_key_bits(key), 2048);
	sign_key_free(key);
}

static enum testpki_kind kind_for(enum key_type type)
{
	switch (type) {
	case KEY_ECDSA_P256:
		return TESTPKI_ECDSA_P256;
	case KEY_ECDSA_P384:
		return TESTPKI_ECDSA_P384;
	case KEY_ECDSA_P521:
		return TESTPKI_ECDSA_P521;
	case KEY_ED25519:
		return TESTPKI_ED25519;
	default:
		return TESTPKI_RSA_2048;
	}
}

static void sign_and_verify(const struct sig_scheme *scheme, enum testpki_kind kind)
{
	struct testpki_cert mine, other;
	struct sign_key *key;
	struct blob signature;
	struct bytes der, view;

	testpki_make(&mine, &(struct testpki_spec){ .subject = "CN=mine", .kind = kind });
	testpki_make(&other,
		     &(struct testpki_spec){ .subject = "CN=mine", .kind = kind, .slot = 2 });
	der = blob_view(&mine.der);
	assert_int_equal(sign_key_from_pem(blob_view(&mine.key_pem), &key), 0);
	assert_int_equal(sign_key_sign(key, scheme, VIEW("to be signed"), &signature), 0);
	view = blob_view(&signature);
	assert_int_equal(trust_check_signature(der, scheme, VIEW("to be signed"), view),
			 VERDICT_GOOD);
	assert_int_equal(trust_check_signature(der, scheme, VIEW("to be signe"), view),
			 VERDICT_BAD_SIGNATURE);
	/* T35: same subject, another key */
	assert_int_equal(
		trust_check_signature(blob_view(&other.der), scheme, VIEW("to be signed"), view),
		VERDICT_BAD_SIGNATURE);
	for (size_t i = 0; i < signature.n; i += 7) {
		signature.p[i] ^= 0x10;
		assert_int_equal(trust_check_signature(der, scheme, VIEW("to be signed"), view),
				 VERDICT_BAD_SIGNATURE);
		signature.p[i] ^= 0x10;
		assert_int_equal(trust_check_signature(der, scheme, VIEW("to be signed"),
						       BYTES(signature.p, i)),
				 VERDICT_BAD_SIGNATURE);
	}
	blob_free(&signature);
	sign_key_free(key);
	testpki_free(&other);
	testpki_free(&mine);
}

static void test_every_scheme_signs_and_verifies(void **state)
{
	(void)state;
	for (size_t i = 0; sig_all()[i] != NULL; i++)
		sign_and_verify(sig_all()[i], kind_for(sig_all()[i]->key));
	sign_and_verify(sig_choose(KEY_ECDSA_P256, 1u << HASH_SHA2_512, NULL), TESTPKI_ECDSA_P256);
}

/* T63: a scheme and a key that do not go together. */
static void test_scheme_of_another_key(void **state)
{
	static const uint8_t signature[256] = { 1 };

	(void)state;
	for (size_t i = 0; sig_all()[i] != NULL; i++) {
		const struct sig_scheme *scheme = sig_all()[i];
		struct sign_key *key;
		struct blob out;

		if (scheme->key == KEY_RSA)
			continue;
		assert_int_equal(trust_check_signature(blob_view(&leaf.der), scheme, VIEW("x"),
						       BYTES(signature, sizeof(signature))),
				 VERDICT_WRONG_KEY_TYPE);
		assert_int_equal(sign_key_from_pem(blob_view(&leaf.key_pem), &key), 0);
		assert_int_equal(sign_key_sign(key, scheme, VIEW("x"), &out), -EINVAL);
		assert_null(out.p);
		sign_key_free(key);
	}
	assert_int_equal(trust_check_signature(blob_view(&leaf.der), NULL, VIEW("x"), VIEW("y")),
			 VERDICT_WRONG_KEY_TYPE);
	assert_int_equal(trust_check_signature(VIEW("junk"), sig_by_method(AUTH_METHOD_RSA_SHA1),
					       VIEW("x"), VIEW("y")),
			 VERDICT_MALFORMED);
}

/* T57: 0, 1, all ones, and lengths about that of the modulus. */
static void test_rsa_signatures_out_of_range(void **state)
{
	uint8_t value[257];
	static const uint8_t fills[] = { 0x00, 0xff };
	static const size_t lengths[] = { 0, 1, 255, 256, 257 };

	(void)state;
	for (size_t i = 0; sig_all()[i] != NULL; i++) {
		if (sig_all()[i]->key != KEY_RSA)
			continue;
		for (size_t j = 0; j < N_ELEMENTS(fills) * N_ELEMENTS(lengths); j++) {
			memset(value, fills[j % 2], sizeof(value));
			assert_int_equal(trust_check_signature(blob_view(&leaf.der), sig_all()[i],
							       VIEW("x"),
							       BYTES(value, lengths[j / 2])),
					 VERDICT_BAD_SIGNATURE);
		}
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_good_leaves),
		cmocka_unit_test(test_dates),
		cmocka_unit_test(test_leaves_of_another_purpose),
		cmocka_unit_test(test_weak_leaves),
		cmocka_unit_test(test_self_signed_stranger),
		cmocka_unit_test(test_no_ca_at_all),
		cmocka_unit_test(test_intermediates_in_any_order),
		cmocka_unit_test(test_intermediate_as_anchor),
		cmocka_unit_test(test_long_chains),
		cmocka_unit_test(test_intermediates_with_a_fault),
		cmocka_unit_test(test_path_length),
		cmocka_unit_test(test_kinds_of_keys_mixed),
		cmocka_unit_test(test_old_and_new_ca_of_one_name),
		cmocka_unit_test(test_verdict_of_the_nearest_ca),
		cmocka_unit_test(test_cas_that_are_refused),
		cmocka_unit_test(test_certificates_that_are_none),
		cmocka_unit_test(test_every_octet_of_a_certificate_flipped),
		cmocka_unit_test(test_identities_in_the_alternative_name),
		cmocka_unit_test(test_nul_in_a_dns_name),
		cmocka_unit_test(test_identity_is_the_subject),
		cmocka_unit_test(test_names_equal_by_value),
		cmocka_unit_test(test_names_that_equal_nothing),
		cmocka_unit_test(test_names_as_text),
		cmocka_unit_test(test_text_that_does_not_fit),
		cmocka_unit_test(test_description),
		cmocka_unit_test(test_every_verdict_has_a_name),
		cmocka_unit_test(test_pem_in_every_shape),
		cmocka_unit_test(test_pem_that_is_broken),
		cmocka_unit_test(test_keys_in_every_shape),
		cmocka_unit_test(test_keys_that_are_none),
		cmocka_unit_test(test_key_and_certificate_match),
		cmocka_unit_test(test_every_scheme_signs_and_verifies),
		cmocka_unit_test(test_scheme_of_another_key),
		cmocka_unit_test(test_rsa_signatures_out_of_range),
	};
	return cmocka_run_group_tests(tests, setup, teardown);
}
