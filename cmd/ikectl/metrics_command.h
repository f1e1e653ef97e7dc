/* SPDX-License-Identifier: Apache-2.0 */
/* `ikectl metrics`: what ikemesh-exporter answers, without it. */
#ifndef IKEMESH_CTL_METRICS_COMMAND_H
#define IKEMESH_CTL_METRICS_COMMAND_H

#include "cmd/ikectl/invocation.h"

enum status metrics_run(const struct invocation *in);
extern const struct option metrics_options[];

#endif
