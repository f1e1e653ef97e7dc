/* SPDX-License-Identifier: Apache-2.0 */
#include "ike/child.h"
#include <inttypes.h>

#include "ike/encap.h"
#include "ike/exchange/exchange.h"
#include "ike/hold.h"
#include "ike/idle.h"
#include "ike/pair.h"
#include "ike/sa.h"
#include "ike/save.h"
#include "ike/survivor.h"
#include "ike/task.h"
#include "ike/ts.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define SECOND INT64_C(1000000)
/* AES-GCM without ESN must never reuse a sequence number (RFC 4303 3.3.3): well before 2^32. */
#define PACKETS_NO_ESN UINT64_C(0xf0000000)
#define LOOK_MAX_S 60
#define LOOKS_TOGETHER 6 /* a look comes up to a sixth of dpd_delay early */
#define IP_UDP 17	 /* protocol number */
#define LINGER_US (5 * SECOND)
/* A peer that rekeyed an SA and never deletes the old one: we do, after this. */
#define UNDELETED_US (30 * SECOND)
/* A peer that never sends on what we answered, while another SA carries: it missed the answer. */
#define UNUSED_US (10 * SECOND)

static int spi_pick(struct engine *e, uint32_t *spi)
{
	struct child *other;

	do {
		int r = engine_random(e, (uint8_t *)spi, sizeof(*spi));
		if (r != 0)
			return r;
		HASH_FIND(hh, e->children, spi, sizeof(*spi), other);
	} while (*spi < 0x10000 || other != NULL); /* RFC 4303 2.1: 0 to 255 are reserved */
	return 0;
}

struct child *child_new(struct engine *e, struct ike_sa *sa, bool initiator)
{
	uint32_t spi;

	return spi_pick(e, &spi) == 0 ? child_new_with_spi(e, sa, initiator, spi) : NULL;
}

struct child *child_new_with_spi(struct engine *e, struct ike_sa *sa, bool initiator,
				 uint32_t spi_in)
{
	struct child *c;

	HASH_FIND(hh, e->children, &spi_in, sizeof(spi_in), c);
	if (c != NULL || deadlines_reserve(&e->deadlines, e->n_objects + 1) != 0)
		return NULL;
	c = store_take(&e->child_store);
	if (c == NULL)
		return NULL;
	c->spi_in = spi_in;
	HASH_ADD(hh, e->children, spi_in, sizeof(c->spi_in), c);
	if (c->hh.tbl == NULL) {
		store_give(&e->child_store, c);
		return NULL;
	}
	c->sa = sa;
	c->initiator = initiator;
	c->state = CHILD_INSTALLING;
	c->installed_at = c->rekey_at = c->look_at = MONO_NEVER;
	c->deadline.owner = DEADLINE_CHILD;
	c->next = sa->children;
	sa->children = c;
	e->n_objects++;
	return c;
}

void child_set_selectors(struct child *c, const struct ts *local, const struct ts *remote)
{
	c->protocol = local->protocol;
	c->local_port = ts_port(local);
	c->remote_port = ts_port(remote);
}

static size_t key_len(const struct child *c)
{
	return c->suite.encr->key_len + c->suite.encr->salt_len +
	       (c->suite.integ ? c->suite.integ->key_len : 0);
}

static void forget_keys(struct child *c)
{
	if (c->keys != NULL)
		wipe(c->keys, sizeof(*c->keys));
	free(c->keys);
	c->keys = NULL;
}

int child_derive(struct child *c, struct bytes shared, struct bytes ni, struct bytes nr)
{
	uint8_t keymat[2 * SA_KEY_MAX];
	const size_t n = key_len(c);
	const struct ike_sa *sa = c->sa;

	if (n > SA_KEY_MAX)
		return -EINVAL;
	if (c->keys == NULL)
		c->keys = calloc(1, sizeof(*c->keys));
	if (c->keys == NULL)
		return -ENOMEM;
	int r = keymat_child(sa->suite.prf, secret_view(&sa->keys.d), shared, ni, nr, keymat,
			     2 * n);
	if (r == 0) {
		/* RFC 7296 2.17: first the keys of initiator to responder. */
		memcpy(c->initiator ? c->keys->out : c->keys->in, keymat, n);
		memcpy(c->initiator ? c->keys->in : c->keys->out, keymat + n, n);
	}
	wipe(keymat, sizeof(keymat));
	return r;
}

struct sa_ref child_ref(const struct child *c, bool inbound)
{
	const struct ip *local = &c->sa->local.ip, *remote = &c->sa->remote.ip;

	return (struct sa_ref){ .src = inbound ? *remote : *local,
				.dst = inbound ? *local : *remote,
				.spi = inbound ? c->spi_in : c->spi_out };
}

/* Up to a tenth earlier, so that a fleet does not rekey in step. */
static uint64_t earlier(uint64_t limit, uint16_t fuzz)
{
	return limit - limit / 10 * fuzz / 65536;
}

static void sa_spec_of(const struct engine *e, const struct child *c, bool inbound,
		       struct sa_spec *s)
{
	const struct sa_ref ref = child_ref(c, inbound);
	const struct ike_sa *sa = c->sa;

	memset(s, 0, sizeof(*s));
	s->inbound = inbound;
	s->src = ref.src;
	s->dst = ref.dst;
	s->spi = ref.spi;
	s->encr = c->suite.encr;
	s->integ = c->suite.integ;
	s->key_len = key_len(c);
	if (c->keys != NULL)
		memcpy(s->key, inbound ? c->keys->in : c->keys->out, s->key_len);
	s->esn = c->suite.esn;
	s->replay_window = e->spec->replay_window;
	s->encap = sa->encap;
	if (sa->encap) {
		s->encap_src_port = inbound ? sa->remote.port : sa->local.port;
		s->encap_dst_port = inbound ? sa->local.port : sa->remote.port;
		if (!inbound && c->keeps_alive)
			s->keepalive_s = KEEPALIVE_S;
	}
	s->sel_protocol = c->protocol;
	s->sel_src_port = inbound ? c->remote_port : c->local_port;
	s->sel_dst_port = inbound ? c->local_port : c->remote_port;
	if (!c->suite.esn)
		s->hard_packets = PACKETS_NO_ESN;
	if (!inbound) {
		/* The inbound SA's soft limit may be taken by its first packet. */
		s->soft_packets = earlier(e->spec->esp_packet_limit, c->fuzz);
		s->soft_bytes = earlier(e->spec->esp_byte_limit, c->fuzz);
	}
}

/*
 * The kernel asks its policies about its own keepalives: where they do not let UDP 4500 pass, it
 * would send them as ESP, and every idle SA would look used, at both ends.
 */
static bool kernel_may_keep_alive(const struct engine *e, const struct ike_sa *sa)
{
	return e->options.kernel_keepalives && sa->encap && sa->nat_local &&
	       spec_bypasses(e->spec, &sa->remote.ip, IP_UDP, sa->remote.port);
}

static void add(struct engine *e, struct child *c, bool inbound)
{
	struct sa_spec s;

	if (!inbound)
		c->keeps_alive = kernel_may_keep_alive(e, c->sa);
	sa_spec_of(e, c, inbound, &s);
	if (inbound && c->out_waits)
		s.soft_packets = 1;
	if (c->keys == NULL)
		s.key_len = 0; /* so it is refused: better than a key that everybody knows */
	act_sa_add(e, &s);
	wipe(&s, sizeof(s));
	if (inbound)
		c->in_added = true;
	else
		c->out_added = true;
	if (c->in_added && c->out_added)
		forget_keys(c);
	else if (c->keys != NULL)
		wipe(inbound ? c->keys->in : c->keys->out, SA_KEY_MAX);
}

/* Other than but, and whether they can carry traffic by now or not. */
static bool has_installed(const struct pair *p, const struct child *but)
{
	for (const struct ike_sa *sa = p->sas; sa; sa = sa->next)
		for (const struct child *c = sa->children; c; c = c->next)
			if (c != but && !mono_is_never(c->installed_at))
				return true;
	return false;
}

static void note_change(struct engine *e, struct pair *p)
{
	const bool up = has_installed(p, NULL);

	if (p->up && !up) {
		report_reason(e, REPORT_INFO, AREA_CHILD, report_cause(e, p), p, NULL, 0,
			      "no CHILD_SA any more, after %" PRId64 " s",
			      (e->now.us - p->since.us) / SECOND);
		report_is(e, HAPPENING_DOWN);
	}
	if (up != p->up)
		p->since = e->now;
	p->up = up;
}

static void plan_life(struct engine *e, struct child *c)
{
	const int64_t life = SECOND * e->spec->esp_lifetime_s;

	pair_no_retry(e, c->sa->pair);
	c->number = ++e->next_child;
	c->installed_at = c->came_at = c->looked_at = e->now;
	note_change(e, c->sa->pair);
	e->counters.children++;
	if (engine_random(e, (uint8_t *)&c->fuzz, sizeof(c->fuzz)) != 0)
		c->fuzz = 0;
	if (life == 0)
		return;
	c->rekey_at = mono_after(e->now, (int64_t)earlier((uint64_t)life, c->fuzz));
	/* As a responder a little later, so that both sides seldom begin at once. */
	if (!c->initiator)
		c->rekey_at = mono_after(c->rekey_at, life / 50);
}

static void arm(struct engine *e, struct child *c, struct mono at)
{
	save_touch(e, c->sa->pair);
	deadline_arm(&e->deadlines, &c->deadline, at);
}

/* An installed child: its next rekeying or its next look at the counters. */
static void arm_settled(struct engine *e, struct child *c)
{
	arm(e, c, mono_first(c->rekey_at, c->look_at));
}

/* The same for a look that found nothing: whoever goes on looks at once, and needs no record. */
static void arm_look(struct engine *e, struct child *c)
{
	deadline_arm(&e->deadlines, &c->deadline, mono_first(c->rekey_at, c->look_at));
}

/*
 * Those of a fleet fall together, a little early, so that one wake-up serves many pairs and an
 * idle host sleeps in between.
 */
static struct mono together(struct mono at, int64_t delay)
{
	const int64_t grid = delay / LOOKS_TOGETHER;

	at.us -= at.us % (grid > 0 ? grid : 1);
	return at;
}

static void plan_look(struct engine *e, struct child *c)
{
	const int64_t dpd = SECOND * e->spec->dpd_delay_s;
	/* The self-check wants to know as well. */
	const int64_t usual = dpd == 0 || dpd > SECOND * LOOK_MAX_S ? SECOND * LOOK_MAX_S : dpd;
	int64_t delay = usual;

	if (delay > SURVIVOR_LOOK_US && survivor_has_twin(c))
		delay = SURVIVOR_LOOK_US;
	if (e->spec->idle_timeout_s != 0 && delay > idle_left(e, c->sa->pair))
		delay = idle_left(e, c->sa->pair);
	if (delay > encap_look(e, c))
		delay = encap_look(e, c);
	c->look_at = mono_after(e->now, delay);
	if (delay == usual)
		c->look_at = together(c->look_at, delay);
}

/* c is live now. Those that were it before are looked at now and soon again: only one may stay. */
static void watch_twins(struct engine *e, const struct child *c)
{
	if (!survivor_has_twin(c))
		return;
	for (struct ike_sa *sa = c->sa->pair->sas; sa; sa = sa->next) {
		for (struct child *o = sa->children; o; o = o->next) {
			if (o == c || !survivor_is_live(o))
				continue;
			o->look_at = e->now;
			arm_settled(e, o);
		}
	}
}

static void look(struct engine *e, struct child *c)
{
	const struct sa_ref in = child_ref(c, true), out = child_ref(c, false);

	plan_look(e, c);
	act_sa_usage(e, &in, &out);
}

void child_doubt(struct engine *e, struct child *c)
{
	const struct sa_ref in = child_ref(c, true), out = child_ref(c, false);

	c->doubted = true;
	act_sa_usage(e, &in, &out);
}

void child_usage(struct engine *e, struct child *c, uint64_t packets_in, uint64_t packets_out,
		 bool out_gone)
{
	struct ike_sa *sa = c->sa;
	const bool lost = c->doubted && out_gone && c->out_added;

	const bool comes = packets_in > c->packets_in, goes = packets_out > c->packets_out;

	if (comes || goes || c->doubted)
		save_touch(e, sa->pair);
	c->doubted = false;
	if (lost) {
		pair_lost(e, sa->pair, c);
		return;
	}
	c->packets_in = packets_in;
	c->packets_out = packets_out;
	c->looked_at = e->now;
	encap_looked(e, c, comes, goes);
	if (comes)
		sa->heard_at = c->came_at = e->now;
	else if (goes && e->spec->dpd_delay_s != 0 && c->state == CHILD_INSTALLED)
		sa_probe(e, sa);
	/* Idle both ways: nobody waits for the peer, nothing is asked of it. */
	if (comes || goes)
		pair_used(e, sa->pair);
	survivor_check(e, sa->pair);
	idle_check(e, sa->pair);
}

static void drop_outbound(struct engine *e, struct child *c)
{
	if (!c->out_added)
		return;
	const struct sa_ref ref = child_ref(c, false);
	act_sa_delete(e, &ref, false);
	c->out_added = false;
}

/* The successor's outbound SA is in: those that it replaces need theirs no longer. */
static void relieve_predecessors(struct engine *e, const struct child *c)
{
	for (struct ike_sa *sa = c->sa->pair->sas; sa; sa = sa->next)
		for (struct child *old = sa->children; old; old = old->next)
			if (old->replaced_by == c) {
				drop_outbound(e, old);
				if (old->want_delete)
					arm(e, old, e->now); /* it was spared until now */
			}
}

bool child_carries_for_successor(const struct child *c)
{
	const struct child *by = c->replaced_by;

	return c->state == CHILD_REKEYED && c->in_added && c->out_added && by != NULL &&
	       (by->out_waits || by->held);
}

static void tell_installed(struct engine *e, const struct child *c)
{
	report(e, REPORT_NOTICE, AREA_CHILD, c->sa->pair, c->sa, 0,
	       "CHILD_SA {%u} installed with SPIs %08x_i %08x_o, %s", c->number, c->spi_in,
	       c->spi_out, c->suite.encr->name);
	if (!has_installed(c->sa->pair, c))
		report_is(e, HAPPENING_UP);
}

static void update(struct engine *e, const struct child *c, bool inbound)
{
	struct sa_spec s;

	sa_spec_of(e, c, inbound, &s);
	memset(s.key, 0, sizeof(s.key));
	act_sa_update(e, &s);
}

void child_follow_port(struct engine *e, struct child *c)
{
	if (c->in_added)
		update(e, c, true);
	if (c->out_added)
		update(e, c, false);
}

/* Both of its SAs are there. */
static void settled(struct engine *e, struct child *c)
{
	c->state = CHILD_INSTALLED;
	c->sa->ends = false; /* it was idle, and is no longer */
	plan_look(e, c);
	arm_settled(e, c);
	watch_twins(e, c);
	hold_installed(e, c);
	tell_installed(e, c);
}

void child_install(struct engine *e, struct child *c)
{
	act_group(e);
	plan_life(e, c);
	if (hold_must_wait(e, c)) {
		c->out_waits = true;
		add(e, c, true);
		return;
	}
	add(e, c, true);
	add(e, c, false);
	act_nudge(e, c->sa->pair);
	settled(e, c);
}

void child_install_inbound(struct engine *e, struct child *c, int64_t wait_us)
{
	act_group(e);
	plan_life(e, c);
	c->out_waits = true;
	add(e, c, true);
	arm(e, c, mono_after(e->now, wait_us));
}

void child_install_outbound(struct engine *e, struct child *c)
{
	if (!c->out_waits || c->held || hold_must_wait(e, c))
		return;
	act_group(e);
	child_install_outbound_too(e, c);
}

void child_hold_until(struct engine *e, struct child *c, struct mono at)
{
	arm(e, c, at);
}

void child_release(struct engine *e, struct child *c)
{
	c->held = false;
	act_group(e);
	child_install_outbound_too(e, c);
}

void child_install_outbound_too(struct engine *e, struct child *c)
{
	c->out_waits = c->held = false;
	add(e, c, false);
	act_nudge(e, c->sa->pair);
	settled(e, c);
	relieve_predecessors(e, c);
	survivor_choose(e, c->sa->pair);
}

void child_install_loser(struct engine *e, struct child *c)
{
	act_group(e);
	plan_life(e, c);
	add(e, c, true);
	forget_keys(c);
	c->state = CHILD_REKEYED;
	c->want_delete = true;
}

void child_replaced(struct engine *e, struct child *c, struct child *by)
{
	c->replaced_by = by;
	c->state = CHILD_REKEYED;
	c->rekey_at = MONO_NEVER;
	c->want_rekey = false;
	c->out_waits = c->held = false;
	report(e, REPORT_INFO, AREA_CHILD, c->sa->pair, by->sa, EXCHANGE_CREATE_CHILD_SA,
	       "CHILD_SA {%u} rekeyed: {%u} carries on", c->number, by->number);
	report_is(e, HAPPENING_REKEYED);
	if (by->out_added)
		drop_outbound(e, c);
	arm(e, c, mono_after(e->now, UNDELETED_US));
}

void child_linger(struct engine *e, struct child *c)
{
	if (c->replaced_by != NULL)
		child_install_outbound(e, c->replaced_by); /* the peer is done with the old one */
	drop_outbound(e, c);
	c->out_waits = c->held = false;
	c->want_delete = c->want_rekey = false;
	c->state = CHILD_REKEYED;
	c->lingers = true;
	c->spi_out = 0; /* the peer may use it again for another */
	arm(e, c, mono_after(e->now, LINGER_US));
}

void child_abandon_all(struct engine *e, struct ike_sa *sa)
{
	struct ike_sa *heir = pair_heir(sa->pair, sa);

	while (sa->children != NULL) {
		struct child *c = sa->children;
		if (heir != NULL && c->in_added) {
			child_move(c, heir);
			child_linger(e, c);
		} else {
			child_remove(e, c);
		}
	}
}

void child_move(struct child *c, struct ike_sa *to)
{
	for (struct child **at = &c->sa->children; *at; at = &(*at)->next) {
		if (*at == c) {
			*at = c->next;
			break;
		}
	}
	c->sa = to;
	c->next = to->children;
	to->children = c;
}

bool child_same_selectors(const struct child *a, const struct child *b)
{
	return a->protocol == b->protocol && a->local_port == b->local_port &&
	       a->remote_port == b->remote_port;
}

bool child_can_send_on_another(const struct child *c)
{
	for (const struct ike_sa *sa = c->sa->pair->sas; sa; sa = sa->next)
		for (const struct child *other = sa->children; other; other = other->next)
			if (other != c && other->out_added && other->state != CHILD_DELETING &&
			    child_same_selectors(other, c))
				return true;
	return false;
}

bool child_is_successor(const struct child *c)
{
	for (const struct ike_sa *sa = c->sa->pair->sas; sa; sa = sa->next)
		for (const struct child *old = sa->children; old; old = old->next)
			if (old->replaced_by == c)
				return true;
	return false;
}

/*
 * Nothing came on the inbound SA: our answer may be lost, and the peer then has no SA to receive
 * on. With another to send on there is no hurry. A peer that still says nothing never got it.
 */
static void wait_is_over(struct engine *e, struct child *c)
{
	if (!child_can_send_on_another(c) || (c->waited && child_is_successor(c))) {
		child_install_outbound(e, c);
	} else if (!c->waited) {
		c->waited = true;
		arm(e, c, mono_after(e->now, UNUSED_US));
	} else {
		report_reason(
			e, REPORT_INFO, AREA_CHILD, REASON_SUPERFLUOUS, c->sa->pair, c->sa, 0,
			"CHILD_SA with SPIs %08x_i %08x_o was never used by the peer: deleted",
			c->spi_in, c->spi_out);
		if (c->next == NULL && c->sa->children == c) {
			informational_delete_sa(e, c->sa);
		} else {
			c->want_delete = true;
			sa_work(e, c->sa);
		}
	}
}

static bool is_settled(const struct child *c)
{
	return !c->lingers && c->state != CHILD_REKEYED && !c->held && !c->out_waits;
}

bool child_only_looks(const struct engine *e, const struct child *c)
{
	return is_settled(c) && !mono_reached(e->now, c->rekey_at);
}

void child_timer(struct engine *e, struct child *c)
{
	if (child_only_looks(e, c)) {
		if (mono_reached(e->now, c->look_at))
			look(e, c);
		arm_look(e, c);
		return;
	}
	save_touch(e, c->sa->pair);
	if (c->lingers) {
		child_remove(e, c);
	} else if (c->state == CHILD_REKEYED) {
		c->want_delete = true; /* whoever should have deleted it did not */
		sa_work(e, c->sa);
	} else if (c->held) {
		child_release(e, c);
	} else if (c->out_waits) {
		wait_is_over(e, c);
	} else {
		c->rekey_at = MONO_NEVER;
		c->want_rekey = true;
		arm_settled(e, c);
		sa_work(e, c->sa);
	}
}

void child_retry_rekey(struct engine *e, struct child *c, struct mono at)
{
	c->rekey_at = at;
	arm_settled(e, c);
}

void child_expired(struct engine *e, struct child *c, bool hard, bool inbound)
{
	if (hard) {
		report_reason(e, REPORT_WARNING, AREA_CHILD, REASON_HARD_LIMIT, c->sa->pair, c->sa,
			      0, "CHILD_SA {%u} came to its hard limit", c->number);
		c->want_delete = true;
		if (c->state == CHILD_REKEYED)
			drop_outbound(e, c); /* nor does it carry anything for its successor */
		sa_work(e, c->sa);
	} else if (inbound) {
		child_install_outbound(e,
				       c); /* RFC 7296 2.8: the peer sends on it, so it receives */
	} else {
		c->want_rekey = true;
		sa_work(e, c->sa);
	}
}

void child_remove(struct engine *e, struct child *c)
{
	struct sa_ref ref;

	if (c->out_added) {
		ref = child_ref(c, false);
		act_sa_delete(e, &ref, false);
	}
	if (c->in_added) {
		ref = child_ref(c, true);
		act_sa_delete(e, &ref, true);
	}
	deadline_disarm(&e->deadlines, &c->deadline);
	HASH_DELETE(hh, e->children, c);
	tasks_forget_child(c->sa->pair, c);
	for (struct child **at = &c->sa->children; *at; at = &(*at)->next) {
		if (*at == c) {
			*at = c->next;
			break;
		}
	}
	note_change(e, c->sa->pair);
	if (c->sa->hs != NULL && c->sa->hs->child == c)
		c->sa->hs->child = NULL;
	if (c->sa->hs != NULL && c->sa->hs->answer.child == c)
		c->sa->hs->answer.child = NULL;
	e->n_objects--;
	forget_keys(c);
	store_give(&e->child_store, c);
}

struct child *child_by_spi_out(const struct pair *p, uint32_t spi_out)
{
	for (struct ike_sa *sa = p->sas; sa; sa = sa->next)
		for (struct child *c = sa->children; c; c = c->next)
			if (c->spi_out == spi_out)
				return c;
	return NULL;
}

struct child *child_by_ref(const struct engine *e, const struct sa_ref *ref)
{
	struct child *c;

	HASH_FIND(hh, e->children, &ref->spi, sizeof(ref->spi), c);
	if (c != NULL && ip_equal(&c->sa->local.ip, &ref->dst))
		return c;
	struct pair *p = pair_find(e, &ref->src, &ref->dst);
	return p ? child_by_spi_out(p, ref->spi) : NULL;
}
