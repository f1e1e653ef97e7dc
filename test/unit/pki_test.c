/* SPDX-License-Identifier: Apache-2.0 */
/* ikectl pki: what it makes is good for ikemesh, and it spoils nothing. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "cmd/ikectl/pki.h"
#include "crypto/issue.h"
#include "lib/testpki.h"
#include "unit/config_file.h"
#include <errno.h>

/* --- keys and certificates ----------------------------------------------------------------- */

static struct issued ca;

static int make_ca(void **state)
{
	const struct issue_spec spec = {
		.ca = true, .common_name = "A CA", .from = TESTPKI_NOW, .days = 365
	};

	(void)state;
	assert_int_equal(issue_make(&spec, BYTES_NONE, BYTES_NONE, &ca), 0);
	return 0;
}

static int drop_ca(void **state)
{
	(void)state;
	issued_free(&ca);
	return 0;
}

static struct bytes ca_certificate(void)
{
	return blob_view(&ca.certificate);
}

static struct bytes ca_key(void)
{
	return secret_view(&ca.key);
}

static struct blob der_of(const struct issued *i)
{
	struct blob der;
	size_t n = 1;

	assert_int_equal(pem_certs(blob_view(&i->certificate), &der, &n), 0);
	return der;
}

static void test_a_certificate_that_peers_take(void **state)
{
	static const char *const names[] = { "10.1.0.2", "fd00::2", "host-a.example" };
	const struct issue_spec spec = { .common_name = "host-a",
					 .names = names,
					 .n_names = 3,
					 .from = TESTPKI_NOW,
					 .days = 365 };
	static const uint8_t v4[] = { 10, 1, 0, 2 }, other[] = { 10, 1, 0, 3 };
	struct trust *trust = trust_new();
	char text[VERDICT_TEXT_LEN];
	struct blob above, der;
	struct sign_key *key;
	struct cert_info info;
	struct issued made;

	(void)state;
	assert_int_equal(issue_make(&spec, ca_certificate(), ca_key(), &made), 0);
	above = der_of(&ca);
	der = der_of(&made);
	assert_int_equal(trust_add_ca(trust, blob_view(&above)), 0);
	const struct bytes chain = blob_view(&der);
	assert_int_equal(trust_check_chain(trust, &chain, 1, TESTPKI_NOW + 1, text), VERDICT_GOOD);
	assert_int_equal(cert_describe(chain, &info), 0);
	assert_string_equal(info.subject, "O=ikemesh, CN=host-a");
	assert_string_equal(info.issuer, "O=ikemesh, CN=A CA");
	assert_int_equal(info.key_bits, 3072);
	assert_int_equal(info.not_after, TESTPKI_NOW + 365 * TESTPKI_DAY);
	assert_false(info.is_ca);
	assert_true(trust_id_matches(chain, ID_IPV4_ADDR, BYTES(v4, 4)));
	assert_false(trust_id_matches(chain, ID_IPV4_ADDR, BYTES(other, 4)));
	assert_true(trust_id_matches(chain, ID_FQDN, BYTES((const uint8_t *)names[2], 14)));
	assert_int_equal(sign_key_from_pem(secret_view(&made.key), &key), 0);
	assert_true(sign_key_matches(key, chain));
	sign_key_free(key);
	trust_free(trust);
	blob_free(&above);
	blob_free(&der);
	issued_free(&made);
}

/* A certificate ends with its CA at the latest. */
static void test_none_outlives_its_ca(void **state)
{
	const struct issue_spec spec = { .common_name = "late",
					 .from = TESTPKI_NOW + 100 * TESTPKI_DAY,
					 .days = 365 };
	struct cert_info info;
	struct issued made;
	struct blob der;

	(void)state;
	assert_int_equal(issue_make(&spec, ca_certificate(), ca_key(), &made), 0);
	der = der_of(&made);
	assert_int_equal(cert_describe(blob_view(&der), &info), 0);
	assert_int_equal(info.not_after, TESTPKI_NOW + 365 * TESTPKI_DAY);
	blob_free(&der);
	issued_free(&made);
}

/* What nobody would believe is not made. */
static void test_none_under_one_that_is_over(void **state)
{
	const struct issue_spec spec = { .common_name = "too-late",
					 .from = TESTPKI_NOW + 365 * TESTPKI_DAY,
					 .days = 365 };
	struct issued made;

	(void)state;
	assert_int_equal(issue_make(&spec, ca_certificate(), ca_key(), &made), -EKEYEXPIRED);
	assert_int_equal(made.certificate.n, 0);
	assert_int_equal(made.key.n, 0);
}

static void assert_refused(const char *common_name, const char *name, struct bytes certificate,
			   struct bytes key)
{
	const struct issue_spec spec = { .common_name = common_name,
					 .names = &name,
					 .n_names = name != NULL,
					 .from = TESTPKI_NOW,
					 .days = 365 };
	struct issued made;

	assert_int_equal(issue_make(&spec, certificate, key, &made), -EINVAL);
	assert_int_equal(made.certificate.n, 0);
	assert_int_equal(made.key.n, 0);
}

static void test_what_is_refused(void **state)
{
	const struct issue_spec spec = { .common_name = "leaf", .from = TESTPKI_NOW, .days = 365 };
	char long_name[ISSUE_NAME_MAX + 2];
	struct issued leaf;

	(void)state;
	memset(long_name, 'x', sizeof(long_name) - 1);
	long_name[sizeof(long_name) - 1] = '\0';
	assert_int_equal(issue_make(&spec, ca_certificate(), ca_key(), &leaf), 0);
	assert_refused("", NULL, ca_certificate(), ca_key());
	assert_refused("a\nb", NULL, ca_certificate(), ca_key());
	assert_refused(long_name, NULL, ca_certificate(), ca_key());
	assert_refused("x", "not a name", ca_certificate(), ca_key());
	assert_refused("x", "", ca_certificate(), ca_key());
	assert_refused("x", "-x.example", ca_certificate(), ca_key());
	/* No CA, another's key, none at all. */
	assert_refused("x", NULL, blob_view(&leaf.certificate), secret_view(&leaf.key));
	assert_refused("x", NULL, ca_certificate(), secret_view(&leaf.key));
	assert_refused("x", NULL, ca_certificate(), BYTES_NONE);
	assert_refused("x", NULL, ca_key(), ca_key());
	issued_free(&leaf);
}

/* --- files --------------------------------------------------------------------------------- */

static enum status pki(const char *const *words)
{
	struct invocation in = { .command = "pki", .argument = words[0] };

	while (words[in.n_arguments] != NULL) {
		in.arguments[in.n_arguments] = words[in.n_arguments];
		in.n_arguments++;
	}
	return run_pki(&in);
}

#define PKI(...) pki((const char *const[]){ __VA_ARGS__, NULL })

static char *file_in(const char *dir, const char *name)
{
	char *path;

	assert_true(asprintf(&path, "%s/%s", dir, name) > 0);
	return path;
}

static void assert_mode(const char *dir, const char *name, mode_t mode)
{
	char *path = file_in(dir, name);
	struct stat st;

	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_mode & 07777, mode);
	assert_true(st.st_size > 0);
	free(path);
}

static void assert_good_for_a_start(const char *dir)
{
	struct problems ps = { 0 };
	struct config c;
	char *text;

	assert_true(asprintf(&text,
			     NETS "instance_certificate: %s/host-a.pem\n"
				  "instance_private_key: %s/host-a.key\n"
				  "ca_certificates: [%s/ca.pem]\n",
			     dir, dir, dir) > 0);
	assert_int_equal(config_parse("test.yml", BYTES((const uint8_t *)text, strlen(text)),
				      time(NULL), &c, &ps),
			 0);
	print_problems(&ps);
	assert_int_equal(ps.n, 0);
	config_free(&c);
	problems_free(&ps);
	free(text);
}

static void remove_all(const char *dir)
{
	static const char *const names[] = { "ca.pem", "ca.key", "host-a.pem", "host-a.key",
					     "b.pem" };

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		char *path = file_in(dir, names[i]);

		unlink(path);
		free(path);
	}
	assert_int_equal(rmdir(dir), 0);
}

static void test_files(void **state)
{
	char above[] = "/tmp/ikemesh-pki-XXXXXX";
	struct stat before, after;
	char *dir, *key, *squatter;
	FILE *f;

	(void)state;
	assert_non_null(mkdtemp(above));
	dir = file_in(above, "pki");
	key = file_in(dir, "ca.key");
	assert_int_equal(PKI("issue", dir, "host-a"), STATUS_FAILED); /* no CA yet */
	assert_int_equal(PKI("init", dir), STATUS_GOOD);
	assert_int_equal(PKI("issue", dir, "host-a", "10.1.0.1", "a.example"), STATUS_GOOD);
	assert_mode(above, "pki", 0700);
	assert_mode(dir, "ca.pem", 0644);
	assert_mode(dir, "ca.key", 0600);
	assert_mode(dir, "host-a.pem", 0644);
	assert_mode(dir, "host-a.key", 0600);
	assert_good_for_a_start(dir);
	/* Nothing is overwritten, and half of a pair is none. */
	assert_int_equal(stat(key, &before), 0);
	assert_int_equal(PKI("init", dir), STATUS_FAILED);
	assert_int_equal(PKI("issue", dir, "host-a"), STATUS_FAILED);
	assert_int_equal(stat(key, &after), 0);
	assert_int_equal(before.st_ino, after.st_ino);
	assert_int_equal(before.st_mtime, after.st_mtime);
	squatter = file_in(dir, "b.pem");
	f = fopen(squatter, "w");
	assert_non_null(f);
	fclose(f);
	assert_int_equal(PKI("issue", dir, "b"), STATUS_FAILED);
	free(squatter);
	squatter = file_in(dir, "b.key");
	assert_int_not_equal(access(squatter, F_OK), 0);
	free(squatter);
	/* Names that would be another file, or none. */
	assert_int_equal(PKI("issue", dir, "../x"), STATUS_USAGE);
	assert_int_equal(PKI("issue", dir, "ca"), STATUS_USAGE);
	assert_int_equal(PKI("issue", dir, ".x"), STATUS_USAGE);
	assert_int_equal(PKI("issue", dir, ""), STATUS_USAGE);
	assert_int_equal(PKI("issue", dir), STATUS_USAGE);
	assert_int_equal(PKI("init"), STATUS_USAGE);
	assert_int_equal(PKI("grow", dir), STATUS_USAGE);
	assert_int_equal(PKI("issue", dir, "c", "no name"), STATUS_FAILED);
	remove_all(dir);
	assert_int_equal(rmdir(above), 0);
	free(key);
	free(dir);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_a_certificate_that_peers_take),
		cmocka_unit_test(test_none_outlives_its_ca),
		cmocka_unit_test(test_none_under_one_that_is_over),
		cmocka_unit_test(test_what_is_refused),
		cmocka_unit_test(test_files),
	};

	return cmocka_run_group_tests(tests, make_ca, drop_ca);
}
