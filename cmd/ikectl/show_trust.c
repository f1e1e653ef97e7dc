/* SPDX-License-Identifier: Apache-2.0 */
#include "cmd/ikectl/show_trust.h"
#include "cmd/ikectl/model.h"
#include "cmd/ikectl/show.h"

static bool is_true(const json_t *o, const char *name)
{
	return json_is_true(get(o, name));
}

static void show_patterns(const json_t *trust, FILE *out)
{
	const json_t *patterns = get(trust, "peer_identities"), *p;

	if (json_array_size(patterns) == 0)
		return;
	fprintf(out, "  peers must match:");
	for (size_t i = 0; (p = json_array_get(patterns, i)) != NULL; i++)
		fprintf(out, "%s \"%s\"", i > 0 ? " or" : "",
			json_is_string(p) ? json_string_value(p) : "");
	fprintf(out, "\n");
}

static void show_list(const json_t *list, FILE *out)
{
	const json_t *until = get(list, "next_update");
	char when[SHOW_TIME_LEN];

	fprintf(out, "  CRL of \"%s\": %lld revoked", text(list, "issuer"),
		(long long)number(list, "revoked"));
	if (json_is_integer(until))
		fprintf(out, ", %s %s",
			is_true(list, "out_of_date") ? "OUT OF DATE since" : "good until",
			show_time(json_integer_value(until), when));
	fprintf(out, "\n");
}

static void show_files(const json_t *trust, FILE *out)
{
	const json_t *files = get(trust, "crls"), *file, *list;

	EACH(files, file)
	{
		const json_t *lists = get(file, "lists");

		EACH(lists, list)
		{
			show_list(list, out);
		}
		if (*text(file, "fault") == '\0')
			continue;
		fprintf(out, "  %s %s%s\n", text(file, "file"), text(file, "fault"),
			json_array_size(lists) > 0 ? ": what was read of it before stays in force"
						   : "");
	}
	if (json_array_size(files) > 0)
		fprintf(out, "  crl_policy %s: a certificate of which no CRL tells %s\n",
			text(trust, "crl_policy"),
			*text(trust, "crl_policy") == 'h' ? "is refused" : "passes with a warning");
}

void show_trust(const json_t *trust, FILE *out)
{
	if (!json_is_object(trust))
		return;
	fprintf(out, "Trust:\n");
	if (*text(trust, "own_certificate_fault") != '\0')
		fprintf(out, "  ERROR: %s\n", text(trust, "own_certificate_fault"));
	if (is_true(trust, "any_holder_may_claim_any_address"))
		fprintf(out, "  any holder of a certificate under the CAs can claim any address "
			     "(bind_address_to_certificate: false)\n");
	else
		fprintf(out, "  a peer's address must be in its certificate\n");
	show_patterns(trust, out);
	if (is_true(trust, "strict_ca"))
		fprintf(out, "  strict_ca: our own certificate is no exception\n");
	show_files(trust, out);
}
