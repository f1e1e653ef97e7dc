/* SPDX-License-Identifier: Apache-2.0 */
/* Whether a configuration makes the keyholder load a library, as it is known before it is read. */
#include "cmd/ikemeshd/keyholder_sandbox.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

static bool needs(const char *text)
{
	char path[] = "/tmp/keyholder-sandbox.XXXXXX";
	int fd = mkstemp(path);
	bool answer;

	assert_true(fd >= 0);
	assert_true(dprintf(fd, "%s", text) >= 0);
	close(fd);
	answer = keyholder_needs_library(path);
	unlink(path);
	return answer;
}

static void test_tokens_and_properties(void **state)
{
	(void)state;
	assert_true(needs("instance_private_key: pkcs11:token=mesh;object=instance\n"));
	assert_true(needs("instance_private_key: 'handle:0x81000001'\n"));
	assert_true(needs("{\"a\": {\"instance_private_key\": \"pkcs11:token=mesh\"}}"));
	assert_true(needs("crypto_properties: fips=yes\n"));
}

static void test_files_and_nothing(void **state)
{
	(void)state;
	assert_false(needs("instance_private_key: /etc/ikemesh/instance.key\n"));
	assert_false(needs("instance_private_key: |\n  -----BEGIN PRIVATE KEY-----\n  a:b\n"));
	assert_false(needs("#  instance_private_key: pkcs11:token=mesh\ncrypto_properties:\n"));
	assert_false(needs("instance_private_key: [pkcs11:x]\n"));
	assert_false(needs("instance_private_key: \"\n"));
	assert_false(needs(""));
	assert_false(keyholder_needs_library("/nowhere/ikemesh.yml"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_tokens_and_properties),
		cmocka_unit_test(test_files_and_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
