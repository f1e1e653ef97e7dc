/* SPDX-License-Identifier: Apache-2.0 */
#include "cmd/ikemeshd/ending.h"
#include "cmd/ikemeshd/cert_json.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static struct expiry_item item_of(enum expiry_what what, const struct cert_info *c)
{
	return (struct expiry_item){ .what = what,
				     .subject = c->subject,
				     .fingerprint = c->fingerprint,
				     .not_after = c->not_after };
}

static void add_own(struct ending *e, const struct spec *spec)
{
	for (size_t i = 0; i < spec->credential.n_certs; i++) {
		if (cert_describe(blob_view(&spec->credential.certs[i]), &e->chain[i]) == 0)
			e->items[e->n++] = item_of(EXPIRY_OWN, &e->chain[i]);
	}
	for (size_t i = 0; i < spec->n_cas; i++)
		e->items[e->n++] = item_of(EXPIRY_CA, &spec->cas[i].info);
}

static bool is_own(const struct spec *spec, const struct cert_info *c)
{
	return strcmp(spec->credential.leaf.fingerprint, c->fingerprint) == 0;
}

/* first .. last of the peers show one certificate. */
static void add_shown(struct ending *e, size_t first, size_t last)
{
	char *whom = e->whoms[e->n], text[IP_TEXT_LEN];
	const struct peer *p = &e->peers.p[first];

	if (last == first)
		snprintf(whom, ENDING_WHOM_LEN, "%s", ip_text(&p->remote, text));
	else
		snprintf(whom, ENDING_WHOM_LEN, "%s and %zu other%s", ip_text(&p->remote, text),
			 last - first, last - first == 1 ? "" : "s");
	e->items[e->n] = item_of(EXPIRY_PEER, p->ike.peer_cert);
	e->items[e->n++].whom = whom;
}

/* A fleet's shared certificate was told as ours. */
static void add_peers(struct ending *e, const struct spec *spec)
{
	for (size_t i = 0, last; i < e->peers.n; i = last + 1) {
		const struct cert_info *c = e->peers.p[i].ike.peer_cert;

		for (last = i; last + 1 < e->peers.n; last++) {
			const struct cert_info *next = e->peers.p[last + 1].ike.peer_cert;

			if (c == NULL || strcmp(c->fingerprint, next->fingerprint) != 0)
				break;
		}
		if (c != NULL && !is_own(spec, c))
			add_shown(e, i, last);
	}
}

static size_t count_crls(const struct config *c)
{
	size_t n = 0;

	for (size_t i = 0; i < c->n_crl_files; i++)
		n += crls_count(c->crl_files[i].crls);
	return n;
}

/* Those that say until when; nothing tells that the others are old. */
static void add_crl(struct ending *e, const struct crls *list, size_t i, struct ending_crl *crl)
{
	crls_describe(list, i, &crl->info);
	snprintf(crl->id, sizeof(crl->id), "%lld %s", (long long)crl->info.next_update,
		 crl->info.issuer);
	if (crl->info.next_update != 0)
		e->items[e->n++] = (struct expiry_item){ .what = EXPIRY_CRL,
							 .subject = crl->info.issuer,
							 .fingerprint = crl->id,
							 .not_before = crl->info.this_update,
							 .not_after = crl->info.next_update };
}

static void add_crls(struct ending *e, const struct config *c)
{
	size_t n = 0;

	for (size_t i = 0; i < c->n_crl_files; i++) {
		const struct crls *list = c->crl_files[i].crls;

		for (size_t j = 0; j < crls_count(list); j++)
			add_crl(e, list, j, &e->crls[n++]);
	}
}

int ending_collect(const struct config *config, const struct engine *engine, struct ending *out)
{
	const struct spec *spec = &config->spec;
	size_t room, n_crls = count_crls(config);

	*out = (struct ending){ 0 };
	if (peers_collect(engine, &out->peers) != 0)
		return -ENOMEM;
	peers_group(&out->peers);
	room = spec->credential.n_certs + spec->n_cas + n_crls + out->peers.n + 1;
	out->items = calloc(room, sizeof(*out->items));
	out->whoms = calloc(room, sizeof(*out->whoms));
	out->crls = calloc(n_crls + 1, sizeof(*out->crls));
	if (out->items == NULL || out->whoms == NULL || out->crls == NULL) {
		ending_free(out);
		return -ENOMEM;
	}
	add_own(out, spec);
	add_crls(out, config);
	add_peers(out, spec);
	return 0;
}

void ending_free(struct ending *e)
{
	peers_free(&e->peers);
	free(e->items);
	free(e->whoms);
	free(e->crls);
	*e = (struct ending){ 0 };
}

static json_t *item_json(const struct expiry_item *item, time_t now)
{
	static const char *const kinds[] = {
		[EXPIRY_OWN] = "own",
		[EXPIRY_CA] = "ca",
		[EXPIRY_CRL] = "crl",
		[EXPIRY_PEER] = "peer",
	};
	char text[EXPIRY_TEXT_LEN];

	expiry_text(item, now, text);
	return json_pack("{s:s, s:s, s:s, s:I, s:I, s:s}", "kind", kinds[item->what], "subject",
			 item->subject, "fingerprint", item->fingerprint, "not_after",
			 (json_int_t)item->not_after, "days_left",
			 (json_int_t)cert_days_left(item->not_after, now), "text", text);
}

json_t *ending_json(const struct ending *e, const uint32_t *days, size_t n_days, time_t now)
{
	json_t *all = json_array();

	for (size_t i = 0; i < e->n; i++) {
		if (expiry_due(&e->items[i], days, n_days, now) != EXPIRY_NONE)
			json_array_append_new(all, item_json(&e->items[i], now));
	}
	return all;
}
