/* SPDX-License-Identifier: Apache-2.0 */
/* ppk, ppk_id and ppk_required: what is read, what is refused, and that a PPK is never shown. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "config_file.h"
#include <errno.h>

#define HEX "0xA1b2C3d4E5f60718293a4b5c6d7e8f90A1b2C3d4E5f60718293a4b5c6d7e8f90"
#define BASE64 "obLD1OX2BxgpOktcbX6PkKGyw9Tl9gcYKTpLXG1+j5A="
#define ID "ppk_id: mesh\n"

static struct pki pki;

static const uint8_t octets[32] = { 0xa1, 0xb2, 0xc3, 0xd4, 0xe5, 0xf6, 0x07, 0x18,
				    0x29, 0x3a, 0x4b, 0x5c, 0x6d, 0x7e, 0x8f, 0x90,
				    0xa1, 0xb2, 0xc3, 0xd4, 0xe5, 0xf6, 0x07, 0x18,
				    0x29, 0x3a, 0x4b, 0x5c, 0x6d, 0x7e, 0x8f, 0x90 };

static struct config read_good(const char *text, size_t findings)
{
	struct problems ps;
	struct config c;

	if (pki_parse(&pki, text, &c, &ps) || ps.n != findings) {
		print_problems(&ps);
		fail_msg("%zu findings in %s", ps.n, text);
	}
	problems_free(&ps);
	return c;
}

/* --- good files ---------------------------------------------------------------------------- */

static void test_none(void **state)
{
	static const char *const texts[] = {
		NETS CREDENTIALS,
		NETS CREDENTIALS "ppk:\nppk_id:\n",
		NETS CREDENTIALS "ppk: \"\"\nppk_id: ''\nppk_required: false\n",
	};

	(void)state;
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		struct config c = read_good(texts[i], 0);

		assert_int_equal(c.ppk.key.n, 0);
		assert_int_equal(c.spec.ppk_id.n, 0);
		assert_false(c.spec.ppk_required);
		config_free(&c);
	}
}

static void test_every_way_to_write_it(void **state)
{
	static const char *const texts[] = {
		NETS CREDENTIALS "ppk: " HEX "\n" ID,
		NETS CREDENTIALS "ppk:   " HEX " # the key\n" ID,
		NETS CREDENTIALS "ppk: \"" HEX "\"\n" ID,
		NETS CREDENTIALS "'ppk' : '" HEX "'\n" ID,
		NETS CREDENTIALS "ppk: " BASE64 "\n" ID,
		NETS CREDENTIALS "ppk: 0s" BASE64 "\n" ID,
		NETS CREDENTIALS "ppk: |\n  " HEX "\n" ID,
		NETS CREDENTIALS "ppk: >-\n\n  " BASE64 "\n" ID,
		NETS CREDENTIALS "ppk:\n  " HEX "\n" ID,
		NETS CREDENTIALS ID "ppk: " HEX,
		"ppk: " HEX "\r\n" ID NETS CREDENTIALS,
		NETS CREDENTIALS "ppk: @PPK_HEX\n" ID,
		NETS CREDENTIALS "ppk: @PPK_BASE64\n" ID,
		"{ipsec_subnets: [10.0.0.0/20], instance_certificate: @HOST, "
		"instance_private_key: @KEY, ca_certificates: [@CA], ppk: " HEX ", ppk_id: mesh}",
		"{\"ipsec_subnets\": [\"10.0.0.0/20\"], \"instance_certificate\": \"@HOST\", "
		"\"instance_private_key\": \"@KEY\", \"ca_certificates\": [\"@CA\"], "
		"\"ppk\": \"" HEX "\", \"ppk_id\": \"mesh\"}",
		"properties:\n  ipsec:\n    ppk: " HEX "\n    " ID
		"    ipsec_subnets: [10.0.0.0/20]\n    instance_certificate: @HOST\n"
		"    instance_private_key: @KEY\n    ca_certificates: [@CA]\n",
	};

	(void)state;
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		struct config c = read_good(texts[i], 0);

		assert_int_equal(c.ppk.key.n, sizeof(octets));
		assert_memory_equal(c.ppk.key.p, octets, sizeof(octets));
		assert_true(bytes_equal(blob_view(&c.ppk.id), BYTES((const uint8_t *)"mesh", 4)));
		assert_true(bytes_equal(blob_view(&c.spec.ppk_id), blob_view(&c.ppk.id)));
		assert_false(c.spec.ppk_required);
		config_free(&c);
	}
}

static void test_required(void **state)
{
	struct config c = read_good(NETS CREDENTIALS "ppk: " HEX "\n" ID "ppk_required: true\n", 0);

	(void)state;
	assert_true(c.spec.ppk_required);
	config_free(&c);
}

/* A private key in the same text keeps its place. */
static void test_beside_a_private_key(void **state)
{
	struct config c = read_good(NETS "ppk: " HEX "\ninstance_private_key: |\n  @@KEY\n"
					 "instance_certificate: @HOST\nca_certificates: [@CA]\n" ID,
				    0);

	(void)state;
	assert_memory_equal(c.ppk.key.p, octets, sizeof(octets));
	assert_non_null(c.key);
	config_free(&c);
}

/* --- findings ------------------------------------------------------------------------------ */

static void assert_secret(const char *text)
{
	static const char *const parts[] = { "A1b2C3d4", "6d7e8f90", "obLD1OX2", "KTpLXG1" };

	for (size_t i = 0; text && i < sizeof(parts) / sizeof(parts[0]); i++)
		if (strcasestr(text, parts[i]))
			fail_msg("a PPK is shown: %s", text);
}

static void check(const char *text, enum problem_level level, const char *message)
{
	struct problems ps;
	struct config c;
	bool found = false;

	pki_parse(&pki, text, &c, &ps);
	for (size_t i = 0; i < ps.n; i++) {
		assert_secret(ps.p[i].message);
		assert_secret(ps.p[i].mend);
		found |= ps.p[i].level == level && strstr(ps.p[i].message, message);
	}
	if (!found) {
		print_problems(&ps);
		fail_msg("no such finding: %s", message);
	}
	assert_true((level == PROBLEM_ERROR) == (ps.errors > 0));
	problems_free(&ps);
	config_free(&c);
}

static void test_findings(void **state)
{
	static const struct {
		const char *text;
		enum problem_level level;
		const char *message;
	} table[] = {
		{ "ppk: " HEX "\n", PROBLEM_ERROR, "ppk_id is missing" },
		{ ID, PROBLEM_ERROR, "ppk is missing: ppk_id names it" },
		{ "ppk_required: true\n", PROBLEM_ERROR, "ppk is missing: ppk_required is set" },
		{ "ppk: " HEX "0\n" ID, PROBLEM_ERROR, "neither 0x" },
		{ "ppk: " HEX "zz\n" ID, PROBLEM_ERROR, "neither 0x" },
		{ "ppk: 0x\n" ID, PROBLEM_ERROR, "neither 0x" },
		{ "ppk: " BASE64 "!\n" ID, PROBLEM_ERROR, "neither 0x" },
		{ "ppk: [" HEX "]\n" ID, PROBLEM_ERROR, "not a list" },
		{ "ppk: {a: " HEX "}\n" ID, PROBLEM_ERROR, "not a mapping" },
		{ "ppk: 0xA1b2C3d4\n" ID, PROBLEM_ERROR, "has 4 octets" },
		{ "ppk: 0xA1b2C3d4E5f60718293a4b5c6d7e8f90\n" ID, PROBLEM_WARNING, "has 128 bits" },
		{ "ppk: /nowhere/ppk.txt\n" ID, PROBLEM_ERROR,
		  "/nowhere/ppk.txt: there is no such file" },
		{ "ppk: /A1b2C3d4E5f60718293a4b5c6d7e8f90A1b2C3d4\n" ID, PROBLEM_ERROR,
		  "base64 that begins with / is written 0s/" },
		{ "ppk: @CA\n" ID, PROBLEM_ERROR, "neither 0x" },
		{ "ppk: @PPK_OPEN\n" ID, PROBLEM_WARNING, "holds the PPK and is open to others" },
		{ "ppk: " HEX "\nppk: " HEX "\n" ID, PROBLEM_ERROR, "ppk stands here a second" },
		{ "ppk: " HEX "\nppk_id: [a]\n", PROBLEM_ERROR, "ppk_id: a text was expected" },
		{ "dpd_delay: 5m\n", PROBLEM_WARNING,
		  "dpd_timeout (120s) is not longer than dpd_delay (300s)" },
		/* A slip that breaks the YAML around it. */
		{ "ppk: \"" HEX "\n" ID, PROBLEM_ERROR, "" },
		{ "  ppk: " HEX "\n" ID, PROBLEM_ERROR, "" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
		char *text = NULL;

		assert_true(asprintf(&text, "%s%s", NETS CREDENTIALS, table[i].text) > 0);
		check(text, table[i].level, table[i].message);
		free(text);
	}
}

/* Cut anywhere: never shown, never a crash. */
static void test_cut(void **state)
{
	static const char text[] = NETS CREDENTIALS "ppk: \"" HEX "\"\nppk_id: 'mesh'\n";

	(void)state;
	for (size_t n = sizeof(NETS CREDENTIALS) - 1; n < sizeof(text); n++) {
		char *cut = strndup(text, n);
		struct problems ps;
		struct config c;

		pki_parse(&pki, cut, &c, &ps);
		for (size_t i = 0; i < ps.n; i++) {
			assert_secret(ps.p[i].message);
			assert_secret(ps.p[i].mend);
		}
		problems_free(&ps);
		config_free(&c);
		free(cut);
	}
}

static int setup(void **state)
{
	(void)state;
	pki_usual(&pki);
	pki_text(&pki, "PPK_HEX", HEX "\n");
	pki_text(&pki, "PPK_BASE64", "\n " BASE64 "\n\n");
	pki_add(&pki, "PPK_OPEN", BYTES((const uint8_t *)HEX, strlen(HEX)), 0644);
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
		cmocka_unit_test(test_none),	 cmocka_unit_test(test_every_way_to_write_it),
		cmocka_unit_test(test_required), cmocka_unit_test(test_beside_a_private_key),
		cmocka_unit_test(test_findings), cmocka_unit_test(test_cut),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
