/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The secret behind our crash tokens (ike/qcd.h), in a file that outlives a reboot. Images of hosts
 * are cloned, secret and all: so the file names the machine that it was made on, and on another it
 * is made anew. It is made once, readable by root alone.
 */
#ifndef IKEMESH_CMD_CRASH_SECRET_H
#define IKEMESH_CMD_CRASH_SECRET_H

#include "ike/engine.h"

#define CRASH_SECRET_FILE "crash-secret"
#define CRASH_SECRET_MACHINE_ID "/etc/machine-id"

/*
 * Reads it, or makes it if it is not there, is another machine's or cannot be read as one. Makes
 * the directory if need be. A machine without an id, or state_dir NULL, gets a secret for this life alone.
 * 0, or negative errno with what could not be done in why.
 */
#define CRASH_SECRET_TEXT_LEN 320
int crash_secret_load(const char *state_dir, const char *machine_id_path,
		      uint8_t out[static QCD_SECRET_LEN], char why[static CRASH_SECRET_TEXT_LEN]);

#endif
