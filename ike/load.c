/* SPDX-License-Identifier: Apache-2.0 */
#include "ike/load.h"

#include "ike/sa.h"

#include <stdlib.h>
#include <string.h>

#define SECOND INT64_C(1000000)
#define NETWORK_LEN 8 /* octets of an IPv6 address that tell networks apart: /64 */

/* Lives as long as it has a half-open IKE SA. */
struct source {
	UT_hash_handle hh; /* engine: by network */
	struct ip network;
	unsigned half_open;
};

/* RFC 8019 4.2 */
static struct ip network_of(const struct ip *a)
{
	struct ip network = *a;

	if (a->family == 6)
		memset(network.b + NETWORK_LEN, 0, sizeof(network.b) - NETWORK_LEN);
	return network;
}

static struct source *find(const struct engine *e, const struct ip *remote)
{
	const struct ip network = network_of(remote);
	struct source *s = NULL;

	HASH_FIND(hh, e->sources, &network, sizeof(network), s);
	return s;
}

bool load_opened(struct engine *e, const struct ip *remote)
{
	struct source *s = find(e, remote);

	if (s == NULL) {
		s = calloc(1, sizeof(*s));
		if (s == NULL)
			return false;
		s->network = network_of(remote);
		HASH_ADD(hh, e->sources, network, sizeof(s->network), s);
		if (s->hh.tbl == NULL) {
			free(s);
			return false;
		}
	}
	s->half_open++;
	e->half_open++;
	return true;
}

void load_closed(struct engine *e, const struct ip *remote)
{
	struct source *s = find(e, remote);

	e->half_open--;
	if (s == NULL || --s->half_open > 0)
		return;
	HASH_DELETE(hh, e->sources, s);
	free(s);
}

void load_free(struct engine *e)
{
	struct source *s, *next;

	HASH_ITER(hh, e->sources, s, next)
	{
		HASH_DELETE(hh, e->sources, s);
		free(s);
	}
}

static size_t half_open_of_network(const struct engine *e, const struct ip *remote)
{
	const struct source *s = find(e, remote);

	return s != NULL ? s->half_open : 0;
}

static size_t half_open_of_pair(const struct pair *p)
{
	size_t n = 0;

	for (const struct ike_sa *sa = p ? p->sas : NULL; sa; sa = sa->next)
		n += sa_is_half_open(sa);
	return n;
}

/*
 * A /64 that a fleet lives in, rather than one sender; or a host of the fleet that may have to do
 * with many of our addresses at once.
 */
static bool is_shared(const struct engine *e, const struct ip *local, const struct ip *remote)
{
	return e->spec != NULL && spec_protects(e->spec, local, remote);
}

static size_t half_open_of(const struct engine *e, const struct ip *local, const struct ip *remote,
			   const struct pair *p)
{
	return is_shared(e, local, remote) ? half_open_of_pair(p) : half_open_of_network(e, remote);
}

bool load_wants_cookie(const struct engine *e, const struct ip *local, const struct ip *remote,
		       const struct pair *p)
{
	return e->half_open >= e->spec->cookie_threshold ||
	       half_open_of(e, local, remote, p) >= LOAD_COOKIE_SOURCE;
}

void load_limit(struct engine *e, enum limit which)
{
	e->counters.tally.limits[which]++;
}

bool load_has_room(struct engine *e, const struct ip *local, const struct ip *remote,
		   const struct pair *p)
{
	const size_t all = e->spec->half_open_limit;

	if (e->half_open >= all) {
		load_limit(e, LIMIT_HALF_OPEN);
		return false;
	}
	if (half_open_of(e, local, remote, p) >= e->spec->half_open_per_source ||
	    (is_shared(e, local, remote) && half_open_of_network(e, remote) >= (all + 1) / 2)) {
		load_limit(e, LIMIT_HALF_OPEN_SOURCE);
		return false;
	}
	return true;
}

/* ---- rates: each is the time at which all that was spent will have come in again ------------- */

static bool may_spend(struct mono now, struct mono paid_at, int64_t each_us, unsigned burst)
{
	return paid_at.us - now.us <= each_us * (burst - 1);
}

static void spend(struct mono now, struct mono *paid_at, int64_t each_us)
{
	if (paid_at->us < now.us)
		*paid_at = now;
	*paid_at = mono_after(*paid_at, each_us);
}

/* Sources that share a place share what is answered: their number has a bound, and no memory. */
static size_t place_of(const struct engine *e, const struct ip *local, const struct ip *remote)
{
	const struct ip source = is_shared(e, local, remote) ? *remote : network_of(remote);
	uint32_t h = 2166136261u; /* FNV-1a: nobody gains by a collision but silence */

	for (size_t i = 0; i < sizeof(source.b); i++)
		h = (h ^ source.b[i]) * 16777619u;
	return (h ^ h >> 16) % LOAD_PLACES;
}

bool load_may_complain(struct engine *e, enum complaint about, const struct ip *local,
		       const struct ip *remote)
{
	const uint32_t rate = e->spec != NULL ? e->spec->error_replies : 0;
	struct replies *r = &e->replies[about];
	struct mono *source = &r->sources[place_of(e, local, remote)];

	if (!may_spend(e->now, *source, SECOND, LOAD_REPLY_BURST_SOURCE)) {
		load_limit(e, LIMIT_REPLIES_SOURCE);
		return false;
	}
	if (rate == 0 || !may_spend(e->now, r->all, SECOND / rate, 2 * rate)) {
		load_limit(e, LIMIT_REPLIES);
		return false;
	}
	spend(e->now, source, SECOND);
	spend(e->now, &r->all, SECOND / rate);
	return true;
}

bool load_takes_child_request(struct engine *e, struct pair *p)
{
	const uint32_t rate = e->spec->child_requests_per_minute;
	const int64_t each = 60 * SECOND / (rate > 0 ? rate : 1);

	if (!may_spend(e->now, p->asked_until, each, LOAD_CHILD_BURST)) {
		load_limit(e, LIMIT_CHILD_REQUESTS);
		return false;
	}
	spend(e->now, &p->asked_until, each);
	return true;
}

/* ---- fragments ------------------------------------------------------------------------------- */

bool load_takes_fragment(struct engine *e, const struct ike_sa *sa, size_t n)
{
	if (sa->authenticated || n <= LOAD_REASSEMBLY_OCTETS - e->reassembling)
		return true;
	load_limit(e, LIMIT_REASSEMBLY);
	return false;
}

void load_reassembly_changed(struct engine *e, struct ike_sa *sa)
{
	const size_t now = sa->authenticated ? 0
					     : fragments_octets(sa->window.in_requests) +
						       fragments_octets(sa->window.in_responses);

	e->reassembling = e->reassembling - sa->reassembling + now;
	sa->reassembling = now;
}

/* ---- what decoders turn away ----------------------------------------------------------------- */

void load_decode_error(struct engine *e, enum decode_error bad)
{
	if (bad == DECODE_TOO_LARGE)
		load_limit(e, LIMIT_DATAGRAM);
	if (bad == DECODE_TOO_MANY)
		load_limit(e, LIMIT_PAYLOADS);
}

void load_sa_payload(struct engine *e, const struct sa_view *v)
{
	if (v->too_many == SA_TOO_MANY_PROPOSALS)
		load_limit(e, LIMIT_PROPOSALS);
	if (v->too_many == SA_TOO_MANY_TRANSFORMS)
		load_limit(e, LIMIT_TRANSFORMS);
}

void load_child_payloads(struct engine *e, const struct sa_view *v, bool too_many_selectors)
{
	load_sa_payload(e, v);
	if (too_many_selectors)
		load_limit(e, LIMIT_TRAFFIC_SELECTORS);
}
