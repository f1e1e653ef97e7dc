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

#define WARNING_MAX 4096u
#define MAGIC UINT32_C(0x494b4d53) /* "IKMS" */

/* Its end is known by one that is never used. */
enum record {
	RECORD_END,
	RECORD_PAIR,
};

/* ---- saving ------------------------------------------------------------------------------ */

static bool is_saved(const struct ike_sa *sa)
{
	return sa->hs == NULL &&
	       (sa->state == SA_UP || sa->state == SA_REKEYED || sa->state == SA_DELETING);
}

/* Waits for a job, whose result this process will not see. */
static bool is_stuck(const struct ike_sa *sa, const struct task *t)
{
	return t->ours ? !sa->window.request_out : sa->window.answering;
}

static bool is_of_stuck(const struct ike_sa *sa, const struct child *c)
{
	return (sa->ours != NULL && sa->ours->fresh == c && is_stuck(sa, sa->ours)) ||
	       (sa->theirs != NULL && sa->theirs->fresh == c && is_stuck(sa, sa->theirs));
}

/* What was to be replaced by an exchange of ours that will not be completed still is. */
static bool is_to_be_rekeyed(const struct ike_sa *sa, const struct child *c)
{
	return c->want_rekey || (sa->ours != NULL && sa->ours->kind == TASK_REKEY_CHILD &&
				 sa->ours->old == c && is_stuck(sa, sa->ours));
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
	uint8_t n = pc != NULL ? (uint8_t)pc->n_certs : 0;
	struct blob cas = { 0 }, warning = { 0 };
	bool pinned = sa->peer_pinned;

	archive_u8(a, &n);
	for (size_t i = 0; i < n; i++) {
		struct blob view = { .p = (uint8_t *)pc->certs[i].p, .n = pc->certs[i].n };

		archive_blob(a, &view, CERT_SIZE_MAX);
	}
	if (n > 0)
		cas = (struct blob){ .p = (uint8_t *)pc->cas.p, .n = pc->cas.n };
	archive_blob(a, &cas, CERTREQ_HASH_LEN * CERTREQ_KEPT);
	archive_bool(a, &pinned);
	if (sa->peer_warning != NULL)
		warning = (struct blob){ .p = (uint8_t *)sa->peer_warning,
					 .n = strlen(sa->peer_warning) + 1 };
	archive_blob(a, &warning, WARNING_MAX);
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

	if (sa->ours != NULL && is_stuck(sa, sa->ours)) {
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
	bool there = t != NULL && !is_stuck(sa, t);
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
	save_pair_fields(a, p);
	archive_bool(a, &begun);
	for (sa = p->sas; sa; sa = sa->next)
		n += is_saved(sa) ? 1 : 0;
	archive_uint(a, &n);
	for (size_t i = 0; (sa = nth_last_sa(p, i)) != NULL; i++)
		if (is_saved(sa))
			save_sa(a, sa);
	save_links(a, e, p);
}

static void header_fields(struct archive *a, struct engine *e)
{
	uint32_t magic = MAGIC, version = SAVE_VERSION;

	archive_u32(a, &magic);
	archive_u32(a, &version);
	if (magic != MAGIC || version != SAVE_VERSION)
		a->failed = true;
	if (a->failed)
		return;
	archive_uint(a, &e->next_sa);
	archive_uint(a, &e->next_child);
}

int engine_save(struct engine *e, struct secret *out)
{
	struct archive a = archive_saver();
	uint8_t type = RECORD_PAIR;
	struct pair *p, *next;

	header_fields(&a, e);
	HASH_ITER(hh, e->pairs, p, next)
	{
		archive_u8(&a, &type);
		size_t at = archive_open(&a);
		save_pair(&a, e, p);
		archive_close(&a, at);
	}
	type = RECORD_END;
	archive_u8(&a, &type);
	return archive_take(&a, out);
}

/* ---- loading ----------------------------------------------------------------------------- */

static void load_child(struct archive *a, struct engine *e, struct ike_sa *sa)
{
	uint32_t spi = 0;
	bool initiator = false;
	struct mono at = MONO_NEVER;
	struct child *c;

	archive_u32(a, &spi);
	archive_bool(a, &initiator);
	c = a->failed || spi == 0 ? NULL : child_new_with_spi(e, sa, initiator, spi);
	if (c == NULL) {
		a->failed = true;
		return;
	}
	save_child_fields(a, c);
	archive_mono(a, &at);
	if (a->failed)
		c->in_added = c->out_added = false; /* not known: whoever compares finds them */
	else if (!mono_is_never(at))
		deadline_arm(&e->deadlines, &c->deadline, at);
}

static void load_certs(struct archive *a, struct engine *e, struct ike_sa *sa)
{
	struct blob certs[CERT_CHAIN_MAX] = { 0 }, cas = { 0 }, warning = { 0 };
	bool pinned = false;
	uint8_t n = 0;

	archive_u8(a, &n);
	if (n > CERT_CHAIN_MAX)
		a->failed = true;
	for (size_t i = 0; !a->failed && i < n; i++)
		archive_blob(a, &certs[i], CERT_SIZE_MAX);
	archive_blob(a, &cas, CERTREQ_HASH_LEN * CERTREQ_KEPT);
	archive_bool(a, &pinned);
	archive_blob(a, &warning, WARNING_MAX);
	if (!a->failed && n > 0)
		peer_certs_restore(e, sa, certs, n, blob_view(&cas));
	sa->peer_pinned = pinned;
	if (!a->failed && warning.n > 0 && warning.p[warning.n - 1] == '\0') {
		sa->peer_warning = (char *)warning.p;
		warning = (struct blob){ 0 };
	}
	blob_free(&warning);
	for (size_t i = 0; i < CERT_CHAIN_MAX; i++)
		blob_free(&certs[i]);
	blob_free(&cas);
}

/* Without a handshake, and in the state that it had. */
static void settle_sa(struct engine *e, struct ike_sa *sa, enum sa_state state)
{
	const struct mono expires_at = sa->expires_at;

	sa_set_state(e, sa, state);
	sa->expires_at = expires_at;
	sa_arm(e, sa);
}

static struct ike_sa *load_sa_head(struct archive *a, struct engine *e, struct pair *p,
				   enum sa_state *state)
{
	struct endpoint local = { 0 }, remote = { 0 };
	uint64_t spi = 0;
	bool initiator = false;
	uint8_t code = 0;
	struct ike_sa *sa = NULL;

	archive_u64(a, &spi);
	archive_bool(a, &initiator);
	archive_endpoint(a, &local);
	archive_endpoint(a, &remote);
	archive_u8(a, &code);
	*state = (enum sa_state)code;
	if (!a->failed && (*state == SA_UP || *state == SA_REKEYED || *state == SA_DELETING) &&
	    ip_equal(&local.ip, &p->key.local) && ip_equal(&remote.ip, &p->key.remote))
		sa = sa_new_with_spi(e, p, initiator, &local, &remote, spi);
	a->failed = a->failed || sa == NULL;
	return sa;
}

static void load_sa(struct archive *a, struct engine *e, struct pair *p)
{
	enum sa_state state;
	const unsigned next_sa = e->next_sa;
	struct ike_sa *sa = load_sa_head(a, e, p, &state);
	unsigned n = 0;

	e->next_sa = next_sa; /* it has its number */
	if (sa == NULL)
		return;
	handshake_free(sa->hs);
	sa->hs = NULL;
	free(sa->attempt);
	sa->attempt = NULL;
	save_sa_fields(a, sa);
	load_certs(a, e, sa);
	archive_uint(a, &n);
	for (unsigned i = 0; !a->failed && i < n; i++)
		load_child(a, e, sa);
	settle_sa(e, sa, state);
}

static struct task *load_task(struct archive *a, struct engine *e, struct pair *p, bool ours)
{
	bool there = false;
	uint8_t kind = 0;
	struct task *t;

	archive_bool(a, &there);
	if (!there)
		return NULL;
	archive_u8(a, &kind);
	if (kind > TASK_REKEY_IKE)
		a->failed = true;
	t = a->failed ? NULL : task_new((enum task_kind)kind, ours);
	if (t == NULL)
		a->failed = true;
	else
		save_task_fields(a, e, p, t);
	return t;
}

static void load_links(struct archive *a, struct engine *e, struct pair *p)
{
	for (;;) {
		struct ike_sa *sa = NULL;
		struct child *c = NULL, *by = NULL;

		save_sa_ref(a, e, p, &sa);
		if (a->failed || sa == NULL)
			return;
		task_free(sa->ours);
		sa->ours = load_task(a, e, p, true);
		task_free(sa->theirs);
		sa->theirs = load_task(a, e, p, false);
		for (save_child_ref(a, e, p, &c); !a->failed && c != NULL;
		     save_child_ref(a, e, p, &c)) {
			save_child_ref(a, e, p, &by);
			c->replaced_by = by != c ? by : NULL;
		}
		sa_arm(e, sa);
	}
}

static void drop_pair(struct engine *e, struct pair *p)
{
	report(e, REPORT_ERROR, p, NULL, 0,
	       "its part of the predecessor's state is damaged: its SAs are given up");
	while (p->sas != NULL)
		sa_close(e, p->sas);
	pair_release(e, p);
}

/* What waited for this process goes on. */
static void go_on(struct engine *e, struct pair *p, bool begun)
{
	struct ike_sa *sa, *next;

	sa_unretire(e, p);
	for (sa = p->sas; sa; sa = next) {
		next = sa->next;
		sa_work(e, sa);
	}
	pair_arm(e, p);
	if (begun)
		pair_acquire(e, p);
	else
		pair_release(e, p);
}

static void load_pair(struct archive *a, struct engine *e)
{
	struct ip local = { 0 }, remote = { 0 };
	bool begun = false;
	struct pair *p;
	unsigned n = 0;

	archive_ip(a, &local);
	archive_ip(a, &remote);
	p = a->failed || pair_find(e, &local, &remote) != NULL ? NULL
							       : pair_get(e, &local, &remote);
	if (p == NULL)
		return;
	save_pair_fields(a, p);
	archive_bool(a, &begun);
	archive_uint(a, &n);
	for (unsigned i = 0; !a->failed && i < n; i++)
		load_sa(a, e, p);
	if (!a->failed)
		load_links(a, e, p);
	if (a->failed || !reader_done(&a->in))
		drop_pair(e, p);
	else
		go_on(e, p, begun);
}

void save_load(struct engine *e, struct bytes state)
{
	struct archive a = archive_loader(state);

	if (state.n == 0)
		return;
	header_fields(&a, e);
	if (a.failed) {
		report(e, REPORT_WARNING, NULL, NULL, 0,
		       "the predecessor's state is of another version: starting afresh");
		return;
	}
	for (;;) {
		uint8_t type = RECORD_END;

		archive_u8(&a, &type);
		if (a.failed || type != RECORD_PAIR)
			break;
		struct archive box = archive_box(&a);
		load_pair(&box, e);
	}
	if (a.failed)
		report(e, REPORT_ERROR, NULL, NULL, 0, "the predecessor's state is cut off");
	leave_unprotected(e);
	report(e, REPORT_NOTICE, NULL, NULL, 0,
	       "taken over from the predecessor: %u IKE SAs and %u CHILD_SAs", HASH_COUNT(e->sas),
	       HASH_COUNT(e->children));
}
