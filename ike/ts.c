/* SPDX-License-Identifier: Apache-2.0 */
#include "ike/ts.h"

struct ts ts_host(const struct ip *host)
{
	return (struct ts){
		.family = host->family, .end_port = 65535, .start = *host, .end = *host
	};
}

static bool covers(const struct ts *t, const struct ip *host)
{
	return t->family == host->family && ip_compare(&t->start, host) <= 0 &&
	       ip_compare(host, &t->end) <= 0;
}

static bool any_port(const struct ts *t)
{
	return t->start_port == 0 && t->end_port == 65535;
}

static bool is_open(const struct ts *t)
{
	return t->protocol == 0 && any_port(t);
}

/* The kernel's selector knows one port or all: a range is not for us. */
static bool expressible(const struct ts *t)
{
	return any_port(t) || t->start_port == t->end_port;
}

static const struct ts *find(const struct ts_list *l, const struct ip *host, bool open,
			     int protocol)
{
	for (size_t i = 0; i < l->n; i++) {
		const struct ts *t = &l->t[i];
		if (!covers(t, host) || !expressible(t))
			continue;
		if (open ? is_open(t) : t->protocol == protocol)
			return t;
	}
	return NULL;
}

static struct ts narrowed(const struct ts *t, const struct ip *host, uint8_t protocol)
{
	struct ts out = ts_host(host);

	out.protocol = protocol;
	out.start_port = t->start_port;
	out.end_port = t->end_port;
	return out;
}

bool ts_narrow(const struct ts_list *tsi, const struct ts_list *tsr, const struct ip *initiator,
	       const struct ip *responder, struct ts *out_i, struct ts *out_r)
{
	if (find(tsi, initiator, true, 0) && find(tsr, responder, true, 0)) {
		*out_i = ts_host(initiator);
		*out_r = ts_host(responder);
		return true;
	}
	for (size_t i = 0; i < tsi->n; i++) {
		const struct ts *a = &tsi->t[i];
		if (!covers(a, initiator) || !expressible(a))
			continue;
		const struct ts *b = find(tsr, responder, false, a->protocol);
		if (b == NULL && a->protocol != 0)
			b = find(tsr, responder, true, 0);
		if (b == NULL)
			continue;
		*out_i = narrowed(a, initiator, a->protocol);
		*out_r = narrowed(b, responder, a->protocol);
		return true;
	}
	return false;
}

bool ts_accept(const struct ts_list *answer, const struct ip *host, struct ts *out)
{
	if (answer->n != 1 || !ip_equal(&answer->t[0].start, host) ||
	    !ip_equal(&answer->t[0].end, host) || !expressible(&answer->t[0]))
		return false;
	*out = answer->t[0];
	return true;
}

uint16_t ts_port(const struct ts *t)
{
	return any_port(t) ? 0 : t->start_port;
}
