/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One host's XFRM as far as the core can tell it from the real one: policies of a configuration,
 * SA look-up by destination and SPI on input and by address pair on output, larval states, packets
 * held by a policy, limits, and the rules for cleartext. Time is handed in.
 *
 * What Linux does and one would not guess:
 *  - of two outbound SAs the one added last is used at once; one whose soft limit has passed
 *    loses against one whose has not;
 *  - a policy has one queue for all peers. Only its head is looked up, after 100, 200, 400 ms ...
 *    or when the policy is written again (the nudge). Once the head has its SA, the whole queue is
 *    emptied: a packet whose peer has no SA at that moment is lost;
 *  - a larval state, one a pair of addresses, keeps further acquires back until an outbound SA
 *    comes or its time is over; without a listener there is none;
 *  - after the soft packet limit of an SA was reported, its soft time limit never is.
 */
#ifndef IKEMESH_TEST_SIM_FAKE_KERNEL_H
#define IKEMESH_TEST_SIM_FAKE_KERNEL_H

#include "ike/event.h"
#include "ike/spec.h"

/* A packet of an application; id is for accounting. */
struct app_packet {
	uint64_t id;
	struct ip src, dst;
	uint8_t protocol;
	uint16_t src_port, dst_port; /* host order */
	size_t n;		     /* octets */
};

/* The same as ESP: instead of a ciphertext it carries what it would have been made with. */
struct esp_packet {
	struct app_packet inner;
	uint32_t spi;
	uint64_t seq;
	const struct encr_alg *encr;
	const struct integ_alg *integ;
	uint8_t key[SA_KEY_MAX];
	size_t key_len;
	bool esn;
	bool encap;
	uint16_t src_port, dst_port; /* of the UDP around it; host order */
};

enum loss {
	LOSS_QUEUE_FULL,    /* output: 100 packets held already */
	LOSS_LARVAL,	    /* output: no SA, and larval_drop says not to hold */
	LOSS_RELEASED,	    /* output: the queue was emptied while this peer had no SA */
	LOSS_PURGED,	    /* output: held too long, or the policy went */
	LOSS_EXPIRED,	    /* a hard packet limit */
	LOSS_NO_STATE,	    /* input: no SA of that SPI (XfrmInNoStates) */
	LOSS_KEYS,	    /* input: the SA has other keys (XfrmInStateProtoError) */
	LOSS_REPLAY,	    /* input */
	LOSS_SELECTOR,	    /* input: not a packet of that SA's selector */
	LOSS_ENCAP,	    /* input: in UDP, and the SA wants it without, or the other way */
	LOSS_CLEAR_REFUSED, /* input: cleartext where ESP is demanded (XfrmInTmplMismatch) */
	LOSS_WIRE,	    /* the network */
	LOSS_NO_ROUTE,	    /* nobody has that address, or a NAT lets it not in */
	LOSS_DOWN,	    /* the host is off, or asleep */
	LOSS_KINDS,
};
const char *loss_name(enum loss why);

/*
 * What the kernel does to the world. Called from within the functions below: a hook notes what
 * happened for later and calls none of them itself.
 */
struct fake_kernel_hooks {
	void (*send_esp)(void *arg, const struct esp_packet *p);
	void (*send_clear)(void *arg, const struct app_packet *p);
	void (*deliver)(void *arg, const struct app_packet *p, bool was_protected);
	void (*lost)(void *arg, const struct app_packet *p, enum loss why);
	void (*acquire)(void *arg, const struct app_packet *p);
	void (*expire)(void *arg, const struct sa_ref *ref, bool hard);
	/* ESP in UDP from another port than the SA has; NULL: nobody cares. */
	void (*mapping)(void *arg, const struct sa_ref *ref, const struct endpoint *remote);
	void *arg;
};

#define FAKE_KERNEL_BUCKETS 256
#define FAKE_KERNEL_HELD_MAX 100

struct fake_sa {
	struct sa_spec spec;
	struct mono added_at;
	uint64_t order; /* counts up with each SA added */
	uint64_t packets, octets;
	uint64_t seq;	/* outbound: last one used. inbound: highest one seen */
	uint64_t *seen; /* replay window as a ring of bits */
	size_t seen_words;
	bool dying; /* a soft limit has passed */
	struct fake_sa *next_by_spi, *next_by_pair;
};

struct fake_larval {
	struct ip src, dst;
	struct mono ends_at;
	struct fake_larval *next;
};

struct fake_policy {
	struct subnet_spec subnet;
	enum ruling ruling; /* RULING_BYPASS, _OPTIONAL or _ENFORCED */
	struct app_packet *held;
	size_t n_held;
	int64_t timeout_us; /* 0: the queue is empty */
	struct mono look_at;
};

struct fake_kernel {
	struct fake_kernel_hooks hooks;
	/* Set by the test as it likes, at any time. */
	int64_t acquire_expires_us; /* net.core.xfrm_acq_expires; 30 s */
	bool larval_drop;	    /* net.core.xfrm_larval_drop; false, as the daemon sets it */
	bool listening;		    /* somebody gets acquires; true */
	bool soft_late; /* a soft packet limit is noticed with the packet after it, not with it */
	unsigned fail_add_in; /* the n-th SA_ADD from now fails; 0: none */
	int fail_error;	      /* negative errno */

	struct fake_policy *policies;
	size_t n_policies;
	enum precedence precedence;
	struct fake_sa *by_spi[FAKE_KERNEL_BUCKETS];
	struct fake_sa *by_pair[FAKE_KERNEL_BUCKETS];
	struct fake_larval *larvals[FAKE_KERNEL_BUCKETS]; /* by pair */
	size_t n_sas;
	uint64_t order;
	struct mono deadline;

	/* Counters. */
	uint64_t acquires, adds, deletes, no_states, key_errors, clear_refused, clear_sent;
	uint64_t nudges, held_peak;
};

void fake_kernel_init(struct fake_kernel *k, const struct fake_kernel_hooks *hooks);
void fake_kernel_wipe(struct fake_kernel *k); /* loses what is held, reports nothing */

/*
 * The policies of a configuration; NULL: none, all cleartext. Queues of subnets that stay are kept,
 * those of others are lost. spec is not kept.
 */
void fake_kernel_policies(struct fake_kernel *k, const struct spec *spec);
const struct fake_policy *fake_kernel_policy(const struct fake_kernel *k, const struct ip *remote,
					     uint8_t protocol, uint16_t remote_port);

int fake_kernel_sa_add(struct fake_kernel *k, struct mono now, const struct sa_spec *sa);
/* The ports of its encapsulation; keys and counters stay. -ESRCH. */
int fake_kernel_sa_update(struct fake_kernel *k, const struct sa_spec *sa);
int fake_kernel_sa_delete(struct fake_kernel *k, const struct sa_ref *ref); /* -ESRCH */
void fake_kernel_sas_packets(const struct fake_kernel *k, const struct sa_ref *refs, size_t n,
			     uint64_t *packets, int *errors); /* -ESRCH: 0 packets */
void fake_kernel_nudge(struct fake_kernel *k, struct mono now, const struct ip *remote);
void fake_kernel_flush(struct fake_kernel *k); /* all SAs, larval states and held packets */

void fake_kernel_output(struct fake_kernel *k, struct mono now, const struct app_packet *p);
void fake_kernel_input_esp(struct fake_kernel *k, struct mono now, const struct esp_packet *p);
void fake_kernel_input_clear(struct fake_kernel *k, const struct app_packet *p);

/* Does what is due. The deadline says when next; too early a call does no harm. */
void fake_kernel_tick(struct fake_kernel *k, struct mono now);
struct mono fake_kernel_deadline(const struct fake_kernel *k);

/* The SA by destination and SPI, or NULL. */
const struct fake_sa *fake_kernel_sa(const struct fake_kernel *k, const struct ip *dst,
				     uint32_t spi);
/* The SA that a packet would be sent on now, or NULL. */
const struct fake_sa *fake_kernel_outbound(const struct fake_kernel *k, struct mono now,
					   const struct app_packet *p);
/* How many SAs from src to dst, in one direction. */
size_t fake_kernel_count(const struct fake_kernel *k, const struct ip *src, const struct ip *dst,
			 bool inbound);
size_t fake_kernel_held(const struct fake_kernel *k);
/* Every SA; stops when each() returns false. */
void fake_kernel_walk(const struct fake_kernel *k, bool (*each)(void *arg, const struct fake_sa *s),
		      void *arg);

#endif
