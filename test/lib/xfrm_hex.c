/* SPDX-License-Identifier: Apache-2.0 */
#include "lib/xfrm_hex.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct blob xfrm_hex(const char *text)
{
	struct blob b = { .p = malloc(strlen(text) / 2 + 1) };
	unsigned octet;
	int used;

	if (!b.p)
		abort();
	for (text += strspn(text, " "); *text; text += strspn(text, " ")) {
		if (sscanf(text, "%2x%n", &octet, &used) != 1 || used != 2)
			abort();
		b.p[b.n++] = (uint8_t)octet;
		text += 2;
	}
	return b;
}

static void print(const char *name, struct bytes b, size_t at)
{
	fprintf(stderr, "%s (%zu) from %zu:", name, b.n, at);
	for (size_t i = at; i < b.n && i < at + 32; i++)
		fprintf(stderr, " %02x", b.p[i]);
	fprintf(stderr, "\n");
}

bool xfrm_same_octets(struct bytes want, struct bytes have)
{
	size_t at = 0;

	while (at < want.n && at < have.n && want.p[at] == have.p[at])
		at++;
	if (at == want.n && at == have.n)
		return true;
	print("want", want, at);
	print("have", have, at);
	return false;
}
