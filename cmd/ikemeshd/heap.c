/* SPDX-License-Identifier: Apache-2.0 */
#include "cmd/ikemeshd/heap.h"
#include "cmd/ikemeshd/clock.h"

#include <errno.h>
#include <malloc.h>
#include <sys/mman.h>
#include <unistd.h>

#define SOON_US (10 * CLOCK_SECOND)
#define LATE_US (250 * CLOCK_SECOND) /* answers kept for repetition are gone: ike/window.h */

/* By itself the C library sets them by the largest that it has seen, and each thread has a heap. */
void heap_limits(void)
{
	(void)mallopt(M_ARENA_MAX, 1);
	(void)mallopt(M_MMAP_THRESHOLD, 128 * 1024);
	(void)mallopt(M_TRIM_THRESHOLD, 256 * 1024);
}

void heap_open(struct heap *h)
{
	*h = (struct heap){ .begin = sbrk(0), .soon_at = MONO_NEVER, .late_at = MONO_NEVER };
}

static bool is_due(struct mono *at, struct mono now)
{
	if (at->us > now.us)
		return false;
	*at = MONO_NEVER;
	return true;
}

bool heap_tick(struct heap *h, struct mono now, uint64_t handshakes)
{
	if (handshakes - h->handshakes >= HEAP_HANDSHAKES) {
		h->handshakes = handshakes;
		h->soon_at = clock_on_grid(clock_after(now, SOON_US), CLOCK_REST_US);
		h->late_at = clock_on_grid(clock_after(now, LATE_US), CLOCK_REST_US);
	}
	const bool soon = is_due(&h->soon_at, now), late = is_due(&h->late_at, now);

	return soon || late;
}

struct mono heap_deadline(const struct heap *h)
{
	return clock_earlier(h->soon_at, h->late_at);
}

/* Pages that are locked do not go. Those of the heap are not for as long as this takes. */
int heap_tidy(const struct heap *h, bool locked)
{
	const char *begin = h->begin, *end = sbrk(0);

	if (end <= begin)
		return 0;
	if (locked)
		(void)munlock(begin, (size_t)(end - begin));
	(void)malloc_trim(0);
	end = sbrk(0);
	if (locked && end > begin && mlock2(begin, (size_t)(end - begin), MLOCK_ONFAULT) != 0)
		return -errno;
	return 0;
}
