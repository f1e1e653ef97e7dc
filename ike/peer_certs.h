/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a peer showed of itself when its IKE SA came up: its certificates, and the CAs that it named
 * in CERTREQ (RFC 7296 3.6, 3.7). Kept with the IKE SA, so that it can be told beforehand whom
 * another certificate or other CAs would cut off. A fleet may share one certificate: what is equal
 * is stored once.
 */
#ifndef IKEMESH_IKE_PEER_CERTS_H
#define IKEMESH_IKE_PEER_CERTS_H

#include "ike/core.h"

#define CERTREQ_HASH_LEN 20	      /* SHA-1 of a CA's SubjectPublicKeyInfo */
#define CERTREQ_KEPT 64		      /* hashes of one peer */
#define PEER_CERTS_OCTETS (64u << 20) /* of all peers' chains together */

struct peer_certs {
	UT_hash_handle hh; /* engine: by octets */
	unsigned users;
	uint32_t number;    /* not 0: what is saved names it by that */
	unsigned kept_in;   /* engine.keeping, when it was saved last */
	struct blob octets; /* chain and hashes: what tells two of them apart */
	struct cert_info leaf;
	struct bytes certs[CERT_CHAIN_MAX]; /* leaf first; views of octets */
	size_t n_certs;	  /* 0: beyond PEER_CERTS_OCTETS, where the leaf alone is described */
	struct bytes cas; /* hashes; a view */
};

/* The CAs that the peer names in this message, in place of those it named before. */
void certreq_keep(struct handshake *hs, const struct payloads *ps);

/*
 * From a JOB_VERIFY that found the peer good, and the CAs that it named; in place of what the IKE
 * SA had. For want of memory it has none then.
 */
void peer_certs_take(struct engine *e, struct ike_sa *sa, const struct job *verified);
/*
 * From what was saved: the chain, leaf first, and the CAs; copied. number: that it had, or 0. It is
 * in use until it is released. NULL for want of memory.
 */
struct peer_certs *peer_certs_restore(struct engine *e, uint32_t number, const struct blob *certs,
				      size_t n, struct bytes cas);
void peer_certs_release(struct engine *e, struct peer_certs *pc); /* NULL is fine */
/* In place of what the IKE SA had. */
void peer_certs_give(struct engine *e, struct ike_sa *sa, struct peer_certs *pc);
/* The successor of a rekeying has what the old IKE SA had. */
void peer_certs_share(struct ike_sa *to, const struct ike_sa *from);
void peer_certs_drop(struct engine *e, struct ike_sa *sa);

#endif
