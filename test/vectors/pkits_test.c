/* SPDX-License-Identifier: Apache-2.0 */
/*
 * NIST PKITS: whole chains with the CRLs that belong to them, and the verdict on each; as
 * crl_policy: hard has it, since to PKITS a certificate is good only if a list says so.
 */
#include "crypto/crl.h"
#include "lib/der_bend.h"
#include "lib/testvec.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#define ARCHIVE "x509/nist-pkits.tar.gz"
#define PKITS_TIME \
	((time_t)1577836800) /* 2020-01-01: within the life of all but some that expired */
#define TAR_BLOCK 512
#define STRIDE 61      /* octets between two that are changed */
#define BEND_STRIDE 29 /* of the ways of bending a certificate's DER; each of them: CASES_LONG=1 \
			*/
#define LIMIT_US 100000

static struct blob tar;

/* ustar: a block of header, then the content padded to whole blocks. */
static struct bytes tar_find(const char *directory, const char *name, const char *ending)
{
	char wanted[160];
	size_t at = 0;

	(void)snprintf(wanted, sizeof(wanted), "pkits/%s%s%s", directory, name, ending);
	while (at + TAR_BLOCK <= tar.n && tar.p[at] != '\0') {
		size_t size = strtoul((const char *)tar.p + at + 124, NULL, 8);

		assert_true(size <= tar.n - at - TAR_BLOCK);
		if (strncmp((const char *)tar.p + at, wanted, 100) == 0)
			return BYTES(tar.p + at + TAR_BLOCK, size);
		at += TAR_BLOCK + (size + TAR_BLOCK - 1) / TAR_BLOCK * TAR_BLOCK;
	}
	fail_msg("%s is not in the archive", wanted);
	return BYTES_NONE;
}

/* Why a case does not concern trust_check_chain(); NULL if it does. */
static const char *reason_to_skip(const char *number)
{
	static const struct {
		const char *prefix;
		const char *why;
	} rows[] = {
		{ "4.1.4", "4.1.4 to 4.1.6: DSA not supported" },
		{ "4.1.5", "4.1.4 to 4.1.6: DSA not supported" },
		{ "4.1.6", "4.1.4 to 4.1.6: DSA not supported" },
		{ "4.8.", "4.8: certificate policies are not used" },
		{ "4.9.", "4.9: certificate policies are not used" },
		{ "4.10.", "4.10: policy mappings are not used" },
		{ "4.11.", "4.11: certificate policies are not used" },
		{ "4.14.30",
		  "4.14.30: an indirect CRL's issuer in its own CRL: OpenSSL refuses it" },
		{ "4.12.", "4.12: certificate policies are not used" },
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		if (strncmp(number, rows[i].prefix, strlen(rows[i].prefix)) == 0)
			return rows[i].why;
	return NULL;
}

static struct crls *crls_of(const json_t *test)
{
	struct crls *crls = crls_new();
	const json_t *name;
	size_t i;

	json_array_foreach(json_object_get(test, "crls"), i, name)
	{
		assert_int_equal(crls_add(crls, tar_find("crls/", json_string_value(name), ".crl")),
				 0);
	}
	return crls;
}

/* The list runs from the trust anchor down to the leaf. */
static enum verdict chain_verdict(const json_t *test, char *text)
{
	const json_t *names = json_object_get(test, "certs");
	size_t n = json_array_size(names);
	const struct trust_rules rules = { .crl_policy = CRL_HARD };
	struct trust *trust = trust_new();
	struct crls *crls = crls_of(test);
	struct bytes certs[CERT_CHAIN_MAX];
	enum verdict v;

	assert_true(n >= 2 && n - 1 <= CERT_CHAIN_MAX);
	assert_int_equal(
		trust_add_ca(trust, tar_find("certs/", json_string_value(json_array_get(names, 0)),
					     ".crt")),
		0);
	trust_set_rules(trust, &rules);
	trust_set_crls(trust, crls);
	crls_drop(crls);
	for (size_t i = 0; i < n - 1; i++)
		certs[i] = tar_find("certs/", json_string_value(json_array_get(names, n - 1 - i)),
				    ".crt");
	v = trust_check_chain(trust, certs, n - 1, PKITS_TIME, text);
	trust_free(trust);
	return v;
}

static void one_case(struct testvec_count *count, const json_t *test)
{
	const char *number = testvec_text(test, "number");
	bool good = json_is_true(json_object_get(test, "should_validate"));
	const char *why = reason_to_skip(number);
	char text[VERDICT_TEXT_LEN];
	enum verdict v;

	if (why != NULL) {
		testvec_skip(count, why);
		return;
	}
	v = chain_verdict(test, text);
	if ((v == VERDICT_GOOD) != good)
		print_error("%s %s: %s: %s\n", number, testvec_text(test, "title"), verdict_name(v),
			    text);
	testvec_check(count, (v == VERDICT_GOOD) == good, number);
}

static void test_chains(void **state)
{
	struct testvec_count count = { .file = ARCHIVE };
	struct bytes text;
	json_t *root, *test;
	size_t i;

	(void)state;
	testvec_need();
	tar = testvec_read(ARCHIVE);
	text = tar_find("", "pkits-tests", ".json");
	root = json_loadb((const char *)text.p, text.n, 0, NULL);
	assert_non_null(root);
	json_array_foreach(json_object_get(root, "tests"), i, test)
	{
		one_case(&count, test);
	}
	json_decref(root);
	blob_free(&tar);
	testvec_report(&count);
}

static int64_t cpu_us(void)
{
	struct timespec t;

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
	return (int64_t)t.tv_sec * 1000000 + t.tv_nsec / 1000;
}

/* All that is done with a certificate that a peer shows: no crash, no endless loop. */
static void look_at(const struct trust *trust, struct bytes der)
{
	const int64_t began = cpu_us();
	char text[VERDICT_TEXT_LEN];
	struct cert_info info;

	(void)trust_check_chain(trust, &der, 1, PKITS_TIME, text);
	(void)cert_describe(der, &info);
	(void)trust_id_matches(der, ID_FQDN, BYTES((const uint8_t *)"a", 1));
	assert_true(cpu_us() - began < LIMIT_US);
}

/* T64: certificates of every kind with an octet changed here and there. */
static void mutate(const struct trust *trust, struct bytes der, struct testvec_count *count)
{
	struct blob copy;

	assert_int_equal(blob_copy(&copy, der), 0);
	for (size_t i = count->run % STRIDE; i < copy.n; i += STRIDE) {
		copy.p[i] ^= (uint8_t)(1 << i % 8);
		look_at(trust, blob_view(&copy));
		copy.p[i] ^= (uint8_t)(1 << i % 8);
	}
	blob_free(&copy);
	testvec_check(count, true, "");
}

/* T64: ... and bent where one element of DER ends and another begins. */
static void bend(const struct trust *trust, struct bytes der, struct testvec_count *count)
{
	const size_t n = der_bends(der), stride = getenv("CASES_LONG") != NULL ? 1 : BEND_STRIDE;

	for (size_t i = count->run % stride; i < n; i += stride) {
		struct blob copy;

		assert_int_equal(blob_copy(&copy, der), 0);
		der_bend(der, i, copy.p);
		assert_memory_not_equal(copy.p, der.p, der.n);
		look_at(trust, blob_view(&copy));
		blob_free(&copy);
	}
	testvec_check(count, n > 30 * (size_t)DER_BENDS, "is not taken apart");
}

static void each_certificate(struct testvec_count *count,
			     void (*change)(const struct trust *trust, struct bytes der,
					    struct testvec_count *count))
{
	struct trust *trust;

	testvec_need();
	trust = trust_new();
	tar = testvec_read(ARCHIVE);
	assert_int_equal(trust_add_ca(trust, tar_find("certs/", "GoodCACert", ".crt")), 0);
	for (size_t at = 0; at + TAR_BLOCK <= tar.n && tar.p[at] != '\0';) {
		const char *name = (const char *)tar.p + at;
		size_t size = strtoul(name + 124, NULL, 8);

		if (strncmp(name, "pkits/certs/", 12) == 0 && size > 0)
			change(trust, BYTES(tar.p + at + TAR_BLOCK, size), count);
		at += TAR_BLOCK + (size + TAR_BLOCK - 1) / TAR_BLOCK * TAR_BLOCK;
	}
	trust_free(trust);
	blob_free(&tar);
	testvec_report(count);
}

static void test_mutated(void **state)
{
	struct testvec_count count = { .file = ARCHIVE ", certificates mutated" };

	(void)state;
	each_certificate(&count, mutate);
}

static void test_bent(void **state)
{
	struct testvec_count count = { .file = ARCHIVE ", certificates bent" };

	(void)state;
	each_certificate(&count, bend);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_chains),
		cmocka_unit_test(test_mutated),
		cmocka_unit_test(test_bent),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
