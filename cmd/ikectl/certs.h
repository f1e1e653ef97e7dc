/* SPDX-License-Identifier: Apache-2.0 */
/* Certificates, whose they are and until when; and their rotation. docs/status-json.md has the
 * model. */
#ifndef IKEMESH_CTL_CERTS_H
#define IKEMESH_CTL_CERTS_H

#include "cmd/ikectl/command.h"
#include <stdio.h>

enum status run_certs(const struct invocation *in);
enum status run_rotate(const struct invocation *in);

/* The daemon's answers as text. */
void show_certs(const json_t *answer, FILE *out);
void show_rotation(const json_t *answer, FILE *out);

#endif
