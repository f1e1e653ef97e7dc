/* SPDX-License-Identifier: Apache-2.0 */
#include "ike/save.h"

#include "ike/child.h"
#include "ike/leave.h"
#include "ike/pair.h"
#include "ike/peer_certs.h"
#include "ike/sa.h"
#include "ike/save_fields.h"

#include <stdlib.h>
#include <string.h>

static bool is_saved(const struct ike_sa *sa)
{
	return sa->hs == NULL &&
	       (sa->state == SA_UP || sa->state == SA_REKEYED || sa->state == SA_DELETING);
}

static bool is_of_stuck(const struct ike_sa *sa, const struct child *c)
{
	return (sa->ours != NULL && sa->ours->fresh == c && task_is_stuck(sa->ours, sa)) ||
	       (sa->theirs != NULL && sa->theirs->fresh == c && task_is_stuck(sa->theirs, sa));
}

/* What was to be replaced by an exchange of ours that will not be completed still is. */
static bool is_to_be_rekeyed(const struct ike_sa *sa, const struct child *c)
{
	return c->want_rekey || (sa->ours != NULL && sa->ours->kind == TASK_REKEY_CHILD &&
				 sa->ours->old == c && task_is_stuck(sa->ours, sa));
}

static void save_child(struct archive *a, const struct ike_sa *sa, const struct child *c)
{
	struct child copy = *c;
	uint32_t spi = c->spi_in;
	struct mono at = c->deadline.slot != 0 ? c->deadline.at : MONO_NEVER;
	bool initiator = c->initiator;

	copy.want_rekey = is_to_be_rekeyed(sa, c);
	archive_u32(a, &spi);
	archive_bool(a, &initiator);
	save_child_fields(a, &copy);
	archive_mono(a, &at);
	wipe(&copy, sizeof(copy));
}

static void save_certs(struct archive *a, const struct ike_sa *sa)
{
	const struct peer_certs *pc = sa->peer_certs;
	uint32_t number = pc != NULL && pc->n_certs > 0 ? pc->number : 0;
	struct blob warning = { 0 };
	bool pinned = sa->peer_pinned;

	archive_u32(a, &number);
	archive_bool(a, &pinned);
	if (sa->peer_warning != NULL)
		warning = (struct blob){ .p = (uint8_t *)sa->peer_warning,
					 .n = strlen(sa->peer_warning) + 1 };
	archive_blob(a, &warning, SAVE_WARNING_MAX);
}

/* The list begins with the newest, and each that is loaded goes to its beginning. */
static const struct child *nth_last_child(const struct ike_sa *sa, size_t nth)
{
	const struct child *c, *found = NULL;
	size_t n = 0;

	for (c = sa->children; c; c = c->next)
		n++;
	for (c = sa->children; c && n > nth; c = c->next, n--)
		found = n == nth + 1 ? c : found;
	return found;
}

static void save_sa(struct archive *a, const struct ike_sa *sa)
{
	struct ike_sa copy = *sa;
	uint8_t state = (uint8_t)sa->state;
	uint64_t spi = sa->spi_local;
	bool initiator = sa->initiator;
	const struct child *c;
	unsigned n = 0;

	if (sa->ours != NULL && task_is_stuck(sa->ours, sa)) {
		copy.want_rekey |= sa->ours->kind == TASK_REKEY_IKE;
		copy.want_child |= sa->ours->kind == TASK_NEW_CHILD;
	}
	archive_u64(a, &spi);
	archive_bool(a, &initiator);
	archive_endpoint(a, &copy.local);
	archive_endpoint(a, &copy.remote);
	archive_u8(a, &state);
	save_sa_fields(a, &copy);
	save_certs(a, sa);
	for (c = sa->children; c; c = c->next)
		n += is_of_stuck(sa, c) ? 0 : 1;
	archive_uint(a, &n);
	for (size_t i = 0; (c = nth_last_child(sa, i)) != NULL; i++)
		if (!is_of_stuck(sa, c))
			save_child(a, sa, c);
}

static void save_task(struct archive *a, struct engine *e, const struct ike_sa *sa, struct task *t)
{
	bool there = t != NULL && !task_is_stuck(t, sa);
	uint8_t kind = there ? (uint8_t)t->kind : 0;

	archive_bool(a, &there);
	if (!there)
		return;
	archive_u8(a, &kind);
	save_task_fields(a, e, sa->pair, t);
}

static void save_links(struct archive *a, struct engine *e, struct pair *p)
{
	for (struct ike_sa *sa = p->sas; sa; sa = sa->next) {
		struct ike_sa *named = sa;

		if (!is_saved(sa))
			continue;
		save_sa_ref(a, e, p, &named);
		save_task(a, e, sa, sa->ours);
		save_task(a, e, sa, sa->theirs);
		for (struct child *c = sa->children; c; c = c->next) {
			if (c->replaced_by == NULL || is_of_stuck(sa, c))
				continue;
			save_child_ref(a, e, p, &c);
			save_child_ref(a, e, p, &c->replaced_by);
		}
		struct child *none = NULL;
		save_child_ref(a, e, p, &none);
	}
	struct ike_sa *none = NULL;
	save_sa_ref(a, e, p, &none);
}

static const struct ike_sa *nth_last_sa(const struct pair *p, size_t nth)
{
	const struct ike_sa *sa, *found = NULL;
	size_t n = 0;

	for (sa = p->sas; sa; sa = sa->next)
		n++;
	for (sa = p->sas; sa && n > nth; sa = sa->next, n--)
		found = n == nth + 1 ? sa : found;
	return found;
}

static void save_pair(struct archive *a, struct engine *e, struct pair *p)
{
	bool begun = p->turn != TURN_NONE || pair_is_connecting(e, p);
	const struct ike_sa *sa;
	unsigned n = 0;

	archive_ip(a, &p->key.local);
	archive_ip(a, &p->key.remote);
	save_pair_fields(a, e, p);
	archive_bool(a, &begun);
	for (sa = p->sas; sa; sa = sa->next)
		n += is_saved(sa) ? 1 : 0;
	archive_uint(a, &n);
	for (size_t i = 0; (sa = nth_last_sa(p, i)) != NULL; i++)
		if (is_saved(sa))
			save_sa(a, sa);
	save_links(a, e, p);
}

static void save_record(struct archive *a, struct engine *e, struct pair *p)
{
	uint8_t type = RECORD_PAIR;
	size_t at;

	archive_u8(a, &type);
	at = archive_open(a);
	save_pair(a, e, p);
	archive_close(a, at);
}

static void save_certs_record(struct archive *a, const struct peer_certs *pc)
{
	uint8_t type = RECORD_CERTS, n = (uint8_t)pc->n_certs;
	struct blob cas = { .p = (uint8_t *)pc->cas.p, .n = pc->cas.n };
	uint32_t number = pc->number;
	size_t at;

	archive_u8(a, &type);
	at = archive_open(a);
	archive_u32(a, &number);
	archive_u8(a, &n);
	for (size_t i = 0; i < n; i++) {
		struct blob view = { .p = (uint8_t *)pc->certs[i].p, .n = pc->certs[i].n };

		archive_blob(a, &view, CERT_SIZE_MAX);
	}
	archive_blob(a, &cas, CERTREQ_HASH_LEN * CERTREQ_KEPT);
	archive_close(a, at);
}

/* Most of a pair's octets would be its certificates, which stay the same: once is enough. */
static void save_new_certs(struct archive *a, struct engine *e, const struct pair *p)
{
	for (const struct ike_sa *sa = p->sas; sa; sa = sa->next) {
		struct peer_certs *pc = sa->peer_certs;

		if (!is_saved(sa) || pc == NULL || pc->n_certs == 0 || pc->kept_in == e->keeping)
			continue;
		save_certs_record(a, pc);
		pc->kept_in = e->keeping;
	}
}

int engine_save(struct engine *e, struct secret *out)
{
	struct archive a = archive_saver();
	struct pair *p, *next;

	e->keeping++;
	save_header_fields(&a, e);
	HASH_ITER(hh, e->pairs, p, next)
	{
		save_new_certs(&a, e, p);
		save_record(&a, e, p);
		p->kept = true;
	}
	return archive_take(&a, out);
}

/* ---- record by record -------------------------------------------------------------------- */

void save_touch(struct engine *e, struct pair *p)
{
	if (!e->options.keeps || p->touched || p->suspect)
		return;
	p->touched = true;
	DL_APPEND2(e->touched, p, touched_prev, touched_next);
}

void save_touch_all(struct engine *e)
{
	struct pair *p, *next;

	HASH_ITER(hh, e->pairs, p, next)
	{
		save_touch(e, p);
	}
}

static void untouch(struct engine *e, struct pair *p)
{
	if (!p->touched)
		return;
	DL_DELETE2(e->touched, p, touched_prev, touched_next);
	p->touched = false;
}

static void give(struct engine *e, struct archive *a)
{
	struct secret record = { 0 };

	if (archive_take(a, &record) == 0)
		act_keep(e, &record);
}

void save_forget(struct engine *e, struct pair *p)
{
	struct archive a = archive_saver();
	uint8_t type = RECORD_GONE;
	size_t at;

	untouch(e, p);
	if (!p->kept || !e->options.keeps)
		return;
	archive_u8(&a, &type);
	at = archive_open(&a);
	archive_ip(&a, &p->key.local);
	archive_ip(&a, &p->key.remote);
	archive_close(&a, at);
	give(e, &a);
}

/*
 * An answer of the peer's was taken, and the job that it needs is out: who goes on must ask again,
 * and the last record says so.
 */
static bool is_between(const struct pair *p)
{
	for (const struct ike_sa *sa = p->sas; sa; sa = sa->next)
		if (sa->ours != NULL && task_is_stuck(sa->ours, sa) && sa->ours->nr.n > 0)
			return true;
	return false;
}

/* Worth a record: the others are but memories. */
static bool is_kept(const struct pair *p)
{
	for (const struct ike_sa *sa = p->sas; sa; sa = sa->next)
		if (is_saved(sa))
			return true;
	return p->kept;
}

void save_touched(struct engine *e)
{
	while (e->touched != NULL) {
		struct pair *p = e->touched;
		struct archive a = archive_saver();

		untouch(e, p);
		if (!is_kept(p) || is_between(p))
			continue;
		save_new_certs(&a, e, p);
		save_record(&a, e, p);
		p->kept = true;
		give(e, &a);
	}
}
