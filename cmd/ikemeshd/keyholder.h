/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The process that has the private key and the PPK: it alone reads the configuration and the files
 * that this names, signs, and looks at the files of CRLs. No packet comes here. It serves those
 * who connect to its socket, the engine of this host; what it is asked is in key_message.h.
 *
 * What is loaded counts once the engine commits to it. A key is asked for by its certificate's
 * fingerprint, and the one before is kept as well: an exchange that has shown the old certificate
 * to its peer must also be signed with the old key. One that has just been started reads the
 * configuration when it is first asked for a key, so that its death costs the engine nothing.
 */
#ifndef IKEMESH_CMD_KEYHOLDER_H
#define IKEMESH_CMD_KEYHOLDER_H

#include <stdbool.h>

#define KEYHOLDER_SOCKET "keyholder.sock" /* in the run directory */
#define KEYHOLDER_LISTENER 3		  /* descriptor of the socket, as sd_listen_fds(3) has it */

/* Exit status: another one has to serve, since who asked is of another version, or for a library.
 */
#define KEYHOLDER_OTHER_VERSION 3

struct keyholder_options {
	const char *config_path;
	int listener;
	unsigned user; /* besides root, whoever may ask */
	bool sandbox;  /* for the whole process: see keyholder_sandbox.h */
	int stop;      /* it ends when this is readable; -1: never */
};

/* Serves until it is to end. Returns the exit status. */
int keyholder_serve(const struct keyholder_options *options);

#endif
