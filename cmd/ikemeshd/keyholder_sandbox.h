/* SPDX-License-Identifier: Apache-2.0 */
#ifndef IKEMESH_CMD_KEYHOLDER_SANDBOX_H
#define IKEMESH_CMD_KEYHOLDER_SANDBOX_H

#include <stdbool.h>

/*
 * Does a library have to be loaded for this configuration, because the key is in a token or OpenSSL
 * is to go by crypto_properties? What cannot be read needs none.
 */
bool keyholder_needs_library(const char *config_path);

/*
 * All threads of this process may do no more than a keyholder must (sandbox.h), from now on; what
 * that is goes by the configuration as it is now. Without such a filter in the kernel that is told
 * to stderr. true: no library can be loaded any more.
 */
bool keyholder_enter_sandbox(const char *config_path);

#endif
