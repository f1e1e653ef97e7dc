/* SPDX-License-Identifier: Apache-2.0 */
/* `ikectl explain`: what the configuration says of an address, and what the kernel does with it. */
#include "xfrm/explain.h"
#include "cmd/ikemeshd/daemon.h"
#include "config/view.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* ---- what is asked --------------------------------------------------------------------------- */

static bool number_in(const json_t *request, const char *name, json_int_t most, json_int_t *out)
{
	const json_t *value = json_object_get(request, name);

	*out = json_integer_value(value);
	return value == NULL || (json_is_integer(value) && *out >= 0 && *out <= most);
}

/* The question but for the local address. false: it is none. */
static bool read_question(const json_t *request, struct question *q)
{
	const char *text = json_string_value(json_object_get(request, "address"));
	json_int_t protocol, port;

	if (text == NULL || !ip_parse(text, &q->remote) ||
	    !number_in(request, "protocol", 255, &protocol) ||
	    !number_in(request, "port", 65535, &port))
		return false;
	q->protocol = (uint8_t)protocol;
	q->port = (uint16_t)port;
	return true;
}

/* ---- the configuration ----------------------------------------------------------------------- */

static const char *ruling_name(enum ruling r)
{
	static const char *const names[] = {
		[RULING_NONE] = "none",
		[RULING_BYPASS] = "bypass",
		[RULING_OPTIONAL] = "optional",
		[RULING_ENFORCED] = "enforced",
	};
	return names[r];
}

static json_t *considered_json(const struct explanation *e, enum precedence precedence)
{
	json_t *all = json_array();
	char text[ENTRY_TEXT_LEN];

	for (size_t i = 0; i < e->n; i++) {
		const struct considered *c = &e->p[i];

		json_array_append_new(
			all, json_pack("{s:s, s:s, s:i, s:s}", "list",
				       c->bypass ? "no_ipsec_subnets" : "ipsec_subnets", "entry",
				       entry_text(c->entry, text), "line", (int)c->entry->line,
				       "standing", standing_text(c->standing, precedence)));
	}
	return all;
}

/* Is the entry that decides otherwise than the file has it? */
static bool is_by_mode(const struct explanation *e)
{
	const struct considered *first = e->p;

	return e->n > 0 && first->standing == STANDING_DECIDES && !first->bypass &&
	       first->entry->optional != first->entry->optional_in_file;
}

/* ---- the kernel ------------------------------------------------------------------------------ */

struct held_list {
	struct policy_held *p;
	size_t n, room;
};

static int collect(const struct policy_held *held, void *arg)
{
	struct held_list *l = arg;

	if (l->n == l->room) {
		size_t room = l->room == 0 ? 64 : l->room * 2;
		struct policy_held *more = realloc(l->p, room * sizeof(*more));

		if (more == NULL)
			return -ENOMEM;
		l->p = more;
		l->room = room;
	}
	l->p[l->n++] = *held;
	return 0;
}

static bool as_wanted(const struct daemon *d, const struct question *q, enum policy_dir dir,
		      const struct policy *held)
{
	const struct policy_flow f = explain_flow(q, dir);
	const struct policy *p = policy_lookup(&d->policies.wanted, dir, &f);

	if (p == NULL || held == NULL)
		return p == NULL && held == NULL;
	return policy_same_selector(p, held) && p->kind == held->kind &&
	       p->optional == held->optional;
}

static json_t *policy_json(const struct daemon *d, const struct held_list *l,
			   const struct question *q, enum policy_dir dir)
{
	static const char *const actions[] = {
		[POLICY_PROTECT] = "protect",
		[POLICY_BYPASS] = "bypass",
		[POLICY_BLOCK] = "block",
	};
	const struct policy_held *h = explain_held(l->p, l->n, q, dir);
	char src[SUBNET_TEXT_LEN], dst[SUBNET_TEXT_LEN];
	const struct policy *p;

	if (h == NULL)
		return json_null();
	p = &h->policy;
	return json_pack("{s:s, s:s, s:i, s:i, s:i, s:s, s:b, s:b, s:b, s:I, s:I}", "source",
			 subnet_text(&p->src, src), "destination", subnet_text(&p->dst, dst),
			 "protocol", (int)p->protocol, "source_port", (int)p->src_port,
			 "destination_port", (int)p->dst_port, "action", actions[p->kind],
			 "optional", p->optional, "ours", h->ours, "as_wanted",
			 as_wanted(d, q, dir, p), "priority", (json_int_t)p->priority, "index",
			 (json_int_t)p->index);
}

/* What becomes of packets that no policy matches: strict_default, or whoever has set it. */
static json_t *default_json(struct kernel *k)
{
	struct policy_default d = { DEFAULT_UNSPECIFIED };

	/* A kernel that has none lets them pass. */
	(void)kernel_default_get(k, &d);
	return json_pack("{s:s, s:s}", "out", d.out == DEFAULT_BLOCK ? "block" : "accept", "in",
			 d.in == DEFAULT_BLOCK ? "block" : "accept");
}

/* null: the kernel could not be asked. */
static json_t *kernel_json(struct daemon *d, const struct question *q)
{
	struct held_list l = { 0 };
	json_t *both = json_null();

	if (d->kernel != NULL && kernel_policy_dump(d->kernel, collect, &l) == 0)
		both = json_pack("{s:o, s:o, s:o}", "out", policy_json(d, &l, q, POLICY_OUT), "in",
				 policy_json(d, &l, q, POLICY_IN), "default",
				 default_json(d->kernel));
	free(l.p);
	return both;
}

/* ---- the SAs --------------------------------------------------------------------------------- */

struct search {
	const struct question *q;
	bool here; /* the pair that is being visited is that one */
	bool found, connecting;
	unsigned failures;
	uint32_t spi_in, spi_out;
	bool up;
};

static void see_pair(void *arg, const struct status_pair *p)
{
	struct search *s = arg;

	s->here = ip_equal(&p->local, &s->q->local) && ip_equal(&p->remote, &s->q->remote);
	if (s->here) {
		s->found = true;
		s->failures = p->failures;
	}
}

static void see_ike(void *arg, const struct status_ike *ike)
{
	struct search *s = arg;

	if (s->here)
		s->connecting |= ike->state < IKE_ESTABLISHED;
}

static void see_child(void *arg, const struct status_child *c)
{
	struct search *s = arg;

	if (!s->here || c->state != CHILD_INSTALLED || s->up)
		return;
	s->up = true;
	s->spi_in = c->spi_in;
	s->spi_out = c->spi_out;
}

/* null: there is no SA, nor an attempt worth mentioning. */
static json_t *pair_json(const struct daemon *d, const struct question *q)
{
	struct search s = { .q = q };
	const struct status_visitor v = {
		.pair = see_pair, .ike = see_ike, .child = see_child, .arg = &s
	};
	char in[16], out[16];

	engine_status(d->engine, &v);
	snprintf(in, sizeof(in), "%08x", s.spi_in);
	snprintf(out, sizeof(out), "%08x", s.spi_out);
	if (s.up)
		return json_pack("{s:s, s:s, s:s}", "state", "up", "spi_in", in, "spi_out", out);
	if (!s.found)
		return json_null();
	return json_pack("{s:s, s:i}", "state", s.connecting ? "connecting" : "down", "failures",
			 (int)s.failures);
}

/* ---- the answer ------------------------------------------------------------------------------ */

static json_t *explained(struct daemon *d, const struct question *q, const struct explanation *e)
{
	static const char *const precedences[] = {
		[PRECEDENCE_BYPASS] = "bypass",
		[PRECEDENCE_LONGEST] = "longest-prefix",
	};
	const struct spec *spec = &d->config->spec;
	char remote[IP_TEXT_LEN], local[IP_TEXT_LEN];
	json_t *a = json_pack("{s:s, s:s, s:i, s:i, s:s, s:b, s:b}", "format", "ikemesh-explain/1",
			      "address", ip_text(&q->remote, remote), "protocol", (int)q->protocol,
			      "port", (int)q->port, "local", ip_text(&q->local, local), "own",
			      ip_equal(&q->local, &q->remote), "covered", e->covered);

	json_object_set_new(a, "ruling", json_string(ruling_name(e->ruling)));
	json_object_set_new(a, "builtin",
			    e->builtin != NULL ? json_string(e->builtin) : json_null());
	json_object_set_new(a, "precedence", json_string(precedences[spec->precedence]));
	json_object_set_new(a, "file", json_string(d->options.config_path));
	json_object_set_new(a, "strict_default", json_boolean(spec->strict_default));
	json_object_set_new(a, "mode", json_boolean(is_by_mode(e)));
	json_object_set_new(a, "considered", considered_json(e, spec->precedence));
	json_object_set_new(a, "kernel", kernel_json(d, q));
	json_object_set_new(a, "pair", pair_json(d, q));
	return a;
}

/* Where there is no route to it: with the first address of ours that is of its kind. */
static bool take_any_local(const struct daemon *d, struct question *q)
{
	size_t n;
	const struct ip *locals = addresses_list(d->addresses, &n);

	for (size_t i = 0; i < n; i++) {
		if (locals[i].family != q->remote.family)
			continue;
		q->local = locals[i];
		return true;
	}
	return false;
}

json_t *daemon_answer_explain(struct daemon *d, const json_t *request)
{
	struct question q = { 0 };
	struct explanation e;
	char text[IP_TEXT_LEN];
	json_t *answer;
	int err;

	if (!read_question(request, &q))
		return control_error("\"address\" must be an IPv4 or IPv6 address, \"port\" and "
				     "\"protocol\" numbers");
	err = routes_local_for(&d->routes, &q.remote, &q.local);
	if (err != 0 && !take_any_local(d, &q))
		return control_error("no route to %s: %s", ip_text(&q.remote, text),
				     strerror(-err));
	if (explain(&d->config->spec, &d->policies.wanted, &q, &e) != 0)
		return NULL;
	answer = explained(d, &q, &e);
	json_object_set_new(answer, "route", json_boolean(err == 0));
	explanation_free(&e);
	return answer;
}
