/* SPDX-License-Identifier: Apache-2.0 */
/*
 * `ikectl plan [FILE]`: what a reload would change. The file is read here, with the rights of
 * whoever asks, and never by the daemon: that one tells what it runs with, without its keys.
 */
#ifndef IKEMESH_CTL_PLAN_H
#define IKEMESH_CTL_PLAN_H

#include "cmd/ikectl/command.h"
#include "config/diff.h"

#include <stdio.h>

enum status plan(const struct invocation *in);

/*
 * The same as a document, pure: running is the daemon's answer to "config", status that to
 * "statusall", fresh the configuration of file. NULL on no memory.
 */
json_t *plan_json(const json_t *running, const json_t *status, const char *file,
		  const struct config *fresh);
/* Does it change what peers are shown, or judged by? Then the daemon knows whom that cuts off. */
bool plan_concerns_peers(const json_t *document);
/* Puts the daemon's answer to "preflight" into the document. */
void plan_add_preflight(json_t *document, const json_t *answer);
/* As text; true if the daemon would take the file. */
bool plan_show(const json_t *document, FILE *out);

#endif
