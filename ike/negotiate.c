/* SPDX-License-Identifier: Apache-2.0 */
#include "ike/negotiate.h"

#include "ike/attempt.h"
#include "ike/child.h"
#include "ike/load.h"
#include "ike/pair.h"
#include "ike/ts.h"

#include <string.h>

static void put_spi(uint8_t out[static 4], uint32_t spi)
{
	for (int i = 0; i < 4; i++)
		out[i] = (uint8_t)(spi >> (24 - 8 * i));
}

#define SPI_RESERVED 256 /* RFC 4303 2.1: 0 never leaves a host, 1 to 255 are IANA's */

/* The peer's ESP SPI. false: not one. */
static bool get_spi(struct bytes b, uint32_t *spi)
{
	struct reader r = reader_of(b);

	*spi = read_u32(&r);
	return reader_done(&r) && *spi >= SPI_RESERVED;
}

uint16_t notify_error_of(const struct payloads *ps)
{
	for (size_t i = 0; i < ps->n; i++) {
		struct notify_view n;
		if (ps->p[i].type == PAYLOAD_NOTIFY && notify_decode(ps->p[i].body, &n) &&
		    n.type < NOTIFY_FIRST_STATUS)
			return n.type;
	}
	return 0;
}

static size_t offer_specs(const struct engine *e, bool with_ke, struct proposal_spec *out)
{
	if (!with_ke)
		return proposal_without_ke(e->spec->esp, e->spec->n_esp, out);
	memcpy(out, e->spec->esp, sizeof(e->spec->esp[0]) * e->spec->n_esp);
	return e->spec->n_esp;
}

/* The host, for the protocol and port that the child is narrowed to. */
static struct ts selector_of(const struct ip *host, const struct child *c, uint16_t port)
{
	struct ts t = ts_host(host);

	t.protocol = c->protocol;
	if (port != 0)
		t.start_port = t.end_port = port;
	return t;
}

void child_offer(const struct engine *e, const struct child *c, bool with_ke, struct builder *b)
{
	struct proposal_spec offer[SPEC_PROPOSALS];
	const size_t n = offer_specs(e, with_ke, offer);
	const struct ts tsi = selector_of(&c->sa->local.ip, c, c->local_port);
	const struct ts tsr = selector_of(&c->sa->remote.ip, c, c->remote_port);
	uint8_t spi[4];

	put_spi(spi, c->spi_in);
	notify_encode(b, PROTO_NONE, BYTES_NONE, NOTIFY_USE_TRANSPORT_MODE, BYTES_NONE);
	sa_encode(b, PROTO_ESP, BYTES(spi, sizeof(spi)), offer, n);
	ts_encode(b, PAYLOAD_TSI, &tsi, 1);
	ts_encode(b, PAYLOAD_TSR, &tsr, 1);
}

/* The three payloads that make a CHILD_SA. */
struct child_payloads {
	struct sa_view sa;
	struct ts_list tsi, tsr;
};

static bool child_payloads_decode(const struct payloads *ps, struct child_payloads *out)
{
	const struct payload *sa = payloads_find(ps, PAYLOAD_SA);
	const struct payload *tsi = payloads_find(ps, PAYLOAD_TSI);
	const struct payload *tsr = payloads_find(ps, PAYLOAD_TSR);

	return sa && tsi && tsr && sa_decode(sa->body, &out->sa) &&
	       ts_decode(tsi->body, &out->tsi) && ts_decode(tsr->body, &out->tsr);
}

/*
 * RFC 7296 2.23.1: behind a NAT a host knows its own address only, and the other side knows the
 * NAT's. Single hosts in the list are taken for the address that the datagrams have; what the peer
 * wrote is kept for the answer.
 */
static void substitute(struct ts_list *list, const struct ip *seen, struct ip *wire)
{
	for (size_t i = 0; i < list->n; i++) {
		struct ts *t = &list->t[i];
		if (t->family != seen->family || !ip_equal(&t->start, &t->end))
			continue;
		*wire = t->start;
		t->start = t->end = *seen;
	}
}

/* Two hosts behind one address would be one pair to the kernel: only one of them can be served. */
static bool address_is_shared(const struct ike_sa *sa, const struct ip *behind)
{
	for (const struct ike_sa *other = sa->pair->sas; other; other = other->next)
		if (other != sa && other->state == SA_UP && other->behind.family != 0 &&
		    !ip_equal(&other->behind, behind))
			return true;
	return false;
}

uint16_t child_judge(struct engine *e, struct ike_sa *sa, const struct payloads *ps, bool with_ke,
		     struct child_answer *out, const char **why)
{
	struct proposal_spec specs[SPEC_PROPOSALS];
	const size_t n = offer_specs(e, with_ke, specs);
	struct notify_view transport;
	struct child_payloads p = { 0 };
	struct chosen chosen;
	struct esp_suite suite;
	uint32_t spi;

	*why = "malformed SA or traffic selectors";
	if (!child_payloads_decode(ps, &p)) {
		load_child_payloads(e, &p.sa, p.tsi.too_many || p.tsr.too_many);
		return NOTIFY_INVALID_SYNTAX;
	}
	*why = "our address is not in local_addresses";
	if (!spec_covers(e->spec, &sa->local.ip))
		return NOTIFY_TS_UNACCEPTABLE;
	*why = "peer's address is not in ipsec_subnets, or in no_ipsec_subnets";
	if (!spec_protects(e->spec, &sa->local.ip, &sa->remote.ip))
		return NOTIFY_TS_UNACCEPTABLE;
	*why = "peer asks for tunnel mode; only transport mode is supported";
	if (!notify_find(ps, NOTIFY_USE_TRANSPORT_MODE, &transport))
		return NOTIFY_NO_PROPOSAL_CHOSEN;
	*why = "no common ESP proposal";
	if (!proposal_choose(specs, n, PROTO_ESP, with_ke, &p.sa, &chosen) ||
	    !get_spi(chosen.spi, &spi) || !esp_suite_of(&chosen, &suite)) {
		attempt_offered(sa, &p.sa);
		return NOTIFY_NO_PROPOSAL_CHOSEN;
	}
	out->wire_tsi = sa->remote.ip;
	out->wire_tsr = sa->local.ip;
	if (sa->nat_remote)
		substitute(&p.tsi, &sa->remote.ip, &out->wire_tsi);
	if (sa->nat_local)
		substitute(&p.tsr, &sa->local.ip, &out->wire_tsr);
	*why = "another host behind the same NAT address has an SA with us: two cannot be told "
	       "apart";
	if (sa->nat_remote && address_is_shared(sa, &out->wire_tsi))
		return NOTIFY_TS_UNACCEPTABLE;
	*why = "peer asks for traffic of other addresses than its own and ours";
	if (!ts_narrow(&p.tsi, &p.tsr, &sa->remote.ip, &sa->local.ip, &out->tsi, &out->tsr))
		return NOTIFY_TS_UNACCEPTABLE;
	*why = "peer has opened too many CHILD_SAs";
	if (pair_children(sa->pair) >= PAIR_CHILDREN_MAX) {
		load_limit(e, LIMIT_CHILDREN);
		return NOTIFY_NO_ADDITIONAL_SAS; /* RFC 8019 5 */
	}
	*why = "out of memory";
	out->child = child_new(e, sa, false);
	if (out->child == NULL)
		return NOTIFY_NO_ADDITIONAL_SAS;
	if (sa->nat_remote)
		sa->behind = out->wire_tsi;
	out->child->suite = suite;
	out->child->spi_out = spi;
	child_set_selectors(out->child, &out->tsr, &out->tsi);
	memcpy(out->t, chosen.t, sizeof(out->t));
	out->n = chosen.n;
	out->number = chosen.number;
	return 0;
}

void child_answer_encode(const struct child_answer *a, struct builder *b)
{
	uint8_t spi[4];

	put_spi(spi, a->child->spi_in);
	notify_encode(b, PROTO_NONE, BYTES_NONE, NOTIFY_USE_TRANSPORT_MODE, BYTES_NONE);
	sa_encode_chosen(b, a->number, PROTO_ESP, BYTES(spi, sizeof(spi)), a->t, a->n);
	struct ts tsi = a->tsi, tsr = a->tsr;
	tsi.start = tsi.end = a->wire_tsi;
	tsr.start = tsr.end = a->wire_tsr;
	ts_encode(b, PAYLOAD_TSI, &tsi, 1);
	ts_encode(b, PAYLOAD_TSR, &tsr, 1);
}

uint16_t child_accept(const struct engine *e, struct child *c, const struct payloads *ps,
		      bool with_ke, const char **why)
{
	struct proposal_spec offer[SPEC_PROPOSALS];
	const size_t n = offer_specs(e, with_ke, offer);
	struct notify_view transport;
	struct child_payloads p;
	struct ts local, remote;
	struct chosen chosen;
	struct ip seen;

	*why = "peer's answer has no complete CHILD_SA";
	if (!child_payloads_decode(ps, &p))
		return NOTIFY_INVALID_SYNTAX;
	*why = "peer chose tunnel mode (USE_TRANSPORT_MODE is missing in its answer)";
	if (!notify_find(ps, NOTIFY_USE_TRANSPORT_MODE, &transport))
		return NOTIFY_NO_PROPOSAL_CHOSEN;
	*why = "peer chose an ESP proposal that we did not offer";
	if (!proposal_accept(offer, n, PROTO_ESP, with_ke, &p.sa, &chosen) ||
	    !get_spi(chosen.spi, &c->spi_out) || !esp_suite_of(&chosen, &c->suite))
		return NOTIFY_NO_PROPOSAL_CHOSEN;
	/* RFC 7296 2.23.1: the peer answers with the addresses that it sees. */
	if (c->sa->nat_local)
		substitute(&p.tsi, &c->sa->local.ip, &seen);
	if (c->sa->nat_remote)
		substitute(&p.tsr, &c->sa->remote.ip, &seen);
	*why = "peer's traffic selectors are not the two addresses of the pair";
	if (!ts_accept(&p.tsi, &c->sa->local.ip, &local) ||
	    !ts_accept(&p.tsr, &c->sa->remote.ip, &remote))
		return NOTIFY_TS_UNACCEPTABLE;
	/* A side that leaves the protocol open has what the other one names (RFC 7296 2.9). */
	*why = "peer's two traffic selectors name different protocols";
	if (local.protocol == 0)
		local.protocol = remote.protocol;
	else if (remote.protocol != 0 && remote.protocol != local.protocol)
		return NOTIFY_TS_UNACCEPTABLE;
	child_set_selectors(c, &local, &remote);
	return 0;
}
