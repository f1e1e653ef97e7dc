/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which of the rows a property query of OpenSSL ("fips=yes", "provider=default") leaves. A view
 * tries a query out beside what the process uses; provider_use() makes the process use it.
 */
#ifndef IKEMESH_CRYPTO_PROVIDER_H
#define IKEMESH_CRYPTO_PROVIDER_H

#include "crypto/suite.h"

#define PROVIDER_TEXT_LEN 256

struct provider_view;

/*
 * 0: *out is the caller's. -EINVAL: not a property query. -ENOENT: nothing satisfies it. -ENOMEM.
 * why: what is wrong, in words. The providers that the query names are loaded into the view;
 * properties may be empty.
 */
int provider_view_new(const char *properties, struct provider_view **out,
		      char why[static PROVIDER_TEXT_LEN]);
void provider_view_free(struct provider_view *v);

/* The row can be used. Types without rows (TRANSFORM_ESN) and KE_NONE always. */
bool provider_has(const struct provider_view *v, uint8_t type, uint16_t id, uint16_t key_bits);
bool provider_can_sign(const struct provider_view *v, enum key_type key);

/* "3.0.22": the library's version, static. */
const char *provider_version(void);

/*
 * From here on every algorithm that this process fetches satisfies the query. Once, before there is
 * a second thread and before anything is encrypted or signed. 0; -EINVAL, -ENOENT.
 */
int provider_use(const char *properties);

#endif
