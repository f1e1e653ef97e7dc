/* SPDX-License-Identifier: Apache-2.0 */
/* `ikectl wait`: returns when the daemon is ready, and, if peers are asked for, SAs with them are
 * up. */
#ifndef IKEMESH_CTL_WAIT_H
#define IKEMESH_CTL_WAIT_H

#include "cmd/ikectl/command.h"
#include "ike/ip.h"

#include <getopt.h>

#define WAIT_PEERS 64
#define WAIT_TEXT_LEN 256

struct wait_peers {
	struct ip named[WAIT_PEERS];
	size_t n;	/* of named */
	unsigned least; /* as many as that, whoever they are; 0: none are asked for */
};

/* "10.0.0.1,10.0.0.2" or "3"; NULL: none. false: it is neither. */
bool wait_peers_parse(const char *text, struct wait_peers *out);

/* Is it as wanted in this status? If not, missing says what is still to come. */
bool wait_satisfied(const struct wait_peers *peers, const json_t *status,
		    char missing[static WAIT_TEXT_LEN]);

/*
 * Who is up and who is missing, for --json; status is NULL where no daemon answered. refused: an
 * object of what the daemon said of those that it will not negotiate with. NULL on no memory.
 */
json_t *wait_outcome(const struct wait_peers *peers, const json_t *status, const json_t *refused);

/* Are our SAs in use, or still those of another IKE daemon (key takeover)? Of a version or status.
 */
bool wait_taken_over(const json_t *answer, char missing[static WAIT_TEXT_LEN]);

/* STATUS_FAILED: some peers were not up in time; STATUS_NO_DAEMON: nor was the daemon. */
enum status wait_run(const struct invocation *in);
extern const struct option wait_options[];

#endif
