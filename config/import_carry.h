/* SPDX-License-Identifier: Apache-2.0 */
/* What both of strongSwan's forms say in their own words, as keys of ours. Internal to this folder.
 */
#ifndef IKEMESH_CONFIG_IMPORT_CARRY_H
#define IKEMESH_CONFIG_IMPORT_CARRY_H

#include "config/import_tree.h"

enum fate {
	FATE_TAKEN,    /* looked at elsewhere */
	FATE_NEEDLESS, /* nothing is lost without it */
	FATE_LOST,
	FATE_IKE, /* proposals */
	FATE_ESP,
	FATE_NUMBER, /* a duration, a size or a count of key `to` */
	FATE_MARGIN, /* the same, a duration before whose end strongSwan replaces keys */
	FATE_ENCAP,  /* yes: key `to` is `always` */
};

/* What becomes of one parameter of strongSwan's. */
struct fate_row {
	const char *key;
	enum fate fate;
	const char *to;	    /* our key */
	const char *unless; /* values, in blanks (" no 0 "), that ask for nothing: not told */
	const char *why;    /* NULL: nothing is told of it */
	const char *mend;
};
#define TAKEN(name)                             \
	{                                       \
		.key = name, .fate = FATE_TAKEN \
	}
#define SILENT(name)                               \
	{                                          \
		.key = name, .fate = FATE_NEEDLESS \
	}
#define NEEDLESS(name, text)                                    \
	{                                                       \
		.key = name, .fate = FATE_NEEDLESS, .why = text \
	}
#define KEY(name, how, ours, none)                                   \
	{                                                            \
		.key = name, .fate = how, .to = ours, .unless = none \
	}
#define LOST(name, none, text, todo)                                                      \
	{                                                                                 \
		.key = name, .fate = FATE_LOST, .unless = none, .why = text, .mend = todo \
	}

/*
 * Carries over all settings of a section by its table, which an empty row ends, and tells what has
 * no row there. margin: seconds that FATE_MARGIN takes away.
 */
void carry_settings(struct tree *t, const struct layers *l, const struct fate_row *rows,
		    uint64_t margin);

/* Says of a setting, once, that it is lost, or needless. */
void carry_lost(struct tree *t, struct setting *s, const char *why, const char *mend);
void carry_needless(struct tree *t, struct setting *s, const char *why);

enum carry_kind { CARRY_PROTECT, CARRY_BYPASS };

/*
 * Says, once, that what section `in` protects is enforced here and was not there: setting `key` is
 * s, or absent (NULL).
 */
void carry_untrapped(struct tree *t, struct section *in, const char *key, struct setting *s);

/*
 * Traffic selectors, separated by commas: "10.0.0.0/8", "10.0.0.1[udp/53]". whole: a protocol and
 * port that hold for all of them ("udp/53"), or NULL. optional: cleartext is allowed, too.
 */
void carry_subnets(struct tree *t, struct setting *s, const char *whole, enum carry_kind kind,
		   bool optional);

/* The own end of it: told, where it names an address. */
void carry_local(struct tree *t, struct setting *s);

/* A file of key, in the directory `dir` unless it is absolute. */
void carry_file(struct tree *t, const char *key, struct setting *s, const char *dir);

/* All files of a directory. */
void carry_directory(struct tree *t, const char *key, const char *dir, const char *file);

/* Says what holds where strongSwan's own proposals did. */
void carry_defaults(struct tree *t, const char *file);

/* Whom a peer must be. */
void carry_identity(struct tree *t, struct setting *s);

/* "ipsec.d" or "swanctl" of the installation that file belongs to. Owned by the caller. */
char *carry_home(struct tree *t, const char *file, const char *name);

/* Seconds of "90", "90s", "15m", "3h", "1d"; fallback if s is NULL or none. */
uint64_t carry_seconds(const struct setting *s, uint64_t fallback);

/* Calls one for each word between commas, without the blanks around it. */
void carry_each(struct tree *t, struct setting *s,
		void (*one)(struct tree *t, struct setting *s, char *word, void *with), void *with);

bool carry_is_yes(const struct setting *s);

/* The value of s, or what stands for none. */
static inline const char *setting_or(const struct setting *s, const char *none)
{
	return s ? s->value : none;
}

#endif
