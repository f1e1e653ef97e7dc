/* SPDX-License-Identifier: Apache-2.0 */
/* Requests of the control socket that are about certificates. Each gives an answer of the caller's.
 */
#ifndef IKEMESH_CMD_CERT_COMMANDS_H
#define IKEMESH_CMD_CERT_COMMANDS_H

#include "cmd/ikemeshd/daemon.h"

json_t *answer_certs(struct daemon *d, const json_t *request);

/* "file": a configuration, read as a reload would. */
/* Answered later: the keyholder reads the file. */
void ask_preflight(struct daemon *d, const struct control_asker *asker, const json_t *request);

json_t *answer_rotate(struct daemon *d, const json_t *request);
json_t *answer_rotate_status(struct daemon *d, const json_t *request);

#endif
