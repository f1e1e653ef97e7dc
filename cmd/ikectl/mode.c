/* SPDX-License-Identifier: Apache-2.0 */
#include "cmd/ikectl/mode.h"
#include "cmd/ikectl/show.h"
#include "config/schema.h"

#include <string.h>

const struct option mode_options[] = {
	{ "force", no_argument, NULL, 0 },
	{ "confirm-within", required_argument, NULL, 0 },
	{ 0 },
};

static const char *text(const json_t *o, const char *name)
{
	const char *s = json_string_value(json_object_get(o, name));

	return s != NULL ? s : "";
}

/* ---- what is shown ----------------------------------------------------------------------------
 */

static void show_differences(const json_t *mode, FILE *out)
{
	const json_t *all = json_object_get(mode, "differences");

	for (size_t i = 0; i < json_array_size(all); i++) {
		const json_t *d = json_array_get(all, i);

		fprintf(out, "  mode: %s is %s, where the configuration says %s\n",
			text(d, "subnet"), text(d, "mode"), text(d, "file"));
	}
}

void mode_show(const json_t *mode, FILE *out)
{
	const json_t *back = json_object_get(mode, "back_in_s");

	if (json_is_string(json_object_get(mode, "fault")))
		fprintf(out, "  mode: %s\n", text(mode, "fault"));
	show_differences(mode, out);
	if (json_is_integer(back))
		fprintf(out,
			"  mode: not confirmed: goes back by itself in %lld s, unless `ikectl "
			"confirm` follows\n",
			(long long)json_integer_value(back));
}

static void show_talker(const json_t *t, FILE *out)
{
	const json_t *in = json_object_get(t, "in_s_ago"), *to = json_object_get(t, "out_s_ago");
	char delta[SHOW_DELTA_LEN];

	fprintf(out, "  %s (%s):", text(t, "peer"), text(t, "connection"));
	if (json_is_integer(in))
		fprintf(out, " last packet from it %s ago",
			show_delta(json_integer_value(in), delta));
	if (json_is_integer(to))
		fprintf(out, "%s last packet to it without an SA %s ago",
			json_is_integer(in) ? "," : "", show_delta(json_integer_value(to), delta));
	fprintf(out, "\n");
}

static void show_talkers(const json_t *peers, FILE *out)
{
	for (size_t i = 0; i < json_array_size(peers); i++)
		show_talker(json_array_get(peers, i), out);
}

void mode_show_clear(const json_t *clear, FILE *out)
{
	const json_t *peers = json_object_get(clear, "peers");

	if (json_is_string(json_object_get(clear, "error")))
		fprintf(out, "Peers in the clear: cannot be seen: %s\n", text(clear, "error"));
	else if (json_array_size(peers) > 0)
		fprintf(out, "Peers in the clear (%zu):\n", json_array_size(peers));
	show_talkers(peers, out);
}

/* ---- the request ------------------------------------------------------------------------------
 */

static const struct key_row within_row = {
	.name = "--confirm-within", .type = VALUE_DURATION, .min = 1, .max = 7 * 86400
};

/* NULL after having said what is wrong. */
static json_t *request_of(const struct invocation *in)
{
	const char *within = command_option(in, "confirm-within");
	json_t *request = json_pack("{s:s}", "command", "mode");
	uint64_t s = 0;

	if (in->n_arguments > 0)
		json_object_set_new(request, "mode", json_string(in->arguments[0]));
	if (in->n_arguments > 1)
		json_object_set_new(request, "subnet", json_string(in->arguments[1]));
	if (command_option(in, "force") != NULL)
		json_object_set_new(request, "force", json_true());
	if (within == NULL)
		return request;
	if (in->n_arguments > 0 && schema_number(&within_row, within, &s) == 0) {
		json_object_set_new(request, "confirm_within_s", json_integer((json_int_t)s));
		return request;
	}
	command_misuse("--confirm-within takes a time from 1s to 7d, such as 5m, behind "
		       "optional or enforced",
		       within);
	json_decref(request);
	return NULL;
}

static void explain_refusal(const json_t *answer)
{
	const json_t *peers = json_object_get(answer, "clear");

	if (json_array_size(peers) > 0)
		fprintf(stderr, "%zu peer%s in the clear, and would be cut off:\n",
			json_array_size(peers),
			json_array_size(peers) == 1 ? " still talks" : "s still talk");
	show_talkers(peers, stderr);
	if (json_is_string(json_object_get(answer, "watch_error")))
		fprintf(stderr, "who talks in the clear cannot be seen: %s\n",
			text(answer, "watch_error"));
	fprintf(stderr, "ikectl: nothing was changed: set IPsec up on them, list them in "
			"no_ipsec_subnets, or add --force; --confirm-within 5m tries it, and goes "
			"back by itself\n");
}

/* What somebody who did not ask for more may want to know. */
static void show_entries(const json_t *mode)
{
	const json_t *subnets = json_object_get(mode, "subnets");

	printf("all of ipsec_subnets: %s\n", strcmp(text(mode, "all"), "file") == 0
						     ? "as the configuration says"
						     : text(mode, "all"));
	for (size_t i = 0; i < json_array_size(subnets); i++) {
		const json_t *s = json_array_get(subnets, i);

		printf("%s: %s\n", text(s, "subnet"),
		       strcmp(text(s, "mode"), "file") == 0 ? "as the configuration says"
							    : text(s, "mode"));
	}
	mode_show(mode, stdout);
}

static void show_done(const struct invocation *in, const json_t *answer)
{
	const json_t *peers = json_object_get(answer, "clear");
	const json_t *watched = json_object_get(answer, "watched_s");
	const bool optional = in->n_arguments > 0 && strcmp(in->arguments[0], "optional") == 0;
	char delta[SHOW_DELTA_LEN];

	if (json_array_size(peers) > 0) {
		printf("peers in the clear that are cut off now:\n");
		show_talkers(peers, stdout);
	} else if (in->n_arguments > 0 && !optional && json_is_integer(watched)) {
		printf("no peer was seen in the clear, watching for %s\n",
		       show_delta(json_integer_value(watched), delta));
	}
	if (in->n_arguments > 0)
		printf("%s: %s\n", in->arguments[0], text(answer, "text"));
	show_entries(json_object_get(answer, "mode"));
}

static bool is_mode(const char *word)
{
	return strcmp(word, "optional") == 0 || strcmp(word, "enforced") == 0 ||
	       strcmp(word, "file") == 0;
}

enum status mode_run(const struct invocation *in)
{
	json_t *request, *answer;
	enum status status;

	if (in->argument != NULL && !is_mode(in->argument))
		return command_misuse("mode takes optional, enforced or file", in->argument);
	request = request_of(in);
	if (request == NULL)
		return STATUS_USAGE;
	answer = command_ask(in, request, &status);
	if (answer == NULL)
		return status;
	if (json_is_false(json_object_get(answer, "done")))
		status = STATUS_FAILED;
	if (in->json)
		command_print_json(answer);
	else if (status != STATUS_GOOD)
		explain_refusal(answer);
	else
		show_done(in, answer);
	json_decref(answer);
	return status;
}

enum status mode_confirm_run(const struct invocation *in)
{
	enum status status;
	json_t *answer = command_ask(in, json_pack("{s:s}", "command", "confirm"), &status);

	if (answer == NULL)
		return status;
	if (in->json) {
		command_print_json(answer);
	} else {
		printf("%s\n", text(answer, "text"));
		show_entries(json_object_get(answer, "mode"));
	}
	json_decref(answer);
	return STATUS_GOOD;
}
