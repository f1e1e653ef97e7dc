/* SPDX-License-Identifier: Apache-2.0 */
#include "cmd/ikemeshd/policies.h"
#include "cmd/ikemeshd/clock.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define RETRY_S 1

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

void policies_init(struct policies *p, struct kernel *k, struct addresses *a, struct log *log)
{
	*p = (struct policies){ .kernel = k, .addresses = a, .log = log, .retry_at = MONO_NEVER };
}

void policies_free(struct policies *p)
{
	policy_set_free(&p->wanted);
}

#define NOT_SET (-1)
/* O_EXCL: the first to come knows what the host had. */
static int keep_old_values(const char *run_dir, const int *old)
{
	char path[4096], text[256] = "";
	size_t n = 0;
	ssize_t written;
	int fd;

	if (snprintf(path, sizeof(path), "%s/sysctl", run_dir) >= (int)sizeof(path))
		return -ENAMETOOLONG;
	for (size_t i = 0; i < N_SYSCTLS; i++) {
		if (old[i] != NOT_SET)
			n += (size_t)snprintf(text + n, sizeof(text) - n, "%s %d\n",
					      sysctls[i].name, old[i]);
	}
	fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (fd < 0)
		return errno == EEXIST ? 0 : -errno;
	written = write(fd, text, n);
	close(fd);
	return written == (ssize_t)n ? 0 : -EIO;
}

int policies_set_sysctls(struct policies *p, const char *run_dir)
{
	int old[N_SYSCTLS], first = 0;

	for (size_t i = 0; i < N_SYSCTLS; i++) {
		int err = kernel_sysctl_set(sysctls[i].name, sysctls[i].value, &old[i]);

		if (err == 0)
			continue;
		old[i] = NOT_SET;
		log_text(p->log, REPORT_WARNING, "net.core.%s = %d cannot be set: %s",
			 sysctls[i].name, sysctls[i].value, strerror(-err));
		first = first != 0 ? first : err;
	}
	if (keep_old_values(run_dir, old) != 0)
		log_text(p->log, REPORT_WARNING,
			 "%s/sysctl cannot be written: "
			 "`ikectl disable` will not put the sysctls back",
			 run_dir);
	return first;
}

static int sync_now(struct policies *p, const struct spec *spec, size_t *changed)
{
	size_t n_locals;
	const struct ip *locals = addresses_list(p->addresses, &n_locals);
	struct policy_set wanted = { 0 };
	int err = policy_build(spec, locals, n_locals, &wanted);

	if (err != 0) {
		policy_set_free(&wanted);
		return err;
	}
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

int policies_sync(struct policies *p, const struct spec *spec)
{
	size_t changed = 0;
	int err = sync_now(p, spec, &changed);

	p->retry_at = MONO_NEVER;
	if (err != 0) {
		p->retry_at = clock_after(clock_now(), RETRY_S * CLOCK_SECOND);
		log_recurrent(p->log, REPORT_ERROR,
			      "kernel policies are not complete: %s; trying again every %d s",
			      strerror(-err), RETRY_S);
	}
	if (changed > 0) {
		log_text(p->log, REPORT_NOTICE, "kernel policies: %zu changed, %zu in all", changed,
			 p->wanted.n);
		warn_if_none_is_covered(p, spec);
	}
	return err;
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
			kernel_policy_update(p->kernel, &p->wanted.p[i]);
	}
}
