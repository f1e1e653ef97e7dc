/* SPDX-License-Identifier: Apache-2.0 */
#include "cmd/ikemeshd/peers.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

struct collecting {
	struct peers *to;
	struct ip local, remote;
	bool found; /* of this pair */
	bool no_memory;
};

static void visit_pair(void *arg, const struct status_pair *p)
{
	struct collecting *c = arg;

	c->local = p->local;
	c->remote = p->remote;
	c->found = false;
}

static struct peer *append(struct peers *ps)
{
	if (ps->n == ps->room) {
		size_t room = ps->room == 0 ? 64 : 2 * ps->room;
		struct peer *more = realloc(ps->p, room * sizeof(*more));

		if (more == NULL)
			return NULL;
		ps->p = more;
		ps->room = room;
	}
	return &ps->p[ps->n++];
}

static void visit_ike(void *arg, const struct status_ike *s)
{
	struct collecting *c = arg;
	struct peer *p;

	if (c->found || s->state != IKE_ESTABLISHED)
		return;
	c->found = true;
	p = append(c->to);
	if (p != NULL)
		*p = (struct peer){ .local = c->local, .remote = c->remote, .ike = *s };
	else
		c->no_memory = true;
}

static void visit_child(void *arg, const struct status_child *s)
{
	(void)arg;
	(void)s;
}

int peers_collect(const struct engine *engine, struct peers *out)
{
	struct collecting c = { .to = out };
	const struct status_visitor v = {
		.pair = visit_pair, .ike = visit_ike, .child = visit_child, .arg = &c
	};

	*out = (struct peers){ 0 };
	if (engine != NULL)
		engine_status(engine, &v);
	if (c.no_memory)
		peers_free(out);
	return c.no_memory ? -ENOMEM : 0;
}

void peers_free(struct peers *ps)
{
	for (size_t i = 0; i < ps->n_shown; i++)
		free(ps->shown[i]);
	free(ps->shown);
	free(ps->p);
	*ps = (struct peers){ 0 };
}

static int compare(const void *a, const void *b)
{
	const struct peer *x = a, *y = b;
	const struct cert_info *cx = x->ike.peer_cert, *cy = y->ike.peer_cert;

	int d = 0;

	if (cx == cy)
		return ip_compare(&x->remote, &y->remote);
	if (cx != NULL && cy != NULL)
		d = strcmp(cx->fingerprint, cy->fingerprint);
	if (d == 0)
		d = (uintptr_t)cx < (uintptr_t)cy ? -1 : 1;
	return d;
}

void peers_group(struct peers *ps)
{
	if (ps->n > 0)
		qsort(ps->p, ps->n, sizeof(*ps->p), compare);
}

/* ---- of their own ------------------------------------------------------------------------------
 */

/* What peers that are alike have shown. */
struct shown {
	struct cert_info leaf;
	struct bytes chain[CERT_CHAIN_MAX];
	struct bytes cas;
	uint8_t octets[];
};

static struct bytes copy_to(uint8_t **at, struct bytes from)
{
	struct bytes copy = BYTES(*at, from.n);

	if (from.n > 0)
		memcpy(*at, from.p, from.n);
	*at += from.n;
	return copy;
}

static struct shown *copy_shown(const struct status_ike *s)
{
	size_t n = s->peer_cas.n;
	struct shown *copy;
	uint8_t *at;

	for (size_t i = 0; i < s->n_peer_chain; i++)
		n += s->peer_chain[i].n;
	copy = malloc(sizeof(*copy) + n);
	if (copy == NULL)
		return NULL;
	at = copy->octets;
	if (s->peer_cert != NULL)
		copy->leaf = *s->peer_cert;
	for (size_t i = 0; i < s->n_peer_chain; i++)
		copy->chain[i] = copy_to(&at, s->peer_chain[i]);
	copy->cas = copy_to(&at, s->peer_cas);
	return copy;
}

static void point_to(struct status_ike *s, const struct shown *shown)
{
	if (s->peer_cert != NULL)
		s->peer_cert = &shown->leaf;
	s->peer_chain = shown->chain;
	s->peer_cas = shown->cas;
	s->peer_id = BYTES_NONE;
	s->peer_warning = NULL;
	s->add_ke = NULL;
	s->n_add_ke = 0;
}

int peers_own(struct peers *ps)
{
	const struct cert_info *last = NULL;

	peers_group(ps);
	ps->shown = calloc(ps->n + 1, sizeof(*ps->shown));
	if (ps->shown == NULL)
		return -ENOMEM;
	for (size_t i = 0; i < ps->n; i++) {
		struct status_ike *s = &ps->p[i].ike;

		if (i == 0 || s->peer_cert != last) {
			last = s->peer_cert;
			ps->shown[ps->n_shown] = copy_shown(s);
			if (ps->shown[ps->n_shown] == NULL)
				return -ENOMEM;
			ps->n_shown++;
		}
		point_to(s, ps->shown[ps->n_shown - 1]);
	}
	return 0;
}
