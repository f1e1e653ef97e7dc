/* SPDX-License-Identifier: Apache-2.0 */
/* ikectl import: another configuration as an ikemesh.yml. */
#ifndef IKEMESH_CTL_IMPORT_H
#define IKEMESH_CTL_IMPORT_H

#include "cmd/ikectl/command.h"

#include <getopt.h>

extern const struct option import_options[];

/*
 * STATUS_GOOD: all was carried over. STATUS_FAILED: a configuration was made, and what stands on
 * stderr was not carried over. STATUS_BAD_CONFIG: none was made.
 */
enum status import_run(const struct invocation *in);

#endif
