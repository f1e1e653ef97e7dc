/* SPDX-License-Identifier: Apache-2.0 */
#include "crypto/bytes.h"
#include <errno.h>
#include <stdlib.h>
#include <string.h>

bool bytes_equal(struct bytes a, struct bytes b)
{
	return a.n == b.n && (a.n == 0 || memcmp(a.p, b.p, a.n) == 0);
}

int blob_copy(struct blob *out, struct bytes from)
{
	*out = (struct blob){ 0 };
	if (from.n == 0)
		return 0;
	out->p = malloc(from.n);
	if (out->p == NULL)
		return -ENOMEM;
	memcpy(out->p, from.p, from.n);
	out->n = from.n;
	return 0;
}

void blob_free(struct blob *b)
{
	free(b->p);
	*b = (struct blob){ 0 };
}
