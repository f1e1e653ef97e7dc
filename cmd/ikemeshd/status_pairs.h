/* SPDX-License-Identifier: Apache-2.0 */
/* The part of the status document that is made from a walk over the core: pairs and their SAs. */
#ifndef IKEMESH_CMD_STATUS_PAIRS_H
#define IKEMESH_CMD_STATUS_PAIRS_H

#include "cmd/ikemeshd/status_json.h"

struct pairs_seen {
	json_t *pairs;		   /* the caller's */
	size_t n_up, n_connecting; /* IKE SAs, of all pairs */
};
struct pairs_seen status_pairs(const struct status_sources *s);

/* What the head of the document says in the same words. */
json_t *status_ip(const struct ip *ip);
json_t *status_text(const char *text); /* NULL: null */
json_t *status_ruling(const struct status_sources *s, const struct ip *remote);
#define CONNECTION_LEN (SUBNET_TEXT_LEN + 16)
void status_connection(const struct subnet_spec *net, bool protect,
		       char out[static CONNECTION_LEN]);

#endif
