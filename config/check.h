/* SPDX-License-Identifier: Apache-2.0 */
/* What `ikemeshd --check` and `ikectl check` print. */
#ifndef IKEMESH_CONFIG_CHECK_H
#define IKEMESH_CONFIG_CHECK_H

#include <stdbool.h>
#include <stdio.h>
#include <time.h>

/* Prints all that is to be said of a file; changes nothing. true: it is good (warnings are). */
bool config_check(const char *file, time_t now, FILE *out);

#endif
