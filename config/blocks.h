/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Where the PEM blocks of a text stand, for messages that name a line. crypto/pem.h decodes them;
 * here they are found even when they are broken.
 */
#ifndef IKEMESH_CONFIG_BLOCKS_H
#define IKEMESH_CONFIG_BLOCKS_H

#include "crypto/bytes.h"

#define BLOCK_LABEL_LEN 48 /* octets with NUL; longer ones are cut */

struct block {
	char label[BLOCK_LABEL_LEN]; /* "CERTIFICATE" */
	struct bytes text;	     /* BEGIN to the end of END; a view */
	unsigned line;		     /* of the BEGIN in the text, from 0 */
	bool closed;		     /* an END follows; else text goes on to the next BEGIN */
	bool folded;		     /* all of it is one line */
};

/* A place in a text, from which blocks are looked for. Starts as zero. */
struct block_cursor {
	size_t at;
	unsigned line;
};

/* The next block; false at the end. */
bool block_next(struct bytes text, struct block_cursor *c, struct block *out);

/*
 * The first character between BEGIN and END that is neither base64 nor part of a header. Line from
 * 0 within the block and column from 1; false: there is none.
 */
bool block_stray(const struct block *b, unsigned *line, unsigned *column);

#endif
