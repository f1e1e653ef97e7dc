/* SPDX-License-Identifier: Apache-2.0 */
/* The running configuration as JSON, for `ikectl plan`: see config/view.h. No key is in it. */
#ifndef IKEMESH_CMD_CONFIG_JSON_H
#define IKEMESH_CMD_CONFIG_JSON_H

#include "config/config.h"

#include <jansson.h>

/* {"format", "file", "keys": {KEY: [VALUE...]}}; NULL on no memory. */
json_t *config_json(const struct config *c, const char *file);

#endif
