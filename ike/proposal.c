/* SPDX-License-Identifier: Apache-2.0 */
#include "ike/proposal.h"

#include <stdio.h>
#include <string.h>

#define TYPES (TRANSFORM_TYPES + 1) /* and 0 unused */
#define ADD_KE_BITS (((1u << ADDKE_MAX) - 1) << TRANSFORM_ADDKE1)

static bool is_add_ke(uint8_t type)
{
	return type >= TRANSFORM_ADDKE1 && type <= TRANSFORM_ADDKE7;
}

static bool same_transform(const struct transform *a, const struct transform *b)
{
	return a->type == b->type && a->id == b->id && a->key_bits == b->key_bits;
}

static bool offered(const struct proposal_view *p, const struct transform *want)
{
	struct transform_view t;
	size_t pos = 0;

	while (transform_next(p, &pos, &t))
		if (!t.unknown_attribute && same_transform(&t.t, want))
			return true;
	return false;
}

/* NONE: the other side may leave the whole type out (RFC 7296 3.3.3, RFC 9370 2.2.1). */
static bool is_none(const struct transform *t)
{
	return t->id == 0 &&
	       (t->type == TRANSFORM_INTEG || t->type == TRANSFORM_KE || is_add_ke(t->type));
}

/* Type bits of an offer; those that may be left out in *optional, too. */
static unsigned offered_types(const struct proposal_view *p, unsigned *optional)
{
	struct transform_view t;
	size_t pos = 0;
	unsigned types = 0;

	*optional = 0;
	while (transform_next(p, &pos, &t)) {
		if (t.t.type >= TYPES) {
			types |= 1u; /* a type that we do not know: not to be chosen */
			continue;
		}
		types |= 1u << t.t.type;
		if (is_none(&t.t))
			*optional |= 1u << t.t.type;
	}
	return types;
}

/* Type bits of ours; those that we can do without, and that the offer does not have, are left out.
 */
static unsigned wanted_types(const struct proposal_spec *s, bool with_ke, unsigned offered)
{
	unsigned types = 0, optional = 0;

	for (size_t i = 0; i < s->n; i++) {
		if (!with_ke && s->t[i].type == TRANSFORM_KE)
			continue;
		types |= 1u << s->t[i].type;
		if (is_none(&s->t[i]) && is_add_ke(s->t[i].type))
			optional |= 1u << s->t[i].type;
	}
	return types & ~(optional & ~offered);
}

/* One transform of each type of ours that the offer has too, in our order. */
static bool match(const struct proposal_spec *ours, bool with_ke, const struct proposal_view *p,
		  struct chosen *out)
{
	unsigned optional, types = offered_types(p, &optional);
	unsigned wanted = wanted_types(ours, with_ke, types), found = 0;

	/* A KE transform in an IKE_AUTH offer means nothing there: some peers send it. */
	if (!with_ke)
		types &= ~(1u << TRANSFORM_KE | ADD_KE_BITS);
	if ((wanted & ~types) != 0 || (types & ~wanted & ~optional) != 0)
		return false;
	out->n = 0;
	for (size_t i = 0; i < ours->n; i++) {
		const struct transform *t = &ours->t[i];
		if ((wanted & (1u << t->type)) == 0 || (found & (1u << t->type)) != 0 ||
		    !offered(p, t))
			continue;
		found |= 1u << t->type;
		out->t[out->n++] = *t;
	}
	return found == wanted;
}

bool proposal_choose(const struct proposal_spec *ours, size_t n_ours, uint8_t protocol,
		     bool with_ke, const struct sa_view *theirs, struct chosen *out)
{
	for (size_t o = 0; o < n_ours; o++) {
		for (size_t i = 0; i < theirs->n; i++) {
			const struct proposal_view *p = &theirs->p[i];
			if (p->protocol != protocol || !match(&ours[o], with_ke, p, out))
				continue;
			out->number = p->number;
			out->spi = p->spi;
			return true;
		}
	}
	return false;
}

bool proposal_accept(const struct proposal_spec *ours, size_t n_ours, uint8_t protocol,
		     bool with_ke, const struct sa_view *answer, struct chosen *out)
{
	struct transform_view t;
	unsigned seen = 0;
	size_t pos = 0;

	if (answer->n != 1 || answer->p[0].protocol != protocol || answer->p[0].number == 0)
		return false;
	while (transform_next(&answer->p[0], &pos, &t)) {
		if (t.t.type >= TYPES || (seen & (1u << t.t.type)) != 0)
			return false;
		seen |= 1u << t.t.type;
	}
	/* RFC 7296 2.7: the number is that of the proposal chosen. */
	size_t which = (size_t)answer->p[0].number - 1;
	if (which >= n_ours || !match(&ours[which], with_ke, &answer->p[0], out))
		return false;
	out->number = answer->p[0].number;
	out->spi = answer->p[0].spi;
	return true;
}

bool ike_suite_of(const struct chosen *c, struct ike_suite *out)
{
	*out = (struct ike_suite){ 0 };
	for (size_t i = 0; i < c->n; i++) {
		const struct transform *t = &c->t[i];
		if (t->type == TRANSFORM_ENCR)
			out->encr = encr_by_id(t->id, t->key_bits);
		else if (t->type == TRANSFORM_INTEG)
			out->integ = integ_by_id(t->id);
		else if (t->type == TRANSFORM_PRF)
			out->prf = prf_by_id(t->id);
		else if (t->type == TRANSFORM_KE)
			out->ke = ke_by_id(t->id);
		else if (is_add_ke(t->type) && t->id != KE_NONE)
			out->add_ke[out->n_add_ke++] = ke_by_id(t->id);
	}
	for (size_t i = 0; i < out->n_add_ke; i++)
		if (out->add_ke[i] == NULL)
			return false;
	return out->encr && out->prf && out->ke && (out->encr->aead || out->integ);
}

bool esp_suite_of(const struct chosen *c, struct esp_suite *out)
{
	*out = (struct esp_suite){ 0 };
	for (size_t i = 0; i < c->n; i++) {
		const struct transform *t = &c->t[i];
		if (t->type == TRANSFORM_ENCR)
			out->encr = encr_by_id(t->id, t->key_bits);
		else if (t->type == TRANSFORM_INTEG)
			out->integ = integ_by_id(t->id);
		else if (t->type == TRANSFORM_KE)
			out->ke = ke_by_id(t->id);
		else if (t->type == TRANSFORM_ESN)
			out->esn = t->id == ESN_YES;
	}
	return out->encr && (out->encr->aead || out->integ);
}

size_t proposal_without_ke(const struct proposal_spec *from, size_t n, struct proposal_spec *to)
{
	for (size_t i = 0; i < n; i++) {
		to[i].n = 0;
		for (size_t k = 0; k < from[i].n; k++)
			if (from[i].t[k].type != TRANSFORM_KE)
				to[i].t[to[i].n++] = from[i].t[k];
	}
	return n;
}

uint16_t proposal_first_ke(const struct proposal_spec *specs, size_t n)
{
	for (size_t i = 0; i < n; i++)
		for (size_t k = 0; k < specs[i].n; k++)
			if (specs[i].t[k].type == TRANSFORM_KE)
				return specs[i].t[k].id;
	return KE_NONE;
}

bool proposal_has_ke(const struct proposal_spec *specs, size_t n, uint16_t group)
{
	for (size_t i = 0; i < n; i++)
		for (size_t k = 0; k < specs[i].n; k++)
			if (specs[i].t[k].type == TRANSFORM_KE && specs[i].t[k].id == group)
				return true;
	return false;
}

bool proposal_has_add_ke(const struct proposal_spec *specs, size_t n)
{
	for (size_t i = 0; i < n; i++)
		for (size_t k = 0; k < specs[i].n; k++)
			if (is_add_ke(specs[i].t[k].type) && specs[i].t[k].id != KE_NONE)
				return true;
	return false;
}

size_t proposal_for_rekey(const struct proposal_spec *from, size_t n, bool has_add_ke,
			  struct proposal_spec *to)
{
	size_t kept = 0;

	for (size_t i = 0; i < n && has_add_ke; i++) {
		if (!proposal_has_add_ke(&from[i], 1))
			continue;
		to[kept].n = 0;
		for (size_t k = 0; k < from[i].n; k++)
			if (!is_add_ke(from[i].t[k].type) || from[i].t[k].id != KE_NONE)
				to[kept].t[to[kept].n++] = from[i].t[k];
		kept++;
	}
	if (kept == 0) {
		memcpy(to, from, n * sizeof(*to));
		kept = n;
	}
	return kept;
}

static void transform_text(const struct transform *t, char *out, size_t size)
{
	const char *name = NULL;
	char number[8] = ""; /* of an additional key exchange */

	if (t->type == TRANSFORM_ENCR && encr_by_id(t->id, t->key_bits))
		name = encr_by_id(t->id, t->key_bits)->name;
	else if (t->type == TRANSFORM_INTEG && integ_by_id(t->id))
		name = integ_by_id(t->id)->name;
	else if (t->type == TRANSFORM_PRF && prf_by_id(t->id))
		name = prf_by_id(t->id)->name;
	else if (t->type == TRANSFORM_ESN)
		name = t->id == ESN_YES ? "ESN" : "NO_EXT_SEQ";
	else if (is_add_ke(t->type) && t->id == KE_NONE)
		name = "NONE";
	else if ((t->type == TRANSFORM_KE || is_add_ke(t->type)) && ke_by_id(t->id))
		name = ke_by_id(t->id)->name;
	if (is_add_ke(t->type))
		snprintf(number, sizeof(number), "KE%u_", t->type - TRANSFORM_ADDKE1 + 1u);
	if (name)
		snprintf(out, size, "%s%s", number, name);
	else if (t->key_bits)
		snprintf(out, size, "type%u:%u_%u", t->type, t->id, t->key_bits);
	else
		snprintf(out, size, "type%u:%u", t->type, t->id);
}

void proposals_text(const struct sa_view *v, char *out, size_t size)
{
	size_t at = 0;

	out[0] = '\0';
	for (size_t i = 0; i < v->n; i++) {
		struct transform_view t;
		size_t pos = 0;
		const char *separator = i ? ", " : "";
		while (transform_next(&v->p[i], &pos, &t)) {
			char name[48];
			transform_text(&t.t, name, sizeof(name));
			int k = snprintf(out + at, size - at, "%s%s", separator, name);
			if (k < 0 || (size_t)k >= size - at)
				return;
			at += (size_t)k;
			separator = "/";
		}
	}
}
