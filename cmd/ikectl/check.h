/* SPDX-License-Identifier: Apache-2.0 */
/* `ikectl check [FILE]`: the file, and what the running daemon says it would do to its peers. */
#ifndef IKEMESH_CTL_CHECK_H
#define IKEMESH_CTL_CHECK_H

#include "cmd/ikectl/command.h"

/* Exit status: 0 good, 1 with warnings, 2 with errors. */
enum status run_check(const struct invocation *in);

#endif
