/* SPDX-License-Identifier: Apache-2.0 */
/* The daemon's hands for watch.h and rotation.h. */
#include "cmd/ikemeshd/clock.h"
#include "cmd/ikemeshd/daemon.h"

#include <errno.h>
#include <string.h>
#include <sys/timerfd.h>
#include <unistd.h>

#define LOG_AREA AREA_TRUST

/* --- what ends soon -------------------------------------------------------------------------- */

static void say(void *arg, enum report_level level, const char *text)
{
	struct daemon *d = arg;

	log_happening(d->log, CERTIFICATE, level, "%s", text);
}

void daemon_watch_look(struct daemon *d)
{
	const struct config *c = d->config;
	struct ending e;

	if (d->watch == NULL)
		return;
	/* Nothing is seen then, and the next look is due in time all the same. */
	if (ending_collect(c, d->engine, &e) != 0)
		e = (struct ending){ 0 };
	watch_look(d->watch, &e, c->expiry_days, c->n_expiry_days, time(NULL), say, d);
	ending_free(&e);
}

static void on_watch(void *arg)
{
	daemon_watch_look(arg);
}

/* --- rotation --------------------------------------------------------------------------------- */

static void ask(void *arg, const struct ip *local, const struct ip *remote)
{
	const struct event e = {
		.kind = EVENT_COMMAND,
		.command = { .command = COMMAND_REAUTH, .local = *local, .remote = *remote },
	};

	daemon_feed(arg, &e);
}

static void arm(struct daemon *d, bool on)
{
	const struct itimerspec at = { .it_value = { .tv_nsec =
							     on ? ROTATION_TICK_US * 1000 : 0 } };

	(void)timerfd_settime(d->rotation_timer, 0, &at, NULL);
}

static void tell_end(struct daemon *d)
{
	const struct rotation *r = &d->rotation;
	size_t failed = r->count[ROTATION_FAILED];

	log_text(d->log, failed > 0 ? REPORT_WARNING : REPORT_NOTICE,
		 "%zu of %zu peers were re-authenticated%s", r->count[ROTATION_DONE], r->n,
		 failed > 0 ? "; `ikectl rotate status` names those that were not" : "");
}

static void on_rotation(void *arg)
{
	struct daemon *d = arg;
	struct peers ps;
	uint64_t times;

	(void)!read(d->rotation_timer, &times, sizeof(times));
	if (!rotation_runs(&d->rotation))
		return;
	if (d->phase == DAEMON_RUNNING && peers_collect(d->engine, &ps) == 0) {
		rotation_tick(&d->rotation, &ps, clock_now(), ask, d);
		peers_free(&ps);
	}
	arm(d, rotation_runs(&d->rotation));
	if (!rotation_runs(&d->rotation))
		tell_end(d);
}

int daemon_rotate(struct daemon *d)
{
	struct peers ps;
	int err = peers_collect(d->engine, &ps);

	if (err != 0)
		return err;
	err = rotation_begin(&d->rotation, &ps, d->config->spec.credential.generation, clock_now());
	peers_free(&ps);
	if (err != 0)
		return err;
	log_text(d->log, REPORT_NOTICE, "re-authenticating %zu peers", d->rotation.n);
	arm(d, rotation_runs(&d->rotation));
	return 0;
}

/* --- start and end -----------------------------------------------------------------------------
 */

int daemon_renew_start(struct daemon *d)
{
	int err = watch_open(&d->watch);

	if (err == 0)
		err = loop_add(d->loop, watch_fd(d->watch), on_watch, d);
	d->rotation_timer = timerfd_create(CLOCK_BOOTTIME, TFD_CLOEXEC | TFD_NONBLOCK);
	if (err == 0 && d->rotation_timer < 0)
		err = -errno;
	if (err == 0)
		err = loop_add(d->loop, d->rotation_timer, on_rotation, d);
	if (err != 0)
		log_text(d->log, REPORT_ERROR, "cannot watch the certificates: %s", strerror(-err));
	else
		daemon_watch_look(d);
	return err;
}

void daemon_renew_close(struct daemon *d)
{
	watch_close(d->watch);
	rotation_free(&d->rotation);
	if (d->rotation_timer >= 0)
		close(d->rotation_timer);
}
