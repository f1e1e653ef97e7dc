/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Metrics as text: OpenMetrics 1.0, or Prometheus' own older format (0.0.4), which `promtool check
 * metrics` and the textfile collector of node_exporter read. Only the form; what there is to tell
 * is metrics.h's.
 */
#ifndef IKEMESH_CTL_OPENMETRICS_H
#define IKEMESH_CTL_OPENMETRICS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

enum metrics_format {
	FORMAT_OPENMETRICS,
	FORMAT_PROMETHEUS,
};

/* For Content-Type. */
const char *metrics_media_type(enum metrics_format format);

enum family_type {
	FAMILY_GAUGE,
	FAMILY_COUNTER, /* samples end in _total */
	FAMILY_INFO,	/* samples end in _info, and are 1 */
	FAMILY_HISTOGRAM,
};

struct label {
	const char *name, *value; /* value: any text, it is escaped */
};

/* The head of a family. unit: NULL: none; else the name ends in it. */
void metrics_family(FILE *out, enum metrics_format format, const char *name, enum family_type type,
		    const char *unit, const char *help);
/* suffix: what follows the family's name, such as "_total". value: as it is to be written. */
void metrics_sample(FILE *out, const char *name, const char *suffix, const struct label *labels,
		    size_t n_labels, const char *value);
const char *metrics_suffix(enum family_type type); /* of its plain samples */
void metrics_end(FILE *out, enum metrics_format format);

#endif
