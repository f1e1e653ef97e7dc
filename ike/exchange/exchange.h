/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The exchanges. Each lives in a file of its own with its functions side by side: ask (send the
 * request), answer (a request came), take (the answer came), give up (no answer ever came).
 */
#ifndef IKEMESH_IKE_EXCHANGE_EXCHANGE_H
#define IKEMESH_IKE_EXCHANGE_EXCHANGE_H

#include "ike/core.h"

/* A protected message: inner payloads, already judged. Views live as long as the event. */
struct inbound {
	const struct ike_header *header;
	const struct payloads *payloads;
	const struct endpoint *local, *remote; /* as this datagram came */
	/* As intauth.h wants it: octets of the header, and what was sealed. */
	const uint8_t *octets;
	uint8_t first, reserved;
	struct bytes chain;
};

struct exchange {
	uint8_t type;
	void (*answer)(struct engine *e, struct ike_sa *sa, const struct inbound *m);
	void (*take)(struct engine *e, struct ike_sa *sa, const struct inbound *m);
	void (*give_up)(struct engine *e, struct ike_sa *sa);
};

/* Protected exchanges; NULL for an unknown type. IKE_SA_INIT has functions of its own below. */
const struct exchange *exchange_by_type(uint8_t type);
extern const struct exchange exchange_intermediate, exchange_auth, exchange_create_child,
	exchange_followup, exchange_informational;

/* init.c */
struct init_request {
	const struct ike_header *header;
	const struct payloads *payloads;
	const struct endpoint *local, *remote;
	struct bytes datagram;
};
/* Octets of the IKE_SA_INIT that init_ask would have sent; 0: none could be built. */
size_t init_request_size(struct engine *e, const struct endpoint *local,
			 const struct endpoint *remote);
void init_ask(struct engine *e, struct ike_sa *sa, uint16_t group);
void init_answer(struct engine *e, const struct init_request *m);
void init_take(struct engine *e, struct ike_sa *sa, const struct init_request *m);
/* The request is due again: with the newest cookie. false: there is no memory, and sa has failed. */
bool init_again(struct engine *e, struct ike_sa *sa);
void init_give_up(struct engine *e, struct ike_sa *sa);
/* Initiator: new keys are there. What comes next: IKE_INTERMEDIATE, or the PPK and IKE_AUTH. */
void init_go_on(struct engine *e, struct ike_sa *sa);

/* intermediate.c: the next additional key exchange. */
bool intermediate_is_due(const struct ike_sa *sa);
void intermediate_ask(struct engine *e, struct ike_sa *sa);

/* auth.c */
void auth_ask(struct engine *e, struct ike_sa *sa);
/* The kernel refused the CHILD_SA before the answer left: answer without one. */
void auth_answer_without_child(struct engine *e, struct ike_sa *sa, uint16_t notify);

/* create_child.c: rekeys old, or makes a CHILD_SA where none is (old NULL). */
void create_child_ask(struct engine *e, struct ike_sa *sa, struct child *old);

/* The peer's exchange was answered, and the kernel took the SA: collisions are resolved now. */
void create_child_settled(struct engine *e, struct ike_sa *sa);
/* The kernel refused the SA before the answer left: answer with a refusal. */
void create_child_answer_failed(struct engine *e, struct ike_sa *sa);

/* rekey_ike.c: the IKE SA itself, RFC 7296 1.3.2. The rest is reached through create_child.c. */
void rekey_ike_ask(struct engine *e, struct ike_sa *sa);
/* The peer wants that group instead (RFC 7296 1.3). false: we do not offer it. */
bool rekey_ike_other_group(struct engine *e, struct ike_sa *sa, uint16_t group);
void rekey_ike_answer(struct engine *e, struct ike_sa *sa, const struct inbound *m);
/* Ours came to nothing, but the peer's rekeying of the same IKE SA did: that one carries on. */
bool rekey_ike_yield(struct engine *e, struct ike_sa *sa);
void rekey_ike_take(struct engine *e, struct ike_sa *sa, const struct inbound *m);

/*
 * After the additional key exchanges (followup.c). Ours: sa->ours is complete, or failed. Theirs:
 * the successor is to be made before the last answer, and sa->theirs is over after it.
 */
void rekey_ike_ours_made(struct engine *e, struct ike_sa *sa);
void rekey_ike_fail(struct engine *e, struct ike_sa *sa, const char *why);
struct ike_sa *rekey_ike_successor(struct engine *e, struct ike_sa *old, struct task *t);
void rekey_ike_theirs_made(struct engine *e, struct ike_sa *sa, struct ike_sa *fresh);

/* followup.c: sa->ours has its first secret and a link; the next additional key exchange. */
void followup_ask(struct engine *e, struct ike_sa *sa);
/* The peer's link. false: there is none. */
bool followup_take_link(struct task *t, const struct payloads *ps);
/* As responder: adds a link to the answer; the peer has FOLLOWUP_WAIT_US for its next request. */
#define FOLLOWUP_WAIT_US INT64_C(20000000) /* RFC 9370 2.2.4: 5 to 20 s */
bool followup_expect(struct engine *e, struct ike_sa *sa, struct builder *b);
/* It let them pass, or asks for something else: then nothing comes of it. */
void followup_forget(struct engine *e, struct ike_sa *sa);

/* In a row, then a new IKE SA is negotiated beside the old one. */
#define REKEY_FAILURES_MAX 5
/* Both rekeys: an answer that refuses ours. true if it was one, and dealt with. */
bool create_child_refused(struct engine *e, struct ike_sa *sa, const struct inbound *m);
/* Our exchange is over, for better or worse. */
void create_child_over(struct engine *e, struct ike_sa *sa);

/* informational.c */
void informational_delete_sa(struct engine *e, struct ike_sa *sa);
/* The peer answered a request of ours with what cannot be: the IKE SA goes, and it is told. */
void informational_end_sa(struct engine *e, struct ike_sa *sa, const char *why);
void informational_delete_child(struct engine *e, struct child *c);
void informational_notify(struct engine *e, struct ike_sa *sa, uint16_t notify);
/* The peer sends on an SA of this SPI that is not there. Nothing if a request is under way. */
void informational_delete_spi(struct engine *e, struct ike_sa *sa, uint32_t spi);
void informational_probe(struct engine *e, struct ike_sa *sa);

#endif
