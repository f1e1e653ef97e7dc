/* SPDX-License-Identifier: Apache-2.0 */
/* "trust" of the status model: what is asked of peers' certificates, and with which CRLs. */
#ifndef IKEMESH_CMD_TRUST_JSON_H
#define IKEMESH_CMD_TRUST_JSON_H

#include "config/config.h"
#include <jansson.h>

/* own_fault: why nothing can be signed with our own certificate; NULL or empty: it can. The
 * caller's; NULL on no memory. */
json_t *trust_json(const struct config *c, const char *own_fault, time_t now);

#endif
