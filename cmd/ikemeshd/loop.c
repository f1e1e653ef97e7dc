/* SPDX-License-Identifier: Apache-2.0 */
#include "cmd/ikemeshd/loop.h"
#include "cmd/ikemeshd/clock.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/timerfd.h>
#include <unistd.h>

struct source {
	int fd;
	void (*ready)(void *arg);
	void *arg;
	bool now;
};

struct loop {
	int epoll;
	int timer;
	struct mono armed;
	struct mono now; /* when this turn began */
	void (*due)(void *arg);
	void *due_arg;
	struct source sources[LOOP_SOURCES];
	size_t n;
};

/* The timer is a source like any other: its place in the order is where it was added. */
static void timer_ready(void *arg)
{
	struct loop *l = arg;
	uint64_t times;

	if (read(l->timer, &times, sizeof(times)) != (ssize_t)sizeof(times))
		return;
	l->armed = MONO_NEVER;
	if (l->due != NULL)
		l->due(l->due_arg);
}

int loop_open(struct loop **out)
{
	struct loop *l = calloc(1, sizeof(*l));

	*out = NULL;
	if (l == NULL)
		return -ENOMEM;
	l->armed = MONO_NEVER;
	l->now = clock_now();
	l->timer = -1;
	l->epoll = epoll_create1(EPOLL_CLOEXEC);
	if (l->epoll >= 0)
		l->timer = timerfd_create(CLOCK_BOOTTIME, TFD_CLOEXEC | TFD_NONBLOCK);
	if (l->timer < 0) {
		int err = -errno;

		loop_close(l);
		return err;
	}
	*out = l;
	return 0;
}

void loop_close(struct loop *l)
{
	if (l == NULL)
		return;
	if (l->timer >= 0)
		close(l->timer);
	if (l->epoll >= 0)
		close(l->epoll);
	free(l);
}

int loop_add(struct loop *l, int fd, void (*ready)(void *arg), void *arg)
{
	struct epoll_event want = { .events = EPOLLIN, .data.u64 = l->n };

	if (l->n == LOOP_SOURCES)
		return -ENOSPC;
	if (epoll_ctl(l->epoll, EPOLL_CTL_ADD, fd, &want) != 0)
		return -errno;
	l->sources[l->n++] = (struct source){ .fd = fd, .ready = ready, .arg = arg };
	return 0;
}

void loop_on_deadline(struct loop *l, void (*due)(void *arg), void *arg)
{
	l->due = due;
	l->due_arg = arg;
	loop_add(l, l->timer, timer_ready, l);
}

int loop_set_deadline(struct loop *l, struct mono deadline)
{
	struct itimerspec at = { 0 };

	if (deadline.us == l->armed.us)
		return 0;
	if (deadline.us != MONO_NEVER.us) {
		/* All zero would disarm: a deadline of zero is long past, and 1 ns will do. */
		int64_t us = deadline.us > 0 ? deadline.us : 0;

		at.it_value.tv_sec = us / CLOCK_SECOND;
		at.it_value.tv_nsec = us % CLOCK_SECOND * 1000 + (us == 0);
	}
	if (timerfd_settime(l->timer, TFD_TIMER_ABSTIME, &at, NULL) != 0)
		return -errno;
	l->armed = deadline;
	return 0;
}

struct mono loop_now(const struct loop *l)
{
	return l->now;
}

void loop_refresh(struct loop *l)
{
	l->now = clock_now();
}

int loop_turn(struct loop *l)
{
	struct epoll_event ready[LOOP_SOURCES];
	int n = epoll_wait(l->epoll, ready, LOOP_SOURCES, -1);

	if (n < 0)
		return errno == EINTR ? 0 : -errno;
	l->now = clock_now();
	for (int i = 0; i < n; i++)
		l->sources[ready[i].data.u64].now = true;
	for (size_t i = 0; i < l->n; i++) {
		if (!l->sources[i].now)
			continue;
		l->sources[i].now = false;
		l->sources[i].ready(l->sources[i].arg);
	}
	return 0;
}
