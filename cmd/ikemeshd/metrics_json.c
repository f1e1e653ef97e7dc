/* SPDX-License-Identifier: Apache-2.0 */
#include "cmd/ikemeshd/metrics_json.h"
#include "cmd/ikemeshd/clear_view.h"
#include "cmd/ikemeshd/clock.h"
#include "cmd/ikemeshd/ending.h"
#include "cmd/ikemeshd/status_json.h"
#include "cmd/ikemeshd/status_pairs.h"

#include <ctype.h>
#include <stdlib.h>

static void put(json_t *object, const char *name, uint64_t value)
{
	json_object_set_new(object, name, json_integer((json_int_t)value));
}

/* An object of its own below: {name: {}}. Borrowed. */
static json_t *below(json_t *object, const char *name)
{
	json_t *o = json_object();

	json_object_set_new(object, name, o);
	return o;
}

/* ---- the core's counters -------------------------------------------------------------------- */

static void add_handshakes(json_t *all, const struct status_tally *t)
{
	json_t *handshakes = below(all, "handshakes"), *failures;

	for (int r = 0; r < ROLES; r++) {
		json_t *o = below(handshakes, role_name((enum role)r));

		put(o, "success", t->established[r]);
		put(o, "failure", t->failed[r]);
	}
	failures = below(all, "handshake_failures");
	/* Those that a handshake usually fails for are there from the start, so that rates are. */
	for (int f = REASON_NONE + 1; f < N_REASONS; f++) {
		if (f <= REASON_OTHER || t->failures[f] > 0)
			put(failures, reason_name((enum reason)f), t->failures[f]);
	}
}

static void add_rekeys(json_t *all, const struct status_tally *t)
{
	json_t *rekeys = below(all, "rekeys"), *failures = below(all, "rekey_failures");

	for (int k = 0; k < REKEYED_KINDS; k++) {
		const char *name = rekeyed_name((enum rekeyed)k);
		json_t *o = below(rekeys, name);

		for (int r = 0; r < ROLES; r++)
			put(o, role_name((enum role)r), t->rekeys[k][r]);
		put(failures, name, t->rekey_failures[k]);
	}
}

static void add_jobs(json_t *all, const struct status_counters *c)
{
	json_t *jobs = below(all, "jobs"), *within = json_array();

	put(jobs, "pending", c->jobs);
	put(jobs, "done", c->tally.jobs_done);
	put(jobs, "us", c->tally.jobs_us);
	for (size_t i = 0; i < TALLY_JOB_TIMES; i++)
		json_array_append_new(within, json_pack("[I, I]", (json_int_t)tally_job_times[i],
							(json_int_t)c->tally.jobs_within[i]));
	json_object_set_new(jobs, "within", within);
}

static void add_strays(json_t *all, const struct status_counters *c)
{
	json_t *strays = below(all, "strays"), *qcd = below(all, "crash_tokens");

	put(strays, "seen", c->strays);
	put(strays, "refused", c->strays_refused);
	put(strays, "asked", c->strays_asked);
	put(strays, "healed", c->strays_healed);
	put(strays, "deleted", c->strays_deleted);
	put(qcd, "sent", c->qcd_sent);
	put(qcd, "taken", c->qcd_taken);
	put(qcd, "wrong", c->qcd_wrong);
}

static void add_counters(json_t *all, const struct engine *engine)
{
	struct status_counters c = { 0 };
	json_t *o;

	engine_counters(engine, &c);
	add_handshakes(all, &c.tally);
	add_rekeys(all, &c.tally);
	o = below(all, "collisions");
	for (int k = 0; k < COLLISIONS; k++)
		put(o, collision_name((enum collision_kind)k), c.tally.collisions[k]);
	o = below(all, "drops");
	for (int k = 0; k < DROPS; k++)
		put(o, drop_name((enum drop)k), c.tally.drops[k]);
	o = below(all, "limits");
	for (int k = 0; k < LIMITS; k++)
		put(o, limit_name((enum limit)k), c.tally.limits[k]);
	o = below(all, "retransmits");
	put(o, "received", c.retransmits_in);
	put(o, "sent", c.retransmits_out);
	o = below(all, "ike_packets");
	put(o, "received", c.packets_in);
	put(o, "sent", c.packets_out);
	o = below(all, "pairs_ended");
	put(o, "idle", c.idle_ended);
	put(o, "evicted", c.evicted);
	add_jobs(all, &c);
	add_strays(all, &c);
	put(all, "half_open", c.half_open);
	put(all, "acquires", c.acquires);
	put(all, "cookies_sent", c.cookies_sent);
	put(all, "refused_by_kernel", c.refused_by_kernel);
	put(all, "breaches", c.breaches);
	put(all, "decoys", c.decoys);
}

/* ---- pairs ---------------------------------------------------------------------------------- */

static void lower(const char *name, char out[static 32])
{
	size_t i = 0;

	for (; name[i] != '\0' && i < 31; i++)
		out[i] = (char)tolower((unsigned char)name[i]);
	out[i] = '\0';
}

static void add_states(json_t *all, const struct metrics_pairs *m)
{
	json_t *pairs = below(all, "pairs"), *ike = below(all, "ike_sas"),
	       *child = below(all, "child_sas");
	char name[32];

	for (int s = 0; s < METRICS_STATES; s++)
		put(pairs, metrics_state_name((enum metrics_state)s), m->states[s]);
	for (int s = 0; s < (int)METRICS_IKE_STATES; s++) {
		lower(ike_state_name((enum ike_state)s), name);
		put(ike, name, m->ike[s]);
	}
	for (int s = 0; s < (int)METRICS_CHILD_STATES; s++) {
		lower(child_state_name((enum child_state)s), name);
		put(child, name, m->child[s]);
	}
}

static void add_traffic(json_t *o, const struct metrics_traffic *t)
{
	json_t *bytes = below(o, "esp_bytes"), *packets = below(o, "esp_packets");

	put(bytes, "in", t->bytes_in);
	put(bytes, "out", t->bytes_out);
	put(packets, "in", t->packets_in);
	put(packets, "out", t->packets_out);
}

static json_t *pair_json(const struct metrics_pair *p)
{
	return json_pack("{s:o, s:o}", "local", status_ip(&p->local), "remote",
			 status_ip(&p->remote));
}

static int longest_first(const void *a, const void *b)
{
	const struct metrics_pair *x = *(const struct metrics_pair *const *)a;
	const struct metrics_pair *y = *(const struct metrics_pair *const *)b;

	return (x->since.us > y->since.us) - (x->since.us < y->since.us);
}

/* Who is in trouble, the longest first; never more than METRICS_NAMED. */
static void add_trouble(json_t *all, const struct metrics_pairs *m, struct mono now)
{
	const struct metrics_pair **in = calloc(m->n_trouble + 1, sizeof(*in));
	json_t *trouble = below(all, "trouble"), *pairs = json_array();
	size_t n = 0;

	for (size_t i = 0; in != NULL && i < m->n; i++) {
		if (m->p[i].trouble)
			in[n++] = &m->p[i];
	}
	if (n > 0)
		qsort(in, n, sizeof(*in), longest_first);
	for (size_t i = 0; i < n && i < METRICS_NAMED; i++) {
		json_t *o = pair_json(in[i]);

		json_object_set_new(o, "state", json_string(metrics_state_name(in[i]->state)));
		json_object_set_new(o, "reason", json_string(reason_name(in[i]->reason)));
		put(o, "s", (uint64_t)clock_seconds_since(now, in[i]->since));
		put(o, "failures", in[i]->failures);
		json_array_append_new(pairs, o);
	}
	free(in);
	put(trouble, "count", m->n_trouble);
	json_object_set_new(trouble, "pairs", pairs);
}

static json_t *peers_json(const struct metrics_pairs *m)
{
	json_t *all = json_array();

	for (size_t i = 0; i < m->n; i++) {
		json_t *o = pair_json(&m->p[i]);

		put(o, "up", m->p[i].state == METRICS_UP);
		add_traffic(o, &m->p[i].traffic);
		json_array_append_new(all, o);
	}
	return all;
}

static int add_pairs(json_t *all, const struct metrics_sources *s)
{
	struct metrics_pairs m;
	int err = metrics_pairs_collect(s->engine, &s->config->spec, s->kernel, &m);

	if (err == 0) {
		add_states(all, &m);
		m.traffic.bytes_in += s->past->gone.bytes_in;
		m.traffic.bytes_out += s->past->gone.bytes_out;
		m.traffic.packets_in += s->past->gone.packets_in;
		m.traffic.packets_out += s->past->gone.packets_out;
		add_traffic(all, &m.traffic);
		add_trouble(all, &m, s->now);
		json_object_set_new(all, "peers",
				    s->config->metrics_per_peer ? peers_json(&m) : json_array());
	}
	metrics_pairs_free(&m);
	return err;
}

/* ---- what ends ------------------------------------------------------------------------------ */

static int soonest_first(const void *a, const void *b)
{
	const struct expiry_item *x = a, *y = b;

	return (x->not_after > y->not_after) - (x->not_after < y->not_after);
}

static void add_ending(json_t *all, const struct metrics_sources *s)
{
	static const char *const kinds[] = {
		[EXPIRY_OWN] = "own",
		[EXPIRY_CA] = "ca",
		[EXPIRY_CRL] = "crl",
		[EXPIRY_PEER] = "peer",
	};
	json_t *certificates = json_array(), *crls = json_array();
	size_t peers = 0;
	struct ending e;

	json_object_set_new(all, "certificates", certificates);
	json_object_set_new(all, "crls", crls);
	if (ending_collect(s->config, s->engine, &e) != 0)
		return;
	qsort(e.items, e.n, sizeof(*e.items), soonest_first);
	for (size_t i = 0; i < e.n; i++) {
		const struct expiry_item *item = &e.items[i];
		const bool crl = item->what == EXPIRY_CRL;

		if (item->what == EXPIRY_PEER && peers++ >= METRICS_NAMED)
			continue;
		json_array_append_new(crl ? crls : certificates,
				      json_pack("{s:s, s:s, s:s, s:I}", "kind", kinds[item->what],
						"subject", item->subject, "fingerprint",
						item->fingerprint, "not_after",
						(json_int_t)item->not_after));
	}
	ending_free(&e);
}

/* ---- the host and the configuration ---------------------------------------------------------- */

static void add_policies(json_t *all, const struct metrics_sources *s)
{
	json_t *policies = below(all, "policies"), *subnets = below(all, "subnets");
	const struct spec *spec = &s->config->spec;
	uint64_t optional = 0;

	for (size_t i = 0; i < spec->n_protect; i++)
		optional += spec->optional || spec->protect[i].optional;
	put(subnets, "enforced", spec->n_protect - optional);
	put(subnets, "optional", optional);
	put(subnets, "bypass", spec->n_bypass);
	put(policies, "wanted", s->policies != NULL ? s->policies->wanted.n : 0);
	put(policies, "foreign", s->policies != NULL ? s->policies->shadows.n : 0);
	put(policies, "incomplete", s->policies != NULL && s->policies->error != 0);
}

static void add_clear(json_t *all, const struct metrics_sources *s)
{
	json_t *clear = below(all, "clear"), *peers = json_array();
	struct clear_talker *t = NULL;
	size_t n = 0;

	clear_view(s->clear, s->engine, &s->config->spec,
		   s->clear != NULL && clear_sees_decrypted(s->clear), s->now, &t, &n);
	for (size_t i = 0; i < n && i < METRICS_NAMED; i++)
		json_array_append_new(peers, status_ip(&t[i].remote));
	free(t);
	put(clear, "count", n);
	json_object_set_new(clear, "peers", peers);
}

static void add_daemon(json_t *all, const struct metrics_sources *s)
{
	json_t *config = below(all, "config"), *processes = below(all, "processes");
	json_t *reloads, *daemon, *keyholder;

	json_object_set_new(all, "builds", json_pack("[o]", status_version()));
	put(all, "started", (uint64_t)s->wall_started);
	reloads = below(config, "reloads");
	put(reloads, "success", s->past->reloads);
	put(reloads, "failure", s->past->reloads_failed);
	put(config, "good", !s->past->reload_failed);
	put(config, "loaded", (uint64_t)s->past->config_loaded);
	daemon = below(processes, "daemon");
	put(daemon, "resident", host_resident_bytes(s->host));
	put(daemon, "cpu_us", host_cpu_us());
	if (s->keyholder != NULL && s->keyholder->resident > 0) {
		keyholder = below(processes, "keyholder");
		put(keyholder, "resident", s->keyholder->resident);
		put(keyholder, "cpu_us", s->keyholder->cpu_us);
	}
	put(all, "own_certificate_fault", s->own_fault);
	put(all, "mode_pending", s->mode != NULL && mode_switch_is_pending(s->mode));
}

static void add_udp(json_t *all, const struct udp_counters *u)
{
	static const struct udp_counters none;
	json_t *o = below(all, "udp");

	u = u != NULL ? u : &none;
	put(o, "too_long", u->too_long);
	put(o, "stray", u->stray);
	put(o, "keepalives", u->keepalives);
	put(o, "send_errors", u->send_errors);
	put(o, "icmp_errors", u->icmp_errors);
}

json_t *metrics_json(const struct metrics_sources *s)
{
	json_t *all = json_object();

	json_object_set_new(all, "format", json_string("ikemesh-metrics/1"));
	add_daemon(all, s);
	add_policies(all, s);
	add_counters(all, s->engine);
	add_udp(all, s->udp);
	add_clear(all, s);
	add_ending(all, s);
	json_object_set_new(all, "xfrm_stat", host_xfrm_stat(s->host));
	if (add_pairs(all, s) != 0) {
		json_decref(all);
		return NULL;
	}
	return all;
}
