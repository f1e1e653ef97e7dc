/* SPDX-License-Identifier: Apache-2.0 */
/*
 * optional or enforced, as `ikectl mode` chose it over the configuration's word: for all of
 * ipsec_subnets, or for single entries of it. The choice stands in STATE_DIR/mode, so that it
 * outlives the daemon and the host. Whoever builds policies reads the configuration, then the mode,
 * and applies the one to the other: mode_load(), mode_apply(), policy_build().
 *
 * The file is text:
 *
 *	ikemesh mode 1
 *	all enforced
 *	10.0.8.0/22 optional
 *	end
 */
#ifndef IKEMESH_CONFIG_MODE_H
#define IKEMESH_CONFIG_MODE_H

#include "ike/spec.h"

enum mode_choice {
	MODE_FILE, /* as the configuration has it */
	MODE_OPTIONAL,
	MODE_ENFORCED,
};

/* For all entries of ipsec_subnets with this subnet, whatever their protocol and port. */
struct mode_entry {
	struct subnet net;
	enum mode_choice choice; /* MODE_FILE too: it stays out of what was said of all */
};

struct mode {
	enum mode_choice all;
	struct mode_entry *entry; /* of each subnet one at most; owned */
	size_t n;
};

/* "optional", "enforced", "file". */
const char *mode_choice_name(enum mode_choice choice);
bool mode_choice_parse(const char *name, enum mode_choice *out);

/*
 * What a person chose becomes part of m: for one subnet, or (net NULL) for all, which replaces what
 * was said of single ones. 0 or -ENOMEM, and m is as it was.
 */
int mode_choose(struct mode *m, const struct subnet *net, enum mode_choice choice);

int mode_copy(struct mode *to, const struct mode *from); /* to is empty; 0 or -ENOMEM */
void mode_wipe(struct mode *m);

/* The words for all or for a subnet that the spec (still) has; MODE_FILE: none. */
enum mode_choice mode_of(const struct mode *m, const struct subnet *net);

/* What an entry would be under m. */
bool mode_is_optional(const struct mode *m, const struct subnet_spec *entry);

/*
 * Sets the optional flags of the spec, anew from what its file said: it may be applied again and
 * again. A subnet that the spec does not have is of no effect, and waits until it has.
 */
void mode_apply(const struct mode *m, struct spec *s);

/* How many entries of ipsec_subnets are otherwise than the file has them. */
size_t mode_differences(const struct spec *s);

/* 0, -ENOMEM, or -EINVAL: not exactly what mode_write() writes, and *out is empty. */
int mode_parse(struct bytes text, struct mode *out);
char *mode_write(const struct mode *m); /* owned by the caller; NULL on no memory */

/*
 * Reads STATE_DIR/mode. 0: it was read, or there is none and *out says MODE_FILE. Otherwise
 * negative errno: it cannot be read, others than we and root could have written it (-EPERM), or it
 * holds what we never wrote (-EINVAL). Somebody chose a mode then, and nobody knows which: *out is
 * the stricter one, enforced for all, and is to be applied; why says what to do. A state_dir of
 * NULL has no mode.
 */
#define MODE_TEXT_LEN 4400
int mode_load(const char *state_dir, struct mode *out, char why[static MODE_TEXT_LEN]);

/*
 * Writes it so that after a loss of power there is the old one or the new one, whole. A mode that
 * says nothing leaves no file. 0 or negative errno, and the old one is there still; why says it.
 */
int mode_save(const char *state_dir, const struct mode *m, char why[static MODE_TEXT_LEN]);

#endif
