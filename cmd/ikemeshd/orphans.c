/* SPDX-License-Identifier: Apache-2.0 */
/* SAs of ours in the kernel that the core knows nothing of. */
#include "cmd/ikemeshd/daemon.h"

#include "cmd/ikemeshd/clock.h"
#include "cmd/ikemeshd/shortage.h"

#include <errno.h>
#include <stdlib.h>

#define LOG_AREA AREA_XFRM
#define SWEEP_AFTER (1 * CLOCK_SECOND)

struct orphans {
	struct daemon *d;
	struct sa_ref *refs;
	size_t n, room;
};

static int collect_orphan(const struct sa_held *sa, void *arg)
{
	struct orphans *o = arg;
	bool owned = o->d->phase != DAEMON_GONE && engine_knows_sa(o->d->engine, &sa->ref);

	if (sa->larval || owned)
		return 0;
	if (o->n == o->room) {
		size_t room = o->room == 0 ? 64 : o->room * 2;
		struct sa_ref *more = realloc(o->refs, room * sizeof(*more));

		if (more == NULL)
			return -ENOMEM;
		o->refs = more;
		o->room = room;
	}
	o->refs[o->n++] = sa->ref;
	return 0;
}

/* SAs of ours that nobody stands for (a predecessor was killed). Returns how many went. */
size_t daemon_delete_orphans(struct daemon *d)
{
	struct orphans o = { .d = d };
	size_t gone = 0;

	kernel_sa_dump(d->kernel, collect_orphan, &o);
	for (size_t i = 0; i < o.n; i++)
		gone += kernel_sa_delete(d->kernel, &o.refs[i]) == 0;
	free(o.refs);
	return gone;
}

void daemon_sweep_soon(struct daemon *d)
{
	d->sweep_at = clock_after(daemon_now(d), SWEEP_AFTER);
}

/*
 * Where memory was short, the core's word that an SA is to go may have been lost (see
 * actions.out_of_room): a moment later, what is there is held against what it knows.
 */
void daemon_shortage_turn(struct daemon *d)
{
	const uint64_t n = shortages();
	const struct mono now = daemon_now(d);

	if (n != d->shortages) {
		d->shortages = n;
		daemon_sweep_soon(d);
		log_recurrent_in(d->log, AREA_DAEMON, REPORT_ERROR,
				 "out of memory: what was lost by that is done again");
	}
	if (d->sweep_at.us > now.us)
		return;
	d->sweep_at = MONO_NEVER;
	if (d->phase == DAEMON_RUNNING && daemon_delete_orphans(d) > 0)
		log_recurrent(d->log, REPORT_WARNING, "SAs removed that should have gone before");
}
