/* SPDX-License-Identifier: Apache-2.0 */
#include "cmd/ikectl/wait.h"
#include "cmd/ikectl/client.h"
#include "cmd/ikectl/model.h"
#include "cmd/ikectl/progress.h"
#include "cmd/ikectl/show.h"
#include "config/schema.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define LOOK_EVERY_MS 200
#define TELL_AFTER_MS 1000
#define ASK_EVERY_MS 5000 /* for SAs with those that are named */
#define MS_A_SECOND 1000

const struct option wait_options[] = {
	{ "peers", required_argument, NULL, 0 },
	{ "timeout", required_argument, NULL, 0 },
	{ 0 },
};

static const struct key_row timeout_row = {
	.name = "--timeout", .type = VALUE_DURATION, .min = 1, .max = 86400, .zero = true
};

/* ---- what is waited for --------------------------------------------------------------------- */

static bool parse_named(char *text, struct wait_peers *out)
{
	char *rest = NULL;

	for (char *w = strtok_r(text, ",", &rest); w != NULL; w = strtok_r(NULL, ",", &rest)) {
		if (out->n == WAIT_PEERS || !ip_parse(w, &out->named[out->n]))
			return false;
		out->n++;
	}
	return out->n > 0;
}

bool wait_peers_parse(const char *text, struct wait_peers *out)
{
	char *end, *copy;
	unsigned long n;
	bool good;

	*out = (struct wait_peers){ 0 };
	if (text == NULL)
		return true;
	if (text[0] != '\0' && text[strspn(text, "0123456789")] == '\0') {
		n = strtoul(text, &end, 10);
		out->least = (unsigned)n;
		return n <= 1000000;
	}
	copy = strdup(text);
	good = copy != NULL && parse_named(copy, out);
	free(copy);
	return good;
}

static bool is_up(const json_t *pair)
{
	const char *state = json_string_value(json_object_get(pair, "state"));

	return state != NULL && strcmp(state, "up") == 0;
}

static bool is_up_with(const json_t *pairs, const struct ip *peer)
{
	struct ip remote;
	const json_t *pair;
	size_t i;

	json_array_foreach(pairs, i, pair)
	{
		const char *text = json_string_value(json_object_get(pair, "remote"));

		if (text != NULL && ip_parse(text, &remote) && ip_equal(&remote, peer) &&
		    is_up(pair))
			return true;
	}
	return false;
}

static bool all_named(const struct wait_peers *peers, const json_t *pairs, char *missing)
{
	size_t n = 0, up = 0;
	char address[IP_TEXT_LEN];

	missing[0] = '\0';
	for (size_t i = 0; i < peers->n; i++) {
		if (is_up_with(pairs, &peers->named[i])) {
			up++;
			continue;
		}
		if (WAIT_TEXT_LEN - n > IP_TEXT_LEN + sizeof(" ..."))
			n += (size_t)snprintf(missing + n, WAIT_TEXT_LEN - n, "%s%s",
					      n > 0 ? ", " : "",
					      ip_text(&peers->named[i], address));
	}
	return up == peers->n;
}

bool wait_satisfied(const struct wait_peers *peers, const json_t *status,
		    char missing[static WAIT_TEXT_LEN])
{
	const json_t *pairs = json_object_get(status, "pairs"), *pair;
	unsigned up = 0;
	size_t i;

	if (peers->n > 0)
		return all_named(peers, pairs, missing);
	json_array_foreach(pairs, i, pair) up += is_up(pair);
	snprintf(missing, WAIT_TEXT_LEN, "peers: %u of %u are up", up, peers->least);
	return up >= peers->least;
}

/* ---- what came of it ------------------------------------------------------------------------ */

static const json_t *pair_with(const json_t *status, const struct ip *peer)
{
	struct ip remote;
	const json_t *pair;

	EACH(get(status, "pairs"), pair)
	{
		if (ip_parse(text(pair, "remote"), &remote) && ip_equal(&remote, peer))
			return pair;
	}
	return NULL;
}

static json_t *text_or_null(const json_t *value)
{
	return json_is_string(value) ? json_string(json_string_value(value)) : json_null();
}

/* pair NULL: there is none. refused: the daemon's words, or NULL. */
static void add_missing(json_t *missing, const char *peer, const json_t *pair,
			const json_t *refused)
{
	const json_t *failure = show_last_failure(pair);

	json_array_append_new(
		missing, json_pack("{s:s, s:o, s:o, s:o}", "peer", peer, "state",
				   text_or_null(get(pair, "state")), "reason",
				   text_or_null(refused != NULL ? refused : get(failure, "reason")),
				   "cause", text_or_null(get(failure, "cause"))));
}

static void sort_named(const struct wait_peers *peers, const json_t *status, const json_t *refused,
		       json_t *up, json_t *missing)
{
	char address[IP_TEXT_LEN];

	for (size_t i = 0; i < peers->n; i++) {
		ip_text(&peers->named[i], address);
		if (is_up_with(get(status, "pairs"), &peers->named[i]))
			json_array_append_new(up, json_string(address));
		else
			add_missing(missing, address, pair_with(status, &peers->named[i]),
				    get(refused, address));
	}
}

static void sort_all(const json_t *status, json_t *up, json_t *missing)
{
	const json_t *pair;

	EACH(get(status, "pairs"), pair)
	{
		if (is_up(pair))
			json_array_append_new(up, json_string(text(pair, "remote")));
		else
			add_missing(missing, text(pair, "remote"), pair, NULL);
	}
}

json_t *wait_outcome(const struct wait_peers *peers, const json_t *status, const json_t *refused)
{
	json_t *up = json_array(), *missing = json_array();
	const size_t wanted = peers->n > 0 ? peers->n : peers->least;
	char text[WAIT_TEXT_LEN];

	if (peers->n > 0)
		sort_named(peers, status, refused, up, missing);
	else if (peers->least > 0)
		sort_all(status, up, missing);
	return json_pack(
		"{s:b, s:b, s:i, s:o, s:o}", "ok",
		status != NULL && json_array_size(up) >= wanted && wait_taken_over(status, text),
		"daemon", status != NULL, "wanted", (int)wanted, "up", up, "missing", missing);
}

bool wait_taken_over(const json_t *answer, char missing[static WAIT_TEXT_LEN])
{
	const json_t *t = json_object_get(answer, "takeover");
	const json_t *peers = json_object_get(t, "missing");
	const char *one = json_string_value(json_array_get(peers, 0));

	if (!json_is_object(t) || json_is_true(json_object_get(t, "done")))
		return true;
	snprintf(missing, WAIT_TEXT_LEN, "the takeover: %zu of %lld peers are missing%s%s",
		 json_array_size(peers), (long long)json_integer_value(json_object_get(t, "peers")),
		 one != NULL ? ", one is " : "", one != NULL ? one : "");
	return false;
}

/* ---- waiting -------------------------------------------------------------------------------- */

struct waiting {
	const struct invocation *in;
	struct wait_peers peers;
	int64_t began_ms, until_ms, asked_ms;
	struct progress progress;
	bool daemon_seen;
	char missing[WAIT_TEXT_LEN];
	char told[WAIT_TEXT_LEN];
	json_t *status;	 /* the last answer; NULL: there was none */
	json_t *refused; /* what the daemon said of whom it will not negotiate with */
};

static json_t *ask(const struct waiting *w, json_t *request, char error[static CLIENT_ERROR_LEN])
{
	int err;
	json_t *answer = client_ask(w->in->run_dir, request, &err, error);

	json_decref(request);
	return answer;
}

/* Without traffic nobody negotiates: those that are named are asked for. */
static void ask_for_peers(struct waiting *w, const json_t *status)
{
	const json_t *pairs = json_object_get(status, "pairs");
	char address[IP_TEXT_LEN], error[CLIENT_ERROR_LEN];

	if (w->asked_ms != 0 && progress_now_ms() - w->asked_ms < ASK_EVERY_MS)
		return;
	w->asked_ms = progress_now_ms();
	for (size_t i = 0; i < w->peers.n; i++) {
		json_t *answer;

		if (is_up_with(pairs, &w->peers.named[i]))
			continue;
		ip_text(&w->peers.named[i], address);
		answer = ask(w, json_pack("{s:s, s:s}", "command", "up", "peer", address), error);
		if (answer == NULL)
			json_object_set_new(w->refused, address, json_string(error));
		else
			json_object_del(w->refused, address);
		json_decref(answer);
	}
}

static bool is_ready(struct waiting *w)
{
	const bool peers = w->peers.n > 0 || w->peers.least > 0;
	char error[CLIENT_ERROR_LEN];
	json_t *answer = ask(w, json_pack("{s:s}", "command", peers ? "status" : "version"), error);
	bool ready;

	w->daemon_seen = answer != NULL;
	json_decref(w->status);
	w->status = answer;
	if (answer == NULL) {
		snprintf(w->missing, sizeof(w->missing), "the daemon: %s", error);
		return false;
	}
	ready = !peers || wait_satisfied(&w->peers, answer, w->missing);
	if (!ready)
		ask_for_peers(w, answer);
	return ready && wait_taken_over(answer, w->missing);
}

/*
 * Who waits longer than a moment is told what for: on a terminal in one line; elsewhere, as in the
 * log of a unit, once for each thing.
 */
static void tell_progress(struct waiting *w)
{
	progress_show(&w->progress, progress_now_ms(), "waiting for %s, %lld s", w->missing,
		      (long long)(progress_now_ms() - w->began_ms) / MS_A_SECOND);
	if (w->progress.able)
		return;
	if (progress_now_ms() - w->began_ms < TELL_AFTER_MS || strcmp(w->missing, w->told) == 0)
		return;
	fprintf(stderr, "ikectl: waiting for %s\n", w->missing);
	memcpy(w->told, w->missing, sizeof(w->told));
}

static enum status give_up(struct waiting *w)
{
	fprintf(stderr, "ikectl: not within %lld s: %s\n",
		(long long)((w->until_ms - w->began_ms) / MS_A_SECOND), w->missing);
	if (w->peers.n > 0 && w->daemon_seen)
		fprintf(stderr, "ikectl: `ikectl why PEER` tells what is in the way\n");
	return w->daemon_seen ? STATUS_FAILED : STATUS_NO_DAEMON;
}

static void tell_json(const struct waiting *w)
{
	json_t *outcome = wait_outcome(&w->peers, w->status, w->refused);

	if (outcome != NULL)
		json_object_set_new(outcome, "waited_ms",
				    json_integer(progress_now_ms() - w->began_ms));
	command_print_json(outcome);
	json_decref(outcome);
}

enum status wait_run(const struct invocation *in)
{
	const struct timespec pause = { .tv_nsec = LOOK_EVERY_MS * 1000000L };
	const char *timeout = command_option(in, "timeout");
	struct waiting w = { .in = in, .began_ms = progress_now_ms() };
	enum status status;
	uint64_t s = 30;
	bool ready;

	if (!wait_peers_parse(command_option(in, "peers"), &w.peers))
		return command_misuse("--peers takes addresses with commas between them, or a "
				      "number",
				      command_option(in, "peers"));
	if (timeout != NULL && schema_number(&timeout_row, timeout, &s) != 0)
		return command_misuse("--timeout takes a time up to 1d, such as 30s", timeout);
	w.until_ms = w.began_ms + (int64_t)s * MS_A_SECOND;
	w.refused = json_object();
	progress_begin(&w.progress, w.began_ms);
	while (!(ready = is_ready(&w)) && progress_now_ms() < w.until_ms) {
		tell_progress(&w);
		nanosleep(&pause, NULL);
	}
	progress_end(&w.progress);
	if (in->json)
		tell_json(&w);
	status = ready ? STATUS_GOOD : give_up(&w);
	json_decref(w.status);
	json_decref(w.refused);
	return status;
}
