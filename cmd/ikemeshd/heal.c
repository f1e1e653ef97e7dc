/* SPDX-License-Identifier: Apache-2.0 */
#include "cmd/ikemeshd/clock.h"
#include "cmd/ikemeshd/daemon.h"

#include <errno.h>
#include <string.h>

#define LOG_AREA AREA_XFRM

static bool held(void *arg, const struct sa_ref *ref)
{
	struct daemon *d = arg;

	/*
	 * Of another IKE daemon, too: its peers are not to be told to delete them. Any error but
	 * "there is none": as if it were there, and nobody is asked anything.
	 */
	return kernel_sa_find(d->kernel, ref) != -ESRCH;
}

static void stray(void *arg, const struct event *event)
{
	struct daemon *d = arg;

	if (d->phase == DAEMON_RUNNING || d->phase == DAEMON_STARTING)
		daemon_feed(d, event);
}

static void told(void *arg, uint64_t rises, int error)
{
	struct daemon *d = arg;

	if (error != 0)
		log_recurrent(d->log, REPORT_WARNING,
			      "cannot see who sends on SAs that are not there: %s%s",
			      strerror(-error), error == -EPERM ? " (CAP_NET_RAW)" : "");
	else if (rises > 0)
		log_recurrent(d->log, REPORT_INFO,
			      "ESP comes for SAs that are not there: looking who sends it");
}

static void on_stray(void *arg)
{
	struct daemon *d = arg;

	healing_turn(d->healing, clock_now());
}

static int refused(const struct daemon *d, int err)
{
	if (err != 0)
		log_text(d->log, REPORT_ERROR, "cannot watch for lost SAs: %s", strerror(-err));
	return err;
}

int daemon_heal_open(struct daemon *d)
{
	const struct healing_options options = {
		.port_natt = IKE_PORT_NATT,
		.bypass = kernel_socket_bypass,
		.held = held,
		.stray = stray,
		.told = told,
		.arg = d,
	};
	return refused(d, healing_open(&options, clock_now(), &d->healing));
}

int daemon_heal_start(struct daemon *d)
{
	return refused(d, loop_add(d->loop, healing_fd(d->healing), on_stray, d));
}
