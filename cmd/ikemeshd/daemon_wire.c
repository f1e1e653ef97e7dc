/* SPDX-License-Identifier: Apache-2.0 */
#include "cmd/ikemeshd/clock.h"
#include "cmd/ikemeshd/daemon.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/signalfd.h>
#include <unistd.h>

#define LOG_AREA AREA_DAEMON

#define JOBS_A_TURN 64

struct mono daemon_now(const struct daemon *d)
{
	return d->loop != NULL ? loop_now(d->loop) : clock_now();
}

struct mono daemon_clock(void *d)
{
	return daemon_now(d);
}

void daemon_feed(struct daemon *d, const struct event *event)
{
	early_prune(d->early, daemon_now(d));
	if (event->kind != EVENT_TIMER)
		daemon_stock_busy(d);
	if (perform_event(&d->performer, event) != 0)
		log_recurrent(d->log, REPORT_ERROR,
			      "out of memory: an event was not handled in full");
}

void daemon_take_jobs(struct daemon *d)
{
	if (d->loop != NULL)
		loop_refresh(d->loop);
	key_client_turn(d->keys);
	(void)pool_turn(d->pool, JOBS_A_TURN);
}

void daemon_take_done(struct daemon *d)
{
	if (!pool_has_done(d->pool))
		return;
	loop_refresh(d->loop);
	(void)pool_turn(d->pool, JOBS_A_TURN);
}

static void on_jobs(void *arg)
{
	struct daemon *d = arg;

	(void)pool_turn(d->pool, JOBS_A_TURN);
}

static void on_keys(void *arg)
{
	struct daemon *d = arg;

	key_client_turn(d->keys);
}

void daemon_say_of_keys(void *arg, enum report_level level, const char *text)
{
	struct daemon *d = arg;

	if (d->log != NULL)
		log_recurrent(d->log, level, "%s", text);
	else
		fprintf(stderr, "ikemeshd: %s\n", text);
}

static void on_packet(void *arg, const struct endpoint *local, const struct endpoint *remote,
		      uint8_t *datagram, size_t n)
{
	const struct event e = {
		.kind = EVENT_PACKET,
		.packet = { .local = *local, .remote = *remote, .datagram = datagram, .n = n },
	};

	daemon_feed(arg, &e);
}

static void on_unreachable(void *arg, const struct endpoint *local, const struct endpoint *remote,
			   int error)
{
	const struct event e = {
		.kind = EVENT_UNREACHABLE,
		.unreachable = { .local = *local, .remote = *remote, .error = error },
	};

	daemon_feed(arg, &e);
}

static void on_udp(void *arg)
{
	const struct udp_source *source = arg;
	const struct udp_handler h = { .packet = on_packet,
				       .unreachable = on_unreachable,
				       .arg = source->d };

	udp_turn(source->d->udp, source->socket, &h);
}

static int watch_udp(struct daemon *d)
{
	int fds[UDP_SOCKETS], err = 0;

	udp_sockets(d->udp, fds);
	for (size_t i = 0; i < UDP_SOCKETS && err == 0; i++) {
		d->udp_sources[i] = (struct udp_source){ .d = d, .socket = i };
		if (fds[i] >= 0)
			err = loop_add(d->loop, fds[i], on_udp, &d->udp_sources[i]);
	}
	return err;
}

static void on_acquire(struct daemon *d, const struct kernel_event *k)
{
	const struct event e = {
		.kind = EVENT_ACQUIRE,
		.acquire = { .local = k->src,
			     .remote = k->dst,
			     .protocol = k->protocol,
			     .local_port = k->src_port,
			     .remote_port = k->dst_port },
	};

	/* Who is leaving starts nothing. */
	if (d->phase == DAEMON_RUNNING || d->phase == DAEMON_STARTING)
		daemon_feed(d, &e);
}

static void on_expire(struct daemon *d, const struct kernel_event *k)
{
	const struct event e = {
		.kind = EVENT_EXPIRE,
		.expire = { .ref = { .src = k->src, .dst = k->dst, .spi = k->spi },
			    .hard = k->hard },
	};

	/* Without an SPI it is an acquire that went unanswered: the kernel will ask again. */
	if (k->spi != 0)
		daemon_feed(d, &e);
}

static void on_mapping(struct daemon *d, const struct kernel_event *k)
{
	const struct event e = {
		.kind = EVENT_MAPPING,
		.mapping = { .ref = { .src = k->src, .dst = k->dst, .spi = k->spi },
			     .remote = { .ip = k->new_src, .port = k->new_src_port } },
	};

	daemon_feed(d, &e);
}

/* Peers may send on SAs that went. */
static void be_wary(struct daemon *d)
{
	if (d->healing != NULL)
		healing_wary(d->healing, daemon_now(d));
}

void daemon_on_kernel_event(const struct kernel_event *k, void *arg)
{
	struct daemon *d = arg;

	switch (k->kind) {
	case KERNEL_ACQUIRE:
		on_acquire(d, k);
		break;
	case KERNEL_EXPIRE:
		on_expire(d, k);
		break;
	case KERNEL_MAPPING:
		on_mapping(d, k);
		break;
	case KERNEL_POLICY_REMOVED:
		log_recurrent_in(
			d->log, AREA_XFRM, REPORT_WARNING,
			"somebody removed policies of ours from the kernel: they come back at "
			"once");
		d->policies.retry_at = clock_now();
		break;
	case KERNEL_SAS_REMOVED:
		log_recurrent_in(d->log, AREA_XFRM, REPORT_WARNING,
				 "somebody flushed the kernel's SAs: they are negotiated anew");
		daemon_hear_missed(d, daemon_on_kernel_event);
		be_wary(d);
		break;
	case KERNEL_LOST:
		log_text_in(d->log, AREA_XFRM, REPORT_WARNING,
			    "the kernel had more to tell than we could hear: "
			    "asking what it was");
		d->policies.retry_at = clock_now();
		daemon_hear_missed(d, daemon_on_kernel_event);
		be_wary(d);
		break;
	}
}

static void on_kernel(void *arg)
{
	struct daemon *d = arg;
	int err = kernel_read_events(d->kernel, daemon_on_kernel_event, d);

	if (err != 0)
		log_recurrent_in(d->log, AREA_XFRM, REPORT_WARNING,
				 "cannot read the kernel's events: %s", strerror(-err));
}

static void on_addresses(void *arg)
{
	struct daemon *d = arg;
	struct event e = { .kind = EVENT_ADDRESSES };
	bool changed = false;
	int err = addresses_read(d->addresses, &changed);

	d->addresses_at = MONO_NEVER;
	if (err != 0) {
		log_recurrent_in(d->log, AREA_NET, REPORT_WARNING,
				 "cannot read the local addresses: %s", strerror(-err));
		d->addresses_at = clock_after(clock_now(), CLOCK_SECOND);
	}
	if (!changed)
		return;
	policies_sync(&d->policies, &d->config->spec);
	e.addresses.locals = addresses_list(d->addresses, &e.addresses.n);
	daemon_feed(d, &e);
}

static void on_signal(void *arg)
{
	struct daemon *d = arg;
	struct signalfd_siginfo info;

	if (read(d->signals, &info, sizeof(info)) != (ssize_t)sizeof(info))
		return;
	switch (info.ssi_signo) {
	case SIGUSR2:
		d->succession_asked = true;
		break;
	case SIGHUP:
		if (d->phase == DAEMON_RUNNING)
			daemon_reload(d, false, 0);
		break;
	default:
		d->leave_asked = true;
		d->stop_told |= stop_told(&info, &d->stop_kind);
	}
}

void daemon_cannot_accept(void *arg, int err)
{
	const struct daemon *d = arg;

	log_recurrent_in(d->log, AREA_CONTROL, REPORT_WARNING,
			 "whoever asks at the control socket has to wait: %s", strerror(-err));
}

void daemon_on_control(void *arg)
{
	struct daemon *d = arg;

	control_turn(d->control);
}

/* A storm of handshakes is over. */
static void tidy(struct daemon *d, struct mono now)
{
	struct status_counters c;

	engine_counters(d->engine, &c);
	if (!heap_tick(&d->heap, now, c.ike_initiated + c.ike_responded))
		return;
	const int err = heap_tidy(&d->heap, d->unlocked == 0);
	if (err == 0)
		return;
	d->unlocked = err;
	daemon_say_unlocked(d);
}

static void on_deadline(void *arg)
{
	struct daemon *d = arg;
	struct mono now = daemon_now(d);

	if (d->performer.deadline.us <= now.us)
		daemon_feed(d, &(struct event){ .kind = EVENT_TIMER });
	if (d->addresses_at.us <= now.us)
		on_addresses(d);
	if (d->policies.retry_at.us <= now.us)
		policies_sync(&d->policies, &d->config->spec);
	takeover_tick(d, now);
	if (d->healing != NULL)
		healing_tick(d->healing, now);
	daemon_mode_tick(d, now);
	daemon_trust_tick(d, now);
	daemon_stock_tick(d, now);
	tidy(d, now);
}

/* In the order in which they are served: what is done before what is asked. */
int daemon_wire(struct daemon *d)
{
	int err = loop_open(&d->loop);

	if (err != 0)
		return daemon_refuse(d, err, "cannot start the loop");
	if ((err = loop_add(d->loop, pool_fd(d->pool), on_jobs, d)) != 0 ||
	    (err = loop_add(d->loop, key_client_fd(d->keys), on_keys, d)) != 0 ||
	    (err = loop_add(d->loop, d->signals, on_signal, d)) != 0)
		return daemon_refuse(d, err, "cannot start the loop");
	loop_on_deadline(d->loop, on_deadline, d);
	err = watchdog_open(d->loop, &d->watchdog);
	if (err != 0)
		return daemon_refuse(d, err, "cannot start the watchdog's timer");
	if ((err = loop_add(d->loop, kernel_event_fd(d->kernel), on_kernel, d)) != 0 ||
	    (err = loop_add(d->loop, addresses_fd(d->addresses), on_addresses, d)) != 0 ||
	    (err = watch_udp(d)) != 0)
		return daemon_refuse(d, err, "cannot start the loop");
	return 0;
}
