/* SPDX-License-Identifier: Apache-2.0 */
#include "cmd/ikemeshd/status_pairs.h"
#include "cmd/ikemeshd/cert_json.h"
#include "cmd/ikemeshd/clock.h"
#include "cmd/ikemeshd/sa_counts.h"
#include "crypto/trust.h"
#include "ike/message/iana.h"
#include "xfrm/overhead.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* The walk: where the next pair, IKE SA and CHILD_SA belong. Borrowed nodes of the tree. */
struct walk {
	const struct status_sources *s;
	struct sa_counts counts;
	json_t *pairs, *ikes, *children;
	json_t *pair;
	struct pair_seen seen;
	bool skipped; /* another peer than the one asked for */
	size_t n_up, n_connecting;
};

/* ---- values ------------------------------------------------------------------------------- */

json_t *status_ip(const struct ip *ip)
{
	char text[IP_TEXT_LEN];

	return json_string(ip_text(ip, text));
}

json_t *status_text(const char *text)
{
	return text != NULL ? json_string(text) : json_null();
}

void status_connection(const struct subnet_spec *net, bool protect, char out[static CONNECTION_LEN])
{
	char text[SUBNET_TEXT_LEN];

	snprintf(out, CONNECTION_LEN, "%sipsec-%s", protect ? "" : "no-",
		 subnet_text(&net->net, text));
}

json_t *status_ruling(const struct status_sources *s, const struct ip *remote)
{
	static const char *const names[] = { "none", "bypass", "optional", "enforced" };

	return json_string(names[spec_ruling(s->spec, remote, NULL)]);
}

static json_t *spi_json(uint32_t spi)
{
	char text[16];

	snprintf(text, sizeof(text), "%08" PRIx32, spi);
	return json_string(text);
}

static json_t *ike_spi_json(uint64_t spi)
{
	char text[24];

	snprintf(text, sizeof(text), "%016" PRIx64, spi);
	return json_string(text);
}

/* Whole seconds since then; null: never. */
static json_t *ago_json(const struct walk *w, struct mono then)
{
	if (then.us == MONO_NEVER.us)
		return json_null();
	return json_integer(clock_seconds_since(w->s->now, then));
}

/* Whole seconds until then, 0 if it is over; null: never. */
static json_t *until_json(const struct walk *w, struct mono then)
{
	if (then.us == MONO_NEVER.us)
		return json_null();
	return json_integer(clock_seconds_since(then, w->s->now));
}

/* Seconds of the day's clock: the kernel keeps last use as such. 0: never. */
static json_t *wall_ago_json(const struct walk *w, int64_t then)
{
	int64_t now = (int64_t)w->s->wall_now;

	if (then == 0)
		return json_null();
	return json_integer(now > then ? now - then : 0);
}

/* The subnet that a peer comes under: policies are per subnet, and all SAs share one reqid. */
static json_t *connection_of(const struct walk *w, const struct ip *remote)
{
	const struct subnet_spec *which = NULL;
	char name[CONNECTION_LEN], text[IP_TEXT_LEN];
	enum ruling ruling = spec_ruling(w->s->spec, remote, &which);

	if (which != NULL)
		status_connection(which, ruling != RULING_BYPASS, name);
	else
		snprintf(name, sizeof(name), "ipsec-%s", ip_text(remote, text));
	return json_string(name);
}

json_t *status_identity(uint8_t type, struct bytes id)
{
	char text[CERT_TEXT_LEN];
	struct ip ip;

	if (type == ID_DER_ASN1_DN) {
		dn_to_text(id, text, sizeof(text));
		return json_string(text);
	}
	if ((type == ID_IPV4_ADDR && id.n == 4) || (type == ID_IPV6_ADDR && id.n == 16)) {
		ip = ip_from(type == ID_IPV4_ADDR ? 4 : 6, id.p);
		return status_ip(&ip);
	}
	/* Whatever a peer may have sent: printable ASCII or nothing of it. */
	for (size_t i = 0; i < id.n && i + 1 < sizeof(text); i++)
		text[i] = id.p[i] >= 0x20 && id.p[i] < 0x7f ? (char)id.p[i] : '?';
	text[id.n < sizeof(text) ? id.n : sizeof(text) - 1] = '\0';
	return json_string(text);
}

static json_t *traffic_json(const struct walk *w, const struct ip *dst, uint32_t spi)
{
	const struct sa_counters *found = sa_counts_find(&w->counts, dst, spi);

	if (found == NULL)
		return json_null();
	return json_pack("{s:I, s:I, s:o}", "bytes", (json_int_t)found->bytes, "packets",
			 (json_int_t)found->packets, "used_s_ago",
			 wall_ago_json(w, found->last_used));
}

/* ---- the walk ------------------------------------------------------------------------------- */

const char *status_pair_state(const struct pair_seen *p)
{
	if (p->up)
		return "up";
	if (p->connecting)
		return "connecting";
	if (p->waiting)
		return "waiting";
	return p->retry_at.us != MONO_NEVER.us ? "backing off" : "down";
}

void status_pair_begins(struct pair_seen *seen, const struct status_pair *p)
{
	*seen = (struct pair_seen){ .waiting = p->waiting, .retry_at = p->retry_at };
}

void status_pair_has_ike(struct pair_seen *seen, const struct status_ike *s)
{
	seen->connecting |= s->state == IKE_CONNECTING || s->state == IKE_AUTHENTICATING;
}

void status_pair_has_child(struct pair_seen *seen, const struct status_child *c)
{
	seen->up |= c->state == CHILD_INSTALLED;
	seen->connecting |= c->state == CHILD_INSTALLING;
}

static void end_pair(struct walk *w)
{
	if (w->pair != NULL)
		json_object_set_new(w->pair, "state", json_string(status_pair_state(&w->seen)));
	w->pair = NULL;
}

static json_t *attempt_json(const struct walk *w, const struct status_attempt *a)
{
	json_t *notify = a->notify != 0 ? json_string(notify_name(a->notify)) : json_null();
	json_t *o = json_pack("{s:o, s:o, s:b, s:b, s:s, s:o, s:b, s:i, s:o}", "started_s_ago",
			      ago_json(w, a->started_at), "ended_s_ago", ago_json(w, a->ended_at),
			      "initiator", a->initiator, "failed", a->failed, "stage",
			      stage_name(a->stage), "notify", notify, "notify_ours", a->notify_ours,
			      "retransmits", (int)a->retransmits, "reason",
			      a->reason[0] != '\0' ? json_string(a->reason) : json_null());
	const char *unreachable = a->unreachable != 0 ? strerrorname_np(-a->unreachable) : NULL;

	const char *cause = reason_name(attempt_reason(a));

	json_object_set_new(o, "cause", status_text(cause[0] != '\0' ? cause : NULL));
	json_object_set_new(o, "silent", json_boolean(a->silent));
	json_object_set_new(o, "unreachable", status_text(unreachable));
	json_object_set_new(
		o, "certificate",
		status_text(a->verdict != VERDICT_GOOD ? verdict_name(a->verdict) : NULL));
	json_object_set_new(o, "offered", status_text(a->offered[0] != '\0' ? a->offered : NULL));
	return o;
}

static void visit_pair(void *arg, const struct status_pair *p)
{
	struct walk *w = arg;
	json_t *attempts;

	end_pair(w);
	w->skipped = w->s->only != NULL && !ip_equal(w->s->only, &p->remote);
	if (w->skipped)
		return;
	status_pair_begins(&w->seen, p);
	w->children = NULL;
	w->ikes = json_array();
	attempts = json_array();
	for (size_t i = 0; i < p->n_attempts; i++)
		json_array_append_new(attempts, attempt_json(w, &p->attempts[i]));
	/* The state is known when the pair's SAs have been seen: end_pair(). */
	w->pair = json_pack("{s:o, s:o, s:o, s:n, s:o, s:i, s:o, s:o}", "local",
			    status_ip(&p->local), "remote", status_ip(&p->remote), "connection",
			    connection_of(w, &p->remote), "state", "retry_in_s",
			    until_json(w, p->retry_at), "failures", (int)p->failures, "attempts",
			    attempts, "ike_sas", w->ikes);
	json_object_set_new(w->pair, "ruling", status_ruling(w->s, &p->remote));
	json_object_set_new(w->pair, "since_s_ago", ago_json(w, p->since));
	json_array_append_new(w->pairs, w->pair);
}

static json_t *suite_json(const struct encr_alg *encr, const struct integ_alg *integ,
			  const struct prf_alg *prf, const struct ke_alg *ke)
{
	return json_pack("{s:o, s:o, s:o, s:o}", "encryption",
			 status_text(encr != NULL ? encr->name : NULL), "integrity",
			 status_text(integ != NULL ? integ->name : NULL), "prf",
			 status_text(prf != NULL ? prf->name : NULL), "key_exchange",
			 status_text(ke != NULL ? ke->name : NULL));
}

/* RFC 9370: in the order in which they are made. */
static json_t *add_ke_json(const struct status_ike *s)
{
	json_t *names = json_array();

	for (size_t i = 0; i < s->n_add_ke; i++)
		json_array_append_new(names, json_string(s->add_ke[i]->name));
	return names;
}

static void visit_ike(void *arg, const struct status_ike *s)
{
	struct walk *w = arg;
	json_t *peer, *cert, *ike;

	w->n_up += s->state == IKE_ESTABLISHED;
	w->n_connecting += s->state == IKE_CONNECTING || s->state == IKE_AUTHENTICATING;
	if (w->skipped)
		return;
	peer = s->peer_id.n > 0 ? status_identity(s->peer_id_type, s->peer_id) : json_null();
	cert = s->peer_cert != NULL ? cert_json(s->peer_cert, w->s->wall_now) : json_null();
	status_pair_has_ike(&w->seen, s);
	w->children = json_array();
	ike = json_pack("{s:i, s:s, s:b, s:o, s:o, s:o, s:i, s:o, s:i}", "number", (int)s->number,
			"state", ike_state_name(s->state), "initiator", s->initiator, "spi_i",
			ike_spi_json(s->spi_i), "spi_r", ike_spi_json(s->spi_r), "local",
			status_ip(&s->local.ip), "local_port", (int)s->local.port, "remote",
			status_ip(&s->remote.ip), "remote_port", (int)s->remote.port);
	json_object_set_new(ike, "suite", suite_json(s->encr, s->integ, s->prf, s->ke));
	json_object_set_new(json_object_get(ike, "suite"), "additional_key_exchanges",
			    add_ke_json(s));
	json_object_set_new(ike, "created_s_ago", ago_json(w, s->created_at));
	json_object_set_new(ike, "established_s_ago",
			    s->state >= IKE_ESTABLISHED ? ago_json(w, s->established_at)
							: json_null());
	json_object_set_new(ike, "rekey_in_s", until_json(w, s->rekey_at));
	json_object_set_new(ike, "peer_id", peer);
	json_object_set_new(ike, "peer_certificate", cert);
	json_object_set_new(ike, "peer_pinned", json_boolean(s->peer_pinned));
	json_object_set_new(ike, "peer_warning", status_text(s->peer_warning));
	json_object_set_new(ike, "peer_is_ikemesh", json_boolean(s->peer_is_ikemesh));
	json_object_set_new(ike, "ppk", json_boolean(s->ppk));
	json_object_set_new(ike, "retransmits", json_integer(s->retransmits));
	json_object_set_new(ike, "child_sas", w->children);
	json_array_append_new(w->ikes, ike);
}

/*
 * The path's MTU as the routes have it: the interface's, or less where a router said so. Asking for
 * each would be much for a thousand pairs: only where one peer was asked for.
 */
static void add_sizes(const struct walk *w, const struct status_child *c, json_t *child)
{
	const struct overhead o = overhead_of(c->encr, c->integ, c->encap);
	int mtu = w->s->only != NULL && w->s->routes != NULL
			  ? routes_path_mtu(w->s->routes, &c->local, &c->remote)
			  : 0;

	json_object_set_new(child, "overhead_min", json_integer((json_int_t)o.min));
	json_object_set_new(child, "overhead_max", json_integer((json_int_t)o.max));
	json_object_set_new(child, "path_mtu", mtu > 0 ? json_integer(mtu) : json_null());
	json_object_set_new(child, "largest_packet",
			    mtu > 0 ? json_integer((json_int_t)overhead_largest(
					      &o, c->remote.family, (size_t)mtu))
				    : json_null());
}

static void visit_child(void *arg, const struct status_child *c)
{
	struct walk *w = arg;
	json_t *child;

	if (w->skipped)
		return;
	status_pair_has_child(&w->seen, c);
	child = json_pack("{s:i, s:s, s:i, s:o, s:o, s:o, s:o, s:i, s:i, s:i}", "number",
			  (int)c->number, "state", child_state_name(c->state), "reqid",
			  (int)IKEMESH_REQID, "spi_in", spi_json(c->spi_in), "spi_out",
			  spi_json(c->spi_out), "local", status_ip(&c->local), "remote",
			  status_ip(&c->remote), "protocol", (int)c->protocol, "local_port",
			  (int)c->local_port, "remote_port", (int)c->remote_port);
	json_object_set_new(child, "suite", suite_json(c->encr, c->integ, NULL, c->ke));
	json_object_set_new(child, "esn", json_boolean(c->esn));
	json_object_set_new(child, "udp_encapsulation", json_boolean(c->encap));
	json_object_set_new(child, "installed_s_ago", ago_json(w, c->installed_at));
	json_object_set_new(child, "rekey_in_s", until_json(w, c->rekey_at));
	json_object_set_new(child, "in", traffic_json(w, &c->local, c->spi_in));
	json_object_set_new(child, "out", traffic_json(w, &c->remote, c->spi_out));
	add_sizes(w, c, child);
	json_array_append_new(w->children, child);
}

struct pairs_seen status_pairs(const struct status_sources *s)
{
	struct walk w = { .s = s, .pairs = json_array() };
	const struct status_visitor visitor = {
		.pair = visit_pair, .ike = visit_ike, .child = visit_child, .arg = &w
	};

	sa_counts_take(s->kernel, &w.counts);
	engine_status(s->engine, &visitor);
	end_pair(&w);
	sa_counts_free(&w.counts);
	return (struct pairs_seen){ .pairs = w.pairs,
				    .n_up = w.n_up,
				    .n_connecting = w.n_connecting };
}
