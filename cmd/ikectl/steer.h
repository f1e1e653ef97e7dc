/* SPDX-License-Identifier: Apache-2.0 */
/* `ikectl up|down|rekey|rekey-ike|reauth|reset`: what the daemon does with a peer's SAs. */
#ifndef IKEMESH_CTL_STEER_H
#define IKEMESH_CTL_STEER_H

#include "cmd/ikectl/command.h"

#include <getopt.h>

extern const struct option steer_options[];    /* --wait */
extern const struct option steer_up_options[]; /* --wait, --all */
enum status steer_run(const struct invocation *in);

/*
 * The only peer that is one letter away from the one that was named; NULL: there is none, or more
 * than one, as in a mesh whose addresses follow each other. Borrowed.
 */
const char *steer_nearest(const json_t *pairs_answer, const char *named);

#endif
