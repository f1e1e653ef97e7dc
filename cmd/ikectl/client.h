/* SPDX-License-Identifier: Apache-2.0 */
/* One question to the daemon, one answer. */
#ifndef IKEMESH_CTL_CLIENT_H
#define IKEMESH_CTL_CLIENT_H

#include <jansson.h>

#define CLIENT_ERROR_LEN 4608 /* a refusal may name peers */

/*
 * The answer's document, owned by the caller. NULL: error says why and what to do next; *err is
 * -ENOENT or -ECONNREFUSED if no daemon is there, -EACCES or -EPERM if whoever runs this may not
 * ask it, 0 if the daemon refused for another reason, else what failed.
 */
json_t *client_ask(const char *run_dir, const json_t *request, int *err,
		   char error[static CLIENT_ERROR_LEN]);

/*
 * The same for who cannot wait: over after that time, or twice that where the last of the answer
 * was about to come.
 */
json_t *client_ask_within(const char *run_dir, const json_t *request, unsigned ms, int *err,
			  char error[static CLIENT_ERROR_LEN]);

#endif
