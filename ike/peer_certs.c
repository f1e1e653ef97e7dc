/* SPDX-License-Identifier: Apache-2.0 */
#include "ike/peer_certs.h"

#include "ike/load.h"

#include <stdlib.h>
#include <string.h>

static size_t hashes_of(const struct payload *p, struct bytes *hashes)
{
	uint8_t encoding;

	if (p->type != PAYLOAD_CERTREQ || !certreq_decode(p->body, &encoding, hashes) ||
	    encoding != CERT_X509_SIGNATURE)
		return 0;
	return hashes->n;
}

void certreq_keep(struct handshake *hs, const struct payloads *ps)
{
	uint8_t all[CERTREQ_HASH_LEN * CERTREQ_KEPT];
	size_t n = 0;

	for (size_t i = 0; i < ps->n; i++) {
		struct bytes hashes;
		size_t more = hashes_of(&ps->p[i], &hashes);

		if (more > sizeof(all) - n)
			more = sizeof(all) - n;
		if (more > 0)
			memcpy(all + n, hashes.p, more);
		n += more;
	}
	blob_free(&hs->peer_cas);
	if (n > 0)
		(void)blob_copy(&hs->peer_cas, BYTES(all, n));
}

static size_t chain_octets(const struct job *job)
{
	size_t n = 0;

	for (size_t i = 0; i < job->n_certs; i++)
		n += job->certs[i].n;
	return n;
}

static struct peer_certs *peer_certs_new(const struct job *job, struct bytes cas, bool with_chain)
{
	struct peer_certs *pc = calloc(1, sizeof(*pc));
	size_t n = (with_chain ? chain_octets(job) : sizeof(job->judged.leaf.fingerprint)) + cas.n;
	uint8_t *p = malloc(n);

	if (pc == NULL || p == NULL) {
		free(pc);
		free(p);
		return NULL;
	}
	pc->octets = (struct blob){ .p = p, .n = n };
	pc->leaf = job->judged.leaf;
	for (size_t i = 0; with_chain && i < job->n_certs; i++) {
		memcpy(p, job->certs[i].p, job->certs[i].n);
		pc->certs[pc->n_certs++] = BYTES(p, job->certs[i].n);
		p += job->certs[i].n;
	}
	if (!with_chain) {
		memcpy(p, job->judged.leaf.fingerprint, sizeof(job->judged.leaf.fingerprint));
		p += sizeof(job->judged.leaf.fingerprint);
	}
	if (cas.n > 0)
		memcpy(p, cas.p, cas.n);
	pc->cas = BYTES(p, cas.n);
	return pc;
}

static void peer_certs_free(struct peer_certs *pc)
{
	blob_free(&pc->octets);
	free(pc);
}

/* The one that is there already in the place of an equal new one. */
static struct peer_certs *intern(struct engine *e, struct peer_certs *pc)
{
	struct peer_certs *known;

	HASH_FIND(hh, e->peer_certs, pc->octets.p, pc->octets.n, known);
	if (known != NULL && known->n_certs == pc->n_certs && known->cas.n == pc->cas.n) {
		peer_certs_free(pc);
		return known;
	}
	HASH_ADD_KEYPTR(hh, e->peer_certs, pc->octets.p, pc->octets.n, pc);
	if (pc->hh.tbl == NULL) {
		peer_certs_free(pc);
		return NULL;
	}
	e->peer_certs_octets += pc->octets.n;
	pc->number = ++e->next_certs;
	return pc;
}

/* NULL for an empty text, and for want of memory: then the log alone has it. */
static char *copy_of(const char *text)
{
	const size_t n = strlen(text) + 1;
	char *copy = n > 1 ? malloc(n) : NULL;

	return copy != NULL ? memcpy(copy, text, n) : NULL;
}

/* In use by the caller. */
static struct peer_certs *store(struct engine *e, const struct job *verified, struct bytes cas)
{
	bool room = e->peer_certs_octets + chain_octets(verified) <= PEER_CERTS_OCTETS;
	struct peer_certs *pc = peer_certs_new(verified, cas, room);

	if (!room)
		load_limit(e, LIMIT_PEER_CERTIFICATES);
	if (pc != NULL)
		pc = intern(e, pc);
	if (pc != NULL)
		pc->users++;
	return pc;
}

void peer_certs_give(struct engine *e, struct ike_sa *sa, struct peer_certs *pc)
{
	if (pc != NULL)
		pc->users++;
	peer_certs_drop(e, sa);
	sa->peer_certs = pc;
}

void peer_certs_take(struct engine *e, struct ike_sa *sa, const struct job *verified)
{
	struct peer_certs *pc = store(e, verified, blob_view(&sa->hs->peer_cas));

	peer_certs_give(e, sa, pc);
	peer_certs_release(e, pc);
	sa->peer_pinned = verified->judged.pinned;
	sa->peer_warning = copy_of(verified->judged.warning);
}

struct peer_certs *peer_certs_restore(struct engine *e, uint32_t number, const struct blob *certs,
				      size_t n, struct bytes cas)
{
	struct job shown = { .n_certs = n };
	struct peer_certs *pc;

	for (size_t i = 0; i < n; i++)
		shown.certs[i] = certs[i];
	(void)cert_describe(blob_view(&certs[0]), &shown.judged.leaf); /* it was verified once */
	pc = store(e, &shown, cas);
	if (pc != NULL && pc->users == 1 && number != 0)
		pc->number = number;
	if (number > e->next_certs)
		e->next_certs = number;
	return pc;
}

void peer_certs_share(struct ike_sa *to, const struct ike_sa *from)
{
	to->peer_certs = from->peer_certs;
	to->peer_pinned = from->peer_pinned;
	to->peer_warning = from->peer_warning != NULL ? copy_of(from->peer_warning) : NULL;
	if (to->peer_certs != NULL)
		to->peer_certs->users++;
}

void peer_certs_release(struct engine *e, struct peer_certs *pc)
{
	if (pc == NULL || --pc->users > 0)
		return;
	HASH_DELETE(hh, e->peer_certs, pc);
	e->peer_certs_octets -= pc->octets.n;
	peer_certs_free(pc);
}

void peer_certs_drop(struct engine *e, struct ike_sa *sa)
{
	peer_certs_release(e, sa->peer_certs);
	sa->peer_certs = NULL;
	free(sa->peer_warning);
	sa->peer_warning = NULL;
}
