/* SPDX-License-Identifier: Apache-2.0 */
#include "cmd/ikemeshd/policies.h"
#include "cmd/ikemeshd/clock.h"
#include "xfrm/backstop.h"
#include "xfrm/found.h"

#include <errno.h>
#include <string.h>

#define LOG_AREA AREA_XFRM

#define RETRY_S 1
#define SHADOWS_TOLD 8

/*
 * xfrm_larval_drop 0: packets wait in the policy's queue until the SA is there, instead of being
 * thrown away (and, with a connected socket, its route staying a black hole).
 * xfrm_acq_expires: how long the kernel is quiet after it has asked for an SA. As the core bounds
 * its own attempts, asking often costs little, and a peer that is back is met within so many
 * seconds. It does not bound a negotiation: SPIs are our own and not the kernel's reservations.
 */
static const struct {
	const char *name;
	int value;
} sysctls[] = {
	{ "xfrm_larval_drop", 0 },
	{ "xfrm_acq_expires", 3 },
};
#define N_SYSCTLS (sizeof(sysctls) / sizeof(sysctls[0]))

void policies_init(struct policies *p, struct kernel *k, struct addresses *a, struct log *log,
		   const char *run_dir)
{
	*p = (struct policies){
		.kernel = k, .addresses = a, .log = log, .run_dir = run_dir, .retry_at = MONO_NEVER
	};
}

void policies_free(struct policies *p)
{
	policy_set_free(&p->wanted);
	shadows_free(&p->shadows);
}

int policies_set_sysctls(struct policies *p)
{
	struct found_value old[N_SYSCTLS];
	size_t n = 0;
	int first = 0;

	for (size_t i = 0; i < N_SYSCTLS; i++) {
		int err;

		old[n].name = sysctls[i].name;
		err = kernel_sysctl_set(sysctls[i].name, sysctls[i].value, &old[n].value);
		n += err == 0;
		if (err == 0)
			continue;
		log_text(p->log, REPORT_WARNING, "net.core.%s = %d cannot be set: %s",
			 sysctls[i].name, sysctls[i].value, strerror(-err));
		first = first != 0 ? first : err;
	}
	if (found_keep_sysctls(p->run_dir, old, n) != 0)
		log_text(p->log, REPORT_WARNING,
			 "%s/sysctl cannot be written: "
			 "`ikectl disable` will not put the sysctls back",
			 p->run_dir);
	return first;
}

static void told(void *arg, const char *name, int value, int error)
{
	struct policies *p = arg;

	/* Where /proc/sys is read-only (ProtectKernelTunables) they are not ours to set. */
	if (error != 0)
		log_text(p->log, error == -EROFS ? REPORT_DEBUG : REPORT_WARNING,
			 "net.core.%s cannot be set back to %d: %s", name, value, strerror(-error));
}

static void loosen(struct policies *p)
{
	int err = found_loosen(p->kernel, p->run_dir);

	p->strict = false;
	if (err != 0)
		log_text(p->log, REPORT_ERROR, "the kernel's default policy cannot be put back: %s",
			 strerror(-err));
}

void policies_restore_host(struct policies *p)
{
	loosen(p);
	found_restore_sysctls(p->run_dir, told, p);
}

static int tighten(struct policies *p)
{
	int err = p->strict ? 0 : found_strict(p->kernel, p->run_dir);

	if (err != 0)
		log_recurrent(p->log, REPORT_ERROR,
			      "strict_default is not in force, the kernel's default policy cannot "
			      "be set: %s",
			      strerror(-err));
	else
		p->strict = true;
	return err;
}

static const char *what_it_does(const struct policy *foreign)
{
	if (foreign->kind == POLICY_BLOCK)
		return "blocks what it matches";
	if (foreign->kind == POLICY_BYPASS)
		return "lets what it matches pass in the clear";
	return "has templates of its own";
}

static void tell_shadows(struct policies *p)
{
	const struct shadows *s = &p->shadows;
	char text[SHADOW_TEXT_LEN];

	for (size_t i = 0; i < s->n && i < SHADOWS_TOLD; i++)
		log_text(p->log, REPORT_WARNING,
			 "a policy that is not ours comes before %zu of ours and %s: %s", s->p[i].n,
			 what_it_does(&s->p[i].foreign), shadow_text(&s->p[i], text));
	if (s->n > SHADOWS_TOLD)
		log_text(p->log, REPORT_WARNING, "and %zu more such policies: see statusall",
			 s->n - SHADOWS_TOLD);
	if (s->n == 0)
		log_text(p->log, REPORT_NOTICE, "no policy of others comes before ours any more");
}

void policies_look_for_shadows(struct policies *p)
{
	struct shadows now = { 0 };
	bool same;

	/* Beside another daemon its policies are to come first. */
	if (p->stance == STANCE_BESIDE)
		return;
	if (kernel_policy_shadows(p->kernel, &p->wanted, &now) != 0) {
		shadows_free(&now);
		return;
	}
	same = shadows_equal(&now, &p->shadows);
	shadows_free(&p->shadows);
	p->shadows = now;
	if (!same)
		tell_shadows(p);
}

static int sync_now(struct policies *p, const struct spec *spec, size_t *changed)
{
	const struct locality here = addresses_locality(p->addresses);
	struct policy_set wanted = { 0 };
	int err = backstop_build(spec, &here, &wanted);

	if (err != 0) {
		policy_set_free(&wanted);
		return err;
	}
	beside_arrange(&wanted, p->stance);
	policy_set_free(&p->wanted);
	p->wanted = wanted;
	p->generation++;
	return kernel_policy_sync(p->kernel, &p->wanted, changed);
}

/* Such a host is as open as one without IPsec. */
static void warn_if_none_is_covered(const struct policies *p, const struct spec *spec)
{
	size_t n_locals;
	const struct ip *locals = addresses_list(p->addresses, &n_locals);

	for (size_t i = 0; i < n_locals; i++) {
		if (spec_covers(spec, &locals[i]))
			return;
	}
	if (n_locals > 0)
		log_text(p->log, REPORT_WARNING,
			 "none of this host's addresses is in local_addresses: nothing is "
			 "protected");
}

static void tell_incomplete(struct policies *p, int err)
{
	const char *more = kernel_error(p->kernel);

	log_recurrent(p->log, REPORT_ERROR,
		      "kernel policies are not complete: %s%s%s; trying again every %d s", more,
		      *more != '\0' ? ": " : "", strerror(-err), RETRY_S);
}

/* What is free again once nothing is strict any more has its policies by then, if they can be had.
 */
static int settle_default(struct policies *p, const struct spec *spec, int err)
{
	if (spec->strict_default)
		return tighten(p);
	if (err == 0 || err == -EEXIST)
		loosen(p);
	return 0;
}

int policies_sync(struct policies *p, const struct spec *spec)
{
	size_t changed = 0;
	int err = sync_now(p, spec, &changed), err2;

	if (err != 0)
		tell_incomplete(p, err);
	err2 = settle_default(p, spec, err);
	p->error = err != 0 ? err : err2;
	p->retry_at = p->error != 0 ? clock_after(clock_now(), RETRY_S * CLOCK_SECOND) : MONO_NEVER;
	if (changed > 0) {
		log_text(p->log, REPORT_NOTICE, "kernel policies: %zu changed, %zu in all", changed,
			 p->wanted.n);
		warn_if_none_is_covered(p, spec);
	}
	policies_look_for_shadows(p);
	return p->error;
}

static bool holds_packets_for(const struct policy *p, const struct ip *local,
			      const struct ip *remote)
{
	return p->dir == POLICY_OUT && p->kind == POLICY_PROTECT &&
	       subnet_contains(&p->src, local) && subnet_contains(&p->dst, remote);
}

void policies_nudge(struct policies *p, const struct ip *local, const struct ip *remote)
{
	for (size_t i = 0; i < p->wanted.n; i++) {
		if (holds_packets_for(&p->wanted.p[i], local, remote))
			kernel_policy_poke(p->kernel, &p->wanted.p[i]);
	}
}
