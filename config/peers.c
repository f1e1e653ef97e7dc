/* SPDX-License-Identifier: Apache-2.0 */
/* What is asked of a peer beyond a chain to a CA: peer_identities, crls and their policy. */
#include "config/crl_file.h"
#include "config/source.h"
#include "crypto/pattern.h"
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define LIST_MAX 1024

/* The texts of a list; nothing, or an empty one, is none. false: it is no such list. */
static bool is_list(struct reading *r, const struct key_row *row, const struct node *node)
{
	if (!node || node_is_null(node))
		return false;
	if (node->kind == NODE_LIST && node->n <= LIST_MAX)
		return true;
	expected(r, row, node);
	return false;
}

static bool is_text(struct reading *r, const struct key_row *row, const struct node *node)
{
	if (node->kind == NODE_SCALAR && !node_is_null(node) && *node->text)
		return true;
	expected(r, row, node);
	return false;
}

/* --- peer_identities ----------------------------------------------------------------------- */

static void read_identity(struct reading *r, const struct key_row *row, const struct node *node)
{
	struct config *out = r->out;
	char said[SHOWN_LEN];
	const char *why = "";
	struct pattern *p;
	int e;

	if (!is_text(r, row, node))
		return;
	e = pattern_parse(node->text, &p, &why);
	if (e == -EINVAL)
		report_add(&r->report, PROBLEM_ERROR, node_place(node), NULL, "%s: \"%s\" %s",
			   row->name, shown(node->text, said), why);
	if (!e) {
		e = trust_add_pattern(out->trust, p);
		out->identities[out->n_identities] = strdup(node->text);
		e = out->identities[out->n_identities++] ? e : -ENOMEM;
	}
	r->report.no_memory |= e == -ENOMEM;
}

static void read_identities(struct reading *r, const struct node *node)
{
	const struct key_row *row = schema_find("peer_identities");

	if (!is_list(r, row, node))
		return;
	r->out->identities = calloc(node->n + 1, sizeof(*r->out->identities));
	if (!r->out->identities) {
		r->report.no_memory = true;
		return;
	}
	for (size_t i = 0; i < node->n; i++)
		read_identity(r, row, node->items[i]);
}

/* --- crls ---------------------------------------------------------------------------------- */

/* Without lists nobody is known to be revoked: the policy says how bad that is. */
static void say_fault(struct reading *r, const struct node *node, const struct crl_file *f)
{
	const bool hard = r->out->rules.crl_policy == CRL_HARD;

	report_add(&r->report, hard ? PROBLEM_ERROR : PROBLEM_WARNING, node_place(node), NULL,
		   "crls: %s %s%s", f->path, crl_fault_text(f->fault),
		   hard ? "" : "; it is left out until it can be read");
}

static void read_crl(struct reading *r, const struct key_row *row, const struct node *node)
{
	struct config *out = r->out;
	struct crl_file *f = &out->crl_files[out->n_crl_files];

	if (!is_text(r, row, node))
		return;
	f->path = source_path(r, node->text);
	if (!f->path)
		return;
	out->n_crl_files++;
	if (crl_file_look(f) == CRL_BROKEN)
		say_fault(r, node, f);
}

static void read_crls(struct reading *r, const struct node *node)
{
	const struct key_row *row = schema_find("crls");
	struct config *out = r->out;
	struct crls *all;

	if (!is_list(r, row, node) || !node->n)
		return;
	out->crl_files = calloc(node->n, sizeof(*out->crl_files));
	if (!out->crl_files) {
		r->report.no_memory = true;
		return;
	}
	for (size_t i = 0; i < node->n; i++)
		read_crl(r, row, node->items[i]);
	all = crl_files_join(out->crl_files, out->n_crl_files);
	trust_set_crls(out->trust, all);
	r->report.no_memory |= !all;
	crls_drop(all);
}

static void check_policy(struct reading *r, const struct node *settings)
{
	const struct node *at = node_get(settings, "crl_policy");

	if (r->out->rules.crl_policy == CRL_HARD && !r->out->n_crl_files)
		report_add(&r->report, PROBLEM_ERROR, node_place(at),
			   "crls:\n- /etc/ikemesh/ca.crl",
			   "crl_policy: hard refuses every peer as long as there are no crls");
}

void read_peer_rules(struct reading *r, const struct node *settings)
{
	if (!r->out->trust) /* no memory for it, which was told */
		return;
	trust_set_rules(r->out->trust, &r->out->rules);
	read_identities(r, node_get(settings, "peer_identities"));
	read_crls(r, node_get(settings, "crls"));
	check_policy(r, settings);
}
