/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The keys of the file: one table that drives reading, messages and the manual. A key that a table
 * row cannot describe is no key.
 */
#ifndef IKEMESH_CONFIG_SCHEMA_H
#define IKEMESH_CONFIG_SCHEMA_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum value_type {
	VALUE_BOOL,
	VALUE_DURATION, /* 30, 90s, 15m, 4h, 1d: seconds */
	VALUE_COUNT,	/* 64 */
	VALUE_SIZE,	/* 64M: octets */
	VALUE_CHOICE,	/* one of the words in choices: its place there */
	VALUE_LOG,
	VALUE_PROPOSALS,
	VALUE_SUBNETS,
	VALUE_CERTIFICATES, /* PEM, a path or a URI */
	VALUE_KEY,	    /* PEM or a path */
	VALUE_CAS,	    /* a list of PEM or paths */
	VALUE_SECRET,	    /* hexadecimal, base64 or a path; nothing: none */
	VALUE_TEXT,	    /* nothing: none */
	VALUE_DAYS,	    /* a list of numbers of days */
	VALUE_LISTEN,	    /* a port, or an address and a port; nothing: none */
	VALUE_TEXTS,	    /* a list of texts; nothing: none */
	VALUE_LEVELS,	    /* a list of "LEVEL" and "AREA=LEVEL"; nothing: none */
};

/* When a reload's change of a key is felt. */
enum takes_effect {
	EFFECT_AT_ONCE,
	EFFECT_NEXT_SAS,       /* by SAs that are made from then on */
	EFFECT_NEXT_HANDSHAKE, /* when identities are proved the next time */
	EFFECT_NEXT_START,     /* no harm, and no effect */
	EFFECT_REFUSED,	       /* not while the daemon runs: the reload is refused */
};

struct key_row {
	const char *name;
	enum value_type type;
	bool required;
	const char *fallback;	    /* as the file would say it; NULL: none */
	const char *example;	    /* a value worth writing; lines for a list */
	uint64_t min, max;	    /* numbers; octets, seconds or plain */
	bool zero;		    /* 0 too, with a meaning of its own */
	const char *const *choices; /* ended by NULL */
	size_t offset, size;	    /* the number's place in struct config */
	uint8_t protocol;	    /* VALUE_PROPOSALS */
	enum takes_effect effect;
	const char *text; /* what it is for, in one line */
};

/* All rows, in the order of the manual. */
const struct key_row *schema_rows(size_t *n);

/* The row of that name, or NULL. */
const struct key_row *schema_find(const char *name);

/* The row whose name was probably meant, or NULL. */
const struct key_row *schema_near(const char *name);

/* What a value should be: "a duration from 1s to 1h, such as 30s". */
#define EXPECTED_LEN 128
const char *schema_expected(const struct key_row *row, char out[static EXPECTED_LEN]);

/*
 * The number that text stands for, by the row's type: VALUE_BOOL, _DURATION, _COUNT, _SIZE,
 * _CHOICE. 0; -EINVAL: not such a thing; -ERANGE: outside min..max.
 */
int schema_number(const struct key_row *row, const char *text, uint64_t *out);

struct config;
/* The number of such a row as the file would say it: "4h", "true", "always". */
#define SCHEMA_TEXT_LEN 40
const char *schema_text(const struct key_row *row, const struct config *c,
			char out[static SCHEMA_TEXT_LEN]);

/* Puts a number where the row says. */
void schema_store(const struct key_row *row, uint64_t value, struct config *c);

#endif
