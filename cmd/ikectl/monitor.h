/* SPDX-License-Identifier: Apache-2.0 */
/* `ikectl monitor`: what happens, as it happens. */
#ifndef IKEMESH_CTL_MONITOR_H
#define IKEMESH_CTL_MONITOR_H

#include "cmd/ikectl/colour.h"
#include "cmd/ikectl/command.h"

#include <getopt.h>
#include <stdint.h>
#include <stdio.h>

extern const struct option monitor_options[];
enum status monitor_run(const struct invocation *in);

/* Only the first `most` events stay in the answer; 0: all. */
void monitor_cut(json_t *answer, uint64_t most);

/* One line each, and before them what was lost; an answer to "events". Returns how many. */
size_t monitor_show(const json_t *answer, const struct palette *p, FILE *out);
size_t monitor_show_json(const json_t *answer, FILE *out); /* JSON lines */

#endif
