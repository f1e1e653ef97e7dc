/* SPDX-License-Identifier: Apache-2.0 */
/* What can happen to the core. One event in, ordered actions out. */
#ifndef IKEMESH_IKE_EVENT_H
#define IKEMESH_IKE_EVENT_H

#include "crypto/job.h"
#include "ike/spec.h"

/* Monotonic time in microseconds; a struct, so that seconds cannot slip in. */
struct mono {
	int64_t us;
};
#define MONO_NEVER ((struct mono){ .us = INT64_MAX })

enum event_kind {
	EVENT_TIMER,	    /* the deadline has come (an early or late one does no harm) */
	EVENT_PACKET,	    /* a datagram on an IKE port, the non-ESP marker cut off */
	EVENT_ACQUIRE,	    /* the kernel has traffic and no SA */
	EVENT_EXPIRE,	    /* soft or hard limit of one of our SAs */
	EVENT_MAPPING,	    /* the kernel saw a peer's NAT mapping change */
	EVENT_USAGE,	    /* packet counters that were asked for */
	EVENT_JOB_DONE,	    /* a job comes home; the engine owns it again */
	EVENT_FAILED,	    /* an action failed; the rest of its group was not performed */
	EVENT_UNREACHABLE,  /* ICMP error for a datagram we sent: a hint, never a proof */
	EVENT_SPEC,	    /* another configuration */
	EVENT_ADDRESSES,    /* other addresses of our own */
	EVENT_COMMAND,	    /* an operator asks */
	EVENT_SHUTDOWN,	    /* send DELETE to every peer, remove our SAs */
	EVENT_STRAY_ESP,    /* ESP came that the kernel has no SA for; anybody may have sent it */
	EVENT_STATE_LOADED, /* a predecessor's state, or that there is none; see engine_save() */
	EVENT_REVIEW,	    /* the lists of revoked certificates are others now */
};

enum command_kind {
	COMMAND_UP,	   /* negotiate with remote now, cutting its back-off short */
	COMMAND_JOIN,	   /* the same, and another daemon of this host has SAs with remote that
			    * stay */
	COMMAND_DOWN,	   /* delete all SAs with remote (none: with everybody) */
	COMMAND_REKEY,	   /* rekey the CHILD_SAs with remote now */
	COMMAND_REKEY_IKE, /* rekey the IKE SAs with remote now */
	COMMAND_RESET,	   /* all SAs with remote go without waiting for it, and it begins afresh */
	COMMAND_REAUTH, /* new IKE SAs with remote, proving identities again; make before break */
};

struct event {
	enum event_kind kind;
	union {
		struct {
			struct endpoint local, remote;
			uint8_t *datagram; /* borrowed; decryption happens in place */
			size_t n;
		} packet;
		struct {
			struct ip local, remote;
			uint8_t protocol;
			uint16_t local_port, remote_port;
		} acquire;
		struct {
			struct sa_ref ref;
			bool hard;
		} expire;
		struct {
			struct sa_ref ref;
			struct endpoint remote; /* where the peer's ESP in UDP comes from now */
		} mapping;
		struct {
			struct sa_ref in;
			uint64_t packets_in, packets_out; /* 0 for an SA that is not there */
			bool out_gone; /* the kernel does not have the outbound SA */
		} usage;
		struct {
			struct job *job;
		} job_done;
		struct {
			uint32_t group;
			struct sa_ref ref; /* of the SA action that failed */
			bool inbound;
			int error; /* negative errno */
		} failed;
		struct {
			struct endpoint local, remote;
			int error; /* negative errno: -EHOSTUNREACH, -ECONNREFUSED ... */
		} unreachable;
		struct {
			struct ip local, remote;
			uint16_t port;	   /* ESP in UDP: where it came from; 0: plain ESP */
			uint32_t spi, seq; /* host order */
			size_t octets;	   /* of the whole IP packet */
		} stray;
		struct {
			const struct spec
				*spec; /* borrowed until the next EVENT_SPEC or engine_free */
		} spec;
		struct {
			struct bytes state; /* borrowed; empty: none */
			unsigned died; /* so many did not end by themselves since it was written */
		} state_loaded;
		struct {
			const struct ip *locals; /* all of them, sorted by ip_compare(); borrowed */
			size_t n;
		} addresses;
		struct {
			enum command_kind command;
			struct ip local, remote; /* local may be none: any */
		} command;
	};
};

#endif
