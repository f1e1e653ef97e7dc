/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Turns the core's actions into calls, in order. When one fails, the rest of its group is skipped,
 * and the failure is fed back before any other event, so that a reply never leaves for an SA that
 * the kernel refused.
 *
 * A datagram that cannot be sent is lost like one lost on the way: retransmission mends it, and
 * the core hears of it as EVENT_UNREACHABLE. A job that finds no room comes home at once as
 * failed. An SA that is not there when it should go is no failure, nor is a nudge that is refused.
 */
#ifndef IKEMESH_CMD_PERFORM_H
#define IKEMESH_CMD_PERFORM_H

#include "ike/action.h"

/* What the calls are made with: the daemon's are in hands.c, a test brings its own. */
struct hands {
	int (*send)(void *arg, const struct endpoint *local, const struct endpoint *remote,
		    struct bytes datagram);
	int (*sa_add)(void *arg, const struct sa_spec *sa);
	/*
	 * Several at once, or NULL: then one after the other. errors[] has what came of each, and
	 * all are tried.
	 */
	void (*sas_add)(void *arg, const struct sa_spec *const *sas, size_t n, int *errors);
	int (*sa_update)(void *arg, const struct sa_spec *sa);
	void (*keepalive)(void *arg, const struct endpoint *local, const struct endpoint *remote);
	int (*sa_delete)(void *arg, const struct sa_ref *ref, bool inbound);
	/*
	 * Packets that went through each of n SAs, at most 2 * PERFORM_LOOKS; errors[]: -ESRCH, it
	 * is not there. packets[] is all zero.
	 */
	void (*sas_packets)(void *arg, const struct sa_ref *refs, size_t n, uint64_t *packets,
			    int *errors);
	/* NULL: what comes before its SA is lost. */
	void (*expect)(void *arg, const struct ip *local, const struct ip *remote, uint32_t spi);
	void (*nudge)(void *arg, const struct ip *local, const struct ip *remote);
	int (*job)(void *arg, struct job *job); /* takes the job over unless it fails */
	void (*report)(void *arg, const struct report *report);
	void (*keys)(void *arg, const struct exposed_keys *keys); /* NULL: they stay here */
	void (*keep)(void *arg, struct bytes record);		  /* NULL: the core keeps nothing */
	struct mono (*now)(void *arg);
	int (*step)(void *arg, struct mono now, const struct event *event, struct actions *out);
	void *arg;
};

#define PERFORM_SAS 4	 /* at once, at most */
#define PERFORM_LOOKS 32 /* the same: pairs of SAs whose packets are counted */

struct performer {
	const struct hands *hands;
	struct actions out;
	struct event *waiting; /* what came of the actions, oldest first */
	size_t n_waiting, room;
	struct mono deadline; /* when to feed EVENT_TIMER */
	uint64_t failures;    /* SAs refused, datagrams not sent, jobs without room */
};

void performer_init(struct performer *p, const struct hands *hands);
void performer_free(struct performer *p);

/* Feeds one event and all that comes of it. 0, or the first error of the core (-ENOMEM). */
int perform_event(struct performer *p, const struct event *event);

#endif
