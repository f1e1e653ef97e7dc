/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What another configuration would do to the peers that are connected now: would each still verify
 * under the new CAs (and keys that say more of who may be a peer), and would each accept the new
 * certificate, going by the CAs that it named (CERTREQ, RFC 7296 3.7)? What was no different before
 * is a warning, for the new configuration cuts nobody off that the old one would not.
 */
#ifndef IKEMESH_CMD_PREFLIGHT_H
#define IKEMESH_CMD_PREFLIGHT_H

#include "cmd/ikemeshd/peers.h"
#include <jansson.h>

#define PREFLIGHT_CHAINS 2000 /* different ones that are verified; the others are counted */
#define PREFLIGHT_TEXT_LEN (VERDICT_TEXT_LEN + 128)

struct preflight_finding {
	bool error; /* it would be cut off; else a warning */
	struct ip remote;
	char text[PREFLIGHT_TEXT_LEN];
};

struct preflight {
	struct preflight_finding *findings;
	size_t n, room;
	size_t errors;
	size_t checked, unchecked; /* peers */
};

struct preflight_sides {
	const struct spec *old, *new;
	const struct trust *trust; /* the new one */
	bool binds_address;	   /* bind_address_to_certificate: now it does, and did not */
	time_t now;
};

/* peers is sorted here. 0 or -ENOMEM. */
int preflight_run(const struct preflight_sides *sides, struct peers *peers, struct preflight *out);
void preflight_free(struct preflight *p);

/* "10.1.0.2 (WHY), 10.1.0.3 (WHY) and 4 others": those that would be cut off, as room allows. */
void preflight_text(const struct preflight *p, char *out, size_t room);

/* {"checked", "unchecked", "findings": [{"level", "peer", "text"}]} */
json_t *preflight_json(const struct preflight *p);

/* A trust set of these CAs, the one at index `without` left out (SIZE_MAX: none). NULL: no memory.
 */
struct trust *preflight_trust(const struct spec *spec, size_t without);
/* Is the CA among those that a peer named? */
bool preflight_named(struct bytes hashes, const struct cert_info *ca);
/* Would a peer that named these CAs verify this credential? One that named none may. */
bool preflight_accepts(struct bytes hashes, const struct spec *spec, time_t now);

#endif
