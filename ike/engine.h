/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The protocol core's front door. No socket, clock, file, log, thread or global behind it: time
 * comes in with each event, randomness through the function handed over, actions go out.
 */
#ifndef IKEMESH_IKE_ENGINE_H
#define IKEMESH_IKE_ENGINE_H

#include "ike/action.h"
#include "ike/event.h"
#include "ike/status.h"

struct engine;

#define QCD_SECRET_LEN 32

struct engine_options {
	/* Fills out with n random octets; 0 or negative errno. */
	int (*random)(void *arg, uint8_t *out, size_t n);
	void *random_arg;
	uint16_t port;	    /* 500 */
	uint16_t port_natt; /* 4500 */
	/* QCD_SECRET_LEN octets that outlive a reboot, for RFC 6290; copied. NULL: no tokens. */
	const uint8_t *qcd_secret;
	/*
	 * State of a predecessor is yet to be handed over: until EVENT_STATE_LOADED nobody is told
	 * that an SA is unknown, and no stray is taken for the sign of one that is lost.
	 */
	bool awaits_state;
	/*
	 * After each step whatever changed of what is established comes as ACTION_KEEP, so that not
	 * even the sudden death of this process costs an SA.
	 */
	bool keeps;
	/*
	 * The keys of each IKE SA come as ACTION_KEYS, for somebody who must see inside its
	 * messages. Without it no action but SA_ADD, KEEP and a JOB has a key in it.
	 */
	bool exposes_keys;
	/* The kernel sends NAT keepalives for an SA that has keepalive_s. */
	bool kernel_keepalives;
};

/* NULL on no memory. Takes no configuration: feed EVENT_SPEC first; until then requests of peers
 * are met with silence. */
struct engine *engine_new(const struct engine_options *options);
void engine_free(struct engine *e); /* wipes all keys; sends nothing */

/*
 * One event. out is cleared first. 0, or -ENOMEM if the event could not be handled in full (the
 * state is sound all the same, and peers' retransmissions or ours mend what was missed).
 */
int engine_step(struct engine *e, struct mono now, const struct event *event, struct actions *out);

/*
 * EVENT_REVIEW could not be done for all peers (no room for jobs, no memory): to be fed once more,
 * a moment later.
 */
bool engine_review_failed(const struct engine *e);

/*
 * The state for a successor's EVENT_STATE_LOADED, between two steps; see save.h. It holds keys, and
 * is the caller's. Jobs that are out are lost with this process: better none are. 0 or -ENOMEM.
 */
int engine_save(struct engine *e, struct secret *out);

#endif
