/* SPDX-License-Identifier: Apache-2.0 */
#include "cmd/ikemeshd/trust_json.h"

static json_t *time_json(time_t at)
{
	return at != 0 ? json_integer((json_int_t)at) : json_null();
}

static json_t *list_json(const struct crls *crls, size_t i, time_t now)
{
	struct crl_info info;

	crls_describe(crls, i, &info);
	return json_pack("{s:s, s:s, s:o, s:o, s:b, s:I, s:b}", "issuer", info.issuer, "number",
			 info.number, "this_update", time_json(info.this_update), "next_update",
			 time_json(info.next_update), "out_of_date",
			 info.next_update != 0 && info.next_update < now, "revoked",
			 (json_int_t)info.revoked, "delta", info.delta);
}

static json_t *file_json(const struct crl_file *f, time_t now)
{
	json_t *lists = json_array();

	for (size_t i = 0; i < crls_count(f->crls); i++)
		json_array_append_new(lists, list_json(f->crls, i, now));
	return json_pack("{s:s, s:o, s:o}", "file", f->path, "fault",
			 f->fault != 0 ? json_string(crl_fault_text(f->fault)) : json_null(), "lists", lists);
}

json_t *trust_json(const struct config *c, const char *own_fault, time_t now)
{
	const bool hard = c->rules.crl_policy == CRL_HARD, faulty = own_fault && *own_fault;
	json_t *patterns = json_array(), *files = json_array();

	for (size_t i = 0; i < c->n_identities; i++)
		json_array_append_new(patterns, json_string(c->identities[i]));
	for (size_t i = 0; i < c->n_crl_files; i++)
		json_array_append_new(files, file_json(&c->crl_files[i], now));
	return json_pack("{s:o, s:b, s:b, s:b, s:s, s:s, s:o, s:o}", "peer_identities", patterns,
			 "bind_address_to_certificate", c->rules.bind_address,
			 "any_holder_may_claim_any_address", !c->rules.bind_address, "strict_ca",
			 c->rules.strict_ca, "crl_policy", hard ? "hard" : "soft", "on_expiry",
			 c->on_expiry == EXPIRY_CLOSE ? "close" : "keep", "own_certificate_fault",
			 faulty ? json_string(own_fault) : json_null(), "crls", files);
}
