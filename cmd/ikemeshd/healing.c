/* SPDX-License-Identifier: Apache-2.0 */
#include "cmd/ikemeshd/healing.h"

#include "cmd/ikemeshd/clock.h"
#include "cmd/ikemeshd/tap.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

#define STAT_PATH "/proc/net/xfrm_stat"
#define STAT_ROOM 4096
#define STAT_NAME "XfrmInNoStates"
#define FORGET_US INT64_C(1000000) /* so long an SPI counts as known: its SA may go meanwhile */

struct healing {
	struct healing_options options;
	int epoll;
	int stat; /* stays open, and so with its network namespace; -1: no such counter */
	uint64_t count;
	struct mono started, rose_at, read_at, forget_at;
	struct mono wary_until;
	struct mono resume_at; /* MONO_NEVER: the tap is watched */
	struct tap *tap;       /* NULL: it cannot be, for tap_error */
	int tap_error;
	bool listening;
	bool barred; /* it should listen, and cannot */
};

bool healing_parse(const char *text, uint64_t *count)
{
	const size_t n = strlen(STAT_NAME);

	for (const char *line = text; line != NULL; line = strchr(line, '\n')) {
		line += *line == '\n';
		if (strncmp(line, STAT_NAME, n) == 0 && (line[n] == ' ' || line[n] == '\t')) {
			*count = strtoull(line + n, NULL, 10);
			return true;
		}
	}
	return false;
}

static bool read_count(const struct healing *h, uint64_t *count)
{
	char text[STAT_ROOM];
	ssize_t n;

	if (h->stat < 0)
		return false;
	n = pread(h->stat, text, sizeof(text) - 1, 0);
	if (n < 0)
		return false;
	text[n] = '\0';
	return healing_parse(text, count);
}

static bool is_young(const struct healing *h, struct mono now)
{
	return now.us - h->started.us < HEALING_YOUNG_FOR_US;
}

static void plan(struct healing *h, struct mono now)
{
	if (h->listening || (!is_young(h, now) && now.us < h->wary_until.us))
		h->read_at = clock_after(now, HEALING_IDLE_US);
	else if (is_young(h, now))
		h->read_at = clock_after(now, HEALING_YOUNG_US);
	else
		h->read_at = clock_on_grid(now, CLOCK_REST_US);
	if (h->barred)
		h->read_at = clock_after(now, HEALING_RETRY_US);
	h->barred = false;
	if (h->stat < 0 && !is_young(h, now))
		h->read_at = MONO_NEVER;
}

static void listen_to(struct healing *h, struct mono now, uint64_t rises)
{
	int err = h->tap != NULL ? tap_listen(h->tap) : h->tap_error;

	h->resume_at = MONO_NEVER;
	h->forget_at = clock_after(now, FORGET_US);
	h->listening = err == 0;
	h->barred = err != 0;
	h->options.told(h->options.arg, rises, err);
}

static void open_tap(struct healing *h)
{
	const struct tap_options o = { .port_natt = h->options.port_natt,
				       .bypass = h->options.bypass,
				       .epoll = h->epoll };

	h->tap_error = tap_open(&o, &h->tap);
}

int healing_open(const struct healing_options *options, struct mono now, struct healing **out)
{
	struct healing *h = calloc(1, sizeof(*h));

	*out = NULL;
	if (h == NULL)
		return -ENOMEM;
	h->options = *options;
	h->started = h->rose_at = now;
	h->resume_at = h->forget_at = MONO_NEVER;
	h->stat = open(options->stat_path ? options->stat_path : STAT_PATH, O_RDONLY | O_CLOEXEC);
	h->epoll = epoll_create1(EPOLL_CLOEXEC);
	if (h->epoll < 0) {
		int err = -errno;

		healing_close(h);
		return err;
	}
	if (!read_count(h, &h->count) && h->stat >= 0) {
		close(h->stat);
		h->stat = -1;
	}
	open_tap(h);
	/* What it counted before we came may be peers that still wait for us. */
	if (h->stat < 0 || h->count > 0)
		listen_to(h, now, 0);
	plan(h, now);
	*out = h;
	return 0;
}

void healing_close(struct healing *h)
{
	if (h == NULL)
		return;
	tap_close(h->tap);
	if (h->stat >= 0)
		close(h->stat);
	if (h->epoll >= 0)
		close(h->epoll);
	free(h);
}

int healing_fd(const struct healing *h)
{
	return h->epoll;
}

bool healing_is_listening(const struct healing *h)
{
	return h->listening;
}

static bool seen(void *arg, const struct tapped *p)
{
	struct healing *h = arg;
	const struct sa_ref ref = { .src = p->remote, .dst = p->local, .spi = p->spi };
	const struct event e = {
		.kind = EVENT_STRAY_ESP,
		.stray = { .local = p->local,
			   .remote = p->remote,
			   .port = p->port,
			   .spi = p->spi,
			   .seq = p->seq,
			   .octets = p->octets },
	};

	if (h->options.held(h->options.arg, &ref))
		return true;
	h->options.stray(h->options.arg, &e);
	return false;
}

void healing_turn(struct healing *h, struct mono now)
{
	if (!h->listening || tap_turn(h->tap, seen, h) < TAP_TURN_MAX)
		return;
	/* A flood: what is not read is lost, and the rest of the daemon has its time. */
	tap_watch(h->tap, false);
	h->resume_at = clock_after(now, HEALING_PAUSE_US);
}

static void look(struct healing *h, struct mono now)
{
	uint64_t count = h->count;

	if (read_count(h, &count) && count != h->count) {
		h->rose_at = now;
		if (!h->listening)
			listen_to(h, now, count - h->count);
		h->count = count;
	}
	const int64_t calm = h->stat < 0 ? HEALING_YOUNG_FOR_US : HEALING_CALM_US;
	if (h->listening && now.us - h->rose_at.us >= calm) {
		tap_park(h->tap);
		h->listening = false;
		h->resume_at = h->forget_at = MONO_NEVER;
	}
	plan(h, now);
}

void healing_tick(struct healing *h, struct mono now)
{
	if (h->listening && h->resume_at.us <= now.us) {
		h->resume_at = MONO_NEVER;
		tap_watch(h->tap, true);
	}
	if (h->listening && h->forget_at.us <= now.us) {
		h->forget_at = clock_after(now, FORGET_US);
		tap_forget(h->tap);
	}
	if (h->read_at.us <= now.us)
		look(h, now);
}

void healing_wary(struct healing *h, struct mono now)
{
	h->wary_until = clock_after(now, HEALING_WARY_US);
	if (h->read_at.us != MONO_NEVER.us)
		h->read_at = clock_earlier(h->read_at, clock_after(now, HEALING_IDLE_US));
}

struct mono healing_deadline(const struct healing *h)
{
	return clock_earlier(h->read_at, clock_earlier(h->resume_at, h->forget_at));
}
