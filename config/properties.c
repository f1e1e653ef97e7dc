/* SPDX-License-Identifier: Apache-2.0 */
/* What the crypto library has for the proposals: at all, and under crypto_properties. */
#include "config/reading.h"
#include "config/suites.h"
#include "crypto/provider.h"
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define PROPERTIES_MAX 200 /* octets */

/* The transform of a proposal that is not to be had; NULL: none. */
static const struct transform *missing(const struct provider_view *v, const struct proposal_spec *p)
{
	for (size_t i = 0; i < p->n; i++)
		if (!provider_has(v, p->t[i].type, p->t[i].id, p->t[i].key_bits))
			return &p->t[i];
	return NULL;
}

static void leave_out(struct reading *r, const struct node *at, const struct key_row *row,
		      const struct proposal_spec *p, const struct transform *t, bool last)
{
	const struct proposal_spec one = { .t = { *t }, .n = 1 };
	char whole[256], word[64];

	suites_text(p, row->protocol, whole, sizeof(whole));
	suites_text(&one, row->protocol, word, sizeof(word));
	report_add(&r->report, last ? PROBLEM_ERROR : PROBLEM_WARNING, node_place(at), NULL,
		   last ? "%s: %s has %s, which crypto_properties do not allow; no proposal is left"
			: "%s: %s has %s, which crypto_properties do not allow; it is left out",
		   row->name, whole, word);
}

static void restrict_proposals(struct reading *r, const struct provider_view *v,
			       const struct node *settings, const char *name,
			       struct proposal_spec *p, size_t *n)
{
	const struct node *at = node_get(settings, name);
	size_t kept = 0;

	if (!at)
		at = node_get(settings, "crypto_properties");
	for (size_t i = 0; i < *n; i++) {
		const struct proposal_spec one = p[i];
		const struct transform *t = missing(v, &one);

		if (t)
			leave_out(r, at, schema_find(name), &one, t, kept == 0 && i + 1 == *n);
		else
			p[kept++] = one;
	}
	*n = kept;
}

static void no_view(struct reading *r, const struct node *node, int error, const char *why)
{
	char said[SHOWN_LEN];

	if (error == -ENOMEM)
		r->report.no_memory = true;
	else
		report_add(&r->report, PROBLEM_ERROR, node_place(node), NULL,
			   "crypto_properties: %s: %s", shown(node->text, said), why);
}

static void apply(struct reading *r, const struct provider_view *v, const struct node *settings)
{
	const struct node *certificate = node_get(settings, "instance_certificate");
	struct spec *s = &r->out->spec;

	restrict_proposals(r, v, settings, "ike_proposals", s->ike, &s->n_ike);
	restrict_proposals(r, v, settings, "esp_proposals", s->esp, &s->n_esp);
	if (certificate && s->credential.key != KEY_NONE &&
	    !provider_can_sign(v, s->credential.key))
		report_add(&r->report, PROBLEM_ERROR, node_place(certificate), NULL,
			   "instance_private_key is of a kind that crypto_properties do not allow");
}

void read_properties(struct reading *r, const struct node *settings)
{
	const struct key_row *row = schema_find("crypto_properties");
	const struct node *node = node_get(settings, row->name);
	char why[PROVIDER_TEXT_LEN];
	struct provider_view *v;
	int e;

	if (!node || node_is_null(node) || (node->kind == NODE_SCALAR && !*node->text))
		return;
	if (node->kind != NODE_SCALAR || strlen(node->text) > PROPERTIES_MAX) {
		expected(r, row, node);
		return;
	}
	e = provider_view_new(node->text, &v, why);
	if (e) {
		no_view(r, node, e, why);
		return;
	}
	apply(r, v, settings);
	provider_view_free(v);
	r->out->crypto_properties = strdup(node->text);
	if (!r->out->crypto_properties)
		r->report.no_memory = true;
}

/* --- without a query ------------------------------------------------------------------------ */

static bool is_optional(const struct transform *t)
{
	const struct ke_alg *ke = ke_by_id(t->id);

	return t->type >= TRANSFORM_ADDKE1 && ke && ke->optional;
}

/* Our proposal goes on without it: there is an alternative, which may be none at all (ke1_none). */
static bool cut_out(struct proposal_spec *p, const struct transform *t)
{
	const struct transform gone = *t;
	size_t n = 0, others = 0;

	for (size_t i = 0; i < p->n; i++)
		others += p->t[i].type == gone.type && p->t[i].id != gone.id;
	if (!others)
		return false;
	for (size_t i = 0; i < p->n; i++)
		if (p->t[i].type != gone.type || p->t[i].id != gone.id)
			p->t[n++] = p->t[i];
	p->n = n;
	return true;
}

static void say_unavailable(struct reading *r, const struct node *at, const struct proposal_spec *p,
			    const struct transform *t, bool cut, bool last)
{
	char whole[256];

	suites_text(p, PROTO_IKE, whole, sizeof(whole));
	report_add(
		&r->report, last ? PROBLEM_ERROR : PROBLEM_WARNING, node_place(at), NULL,
		"ike_proposals: %s needs %s, which OpenSSL %s does not have (3.5 and newer do); %s",
		whole, ke_by_id(t->id)->keyword, provider_version(),
		last  ? "no proposal is left"
		: cut ? "it goes on without"
		      : "it is left out");
}

/* What remains of a proposal; false: nothing. */
static bool keep_available(struct reading *r, const struct provider_view *v, const struct node *at,
			   struct proposal_spec *p, bool last)
{
	for (size_t i = 0; i < p->n; i++) {
		const struct proposal_spec whole = *p;
		const struct transform t = p->t[i];

		if (!is_optional(&t) || provider_has(v, t.type, t.id, 0))
			continue;
		const bool cut = cut_out(p, &t);
		say_unavailable(r, at, &whole, &t, cut, !cut && last);
		if (!cut)
			return false;
		i--;
	}
	return true;
}

static bool any_optional(const struct spec *s)
{
	for (size_t i = 0; i < s->n_ike; i++)
		for (size_t k = 0; k < s->ike[i].n; k++)
			if (is_optional(&s->ike[i].t[k]))
				return true;
	return false;
}

void read_optional_suites(struct reading *r, const struct node *settings)
{
	const struct node *at = node_get(settings, "ike_proposals");
	struct spec *s = &r->out->spec;
	char why[PROVIDER_TEXT_LEN];
	struct provider_view *v;
	size_t kept = 0;

	if (!at || !any_optional(s)) /* the default has none */
		return;
	if (provider_view_new("", &v, why)) {
		r->report.no_memory = true;
		return;
	}
	for (size_t i = 0; i < s->n_ike; i++) {
		struct proposal_spec p = s->ike[i];

		if (keep_available(r, v, at, &p, kept == 0 && i + 1 == s->n_ike))
			s->ike[kept++] = p;
	}
	s->n_ike = kept;
	provider_view_free(v);
}

/* --- for people ---------------------------------------------------------------------------- */

static void word_add(char *out, size_t size, bool has, const char *word)
{
	size_t n = strlen(out);

	if (has)
		snprintf(out + n, size - n, "%s%s", n ? " " : "", word);
}

const char *suites_left(const char *properties, char *out, size_t size)
{
	char why[PROVIDER_TEXT_LEN];
	struct provider_view *v;

	out[0] = '\0';
	if (provider_view_new(properties, &v, why))
		return out;
	for (const struct encr_alg *const *a = encr_all(); *a; a++)
		word_add(out, size, provider_has(v, TRANSFORM_ENCR, (*a)->id, (*a)->key_bits),
			 (*a)->keyword);
	for (const struct integ_alg *const *a = integ_all(); *a; a++)
		word_add(out, size, provider_has(v, TRANSFORM_INTEG, (*a)->id, 0), (*a)->keyword);
	for (const struct prf_alg *const *a = prf_all(); *a; a++)
		word_add(out, size, provider_has(v, TRANSFORM_PRF, (*a)->id, 0), (*a)->keyword);
	for (const struct ke_alg *const *a = ke_all(); *a; a++)
		word_add(out, size, provider_has(v, TRANSFORM_KE, (*a)->id, 0), (*a)->keyword);
	provider_view_free(v);
	return out;
}
