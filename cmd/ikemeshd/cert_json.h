/* SPDX-License-Identifier: Apache-2.0 */
/* Certificates for the control socket; docs/status-json.md has the names. */
#ifndef IKEMESH_CMD_CERT_JSON_H
#define IKEMESH_CMD_CERT_JSON_H

#include "cmd/ikemeshd/peers.h"
#include "config/config.h"
#include <jansson.h>

json_t *cert_json(const struct cert_info *c, time_t now);

/* Whole days, rounded down; negative once it is over. */
int64_t cert_days_left(time_t not_after, time_t now);

/* Ours, the CAs, the CRLs, and those that the peers showed, each once: the answer to "certs". */
json_t *certs_json(const struct config *config, const struct engine *engine, time_t now);

#endif
