/* SPDX-License-Identifier: Apache-2.0 */
/* Of the doctor's checks those of traffic: policies, peers, MTU, paths. */
#include "cmd/ikectl/doctor.h"
#include "cmd/ikectl/model.h"
#include "cmd/ikectl/show.h"
#include "xfrm/shadow.h"

#define SHOWN_MAX 5	  /* of things of a kind */
#define HALF_OPEN_MANY 30 /* from there on strangers must return a cookie */
#define OVERHEAD_USUAL 37 /* AES-GCM */

/* ---- foreign policies ------------------------------------------------------------------------ */

static void tell_foreign(const struct shadow *s, struct findings *out)
{
	static const char *const dirs[] = { "in", "out", "fwd" };
	static const char *const kinds[] = { "asks for SAs of others", "lets pass in the clear",
					     "blocks" };
	const struct policy *p = &s->foreign;
	char what[SHADOW_TEXT_LEN], src[SUBNET_TEXT_LEN], dst[SUBNET_TEXT_LEN];

	found(out, p->kind == POLICY_PROTECT ? HEALTH_WARNING : HEALTH_ERROR,
	      "a policy that is not ours (%s) %s, before %zu of ours", shadow_text(s, what),
	      kinds[p->kind], s->n);
	mend(out,
	     "find out who put it there; to remove it: ip xfrm policy delete dir %s src %s dst %s",
	     dirs[p->dir], subnet_text(&p->src, src), subnet_text(&p->dst, dst));
}

/* Of what is held, not of what is wanted: without a daemon too. */
static int ours_of(const struct facts *facts, struct policy_set *out)
{
	int r = 0;

	for (size_t i = 0; i < facts->n_policies && r == 0; i++) {
		if (facts->policies[i].ours)
			r = policy_set_add(out, &facts->policies[i].policy);
	}
	return r;
}

static void judge_policies(const struct facts *facts, const struct policy_set *ours,
			   struct findings *out)
{
	/* The daemon knows of these: they come before what it wants, and nothing that is held. */
	const size_t in_our_place = json_array_size(get(facts->status, "foreign_policies"));
	struct shadows shadows = { 0 };

	if (shadow_find(facts->policies, facts->n_policies, ours, &shadows) != 0)
		out->no_memory = true;
	for (size_t i = 0; i < shadows.n && i < SHOWN_MAX; i++)
		tell_foreign(&shadows.p[i], out);
	if (shadows.n == 0 && in_our_place > 0) {
		found(out, HEALTH_ERROR,
		      "%zu policies of others have the selectors of ours, which are missing",
		      in_our_place);
		mend(out, "`ikectl statusall` names them: find out who put them there");
	} else if (shadows.n == 0) {
		found(out, HEALTH_GOOD, "%zu of ours; %zu of others, none before them", ours->n,
		      facts->n_policies - ours->n);
	}
	shadows_free(&shadows);
}

void check_policies(const struct facts *facts, struct findings *out)
{
	struct policy_set ours = { 0 };

	if (facts->policies_error != 0) {
		found(out, HEALTH_WARNING, "the kernel's policies cannot be read: %s",
		      strerror(-facts->policies_error));
		mend(out, "run ikectl as root");
		return;
	}
	if (ours_of(facts, &ours) == 0)
		judge_policies(facts, &ours, out);
	else
		out->no_memory = true;
	policy_set_free(&ours);
}

/* ---- peers ----------------------------------------------------------------------------------- */

void check_peers(const struct facts *facts, struct findings *out)
{
	size_t up = 0, failing = 0;
	const json_t *pair;

	EACH(get(facts->status, "pairs"), pair)
	{
		const json_t *failure = show_last_failure(pair);

		up += is(pair, "state", "up");
		if (is(pair, "state", "up") || failure == NULL || failing++ >= SHOWN_MAX)
			continue;
		found(out, HEALTH_WARNING, "%s is not up: %s: %s", text(pair, "remote"),
		      text(failure, "stage"), text(failure, "reason"));
		mend(out, "ikectl why %s", text(pair, "remote"));
	}
	if (failing > SHOWN_MAX)
		found(out, HEALTH_WARNING, "%zu more peers are not up", failing - SHOWN_MAX);
	if (failing == 0 && facts->status != NULL)
		found(out, HEALTH_GOOD, "%zu up, none that failed", up);
}

/* Those that the daemon saw cleartext of in the last hour. */
void check_clear(const struct facts *facts, struct findings *out)
{
	const json_t *peers = get(get(facts->status, "clear"), "peers"), *c;
	const size_t clear = json_array_size(peers);
	const char *example = text(json_array_get(peers, 0), "peer");
	size_t optional = 0;

	EACH(get(facts->status, "connections"), c)
	{
		optional += json_is_true(get(c, "optional"));
	}
	if (clear > 0) {
		found(out, HEALTH_WARNING,
		      "%zu peer%s talked in the clear within the last hour, such as %s: IPsec is "
		      "optional there, and there was no SA",
		      clear, clear == 1 ? "" : "s", example);
		mend(out, "`ikectl why %s` says why; once none is left: `ikectl mode enforced`",
		     example);
	} else if (facts->status != NULL) {
		found(out, HEALTH_GOOD, "%s",
		      optional > 0 ? "nobody was seen to talk in the clear, although that is "
				     "allowed: `ikectl mode enforced` would change that"
				   : "all subnets are enforced");
	}
}

void check_load(const struct facts *facts, struct findings *out)
{
	const json_t *c = get(facts->status, "counters");
	const json_int_t half_open = number(c, "half_open"), waiting = number(c, "waiting");

	if (facts->status == NULL)
		return;
	if (half_open > HALF_OPEN_MANY) {
		found(out, HEALTH_WARNING,
		      "%lld negotiations are half open, so new peers must return a cookie first: "
		      "many at once, or a flood",
		      (long long)half_open);
		mend(out, "see the log for addresses that never complete one");
		return;
	}
	found(out, HEALTH_GOOD, "%lld negotiations half open, %lld peers waiting for their turn",
	      (long long)half_open, (long long)waiting);
}

/* ---- MTU ------------------------------------------------------------------------------------- */

/* The most that any SA adds; of AES-GCM where there is none yet. */
static unsigned overhead_worst(const json_t *status)
{
	const json_t *pair, *ike, *child;
	json_int_t most = 0;

	EACH(get(status, "pairs"), pair)
	{
		EACH(get(pair, "ike_sas"), ike)
		{
			EACH(get(ike, "child_sas"), child)
			{
				json_int_t n = number(child, "overhead_max");

				most = n > most ? n : most;
			}
		}
	}
	return most > 0 ? (unsigned)most : OVERHEAD_USUAL;
}

/* Does it lead to containers or the like, whose packets this host sends on under its address? */
static bool is_inner(const struct facts *facts, const struct link *l)
{
	static const char *const kinds[] = { "bridge", "veth",	 "tun",	   "vxlan",
					     "geneve", "ipvlan", "macvlan" };
	bool known = false;

	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++)
		known |= strcmp(l->kind, kinds[i]) == 0;
	/* What shares a bridge with the uplink speaks for itself. */
	return known && l->up && !l->loopback && facts_uplink(facts, l->index) == NULL &&
	       facts_uplink(facts, l->master) == NULL;
}

static bool is_uplinks_own(const struct facts *facts, const struct link *l)
{
	return facts_uplink(facts, l->index) != NULL;
}

static const struct link *narrowest_uplink(const struct facts *facts)
{
	const struct link *best = NULL;

	for (size_t i = 0; i < facts->n_links; i++) {
		const struct link *l = &facts->links[i];

		if (is_uplinks_own(facts, l) && (best == NULL || l->mtu < best->mtu))
			best = l;
	}
	return best;
}

/* A bridge's ports are told of by the bridge. */
static bool is_told_by_master(const struct facts *facts, const struct link *l)
{
	for (size_t i = 0; i < facts->n_links; i++) {
		const struct link *m = &facts->links[i];

		if (m->index == l->master && m->mtu >= l->mtu && is_inner(facts, m))
			return true;
	}
	return false;
}

void check_mtu(const struct facts *facts, struct findings *out)
{
	const struct link *up = narrowest_uplink(facts);
	const unsigned overhead = overhead_worst(facts->status);
	size_t narrow = 0;
	unsigned fits;

	if (up == NULL || up->mtu <= overhead)
		return;
	fits = up->mtu - overhead;
	for (size_t i = 0; i < facts->n_links; i++) {
		const struct link *l = &facts->links[i];

		if (!is_inner(facts, l) || l->mtu <= fits || is_told_by_master(facts, l))
			continue;
		narrow++;
		found(out, HEALTH_WARNING,
		      "%s (%s) has an MTU of %u, but of what containers send by it %s takes %u "
		      "with ESP: larger packets to protected hosts need path MTU discovery inside "
		      "the containers, or are cut",
		      l->name, l->kind, l->mtu, up->name, fits);
		mend(out,
		     "give the containers an MTU of %u (Docker: \"mtu\": %u in "
		     "/etc/docker/daemon.json; CNI: \"mtu\" in its configuration), or raise %s's",
		     fits / 10 * 10, fits / 10 * 10, up->name);
	}
	if (narrow == 0)
		found(out, HEALTH_GOOD,
		      "%s has an MTU of %u, of which ESP takes up to %u; no interface of "
		      "containers "
		      "has more than is left",
		      up->name, up->mtu, overhead);
}

/* ---- ICMP errors ----------------------------------------------------------------------------- */

static bool is_protected(const json_t *status, const struct ip *address)
{
	const json_t *c;

	EACH(get(status, "connections"), c)
	{
		struct subnet net;
		bool bits;

		if (is(c, "kind", "protect") && subnet_parse(text(c, "subnet"), &net, &bits) &&
		    subnet_contains(&net, address))
			return true;
	}
	return false;
}

void check_icmp_errors(const struct facts *facts, struct findings *out)
{
	char via[IP_TEXT_LEN];

	if (facts->status == NULL)
		return;
	if (json_is_true(get(facts->status, "allow_icmp_errors"))) {
		found(out, HEALTH_GOOD,
		      "allow_icmp_errors is on: routers in protected subnets may "
		      "say that packets are too large");
		return;
	}
	for (size_t i = 0; i < facts->n_ways; i++) {
		const struct ip *gateway = &facts->ways[i].way.via;

		if (gateway->family == 0 || !is_protected(facts->status, gateway))
			continue;
		found(out, HEALTH_GOOD,
		      "allow_icmp_errors is off, and the gateway %s lies in a protected subnet: if "
		      "a link behind it takes less than this host's, large packets are lost; "
		      "`ikectl doctor PEER` finds out",
		      ip_text(gateway, via));
		return;
	}
	found(out, HEALTH_GOOD, "allow_icmp_errors is off, and no gateway here would need it");
}

/* ---- a path ---------------------------------------------------------------------------------- */

static void tell_black_hole(const struct facts *facts, const char *peer, struct findings *out)
{
	const struct path_probe *p = &facts->path;
	char router[IP_TEXT_LEN];
	const bool refused = p->router.family != 0 && is_protected(facts->status, &p->router) &&
			     !json_is_true(get(facts->status, "allow_icmp_errors"));

	found(out, HEALTH_ERROR,
	      "packets to %s of up to %zu octets arrive, larger ones do not, and the kernel does "
	      "not "
	      "know: it sends up to %zu",
	      peer, p->largest, p->believed);
	if (refused)
		mend(out,
		     "set `allow_icmp_errors: true`: %s said that the next link takes %u, which "
		     "was "
		     "refused since it lies in a protected subnet",
		     ip_text(&p->router, router), p->router_mtu);
	else
		mend(out,
		     "`ip route change` to this peer with `mtu %zu`, or mend the link on the way "
		     "that "
		     "takes less and does not say so%s",
		     p->largest + p->overhead.min,
		     p->router.family != 0 ? " in a way that is heard" : "");
}

void check_path(const struct facts *facts, struct findings *out)
{
	const struct path_probe *p = &facts->path;
	char peer[IP_TEXT_LEN];

	if (p->peer.family == 0)
		return;
	ip_text(&p->peer, peer);
	if (!p->answered) {
		found(out, HEALTH_ERROR, "%s does not answer pings%s%s", peer,
		      p->error != 0 ? ": " : "", p->error != 0 ? strerror(-p->error) : "");
		mend(out,
		     "`ikectl why %s` says whether there is an SA; a peer that answers no "
		     "pings cannot be probed",
		     peer);
	} else if (p->largest + p->overhead.block < p->believed) {
		tell_black_hole(facts, peer, out);
	} else if (p->largest < p->most) {
		found(out, HEALTH_GOOD,
		      "packets to %s of up to %zu octets arrive, of %zu that the interface takes; "
		      "the kernel knows",
		      peer, p->largest, p->most);
	} else {
		found(out, HEALTH_GOOD,
		      "packets to %s of up to %zu octets arrive: all that the interface takes%s",
		      peer, p->largest, p->overhead.block != 0 ? ", as ESP" : "");
	}
}
