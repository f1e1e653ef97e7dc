/* SPDX-License-Identifier: Apache-2.0 */
/* What `ikemeshd --check` and `ikectl check` print. */
#ifndef IKEMESH_CONFIG_CHECK_H
#define IKEMESH_CONFIG_CHECK_H

#include "config/config.h"
#include <stdio.h>
#include <time.h>

enum check_result {
	CHECK_GOOD,
	CHECK_WARNINGS,
	CHECK_ERRORS,
};

/* What the worst of them makes of it. Notices are good. */
enum check_result check_result_of(const struct problems *ps);

/* Prints all that is to be said of a file; changes nothing. */
enum check_result config_check(const char *file, time_t now, FILE *out);

#endif
