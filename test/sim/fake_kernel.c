/* SPDX-License-Identifier: Apache-2.0 */
#include "sim/fake_kernel.h"

#include "sim/rng.h"
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define SECOND_US INT64_C(1000000)
#define QUEUE_TIMEOUT_MIN_US (SECOND_US / 10)
#define QUEUE_TIMEOUT_MAX_US (60 * SECOND_US)
#define ACQUIRE_EXPIRES_US (30 * SECOND_US)

const char *loss_name(enum loss why)
{
	static const char *const names[LOSS_KINDS] = {
		[LOSS_QUEUE_FULL] = "queue full",
		[LOSS_LARVAL] = "no SA, not held",
		[LOSS_RELEASED] = "released without an SA",
		[LOSS_PURGED] = "queue purged",
		[LOSS_EXPIRED] = "SA expired",
		[LOSS_NO_STATE] = "no state",
		[LOSS_KEYS] = "keys differ",
		[LOSS_REPLAY] = "replay",
		[LOSS_SELECTOR] = "selector",
		[LOSS_ENCAP] = "encapsulation",
		[LOSS_CLEAR_REFUSED] = "cleartext refused",
		[LOSS_WIRE] = "lost on the wire",
		[LOSS_NO_ROUTE] = "no way there",
		[LOSS_DOWN] = "host down",
	};
	return why < LOSS_KINDS && names[why] != NULL ? names[why] : "unknown";
}

/* A test without memory has nothing to show. */
static void *grab(size_t n, size_t size)
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

static void due_at(struct fake_kernel *k, int64_t us)
{
	if (us < k->deadline.us)
		k->deadline.us = us;
}

void fake_kernel_init(struct fake_kernel *k, const struct fake_kernel_hooks *hooks)
{
	*k = (struct fake_kernel){
		.hooks = *hooks,
		.acquire_expires_us = ACQUIRE_EXPIRES_US,
		.listening = true,
		.fail_error = -ENOBUFS,
		.deadline = MONO_NEVER,
	};
}

static void policies_drop(struct fake_policy *p, size_t n)
{
	for (size_t i = 0; i < n; i++)
		free(p[i].held);
	free(p);
}

static void sa_free(struct fake_sa *s)
{
	wipe(s->spec.key, sizeof s->spec.key);
	free(s->seen);
	free(s);
}

static void states_free(struct fake_kernel *k)
{
	for (size_t i = 0; i < FAKE_KERNEL_BUCKETS; i++) {
		for (struct fake_sa *s = k->by_spi[i], *next; s != NULL; s = next) {
			next = s->next_by_spi;
			sa_free(s);
		}
		k->by_spi[i] = k->by_pair[i] = NULL;
	}
	for (struct fake_larval *l = k->larvals, *next; l != NULL; l = next) {
		next = l->next;
		free(l);
	}
	k->larvals = NULL;
	k->n_sas = 0;
}

void fake_kernel_wipe(struct fake_kernel *k)
{
	states_free(k);
	policies_drop(k->policies, k->n_policies);
	k->policies = NULL;
	k->n_policies = 0;
}

static void queue_purge(struct fake_kernel *k, struct fake_policy *p, enum loss why)
{
	for (size_t i = 0; i < p->n_held; i++)
		k->hooks.lost(k->hooks.arg, &p->held[i], why);
	p->n_held = 0;
	p->timeout_us = 0;
	p->look_at = MONO_NEVER;
}

void fake_kernel_flush(struct fake_kernel *k)
{
	states_free(k);
	for (size_t i = 0; i < k->n_policies; i++)
		queue_purge(k, &k->policies[i], LOSS_PURGED);
}

/* --- policies --- */

static struct fake_policy policy_of(const struct subnet_spec *s, enum ruling ruling)
{
	return (struct fake_policy){ .subnet = *s, .ruling = ruling, .look_at = MONO_NEVER };
}

static bool policy_same(const struct fake_policy *a, const struct fake_policy *b)
{
	return subnet_equal(&a->subnet.net, &b->subnet.net) &&
	       a->subnet.protocol == b->subnet.protocol && a->subnet.port == b->subnet.port;
}

/* What an old policy holds goes on to the one that replaces it. */
static void queues_inherit(struct fake_kernel *k, struct fake_policy *old, size_t n_old)
{
	for (size_t i = 0; i < n_old; i++) {
		for (size_t j = 0; j < k->n_policies && old[i].held != NULL; j++) {
			struct fake_policy *to = &k->policies[j];

			if (to->ruling == RULING_BYPASS || !policy_same(&old[i], to))
				continue;
			to->held = old[i].held;
			to->n_held = old[i].n_held;
			to->timeout_us = old[i].timeout_us;
			to->look_at = old[i].look_at;
			old[i].held = NULL;
			old[i].n_held = 0;
		}
		queue_purge(k, &old[i], LOSS_PURGED);
	}
}

void fake_kernel_policies(struct fake_kernel *k, const struct spec *spec)
{
	struct fake_policy *old = k->policies;
	size_t n_old = k->n_policies, n = 0;

	k->policies = NULL;
	if (spec != NULL) {
		k->policies = grab(spec->n_protect + spec->n_bypass, sizeof *k->policies);
		for (size_t i = 0; i < spec->n_bypass; i++)
			k->policies[n++] = policy_of(&spec->bypass[i], RULING_BYPASS);
		for (size_t i = 0; i < spec->n_protect; i++) {
			bool optional = spec->optional || spec->protect[i].optional;

			k->policies[n++] = policy_of(&spec->protect[i],
						     optional ? RULING_OPTIONAL : RULING_ENFORCED);
		}
	}
	k->n_policies = n;
	queues_inherit(k, old, n_old);
	policies_drop(old, n_old);
}

static bool policy_meets(const struct fake_policy *p, const struct ip *remote, uint8_t protocol,
			 uint16_t remote_port)
{
	return subnet_contains(&p->subnet.net, remote) &&
	       (p->subnet.protocol == 0 || p->subnet.protocol == protocol) &&
	       (p->subnet.port == 0 || p->subnet.port == remote_port);
}

static bool policy_before(const struct fake_policy *a, const struct fake_policy *b)
{
	if ((a->ruling == RULING_BYPASS) != (b->ruling == RULING_BYPASS))
		return a->ruling == RULING_BYPASS;
	return a->subnet.net.prefix > b->subnet.net.prefix;
}

static struct fake_policy *policy_find(const struct fake_kernel *k, const struct ip *remote,
				       uint8_t protocol, uint16_t remote_port)
{
	struct fake_policy *best = NULL;

	for (size_t i = 0; i < k->n_policies; i++) {
		struct fake_policy *p = &k->policies[i];

		if (policy_meets(p, remote, protocol, remote_port) &&
		    (best == NULL || policy_before(p, best)))
			best = p;
	}
	return best;
}

const struct fake_policy *fake_kernel_policy(const struct fake_kernel *k, const struct ip *remote,
					     uint8_t protocol, uint16_t remote_port)
{
	return policy_find(k, remote, protocol, remote_port);
}

/* --- SAs --- */

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

static void larval_drop(struct fake_kernel *k, const struct ip *src, const struct ip *dst)
{
	for (struct fake_larval **at = &k->larvals; *at != NULL; at = &(*at)->next) {
		struct fake_larval *l = *at;

		if (!ip_equal(&l->src, src) || !ip_equal(&l->dst, dst))
			continue;
		*at = l->next;
		free(l);
		return;
	}
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

int fake_kernel_sa_add(struct fake_kernel *k, struct mono now, const struct sa_spec *sa)
{
	struct fake_sa *s;

	k->adds++;
	if (k->fail_add_in > 0 && --k->fail_add_in == 0)
		return k->fail_error;
	if (sa_find(k, &sa->dst, sa->spi) != NULL)
		return -EEXIST;
	if (sa->spi == 0 || sa->encr == NULL || sa->key_len > SA_KEY_MAX)
		return -EINVAL;
	s = grab(1, sizeof *s);
	s->spec = *sa;
	s->added_at = now;
	s->order = ++k->order;
	s->seen_words = sa->inbound ? (sa->replay_window + 63) / 64 : 0;
	s->seen = grab(s->seen_words, sizeof *s->seen);
	sa_link(k, s);
	/* A larval state is found by its addresses alone: only the outbound SA ends it. */
	larval_drop(k, &sa->src, &sa->dst);
	if (sa->soft_s != 0)
		due_at(k, now.us + sa->soft_s * SECOND_US);
	if (sa->hard_s != 0)
		due_at(k, now.us + sa->hard_s * SECOND_US);
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

int fake_kernel_sa_packets(const struct fake_kernel *k, const struct sa_ref *ref, uint64_t *packets)
{
	const struct fake_sa *s = sa_find(k, &ref->dst, ref->spi);

	*packets = s == NULL ? 0 : s->packets;
	return s == NULL ? -ESRCH : 0;
}

static struct sa_ref sa_ref_of(const struct fake_sa *s)
{
	return (struct sa_ref){ .src = s->spec.src, .dst = s->spec.dst, .spi = s->spec.spi };
}

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

/* false: a hard limit has passed, and s is gone. */
static bool sa_limits(struct fake_kernel *k, struct fake_sa *s)
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

static void sa_count(struct fake_kernel *k, struct fake_sa *s, const struct app_packet *p)
{
	s->packets++;
	s->octets += p->n;
	if (!k->soft_late && !s->dying &&
	    (over(s->packets, s->spec.soft_packets) || over(s->octets, s->spec.soft_bytes)))
		sa_soft(k, s);
}

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

static struct fake_sa *outbound_find(const struct fake_kernel *k, const struct app_packet *p)
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
	return outbound_find(k, p);
}

/* --- output --- */

static void acquire(struct fake_kernel *k, struct mono now, const struct app_packet *p)
{
	struct fake_larval *l = k->larvals;

	while (l != NULL && (!ip_equal(&l->src, &p->src) || !ip_equal(&l->dst, &p->dst)))
		l = l->next;
	if (l != NULL || !k->listening)
		return;
	l = grab(1, sizeof *l);
	l->src = p->src;
	l->dst = p->dst;
	l->ends_at.us = now.us + k->acquire_expires_us;
	l->next = k->larvals;
	k->larvals = l;
	due_at(k, l->ends_at.us);
	k->acquires++;
	k->hooks.acquire(k->hooks.arg, p);
}

static void esp_send(struct fake_kernel *k, struct fake_sa *s, const struct app_packet *p)
{
	struct esp_packet esp = { .inner = *p };

	if (!sa_limits(k, s)) {
		k->hooks.lost(k->hooks.arg, p, LOSS_EXPIRED);
		return;
	}
	esp.spi = s->spec.spi;
	esp.seq = ++s->seq;
	esp.encr = s->spec.encr;
	esp.integ = s->spec.integ;
	memcpy(esp.key, s->spec.key, sizeof esp.key);
	esp.key_len = s->spec.key_len;
	esp.esn = s->spec.esn;
	esp.encap = s->spec.encap;
	esp.src_port = s->spec.encap_src_port;
	esp.dst_port = s->spec.encap_dst_port;
	sa_count(k, s, p);
	k->hooks.send_esp(k->hooks.arg, &esp);
}

static void hold(struct fake_kernel *k, struct fake_policy *policy, struct mono now,
		 const struct app_packet *p)
{
	if (policy->n_held >= FAKE_KERNEL_HELD_MAX) {
		k->hooks.lost(k->hooks.arg, p, LOSS_QUEUE_FULL);
		return;
	}
	if (policy->held == NULL)
		policy->held = grab(FAKE_KERNEL_HELD_MAX, sizeof *policy->held);
	policy->held[policy->n_held++] = *p;
	if (policy->n_held > k->held_peak)
		k->held_peak = policy->n_held;
	if (policy->timeout_us == 0)
		policy->timeout_us = QUEUE_TIMEOUT_MIN_US;
	if (now.us + policy->timeout_us < policy->look_at.us)
		policy->look_at.us = now.us + policy->timeout_us;
	due_at(k, policy->look_at.us);
}

static void clear_send(struct fake_kernel *k, const struct app_packet *p)
{
	k->clear_sent++;
	k->hooks.send_clear(k->hooks.arg, p);
}

void fake_kernel_output(struct fake_kernel *k, struct mono now, const struct app_packet *p)
{
	struct fake_policy *policy = policy_find(k, &p->dst, p->protocol, p->dst_port);
	struct fake_sa *s;

	if (policy == NULL || policy->ruling == RULING_BYPASS) {
		clear_send(k, p);
		return;
	}
	s = outbound_find(k, p);
	if (s != NULL) {
		esp_send(k, s, p);
		return;
	}
	acquire(k, now, p);
	if (policy->ruling == RULING_OPTIONAL)
		clear_send(k, p);
	else if (k->larval_drop)
		k->hooks.lost(k->hooks.arg, p, LOSS_LARVAL);
	else
		hold(k, policy, now, p);
}

/* The head has its SA: everything goes, or is lost. */
static void queue_release(struct fake_kernel *k, struct fake_policy *policy, struct mono now)
{
	struct app_packet *held = policy->held;
	size_t n = policy->n_held;

	policy->held = NULL;
	policy->n_held = 0;
	policy->timeout_us = 0;
	policy->look_at = MONO_NEVER;
	for (size_t i = 0; i < n; i++) {
		struct fake_sa *s = outbound_find(k, &held[i]);

		if (s != NULL) {
			esp_send(k, s, &held[i]);
		} else if (policy->ruling == RULING_OPTIONAL) {
			clear_send(k, &held[i]);
		} else {
			acquire(k, now, &held[i]);
			k->hooks.lost(k->hooks.arg, &held[i], LOSS_RELEASED);
		}
	}
	free(held);
}

static void queue_look(struct fake_kernel *k, struct fake_policy *policy, struct mono now)
{
	struct app_packet head;

	if (policy->n_held == 0)
		return;
	head = policy->held[0];
	if (policy->ruling == RULING_ENFORCED && outbound_find(k, &head) == NULL) {
		acquire(k, now, &head);
		if (policy->timeout_us >= QUEUE_TIMEOUT_MAX_US) {
			queue_purge(k, policy, LOSS_PURGED);
			return;
		}
		policy->timeout_us *= 2;
		policy->look_at.us = now.us + policy->timeout_us;
		due_at(k, policy->look_at.us);
		return;
	}
	queue_release(k, policy, now);
}

void fake_kernel_nudge(struct fake_kernel *k, struct mono now, const struct ip *remote)
{
	k->nudges++;
	for (size_t i = 0; i < k->n_policies; i++) {
		struct fake_policy *p = &k->policies[i];

		if (p->ruling == RULING_BYPASS || !subnet_contains(&p->subnet.net, remote))
			continue;
		p->timeout_us = p->n_held == 0 ? 0 : QUEUE_TIMEOUT_MIN_US;
		queue_look(k, p, now);
	}
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
	} else if (!sa_limits(k, s)) {
		k->hooks.lost(k->hooks.arg, &p->inner, LOSS_EXPIRED);
	} else if (!keys_equal(&s->spec, p)) {
		k->key_errors++;
		k->hooks.lost(k->hooks.arg, &p->inner, LOSS_KEYS);
	} else {
		bool selected = sa_selects(&s->spec, &p->inner);

		replay_advance(s, p->seq);
		mapping_look(k, s, p);
		sa_count(k, s, &p->inner);
		if (selected)
			k->hooks.deliver(k->hooks.arg, &p->inner, true);
		else
			k->hooks.lost(k->hooks.arg, &p->inner, LOSS_SELECTOR);
	}
}

void fake_kernel_input_clear(struct fake_kernel *k, const struct app_packet *p)
{
	const struct fake_policy *policy = policy_find(k, &p->src, p->protocol, p->src_port);

	if (policy != NULL && policy->ruling == RULING_ENFORCED) {
		k->clear_refused++;
		k->hooks.lost(k->hooks.arg, p, LOSS_CLEAR_REFUSED);
		return;
	}
	k->hooks.deliver(k->hooks.arg, p, false);
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

/* SAs first: the hooks are told in the order that the times have. */
static void sas_tick(struct fake_kernel *k, struct mono now)
{
	for (size_t i = 0; i < FAKE_KERNEL_BUCKETS; i++) {
		for (struct fake_sa *s = k->by_spi[i], *next; s != NULL; s = next) {
			next = s->next_by_spi;
			if (sa_due(k, s, now))
				continue;
			if (s->spec.soft_s != 0 && !s->dying)
				due_at(k, s->added_at.us + s->spec.soft_s * SECOND_US);
			if (s->spec.hard_s != 0)
				due_at(k, s->added_at.us + s->spec.hard_s * SECOND_US);
		}
	}
}

static void larvals_tick(struct fake_kernel *k, struct mono now)
{
	struct fake_larval **at = &k->larvals;

	while (*at != NULL) {
		struct fake_larval *l = *at;

		if (l->ends_at.us <= now.us) {
			*at = l->next;
			free(l);
		} else {
			due_at(k, l->ends_at.us);
			at = &l->next;
		}
	}
}

void fake_kernel_tick(struct fake_kernel *k, struct mono now)
{
	if (now.us < k->deadline.us)
		return;
	k->deadline = MONO_NEVER;
	sas_tick(k, now);
	larvals_tick(k, now);
	for (size_t i = 0; i < k->n_policies; i++) {
		struct fake_policy *p = &k->policies[i];

		if (p->n_held > 0 && p->look_at.us <= now.us)
			queue_look(k, p, now);
		else if (p->n_held > 0)
			due_at(k, p->look_at.us);
	}
}

struct mono fake_kernel_deadline(const struct fake_kernel *k)
{
	return k->deadline;
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

size_t fake_kernel_held(const struct fake_kernel *k)
{
	size_t n = 0;

	for (size_t i = 0; i < k->n_policies; i++)
		n += k->policies[i].n_held;
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
