/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Many hosts in one process under virtual time: the simulator stands where the daemon stands. Each
 * host has one core, the daemon's own performer, a fake kernel and a few cores for crypto jobs;
 * between them is a network with its manners. Same seed, same trace.
 *
 * Application packets are sent and accounted for. After every step of a core and at every packet
 * the invariants are checked (see sim_check.c); a breach fails the test with seed and trace.
 *
 *	struct sim *s = sim_new(&(struct sim_options){ .seed = 7, .hosts = 2, ... });
 *	sim_start_all(s);
 *	sim_stream(s, 0, 1, 0, 1000, 100);
 *	sim_run_for(s, 10 * SIM_SECOND);
 *	sim_check_rest(s);
 *	sim_free(s);
 */
#ifndef IKEMESH_TEST_SIM_SIM_H
#define IKEMESH_TEST_SIM_SIM_H

#include "cmd/ikemeshd/perform.h"
#include "ike/engine.h"
#include "sim/event_queue.h"
#include "sim/fake_kernel.h"
#include "sim/fleet.h"
#include "sim/jobs.h"
#include "sim/nat.h"
#include "sim/trace.h"
#include "sim/wire.h"

#define SIM_SECOND INT64_C(1000000)
#define SIM_MS INT64_C(1000)
#define SIM_CORES_MAX 16

struct sim;

/* A protocol core as the simulator drives it: this one, or another version beside it. */
struct sim_core {
	struct engine *(*make)(const struct engine_options *options);
	void (*free)(struct engine *e);
	int (*step)(struct engine *e, struct mono now, const struct event *event,
		    struct actions *out);
	void (*status)(const struct engine *e, const struct status_visitor *v);
	void (*counters)(const struct engine *e, struct status_counters *out);
	bool (*knows_sa)(const struct engine *e, const struct sa_ref *ref);
};

struct sim_options {
	uint64_t seed;
	unsigned hosts; /* with the NATs at most FLEET_HOSTS - 1 */
	unsigned nats;	/* translators with an address of their own: sim_behind() */
	struct fleet_options fleet;
	struct wire_manners wire;
	bool real_crypto;	/* instead of the stand-in's: slow, and no run is like the other */
	unsigned cores;		/* for jobs; 0: 2 */
	int64_t timer_slack_us; /* timers are up to this late */
	bool icmp;		/* a host whose daemon is down answers with port unreachable */
	bool soft_late;		/* see fake_kernel.h */
	int64_t acquire_expires_us; /* 0: 6 s, as the daemon sets it */
	bool quiet;		    /* no trace: large runs */
	/* The trace is of one host, or of two and what is between them; the second may be -1. */
	bool focused;
	int focus[2];
	const struct sim_core *other_core; /* of the hosts with odd numbers; NULL: as all */
	size_t packets_kept;		   /* a long run remembers the last ones alone; 0: all */
	/* Told of a breach and of the hosts that are concerned (or -1); NULL: the test fails. */
	void (*breach)(const struct sim *s, int a, int b, const char *text);
	void *arg;	/* whatever a breach() needs */
	bool deaf;	/* daemons do not see who sends on SAs that are not there (healing.h) */
	bool keeps;	/* each step is kept: sim_die() goes on with it */
	bool no_tokens; /* hosts have no secret for RFC 6290; else it outlives their reboots */
};

enum fate {
	FATE_UNDERWAY,
	FATE_HELD,
	FATE_PROTECTED, /* delivered as ESP */
	FATE_CLEAR,	/* delivered in the clear */
	FATE_LOST,
};

struct sim_packet {
	unsigned from, to;
	enum fate fate;
	enum loss why; /* FATE_LOST */
	struct mono sent_at, done_at;
	bool left; /* the host: it is no longer held */
};

struct sim_tally {
	size_t sent, underway, held, was_protected, clear, lost;
	size_t by_reason[LOSS_KINDS];
};

struct sim_host {
	struct sim *sim;
	unsigned index;
	struct ip ip;
	unsigned moves;		  /* addresses it has had before */
	int nat;		  /* the one that it is behind, or -1 */
	bool up;		  /* the machine */
	bool running;		  /* the daemon; engine is NULL without */
	struct secret kept;	  /* options.keeps: what engine_save() gave, and each step's */
	bool taking_over;	  /* its kernel and its predecessor's state are not yet compared */
	struct mono asleep_until; /* suspended: it hears nothing and does nothing; 0: it is not */
	uint64_t life; /* counts up when the daemon ends: what was under way for it is void */
	struct mono young_until;
	struct mono wary_until; /* a peer was found dead: see healing.h */
	struct mono rose_at;	/* ESP without an SA came last */
	struct mono tap_from;	/* the tap is open from then on; MONO_NEVER: it is not asked for */
	int64_t clock_us;	/* its clock is so much ahead of the world's */
	int64_t wall_off_s;	/* and so much the wall clock by which it judges certificates */
	struct spec spec;
	struct rng rng; /* the core's */
	const struct sim_core *core;
	struct engine *engine;
	struct performer performer;
	struct hands hands;
	struct job_doer doer;
	struct fake_kernel kernel;
	struct mono core_free[SIM_CORES_MAX];
	struct mono timer_at, tick_at; /* scheduled, by its own clock */
	struct mono netlink_at; /* when the daemon reads the last event that the kernel sent */
	uint64_t timer_token, tick_token;
	unsigned idle_timers;	      /* timer events in a row that changed nothing */
	uint64_t timers, vain_timers; /* all timer events, and those that nothing came of */
	uint64_t steps;
	/* The actions of the step under way, to see that a failed group ends there. */
	struct {
		enum action_kind kind;
		uint32_t group;
	} * plan;
	size_t n_plan, plan_room, plan_at;
	bool group_failed;
	uint32_t failed_group;
};

/* A pair of hosts that shall come up: sim_pair_want(). All times are the world's. */
struct sim_pair {
	unsigned a, b;		   /* a < b */
	bool up;		   /* packets pass both ways */
	bool single;		   /* up, and one SA in each direction in each kernel */
	struct mono up_at;	   /* when `up` became true the last time */
	struct mono passed_at[2];  /* when a packet came through, from a to b and from b to a */
	struct mono up_first;	   /* MONO_NEVER: never yet */
	struct mono changed_at;	   /* `single` or `up` did */
	struct mono excused_until; /* what befell it is over by then, and a while later it is up */
};

struct sim_event;
struct sim_pki;

struct sim {
	struct sim_options options;
	struct mono now;
	struct rng rng;
	struct wire wire;
	struct sim_host *hosts;
	unsigned n_hosts;
	struct nat *nats;
	struct sim_pki *pki; /* real_crypto */
	struct event_queue queue;
	struct sim_event *reserve; /* events to be used again */
	struct sim_event *current;
	struct sim_packet *packets; /* by id, or by id modulo options.packets_kept */
	size_t n_packets, packet_room;
	struct sim_tally retired; /* packets no longer kept */
	struct trace trace;
	bool sas_changed; /* since the last look of sim_run_until() */
	uint64_t events;
	uint64_t digest; /* of all events: two runs were the same if theirs are equal */
	/* Message counts. */
	uint64_t datagrams, datagram_octets, jobs, reports;
	/* sim_pair_want() */
	struct sim_pair *pairs;
	unsigned *pair_of; /* a * n_hosts + b, a < b: its place in pairs, from 1 */
	size_t n_pairs, pair_room, pairs_up, pairs_single;
	/* sim_watch_overlap(): seconds in a row that a host held more than one SA from another. */
	unsigned *overlap, overlap_limit_s;
	/* Set by a test: asked for each IKE datagram that leaves a host; true: it is lost. */
	bool (*lose)(struct sim *s, unsigned from, struct bytes datagram);
	void *lose_arg;
	/*
	 * Likewise: the octets of a datagram on its way may be changed, how many copies arrive (up
	 * to WIRE_COPIES; n as the wire would have it), and when. Returns how many.
	 */
	size_t (*meddle)(struct sim *s, unsigned from, struct blob *datagram, size_t n,
			 int64_t after_us[static WIRE_COPIES]);
	bool esp_filtered;    /* set by a test: the wire drops ESP that is not in UDP */
	bool esp_filtered_h0; /* ... but only what host 0 sends */
};

struct sim *sim_new(const struct sim_options *options);
void sim_free(struct sim *s);

/* --- hosts, sim_host.c */
void sim_start(struct sim *s, unsigned host); /* machine and daemon */
void sim_start_all(struct sim *s);
void sim_stop_daemon(struct sim *s, unsigned host); /* kill -9: the kernel's state stays */
/* Another daemon takes over the state, at once; jobs that are out are lost. Kernel SAs that it does
 * not know go. */
void sim_handover(struct sim *s, unsigned host);
/* The same with a state from elsewhere. died: see EVENT_STATE_LOADED. */
void sim_take_over(struct sim *s, unsigned host, struct bytes state, unsigned died);
/* kill -9, and another daemon goes on with what was kept (options.keeps). */
void sim_die(struct sim *s, unsigned host);
/* EVENT_SHUTDOWN, then a second for its messages, then as above. */
void sim_shutdown(struct sim *s, unsigned host);
void sim_crash(struct sim *s, unsigned host); /* the machine: kernel state is gone too */
/* Another configuration by EVENT_SPEC. */
void sim_reload(struct sim *s, unsigned host, const struct fleet_options *fleet);
void sim_command(struct sim *s, unsigned host, unsigned peer, enum command_kind kind);
/* Any event, now. */
void sim_feed(struct sim *s, unsigned host, const struct event *event);
/* Another address from now on; nobody is told. Not for a host behind a NAT. */
void sim_move(struct sim *s, unsigned host);
/* From now on, the host's address is known within the NAT only. */
void sim_behind(struct sim *s, unsigned host, unsigned nat);
/* Its clock jumps, forth or back. */
void sim_clock_jump(struct sim *s, unsigned host, int64_t us);
/* Suspended for so long: its clock (CLOCK_BOOTTIME) goes on, and it misses what happens. */
void sim_sleep(struct sim *s, unsigned host, int64_t us);
/* The address that `to` has for `from`. */
struct ip sim_address(const struct sim *s, unsigned from, unsigned to);

/* --- traffic, sim_traffic.c */
/* One packet now; its number. */
size_t sim_send(struct sim *s, unsigned from, unsigned to);
/* count packets from start_us from now on, one each interval_us. */
void sim_stream(struct sim *s, unsigned from, unsigned to, int64_t start_us, int64_t interval_us,
		unsigned count);
/* Of all packets, or of those of a pair that are kept; from or to -1: any. */
struct sim_tally sim_tally(const struct sim *s, int from, int to);
void sim_tally_print(const struct sim_tally *t);

/* --- time */
void sim_at(struct sim *s, int64_t after_us, void (*call)(struct sim *s, void *arg), void *arg);
void sim_run_for(struct sim *s, int64_t us);
/* Until done() or us are over; asked whenever an SA was added or deleted. true: done. */
bool sim_run_until(struct sim *s, bool (*done)(const struct sim *s, void *arg), void *arg,
		   int64_t us);

/* --- to look at, sim_pairs.c */
/* Both directions have SAs with equal keys, so that packets pass. */
bool sim_pair_up(const struct sim *s, unsigned a, unsigned b);
size_t sim_pairs_up(const struct sim *s); /* of all pairs */
/* CHILD_SAs that a's core holds installed with b. */
size_t sim_live_children(const struct sim *s, unsigned a, unsigned b);
size_t sim_ike_sas(const struct sim *s, unsigned a, unsigned b);
/* Follow this pair: s->pairs, s->pairs_up and s->pairs_single then say how it does. */
struct sim_pair *sim_pair_want(struct sim *s, unsigned a, unsigned b);
struct sim_pair *sim_pair_find(const struct sim *s, unsigned a, unsigned b); /* NULL */

/* --- invariants, sim_check.c */
/* Fails the test with seed and trace. */
void sim_breach(const struct sim *s, const char *format, ...)
	__attribute__((format(printf, 2, 3), noreturn));
/* The same, and it is about one host, or two: b may be -1. */
void sim_breach_of(const struct sim *s, int a, int b, const char *format, ...)
	__attribute__((format(printf, 4, 5), noreturn));
void sim_check_plan(struct sim_host *h, const struct actions *out);
void sim_check_performed(struct sim_host *h, enum action_kind kind, bool failed);
void sim_check_timer(struct sim_host *h, const struct event *event, const struct actions *out,
		     struct mono before);
void sim_check_host(struct sim_host *h);
void sim_check_clear(const struct sim *s, const struct sim_host *at, const struct ip *remote);
/*
 * Between a and b, when nothing is under way: both up, exactly one live child at each end, no SA
 * too many in either kernel, keys equal.
 */
void sim_check_pair(const struct sim *s, unsigned a, unsigned b);
/*
 * The same for every wanted pair, and that there is nothing beside: no IKE SA too many, no
 * half-open one, no job out, no SA in a kernel that belongs to none of them, no packet unaccounted
 * for.
 */
void sim_check_rest(const struct sim *s);
/*
 * From now on, once a second: no host holds more than one SA of a direction with another for
 * longer than limit_s: what is replaced goes.
 */
void sim_watch_overlap(struct sim *s, unsigned limit_s);

#endif
