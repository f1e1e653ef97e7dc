/* SPDX-License-Identifier: Apache-2.0 */
#include "cmd/ikectl/log.h"
#include "cmd/ikectl/model.h"
#include "cmd/ikectl/show.h"
#include "config/schema.h"
#include "ike/level.h"

#include <string.h>

const struct option log_options[] = { { "for", required_argument, NULL, 0 }, { 0 } };

static void show_area(const json_t *a, FILE *out)
{
	const json_t *back = get(a, "back_in_s");
	const char *level = text(a, "level"), *configured = text(a, "configured");
	char delta[SHOW_DELTA_LEN];

	fprintf(out, "%-8s %-8s %s", text(a, "area"), level, text(a, "text"));
	if (json_is_integer(back))
		fprintf(out, "; %s again in %s", configured,
			show_delta(json_integer_value(back), delta));
	else if (strcmp(level, configured) != 0)
		fprintf(out, "; configured is %s", configured);
	fprintf(out, "\n");
}

void log_show(const json_t *log, FILE *out)
{
	const json_int_t lost = number(log, "lost");
	const json_t *a;

	fprintf(out, "The log goes to %s.\n", text(log, "target"));
	if (json_is_string(get(log, "error")))
		fprintf(out, "It cannot be written: %s.\n", text(log, "error"));
	if (lost > 0)
		fprintf(out, "%lld line%s could not be written since the start.\n", (long long)lost,
			lost == 1 ? "" : "s");
	EACH(get(log, "areas"), a)
	{
		show_area(a, out);
	}
}

static const struct key_row for_row = {
	.name = "--for", .type = VALUE_DURATION, .min = 1, .max = 7 * 86400
};

static bool is_level(const char *word)
{
	enum report_level level;

	return strcmp(word, "default") == 0 || report_level_parse(word, &level);
}

/* NULL after having said what is wrong. */
static json_t *request_of(const struct invocation *in)
{
	const char *within = command_option(in, "for");
	const char *level = in->n_arguments > 0 ? in->arguments[in->n_arguments - 1] : NULL;
	json_t *request = json_pack("{s:s}", "command", "log");
	uint64_t s = 0;

	if (level != NULL && !is_level(level)) {
		command_misuse("a level is error, warning, notice, info, debug or default", level);
		goto fail;
	}
	if (level != NULL)
		json_object_set_new(request, "level", json_string(level));
	if (in->n_arguments > 1)
		json_object_set_new(request, "area", json_string(in->arguments[0]));
	if (within == NULL)
		return request;
	if (level != NULL && schema_number(&for_row, within, &s) == 0) {
		json_object_set_new(request, "for_s", json_integer((json_int_t)s));
		return request;
	}
	command_misuse("--for takes a time from 1s to 7d, such as 10m, behind a level", within);
fail:
	json_decref(request);
	return NULL;
}

enum status log_run(const struct invocation *in)
{
	json_t *request = request_of(in), *answer;
	enum status status;

	if (request == NULL)
		return STATUS_USAGE;
	answer = command_ask(in, request, &status);
	if (answer == NULL)
		return status;
	if (in->json)
		command_print_json(answer);
	else
		log_show(answer, stdout);
	json_decref(answer);
	return STATUS_GOOD;
}
