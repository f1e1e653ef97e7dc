/* SPDX-License-Identifier: Apache-2.0 */
#include "cmd/ikectl/metrics_command.h"
#include "cmd/ikectl/metrics.h"

const struct option metrics_options[] = { { "prometheus", no_argument, NULL, 0 }, { 0 } };

enum status metrics_run(const struct invocation *in)
{
	const enum metrics_format format = command_option(in, "prometheus") != NULL
						   ? FORMAT_PROMETHEUS
						   : FORMAT_OPENMETRICS;
	enum status status;
	json_t *answer = command_ask(in, json_pack("{s:s}", "command", "metrics"), &status);

	/* Without a daemon it says so: whoever collects it wants to know. */
	if (!in->json)
		metrics_print(answer, format, stdout);
	else if (answer != NULL)
		command_print_json(answer);
	json_decref(answer);
	return status;
}
