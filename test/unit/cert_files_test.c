/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Certificates and keys as they come out of mail, of Windows, or of the wrong file: each is taken,
 * where that is what one would expect, or refused in words that say what to do. The test lists
 * them.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "unit/config_file.h"
#include <errno.h>

static struct pki pki;

enum outcome {
	TAKEN,
	WARNED,
	REFUSED,
	REFUSED_STRICTLY, /* with strict_ca */
};

/* One file put in the place of a good one. */
struct row {
	const char *what;
	const char *certificate, *key, *ca; /* names of test files; NULL: the good one */
	enum outcome outcome;
	const char *says; /* part of the first error, or warning */
};

static const struct row rows[] = {
	{ "as it should be", NULL, NULL, NULL, TAKEN, NULL },
	{ "a malformed CA", NULL, NULL, "BROKEN", REFUSED,
	  "this block is not a certificate: its content is damaged" },
	{ "a CA cut off in the middle", NULL, NULL, "CUT", REFUSED,
	  "has no -----END CERTIFICATE----- line" },
	{ "a CA that is not a CA", NULL, NULL, "HOST", REFUSED,
	  "is not a CA (basicConstraints CA:TRUE is missing)" },
	{ "a certificate not under any CA", NULL, NULL, "OTHER_CA", WARNED,
	  "does not verify under ca_certificates; a peer that shows it is believed only" },
	{ "the same, with strict_ca", NULL, NULL, "OTHER_CA", REFUSED_STRICTLY,
	  "does not verify under ca_certificates, and peers with the same CAs will refuse it" },
	{ "a key of another certificate", NULL, "OTHER_KEY", NULL, REFUSED,
	  "is not the key of \"O=Example, CN=host-a\" in instance_certificate" },
	{ "an encrypted key", NULL, "LOCKED_KEY", NULL, REFUSED,
	  "has a pass phrase, and nobody is there to type it: openssl pkey -in" },
	{ "an encrypted key of the old kind", NULL, "OLD_LOCKED_KEY", NULL, REFUSED,
	  "has a pass phrase, and nobody is there to type it: openssl pkey -in" },
	{ "a certificate where the key should be", NULL, "HOST", NULL, REFUSED,
	  "a PRIVATE KEY was expected, not CERTIFICATE" },
	{ "a key where the certificate should be", "KEY", NULL, NULL, REFUSED,
	  "a CERTIFICATE was expected, not PRIVATE KEY" },
	{ "an empty certificate file", "EMPTY", NULL, NULL, REFUSED, "is empty" },
	{ "an empty key file", NULL, "EMPTY", NULL, REFUSED, "is empty" },
	{ "an empty CA file", NULL, NULL, "EMPTY", REFUSED, "is empty" },
	{ "a certificate without its last newline", "HOST_BARE", NULL, NULL, TAKEN, NULL },
	{ "a key without its last newline", NULL, "KEY_BARE", NULL, TAKEN, NULL },
	{ "a CA without its last newline", NULL, NULL, "CA_BARE", TAKEN, NULL },
	{ "a certificate with Windows line ends", "HOST_CRLF", NULL, NULL, TAKEN, NULL },
	{ "a key with Windows line ends", NULL, "KEY_CRLF", NULL, TAKEN, NULL },
	{ "a CA with Windows line ends", NULL, NULL, "CA_CRLF", TAKEN, NULL },
	{ "a certificate in DER", "HOST_DER", NULL, NULL, TAKEN, NULL },
	{ "a CA in DER", NULL, NULL, "CA_DER", TAKEN, NULL },
	{ "a certificate in DER with an octet too many", "HOST_DER_MORE", NULL, NULL, REFUSED,
	  "this block is not a certificate: its content is damaged" },
	{ "a key in DER", NULL, "KEY_DER", NULL, REFUSED,
	  "is DER and not PEM: openssl pkey -inform DER -in" },
	{ "64 MiB of nonsense for a certificate", "NONSENSE", NULL, NULL, REFUSED,
	  "is larger than 4 MiB" },
	{ "64 MiB of nonsense for a key", NULL, "NONSENSE", NULL, REFUSED, "is larger than 4 MiB" },
	{ "64 MiB of nonsense for a CA", NULL, NULL, "NONSENSE", REFUSED, "is larger than 4 MiB" },
	{ "a MiB of nonsense for a CA", NULL, NULL, "SOME_NONSENSE", REFUSED,
	  "is no PEM file: it has no -----BEGIN line" },
};

/* The first error, or else warning. */
static const struct problem *worst(const struct problems *ps)
{
	for (size_t i = 0; i < ps->n; i++)
		if (ps->p[i].level == PROBLEM_ERROR)
			return &ps->p[i];
	return ps->n > 0 ? &ps->p[0] : NULL;
}

/* The message without the directory, which is another each time. */
static void print_row(const struct row *row, const struct problem *error)
{
	const char *text = error ? error->message : "taken";

	printf("| %-44s | ", row->what);
	for (size_t n = strlen(pki.dir); *text;) {
		if (!strncmp(text, pki.dir, n))
			text += n + (text[n] == '/');
		else
			putchar(*text++);
	}
	printf(" |\n");
}

static const char *path(const char *name, const char *usual)
{
	return pki_find(&pki, name ? name : usual)->path;
}

static void judge(const struct row *row)
{
	struct problems ps = { 0 };
	const struct problem *error;
	struct config c;
	char *text;
	int e;

	assert_true(asprintf(&text,
			     NETS "instance_certificate: %s\ninstance_private_key: %s\n"
				  "ca_certificates: [%s]\n%s",
			     path(row->certificate, "HOST"), path(row->key, "KEY"),
			     path(row->ca, "CA"),
			     row->outcome == REFUSED_STRICTLY ? "strict_ca: true\n" : "") > 0);
	e = config_parse("test.yml", BYTES((const uint8_t *)text, strlen(text)), TESTPKI_NOW, &c,
			 &ps);
	error = worst(&ps);
	print_row(row, error);
	assert_int_equal(e, row->outcome >= REFUSED ? -EINVAL : 0);
	assert_int_equal(ps.n > 0, row->outcome != TAKEN);
	if (row->says && strstr(error->message, row->says) == NULL)
		fail_msg("%s: %s", row->what, error->message);
	config_free(&c);
	problems_free(&ps);
	free(text);
}

static void test_each_of_them(void **state)
{
	(void)state;
	printf("| %-44s | %s |\n|%.46s|---|\n", "file", "what is said",
	       "----------------------------------------------");
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		judge(&rows[i]);
}

/* --- the files ----------------------------------------------------------------------------- */

/* The text of a file with another line end, or cut. */
static void put_crlf(const char *name, const char *of)
{
	const struct pki_file *f = pki_find(&pki, of);
	char *text = malloc(2 * f->n + 1);
	size_t n = 0;

	for (size_t i = 0; i < f->n; i++) {
		if (f->content[i] == '\n')
			text[n++] = '\r';
		text[n++] = f->content[i];
	}
	pki_add(&pki, name, BYTES((uint8_t *)text, n), 0600);
	free(text);
}

static void put_part(const char *name, const char *of, size_t n)
{
	pki_add(&pki, name, BYTES((const uint8_t *)pki_find(&pki, of)->content, n), 0600);
}

static void put_bare(const char *name, const char *of)
{
	const struct pki_file *f = pki_find(&pki, of);

	assert_int_equal(f->content[f->n - 1], '\n');
	put_part(name, of, f->n - 1);
}

static void put_nonsense(const char *name, size_t n)
{
	uint8_t *p = malloc(n);
	uint32_t x = 2463534242u;

	assert_non_null(p);
	for (size_t i = 0; i < n; i++) {
		x ^= x << 13;
		x ^= x >> 17;
		x ^= x << 5;
		p[i] = (uint8_t)x;
	}
	p[0] = 0xff; /* no DER either */
	pki_add(&pki, name, BYTES(p, n), 0600);
	free(p);
}

static void put_der(const char *name, const char *of, bool more)
{
	const struct pki_file *f = pki_find(&pki, of);
	struct blob der[1];
	size_t n = 1;

	assert_int_equal(pem_certs(BYTES((const uint8_t *)f->content, f->n), der, &n), 0);
	if (more) {
		uint8_t *p = malloc(der[0].n + 1);

		memcpy(p, der[0].p, der[0].n);
		p[der[0].n] = 0;
		pki_add(&pki, name, BYTES(p, der[0].n + 1), 0600);
		free(p);
	} else {
		pki_add(&pki, name, blob_view(&der[0]), 0600);
	}
	blob_free(&der[0]);
}

static int make_files(void **state)
{
	static const uint8_t key_der[] = { 0x30, 0x82, 0x01, 0x00, 0x02, 0x01, 0x00 };
	struct testpki_cert other;
	struct blob locked = testpki_key_pem(TESTPKI_RSA_2048, 1, "secret");

	(void)state;
	pki_usual(&pki);
	testpki_make(&other,
		     &(struct testpki_spec){ .subject = "CN=Other", .ca = true, .slot = 2 });
	pki_add(&pki, "OTHER_CA", blob_view(&other.pem), 0600);
	pki_add(&pki, "OTHER_KEY", blob_view(&other.key_pem), 0600);
	pki_add(&pki, "LOCKED_KEY", blob_view(&locked), 0600);
	pki_text(&pki, "OLD_LOCKED_KEY",
		 "-----BEGIN RSA PRIVATE KEY-----\nProc-Type: 4,ENCRYPTED\n"
		 "DEK-Info: AES-128-CBC,00112233445566778899AABBCCDDEEFF\n\nAAAA\n"
		 "-----END RSA PRIVATE KEY-----\n");
	pki_text(&pki, "EMPTY", "");
	pki_text(&pki, "BROKEN",
		 "-----BEGIN CERTIFICATE-----\nTm8gY2VydGlmaWNhdGUgaXMgaW4gaGVyZS4u\n"
		 "-----END CERTIFICATE-----\n");
	put_part("CUT", "CA", 400);
	put_bare("HOST_BARE", "HOST");
	put_bare("KEY_BARE", "KEY");
	put_bare("CA_BARE", "CA");
	put_crlf("HOST_CRLF", "HOST");
	put_crlf("KEY_CRLF", "KEY");
	put_crlf("CA_CRLF", "CA");
	put_der("HOST_DER", "HOST", false);
	put_der("CA_DER", "CA", false);
	put_der("HOST_DER_MORE", "HOST", true);
	pki_add(&pki, "KEY_DER", BYTES(key_der, sizeof(key_der)), 0600);
	put_nonsense("NONSENSE", (size_t)64 << 20);
	put_nonsense("SOME_NONSENSE", (size_t)1 << 20);
	blob_free(&locked);
	testpki_free(&other);
	return 0;
}

static int drop_files(void **state)
{
	(void)state;
	pki_end(&pki);
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_each_of_them),
	};

	return cmocka_run_group_tests(tests, make_files, drop_files);
}
