/* SPDX-License-Identifier: Apache-2.0 */
/* `ikectl log`: how much the daemon says, shown and changed while it runs. */
#ifndef IKEMESH_CTL_LOG_H
#define IKEMESH_CTL_LOG_H

#include "cmd/ikectl/command.h"

#include <getopt.h>
#include <stdio.h>

extern const struct option log_options[];

enum status log_run(const struct invocation *in);

/* What the daemon answered: where the log goes, and a line for each area. */
void log_show(const json_t *log, FILE *out);

#endif
