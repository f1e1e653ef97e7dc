/* SPDX-License-Identifier: Apache-2.0 */
/*
 * `ikectl why PEER`: what became of traffic with this peer, and the likely mend. From what the
 * daemon remembers (docs/status-json.md), and what the host can see beside it. The diagnosis is
 * pure.
 */
#ifndef IKEMESH_CTL_WHY_H
#define IKEMESH_CTL_WHY_H

#include "cmd/ikectl/command.h"
#include "cmd/ikectl/knock.h"
#include "cmd/ikectl/path_probe.h"
#include "xfrm/link.h"

#include <stdio.h>
#include <time.h>

struct why_facts {
	const json_t *status; /* of one peer */
	time_t now;
	bool clock_synchronised;
	enum neighbour neighbour; /* the peer itself */
	enum knock knock;	  /* KNOCK_NOTHING also if nobody knocked */
	struct path_probe path;	  /* peer.family 0: not probed */
};

/* A row of the table of causes. */
struct cause {
	const char *name; /* stable: "wrong-ca" */
	bool amiss;	  /* something is to be mended */
	const char *sentence, *mend;
};

#define DIAGNOSIS_LEN 640
struct diagnosis {
	const struct cause *cause;
	char detail[DIAGNOSIS_LEN]; /* what this one case adds; "": nothing */
	const json_t *attempt;	    /* that tells; NULL: none */
};

void why_diagnose(const struct why_facts *facts, struct diagnosis *out);
bool why_is_silence(const struct diagnosis *d); /* of the IKE port: a knock tells more */
void why_print(const struct why_facts *facts, const struct diagnosis *d, FILE *out);
json_t *why_json(const struct why_facts *facts, const struct diagnosis *d);

/* What an error notify means (RFC 7296 3.10.1); NULL: not known. */
const char *notify_meaning(const char *name);

/* Exit status 0: nothing is amiss; 1: the cause was told. */
enum status why_run(const struct invocation *in);

#endif
