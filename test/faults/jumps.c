/* SPDX-License-Identifier: Apache-2.0 */
#include "faults/jumps.h"

#include "cmd/ikemeshd/clock.h"

#include <pthread.h>
#include <sys/timerfd.h>
#include <time.h>

#define TIMERS 32
#define NS_A_SECOND 1000000000

/* A timer that was set to a time of a clock of ours. */
struct timer {
	int fd;
	clockid_t clock;
	bool armed;
	struct timespec at;
};

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct {
	enum jumps_clock clock;
	uint64_t n, looks;
	int64_t seconds;
	bool hit;
} next;
static int64_t ahead[2]; /* seconds, of each clock */
static struct timer timers[TIMERS];
static size_t n_timers;
static _Thread_local bool is_tests, armed;

struct mono __real_clock_now(void);
struct mono __wrap_clock_now(void);
time_t __real_time(time_t *out);
time_t __wrap_time(time_t *out);
int __real_clock_gettime(clockid_t clock, struct timespec *out);
int __wrap_clock_gettime(clockid_t clock, struct timespec *out);
int __real_timerfd_create(int clock, int flags);
int __wrap_timerfd_create(int clock, int flags);
int __real_timerfd_settime(int fd, int flags, const struct itimerspec *new, struct itimerspec *old);
int __wrap_timerfd_settime(int fd, int flags, const struct itimerspec *new, struct itimerspec *old);

static enum jumps_clock ours(clockid_t clock)
{
	return clock == CLOCK_REALTIME ? JUMPS_WALL : JUMPS_BOOT;
}

/* What the kernel is told of a time of our clock; in the past is at once. */
static void set_timer(const struct timer *t)
{
	struct itimerspec at = { .it_value = t->at };

	if (at.it_value.tv_sec > 0)
		at.it_value.tv_sec -= ahead[ours(t->clock)];
	if (at.it_value.tv_sec <= 0)
		at.it_value = (struct timespec){ .tv_nsec = 1 };
	(void)__real_timerfd_settime(t->fd, TFD_TIMER_ABSTIME, &at, NULL);
}

static void jump(enum jumps_clock clock, int64_t seconds)
{
	ahead[clock] += seconds;
	for (size_t i = 0; i < n_timers; i++) {
		struct timer t = timers[i];

		if (!t.armed || ours(t.clock) != clock)
			continue;
		/* TFD_TIMER_CANCEL_ON_SET: whoever waits for a date hears that it was set. */
		if (clock == JUMPS_WALL)
			t.at.tv_sec = 0;
		set_timer(&t);
	}
}

/* The lock is held. */
static void look(enum jumps_clock clock)
{
	if ((is_tests && !armed) || clock != next.clock)
		return;
	if (++next.looks != next.n)
		return;
	next.hit = true;
	jump(clock, next.seconds);
}

void jumps_set(enum jumps_clock clock, uint64_t n, int64_t seconds)
{
	pthread_mutex_lock(&lock);
	is_tests = true;
	next.clock = clock;
	next.n = n;
	next.seconds = seconds;
	next.looks = 0;
	next.hit = false;
	pthread_mutex_unlock(&lock);
}

void jumps_arm(bool on)
{
	is_tests = true;
	armed = on;
}

uint64_t jumps_looks(void)
{
	uint64_t n;

	pthread_mutex_lock(&lock);
	n = next.looks;
	pthread_mutex_unlock(&lock);
	return n;
}

bool jumps_hit(void)
{
	bool hit;

	pthread_mutex_lock(&lock);
	hit = next.hit;
	pthread_mutex_unlock(&lock);
	return hit;
}

void jumps_put_right(void)
{
	pthread_mutex_lock(&lock);
	if (ahead[JUMPS_WALL] != 0)
		jump(JUMPS_WALL, -ahead[JUMPS_WALL]);
	pthread_mutex_unlock(&lock);
}

/* ---- in the place of the clocks ------------------------------------------------------------ */

struct mono __wrap_clock_now(void)
{
	struct mono now;

	pthread_mutex_lock(&lock);
	look(JUMPS_BOOT);
	now = clock_after(__real_clock_now(), ahead[JUMPS_BOOT] * CLOCK_SECOND);
	pthread_mutex_unlock(&lock);
	return now;
}

int __wrap_clock_gettime(clockid_t clock, struct timespec *out)
{
	const int r = __real_clock_gettime(clock, out);

	if (clock != CLOCK_REALTIME)
		return r;
	pthread_mutex_lock(&lock);
	look(JUMPS_WALL);
	out->tv_sec += ahead[JUMPS_WALL];
	pthread_mutex_unlock(&lock);
	return r;
}

time_t __wrap_time(time_t *out)
{
	struct timespec now;

	__wrap_clock_gettime(CLOCK_REALTIME, &now);
	if (out != NULL)
		*out = now.tv_sec;
	return now.tv_sec;
}

int __wrap_timerfd_create(int clock, int flags)
{
	const int fd = __real_timerfd_create(clock, flags);
	size_t i = 0;

	pthread_mutex_lock(&lock);
	while (i < n_timers && timers[i].fd != fd)
		i++;
	if (fd >= 0 && i < TIMERS) {
		timers[i] = (struct timer){ .fd = fd, .clock = clock };
		n_timers += i == n_timers;
	}
	pthread_mutex_unlock(&lock);
	return fd;
}

int __wrap_timerfd_settime(int fd, int flags, const struct itimerspec *new, struct itimerspec *old)
{
	const bool absolute = (flags & TFD_TIMER_ABSTIME) != 0 &&
			      (new->it_value.tv_sec != 0 || new->it_value.tv_nsec != 0);
	int r = absolute ? 0 : __real_timerfd_settime(fd, flags, new, old);

	pthread_mutex_lock(&lock);
	for (size_t i = 0; i < n_timers; i++) {
		if (timers[i].fd != fd)
			continue;
		timers[i].armed = absolute;
		timers[i].at = new->it_value;
		if (absolute)
			set_timer(&timers[i]);
	}
	pthread_mutex_unlock(&lock);
	return r;
}
