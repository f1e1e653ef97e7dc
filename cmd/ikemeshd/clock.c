/* SPDX-License-Identifier: Apache-2.0 */
#include "cmd/ikemeshd/clock.h"

#include <time.h>

struct mono clock_now(void)
{
	struct timespec ts = { 0 };

	clock_gettime(CLOCK_BOOTTIME, &ts);
	return (struct mono){ .us = (int64_t)ts.tv_sec * CLOCK_SECOND + ts.tv_nsec / 1000 };
}

struct mono clock_after(struct mono at, int64_t us)
{
	if (us > 0 && at.us > INT64_MAX - us)
		return MONO_NEVER;
	return (struct mono){ .us = at.us + us };
}

struct mono clock_earlier(struct mono a, struct mono b)
{
	return a.us < b.us ? a : b;
}

int64_t clock_seconds_since(struct mono now, struct mono then)
{
	return now.us > then.us ? (now.us - then.us) / CLOCK_SECOND : 0;
}

struct mono clock_on_grid(struct mono now, int64_t us)
{
	return (struct mono){ .us = now.us - now.us % us + us };
}
