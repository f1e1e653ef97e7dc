/* SPDX-License-Identifier: Apache-2.0 */
/* Searching octets. Takes time for what it passes over, not for what lies behind the find. */
#ifndef IKEMESH_CONFIG_FIND_H
#define IKEMESH_CONFIG_FIND_H

#include "crypto/bytes.h"

/* Where `what` starts at or after from; text.n if it does not. */
size_t bytes_find(struct bytes text, size_t from, const char *what);

/* Where the line that from lies on ends: its '\n', or text.n. */
size_t bytes_line_end(struct bytes text, size_t from);

#endif
