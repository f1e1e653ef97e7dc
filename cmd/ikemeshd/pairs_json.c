/* SPDX-License-Identifier: Apache-2.0 */
#include "cmd/ikemeshd/pairs_json.h"
#include "cmd/ikemeshd/cert_json.h"
#include "cmd/ikemeshd/clock.h"
#include "cmd/ikemeshd/sa_counts.h"
#include "cmd/ikemeshd/status_pairs.h"

/* The walk. The last pair is finished when the next one begins, or all were visited. */
struct table {
	const struct status_sources *s;
	struct sa_counts counts;
	json_t *pairs;

	struct pair_seen seen;
	json_t *row; /* borrowed; NULL: none yet */
	json_t *trouble, *identity;
	bool recovered; /* an attempt has gone well since the trouble */
	uint64_t in, out;
	struct mono rekey_at;
};

/* The newest attempt that failed. */
static void remember_trouble(struct table *t, const struct status_pair *p)
{
	t->trouble = json_null();
	t->recovered = false;
	for (size_t i = 0; i < p->n_attempts; i++) {
		const struct status_attempt *a = &p->attempts[i];

		if (a->failed) {
			t->trouble = status_text(a->reason);
			return;
		}
		t->recovered |= a->ended_at.us != MONO_NEVER.us;
	}
}

static json_t *until(const struct table *t, struct mono then)
{
	return then.us == MONO_NEVER.us ? json_null()
					: json_integer(clock_seconds_since(then, t->s->now));
}

static void finish(struct table *t)
{
	if (t->row == NULL)
		return;
	if (t->seen.up && t->recovered) {
		json_decref(t->trouble);
		t->trouble = json_null();
	}
	json_object_set_new(t->row, "state", json_string(status_pair_state(&t->seen)));
	json_object_set_new(t->row, "in_bytes", json_integer((json_int_t)t->in));
	json_object_set_new(t->row, "out_bytes", json_integer((json_int_t)t->out));
	json_object_set_new(t->row, "rekey_in_s", until(t, t->rekey_at));
	json_object_set_new(t->row, "identity", t->identity);
	json_object_set_new(t->row, "trouble", t->trouble);
	t->row = NULL;
}

static void visit_pair(void *arg, const struct status_pair *p)
{
	struct table *t = arg;

	finish(t);
	t->in = t->out = 0;
	t->rekey_at = MONO_NEVER;
	t->identity = json_null();
	remember_trouble(t, p);
	status_pair_begins(&t->seen, p);
	t->row = json_pack("{s:o, s:o, s:s, s:I, s:i}", "remote", status_ip(&p->remote), "local",
			   status_ip(&p->local), "ruling", status_ruling(t->s, &p->remote),
			   "since_s_ago", (json_int_t)clock_seconds_since(t->s->now, p->since),
			   "failures", (int)p->failures);
	json_array_append_new(t->pairs, t->row);
}

static void visit_ike(void *arg, const struct status_ike *s)
{
	struct table *t = arg;

	status_pair_has_ike(&t->seen, s);
	if (s->peer_id.n == 0)
		return;
	json_decref(t->identity);
	t->identity = status_identity(s->peer_id_type, s->peer_id);
}

static void visit_child(void *arg, const struct status_child *c)
{
	struct table *t = arg;
	const struct sa_counters *in = sa_counts_find(&t->counts, &c->local, c->spi_in);
	const struct sa_counters *out = sa_counts_find(&t->counts, &c->remote, c->spi_out);

	status_pair_has_child(&t->seen, c);
	t->in += in != NULL ? in->bytes : 0;
	t->out += out != NULL ? out->bytes : 0;
	if (c->state == CHILD_INSTALLED)
		t->rekey_at = clock_earlier(t->rekey_at, c->rekey_at);
}

/* "enforced", "optional", or "mixed". */
static const char *mode_word(const struct spec *spec)
{
	size_t optional = 0;

	for (size_t i = 0; i < spec->n_protect; i++)
		optional += spec->optional || spec->protect[i].optional;
	if (optional == 0)
		return "enforced";
	return optional == spec->n_protect ? "optional" : "mixed";
}

static size_t count_clear(const struct status_sources *s)
{
	json_t *clear = status_clear(s->clear, s->engine, s->spec, s->now);
	const json_int_t n = json_integer_value(json_object_get(clear, "count"));

	json_decref(clear);
	return (size_t)n;
}

json_t *pairs_json(const struct status_sources *s)
{
	struct table t = { .s = s, .pairs = json_array() };
	const struct status_visitor visitor = {
		.pair = visit_pair, .ike = visit_ike, .child = visit_child, .arg = &t
	};

	sa_counts_take(s->kernel, &t.counts);
	engine_status(s->engine, &visitor);
	finish(&t);
	sa_counts_free(&t.counts);
	return json_pack(
		"{s:s, s:s, s:I, s:I, s:s, s:I, s:I, s:o}", "format", "ikemesh-pairs/1", "version",
		IKEMESH_VERSION, "uptime_s", (json_int_t)clock_seconds_since(s->now, s->started),
		"at_ms", (json_int_t)(s->now.us / 1000), "mode", mode_word(s->spec),
		"certificate_days_left",
		(json_int_t)cert_days_left(s->spec->credential.leaf.not_after, s->wall_now),
		"in_the_clear", (json_int_t)count_clear(s), "pairs", t.pairs);
}
