/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the core wants done, in order. The performer carries the actions out one by one. When one
 * fails, the others of the same group are skipped and an EVENT_FAILED is fed before any other
 * event: so that a reply never leaves for an SA that the kernel refused.
 */
#ifndef IKEMESH_IKE_ACTION_H
#define IKEMESH_IKE_ACTION_H

#include "ike/event.h"
#include "ike/report.h"

enum action_kind {
	ACTION_SEND,	  /* one datagram (the performer adds the non-ESP marker on port 4500) */
	ACTION_SA_ADD,	  /* kernel SA */
	ACTION_SA_UPDATE, /* the encapsulation ports of an SA that is there; its keys stay */
	ACTION_SA_DELETE, /* an SA that is not there is no failure */
	ACTION_NUDGE,  /* release the packets that the kernel holds for remote (kernel policies) */
	ACTION_EXPECT, /* ESP under this SPI may come before the SA: see below */
	ACTION_KEEPALIVE, /* NAT keepalive, RFC 3948 2.3: one octet 0xff, no marker */
	ACTION_SA_USAGE,  /* read both SAs' packet counters, feed EVENT_USAGE */
	ACTION_JOB,	  /* run it, feed EVENT_JOB_DONE; the performer owns it meanwhile */
	ACTION_REPORT,	  /* something to tell people */
	ACTION_KEYS,	  /* engine_options.exposes_keys: an IKE SA's, for whoever debugs */
	ACTION_KEEP,	  /* engine_options.keeps: to be kept before anything else is done */
};

/* What the messages of an IKE SA are sealed with. */
struct exposed_keys {
	uint64_t spi_i, spi_r;
	const struct encr_alg *encr;
	const struct integ_alg *integ; /* NULL with AEAD */
	struct secret ei, er, ai, ar;  /* SK_ei … SK_ar; a salt is the end of SK_e */
};
void exposed_keys_wipe(struct exposed_keys *k);

struct action {
	enum action_kind kind;
	uint32_t group;
	union {
		struct {
			struct endpoint local, remote;
			struct blob datagram; /* owned by the action */
		} send;
		struct sa_spec sa_add;	  /* key wiped by actions_clear */
		struct sa_spec sa_update; /* its key is all zero */
		struct {
			struct sa_ref ref;
			bool inbound;
		} sa_delete;
		/*
		 * The peer may send on the SA that we asked for as soon as it has answered. What
		 * comes before SA_ADD may be kept for it, or be lost.
		 */
		struct {
			struct ip local, remote;
			uint32_t spi; /* host order */
		} expect;
		struct {
			struct endpoint local, remote;
		} keepalive;
		struct {
			struct sa_ref in, out;
		} sa_usage;
		struct {
			struct ip local, remote;
		} nudge;
		struct exposed_keys keys; /* wiped by actions_clear */
		struct secret keep;	  /* to be appended to what engine_save() gave */
		struct job *job;	  /* the performer sets it NULL when it takes it */
		struct report report;
	};
};

struct actions {
	struct action *a;
	size_t n, room;
	uint32_t group;	     /* of what is added now */
	uint32_t lost_group; /* of the action that was lost last, if out_of_room */
	bool out_of_room; /* an action was lost for want of memory: the engine cleans up by time-out
			   */
	struct mono deadline; /* when to feed EVENT_TIMER; MONO_NEVER: not at all */
};

void actions_init(struct actions *out);
/* Frees and wipes all that the actions own; jobs still there too. Ready for the next step. */
void actions_clear(struct actions *out);
void actions_free(struct actions *out);

#endif
