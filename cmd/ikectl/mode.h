/* SPDX-License-Identifier: Apache-2.0 */
/* `ikectl mode` and `ikectl confirm`, and what statusall says of them. */
#ifndef IKEMESH_CTL_MODE_H
#define IKEMESH_CTL_MODE_H

#include "cmd/ikectl/command.h"

#include <getopt.h>
#include <stdio.h>

extern const struct option mode_options[];

/* mode [optional|enforced|file [SUBNET]] [--force] [--confirm-within DURATION] */
enum status mode_run(const struct invocation *in);
enum status mode_confirm_run(const struct invocation *in);

/* Of statusall: how the mode differs from the file, if it does. */
void mode_show(const json_t *mode, FILE *out);

/* Of statusall: the peers in the clear, if there are any. */
void mode_show_clear(const json_t *clear, FILE *out);

#endif
