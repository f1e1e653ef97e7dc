/* SPDX-License-Identifier: Apache-2.0 */
#include "cmd/ikectl/colour.h"

#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const struct palette painted = {
	.good = "\033[32m",
	.warning = "\033[33m",
	.bad = "\033[1;31m",
	.dim = "\033[2m",
	.strong = "\033[1m",
	.plain = "\033[0m",
};
static const struct palette unpainted = { "", "", "", "", "", "" };

bool colour_parse(const char *text, enum colour_choice *out)
{
	static const char *const names[] = {
		[COLOUR_AUTO] = "auto",
		[COLOUR_ALWAYS] = "always",
		[COLOUR_NEVER] = "never",
	};

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		if (strcmp(text, names[i]) == 0) {
			*out = (enum colour_choice)i;
			return true;
		}
	}
	return false;
}

static bool is_dumb(const char *term)
{
	return term == NULL || term[0] == '\0' || strcmp(term, "dumb") == 0;
}

bool colour_is_wanted(enum colour_choice choice, const char *no_color, const char *term,
		      bool terminal)
{
	if (choice != COLOUR_AUTO)
		return choice == COLOUR_ALWAYS;
	return terminal && !is_dumb(term) && (no_color == NULL || no_color[0] == '\0');
}

const struct palette *colour_palette(bool colours)
{
	return colours ? &painted : &unpainted;
}

const struct palette *colour_for(enum colour_choice choice, int fd)
{
	return colour_palette(
		colour_is_wanted(choice, getenv("NO_COLOR"), getenv("TERM"), isatty(fd) == 1));
}

bool terminal_is_able(int fd)
{
	return isatty(fd) == 1 && !is_dumb(getenv("TERM"));
}

const char *colour_of_state(const struct palette *p, const char *state)
{
	static const char *const good[] = { "up", "rekeyed", NULL };
	static const char *const bad[] = { "backing off", "failed", "down", NULL };
	static const char *const dim[] = { "bypassed", "never", NULL };
	const struct {
		const char *const *names;
		const char *paint;
	} all[] = { { good, p->good }, { bad, p->bad }, { dim, p->dim } };

	for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++) {
		for (const char *const *name = all[i].names; *name != NULL; name++) {
			if (strcmp(*name, state) == 0)
				return all[i].paint;
		}
	}
	return p->warning; /* clear, connecting, waiting */
}
