/* SPDX-License-Identifier: Apache-2.0 */
#include "lib/toykem.h"

#include <errno.h>
#include <string.h>

#define CORE_LEN 32 /* octets of a curve25519 value */

/* Everything behind the core follows from it. */
static int pad(uint8_t *value, size_t n)
{
	const struct bytes seed = BYTES((const uint8_t *)"toy", 3);

	return prf_plus(prf_by_id(PRF_HMAC_SHA2_256), BYTES(value, CORE_LEN), &seed, 1,
			value + CORE_LEN, n - CORE_LEN);
}

static bool is_padded(struct bytes value)
{
	uint8_t wanted[KE_MAX_PUBLIC];

	memcpy(wanted, value.p, CORE_LEN);
	return pad(wanted, value.n) == 0 && memcmp(wanted, value.p, value.n) == 0;
}

static int generate(const struct ke_alg *alg, struct ke_key **key, uint8_t *public_value)
{
	const struct ke_alg *curve = ke_by_id(KE_CURVE25519);
	int r = curve->generate(curve, key, public_value);

	return r != 0 ? r : pad(public_value, alg->public_len);
}

static int encapsulate(const struct ke_alg *alg, struct bytes peer, uint8_t *response,
		       uint8_t *secret)
{
	const struct ke_alg *curve = ke_by_id(KE_CURVE25519);
	struct ke_key *once;
	int r;

	if (peer.n != alg->public_len || !is_padded(peer))
		return -EINVAL;
	r = curve->generate(curve, &once, response);
	if (r != 0)
		return r;
	r = pad(response, alg->response_len);
	if (r == 0)
		r = curve->derive(curve, once, BYTES(peer.p, CORE_LEN), secret);
	curve->free(once);
	return r;
}

static int decapsulate(const struct ke_alg *alg, const struct ke_key *key, struct bytes response,
		       uint8_t *secret)
{
	const struct ke_alg *curve = ke_by_id(KE_CURVE25519);
	const struct prf_alg *prf = prf_by_id(PRF_HMAC_SHA2_256);

	if (response.n != alg->response_len)
		return -EINVAL;
	if (is_padded(response))
		return curve->derive(curve, key, BYTES(response.p, CORE_LEN), secret);
	return prf->compute(prf, response, &response, 1, secret);
}

static void free_key(struct ke_key *key)
{
	ke_by_id(KE_CURVE25519)->free(key);
}

#define TOY(level, key_len, ciphertext_len)                                                   \
	{                                                                                     \
		.id = KE_ML_KEM_##level, .name = "ML_KEM_" #level, .keyword = "mlkem" #level, \
		.public_len = key_len, .response_len = ciphertext_len, .secret_len = 32,      \
		.optional = true, .generate = generate, .derive = decapsulate,                \
		.encapsulate = encapsulate, .free = free_key, .fetch = "X25519"               \
	}

const struct ke_alg *toykem_by_id(uint16_t id)
{
	static const struct ke_alg rows[] = {
		TOY(512, 800, 768),
		TOY(768, 1184, 1088),
		TOY(1024, 1568, 1568),
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		if (rows[i].id == id)
			return &rows[i];
	return NULL;
}

const struct ke_alg *toykem_for(const struct ke_alg *row)
{
	return row->optional && !ke_available(row) ? toykem_by_id(row->id) : row;
}
