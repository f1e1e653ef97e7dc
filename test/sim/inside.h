/* SPDX-License-Identifier: Apache-2.0 */
/* What the parts of the simulator know of each other, and tests do not. */
#ifndef IKEMESH_TEST_SIM_INSIDE_H
#define IKEMESH_TEST_SIM_INSIDE_H

#include "sim/sim.h"

#define UDP_OVERHEAD 28 /* octets of IPv4 and UDP header */
#define ESP_OVERHEAD 54
#define APP_OCTETS 84

enum sim_event_kind {
	SIM_DATAGRAM,
	SIM_ESP,
	SIM_CLEAR,
	SIM_TIMER,
	SIM_TICK,
	SIM_JOB,
	SIM_KERNEL, /* acquire, expire or mapping on its way to the daemon */
	SIM_UNREACHABLE,
	SIM_STREAM,
	SIM_STOP,
	SIM_WAKE,
	SIM_CALL,
};

struct sim_event {
	enum sim_event_kind kind;
	unsigned host;
	uint64_t life; /* of the host, where it matters */
	union {
		uint64_t token; /* SIM_TIMER, SIM_TICK */
		struct {
			unsigned from;
			struct endpoint local, remote; /* as the receiver sees them */
			struct blob datagram;
		} packet;
		struct esp_packet esp;
		struct app_packet app;
		struct event event; /* SIM_KERNEL, SIM_UNREACHABLE */
		struct job *job;
		struct {
			unsigned to;
			int64_t interval_us;
			unsigned count;
		} stream;
		struct {
			void (*call)(struct sim *s, void *arg);
			void *arg;
		} call;
	};
	struct sim_event *next; /* of those in reserve */
};

/* A test without memory has nothing to show. */
void *sim_grab(size_t n, size_t size);

/* An event so far from now; what it carries is up to the caller. */
struct sim_event *sim_event_new(struct sim *s, enum sim_event_kind kind, unsigned host,
				int64_t after_us);
void sim_event_free(struct sim *s, struct sim_event *e);

/* A line of the trace about a host and, if it is known, its peer (else -1). */
void sim_trace(struct sim *s, unsigned host, int peer, const char *format, ...)
	__attribute__((format(printf, 4, 5)));

/* sim_host.c */
void sim_host_init(struct sim *s, unsigned index);
void sim_host_wipe(struct sim_host *h);
struct mono sim_host_now(const struct sim_host *h); /* as its clock says */
/* Events of the machine and the daemon move with its deadlines. */
void sim_timers_set(struct sim_host *h);
void sim_host_datagram(struct sim_host *h, struct sim_event *e);
void sim_host_job(struct sim_host *h, struct sim_event *e);
void sim_host_timer(struct sim_host *h, const struct sim_event *e);
void sim_host_tick(struct sim_host *h, const struct sim_event *e);

/* sim_real.c */
void sim_real_spec(struct sim *s, unsigned host, const struct fleet_options *fleet);
time_t sim_real_wall(const struct sim *s);
void sim_real_free(struct sim *s);

/* sim_net.c */
struct fake_kernel_hooks sim_net_hooks(struct sim_host *h);
int sim_net_send(struct sim_host *h, const struct endpoint *local, const struct endpoint *remote,
		 struct bytes datagram);
void sim_net_esp(struct sim_host *h, const struct sim_event *e);
void sim_net_clear(struct sim_host *h, const struct sim_event *e);
/* Whose address it is, NATs' included, for somebody in the outer network; -1: nobody's. */
int sim_net_owner(const struct sim *s, const struct ip *ip);

/* sim_traffic.c */
struct sim_packet *sim_packet_of(struct sim *s, const struct app_packet *p);
void sim_packet_lost(struct sim *s, const struct app_packet *p, enum loss why);
void sim_stream_go_on(struct sim *s, struct sim_event *e);

/* sim_pairs.c: SAs of that host with that address came or went. */
void sim_pairs_touch(struct sim_host *h, const struct ip *remote);
void sim_pairs_touch_host(struct sim *s, unsigned host);
void sim_pairs_free(struct sim *s);

#endif
