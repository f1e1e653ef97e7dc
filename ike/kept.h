/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What an IKE SA keeps for as long as it is up, in one block of engine.kept_store (see store.h):
 * its keys, the peer's token and identity. They are secrets and blobs as before, and whoever frees
 * or replaces one says so here first.
 */
#ifndef IKEMESH_IKE_KEPT_H
#define IKEMESH_IKE_KEPT_H

#include "ike/core.h"

#define KEPT_LEN \
	176 /* octets: AES-GCM, SHA-256, a token, and a name of 72; more stays on the heap */

/* Of one whose handshake is over. For want of memory all stays as it is. */
void kept_pack(struct engine *e, struct ike_sa *sa);
/* It is empty of what was packed, and that is wiped. */
void kept_drop(struct engine *e, struct ike_sa *sa);
/* Has no token any more. */
void kept_forget_token(struct ike_sa *sa);

#endif
