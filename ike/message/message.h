/* SPDX-License-Identifier: Apache-2.0 */
/*
 * An IKE message as header and chain of payload views (RFC 7296 3.1, 3.2). Decoding only makes
 * views into the datagram, which must outlive them; whether a payload may be there is for rules.h.
 */
#ifndef IKEMESH_IKE_MESSAGE_MESSAGE_H
#define IKEMESH_IKE_MESSAGE_MESSAGE_H

#include "ike/message/cursor.h"
#include "ike/message/iana.h"

#define IKE_HEADER_LEN 28
#define IKE_MESSAGE_MAX 16384 /* octets of a datagram; larger ones are dropped unread */
#define IKE_PAYLOADS_MAX 64   /* in one message, inner ones counted apart */
#define NON_ESP_MARKER_LEN 4  /* RFC 3948 2.2: added and cut off by the socket layer, not here */

/* RFC 7296 3.1 */
struct ike_header {
	uint64_t spi_i;
	uint64_t spi_r;
	uint8_t next_payload;
	uint8_t version; /* major << 4 | minor */
	uint8_t exchange;
	bool initiator; /* sent by the original initiator of the IKE SA */
	bool response;
	uint32_t message_id;
	uint32_t length;
};

struct payload {
	uint8_t type;
	bool critical;
	struct bytes body; /* without the generic header */
};

struct payloads {
	struct payload p[IKE_PAYLOADS_MAX];
	size_t n;
};

/* Why a message was not decoded. */
enum decode_error {
	DECODE_OK = 0,
	DECODE_SHORT,         /* datagram shorter than a header, or than the length it names */
	DECODE_LENGTH,        /* header length is less than the datagram's */
	DECODE_MAJOR_VERSION, /* RFC 7296 2.5 */
	DECODE_CHAIN,         /* a payload length below 4, past the end, or octets left over */
	DECODE_TOO_MANY,      /* more than IKE_PAYLOADS_MAX */
	DECODE_TOO_LARGE,
};
const char *decode_error_name(enum decode_error e);

/* Header alone; fills *h as far as the octets go (h->version is valid with MAJOR_VERSION). */
enum decode_error ike_header_decode(struct bytes datagram, struct ike_header *h);

/*
 * The chain that starts with type `first` in `body`. An SK or SKF payload ends the chain (its "next
 * payload" field names the first inner payload: *inner_first, else 0).
 */
enum decode_error payloads_decode(uint8_t first, struct bytes body, struct payloads *out,
				  uint8_t *inner_first);

const struct payload *payloads_find(const struct payloads *ps, uint8_t type); /* first, or NULL */
size_t payloads_count(const struct payloads *ps, uint8_t type);

/*
 * Building: message_begin (h's next_payload, version and length are not looked at), then payload_begin … payload_end for each payload, then message_end.
 * The builder patches next-payload fields and lengths. `chain` builders make an inner chain without
 * header, for sealing.
 */
struct builder {
	struct writer w;
	size_t next_at;   /* where the next payload's type goes; SIZE_MAX: first of a chain */
	size_t length_at; /* of the payload under way */
	uint8_t first;    /* type of the first payload */
	bool has_header;
};

void message_begin(struct builder *b, uint8_t *p, size_t room, const struct ike_header *h);
void chain_begin(struct builder *b, uint8_t *p, size_t room);
void payload_begin(struct builder *b, uint8_t type);
void payload_end(struct builder *b);
/* Patches the header length. The finished octets, empty on overrun. */
struct bytes message_end(struct builder *b);
struct bytes chain_end(struct builder *b);

#endif
