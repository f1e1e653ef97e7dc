/* SPDX-License-Identifier: Apache-2.0 */
/* Of `ikectl verify` what touches the world: asking the daemon, and sending probes. */
#include "cmd/ikectl/client.h"
#include "cmd/ikectl/model.h"
#include "cmd/ikectl/path_probe.h"
#include "cmd/ikectl/verify.h"
#include "cmd/ikectl/verify_knock.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define ECHOES 5
#define TRIES 3		   /* where SAs went while it was probed */
#define BROUGHT_UP_MS 8000 /* the first packet may have to wait for its SA */
#define LOOK_EVERY_MS 200
#define TAKEOVER_TRIES 15 /* a second between two: until the peer sends on our SAs alone */
#define SETTLE_MS                                                                      \
	150 /* the last answer may come after its echo's, or be counted a moment later \
	     */

static json_t *ask_status(const struct invocation *in, enum status *status)
{
	return command_ask(in, json_pack("{s:s, s:s}", "command", "status", "peer", in->argument),
			   status);
}

static bool is_up(const json_t *status)
{
	return is(json_array_get(get(status, "pairs"), 0), "state", "up");
}

static bool is_ours(const json_t *status)
{
	const json_t *peer = get(status, "peer");

	return is(peer, "ruling", "enforced") || is(peer, "ruling", "optional");
}

/* The first packet has the kernel ask for an SA. The status once there is one, or time is up. */
static json_t *bring_up(const struct invocation *in, const struct ip *peer, json_t *seen,
			enum status *status)
{
	unsigned answered;

	for (int ms = 0; seen != NULL && is_ours(seen) && !is_up(seen) && ms < BROUGHT_UP_MS;
	     ms += LOOK_EVERY_MS) {
		if (ms == 0)
			path_echo(peer, 1, LOOK_EVERY_MS, &answered);
		usleep(LOOK_EVERY_MS * 1000);
		json_decref(seen);
		seen = ask_status(in, status);
	}
	return seen;
}

static void probe(const struct ip *peer, struct verify_facts *f)
{
	f->sent = ECHOES;
	f->knocks = 0;
	f->error = path_echo(peer, ECHOES, 0, &f->answered);
	if (f->answered == 0 && f->error == 0)
		f->knocks = verify_knock(peer);
	usleep(SETTLE_MS * 1000);
}

/* What was probed says too little. */
static bool is_to_be_repeated(const struct verify_facts *f, unsigned tries)
{
	struct verification v;

	if (verify_missed_some(f))
		return tries < TRIES;
	verify_judge(f, &v);
	if (!v.is_early || tries >= TAKEOVER_TRIES)
		return false;
	if (tries == 1)
		fprintf(stderr, "ikectl: a takeover is under way: waiting for its end\n");
	(void)sleep(1);
	return true;
}

static enum status tell(const struct invocation *in, const struct verify_facts *f)
{
	struct verification v;
	json_t *doc;

	verify_judge(f, &v);
	if (in->json) {
		doc = verify_json(in->argument, f, &v);
		command_print_json(doc);
		json_decref(doc);
	} else {
		verify_print(in->argument, &v, stdout);
	}
	return v.verdict->good ? STATUS_GOOD : STATUS_FAILED;
}

enum status verify_run(const struct invocation *in)
{
	struct verify_facts f = { 0 };
	json_t *before, *after = NULL;
	enum status status;
	struct ip peer;

	if (!ip_parse(in->argument, &peer))
		return command_misuse("not an IPv4 or IPv6 address", in->argument);
	before = ask_status(in, &status);
	before = bring_up(in, &peer, before, &status);
	if (before == NULL)
		return status;
	for (unsigned tries = 1;; tries++) {
		if (is_ours(before))
			probe(&peer, &f);
		after = ask_status(in, &status);
		f.before = before;
		f.after = after;
		if (after == NULL || !is_to_be_repeated(&f, tries))
			break;
		json_decref(before);
		before = after;
	}
	if (after != NULL)
		status = tell(in, &f);
	json_decref(before);
	json_decref(after);
	return status;
}
