/* SPDX-License-Identifier: Apache-2.0 */
/* The parts of the status model (docs/status-json.md) about optional and enforced. */
#ifndef IKEMESH_CMD_STATUS_MODE_H
#define IKEMESH_CMD_STATUS_MODE_H

#include "cmd/ikemeshd/clear_view.h"
#include "cmd/ikemeshd/mode_switch.h"
#include <jansson.h>

/* "mode": what was chosen, how it differs from the file, whether it awaits confirmation. */
json_t *status_mode(const struct mode_switch *s, const struct spec *spec, struct mono now);

/* One of "clear"."peers". */
json_t *status_talker(const struct clear_talker *t, struct mono now);

/* "clear": who still talks in the clear. clear NULL: nobody watches. */
json_t *status_clear(struct clear *clear, const struct engine *engine, const struct spec *spec,
		     struct mono now);

#endif
