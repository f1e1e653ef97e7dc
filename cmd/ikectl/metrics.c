/* SPDX-License-Identifier: Apache-2.0 */
#include "cmd/ikectl/metrics.h"
#include "cmd/ikectl/model.h"

#define MEMBERS 4
#define LABELS_MAX (MEMBERS + 2)
#define VALUE_LEN 32
#define PATH_LEN 64

/* A label of each element of an array: its name, and the member that has its value. */
struct member {
	const char *label, *member;
};

/*
 * A family, and where its samples are: `path` leads to a number, to an object whose members' names
 * are the values of the labels in `keys` (outer first), or to an array of objects (or texts) whose
 * members are labels. `value`: the member that has the number, or objects further down; of an array
 * without it each element counts 1.
 */
struct family {
	const char *name;
	enum family_type type;
	const char *unit, *help;
	const char *path, *keys[2];
	struct member members[MEMBERS];
	const char *value;
	bool microseconds; /* are the numbers, to be told as seconds */
	bool may_repeat;   /* elements with the same labels */
	/* NULL: as above. */
	void (*print)(const struct family *f, const json_t *node, FILE *out);
};

static void print_duration(const struct family *f, const json_t *node, FILE *out);

static const struct family families[] = {
	{ "ikemesh_build", FAMILY_INFO, NULL, "Version of ikemeshd and of the system it runs on.",
	  .path = "builds",
	  .members = { { "version", "version" },
		       { "kernel", "kernel" },
		       { "machine", "machine" } } },
	{ "ikemesh_start_time_seconds", FAMILY_GAUGE, "seconds", "When ikemeshd started.",
	  .path = "started" },
	{ "ikemesh_resident_memory_bytes", FAMILY_GAUGE, "bytes", "Resident memory of a process.",
	  .path = "processes", .keys = { "process" }, .value = "resident" },
	{ "ikemesh_cpu_seconds", FAMILY_COUNTER, "seconds",
	  "User and system time of a process, all its threads.", .path = "processes",
	  .keys = { "process" }, .value = "cpu_us", .microseconds = true },

	{ "ikemesh_config_reloads", FAMILY_COUNTER, NULL, "Reloads of the configuration.",
	  .path = "config.reloads", .keys = { "result" } },
	{ "ikemesh_config_last_reload_successful", FAMILY_GAUGE, NULL,
	  "1: the last reload was taken, or there was none; 0: an older configuration is in force.",
	  .path = "config.good" },
	{ "ikemesh_config_loaded_timestamp_seconds", FAMILY_GAUGE, "seconds",
	  "When the configuration in force was loaded.", .path = "config.loaded" },
	{ "ikemesh_policies", FAMILY_GAUGE, NULL, "Policies that the kernel is to have of us.",
	  .path = "policies.wanted" },
	{ "ikemesh_policies_incomplete", FAMILY_GAUGE, NULL,
	  "1: the kernel does not have all of them.", .path = "policies.incomplete" },
	{ "ikemesh_policies_shadowing", FAMILY_GAUGE, NULL,
	  "Policies of others that come before some of ours.", .path = "policies.foreign" },
	{ "ikemesh_subnets", FAMILY_GAUGE, NULL, "Entries of ipsec_subnets and no_ipsec_subnets.",
	  .path = "subnets", .keys = { "rule" } },
	{ "ikemesh_mode_pending", FAMILY_GAUGE, NULL, "1: a mode awaits `ikectl confirm`.",
	  .path = "mode_pending" },

	{ "ikemesh_pairs", FAMILY_GAUGE, NULL, "Pairs of a local and a peer's address, by state.",
	  .path = "pairs", .keys = { "state" } },
	{ "ikemesh_ike_sas", FAMILY_GAUGE, NULL, "IKE SAs by state.", .path = "ike_sas",
	  .keys = { "state" } },
	{ "ikemesh_child_sas", FAMILY_GAUGE, NULL, "CHILD_SAs by state.", .path = "child_sas",
	  .keys = { "state" } },
	{ "ikemesh_half_open_ike_sas", FAMILY_GAUGE, NULL,
	  "IKE SAs that somebody began who has not proved who it is.", .path = "half_open" },
	{ "ikemesh_pairs_in_trouble", FAMILY_GAUGE, NULL,
	  "Pairs without an SA whose last attempts were in vain.", .path = "trouble.count" },
	{ "ikemesh_pair_trouble_seconds", FAMILY_GAUGE, "seconds",
	  "For how long a pair in trouble has been without an SA; the 50 longest.",
	  .path = "trouble.pairs",
	  .members = { { "local", "local" },
		       { "remote", "remote" },
		       { "state", "state" },
		       { "reason", "reason" } },
	  .value = "s" },
	{ "ikemesh_clear_peers", FAMILY_GAUGE, NULL,
	  "Peers that talked in the clear lately, where IPsec is optional.",
	  .path = "clear.count" },
	{ "ikemesh_clear_peer", FAMILY_GAUGE, NULL, "1 for each of them; 50 at most.",
	  .path = "clear.peers", .members = { { "remote", NULL } } },
	{ "ikemesh_pair_up", FAMILY_GAUGE, NULL, "1: a pair has an SA (metrics_per_peer: true).",
	  .path = "peers", .members = { { "local", "local" }, { "remote", "remote" } },
	  .value = "up" },
	{ "ikemesh_pair_esp_bytes", FAMILY_COUNTER, "bytes",
	  "Octets through the SAs that a pair has now (metrics_per_peer: true).", .path = "peers",
	  .keys = { "direction" }, .members = { { "local", "local" }, { "remote", "remote" } },
	  .value = "esp_bytes" },
	{ "ikemesh_pair_esp_packets", FAMILY_COUNTER, NULL,
	  "Packets through the SAs that a pair has now (metrics_per_peer: true).", .path = "peers",
	  .keys = { "direction" }, .members = { { "local", "local" }, { "remote", "remote" } },
	  .value = "esp_packets" },
	{ "ikemesh_esp_bytes", FAMILY_COUNTER, "bytes", "Octets through all SAs.",
	  .path = "esp_bytes", .keys = { "direction" } },
	{ "ikemesh_esp_packets", FAMILY_COUNTER, NULL, "Packets through all SAs.",
	  .path = "esp_packets", .keys = { "direction" } },

	{ "ikemesh_handshakes", FAMILY_COUNTER, NULL,
	  "Negotiations of IKE SAs that are over, by who began and how they ended.",
	  .path = "handshakes", .keys = { "role", "result" } },
	{ "ikemesh_handshake_failures", FAMILY_COUNTER, NULL,
	  "Those that failed, by the reason that `ikectl why` names.", .path = "handshake_failures",
	  .keys = { "reason" } },
	{ "ikemesh_rekeys", FAMILY_COUNTER, NULL, "SAs that were rekeyed, by who began.",
	  .path = "rekeys", .keys = { "sa", "role" } },
	{ "ikemesh_rekey_failures", FAMILY_COUNTER, NULL,
	  "Rekeyings of ours that failed, and are tried again.", .path = "rekey_failures",
	  .keys = { "sa" } },
	{ "ikemesh_collisions", FAMILY_COUNTER, NULL, "Both sides began the same at once.",
	  .path = "collisions", .keys = { "kind" } },
	{ "ikemesh_acquires", FAMILY_COUNTER, NULL, "Times that the kernel asked for an SA.",
	  .path = "acquires" },
	{ "ikemesh_pairs_ended", FAMILY_COUNTER, NULL, "Pairs given up: idle_timeout, max_pairs.",
	  .path = "pairs_ended", .keys = { "cause" } },
	{ "ikemesh_sas_refused_by_kernel", FAMILY_COUNTER, NULL, "SAs that the kernel refused.",
	  .path = "refused_by_kernel" },
	{ "ikemesh_breaches", FAMILY_COUNTER, NULL,
	  "Pairs found with more than one live CHILD_SA, and repaired.", .path = "breaches" },
	{ "ikemesh_held_packets_given_up", FAMILY_COUNTER, NULL,
	  "Times that held packets of a silent peer gave way to others'.", .path = "decoys" },

	{ "ikemesh_ike_datagrams", FAMILY_COUNTER, NULL, "IKE datagrams.", .path = "ike_packets",
	  .keys = { "direction" } },
	{ "ikemesh_retransmits", FAMILY_COUNTER, NULL, "IKE messages that were repeated.",
	  .path = "retransmits", .keys = { "direction" } },
	{ "ikemesh_ike_drops", FAMILY_COUNTER, NULL, "IKE datagrams that were not taken.",
	  .path = "drops", .keys = { "cause" } },
	{ "ikemesh_limits_reached", FAMILY_COUNTER, NULL,
	  "Times that a limit turned something away.", .path = "limits", .keys = { "limit" } },
	{ "ikemesh_cookies_sent", FAMILY_COUNTER, NULL,
	  "COOKIEs asked for since there were many half-open IKE SAs.", .path = "cookies_sent" },
	{ "ikemesh_udp_events", FAMILY_COUNTER, NULL, "What else was seen on the IKE ports.",
	  .path = "udp", .keys = { "event" } },
	{ "ikemesh_stray_esp", FAMILY_COUNTER, NULL,
	  "ESP for SAs that this host does not have, and what came of it.", .path = "strays",
	  .keys = { "event" } },
	{ "ikemesh_crash_tokens", FAMILY_COUNTER, NULL, "Proofs of lost IKE SAs (RFC 6290).",
	  .path = "crash_tokens", .keys = { "event" } },

	{ "ikemesh_jobs_pending", FAMILY_GAUGE, NULL, "Crypto jobs that are under way.",
	  .path = "jobs.pending" },
	{ "ikemesh_job_duration_seconds", FAMILY_HISTOGRAM, "seconds",
	  "Time from giving a crypto job away to its coming home.", .path = "jobs",
	  .print = print_duration },

	{ "ikemesh_certificate_expiry_timestamp_seconds", FAMILY_GAUGE, "seconds",
	  "When a certificate ends: own, of CAs, of connected peers (the 50 that end first).",
	  .path = "certificates",
	  .members = { { "kind", "kind" },
		       { "subject", "subject" },
		       { "fingerprint", "fingerprint" } },
	  .value = "not_after", .may_repeat = true },
	{ "ikemesh_crl_expiry_timestamp_seconds", FAMILY_GAUGE, "seconds",
	  "When a list of revoked certificates is to be replaced.", .path = "crls",
	  .members = { { "issuer", "subject" } }, .value = "not_after" },
	{ "ikemesh_own_certificate_fault", FAMILY_GAUGE, NULL,
	  "1: nothing new can be negotiated with our own certificate.",
	  .path = "own_certificate_fault" },

	{ "ikemesh_xfrm_stat", FAMILY_COUNTER, NULL,
	  "What IPsec in the kernel dropped or could not do (/proc/net/xfrm_stat).",
	  .path = "xfrm_stat", .keys = { "name" } },

	{ "ikemesh_exporter_answer_seconds", FAMILY_GAUGE, "seconds",
	  "How long the last answer of ikemeshd to ikemesh-exporter took.",
	  .path = "exporter.answer_us", .microseconds = true },
	{ "ikemesh_exporter_requests", FAMILY_COUNTER, NULL, "HTTP requests that were answered.",
	  .path = "exporter.requests", .keys = { "code" } },
};

/* ---- one family ----------------------------------------------------------------------------- */

struct walk {
	const struct family *f;
	FILE *out;
	struct label labels[LABELS_MAX];
	size_t n;
};

static const json_t *at(const json_t *o, const char *path)
{
	char part[PATH_LEN];
	const char *dot = strchr(path, '.');

	if (dot == NULL)
		return get(o, path);
	snprintf(part, sizeof(part), "%.*s", (int)(dot - path), path);
	return get(get(o, part), dot + 1);
}

static const char *seconds(json_int_t us, char out[static VALUE_LEN])
{
	snprintf(out, VALUE_LEN, "%lld.%06lld", (long long)(us / 1000000),
		 (long long)(us % 1000000));
	return out;
}

static void print_number(struct walk *w, const json_t *node)
{
	json_int_t n = json_is_true(node) ? 1 : json_integer_value(node);
	char value[VALUE_LEN];

	if (w->f->microseconds)
		seconds(n, value);
	else
		snprintf(value, sizeof(value), "%lld", (long long)n);
	metrics_sample(w->out, w->f->name, metrics_suffix(w->f->type), w->labels, w->n, value);
}

/* key: which of f->keys the members of an object are values of. */
static void descend(struct walk *w, const json_t *node, size_t key)
{
	const char *label = key < 2 ? w->f->keys[key] : NULL, *name;
	json_t *below;

	if (!json_is_object(node)) {
		if (json_is_number(node) || json_is_boolean(node))
			print_number(w, node);
		return;
	}
	if (label == NULL) {
		descend(w, w->f->value != NULL ? get(node, w->f->value) : NULL, 2);
		return;
	}
	json_object_foreach((json_t *)node, name, below)
	{
		w->labels[w->n++] = (struct label){ label, name };
		descend(w, below, key + 1);
		w->n--;
	}
}

/* Of an object, or of a text that is the element itself. */
static const char *label_of(const json_t *element, const struct member *m)
{
	if (m->member != NULL)
		return text(element, m->member);
	return json_is_string(element) ? json_string_value(element) : "";
}

static bool is_alike(const struct family *f, const json_t *a, const json_t *b)
{
	for (size_t i = 0; i < MEMBERS && f->members[i].label != NULL; i++) {
		if (strcmp(label_of(a, &f->members[i]), label_of(b, &f->members[i])) != 0)
			return false;
	}
	return true;
}

/* No two samples may have the same labels: the first one stands. */
static bool is_repeated(const struct family *f, const json_t *array, size_t n)
{
	for (size_t i = 0; f->may_repeat && i < n; i++) {
		if (is_alike(f, json_array_get(array, i), json_array_get(array, n)))
			return true;
	}
	return false;
}

static void each_element(struct walk *w, const json_t *array)
{
	const struct family *f = w->f;
	const json_t *e;

	EACH(array, e)
	{
		if (is_repeated(f, array, e_i))
			continue;
		for (w->n = 0; w->n < MEMBERS && f->members[w->n].label != NULL; w->n++)
			w->labels[w->n] = (struct label){ f->members[w->n].label,
							  label_of(e, &f->members[w->n]) };
		if (f->value != NULL)
			descend(w, get(e, f->value), 0);
		else
			metrics_sample(w->out, f->name, metrics_suffix(f->type), w->labels, w->n,
				       "1");
	}
}

static void print_bucket(const struct family *f, const char *bound, json_int_t n, FILE *out)
{
	const struct label le = { "le", bound };
	char value[VALUE_LEN];

	snprintf(value, sizeof(value), "%lld", (long long)n);
	metrics_sample(out, f->name, "_bucket", &le, 1, value);
}

/* "within": [[bound, count with those below], ...] in microseconds; "us": sum; "done": count. */
static void print_duration(const struct family *f, const json_t *node, FILE *out)
{
	char value[VALUE_LEN];
	const json_t *bucket;

	EACH(get(node, "within"), bucket)
	{
		const double s = (double)json_integer_value(json_array_get(bucket, 0)) / 1e6;

		snprintf(value, sizeof(value), "%g", s);
		if (strchr(value, '.') == NULL) /* OpenMetrics wants "1.0" */
			snprintf(value, sizeof(value), "%g.0", s);
		print_bucket(f, value, json_integer_value(json_array_get(bucket, 1)), out);
	}
	print_bucket(f, "+Inf", number(node, "done"), out);
	snprintf(value, sizeof(value), "%lld", (long long)number(node, "done"));
	metrics_sample(out, f->name, "_count", NULL, 0, value);
	metrics_sample(out, f->name, "_sum", NULL, 0, seconds(number(node, "us"), value));
}

static void print_family(const struct family *f, const json_t *node, FILE *out)
{
	struct walk w = { .f = f, .out = out };

	if (f->print != NULL)
		f->print(f, node, out);
	else if (json_is_array(node))
		each_element(&w, node);
	else
		descend(&w, node, 0);
}

void metrics_print(const json_t *document, enum metrics_format format, FILE *out)
{
	const bool up = is(document, "format", METRICS_DOCUMENT);

	metrics_family(out, format, "ikemesh_up", FAMILY_GAUGE, NULL, "1: ikemeshd answers.");
	metrics_sample(out, "ikemesh_up", "", NULL, 0, up ? "1" : "0");
	for (size_t i = 0; i < sizeof(families) / sizeof(families[0]); i++) {
		const struct family *f = &families[i];
		const json_t *node = at(document, f->path);

		if (node == NULL)
			continue;
		metrics_family(out, format, f->name, f->type, f->unit, f->help);
		print_family(f, node, out);
	}
	metrics_end(out, format);
}
