/* SPDX-License-Identifier: Apache-2.0 */
#include "cmd/ikectl/invocation.h"
#include "config/near.h"

#include <stdio.h>
#include <string.h>

/* From here on what getopt_long() returns is an option of the command, by its place. */
#define OWN 256

static const struct option general[] = {
	{ "run-dir", required_argument, NULL, 'r' }, { "json", no_argument, NULL, 'j' },
	{ "color", required_argument, NULL, 'c' },   { "help", no_argument, NULL, 'h' },
	{ "version", no_argument, NULL, 'v' },
};
#define N_GENERAL (sizeof(general) / sizeof(general[0]))

struct reader {
	int argc;
	char **argv;
	struct option options[N_GENERAL + COMMAND_OPTIONS + 1];
	struct invocation *out;
};

/* The general options and the command's. */
static void take_options(struct reader *r, const struct command *c)
{
	size_t n = N_GENERAL;

	memset(r->options, 0, sizeof(r->options));
	memcpy(r->options, general, sizeof(general));
	for (int i = 0; c != NULL && c->options != NULL && i < COMMAND_OPTIONS; i++) {
		if (c->options[i].name == NULL)
			break;
		r->options[n] = c->options[i];
		r->options[n++].val = OWN + i;
	}
}

static bool add_own(struct invocation *in, const struct option *option)
{
	if (in->n_options == COMMAND_OPTIONS)
		return false;
	in->options[in->n_options].name = option->name;
	in->options[in->n_options++].value = option->has_arg != no_argument ? optarg : "";
	return true;
}

static enum wanted refuse_colour(const char *given)
{
	command_misuse("--color takes auto, always or never", given);
	return WANTED_NOTHING;
}

/* Options up to the first word that is none, or (short_options "") wherever they are. */
static enum wanted read_options(struct reader *r, const char *short_options)
{
	for (int c; (c = getopt_long(r->argc, r->argv, short_options, r->options, NULL)) != -1;) {
		if (c == 'r')
			r->out->run_dir = optarg;
		else if (c == 'j')
			r->out->json = true;
		else if (c == 'c' && !colour_parse(optarg, &r->out->colour))
			return refuse_colour(optarg);
		else if (c == 'c')
			continue;
		else if (c == 'v')
			return WANTED_VERSION;
		else if (c == 'h')
			return WANTED_HELP;
		else if (c < OWN || !add_own(r->out, &r->options[N_GENERAL + (size_t)(c - OWN)]))
			return WANTED_NOTHING;
	}
	return WANTED_COMMAND;
}

static const struct command *find(const struct command *commands, size_t n, const char *name)
{
	for (size_t i = 0; i < n; i++) {
		if (strcmp(commands[i].name, name) == 0)
			return &commands[i];
	}
	return NULL;
}

static const char *nearest_command(const struct command *commands, size_t n, const char *name)
{
	const char *nearest = NULL;
	unsigned least = NEAR_FAR;

	for (size_t i = 0; i < n; i++) {
		const unsigned distance = near_distance(name, commands[i].name);

		if (distance < least) {
			least = distance;
			nearest = commands[i].name;
		}
	}
	return near_enough(name, least) && least < strlen(name) ? nearest : NULL;
}

static enum wanted refuse_command(const struct command *commands, size_t n, const char *name)
{
	const char *nearest = nearest_command(commands, n, name);

	fprintf(stderr, "ikectl: unknown command: %s; ", name);
	if (nearest != NULL)
		fprintf(stderr, "did you mean \"%s\"? ", nearest);
	fprintf(stderr, "see --help\n");
	return WANTED_NOTHING;
}

static enum wanted read_arguments(const struct reader *r, const struct command *c)
{
	const size_t n = (size_t)(r->argc - optind);
	const size_t most = c->argument == ARGUMENT_NONE ? 0 : 1 + c->further;
	char *const *words = r->argv + optind;

	if (n == 0 && c->argument == ARGUMENT_NEEDED) {
		command_misuse("an argument is missing", c->synopsis);
		return WANTED_NOTHING;
	}
	if (n > most || n > COMMAND_ARGUMENTS) {
		command_misuse("one argument too many", words[most]);
		return WANTED_NOTHING;
	}
	for (size_t i = 0; i < n; i++)
		r->out->arguments[i] = words[i];
	r->out->n_arguments = n;
	r->out->argument = r->out->arguments[0];
	return WANTED_COMMAND;
}

enum wanted invocation_read(int argc, char **argv, const struct command *commands,
			    size_t n_commands, struct invocation *out,
			    const struct command **command)
{
	struct reader r = { .argc = argc, .argv = argv, .out = out };
	enum wanted wanted;

	*command = NULL;
	optind = 0; /* getopt starts anew */
	take_options(&r, NULL);
	wanted = read_options(&r, "+");
	if (wanted != WANTED_COMMAND)
		return wanted;
	if (optind == argc)
		return WANTED_USAGE;
	out->command = argv[optind];
	*command = find(commands, n_commands, out->command);
	if (*command == NULL)
		return refuse_command(commands, n_commands, out->command);
	/* getopt names the first word in its complaints. */
	r.argc -= optind;
	r.argv += optind;
	r.argv[0] = argv[0];
	optind = 0;
	take_options(&r, *command);
	wanted = read_options(&r, "");
	return wanted == WANTED_COMMAND ? read_arguments(&r, *command) : wanted;
}
