/* SPDX-License-Identifier: Apache-2.0 */
#include "config/check.h"
#include "config/suites.h"
#include <stdlib.h>
#include <string.h>

static void print_problem(const struct problem *p, FILE *out)
{
	char *text = problem_text(p);

	if (text)
		fprintf(out, "%s\n", text);
	free(text);
}

static void print_good(const char *file, const struct spec *s, size_t remarks, FILE *out)
{
	fprintf(out, "%s: good (%zu ipsec_subnets, %zu no_ipsec_subnets, certificate \"%s\")", file,
		s->n_protect, s->n_bypass, s->credential.leaf.subject);
	if (remarks)
		fprintf(out, ", %zu remark%s above", remarks, remarks == 1 ? "" : "s");
	fputc('\n', out);
}

static void print_proposals(const char *what, uint8_t protocol, const struct proposal_spec *p,
			    size_t n, FILE *out)
{
	for (size_t i = 0; i < n; i++) {
		char text[256];

		suites_text(&p[i], protocol, text, sizeof(text));
		fprintf(out, "%s%s", i ? "," : what, text);
	}
	fputc('\n', out);
}

/* What crypto_properties leave of the proposals, and of all that there is. */
static void print_suites(const struct config *c, FILE *out)
{
	char words[512];

	if (!c->crypto_properties)
		return;
	fprintf(out, "crypto_properties \"%s\" leave:\n", c->crypto_properties);
	print_proposals("  ike_proposals: ", PROTO_IKE, c->spec.ike, c->spec.n_ike, out);
	print_proposals("  esp_proposals: ", PROTO_ESP, c->spec.esp, c->spec.n_esp, out);
	fprintf(out, "  of all algorithms: %s\n",
		suites_left(c->crypto_properties, words, sizeof(words)));
}

enum check_result check_result_of(const struct problems *ps)
{
	enum check_result worst = CHECK_GOOD;

	for (size_t i = 0; i < ps->n; i++)
		if (ps->p[i].level == PROBLEM_WARNING)
			worst = CHECK_WARNINGS;
	return ps->errors || ps->faults ? CHECK_ERRORS : worst;
}

/* What the configuration leaves open, so that nobody takes it for closed. */
static void print_claims(const struct config *c, FILE *out)
{
	if (!c->rules.bind_address)
		fprintf(out,
			"bind_address_to_certificate is false: any holder of a certificate under "
			"the CAs%s can claim any address\n",
			c->n_identities ? " that matches peer_identities" : "");
}

static void print_verdict(const char *file, const struct config *c, const struct problems *ps,
			  FILE *out)
{
	if (ps->faults)
		fprintf(out, "%s: %zu error%s; a daemon starts with it, and no peer believes it\n",
			file, ps->faults, ps->faults == 1 ? "" : "s");
	else
		print_good(file, &c->spec, ps->n, out);
	print_claims(c, out);
	print_suites(c, out);
}

enum check_result config_check(const char *file, time_t now, FILE *out)
{
	struct config c = { 0 };
	struct problems ps = { 0 };
	int e = config_load(file, now, &c, &ps);
	enum check_result result = e ? CHECK_ERRORS : check_result_of(&ps);

	for (size_t i = 0; i < ps.n; i++)
		print_problem(&ps.p[i], out);
	if (!e) {
		print_verdict(file, &c, &ps, out);
	} else if (ps.errors) {
		fprintf(out, "%s: %zu error%s\n", file, ps.errors, ps.errors == 1 ? "" : "s");
	} else {
		fprintf(out, "%s: %s\n", file, strerror(-e));
	}
	config_free(&c);
	problems_free(&ps);
	return result;
}
