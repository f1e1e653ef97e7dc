/* SPDX-License-Identifier: Apache-2.0 */
/* strongSwan's proposal strings to transforms, back, and what is said about bad ones. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "config/suites.h"
#include <errno.h>
#include <stdio.h>
#include <string.h>

/* A proposal as "type:id/bits ..." */
static const char *dump(const struct proposal_spec *p)
{
	static char out[512];
	size_t n = 0;

	*out = '\0';
	for (size_t i = 0; i < p->n; i++) {
		n += (size_t)snprintf(out + n, sizeof(out) - n, "%s%u:%u", n ? " " : "",
				      p->t[i].type, p->t[i].id);
		if (p->t[i].key_bits)
			n += (size_t)snprintf(out + n, sizeof(out) - n, "/%u", p->t[i].key_bits);
	}
	return out;
}

static void test_good(void **state)
{
	static const struct {
		uint8_t protocol;
		const char *text, *dump, *again;
	} cases[] = {
		/* the add-on's two */
		{ PROTO_ESP, "aes128gcm16!", "1:20/128 5:1 5:0", "aes128gcm16" },
		{ PROTO_IKE, "aes128-sha256-modp2048!", "1:12/128 2:5 3:12 4:14",
		  "aes128-sha256-modp2048" },
		{ PROTO_IKE, "aes256gcm16-prfsha384-ecp384", "1:20/256 2:6 4:20",
		  "aes256gcm16-prfsha384-ecp384" },
		/* a prf is derived from an integrity algorithm that an AEAD has no use for */
		{ PROTO_IKE, "aes128gcm16-sha256-modp2048", "1:20/128 2:5 4:14",
		  "aes128gcm16-prfsha256-modp2048" },
		{ PROTO_ESP, "aes128gcm16-sha256", "1:20/128 5:1 5:0", "aes128gcm16" },
		{ PROTO_ESP, "aes128gcm16-modp2048", "1:20/128 4:14 5:1 5:0",
		  "aes128gcm16-modp2048" },
		{ PROTO_ESP, "aes256-sha512", "1:12/256 3:14 5:1 5:0", "aes256-sha512" },
		{ PROTO_ESP, "aes128gcm16-esn", "1:20/128 5:1", "aes128gcm16-esn" },
		{ PROTO_ESP, "aes128gcm16-noesn", "1:20/128 5:0", "aes128gcm16-noesn" },
		{ PROTO_ESP, "aes128gcm16-noesn-esn", "1:20/128 5:0 5:1", "aes128gcm16-noesn-esn" },
		{ PROTO_ESP, "aes128gcm16-esn-noesn", "1:20/128 5:1 5:0", "aes128gcm16" },
		{ PROTO_ESP, "aes128gcm16-modp2048-modpnone", "1:20/128 4:14 4:0 5:1 5:0",
		  "aes128gcm16-modp2048-modpnone" },
		/* several of one type, in the order written; doubles are dropped */
		{ PROTO_IKE, "aes256-aes128-sha256-sha384-modp2048-ecp256",
		  "1:12/256 1:12/128 2:5 2:6 3:12 3:13 4:14 4:19",
		  "aes256-aes128-sha256-sha384-modp2048-ecp256" },
		{ PROTO_IKE, "aes128-aes128-sha256-sha256-modp2048", "1:12/128 2:5 3:12 4:14",
		  "aes128-sha256-modp2048" },
		/* an explicit prf wins over a derived one */
		{ PROTO_IKE, "aes128-sha256-prfsha512-modp4096", "1:12/128 2:7 3:12 4:16",
		  "aes128-sha256-prfsha512-modp4096" },
		/* additional key exchanges, as strongSwan writes them */
		{ PROTO_IKE, "aes256-sha384-x25519-ke1_mlkem768", "1:12/256 2:6 3:13 4:31 6:36",
		  "aes256-sha384-curve25519-ke1_mlkem768" },
		{ PROTO_IKE, "aes256gcm16-prfsha384-ke7_none-KE7_mlkem1024-ke2_ecp384-x25519",
		  "1:20/256 2:6 4:31 7:20 12:0 12:37",
		  "aes256gcm16-prfsha384-curve25519-ke2_ecp384-ke7_none-ke7_mlkem1024" },
		/* other names, case, spaces */
		{ PROTO_IKE, "AES-sha2_256-x25519", "1:12/128 2:5 3:12 4:31",
		  "aes128-sha256-curve25519" },
		{ PROTO_ESP, " aes128gcm128 ! ", "1:20/128 5:1 5:0", "aes128gcm16" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct proposal_spec p[SPEC_PROPOSALS], q[SPEC_PROPOSALS];
		char error[256], text[256];
		size_t n, m;

		if (suites_parse(cases[i].text, cases[i].protocol, p, SPEC_PROPOSALS, &n, error,
				 sizeof(error)))
			fail_msg("%s: %s", cases[i].text, error);
		assert_int_equal(n, 1);
		assert_string_equal(dump(&p[0]), cases[i].dump);
		suites_text(&p[0], cases[i].protocol, text, sizeof(text));
		assert_string_equal(text, cases[i].again);
		/* read again, it is the same */
		assert_int_equal(suites_parse(text, cases[i].protocol, q, SPEC_PROPOSALS, &m, error,
					      sizeof(error)),
				 0);
		assert_string_equal(dump(&q[0]), cases[i].dump);
	}
}

static void test_several(void **state)
{
	struct proposal_spec p[SPEC_PROPOSALS];
	char error[256];
	size_t n;

	(void)state;
	assert_int_equal(suites_parse("aes256gcm16, aes128gcm16 ,aes128-sha256!", PROTO_ESP, p,
				      SPEC_PROPOSALS, &n, error, sizeof(error)),
			 0);
	assert_int_equal(n, 3);
	assert_string_equal(dump(&p[0]), "1:20/256 5:1 5:0");
	assert_string_equal(dump(&p[1]), "1:20/128 5:1 5:0");
	assert_string_equal(dump(&p[2]), "1:12/128 3:12 5:1 5:0");
	assert_int_equal(
		suites_parse("aes128gcm16,aes256gcm16", PROTO_ESP, p, 1, &n, error, sizeof(error)),
		-EINVAL);
	assert_non_null(strstr(error, "more than 1 proposals"));
}

static void test_bad(void **state)
{
	static const struct {
		uint8_t protocol;
		const char *text, *says, *word, *instead;
	} cases[] = {
		{ PROTO_ESP, "aes128gmc16!",
		  "unknown algorithm 'aes128gmc16': did you mean "
		  "aes128gcm16",
		  "aes128gmc16", "aes128gcm16" },
		{ PROTO_IKE, "aes128-sha265-modp2048", "did you mean sha256", "sha265", "sha256" },
		{ PROTO_IKE, "aes128-sha256-modp2084", "did you mean modp2048", "modp2084",
		  "modp2048" },
		{ PROTO_IKE, "aes128-sha1-modp2048", "'sha1' is too weak", "sha1", "sha256" },
		{ PROTO_IKE, "aes128-sha256-modp1024", "'modp1024' is too weak", "modp1024",
		  "modp2048" },
		{ PROTO_ESP, "3des-sha256", "too weak", "3des", "aes128" },
		{ PROTO_ESP, "kuznyechik", "there are aes128", "kuznyechik", NULL },
		/* what is missing */
		{ PROTO_ESP, "aes128", "aes128 needs an integrity algorithm", NULL, NULL },
		{ PROTO_IKE, "aes128-prfsha256-modp2048", "needs an integrity algorithm", NULL,
		  NULL },
		{ PROTO_IKE, "aes128gcm16-modp2048", "needs a prf", NULL, NULL },
		{ PROTO_IKE, "aes128-sha256", "needs a key exchange", NULL, NULL },
		{ PROTO_ESP, "sha256-modp2048", "needs a cipher", NULL, NULL },
		{ PROTO_ESP, "aes128-aes128gcm16-sha256", "separate them by a comma", NULL, NULL },
		/* the two swapped */
		{ PROTO_IKE, "aes128gcm16!", "belongs into esp_proposals", NULL, NULL },
		{ PROTO_IKE, "aes128-sha256-modp2048-esn", "belongs into esp_proposals", "esn",
		  NULL },
		{ PROTO_ESP, "aes128gcm16-prfsha256-ecp256", "belongs into ike_proposals",
		  "prfsha256", NULL },
		{ PROTO_IKE, "aes128-sha256-modpnone", "cannot do without a key exchange", NULL,
		  "modp2048" },
		/* additional key exchanges */
		{ PROTO_IKE, "aes128-sha256-mlkem768", "write ke1_mlkem768, beside", "mlkem768",
		  "curve25519-ke1_mlkem768" },
		{ PROTO_IKE, "aes128-sha256-ke1_mlkem768", "needs a key exchange, such as", NULL,
		  NULL },
		{ PROTO_ESP, "aes128gcm16-x25519-ke1_mlkem768", "no place in an ESP proposal",
		  "ke1_mlkem768", NULL },
		{ PROTO_ESP, "aes128gcm16-mlkem512", "no place in an ESP proposal", "mlkem512",
		  NULL },
		{ PROTO_IKE, "aes128-sha256-x25519-ke1_mlkem786",
		  "unknown algorithm 'ke1_mlkem786': did you mean mlkem768", "ke1_mlkem786", NULL },
		{ PROTO_IKE, "aes128-sha256-x25519-ke8_mlkem768", "did you mean mlkem768",
		  "ke8_mlkem768", "mlkem768" },
		{ PROTO_IKE, "aes128-sha256-x25519-ke1_ke2_ecp256", "unknown algorithm",
		  "ke1_ke2_ecp256", NULL },
		{ PROTO_IKE, "aes128-sha256-x25519-ke1_sha384", "unknown algorithm", "ke1_sha384",
		  NULL },
		{ PROTO_IKE, "aes128-sha256-x25519-ke1_modp1024", "too weak", "ke1_modp1024",
		  NULL },
		{ PROTO_IKE, "aes128-sha256-x25519-ke1_x25519",
		  "curve25519 stands in more than one key exchange", NULL, NULL },
		{ PROTO_IKE, "aes128-sha256-x25519-ke1_mlkem768-ke2_mlkem512-ke2_mlkem768",
		  "mlkem768 stands in more than one", NULL, NULL },
		/* separators */
		{ PROTO_ESP, "", "missing", NULL, NULL },
		{ PROTO_ESP, "!", "missing", NULL, NULL },
		{ PROTO_ESP, "aes128gcm16,", "missing between the commas", NULL, NULL },
		{ PROTO_ESP, ",aes128gcm16", "missing between the commas", NULL, NULL },
		{ PROTO_ESP, "aes128--sha256", "missing between the separators", NULL, NULL },
		{ PROTO_ESP, "aes128gcm16!,aes256gcm16", "very end", NULL, NULL },
		{ PROTO_ESP, "aes128gcm16!!", "very end", NULL, NULL },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct proposal_spec p[SPEC_PROPOSALS];
		struct suites_fault fault;
		size_t n;

		assert_int_equal(suites_read(cases[i].text, cases[i].protocol, p, SPEC_PROPOSALS,
					     &n, &fault),
				 -EINVAL);
		if (!strstr(fault.message, cases[i].says))
			fail_msg("%s: %s", cases[i].text, fault.message);
		if (cases[i].word) {
			assert_int_equal(fault.len, strlen(cases[i].word));
			assert_memory_equal(cases[i].text + fault.at, cases[i].word, fault.len);
		}
		if (cases[i].instead)
			assert_string_equal(fault.instead, cases[i].instead);
		else
			assert_null(fault.instead);
	}
}

/* Every keyword of every row is understood, and is what it is printed as. */
static void test_all_rows(void **state)
{
	struct proposal_spec p[1];
	char text[128], again[128], error[256];
	size_t n, rows = 0;

	(void)state;
	for (const struct encr_alg *const *e = encr_all(); *e; e++)
		for (const struct prf_alg *const *f = prf_all(); *f; f++)
			for (const struct ke_alg *const *k = ke_all(); *k; k++) {
				snprintf(text, sizeof(text), "%s%s-%s-%s%s", (*e)->keyword,
					 (*e)->aead ? "" : "-sha256", (*f)->keyword,
					 (*k)->encapsulate ? "modp2048-ke1_" : "", (*k)->keyword);
				if (suites_parse(text, PROTO_IKE, p, 1, &n, error, sizeof(error)))
					fail_msg("%s: %s", text, error);
				suites_text(&p[0], PROTO_IKE, again, sizeof(again));
				/* a prf that is implied is not printed */
				if (strcmp((*f)->keyword, "prfsha256") || (*e)->aead)
					assert_string_equal(text, again);
				rows++;
			}
	assert_true(rows >= 4 * 3 * 9);
}

static void test_limits(void **state)
{
	static char text[70000];
	struct proposal_spec p[SPEC_PROPOSALS];
	char error[64], small[8];
	size_t n;

	(void)state;
	memset(text, 'a', sizeof(text) - 1);
	assert_int_equal(suites_parse(text, PROTO_ESP, p, SPEC_PROPOSALS, &n, error, sizeof(error)),
			 -EINVAL);
	for (size_t i = 0; i < sizeof(text) - 1; i++)
		text[i] = i % 2 ? ',' : 'x';
	assert_int_equal(suites_parse(text, PROTO_ESP, p, SPEC_PROPOSALS, &n, error, sizeof(error)),
			 -EINVAL);
	assert_int_equal(
		suites_parse("aes128-sha256-modp2048", PROTO_IKE, p, 1, &n, error, sizeof(error)),
		0);
	suites_text(&p[0], PROTO_IKE, small, sizeof(small));
	assert_string_equal(small, "aes128-");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_good),   cmocka_unit_test(test_several),
		cmocka_unit_test(test_bad),    cmocka_unit_test(test_all_rows),
		cmocka_unit_test(test_limits),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
