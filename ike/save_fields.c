/* SPDX-License-Identifier: Apache-2.0 */
#include "ike/save_fields.h"

#include "ike/attempt.h"
#include "ike/child.h"
#include "ike/save.h"

#include <stdlib.h>
#include <string.h>

#define MAGIC UINT32_C(0x494b4d53) /* "IKMS" */
#define DATAGRAM_MAX 65535u
#define DATAGRAMS_MAX 64u
#define SECRET_MAX 1024u
#define ID_MAX 4096u
#define LINK_MAX 1024u

void save_header_fields(struct archive *a, struct engine *e)
{
	uint32_t magic = MAGIC, version = SAVE_VERSION;

	archive_u32(a, &magic);
	archive_u32(a, &version);
	if (magic != MAGIC || version < SAVE_VERSION_INLINE_CERTS || version > SAVE_VERSION)
		a->failed = true;
	a->version = version;
	if (a->failed)
		return;
	archive_uint(a, &e->next_sa);
	archive_uint(a, &e->next_child);
}

/* ---- plain fields ------------------------------------------------------------------------ */

static void attempt_fields(struct archive *a, struct status_attempt *t)
{
	uint8_t stage = a->loads ? 0 : (uint8_t)t->stage;
	uint8_t verdict = a->loads ? 0 : (uint8_t)t->verdict;
	int64_t unreachable = a->loads ? 0 : t->unreachable;

	archive_mono(a, &t->started_at);
	archive_mono(a, &t->ended_at);
	archive_bool(a, &t->initiator);
	archive_bool(a, &t->failed);
	archive_u8(a, &stage);
	t->stage = (enum stage)stage;
	a->failed = a->failed || stage > STAGE_UP;
	archive_u16(a, &t->notify);
	archive_bool(a, &t->notify_ours);
	archive_uint(a, &t->retransmits);
	archive_bool(a, &t->silent);
	archive_i64(a, &unreachable);
	t->unreachable = (int)unreachable;
	archive_u8(a, &verdict);
	t->verdict = (enum verdict)verdict;
	a->failed = a->failed || verdict > VERDICT_FAILED || t->unreachable != unreachable;
	archive_text(a, t->reason, sizeof(t->reason));
	archive_text(a, t->offered, sizeof(t->offered));
}

static void encap_fields(struct archive *a, struct pair *p)
{
	uint8_t encap = a->loads ? 0 : (uint8_t)p->encap;

	if (a->version == SAVE_VERSION_INLINE_CERTS)
		return;
	archive_u8(a, &encap);
	a->failed = a->failed || encap > ENCAP_NO_HELP;
	p->encap = (enum encap_memory)encap;
	archive_mono(a, &p->encap_at);
	archive_uint(a, &p->encap_trials);
	archive_mono(a, &p->plain_at);
}

void save_pair_fields(struct archive *a, struct engine *e, struct pair *p)
{
	archive_uint(a, &p->failures);
	archive_mono(a, &p->failed_at);
	archive_mono(a, &p->retry_at);
	archive_mono(a, &p->wanted_until);
	archive_mono(a, &p->forget_at);
	archive_bool(a, &p->solicited);
	archive_bool(a, &p->answered);
	archive_mono(a, &p->used_at);
	archive_mono(a, &p->since);
	a->failed = a->failed || p->since.us < 0;
	archive_bool(a, &p->up);
	encap_fields(a, p);
	for (size_t i = 0; i < PAIR_ATTEMPTS; i++) {
		bool there = !a->loads && p->attempts[i] != NULL;

		archive_bool(a, &there);
		if (!there)
			break;
		struct status_attempt t = { 0 };

		if (!a->loads)
			attempt_unpack(p->attempts[i], &t);
		attempt_fields(a, &t);
		if (a->loads)
			p->attempts[i] = attempt_pack(e, &t);
		if (p->attempts[i] == NULL) {
			a->failed = true;
			break;
		}
	}
}

static void ike_suite_fields(struct archive *a, struct ike_suite *s)
{
	uint8_t n = a->loads ? 0 : (uint8_t)s->n_add_ke;

	archive_encr(a, &s->encr);
	archive_integ(a, &s->integ);
	archive_prf(a, &s->prf);
	archive_ke(a, &s->ke);
	archive_u8(a, &n);
	if (n > ADDKE_MAX)
		a->failed = true;
	s->n_add_ke = a->failed ? 0 : n;
	for (size_t i = 0; i < s->n_add_ke; i++)
		archive_ke(a, &s->add_ke[i]);
}

static void ike_keys_fields(struct archive *a, struct ike_keys *k)
{
	struct secret *all[] = { &k->d, &k->ai, &k->ar, &k->ei, &k->er, &k->pi, &k->pr };

	for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++)
		archive_secret(a, all[i], SECRET_MAX);
}

static void datagrams_fields(struct archive *a, struct datagrams *ds)
{
	uint32_t n = a->loads ? 0 : (uint32_t)ds->n;

	archive_u32(a, &n);
	if (n > DATAGRAMS_MAX)
		a->failed = true;
	if (a->failed || n == 0)
		return;
	if (a->loads) {
		ds->d = calloc(n, sizeof(*ds->d));
		ds->n = ds->d != NULL ? n : 0;
		a->failed = ds->d == NULL;
	}
	for (size_t i = 0; i < ds->n; i++)
		archive_blob(a, &ds->d[i], DATAGRAM_MAX);
}

/* A request of the peer's that waits for our answer has not come yet: it comes again. */
static void window_fields(struct archive *a, struct window *w)
{
	struct datagrams none = { 0 };
	const bool unseen = !a->loads && w->answering;
	uint32_t recv_id = w->recv_id - (unseen ? 1 : 0);

	archive_u32(a, &w->send_id);
	archive_bool(a, &w->request_out);
	archive_u8(a, &w->request_exchange);
	datagrams_fields(a, &w->request);
	archive_uint(a, &w->tries);
	archive_u32(a, &recv_id);
	if (a->loads)
		w->recv_id = recv_id;
	datagrams_fields(a, unseen ? &none : &w->reply);
	archive_endpoint(a, &w->from_local);
	archive_endpoint(a, &w->from_remote);
}

static void sa_flags(struct archive *a, struct ike_sa *sa)
{
	bool *all[] = {
		&sa->nat_local,	   &sa->nat_remote,	      &sa->encap,      &sa->peer_fragments,
		&sa->peer_ikemesh, &sa->peer_returned_cookie, &sa->ppk,	       &sa->want_delete,
		&sa->want_rekey,   &sa->want_child,	      &sa->want_probe, &sa->want_token,
		&sa->heals,	   &sa->authenticated,	      &sa->confirmed,  &sa->retiring,
		&sa->ends
	};

	for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++)
		archive_bool(a, all[i]);
}

static void sa_times(struct archive *a, struct ike_sa *sa)
{
	struct mono *all[] = { &sa->created_at, &sa->established_at, &sa->authenticated_at,
			       &sa->rekey_at,	&sa->retransmit_at,  &sa->expires_at,
			       &sa->reauth_at,	&sa->keepalive_at,   &sa->idle_at,
			       &sa->heard_at,	&sa->dies_at };

	for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++)
		archive_mono(a, all[i]);
}

void save_sa_fields(struct archive *a, struct ike_sa *sa)
{
	archive_uint(a, &sa->number);
	archive_u64(a, &sa->spi_peer);
	sa_flags(a, sa);
	sa_times(a, sa);
	ike_suite_fields(a, &sa->suite);
	ike_keys_fields(a, &sa->keys);
	archive_u64(a, &sa->iv_counter);
	window_fields(a, &sa->window);
	archive_i64(a, &sa->rtt_us);
	archive_u8(a, &sa->peer_id_type);
	archive_blob(a, &sa->peer_id, ID_MAX);
	archive_blob(a, &sa->peer_token, ID_MAX);
	archive_u32(a, &sa->credential);
	archive_ip(a, &sa->behind);
	archive_uint(a, &sa->rekey_failures);
	archive_uint(a, &sa->retransmits);
	if (sa->suite.encr == NULL || sa->suite.prf == NULL)
		a->failed = true; /* no IKE SA is without */
}

static void child_encap_fields(struct archive *a, struct child *c)
{
	if (a->version == SAVE_VERSION_INLINE_CERTS)
		return;
	archive_uint(a, &c->silent_looks);
	archive_mono(a, &c->silent_since);
	archive_uint(a, &c->noughts);
	archive_bool(a, &c->asks_count);
	archive_bool(a, &c->peer_counts);
	archive_bool(a, &c->peer_receives);
}

/* Of one that is in the kernel they are all zero. */
static void child_keys_fields(struct archive *a, struct child *c)
{
	static const struct child_keys zero;
	struct child_keys k = c->keys != NULL ? *c->keys : zero;

	archive_octets(a, k.in, sizeof(k.in));
	archive_octets(a, k.out, sizeof(k.out));
	if (a->loads && memcmp(&k, &zero, sizeof(k)) != 0) {
		c->keys = malloc(sizeof(*c->keys));
		a->failed = a->failed || c->keys == NULL;
		if (c->keys != NULL)
			*c->keys = k;
	}
	wipe(&k, sizeof(k));
}

void save_child_fields(struct archive *a, struct child *c)
{
	bool *flags[] = { &c->in_added,	 &c->out_added,	  &c->keeps_alive, &c->waited,
			  &c->out_waits, &c->held,	  &c->want_rekey,  &c->want_delete,
			  &c->doubted,	 &c->was_rekeyed, &c->lingers,	   &c->suite.esn };
	struct mono *times[] = { &c->held_at, &c->installed_at, &c->rekey_at,
				 &c->look_at, &c->looked_at,	&c->came_at };
	uint8_t state = a->loads ? 0 : (uint8_t)c->state;

	archive_uint(a, &c->number);
	archive_u8(a, &state);
	c->state = (enum child_state)state;
	a->failed = a->failed || state > CHILD_DELETING;
	for (size_t i = 0; i < sizeof(flags) / sizeof(flags[0]); i++)
		archive_bool(a, flags[i]);
	for (size_t i = 0; i < sizeof(times) / sizeof(times[0]); i++)
		archive_mono(a, times[i]);
	archive_u32(a, &c->spi_out);
	archive_encr(a, &c->suite.encr);
	archive_integ(a, &c->suite.integ);
	archive_ke(a, &c->suite.ke);
	child_keys_fields(a, c);
	archive_u8(a, &c->protocol);
	archive_u16(a, &c->local_port);
	archive_u16(a, &c->remote_port);
	archive_u16(a, &c->fuzz);
	archive_u64(a, &c->packets_in);
	archive_u64(a, &c->packets_out);
	archive_uint(a, &c->rekey_failures);
	child_encap_fields(a, c);
	/* One that is in the kernel is spoken of by its algorithms. */
	if ((c->in_added || c->out_added) && c->suite.encr == NULL)
		a->failed = true;
	/* What is still to be put there needs its key. */
	if (c->out_waits && c->keys == NULL)
		a->failed = true;
}

/* ---- references, all within a pair -------------------------------------------------------- */

void save_child_ref(struct archive *a, const struct engine *e, const struct pair *p,
		    struct child **c)
{
	uint32_t spi = a->loads || *c == NULL ? 0 : (*c)->spi_in;

	archive_u32(a, &spi);
	if (!a->loads)
		return;
	HASH_FIND(hh, e->children, &spi, sizeof(spi), *c);
	if (*c != NULL && (*c)->sa->pair != p)
		*c = NULL;
}

void save_sa_ref(struct archive *a, const struct engine *e, const struct pair *p,
		 struct ike_sa **sa)
{
	uint64_t spi = a->loads || *sa == NULL ? 0 : (*sa)->spi_local;

	archive_u64(a, &spi);
	if (!a->loads)
		return;
	HASH_FIND(hh, e->sas, &spi, sizeof(spi), *sa);
	if (*sa != NULL && (*sa)->pair != p)
		*sa = NULL;
}

static void transforms_fields(struct archive *a, struct transform *t, size_t *count)
{
	uint8_t n = a->loads ? 0 : (uint8_t)*count;

	archive_u8(a, &n);
	if (n > TRANSFORM_TYPES)
		a->failed = true;
	*count = a->failed ? 0 : n;
	for (size_t i = 0; i < *count; i++) {
		archive_u8(a, &t[i].type);
		archive_u16(a, &t[i].id);
		archive_u16(a, &t[i].key_bits);
	}
}

static void ts_fields(struct archive *a, struct ts *t)
{
	archive_u8(a, &t->family);
	archive_u8(a, &t->protocol);
	archive_u16(a, &t->start_port);
	archive_u16(a, &t->end_port);
	archive_ip(a, &t->start);
	archive_ip(a, &t->end);
}

static void answer_fields(struct archive *a, struct engine *e, struct pair *p,
			  struct child_answer *answer)
{
	save_child_ref(a, e, p, &answer->child);
	transforms_fields(a, answer->t, &answer->n);
	archive_u8(a, &answer->number);
	ts_fields(a, &answer->tsi);
	ts_fields(a, &answer->tsr);
	archive_ip(a, &answer->wire_tsi);
	archive_ip(a, &answer->wire_tsr);
}

static void rival_fields(struct archive *a, struct engine *e, struct pair *p, struct rival *r)
{
	archive_bool(a, &r->present);
	archive_blob(a, &r->ni, NONCE_MAX);
	archive_blob(a, &r->nr, NONCE_MAX);
	save_child_ref(a, e, p, &r->child);
	save_sa_ref(a, e, p, &r->ike_sa);
}

void save_task_fields(struct archive *a, struct engine *e, struct pair *p, struct task *t)
{
	uint64_t done = a->loads ? 0 : t->add_ke_done;

	save_child_ref(a, e, p, &t->old);
	save_child_ref(a, e, p, &t->fresh);
	save_sa_ref(a, e, p, &t->fresh_sa);
	archive_u64(a, &t->spi_local);
	archive_u64(a, &t->spi_peer);
	ike_suite_fields(a, &t->ike_suite);
	archive_ke(a, &t->ke);
	archive_ke_key(a, t->ke, &t->ke_key);
	archive_blob(a, &t->ke_public, KE_MAX_PUBLIC);
	archive_blob(a, &t->ni, NONCE_MAX);
	archive_blob(a, &t->nr, NONCE_MAX);
	rival_fields(a, e, p, &t->rival);
	answer_fields(a, e, p, &t->answer);
	transforms_fields(a, t->t, &t->n);
	archive_u8(a, &t->number);
	archive_bool(a, &t->other_group_tried);
	archive_u64(a, &done);
	t->add_ke_done = (size_t)done;
	if (done > ADDKE_MAX)
		a->failed = true;
	archive_secret(a, &t->shared, SECRET_MAX);
	archive_secret(a, &t->more, ADDKE_MAX * SECRET_MAX);
	archive_blob(a, &t->link, LINK_MAX);
	archive_mono(a, &t->until);
}
