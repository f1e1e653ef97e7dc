/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What is counted by kind since the start: handshakes and why they failed, rekeyings, collisions,
 * datagrams dropped, jobs and how long they took. The names are promises: metrics are labelled with
 * them.
 */
#ifndef IKEMESH_IKE_TALLY_H
#define IKEMESH_IKE_TALLY_H

#include "ike/report.h"

#include <stdint.h>

struct status_attempt;

enum role {
	ROLE_INITIATOR,
	ROLE_RESPONDER,
	ROLES,
};

enum rekeyed {
	REKEYED_CHILD,
	REKEYED_IKE,
	REKEYED_KINDS,
};

/* Both sides began the same thing at once (RFC 7296 2.8.1, 2.8.2, 2.25). */
enum collision_kind {
	COLLISION_FIRST_CONTACT, /* two IKE SAs of a pair, each begun by one side; ours went */
	COLLISION_CHILD,	 /* two rekeyings of a CHILD_SA */
	COLLISION_IKE,		 /* two rekeyings of an IKE SA */
	COLLISION_POSTPONED,	 /* one side asked the other to wait: TEMPORARY_FAILURE */
	COLLISIONS,
};

/* Why a datagram on an IKE port was not taken. */
enum drop {
	DROP_MALFORMED,
	DROP_NO_SA,	      /* of an IKE SA that is not here */
	DROP_INTEGRITY,	      /* not by the keys of its IKE SA */
	DROP_ADDRESS,	      /* not from the peer's address */
	DROP_UNEXPECTED,      /* well-formed, and not what may come now */
	DROP_UNAUTHENTICATED, /* asks for what only a peer may ask that proved who it is */
	DROP_WINDOW,	      /* message id outside the window */
	DROP_LOAD,	      /* beyond the bounds of what strangers may cost; see load.h */
	DROPS,
};

/* Limits that turned something away: each has a test at its edge. */
enum limit {
	LIMIT_HALF_OPEN,	 /* key half_open_limit: RFC 8019 4.2 */
	LIMIT_HALF_OPEN_SOURCE,	 /* key half_open_per_source, or half of all places */
	LIMIT_REPLIES,		 /* key error_replies: RFC 7296 2.21.4 */
	LIMIT_REPLIES_SOURCE,	 /* to one source */
	LIMIT_DATAGRAM,		 /* IKE_MESSAGE_MAX: RFC 7296 2 */
	LIMIT_PAYLOADS,		 /* IKE_PAYLOADS_MAX, and of one kind: ike/message/rules.c */
	LIMIT_PROPOSALS,	 /* SA_PROPOSALS_MAX */
	LIMIT_TRANSFORMS,	 /* SA_TRANSFORMS_MAX */
	LIMIT_TRAFFIC_SELECTORS, /* TS_MAX */
	LIMIT_CERTIFICATES,	 /* CERT_CHAIN_MAX, CERT_SIZE_MAX: RFC 8019 4.7 */
	LIMIT_FRAGMENTS,	 /* FRAGMENTS_MAX, FRAGMENTS_BYTES_MAX: RFC 7383 5 */
	LIMIT_REASSEMBLY,	 /* LOAD_REASSEMBLY_OCTETS */
	LIMIT_CHILD_REQUESTS,	 /* key child_requests_per_minute: RFC 8019 5 */
	LIMIT_CHILDREN,		 /* PAIR_CHILDREN_MAX: RFC 8019 5 */
	LIMIT_IKE_SAS,		 /* PAIR_SAS_MAX */
	LIMIT_PEER_CERTIFICATES, /* PEER_CERTS_OCTETS: kept without their chain */
	LIMITS,
};

/* Times that jobs took, from leaving the core to coming home: upper bounds in microseconds. */
#define TALLY_JOB_TIMES 11
extern const int64_t tally_job_times[TALLY_JOB_TIMES];

struct status_tally {
	uint64_t established[ROLES], failed[ROLES]; /* handshakes that are over */
	uint64_t failures[N_REASONS];		    /* the same that failed */
	uint64_t rekeys[REKEYED_KINDS][ROLES];
	uint64_t rekey_failures[REKEYED_KINDS]; /* of ours; postponed ones are no failures */
	uint64_t collisions[COLLISIONS];
	uint64_t drops[DROPS];
	uint64_t limits[LIMITS];
	uint64_t jobs_done, jobs_us;	       /* microseconds of all together */
	uint64_t jobs_within[TALLY_JOB_TIMES]; /* each with those before it */
};

/* An attempt that is over. It went well, and its CHILD_SA too, unless it says that it failed. */
void tally_attempt(struct status_tally *t, const struct status_attempt *a);
void tally_job(struct status_tally *t, int64_t us); /* it came home after so long */

const char *role_name(enum role r);		   /* "initiator" */
const char *rekeyed_name(enum rekeyed r);	   /* "child" */
const char *collision_name(enum collision_kind c); /* "first-contact" */
const char *drop_name(enum drop d);		   /* "no-ike-sa" */
const char *limit_name(enum limit l);		   /* "half-open" */

#endif
