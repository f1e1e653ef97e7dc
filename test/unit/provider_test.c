/* SPDX-License-Identifier: Apache-2.0 */
/* crypto_properties: what a property query leaves, what is said of one that leaves nothing. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "config/check.h"
#include "config/suites.h"
#include "config_file.h"
#include "crypto/job.h"
#include "crypto/provider.h"
#include <errno.h>
#include <openssl/provider.h>

static struct pki pki;

static bool fips_is_here(void)
{
	struct provider_view *v;
	char why[PROVIDER_TEXT_LEN];
	bool here = provider_view_new("fips=yes", &v, why) == 0;

	provider_view_free(v);
	return here;
}

/* --- views --------------------------------------------------------------------------------- */

static void test_all_are_left(void **state)
{
	static const char *const queries[] = { "", "provider=default", "?fips=yes", "fips!=yes" };

	(void)state;
	for (size_t i = 0; i < sizeof(queries) / sizeof(queries[0]); i++) {
		char why[PROVIDER_TEXT_LEN];
		struct provider_view *v;

		assert_int_equal(provider_view_new(queries[i], &v, why), 0);
		for (const struct encr_alg *const *a = encr_all(); *a; a++)
			assert_true(provider_has(v, TRANSFORM_ENCR, (*a)->id, (*a)->key_bits));
		for (const struct prf_alg *const *a = prf_all(); *a; a++)
			assert_true(provider_has(v, TRANSFORM_PRF, (*a)->id, 0));
		for (const struct integ_alg *const *a = integ_all(); *a; a++)
			assert_true(provider_has(v, TRANSFORM_INTEG, (*a)->id, 0));
		for (const struct ke_alg *const *a = ke_all(); *a; a++) {
			const bool has = !(*a)->optional || ke_available(*a);

			assert_true(provider_has(v, TRANSFORM_KE, (*a)->id, 0) == has);
			assert_true(provider_has(v, TRANSFORM_ADDKE7, (*a)->id, 0) == has);
		}
		assert_true(provider_has(v, TRANSFORM_ADDKE1, KE_NONE, 0));
		assert_false(provider_has(v, TRANSFORM_ADDKE1, 1, 0));
		assert_true(provider_has(v, TRANSFORM_ESN, ESN_YES, 0));
		assert_true(provider_has(v, TRANSFORM_KE, KE_NONE, 0));
		assert_false(provider_has(v, TRANSFORM_ENCR, 3, 0));
		assert_true(provider_can_sign(v, KEY_RSA));
		assert_true(provider_can_sign(v, KEY_ECDSA_P256));
		assert_true(provider_can_sign(v, KEY_ED25519));
		provider_view_free(v);
	}
}

static void test_nothing_is_left(void **state)
{
	static const struct {
		const char *query;
		int r;
		const char *why;
	} table[] = {
		{ "provider=nowhere", -ENOENT, "has no provider \"nowhere\" here" },
		{ "provider=default,fips=nonesuch", -ENOENT, "no algorithm of OpenSSL" },
		{ "provider!=default", -ENOENT, "no algorithm of OpenSSL" },
		{ "= =", -EINVAL, "not a property query" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
		char why[PROVIDER_TEXT_LEN];
		struct provider_view *v;

		if (provider_view_new(table[i].query, &v, why) != table[i].r ||
		    !strstr(why, table[i].why))
			fail_msg("%s: %s", table[i].query, why);
		assert_null(v);
	}
}

/* --- in a file ----------------------------------------------------------------------------- */

static void test_fips_without_its_provider(void **state)
{
	struct problems ps;
	struct config c;

	(void)state;
	if (fips_is_here())
		skip();
	assert_int_equal(pki_parse(&pki, NETS CREDENTIALS "crypto_properties: fips=yes\n", &c, &ps),
			 -EINVAL);
	assert_int_equal(ps.n, 1);
	assert_int_equal(ps.p[0].line, 7);
	assert_non_null(strstr(ps.p[0].message, "crypto_properties: fips=yes: OpenSSL 3."));
	assert_non_null(strstr(ps.p[0].message, "has no provider \"fips\" here"));
	problems_free(&ps);
}

static void test_default_provider(void **state)
{
	struct problems ps;
	struct config c;
	char words[512];

	(void)state;
	assert_int_equal(
		pki_parse(&pki, NETS CREDENTIALS "crypto_properties: provider=default\n", &c, &ps),
		0);
	assert_int_equal(ps.n, 0);
	assert_string_equal(c.crypto_properties, "provider=default");
	assert_int_equal(c.spec.n_ike, 1);
	assert_int_equal(c.spec.n_esp, 1);
	assert_non_null(strstr(suites_left("provider=default", words, sizeof(words)), "modp2048"));
	config_free(&c);
	problems_free(&ps);
}

static void test_not_a_query(void **state)
{
	static const char *const bad[] = { "[a]", "= =", "provider=nowhere", "{a: b}" };

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		struct problems ps;
		struct config c;
		char *text = NULL;

		assert_true(asprintf(&text, "%scrypto_properties: %s\n", NETS CREDENTIALS, bad[i]) >
			    0);
		assert_int_equal(pki_parse(&pki, text, &c, &ps), -EINVAL);
		assert_int_equal(ps.errors, 1);
		free(text);
		problems_free(&ps);
	}
}

static void test_check_lists_what_is_left(void **state)
{
	char *filled = pki_fill(&pki, NETS CREDENTIALS "crypto_properties: provider=default\n"),
	     *said = NULL, path[64];
	FILE *f, *out;
	size_t n;

	(void)state;
	snprintf(path, sizeof(path), "%s/check.yml", pki.dir);
	f = fopen(path, "w");
	assert_non_null(f);
	fputs(filled, f);
	fclose(f);
	out = open_memstream(&said, &n);
	assert_int_equal(config_check(path, TESTPKI_NOW, out), CHECK_GOOD);
	fclose(out);
	assert_non_null(strstr(said, "crypto_properties \"provider=default\" leave:\n"
				     "  ike_proposals: aes128-sha256-modp2048\n"));
	assert_non_null(strstr(said, "  of all algorithms: aes128 aes256 aes128gcm16"));
	unlink(path);
	free(said);
	free(filled);
}

/* --- what not every OpenSSL has ------------------------------------------------------------ */

#define PLAIN "aes256-sha384-curve25519"

static void test_optional_suites(void **state)
{
	static const struct {
		const char *proposals, *left; /* where there is no ML-KEM; NULL: an error */
		const char *says;
	} cases[] = {
		{ PLAIN "-ke1_mlkem768, " PLAIN, PLAIN,
		  PLAIN "-ke1_mlkem768 needs mlkem768, which OpenSSL " },
		{ PLAIN ", " PLAIN "-ke1_mlkem768!", PLAIN, "it is left out" },
		{ PLAIN "-ke1_mlkem768-ke1_none", PLAIN "-ke1_none", "it goes on without" },
		{ PLAIN "-ke1_mlkem768-ke1_mlkem1024-ke1_ecp384", PLAIN "-ke1_ecp384",
		  "it goes on without" },
		{ PLAIN "-ke1_mlkem768", NULL, "no proposal is left" },
		{ PLAIN "-ke1_mlkem768-ke1_mlkem512", NULL, "no proposal is left" },
	};
	const bool has = ke_available(ke_by_id(KE_ML_KEM_768));

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		const bool good = has || cases[i].left;
		char *text = NULL, left[256];
		struct problems ps;
		struct config c;

		assert_true(asprintf(&text, "%sike_proposals: %s\n", NETS CREDENTIALS,
				     cases[i].proposals) > 0);
		assert_int_equal(pki_parse(&pki, text, &c, &ps), good ? 0 : -EINVAL);
		assert_int_equal(ps.n > 0, !has);
		assert_int_equal(ps.errors, good ? 0 : 1);
		for (size_t k = 0; k < ps.n; k++)
			assert_non_null(strstr(ps.p[k].message, "(3.5 and newer do)"));
		if (!has && !strstr(ps.p[ps.n - 1].message, cases[i].says))
			fail_msg("%s: %s", cases[i].proposals, ps.p[ps.n - 1].message);
		if (good && !has) {
			assert_int_equal(c.spec.n_ike, 1);
			suites_text(&c.spec.ike[0], PROTO_IKE, left, sizeof(left));
			assert_string_equal(left, cases[i].left);
		}
		if (good)
			config_free(&c);
		problems_free(&ps);
		free(text);
	}
}

/* --- the process --------------------------------------------------------------------------- */

static void exchange(const struct ke_alg *ke)
{
	struct job *i = job_new(JOB_KE_GENERATE), *r = job_new(JOB_KE_RESPOND);

	i->ke = r->ke = ke;
	job_run(i, NULL, NULL, NULL, 0);
	assert_int_equal(blob_copy(&r->peer_public, blob_view(&i->ke_public)), 0);
	job_run(r, NULL, NULL, NULL, 0);
	i->kind = JOB_KE_DERIVE;
	assert_int_equal(blob_copy(&i->peer_public, blob_view(&r->ke_public)), 0);
	job_run(i, NULL, NULL, NULL, 0);
	assert_int_equal(i->result, 0);
	assert_true(secret_equal(secret_view(&i->shared), secret_view(&r->shared)));
	job_free(i);
	job_free(r);
}

/* Everything works on, with handles that were fetched anew; what cannot be had changes nothing. */
static void test_use(void **state)
{
	const char *missing;
	struct problems ps;
	struct config c;

	(void)state;
	assert_int_equal(provider_use("provider=nowhere"), -ENOENT);
	assert_int_equal(suite_self_check(&missing), 0);
	for (unsigned times = 0; times < 2; times++) {
		assert_int_equal(provider_use("provider=default"), 0);
		assert_int_equal(suite_self_check(&missing), 0);
		for (const struct ke_alg *const *a = ke_all(); *a; a++)
			if (ke_available(*a))
				exchange(*a);
		assert_int_equal(pki_parse(&pki, NETS CREDENTIALS, &c, &ps), 0);
		assert_int_equal(ps.n, 0);
		config_free(&c);
		problems_free(&ps);
	}
}

static int setup(void **state)
{
	(void)state;
	pki_usual(&pki);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	pki_end(&pki);
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_all_are_left),
		cmocka_unit_test(test_nothing_is_left),
		cmocka_unit_test(test_fips_without_its_provider),
		cmocka_unit_test(test_default_provider),
		cmocka_unit_test(test_not_a_query),
		cmocka_unit_test(test_check_lists_what_is_left),
		cmocka_unit_test(test_optional_suites),
		cmocka_unit_test(test_use),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
