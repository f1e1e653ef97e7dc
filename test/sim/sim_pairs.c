/* SPDX-License-Identifier: Apache-2.0 */
/* How the pairs of hosts do: asked for at any time, or followed at every change of an SA. */
#include "sim/inside.h"

#include "ike/status.h"
#include <stdlib.h>
#include <string.h>

/* --- one pair, now --- */

static bool way_open(const struct sim *s, unsigned from, unsigned to)
{
	const struct sim_host *a = &s->hosts[from], *b = &s->hosts[to];
	const struct app_packet p = { .src = a->ip,
				      .dst = sim_address(s, from, to),
				      .protocol = 1 };
	const struct fake_sa *out = fake_kernel_outbound(&a->kernel, s->now, &p);
	const struct fake_sa *in;

	if (out == NULL)
		return false;
	in = fake_kernel_sa(&b->kernel, &b->ip, out->spec.spi);
	return in != NULL && in->spec.inbound && in->spec.encr == out->spec.encr &&
	       in->spec.integ == out->spec.integ && in->spec.esn == out->spec.esn &&
	       in->spec.key_len == out->spec.key_len &&
	       memcmp(in->spec.key, out->spec.key, in->spec.key_len) == 0;
}

bool sim_pair_up(const struct sim *s, unsigned a, unsigned b)
{
	return way_open(s, a, b) && way_open(s, b, a);
}

size_t sim_pairs_up(const struct sim *s)
{
	size_t n = 0;

	for (unsigned a = 0; a < s->n_hosts; a++)
		for (unsigned b = a + 1; b < s->n_hosts; b++)
			n += sim_pair_up(s, a, b);
	return n;
}

/* One SA in each direction in the kernel of `at`. */
static bool one_each(const struct sim *s, unsigned at, unsigned peer)
{
	const struct sim_host *h = &s->hosts[at];
	const struct ip remote = sim_address(s, at, peer);

	return fake_kernel_count(&h->kernel, &h->ip, &remote, false) == 1 &&
	       fake_kernel_count(&h->kernel, &remote, &h->ip, true) == 1;
}

/* --- pairs that are followed --- */

static void look(struct sim *s, struct sim_pair *p)
{
	bool up = sim_pair_up(s, p->a, p->b);
	bool single = up && one_each(s, p->a, p->b) && one_each(s, p->b, p->a);

	if (up == p->up && single == p->single)
		return;
	s->pairs_up += up;
	s->pairs_up -= p->up;
	s->pairs_single += single;
	s->pairs_single -= p->single;
	if (up && !p->up)
		p->up_at = s->now;
	p->up = up;
	p->single = single;
	p->changed_at = s->now;
	if (up && p->up_first.us == INT64_MAX)
		p->up_first = s->now;
}

static unsigned *place(const struct sim *s, unsigned a, unsigned b)
{
	return a < b ? &s->pair_of[(size_t)a * s->n_hosts + b]
		     : &s->pair_of[(size_t)b * s->n_hosts + a];
}

struct sim_pair *sim_pair_find(const struct sim *s, unsigned a, unsigned b)
{
	unsigned n = s->pair_of == NULL || a == b ? 0 : *place(s, a, b);

	return n == 0 ? NULL : &s->pairs[n - 1];
}

struct sim_pair *sim_pair_want(struct sim *s, unsigned a, unsigned b)
{
	struct sim_pair *p = sim_pair_find(s, a, b);

	if (p != NULL)
		return p;
	if (s->pair_of == NULL)
		s->pair_of = sim_grab((size_t)s->n_hosts * s->n_hosts, sizeof *s->pair_of);
	if (s->n_pairs == s->pair_room) {
		s->pair_room = s->pair_room == 0 ? 64 : s->pair_room * 2;
		s->pairs = realloc(s->pairs, s->pair_room * sizeof *s->pairs);
		if (s->pairs == NULL)
			abort();
	}
	p = &s->pairs[s->n_pairs++];
	*p = (struct sim_pair){
		.a = a < b ? a : b,
		.b = a < b ? b : a,
		.up_first = MONO_NEVER,
		.changed_at = s->now,
		.passed_at = { s->now, s->now },
		.excused_until = s->now,
	};
	*place(s, a, b) = (unsigned)s->n_pairs;
	look(s, p);
	return p;
}

void sim_pairs_touch(struct sim_host *h, const struct ip *remote)
{
	struct sim *s = h->sim;
	int peer = s->n_pairs == 0 ? -1 : sim_net_owner(s, remote);
	struct sim_pair *p = peer < 0 ? NULL : sim_pair_find(s, h->index, (unsigned)peer);

	if (p != NULL)
		look(s, p);
}

void sim_pairs_touch_host(struct sim *s, unsigned host)
{
	for (unsigned i = 0; i < s->n_hosts; i++) {
		struct sim_pair *p = sim_pair_find(s, host, i);

		if (p != NULL)
			look(s, p);
	}
}

void sim_pairs_free(struct sim *s)
{
	free(s->pairs);
	free(s->pair_of);
}

/* --- what a core says of it --- */

struct count {
	struct ip remote;
	size_t children, sas;
};

static void count_pair(void *arg, const struct status_pair *p)
{
	(void)arg;
	(void)p;
}

static void count_ike(void *arg, const struct status_ike *i)
{
	struct count *c = arg;

	c->sas += ip_equal(&i->remote.ip, &c->remote) && i->state == IKE_ESTABLISHED;
}

static void count_child(void *arg, const struct status_child *ch)
{
	struct count *c = arg;

	c->children += ip_equal(&ch->remote, &c->remote) && ch->state == CHILD_INSTALLED;
}

static struct count count_with(const struct sim *s, unsigned a, unsigned b)
{
	struct count c = { .remote = sim_address(s, a, b) };
	const struct status_visitor v = {
		.pair = count_pair, .ike = count_ike, .child = count_child, .arg = &c
	};

	if (s->hosts[a].running)
		s->hosts[a].core->status(s->hosts[a].engine, &v);
	return c;
}

size_t sim_live_children(const struct sim *s, unsigned a, unsigned b)
{
	return count_with(s, a, b).children;
}

size_t sim_ike_sas(const struct sim *s, unsigned a, unsigned b)
{
	return count_with(s, a, b).sas;
}
