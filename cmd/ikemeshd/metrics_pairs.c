/* SPDX-License-Identifier: Apache-2.0 */
#include "cmd/ikemeshd/metrics_pairs.h"
#include "cmd/ikemeshd/status_pairs.h"

#include <errno.h>
#include <stdlib.h>

/* The walk: what of the last pair is known when its SAs have been seen. */
struct walk {
	const struct spec *spec;
	struct metrics_pairs *out;
	struct pair_seen seen;
	bool open;
	int error;
};

const char *metrics_state_name(enum metrics_state s)
{
	static const char *const names[] = { "up",   "connecting", "waiting", "backing-off",
					     "down", "clear",	   "bypassed" };
	return names[s];
}

void metrics_traffic_add(struct metrics_traffic *t, const struct sa_counters *c, bool inbound)
{
	if (inbound) {
		t->bytes_in += c->bytes;
		t->packets_in += c->packets;
	} else {
		t->bytes_out += c->bytes;
		t->packets_out += c->packets;
	}
}

/* ---- the core ------------------------------------------------------------------------------- */

static enum metrics_state state_of(const struct walk *w, enum ruling ruling)
{
	static const enum metrics_state states[] = {
		[STANDING_UP] = METRICS_UP,	      [STANDING_CONNECTING] = METRICS_CONNECTING,
		[STANDING_WAITING] = METRICS_WAITING, [STANDING_BACKING_OFF] = METRICS_BACKING_OFF,
		[STANDING_DOWN] = METRICS_DOWN,
	};

	if (ruling == RULING_BYPASS)
		return METRICS_BYPASSED;
	if (ruling != RULING_ENFORCED && !w->seen.up)
		return METRICS_CLEAR;
	return states[status_standing(&w->seen)];
}

static void end_pair(struct walk *w)
{
	struct metrics_pairs *m = w->out;
	struct metrics_pair *p;
	enum ruling ruling;

	if (!w->open)
		return;
	p = &m->p[m->n - 1];
	ruling = spec_ruling(w->spec, &p->remote, NULL);
	p->state = state_of(w, ruling);
	p->trouble = !w->seen.up && p->reason != REASON_NONE &&
		     (ruling == RULING_ENFORCED || ruling == RULING_OPTIONAL);
	m->states[p->state]++;
	m->n_trouble += p->trouble;
	w->open = false;
}

static struct metrics_pair *add_pair(struct walk *w)
{
	struct metrics_pairs *m = w->out;

	if (m->n == m->room) {
		size_t room = m->room == 0 ? 64 : 2 * m->room;
		struct metrics_pair *more = reallocarray(m->p, room, sizeof(*more));

		if (more == NULL) {
			w->error = -ENOMEM;
			return NULL;
		}
		m->p = more;
		m->room = room;
	}
	return &m->p[m->n++];
}

static enum reason reason_of(const struct status_pair *p)
{
	for (size_t i = 0; i < p->n_attempts; i++) {
		if (attempt_reason(&p->attempts[i]) != REASON_NONE)
			return attempt_reason(&p->attempts[i]);
	}
	return REASON_NONE;
}

static void visit_pair(void *arg, const struct status_pair *p)
{
	struct walk *w = arg;
	struct metrics_pair *pair;

	end_pair(w);
	pair = add_pair(w);
	if (pair == NULL)
		return;
	*pair = (struct metrics_pair){ .local = p->local,
				       .remote = p->remote,
				       .since = p->since,
				       .failures = p->failures,
				       .reason = reason_of(p) };
	w->open = true;
	status_pair_begins(&w->seen, p);
}

static void visit_ike(void *arg, const struct status_ike *s)
{
	struct walk *w = arg;

	w->out->ike[s->state]++;
	status_pair_has_ike(&w->seen, s);
}

static void visit_child(void *arg, const struct status_child *c)
{
	struct walk *w = arg;

	w->out->child[c->state]++;
	status_pair_has_child(&w->seen, c);
}

/* ---- the kernel ----------------------------------------------------------------------------- */

static int by_addresses(const void *a, const void *b)
{
	const struct metrics_pair *x = a, *y = b;
	int order = ip_compare(&x->remote, &y->remote);

	return order != 0 ? order : ip_compare(&x->local, &y->local);
}

static struct metrics_pair *find(struct metrics_pairs *m, const struct ip *local,
				 const struct ip *remote)
{
	const struct metrics_pair key = { .local = *local, .remote = *remote };

	return m->n == 0 ? NULL : bsearch(&key, m->p, m->n, sizeof(key), by_addresses);
}

static int add_sa(const struct sa_held *sa, void *arg)
{
	struct metrics_pairs *m = arg;
	struct metrics_pair *p = find(m, &sa->ref.dst, &sa->ref.src);
	const bool inbound = p != NULL;

	if (sa->larval)
		return 0;
	if (p == NULL)
		p = find(m, &sa->ref.src, &sa->ref.dst);
	if (p == NULL)
		return 0;
	metrics_traffic_add(&p->traffic, &sa->counters, inbound);
	metrics_traffic_add(&m->traffic, &sa->counters, inbound);
	return 0;
}

int metrics_pairs_collect(const struct engine *engine, const struct spec *spec,
			  struct kernel *kernel, struct metrics_pairs *out)
{
	struct walk w = { .spec = spec, .out = out };
	const struct status_visitor visitor = {
		.pair = visit_pair, .ike = visit_ike, .child = visit_child, .arg = &w
	};

	*out = (struct metrics_pairs){ 0 };
	engine_status(engine, &visitor);
	end_pair(&w);
	if (out->n > 0)
		qsort(out->p, out->n, sizeof(*out->p), by_addresses);
	if (kernel != NULL)
		kernel_sa_dump(kernel, add_sa, out);
	return w.error;
}

void metrics_pairs_free(struct metrics_pairs *m)
{
	free(m->p);
	*m = (struct metrics_pairs){ 0 };
}
