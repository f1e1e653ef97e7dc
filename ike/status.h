/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One walk over the engine that every view is made from: statusall, JSON, metrics. Views are valid
 * during the call only. Kernel counters are not the core's: the daemon adds them by sa_ref.
 */
#ifndef IKEMESH_IKE_STATUS_H
#define IKEMESH_IKE_STATUS_H

#include "ike/event.h"
#include "ike/report.h"
#include "ike/tally.h"

struct engine;

enum child_state {
	CHILD_INSTALLING, /* inbound SA in, outbound to come */
	CHILD_INSTALLED,
	CHILD_REKEYED, /* replaced, inbound kept for stragglers */
	CHILD_DELETING,
};

struct status_child {
	unsigned number; /* counts up over the daemon's life: {3} in statusall */
	enum child_state state;
	uint32_t spi_in, spi_out; /* host order */
	struct ip local, remote;
	const struct encr_alg *encr;
	const struct integ_alg *integ;
	const struct ke_alg *ke; /* PFS group; NULL: none */
	bool esn;
	bool encap;
	uint8_t protocol; /* of its selectors */
	uint16_t local_port, remote_port;
	struct mono installed_at;
	struct mono rekey_at; /* MONO_NEVER */
};

enum ike_state {
	IKE_CONNECTING, /* IKE_SA_INIT under way */
	IKE_AUTHENTICATING,
	IKE_ESTABLISHED,
	IKE_REKEYED, /* replaced, lives on for stragglers */
	IKE_DELETING,
};

struct status_ike {
	unsigned number; /* [7] in statusall */
	enum ike_state state;
	bool initiator;
	uint64_t spi_i, spi_r;
	struct endpoint local, remote;
	const struct encr_alg *encr;
	const struct integ_alg *integ;
	const struct prf_alg *prf;
	const struct ke_alg *ke;
	const struct ke_alg *const *add_ke; /* RFC 9370: n_add_ke rows */
	size_t n_add_ke;
	struct mono created_at, established_at;
	struct mono rekey_at;
	struct mono authenticated_at; /* identities were proved; rekeying proves nothing anew */
	uint8_t peer_id_type;
	struct bytes peer_id;
	/* NULL until authenticated. IKE SAs whose peers showed the same point to the same. */
	const struct cert_info *peer_cert;
	const struct bytes *peer_chain; /* DER, leaf first */
	size_t n_peer_chain;		/* 0: more than is kept of all peers together */
	/* Hashes of the CAs that it named (CERTREQ, RFC 7296 3.7), 20 octets each; none: empty. */
	struct bytes peer_cas;
	uint32_t credential;	  /* generation of our certificate that it was shown */
	bool peer_pinned;	  /* it shows our own certificate */
	const char *peer_warning; /* what would refuse it under stricter keys; NULL: nothing */
	bool peer_is_ikemesh;
	bool ppk; /* mixed into the keys, or into those that they descend from (RFC 8784) */
	unsigned retransmits;
};

/* Where an attempt ended, or stands. */
enum stage {
	STAGE_ACQUIRE,
	STAGE_INIT,
	STAGE_INTERMEDIATE,
	STAGE_AUTH,
	STAGE_CHILD,
	STAGE_UP,
};

#define ATTEMPT_TEXT_LEN 256
#define ATTEMPT_OFFER_LEN 160
/* Memory of one attempt: kept after it is over (design 8). */
struct status_attempt {
	struct mono started_at, ended_at; /* ended_at MONO_NEVER: under way */
	bool initiator;
	bool failed;
	enum stage stage;
	uint16_t notify;  /* the error notify that ended it, 0: none */
	bool notify_ours; /* we sent it */
	unsigned retransmits;
	bool silent;	      /* our last request had to be repeated, and has no answer */
	int unreachable;      /* negative errno that the network reported meanwhile; 0: none */
	enum verdict verdict; /* on the peer's certificate; VERDICT_GOOD also if it showed none */
	char reason[ATTEMPT_TEXT_LEN];	 /* printable; empty while all is well */
	char offered[ATTEMPT_OFFER_LEN]; /* the peer's proposals, where we refused them */
};
#define PAIR_ATTEMPTS 4

/* What is known of ESP between the two addresses, with `encapsulation: auto`; see encap.h. */
enum encap_memory {
	ENCAP_UNKNOWN, /* nothing, or that it passes */
	ENCAP_TRYING,  /* in UDP, since nothing comes back */
	ENCAP_HELPS,   /* it passes in UDP alone */
	ENCAP_NO_HELP, /* nothing came back in UDP either */
};

struct status_pair {
	struct ip local, remote;
	const struct status_attempt *attempts; /* newest first */
	size_t n_attempts;
	struct mono since;    /* it came up, or went down, or is known at all */
	struct mono retry_at; /* back-off: no new attempt by us before; MONO_NEVER: none pending */
	unsigned failures;    /* in a row */
	bool waiting;	      /* for its turn to negotiate */
	enum encap_memory encap;
	struct mono encap_at; /* since then; of ENCAP_UNKNOWN: nothing */
	size_t n_ike, n_children;
};

struct status_counters {
	uint64_t packets_in, packets_out, drops, retransmits_in, retransmits_out;
	uint64_t ike_initiated, ike_responded, ike_failed, children, acquires;
	uint64_t refused_by_kernel; /* SAs */
	uint64_t breaches;	    /* of "one live CHILD_SA a pair", repaired */
	uint64_t decoys; /* peers that did not answer while others' held packets waited behind
			    theirs */
	uint64_t idle_ended, evicted; /* pairs: by idle_timeout, by max_pairs */
	/*
	 * ESP without an SA (see stray.h): seen; refused (no protected source, or beyond the
	 * limits); sources asked by IKE_SA_INIT; IKE SAs that came of it; peers told to delete.
	 */
	uint64_t strays, strays_refused, strays_asked, strays_healed, strays_deleted;
	/* RFC 6290: tokens sent in the clear; IKE SAs dropped for one; wrong ones. */
	uint64_t qcd_sent, qcd_taken, qcd_wrong;
	uint64_t cookies_sent, decode_errors, integrity_errors, invalid_spi;
	struct status_tally tally;
	size_t half_open, waiting, pairs, ike_sas, child_sas, jobs;
};

struct status_visitor {
	void (*pair)(void *arg, const struct status_pair *p); /* then its SAs */
	void (*ike)(void *arg, const struct status_ike *s);   /* then its children */
	void (*child)(void *arg, const struct status_child *c);
	void *arg;
};

void engine_status(const struct engine *e, const struct status_visitor *v);
void engine_counters(const struct engine *e, struct status_counters *out);
/* The SAs that the engine stands for: to find those in the kernel that nobody owns. */
bool engine_knows_sa(const struct engine *e, const struct sa_ref *ref);

/* Why it failed, or has no answer yet; REASON_NONE: neither. */
enum reason attempt_reason(const struct status_attempt *a);

const char *encap_memory_name(enum encap_memory m); /* "trying" ... */
const char *stage_name(enum stage s);
const char *ike_state_name(enum ike_state s);	  /* CONNECTING, ESTABLISHED ... */
const char *child_state_name(enum child_state s); /* INSTALLED ... */

#endif
