/* SPDX-License-Identifier: Apache-2.0 */
#include "ike/message/fragment.h"

#include "crypto/secret.h"
#include "ike/message/sealed.h"
#include <stdlib.h>
#include <string.h>

struct fragments {
	uint32_t message_id;
	uint16_t total;
	uint16_t have; /* how many of them */
	uint8_t first; /* type of the first inner payload: known with number 1 */
	size_t octets;
	bool present[FRAGMENTS_MAX];
	struct secret part[FRAGMENTS_MAX];
};

static struct fragments *fragments_new(uint32_t message_id, uint16_t total)
{
	struct fragments *f = calloc(1, sizeof(*f));

	if (f != NULL) {
		f->message_id = message_id;
		f->total = total;
	}
	return f;
}

void fragments_free(struct fragments **q)
{
	if (*q == NULL)
		return;
	for (size_t i = 0; i < (*q)->total; i++)
		secret_free(&(*q)->part[i]);
	free(*q);
	*q = NULL;
}

size_t fragments_octets(const struct fragments *q)
{
	return q != NULL ? q->octets : 0;
}

bool fragments_has(const struct fragments *q, uint32_t message_id, uint16_t number, uint16_t total)
{
	return q != NULL && q->message_id == message_id && q->total == total && number > 0 &&
	       number <= total && q->present[number - 1];
}

/* RFC 7383 2.6: neither is zero, and number is not above total. */
static bool numbers_are_sane(uint16_t number, uint16_t total)
{
	return number > 0 && number <= total;
}

/* RFC 7383 5: what is not complete yet must not use up memory. */
static bool is_within_limits(const struct fragments *f, uint32_t message_id, uint16_t total,
			     size_t n)
{
	const bool goes_on = f != NULL && f->message_id == message_id && f->total == total;
	const size_t octets = goes_on ? f->octets : 0;

	return total <= FRAGMENTS_MAX && octets <= FRAGMENTS_BYTES_MAX &&
	       n <= FRAGMENTS_BYTES_MAX - octets;
}

/*
 * The queue that a fragment belongs to: the one that is there, or a new one. NULL if the fragment
 * is of a smaller total than what is queued (RFC 7383 2.6), or on no memory.
 */
static struct fragments *queue_for(struct fragments **q, uint32_t message_id, uint16_t total)
{
	struct fragments *fresh;

	if (*q != NULL && (*q)->message_id == message_id) {
		if (total == (*q)->total)
			return *q;
		if (total < (*q)->total)
			return NULL;
	}
	fresh = fragments_new(message_id, total);
	if (fresh != NULL) {
		fragments_free(q);
		*q = fresh;
	}
	return fresh;
}

static bool store(struct fragments *f, uint16_t number, uint8_t inner_first, struct bytes part)
{
	if (secret_copy(&f->part[number - 1], part) != 0)
		return false;
	f->present[number - 1] = true;
	f->octets += part.n;
	f->have++;
	if (number == 1)
		f->first = inner_first;
	return true;
}

static bool join(const struct fragments *f, struct blob *chain)
{
	size_t at = 0;

	*chain = (struct blob){ 0 };
	if (f->octets == 0)
		return true;
	chain->p = malloc(f->octets);
	if (chain->p == NULL)
		return false;
	for (size_t i = 0; i < f->total; i++) {
		if (f->part[i].n > 0)
			memcpy(chain->p + at, f->part[i].p, f->part[i].n);
		at += f->part[i].n;
	}
	chain->n = at;
	return true;
}

enum fragment_result fragments_add(struct fragments **q, uint32_t message_id, uint16_t number,
				   uint16_t total, uint8_t inner_first, struct bytes part,
				   struct blob *chain, uint8_t *first)
{
	struct fragments *f;
	bool joined;

	*chain = (struct blob){ 0 };
	*first = PAYLOAD_NONE;
	if (!numbers_are_sane(number, total))
		return FRAGMENT_DROPPED;
	if (fragments_has(*q, message_id, number, total))
		return FRAGMENT_DUPLICATE;
	if (!is_within_limits(*q, message_id, total, part.n))
		return FRAGMENT_TOO_MANY;
	f = queue_for(q, message_id, total);
	if (f == NULL || !store(f, number, inner_first, part))
		return FRAGMENT_DROPPED;
	if (f->have < f->total)
		return FRAGMENT_QUEUED;
	*first = f->first;
	joined = join(f, chain);
	fragments_free(q);
	return joined ? FRAGMENT_COMPLETE : FRAGMENT_DROPPED;
}

size_t fragment_part_size(const struct seal_keys *k, size_t limit, size_t chain_len,
			  uint16_t *total)
{
	/* With nothing in it there is one block, for the pad length alone. */
	const size_t least = sealed_fragment_size(k, 0), block = k->encr->block;
	const size_t usable = limit < IKE_MESSAGE_MAX ? limit : IKE_MESSAGE_MAX;
	size_t part, needed;

	*total = 0;
	if (usable < least)
		return 0;
	part = (usable - least) / block * block + block - 1;
	if (part == 0)
		return 0;
	needed = chain_len == 0 ? 1 : (chain_len + part - 1) / part;
	if (needed > UINT16_MAX)
		return 0;
	*total = (uint16_t)needed;
	return part;
}
