/* SPDX-License-Identifier: Apache-2.0 */
#include "crypto/suite.h"
#include <errno.h>
#include <openssl/err.h>
#include <openssl/rand.h>

int random_fill(uint8_t *out, size_t n)
{
	if (n == 0)
		return 0;
	if (RAND_bytes_ex(NULL, out, n, 0) == 1)
		return 0;
	ERR_clear_error();
	wipe(out, n);
	return -EIO;
}
