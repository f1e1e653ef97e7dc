/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Post-quantum preshared keys, RFC 8784. The PPK itself is never here: the keyholder mixes it into
 * SK_d, SK_pi and SK_pr as a job, before anything is signed. Until both sides are known to have the
 * same PPK, the IKE SA holds the keys without it (SK_d' …), and the handshake those with it.
 */
#ifndef IKEMESH_IKE_PPK_H
#define IKEMESH_IKE_PPK_H

#include "ike/core.h"

/* We have a PPK, and so offer it (or take up the offer). */
bool ppk_is_configured(const struct engine *e);

/* The keys that the IKE SA will have are there: JOB_PPK over them. NULL: no memory. */
struct job *ppk_job(const struct engine *e, struct ike_sa *sa, const struct ike_keys *keys);
/* It came home: its keys wait in the handshake. */
void ppk_keep(struct ike_sa *sa, struct job *job);

/*
 * Responder: what IKE_AUTH says of it. 0: the IKE SA's keys have the PPK in them, or the peer is to
 * be judged by its NO_PPK_AUTH (hs->without_ppk), or neither side speaks of it. Else the notify
 * that refuses the peer, with *why a static text.
 */
uint16_t ppk_judge(struct engine *e, struct ike_sa *sa, const struct payloads *ps,
		   const char **why);
/* Initiator: the same of the answer. */
uint16_t ppk_accept(struct engine *e, struct ike_sa *sa, const struct payloads *ps,
		    const char **why);

/* What we say of it in IKE_AUTH, either role. */
void ppk_encode(const struct ike_sa *sa, struct builder *b);

/* Under a new configuration: IKE SAs without the PPK that is required now are made anew. */
void ppk_enforce(struct engine *e, struct pair *p);

/* RFC 8784 6: a PPK that is there and not used should be audited. To be called once it is up. */
void ppk_audit(struct engine *e, const struct ike_sa *sa);

#endif
