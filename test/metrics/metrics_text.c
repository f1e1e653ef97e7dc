/* SPDX-License-Identifier: Apache-2.0 */
/*
 * metrics_text DOCUMENT          the daemon's document as OpenMetrics
 * metrics_text --prometheus DOCUMENT     ... in the older format
 * metrics_text --exprs DASHBOARD         each "expr" of a dashboard, and each query of its
 * variables
 */
#include "cmd/ikectl/metrics.h"

#include <stdlib.h>
#include <string.h>

static json_t *load(const char *path)
{
	json_error_t error;
	json_t *document = json_load_file(path, JSON_REJECT_DUPLICATES, &error);

	if (document == NULL) {
		fprintf(stderr, "%s:%d: %s\n", path, error.line, error.text);
		exit(EXIT_FAILURE);
	}
	return document;
}

static void print_exprs(const json_t *node)
{
	const char *name;
	json_t *below;
	size_t i;

	json_array_foreach(node, i, below) print_exprs(below);
	json_object_foreach((json_t *)node, name, below)
	{
		const bool wanted = strcmp(name, "expr") == 0 || strcmp(name, "definition") == 0;

		if (wanted && json_is_string(below))
			printf("%s\n", json_string_value(below));
		print_exprs(below);
	}
}

int main(int argc, char **argv)
{
	const char *option = argc > 2 ? argv[1] : "";
	json_t *document;

	if (argc < 2)
		return 64;
	document = load(argv[argc - 1]);
	if (strcmp(option, "--exprs") == 0)
		print_exprs(document);
	else
		metrics_print(document,
			      strcmp(option, "--prometheus") == 0 ? FORMAT_PROMETHEUS
								  : FORMAT_OPENMETRICS,
			      stdout);
	json_decref(document);
	return 0;
}
