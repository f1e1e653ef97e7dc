/* SPDX-License-Identifier: Apache-2.0 */
#include "ike/kept.h"

#include <string.h>

#define SECRETS 5
#define BLOBS 2

/* In the order in which they have room. */
static void secrets_of(struct ike_sa *sa, struct secret *out[static SECRETS])
{
	struct ike_keys *k = &sa->keys;
	struct secret *all[SECRETS] = { &k->d, &k->ei, &k->er, &k->ai, &k->ar };

	memcpy(out, all, sizeof(all));
}

static void blobs_of(struct ike_sa *sa, struct blob *out[static BLOBS])
{
	struct blob *all[BLOBS] = { &sa->peer_token, &sa->peer_id };

	memcpy(out, all, sizeof(all));
}

/* NULL: it stays where it is. */
static uint8_t *place(struct ike_sa *sa, size_t *at, const uint8_t *from, size_t n)
{
	uint8_t *to = sa->kept + *at;

	if (n == 0 || n > KEPT_LEN - *at)
		return NULL;
	memcpy(to, from, n);
	*at += n;
	return to;
}

static bool is_packed(const struct ike_sa *sa, const uint8_t *p)
{
	/* As numbers: C compares no pointers of two objects. */
	return sa->kept != NULL && (uintptr_t)p - (uintptr_t)sa->kept < KEPT_LEN;
}

void kept_pack(struct engine *e, struct ike_sa *sa)
{
	struct secret *secrets[SECRETS];
	struct blob *blobs[BLOBS];
	size_t at = 0;

	if (sa->kept != NULL)
		return;
	sa->kept = store_take(&e->kept_store);
	if (sa->kept == NULL)
		return;
	secrets_of(sa, secrets);
	blobs_of(sa, blobs);
	for (size_t i = 0; i < SECRETS; i++) {
		const size_t n = secrets[i]->n;
		uint8_t *p = place(sa, &at, secrets[i]->p, n);

		if (p == NULL)
			continue;
		secret_free(secrets[i]);
		*secrets[i] = (struct secret){ .p = p, .n = n };
	}
	for (size_t i = 0; i < BLOBS; i++) {
		const size_t n = blobs[i]->n;
		uint8_t *p = place(sa, &at, blobs[i]->p, n);

		if (p == NULL)
			continue;
		blob_free(blobs[i]);
		*blobs[i] = (struct blob){ .p = p, .n = n };
	}
}

void kept_drop(struct engine *e, struct ike_sa *sa)
{
	struct secret *secrets[SECRETS];
	struct blob *blobs[BLOBS];

	secrets_of(sa, secrets);
	blobs_of(sa, blobs);
	for (size_t i = 0; i < SECRETS; i++)
		if (is_packed(sa, secrets[i]->p))
			*secrets[i] = (struct secret){ 0 };
	for (size_t i = 0; i < BLOBS; i++)
		if (is_packed(sa, blobs[i]->p))
			*blobs[i] = (struct blob){ 0 };
	store_give(&e->kept_store, sa->kept);
	sa->kept = NULL;
}

void kept_forget_token(struct ike_sa *sa)
{
	if (is_packed(sa, sa->peer_token.p))
		sa->peer_token = (struct blob){ 0 };
	blob_free(&sa->peer_token);
}
