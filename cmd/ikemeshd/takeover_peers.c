/* SPDX-License-Identifier: Apache-2.0 */
#include "cmd/ikemeshd/takeover_peers.h"

#include "cmd/ikemeshd/clock.h"

#include <errno.h>
#include <stdlib.h>

static struct takeover_peer *find(const struct takeover_peers *t, const struct ip *local,
				  const struct ip *remote)
{
	const struct takeover_peer wanted = { .key = { *local, *remote } };
	struct takeover_peer *p = NULL;

	HASH_FIND(hh, t->all, &wanted.key, sizeof(wanted.key), p);
	return p;
}

static struct takeover_peer *add(struct takeover_peers *t, const struct ip *local,
				 const struct ip *remote)
{
	struct takeover_peer *p = calloc(1, sizeof(*p));

	if (p == NULL)
		return NULL;
	p->key.local = *local;
	p->key.remote = *remote;
	p->fresh = true;
	p->asked_first = p->asked_at = MONO_NEVER;
	HASH_ADD(hh, t->all, key, sizeof(p->key), p);
	if (p->hh.tbl != NULL)
		return p;
	free(p);
	return NULL;
}

void takeover_peers_look(struct takeover_peers *t)
{
	t->heard = 0;
	for (struct takeover_peer *p = t->all; p; p = p->hh.next) {
		p->now = 0;
		p->fresh = p->held = p->up = false;
	}
}

int takeover_peers_held(struct takeover_peers *t, const struct ip *local, const struct ip *remote,
			uint64_t packets)
{
	struct takeover_peer *p = find(t, local, remote);

	if (p == NULL && (p = add(t, local, remote)) == NULL)
		return -ENOMEM;
	p->held = true;
	p->now += packets;
	if (p->fresh)
		p->at_first = p->now;
	t->heard += packets;
	return 0;
}

void takeover_peers_up(struct takeover_peers *t, const struct ip *local, const struct ip *remote)
{
	struct takeover_peer *p = find(t, local, remote);

	if (p != NULL)
		p->up = true;
}

static bool is_due(const struct takeover_peer *p, struct mono now)
{
	return takeover_peer_is_missing(p) &&
	       (p->asked_at.us == MONO_NEVER.us ||
		clock_after(p->asked_at, TAKEOVER_ASK_EVERY_US).us <= now.us);
}

static struct takeover_peer *behind(const struct takeover_peers *t, const struct takeover_peer *p)
{
	return p != NULL && p->hh.next != NULL ? p->hh.next : t->all;
}

const struct takeover_peer *takeover_peers_ask(struct takeover_peers *t, struct mono now)
{
	struct takeover_peer *p = t->asked_last;

	for (size_t n = takeover_peers_count(t); n > 0; n--) {
		p = behind(t, p);
		if (!is_due(p, now))
			continue;
		if (p->asked_first.us == MONO_NEVER.us)
			p->asked_first = now;
		p->asked_at = now;
		t->asked_last = p;
		return p;
	}
	return NULL;
}

/* MONO_NEVER stays: who was not asked yet has all the time. */
static bool has_time(const struct takeover_peer *p, struct mono now)
{
	return clock_after(p->asked_first, TAKEOVER_PATIENCE_US).us > now.us;
}

bool takeover_peers_missed(struct takeover_peers *t, struct mono now)
{
	bool missed = false;

	t->n_missing = 0;
	for (const struct takeover_peer *p = t->all; p; p = p->hh.next) {
		if (!takeover_peer_is_missing(p))
			continue;
		t->n_missing++;
		missed |= p->now > p->at_first || has_time(p, now);
	}
	return missed;
}

size_t takeover_peers_count(const struct takeover_peers *t)
{
	return HASH_COUNT(t->all);
}

void takeover_peers_free(struct takeover_peers *t)
{
	struct takeover_peer *p, *next;

	HASH_ITER(hh, t->all, p, next)
	{
		HASH_DELETE(hh, t->all, p);
		free(p);
	}
	*t = (struct takeover_peers){ 0 };
}
