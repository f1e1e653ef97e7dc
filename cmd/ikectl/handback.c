/* SPDX-License-Identifier: Apache-2.0 */
#include "cmd/ikectl/handback.h"
#include "cmd/ikectl/socket_address.h"

#include <errno.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define LOOK_EVERY_MS 250
#define ASK_EVERY 12 /* looks: its own acquires end in 6 s at the soonest, or in failure */
#define ASKED_A_LOOK 16
#define TOLD_EVERY 16 /* looks */
#define COME_LOOKS 80
#define MEET_LOOKS 120 /* strongSwan repeats its first request after 4 and 7.2 s */
#define QUIET_LOOKS 8
#define LEAVE_LOOKS 40
#define PORT_DISCARD 9

/* ---- pure parts ------------------------------------------------------------------------------ */

static bool is_between(const struct policy *p, const struct ip *src, const struct ip *dst)
{
	return p->dir == POLICY_OUT && p->kind == POLICY_PROTECT && subnet_contains(&p->src, src) &&
	       subnet_contains(&p->dst, dst);
}

static bool is_for_one(const struct policy_held *p)
{
	return p->policy.dst.prefix == ip_bits(&p->policy.dst.ip);
}

/* A trap rather than what was made by it for one peer; of those the one that the kernel takes. */
static bool is_better(const struct policy_held *p, const struct policy_held *best)
{
	if (is_for_one(p) != is_for_one(best))
		return is_for_one(best);
	return p->policy.priority < best->policy.priority;
}

const struct policy_held *handback_trap(const struct handback *h, const struct ip *src,
					const struct ip *dst)
{
	const struct policy_held *best = NULL;
	bool ours = false;

	for (size_t i = 0; i < h->n_policies; i++) {
		const struct policy_held *p = &h->policies[i];

		if (!is_between(&p->policy, src, dst) || policy_is_backstop(&p->policy))
			continue;
		ours |= p->ours;
		if (!p->ours && !p->apart && !p->tunnel && p->tmpl_reqid != 0 &&
		    (best == NULL || is_better(p, best)))
			best = p;
	}
	return ours ? best : NULL;
}

bool handback_is_released(const struct handback *h)
{
	bool beside = false;

	for (size_t i = 0; i < h->n_policies; i++)
		beside |= h->policies[i].ours && h->policies[i].policy.beside;
	return beside;
}

static struct handback_peer *find(const struct handback *h, const struct ip *local,
				  const struct ip *remote)
{
	for (size_t i = 0; i < h->n_peers; i++) {
		struct handback_peer *p = &h->peers[i];

		if (ip_equal(&p->local, local) && ip_equal(&p->remote, remote))
			return p;
	}
	return NULL;
}

int handback_ours(struct handback *h, const struct sa_held *sa)
{
	const struct policy_held *trap = handback_trap(h, &sa->ref.src, &sa->ref.dst);
	struct handback_peer *more;

	if (trap == NULL || find(h, &sa->ref.src, &sa->ref.dst) != NULL)
		return 0;
	if (h->n_peers == h->peers_room) {
		more = reallocarray(h->peers, 2 * h->peers_room + 8, sizeof(*more));
		if (more == NULL)
			return -ENOMEM;
		h->peers = more;
		h->peers_room = 2 * h->peers_room + 8;
	}
	h->peers[h->n_peers++] = (struct handback_peer){ .local = sa->ref.src,
							 .remote = sa->ref.dst,
							 .reqid = trap->tmpl_reqid,
							 .trap = trap->policy.priority };
	return 0;
}

void handback_theirs(struct handback *h, const struct sa_held *sa)
{
	struct handback_peer *out = find(h, &sa->ref.src, &sa->ref.dst),
			     *in = find(h, &sa->ref.dst, &sa->ref.src);

	if (sa->larval || !sa->transport)
		return;
	if (out != NULL)
		out->out = true;
	if (in != NULL)
		in->in = true;
}

void handback_count(struct handback *h)
{
	h->n_missing = 0;
	for (size_t i = 0; i < h->n_peers; i++)
		h->n_missing += !h->peers[i].in || !h->peers[i].out;
}

uint32_t handback_priority(const struct handback *h, const struct policy *ours)
{
	uint32_t trap = 0;

	for (size_t i = 0; i < h->n_peers; i++) {
		const struct handback_peer *p = &h->peers[i];

		if (is_between(ours, &p->local, &p->remote) && (trap == 0 || p->trap < trap))
			trap = p->trap;
	}
	return trap > 0 ? trap - 1 : 0;
}

/* ---- the kernel ------------------------------------------------------------------------------ */

static int keep_policy(const struct policy_held *p, void *arg)
{
	struct handback *h = arg;
	struct policy_held *more;

	if (h->n_policies == h->policies_room) {
		more = reallocarray(h->policies, 2 * h->policies_room + 32, sizeof(*more));
		if (more == NULL)
			return -ENOMEM;
		h->policies = more;
		h->policies_room = 2 * h->policies_room + 32;
	}
	h->policies[h->n_policies++] = *p;
	return 0;
}

static int keep_ours(const struct sa_held *sa, void *arg)
{
	return sa->larval ? 0 : handback_ours(arg, sa);
}

static int see_theirs(const struct sa_held *sa, void *arg)
{
	handback_theirs(arg, sa);
	return 0;
}

static int add_heard(const struct sa_held *sa, void *arg)
{
	struct handback *h = arg;

	if (find(h, &sa->ref.dst, &sa->ref.src) != NULL)
		h->heard += sa->counters.packets;
	return 0;
}

/*
 * The packet itself goes nowhere: it has no SA yet, and is gone with its socket. What fails here
 * shows as a peer that stays missing.
 */
static void ask(const struct handback_peer *p)
{
	const int family = p->local.family == 4 ? AF_INET : AF_INET6;
	const int fd = socket(family, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	struct sockaddr_storage from, to;
	const socklen_t from_len = socket_address(&p->local, 0, &from);
	const socklen_t to_len = socket_address(&p->remote, PORT_DISCARD, &to);

	if (fd < 0)
		return;
	if (kernel_socket_ask(fd, family, p->reqid) == 0 &&
	    bind(fd, (struct sockaddr *)&from, from_len) == 0)
		(void)sendto(fd, "", 1, 0, (struct sockaddr *)&to, to_len);
	close(fd);
}

static void pause_for_a_look(void)
{
	const struct timespec pause = { .tv_nsec = LOOK_EVERY_MS * 1000000L };

	nanosleep(&pause, NULL);
}

static int look(struct handback *h)
{
	int err;

	for (size_t i = 0; i < h->n_peers; i++)
		h->peers[i].in = h->peers[i].out = false;
	err = kernel_sa_dump_others(h->kernel, see_theirs, h);
	handback_count(h);
	return err;
}

/* All of them in ASK_EVERY looks, or as long as that takes ASKED_A_LOOK at a time. */
static void ask_some(const struct handback *h, size_t *next)
{
	const size_t share = h->n_peers / ASK_EVERY + 1;

	for (size_t n = 0; n < share && n < ASKED_A_LOOK; n++) {
		const struct handback_peer *p = &h->peers[*next];

		*next = (*next + 1) % h->n_peers;
		if (!p->in || !p->out)
			ask(p);
	}
}

static int meet(struct handback *h)
{
	size_t next = 0;
	int err = look(h);

	for (unsigned n = 0; n < MEET_LOOKS && err == 0 && h->n_missing > 0; n++) {
		if (n % TOLD_EVERY == TOLD_EVERY - 1 && h->progress != NULL)
			h->progress(h);
		ask_some(h, &next);
		pause_for_a_look();
		err = look(h);
	}
	return err;
}

/* Ours for what goes out, and for some peer. */
static bool is_concerned(const struct handback *h, const struct policy_held *ours)
{
	return ours->ours && handback_priority(h, &ours->policy) != 0;
}

/*
 * Behind what the other daemon has for one peer, and before its traps: so with each peer packets go
 * over the moment that its policy is there. A peer's strongSwan takes none on the old SA from then.
 */
static int step_between(const struct handback *h)
{
	int err = 0;

	for (size_t i = 0; i < h->n_policies && err == 0; i++) {
		struct policy p = h->policies[i].policy;

		if (!is_concerned(h, &h->policies[i]))
			continue;
		p.priority = handback_priority(h, &p);
		err = kernel_policy_update(h->kernel, &p);
	}
	return err;
}

/* From here on all packets leave by the other daemon's policies. */
static int step_aside(const struct handback *h)
{
	int err = 0;

	for (size_t i = 0; i < h->n_policies && err == 0; i++) {
		if (is_concerned(h, &h->policies[i]))
			err = kernel_policy_delete(h->kernel, &h->policies[i].policy);
		if (err == -ENOENT)
			err = 0;
	}
	return err;
}

static void let_peers_follow(struct handback *h)
{
	unsigned quiet = 0;

	for (unsigned n = 0; n < LEAVE_LOOKS && quiet < QUIET_LOOKS; n++) {
		const uint64_t before = h->heard;

		h->heard = 0;
		if (kernel_sa_dump(h->kernel, add_heard, h) != 0)
			return;
		quiet = h->heard == before ? quiet + 1 : 0;
		pause_for_a_look();
	}
}

static int gather(struct handback *h)
{
	int err;

	h->n_policies = h->n_peers = 0;
	err = kernel_policy_dump(h->kernel, keep_policy, h);
	return err != 0 ? err : kernel_sa_dump(h->kernel, keep_ours, h);
}

/* Until it has put its policies there, all of them: two looks see the same. */
static int await_the_other(struct handback *h)
{
	size_t peers = SIZE_MAX, policies = SIZE_MAX;
	int err = gather(h);

	for (unsigned n = 0; n < COME_LOOKS && err == 0 && handback_is_released(h) &&
			     (h->n_peers == 0 || h->n_peers != peers || h->n_policies != policies);
	     n++) {
		peers = h->n_peers;
		policies = h->n_policies;
		pause_for_a_look();
		err = gather(h);
	}
	return err;
}

int handback_run(struct handback *h)
{
	int err = await_the_other(h);

	if (err != 0 || h->n_peers == 0)
		return err;
	err = step_between(h);
	if (err == 0)
		err = meet(h);
	if (err == 0)
		err = step_aside(h);
	if (err == 0)
		let_peers_follow(h);
	return err;
}

void handback_free(struct handback *h)
{
	free(h->policies);
	free(h->peers);
	*h = (struct handback){ 0 };
}
