/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a table of all pairs needs, and no more: asked for every second or two, of thousands of
 * pairs. docs/status-json.md has the names.
 */
#ifndef IKEMESH_CMD_PAIRS_JSON_H
#define IKEMESH_CMD_PAIRS_JSON_H

#include "cmd/ikemeshd/status_json.h"

json_t *pairs_json(const struct status_sources *s); /* the caller's; NULL on no memory */

#endif
