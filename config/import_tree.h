/* SPDX-License-Identifier: Apache-2.0 */
/*
 * strongSwan's two forms of configuration, ipsec.conf and swanctl.conf, as one kind of tree:
 * sections with settings, which inherit from others (also=, %default, references). Internal to this
 * folder.
 */
#ifndef IKEMESH_CONFIG_IMPORT_TREE_H
#define IKEMESH_CONFIG_IMPORT_TREE_H

#include "config/import.h"

/* Bounds, so that no text keeps the reader busy. */
#define TREE_NODES_MAX 65536 /* settings and sections */
#define TREE_DEPTH_MAX 16    /* sections in sections, and files in files */
#define TREE_FILES_MAX 256
#define TREE_LAYERS_MAX 64 /* sections that one inherits from */

struct setting {
	char *key;
	char *value; /* "": as if it were not set, which inherited values are by that too */
	const char *file;
	unsigned line;
	bool told; /* a note has been made of it */
};

struct section {
	char *type; /* ipsec.conf: conn, ca, config; swanctl.conf: NULL */
	char *name;
	const char *file;
	unsigned line;
	struct setting **settings;
	size_t n_settings;
	struct section **sections;
	size_t n_sections;
	char **bases; /* swanctl.conf: absolute names that it inherits from */
	size_t n_bases;
	bool is_base; /* others inherit from it */
};

struct tree {
	struct import *im;
	const struct import_files *files;
	struct section root;
	char **names; /* of the files */
	size_t n_names;
	size_t n_nodes;
	unsigned depth; /* of files */
};

/* A section with all that it inherits from, what wins first. */
struct layers {
	struct section *p[TREE_LAYERS_MAX];
	size_t n;
};

/* Adds to the notes; file is copied. */
__attribute__((format(printf, 6, 7))) void import_note(struct import *im, enum import_level level,
						       const char *file, unsigned line,
						       const char *mend, const char *format, ...);

/* Adds a value; text is copied. */
void import_add(struct import *im, const char *key, const char *text, bool written,
		const char *file, unsigned line);

/* The value of key, or NULL. */
const struct import_value *import_find(const struct import *im, const char *key);

/* A copy of n octets, ended by NUL, or NULL with im->no_memory. */
char *import_copy(struct import *im, const char *p, size_t n);

/* --- a text, octet by octet ------------------------------------------------------------------ */

struct scan {
	const char *p, *end;
	unsigned line; /* from 1 */
};

static inline int scan_peek(const struct scan *s)
{
	return s->p < s->end ? (unsigned char)*s->p : -1;
}

static inline int scan_next(struct scan *s)
{
	if (s->p == s->end)
		return -1;
	s->line += *s->p == '\n';
	return (unsigned char)*s->p++;
}

static inline void scan_blanks(struct scan *s)
{
	while (scan_peek(s) == ' ' || scan_peek(s) == '\t' || scan_peek(s) == '\r')
		scan_next(s);
}

/* The rest of this line, but for its end. */
static inline void scan_rest(struct scan *s)
{
	while (s->p < s->end && *s->p != '\n')
		s->p++;
}

/* An owned text that grows. */
struct grown {
	char *p;
	size_t n, room;
	bool failed;
};
void grown_add(struct grown *g, char c);
/* The text, owned by the caller; NULL with im->no_memory. g is empty afterwards. */
char *grown_end(struct grown *g, struct import *im);

/*
 * What stands in double quotes, of which the first has been read: \n and its like are what they
 * mean, a backslash before the line's end joins lines. many: it may go over lines without one.
 * false: it does not end.
 */
bool scan_quoted(struct scan *s, bool many, struct grown *out);

/* --- the tree -------------------------------------------------------------------------------- */

/* NULL: no memory, or beyond the bound, which has been noted. key and value are copied. */
struct setting *tree_set(struct tree *t, struct section *in, const char *key, const char *value,
			 const char *file, unsigned line);

/* That section, or a new one. The same. */
struct section *tree_section(struct tree *t, struct section *in, const char *type, const char *name,
			     const char *file, unsigned line);

/* Another name that it inherits from. */
void tree_base(struct tree *t, struct section *s, const char *name);

/*
 * Reads the files that an include names, which stands in `file`, by `parse`, whose text lives as
 * long as the call. What cannot be read is noted.
 */
typedef void tree_parse(struct tree *t, struct section *in, const char *file, struct bytes text);
void tree_include(struct tree *t, struct section *in, const char *pattern, const char *file,
		  unsigned line, tree_parse *parse);

/* A path that is not absolute starts where file lies. Owned by the caller; NULL: no memory. */
char *tree_path(struct import *im, const char *file, const char *path);

void tree_free(struct tree *t); /* wipes the values */

/* The section and what it inherits from. */
void layers_of(struct tree *t, struct section *s, struct layers *out);

/* The layers of the sections of that name in `in`. */
void layers_child(struct tree *t, const struct layers *in, const char *name, struct layers *out);

/* The setting that holds, NULL if there is none or it is empty. */
struct setting *layers_get(const struct layers *l, const char *key);

/* That section of the root, or NULL. */
struct section *tree_find(const struct tree *t, const char *type, const char *name);

/* --- the two forms --------------------------------------------------------------------------- */

void conf_parse(struct tree *t, struct section *in, const char *file, struct bytes text);
void swanctl_parse(struct tree *t, struct section *in, const char *file, struct bytes text);

/* ipsec.secrets; keys of which no more than the type and the file is looked at. */
void secrets_parse(struct tree *t, struct section *in, const char *file, struct bytes text);

/* What they mean. file: the one that was named. */
void conf_carry(struct tree *t, const char *file);
void swanctl_carry(struct tree *t, const char *file);

/* ipsec-addon.yml, and a configuration that is ours already. */
void addon_read(struct import *im, const char *file, struct bytes text);

#endif
