/* SPDX-License-Identifier: Apache-2.0 */
/* What the AUTH payload covers, RFC 7296 2.15. */
#ifndef IKEMESH_IKE_AUTH_H
#define IKEMESH_IKE_AUTH_H

#include "ike/core.h"

/*
 * The octets signed by one side: its IKE_SA_INIT message | the other's nonce | prf(SK_p, ID body)
 * [| IntAuth (RFC 9242 3.3.2)].
 * of_initiator: whose signature; sk_p: its SK_pi or SK_pr. id_body: type, three zero octets, data.
 * out is the caller's.
 */
int auth_octets(const struct ike_sa *sa, bool of_initiator, struct bytes sk_p, struct bytes id_body,
		struct blob *out);

/*
 * A JOB_SIGN with our identity; sa->hs->our_scheme is chosen. sk_p: our SK_pi or SK_pr. NULL: no
 * memory.
 */
struct job *auth_sign_job(const struct engine *e, struct ike_sa *sa, struct bytes sk_p);
/* The Authentication Data of an AUTH payload of ours with this signature. 0 or -ENOMEM. */
int auth_data(const struct ike_sa *sa, struct bytes signature, struct blob *out);
/* May a peer with these abilities be signed for? Sets hs->our_scheme. */
bool auth_choose_scheme(const struct engine *e, struct ike_sa *sa);

/*
 * A JOB_VERIFY from the peer's IKE_AUTH payloads. 0, or the notify that refuses them, with *why a
 * static text. Peer's identity is noted in the SA.
 */
uint16_t auth_verify_job(struct engine *e, struct ike_sa *sa, const struct payloads *ps,
			 struct job **out, const char **why);

/* IDi or IDr, CERTs and AUTH of ours. */
void auth_encode_ours(const struct engine *e, const struct ike_sa *sa, struct builder *b);

/* CERTREQ with the hashes of all our CAs, RFC 7296 3.7. */
void auth_encode_certreq(const struct engine *e, struct builder *b);

#endif
