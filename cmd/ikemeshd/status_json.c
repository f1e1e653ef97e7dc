/* SPDX-License-Identifier: Apache-2.0 */
#include "cmd/ikemeshd/status_json.h"
#include "cmd/ikemeshd/cert_json.h"
#include "cmd/ikemeshd/clock.h"
#include "cmd/ikemeshd/ending.h"
#include "cmd/ikemeshd/status_pairs.h"
#include "cmd/ikemeshd/trust_json.h"
#include "config/suites.h"

#include <sys/utsname.h>
#include <unistd.h>

#define NS 1000000000

json_t *status_version(void)
{
	struct utsname u = { 0 };

	uname(&u);
	return json_pack("{s:s, s:s, s:s, s:s, s:s}", "name", "ikemesh", "version", IKEMESH_VERSION,
			 "system", u.sysname, "kernel", u.release, "machine", u.machine);
}

json_t *status_modified(const struct config *c)
{
	if (c == NULL || c->modified_ns == 0)
		return json_null();
	return json_sprintf("%lld.%09lld", (long long)(c->modified_ns / NS),
			    (long long)(c->modified_ns % NS));
}

static json_t *daemon_json(const struct status_sources *s)
{
	json_t *d = status_version();

	json_object_set_new(d, "pid", json_integer(getpid()));
	json_object_set_new(d, "config", status_text(s->config_path));
	json_object_set_new(d, "config_modified", status_modified(s->config));
	json_object_set_new(d, "started", json_integer((json_int_t)s->wall_started));
	json_object_set_new(d, "uptime_s", json_integer(clock_seconds_since(s->now, s->started)));
	return d;
}

static json_t *proposals_json(const struct proposal_spec *p, size_t n, uint8_t protocol)
{
	json_t *all = json_array();

	for (size_t i = 0; i < n; i++) {
		char text[256];

		suites_text(&p[i], protocol, text, sizeof(text));
		json_array_append_new(all, json_string(text));
	}
	return all;
}

static json_t *subnet_json(const struct status_sources *s, const struct subnet_spec *net,
			   bool protect)
{
	char name[CONNECTION_LEN], text[SUBNET_TEXT_LEN];
	json_t *locals = json_array();

	/* A policy stands for each local address of the subnet's family. */
	for (size_t i = 0; i < s->n_locals; i++) {
		if (s->locals[i].family == net->net.ip.family &&
		    spec_covers(s->spec, &s->locals[i]))
			json_array_append_new(locals, status_ip(&s->locals[i]));
	}
	status_connection(net, protect, name);
	return json_pack("{s:s, s:s, s:s, s:b, s:b, s:i, s:i, s:o}", "name", name, "subnet",
			 subnet_text(&net->net, text), "kind", protect ? "protect" : "bypass",
			 "optional", protect && (net->optional || s->spec->optional),
			 "optional_in_file", protect && net->optional_in_file, "protocol",
			 (int)net->protocol, "port", (int)net->port, "locals", locals);
}

static json_t *connections_json(const struct status_sources *s)
{
	json_t *all = json_array();

	for (size_t i = 0; i < s->spec->n_protect; i++)
		json_array_append_new(all, subnet_json(s, &s->spec->protect[i], true));
	for (size_t i = 0; i < s->spec->n_bypass; i++)
		json_array_append_new(all, subnet_json(s, &s->spec->bypass[i], false));
	return all;
}

static json_t *listening_json(const struct status_sources *s)
{
	json_t *all = json_array();

	for (size_t i = 0; i < s->n_locals; i++)
		json_array_append_new(all, status_ip(&s->locals[i]));
	return all;
}

static void put(json_t *object, const char *name, uint64_t value)
{
	json_object_set_new(object, name, json_integer((json_int_t)value));
}

static json_t *drops_json(const struct status_tally *t)
{
	json_t *o = json_object();

	for (int k = 0; k < DROPS; k++)
		put(o, drop_name((enum drop)k), t->drops[k]);
	return o;
}

static json_t *limits_json(const struct status_tally *t)
{
	json_t *o = json_object();

	for (int k = 0; k < LIMITS; k++)
		put(o, limit_name((enum limit)k), t->limits[k]);
	return o;
}

static json_t *counters_json(const struct status_sources *s)
{
	struct status_counters c = { 0 };
	json_t *o = json_object();

	engine_counters(s->engine, &c);
	put(o, "packets_in", c.packets_in);
	put(o, "packets_out", c.packets_out);
	put(o, "drops", c.drops);
	put(o, "retransmits_in", c.retransmits_in);
	put(o, "retransmits_out", c.retransmits_out);
	put(o, "ike_initiated", c.ike_initiated);
	put(o, "ike_responded", c.ike_responded);
	put(o, "ike_failed", c.ike_failed);
	put(o, "children", c.children);
	put(o, "acquires", c.acquires);
	put(o, "refused_by_kernel", c.refused_by_kernel);
	put(o, "breaches", c.breaches);
	put(o, "decoys", c.decoys);
	put(o, "idle_ended", c.idle_ended);
	put(o, "evicted", c.evicted);
	put(o, "cookies_sent", c.cookies_sent);
	put(o, "decode_errors", c.decode_errors);
	put(o, "integrity_errors", c.integrity_errors);
	put(o, "invalid_spi", c.invalid_spi);
	put(o, "strays", c.strays);
	put(o, "strays_refused", c.strays_refused);
	put(o, "strays_asked", c.strays_asked);
	put(o, "strays_healed", c.strays_healed);
	put(o, "strays_deleted", c.strays_deleted);
	put(o, "qcd_sent", c.qcd_sent);
	put(o, "qcd_taken", c.qcd_taken);
	put(o, "qcd_wrong", c.qcd_wrong);
	put(o, "half_open", c.half_open);
	put(o, "waiting", c.waiting);
	put(o, "pairs", c.pairs);
	put(o, "ike_sas", c.ike_sas);
	put(o, "child_sas", c.child_sas);
	put(o, "jobs", c.jobs);
	json_object_set_new(o, "drops_by_cause", drops_json(&c.tally));
	json_object_set_new(o, "limits", limits_json(&c.tally));
	return o;
}

static json_t *expiry_json(const struct status_sources *s)
{
	struct ending e;
	json_t *all;

	if (s->config == NULL || ending_collect(s->config, s->engine, &e) != 0)
		return json_array();
	all = ending_json(&e, s->expiry_days, s->n_expiry_days, s->wall_now);
	ending_free(&e);
	return all;
}

static json_t *udp_json(const struct udp_counters *u)
{
	json_t *o = json_object();

	put(o, "received", u->received);
	put(o, "sent", u->sent);
	put(o, "too_long", u->too_long);
	put(o, "stray", u->stray);
	put(o, "keepalives", u->keepalives);
	put(o, "send_errors", u->send_errors);
	put(o, "icmp_errors", u->icmp_errors);
	return o;
}

/* What holds for the peer asked for, whether there is a pair or not. */
static json_t *peer_json(const struct status_sources *s)
{
	const struct subnet_spec *which = NULL;
	char text[SUBNET_TEXT_LEN];

	spec_ruling(s->spec, s->only, &which);
	return json_pack("{s:o, s:s, s:o}", "address", status_ip(s->only), "ruling",
			 status_ruling(s, s->only), "subnet",
			 which != NULL ? json_string(subnet_text(&which->net, text)) : json_null());
}

static json_t *keyholder_json(const struct key_client_state *k)
{
	json_t *o = json_object();

	json_object_set_new(o, "away", json_boolean(k->away));
	put(o, "away_s", (uint64_t)(k->away_us / CLOCK_SECOND));
	json_object_set_new(o, "why", k->away ? json_string(k->why) : json_null());
	put(o, "renewed", k->renewed);
	put(o, "timeouts", k->timeouts);
	put(o, "open", k->open);
	return o;
}

static void put_own(const struct status_sources *s, struct json_text *t)
{
	json_text_string(t, "format", "ikemesh-status/1");
	json_text_tree(t, "daemon", daemon_json(s));
	json_text_tree(t, "keys_exposed_to", status_text(s->exposed_to));
	if (s->keyholder != NULL)
		json_text_tree(t, "keyholder", keyholder_json(s->keyholder));
	json_text_tree(t, "listening", listening_json(s));
	json_text_tree(t, "certificate", cert_json(&s->spec->credential.leaf, s->wall_now));
	json_text_tree(t, "expiry", expiry_json(s));
	json_text_tree(t, "connections", connections_json(s));
	json_text_int(t, "reqid", IKEMESH_REQID);
	json_text_bool(t, "allow_icmp_errors", s->spec->allow_icmp_errors);
	json_text_tree(t, "ike_proposals", proposals_json(s->spec->ike, s->spec->n_ike, PROTO_IKE));
	json_text_tree(t, "esp_proposals", proposals_json(s->spec->esp, s->spec->n_esp, PROTO_ESP));
}

void status_write(const struct status_sources *s, struct json_text *t)
{
	struct pairs_seen seen;

	json_text_open(t, NULL, '{');
	put_own(s, t);
	seen = status_pairs(s, t);
	json_text_int(t, "ike_up", (int64_t)seen.n_up);
	json_text_int(t, "ike_connecting", (int64_t)seen.n_connecting);
	if (s->only != NULL)
		json_text_tree(t, "peer", peer_json(s));
	json_text_tree(t, "counters", counters_json(s));
	if (s->mode != NULL)
		json_text_tree(t, "mode", status_mode(s->mode, s->spec, s->now));
	json_text_tree(t, "clear", status_clear(s->clear, s->engine, s->spec, s->now));
	if (s->config != NULL)
		json_text_tree(t, "trust", trust_json(s->config, s->own_fault, s->wall_now));
	if (s->udp != NULL)
		json_text_tree(t, "udp", udp_json(s->udp));
	if (s->takeover != NULL)
		json_text_tree(t, "takeover", takeover_json(s->takeover));
	if (s->foreign != NULL)
		json_text_tree(t, "foreign_policies", policies_foreign_json(s->foreign));
	json_text_close(t, '}');
}

json_t *status_json(const struct status_sources *s)
{
	struct json_text t = { 0 };
	json_t *all = NULL;

	status_write(s, &t);
	if (!t.no_memory)
		all = json_loadb(t.p, t.n, 0, NULL);
	json_text_free(&t);
	return all;
}
