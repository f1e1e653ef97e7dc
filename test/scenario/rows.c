/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Cheap stand-ins for the rows that seal IKE messages and derive keys: a third of a cold start is
 * spent in the library's HMAC otherwise. Two ends with equal keys understand each other, others do
 * not; nothing is kept secret. The linker puts them before the library's (--wrap).
 */
#include "crypto/suite.h"
#include "scenario/scenario.h"

#include <string.h>

static bool cheap;

void scenario_cheap_rows(bool on)
{
	cheap = on;
}

/* --- a hash of octets, however they are cut into parts --- */

struct mixer {
	uint64_t state, word;
	size_t n;
};

static void mixer_add(struct mixer *m, struct bytes b)
{
	size_t i = 0;

	while (i < b.n && m->n % 8 != 0) {
		m->word |= (uint64_t)b.p[i++] << m->n++ % 8 * 8;
		if (m->n % 8 == 0) {
			m->state = rng_mix((m->state ^ m->word) + 0x9e3779b97f4a7c15u);
			m->word = 0;
		}
	}
	for (; i + 8 <= b.n; i += 8, m->n += 8) {
		uint64_t word;

		memcpy(&word, b.p + i, 8);
		m->state = rng_mix((m->state ^ word) + 0x9e3779b97f4a7c15u);
	}
	for (; i < b.n; i++)
		m->word |= (uint64_t)b.p[i] << m->n++ % 8 * 8;
}

static void keyed_hash(struct bytes key, const struct bytes *parts, size_t n_parts, uint8_t *out,
		       size_t len)
{
	struct mixer m = { .state = key.n };
	struct rng r;

	mixer_add(&m, key);
	for (size_t i = 0; i < n_parts; i++)
		mixer_add(&m, parts[i]);
	r.state = rng_mix(m.state ^ m.word) ^ m.n;
	for (size_t i = 0; i < len; i += 8) {
		uint64_t word = rng_next(&r);

		memcpy(out + i, &word, len - i < 8 ? len - i : 8);
	}
}

/* --- before the library --- */

int __real_ossl_prf(const struct prf_alg *alg, struct bytes key, const struct bytes *parts,
		    size_t n_parts, uint8_t *out);
int __wrap_ossl_prf(const struct prf_alg *alg, struct bytes key, const struct bytes *parts,
		    size_t n_parts, uint8_t *out);
int __real_ossl_integ(const struct integ_alg *alg, struct bytes key, const struct bytes *parts,
		      size_t n_parts, uint8_t *icv);
int __wrap_ossl_integ(const struct integ_alg *alg, struct bytes key, const struct bytes *parts,
		      size_t n_parts, uint8_t *icv);
int __real_ossl_cbc_seal(const struct encr_alg *alg, const uint8_t *key, const uint8_t *iv,
			 struct bytes aad, uint8_t *data, size_t n, uint8_t *icv);
int __wrap_ossl_cbc_seal(const struct encr_alg *alg, const uint8_t *key, const uint8_t *iv,
			 struct bytes aad, uint8_t *data, size_t n, uint8_t *icv);
int __real_ossl_cbc_open(const struct encr_alg *alg, const uint8_t *key, const uint8_t *iv,
			 struct bytes aad, uint8_t *data, size_t n, const uint8_t *icv);
int __wrap_ossl_cbc_open(const struct encr_alg *alg, const uint8_t *key, const uint8_t *iv,
			 struct bytes aad, uint8_t *data, size_t n, const uint8_t *icv);
int __real_sha1(const struct bytes *parts, size_t n_parts, uint8_t out[static 20]);
int __wrap_sha1(const struct bytes *parts, size_t n_parts, uint8_t out[static 20]);

int __wrap_ossl_prf(const struct prf_alg *alg, struct bytes key, const struct bytes *parts,
		    size_t n_parts, uint8_t *out)
{
	if (!cheap)
		return __real_ossl_prf(alg, key, parts, n_parts, out);
	keyed_hash(key, parts, n_parts, out, alg->len);
	return 0;
}

int __wrap_ossl_integ(const struct integ_alg *alg, struct bytes key, const struct bytes *parts,
		      size_t n_parts, uint8_t *icv)
{
	if (!cheap)
		return __real_ossl_integ(alg, key, parts, n_parts, icv);
	keyed_hash(key, parts, n_parts, icv, alg->icv_len);
	return 0;
}

/* A key stream: what seals opens. */
static void stream(const struct encr_alg *alg, const uint8_t *key, const uint8_t *iv, uint8_t *data,
		   size_t n)
{
	const struct bytes start = BYTES(iv, alg->iv_len);
	struct rng r;

	keyed_hash(BYTES(key, alg->key_len), &start, 1, (uint8_t *)&r.state, sizeof r.state);
	for (size_t i = 0; i < n; i += 8) {
		uint64_t mask = rng_next(&r), word = 0;
		size_t len = n - i < 8 ? n - i : 8;

		memcpy(&word, data + i, len);
		word ^= mask;
		memcpy(data + i, &word, len);
	}
}

int __wrap_ossl_cbc_seal(const struct encr_alg *alg, const uint8_t *key, const uint8_t *iv,
			 struct bytes aad, uint8_t *data, size_t n, uint8_t *icv)
{
	if (!cheap)
		return __real_ossl_cbc_seal(alg, key, iv, aad, data, n, icv);
	stream(alg, key, iv, data, n);
	return 0;
}

int __wrap_ossl_cbc_open(const struct encr_alg *alg, const uint8_t *key, const uint8_t *iv,
			 struct bytes aad, uint8_t *data, size_t n, const uint8_t *icv)
{
	if (!cheap)
		return __real_ossl_cbc_open(alg, key, iv, aad, data, n, icv);
	stream(alg, key, iv, data, n);
	return 0;
}

int __wrap_sha1(const struct bytes *parts, size_t n_parts, uint8_t out[static 20])
{
	if (!cheap)
		return __real_sha1(parts, n_parts, out);
	keyed_hash(BYTES_NONE, parts, n_parts, out, 20);
	return 0;
}
