/* SPDX-License-Identifier: Apache-2.0 */
#include "cmd/ikectl/steer.h"
#include "cmd/ikectl/client.h"
#include "cmd/ikectl/crowd.h"
#include "cmd/ikectl/model.h"
#include "cmd/ikectl/progress.h"
#include "config/near.h"
#include "ike/ip.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#define AT_ONCE 32 /* negotiations that were asked for and are not over */
#define LOOK_EVERY_MS 100
#define PATIENCE_MS 120000 /* longer than any attempt takes to fail */

const struct option steer_options[] = { { "wait", no_argument, NULL, 0 }, { 0 } };
const struct option steer_up_options[] = {
	{ "wait", no_argument, NULL, 0 },
	{ "all", no_argument, NULL, 0 },
	{ 0 },
};

/* What is waited for. NULL: that there is no IKE SA any more. */
static const struct {
	const char *command, *event, *outcome;
} outcomes[] = {
	{ "up", "up", "up" },
	{ "reset", "up", "up again" },
	{ "down", NULL, "down" },
	{ "rekey", "rekeyed", "rekeyed" },
	{ "rekey-ike", "rekeyed", "rekeyed" },
};

static size_t outcome_of(const char *command)
{
	size_t i = 0;

	while (i < sizeof(outcomes) / sizeof(outcomes[0]) &&
	       strcmp(outcomes[i].command, command) != 0)
		i++;
	return i;
}

/* ---- one question ---------------------------------------------------------------------------- */

static json_t *request_of(const char *command, const char *peer)
{
	json_t *request = json_pack("{s:s}", "command", command);

	if (peer != NULL)
		json_object_set_new(request, "peer", json_string(peer));
	return request;
}

static json_t *ask(const struct invocation *in, json_t *request, int *err,
		   char error[static CLIENT_ERROR_LEN])
{
	json_t *answer = client_ask(in->run_dir, request, err, error);

	json_decref(request);
	return answer;
}

const char *steer_nearest(const json_t *pairs_answer, const char *named)
{
	const char *nearest = NULL;
	unsigned least = NEAR_FAR;
	const json_t *pair;

	EACH(get(pairs_answer, "pairs"), pair)
	{
		const char *remote = text(pair, "remote");
		const unsigned distance = near_distance(named, remote);

		if (distance < least) {
			least = distance;
			nearest = remote;
		} else if (distance == least && nearest != NULL && strcmp(nearest, remote) != 0) {
			nearest = NULL; /* any of them, or none: no address stands out */
		}
	}
	return least == 1 ? nearest : NULL;
}

static bool is_known(const json_t *pairs, const char *peer)
{
	const json_t *pair;

	EACH(get(pairs, "pairs"), pair)
	{
		if (is(pair, "remote", peer))
			return true;
	}
	return false;
}

/*
 * The daemon refused: where it has no SA with that peer, the way to one, or the peer that may have
 * been meant. The subnets, routes and rights that `up` is refused for are no matter of spelling.
 */
static void suggest(const struct invocation *in, const char *named)
{
	char error[CLIENT_ERROR_LEN], peer[IP_TEXT_LEN];
	const char *nearest;
	struct ip ip;
	int err = 0;
	json_t *pairs;

	if (strcmp(in->command, "up") == 0 || !ip_parse(named, &ip))
		return;
	pairs = ask(in, request_of("pairs", NULL), &err, error);
	ip_text(&ip, peer);
	if (pairs != NULL && is_known(pairs, peer))
		fprintf(stderr, "ikectl: `ikectl why %s` tells why, `ikectl up %s` negotiates\n",
			peer, peer);
	else if (pairs != NULL && (nearest = steer_nearest(pairs, peer)) != NULL)
		fprintf(stderr, "ikectl: did you mean %s?\n", nearest);
	else if (pairs != NULL)
		fprintf(stderr, "ikectl: `ikectl status` lists the peers\n");
	json_decref(pairs);
}

static enum status refused(const struct invocation *in, const char *peer, int err,
			   const char *error)
{
	fprintf(stderr, "ikectl: %s\n", error);
	if (err == 0 && peer != NULL)
		suggest(in, peer);
	return command_status(err);
}

/* ---- and its outcome ------------------------------------------------------------------------- */

struct following {
	const struct invocation *in;
	struct crowd crowd;
	const char *event;
	json_int_t next;
	char stream[32];
	struct progress progress;
	int64_t began_ms;
};

/* From now on: nothing that was before counts. */
static enum status follow(struct following *f)
{
	enum status status;
	json_t *answer = command_ask(f->in, request_of("events", NULL), &status);

	if (answer == NULL)
		return status;
	f->next = number(answer, "next");
	snprintf(f->stream, sizeof(f->stream), "%s", text(answer, "stream"));
	json_decref(answer);
	f->began_ms = progress_now_ms();
	progress_begin(&f->progress, f->began_ms);
	return STATUS_GOOD;
}

/* Another daemon, or lost events: what became of them nobody can tell. */
static void hear(struct following *f)
{
	char error[CLIENT_ERROR_LEN];
	int err = 0;
	json_t *request = request_of("events", NULL), *answer;

	json_object_set_new(request, "from", json_integer(f->next));
	json_object_set_new(request, "stream", json_string(f->stream));
	answer = ask(f->in, request, &err, error);
	if (answer == NULL) {
		crowd_give_up(&f->crowd, error);
		return;
	}
	crowd_hear(&f->crowd, answer, f->event);
	f->next = number(answer, "next");
	if (strcmp(text(answer, "stream"), f->stream) != 0 || number(answer, "lost") > 0)
		crowd_give_up(&f->crowd, "the daemon's events were missed: see `ikectl status`");
	json_decref(answer);
}

static void ask_next(struct following *f, struct crowd_peer *p)
{
	char error[CLIENT_ERROR_LEN];
	int err = 0;
	json_t *answer = ask(f->in, request_of(f->in->command, p->peer), &err, error);

	if (answer == NULL)
		crowd_fail(&f->crowd, p, error);
	json_decref(answer);
}

static json_t *status_of(const struct invocation *in, const char *peer, enum status *status)
{
	return command_ask(in, request_of("status", peer), status);
}

/* There may have been an IKE SA and nothing more: no event tells that it is gone. */
static void look_whether_gone(struct following *f)
{
	enum status status;
	json_t *answer = status_of(f->in, f->crowd.p[0].peer, &status);
	size_t n = answer == NULL;
	const json_t *pair;

	EACH(get(answer, "pairs"), pair)
	{
		n += json_array_size(get(pair, "ike_sas"));
	}
	json_decref(answer);
	if (n == 0 && f->crowd.p[0].state == CROWD_ASKED)
		crowd_succeed(&f->crowd, &f->crowd.p[0]);
}

static void until_over(struct following *f)
{
	const struct timespec pause = { .tv_nsec = LOOK_EVERY_MS * 1000000L };
	struct crowd_peer *p;

	while (!crowd_is_over(&f->crowd)) {
		const int64_t now = progress_now_ms();

		while ((p = crowd_next(&f->crowd, AT_ONCE)) != NULL)
			ask_next(f, p);
		if (f->event != NULL)
			hear(f);
		else
			look_whether_gone(f);
		if (now - f->began_ms > PATIENCE_MS)
			crowd_give_up(&f->crowd, "nothing came of it in two minutes");
		progress_show(&f->progress, now, "%zu of %zu done, %zu failed, %lld s",
			      f->crowd.count[CROWD_DONE], f->crowd.n, f->crowd.count[CROWD_FAILED],
			      (long long)(now - f->began_ms) / 1000);
		if (!crowd_is_over(&f->crowd))
			nanosleep(&pause, NULL);
	}
	progress_end(&f->progress);
}

static void tell_json(const struct crowd *c)
{
	json_t *failed = json_array(), *all;

	for (size_t i = 0; i < c->n; i++) {
		if (c->p[i].state == CROWD_FAILED)
			json_array_append_new(failed, json_pack("{s:s, s:s}", "peer", c->p[i].peer,
								"text", c->p[i].why));
	}
	all = json_pack("{s:b, s:i, s:i, s:o}", "ok", c->count[CROWD_FAILED] == 0, "asked",
			(int)c->n, "done", (int)c->count[CROWD_DONE], "failed", failed);
	command_print_json(all);
	json_decref(all);
}

/* Asks them all, and waits for what becomes of it. */
static enum status run_crowd(struct following *f, const char *outcome)
{
	const struct crowd *c = &f->crowd;

	until_over(f);
	if (f->in->json)
		tell_json(c);
	else if (c->n == 1 && c->count[CROWD_DONE] == 1)
		printf("%s: %s\n", c->p[0].peer, outcome);
	else if (c->n != 1)
		printf("%zu of %zu %s\n", c->count[CROWD_DONE], c->n, outcome);
	fflush(stdout);
	if (!f->in->json)
		crowd_tell_failed(c, stderr);
	if (c->count[CROWD_FAILED] > 0 && !f->in->json)
		fprintf(stderr, "ikectl: `ikectl why PEER` tells what is in the way\n");
	return c->count[CROWD_FAILED] > 0 ? STATUS_FAILED : STATUS_GOOD;
}

static enum status run_all(struct following *f)
{
	enum status status;
	json_t *pairs = command_ask(f->in, request_of("pairs", NULL), &status);
	bool memory;

	if (pairs == NULL)
		return status;
	memory = crowd_add_missing(&f->crowd, pairs);
	json_decref(pairs);
	if (!memory)
		return STATUS_FAILED;
	if (f->crowd.n == 0 && !f->in->json) {
		printf("all pairs that there are have SAs\n");
		return STATUS_GOOD;
	}
	return run_crowd(f, "are up");
}

static bool is_up(const struct invocation *in, enum status *status)
{
	json_t *answer = status_of(in, in->argument, status);
	const json_t *pair;
	bool up = false;

	EACH(get(answer, "pairs"), pair)
	{
		up |= is(pair, "state", "up");
	}
	json_decref(answer);
	return up;
}

/* peer: as the daemon writes it. */
static enum status run_waiting(struct following *f, const char *peer, const char *outcome)
{
	enum status status = STATUS_GOOD;

	if (strcmp(f->in->command, "up") == 0 && is_up(f->in, &status)) {
		if (f->in->json)
			tell_json(&f->crowd);
		else
			printf("%s: %s\n", peer, outcome);
		return STATUS_GOOD;
	}
	if (status != STATUS_GOOD)
		return status;
	if (!crowd_add(&f->crowd, peer))
		return STATUS_FAILED;
	return run_crowd(f, outcome);
}

/* The daemon does it, and says what it did. */
static enum status run_once(const struct invocation *in)
{
	char error[CLIENT_ERROR_LEN];
	int err = 0;
	json_t *answer = ask(in, request_of(in->command, in->argument), &err, error);

	if (answer == NULL)
		return refused(in, in->argument, err, error);
	if (in->json)
		command_print_json(answer);
	else
		printf("%s: %s\n", in->argument, text(answer, "text"));
	json_decref(answer);
	return STATUS_GOOD;
}

enum status steer_run(const struct invocation *in)
{
	const bool all = command_option(in, "all") != NULL;
	struct following f = { .in = in };
	const size_t i = outcome_of(in->command);
	enum status status;
	char text[IP_TEXT_LEN];
	struct ip peer;

	if (all && in->argument != NULL)
		return command_misuse("either a peer or --all", in->argument);
	if (!all && in->argument == NULL)
		return command_misuse("a peer is missing", in->command);
	if (!all && !ip_parse(in->argument, &peer))
		return command_misuse("not an IPv4 or IPv6 address", in->argument);
	if (!all && command_option(in, "wait") == NULL)
		return run_once(in);
	f.event = outcomes[i].event;
	status = follow(&f);
	if (status == STATUS_GOOD)
		status = all ? run_all(&f)
			     : run_waiting(&f, ip_text(&peer, text), outcomes[i].outcome);
	crowd_free(&f.crowd);
	return status;
}
