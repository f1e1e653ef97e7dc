/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Simultaneous anything (RFC 7296 2.8.1, 2.8.2, 2.25): pure functions of what both sides did.
 */
#ifndef IKEMESH_IKE_COLLIDE_H
#define IKEMESH_IKE_COLLIDE_H

#include "crypto/bytes.h"

/* Nonces of one exchange. */
struct nonces {
	struct bytes i, r;
};

/*
 * Both sides rekeyed the same SA: the one made with the lowest of the four nonces is redundant, and
 * closed by whoever made it (2.8.1). true: ours is the redundant one.
 */
bool collide_ours_loses(struct nonces ours, struct nonces theirs);

/* What we are doing with the SA that a peer's request concerns. */
enum doing {
	DOING_NOTHING,
	DOING_REKEY_THIS,  /* our rekey of this very SA is under way */
	DOING_DELETE_THIS, /* our DELETE of it is, or of a CHILD_SA where the IKE SA is meant */
	DOING_OTHER,	   /* another CREATE_CHILD_SA of ours on this IKE SA is */
	DOING_REKEY_IKE,   /* our rekey of the IKE SA itself is */
	DOING_DELETE_IKE,  /* our DELETE of the IKE SA is */
};

/* What the peer asks for. */
enum asked {
	ASKED_NEW_CHILD,
	ASKED_REKEY_CHILD,
	ASKED_REKEY_IKE,
};

/* 0: go ahead; NOTIFY_TEMPORARY_FAILURE as 2.25.1 and 2.25.2 have it. */
uint16_t collide_request(enum asked asked, enum doing doing);

#endif
