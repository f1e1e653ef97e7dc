/* SPDX-License-Identifier: Apache-2.0 */
/* The status model (docs/status-json.md) as text, in the layout of strongSwan's `ipsec statusall`.
 */
#ifndef IKEMESH_CTL_SHOW_H
#define IKEMESH_CTL_SHOW_H

#include <jansson.h>
#include <stdio.h>

void show_statusall(const json_t *status, FILE *out);

/* "Nov 22 02:44:22 2026", local time. */
#define SHOW_TIME_LEN 40
const char *show_time(json_int_t at, char out[static SHOW_TIME_LEN]);

/* "5 seconds", "3 minutes", "2 hours", "4 days": the largest unit of which there are over two. */
#define SHOW_DELTA_LEN 40
const char *show_delta(json_int_t seconds, char out[static SHOW_DELTA_LEN]);

/* What statusall says of the SAs of one of status's pairs. */
void show_pair_sas(const json_t *status, const json_t *pair, FILE *out);

/* The newest of its attempts that failed, unless one has gone well since. NULL: none. */
const json_t *show_last_failure(const json_t *pair);

#endif
