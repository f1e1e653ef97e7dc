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

/* The walk: a pair is open until the next one, its IKE SAs likewise, and their CHILD_SAs within. */
struct walk {
	const struct status_sources *s;
	struct json_text *t;
	struct sa_counts counts;
	bool in_pair, in_ike;
	const struct cert_info *cert; /* shown last, and as text: a fleet may share one */
	struct json_text cert_text;
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

const char *status_ruling(const struct status_sources *s, const struct ip *remote)
{
	static const char *const names[] = { "none", "bypass", "optional", "enforced" };

	return names[spec_ruling(s->spec, remote, NULL)];
}

static void put_ip(struct json_text *t, const char *name, const struct ip *ip)
{
	char text[IP_TEXT_LEN];

	json_text_string(t, name, ip_text(ip, text));
}

static void put_spi(struct json_text *t, const char *name, uint32_t spi)
{
	char text[16];

	snprintf(text, sizeof(text), "%08" PRIx32, spi);
	json_text_string(t, name, text);
}

static void put_ike_spi(struct json_text *t, const char *name, uint64_t spi)
{
	char text[24];

	snprintf(text, sizeof(text), "%016" PRIx64, spi);
	json_text_string(t, name, text);
}

/* Whole seconds since then; null: never. */
static void put_ago(const struct walk *w, const char *name, struct mono then)
{
	if (then.us == MONO_NEVER.us)
		json_text_null(w->t, name);
	else
		json_text_int(w->t, name, clock_seconds_since(w->s->now, then));
}

/* Whole seconds until then, 0 if it is over; null: never. */
static void put_until(const struct walk *w, const char *name, struct mono then)
{
	if (then.us == MONO_NEVER.us)
		json_text_null(w->t, name);
	else
		json_text_int(w->t, name, clock_seconds_since(then, w->s->now));
}

/* Seconds of the day's clock: the kernel keeps last use as such. 0: never. */
static void put_wall_ago(const struct walk *w, const char *name, int64_t then)
{
	int64_t now = (int64_t)w->s->wall_now;

	if (then == 0)
		json_text_null(w->t, name);
	else
		json_text_int(w->t, name, now > then ? now - then : 0);
}

/* The subnet that a peer comes under: policies are per subnet, and all SAs share one reqid. */
static void put_connection(const struct walk *w, const struct ip *remote)
{
	const struct subnet_spec *which = NULL;
	char name[CONNECTION_LEN], text[IP_TEXT_LEN];
	enum ruling ruling = spec_ruling(w->s->spec, remote, &which);

	if (which != NULL)
		status_connection(which, ruling != RULING_BYPASS, name);
	else
		snprintf(name, sizeof(name), "ipsec-%s", ip_text(remote, text));
	json_text_string(w->t, "connection", name);
}

static const char *identity_text(uint8_t type, struct bytes id, char text[static CERT_TEXT_LEN])
{
	struct ip ip;

	if (type == ID_DER_ASN1_DN) {
		dn_to_text(id, text, CERT_TEXT_LEN);
		return text;
	}
	if ((type == ID_IPV4_ADDR && id.n == 4) || (type == ID_IPV6_ADDR && id.n == 16)) {
		ip = ip_from(type == ID_IPV4_ADDR ? 4 : 6, id.p);
		return ip_text(&ip, text);
	}
	/* Whatever a peer may have sent: printable ASCII or nothing of it. */
	for (size_t i = 0; i < id.n && i + 1 < CERT_TEXT_LEN; i++)
		text[i] = id.p[i] >= 0x20 && id.p[i] < 0x7f ? (char)id.p[i] : '?';
	text[id.n < CERT_TEXT_LEN ? id.n : CERT_TEXT_LEN - 1] = '\0';
	return text;
}

json_t *status_identity(uint8_t type, struct bytes id)
{
	char text[CERT_TEXT_LEN];

	return json_string(identity_text(type, id, text));
}

static void put_certificate(struct walk *w, const char *name, const struct cert_info *cert)
{
	if (cert == NULL) {
		json_text_null(w->t, name);
		return;
	}
	if (cert != w->cert) {
		json_text_free(&w->cert_text);
		json_text_tree(&w->cert_text, NULL, cert_json(cert, w->s->wall_now));
		w->cert = cert;
	}
	json_text_raw(w->t, name, w->cert_text.p, w->cert_text.n);
	w->t->no_memory |= w->cert_text.no_memory;
}

static void put_traffic(const struct walk *w, const char *name, const struct ip *dst, uint32_t spi)
{
	const struct sa_counters *found = sa_counts_find(&w->counts, dst, spi);
	struct json_text *t = w->t;

	if (found == NULL) {
		json_text_null(t, name);
		return;
	}
	json_text_open(t, name, '{');
	json_text_int(t, "bytes", (int64_t)found->bytes);
	json_text_int(t, "packets", (int64_t)found->packets);
	put_wall_ago(w, "used_s_ago", found->last_used);
	json_text_close(t, '}');
}

/* ---- the walk ------------------------------------------------------------------------------- */

enum standing status_standing(const struct pair_seen *p)
{
	if (p->up)
		return STANDING_UP;
	if (p->connecting)
		return STANDING_CONNECTING;
	if (p->waiting)
		return STANDING_WAITING;
	return p->retry_at.us != MONO_NEVER.us ? STANDING_BACKING_OFF : STANDING_DOWN;
}

const char *status_pair_state(const struct pair_seen *p)
{
	static const char *const names[] = { "up", "connecting", "waiting", "backing off", "down" };

	return names[status_standing(p)];
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

static void end_ike(struct walk *w)
{
	if (w->in_ike) {
		json_text_close(w->t, ']');
		json_text_close(w->t, '}');
	}
	w->in_ike = false;
}

static void end_pair(struct walk *w)
{
	end_ike(w);
	if (w->in_pair) {
		json_text_close(w->t, ']');
		json_text_string(w->t, "state", status_pair_state(&w->seen));
		json_text_close(w->t, '}');
	}
	w->in_pair = false;
}

static void put_attempt(const struct walk *w, const struct status_attempt *a)
{
	const char *unreachable = a->unreachable != 0 ? strerrorname_np(-a->unreachable) : NULL;
	const char *cause = reason_name(attempt_reason(a));
	struct json_text *t = w->t;

	json_text_open(t, NULL, '{');
	put_ago(w, "started_s_ago", a->started_at);
	put_ago(w, "ended_s_ago", a->ended_at);
	json_text_bool(t, "initiator", a->initiator);
	json_text_bool(t, "failed", a->failed);
	json_text_string(t, "stage", stage_name(a->stage));
	json_text_string(t, "notify", a->notify != 0 ? notify_name(a->notify) : NULL);
	json_text_bool(t, "notify_ours", a->notify_ours);
	json_text_int(t, "retransmits", a->retransmits);
	json_text_string(t, "reason", a->reason[0] != '\0' ? a->reason : NULL);
	json_text_string(t, "cause", cause[0] != '\0' ? cause : NULL);
	json_text_bool(t, "silent", a->silent);
	json_text_string(t, "unreachable", unreachable);
	json_text_string(t, "certificate",
			 a->verdict != VERDICT_GOOD ? verdict_name(a->verdict) : NULL);
	json_text_string(t, "offered", a->offered[0] != '\0' ? a->offered : NULL);
	json_text_close(t, '}');
}

/* What `encapsulation: auto` has found out. */
static void put_encapsulation(const struct walk *w, const struct status_pair *p)
{
	if (p->encap == ENCAP_UNKNOWN) {
		json_text_null(w->t, "encapsulation");
		return;
	}
	json_text_open(w->t, "encapsulation", '{');
	json_text_string(w->t, "state", encap_memory_name(p->encap));
	put_ago(w, "since_s_ago", p->encap_at);
	json_text_close(w->t, '}');
}

static void visit_pair(void *arg, const struct status_pair *p)
{
	struct walk *w = arg;
	struct json_text *t = w->t;

	end_pair(w);
	w->skipped = w->s->only != NULL && !ip_equal(w->s->only, &p->remote);
	if (w->skipped)
		return;
	w->in_pair = true;
	status_pair_begins(&w->seen, p);
	/* The state is known when the pair's SAs have been seen: end_pair(). */
	json_text_open(t, NULL, '{');
	put_ip(t, "local", &p->local);
	put_ip(t, "remote", &p->remote);
	put_connection(w, &p->remote);
	json_text_string(t, "ruling", status_ruling(w->s, &p->remote));
	put_ago(w, "since_s_ago", p->since);
	put_until(w, "retry_in_s", p->retry_at);
	json_text_int(t, "failures", p->failures);
	put_encapsulation(w, p);
	json_text_open(t, "attempts", '[');
	for (size_t i = 0; i < p->n_attempts; i++)
		put_attempt(w, &p->attempts[i]);
	json_text_close(t, ']');
	json_text_open(t, "ike_sas", '[');
}

/* Open: RFC 9370 has more to say of an IKE SA's. */
static void open_suite(struct json_text *t, const struct encr_alg *encr,
		       const struct integ_alg *integ, const struct prf_alg *prf,
		       const struct ke_alg *ke)
{
	json_text_open(t, "suite", '{');
	json_text_string(t, "encryption", encr != NULL ? encr->name : NULL);
	json_text_string(t, "integrity", integ != NULL ? integ->name : NULL);
	json_text_string(t, "prf", prf != NULL ? prf->name : NULL);
	json_text_string(t, "key_exchange", ke != NULL ? ke->name : NULL);
}

static void put_ike_suite(struct json_text *t, const struct status_ike *s)
{
	open_suite(t, s->encr, s->integ, s->prf, s->ke);
	json_text_open(t, "additional_key_exchanges",
		       '['); /* in the order in which they are made */
	for (size_t i = 0; i < s->n_add_ke; i++)
		json_text_string(t, NULL, s->add_ke[i]->name);
	json_text_close(t, ']');
	json_text_close(t, '}');
}

static void put_peer(struct walk *w, const struct status_ike *s)
{
	struct json_text *t = w->t;
	char text[CERT_TEXT_LEN];

	json_text_string(t, "peer_id",
			 s->peer_id.n > 0 ? identity_text(s->peer_id_type, s->peer_id, text)
					  : NULL);
	put_certificate(w, "peer_certificate", s->peer_cert);
	json_text_bool(t, "peer_pinned", s->peer_pinned);
	json_text_string(t, "peer_warning", s->peer_warning);
	json_text_bool(t, "peer_is_ikemesh", s->peer_is_ikemesh);
}

static void put_ike(struct walk *w, const struct status_ike *s)
{
	struct json_text *t = w->t;

	json_text_int(t, "number", s->number);
	json_text_string(t, "state", ike_state_name(s->state));
	json_text_bool(t, "initiator", s->initiator);
	put_ike_spi(t, "spi_i", s->spi_i);
	put_ike_spi(t, "spi_r", s->spi_r);
	put_ip(t, "local", &s->local.ip);
	json_text_int(t, "local_port", s->local.port);
	put_ip(t, "remote", &s->remote.ip);
	json_text_int(t, "remote_port", s->remote.port);
	put_ike_suite(t, s);
	put_ago(w, "created_s_ago", s->created_at);
	put_ago(w, "established_s_ago",
		s->state >= IKE_ESTABLISHED ? s->established_at : MONO_NEVER);
	put_until(w, "rekey_in_s", s->rekey_at);
	put_peer(w, s);
	json_text_bool(t, "ppk", s->ppk);
	json_text_int(t, "retransmits", s->retransmits);
}

static void visit_ike(void *arg, const struct status_ike *s)
{
	const bool connecting = s->state == IKE_CONNECTING || s->state == IKE_AUTHENTICATING;
	struct walk *w = arg;

	w->n_up += s->state == IKE_ESTABLISHED;
	w->n_connecting += connecting;
	if (w->skipped)
		return;
	status_pair_has_ike(&w->seen, s);
	end_ike(w);
	w->in_ike = true;
	json_text_open(w->t, NULL, '{');
	put_ike(w, s);
	json_text_open(w->t, "child_sas", '[');
}

/*
 * The path's MTU as the routes have it: the interface's, or less where a router said so. Asking for
 * each would be much for a thousand pairs: only where one peer was asked for.
 */
static void put_sizes(const struct walk *w, const struct status_child *c)
{
	const struct overhead o = overhead_of(c->encr, c->integ, c->encap);
	int mtu = w->s->only != NULL && w->s->routes != NULL
			  ? routes_path_mtu(w->s->routes, &c->local, &c->remote)
			  : 0;
	struct json_text *t = w->t;

	json_text_int(t, "overhead_min", (int64_t)o.min);
	json_text_int(t, "overhead_max", (int64_t)o.max);
	if (mtu <= 0) {
		json_text_null(t, "path_mtu");
		json_text_null(t, "largest_packet");
		return;
	}
	json_text_int(t, "path_mtu", mtu);
	json_text_int(t, "largest_packet",
		      (int64_t)overhead_largest(&o, c->remote.family, (size_t)mtu));
}

static void visit_child(void *arg, const struct status_child *c)
{
	struct walk *w = arg;
	struct json_text *t = w->t;

	if (w->skipped)
		return;
	status_pair_has_child(&w->seen, c);
	json_text_open(t, NULL, '{');
	json_text_int(t, "number", c->number);
	json_text_string(t, "state", child_state_name(c->state));
	json_text_int(t, "reqid", IKEMESH_REQID);
	put_spi(t, "spi_in", c->spi_in);
	put_spi(t, "spi_out", c->spi_out);
	put_ip(t, "local", &c->local);
	put_ip(t, "remote", &c->remote);
	json_text_int(t, "protocol", c->protocol);
	json_text_int(t, "local_port", c->local_port);
	json_text_int(t, "remote_port", c->remote_port);
	open_suite(t, c->encr, c->integ, NULL, c->ke);
	json_text_close(t, '}');
	json_text_bool(t, "esn", c->esn);
	json_text_bool(t, "udp_encapsulation", c->encap);
	put_ago(w, "installed_s_ago", c->installed_at);
	put_until(w, "rekey_in_s", c->rekey_at);
	put_traffic(w, "in", &c->local, c->spi_in);
	put_traffic(w, "out", &c->remote, c->spi_out);
	put_sizes(w, c);
	json_text_close(t, '}');
}

struct pairs_seen status_pairs(const struct status_sources *s, struct json_text *t)
{
	struct walk w = { .s = s, .t = t };
	const struct status_visitor visitor = {
		.pair = visit_pair, .ike = visit_ike, .child = visit_child, .arg = &w
	};

	sa_counts_take(s->kernel, &w.counts);
	json_text_open(t, "pairs", '[');
	engine_status(s->engine, &visitor);
	end_pair(&w);
	json_text_close(t, ']');
	sa_counts_free(&w.counts);
	json_text_free(&w.cert_text);
	return (struct pairs_seen){ .n_up = w.n_up, .n_connecting = w.n_connecting };
}
