/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What there is to tell, from the daemon: asked at most once in SOURCE_FRESH_MS, however many
 * scrapers there are. A daemon that is not there, or does not answer in time, is told of as well:
 * ikemesh_up 0.
 */
#ifndef IKEMESH_EXPORTER_SOURCE_H
#define IKEMESH_EXPORTER_SOURCE_H

#include "cmd/ikectl/metrics.h"
#include "config/listen.h"

#include <stdint.h>

#define SOURCE_FRESH_MS 1000
#define SOURCE_PATIENCE_MS 2000

struct source;

struct source *source_new(const char *run_dir); /* NULL on no memory */
void source_free(struct source *s);

/* The text as it is now, good until the next call of any of these; NULL on no memory. */
const char *source_text(struct source *s, enum metrics_format format, int64_t now_ms, size_t *n);

/*
 * Where the daemon wants us to listen: 0, port 0 if nowhere; or negative errno if it does not say,
 * with the reason in words in *why, good as source_text().
 */
int source_listen(struct source *s, struct endpoint *out, const char **why);

/* A request was answered so: counted. */
void source_answered(struct source *s, unsigned code);

int64_t source_now_ms(void); /* monotonic */

#endif
