/* SPDX-License-Identifier: Apache-2.0 */
/* "trust" of the status model as text. */
#ifndef IKEMESH_CTL_SHOW_TRUST_H
#define IKEMESH_CTL_SHOW_TRUST_H

#include <jansson.h>
#include <stdio.h>

/* Nothing for a daemon that says nothing of it. */
void show_trust(const json_t *trust, FILE *out);

#endif
