/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Who still talks to this host in the clear where IPsec is optional, and when it last did.
 *
 * Packet sockets see what arrives, before the policies and whatever a firewall says. What came as
 * ESP in transport mode is not seen again after its decryption, unless the kernel decrypts while it
 * puts packets together (GRO, with its module esp4_offload or esp6_offload): then it is seen like
 * cleartext, and nothing but an SA with the peer tells the difference. They are opened at
 * once, and hear something only while something is optional. A filter in the kernel lets through
 * what clear_filter.h says, and leaves out whom it was shown in the last CLEAR_QUIET_US, so that
 * one who talks much hides nobody who talks little. They are read once in CLEAR_PAUSE_US at most,
 * and what does not fit their small buffers is lost: a flood costs the filter and no more.
 *
 * Neither xt_policy nor nftables is needed for it, and nothing of ours stands in the operator's
 * firewall.
 */
#ifndef IKEMESH_CMD_CLEAR_H
#define IKEMESH_CMD_CLEAR_H

#include "ike/event.h"
#include "xfrm/policy.h"

#define CLEAR_PEERS_MAX 4096 /* beyond, the one that was silent longest is forgotten */
#define CLEAR_PAUSE_US INT64_C(1000000)
#define CLEAR_QUIET_US INT64_C(5000000)

struct clear;

struct clear_peer {
	struct ip remote;
	struct mono last; /* as it was read: up to CLEAR_PAUSE_US + CLEAR_QUIET_US later than now */
	bool told;	  /* by clear_new_peer() */
};

int clear_open(struct clear **out); /* hears nothing yet; 0 or negative errno */
void clear_close(struct clear *c);  /* NULL is fine */

/*
 * The policies are others now; borrowed until the next call. 0, or why no packets can be seen
 * (-EPERM, -EAFNOSUPPORT: no packet sockets in this kernel).
 */
int clear_policies(struct clear *c, const struct policy_set *policies, struct mono now);

/* The error of the last clear_policies(); 0 also while nothing is optional. */
int clear_error(const struct clear *c);
/* Is such a module loaded (a directory in sys), or part of the kernel (a line of that file)? */
bool clear_module_loaded(const char *sys);
bool clear_module_builtin(const char *modules_builtin);
/* Either, on this host: may what was decrypted be taken for cleartext? */
bool clear_sees_decrypted(const struct clear *c);

/* Since when packets have been watched without a break; MONO_NEVER: they are not. */
struct mono clear_since(const struct clear *c);

/* One that was not heard before, or not since it was forgotten, each once; NULL: no more. */
const struct clear_peer *clear_new_peer(struct clear *c);

int clear_fd(const struct clear *c);
void clear_turn(struct clear *c, struct mono now); /* the descriptor is readable */
void clear_tick(struct clear *c, struct mono now); /* does what is due */
struct mono clear_deadline(const struct clear *c);

/* Reads what has come up to now, whatever was read when: for somebody who asks. */
void clear_read(struct clear *c, struct mono now);

/* One more packet, as if it had been read (tests). */
void clear_note(struct clear *c, const struct ip *remote, struct mono now);
void clear_forget(struct clear *c, const struct ip *remote);

/* Borrowed until the next call that is not const; in no order. */
const struct clear_peer *clear_peers(const struct clear *c, size_t *n);

#endif
