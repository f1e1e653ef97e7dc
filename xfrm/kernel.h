/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The only netlink socket for XFRM. Every request is answered before the call returns; events are
 * read from a second socket of their own, so that an answer never waits behind them.
 * Results are 0 or negative errno as the kernel gave it.
 */
#ifndef IKEMESH_XFRM_KERNEL_H
#define IKEMESH_XFRM_KERNEL_H

#include "ike/spec.h"
#include "xfrm/policy.h"

struct kernel;

int kernel_open(struct kernel **out);
void kernel_close(struct kernel *k);
/* What the kernel said about the last request that failed, beyond its errno; "" if nothing. */
const char *kernel_error(const struct kernel *k);
/* Does it send NAT keepalives itself (sa_spec.keepalive_s, Linux 6.11)? If not, leave that 0. */
bool kernel_knows_keepalive(const struct kernel *k);

/*
 * The SA takes packets between its two addresses only (its selector): who holds a key cannot speak
 * for another address. After -EEXIST there is an SA of somebody else with that name: do not delete.
 */
int kernel_sa_add(struct kernel *k, const struct sa_spec *sa);
/*
 * Several in one request, as system calls are dear: errors[] has what came of each. The first
 * error, or 0.
 */
#define KERNEL_SAS_MAX 4
int kernel_sas_add(struct kernel *k, const struct sa_spec *const *sas, size_t n, int *errors);
/* The ports of an encapsulated SA that is there. Its keys, counters and replay state stay. */
int kernel_sa_update(struct kernel *k, const struct sa_spec *sa);
int kernel_sa_delete(struct kernel *k, const struct sa_ref *ref); /* -ESRCH: was not there */

struct sa_counters {
	uint64_t bytes, packets;
	int64_t added;	   /* seconds since the epoch */
	int64_t last_used; /* seconds since the epoch, 0: never; Linux before 6.2: the first use */
};
int kernel_sa_counters(struct kernel *k, const struct sa_ref *ref, struct sa_counters *out);
/* Of several, as system calls are dear: errors[] has what came of each, -ESRCH: it is not there. */
#define KERNEL_COUNTERS_MAX 64
void kernel_sas_counters(struct kernel *k, const struct sa_ref *refs, size_t n,
			 struct sa_counters *out, int *errors);
/* Is there such an ESP SA, ours or of others? 0, -ESRCH or another negative errno. */
int kernel_sa_find(struct kernel *k, const struct sa_ref *ref);

/* All SAs of ours (reqid). Stops and returns what the callback returns if it is not 0. */
struct sa_held {
	struct sa_ref ref;
	uint32_t reqid;
	bool larval;	   /* no SPI yet: an acquire under way */
	bool transport;	   /* its mode; always so of ours */
	bool soft_reached; /* a soft limit of packets or octets */
	struct sa_counters counters;
};
int kernel_sa_dump(struct kernel *k, int (*each)(const struct sa_held *, void *), void *arg);
/* All ESP SAs that are not ours, likewise. */
int kernel_sa_dump_others(struct kernel *k, int (*each)(const struct sa_held *, void *), void *arg);

int kernel_policy_add(struct kernel *k, const struct policy *p); /* -EEXIST */
int kernel_policy_update(struct kernel *k, const struct policy *p);
/* The same without waiting for an answer: of one that is there, and need not be another. */
int kernel_policy_poke(struct kernel *k, const struct policy *p); /* adds or replaces in place */
/* Of ours only, known by its selector; -ENOENT if there is none of ours. */
int kernel_policy_delete(struct kernel *k, const struct policy *p);
/*
 * Releases the packets that the kernel holds back on an out policy of ours, by putting it there
 * again. Call it when an SA was added. -ENOENT if the policy is not there (any more): it is never
 * added by this. The kernel looks at the oldest packet only: as long as that one's peer has no SA,
 * the others stay where they are.
 */
int kernel_policy_nudge(struct kernel *k, const struct policy *p);
/* The same for all out policies in the set that a packet between the two could meet. */
int kernel_nudge(struct kernel *k, const struct policy_set *set, const struct ip *local,
		 const struct ip *remote);
struct policy_held {
	struct policy policy;
	uint32_t tmpl_reqid; /* 0: no template */
	bool ours;
	bool apart;  /* has a mark or an interface id: never in the place of one of ours */
	bool odd;    /* holds what we never write (other templates): not as wanted */
	bool tunnel; /* its template is one of tunnel mode */
};
int kernel_policy_dump(struct kernel *k, int (*each)(const struct policy_held *, void *),
		       void *arg);
/* One of others, as it was dumped. */
int kernel_policy_delete_other(struct kernel *k, const struct policy_held *held);

/*
 * Removes all policies and SAs of ours, nothing else (ikectl disable). Counts in *policies, *sas.
 * Larval states have no SPI to name them by, and go by themselves (net.core.xfrm_acq_expires).
 */
int kernel_remove_ours(struct kernel *k, size_t *policies, size_t *sas);

/*
 * Brings the kernel from what it holds of ours to the wanted set: adds and updates in place first,
 * deletes what is too much afterwards, so that no address is uncovered in between. Logs nothing;
 * *changed counts. First error is returned after all was tried: -EEXIST if a policy of others has
 * the selector of one of ours, which is left as it is.
 */
int kernel_policy_sync(struct kernel *k, const struct policy_set *wanted, size_t *changed);

/* What policies of others come before the wanted ones (shadow.h); *out is appended to. */
struct shadows;
int kernel_policy_shadows(struct kernel *k, const struct policy_set *wanted, struct shadows *out);

/* The namespace's default policy. -EINVAL or -EOPNOTSUPP: a kernel without one (before 5.15). */
int kernel_default_get(struct kernel *k, struct policy_default *out);
int kernel_default_set(struct kernel *k, const struct policy_default *d);

/* Events: acquire, expire, mapping, and what of ours somebody else took away. */
int kernel_event_fd(const struct kernel *k);
enum kernel_event_kind {
	KERNEL_ACQUIRE,
	KERNEL_EXPIRE,
	KERNEL_MAPPING,
	KERNEL_POLICY_REMOVED, /* one of ours, or all that there were, and not by this kernel_
				  object */
	KERNEL_SAS_REMOVED,    /* all that there were, likewise */
	KERNEL_LOST,	       /* ENOBUFS: events were dropped, resync */
};
struct kernel_event {
	enum kernel_event_kind kind;
	uint32_t reqid; /* acquire (of its template), expire (of its SA): others' are dropped
			   already */
	struct ip src, dst;
	uint8_t protocol; /* acquire: the packet's, or of a connect() that sent none yet; 0: not
			     given */
	uint16_t src_port, dst_port;
	uint32_t seq; /* acquire */
	uint32_t policy_index;
	uint32_t spi; /* expire, mapping */
	bool hard;
	uint16_t new_src_port; /* mapping */
	struct ip new_src;
};
/* Reads what is there without blocking and calls each; 0 when dry. */
int kernel_read_events(struct kernel *k, void (*each)(const struct kernel_event *, void *),
		       void *arg);

/* setsockopt bypass in and out on an IKE (or raw ESP) socket, for its family. */
int kernel_socket_bypass(int fd, int family);
/*
 * What the socket sends needs an SA of that reqid, whatever policies say: as long as there is none,
 * the kernel asks IKE daemons for one, and the packet is refused.
 */
int kernel_socket_ask(int fd, int family, uint32_t reqid);
/* setsockopt UDP_ENCAP on the port 4500 socket. */
int kernel_socket_udp_encap(int fd);

/* A sysctl under /proc/sys/net/core, in the caller's network namespace, written only if it is
 * another; old (may be NULL) receives what it was. */
int kernel_sysctl_set(const char *name, int value, int *old);

/* Does this kernel do ESP with AES-GCM in transport mode? Tried with a throw-away SA. */
int kernel_probe_esp(struct kernel *k);

#endif
