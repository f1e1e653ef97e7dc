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
