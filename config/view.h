/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A configuration as texts: for each key of schema.h its values, as the file would say them. What
 * the file leaves open stands there with its default. Certificates are named by subject, date and
 * fingerprint; the private key and the PPK have no text at all, so that a view may be shown and
 * sent.
 */
#ifndef IKEMESH_CONFIG_VIEW_H
#define IKEMESH_CONFIG_VIEW_H

#include "config/config.h"
#include "config/schema.h"

/* A list of texts; both are owned. */
struct values {
	char **p;
	size_t n;
};

/* By row of schema_rows(). */
struct view {
	struct values *key;
	size_t n;
};

/* 0 or -ENOMEM, and *out is empty. */
int view_init(struct view *out); /* of nothing: no key has a value */
int view_of(const struct config *c, struct view *out);
void view_free(struct view *v);

/* The values of a key; NULL: there is no such key. Borrowed. */
struct values *view_find(const struct view *v, const char *key);
/* false: no memory, and nothing was added. */
bool values_add(struct values *v, const char *text);

/* "10.0.0.1/32 udp/53 optional", with optional as the file says it. */
#define ENTRY_TEXT_LEN (SUBNET_TEXT_LEN + 32)
const char *entry_text(const struct subnet_spec *entry, char out[static ENTRY_TEXT_LEN]);

#endif
