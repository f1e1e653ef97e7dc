/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Colours, where they are wanted: on a terminal that knows them, unless NO_COLOR is set, and as
 * --color says otherwise. A palette of empty strings paints nothing, so printers need not ask.
 */
#ifndef IKEMESH_CTL_COLOUR_H
#define IKEMESH_CTL_COLOUR_H

#include <stdbool.h>

struct palette {
	const char *good, *warning, *bad, *dim, *strong, *plain; /* plain ends any other */
};

enum colour_choice {
	COLOUR_AUTO,
	COLOUR_ALWAYS,
	COLOUR_NEVER,
};

/* "auto", "always", "never"; false: none of them. */
bool colour_parse(const char *text, enum colour_choice *out);

/* Pure: no_color and term as the environment has them (NULL: not set). */
bool colour_is_wanted(enum colour_choice choice, const char *no_color, const char *term,
		      bool terminal);

const struct palette *colour_palette(bool colours);

/* For what goes to this descriptor, by the environment. */
const struct palette *colour_for(enum colour_choice choice, int fd);

/* Of a pair's state as peer_state() has it, or an event's name. */
const char *colour_of_state(const struct palette *p, const char *state);

/* Can a line on this terminal be written over? Not on a dumb one, nor in a file. */
bool terminal_is_able(int fd);

#endif
