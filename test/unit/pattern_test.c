/* SPDX-License-Identifier: Apache-2.0 */
/* peer_identities: what a pattern takes, and what it must not be talked into. */
#include "crypto/pattern.h"
#include "lib/testpki.h"
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

static bool matches(const char *pattern, const struct testpki_cert *cert)
{
	struct pattern *p;
	const char *why = "";
	bool yes;

	if (pattern_parse(pattern, &p, &why) != 0)
		fail_msg("\"%s\" %s", pattern, why);
	assert_string_equal(pattern_text(p), pattern);
	yes = pattern_matches(p, blob_view(&cert->der));
	pattern_free(p);
	return yes;
}

/* A certificate with this subject: does the pattern take it? */
static bool subject(const char *pattern, const char *name)
{
	struct testpki_cert cert;
	bool as_printable, as_utf8;

	testpki_make(&cert, &(struct testpki_spec){ .subject = name });
	as_printable = matches(pattern, &cert);
	testpki_free(&cert);
	testpki_make(&cert, &(struct testpki_spec){ .subject = name, .utf8 = true });
	as_utf8 = matches(pattern, &cert);
	testpki_free(&cert);
	assert_int_equal(as_printable, as_utf8);
	return as_utf8;
}

/* The same with a subjectAltName, in the words of x509v3_config(5). */
static bool alternative(const char *pattern, const char *name)
{
	struct testpki_cert cert;
	bool yes;

	testpki_make(&cert, &(struct testpki_spec){ .subject = "CN=host", .san = name });
	yes = matches(pattern, &cert);
	testpki_free(&cert);
	return yes;
}

static void test_subjects(void **state)
{
	(void)state;
	assert_true(subject("C=US, O=Acme, CN=a.example.org", "C=US, O=Acme, CN=a.example.org"));
	assert_true(subject("O=Acme, CN=*.example.org", "O=Acme, CN=a.example.org"));
	/* the other way round as well, since many write it so */
	assert_true(subject("CN=*.example.org, O=Acme", "O=Acme, CN=a.example.org"));
	assert_true(subject("cn=A.EXAMPLE.org,o=acme", "O=Acme, CN=a.example.org"));
	assert_true(subject("  CN = host  a , O=Acme ", "O=Acme, CN=Host A"));
	assert_true(subject("2.5.4.3=host", "CN=host"));
	assert_true(subject("commonName=host", "CN=host"));
	assert_true(
		subject("E=root@example.org, CN=host", "CN=host, emailAddress=root@example.org"));

	assert_false(subject("CN=host", "O=Acme, CN=host"));
	assert_false(subject("O=Acme, CN=host", "CN=host"));
	assert_false(subject("CN=host, O=Acme, C=US", "C=US, CN=host, O=Acme"));
	assert_false(subject("OU=host", "CN=host"));
	assert_false(subject("CN=hos", "CN=host"));
	assert_false(subject("CN=host", "CN=hos"));
	assert_false(subject("CN=host", "CN=host, CN=host"));
	assert_false(subject("CN=host", ""));
}

static void test_stars_in_values(void **state)
{
	(void)state;
	assert_true(subject("CN=*", "CN=anything at.all"));
	assert_true(subject("CN=*.example.org", "CN=a.example.org"));
	assert_false(subject("CN=*.example.org", "CN=.example.org"));
	assert_false(subject("CN=*.example.org", "CN=example.org"));
	assert_false(subject("CN=*.example.org", "CN=a.b.example.org"));
	assert_false(subject("CN=*.example.org", "CN=a.example.org.evil.example"));
	assert_false(subject("CN=*.example.org", "CN=a.exampleXorg"));
	assert_true(subject("CN=web-*-*.example.org", "CN=web-eu-1.example.org"));
	assert_true(subject("CN=web-*-*.example.org", "CN=web-eu-west-1.example.org"));
	assert_false(subject("CN=web-*-*.example.org", "CN=web-eu.example.org"));
	assert_true(subject("CN=*a*b", "CN=xaxab"));
	assert_false(subject("CN=*a*b", "CN=xab"));
	/* a name that is a pattern itself stands for nothing */
	assert_false(subject("CN=*.example.org", "CN=*.example.org"));
	assert_false(subject("CN=*", "CN=*"));
	assert_false(subject("CN=\\*.example.org", "CN=*.example.org"));
	assert_false(subject("CN=\\*.example.org", "CN=a.example.org"));
}

static void test_star_for_attributes(void **state)
{
	(void)state;
	assert_true(subject("C=US, O=Acme, *", "C=US, O=Acme, OU=x, CN=y"));
	assert_true(subject("C=US, O=Acme, *", "C=US, O=Acme"));
	assert_true(subject("*, CN=y", "C=US, O=Acme, CN=y"));
	assert_true(subject("C=US, *, CN=y", "C=US, O=Acme, OU=x, CN=y"));
	assert_true(subject("CN=y, *, C=US", "C=US, O=Acme, OU=x, CN=y"));
	assert_false(subject("C=US, *, CN=y", "C=US"));
	assert_false(subject("C=US, *, C=US", "C=US"));
	assert_false(subject("C=US, O=Acme, *", "C=US, O=Acme Evil, CN=y"));
	assert_false(subject("O=Acme, *", "C=US, O=Acme, CN=y"));
}

/* A comma or a plus within a value must not look like the end of it. */
static void test_separators_in_values(void **state)
{
	struct testpki_cert cert;

	(void)state;
	testpki_make(&cert, &(struct testpki_spec){ .subject = "O=Acme,CN=good", .utf8 = true });
	assert_false(matches("O=Acme, CN=good", &cert));
	assert_true(matches("O=Acme\\,CN=good", &cert));
	testpki_free(&cert);
	testpki_make(&cert, &(struct testpki_spec){ .subject = "CN=a+O=b", .utf8 = true });
	assert_false(matches("CN=a+O=b", &cert));
	assert_true(matches("CN=a\\+O=b", &cert));
	testpki_free(&cert);
}

/* Several attributes in one RDN: testpki joins them where the text has " + ". */
static void test_rdns_of_several_values(void **state)
{
	(void)state;
	assert_true(subject("O=Acme, OU=x + CN=y", "O=Acme, OU=x + CN=y"));
	assert_true(subject("O=Acme, CN=y+OU=x", "O=Acme, OU=x + CN=y"));
	assert_true(subject("O=Acme, OU=* + OU=a", "O=Acme, OU=a + OU=b"));
	assert_false(subject("O=Acme, CN=y", "O=Acme, OU=x + CN=y"));
	assert_false(subject("O=Acme, OU=x, CN=y", "O=Acme, OU=x + CN=y"));
	assert_false(subject("O=Acme, OU=x + CN=y", "O=Acme, OU=x, CN=y"));
	assert_false(subject("O=Acme, CN=y + CN=y", "O=Acme, OU=x + CN=y"));
}

/* Replaces the octets of one text in a certificate by those of another of the same length. */
static void replace(struct testpki_cert *cert, const char *from, const char *to, size_t n)
{
	uint8_t *at;

	while ((at = memmem(cert->der.p, cert->der.n, from, n)) != NULL)
		memcpy(at, to, n);
}

static void test_nul_and_what_is_no_text(void **state)
{
	struct testpki_cert cert;

	(void)state;
	testpki_make(&cert, &(struct testpki_spec){ .subject = "CN=good_evil",
						    .utf8 = true,
						    .san = "DNS:good_evil, email:a@good_evil" });
	replace(&cert, "good_evil", "good\0evil", 9);
	assert_false(matches("CN=good", &cert));
	assert_false(matches("CN=*", &cert));
	assert_false(matches("good", &cert));
	assert_false(matches("goo*", &cert));
	assert_false(matches("a@goo*", &cert));
	replace(&cert, "good\0evil", "good\xff\xff\xff\xff\xff", 9);
	assert_false(matches("CN=*", &cert));
	assert_false(matches("good*", &cert));
	replace(&cert, "good\xff\xff\xff\xff\xff", "good\n\n\n\n\n", 9);
	assert_false(matches("good*", &cert));
	testpki_free(&cert);
	testpki_make(&cert, &(struct testpki_spec){ .subject = "CN=x" });
	assert_false(matches("CN=x", &(struct testpki_cert){ .der = { cert.der.p, 40 } }));
	testpki_free(&cert);
}

static void test_host_names(void **state)
{
	(void)state;
	assert_true(alternative("a.example.org", "DNS:a.example.org"));
	assert_true(alternative("A.example.ORG.", "DNS:a.Example.org"));
	assert_true(alternative("a.example.org", "DNS:a.example.org."));
	assert_true(alternative("*.example.org", "DNS:x.example, DNS:a.example.org"));
	assert_true(alternative("db-*.*.example.org", "DNS:db-1.eu.example.org"));
	assert_false(alternative("*.example.org", "DNS:a.b.example.org"));
	assert_false(alternative("*.example.org", "DNS:example.org"));
	assert_false(alternative("*.example.org", "DNS:.example.org"));
	assert_false(alternative("*.example.org", "DNS:*.example.org"));
	assert_false(alternative("*.example.org", "DNS:a.example.org.evil.example"));
	assert_false(alternative("a.example.org", "DNS:a.example.org.."));
	assert_false(alternative("a.example.org", "email:x@a.example.org"));
	assert_false(alternative("a.example.org", "URI:http://a.example.org"));
	/* a common name is no host's name */
	assert_false(subject("a.example.org", "CN=a.example.org"));
}

static void test_mailboxes(void **state)
{
	(void)state;
	assert_true(alternative("root@example.org", "email:root@Example.ORG"));
	assert_true(alternative("*@example.org", "email:first.last@example.org"));
	assert_true(alternative("ops@*.example.org", "email:ops@a.example.org"));
	assert_false(alternative("root@example.org", "email:Root@example.org"));
	assert_false(alternative("*@example.org", "email:x@a.example.org"));
	assert_false(alternative("*@example.org", "DNS:example.org"));
	assert_false(alternative("*@example.org", "email:evil@evil@example.org"));
}

static void test_addresses(void **state)
{
	(void)state;
	assert_true(alternative("10.1.2.3", "IP:10.1.2.3"));
	assert_true(alternative("10.0.0.0/8", "IP:192.0.2.1, IP:10.1.2.3"));
	assert_true(alternative("10.1.2.0/23", "IP:10.1.3.255"));
	assert_true(alternative("fd00::/9", "IP:fd7f::1"));
	assert_true(alternative("0.0.0.0/0", "IP:10.1.2.3"));
	assert_false(alternative("10.1.2.0/23", "IP:10.1.4.0"));
	assert_false(alternative("fd00::/9", "IP:fd80::1"));
	assert_false(alternative("10.1.2.3", "IP:10.1.2.4"));
	assert_false(alternative("0.0.0.0/0", "IP:::"));
	assert_false(alternative("::/0", "IP:10.1.2.3"));
	assert_false(alternative("10.1.2.3", "DNS:10.1.2.3"));
	assert_false(alternative("::ffff:10.1.2.3", "IP:10.1.2.3"));
}

static void test_patterns_that_are_none(void **state)
{
	static const char *const rows[][2] = {
		{ "", "is neither" },
		{ "*", "any name" },
		{ "a..b", "is neither" },
		{ ".example.org", "is neither" },
		{ "two words", "is neither" },
		{ "CN=", "without a value" },
		{ "CN=a,", "no known name" },
		{ "CN=a, ", "no known name" },
		{ "XY=a", "no known name" },
		{ "=a", "no known name" },
		{ "CN=a, example", "no known name" },
		{ "CN=a + ", "no known name" },
		{ "*, CN=a, *", "more than one star" },
		{ "/C=US/O=Acme", "slash" },
		{ "10.0.0.0/33", "prefix length" },
		{ "10.0.0.0/", "prefix length" },
		{ "10.0.0.0/+8", "prefix length" },
		{ "10.0.0.1/8", "behind its prefix" },
		{ "fd00::1::/8", "no address" },
		{ "10.0.0.0/8/8", "prefix length" },
		{ "@example.org", "no mailbox" },
		{ "a@b@c", "no mailbox" },
		{ "a\\@b", "no mailbox" },
		{ "a@", "is neither" },
		{ "http://example.org", "no address" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct pattern *p = NULL;
		const char *why = "";

		if (pattern_parse(rows[i][0], &p, &why) != -EINVAL)
			fail_msg("\"%s\" is taken", rows[i][0]);
		assert_null(p);
		if (strstr(why, rows[i][1]) == NULL)
			fail_msg("\"%s\": \"%s\" does not say \"%s\"", rows[i][0], why, rows[i][1]);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_subjects),
		cmocka_unit_test(test_stars_in_values),
		cmocka_unit_test(test_star_for_attributes),
		cmocka_unit_test(test_separators_in_values),
		cmocka_unit_test(test_rdns_of_several_values),
		cmocka_unit_test(test_nul_and_what_is_no_text),
		cmocka_unit_test(test_host_names),
		cmocka_unit_test(test_mailboxes),
		cmocka_unit_test(test_addresses),
		cmocka_unit_test(test_patterns_that_are_none),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
