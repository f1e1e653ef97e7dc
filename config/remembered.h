/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The part of a configuration that policies are made from, as it was last in force, in
 * STATE_DIR/policies.yml. A file that is broken when the host boots then costs nobody the
 * protection that he had: the boot unit takes this one instead, and says so.
 */
#ifndef IKEMESH_CONFIG_REMEMBERED_H
#define IKEMESH_CONFIG_REMEMBERED_H

#include "config/config.h"

/* A file for config_load_policies(), from what the file said, not from what `ikectl mode` made of
 * it. Owned by the caller; NULL on no memory. */
char *remembered_text(const struct config *c);

/* 0 or negative errno, and the old one is there still. A state_dir of NULL remembers nothing. */
int remembered_save(const char *state_dir, const struct config *c);
/* As config_load_policies(). -ENOENT: there is none. */
int remembered_load(const char *state_dir, struct config *out);
/* `ikectl disable`: nothing is to be protected. */
void remembered_forget(const char *state_dir);

#endif
