/* SPDX-License-Identifier: Apache-2.0 */
#include "crypto/suite.h"
#include <errno.h>
#include <openssl/err.h>
#include <openssl/rand.h>
#include <string.h>

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

int random_take(struct random_stock *s, uint8_t *out, size_t n)
{
	if (n > sizeof(s->octets))
		return random_fill(out, n);
	if (n > s->left) {
		int r = random_fill(s->octets, sizeof(s->octets));

		s->left = r == 0 ? sizeof(s->octets) : 0;
		if (r != 0)
			return r;
	}
	s->left -= n;
	memcpy(out, s->octets + s->left, n);
	wipe(s->octets + s->left, n);
	return 0;
}
