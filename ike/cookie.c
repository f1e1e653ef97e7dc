/* SPDX-License-Identifier: Apache-2.0 */
#include "ike/cookie.h"

#include "crypto/secret.h"
#include "crypto/suite.h"

#include <errno.h>
#include <string.h>

int cookie_refresh(struct cookie_jar *jar, struct mono now, cookie_random *random, void *arg)
{
	uint8_t next = (uint8_t)(jar->generation ^ 1u);

	if (jar->filled[jar->generation & 1u] &&
	    now.us - jar->made_at.us < COOKIE_PERIOD_S * INT64_C(1000000))
		return 0;
	int r = random(arg, jar->secret[next & 1u], sizeof(jar->secret[0]));
	if (r != 0)
		return r;
	jar->filled[next & 1u] = true;
	/* The one before is good for one more period, from when it should have been replaced. */
	if (now.us - jar->made_at.us >= 2 * COOKIE_PERIOD_S * INT64_C(1000000))
		jar->filled[jar->generation & 1u] = false;
	jar->generation = next;
	jar->made_at = now;
	return 0;
}

static int mac(const struct cookie_jar *jar, uint8_t generation, struct bytes ni,
	       const struct endpoint *remote, uint64_t spi_i, uint8_t out[static 32])
{
	const struct prf_alg *prf = prf_by_id(PRF_HMAC_SHA2_256);
	const uint8_t port[2] = { (uint8_t)(remote->port >> 8), (uint8_t)remote->port };
	uint8_t spi[8];

	for (int i = 0; i < 8; i++)
		spi[i] = (uint8_t)(spi_i >> (56 - 8 * i));
	const struct bytes parts[] = { ni, BYTES(remote->ip.b, ip_len(&remote->ip)),
				       BYTES(port, sizeof(port)), BYTES(spi, sizeof(spi)) };
	return prf->compute(prf, BYTES(jar->secret[generation & 1u], 32), parts, 4, out);
}

int cookie_make(const struct cookie_jar *jar, struct bytes ni, const struct endpoint *remote,
		uint64_t spi_i, uint8_t out[static COOKIE_LEN])
{
	out[0] = jar->generation;
	return mac(jar, jar->generation, ni, remote, spi_i, out + 1);
}

bool cookie_good(const struct cookie_jar *jar, struct bytes cookie, struct bytes ni,
		 const struct endpoint *remote, uint64_t spi_i)
{
	uint8_t want[32];

	if (cookie.n != COOKIE_LEN || cookie.p[0] > 1 || !jar->filled[cookie.p[0]])
		return false;
	if (mac(jar, cookie.p[0], ni, remote, spi_i, want) != 0)
		return false;
	return secret_equal(BYTES(want, sizeof(want)), BYTES(cookie.p + 1, cookie.n - 1));
}

void cookie_wipe(struct cookie_jar *jar)
{
	wipe(jar, sizeof(*jar));
}
