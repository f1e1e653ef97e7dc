/* SPDX-License-Identifier: Apache-2.0 */
#include "ike/keymat.h"

#include <errno.h>
#include <string.h>

void ike_keys_free(struct ike_keys *k)
{
	secret_free(&k->d);
	secret_free(&k->ai);
	secret_free(&k->ar);
	secret_free(&k->ei);
	secret_free(&k->er);
	secret_free(&k->pi);
	secret_free(&k->pr);
}

static void put_u64(uint8_t *p, uint64_t v)
{
	for (int i = 0; i < 8; i++)
		p[i] = (uint8_t)(v >> (56 - 8 * i));
}

/* RFC 7296 2.14: {SK_d | SK_ai | SK_ar | SK_ei | SK_er | SK_pi | SK_pr} = prf+(SKEYSEED, ...) */
static int expand(const struct ike_suite *s, struct bytes skeyseed, struct bytes ni,
		  struct bytes nr, uint64_t spi_i, uint64_t spi_r, struct ike_keys *k)
{
	const size_t prf_len = s->prf->len;
	const size_t integ_len = s->integ ? s->integ->key_len : 0;
	const size_t encr_len = s->encr->key_len + s->encr->salt_len;
	struct {
		struct secret *to;
		size_t n;
	} parts[] = {
		{ &k->d, prf_len },   { &k->ai, integ_len }, { &k->ar, integ_len },
		{ &k->ei, encr_len }, { &k->er, encr_len },  { &k->pi, prf_len },
		{ &k->pr, prf_len },
	};
	uint8_t stream[3 * PRF_MAX_LEN + 2 * INTEG_MAX_LEN + 2 * ENCR_MAX_KEY];
	uint8_t spis[16];
	size_t total = 3 * prf_len + 2 * integ_len + 2 * encr_len;

	put_u64(spis, spi_i);
	put_u64(spis + 8, spi_r);
	const struct bytes seed[] = { ni, nr, BYTES(spis, sizeof(spis)) };
	int r = prf_plus(s->prf, skeyseed, seed, 3, stream, total);
	size_t at = 0;
	for (size_t i = 0; r == 0 && i < sizeof(parts) / sizeof(parts[0]); i++) {
		r = secret_copy(parts[i].to, BYTES(stream + at, parts[i].n));
		at += parts[i].n;
	}
	wipe(stream, sizeof(stream));
	if (r != 0)
		ike_keys_free(k);
	return r;
}

int keymat_init(const struct ike_suite *s, struct bytes ni, struct bytes nr, struct bytes shared,
		uint64_t spi_i, uint64_t spi_r, struct ike_keys *k)
{
	uint8_t nonces[512], skeyseed[PRF_MAX_LEN];

	if (ni.n + nr.n > sizeof(nonces))
		return -EINVAL;
	memcpy(nonces, ni.p, ni.n);
	memcpy(nonces + ni.n, nr.p, nr.n);
	int r = s->prf->compute(s->prf, BYTES(nonces, ni.n + nr.n), &shared, 1, skeyseed);
	if (r == 0)
		r = expand(s, BYTES(skeyseed, s->prf->len), ni, nr, spi_i, spi_r, k);
	wipe(skeyseed, sizeof(skeyseed));
	return r;
}

int keymat_rekey(const struct prf_alg *old_prf, struct bytes old_sk_d, const struct ike_suite *s,
		 struct bytes ni, struct bytes nr, struct bytes shared, struct bytes more,
		 uint64_t spi_i, uint64_t spi_r, struct ike_keys *k)
{
	uint8_t skeyseed[PRF_MAX_LEN];
	const struct bytes parts[] = { shared, ni, nr, more };

	int r = old_prf->compute(old_prf, old_sk_d, parts, 4, skeyseed);
	if (r == 0)
		r = expand(s, BYTES(skeyseed, old_prf->len), ni, nr, spi_i, spi_r, k);
	wipe(skeyseed, sizeof(skeyseed));
	return r;
}

int keymat_child(const struct prf_alg *prf, struct bytes sk_d, struct bytes shared, struct bytes ni,
		 struct bytes nr, uint8_t *out, size_t out_len)
{
	const struct bytes seed[] = { shared, ni, nr };
	return prf_plus(prf, sk_d, seed, 3, out, out_len);
}
