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
/* From what was saved: the chain, leaf first, and the CAs; copied. */
void peer_certs_restore(struct engine *e, struct ike_sa *sa, const struct blob *certs, size_t n,
			struct bytes cas);
/* The successor of a rekeying has what the old IKE SA had. */
void peer_certs_share(struct ike_sa *to, const struct ike_sa *from);
void peer_certs_drop(struct engine *e, struct ike_sa *sa);

#endif
