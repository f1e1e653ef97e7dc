/* SPDX-License-Identifier: Apache-2.0 */
#include "config/remembered.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "config/schema.h"
#include "config/state_file.h"

#define NAME "policies.yml"
#define PATH_ROOM 4096

static void put_entry(FILE *out, const struct subnet_spec *e)
{
	char net[SUBNET_TEXT_LEN];

	subnet_text(&e->net, net);
	if (!e->optional_in_file && !e->protocol && !e->port) {
		fprintf(out, "- '%s'\n", net);
		return;
	}
	fprintf(out, "- {subnet: '%s'", net);
	if (e->optional_in_file)
		fputs(", optional: true", out);
	if (e->protocol)
		fprintf(out, ", protocol: %u", e->protocol);
	if (e->port)
		fprintf(out, ", port: %u", e->port);
	fputs("}\n", out);
}

static void put_entries(FILE *out, const char *key, const struct subnet_spec *list, size_t n)
{
	if (n)
		fprintf(out, "%s:\n", key);
	for (size_t i = 0; i < n; i++)
		put_entry(out, &list[i]);
}

/* Switches and choices: those that policies depend on are among them. */
static void put_switches(FILE *out, const struct config *c)
{
	size_t n;
	const struct key_row *rows = schema_rows(&n);

	for (size_t i = 0; i < n; i++) {
		char text[SCHEMA_TEXT_LEN];

		if (rows[i].type != VALUE_BOOL && rows[i].type != VALUE_CHOICE)
			continue;
		/* Each entry says it for itself. */
		if (strcmp(rows[i].name, "optional"))
			fprintf(out, "%s: %s\n", rows[i].name, schema_text(&rows[i], c, text));
	}
}

char *remembered_text(const struct config *c)
{
	const struct spec *s = &c->spec;
	char *text = NULL;
	size_t n;
	FILE *out = open_memstream(&text, &n);

	if (!out)
		return NULL;
	fputs("# What ikemeshd protected last, for a boot with a broken configuration.\n", out);
	put_entries(out, "ipsec_subnets", s->protect, s->n_protect);
	put_entries(out, "no_ipsec_subnets", s->bypass, s->n_bypass);
	put_entries(out, "local_addresses", s->local, s->n_local);
	put_switches(out, c);
	if (fclose(out)) {
		free(text);
		return NULL;
	}
	return text;
}

int remembered_save(const char *state_dir, const struct config *c)
{
	char *text;
	int r;

	if (!state_dir)
		return 0;
	text = remembered_text(c);
	r = text ? state_file_write(state_dir, NAME, text) : -ENOMEM;
	free(text);
	return r;
}

static int path_of(const char *state_dir, char path[static PATH_ROOM])
{
	if (!state_dir)
		return -ENOENT;
	return snprintf(path, PATH_ROOM, "%s/%s", state_dir, NAME) < PATH_ROOM ? 0 : -ENAMETOOLONG;
}

int remembered_load(const char *state_dir, struct config *out)
{
	struct problems ps = { 0 };
	char path[PATH_ROOM];
	int r;

	*out = (struct config){ 0 };
	r = path_of(state_dir, path);
	if (!r && access(path, F_OK))
		r = -errno;
	if (!r)
		r = config_load_policies(path, out, &ps);
	problems_free(&ps);
	return r;
}

void remembered_forget(const char *state_dir)
{
	char path[PATH_ROOM];

	if (!path_of(state_dir, path))
		unlink(path);
}
