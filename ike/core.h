/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The core's objects, seen by ike/ alone. Ownership is a tree: the engine owns pairs, a pair owns
 * its IKE SAs, an IKE SA owns its CHILD_SAs. Everything dies from the top down, wiped.
 */
#ifndef IKEMESH_IKE_CORE_H
#define IKEMESH_IKE_CORE_H

#include "ike/action.h"
#include "ike/cookie.h"
#include "ike/deadline.h"
#include "ike/engine.h"
#include "ike/keymat.h"
#include "ike/message/fragment.h"
#include "ike/message/message.h"
#include "ike/message/payload.h"
#include "ike/message/sealed.h"
#include "ike/proposal.h"
#include "ike/store.h"
#include "ike/window.h"

#define HASH_NONFATAL_OOM 1
#define uthash_nonfatal_oom(obj) ((void)(obj))
#include <uthash.h>
/* Its assertions would end the process and write to a file: nothing of the kind in ike/. */
#ifdef NDEBUG
#include <utlist.h>
#else
#define NDEBUG
#include <utlist.h>
#undef NDEBUG
#endif

struct ike_sa;
struct child;
struct hold;
struct past_attempt;
struct pair;
struct task;
struct strays;
struct peer_certs;
struct source;

/* ---- jobs ------------------------------------------------------------------------------- */

/* Called when a job comes home for an SA that still lives. The engine frees the job afterwards. */
typedef void job_handler(struct engine *e, struct ike_sa *sa, struct job *job);

/* A job that is out. Whoever waits for it may go: then sa is NULL and the result is dropped. */
struct job_ref {
	UT_hash_handle hh;
	uint64_t ticket;
	struct ike_sa *sa;
	struct mono since;
	struct job_ref *next; /* of the same SA */
	job_handler *handler;
};

/* ---- CHILD_SA --------------------------------------------------------------------------- */

struct child_keys {
	uint8_t in[SA_KEY_MAX], out[SA_KEY_MAX]; /* each wiped once it is installed */
};

struct child {
	UT_hash_handle hh; /* engine: by spi_in */
	struct child *next;
	struct ike_sa *sa;
	unsigned number;
	enum child_state state;
	bool in_added, out_added; /* in the kernel, as far as we know */
	bool keeps_alive;	  /* the kernel sends NAT keepalives on the outbound one */
	bool waited;		  /* once already, since there was another to send on */
	bool out_waits;		  /* responder: outbound SA still to come (RFC 7296 2.8) */
	bool held;		  /* the same, for the sake of others' packets; see hold.h */
	struct mono held_at;
	bool initiator;		  /* we asked for it */
	uint32_t spi_in, spi_out; /* host order */
	struct esp_suite suite;
	struct child_keys *keys; /* until both SAs are in the kernel */
	uint8_t protocol;
	uint16_t local_port, remote_port; /* of its selectors; 0: any */
	struct mono installed_at, rekey_at;
	uint16_t fuzz; /* by chance: of its lifetime and limits */
	struct deadline deadline;

	/* Liveness: counters at the last look. */
	uint64_t packets_in, packets_out;
	struct mono look_at, looked_at; /* the next, the last */
	/* Whether ESP passes at all; see encap.h. */
	unsigned silent_looks; /* in a row: packets left, and none came */
	struct mono silent_since;
	unsigned noughts;    /* answers of the peer that it received none */
	bool asks_count;     /* the next probe asks the peer how many it has received */
	bool peer_counts;    /* it has answered that */
	bool peer_receives;  /* and it has received some */
	struct mono came_at; /* when we last saw that packets had come in; at first: installed */

	/* Rekeying (RFC 7296 2.8). */
	bool want_rekey, want_delete;
	bool doubted;		   /* the kernel asked for an SA: does it still have this one? */
	bool was_rekeyed;	   /* when its DELETE left */
	bool lingers;		   /* gone for the peer; inbound kept for stragglers */
	unsigned rekey_failures;   /* in a row */
	struct child *replaced_by; /* its successor, as long as that lives */
};

/* ---- IKE SA ----------------------------------------------------------------------------- */

enum sa_state {
	SA_I_KEY,    /* initiator: waits for its key pair */
	SA_I_INIT,   /* IKE_SA_INIT sent */
	SA_I_DERIVE, /* waits for g^ir */
	SA_I_MORE,   /* IKE_INTERMEDIATE sent */
	SA_I_SIGN,   /* waits for our signature */
	SA_I_AUTH,   /* IKE_AUTH sent */
	SA_I_VERIFY, /* waits for the verdict on the peer */
	SA_R_KEY,    /* responder: waits for key pair and g^ir */
	SA_R_INIT,   /* IKE_SA_INIT or IKE_INTERMEDIATE answered */
	SA_R_VERIFY, /* IKE_AUTH came, waits for the verdict */
	SA_R_SIGN,   /* waits for our signature */
	SA_UP,	     /* established */
	SA_REKEYED,  /* replaced by another; its children moved on */
	SA_DELETING, /* DELETE sent */
	SA_LINGERS,  /* refused the peer: only repeats the answer, in case it was lost */
	SA_DEAD,     /* to be freed at the end of the step */
};

/* What we answer to a peer that asks for a CHILD_SA; see negotiate.h. */
struct child_answer {
	struct child *child; /* NULL: none, or gone */
	struct transform t[TRANSFORM_TYPES];
	size_t n;
	uint8_t number;		      /* of the peer's proposal */
	struct ts tsi, tsr;	      /* as the pair's addresses have it */
	struct ip wire_tsi, wire_tsr; /* as the peer wrote them: another address behind a NAT */
};

/* What only a handshake needs; freed when the SA is up. */
struct handshake {
	struct blob ni, nr;
	const struct ke_alg *ke;
	struct ke_key *ke_key;
	struct blob ke_public;
	struct blob init_i, init_r; /* whole IKE_SA_INIT messages, for AUTH (RFC 7296 2.15) */
	struct blob cookie;
	unsigned cookies;     /* COOKIE answers since the request was last sent by its time */
	bool cookie_waits;    /* the newest cookie is for the next time that it is sent */
	unsigned restarts;    /* INVALID_KE_PAYLOAD answers taken so far */
	uint32_t peer_hashes; /* SIGNATURE_HASH_ALGORITHMS, bit per id; 0: not sent */
	const struct sig_scheme *peer_scheme;
	const struct sig_scheme *our_scheme;
	struct blob signature; /* ours */
	struct blob peer_cas;  /* hashes of its CERTREQs; see peer_certs.h */
	bool initial_contact;  /* the peer sent it */

	/* RFC 8784; see ppk.h. */
	bool ppk_said;		      /* USE_PPK, by us */
	bool ppk;		      /* and by the peer */
	bool without_ppk;	      /* responder: the peer is judged by its NO_PPK_AUTH */
	struct blob ppk_id;	      /* of the PPK in ppk_sk */
	struct secret ppk_sk[JOB_SK]; /* SK_d, SK_pi, SK_pr with it; empty once they are in use */
	struct blob no_ppk_auth;      /* initiator: what AUTH would hold without it */

	/* RFC 9242, RFC 9370; see exchange/intermediate.c and intauth.h. */
	bool intermediate;	   /* both sides know it */
	size_t add_ke_done;	   /* additional key exchanges, of suite.n_add_ke */
	struct ike_keys old_keys;  /* of the message before, which may come again */
	struct ike_keys next_keys; /* once our answer has left */
	struct blob int_i, int_r;  /* IntAuth_i, IntAuth_r so far */
	uint8_t skf_reserved;	   /* of the first fragment of a message under way */

	struct mono sent_at; /* when our last message of the handshake left, to measure the way */

	/* Responder: the IKE proposal chosen, until IKE_SA_INIT is answered. */
	struct transform ike_t[TRANSFORM_TYPES];
	size_t ike_n;
	uint8_t ike_number;

	/* The CHILD_SA that IKE_AUTH carries, decided when the request came. */
	struct child *child;	    /* initiator: what we offer */
	struct child_answer answer; /* responder */
	uint16_t child_error;	    /* notify that refuses it; 0: fine */
	bool no_child;		    /* the peer asked for none (RFC 6023) */
	char hint[120]; /* an unauthenticated error notify that we saw (RFC 7296 2.21.1) */
	uint16_t hint_notify;
};

struct ike_sa {
	UT_hash_handle hh; /* engine: by spi_local */
	struct ike_sa *next;
	struct pair *pair;
	unsigned number;
	bool initiator;
	enum sa_state state;
	uint64_t spi_local, spi_peer;
	struct endpoint local, remote;
	bool nat_local, nat_remote, encap;
	struct ike_suite suite;
	struct ike_keys keys;
	uint8_t *kept; /* where they and others stand once it is settled; see kept.h */
	uint64_t iv_counter;
	struct handshake *hs;
	struct window window;
	struct child *children;
	struct job_ref *jobs;
	struct deadline deadline;
	struct mono created_at, established_at, rekey_at;
	struct mono authenticated_at; /* the peer proved its identity, here or before a rekeying */
	struct mono retransmit_at, expires_at; /* MONO_NEVER: not */
	struct mono overtake_at;	       /* SA_R_INIT: see overtake.h; MONO_NEVER: not */
	int64_t rtt_us;			       /* 0: not measured */
	bool peer_fragments, peer_ikemesh;
	bool peer_returned_cookie; /* so it is where it says (RFC 7296 2.6) */
	bool ppk; /* it is in the keys, or was in those that these descend from (RFC 8784) */
	size_t reassembling; /* octets of fragments, as the engine counts them */
	uint8_t peer_id_type;
	struct blob peer_id;
	struct blob peer_token;	       /* RFC 6290; empty: none */
	struct peer_certs *peer_certs; /* NULL until authenticated */
	uint32_t credential;	       /* generation of ours that the peer was shown */
	bool peer_pinned;	       /* it shows our own certificate */
	char *peer_warning;	       /* what would refuse it under stricter keys; NULL: nothing */
	bool review; /* its peer's certificate is to be looked at again; see review.h */
	struct status_attempt *attempt; /* moves to the pair when it is over */
	bool want_delete, want_rekey, want_child, want_probe;
	bool want_token;       /* the peer has none of ours for this IKE SA (RFC 6290 4.3) */
	bool heals;	       /* begun because the peer sends on an SA that we lost; see stray.h */
	struct mono reauth_at; /* the peer wants it by then (RFC 4478); MONO_NEVER */
	struct mono keepalive_at; /* MONO_NEVER: we are behind no NAT */
	struct mono idle_at;	  /* key idle_timeout: without a child by then, it is looked at */
	struct ip behind;	  /* the peer's own address behind its NAT; none without */
	struct mono heard_at; /* last sign of life: an authentic message, or ESP seen at a look */
	struct mono dies_at;  /* a probe that must be answered by then; MONO_NEVER: none */
	bool authenticated;   /* the peer has proved its identity, here or in an IKE SA before */
	bool confirmed; /* the peer was told, beside another negotiation, that we got its answer */
	bool retiring;	/* a new IKE SA is being negotiated to replace it (re-authentication) */
	bool ends;	/* idle: its children are being deleted, then it goes */
	unsigned rekey_failures;    /* in a row */
	struct task *ours, *theirs; /* CREATE_CHILD_SA exchanges under way */
	unsigned retransmits;
};

/* ---- pair ------------------------------------------------------------------------------- */

struct pair_key {
	struct ip local, remote;
};

enum turn {
	TURN_NONE,
	TURN_STRANGER, /* waits to begin a negotiation */
	TURN_KNOWN,    /* the same, and its peer has answered before */
};

struct pair {
	UT_hash_handle hh; /* engine: by key */
	struct pair_key key;
	struct ike_sa *sas;
	unsigned n_dead; /* that ended in this step, and still name it */
	struct past_attempt *attempts[PAIR_ATTEMPTS]; /* newest first; NULL at the end */
	unsigned failures;
	struct mono failed_at; /* the last time */
	struct mono since;     /* it is as it is: with a CHILD_SA in the kernel, or without */
	bool up;
	struct mono retry_at;	  /* back-off ends; MONO_NEVER: none */
	struct mono wanted_until; /* traffic asked for an SA lately */
	struct mono forget_at;	  /* without an IKE SA by then, it is freed; MONO_NEVER: not idle */
	bool solicited;		  /* we wanted it, or the peer proved its identity once */
	bool answered;		  /* an IKE SA came up with it */
	struct mono overtake_not_before; /* see overtake.h */
	bool joins;	/* another daemon of this host has SAs with it, until we have one */
	enum turn turn; /* which queue of the engine it is in; see admission.h */
	struct pair *turn_prev, *turn_next;
	struct pair *use_prev, *use_next; /* engine: by use */
	struct mono used_at;		  /* traffic was seen, or wanted */
	struct hold *hold;		  /* the kernel's queue that its first packets wait in */
	struct pair *hold_prev, *hold_next;
	bool ready;   /* while in it: its outbound SA is there */
	bool touched; /* in this step; see save.h */
	bool kept;    /* a record of it was given out */
	struct pair *touched_prev, *touched_next;
	bool bereft;   /* its peer sends on an SA that we lost, until there is one to answer on */
	unsigned asks; /* of the kernel, since it is in it */
	struct mono asked_at;
	uint32_t decoy;		 /* SPI; 0: none */
	struct mono decoy_until; /* when to look after the decoy, or the queue, again */
	struct mono sacrificed_at;
	enum encap_memory encap;
	struct mono encap_at;	 /* since then */
	unsigned encap_trials;	 /* in a row, that did not help */
	struct mono plain_at;	 /* plain ESP came in; long ago: never */
	struct mono asked_until; /* of CREATE_CHILD_SA requests of the peer; see load.h */
	bool suspect;		 /* in engine.suspects: nothing was heard of it but strays */
	struct deadline deadline;
};

/* ---- engine ----------------------------------------------------------------------------- */

/* Unprotected error answers, each kind with limits of its own: junk must not use up honest peers'
 * answers.
 */
enum complaint {
	COMPLAINT_INIT, /* about an IKE_SA_INIT */
	COMPLAINT_JUNK, /* about what belongs to no IKE SA */
};

struct bucket {
	unsigned tokens;
	struct mono at;
};

/* When what was answered will have come in again, at the rates that load.h tells. */
#define LOAD_PLACES 256
struct replies {
	struct mono all;
	struct mono sources[LOAD_PLACES]; /* by a hash of the source */
};

struct engine {
	struct engine_options options;
	const struct spec *spec;
	struct mono now;     /* of the event under way */
	struct actions *out; /* of the event under way */
	/* Of the datagram under way, once it is known to be a whole message; 0: none. */
	uint8_t heard_exchange;
	uint32_t heard_id;
	/* Where they live; see kept.h and attempt.h. */
	struct store pair_store, sa_store, child_store, kept_store, attempt_store;
	struct pair *pairs;
	struct pair *by_use;   /* the same, the one longest unused first */
	struct pair *suspects; /* see stray.h */
	struct pair *touched;  /* in this step; see save.h */
	struct strays *strays; /* NULL until there was one */
	struct ike_sa *sas;
	struct peer_certs *peer_certs;
	size_t peer_certs_octets;
	uint32_t next_certs;
	unsigned keeping; /* which of several states, one after the other, is added to */
	struct child *children;
	struct job_ref *jobs;
	struct deadlines deadlines;
	size_t n_objects; /* with a deadline of their own, the engine itself among them */
	struct deadline admission;
	struct bucket starts;		/* negotiations that we may begin */
	struct pair *known, *strangers; /* wait for their turn, in order */
	struct hold *holds;
	bool hold_changed;	 /* in this step */
	struct ike_sa *dead;	 /* to be freed at the end of the step */
	struct ike_sa *settling; /* answered IKE_AUTH: its handshake goes with the next event */
	struct cookie_jar cookies;
	struct replies replies[2]; /* by enum complaint */
	struct source *sources;	   /* of half-open IKE SAs; see load.h */
	unsigned next_sa, next_child;
	uint64_t next_ticket;
	uint32_t next_group;
	size_t half_open;
	size_t reassembling; /* octets of fragments, of all IKE SAs */
	size_t reviews;	     /* jobs that are out */
	bool review_failed;  /* one could not be done, so the review stands still */
	bool shutting_down;
	bool state_loaded; /* see engine_options.awaits_state */
	bool has_qcd_secret;
	uint8_t qcd_secret[QCD_SECRET_LEN];
	struct status_counters counters;
};

/* act.c: making actions. Each copies what it is given. */
void act_group(struct engine *e); /* what follows stands and falls together */
void act_send(struct engine *e, const struct endpoint *local, const struct endpoint *remote,
	      struct bytes datagram);
void act_sa_add(struct engine *e, const struct sa_spec *sa);
void act_sa_delete(struct engine *e, const struct sa_ref *ref, bool inbound);
void act_sa_update(struct engine *e, const struct sa_spec *sa);
void act_keepalive(struct engine *e, const struct endpoint *local, const struct endpoint *remote);
void act_sa_usage(struct engine *e, const struct sa_ref *in, const struct sa_ref *out);
void act_expect(struct engine *e, const struct ip *local, const struct ip *remote, uint32_t spi);
void act_nudge(struct engine *e, const struct pair *p);
void act_keep(struct engine *e, struct secret *record);	  /* takes it */
void act_keys(struct engine *e, const struct ike_sa *sa); /* if the options say so */
/* Takes the job; handler is called when it comes home and sa still lives. 0 or -ENOMEM. */
int act_job(struct engine *e, struct ike_sa *sa, struct job *job, job_handler *handler);
/*
 * p NULL: about no pair; sa NULL: about no IKE SA; exchange 0: about none. With an exchange the
 * message that is meant is looked up: the one that just came, is under way, or was answered last.
 */
void report(struct engine *e, enum report_level level, enum report_area area, const struct pair *p,
	    const struct ike_sa *sa, uint8_t exchange, const char *format, ...)
	__attribute__((format(printf, 7, 8)));
/* The same, with why it came to that. */
void report_reason(struct engine *e, enum report_level level, enum report_area area,
		   enum reason reason, const struct pair *p, const struct ike_sa *sa,
		   uint8_t exchange, const char *format, ...) __attribute__((format(printf, 8, 9)));
/* The report that was made last, just now, is that this happened. */
void report_is(struct engine *e, enum happening what);
/* Why the pair's SAs went, as a report of this step has it; REASON_NONE: none has. */
enum reason report_cause(const struct engine *e, const struct pair *p);
int engine_random(struct engine *e, uint8_t *out, size_t n);

static inline struct mono mono_after(struct mono t, int64_t us)
{
	return (struct mono){ .us = t.us > INT64_MAX - us ? INT64_MAX : t.us + us };
}
static inline bool mono_reached(struct mono now, struct mono at)
{
	return now.us >= at.us;
}
static inline bool mono_is_never(struct mono t)
{
	return t.us == INT64_MAX;
}
static inline struct mono mono_first(struct mono a, struct mono b)
{
	return a.us < b.us ? a : b;
}

/* Text of at most size - 1 octets with everything unprintable escaped as \xNN; the rest is cut. */
const char *escape(struct bytes b, char *out, size_t size);

#endif
