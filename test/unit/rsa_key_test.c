/* SPDX-License-Identifier: Apache-2.0 */
/* RSA keys by their numbers: which are taken at all (RFC 8247 3.1.1, CVE-2018-17540). */
#include "crypto/trust.h"
#include "lib/testpki.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define VIEW(text) BYTES((const uint8_t *)(text), sizeof(text) - 1)

/* What becomes of a signature of the right length under a modulus of so many bits. */
static enum verdict judge(size_t bits, struct bytes exponent)
{
	const size_t n = (bits + 7) / 8;
	uint8_t *modulus = malloc(n), *signature = calloc(1, n);
	struct blob spki;
	enum verdict v;

	memset(modulus, 0x5a, n);
	modulus[0] = (uint8_t)(1u << (bits - 1) % 8);
	modulus[n - 1] |= 1;
	signature[n - 1] = 2;
	spki = testpki_rsa_spki(BYTES(modulus, n), exponent);
	v = spki_check_signature(blob_view(&spki), sig_choose(KEY_RSA, 1u << HASH_SHA2_256, NULL),
				 VIEW("octets"), BYTES(signature, n));
	blob_free(&spki);
	free(modulus);
	free(signature);
	return v;
}

static const struct bytes f4 = { (const uint8_t *)"\x01\x00\x01", 3 };

/* A key that is taken has its signature looked at, which is none. */
static void test_sizes(void **state)
{
	(void)state;
	assert_int_equal(judge(1024, f4), VERDICT_WEAK_KEY);
	assert_int_equal(judge(2047, f4), VERDICT_WEAK_KEY);
	assert_int_equal(judge(2048, f4), VERDICT_BAD_SIGNATURE);
	assert_int_equal(judge(3072, f4), VERDICT_BAD_SIGNATURE);
	assert_int_equal(judge(8192, f4), VERDICT_BAD_SIGNATURE);
	assert_int_equal(judge(8193, f4), VERDICT_WEAK_KEY);
	assert_int_equal(judge(16384, f4), VERDICT_WEAK_KEY);
}

static void test_exponents(void **state)
{
	(void)state;
	assert_int_equal(judge(2048, VIEW("\x01")), VERDICT_WEAK_KEY);
	assert_int_equal(judge(2048, VIEW("\x02")), VERDICT_WEAK_KEY);
	assert_int_equal(judge(2048, VIEW("\x03")), VERDICT_BAD_SIGNATURE);
	assert_int_equal(judge(2048, VIEW("\x11")), VERDICT_BAD_SIGNATURE);
	assert_int_equal(judge(2048, VIEW("\x01\x00\x00")), VERDICT_WEAK_KEY);
	assert_int_equal(judge(2048, VIEW("\xff\xff\xff\xff\xff\xff\xff\xff")),
			 VERDICT_BAD_SIGNATURE);
	assert_int_equal(judge(2048, VIEW("\x01\x00\x00\x00\x00\x00\x00\x00\x01")),
			 VERDICT_WEAK_KEY);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_sizes),
		cmocka_unit_test(test_exponents),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
