/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A scripted IKE peer that plays either role against the core. It drafts the right message; the
 * test changes what it likes; then the peer encodes and seals it. Nothing happens by itself, and
 * nothing that the core under test derives is used: keys are derived here once more, from RFC 7296.
 *
 * It knows one IKE SA and one CHILD_SA at a time.
 */
#ifndef IKEMESH_TEST_SIM_PEER_H
#define IKEMESH_TEST_SIM_PEER_H

#include "crypto/suite.h"
#include "ike/message/sealed.h"
#include "sim/draft.h"
#include "sim/jobs.h"

#define PEER_KEY_MAX 80

struct peer_key {
	uint8_t b[PEER_KEY_MAX];
	size_t n;
};

struct peer {
	/* Set by whoever makes it; borrowed. */
	const struct job_doer *doer;
	const struct spec *spec; /* its proposals, credential and CAs */
	struct rng *rng;
	struct endpoint self, other;
	bool is_ikemesh; /* sends the core's vendor ID; set vendor then */
	struct bytes vendor;

	bool initiator; /* of the IKE SA */
	uint64_t spi_i, spi_r;
	uint32_t send_id, recv_id; /* next request each way */
	const struct prf_alg *prf;
	const struct encr_alg *encr;
	const struct integ_alg *integ;
	const struct ke_alg *ke;
	uint8_t proposal_number; /* the one chosen */
	/* Additional key exchanges (RFC 9370), and IntAuth so far (RFC 9242 3.3.2). */
	const struct ke_alg *add_ke[ADDKE_MAX];
	size_t n_add_ke, add_ke_done;
	struct peer_key int_i, int_r;
	struct secret next_shared; /* until its answer has left: peer_turn() */
	bool no_intermediate;	   /* does not say INTERMEDIATE_EXCHANGE_SUPPORTED */

	struct blob ni, nr;
	struct blob init_i, init_r; /* whole messages, RFC 7296 2.15 */
	struct blob cookie;
	struct ke_key *ke_key;
	struct blob ke_public, ke_other;
	struct secret shared;
	uint32_t other_hashes; /* SIGNATURE_HASH_ALGORITHMS, bit per id */
	bool other_fragments;

	struct peer_key sk_d, sk_ai, sk_ar, sk_ei, sk_er, sk_pi, sk_pr;
	uint64_t iv_counter;
	struct blob other_id; /* body of IDi or IDr as received */
	struct fragments *fragments;

	/* The CHILD_SA. */
	uint32_t esp_in, esp_out; /* SPIs: what it receives and sends on */
	const struct encr_alg *esp_encr;
	struct peer_key esp_key_in, esp_key_out;
	uint64_t esp_seq;
};

/* The borrowed fields are set before. */
void peer_init(struct peer *p);
void peer_wipe(struct peer *p); /* everything but the borrowed fields; may be used again then */

/* --- drafts. Each is to be freed by draft_free(). */

/* IKE_SA_INIT { [N(COOKIE)] SA KE Ni N(NATD) N(NATD) N(FRAGMENTATION) N(SIGNATURE_HASH) [V] } */
void peer_ask_init(struct peer *p, struct draft *out);
/* The answer; request is the core's. Chooses our first IKE proposal, the request's number. */
void peer_answer_init(struct peer *p, const struct draft *request, struct draft *out);
/* As initiator: takes the core's answer and derives all keys. */
void peer_take_init(struct peer *p, const struct draft *answer);

/*
 * IKE_INTERMEDIATE { KE }, the additional key exchange that is next. What it adds to IntAuth is the
 * draft as these make it, and what was received as it came. After its own answer has left the peer
 * has to be told to turn to the new keys.
 */
void peer_ask_intermediate(struct peer *p, struct draft *out);
void peer_take_intermediate(struct peer *p, const struct draft *answer);
void peer_answer_intermediate(struct peer *p, const struct draft *request, struct draft *out);
void peer_turn(struct peer *p);

/* IKE_AUTH { IDi CERT CERTREQ AUTH N(USE_TRANSPORT_MODE) SA TSi TSr } */
void peer_ask_auth(struct peer *p, struct draft *out);
void peer_answer_auth(struct peer *p, const struct draft *request, struct draft *out);
/* AUTH anew, over the draft's IDi or IDr: after a change of that payload, or of a key. */
void peer_sign(struct peer *p, struct draft *d);
/* What AUTH signs (RFC 7296 2.15), over the draft's IDi or IDr. Owned by the caller. */
struct blob peer_signed_octets(struct peer *p, struct draft *d);
/* Replaces AUTH by one with this method and data. */
void peer_set_auth(struct draft *d, uint8_t method, struct bytes data);
/* As initiator: takes SPI and suite of the CHILD_SA from the core's answer. */
void peer_take_auth(struct peer *p, const struct draft *answer);
/* VERDICT_GOOD if the AUTH in the core's message proves its identity. */
enum verdict peer_check_auth(struct peer *p, const struct draft *d);

/* An empty INFORMATIONAL request; DELETE of IKE SA or CHILD_SA; any protected request. */
void peer_ask(struct peer *p, uint8_t exchange, struct draft *out);
void peer_ask_delete_ike(struct peer *p, struct draft *out);
void peer_ask_delete_child(struct peer *p, struct draft *out);
/* An answer to a protected request of the core, without payloads. */
void peer_answer(struct peer *p, const struct draft *request, struct draft *out);

/* Bodies to put into payloads. Owned by the caller. */
struct blob body_ts(const struct ip *ip);
struct blob body_sa(uint8_t protocol, struct bytes spi, const struct proposal_spec *specs,
		    size_t n);
/* Body of the payload that the last encoder added to a draft; moves out. */
struct blob draft_take_last(struct draft *d);

/* --- to and from datagrams (owned by the caller) */

/* In the clear: IKE_SA_INIT. Remembered for AUTH as ours. */
struct blob peer_encode(struct peer *p, const struct draft *d);
/* Under our keys. */
struct blob peer_seal(struct peer *p, const struct draft *d);
/* As RFC 7383 fragments of a datagram of at most limit octets. Returns how many. */
size_t peer_seal_fragments(struct peer *p, const struct draft *d, size_t limit, struct blob *out,
			   size_t room);
struct blob peer_seal_fragment(struct peer *p, const struct ike_header *h, uint8_t first,
			       uint16_t number, uint16_t total, struct bytes part);
struct seal_keys peer_keys_out(struct peer *p);
struct seal_keys peer_keys_in(struct peer *p);

/* 0; -EAGAIN: a fragment, more to come; -EBADMSG: integrity; -EINVAL: not decodable. */
int peer_open(struct peer *p, struct bytes datagram, struct draft *out);

#endif
