/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One core under test, played against a scripted peer: the daemon's performer with a fake kernel, a
 * clock that the test moves, datagrams that the test takes and gives, and jobs that are done at
 * once or kept back. For conversations; whole networks are sim.h's.
 *
 * What the core had done is written down in order as words, for assertions like
 * assert_string_equal(duet_log(&d), "+in send"):
 *	send  one datagram        +in +out  SA added        !in !out  SA refused by the kernel
 *	nudge                     -in -out  SA deleted      (an SA that is not there: nothing)
 *	job:generate job:derive job:respond job:sign job:verify job:ppk
 */
#ifndef IKEMESH_TEST_SIM_DUET_H
#define IKEMESH_TEST_SIM_DUET_H

#include "cmd/ikemeshd/perform.h"
#include "ike/engine.h"
#include "sim/draft.h"
#include "sim/fake_kernel.h"
#include "sim/fleet.h"
#include "sim/jobs.h"
#include "sim/peer.h"

#define DUET_SENT 256
#define DUET_JOBS 64
#define DUET_FRAGMENTS 64
#define DUET_EXPIRES 16
#define DUET_LOG 4096
#define DUET_REPORTS 16384

struct duet_datagram {
	struct endpoint local, remote;
	struct blob b;
	struct mono at;
};

/* Certificates, keys and trust of both ends. Made once a program: RSA keys take their time. */
struct duet_pki;

struct duet_options {
	bool real; /* crypto for real; else the stand-in */
	bool ipv6;
	uint64_t seed; /* 0: 1 */
	bool peer_is_ikemesh;
	bool optional;
	bool no_spec; /* do not feed EVENT_SPEC */
	bool awaits_state;
	bool kernel_keepalives;
	bool exposes_keys;
	/* Any addresses, and whatever is too much for the lists below is lost: for fuzzers. */
	bool lenient;
	const uint8_t *qcd_secret; /* NULL: none */
	uint16_t group;
};

struct duet {
	struct duet_options options;
	struct rng rng;
	struct mono now;
	struct spec spec, peer_spec;
	struct endpoint us, them; /* the core's, the peer's */
	struct engine *engine;
	struct performer performer;
	struct hands hands;
	struct fake_kernel kernel;
	struct job_doer doer, peer_doer;
	struct peer peer;

	struct duet_datagram sent[DUET_SENT]; /* by the core, oldest first */
	size_t n_sent, taken;
	struct job *jobs[DUET_JOBS]; /* handed out and not yet done */
	size_t n_jobs;
	bool hold_jobs; /* until duet_run_jobs() */
	int fail_send;	/* negative errno: what sending gives */
	char log[DUET_LOG];
	char reports[DUET_REPORTS]; /* texts, one a line */
	char happened[DUET_LOG];    /* what was more than a note, with its reason */
	uint64_t failed_events, timer_rounds;
	uint64_t acquires, delivered;
	uint32_t expected;  /* SPI that may be sent on before its SA is there; 0: none was said */
	size_t expected_at; /* datagrams sent by then */
	struct event expires[DUET_EXPIRES]; /* raised by the kernel, not yet fed */
	size_t n_expires;
};

void duet_start(struct duet *d, const struct duet_options *options);
void duet_end(struct duet *d);

/*
 * Another core goes on with the state (of engine_save(); empty: afresh) at once. Jobs that are out
 * are lost, and kernel SAs that it does not know go.
 */
void duet_restart(struct duet *d, struct bytes state, unsigned died);

/* --- into the core */
void duet_event(struct duet *d, const struct event *event);
/* From the peer to the core; ports may be set otherwise. Runs the jobs unless they are held. */
void duet_give(struct duet *d, struct bytes datagram);
void duet_give_from(struct duet *d, const struct endpoint *from, const struct endpoint *to,
		    struct bytes datagram);
void duet_acquire(struct duet *d);
/* The first ESP packet of the peer on its new SA, as the kernel would see it. */
void duet_esp_from_peer(struct duet *d);
/* Feeds whatever falls due until then. */
void duet_wait(struct duet *d, int64_t us);
/* Moves the clock to the core's deadline and feeds the timer. false: it has none. */
bool duet_next_deadline(struct duet *d);
/* Does jobs that are held, oldest first, and feeds them back (more may be made: not done). */
void duet_run_jobs(struct duet *d);
/* Takes out the nth job that is held; the caller feeds it back with duet_job_home(). */
struct job *duet_take_job(struct duet *d, size_t nth);
void duet_do_job(struct duet *d, struct job *j); /* the work alone */
void duet_job_home(struct duet *d, struct job *j);

/* The peer encodes or seals, frees the draft and gives it. IKE_SA_INIT goes in the clear. */
void duet_say(struct duet *d, struct draft *draft);
/* In fragments of at most limit octets. */
void duet_say_fragmented(struct duet *d, struct draft *draft, size_t limit);

/* --- out of the core */
size_t duet_waiting(const struct duet *d);	       /* datagrams sent and not yet taken */
const struct duet_datagram *duet_take(struct duet *d); /* NULL: none */
/*
 * Takes what the core sent and opens it as the peer (fragments put together). The test fails unless
 * there is such a message.
 */
void duet_hear(struct duet *d, uint8_t exchange, bool response, struct draft *out);
void duet_hear_nothing(struct duet *d);
const char *duet_log(struct duet *d); /* since the last call; valid until the next one */
/* "acquire up down:command", since the last call; valid until the next one. */
const char *duet_happened(struct duet *d);
bool duet_reported(const struct duet *d, const char *part);

/* --- longer passages; the test fails where they do not go well */
void duet_core_init(struct duet *d); /* the core initiates: up to IKE_SA_INIT answered */
void duet_core_up(struct duet *d);   /* ... and a CHILD_SA */
void duet_peer_init(struct duet *d); /* the peer initiates */
void duet_peer_up(struct duet *d);
void duet_peer_up_beside(struct duet *d); /* where an IKE SA is there already */
/* Both directions are installed, with keys as the peer has them. */
void duet_assert_child(struct duet *d);
/* Nothing is left: no IKE SA, no CHILD_SA, no kernel SA, no job. */
void duet_assert_empty(struct duet *d);
struct status_counters duet_counters(struct duet *d);
/* State of the only IKE SA; -1: none. */
int duet_ike_state(struct duet *d);

#endif
