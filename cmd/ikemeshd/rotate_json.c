/* SPDX-License-Identifier: Apache-2.0 */
#include "cmd/ikemeshd/rotate_json.h"
#include "cmd/ikemeshd/cert_json.h"
#include "cmd/ikemeshd/clock.h"
#include "cmd/ikemeshd/preflight.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define NAMED 16 /* addresses named of those that something holds for */

void past_add(struct past_credential past[static PAST_CREDENTIALS],
	      const struct credential_spec *credential)
{
	struct past_credential *p = &past[credential->generation % PAST_CREDENTIALS];

	p->generation = credential->generation;
	snprintf(p->fingerprint, sizeof(p->fingerprint), "%s", credential->leaf.fingerprint);
}

/* --- one CA --------------------------------------------------------------------------------- */

struct usage {
	const struct cert_info *ca;
	struct trust *without;		     /* all others */
	bool ours;			     /* our certificate does not verify without it */
	bool judged_needed, judged_accepted; /* the group under way */
	json_t *refusers, *needers;	     /* addresses, NAMED of them */
	size_t accepted, not_accepted, silent, needed;
};

struct tally {
	const struct rotate_sources *s;
	struct usage *usages;
	size_t n, chains;
	size_t unknown; /* peers whose chain is not kept, or not verified for want of time */
	bool judged;	/* the group under way */
};

static bool own_verifies(const struct trust *t, const struct credential_spec *own, time_t now)
{
	struct bytes certs[CERT_CHAIN_MAX];
	char text[VERDICT_TEXT_LEN];

	for (size_t i = 0; i < own->n_certs; i++)
		certs[i] = blob_view(&own->certs[i]);
	return trust_check_chain(t, certs, own->n_certs, now, text) == VERDICT_GOOD;
}

static bool usages_init(struct tally *t)
{
	const struct spec *spec = t->s->spec;

	t->usages = calloc(spec->n_cas + 1, sizeof(*t->usages));
	for (; t->usages != NULL && t->n < spec->n_cas; t->n++) {
		struct usage *u = &t->usages[t->n];

		u->ca = &spec->cas[t->n].info;
		u->refusers = json_array();
		u->needers = json_array();
		u->without = preflight_trust(spec, t->n);
		if (u->without == NULL)
			return false;
		u->ours = !own_verifies(u->without, &spec->credential, t->s->wall_now);
	}
	return t->usages != NULL;
}

static void usages_free(struct tally *t)
{
	for (size_t i = 0; t->usages != NULL && i <= t->n; i++) {
		trust_free(t->usages[i].without);
		json_decref(t->usages[i].refusers);
		json_decref(t->usages[i].needers);
	}
	free(t->usages);
}

static void name_peer(json_t *list, const struct peer *p)
{
	char text[IP_TEXT_LEN];

	if (json_array_size(list) < NAMED)
		json_array_append_new(list, json_string(ip_text(&p->remote, text)));
}

/* For all that are alike, once. */
static void judge(struct tally *t, const struct peer *p)
{
	char text[VERDICT_TEXT_LEN];

	t->judged = p->ike.n_peer_chain > 0 && t->chains < PREFLIGHT_CHAINS;
	t->chains += t->judged;
	for (size_t i = 0; i < t->n; i++) {
		struct usage *u = &t->usages[i];

		u->judged_accepted = preflight_named(p->ike.peer_cas, u->ca);
		u->judged_needed =
			t->judged &&
			trust_check_chain(u->without, p->ike.peer_chain, p->ike.n_peer_chain,
					  t->s->wall_now, text) != VERDICT_GOOD;
	}
}

static void count(struct tally *t, const struct peer *p)
{
	t->unknown += !t->judged;
	for (size_t i = 0; i < t->n; i++) {
		struct usage *u = &t->usages[i];

		if (p->ike.peer_cas.n == 0) {
			u->silent++;
		} else if (u->judged_accepted) {
			u->accepted++;
		} else {
			u->not_accepted++;
			name_peer(u->refusers, p);
		}
		if (u->judged_needed) {
			u->needed++;
			name_peer(u->needers, p);
		}
	}
}

static json_t *usage_json(const struct tally *t, const struct usage *u)
{
	json_t *o = cert_json(u->ca, t->s->wall_now);

	json_object_set_new(o, "accepted", json_integer((json_int_t)u->accepted));
	json_object_set_new(o, "not_accepted", json_integer((json_int_t)u->not_accepted));
	json_object_set(o, "not_accepted_by", u->refusers);
	json_object_set_new(o, "silent", json_integer((json_int_t)u->silent));
	json_object_set_new(o, "needed", json_integer((json_int_t)u->needed));
	json_object_set(o, "needed_by", u->needers);
	json_object_set_new(o, "needed_by_us", json_boolean(u->ours));
	json_object_set_new(o, "certificates_are_safe", json_boolean(u->not_accepted == 0));
	json_object_set_new(
		o, "removal_is_safe",
		json_boolean(t->n > 1 && !u->ours && u->needed == 0 && t->unknown == 0));
	return o;
}

/* --- one peer -------------------------------------------------------------------------------- */

static json_t *shown_json(const struct rotate_sources *s, uint32_t generation)
{
	const struct past_credential *p = &s->past[generation % PAST_CREDENTIALS];
	json_t *fingerprint =
		p->generation == generation ? json_string(p->fingerprint) : json_null();

	return json_pack("{s:i, s:o, s:b}", "generation", (int)generation, "fingerprint",
			 fingerprint, "current", generation == s->spec->credential.generation);
}

static json_t *accepts_json(const struct tally *t, const struct peer *p)
{
	json_t *names = json_array();

	for (size_t i = 0; i < t->n; i++) {
		if (preflight_named(p->ike.peer_cas, t->usages[i].ca))
			json_array_append_new(names, json_string(t->usages[i].ca->subject));
	}
	return names;
}

static json_t *peer_json(const struct tally *t, const struct peer *p)
{
	const struct rotate_sources *s = t->s;
	char text[IP_TEXT_LEN];
	json_t *shows =
		p->ike.peer_cert != NULL ? cert_json(p->ike.peer_cert, s->wall_now) : json_null();
	json_t *accepts = accepts_json(t, p);
	json_int_t others =
		(json_int_t)(p->ike.peer_cas.n / 20) - (json_int_t)json_array_size(accepts);

	return json_pack("{s:s, s:I, s:o, s:o, s:o, s:I}", "remote", ip_text(&p->remote, text),
			 "authenticated_s_ago",
			 (json_int_t)clock_seconds_since(s->now, p->ike.authenticated_at), "shown",
			 shown_json(s, p->ike.credential), "shows", shows, "accepts", accepts,
			 "accepts_others", others > 0 ? others : 0);
}

/* --- the whole -------------------------------------------------------------------------------- */

static json_t *progress_json(const struct rotate_sources *s)
{
	const struct rotation *r = s->rotation;
	json_t *failed = json_array();
	bool never = r->started.us == 0, runs = rotation_runs(r);
	char text[IP_TEXT_LEN];

	for (size_t i = 0; i < r->n && json_array_size(failed) < NAMED; i++) {
		if (r->targets[i].state == ROTATION_FAILED)
			json_array_append_new(failed,
					      json_string(ip_text(&r->targets[i].remote, text)));
	}
	return json_pack("{s:b, s:o, s:i, s:i, s:i, s:i, s:i, s:o}", "running", runs, "began_s_ago",
			 never ? json_null()
			       : json_integer((json_int_t)clock_seconds_since(s->now, r->started)),
			 "total", (int)r->n, "done", (int)r->count[ROTATION_DONE], "gone",
			 (int)r->count[ROTATION_GONE], "under_way", (int)r->count[ROTATION_ASKED],
			 "failed", (int)r->count[ROTATION_FAILED], "failed_peers", failed);
}

static void walk(struct tally *t, struct peers *peers, json_t *out)
{
	peers_group(peers);
	for (size_t i = 0; i < peers->n; i++) {
		if (i == 0 || !peers_alike(&peers->p[i - 1], &peers->p[i]))
			judge(t, &peers->p[i]);
		count(t, &peers->p[i]);
		json_array_append_new(out, peer_json(t, &peers->p[i]));
	}
}

json_t *rotate_json(const struct rotate_sources *s, struct peers *peers)
{
	struct tally t = { .s = s };
	json_t *list = json_array(), *cas = json_array(), *all = NULL;

	if (usages_init(&t)) {
		walk(&t, peers, list);
		for (size_t i = 0; i < t.n; i++)
			json_array_append_new(cas, usage_json(&t, &t.usages[i]));
		all = json_pack("{s:s, s:o, s:o, s:i, s:O, s:O, s:i}", "format",
				"ikemesh-rotation/1", "rotation", progress_json(s), "certificate",
				cert_json(&s->spec->credential.leaf, s->wall_now), "generation",
				(int)s->spec->credential.generation, "cas", cas, "peers", list,
				"unknown", (int)t.unknown);
	}
	usages_free(&t);
	json_decref(list);
	json_decref(cas);
	return all;
}
