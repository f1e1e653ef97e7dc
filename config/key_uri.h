/* SPDX-License-Identifier: Apache-2.0 */
/* A private key that is no text: instance_private_key as a URI. */
#ifndef IKEMESH_CONFIG_KEY_URI_H
#define IKEMESH_CONFIG_KEY_URI_H

#include "config/reading.h"

/*
 * A scheme of two letters or more stands before a colon, and no space or line end behind it: no
 * path, no PEM text.
 */
bool key_uri_is(const char *text);

/* The key at the URI in node, the caller's; NULL: what is wrong has been told, without its PIN. */
struct sign_key *key_uri_read(struct reading *r, const struct node *node);

#endif
