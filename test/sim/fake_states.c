/* SPDX-License-Identifier: Apache-2.0 */
/* The SAs of one host and the larval states: where they are kept, their limits, ESP that comes in.
 */
#include "sim/fake_states.h"

#include "sim/rng.h"
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define SECOND_US INT64_C(1000000)

void *fake_grab(size_t n, size_t size)
{
	void *p = calloc(n == 0 ? 1 : n, size);

	if (p == NULL)
		abort();
	return p;
}

static size_t ip_hash(const struct ip *ip, uint64_t salt)
{
	uint64_t word[2];

	memcpy(word, ip->b, sizeof word);
	return (size_t)rng_mix(rng_mix(salt ^ ip->family ^ word[0]) ^ word[1]);
}

static size_t spi_bucket(const struct ip *dst, uint32_t spi)
{
	return ip_hash(dst, spi) % FAKE_KERNEL_BUCKETS;
}

static size_t pair_bucket(const struct ip *src, const struct ip *dst)
{
	return ip_hash(dst, ip_hash(src, 1)) % FAKE_KERNEL_BUCKETS;
}

void fake_due_at(struct fake_kernel *k, int64_t us)
{
	if (us < k->deadline.us)
		k->deadline.us = us;
}

/* --- SAs --- */

static void sa_free(struct fake_sa *s)
{
	wipe(s->spec.key, sizeof s->spec.key);
	free(s->seen);
	free(s);
}

static struct fake_sa *sa_find(const struct fake_kernel *k, const struct ip *dst, uint32_t spi)
{
	struct fake_sa *s = k->by_spi[spi_bucket(dst, spi)];

	while (s != NULL && (s->spec.spi != spi || !ip_equal(&s->spec.dst, dst)))
		s = s->next_by_spi;
	return s;
}

const struct fake_sa *fake_kernel_sa(const struct fake_kernel *k, const struct ip *dst,
				     uint32_t spi)
{
	return sa_find(k, dst, spi);
}

static void sa_link(struct fake_kernel *k, struct fake_sa *s)
{
	struct fake_sa **spi = &k->by_spi[spi_bucket(&s->spec.dst, s->spec.spi)];
	struct fake_sa **pair = &k->by_pair[pair_bucket(&s->spec.src, &s->spec.dst)];

	s->next_by_spi = *spi;
	*spi = s;
	s->next_by_pair = *pair;
	*pair = s;
	k->n_sas++;
}

static void sa_unlink(struct fake_kernel *k, struct fake_sa *s)
{
	struct fake_sa **at = &k->by_spi[spi_bucket(&s->spec.dst, s->spec.spi)];

	while (*at != s)
		at = &(*at)->next_by_spi;
	*at = s->next_by_spi;
	at = &k->by_pair[pair_bucket(&s->spec.src, &s->spec.dst)];
	while (*at != s)
		at = &(*at)->next_by_pair;
	*at = s->next_by_pair;
	k->n_sas--;
}

static void larval_drop(struct fake_kernel *k, const struct ip *src, const struct ip *dst)
{
	struct fake_larval **at = &k->larvals[pair_bucket(src, dst)];

	for (; *at != NULL; at = &(*at)->next) {
		struct fake_larval *l = *at;

		if (!ip_equal(&l->src, src) || !ip_equal(&l->dst, dst))
			continue;
		*at = l->next;
		free(l);
		return;
	}
}

void fake_states_free(struct fake_kernel *k)
{
	for (size_t i = 0; i < FAKE_KERNEL_BUCKETS; i++) {
		for (struct fake_sa *s = k->by_spi[i], *next; s != NULL; s = next) {
			next = s->next_by_spi;
			sa_free(s);
		}
		for (struct fake_larval *l = k->larvals[i], *next; l != NULL; l = next) {
			next = l->next;
			free(l);
		}
		k->by_spi[i] = k->by_pair[i] = NULL;
		k->larvals[i] = NULL;
	}
	k->n_sas = 0;
}

int fake_kernel_sa_add(struct fake_kernel *k, struct mono now, const struct sa_spec *sa)
{
	struct fake_sa *s;

	k->adds++;
	if (k->fail_add_in > 0 && --k->fail_add_in == 0)
		return k->fail_error;
	if (sa_find(k, &sa->dst, sa->spi) != NULL)
		return -EEXIST;
	if (sa->spi == 0 || sa->encr == NULL || sa->key_len == 0 || sa->key_len > SA_KEY_MAX)
		return -EINVAL;
	s = fake_grab(1, sizeof *s);
	s->spec = *sa;
	s->added_at = now;
	s->order = ++k->order;
	s->seen_words = sa->inbound ? (sa->replay_window + 63) / 64 : 0;
	s->seen = fake_grab(s->seen_words, sizeof *s->seen);
	sa_link(k, s);
	/* A larval state is found by its addresses alone: only the outbound SA ends it. */
	larval_drop(k, &sa->src, &sa->dst);
	if (sa->soft_s != 0)
		fake_due_at(k, now.us + sa->soft_s * SECOND_US);
	if (sa->hard_s != 0)
		fake_due_at(k, now.us + sa->hard_s * SECOND_US);
	return 0;
}

int fake_kernel_sa_update(struct fake_kernel *k, const struct sa_spec *sa)
{
	struct fake_sa *s = sa_find(k, &sa->dst, sa->spi);

	if (s == NULL)
		return -ESRCH;
	if (s->spec.encap != sa->encap)
		return -EINVAL;
	s->spec.encap_src_port = sa->encap_src_port;
	s->spec.encap_dst_port = sa->encap_dst_port;
	return 0;
}

int fake_kernel_sa_delete(struct fake_kernel *k, const struct sa_ref *ref)
{
	struct fake_sa *s = sa_find(k, &ref->dst, ref->spi);

	k->deletes++;
	if (s == NULL)
		return -ESRCH;
	sa_unlink(k, s);
	sa_free(s);
	return 0;
}

void fake_kernel_sas_packets(const struct fake_kernel *k, const struct sa_ref *refs, size_t n,
			     uint64_t *packets, int *errors)
{
	for (size_t i = 0; i < n; i++) {
		const struct fake_sa *s = sa_find(k, &refs[i].dst, refs[i].spi);

		packets[i] = s == NULL ? 0 : s->packets;
		errors[i] = s == NULL ? -ESRCH : 0;
	}
}

static struct sa_ref sa_ref_of(const struct fake_sa *s)
{
	return (struct sa_ref){ .src = s->spec.src, .dst = s->spec.dst, .spi = s->spec.spi };
}

/* --- limits --- */

static void sa_soft(struct fake_kernel *k, struct fake_sa *s)
{
	struct sa_ref ref = sa_ref_of(s);

	s->dying = true;
	k->hooks.expire(k->hooks.arg, &ref, false);
}

static void sa_hard(struct fake_kernel *k, struct fake_sa *s)
{
	struct sa_ref ref = sa_ref_of(s);

	sa_unlink(k, s);
	sa_free(s);
	k->hooks.expire(k->hooks.arg, &ref, true);
}

static bool over(uint64_t count, uint64_t limit)
{
	return limit != 0 && count >= limit;
}

bool fake_sa_limits(struct fake_kernel *k, struct fake_sa *s)
{
	if (over(s->packets, s->spec.hard_packets) || over(s->octets, s->spec.hard_bytes)) {
		sa_hard(k, s);
		return false;
	}
	if (!s->dying &&
	    (over(s->packets, s->spec.soft_packets) || over(s->octets, s->spec.soft_bytes)))
		sa_soft(k, s);
	return true;
}

void fake_sa_count(struct fake_kernel *k, struct fake_sa *s, const struct app_packet *p)
{
	s->packets++;
	s->octets += p->n;
	if (!k->soft_late && !s->dying &&
	    (over(s->packets, s->spec.soft_packets) || over(s->octets, s->spec.soft_bytes)))
		sa_soft(k, s);
}

/* --- which one a packet takes --- */

static bool sa_selects(const struct sa_spec *sa, const struct app_packet *p)
{
	return ip_equal(&sa->src, &p->src) && ip_equal(&sa->dst, &p->dst) &&
	       (sa->sel_protocol == 0 || sa->sel_protocol == p->protocol) &&
	       (sa->sel_src_port == 0 || sa->sel_src_port == p->src_port) &&
	       (sa->sel_dst_port == 0 || sa->sel_dst_port == p->dst_port);
}

/* The kernel's order: not yet dying, then added in a later second, then added later. */
static bool sa_better(const struct fake_sa *a, const struct fake_sa *b)
{
	if (a->dying != b->dying)
		return b->dying;
	return a->order > b->order;
}

struct fake_sa *fake_outbound(const struct fake_kernel *k, const struct app_packet *p)
{
	struct fake_sa *best = NULL, *s = k->by_pair[pair_bucket(&p->src, &p->dst)];

	for (; s != NULL; s = s->next_by_pair)
		if (!s->spec.inbound && sa_selects(&s->spec, p) &&
		    (best == NULL || sa_better(s, best)))
			best = s;
	return best;
}

const struct fake_sa *fake_kernel_outbound(const struct fake_kernel *k, struct mono now,
					   const struct app_packet *p)
{
	(void)now;
	return fake_outbound(k, p);
}

/* --- larval states --- */

void fake_acquire(struct fake_kernel *k, struct mono now, const struct app_packet *p)
{
	struct fake_larval **bucket = &k->larvals[pair_bucket(&p->src, &p->dst)], *l = *bucket;

	while (l != NULL && (!ip_equal(&l->src, &p->src) || !ip_equal(&l->dst, &p->dst)))
		l = l->next;
	if (l != NULL || !k->listening)
		return;
	l = fake_grab(1, sizeof *l);
	l->src = p->src;
	l->dst = p->dst;
	l->ends_at.us = now.us + k->acquire_expires_us;
	l->next = *bucket;
	*bucket = l;
	fake_due_at(k, l->ends_at.us);
	k->acquires++;
	k->hooks.acquire(k->hooks.arg, p);
}

/* --- input --- */

static bool replay_seen(const struct fake_sa *s, uint64_t seq)
{
	uint64_t window = s->seen_words * 64;

	if (s->spec.replay_window == 0 || seq > s->seq)
		return false;
	if (s->seq - seq >= s->spec.replay_window)
		return true;
	return (s->seen[seq % window / 64] >> (seq % 64) & 1) != 0;
}

static void replay_advance(struct fake_sa *s, uint64_t seq)
{
	uint64_t window = s->seen_words * 64;

	if (window == 0)
		return;
	if (seq > s->seq) {
		uint64_t gap = seq - s->seq < window ? seq - s->seq : window;

		for (uint64_t i = 0; i < gap; i++)
			s->seen[(seq - i) % window / 64] &= ~(UINT64_C(1) << ((seq - i) % 64));
		s->seq = seq;
	}
	s->seen[seq % window / 64] |= UINT64_C(1) << (seq % 64);
}

static bool keys_equal(const struct sa_spec *sa, const struct esp_packet *p)
{
	return sa->encr == p->encr && sa->integ == p->integ && sa->esn == p->esn &&
	       sa->key_len == p->key_len && memcmp(sa->key, p->key, p->key_len) == 0;
}

/* Only what is authentic speaks for the peer's NAT. */
static void mapping_look(struct fake_kernel *k, const struct fake_sa *s, const struct esp_packet *p)
{
	const struct sa_ref ref = sa_ref_of(s);
	const struct endpoint remote = { .ip = p->inner.src, .port = p->src_port };

	if (p->encap && p->src_port != s->spec.encap_src_port && k->hooks.mapping != NULL)
		k->hooks.mapping(k->hooks.arg, &ref, &remote);
}

void fake_kernel_input_esp(struct fake_kernel *k, struct mono now, const struct esp_packet *p)
{
	struct fake_sa *s = sa_find(k, &p->inner.dst, p->spi);

	(void)now;
	if (s == NULL) {
		k->no_states++;
		k->hooks.lost(k->hooks.arg, &p->inner, LOSS_NO_STATE);
	} else if (s->spec.encap != p->encap) {
		k->hooks.lost(k->hooks.arg, &p->inner, LOSS_ENCAP);
	} else if (replay_seen(s, p->seq)) {
		k->hooks.lost(k->hooks.arg, &p->inner, LOSS_REPLAY);
	} else if (!fake_sa_limits(k, s)) {
		k->hooks.lost(k->hooks.arg, &p->inner, LOSS_EXPIRED);
	} else if (!keys_equal(&s->spec, p)) {
		k->key_errors++;
		k->hooks.lost(k->hooks.arg, &p->inner, LOSS_KEYS);
	} else {
		bool selected = sa_selects(&s->spec, &p->inner);

		replay_advance(s, p->seq);
		mapping_look(k, s, p);
		fake_sa_count(k, s, &p->inner);
		if (selected)
			k->hooks.deliver(k->hooks.arg, &p->inner, true);
		else
			k->hooks.lost(k->hooks.arg, &p->inner, LOSS_SELECTOR);
	}
}

/* --- time --- */

static bool sa_due(struct fake_kernel *k, struct fake_sa *s, struct mono now)
{
	int64_t age_us = now.us - s->added_at.us;

	if (s->spec.hard_s != 0 && age_us >= s->spec.hard_s * SECOND_US) {
		sa_hard(k, s);
		return true;
	}
	if (s->spec.soft_s != 0 && !s->dying && age_us >= s->spec.soft_s * SECOND_US)
		sa_soft(k, s);
	return false;
}

void fake_sas_tick(struct fake_kernel *k, struct mono now)
{
	for (size_t i = 0; i < FAKE_KERNEL_BUCKETS; i++) {
		for (struct fake_sa *s = k->by_spi[i], *next; s != NULL; s = next) {
			next = s->next_by_spi;
			if (sa_due(k, s, now))
				continue;
			if (s->spec.soft_s != 0 && !s->dying)
				fake_due_at(k, s->added_at.us + s->spec.soft_s * SECOND_US);
			if (s->spec.hard_s != 0)
				fake_due_at(k, s->added_at.us + s->spec.hard_s * SECOND_US);
		}
	}
}

static void larvals_tick(struct fake_kernel *k, struct fake_larval **at, struct mono now)
{
	while (*at != NULL) {
		struct fake_larval *l = *at;

		if (l->ends_at.us <= now.us) {
			*at = l->next;
			free(l);
		} else {
			fake_due_at(k, l->ends_at.us);
			at = &l->next;
		}
	}
}

void fake_larvals_tick(struct fake_kernel *k, struct mono now)
{
	for (size_t i = 0; i < FAKE_KERNEL_BUCKETS; i++)
		larvals_tick(k, &k->larvals[i], now);
}

/* --- to look at --- */

size_t fake_kernel_count(const struct fake_kernel *k, const struct ip *src, const struct ip *dst,
			 bool inbound)
{
	const struct fake_sa *s = k->by_pair[pair_bucket(src, dst)];
	size_t n = 0;

	for (; s != NULL; s = s->next_by_pair)
		if (s->spec.inbound == inbound && ip_equal(&s->spec.src, src) &&
		    ip_equal(&s->spec.dst, dst))
			n++;
	return n;
}

void fake_kernel_walk(const struct fake_kernel *k, bool (*each)(void *arg, const struct fake_sa *s),
		      void *arg)
{
	for (size_t i = 0; i < FAKE_KERNEL_BUCKETS; i++)
		for (const struct fake_sa *s = k->by_spi[i]; s != NULL; s = s->next_by_spi)
			if (!each(arg, s))
				return;
}
