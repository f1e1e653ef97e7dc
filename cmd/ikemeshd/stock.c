/* SPDX-License-Identifier: Apache-2.0 */
/* When key pairs are made ahead: while nothing has happened for a moment. */
#include "cmd/ikemeshd/clock.h"
#include "cmd/ikemeshd/daemon.h"

#define QUIET_US (CLOCK_SECOND / 20)

void daemon_stock_busy(struct daemon *d)
{
	d->busy_at = daemon_now(d);
}

struct mono daemon_stock_deadline(const struct daemon *d)
{
	if (d->phase != DAEMON_RUNNING || !ke_stock_is_low(&d->stock))
		return MONO_NEVER;
	return clock_after(d->busy_at, QUIET_US);
}

static void made(void *arg, struct job *job)
{
	struct daemon *d = arg;

	ke_stock_take(&d->stock, job);
}

static bool is_quiet(const struct daemon *d)
{
	return pool_pending(d->pool) + key_client_jobs(d->keys) == 0;
}

void daemon_stock_tick(struct daemon *d, struct mono now)
{
	struct job *job;

	if (daemon_stock_deadline(d).us > now.us)
		return;
	if (!is_quiet(d)) {
		daemon_stock_busy(d);
		return;
	}
	/* One at a time: on a host with one core it is made here, and a large group takes a while.
	 */
	job = ke_stock_job(&d->stock);
	if (job != NULL && pool_submit_job(d->pool, job, NULL, made, d) != 0)
		ke_stock_miss(&d->stock, job);
	daemon_stock_busy(d);
}
