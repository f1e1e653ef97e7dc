/* SPDX-License-Identifier: Apache-2.0 */
/* The part of the status document that is made from a walk over the core: pairs and their SAs. */
#ifndef IKEMESH_CMD_STATUS_PAIRS_H
#define IKEMESH_CMD_STATUS_PAIRS_H

#include "cmd/ikemeshd/json_text.h"
#include "cmd/ikemeshd/status_json.h"

struct pairs_seen {
	size_t n_up, n_connecting; /* IKE SAs, of all pairs */
};
/* "pairs", into the object that is open. */
struct pairs_seen status_pairs(const struct status_sources *s, struct json_text *t);

/* How a pair is: known when all its SAs were visited, in this order. */
struct pair_seen {
	bool up, connecting, waiting;
	struct mono retry_at;
};
void status_pair_begins(struct pair_seen *seen, const struct status_pair *p);
void status_pair_has_ike(struct pair_seen *seen, const struct status_ike *s);
void status_pair_has_child(struct pair_seen *seen, const struct status_child *c);
enum standing {
	STANDING_UP,
	STANDING_CONNECTING,
	STANDING_WAITING, /* for its turn to negotiate */
	STANDING_BACKING_OFF,
	STANDING_DOWN,
};
enum standing status_standing(const struct pair_seen *p);
const char *status_pair_state(const struct pair_seen *p); /* "up", "backing off" ... */

/* What the head of the document says in the same words. */
json_t *status_ip(const struct ip *ip);
json_t *status_text(const char *text); /* NULL: null */
json_t *status_identity(uint8_t type, struct bytes id);
const char *status_ruling(const struct status_sources *s, const struct ip *remote);
#define CONNECTION_LEN (SUBNET_TEXT_LEN + 16)
void status_connection(const struct subnet_spec *net, bool protect,
		       char out[static CONNECTION_LEN]);

#endif
