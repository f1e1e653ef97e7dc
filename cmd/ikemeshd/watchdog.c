/* SPDX-License-Identifier: Apache-2.0 */
#include "cmd/ikemeshd/watchdog.h"
#include "cmd/ikemeshd/notify.h"

#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/timerfd.h>
#include <systemd/sd-daemon.h>
#include <unistd.h>

#define MICRO 1000000ull

struct watchdog {
	int timer;
};

static void on_timer(void *arg)
{
	struct watchdog *w = arg;
	uint64_t times;

	if (read(w->timer, &times, sizeof(times)) == (ssize_t)sizeof(times))
		notify("WATCHDOG=1");
}

static int arm(const struct watchdog *w, uint64_t us)
{
	struct itimerspec at = { 0 };

	at.it_interval.tv_sec = (time_t)(us / MICRO);
	at.it_interval.tv_nsec = (long)(us % MICRO * 1000);
	at.it_value = at.it_interval;
	return timerfd_settime(w->timer, 0, &at, NULL) == 0 ? 0 : -errno;
}

int watchdog_open(struct loop *l, struct watchdog **out)
{
	struct watchdog *w;
	uint64_t us = 0;
	int err = sd_watchdog_enabled(0, &us);

	*out = NULL;
	if (err <= 0 || us < 2)
		return 0;
	w = calloc(1, sizeof(*w));
	if (w == NULL)
		return -ENOMEM;
	/* The clock that systemd goes by: it stands still while the machine sleeps. */
	w->timer = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);
	err = w->timer < 0 ? -errno : arm(w, us / 2);
	if (err == 0)
		err = loop_add(l, w->timer, on_timer, w);
	if (err != 0) {
		watchdog_close(w);
		return err;
	}
	*out = w;
	return 0;
}

void watchdog_close(struct watchdog *w)
{
	if (w == NULL)
		return;
	if (w->timer >= 0)
		close(w->timer);
	free(w);
}

void watchdog_start_within(unsigned seconds)
{
	notifyf("EXTEND_TIMEOUT_USEC=%llu", seconds * MICRO);
}
