/* SPDX-License-Identifier: Apache-2.0 */
/* The CHILD_SA: two kernel SAs and their life. */
#ifndef IKEMESH_IKE_CHILD_H
#define IKEMESH_IKE_CHILD_H

#include "ike/core.h"

/* A child with a random inbound SPI, not yet in the kernel. NULL on no memory or randomness. */
struct child *child_new(struct engine *e, struct ike_sa *sa, bool initiator);

/* The same with an SPI that the peer has been told already. NULL if it is taken, too. */
struct child *child_new_with_spi(struct engine *e, struct ike_sa *sa, bool initiator,
				 uint32_t spi_in);

/* The child now belongs to another IKE SA of the same pair (RFC 7296 2.8: inherited). */
void child_move(struct child *c, struct ike_sa *to);

/* Keys of both directions, RFC 7296 2.17. initiator_exchange: we sent the request. */
int child_derive(struct child *c, struct bytes shared, struct bytes ni, struct bytes nr);

/* Initiator: both SAs, and the held packets go. One group. */
void child_install(struct engine *e, struct child *c);
/* Responder: the inbound SA; add the reply to the same group. The outbound one waits. */
void child_install_inbound(struct engine *e, struct child *c, int64_t wait_us);
/* Responder: the peer is known to receive (first ESP, or time is up). */
void child_install_outbound(struct engine *e, struct child *c);
/* The same, but it waits for the sake of others' first packets (hold.h) until then. */
void child_hold_until(struct engine *e, struct child *c, struct mono at);
/* It has waited for them. */
void child_release(struct engine *e, struct child *c);
/* As child_install_outbound in the group under way: with the inbound SA and the answer, or not at
 * all. */
void child_install_outbound_too(struct engine *e, struct child *c);

/*
 * Redundant or replaced, but its successor's outbound SA still waits for a sign that the peer can
 * receive on it: until then this one carries what we send, and is not to be deleted.
 */
bool child_carries_for_successor(const struct child *c);

/* The peer's port changed on its NAT: the kernel's SAs follow, keys and counters stay. */
void child_follow_port(struct engine *e, struct child *c);

/* The kernel's counters: do we send, and does anything come back? (RFC 7296 2.4) */
void child_usage(struct engine *e, struct child *c, uint64_t packets_in, uint64_t packets_out,
		 bool out_gone);
/* Has the kernel still got it? If not, it is negotiated afresh (pair_lost). */
void child_doubt(struct engine *e, struct child *c);

void child_timer(struct engine *e, struct child *c);
/* Its deadline asks for no more than the kernel's counters. */
bool child_only_looks(const struct engine *e, const struct child *c);
void child_retry_rekey(struct engine *e, struct child *c, struct mono at);
void child_expired(struct engine *e, struct child *c, bool hard, bool inbound);
bool child_same_selectors(const struct child *a, const struct child *b);
/* Another for the same traffic has its outbound SA in the kernel. */
bool child_can_send_on_another(const struct child *c);
/* It rekeys another, which is still there. */
bool child_is_successor(const struct child *c);
/* As the initiator of an exchange that a rival's beat: to be deleted, so never sent on. */
void child_install_loser(struct engine *e, struct child *c);
/* A successor is there: no more sending on it. The inbound SA stays till DELETE (child_linger). */
void child_replaced(struct engine *e, struct child *c, struct child *by);
/* The peer has deleted it: the inbound SA stays 5 s more for what is still on its way. */
void child_linger(struct engine *e, struct child *c);
/*
 * The IKE SA goes: its children leave the kernel, but if another IKE SA of the pair carries on,
 * their inbound SAs linger there.
 */
void child_abandon_all(struct engine *e, struct ike_sa *sa);
/* Kernel SAs out, object freed. */
void child_remove(struct engine *e, struct child *c);
void child_set_selectors(struct child *c, const struct ts *local, const struct ts *remote);

struct child *child_by_spi_out(const struct pair *p, uint32_t spi_out);
struct child *child_by_ref(const struct engine *e, const struct sa_ref *ref);
struct sa_ref child_ref(const struct child *c, bool inbound);

#endif
