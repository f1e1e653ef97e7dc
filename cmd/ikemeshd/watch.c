/* SPDX-License-Identifier: Apache-2.0 */
#include "cmd/ikemeshd/watch.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/timerfd.h>
#include <unistd.h>

#define LOOK_EVERY_S 3600

struct watch {
	struct expiry *expiry;
	int timer;
};

int watch_open(struct watch **out)
{
	struct watch *w = calloc(1, sizeof(*w));
	int err = -ENOMEM;

	*out = NULL;
	if (w == NULL)
		return -ENOMEM;
	w->expiry = expiry_new();
	/* The time of day, since that is what certificates go by: it may be set. */
	w->timer = timerfd_create(CLOCK_REALTIME, TFD_CLOEXEC | TFD_NONBLOCK);
	if (w->timer < 0)
		err = -errno;
	if (w->expiry == NULL || w->timer < 0) {
		watch_close(w);
		return err;
	}
	*out = w;
	return 0;
}

void watch_close(struct watch *w)
{
	if (w == NULL)
		return;
	if (w->timer >= 0)
		close(w->timer);
	expiry_free(w->expiry);
	free(w);
}

int watch_fd(const struct watch *w)
{
	return w->timer;
}

void watch_look(struct watch *w, const struct ending *e, const uint32_t *days, size_t n_days,
		time_t now, expiry_say *say, void *arg)
{
	const struct itimerspec at = { .it_value = { .tv_sec = now + LOOK_EVERY_S } };
	uint64_t times;

	/* ECANCELED if the clock was set: which is why we look. */
	(void)!read(w->timer, &times, sizeof(times));
	(void)timerfd_settime(w->timer, TFD_TIMER_ABSTIME | TFD_TIMER_CANCEL_ON_SET, &at, NULL);
	expiry_check(w->expiry, e->items, e->n, days, n_days, now, say, arg);
}
