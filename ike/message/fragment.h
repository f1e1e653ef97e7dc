/* SPDX-License-Identifier: Apache-2.0 */
/* Reassembly of RFC 7383 fragments: one queue an IKE SA and direction, bounded. */
#ifndef IKEMESH_IKE_MESSAGE_FRAGMENT_H
#define IKEMESH_IKE_MESSAGE_FRAGMENT_H

#include "crypto/bytes.h"
#include "ike/message/message.h"

#define FRAGMENTS_MAX 64
#define FRAGMENTS_BYTES_MAX 65536 /* RFC 7383 5 */

struct fragments; /* opaque, heap; NULL means none queued */

enum fragment_result {
	FRAGMENT_QUEUED,
	FRAGMENT_COMPLETE,
	FRAGMENT_DUPLICATE,
	FRAGMENT_DROPPED,  /* number or total that cannot be, no memory */
	FRAGMENT_TOO_MANY, /* more than FRAGMENTS_MAX, or than FRAGMENTS_BYTES_MAX octets */
};

/*
 * Adds one opened fragment of message `message_id`. A fragment with a larger total replaces the
 * queue, one with a smaller total is dropped (2.6); a new message id replaces the queue. On
 * COMPLETE, *chain holds the inner chain (owned by the caller) and *first its first payload's type,
 * and the queue is gone (*q NULL).
 */
enum fragment_result fragments_add(struct fragments **q, uint32_t message_id, uint16_t number,
				   uint16_t total, uint8_t inner_first, struct bytes part,
				   struct blob *chain, uint8_t *first);
bool fragments_has(const struct fragments *q, uint32_t message_id, uint16_t number, uint16_t total);
size_t fragments_octets(const struct fragments *q); /* of what is queued */
void fragments_free(struct fragments **q);	    /* wipes (it held plaintext) */

/*
 * Splits: how many octets of chain each fragment may carry so that no datagram exceeds `limit`
 * octets of IKE message; total number needed in *total. 0 if it cannot be done (limit too small,
 * more than 65535).
 */
struct seal_keys;
size_t fragment_part_size(const struct seal_keys *k, size_t limit, size_t chain_len,
			  uint16_t *total);

#endif
