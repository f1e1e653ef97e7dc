/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What is remembered of an attempt while it is under way, so that it can be told later why it
 * failed (status.h). An IKE SA without an attempt (up, or made by a rekeying) has nothing noted.
 */
#ifndef IKEMESH_IKE_ATTEMPT_H
#define IKEMESH_IKE_ATTEMPT_H

#include "ike/core.h"

/*
 * One that is over, in no more octets than it needs: each pair keeps some, and most have no text.
 * NULL on no memory; freed by attempt_free().
 */
struct past_attempt;
#define ATTEMPT_SHORT 64 /* octets, of one without much text: in engine.attempt_store */
struct past_attempt *attempt_pack(struct engine *e, const struct status_attempt *a);
void attempt_free(struct engine *e, struct past_attempt *p); /* NULL is fine */
void attempt_unpack(const struct past_attempt *p, struct status_attempt *out);
/* Something became known of it since. On no memory it stays what it was. */
void attempt_amend(struct engine *e, struct past_attempt **p, const struct status_attempt *a);

/* NULL on no memory. */
struct status_attempt *attempt_new(const struct engine *e, bool initiator);

/* Our last request has been repeated without an answer; or it has one. */
void attempt_silent(struct ike_sa *sa, bool silent);
/* The network says that the peer cannot be reached: a negative errno. Anybody can forge it. */
void attempt_unreachable(struct ike_sa *sa, int error);
/* What came of the peer's certificate and signature. */
void attempt_judged(struct ike_sa *sa, enum verdict verdict);
/* The peer's proposals, which are refused. */
void attempt_offered(struct ike_sa *sa, const struct sa_view *offer);

#endif
