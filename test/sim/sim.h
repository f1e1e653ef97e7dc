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
#include "sim/fake_kernel.h"
#include "sim/fleet.h"
#include "sim/jobs.h"
#include "sim/trace.h"
#include "sim/wire.h"

#define SIM_SECOND INT64_C(1000000)
#define SIM_MS INT64_C(1000)
#define SIM_CORES_MAX 16

struct sim_options {
	uint64_t seed;
	unsigned hosts;
	struct fleet_options fleet;
	struct wire_manners wire;
	unsigned cores;		    /* for jobs; 0: 2 */
	int64_t timer_slack_us;	    /* timers are up to this late */
	bool icmp;		    /* a host whose daemon is down answers with port unreachable */
	bool soft_late;		    /* see fake_kernel.h */
	int64_t acquire_expires_us; /* 0: 6 s, as the daemon sets it */
	bool quiet;		    /* no trace: large runs */
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

struct sim_host {
	struct sim *sim;
	unsigned index;
	struct ip ip;
	bool up;       /* the machine */
	bool running;  /* the daemon; engine is NULL without */
	uint64_t life; /* counts up when the daemon ends: what was under way for it is void */
	struct spec spec;
	struct rng rng; /* the core's */
	struct engine *engine;
	struct performer performer;
	struct hands hands;
	struct job_doer doer;
	struct fake_kernel kernel;
	struct mono core_free[SIM_CORES_MAX];
	struct mono timer_at, tick_at; /* scheduled */
	uint64_t timer_token, tick_token;
	unsigned idle_timers; /* timer events in a row that changed nothing */
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

struct sim_event;

struct sim {
	struct sim_options options;
	struct mono now;
	struct rng rng;
	struct wire wire;
	struct sim_host *hosts;
	unsigned n_hosts;
	struct sim_event **heap;
	size_t n_heap, heap_room;
	struct sim_event *current;
	uint64_t order;
	struct sim_packet *packets;
	size_t n_packets, packet_room;
	struct trace trace;
	bool sas_changed; /* since the last look of sim_run_until() */
	uint64_t events;
	/* Message counts. */
	uint64_t datagrams, datagram_octets, jobs, reports;
	/* sim_watch_overlap(): seconds in a row that a host held more than one SA from another. */
	unsigned *overlap, overlap_limit_s;
	/* Set by a test: asked for each IKE datagram that leaves a host; true: it is lost. */
	bool (*lose)(struct sim *s, unsigned from, struct bytes datagram);
	void *lose_arg;
};

struct sim *sim_new(const struct sim_options *options);
void sim_free(struct sim *s);

/* --- hosts */
void sim_start(struct sim *s, unsigned host); /* machine and daemon */
void sim_start_all(struct sim *s);
void sim_stop_daemon(struct sim *s, unsigned host); /* kill -9: the kernel's state stays */
/* EVENT_SHUTDOWN, then a second for its messages, then as above. */
void sim_shutdown(struct sim *s, unsigned host);
void sim_crash(struct sim *s, unsigned host); /* the machine: kernel state is gone too */
/* Another configuration by EVENT_SPEC. */
void sim_reload(struct sim *s, unsigned host, const struct fleet_options *fleet);
void sim_command(struct sim *s, unsigned host, unsigned peer, enum command_kind kind);
/* Any event, now. */
void sim_feed(struct sim *s, unsigned host, const struct event *event);

/* --- traffic */
/* One packet now; its number. */
size_t sim_send(struct sim *s, unsigned from, unsigned to);
/* count packets from start_us from now on, one each interval_us. */
void sim_stream(struct sim *s, unsigned from, unsigned to, int64_t start_us, int64_t interval_us,
		unsigned count);
struct sim_tally {
	size_t sent, underway, held, was_protected, clear, lost;
	size_t by_reason[LOSS_KINDS];
};
/* Of all packets, or of those of a pair; from or to -1: any. */
struct sim_tally sim_tally(const struct sim *s, int from, int to);
void sim_tally_print(const struct sim_tally *t);

/* --- time */
void sim_at(struct sim *s, int64_t after_us, void (*call)(struct sim *s, void *arg), void *arg);
void sim_run_for(struct sim *s, int64_t us);
/* Until done() or us are over; asked whenever an SA was added or deleted. true: done. */
bool sim_run_until(struct sim *s, bool (*done)(const struct sim *s, void *arg), void *arg,
		   int64_t us);

/* --- to look at */
/* Both directions have SAs with equal keys, so that packets pass. */
bool sim_pair_up(const struct sim *s, unsigned a, unsigned b);
size_t sim_pairs_up(const struct sim *s); /* of all pairs */
/* CHILD_SAs that a's core holds installed with b. */
size_t sim_live_children(const struct sim *s, unsigned a, unsigned b);
size_t sim_ike_sas(const struct sim *s, unsigned a, unsigned b);

/* --- invariants, sim_check.c */
/* Fails the test with seed and trace. */
void sim_breach(const struct sim *s, const char *format, ...)
	__attribute__((format(printf, 2, 3), noreturn));
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
 * From now on, once a second: no host holds more than one SA of a direction with another for
 * longer than limit_s: what is replaced goes.
 */
void sim_watch_overlap(struct sim *s, unsigned limit_s);

#endif
