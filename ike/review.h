/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Peers that are believed, looked at once more: the lists of revoked certificates are others now.
 * Who is revoked by them loses all SAs at once. Nobody else does, whatever else has changed: dates,
 * CAs and peer_identities are asked about at the next authentication.
 */
#ifndef IKEMESH_IKE_REVIEW_H
#define IKEMESH_IKE_REVIEW_H

#include "ike/core.h"

/* All peers, a bounded number of them at a time; those whose authentication is under way follow. */
void review_begin(struct engine *e);
/* An IKE SA that may have been judged by lists of before is up. */
void review_established(struct engine *e, struct ike_sa *sa);
/* A JOB_REVIEW is home, and its IKE SA perhaps gone. */
void review_job_home(struct engine *e);

#endif
