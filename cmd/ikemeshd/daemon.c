/* SPDX-License-Identifier: Apache-2.0 */
#include "cmd/ikemeshd/daemon.h"
#include "cmd/ikemeshd/clock.h"
#include "cmd/ikemeshd/crash_secret.h"
#include "cmd/ikemeshd/guardian.h"
#include "cmd/ikemeshd/keyholder.h"
#include "cmd/ikemeshd/notify.h"
#include "cmd/ikemeshd/run_dir.h"
#include "cmd/ikemeshd/stop.h"
#include "config/remembered.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <unistd.h>

#define LOG_AREA AREA_DAEMON

/* How long peers may take to answer our DELETEs before we go all the same. */
#define LEAVE_S 1
/* How long what they sent until then may take to arrive. */
#define LINGER_US (100 * 1000)
#define JOBS_A_TURN 64

/* Says why it could not start, and what to do. */
static int refuse(struct daemon *d, int err, const char *what)
{
	if (d->log != NULL)
		log_text(d->log, REPORT_ERROR, "%s: %s", what, strerror(-err));
	else
		fprintf(stderr, "ikemeshd: %s: %s\n", what, strerror(-err));
	return err;
}

struct mono daemon_now(const struct daemon *d)
{
	return d->loop != NULL ? loop_now(d->loop) : clock_now();
}

void daemon_feed(struct daemon *d, const struct event *event)
{
	early_prune(d->early, daemon_now(d));
	if (perform_event(&d->performer, event) != 0)
		log_recurrent(d->log, REPORT_ERROR,
			      "out of memory: an event was not handled in full");
}

/* ---- what happens ------------------------------------------------------------------------ */

void daemon_take_jobs(struct daemon *d)
{
	(void)pool_turn(d->pool, JOBS_A_TURN);
	key_client_turn(d->keys);
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

static void say_of_keys(void *arg, enum report_level level, const char *text)
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
	struct daemon *d = arg;
	const struct udp_handler h = { .packet = on_packet,
				       .unreachable = on_unreachable,
				       .arg = d };

	udp_turn(d->udp, &h);
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

static void on_kernel_event(const struct kernel_event *k, void *arg)
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
		daemon_hear_missed(d, on_kernel_event);
		break;
	case KERNEL_LOST:
		log_text_in(d->log, AREA_XFRM, REPORT_WARNING,
			    "the kernel had more to tell than we could hear: "
			    "asking what it was");
		d->policies.retry_at = clock_now();
		daemon_hear_missed(d, on_kernel_event);
		break;
	}
}

static void on_kernel(void *arg)
{
	struct daemon *d = arg;
	int err = kernel_read_events(d->kernel, on_kernel_event, d);

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

static void on_control(void *arg)
{
	struct daemon *d = arg;

	control_turn(d->control);
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
	if (d->healing != NULL)
		healing_tick(d->healing, now);
	daemon_mode_tick(d, now);
	daemon_trust_tick(d, now);
}

/* ---- start, in this order; each says itself what went wrong ------------------------------- */

static int start_keys(struct daemon *d)
{
	const struct key_client_options o = { .path = d->keys_path, .say = say_of_keys, .arg = d };
	int err;

	snprintf(d->keys_path, sizeof(d->keys_path), "%s/" KEYHOLDER_SOCKET, d->options.run_dir);
	err = key_client_open(&o, &d->keys);
	return err == 0 ? 0 : refuse(d, err, "cannot start");
}

static int start_config(struct daemon *d)
{
	size_t errors;
	int err;

	watchdog_start_within(DAEMON_LOAD_S);
	err = daemon_load(d, &errors);
	d->bad_config = err == -EINVAL && errors > 0;
	if (d->bad_config)
		fprintf(stderr, "ikemeshd: %s: %zu error%s, nothing was started\n",
			d->options.config_path, errors, errors == 1 ? "" : "s");
	else if (err == -ETIMEDOUT)
		fprintf(stderr,
			"ikemeshd: the keyholder, which reads %s, does not answer at %s: is it "
			"running?\n",
			d->options.config_path, d->keys_path);
	else if (err != 0)
		refuse(d, err, d->options.config_path);
	else
		watchdog_start_within(d->config->spec.prestart_timeout_s);
	return err;
}

/* A host whose log cannot be written is protected all the same; a reload of such a one is refused.
 */
static int start_log(struct daemon *d)
{
	const struct config *c = d->config;
	const int why = log_open(c->log, c->log_path, d->options.log_level, &d->log);
	const int err = why == 0 ? 0 : log_open(LOG_TO_STDERR, NULL, d->options.log_level, &d->log);

	if (err != 0)
		return refuse(d, err, "cannot write a log");
	if (why != 0)
		log_text(d->log, REPORT_ERROR,
			 "cannot write the log %s: %s; it goes to stderr until that is mended and "
			 "`ikectl reload` was said",
			 c->log_path != NULL ? c->log_path : "", log_path_error(why));
	levels_configure(log_levels(d->log), c->log_levels);
	return 0;
}

static int start_run_dir(struct daemon *d)
{
	return run_dir_take(d->options.run_dir, d->log, &d->lock);
}

/* Blocked before the first thread starts, so that all threads have them blocked. */
static int start_signals(struct daemon *d)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGINT);
	sigaddset(&set, SIGHUP);
	sigaddset(&set, SIGUSR2);
	if (sigprocmask(SIG_BLOCK, &set, NULL) != 0)
		return refuse(d, -errno, "signals");
	signal(SIGPIPE, SIG_IGN);
	d->signals = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
	return d->signals >= 0 ? 0 : refuse(d, -errno, "signals");
}

/* Asked for and not to be had: known before anything is enforced. */
static int start_strict(struct daemon *d)
{
	struct policy_default was;
	int err = d->config->spec.strict_default ? kernel_default_get(d->kernel, &was) : 0;

	if (err != 0)
		log_text_in(
			d->log, AREA_XFRM, REPORT_ERROR,
			"strict_default: this kernel has no default policy (Linux 5.15 has): %s",
			strerror(-err));
	return err;
}

static int start_kernel(struct daemon *d)
{
	int err = kernel_open(&d->kernel);

	if (err == -EPERM)
		return refuse(d, err,
			      "no access to the kernel's IPsec: run as root (CAP_NET_ADMIN)");
	if (err != 0)
		return refuse(d, err, "no access to the kernel's IPsec (CONFIG_XFRM_USER)");
	err = kernel_probe_esp(d->kernel);
	if (err != 0)
		return refuse(
			d, err,
			"this kernel cannot do ESP with AES-GCM in transport mode: load esp4, "
			"esp6 and gcm, or take a kernel with CONFIG_INET_ESP");
	err = addresses_open(&d->addresses);
	if (err != 0)
		return refuse(d, err, "no access to the local addresses");
	policies_init(&d->policies, d->kernel, d->addresses, d->log, d->options.run_dir);
	return start_strict(d);
}

static int start_sockets(struct daemon *d)
{
	const struct udp_options options = {
		.port = IKE_PORT,
		.port_natt = IKE_PORT_NATT,
		.bypass = kernel_socket_bypass,
		.udp_encap = kernel_socket_udp_encap,
		.adopted = d->handover.sockets,
	};
	char error[UDP_ERROR_LEN];
	int err = udp_open(&options, &d->udp, error);

	if (err != 0) {
		log_text_in(d->log, AREA_NET, REPORT_ERROR, "%s", error);
		return err;
	}
	return daemon_succeed_sockets(d);
}

/* What is wanted only at times is opened now as well: later on no socket can be. */
static int start_parked(struct daemon *d)
{
	int err = routes_open(&d->routes, kernel_socket_bypass);

	if (err != 0)
		return refuse(d, err, "cannot ask the routes");
	d->early = early_new(kernel_socket_bypass);
	if (d->early == NULL)
		return refuse(d, -ENOMEM, "cannot start");
	err = clear_open(&d->clear);
	if (err != 0)
		return refuse(d, err, "cannot watch for peers in the clear");
	return daemon_heal_open(d);
}

static int start_pool(struct daemon *d)
{
	int err = pool_open(pool_workers_here(), POOL_JOBS_MAX, &d->pool);

	return err == 0 ? 0 : refuse(d, err, "cannot start the crypto threads");
}

static int engine_random(void *arg, uint8_t *out, size_t n)
{
	struct daemon *d = arg;

	return random_take(&d->random, out, n);
}

/* Without it, peers that miss their IKE SA are told nothing that they could believe. */
static bool load_secret(struct daemon *d, uint8_t out[static QCD_SECRET_LEN])
{
	char why[CRASH_SECRET_TEXT_LEN];
	int err = crash_secret_load(d->options.state_dir, CRASH_SECRET_MACHINE_ID, out, why);

	if (err != 0)
		log_text(d->log, REPORT_WARNING,
			 "%s: %s; peers will not hear at once of IKE SAs "
			 "that a reboot took",
			 why, strerror(-err));
	return err == 0;
}

static int start_engine(struct daemon *d)
{
	uint8_t secret[QCD_SECRET_LEN];
	struct engine_options options = {
		.random = engine_random,
		.random_arg = d,
		.port = IKE_PORT,
		.port_natt = IKE_PORT_NATT,
		.kernel_keepalives = kernel_knows_keepalive(d->kernel),
		.awaits_state = true,
		.keeps = handover_can_keep(),
		.exposes_keys = d->expose != NULL,
	};
	const char *missing = NULL;

	/* With crypto_properties the proposals were cut to what there is. */
	if (d->config->crypto_properties == NULL && suite_self_check(&missing) != 0) {
		log_text(d->log, REPORT_ERROR,
			 "the crypto library has no %s: is a restricting provider configured?",
			 missing != NULL ? missing : "randomness");
		return -ENOENT;
	}
	if (load_secret(d, secret))
		options.qcd_secret = secret;
	d->engine = engine_new(&options);
	wipe(secret, sizeof(secret));
	if (d->engine == NULL)
		return refuse(d, -ENOMEM, "cannot start");
	d->hands = daemon_hands(d);
	performer_init(&d->performer, &d->hands);
	daemon_feed(d, &(struct event){ .kind = EVENT_SPEC, .spec = { &d->config->spec } });
	daemon_succeed_load(d);
	return 0;
}

struct orphans {
	struct daemon *d;
	struct sa_ref *refs;
	size_t n, room;
};

static int collect_orphan(const struct sa_held *sa, void *arg)
{
	struct orphans *o = arg;
	bool owned = o->d->phase != DAEMON_GONE && engine_knows_sa(o->d->engine, &sa->ref);

	if (sa->larval || owned)
		return 0;
	if (o->n == o->room) {
		size_t room = o->room == 0 ? 64 : o->room * 2;
		struct sa_ref *more = realloc(o->refs, room * sizeof(*more));

		if (more == NULL)
			return -ENOMEM;
		o->refs = more;
		o->room = room;
	}
	o->refs[o->n++] = sa->ref;
	return 0;
}

/* SAs of ours that nobody stands for (a predecessor was killed). Returns how many went. */
static size_t delete_orphans(struct daemon *d)
{
	struct orphans o = { .d = d };
	size_t gone = 0;

	kernel_sa_dump(d->kernel, collect_orphan, &o);
	for (size_t i = 0; i < o.n; i++)
		gone += kernel_sa_delete(d->kernel, &o.refs[i]) == 0;
	free(o.refs);
	return gone;
}

/* A policy of others in the place of one of ours keeps nobody from serving the rest. */
static int start_policies(struct daemon *d)
{
	size_t orphans = delete_orphans(d);
	int err;

	if (orphans > 0)
		log_text_in(d->log, AREA_XFRM, REPORT_NOTICE,
			    "%zu SA%s of a former ikemeshd removed", orphans,
			    orphans == 1 ? "" : "s");
	policies_set_sysctls(&d->policies);
	err = policies_sync(&d->policies, &d->config->spec);
	return err == -EEXIST ? 0 : err;
}

/* In the order in which they are served: what is done before what is asked. */
static int start_loop(struct daemon *d)
{
	int err = loop_open(&d->loop);

	if (err != 0)
		return refuse(d, err, "cannot start the loop");
	if ((err = loop_add(d->loop, pool_fd(d->pool), on_jobs, d)) != 0 ||
	    (err = loop_add(d->loop, key_client_fd(d->keys), on_keys, d)) != 0 ||
	    (err = loop_add(d->loop, d->signals, on_signal, d)) != 0)
		return refuse(d, err, "cannot start the loop");
	loop_on_deadline(d->loop, on_deadline, d);
	err = watchdog_open(d->loop, &d->watchdog);
	if (err != 0)
		return refuse(d, err, "cannot start the watchdog's timer");
	if ((err = loop_add(d->loop, kernel_event_fd(d->kernel), on_kernel, d)) != 0 ||
	    (err = loop_add(d->loop, addresses_fd(d->addresses), on_addresses, d)) != 0 ||
	    (err = loop_add(d->loop, udp_fd(d->udp), on_udp, d)) != 0)
		return refuse(d, err, "cannot start the loop");
	return 0;
}

/* Whoever may ask beside root. Without it the daemon protects all the same. */
static gid_t control_group(struct daemon *d)
{
	const char *name = d->config->control_group;
	gid_t group = RIGHTS_NO_GROUP;
	int err = name != NULL ? rights_find_group(name, &group) : 0;

	if (err == -ENOENT)
		log_text(d->log, REPORT_WARNING,
			 "control_group: there is no group %s here, only root may ask: `groupadd "
			 "--system %s`, then start ikemeshd anew",
			 name, name);
	else if (err != 0)
		log_text(d->log, REPORT_WARNING, "control_group: %s: %s; only root may ask", name,
			 strerror(-err));
	return group;
}

/*
 * Before the policies: a daemon that cannot be reached does not start, and what never started must
 * not leave a host cut off from its peers.
 */
static int start_control(struct daemon *d)
{
	char path[CONTROL_PATH_LEN];
	const struct control_options options = {
		.path = path, .group = control_group(d), .ask = daemon_ask, .arg = d
	};
	int err;

	snprintf(path, sizeof(path), "%s/control.sock", d->options.run_dir);
	err = control_open(&options, &d->control);
	if (err == 0)
		err = loop_add(d->loop, control_fd(d->control), on_control, d);
	return err == 0 ? 0 : refuse(d, err, path);
}

/* Last of all: the socket's existence tells that everything else is there. */
static int start_publish(struct daemon *d)
{
	int err = control_publish(d->control);

	return err == 0 ? 0 : run_dir_refuse(d->options.run_dir, d->log, err);
}

static int start_ready(struct daemon *d)
{
	d->phase = DAEMON_RUNNING;
	daemon_remember(d);
	daemon_hear_missed(d, on_kernel_event);
	log_happening(d->log, START, REPORT_NOTICE,
		      "ikemesh %s is ready: %zu protected, %zu bypassed subnets", IKEMESH_VERSION,
		      d->config->spec.n_protect, d->config->spec.n_bypass);
	notify("READY=1");
	return 0;
}

static int (*const start_steps[])(struct daemon *d) = {
	daemon_succeed_take, start_keys,	   start_config,      start_log,
	daemon_expose_start, daemon_monitor_start, daemon_mode_start, start_run_dir,
	start_signals,	     start_kernel,	   start_sockets,     start_parked,
	daemon_confine,	     start_pool,	   start_engine,      start_loop,
	start_control,	     start_policies,	   daemon_heal_start, daemon_clear_start,
	daemon_renew_start,  daemon_enter_sandbox, start_publish,     start_ready,
};

/* ---- end --------------------------------------------------------------------------------- */

static bool has_peers(const struct daemon *d)
{
	struct status_counters c;

	engine_counters(d->engine, &c);
	return c.ike_sas > 0;
}

static void leave(struct daemon *d)
{
	enum stop_kind kind = d->disable     ? STOP_FOR_GOOD
			      : d->stop_told ? d->stop_kind
					     : stop_untold();

	d->leave_asked = false;
	daemon_mode_back(d);
	/* In doubt they stay: who comes next removes what it cannot use. */
	if ((kind == STOP_RESTART || kind == STOP_UNKNOWN) && daemon_succeed(d) == 0) {
		d->handed_over = true;
		d->phase = DAEMON_GONE;
		return;
	}
	keepsake_drop(&d->keepsake);
	d->phase = DAEMON_LEAVING;
	d->removes = d->disable || (kind == STOP_FOR_GOOD && d->config->on_stop == ON_STOP_CLEAR);
	d->leave_by = clock_after(clock_now(), LEAVE_S * CLOCK_SECOND);
	notify("STOPPING=1");
	log_happening(
		d->log, STOP, REPORT_NOTICE,
		d->removes
			? "leaving (%s): telling the peers, removing our SAs and policies"
			: "leaving (%s): telling the peers, removing our SAs; the policies stay, "
			  "until `ikectl disable`",
		d->disable ? "disabled" : stop_kind_name(kind));
	d->awaits_answers = has_peers(d);
	if (!d->awaits_answers)
		d->leave_by = clock_now();
	daemon_feed(d, &(struct event){ .kind = EVENT_SHUTDOWN });
}

/* All have answered, or it took too long. */
static void leave_in_time(struct daemon *d)
{
	const struct mono now = clock_now();

	if (d->awaits_answers && !has_peers(d)) {
		d->awaits_answers = false;
		d->leave_by = clock_earlier(d->leave_by, clock_after(now, LINGER_US));
	}
	if (d->leave_by.us <= now.us)
		d->phase = DAEMON_GONE;
}

/* What is left of ours in the kernel once the core is gone. */
static void clear_kernel(struct daemon *d)
{
	size_t policies = 0, sas = 0;
	int err = 0;

	if (d->disable)
		remembered_forget(d->options.state_dir);
	if (d->removes) {
		policies_restore_host(&d->policies);
		err = kernel_remove_ours(d->kernel, &policies, &sas);
	} else {
		sas = delete_orphans(d);
	}
	if (err != 0)
		log_text_in(d->log, AREA_XFRM, REPORT_ERROR, "not all of ours could be removed: %s",
			    strerror(-err));
	log_text_in(d->log, AREA_XFRM, REPORT_DEBUG, "%zu policies and %zu SAs removed at the end",
		    policies, sas);
}

static void daemon_close(struct daemon *d)
{
	control_close(d->control);
	healing_close(d->healing);
	metrics_host_close(&d->metrics_host);
	early_free(d->early);
	clear_close(d->clear);
	mode_switch_wipe(&d->mode);
	daemon_renew_close(d);
	pool_close(d->pool);
	key_client_close(d->keys);
	if (d->engine != NULL) {
		performer_free(&d->performer);
		engine_free(d->engine);
		wipe(&d->random, sizeof(d->random));
	}
	keyring_drop(d->ring);
	udp_close(d->udp);
	routes_close(&d->routes);
	handover_wipe(&d->handover);
	keepsake_close(&d->keepsake);
	policies_free(&d->policies);
	if (d->addresses != NULL)
		addresses_close(d->addresses);
	if (d->kernel != NULL)
		kernel_close(d->kernel);
	watchdog_close(d->watchdog);
	loop_close(d->loop);
	expose_close(d->expose);
	log_close(d->log);
	events_free(d->events);
	if (d->config != NULL)
		config_free(d->config);
	free(d->config);
	if (d->signals >= 0)
		close(d->signals);
	if (d->lock >= 0)
		close(d->lock);
}

static void arm(struct daemon *d)
{
	struct mono next = clock_earlier(d->performer.deadline, d->policies.retry_at);

	next = clock_earlier(next, d->addresses_at);
	next = clock_earlier(next, log_tick(d->log, daemon_now(d)));
	if (d->healing != NULL)
		next = clock_earlier(next, healing_deadline(d->healing));
	next = clock_earlier(next, daemon_mode_deadline(d));
	next = clock_earlier(next, d->trust_at);
	next = clock_earlier(next, d->keep_at);
	next = clock_earlier(next, daemon_monitor_deadline(d));
	if (d->phase == DAEMON_LEAVING)
		next = clock_earlier(next, d->leave_by);
	loop_set_deadline(d->loop, next);
}

static void turn(struct daemon *d)
{
	int err;

	daemon_clear_follow(d);
	daemon_succeed_tidy(d);
	daemon_monitor_tick(d);
	arm(d);
	err = loop_turn(d->loop);
	if (err != 0) {
		log_text(d->log, REPORT_ERROR, "cannot wait for events: %s", strerror(-err));
		d->leave_asked = true;
	}
	if (d->phase == DAEMON_RUNNING)
		daemon_succeed_turn(d);
	if (d->leave_asked && d->phase == DAEMON_RUNNING)
		leave(d);
	if (d->phase == DAEMON_LEAVING)
		leave_in_time(d);
}

int daemon_run(const struct daemon_options *options)
{
	struct daemon d = { .options = *options,
			    .lock = -1,
			    .signals = -1,
			    .addresses_at = MONO_NEVER,
			    .routes = { -1, -1 },
			    .keepsake = { .fd = -1 },
			    .rotation_timer = -1,
			    .mode.back_at = MONO_NEVER,
			    .prune_at = MONO_NEVER };
	int err = 0;

	d.started = clock_now();
	d.started_wall = time(NULL);
	metrics_host_open(&d.metrics_host);
	for (size_t i = 0; i < sizeof(start_steps) / sizeof(start_steps[0]) && err == 0; i++)
		err = start_steps[i](&d);
	while (err == 0 && d.phase != DAEMON_GONE)
		turn(&d);
	if (err == 0 && !d.handed_over)
		clear_kernel(&d);
	daemon_close(&d);
	if (err != 0)
		return d.bad_config ? DAEMON_BAD_CONFIG : 1;
	return d.wants_successor ? EXIT_SUCCEED : 0;
}
