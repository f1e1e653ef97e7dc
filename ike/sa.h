/* SPDX-License-Identifier: Apache-2.0 */
/* The IKE SA: its life, its messages, its failures. Exchanges act through these functions. */
#ifndef IKEMESH_IKE_SA_H
#define IKEMESH_IKE_SA_H

#include "ike/core.h"

#define HALF_OPEN_LIFE_S 30 /* RFC 8019 4.1 */
#define LINGER_S 10
#define DELETE_WAIT_S 10
#define KEEPALIVE_S 20

/* A new IKE SA of the pair, with its own random SPI. NULL on no memory or no randomness. */
struct ike_sa *sa_new(struct engine *e, struct pair *p, bool initiator,
		      const struct endpoint *local, const struct endpoint *remote);

/* The same with an SPI that the peer has been told already. NULL if it is taken, too. */
struct ike_sa *sa_new_with_spi(struct engine *e, struct pair *p, bool initiator,
			       const struct endpoint *local, const struct endpoint *remote,
			       uint64_t spi_local);
/* An IKE SA that another one vouches for (rekeying): up at once, without a handshake of its own. */
void sa_skip_handshake(struct engine *e, struct ike_sa *sa);

/* What only the handshake needed goes: nonces, messages, the keys that AUTH was made with. */
void sa_settle(struct engine *e, struct ike_sa *sa);

/* The one function that assigns sa->state; also counts half-open SAs and arms the deadline. */
void sa_set_state(struct engine *e, struct ike_sa *sa, enum sa_state state);
/* After a change of retransmit_at, expires_at or rekey_at. */
void sa_arm(struct engine *e, struct ike_sa *sa);
/* Key idle_timeout: when an IKE SA without children is to be looked at. */
void sa_plan_idle(struct engine *e, struct ike_sa *sa);
void sa_timer(struct engine *e, struct ike_sa *sa);

/*
 * The end: children leave the kernel, jobs are forgotten, the object is freed when the step is
 * over. Says nothing to the peer.
 */
void sa_close(struct engine *e, struct ike_sa *sa);
void sa_free_dead(struct engine *e);
void handshake_free(struct handshake *hs);

/*
 * An attempt that failed: remembered, reported, and the pair backs off if we had initiated it. The
 * SA is closed. notify: what ended it (0: none), ours: we sent it.
 */
void sa_fail(struct engine *e, struct ike_sa *sa, uint16_t notify, bool ours, const char *format,
	     ...) __attribute__((format(printf, 5, 6)));
/* As sa_fail, but the SA stays to tell the peer (a request or an answer is on its way). */
void sa_fail_softly(struct engine *e, struct ike_sa *sa, uint16_t notify, bool ours,
		    enum sa_state then, const char *format, ...)
	__attribute__((format(printf, 6, 7)));
void sa_stage(struct ike_sa *sa, enum stage stage);
/* The IKE SA comes up, but the CHILD_SA that the peer wanted does not. */
void sa_note_child_failure(struct ike_sa *sa, uint16_t notify, const char *why);
void sa_established(struct engine *e, struct ike_sa *sa);

bool sa_is_half_open(const struct ike_sa *sa);
bool sa_is_up(const struct ike_sa *sa);
/* A handshake of either role that may still succeed. */
bool sa_is_connecting(const struct ike_sa *sa);

/* Keys of a direction. The view lives as long as the SA. */
struct seal_keys sa_keys_out(struct ike_sa *sa);
struct seal_keys sa_keys_in(struct ike_sa *sa);

/* An inner chain under way: builder over a buffer of its own. */
struct chain {
	struct builder b;
	uint8_t *buffer;
};
bool chain_open(struct chain *c);  /* false: no memory */
void chain_close(struct chain *c); /* wipes and frees */

/* Seals the chain (fragmented where needed) and sends it; c is closed. 0 or negative errno. */
int sa_request(struct engine *e, struct ike_sa *sa, uint8_t exchange, struct chain *c);
int sa_reply(struct engine *e, struct ike_sa *sa, uint8_t exchange, struct chain *c);
/* At level debug: what is in a message, ours or the peer's, once it is known to be authentic. */
void sa_tell_message(struct engine *e, const struct ike_sa *sa, const struct ike_header *h,
		     const struct payloads *ps, bool ours);
/* A reply that consists of one notify. */
int sa_reply_notify(struct engine *e, struct ike_sa *sa, uint8_t exchange, uint16_t notify,
		    struct bytes data);
void sa_send_request(struct engine *e, struct ike_sa *sa); /* once more, as it was sealed */
void sa_repeat_reply(struct engine *e, struct ike_sa *sa);
/* Our request was answered: the window moves on. */
void sa_request_done(struct engine *e, struct ike_sa *sa);
/* When it shall be rekeyed: up to a tenth earlier, by chance, so that a fleet is not in step. */
void sa_plan_rekey(struct engine *e, struct ike_sa *sa);
/*
 * A new IKE SA is negotiated beside this one, and this one deleted once the other carries
 * (RFC 7296 2.8.3, make before break).
 */
bool sa_reauthenticate(struct engine *e, struct ike_sa *sa); /* false: not now */
/* The IKE SA that should have replaced the pair's failed: they live on, and try again. */
void sa_unretire(struct engine *e, struct pair *p);
/* RFC 4478: the peer will end the IKE SA in so many seconds unless we authenticate again. */
void sa_limit_by_peer(struct engine *e, struct ike_sa *sa, const struct payloads *ps);
/* An authentic packet came from another port of the peer's NAT (RFC 7296 2.23): follow it. */
void sa_follow_port(struct engine *e, struct ike_sa *sa, uint16_t port);
/* We send and nothing comes back: the peer must answer before dpd_timeout is over. */
void sa_probe(struct engine *e, struct ike_sa *sa);
/* An authentic message came from the peer. */
void sa_heard(struct engine *e, struct ike_sa *sa);
/* The peer is dead (RFC 7296 2.4): every SA of the pair goes, and the next packet starts afresh. */
void sa_peer_dead(struct engine *e, struct ike_sa *sa, const char *why);
/* Starts whatever waits for the window: deletes, rekeys, probes. */
void sa_work(struct engine *e, struct ike_sa *sa);

#endif
