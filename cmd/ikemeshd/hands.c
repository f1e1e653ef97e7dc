/* SPDX-License-Identifier: Apache-2.0 */
#include "cmd/ikemeshd/clock.h"
#include "cmd/ikemeshd/daemon.h"

#include <errno.h>
#include <string.h>

static int hand_send(void *arg, const struct endpoint *local, const struct endpoint *remote,
		     struct bytes datagram)
{
	struct daemon *d = arg;

	return udp_send(d->udp, local, remote, datagram);
}

static void sa_tried(struct daemon *d, const struct sa_spec *sa, int err)
{
	if (d->expose != NULL)
		daemon_exposed(d, expose_esp(d->expose, sa));
	if (err == 0 && sa->inbound)
		early_deliver(d->early, &sa->dst, &sa->src, sa->spi);
}

static int hand_sa_add(void *arg, const struct sa_spec *sa)
{
	struct daemon *d = arg;
	int err = kernel_sa_add(d->kernel, sa);

	sa_tried(d, sa, err);
	return err;
}

static void hand_sas_add(void *arg, const struct sa_spec *const *sas, size_t n, int *errors)
{
	struct daemon *d = arg;

	kernel_sas_add(d->kernel, sas, n, errors);
	for (size_t i = 0; i < n; i++)
		sa_tried(d, sas[i], errors[i]);
}

static int hand_sa_update(void *arg, const struct sa_spec *sa)
{
	struct daemon *d = arg;

	return kernel_sa_update(d->kernel, sa);
}

static void hand_keepalive(void *arg, const struct endpoint *local, const struct endpoint *remote)
{
	struct daemon *d = arg;

	udp_keepalive(d->udp, local, remote);
}

static int hand_sa_delete(void *arg, const struct sa_ref *ref, bool inbound)
{
	struct daemon *d = arg;
	struct sa_counters counters;
	int err;

	/* What peers sent before they heard of it is still on its way: all goes at the end. */
	if (inbound && d->phase == DAEMON_LEAVING)
		return 0;
	if (kernel_sa_counters(d->kernel, ref, &counters) == 0)
		metrics_traffic_add(&d->metrics.gone, &counters, inbound);
	err = kernel_sa_delete(d->kernel, ref);
	if (err != 0 && err != -ESRCH) {
		log_recurrent_in(d->log, AREA_XFRM, REPORT_ERROR,
				 "the kernel does not remove an SA: %s; it is tried again",
				 strerror(-err));
		daemon_sweep_soon(d);
	}
	return err;
}

_Static_assert(2 * PERFORM_LOOKS <= KERNEL_COUNTERS_MAX, "more looks than the kernel is asked for");

static void hand_sas_packets(void *arg, const struct sa_ref *refs, size_t n, uint64_t *packets,
			     int *errors)
{
	struct sa_counters counters[KERNEL_COUNTERS_MAX];
	struct daemon *d = arg;

	kernel_sas_counters(d->kernel, refs, n, counters, errors);
	for (size_t i = 0; i < n; i++)
		packets[i] = errors[i] == 0 ? counters[i].packets : 0;
}

static void hand_expect(void *arg, const struct ip *local, const struct ip *remote, uint32_t spi)
{
	struct daemon *d = arg;

	early_expect(d->early, local, remote, spi, daemon_now(d));
}

static void hand_nudge(void *arg, const struct ip *local, const struct ip *remote)
{
	struct daemon *d = arg;

	policies_nudge(&d->policies, local, remote);
}

/* Of our certificate of this generation; NULL: it is forgotten. */
static const char *fingerprint_of(const struct daemon *d, uint32_t generation)
{
	for (size_t i = 0; i < PAST_CREDENTIALS; i++)
		if (d->past[i].generation == generation && generation != 0)
			return d->past[i].fingerprint;
	return NULL;
}

static void job_done(void *arg, struct job *job)
{
	daemon_feed(arg, &(struct event){ .kind = EVENT_JOB_DONE, .job_done = { job } });
}

/* What needs the private key or the PPK goes to the keyholder. */
static int hand_job(void *arg, struct job *job)
{
	struct daemon *d = arg;
	const char *fingerprint = "";
	struct keyring *ring;
	int err;

	if (job->kind == JOB_SIGN)
		fingerprint = fingerprint_of(d, job->credential);
	if (fingerprint == NULL)
		return -ENOKEY;
	if (job->kind == JOB_SIGN || job->kind == JOB_PPK)
		return key_client_job(d->keys, job, fingerprint, job_done, d);
	ke_stock_give(&d->stock, job);
	ring = keyring_keep(d->ring);
	err = pool_submit_job(d->pool, job, ring, job_done, d);
	if (err != 0)
		keyring_drop(ring);
	return err;
}

static void hand_report(void *arg, const struct report *report)
{
	struct daemon *d = arg;

	log_report(d->log, report);
	if (report->reason == REASON_PEER_DEAD && d->healing != NULL)
		healing_wary(d->healing, daemon_now(d));
}

static void hand_keys(void *arg, const struct exposed_keys *keys)
{
	struct daemon *d = arg;

	daemon_exposed(d, expose_ike(d->expose, keys));
}

static void hand_keep(void *arg, struct bytes record)
{
	daemon_succeed_keep(arg, record);
}

static int hand_step(void *arg, struct mono now, const struct event *event, struct actions *out)
{
	struct daemon *d = arg;

	return engine_step(d->engine, now, event, out);
}

struct hands daemon_hands(struct daemon *d)
{
	return (struct hands){
		.send = hand_send,
		.sa_add = hand_sa_add,
		.sas_add = hand_sas_add,
		.sa_update = hand_sa_update,
		.keepalive = hand_keepalive,
		.sa_delete = hand_sa_delete,
		.sas_packets = hand_sas_packets,
		.expect = hand_expect,
		.nudge = hand_nudge,
		.job = hand_job,
		.report = hand_report,
		.keys = hand_keys,
		.keep = hand_keep,
		.now = daemon_clock,
		.step = hand_step,
		.arg = d,
	};
}
