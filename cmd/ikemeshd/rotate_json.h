/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which certificate each peer was shown and shows, and which CAs it names: what an operator needs
 * to know before the next of the three steps from one CA to another (add the new one everywhere,
 * new certificates everywhere, remove the old one).
 */
#ifndef IKEMESH_CMD_ROTATE_JSON_H
#define IKEMESH_CMD_ROTATE_JSON_H

#include "cmd/ikemeshd/rotation.h"
#include <jansson.h>

/* Fingerprints of our certificates by generation: running IKE SAs may have shown an older one. */
#define PAST_CREDENTIALS 8
struct past_credential {
	uint32_t generation; /* 0: none */
	char fingerprint[96];
};
void past_add(struct past_credential past[static PAST_CREDENTIALS],
	      const struct credential_spec *credential);

struct rotate_sources {
	const struct spec *spec;
	const struct rotation *rotation;
	const struct past_credential *past;
	struct mono now;
	time_t wall_now;
};

/* peers is sorted here. docs/status-json.md has the names. NULL on no memory. */
json_t *rotate_json(const struct rotate_sources *s, struct peers *peers);

#endif
