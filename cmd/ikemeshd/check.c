/* SPDX-License-Identifier: Apache-2.0 */
#include "cmd/ikemeshd/check.h"
#include "config/config.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void print_problem(const struct problem *p)
{
	char *text = problem_text(p);

	if (text == NULL)
		return;
	printf("%s%s", text, text[0] != '\0' && text[strlen(text) - 1] == '\n' ? "" : "\n");
	free(text);
}

static void print_good(const char *path, const struct spec *s, const struct problems *ps)
{
	printf("%s: good (%zu ipsec_subnets, %zu no_ipsec_subnets, certificate \"%s\")", path,
	       s->n_protect, s->n_bypass, s->credential.leaf.subject);
	if (ps->n > 0)
		printf(", %zu remark%s above", ps->n, ps->n == 1 ? "" : "s");
	printf("\n");
}

enum check_status check_config(const char *path)
{
	struct config c = { 0 };
	struct problems ps = { 0 };
	int err = config_load(path, time(NULL), &c, &ps);

	for (size_t i = 0; i < ps.n; i++)
		print_problem(&ps.p[i]);
	if (err == 0) {
		print_good(path, &c.spec, &ps);
		config_free(&c);
	} else if (ps.errors > 0) {
		printf("%s: %zu error%s\n", path, ps.errors, ps.errors == 1 ? "" : "s");
	} else {
		printf("%s: %s\n", path, strerror(-err));
	}
	problems_free(&ps);
	return err == 0 ? CHECK_GOOD : CHECK_ERRORS;
}
