/* SPDX-License-Identifier: Apache-2.0 */
/* `ikectl why` as text and as JSON, and where its facts come from. */
#include "cmd/ikectl/facts.h"
#include "cmd/ikectl/model.h"
#include "cmd/ikectl/show.h"
#include "cmd/ikectl/show_peers.h"
#include "cmd/ikectl/why.h"

static void print_list(const json_t *proposals, FILE *out)
{
	for (size_t i = 0; i < json_array_size(proposals); i++)
		fprintf(out, "%s%s", i > 0 ? "," : "",
			json_string_value(json_array_get(proposals, i)));
}

static void print_notify(const json_t *a, FILE *out)
{
	const char *notify = text(a, "notify"), *meaning = notify_meaning(notify);

	if (notify[0] == '\0')
		return;
	fprintf(out, "        %s refused with %s%s%s\n",
		json_is_true(get(a, "notify_ours")) ? "we" : "the peer", notify,
		meaning != NULL ? ": " : "", meaning != NULL ? meaning : "");
}

/* What each side proposed: that of a peer that refused ours is not known. */
static void print_proposals(const json_t *a, const json_t *status, FILE *out)
{
	const char *list = is(a, "stage", "IKE_SA_INIT") ? "ike_proposals" : "esp_proposals";
	const char *theirs = text(a, "offered");

	if (!is(a, "notify", "NO_PROPOSAL_CHOSEN"))
		return;
	if (theirs[0] != '\0')
		fprintf(out, "        the peer offered %s; we take ", theirs);
	else
		fprintf(out, "        we offered ");
	print_list(get(status, list), out);
	fprintf(out, "\n");
}

static void print_attempt(const json_t *a, const json_t *status, FILE *out)
{
	const json_t *ended = get(a, "ended_s_ago");
	char ago[SHORT_TIME_LEN];

	fprintf(out, "    %s ago, begun by %s: %s %s", short_time(number(a, "started_s_ago"), ago),
		json_is_true(get(a, "initiator")) ? "us" : "the peer", text(a, "stage"),
		!json_is_integer(ended)		 ? "under way"
		: json_is_true(get(a, "failed")) ? "failed"
						 : "reached");
	if (number(a, "retransmits") > 0)
		fprintf(out, ", %lld retransmits", (long long)number(a, "retransmits"));
	fprintf(out, "\n");
	if (text(a, "reason")[0] != '\0')
		fprintf(out, "        %s\n", text(a, "reason"));
	print_notify(a, out);
	if (json_is_string(get(a, "certificate")))
		fprintf(out, "        its certificate: %s\n", text(a, "certificate"));
	if (json_is_string(get(a, "unreachable")))
		fprintf(out, "        the network reported %s\n", text(a, "unreachable"));
	print_proposals(a, status, out);
}

static void print_state(const json_t *pair, FILE *out)
{
	char since[SHORT_TIME_LEN], in[SHORT_TIME_LEN];

	fprintf(out, "state:  %s, for %s", peer_state(pair, text(pair, "ruling")),
		short_time(number(pair, "since_s_ago"), since));
	if (json_is_integer(get(pair, "retry_in_s")))
		fprintf(out, "; next try in %s", short_time(number(pair, "retry_in_s"), in));
	fprintf(out, " (%s with %s)\n", text(pair, "local"), text(pair, "remote"));
}

static void print_child(const json_t *c, FILE *out)
{
	fprintf(out, "    ESP {%lld} %s: %lld packets sent, %lld received\n",
		(long long)number(c, "number"), text(c, "state"),
		(long long)number(get(c, "out"), "packets"),
		(long long)number(get(c, "in"), "packets"));
}

static void print_ike(const json_t *s, time_t now, FILE *out)
{
	const json_t *until = get(get(s, "peer_certificate"), "not_after"), *c;
	char left[SHORT_TIME_LEN];

	fprintf(out, "    IKE [%lld] %s", (long long)number(s, "number"), text(s, "state"));
	if (json_is_string(get(s, "peer_id")))
		fprintf(out, ", with %s", text(s, "peer_id"));
	if (json_is_integer(until))
		fprintf(out, " (its certificate is good for %s)",
			short_time(json_integer_value(until) - (json_int_t)now, left));
	fprintf(out, "\n");
	EACH(get(s, "child_sas"), c)
	{
		print_child(c, out);
	}
}

static void print_pair(const json_t *pair, const json_t *status, time_t now, FILE *out)
{
	const json_t *a, *ike;

	print_state(pair, out);
	EACH(get(pair, "ike_sas"), ike)
	{
		print_ike(ike, now, out);
	}
	if (json_array_size(get(pair, "attempts")) > 0)
		fprintf(out, "attempts, newest first:\n");
	EACH(get(pair, "attempts"), a)
	{
		print_attempt(a, status, out);
	}
}

void why_print(const struct why_facts *facts, const struct diagnosis *d, FILE *out)
{
	const json_t *peer = get(facts->status, "peer"), *pair;

	fprintf(out, "%s: %s\n", text(peer, "address"), d->cause->sentence);
	if (d->detail[0] != '\0')
		fprintf(out, "        (%s)\n", d->detail);
	if (d->cause->mend != NULL)
		fprintf(out, "mend:   %s\n", d->cause->mend);
	if (d->cause->amiss && !facts->clock_synchronised)
		fprintf(out, "        and mind that no NTP client keeps this host's clock\n");
	show_rule(peer, out);
	EACH(get(facts->status, "pairs"), pair)
	{
		print_pair(pair, facts->status, facts->now, out);
	}
}

json_t *why_json(const struct why_facts *facts, const struct diagnosis *d)
{
	const json_t *peer = get(facts->status, "peer");

	return json_pack("{s:s, s:s, s:s, s:b, s:s, s:s, s:s?, s:O?, s:O}", "format",
			 "ikemesh-why/1", "peer", text(peer, "address"), "cause", d->cause->name,
			 "amiss", d->cause->amiss, "text", d->cause->sentence, "detail", d->detail,
			 "mend", d->cause->mend, "ruling", get(peer, "ruling"), "pairs",
			 get(facts->status, "pairs"));
}

static bool is_up(const json_t *status)
{
	const json_t *pair = json_array_get(get(status, "pairs"), 0);

	return is(pair, "state", "up");
}

enum status why_run(const struct invocation *in)
{
	json_t *request = json_pack("{s:s, s:s}", "command", "status", "peer", in->argument), *doc;
	struct why_facts facts = { .now = time(NULL) };
	struct diagnosis d;
	enum status status;
	json_t *answer = command_ask(in, request, &status);
	struct ip peer;

	if (answer == NULL)
		return status;
	facts.status = answer;
	facts.clock_synchronised = facts_clock_synchronised();
	if (ip_parse(in->argument, &peer)) {
		facts.neighbour = link_neighbour(&peer);
		why_diagnose(&facts, &d);
		/* Small things are all right: are large ones? */
		if (is_up(answer) && !d.cause->amiss)
			facts_probe_path(in->run_dir, answer, &peer, &facts.path);
		if (why_is_silence(&d))
			facts.knock = knock_ike(&peer);
	}
	why_diagnose(&facts, &d);
	if (in->json) {
		doc = why_json(&facts, &d);
		command_print_json(doc);
		json_decref(doc);
	} else {
		why_print(&facts, &d, stdout);
	}
	json_decref(answer);
	return d.cause->amiss ? STATUS_FAILED : STATUS_GOOD;
}
