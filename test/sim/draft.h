/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A message as an editable list of payloads: between decoding and encoding, a test changes one
 * thing. Also lies: a payload may claim another length or successor than it has, a header too.
 */
#ifndef IKEMESH_TEST_SIM_DRAFT_H
#define IKEMESH_TEST_SIM_DRAFT_H

#include "ike/message/payload.h"

#define DRAFT_PAYLOADS 128
#define DRAFT_ROOM 140000 /* octets of one message */

struct draft_payload {
	uint8_t type;
	bool critical;
	struct blob body;
	bool lies;	      /* about its length */
	uint16_t length_said; /* then */
};

struct draft {
	struct ike_header h; /* next_payload and length are patched in */
	struct draft_payload p[DRAFT_PAYLOADS];
	size_t n;
	bool lies; /* about the message's length */
	uint32_t length_said;
	bool first_lies; /* about the first payload's type */
	uint8_t first_said;
	/* While payloads are added. */
	uint8_t *scratch;
	struct builder b;
};

void draft_init(struct draft *d, const struct ike_header *h);
void draft_free(struct draft *d); /* leaves an empty one */
void draft_copy(struct draft *to, const struct draft *from);

/* Adds payloads with the encoders of payload.h: between begin and end. */
struct builder *draft_begin(struct draft *d);
void draft_end(struct draft *d);
void draft_add(struct draft *d, uint8_t type, struct bytes body);
void draft_insert(struct draft *d, size_t at, uint8_t type, struct bytes body);
void draft_add_notify(struct draft *d, uint16_t type, struct bytes data);

/* The nth (from 0) payload of a type, the notify of a type; NULL if there is none. */
struct draft_payload *draft_nth(struct draft *d, uint8_t type, size_t nth);
struct draft_payload *draft_find(struct draft *d, uint8_t type);
struct draft_payload *draft_notify(struct draft *d, uint16_t type);
bool draft_has(const struct draft *d, uint8_t type);
bool draft_has_notify(const struct draft *d, uint16_t type);
/* Its data; empty if there is none. A view. */
struct bytes draft_notify_data(const struct draft *d, uint16_t type);
/* The first error notify (below 16384), 0: none. */
uint16_t draft_error(const struct draft *d);

void draft_set(struct draft_payload *p, struct bytes body);
void draft_drop(struct draft *d, uint8_t type); /* all of that type */
void draft_drop_notify(struct draft *d, uint16_t type);
void draft_drop_at(struct draft *d, size_t at);
void draft_double(struct draft *d, uint8_t type); /* the first of that type once more, behind it */

/* "SA KE Ni N(COOKIE)", for traces. */
const char *draft_text(const struct draft *d, char *out, size_t size);

/* Adds the payloads of a chain. false if it cannot be decoded. */
bool draft_read(struct draft *d, uint8_t first, struct bytes chain);
/* The chain without header; *first its first payload's type. Owned by the caller. */
struct blob draft_chain(const struct draft *d, uint8_t *first);
/* The whole message in the clear. Owned by the caller. */
struct blob draft_message(const struct draft *d);

#endif
