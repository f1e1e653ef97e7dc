/* SPDX-License-Identifier: Apache-2.0 */
/*
 * CREATE_CHILD_SA of the scripted peer, in both roles: CHILD_SAs new and rekeyed, with and without
 * PFS, and the IKE SA itself. As in peer.h nothing happens by itself and keys are derived here once
 * more, from RFC 7296 2.17 and 2.18. Exchanges are objects of their own, so that two may cross.
 */
#ifndef IKEMESH_TEST_SIM_PEER_CHILD_H
#define IKEMESH_TEST_SIM_PEER_CHILD_H

#include "sim/peer.h"

/* Start with { 0 }, and what the test wants to choose. */
struct peer_exchange {
	/* Chosen by the test, or left. */
	struct blob nonce; /* the peer's own; 32 random octets */
	uint16_t group;	   /* KE_NONE: no PFS. As the responder: as the core asks. */
	uint32_t rekeys;   /* ESP SPI in N(REKEY_SA); 0: a new CHILD_SA */

	bool asked;	   /* by the peer; else by the core */
	struct blob other; /* the core's nonce */
	const struct ke_alg *ke;
	struct ke_key *ke_key;
	struct blob ke_public;
	struct secret shared;
	uint8_t number; /* of the proposal */

	uint32_t esp_in, esp_out;
	struct peer_key esp_key_in, esp_key_out;
	uint64_t ike_own, ike_other; /* SPIs of the new IKE SA */
	size_t add_ke_done;	     /* IKE_FOLLOWUP_KE so far */
	struct blob more;	     /* SK(1) | SK(2) ... */
	struct blob link;	     /* the last ADDITIONAL_KEY_EXCHANGE */
};

void peer_exchange_free(struct peer_exchange *x);

/* CREATE_CHILD_SA { [N(REKEY_SA)] N(USE_TRANSPORT_MODE) SA Ni [KEi] TSi TSr } */
void peer_ask_child(struct peer *p, struct peer_exchange *x, struct draft *out);
/* Takes the core's request; accepts the peer's first ESP proposal. */
void peer_answer_child(struct peer *p, struct peer_exchange *x, const struct draft *request,
		       struct draft *out);
void peer_take_child(struct peer *p, struct peer_exchange *x, const struct draft *answer);
/* From now on that one is the peer's CHILD_SA. */
void peer_use_child(struct peer *p, const struct peer_exchange *x);

/* CREATE_CHILD_SA { SA Ni KEi }, of the group of the IKE SA. */
void peer_ask_rekey(struct peer *p, struct peer_exchange *x, struct draft *out);
void peer_answer_rekey(struct peer *p, struct peer_exchange *x, const struct draft *request,
		       struct draft *out);
void peer_take_rekey(struct peer *p, struct peer_exchange *x, const struct draft *answer);
/*
 * IKE_FOLLOWUP_KE { KE N(ADDITIONAL_KEY_EXCHANGE) } for the next additional key exchange of the IKE
 * SA, after the three above (RFC 9370 2.2.4).
 */
void peer_ask_followup(struct peer *p, struct peer_exchange *x, struct draft *out);
void peer_take_followup(struct peer *p, struct peer_exchange *x, const struct draft *answer);
void peer_answer_followup(struct peer *p, struct peer_exchange *x, const struct draft *request,
			  struct draft *out);
/* The new IKE SA, with keys and the CHILD_SA; to be wiped. Message ids begin at 0. */
void peer_successor(const struct peer *old, const struct peer_exchange *x, struct peer *fresh);

/* INFORMATIONAL { D(ESP, spi) } */
void peer_ask_delete_spi(struct peer *p, uint32_t spi, struct draft *out);
/* The answer to a DELETE of the core's; spi 0: an empty one. */
void peer_answer_delete(struct peer *p, const struct draft *request, uint32_t spi,
			struct draft *out);
/* The only ESP SPI in a DELETE payload; 0: there is none, or another number of them. */
uint32_t draft_deleted_spi(const struct draft *d);

#endif
