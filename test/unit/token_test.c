/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Private keys in a token: SoftHSM's, by what Debian has of PKCS#11 for OpenSSL. A PIN that is
 * wrong, or none, comes first: who has logged in is not asked again.
 */
#include "crypto/secret.h"
#include "crypto/trust.h"
#include <errno.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>

#include <cmocka.h>

#include "config_file.h"

#define PIN "83519462"
#define HOST "pkcs11:token=mesh;object=host"
#define WITH_PIN "?pin-value=" PIN

static struct pki pki;
static struct testpki_cert ca, host, other, curve;
static char *conf;
static bool there;

static int do_(const char *format, ...)
{
	char command[1024];
	va_list ap;

	va_start(ap, format);
	strcpy(command, "{ ");
	vsnprintf(command + 2, sizeof(command) - 30, format, ap);
	va_end(ap);
	strcat(command, "; } >/dev/null 2>&1");
	return system(command);
}

static void import(const char *name, const char *label, int id)
{
	assert_int_equal(
		do_("softhsm2-util --import %s --token mesh --label %s --id %02d --pin " PIN,
		    pki_find(&pki, name)->path, label, id),
		0);
}

static void make_certs(void)
{
	testpki_ca(&ca, "O=Example, CN=Test CA");
	testpki_leaf(&host, &ca, "O=Example, CN=host-a");
	testpki_make(&other,
		     &(struct testpki_spec){ .subject = "CN=other", .issuer = &ca, .slot = 2 });
	testpki_make(&curve, &(struct testpki_spec){ .subject = "CN=curve",
						     .issuer = &ca,
						     .kind = TESTPKI_ECDSA_P256 });
	pki_add(&pki, "CA", blob_view(&ca.pem), 0600);
	pki_add(&pki, "HOST", blob_view(&host.pem), 0600);
	pki_add(&pki, "KEY", blob_view(&host.key_pem), 0600);
	pki_add(&pki, "OTHER", blob_view(&other.pem), 0600);
	pki_add(&pki, "CURVE_KEY", blob_view(&curve.key_pem), 0600);
	pki_add(&pki, "DER", blob_view(&host.der), 0600);
	pki_text(&pki, "PIN", PIN "\n");
	pki_text(&pki, "NO_PIN", "\n" PIN "\n");
	pki_add(&pki, "OPEN_PIN", BYTES((const uint8_t *)PIN, strlen(PIN)), 0644);
}

static int set_up(void **state)
{
	FILE *out;

	(void)state;
	there = do_("command -v softhsm2-util && command -v pkcs11-tool && "
		    "ls /usr/lib/*/engines-3/pkcs11.so /usr/lib/softhsm/libsofthsm2.so") == 0;
	pki_start(&pki);
	make_certs();
	assert_true(asprintf(&conf, "%s/softhsm2.conf", pki.dir) > 0);
	assert_int_equal(do_("mkdir %s/tokens", pki.dir), 0);
	out = fopen(conf, "w");
	assert_non_null(out);
	fprintf(out, "directories.tokendir = %s/tokens\nlog.level = ERROR\n", pki.dir);
	assert_int_equal(fclose(out), 0);
	setenv("SOFTHSM2_CONF", conf, 1);
	if (!there) {
		puts("skipped: softhsm2, libengine-pkcs11-openssl and opensc are not installed");
		return 0;
	}
	assert_int_equal(do_("softhsm2-util --init-token --free --label mesh --so-pin 1234567 "
			     "--pin " PIN),
			 0);
	import("KEY", "host", 1);
	import("CURVE_KEY", "curve", 2);
	assert_int_equal(
		do_("pkcs11-tool --module /usr/lib/softhsm/libsofthsm2.so --login --pin " PIN
		    " --write-object %s --type cert --label certificate --id 05",
		    pki_find(&pki, "DER")->path),
		0);
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	do_("rm -rf %s/tokens %s", pki.dir, conf);
	free(conf);
	pki_end(&pki);
	testpki_free(&curve);
	testpki_free(&other);
	testpki_free(&host);
	testpki_free(&ca);
	return 0;
}

static void needs_token(void)
{
	if (!there)
		skip();
}

/* --- what goes wrong ------------------------------------------------------------------------- */

static void no_key(const char *uri, int error, const char *words)
{
	struct sign_key *key;
	char why[KEY_WHY_LEN];

	assert_int_equal(sign_key_from_uri(uri, &key, why), error);
	assert_null(key);
	if (!strstr(why, words))
		fail_msg("%s: %s", uri, why);
	assert_null(strstr(why, PIN));
}

static void test_no_key(void **state)
{
	(void)state;
	no_key("vault:host", -ENOSYS, "knows \"vault:\"");
	no_key("no colon", -ENOSYS, "knows \"no colon:\"");
	no_key("a-scheme-that-is-much-longer-than-any-there-is:x", -ENOSYS, "knows \":\"");
	no_key("handle:0x81000001", -ENOSYS, "apt install tpm2-openssl");
	needs_token();
	no_key(HOST, -EACCES, "a PIN is wanted");
	no_key(HOST "?pin-value=00000000", -EACCES, "PIN incorrect");
	no_key("pkcs11:token=none;object=host" WITH_PIN, -ENOENT, "no token");
	no_key("pkcs11:token=mesh;object=none" WITH_PIN, -ENOENT, "has such a private key");
	no_key("pkcs11:token=mesh;object=certificate" WITH_PIN, -ENOENT, "such a private key");
	no_key("pkcs11:nothing", -EIO, "RFC 7512");
}

/* Reads NETS, the host's certificate and this key; the one problem says `words`. */
static void bad_config(const char *certificate, const char *uri, const char *words)
{
	struct problems ps;
	struct config c;
	bool said = false;
	char *text;

	assert_true(asprintf(&text,
			     NETS "instance_certificate: @%s\ninstance_private_key: %s\n"
				  "ca_certificates: [@CA]\n",
			     certificate, uri) > 0);
	(void)pki_parse(&pki, text, &c, &ps);
	for (size_t i = 0; i < ps.n; i++) {
		char *told = problem_text(&ps.p[i]);

		said = said || strstr(told, words);
		assert_null(strstr(told, PIN));
		free(told);
	}
	if (!said) {
		print_problems(&ps);
		fail_msg("%s: nobody says %s", uri, words);
	}
	problems_free(&ps);
	config_free(&c);
	free(text);
}

static void test_bad_config(void **state)
{
	(void)state;
	bad_config("HOST", "file:/etc/ikemesh/instance.key", "a file is named by its path alone");
	bad_config("HOST", "vault:host", "instance_private_key: vault:host: no provider");
	bad_config("HOST", HOST WITH_PIN "&pin-source=@PIN", HOST ": has both");
	bad_config("HOST", HOST "?pin-source=/nonexistent/pin", "pin: there is no such file");
	bad_config("HOST", HOST "?pin-source=@NO_PIN", "its first line is empty");
	bad_config("HOST", HOST "?pin-source=|/bin/cat%20/etc/pin", "no program is run");
	/* A mistake in the same line: the parser never sees the PIN. */
	bad_config("HOST", "\"" HOST WITH_PIN "\" more", "test.yml:4:");
	needs_token();
	bad_config("HOST", "pkcs11:token=mesh;object=none" WITH_PIN,
		   "instance_private_key: pkcs11:token=mesh;object=none: no token");
	bad_config("OTHER", HOST WITH_PIN,
		   "instance_private_key (2048 bits) is not the key of \"CN=other\"");
	bad_config("HOST", HOST "?pin-source=@OPEN_PIN", "holds the PIN of the private key");
}

/* --- what goes right ------------------------------------------------------------------------- */

static struct sign_key *key_at(const char *uri)
{
	struct sign_key *key;
	char why[KEY_WHY_LEN];

	if (sign_key_from_uri(uri, &key, why) != 0)
		fail_msg("%s: %s", uri, why);
	assert_string_equal(why, "");
	return key;
}

static void good_config(const char *uri)
{
	struct problems ps;
	struct config c;
	char *text;

	assert_true(asprintf(&text,
			     NETS "instance_certificate: @HOST\ninstance_private_key: %s\n"
				  "ca_certificates: [@CA]\n",
			     uri) > 0);
	if (pki_parse(&pki, text, &c, &ps) != 0 || ps.n != 0) {
		print_problems(&ps);
		fail_msg("%s", uri);
	}
	assert_non_null(c.key);
	assert_true(sign_key_matches(c.key, blob_view(&host.der)));
	problems_free(&ps);
	config_free(&c);
	free(text);
}

static void test_config(void **state)
{
	(void)state;
	needs_token();
	good_config(HOST WITH_PIN);
	good_config("\"" HOST WITH_PIN "\"");
	good_config("pkcs11:token=mesh;id=%01;type=private" WITH_PIN);
	good_config(HOST "?pin-source=@PIN");
	good_config(HOST "?pin-source=file:@PIN");
	good_config(HOST "?pin-source=file://@PIN");
}

/* Every way that a peer may ask for. */
static void check_signs(const struct sign_key *key, const struct testpki_cert *cert)
{
	static const uint8_t text[] = "what both of us have said";
	const struct bytes tbs = BYTES(text, sizeof(text));
	size_t n = 0;

	for (const struct sig_scheme *const *s = sig_all(); *s; s++) {
		struct blob signature;

		if (!sig_fits(*s, sign_key_type(key))) {
			assert_int_equal(sign_key_sign(key, *s, tbs, &signature), -EINVAL);
			continue;
		}
		assert_int_equal(sign_key_sign(key, *s, tbs, &signature), 0);
		assert_int_equal(trust_check_signature(blob_view(&cert->der), *s, tbs,
						       blob_view(&signature)),
				 VERDICT_GOOD);
		signature.p[signature.n / 2] ^= 1;
		assert_int_equal(trust_check_signature(blob_view(&cert->der), *s, tbs,
						       blob_view(&signature)),
				 VERDICT_BAD_SIGNATURE);
		blob_free(&signature);
		n++;
	}
	assert_true(n >= 4);
}

static void test_signs(void **state)
{
	struct sign_key *rsa, *shared, *ec;

	(void)state;
	needs_token();
	rsa = key_at(HOST WITH_PIN);
	assert_int_equal(sign_key_type(rsa), KEY_RSA);
	assert_int_equal(sign_key_bits(rsa), 2048);
	assert_true(sign_key_matches(rsa, blob_view(&host.der)));
	assert_false(sign_key_matches(rsa, blob_view(&other.der)));
	assert_false(sign_key_matches(rsa, blob_view(&curve.der)));
	shared = sign_key_share(rsa);
	assert_non_null(shared);
	sign_key_free(rsa);
	check_signs(shared, &host);
	sign_key_free(shared);
	ec = key_at("pkcs11:token=mesh;object=curve" WITH_PIN);
	assert_int_equal(sign_key_type(ec), KEY_ECDSA_P256);
	assert_int_equal(sign_key_bits(ec), 256);
	assert_true(sign_key_matches(ec, blob_view(&curve.der)));
	check_signs(ec, &curve);
	sign_key_free(ec);
}

/* What is no PKCS#11 goes through OSSL_STORE; files are what it knows everywhere. */
static void test_store(void **state)
{
	struct sign_key *key;
	char *uri;

	(void)state;
	assert_true(asprintf(&uri, "file:%s", pki_find(&pki, "KEY")->path) > 0);
	key = key_at(uri);
	assert_true(sign_key_matches(key, blob_view(&host.der)));
	check_signs(key, &host);
	sign_key_free(key);
	free(uri);
	assert_true(asprintf(&uri, "file:%s", pki_find(&pki, "HOST")->path) > 0);
	no_key(uri, -ENOENT, "such a private key");
	free(uri);
	no_key("file:/nonexistent/key", -EIO, "");
}

static atomic_uint good_signatures;

static void *sign_much(void *arg)
{
	const struct sign_key *key = arg;
	const struct sig_scheme *scheme = sig_choose(KEY_RSA, 1u << HASH_SHA2_256, NULL);

	for (int i = 0; i < 20; i++) {
		const struct bytes tbs = BYTES((const uint8_t *)&i, sizeof(i));
		struct blob signature;

		if (sign_key_sign(key, scheme, tbs, &signature) != 0)
			continue;
		if (trust_check_signature(blob_view(&host.der), scheme, tbs,
					  blob_view(&signature)) == VERDICT_GOOD)
			atomic_fetch_add(&good_signatures, 1);
		blob_free(&signature);
	}
	return NULL;
}

/* Four threads of the pool sign while the configuration is read anew. */
static void test_threads(void **state)
{
	struct sign_key *key;
	pthread_t threads[4];

	(void)state;
	needs_token();
	key = key_at(HOST WITH_PIN);
	for (int i = 0; i < 4; i++)
		assert_int_equal(pthread_create(&threads[i], NULL, sign_much, key), 0);
	for (int i = 0; i < 10; i++)
		sign_key_free(
			key_at(i % 2 ? HOST WITH_PIN : "pkcs11:token=mesh;object=curve" WITH_PIN));
	for (int i = 0; i < 4; i++)
		assert_int_equal(pthread_join(threads[i], NULL), 0);
	sign_key_free(key);
	assert_int_equal(atomic_load(&good_signatures), 80);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_no_key),	cmocka_unit_test(test_bad_config),
		cmocka_unit_test(test_config),	cmocka_unit_test(test_signs),
		cmocka_unit_test(test_threads), cmocka_unit_test(test_store),
	};

	return cmocka_run_group_tests(tests, set_up, tear_down);
}
