/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A pair of addresses: one object that decides when to negotiate, keeps to one exchange at a time,
 * backs off, and remembers why (design: every failure has a memory).
 */
#ifndef IKEMESH_IKE_PAIR_H
#define IKEMESH_IKE_PAIR_H

#include "ike/core.h"

struct pair *pair_find(const struct engine *e, const struct ip *local, const struct ip *remote);
/* Finds or makes; NULL on no memory. */
struct pair *pair_get(struct engine *e, const struct ip *local, const struct ip *remote);
void pair_free(struct engine *e, struct pair *p);
/* Traffic was seen or wanted: the pair is the last to leave. */
void pair_used(struct engine *e, struct pair *p);
/* On no list but engine.suspects, where there is none of these addresses; see stray.h. */
struct pair *pair_new_suspect(struct engine *e, const struct ip *local, const struct ip *remote);
/* The suspect's only IKE SA moves to the pair of these addresses, found or made. false: no memory.
 */
bool pair_enlist(struct engine *e, struct ike_sa *sa);
/* Frees a pair that has no SA and nothing worth remembering. */
void pair_release(struct engine *e, struct pair *p);

/* The kernel has traffic for the pair. */
void pair_acquire(struct engine *e, struct pair *p);
/* The kernel does not have the child's SAs any more: flushed by somebody. */
void pair_lost(struct engine *e, struct pair *p, struct child *c);
/* Did traffic ask for an SA lately? */
bool pair_is_wanted(const struct engine *e, const struct pair *p);
/* Starts a negotiation now, whatever the back-off says. */
void pair_initiate(struct engine *e, struct pair *p);
/* After a change of retry_at, forget_at or decoy_until. */
void pair_arm(struct engine *e, struct pair *p);
void pair_timer(struct engine *e, struct pair *p);
/* An attempt of ours failed: 1, 2, 4 … 60 s. */
void pair_back_off(struct engine *e, struct pair *p);
/* A CHILD_SA is on its way into the kernel: no attempt waits. Failures of late still count. */
void pair_no_retry(struct engine *e, struct pair *p);
/* The peer proved to be alive and well: no more back-off. */
void pair_clear_back_off(struct engine *e, struct pair *p);
/* Something happened outside of any attempt: remembered like a failed one. */
void pair_note(struct engine *e, struct pair *p, enum stage stage, const char *why);
/* A pair that nobody asked for: made by a stranger's first message. NULL: too many, or no memory.
 */
struct pair *pair_get_unsolicited(struct engine *e, const struct ip *local,
				  const struct ip *remote);
/* Takes over the finished attempt. */
void pair_remember(struct engine *e, struct pair *p, struct status_attempt *a);

/*
 * A child for all traffic (not one narrowed to a port) whose outbound SA is in the kernel or about
 * to be; NULL if none.
 */
struct child *pair_live_child(const struct pair *p);
/* An IKE SA more came up: a peer may not pile them up. */
#define PAIR_SAS_MAX 8
void pair_bound_sas(struct engine *e, struct pair *p);

/* Those of a rekey overlap, of crossed starts, of narrowed selectors: no pair needs more. */
#define PAIR_CHILDREN_MAX 16
#define PAIR_CHILDREN_ASKED 8 /* by us: a peer that narrows each to one port would have no end */
size_t pair_children(const struct pair *p);
/* Is an exchange under way that will bring a child? */
bool pair_is_connecting(const struct engine *e, const struct pair *p);
/* The IKE SA that carries on when `of` goes; NULL: none. */
struct ike_sa *pair_heir(const struct pair *p, const struct ike_sa *of);
/* An IKE SA other than `but`, up or on its way. */
bool pair_has_other_sa(const struct engine *e, const struct pair *p, const struct ike_sa *but);
/* Our new IKE SA is up: those that it was made to replace are deleted. */
void pair_retire(struct engine *e, struct pair *p, const struct ike_sa *but);
/* INITIAL_CONTACT from the peer: all of its older SAs go, within this pair (RFC 7296 2.4). */
void pair_initial_contact(struct engine *e, struct pair *p, const struct ike_sa *but);

#endif
