/* SPDX-License-Identifier: Apache-2.0 */
#include "config/check.h"
#include "config/config.h"
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

bool config_check(const char *file, time_t now, FILE *out)
{
	struct config c = { 0 };
	struct problems ps = { 0 };
	int e = config_load(file, now, &c, &ps);

	for (size_t i = 0; i < ps.n; i++)
		print_problem(&ps.p[i], out);
	if (!e)
		print_good(file, &c.spec, ps.n, out);
	else if (ps.errors)
		fprintf(out, "%s: %zu error%s\n", file, ps.errors, ps.errors == 1 ? "" : "s");
	else
		fprintf(out, "%s: %s\n", file, strerror(-e));
	config_free(&c);
	problems_free(&ps);
	return !e;
}
