/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What another configuration says, as an ikemesh.yml: one of the add-on for BOSH (ipsec-addon.yml),
 * strongSwan's ipsec.conf with its ipsec.secrets, or its swanctl.conf. What cannot be carried over
 * is told line by line. Files come by way of two functions of the caller's, so that nothing here
 * opens any; private keys are kept apart from all text, and pass phrases and shared secrets are not
 * kept.
 */
#ifndef IKEMESH_CONFIG_IMPORT_H
#define IKEMESH_CONFIG_IMPORT_H

#include "crypto/secret.h"
#include <stdbool.h>

/* Where the daemon looks for its configuration. */
#define IMPORT_HOME "/etc/ikemesh"

enum import_level {
	IMPORT_NEEDLESS, /* left out, and nothing is lost by it */
	IMPORT_LOST,	 /* not carried over: somebody has to decide */
	IMPORT_BROKEN,	 /* no configuration can be made */
};

/* One line of the original that does not stand in the result. */
struct import_note {
	enum import_level level;
	char *file;
	unsigned line; /* from 1; 0: the whole file */
	char *text;    /* what, and why: one line, printable */
	char *mend;    /* what to do; NULL: nothing */
};

/* One value of a key; of several, the key is a list. */
struct import_value {
	const char *key; /* a name of schema.h */
	char *text;
	bool written; /* it is YAML already; otherwise it is quoted where that is needed */
	char *file;   /* where it came from */
	unsigned line;
	unsigned at; /* its line of the result, from 1 */
};

/* A PEM text that stood in the original: the configuration names it by this name. */
struct import_pem {
	char name[32];
	bool is_key;
	struct secret content;
};

struct import {
	struct import_note *notes;
	size_t n_notes;
	struct import_value *values;
	size_t n_values;
	struct import_pem *pems;
	size_t n_pems;
	bool no_memory;
};

/* How files are read. Paths are as the original has them, made absolute or not by where that lies.
 */
struct import_files {
	/* 0: the caller of this owns *out. Or a negative errno, as of file_read(). */
	int (*read)(void *context, const char *path, struct secret *out);
	/*
	 * The files that pattern (as of glob(3)) names, sorted: each is handed to `each`. None:
	 * nothing.
	 */
	void (*list)(void *context, const char *pattern, void (*each)(void *to, const char *path),
		     void *to);
	void *context;
};

/*
 * Reads one file, of whatever form it is, with what it includes, and adds to *im. Several may
 * follow one another: ipsec.conf and ipsec.secrets. What is wrong is among the notes.
 */
void import_read(struct import *im, const char *path, const struct import_files *files);

/*
 * The configuration as text, owned by the caller, after import_read() of all. PEM texts are named
 * below `home` (a directory; "" beside the configuration). Keys that must be there and are not are
 * noted, and values that a daemon refuses; the files that it names are not looked at. NULL: no
 * memory.
 */
char *import_text(struct import *im, const char *home);

/* The worst of the notes; IMPORT_NEEDLESS if there are none. */
enum import_level import_worst(const struct import *im);

/* "FILE:LINE: TEXT; MEND". Owned by the caller; NULL: no memory. */
char *import_note_text(const struct import_note *note);

void import_free(struct import *im);

#endif
