/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The payloads of RFC 7296 3.3 to 3.16: each has decode beside encode. A decode function takes the
 * payload's body and returns false on any length that is wrong or octet left over; the views last
 * as long as the body. An encode function adds a whole payload to a builder.
 */
#ifndef IKEMESH_IKE_MESSAGE_PAYLOAD_H
#define IKEMESH_IKE_MESSAGE_PAYLOAD_H

#include "ike/ip.h"
#include "ike/message/message.h"
#include "ike/spec.h"

/* 3.3: SA. A proposal as a view; transforms are walked, not stored. */
#define SA_PROPOSALS_MAX 32
#define SA_TRANSFORMS_MAX 128 /* in one proposal */
struct proposal_view {
	uint8_t number;
	uint8_t protocol;
	struct bytes spi;
	uint8_t n_transforms;
	struct bytes transforms; /* already checked: transform_next cannot fail on it */
};
enum sa_too_many {
	SA_NOT_TOO_MANY,
	SA_TOO_MANY_PROPOSALS,
	SA_TOO_MANY_TRANSFORMS,
};
struct sa_view {
	struct proposal_view p[SA_PROPOSALS_MAX];
	size_t n;
	enum sa_too_many too_many; /* why sa_decode() failed, if it was that */
};
struct transform_view {
	struct transform t;
	bool unknown_attribute; /* 3.3.6: a transform with an attribute not understood is skipped */
};
bool sa_decode(struct bytes body, struct sa_view *out);
/* Walks: *pos starts at 0. false at the end. */
bool transform_next(const struct proposal_view *p, size_t *pos, struct transform_view *out);
/* For each spec one proposal, numbered from 1, with the SPI. */
void sa_encode(struct builder *b, uint8_t protocol, struct bytes spi,
	       const struct proposal_spec *specs, size_t n);
/* The answer: one proposal with the number that was offered and the transforms chosen. */
void sa_encode_chosen(struct builder *b, uint8_t number, uint8_t protocol, struct bytes spi,
		      const struct transform *t, size_t n);

/* 3.4: KE */
bool ke_decode(struct bytes body, uint16_t *group, struct bytes *value);
void ke_encode(struct builder *b, uint16_t group, struct bytes value);

/* 3.5: IDi, IDr. whole: the body, which is what AUTH covers (RestOfInitIDPayload). */
struct id_view {
	uint8_t type;
	struct bytes data;
	struct bytes whole;
};
bool id_decode(struct bytes body, struct id_view *out);
void id_encode(struct builder *b, uint8_t payload_type, uint8_t id_type, struct bytes data);

/* 3.6, 3.7: CERT, CERTREQ */
enum {
	CERT_X509_SIGNATURE = 4,
	CERT_HASH_URL = 12,
	CERT_HASH_URL_BUNDLE = 13,
};
bool cert_decode(struct bytes body, uint8_t *encoding, struct bytes *data);
void cert_encode(struct builder *b, uint8_t encoding, struct bytes data);
/*
 * Authorities: n SHA-1 hashes of 20 octets; a length that is no multiple fails. Encodings other
 * than the three of X.509 carry octets of unknown meaning, of any length.
 */
bool certreq_decode(struct bytes body, uint8_t *encoding, struct bytes *hashes);
void certreq_encode(struct builder *b, uint8_t encoding, struct bytes hashes);

/* 3.8: AUTH */
bool auth_decode(struct bytes body, uint8_t *method, struct bytes *data);
void auth_encode(struct builder *b, uint8_t method, struct bytes data);
/* RFC 7427 3: method 14 carries length, AlgorithmIdentifier, signature. */
bool auth_signature_decode(struct bytes data, struct bytes *algid, struct bytes *signature);
void auth_signature_encode(struct builder *b, struct bytes algid, struct bytes signature);

/* 3.9: 16 to 256 octets */
#define NONCE_MIN 16
#define NONCE_MAX 256
bool nonce_decode(struct bytes body, struct bytes *out);
void nonce_encode(struct builder *b, struct bytes nonce);

/* 3.10: Notify */
struct notify_view {
	uint8_t protocol;
	struct bytes spi;
	uint16_t type;
	struct bytes data;
};
bool notify_decode(struct bytes body, struct notify_view *out);
void notify_encode(struct builder *b, uint8_t protocol, struct bytes spi, uint16_t type,
		   struct bytes data);
/* The first notify of a type in a chain; false: none (or malformed). */
bool notify_find(const struct payloads *ps, uint16_t type, struct notify_view *out);

/* 3.11: Delete. spis: count × size octets */
struct delete_view {
	uint8_t protocol;
	uint8_t spi_size;
	uint16_t count;
	struct bytes spis;
};
bool delete_decode(struct bytes body, struct delete_view *out);
/* IKE: n = 0. ESP: SPIs in host order. */
void delete_encode(struct builder *b, uint8_t protocol, const uint32_t *spis, size_t n);

/* 3.12 */
void vendor_encode(struct builder *b, struct bytes id);

/* 3.13: traffic selectors */
#define TS_MAX 32
struct ts {
	uint8_t family;	  /* 4 or 6 */
	uint8_t protocol; /* 0: any */
	uint16_t start_port, end_port;
	struct ip start, end;
};
struct ts_list {
	struct ts t[TS_MAX];
	size_t n;
	bool too_many; /* why ts_decode() failed */
};
/* Selectors of unknown type are skipped (2.9); malformed ones fail. */
bool ts_decode(struct bytes body, struct ts_list *out);
void ts_encode(struct builder *b, uint8_t payload_type, const struct ts *t, size_t n);

/* 3.15, 3.16: only so far as to refuse them in order */
bool cp_decode(struct bytes body, uint8_t *cfg_type);
bool eap_decode(struct bytes body, uint8_t *code);

/* "IDI CERT AUTH N(USE_TRANSPORT_MODE) SA TSI TSR": names alone; what does not fit is cut. */
const char *payloads_text(const struct payloads *ps, char *out, size_t size);

#endif
