/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A command as the user gave it, and what commands share. A command is a row of the table in
 * main.c; what it does is a function of this form.
 */
#ifndef IKEMESH_CTL_COMMAND_H
#define IKEMESH_CTL_COMMAND_H

#include "cmd/ikectl/colour.h"

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>

enum status {
	STATUS_GOOD = 0,
	STATUS_FAILED = 1,
	STATUS_BAD_CONFIG = 2,
	STATUS_NO_DAEMON = 3,
	STATUS_USAGE = 64,	 /* sysexits.h */
	STATUS_NOT_ALLOWED = 77, /* likewise: EX_NOPERM */
};

#define COMMAND_ARGUMENTS 8
#define COMMAND_OPTIONS 8

struct invocation {
	const char *run_dir;
	bool json;
	enum colour_choice colour;
	const char *command;
	const char *argument; /* the first; NULL: none */
	const char *arguments[COMMAND_ARGUMENTS];
	size_t n_arguments;
	struct {
		const char *name;  /* without its dashes */
		const char *value; /* "" if it takes none */
	} options[COMMAND_OPTIONS];
	size_t n_options;
};

/* The value of an option of the command's own, the last one given; NULL: it was not given. */
const char *command_option(const struct invocation *in, const char *name);

/*
 * Asks the daemon; request is taken over. Its answer, or NULL with *status set and the reason said.
 */
json_t *command_ask(const struct invocation *in, json_t *request, enum status *status);

/* What it means that the daemon gave no answer, by client_ask()'s error. */
enum status command_status(int err);

void command_print_json(const json_t *document);

/* Says what is wrong with how it was called. */
enum status command_misuse(const char *what, const char *of);

#endif
