/* SPDX-License-Identifier: Apache-2.0 */
#include "config/config.h"
#include "config/file.h"
#include "config/reading.h"
#include "config/suites.h"
#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* --- messages about one key ---------------------------------------------------------------- */

/* The value to write: the example, or what a quoted "yes" was meant to say. */
static const char *instead(const struct key_row *row, const struct node *node)
{
	uint64_t value;

	if (row->type == VALUE_BOOL && node->kind == NODE_SCALAR &&
	    !schema_number(row, node->text, &value))
		return value ? "true" : "false";
	return row->example;
}

void expected(struct reading *r, const struct key_row *row, const struct node *node)
{
	char words[EXPECTED_LEN], said[SHOWN_LEN];
	const char *value = instead(row, node);
	char *mend =
		report_text(&r->report, "%s:%s%s", row->name, *value == '\n' ? "" : " ", value);

	schema_expected(row, words);
	if (node->kind != NODE_SCALAR || node_is_null(node) || row->type == VALUE_KEY ||
	    row->type == VALUE_SECRET)
		report_add(&r->report, PROBLEM_ERROR, node_place(node), mend,
			   "%s: %s was expected, not %s", row->name, words, node_kind_name(node));
	else
		report_add(&r->report, PROBLEM_ERROR, node_place(node), mend,
			   "%s: %s was expected, not %s%s%s", row->name, words,
			   node->plain ? "'" : "the text \"", shown(node->text, said),
			   node->plain ? "'" : "\"");
	free(mend);
}

void check_twice(struct reading *r, const struct node *map)
{
	for (size_t i = 2; map->kind == NODE_MAP && i < map->n; i += 2) {
		const struct node *key = map->items[i];
		char said[SHOWN_LEN];

		for (size_t j = 0; j < i; j += 2) {
			const struct node *a = map->items[j + 1], *b = map->items[i + 1];
			bool equal;

			if (strcmp(map->items[j]->text, key->text))
				continue;
			equal = a->kind == NODE_SCALAR && b->kind == NODE_SCALAR &&
				!strcmp(a->text, b->text);
			report_add(&r->report, equal ? PROBLEM_WARNING : PROBLEM_ERROR,
				   node_place(key), NULL,
				   "%s stands here a second time, after line %u",
				   shown(key->text, said), map->items[j]->line);
			break;
		}
	}
}

static void unknown_key(struct reading *r, const struct node *key)
{
	const struct key_row *near = schema_near(key->text);
	char said[SHOWN_LEN];
	char *mend;

	shown(key->text, said);
	if (!near) {
		report_add(&r->report, PROBLEM_ERROR, node_place(key), NULL, "unknown key %s",
			   said);
		return;
	}
	mend = report_text(&r->report, "%s:", near->name);
	report_add(&r->report, PROBLEM_ERROR, node_place(key), mend,
		   "unknown key %s: did you mean %s?", said, near->name);
	free(mend);
}

static void check_keys(struct reading *r, const struct node *settings)
{
	check_twice(r, settings);
	for (size_t i = 0; i < settings->n; i += 2)
		if (!schema_find(settings->items[i]->text))
			unknown_key(r, settings->items[i]);
}

/*
 * A key that must be there. A misspelt one beside it says so itself. After a syntax error it may
 * well be there, and not have been seen as what it is.
 */
static void check_required(struct reading *r, const struct node *settings)
{
	size_t n;
	const struct key_row *rows = schema_rows(&n);

	if (r->mended)
		return;
	for (size_t i = 0; i < n; i++) {
		char *mend;

		if (!rows[i].required || node_get(settings, rows[i].name))
			continue;
		if (r->policies_only && rows[i].type != VALUE_SUBNETS)
			continue;
		mend = report_text(&r->report, "%s:%s%s", rows[i].name,
				   *rows[i].example == '\n' ? "" : " ", rows[i].example);
		report_add(&r->report, PROBLEM_ERROR, node_place(settings), mend, "%s is missing",
			   rows[i].name);
		free(mend);
	}
}

/* --- values -------------------------------------------------------------------------------- */

static void read_number(struct reading *r, const struct key_row *row, const struct node *node)
{
	bool bare_word =
		row->type == VALUE_BOOL; /* "false" in quotes is a text, and a text is true */
	uint64_t value = 0;

	if (node->kind != NODE_SCALAR || (bare_word && !node->plain) ||
	    schema_number(row, node->text, &value)) {
		expected(r, row, node);
		return;
	}
	if (row->type == VALUE_BOOL && strcasecmp(node->text, value ? "true" : "false"))
		report_add(&r->report, PROBLEM_NOTICE, node_place(node), NULL,
			   "%s: %s is read as %s", row->name, node->text, value ? "true" : "false");
	schema_store(row, value, r->out);
}

static void read_log(struct reading *r, const struct key_row *row, const struct node *node)
{
	static const struct {
		const char *word;
		enum log_target target;
	} targets[] = {
		{ "journal", LOG_TO_JOURNAL },
		{ "syslog", LOG_TO_SYSLOG },
		{ "stderr", LOG_TO_STDERR },
	};

	for (size_t i = 0; node->kind == NODE_SCALAR && i < 3; i++)
		if (!strcmp(node->text, targets[i].word)) {
			r->out->log = targets[i].target;
			return;
		}
	if (node->kind != NODE_SCALAR || *node->text != '/') {
		expected(r, row, node);
		return;
	}
	r->out->log = LOG_TO_FILE;
	r->out->log_path = strdup(node->text);
	if (!r->out->log_path)
		r->report.no_memory = true;
}

/* The line with its words mended, or with the default if that does not make a good one. */
static char *proposals_mend(struct reading *r, const struct key_row *row, const char *text,
			    const struct suites_fault *first)
{
	struct proposal_spec out[SPEC_PROPOSALS];
	struct suites_fault fault = *first;
	char *mended = report_text(&r->report, "%s", text), *line;
	bool good = false;
	size_t n;

	for (unsigned i = 0; mended && !good && fault.instead && i < MENDS_MAX; i++) {
		char *more = report_text(&r->report, "%.*s%s%s", (int)fault.at, mended,
					 fault.instead, mended + fault.at + fault.len);

		free(mended);
		mended = more;
		good = mended &&
		       !suites_read(mended, row->protocol, out, SPEC_PROPOSALS, &n, &fault);
	}
	line = report_text(&r->report, "%s: %s", row->name, good ? mended : row->example);
	free(mended);
	return line;
}

static void read_proposals(struct reading *r, const struct key_row *row, const struct node *node)
{
	struct spec *s = &r->out->spec;
	bool ike = row->protocol == PROTO_IKE;
	struct suites_fault fault;
	struct place at = node_place(node);
	char *mend;

	if (node->kind != NODE_SCALAR || node_is_null(node) || !*node->text) {
		expected(r, row, node);
		return;
	}
	if (!suites_read(node->text, row->protocol, ike ? s->ike : s->esp, SPEC_PROPOSALS,
			 ike ? &s->n_ike : &s->n_esp, &fault))
		return;
	at.column += node->plain ? (unsigned)fault.at : 0;
	mend = proposals_mend(r, row, node->text, &fault);
	report_add(&r->report, PROBLEM_ERROR, at, mend, "%s: %s", row->name, fault.message);
	free(mend);
}

static void read_scalar(struct reading *r, const struct key_row *row, const struct node *node)
{
	switch (row->type) {
	case VALUE_BOOL:
	case VALUE_DURATION:
	case VALUE_COUNT:
	case VALUE_SIZE:
	case VALUE_CHOICE:
		read_number(r, row, node);
		break;
	case VALUE_LOG:
		read_log(r, row, node);
		break;
	case VALUE_LISTEN:
		read_listen(r, row, node);
		break;
	case VALUE_PROPOSALS:
		read_proposals(r, row, node);
		break;
	case VALUE_SUBNETS:
	case VALUE_CERTIFICATES:
	case VALUE_KEY:
	case VALUE_CAS:
	case VALUE_SECRET:
	case VALUE_TEXT:
	case VALUE_DAYS:
	case VALUE_TEXTS:
	case VALUE_LEVELS:
		break; /* these depend on each other: read_settings() */
	}
}

/* The file's value, or the table's as if the file had it. */
static void read_or_default(struct reading *r, const struct key_row *row,
			    const struct node *settings)
{
	struct node fallback = { .kind = NODE_SCALAR, .plain = true };
	const struct node *node = node_get(settings, row->name);

	if (row->fallback) {
		fallback.text = (char *)row->fallback;
		read_scalar(r, row, &fallback);
	}
	if (node)
		read_scalar(r, row, node);
}

/* A list that may be empty. */
static void read_list(struct reading *r, const struct node *settings, const char *key,
		      struct subnet_spec **out, size_t *n, enum subnet_list kind)
{
	const struct node *node = node_get(settings, key);
	char *mend;

	if (!node || !node_is_null(node)) {
		read_subnets(r, schema_find(key), node, out, n, kind);
		return;
	}
	mend = report_text(&r->report, "%s: []", key);
	report_add(&r->report, PROBLEM_NOTICE, node_place(node), mend, "%s has no entries", key);
	free(mend);
}

/* An entry may say `optional: false` for itself; then the whole is not optional any more. */
static void settle_optional(struct spec *s)
{
	for (size_t i = 0; i < s->n_protect; i++) {
		s->protect[i].optional_in_file = s->protect[i].optional;
		s->optional = s->optional && s->protect[i].optional;
	}
}

/* The first probe leaves after dpd_delay of silence: what is left of dpd_timeout is for its answer.
 */
static void check_dpd(struct reading *r, const struct node *settings)
{
	const struct spec *s = &r->out->spec;
	const struct node *at = node_get(settings, "dpd_delay");
	char *mend;

	if (s->dpd_delay_s == 0 || s->dpd_timeout_s > s->dpd_delay_s)
		return;
	mend = report_text(&r->report, "dpd_timeout: %us", 4 * s->dpd_delay_s);
	report_add(
		&r->report, PROBLEM_WARNING,
		node_place(at != NULL ? at : node_get(settings, "dpd_timeout")), mend,
		"dpd_timeout (%us) is not longer than dpd_delay (%us): one lost answer, and a peer "
		"counts as dead",
		s->dpd_timeout_s, s->dpd_delay_s);
	free(mend);
}

static void read_settings(struct reading *r, const struct node *settings)
{
	const struct node *protect = node_get(settings, "ipsec_subnets");
	const struct node *bypass = node_get(settings, "no_ipsec_subnets");
	struct spec *s = &r->out->spec;
	size_t n;
	const struct key_row *rows = schema_rows(&n);

	check_keys(r, settings);
	check_required(r, settings);
	for (size_t i = 0; i < n; i++)
		read_or_default(r, &rows[i], settings);
	read_subnets(r, schema_find("ipsec_subnets"), protect, &s->protect, &s->n_protect,
		     LIST_PROTECT);
	settle_optional(s);
	read_list(r, settings, "no_ipsec_subnets", &s->bypass, &s->n_bypass, LIST_BYPASS);
	read_list(r, settings, "local_addresses", &s->local, &s->n_local, LIST_LOCAL);
	check_subnets(r, protect, bypass);
	if (r->policies_only)
		return;
	read_credentials(r, node_get(settings, "instance_certificate"),
			 node_get(settings, "instance_private_key"),
			 node_get(settings, "ca_certificates"), settings);
	read_optional_suites(r, settings);
	read_properties(r, settings);
	check_dpd(r, settings);
	read_ppk(r, node_get(settings, "ppk"), node_get(settings, "ppk_id"), settings);
	read_days(r, node_get(settings, "expiry_warning_days"));
	read_control_group(r, settings);
	read_log_levels(r, node_get(settings, "log_levels"));
}

/* --- the file ------------------------------------------------------------------------------ */

static void read_text(struct reading *r, struct bytes text)
{
	struct node *settings;

	if (!reading_parse(r, text))
		return;
	settings = locate_settings(r);
	if (settings)
		read_settings(r, settings);
}

static int finish(struct reading *r)
{
	struct problems *ps = r->report.ps;

	reading_end(r);
	problems_sort(ps, r->report.file);
	if (!r->report.no_memory && !ps->errors)
		return 0;
	config_free(r->out);
	return r->report.no_memory ? -ENOMEM : -EINVAL;
}

int config_parse(const char *name, struct bytes yaml, time_t now, struct config *out,
		 struct problems *ps)
{
	struct reading r = { .report = { .ps = ps, .file = name }, .now = now, .out = out };

	*out = (struct config){ 0 };
	read_text(&r, yaml);
	return finish(&r);
}

int config_parse_policies(const char *name, struct bytes yaml, struct config *out,
			  struct problems *ps)
{
	struct reading r = { .report = { .ps = ps, .file = name },
			     .policies_only = true,
			     .out = out };

	*out = (struct config){ 0 };
	read_text(&r, yaml);
	return finish(&r);
}

static int load(struct reading *r)
{
	struct secret content;
	int64_t modified_ns;
	int e = file_read_dated(r->report.file, &content, &r->mode, &modified_ns);

	*r->out = (struct config){ .modified_ns = modified_ns };
	if (e == -ENOMEM)
		r->report.no_memory = true;
	else if (e)
		report_add(&r->report, PROBLEM_ERROR, (struct place){ 0 }, NULL, "%s",
			   file_error(e));
	else
		read_text(r, secret_view(&content));
	secret_free(&content);
	return finish(r);
}

int config_load(const char *file, time_t now, struct config *out, struct problems *ps)
{
	struct reading r = { .report = { .ps = ps, .file = file }, .now = now, .out = out };

	return load(&r);
}

int config_load_policies(const char *file, struct config *out, struct problems *ps)
{
	struct reading r = { .report = { .ps = ps, .file = file },
			     .policies_only = true,
			     .out = out };

	return load(&r);
}

void config_free(struct config *c)
{
	if (!c)
		return;
	spec_free(&c->spec);
	sign_key_free(c->key);
	trust_free(c->trust);
	ppk_free(&c->ppk);
	for (size_t i = 0; i < c->n_identities; i++)
		free(c->identities[i]);
	free(c->identities);
	for (size_t i = 0; i < c->n_crl_files; i++)
		crl_file_wipe(&c->crl_files[i]);
	free(c->crl_files);
	free(c->crypto_properties);
	free(c->control_group);
	free(c->log_path);
	*c = (struct config){ 0 };
}
