/* SPDX-License-Identifier: Apache-2.0 */
#include "ike/child.h"
#include "ike/exchange/exchange.h"
#include "ike/kept.h"
#include "ike/leave.h"
#include "ike/pair.h"
#include "ike/peer_certs.h"
#include "ike/sa.h"
#include "ike/save.h"
#include "ike/save_fields.h"

#include <stdlib.h>
#include <string.h>

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

/* What peers showed, and by which number the state speaks of it. */
struct shown {
	UT_hash_handle hh;
	uint32_t number;
	struct bytes record;
	struct peer_certs *certs; /* once it was asked for */
};

/* The state as it was found. */
struct found {
	struct latest *latest;
	struct shown *shown;
	uint32_t version;
	unsigned died;
};

/* In use by the caller; NULL: it is damaged. */
static struct peer_certs *read_certs(struct archive *a, struct engine *e, uint32_t number)
{
	struct blob certs[CERT_CHAIN_MAX] = { 0 }, cas = { 0 };
	struct peer_certs *pc = NULL;
	uint8_t n = 0;

	archive_u8(a, &n);
	if (n > CERT_CHAIN_MAX)
		a->failed = true;
	for (size_t i = 0; !a->failed && i < n; i++) {
		archive_blob(a, &certs[i], CERT_SIZE_MAX);
		a->failed = a->failed || certs[i].n == 0;
	}
	archive_blob(a, &cas, CERTREQ_HASH_LEN * CERTREQ_KEPT);
	if (!a->failed && n > 0)
		pc = peer_certs_restore(e, number, certs, n, blob_view(&cas));
	for (size_t i = 0; i < CERT_CHAIN_MAX; i++)
		blob_free(&certs[i]);
	blob_free(&cas);
	return pc;
}

static void load_certs_by_number(struct archive *a, struct engine *e, struct found *f,
				 struct ike_sa *sa)
{
	uint32_t number = 0;
	struct shown *s = NULL;

	archive_u32(a, &number);
	if (a->failed || number == 0)
		return;
	HASH_FIND(hh, f->shown, &number, sizeof(number), s);
	if (s != NULL && s->certs == NULL) {
		struct archive box = archive_loader(s->record);

		archive_u32(&box, &number);
		s->certs = read_certs(&box, e, number);
	}
	if (s == NULL || s->certs == NULL)
		a->failed = true;
	else
		peer_certs_give(e, sa, s->certs);
}

static void load_certs(struct archive *a, struct engine *e, struct found *f, struct ike_sa *sa)
{
	struct blob warning = { 0 };
	bool pinned = false;

	if (a->version == SAVE_VERSION_INLINE_CERTS) {
		struct peer_certs *pc = read_certs(a, e, 0);

		peer_certs_give(e, sa, pc);
		peer_certs_release(e, pc);
	} else {
		load_certs_by_number(a, e, f, sa);
	}
	archive_bool(a, &pinned);
	archive_blob(a, &warning, SAVE_WARNING_MAX);
	sa->peer_pinned = pinned;
	if (!a->failed && warning.n > 0 && warning.p[warning.n - 1] == '\0') {
		sa->peer_warning = (char *)warning.p;
		warning = (struct blob){ 0 };
	}
	blob_free(&warning);
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

/*
 * Messages that may have left since the last record: no IV is used twice (RFC 5282 3.1). Whoever
 * dies while it takes the state over may have sent some as well.
 */
#define IV_LEAP (UINT64_C(1) << 20)

/* Who is up asks nothing else. */
static bool is_asked_when_up(uint8_t exchange)
{
	return exchange == EXCHANGE_CREATE_CHILD_SA || exchange == EXCHANGE_INFORMATIONAL ||
	       exchange == EXCHANGE_IKE_FOLLOWUP_KE;
}

static void load_sa(struct archive *a, struct engine *e, struct found *f, struct pair *p)
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
	if (sa->window.request_out && !is_asked_when_up(sa->window.request_exchange))
		a->failed = true;
	if (!sa->window.request_out)
		sa->retransmit_at = MONO_NEVER; /* there is nothing to send again */
	kept_pack(e, sa);
	sa->iv_counter += f->died * IV_LEAP;
	window_keep_reply(&sa->window, e->now);
	load_certs(a, e, f, sa);
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
		if ((sa->ours != NULL && task_is_stuck(sa->ours, sa)) ||
		    (sa->theirs != NULL && task_is_stuck(sa->theirs, sa)))
			a->failed = true;
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
	report(e, REPORT_ERROR, AREA_DAEMON, p, NULL, 0,
	       "its part of the predecessor's state is damaged: its SAs are given up");
	while (p->sas != NULL)
		sa_close(e, p->sas);
	pair_free(e, p); /* what was read of it may be out of any range: not to be saved again */
}

/* What waited for this process goes on. */
static void go_on(struct engine *e, struct pair *p, bool begun)
{
	struct ike_sa *sa, *next;

	sa_unretire(e, p);
	for (sa = p->sas; sa; sa = next) {
		next = sa->next;
		act_keys(e, sa);
		/* Its answer was given in the predecessor's last step: nobody else says that it
		 * left. */
		if (sa->theirs != NULL && sa->theirs->kind != TASK_REKEY_IKE)
			create_child_settled(e, sa);
		sa_work(e, sa);
	}
	pair_arm(e, p);
	if (begun)
		pair_acquire(e, p);
	else
		pair_release(e, p);
}

static void load_pair(struct archive *a, struct engine *e, struct found *f)
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
	save_pair_fields(a, e, p);
	archive_bool(a, &begun);
	archive_uint(a, &n);
	for (unsigned i = 0; !a->failed && i < n; i++)
		load_sa(a, e, f, p);
	if (!a->failed)
		load_links(a, e, p);
	if (a->failed || !reader_done(&a->in))
		drop_pair(e, p);
	else
		go_on(e, p, begun);
}

/* The last record of each pair. */
struct latest {
	UT_hash_handle hh;
	struct pair_key key;
	struct bytes record; /* empty: the pair is gone */
};

static void latest_free(struct latest *all)
{
	struct latest *l, *next;

	HASH_ITER(hh, all, l, next)
	{
		HASH_DELETE(hh, all, l);
		free(l);
	}
}

static bool latest_note(struct latest **all, struct bytes record, bool gone)
{
	struct archive a = archive_loader(record);
	struct pair_key key;
	struct latest *l;

	memset(&key, 0, sizeof(key)); /* hashed as octets */
	archive_ip(&a, &key.local);
	archive_ip(&a, &key.remote);
	if (a.failed)
		return true; /* as if it were not there */
	HASH_FIND(hh, *all, &key, sizeof(key), l);
	if (l == NULL) {
		l = calloc(1, sizeof(*l));
		if (l == NULL)
			return false;
		l->key = key;
		HASH_ADD(hh, *all, key, sizeof(l->key), l);
		if (l->hh.tbl == NULL) {
			free(l);
			return false;
		}
	}
	l->record = gone ? BYTES_NONE : record;
	return true;
}

static bool shown_note(struct shown **all, struct bytes record)
{
	struct archive a = archive_loader(record);
	struct shown *s;
	uint32_t number = 0;

	archive_u32(&a, &number);
	HASH_FIND(hh, *all, &number, sizeof(number), s);
	if (a.failed || s != NULL)
		return true;
	s = calloc(1, sizeof(*s));
	if (s == NULL)
		return false;
	s->number = number;
	s->record = record;
	HASH_ADD(hh, *all, number, sizeof(s->number), s);
	if (s->hh.tbl == NULL) {
		free(s);
		return false;
	}
	return true;
}

static void shown_free(struct engine *e, struct shown *all)
{
	struct shown *s, *next;

	HASH_ITER(hh, all, s, next)
	{
		HASH_DELETE(hh, all, s);
		peer_certs_release(e, s->certs);
		free(s);
	}
}

/* false: no memory, or it is cut off; what was read until then counts. */
static bool read_records(struct archive *a, struct found *f)
{
	while (a->in.left > 0) {
		uint8_t type = RECORD_END;
		struct archive box;
		struct bytes record;
		bool noted;

		archive_u8(a, &type);
		box = archive_box(a);
		if (a->failed || type == RECORD_END || type > RECORD_CERTS)
			return false;
		record = read_rest(&box.in);
		noted = type == RECORD_CERTS ? shown_note(&f->shown, record)
					     : latest_note(&f->latest, record, type == RECORD_GONE);
		if (!noted)
			return false;
	}
	return true;
}

static void load_latest(struct engine *e, struct found *f)
{
	struct latest *l, *next;

	HASH_ITER(hh, f->latest, l, next)
	{
		struct archive box = archive_loader(l->record);

		box.version = f->version;
		if (l->record.n > 0)
			load_pair(&box, e, f);
	}
}

/* Numbers go on behind the greatest that was given. */
static void raise_numbers(struct engine *e)
{
	const struct ike_sa *sa, *next;

	HASH_ITER(hh, e->sas, sa, next)
	{
		if (sa->number > e->next_sa)
			e->next_sa = sa->number;
		for (const struct child *c = sa->children; c; c = c->next)
			if (c->number > e->next_child)
				e->next_child = c->number;
	}
}

void save_load(struct engine *e, struct bytes state, unsigned died)
{
	struct archive a = archive_loader(state);
	struct found f = { .died = died };

	if (state.n == 0)
		return;
	save_header_fields(&a, e);
	if (a.failed) {
		report(e, REPORT_WARNING, AREA_DAEMON, NULL, NULL, 0,
		       "the predecessor's state is of another version: starting afresh");
		return;
	}
	f.version = a.version;
	if (!read_records(&a, &f))
		report(e, REPORT_ERROR, AREA_DAEMON, NULL, NULL, 0,
		       "the predecessor's state is cut off");
	load_latest(e, &f);
	latest_free(f.latest);
	shown_free(e, f.shown);
	raise_numbers(e);
	leave_unprotected(e);
	report(e, REPORT_NOTICE, AREA_DAEMON, NULL, NULL, 0,
	       "taken over from the predecessor%s: %u IKE SAs and %u CHILD_SAs",
	       died > 0 ? ", which died" : "", HASH_COUNT(e->sas), HASH_COUNT(e->children));
}
