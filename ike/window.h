/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Message ids and retransmission, RFC 7296 2.1 to 2.4, for a window of one: one request of ours
 * under way, one of the peer's being answered, and the last answer kept for its repetition.
 */
#ifndef IKEMESH_IKE_WINDOW_H
#define IKEMESH_IKE_WINDOW_H

#include "ike/event.h"
#include "ike/message/fragment.h"

/* A message as it goes out: one datagram, or its fragments. */
struct datagrams {
	struct blob *d;
	size_t n;
};
void datagrams_free(struct datagrams *ds);

struct window {
	uint32_t send_id; /* of our next request */
	bool request_out; /* our request `send_id` waits for its answer */
	uint8_t request_exchange;
	struct datagrams request;
	unsigned tries; /* times it was sent */

	uint32_t recv_id;	 /* the peer's next request */
	bool answering;		 /* request recv_id - 1 is being worked on */
	struct datagrams reply;	 /* to request recv_id - 1 */
	struct mono reply_until; /* it goes then; MONO_NEVER: with the next request */
	struct endpoint from_local, from_remote; /* where it came in, and from (RFC 7296 2.11) */

	struct fragments *in_requests, *in_responses;
	struct mono fragments_until; /* incomplete by then, they go (RFC 7383 2.6); never if none */
};
#define FRAGMENTS_LIFE_S 30
/*
 * RFC 7296 2.1: an answer is kept for its repetition until the next request comes, but may be
 * forgotten after several minutes; the request is then ignored if it comes again. So large ones go
 * (strongSwan gives up after 165 s), and small ones are not worth a timer.
 */
#define REPLY_LIFE_S 240
#define REPLY_SMALL 512 /* octets */
void window_keep_reply(struct window *w, struct mono now);
void window_forget_reply(struct window *w);
void window_forget_fragments(struct window *w);
/*
 * The request that came last could not be answered, for want of memory, and nothing came of it: it
 * is as if it had been lost on the way, and is taken for new when it is sent again.
 */
void window_unhear(struct window *w);
void window_free(struct window *w);

/* What a request with this id is. */
enum window_verdict {
	WINDOW_NEW,	/* process */
	WINDOW_REPEAT,	/* send the reply again */
	WINDOW_BUSY,	/* repeated while being worked on: nothing */
	WINDOW_OUTSIDE, /* drop */
};
enum window_verdict window_judge_request(const struct window *w, uint32_t id);

/*
 * Microseconds to wait after the tries-th sending (from 1): 0.5 s, growing by a quarter each time
 * (RFC 7296 2.4 asks for ever longer waits). After WINDOW_TRIES sendings and their waits, some
 * 34 s, the peer counts as gone.
 */
#define WINDOW_TRIES 13
int64_t window_wait(unsigned tries);

#endif
