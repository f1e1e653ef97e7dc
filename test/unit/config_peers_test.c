/* SPDX-License-Identifier: Apache-2.0 */
/* peer_identities, bind_address_to_certificate, strict_ca, crls, crl_policy, on_expiry. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "config_file.h"

static struct pki pki;
static struct testpki_cert ca, host;

static int setup(void **state)
{
	struct blob der, pem, one;

	(void)state;
	pki_start(&pki);
	testpki_ca(&ca, "CN=CA");
	testpki_leaf(&host, &ca, "O=Example, CN=host");
	pki_add(&pki, "CA", blob_view(&ca.pem), 0600);
	pki_add(&pki, "HOST", blob_view(&host.pem), 0600);
	pki_add(&pki, "KEY", blob_view(&host.key_pem), 0600);
	der = testpki_crl(&(struct testpki_crl_spec){ .issuer = &ca }, &pem);
	one = testpki_crl(&(struct testpki_crl_spec){ .issuer = &ca, .revoked = { &host } }, NULL);
	pki_add(&pki, "CRL", blob_view(&pem), 0644);
	pki_add(&pki, "CRL_DER", blob_view(&der), 0644);
	pki_add(&pki, "REVOKING", blob_view(&one), 0644);
	pki_text(&pki, "NONSENSE", "no list\n");
	blob_free(&der);
	blob_free(&pem);
	blob_free(&one);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	testpki_free(&host);
	testpki_free(&ca);
	pki_end(&pki);
	return 0;
}

/* Reads the usual file with these lines at its end; the caller frees both. */
static int load(const char *lines, struct config *c, struct problems *ps)
{
	char text[1024];

	snprintf(text, sizeof(text), NETS CREDENTIALS "%s", lines);
	return pki_parse(&pki, text, c, ps);
}

static void assert_good(const char *lines, struct config *c)
{
	struct problems ps;
	int r = load(lines, c, &ps);

	if (ps.n > 0)
		fail_msg("%s: %s", lines, ps.p[0].message);
	assert_int_equal(r, 0);
	problems_free(&ps);
}

static void assert_said(const char *lines, enum problem_level level, const char *says)
{
	struct problems ps;
	struct config c;

	(void)load(lines, &c, &ps);
	if (ps.n != 1 || ps.p[0].level != level || strstr(ps.p[0].message, says) == NULL) {
		for (size_t i = 0; i < ps.n; i++)
			print_error("%d %s\n", (int)ps.p[i].level, ps.p[i].message);
		fail_msg("%s: \"%s\" was expected", lines, says);
	}
	problems_free(&ps);
	config_free(&c);
}

static void test_defaults(void **state)
{
	struct config c;

	(void)state;
	assert_good("", &c);
	assert_false(c.rules.bind_address);
	assert_false(c.rules.strict_ca);
	assert_int_equal(c.rules.crl_policy, CRL_SOFT);
	assert_int_equal(c.on_expiry, EXPIRY_KEEP);
	assert_int_equal(c.n_identities, 0);
	assert_int_equal(c.n_crl_files, 0);
	config_free(&c);
	assert_good("peer_identities:\ncrls: []\n", &c);
	assert_int_equal(c.n_identities, 0);
	assert_int_equal(c.n_crl_files, 0);
	config_free(&c);
}

static void test_all_of_them(void **state)
{
	struct peer_finding f;
	struct bytes leaf;
	struct config c;

	(void)state;
	assert_good("peer_identities:\n- \"*.example.org\"\n- O=Example, CN=*\n"
		    "bind_address_to_certificate: true\nstrict_ca: true\n"
		    "crls: [@CRL, @CRL_DER]\ncrl_policy: hard\non_expiry: close\n",
		    &c);
	assert_true(c.rules.bind_address);
	assert_true(c.rules.strict_ca);
	assert_int_equal(c.rules.crl_policy, CRL_HARD);
	assert_int_equal(c.on_expiry, EXPIRY_CLOSE);
	assert_int_equal(c.n_identities, 2);
	assert_string_equal(c.identities[1], "O=Example, CN=*");
	assert_int_equal(c.n_crl_files, 2);
	assert_int_equal(crls_count(c.crl_files[1].crls), 1);
	/* and trust knows of them */
	leaf = blob_view(&host.der);
	trust_check_certs(c.trust, &leaf, 1, BYTES((const uint8_t *)"\x0a\0\0\1", 4), TESTPKI_NOW,
			  &f);
	assert_int_equal(f.verdict, VERDICT_WRONG_ADDRESS);
	assert_true(f.pinned);
	config_free(&c);
}

static void test_identities_that_are_none(void **state)
{
	(void)state;
	assert_said("peer_identities: [\"a b\"]\n", PROBLEM_ERROR,
		    "peer_identities: \"a b\" is neither a subject");
	assert_said("peer_identities: [\"XX=a\"]\n", PROBLEM_ERROR,
		    "peer_identities: \"XX=a\" has an attribute of no known name");
	assert_said("peer_identities: host\n", PROBLEM_ERROR, "a list of texts");
	assert_said("peer_identities: [[a]]\n", PROBLEM_ERROR, "a list of texts");
	/* in a fleet of one certificate that is the end of it */
	assert_said("peer_identities: [\"CN=other\"]\n", PROBLEM_WARNING,
		    "instance_certificate matches none of peer_identities");
}

static void test_crls_that_are_none(void **state)
{
	(void)state;
	assert_said("crls: [@CRL, /nonexistent/a.crl]\n", PROBLEM_WARNING,
		    "crls: /nonexistent/a.crl there is no such file; it is left out until");
	assert_said("crls: [@CRL, @NONSENSE]\n", PROBLEM_WARNING, "has no CRL in it");
	assert_said("crls: [@CRL, @NONSENSE]\ncrl_policy: hard\n", PROBLEM_ERROR,
		    "has no CRL in it");
	assert_said("crl_policy: hard\n", PROBLEM_ERROR,
		    "crl_policy: hard refuses every peer as long as there are no crls");
	assert_said("crl_policy: mild\n", PROBLEM_ERROR, "soft or hard");
	assert_said("on_expiry: maybe\n", PROBLEM_ERROR, "keep or close");
	assert_said("crls: @CRL\n", PROBLEM_ERROR, "a list of texts");
}

/* An error, but a daemon that did not start would enforce nothing. */
static void test_own_certificate_revoked(void **state)
{
	(void)state;
	assert_said("crls: [@REVOKING]\n", PROBLEM_FAULT,
		    "certificate revoked: certificate \"O=Example, CN=host\" was revoked on");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_defaults),
		cmocka_unit_test(test_all_of_them),
		cmocka_unit_test(test_identities_that_are_none),
		cmocka_unit_test(test_crls_that_are_none),
		cmocka_unit_test(test_own_certificate_revoked),
	};
	return cmocka_run_group_tests(tests, setup, teardown);
}
