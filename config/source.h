/* SPDX-License-Identifier: Apache-2.0 */
/* A PEM text, from the configuration itself or from a file that it names. */
#ifndef IKEMESH_CONFIG_SOURCE_H
#define IKEMESH_CONFIG_SOURCE_H

#include "config/blocks.h"
#include "config/reading.h"

struct source {
	const struct node *node;
	struct secret content;
	char *path;  /* NULL: it stands in the configuration */
	mode_t mode; /* permission bits of the file that it stands in */
};

/* true: the caller owns *s. false: what is wrong has been told. */
bool source_open(struct reading *r, const struct key_row *row, const struct node *node,
		 struct source *s);
void source_close(struct source *s);

/* Where line (from 0) and column (from 1) of the text are. Borrows s->path. */
struct place source_place(const struct reading *r, const struct source *s, unsigned line,
			  unsigned column);

/* A path in the configuration; one that is not absolute starts where that is. The caller's. */
char *source_path(struct reading *r, const char *path);

/* The file to name in a command. */
const char *source_name(const struct reading *r, const struct source *s);

/* Tells what keeps a block from being read, if that can be seen: its end, a stray character. */
bool source_block_broken(struct reading *r, const struct source *s, const struct block *b);

#endif
