/* SPDX-License-Identifier: Apache-2.0 */
/*
 * YAML as an owned tree whose nodes know where they stood in the file. Size, depth, aliases and
 * the keys of a mapping are bounded, so that no file keeps the reader busy for long.
 *
 * All nodes belong to the document. An alias is the anchored node itself, so that a node may have
 * several parents: walk doc->nodes, or down a known path, never the whole tree by recursion.
 */
#ifndef IKEMESH_CONFIG_YAML_H
#define IKEMESH_CONFIG_YAML_H

#include "crypto/bytes.h"

#define YAML_DEPTH_MAX 32
#define YAML_NODES_MAX 65536
#define YAML_KEYS_MAX 1000
#define YAML_ALIASES_MAX 256

enum node_kind {
	NODE_SCALAR,
	NODE_LIST,
	NODE_MAP,
};

struct node {
	enum node_kind kind;
	unsigned line, column; /* from 1 */

	char *text;   /* NODE_SCALAR: its value, ended by NUL, without other NULs */
	bool plain;   /* without quotes or block indicator */
	bool literal; /* after `|`: line i of text is line + 1 + i of the file */

	struct node **items; /* NODE_LIST: entries; NODE_MAP: key, value, key, value, ... */
	size_t n;	     /* of items */

	bool open; /* while the document is being read */
};

struct yaml_doc {
	struct node *root; /* NULL: nothing but comments */
	struct node **nodes;
	size_t n;
};

/* Where and why reading stopped. Texts are static. */
struct yaml_fault {
	unsigned line, column;
	const char *what;
	const char *context; /* what was being read; may be NULL */
	unsigned context_line, context_column;
};

/* 0: the caller owns *doc. -EINVAL: not YAML, or beyond a bound, see *fault. -ENOMEM. */
int yaml_doc_read(struct bytes text, struct yaml_doc *doc, struct yaml_fault *fault);
void yaml_doc_free(struct yaml_doc *doc); /* wipes the texts */

/* The value of the first such key, NULL if there is none or map is no mapping (NULL is fine). */
struct node *node_get(const struct node *map, const char *key);

/* `key:` with nothing behind it, ~, null. */
bool node_is_null(const struct node *node);

/* "a list", "an empty list", "a mapping", "a text", "nothing". */
const char *node_kind_name(const struct node *node);

#endif
