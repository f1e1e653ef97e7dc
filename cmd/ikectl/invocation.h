/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The command line as an invocation. Options of ikectl itself may stand anywhere, those of a
 * command behind its name.
 */
#ifndef IKEMESH_CTL_INVOCATION_H
#define IKEMESH_CTL_INVOCATION_H

#include "cmd/ikectl/command.h"

#include <getopt.h>

enum argument {
	ARGUMENT_NONE,
	ARGUMENT_OPTIONAL,
	ARGUMENT_NEEDED,
};

struct command {
	const char *name;
	enum argument argument;
	const char *synopsis;
	const char *help;
	enum status (*run)(const struct invocation *in);
	size_t further;		      /* arguments that may follow the first */
	const struct option *options; /* its own, ended by an empty one; NULL: none */
};

enum wanted {
	WANTED_COMMAND, /* *command is it, and *out is complete */
	WANTED_HELP,
	WANTED_VERSION,
	WANTED_USAGE,	/* nothing was said: the help, as an error */
	WANTED_NOTHING, /* it was wrong, which has been told: STATUS_USAGE */
};

/* out has its defaults already. argv is permuted. */
enum wanted invocation_read(int argc, char **argv, const struct command *commands,
			    size_t n_commands, struct invocation *out,
			    const struct command **command);

#endif
