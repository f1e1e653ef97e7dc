/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the daemon answers to "metrics" as families and samples; docs/metrics.md lists them. The
 * names are promises, as those of docs/status-json.md are.
 */
#ifndef IKEMESH_CTL_METRICS_H
#define IKEMESH_CTL_METRICS_H

#include "cmd/ikectl/openmetrics.h"

#include <jansson.h>

#define METRICS_DOCUMENT "ikemesh-metrics/1"

/*
 * document: the daemon's answer, to which "exporter" may have been added; without the daemon's part
 * (or NULL) it says ikemesh_up 0. What is not in it is left out.
 */
void metrics_print(const json_t *document, enum metrics_format format, FILE *out);

#endif
