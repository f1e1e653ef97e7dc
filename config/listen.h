/* SPDX-License-Identifier: Apache-2.0 */
/* Where something listens, as people write it: "9500", "127.0.0.1:9500", "[::1]:9500". */
#ifndef IKEMESH_CONFIG_LISTEN_H
#define IKEMESH_CONFIG_LISTEN_H

#include "ike/ip.h"

/* A port alone is one of 127.0.0.1. false: it is none of these. */
bool listen_parse(const char *text, struct endpoint *out);

#define LISTEN_TEXT_LEN (IP_TEXT_LEN + 8)
const char *listen_text(const struct endpoint *e, char out[static LISTEN_TEXT_LEN]);

#endif
