/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A good message of each kind, made with the builder: what truncate-and-flip and the fuzzers start
 * from. And a walk through all payload decoders that reads every octet they hand out.
 */
#ifndef IKEMESH_TEST_LIB_SAMPLE_H
#define IKEMESH_TEST_LIB_SAMPLE_H

#include "ike/message/message.h"

#define SAMPLE_ROOM 4096 /* octets that each of them fits in */

struct sample {
	const char *name;
	uint8_t exchange;
	bool response;
	void (*payloads)(struct builder *b); /* adds them */
};

extern const struct sample samples[];
extern const size_t n_samples;

/* Header and payloads in the clear; views into buf. */
struct bytes sample_message(const struct sample *s, uint8_t buf[static SAMPLE_ROOM]);
/* The payloads alone, as a chain to be sealed. */
struct bytes sample_chain(const struct sample *s, uint8_t buf[static SAMPLE_ROOM], uint8_t *first);
struct ike_header sample_header(const struct sample *s);

/* Takes the payload apart; false if its decoder refuses it. Unknown types are fine. */
bool sample_walk(const struct payload *p);
/* How many of the chain's payloads their decoders take. */
size_t sample_walk_all(const struct payloads *ps);

#endif
