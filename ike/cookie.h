/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Stateless cookies against floods of IKE_SA_INIT, RFC 7296 2.6: a MAC over nonce, address and SPI
 * under a secret that is rotated. The one before stays good for one period.
 */
#ifndef IKEMESH_IKE_COOKIE_H
#define IKEMESH_IKE_COOKIE_H

#include "ike/event.h"

#define COOKIE_LEN 33 /* generation, then 32 octets of HMAC-SHA-256 */
#define COOKIE_PERIOD_S 120

struct cookie_jar {
	uint8_t secret[2][32];
	uint8_t generation;
	bool filled[2];
	struct mono made_at;
};

typedef int cookie_random(void *arg, uint8_t *out, size_t n);

/* Rotates the secret when its time has come. 0, or what random gave. */
int cookie_refresh(struct cookie_jar *jar, struct mono now, cookie_random *random, void *arg);
/* 0 or -EIO. */
int cookie_make(const struct cookie_jar *jar, struct bytes ni, const struct endpoint *remote,
		uint64_t spi_i, uint8_t out[static COOKIE_LEN]);
bool cookie_good(const struct cookie_jar *jar, struct bytes cookie, struct bytes ni,
		 const struct endpoint *remote, uint64_t spi_i);
void cookie_wipe(struct cookie_jar *jar);

#endif
