/* SPDX-License-Identifier: Apache-2.0 */
#include "ike/core.h"

#include <stdio.h>

const char *escape(struct bytes b, char *out, size_t size)
{
	size_t at = 0;

	out[0] = '\0';
	for (size_t i = 0; i < b.n && at + 5 <= size; i++) {
		const uint8_t c = b.p[i];
		const bool plain = c >= 0x20 && c < 0x7f && c != '\\' && c != '"';

		at += (size_t)snprintf(out + at, size - at, plain ? "%c" : "\\x%02x", c);
	}
	return out;
}
