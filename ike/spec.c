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

/* The longest prefix of list that has the peer in it; of equal ones the first in the file. */
static const struct subnet_spec *longest(const struct subnet_spec *list, size_t n,
					 const struct ip *peer, bool whole_hosts_only)
{
	const struct subnet_spec *best = NULL;

	for (size_t i = 0; i < n; i++) {
		if (whole_hosts_only && !everything(&list[i]))
			continue;
		if (!subnet_contains(&list[i].net, peer))
			continue;
		if (!best || list[i].net.prefix > best->net.prefix)
			best = &list[i];
	}
	return best;
}

enum ruling spec_ruling(const struct spec *s, const struct ip *peer,
			const struct subnet_spec **which)
{
	/* A bypass of one port leaves the rest of what is said with that peer protected. */
	const struct subnet_spec *bypass = longest(s->bypass, s->n_bypass, peer, true);
	const struct subnet_spec *protect = longest(s->protect, s->n_protect, peer, false);
	const struct subnet_spec *decides = bypass ? bypass : protect;

	if (which)
		*which = decides;
	if (!decides)
		return RULING_NONE;
	if (bypass)
		return RULING_BYPASS;
	return s->optional || protect->optional ? RULING_OPTIONAL : RULING_ENFORCED;
}

bool spec_bypasses(const struct spec *s, const struct ip *peer, uint8_t protocol, uint16_t port)
{
	for (size_t i = 0; i < s->n_bypass; i++) {
		const struct subnet_spec *b = &s->bypass[i];

		if (subnet_contains(&b->net, peer) &&
		    (b->protocol == 0 || b->protocol == protocol) &&
		    (b->port == 0 || b->port == port))
			return true;
	}
	return false;
}
