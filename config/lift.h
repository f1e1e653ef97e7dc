/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Private keys are lifted out of a text before anything parses it. Each base64 character of a PEM
 * block that is no certificate, of the value of the key `ppk`, and of a PIN in a URI (pin-value=),
 * is replaced by a stand-in, a character from Unicode's private use area that tells which block it
 * came from, so that lines and meaning stay as they are. The YAML library, the tree and every
 * message thus see a key that is not there; the one place that needs it puts it back.
 */
#ifndef IKEMESH_CONFIG_LIFT_H
#define IKEMESH_CONFIG_LIFT_H

#include "config/text.h"
#include "crypto/secret.h"

#define LIFT_MAX 16

struct lifted {
	struct secret body[LIFT_MAX];
	size_t n;
};

/*
 * 0: the caller owns *masked and *l. -EILSEQ: the text has a stand-in character of its own, at
 * *where. -E2BIG: more than LIFT_MAX keys. -ENOMEM.
 */
int lift_keys(struct bytes text, struct text *masked, struct lifted *l, size_t *where);
void lift_free(struct lifted *l);

/* A value of the masked text as it was. 0, -ENOMEM, or -EINVAL (stand-ins are missing). */
int lift_restore(const struct lifted *l, const char *value, struct secret *out);

/* The text has a stand-in in it: it is, or was, part of a key. */
bool lift_has(const char *text, size_t n);

#endif
