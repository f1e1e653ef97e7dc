/* SPDX-License-Identifier: Apache-2.0 */
#include "config/find.h"
#include <string.h>

size_t bytes_find(struct bytes text, size_t from, const char *what)
{
	size_t n = strlen(what);

	while (from <= text.n && text.n - from >= n) {
		const uint8_t *p = memchr(text.p + from, what[0], text.n - from - n + 1);

		if (!p)
			break;
		if (!memcmp(p, what, n))
			return (size_t)(p - text.p);
		from = (size_t)(p - text.p) + 1;
	}
	return text.n;
}

size_t bytes_line_end(struct bytes text, size_t from)
{
	return bytes_find(text, from, "\n");
}
