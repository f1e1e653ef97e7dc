/* SPDX-License-Identifier: Apache-2.0 */
/* `ikectl top`: all pairs, live. */
#ifndef IKEMESH_CTL_TOP_H
#define IKEMESH_CTL_TOP_H

#include "cmd/ikectl/command.h"
#include "cmd/ikectl/top_model.h"

#include <getopt.h>
#include <stdio.h>

extern const struct option top_options[];
enum status top_run(const struct invocation *in);

/* The table as text, as wide as it is. */
void top_print(const struct top_sample *s, enum top_sort sort, FILE *out);

#endif
