/* SPDX-License-Identifier: Apache-2.0 */
#include "ike/spec.h"
#include <stdlib.h>

static void credential_free(struct credential_spec *c)
{
	for (size_t i = 0; i < CERT_CHAIN_MAX; i++)
		blob_free(&c->certs[i]);
	blob_free(&c->id);
}

void spec_free(struct spec *s)
{
	if (!s)
		return;
	free(s->protect);
	free(s->bypass);
	free(s->local);
	credential_free(&s->credential);
	for (size_t i = 0; i < s->n_cas; i++)
		blob_free(&s->cas[i].der);
	free(s->cas);
	blob_free(&s->ppk_id);
	*s = (struct spec){ 0 };
}

static bool everything(const struct subnet_spec *e)
{
	return e->protocol == 0 && e->port == 0;
}

/* All packets of b are packets of a, the addresses apart. */
static bool takes_all(const struct subnet_spec *a, const struct subnet_spec *b)
{
	return (a->protocol == 0 || a->protocol == b->protocol) &&
	       (a->port == 0 || a->port == b->port);
}

/* Both have the address in it: does the bypass win over the protected one? */
static bool bypass_wins(const struct spec *s, const struct subnet_spec *bypass,
			const struct subnet_spec *protect)
{
	return s->precedence == PRECEDENCE_BYPASS || bypass->net.prefix >= protect->net.prefix;
}

/* The longest prefix of the bypasses that take all that is said with the peer. */
static const struct subnet_spec *whole_bypass(const struct spec *s, const struct ip *peer)
{
	const struct subnet_spec *best = NULL;

	for (size_t i = 0; i < s->n_bypass; i++) {
		const struct subnet_spec *b = &s->bypass[i];

		if (everything(b) && subnet_contains(&b->net, peer) &&
		    (!best || b->net.prefix > best->net.prefix))
			best = b;
	}
	return best;
}

/* The bypass that leaves nothing of what a protected entry says of the peer. */
static const struct subnet_spec *taken_by(const struct spec *s, const struct ip *peer,
					  const struct subnet_spec *protect)
{
	for (size_t i = 0; i < s->n_bypass; i++) {
		const struct subnet_spec *b = &s->bypass[i];

		if (takes_all(b, protect) && subnet_contains(&b->net, peer) &&
		    bypass_wins(s, b, protect))
			return b;
	}
	return NULL;
}

static enum ruling ruling_of(const struct spec *s, const struct subnet_spec *protect)
{
	return s->optional || protect->optional ? RULING_OPTIONAL : RULING_ENFORCED;
}

enum ruling spec_ruling(const struct spec *s, const struct ip *peer,
			const struct subnet_spec **which)
{
	const struct subnet_spec *bypass = whole_bypass(s, peer), *protect = NULL;

	for (size_t i = 0; i < s->n_protect; i++) {
		const struct subnet_spec *p = &s->protect[i], *taker;

		if (!subnet_contains(&p->net, peer) ||
		    (protect && p->net.prefix <= protect->net.prefix) ||
		    (bypass && bypass_wins(s, bypass, p)))
			continue;
		/* What takes one port of it can take no whole one. */
		taker = everything(p) ? NULL : taken_by(s, peer, p);
		if (!taker)
			protect = p;
	}
	if (which)
		*which = protect ? protect : bypass;
	if (protect)
		return ruling_of(s, protect);
	return bypass ? RULING_BYPASS : RULING_NONE;
}

/* Of two entries of one list that both have the packet in it: the narrower one decides. */
static bool is_narrower(const struct subnet_spec *a, const struct subnet_spec *b)
{
	if (a->net.prefix != b->net.prefix)
		return a->net.prefix > b->net.prefix;
	if ((a->protocol != 0) != (b->protocol != 0))
		return a->protocol != 0;
	return a->port != 0 && b->port == 0;
}

static const struct subnet_spec *narrowest(const struct subnet_spec *list, size_t n,
					   const struct ip *peer, const struct subnet_spec *packet)
{
	const struct subnet_spec *best = NULL;

	for (size_t i = 0; i < n; i++)
		if (subnet_contains(&list[i].net, peer) && takes_all(&list[i], packet) &&
		    (!best || is_narrower(&list[i], best)))
			best = &list[i];
	return best;
}

enum ruling spec_ruling_of(const struct spec *s, const struct ip *peer, uint8_t protocol,
			   uint16_t port, const struct subnet_spec **which)
{
	const struct subnet_spec packet = { .protocol = protocol, .port = port };
	const struct subnet_spec *bypass = narrowest(s->bypass, s->n_bypass, peer, &packet);
	const struct subnet_spec *protect = narrowest(s->protect, s->n_protect, peer, &packet);
	bool passes = bypass && (!protect || bypass_wins(s, bypass, protect));

	if (which)
		*which = passes ? bypass : protect;
	if (passes)
		return RULING_BYPASS;
	return protect ? ruling_of(s, protect) : RULING_NONE;
}

bool spec_covers(const struct spec *s, const struct ip *local)
{
	for (size_t i = 0; i < s->n_local; i++)
		if (subnet_contains(&s->local[i].net, local))
			return true;
	return s->n_local == 0;
}

bool spec_protects(const struct spec *s, const struct ip *local, const struct ip *peer)
{
	return spec_covers(s, local) && spec_ruling(s, peer, NULL) >= RULING_OPTIONAL;
}

bool spec_bypasses(const struct spec *s, const struct ip *peer, uint8_t protocol, uint16_t port)
{
	return spec_ruling_of(s, peer, protocol, port, NULL) == RULING_BYPASS;
}
