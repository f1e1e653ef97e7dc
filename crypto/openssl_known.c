/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Chains that were found good. A fleet may share one certificate, and a peer shows the same one at
 * each authentication: building and verifying its chain again, and taking the certificates apart,
 * would find nothing new but the time.
 *
 * It belongs to one trust set, that is to its CAs, rules and CRLs, and ends with it. What is kept
 * is found by the hash of all octets that the peer showed, and is good while all of its chain is
 * within its dates, and while no CRL is to be replaced. Only what was found good is kept: whoever
 * can fill this has certificates of our CAs.
 */
#include "crypto/openssl_chain.h"
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#define WAYS 4			      /* the one of them unused longest makes room */
#define SETS (TRUST_KNOWN_MAX / WAYS) /* the hash's first octet says which */

struct entry {
	uint8_t key[LIB_KNOWN_KEY];
	X509 *leaf; /* NULL: none */
	struct cert_info info;
	struct lib_span span;
	uint64_t used;
};

struct known {
	pthread_mutex_t lock; /* guards what follows */
	struct entry entries[SETS][WAYS];
	struct known_tally tally;
	uint64_t uses;
};

struct known *lib_known_new(void)
{
	struct known *k = calloc(1, sizeof(*k));

	if (k != NULL)
		pthread_mutex_init(&k->lock, NULL);
	return k;
}

void lib_known_forget(struct known *k)
{
	pthread_mutex_lock(&k->lock);
	for (size_t i = 0; i < SETS * WAYS; i++) {
		struct entry *e = &k->entries[i / WAYS][i % WAYS];

		X509_free(e->leaf);
		e->leaf = NULL;
	}
	k->tally.entries = 0;
	pthread_mutex_unlock(&k->lock);
}

void lib_known_free(struct known *k)
{
	if (k == NULL)
		return;
	lib_known_forget(k);
	pthread_mutex_destroy(&k->lock);
	free(k);
}

bool lib_known_key(const struct bytes *certs, size_t n_certs, uint8_t key[static LIB_KNOWN_KEY])
{
	EVP_MD_CTX *ctx = EVP_MD_CTX_new();
	bool good = ctx != NULL && EVP_DigestInit_ex2(ctx, lib_digest("SHA256"), NULL) == 1;

	for (size_t i = 0; good && i < n_certs; i++)
		good = EVP_DigestUpdate(ctx, &certs[i].n, sizeof(certs[i].n)) == 1 &&
		       EVP_DigestUpdate(ctx, certs[i].p, certs[i].n) == 1;
	good = good && EVP_DigestFinal_ex(ctx, key, NULL) == 1;
	EVP_MD_CTX_free(ctx);
	return good;
}

static struct entry *find(struct known *k, const uint8_t key[static LIB_KNOWN_KEY])
{
	struct entry *set = k->entries[key[0] % SETS];

	for (size_t i = 0; i < WAYS; i++)
		if (set[i].leaf != NULL && memcmp(set[i].key, key, LIB_KNOWN_KEY) == 0)
			return &set[i];
	return NULL;
}

X509 *lib_known_find(struct known *k, const uint8_t key[static LIB_KNOWN_KEY], time_t at,
		     struct cert_info *info)
{
	X509 *leaf = NULL;
	struct entry *e;

	pthread_mutex_lock(&k->lock);
	e = find(k, key);
	if (e != NULL && at >= e->span.from && at < e->span.until && X509_up_ref(e->leaf) == 1) {
		leaf = e->leaf;
		*info = e->info;
		e->used = ++k->uses;
		k->tally.hits++;
	}
	pthread_mutex_unlock(&k->lock);
	return leaf;
}

static struct entry *make_room(struct known *k, const uint8_t key[static LIB_KNOWN_KEY])
{
	struct entry *set = k->entries[key[0] % SETS], *oldest = find(k, key);

	for (size_t i = 0; oldest == NULL && i < WAYS; i++)
		if (set[i].leaf == NULL)
			oldest = &set[i];
	if (oldest != NULL)
		return oldest;
	oldest = &set[0];
	for (size_t i = 1; i < WAYS; i++)
		if (set[i].used < oldest->used)
			oldest = &set[i];
	return oldest;
}

void lib_known_add(struct known *k, const uint8_t key[static LIB_KNOWN_KEY], X509 *leaf,
		   const struct cert_info *info, struct lib_span span)
{
	struct entry *e;

	if (X509_up_ref(leaf) != 1)
		return;
	pthread_mutex_lock(&k->lock);
	e = make_room(k, key);
	k->tally.entries += e->leaf == NULL;
	X509_free(e->leaf);
	*e = (struct entry){ .leaf = leaf, .info = *info, .span = span, .used = ++k->uses };
	memcpy(e->key, key, LIB_KNOWN_KEY);
	pthread_mutex_unlock(&k->lock);
}

struct known_tally lib_known_tally(struct known *k)
{
	struct known_tally tally;

	pthread_mutex_lock(&k->lock);
	tally = k->tally;
	pthread_mutex_unlock(&k->lock);
	return tally;
}
