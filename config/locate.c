/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Where the settings stand. The add-on's guide prints its template in several forms, some of which
 * BOSH itself would not understand (ipsec beside properties, jobs beside addons); each of them can
 * mean one thing only.
 */
#include "config/reading.h"
#include <string.h>

#define FOUND_MAX 8

struct search {
	struct reading *r;
	struct node *found[FOUND_MAX];
	size_t n;
	const struct node *job; /* a job named ipsec, wherever its properties are */
};

/* A key that only ikemesh has: `optional` or `log` may mean anything elsewhere. */
static bool has_settings(const struct node *map)
{
	size_t n;
	const struct key_row *rows = schema_rows(&n);

	for (size_t i = 0; i < n; i++)
		if (rows[i].required && node_get(map, rows[i].name))
			return true;
	return false;
}

static void take(struct search *s, struct node *settings)
{
	for (size_t i = 0; i < s->n; i++)
		if (s->found[i] == settings)
			return; /* by way of an alias */
	if (s->n < FOUND_MAX)
		s->found[s->n++] = settings;
}

static void take_ipsec(struct search *s, struct node *ipsec)
{
	if (ipsec->kind == NODE_MAP) {
		take(s, ipsec);
		return;
	}
	report_add(&s->r->report, PROBLEM_ERROR, node_place(ipsec),
		   "ipsec:\n  ipsec_subnets:\n  - 10.0.0.0/20",
		   "under ipsec: a mapping of keys was expected, not %s: are the keys indented?",
		   node_kind_name(ipsec));
}

/* properties: ipsec: in a mapping, also where the indentation went astray. */
static void look_in(struct search *s, const struct node *map)
{
	static const char mend[] = "properties:\n  ipsec:\n    ipsec_subnets:";
	struct node *properties = node_get(map, "properties");
	struct node *ipsec = node_get(properties, "ipsec"), *beside = node_get(map, "ipsec");
	struct report *report = &s->r->report;

	if (ipsec)
		take_ipsec(s, ipsec);
	if (beside)
		take_ipsec(s, beside);
	if (beside && properties)
		report_add(report, PROBLEM_WARNING, node_place(beside), mend,
			   "ipsec stands beside properties and not under it: ikemesh reads it all "
			   "the same, BOSH would not");
	if (!ipsec && properties && has_settings(properties)) {
		report_add(
			report, PROBLEM_WARNING, node_place(properties), mend,
			"the keys stand under properties without ipsec: in between: ikemesh reads "
			"them all the same, BOSH would not");
		take(s, properties);
	}
	if (map != s->r->doc.root && has_settings(map))
		take(s, (struct node *)map);
}

static bool is_ipsec_job(const struct node *job)
{
	const struct node *name = node_get(job, "name");

	return name && name->kind == NODE_SCALAR && !strcmp(name->text, "ipsec");
}

static void look_in_jobs(struct search *s, const struct node *jobs)
{
	for (size_t i = 0; jobs && jobs->kind == NODE_LIST && i < jobs->n; i++) {
		if (!is_ipsec_job(jobs->items[i]))
			continue;
		s->job = jobs->items[i];
		check_twice(s->r, s->job);
		look_in(s, s->job);
	}
}

static void look_in_addons(struct search *s, const struct node *addons)
{
	for (size_t i = 0; addons && addons->kind == NODE_LIST && i < addons->n; i++) {
		look_in_jobs(s, node_get(addons->items[i], "jobs"));
		look_in(s, addons->items[i]);
	}
}

static void look_everywhere(struct search *s, struct node *root)
{
	const struct node *addons = node_get(root, "addons"), *jobs = node_get(root, "jobs");

	if (has_settings(root))
		take(s, root);
	look_in(s, root);
	look_in_addons(s, addons);
	look_in_jobs(s, jobs);
	if (addons && jobs && jobs->kind == NODE_LIST && s->job)
		report_add(
			&s->r->report, PROBLEM_WARNING, node_place(jobs),
			"addons:\n- name: ipsec-addon\n  jobs:\n  - name: ipsec",
			"jobs stands beside addons and not in an addon: ikemesh reads it all the "
			"same, BOSH would not");
}

/* Nothing where it is looked for. Perhaps a few levels off. */
static void say_not_found(struct search *s)
{
	const struct yaml_doc *doc = &s->r->doc;
	struct place at = { .line = 1, .column = 1 };
	const char *hint = "";

	if (s->job) {
		at = node_place(s->job);
		hint = "; the job ipsec has no properties";
	}
	for (size_t i = 0; i < doc->n; i++) {
		if (!has_settings(doc->nodes[i]))
			continue;
		at = node_place(doc->nodes[i]);
		hint = "; those found here stand in none of these places";
		break;
	}
	report_add(
		&s->r->report, PROBLEM_ERROR, at, "properties:\n  ipsec:\n    ipsec_subnets:",
		"the IPsec keys were expected at the top level, under properties: ipsec:, or there "
		"in an addon's job named ipsec%s",
		hint);
}

/* Misspelt as all keys may be, they cannot be anything else. */
static bool has_near_settings(const struct node *map)
{
	static const char *const bosh[] = { "releases", "addons",    "jobs", "properties",
					    "ipsec",	"variables", "tags" };

	for (size_t i = 0; i < sizeof(bosh) / sizeof(bosh[0]); i++)
		if (node_get(map, bosh[i]))
			return false;
	for (size_t i = 0; i < map->n; i += 2)
		if (schema_find(map->items[i]->text) || schema_near(map->items[i]->text))
			return true;
	return false;
}

static struct node *choose(struct search *s)
{
	struct node *root = s->r->doc.root;

	if (!s->n && has_near_settings(root))
		return root;
	if (!s->n) {
		/* An ipsec: that is no mapping has been told already. */
		if (!s->r->report.ps->errors)
			say_not_found(s);
		return NULL;
	}
	for (size_t i = 1; i < s->n; i++)
		report_add(
			&s->r->report, PROBLEM_ERROR, node_place(s->found[i]), NULL,
			"the IPsec keys stand twice in this file: on line %u and here; keep one of "
			"them",
			s->found[0]->line);
	return s->found[0];
}

struct node *locate_settings(struct reading *r)
{
	struct search s = { .r = r };
	struct node *root = r->doc.root, *settings;

	if (!root || (root->kind == NODE_SCALAR && node_is_null(root))) {
		report_add(&r->report, PROBLEM_ERROR, (struct place){ .line = 1, .column = 1 },
			   "ipsec_subnets:\n- 10.0.0.0/20", "the file is empty");
		return NULL;
	}
	if (root->kind != NODE_MAP) {
		report_add(&r->report, PROBLEM_ERROR, node_place(root),
			   "ipsec_subnets:\n- 10.0.0.0/20", "keys and values were expected, not %s",
			   node_kind_name(root));
		return NULL;
	}
	look_everywhere(&s, root);
	settings = choose(&s);
	if (settings != root)
		check_twice(r, root);
	return settings;
}
