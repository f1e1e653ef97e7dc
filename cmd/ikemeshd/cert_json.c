/* SPDX-License-Identifier: Apache-2.0 */
#include "cmd/ikemeshd/cert_json.h"
#include "crypto/crl.h"

#include <string.h>

#define DAY ((time_t)86400)
#define ADDRESSES_SHOWN 16 /* of the peers that share a certificate */

int64_t cert_days_left(time_t not_after, time_t now)
{
	time_t left = not_after - now;

	return left >= 0 ? left / DAY : -((-left + DAY - 1) / DAY);
}

json_t *cert_json(const struct cert_info *c, time_t now)
{
	return json_pack("{s:s, s:s, s:s, s:s, s:I, s:I, s:i, s:I}", "subject", c->subject,
			 "issuer", c->issuer, "serial", c->serial, "fingerprint", c->fingerprint,
			 "not_before", (json_int_t)c->not_before, "not_after",
			 (json_int_t)c->not_after, "key_bits", (int)c->key_bits, "days_left",
			 (json_int_t)cert_days_left(c->not_after, now));
}

static json_t *own_json(const struct credential_spec *own, time_t now)
{
	json_t *chain = json_array();

	for (size_t i = 0; i < own->n_certs; i++) {
		struct cert_info info;

		if (cert_describe(blob_view(&own->certs[i]), &info) == 0)
			json_array_append_new(chain, cert_json(&info, now));
	}
	return json_pack("{s:i, s:o}", "generation", (int)own->generation, "chain", chain);
}

static json_t *cas_json(const struct spec *spec, time_t now)
{
	json_t *all = json_array();

	for (size_t i = 0; i < spec->n_cas; i++)
		json_array_append_new(all, cert_json(&spec->cas[i].info, now));
	return all;
}

static json_t *shown_json(const struct cert_info *c, time_t now)
{
	return json_pack("{s:o, s:i, s:[]}", "certificate", cert_json(c, now), "peers", 0,
			 "addresses");
}

static bool same_cert(const struct cert_info *a, const struct cert_info *b)
{
	return a != NULL && strcmp(a->fingerprint, b->fingerprint) == 0;
}

static void add_peer(json_t *shown, const struct peer *p)
{
	json_t *addresses = json_object_get(shown, "addresses");
	json_t *n = json_object_get(shown, "peers");
	char text[IP_TEXT_LEN];

	json_integer_set(n, json_integer_value(n) + 1);
	if (json_array_size(addresses) < ADDRESSES_SHOWN)
		json_array_append_new(addresses, json_string(ip_text(&p->remote, text)));
}

static json_t *peers_json(const struct engine *engine, time_t now)
{
	json_t *all = json_array(), *shown = NULL;
	const struct cert_info *last = NULL;
	struct peers ps;

	if (peers_collect(engine, &ps) != 0)
		return all;
	peers_group(&ps);
	for (size_t i = 0; i < ps.n; i++) {
		const struct cert_info *c = ps.p[i].ike.peer_cert;

		if (c == NULL)
			continue;
		if (!same_cert(last, c)) {
			shown = shown_json(c, now);
			json_array_append_new(all, shown);
		}
		add_peer(shown, &ps.p[i]);
		last = c;
	}
	peers_free(&ps);
	return all;
}

static json_t *crl_json(const struct crls *list, size_t i, time_t now)
{
	struct crl_info crl;
	json_t *o;

	crls_describe(list, i, &crl);
	o = json_pack("{s:s, s:s, s:I, s:i}", "issuer", crl.issuer, "number", crl.number,
		      "this_update", (json_int_t)crl.this_update, "revoked", (int)crl.revoked);
	if (crl.next_update != 0) {
		json_object_set_new(o, "next_update", json_integer((json_int_t)crl.next_update));
		json_object_set_new(o, "days_left",
				    json_integer(cert_days_left(crl.next_update, now)));
	}
	return o;
}

static json_t *crls_json(const struct config *c, time_t now)
{
	json_t *all = json_array();

	for (size_t i = 0; i < c->n_crl_files; i++) {
		const struct crls *list = c->crl_files[i].crls;

		for (size_t j = 0; j < crls_count(list); j++)
			json_array_append_new(all, crl_json(list, j, now));
	}
	return all;
}

json_t *certs_json(const struct config *config, const struct engine *engine, time_t now)
{
	const struct spec *spec = &config->spec;

	return json_pack("{s:s, s:I, s:o, s:o, s:o, s:o}", "format", "ikemesh-certs/1", "now",
			 (json_int_t)now, "own", own_json(&spec->credential, now), "cas",
			 cas_json(spec, now), "crls", crls_json(config, now), "peers",
			 peers_json(engine, now));
}
