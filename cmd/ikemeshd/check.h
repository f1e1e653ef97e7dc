/* SPDX-License-Identifier: Apache-2.0 */
#ifndef IKEMESH_CMD_CHECK_H
#define IKEMESH_CMD_CHECK_H

enum check_status {
	CHECK_GOOD = 0, /* warnings are good */
	CHECK_ERRORS = 2,
};

/* Prints all that is to be said of a configuration on stdout; changes nothing. */
enum check_status check_config(const char *path);

#endif
