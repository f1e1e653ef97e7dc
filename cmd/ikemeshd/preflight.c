/* SPDX-License-Identifier: Apache-2.0 */
#include "cmd/ikemeshd/preflight.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define HASH_LEN 20 /* SHA-1 of a CA's SubjectPublicKeyInfo */

struct trust *preflight_trust(const struct spec *spec, size_t without)
{
	struct trust *t = trust_new();

	for (size_t i = 0; t != NULL && i < spec->n_cas; i++) {
		if (i != without)
			(void)trust_add_ca(t, blob_view(&spec->cas[i].der));
	}
	return t;
}

bool preflight_named(struct bytes hashes, const struct cert_info *ca)
{
	for (size_t i = 0; i + HASH_LEN <= hashes.n; i += HASH_LEN) {
		if (memcmp(hashes.p + i, ca->spki_sha1, HASH_LEN) == 0)
			return true;
	}
	return false;
}

static enum verdict verify_own(const struct trust *t, const struct credential_spec *own, time_t now)
{
	struct bytes certs[CERT_CHAIN_MAX];
	char text[VERDICT_TEXT_LEN];

	for (size_t i = 0; i < own->n_certs; i++)
		certs[i] = blob_view(&own->certs[i]);
	return trust_check_chain(t, certs, own->n_certs, now, text);
}

/* A CA that stands in our chain may be a peer's anchor. */
static void trust_own_chain(struct trust *t, const struct credential_spec *own, struct bytes hashes)
{
	for (size_t i = 1; i < own->n_certs; i++) {
		struct cert_info info;

		if (cert_describe(blob_view(&own->certs[i]), &info) == 0 &&
		    preflight_named(hashes, &info))
			(void)trust_add_ca(t, blob_view(&own->certs[i]));
	}
}

bool preflight_accepts(struct bytes hashes, const struct spec *spec, time_t now)
{
	struct trust *t = hashes.n > 0 ? trust_new() : NULL;
	bool good;

	if (t == NULL)
		return true;
	for (size_t i = 0; i < spec->n_cas; i++) {
		if (preflight_named(hashes, &spec->cas[i].info))
			(void)trust_add_ca(t, blob_view(&spec->cas[i].der));
	}
	trust_own_chain(t, &spec->credential, hashes);
	good = verify_own(t, &spec->credential, now) == VERDICT_GOOD;
	trust_free(t);
	return good;
}

/* --- what is found ------------------------------------------------------------------------- */

struct run {
	const struct preflight_sides *sides;
	struct trust *old; /* of the CAs until now */
	struct preflight *out;
	size_t chains;
	bool no_memory;
};

static void find(struct run *r, const struct peer *p, bool error, const char *text)
{
	struct preflight *out = r->out;

	if (out->n == out->room) {
		size_t room = out->room == 0 ? 16 : 2 * out->room;
		struct preflight_finding *more = realloc(out->findings, room * sizeof(*more));

		if (more == NULL) {
			r->no_memory = true;
			return;
		}
		out->findings = more;
		out->room = room;
	}
	struct preflight_finding *f = &out->findings[out->n++];
	*f = (struct preflight_finding){ .error = error, .remote = p->remote };
	snprintf(f->text, sizeof(f->text), "%s", text);
	out->errors += error;
}

/* What holds for all peers that are alike: 0 nothing, 1 a warning, 2 an error. */
struct judgement {
	int chain, certreq;
	const char *key; /* of the configuration, that refuses the chain */
	char why[VERDICT_TEXT_LEN];
};

static void judge_chain(struct run *r, const struct peer *p, struct judgement *j)
{
	struct peer_finding after;
	char before[VERDICT_TEXT_LEN];
	const struct bytes *chain = p->ike.peer_chain;
	size_t n = p->ike.n_peer_chain;

	/* Whoever has our own certificate may do without a CA. */
	if (trust_check_certs(r->sides->trust, chain, n, BYTES_NONE, r->sides->now, &after) ==
	    VERDICT_GOOD)
		return;
	memcpy(j->why, after.text, sizeof(j->why));
	j->key = after.verdict == VERDICT_NOT_ALLOWED ? "peer_identities" : "ca_certificates";
	j->chain = 1;
	/* To cut them off is what the new list is for. */
	if (after.verdict == VERDICT_REVOKED)
		return;
	if (trust_check_chain(r->old, chain, n, r->sides->now, before) == VERDICT_GOOD)
		j->chain = 2;
}

static void judge_certreq(const struct run *r, const struct peer *p, struct judgement *j)
{
	const struct preflight_sides *s = r->sides;

	if (preflight_accepts(p->ike.peer_cas, s->new, s->now))
		return;
	j->certreq = preflight_accepts(p->ike.peer_cas, s->old, s->now) ? 2 : 1;
}

static void tell(struct run *r, const struct peer *p, const struct judgement *j)
{
	char text[PREFLIGHT_TEXT_LEN];

	if (j->chain != 0) {
		snprintf(text, sizeof(text), "would be refused under the new %s: %s", j->key,
			 j->why);
		find(r, p, j->chain == 2, text);
	}
	if (j->certreq != 0)
		find(r, p, j->certreq == 2,
		     "would refuse the new instance_certificate: it names no CA that this is "
		     "under (as of its last authentication)");
}

/* Each peer by itself: those that show the same certificate have different addresses. */
static void judge_address(struct run *r, const struct peer *p)
{
	const uint8_t type = p->remote.family == 4 ? ID_IPV4_ADDR : ID_IPV6_ADDR;
	const struct bytes address = BYTES(p->remote.b, ip_len(&p->remote));

	if (r->sides->binds_address && p->ike.n_peer_chain > 0 &&
	    !trust_id_matches(p->ike.peer_chain[0], type, address))
		find(r, p, true,
		     "would be refused under the new bind_address_to_certificate: its certificate "
		     "has no iPAddress of it");
}

static bool can_be_judged(struct run *r, const struct peer *p)
{
	if (p->ike.peer_cert == NULL || p->ike.n_peer_chain == 0 || r->chains >= PREFLIGHT_CHAINS)
		return false;
	r->chains++;
	return true;
}

int preflight_run(const struct preflight_sides *sides, struct peers *peers, struct preflight *out)
{
	struct run r = { .sides = sides, .out = out };
	struct judgement j = { 0 };
	bool judged = false;

	*out = (struct preflight){ 0 };
	r.old = preflight_trust(sides->old, SIZE_MAX);
	if (r.old == NULL)
		return -ENOMEM;
	peers_group(peers);
	for (size_t i = 0; i < peers->n && !r.no_memory; i++) {
		const struct peer *p = &peers->p[i];

		if (i == 0 || !peers_alike(p - 1, p)) {
			j = (struct judgement){ 0 };
			judged = can_be_judged(&r, p);
			if (judged) {
				judge_chain(&r, p, &j);
				judge_certreq(&r, p, &j);
			}
		}
		out->checked += judged;
		out->unchecked += !judged;
		tell(&r, p, &j);
		if (j.chain == 0)
			judge_address(&r, p);
	}
	trust_free(r.old);
	if (r.no_memory)
		preflight_free(out);
	return r.no_memory ? -ENOMEM : 0;
}

void preflight_free(struct preflight *p)
{
	free(p->findings);
	*p = (struct preflight){ 0 };
}

void preflight_text(const struct preflight *p, char *out, size_t room)
{
	size_t n = 0, told = 0;

	out[0] = '\0';
	for (size_t i = 0; i < p->n; i++) {
		const struct preflight_finding *f = &p->findings[i];
		char address[IP_TEXT_LEN];

		if (!f->error)
			continue;
		if (room - n < PREFLIGHT_TEXT_LEN + IP_TEXT_LEN + 32) {
			snprintf(out + n, room - n, " and %zu more", p->errors - told);
			return;
		}
		n += (size_t)snprintf(out + n, room - n, "%s%s %s", told > 0 ? "; " : "",
				      ip_text(&f->remote, address), f->text);
		told++;
	}
}

json_t *preflight_json(const struct preflight *p)
{
	json_t *all = json_array();

	for (size_t i = 0; i < p->n; i++) {
		const struct preflight_finding *f = &p->findings[i];
		char address[IP_TEXT_LEN];

		json_array_append_new(
			all, json_pack("{s:s, s:s, s:s}", "level", f->error ? "error" : "warning",
				       "peer", ip_text(&f->remote, address), "text", f->text));
	}
	return json_pack("{s:i, s:i, s:o}", "checked", (int)p->checked, "unchecked",
			 (int)p->unchecked, "findings", all);
}
