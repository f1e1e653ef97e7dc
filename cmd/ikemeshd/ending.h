/* SPDX-License-Identifier: Apache-2.0 */
/*
 * All that has an end: our certificates, the CAs, the CRLs, and what the connected peers showed,
 * each once.
 */
#ifndef IKEMESH_CMD_ENDING_H
#define IKEMESH_CMD_ENDING_H

#include "cmd/ikemeshd/expiry.h"
#include "cmd/ikemeshd/peers.h"
#include "config/config.h"
#include "crypto/crl.h"
#include <jansson.h>

#define ENDING_WHOM_LEN 80
#define ENDING_CRL_LEN 96

struct ending_crl {
	struct crl_info info;
	char id[ENDING_CRL_LEN];
};

struct ending {
	struct expiry_item *items;
	size_t n;
	struct peers peers;
	struct cert_info chain[CERT_CHAIN_MAX];
	char (*whoms)[ENDING_WHOM_LEN];
	struct ending_crl *crls;
};

/* Good until the next event, and as long as the configuration is. 0 or -ENOMEM. */
int ending_collect(const struct config *config, const struct engine *engine, struct ending *out);
void ending_free(struct ending *e);

/* Those that a threshold is reached of, for statusall. */
json_t *ending_json(const struct ending *e, const uint32_t *days, size_t n_days, time_t now);

#endif
