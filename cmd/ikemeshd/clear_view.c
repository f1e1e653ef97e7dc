/* SPDX-License-Identifier: Apache-2.0 */
#include "cmd/ikemeshd/clear_view.h"
#include "cmd/ikemeshd/clock.h"

#include <errno.h>
#include <stdlib.h>

struct view {
	const struct spec *spec;
	struct mono now;
	struct clear_talker *t;
	size_t n, room;
	size_t n_heard; /* the first of them, sorted */
	bool sees_decrypted;
	bool out_of_memory;
};

static int by_address(const void *a, const void *b)
{
	return ip_compare(&((const struct clear_talker *)a)->remote,
			  &((const struct clear_talker *)b)->remote);
}

static struct clear_talker *heard(const struct view *v, const struct ip *remote)
{
	const struct clear_talker key = { .remote = *remote };

	if (v->n_heard == 0)
		return NULL;
	return bsearch(&key, v->t, v->n_heard, sizeof(key), by_address);
}

/*
 * What lets cleartext of that peer pass; NULL: nothing does. Of several entries with one subnet,
 * for single protocols, any.
 */
static const struct subnet_spec *optional_entry(const struct spec *s, const struct ip *remote)
{
	const struct subnet_spec *which = NULL;
	const enum ruling ruling = spec_ruling(s, remote, &which);

	if (ruling != RULING_ENFORCED)
		return ruling == RULING_OPTIONAL ? which : NULL;
	for (size_t i = 0; i < s->n_protect; i++) {
		if (s->protect[i].optional && subnet_equal(&s->protect[i].net, &which->net))
			return &s->protect[i];
	}
	return NULL;
}

/* NULL: no memory, or IPsec is not optional with that peer. */
static struct clear_talker *add(struct view *v, const struct ip *remote)
{
	const struct subnet_spec *entry = optional_entry(v->spec, remote);

	if (entry == NULL)
		return NULL;
	if (v->n == v->room) {
		const size_t room = v->room == 0 ? 32 : v->room * 2;
		struct clear_talker *more = realloc(v->t, room * sizeof(*more));

		if (more == NULL) {
			v->out_of_memory = true;
			return NULL;
		}
		v->t = more;
		v->room = room;
	}
	v->t[v->n] = (struct clear_talker){
		.remote = *remote, .entry = entry, .in = MONO_NEVER, .out = MONO_NEVER
	};
	return &v->t[v->n++];
}

static bool is_recent(const struct view *v, struct mono at)
{
	return v->now.us - at.us <= CLEAR_WINDOW_US;
}

static void add_heard(struct view *v, const struct clear *clear)
{
	size_t n;
	const struct clear_peer *p = clear_peers(clear, &n);

	for (size_t i = 0; i < n; i++) {
		struct clear_talker *t = is_recent(v, p[i].last) ? add(v, &p[i].remote) : NULL;

		if (t != NULL)
			t->in = p[i].last;
	}
	v->n_heard = v->n;
	if (v->n > 0)
		qsort(v->t, v->n, sizeof(*v->t), by_address);
}

/* ---- what the core knows ----------------------------------------------------------------------
 */

/* The last attempt of ours that is over; NULL: it went well, or there was none. */
static const struct status_attempt *last_failure(const struct status_pair *p)
{
	for (size_t i = 0; i < p->n_attempts; i++) {
		const struct status_attempt *a = &p->attempts[i];

		if (a->initiator && a->ended_at.us != MONO_NEVER.us)
			return a->failed ? a : NULL;
	}
	return NULL;
}

static void visit_pair(void *arg, const struct status_pair *p)
{
	struct view *v = arg;
	const struct status_attempt *failure = p->n_children == 0 ? last_failure(p) : NULL;
	struct clear_talker *t;

	if (failure == NULL || !is_recent(v, failure->started_at))
		return;
	t = heard(v, &p->remote);
	if (t == NULL)
		t = add(v, &p->remote);
	if (t != NULL)
		t->out = failure->started_at;
}

static void visit_ike(void *arg, const struct status_ike *s)
{
	(void)arg;
	(void)s;
}

static void visit_child(void *arg, const struct status_child *c)
{
	const struct view *v = arg;
	struct clear_talker *t = heard(v, &c->remote);

	/* One for a single protocol or port puts an end to nothing. */
	if (t == NULL || c->state != CHILD_INSTALLED || c->protocol != 0)
		return;
	if (v->sees_decrypted || t->in.us <= clock_after(c->installed_at, CLEAR_GRACE_US).us)
		t->in = MONO_NEVER;
}

/* Who was heard and has nothing against it any more goes, out of the list and out of memory. */
static void settle(struct view *v, struct clear *clear)
{
	size_t kept = 0;

	for (size_t i = 0; i < v->n; i++) {
		if (i < v->n_heard && v->t[i].in.us == MONO_NEVER.us)
			clear_forget(clear, &v->t[i].remote);
		if (v->t[i].in.us != MONO_NEVER.us || v->t[i].out.us != MONO_NEVER.us)
			v->t[kept++] = v->t[i];
	}
	v->n = kept;
	if (kept > 0)
		qsort(v->t, kept, sizeof(*v->t), by_address);
}

int clear_view(struct clear *clear, const struct engine *engine, const struct spec *spec,
	       bool sees_decrypted, struct mono now, struct clear_talker **out, size_t *n)
{
	struct view v = { .spec = spec, .sees_decrypted = sees_decrypted, .now = now };
	const struct status_visitor visitor = {
		.pair = visit_pair, .ike = visit_ike, .child = visit_child, .arg = &v
	};

	*out = NULL;
	*n = 0;
	if (clear != NULL)
		add_heard(&v, clear);
	engine_status(engine, &visitor);
	if (v.out_of_memory) {
		free(v.t);
		return -ENOMEM;
	}
	settle(&v, clear);
	*out = v.t;
	*n = v.n;
	return 0;
}
