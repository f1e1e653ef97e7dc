/* SPDX-License-Identifier: Apache-2.0 */
#include "cmd/ikectl/certs.h"
#include "cmd/ikectl/progress.h"

#include <string.h>
#include <unistd.h>

#define POLL_US 500000

static const json_t *get(const json_t *o, const char *name)
{
	return json_object_get(o, name);
}

static const char *text(const json_t *o, const char *name)
{
	const char *s = json_string_value(get(o, name));

	return s != NULL ? s : "";
}

static json_int_t number(const json_t *o, const char *name)
{
	return json_integer_value(get(o, name));
}

/* ": 10.1.0.2, 10.1.0.3 and 4 more" */
static void show_named(const json_t *addresses, json_int_t n, FILE *out)
{
	const json_t *a;
	size_t i;

	json_array_foreach(addresses, i, a)
		fprintf(out, "%s%s", i > 0 ? ", " : ": ", json_string_value(a));
	if (n > (json_int_t)json_array_size(addresses))
		fprintf(out, " and %lld more",
			(long long)n - (long long)json_array_size(addresses));
	fprintf(out, "\n");
}

static void show_progress(const json_t *r, FILE *out)
{
	if (json_is_null(get(r, "began_s_ago"))) {
		fprintf(out, "No rotation since the start.\n");
		return;
	}
	fprintf(out, "Rotation %s, begun %lld s ago: %lld of %lld peers re-authenticated",
		json_is_true(get(r, "running")) ? "under way" : "over",
		(long long)number(r, "began_s_ago"), (long long)number(r, "done"),
		(long long)number(r, "total"));
	if (number(r, "under_way") > 0)
		fprintf(out, ", %lld under way", (long long)number(r, "under_way"));
	if (number(r, "gone") > 0)
		fprintf(out, ", %lld gone", (long long)number(r, "gone"));
	if (number(r, "failed") > 0) {
		fprintf(out, ", %lld FAILED", (long long)number(r, "failed"));
		show_named(get(r, "failed_peers"), number(r, "failed"), out);
		return;
	}
	fprintf(out, "\n");
}

/* Whether certificates under this CA may come (step 2), and whether it may go (step 3). */
static void show_ca(const json_t *ca, bool only, json_int_t unknown, FILE *out)
{
	json_int_t refusers = number(ca, "not_accepted"), needed = number(ca, "needed");
	bool ours = json_is_true(get(ca, "needed_by_us"));

	fprintf(out, "CA \"%s\" (serial %s)\n", text(ca, "subject"), text(ca, "serial"));
	if (refusers == 0) {
		fprintf(out, "  certificates under it: safe, all connected peers accept it");
		if (number(ca, "silent") > 0)
			fprintf(out, " (but for %lld that name no CAs)",
				(long long)number(ca, "silent"));
		fprintf(out, "\n");
	} else {
		fprintf(out, "  certificates under it: NOT SAFE, %lld peers do not accept it yet",
			(long long)refusers);
		show_named(get(ca, "not_accepted_by"), refusers, out);
	}
	if (only) {
		fprintf(out, "  removing it: NOT SAFE, it is the only CA\n");
	} else if (ours) {
		fprintf(out, "  removing it: NOT SAFE, our own certificate is under it\n");
	} else if (needed > 0) {
		fprintf(out, "  removing it: NOT SAFE, %lld peers show certificates under it",
			(long long)needed);
		show_named(get(ca, "needed_by"), needed, out);
	} else if (unknown > 0) {
		fprintf(out, "  removing it: unknown, %lld peers were not looked at\n",
			(long long)unknown);
	} else {
		fprintf(out, "  removing it: safe here, no connected peer needs it\n");
	}
}

static void show_peer(const json_t *p, FILE *out)
{
	const json_t *shown = get(p, "shown"), *ca;
	size_t i;

	fprintf(out, "  %s: we showed %s", text(p, "remote"),
		json_is_true(get(shown, "current")) ? "our certificate of now"
						    : "an OLDER certificate of ours");
	if (!json_is_true(get(shown, "current")) && json_is_string(get(shown, "fingerprint")))
		fprintf(out, " (%.23s...)", text(shown, "fingerprint"));
	fprintf(out, ", %lld s ago\n", (long long)number(p, "authenticated_s_ago"));
	fprintf(out, "    it showed \"%s\" (%.23s...), %lld days left\n",
		text(get(p, "shows"), "subject"), text(get(p, "shows"), "fingerprint"),
		(long long)number(get(p, "shows"), "days_left"));
	fprintf(out, "    it accepts:");
	json_array_foreach(get(p, "accepts"), i, ca)
		fprintf(out, "%s \"%s\"", i > 0 ? "," : "", json_string_value(ca));
	if (number(p, "accepts_others") > 0)
		fprintf(out, "%s %lld CAs that are not ours", i > 0 ? "," : "",
			(long long)number(p, "accepts_others"));
	else if (json_array_size(get(p, "accepts")) == 0)
		fprintf(out, " it names no CAs");
	fprintf(out, "\n");
}

void show_rotation(const json_t *answer, FILE *out)
{
	const json_t *one;
	size_t i;

	show_progress(get(answer, "rotation"), out);
	fprintf(out, "Our certificate: \"%s\" (%.23s...), %lld days left\n",
		text(get(answer, "certificate"), "subject"),
		text(get(answer, "certificate"), "fingerprint"),
		(long long)number(get(answer, "certificate"), "days_left"));
	json_array_foreach(get(answer, "cas"), i, one) show_ca(
		one, json_array_size(get(answer, "cas")) == 1, number(answer, "unknown"), out);
	if (json_array_size(get(answer, "peers")) > 0)
		fprintf(out, "Peers\n");
	json_array_foreach(get(answer, "peers"), i, one) show_peer(one, out);
}

static json_t *ask(const struct invocation *in, const char *command, enum status *status)
{
	return command_ask(in, json_pack("{s:s}", "command", command), status);
}

static enum status status_of(const struct invocation *in)
{
	enum status status;
	json_t *answer = ask(in, "rotate-status", &status);

	if (answer == NULL)
		return status;
	if (in->json)
		command_print_json(answer);
	else
		show_rotation(answer, stdout);
	json_decref(answer);
	return STATUS_GOOD;
}

/* Until it is over; failed if a peer could not be re-authenticated. */
static enum status wait_for_end(const struct invocation *in)
{
	struct progress progress;

	progress_begin(&progress, progress_now_ms());
	for (;;) {
		enum status status;
		json_t *answer = ask(in, "rotate-status", &status);
		const json_t *r = get(answer, "rotation");

		if (answer == NULL) {
			progress_end(&progress);
			return status;
		}
		progress_show(&progress, progress_now_ms(),
			      "%lld of %lld peers re-authenticated, %lld failed, %lld s",
			      (long long)number(r, "done"), (long long)number(r, "total"),
			      (long long)number(r, "failed"), (long long)number(r, "began_s_ago"));
		if (!json_is_true(get(r, "running"))) {
			progress_end(&progress);
			status = number(r, "failed") > 0 ? STATUS_FAILED : STATUS_GOOD;
			if (in->json)
				command_print_json(r);
			else
				show_progress(r, stdout);
			json_decref(answer);
			return status;
		}
		json_decref(answer);
		usleep(POLL_US);
	}
}

static enum status start(const struct invocation *in)
{
	bool wait = command_option(in, "wait") != NULL;
	enum status status;
	json_t *answer = ask(in, "rotate", &status);

	if (answer == NULL)
		return status;
	if (in->json && !wait)
		command_print_json(answer);
	else if (!in->json)
		printf("%s\n", text(answer, "text"));
	json_decref(answer);
	return wait ? wait_for_end(in) : STATUS_GOOD;
}

enum status run_rotate(const struct invocation *in)
{
	if (in->argument == NULL)
		return start(in);
	if (strcmp(in->argument, "status") != 0)
		return command_misuse("rotate knows \"status\" only", in->argument);
	return status_of(in);
}
