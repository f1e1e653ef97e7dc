/* SPDX-License-Identifier: Apache-2.0 */
/* What could not be heard is asked for: the wires between xfrm/missed and the rest. */
#include "xfrm/missed.h"
#include "cmd/ikemeshd/daemon.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define LOG_AREA AREA_XFRM

struct inventory {
	const struct engine *engine;
	struct sa_held *held;
	size_t n_held, held_room;
	struct sa_ref *known;
	size_t n_known, known_room;
	int err;
};

/* Room for one more; false: no memory. */
static bool grow(void **p, size_t n, size_t *room, size_t size)
{
	size_t more = *room == 0 ? 64 : *room * 2;
	void *fresh;

	if (n < *room)
		return true;
	fresh = reallocarray(*p, more, size);
	if (fresh == NULL)
		return false;
	*p = fresh;
	*room = more;
	return true;
}

static int note_held(const struct sa_held *sa, void *arg)
{
	struct inventory *v = arg;

	if (!grow((void **)&v->held, v->n_held, &v->held_room, sizeof(*v->held)))
		return -ENOMEM;
	v->held[v->n_held++] = *sa;
	return 0;
}

static void note_known(struct inventory *v, const struct sa_ref *ref)
{
	if (!engine_knows_sa(v->engine, ref))
		return; /* not in the kernel yet, or any more */
	if (grow((void **)&v->known, v->n_known, &v->known_room, sizeof(*v->known)))
		v->known[v->n_known++] = *ref;
	else
		v->err = -ENOMEM;
}

static void visit_pair(void *arg, const struct status_pair *p)
{
	(void)arg;
	(void)p;
}

static void visit_ike(void *arg, const struct status_ike *s)
{
	(void)arg;
	(void)s;
}

static void visit_child(void *arg, const struct status_child *c)
{
	note_known(arg, &(struct sa_ref){ .src = c->remote, .dst = c->local, .spi = c->spi_in });
	note_known(arg, &(struct sa_ref){ .src = c->local, .dst = c->remote, .spi = c->spi_out });
}

void daemon_hear_missed(struct daemon *d, void (*each)(const struct kernel_event *, void *))
{
	struct inventory v = { .engine = d->engine };
	const struct status_visitor visitor = {
		.pair = visit_pair, .ike = visit_ike, .child = visit_child, .arg = &v
	};

	engine_status(d->engine, &visitor);
	if (v.err == 0)
		v.err = kernel_sa_dump(d->kernel, note_held, &v);
	if (v.err == 0)
		missed_events(v.held, v.n_held, v.known, v.n_known, each, d);
	else
		log_recurrent(d->log, REPORT_WARNING, "cannot list the kernel's SAs: %s",
			      strerror(-v.err));
	free(v.held);
	free(v.known);
}
