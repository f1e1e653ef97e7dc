/* SPDX-License-Identifier: Apache-2.0 */
/* Policies, what they do with packets, and what they hold back. */
#include "sim/fake_states.h"

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

void fake_kernel_wipe(struct fake_kernel *k)
{
	fake_states_free(k);
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
	fake_states_free(k);
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
		k->precedence = spec->precedence;
		k->policies = fake_grab(spec->n_protect + spec->n_bypass, sizeof *k->policies);
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

static bool policy_before(const struct fake_kernel *k, const struct fake_policy *a,
			  const struct fake_policy *b)
{
	bool longer = a->subnet.net.prefix > b->subnet.net.prefix;

	if ((a->ruling == RULING_BYPASS) == (b->ruling == RULING_BYPASS))
		return longer;
	if (k->precedence == PRECEDENCE_LONGEST && a->subnet.net.prefix != b->subnet.net.prefix)
		return longer;
	return a->ruling == RULING_BYPASS;
}

static struct fake_policy *policy_find(const struct fake_kernel *k, const struct ip *remote,
				       uint8_t protocol, uint16_t remote_port)
{
	struct fake_policy *best = NULL;

	for (size_t i = 0; i < k->n_policies; i++) {
		struct fake_policy *p = &k->policies[i];

		if (policy_meets(p, remote, protocol, remote_port) &&
		    (best == NULL || policy_before(k, p, best)))
			best = p;
	}
	return best;
}

const struct fake_policy *fake_kernel_policy(const struct fake_kernel *k, const struct ip *remote,
					     uint8_t protocol, uint16_t remote_port)
{
	return policy_find(k, remote, protocol, remote_port);
}

/* --- output --- */

static void esp_send(struct fake_kernel *k, struct fake_sa *s, const struct app_packet *p)
{
	struct esp_packet esp = { .inner = *p };

	if (!fake_sa_limits(k, s)) {
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
	fake_sa_count(k, s, p);
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
		policy->held = fake_grab(FAKE_KERNEL_HELD_MAX, sizeof *policy->held);
	policy->held[policy->n_held++] = *p;
	if (policy->n_held > k->held_peak)
		k->held_peak = policy->n_held;
	if (policy->timeout_us == 0)
		policy->timeout_us = QUEUE_TIMEOUT_MIN_US;
	if (now.us + policy->timeout_us < policy->look_at.us)
		policy->look_at.us = now.us + policy->timeout_us;
	fake_due_at(k, policy->look_at.us);
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
	s = fake_outbound(k, p);
	if (s != NULL) {
		esp_send(k, s, p);
		return;
	}
	fake_acquire(k, now, p);
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
		struct fake_sa *s = fake_outbound(k, &held[i]);

		if (s != NULL) {
			esp_send(k, s, &held[i]);
		} else if (policy->ruling == RULING_OPTIONAL) {
			clear_send(k, &held[i]);
		} else {
			fake_acquire(k, now, &held[i]);
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
	if (policy->ruling == RULING_ENFORCED && fake_outbound(k, &head) == NULL) {
		fake_acquire(k, now, &head);
		if (policy->timeout_us >= QUEUE_TIMEOUT_MAX_US) {
			queue_purge(k, policy, LOSS_PURGED);
			return;
		}
		policy->timeout_us *= 2;
		policy->look_at.us = now.us + policy->timeout_us;
		fake_due_at(k, policy->look_at.us);
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

void fake_kernel_tick(struct fake_kernel *k, struct mono now)
{
	if (now.us < k->deadline.us)
		return;
	k->deadline = MONO_NEVER;
	fake_sas_tick(k, now);
	fake_larvals_tick(k, now);
	for (size_t i = 0; i < k->n_policies; i++) {
		struct fake_policy *p = &k->policies[i];

		if (p->n_held > 0 && p->look_at.us <= now.us)
			queue_look(k, p, now);
		else if (p->n_held > 0)
			fake_due_at(k, p->look_at.us);
	}
}

struct mono fake_kernel_deadline(const struct fake_kernel *k)
{
	return k->deadline;
}

size_t fake_kernel_held(const struct fake_kernel *k)
{
	size_t n = 0;

	for (size_t i = 0; i < k->n_policies; i++)
		n += k->policies[i].n_held;
	return n;
}