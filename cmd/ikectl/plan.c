/* SPDX-License-Identifier: Apache-2.0 */
#include "cmd/ikectl/plan.h"
#include "crypto/secret.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

static const char *text_of(const json_t *object, const char *name)
{
	const char *text = json_string_value(json_object_get(object, name));

	return text != NULL ? text : "";
}

/* ---- the document ---------------------------------------------------------------------------- */

static const char *const effects[] = {
	[EFFECT_AT_ONCE] = "at once",
	[EFFECT_NEXT_SAS] = "for SAs made from then on",
	[EFFECT_NEXT_HANDSHAKE] = "at the next handshake with each peer",
	[EFFECT_NEXT_START] = "when ikemeshd starts the next time",
	[EFFECT_REFUSED] = "not by a reload: ikemeshd must be started anew",
};

/* What the daemon says of a key that it does not know is nothing: it is of another version. */
static int view_from(const json_t *running, struct view *out)
{
	const json_t *keys = json_object_get(running, "keys"), *list, *value;
	const char *name;
	size_t i;

	if (view_init(out) != 0)
		return -1;
	json_object_foreach((json_t *)keys, name, list)
	{
		struct values *values = view_find(out, name);

		json_array_foreach(list, i, value)
		{
			if (values == NULL || !json_is_string(value))
				continue;
			if (!values_add(values, json_string_value(value))) {
				view_free(out);
				return -1;
			}
		}
	}
	return 0;
}

static json_t *change_json(const struct change *c)
{
	const char *kind = c->before == NULL ? "added" : c->after == NULL ? "removed" : "changed";

	return json_pack("{s:s, s:s, s:s?, s:s?, s:s}", "key", c->row->name, "kind", kind, "before",
			 c->before, "after", c->after, "effect", effects[c->row->effect]);
}

static bool is_up(const json_t *pair)
{
	return strcmp(text_of(pair, "state"), "up") == 0;
}

static json_t *pair_json(const json_t *pair, const struct spec *fresh)
{
	static const char *const fates[] = {
		[FATE_STAYS] = "stays",
		[FATE_LEAVES] = "leaves",
		[FATE_BYPASSED] = "bypassed",
		[FATE_UNCOVERED] = "uncovered",
	};
	const char *l = text_of(pair, "local"), *r = text_of(pair, "remote");
	const struct subnet_spec *which = NULL;
	char entry[ENTRY_TEXT_LEN];
	struct ip local, remote;
	enum fate fate;

	if (!ip_parse(l, &local) || !ip_parse(r, &remote))
		return NULL;
	fate = pair_fate(fresh, &local, &remote, &which);
	return json_pack("{s:s, s:s, s:s, s:s?, s:i}", "local", l, "remote", r, "fate", fates[fate],
			 "entry", which != NULL ? entry_text(which, entry) : NULL, "line",
			 which != NULL ? (int)which->line : 0);
}

static json_t *pairs_json(const json_t *status, const struct spec *fresh)
{
	json_t *all = json_array(), *one;
	const json_t *pair;
	size_t i;

	json_array_foreach(json_object_get(status, "pairs"), i, pair)
	{
		one = is_up(pair) ? pair_json(pair, fresh) : NULL;
		if (one != NULL)
			json_array_append_new(all, one);
	}
	return all;
}

/* Did `ikectl mode` choose anything? A reload leaves that as it is. */
static bool is_overruled(const json_t *status)
{
	const json_t *mode = json_object_get(status, "mode");

	return mode != NULL && (strcmp(text_of(mode, "all"), "file") != 0 ||
				json_array_size(json_object_get(mode, "subnets")) > 0);
}

json_t *plan_json(const json_t *running, const json_t *status, const char *file,
		  const struct config *fresh)
{
	struct view before = { 0 }, after = { 0 };
	json_t *changes = json_array();
	struct diff d = { 0 };
	bool refused = false;
	int err = view_from(running, &before);

	if (err == 0)
		err = view_of(fresh, &after);
	if (err == 0)
		err = config_diff(&before, &after, &d);
	for (size_t i = 0; i < d.n; i++) {
		refused = refused || d.p[i].row->effect == EFFECT_REFUSED;
		json_array_append_new(changes, change_json(&d.p[i]));
	}
	diff_free(&d);
	view_free(&before);
	view_free(&after);
	if (err != 0) {
		json_decref(changes);
		return NULL;
	}
	return json_pack("{s:s, s:s, s:b, s:b, s:b, s:b, s:o, s:o}", "format", "ikemesh-plan/1",
			 "file", file, "refused", refused, "ppk", fresh->ppk.key.n > 0, "reauth",
			 fresh->reauth_on_reload, "mode", is_overruled(status), "changes", changes,
			 "pairs", pairs_json(status, &fresh->spec));
}

static bool key_changes(const json_t *document, const char *key, const char *kind)
{
	const json_t *c;
	size_t i;

	json_array_foreach(json_object_get(document, "changes"), i, c)
	{
		if (strcmp(text_of(c, "key"), key) == 0 &&
		    (kind == NULL || strcmp(text_of(c, "kind"), kind) == 0))
			return true;
	}
	return false;
}

bool plan_concerns_peers(const json_t *document)
{
	return key_changes(document, "instance_certificate", NULL) ||
	       key_changes(document, "ca_certificates", NULL);
}

void plan_add_preflight(json_t *document, const json_t *answer)
{
	const json_t *findings = json_object_get(answer, "findings"), *f;
	size_t i;

	json_object_set(document, "findings", (json_t *)findings);
	json_array_foreach(findings, i, f)
	{
		if (strcmp(text_of(f, "level"), "error") == 0)
			json_object_set_new(document, "refused", json_true());
	}
}

/* ---- the text -------------------------------------------------------------------------------- */

static void show_change(const json_t *c, FILE *out)
{
	const char *kind = text_of(c, "kind");

	fprintf(out, "  %c %s: ", *kind == 'a' ? '+' : *kind == 'r' ? '-' : '~', text_of(c, "key"));
	if (*kind == 'c')
		fprintf(out, "%s -> %s", text_of(c, "before"), text_of(c, "after"));
	else
		fprintf(out, "%s", text_of(c, *kind == 'a' ? "after" : "before"));
	if (strcmp(text_of(c, "effect"), effects[EFFECT_AT_ONCE]) != 0)
		fprintf(out, " (%s)", text_of(c, "effect"));
	fputc('\n', out);
}

/* Why a pair goes. */
static void show_leaving(const json_t *p, FILE *out)
{
	const char *fate = text_of(p, "fate");

	fprintf(out, "  - %s === %s: ", text_of(p, "local"), text_of(p, "remote"));
	if (strcmp(fate, "bypassed") == 0)
		fprintf(out, "in %s of no_ipsec_subnets (line %d), in the clear from then on\n",
			text_of(p, "entry"), (int)json_integer_value(json_object_get(p, "line")));
	else if (strcmp(fate, "uncovered") == 0)
		fprintf(out, "our address is not in local_addresses, in the clear from then on\n");
	else
		fprintf(out, "in none of ipsec_subnets, in the clear from then on\n");
}

static void show_pairs(const json_t *pairs, FILE *out)
{
	size_t i, stay = 0, all = json_array_size(pairs);
	const json_t *p;

	json_array_foreach(pairs, i, p) stay += strcmp(text_of(p, "fate"), "stays") == 0;
	fprintf(out, "Pairs with SAs: %zu keep them, %zu lose them\n", stay, all - stay);
	json_array_foreach(pairs, i, p)
	{
		if (strcmp(text_of(p, "fate"), "stays") != 0)
			show_leaving(p, out);
	}
}

static void show_findings(const json_t *document, FILE *out)
{
	const json_t *f;
	size_t i;

	json_array_foreach(json_object_get(document, "findings"), i, f)
		fprintf(out, "  %s: peer %s %s\n", text_of(f, "level"), text_of(f, "peer"),
			text_of(f, "text"));
	if (!plan_concerns_peers(document) || json_is_true(json_object_get(document, "refused")))
		return;
	if (json_is_true(json_object_get(document, "reauth")))
		fprintf(out,
			"All peers re-authenticate at once, without a gap: reauth_on_reload.\n");
	else
		fprintf(out, "Peers keep their SAs, and see it at their next handshake: `ikectl "
			     "rotate` brings that about.\n");
}

static void show_remarks(const json_t *document, FILE *out)
{
	if (json_is_true(json_object_get(document, "mode")) &&
	    (key_changes(document, "optional", NULL) ||
	     key_changes(document, "ipsec_subnets", NULL)))
		fprintf(out,
			"`ikectl mode` was used, and wins over what the file says of optional, "
			"until `ikectl mode file`.\n");
	if (key_changes(document, "ipsec_subnets", "added"))
		fprintf(out, "Hosts in added ipsec_subnets: a handshake at the first packet.\n");
	if (json_is_true(json_object_get(document, "ppk")))
		fprintf(out, "Whether the PPK itself is another one cannot be told.\n");
}

bool plan_show(const json_t *document, FILE *out)
{
	const json_t *changes = json_object_get(document, "changes"), *c;
	bool refused = json_is_true(json_object_get(document, "refused"));
	size_t i;

	if (json_array_size(changes) == 0) {
		fprintf(out, "%s: a reload changes nothing\n", text_of(document, "file"));
	} else {
		fprintf(out, "%s: a reload %s\n", text_of(document, "file"),
			refused ? "would be refused" : "would change");
		json_array_foreach(changes, i, c) show_change(c, out);
	}
	if (!refused)
		show_pairs(json_object_get(document, "pairs"), out);
	show_findings(document, out);
	show_remarks(document, out);
	return !refused;
}

/* ---- the command ----------------------------------------------------------------------------- */

static json_t *ask(const struct invocation *in, const char *command, enum status *status)
{
	return command_ask(in, json_pack("{s:s}", "command", command), status);
}

/* What the daemon finds, which knows the peers. */
static bool look_at_peers(const struct invocation *in, const char *file, json_t *document)
{
	char whole[PATH_MAX]; /* the daemon has another working directory */
	enum status status;
	json_t *answer;

	if (!plan_concerns_peers(document))
		return true;
	if (realpath(file, whole) == NULL)
		return false;
	answer = command_ask(in, json_pack("{s:s, s:s}", "command", "preflight", "file", whole),
			     &status);
	plan_add_preflight(document, answer);
	json_decref(answer);
	return answer != NULL;
}

static void print_problems(const struct problems *ps)
{
	for (size_t i = 0; i < ps->n; i++) {
		char *text = problem_text(&ps->p[i]);

		if (text != NULL)
			fprintf(stderr, "%s\n", text);
		free(text);
	}
}

static enum status show(const struct invocation *in, const json_t *running, const json_t *status,
			const char *file)
{
	struct problems ps = { 0 };
	struct config fresh;
	json_t *document;
	bool taken;
	int err = config_load(file, time(NULL), &fresh, &ps);

	print_problems(&ps);
	problems_free(&ps);
	if (err != 0) {
		fprintf(stderr, "ikectl: %s: a reload would be refused, and change nothing\n",
			file);
		return STATUS_BAD_CONFIG;
	}
	document = plan_json(running, status, file, &fresh);
	config_free(&fresh);
	if (document == NULL) {
		fprintf(stderr, "ikectl: out of memory\n");
		return STATUS_FAILED;
	}
	if (!look_at_peers(in, file, document)) {
		json_decref(document);
		return STATUS_FAILED;
	}
	taken = !json_is_true(json_object_get(document, "refused"));
	if (in->json)
		command_print_json(document);
	else
		plan_show(document, stdout);
	json_decref(document);
	return taken ? STATUS_GOOD : STATUS_BAD_CONFIG;
}

enum status plan(const struct invocation *in)
{
	enum status status;
	json_t *running, *all = NULL;

	secret_guard_process();
	running = ask(in, "config", &status);
	if (running != NULL)
		all = ask(in, "statusall", &status);
	if (all != NULL)
		status = show(in, running, all,
			      in->argument != NULL ? in->argument : text_of(running, "file"));
	json_decref(all);
	json_decref(running);
	return status;
}
