/* SPDX-License-Identifier: Apache-2.0 */
#include "crypto/suite.h"
#include <errno.h>
#include <string.h>

#define PRF_PLUS_MAX_BLOCKS 255 /* RFC 7296 2.13: the counter is one octet */
#define PRF_PLUS_MAX_SEED 8	/* parts; the core needs four: Ni, Nr, SPIi, SPIr */

/* T1 = prf(K, S | 0x01), Tn = prf(K, Tn-1 | S | n) */
int prf_plus(const struct prf_alg *alg, struct bytes key, const struct bytes *seed, size_t n_seed,
	     uint8_t *out, size_t out_len)
{
	struct bytes parts[PRF_PLUS_MAX_SEED + 2] = { 0 };
	uint8_t t[PRF_MAX_LEN];
	uint8_t counter = 0;
	size_t done = 0;
	int r = 0;

	if (n_seed > PRF_PLUS_MAX_SEED || alg->len == 0 || alg->len > sizeof(t) ||
	    out_len > PRF_PLUS_MAX_BLOCKS * alg->len)
		return -EINVAL;
	for (size_t i = 0; i < n_seed; i++)
		parts[1 + i] = seed[i];
	parts[1 + n_seed] = BYTES(&counter, 1);

	while (r == 0 && done < out_len) {
		size_t take = out_len - done < alg->len ? out_len - done : alg->len;

		counter++;
		r = alg->compute(alg, key, parts, n_seed + 2, t);
		if (r == 0)
			memcpy(out + done, t, take);
		parts[0] = BYTES(t, alg->len);
		done += take;
	}
	wipe(t, sizeof(t));
	if (r != 0)
		wipe(out, out_len);
	return r;
}
