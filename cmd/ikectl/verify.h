/* SPDX-License-Identifier: Apache-2.0 */
/*
 * `ikectl verify PEER`: is traffic with this peer protected, proved by traffic. Probes go under the
 * policies as any packet does; the counters of both SAs are read before and after. Whoever answers,
 * an answer that raised the inbound SA's counter came as ESP, and one that did not came in the
 * clear. What is concluded is a pure function of what was seen.
 */
#ifndef IKEMESH_CTL_VERIFY_H
#define IKEMESH_CTL_VERIFY_H

#include "cmd/ikectl/command.h"

#include <stdio.h>

struct verify_facts {
	const json_t *before, *after; /* the daemon's status of this peer; after may be newer SAs */
	unsigned sent, answered;      /* echo requests, and their replies */
	unsigned knocks;	      /* probes of other kinds, sent since nothing came back */
	int error;		      /* negative errno: the probes could not be sent */
};

struct verify_row {
	const char *name; /* stable: "protected" */
	bool good;
	const char *mend; /* NULL: nothing to do */
};

#define VERIFY_TEXT_LEN 400
struct verification {
	const struct verify_row *verdict;
	char text[VERIFY_TEXT_LEN]; /* one sentence */
	long long esp_out, esp_in;  /* packets of the pair's SAs between the two looks */
	bool encapsulated;
	bool is_early; /* a takeover is under way, and hides what it is about */
};

/* An SA went in between, as at a rekeying, and what it counted: nothing can be concluded. */
bool verify_missed_some(const struct verify_facts *facts);
void verify_judge(const struct verify_facts *f, struct verification *v);
void verify_print(const char *peer, const struct verification *v, FILE *out);
json_t *verify_json(const char *peer, const struct verify_facts *facts,
		    const struct verification *v);

/* Exit status 0: protected; 1: not, or not proved. */
enum status verify_run(const struct invocation *in);

#endif
