/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Findings are collected, never printed and never thrown: reading goes on after each of them, so
 * that all are told in one go. Running out of memory is remembered and asked for once, at the end.
 */
#ifndef IKEMESH_CONFIG_PROBLEM_H
#define IKEMESH_CONFIG_PROBLEM_H

#include "config/config.h"

/* Beyond these a file is nonsense: they are counted, and no longer kept. */
#define PROBLEMS_KEPT 100

struct report {
	struct problems *ps;
	const char *file; /* the configuration file's name; borrowed */
	bool no_memory;
};

/* Where. file NULL: the configuration file itself. */
struct place {
	const char *file;
	unsigned line, column; /* from 1; 0: the whole file */
};

/*
 * Adds one finding. message is a format for one line; mend (may be NULL) is copied. Octets that
 * are not printable ASCII are escaped in both (line ends stay in mend).
 */
__attribute__((format(printf, 5, 6))) void report_add(struct report *r, enum problem_level level,
						      struct place at, const char *mend,
						      const char *format, ...);

/* An error of this file has been found on this line already. */
bool report_has_error(const struct report *r, unsigned line);

/* In reading order: the file's own first, by line and column; what concerns no line comes last. */
void problems_sort(struct problems *ps, const char *file);

/* Formatted text owned by the caller; NULL and r->no_memory on no memory. */
__attribute__((format(printf, 2, 3))) char *report_text(struct report *r, const char *format, ...);

#define SHOWN_LEN 64
/* At most SHOWN_LEN octets of text, for a message: a value may be megabytes long. */
const char *shown(const char *text, char out[static SHOWN_LEN]);

#endif
