/* SPDX-License-Identifier: Apache-2.0 */
#include "cmd/ikemeshd/crash_secret.h"
#include "cmd/ikemeshd/daemon.h"
#include "cmd/ikemeshd/keyholder.h"
#include "cmd/ikemeshd/notify.h"
#include "cmd/ikemeshd/run_dir.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/signalfd.h>

#define LOG_AREA AREA_DAEMON

int daemon_refuse(struct daemon *d, int err, const char *what)
{
	if (d->log != NULL)
		log_text(d->log, REPORT_ERROR, "%s: %s", what, strerror(-err));
	else
		fprintf(stderr, "ikemeshd: %s: %s\n", what, strerror(-err));
	return err;
}

static int start_keys(struct daemon *d)
{
	const struct key_client_options o = {
		.path = d->keys_path, .say = daemon_say_of_keys, .now = daemon_clock, .arg = d
	};
	int err;

	snprintf(d->keys_path, sizeof(d->keys_path), "%s/" KEYHOLDER_SOCKET, d->options.run_dir);
	err = key_client_open(&o, &d->keys);
	return err == 0 ? 0 : daemon_refuse(d, err, "cannot start");
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
		daemon_refuse(d, err, d->options.config_path);
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
		return daemon_refuse(d, err, "cannot write a log");
	if (why != 0)
		log_text(d->log, REPORT_ERROR,
			 "cannot write the log %s: %s; it goes to stderr until that is mended and "
			 "`ikectl reload` was said",
			 c->log_path != NULL ? c->log_path : "", log_path_error(why));
	levels_configure(log_levels(d->log), c->log_levels);
	log_clock(d->log, daemon_clock, d);
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
		return daemon_refuse(d, -errno, "signals");
	signal(SIGPIPE, SIG_IGN);
	d->signals = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
	return d->signals >= 0 ? 0 : daemon_refuse(d, -errno, "signals");
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
		return daemon_refuse(
			d, err, "no access to the kernel's IPsec: run as root (CAP_NET_ADMIN)");
	if (err != 0)
		return daemon_refuse(d, err, "no access to the kernel's IPsec (CONFIG_XFRM_USER)");
	err = kernel_probe_esp(d->kernel);
	if (err != 0)
		return daemon_refuse(
			d, err,
			"this kernel cannot do ESP with AES-GCM in transport mode: load esp4, "
			"esp6 and gcm, or take a kernel with CONFIG_INET_ESP");
	err = addresses_open(&d->addresses);
	if (err != 0)
		return daemon_refuse(d, err, "no access to the local addresses");
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
		return daemon_refuse(d, err, "cannot ask the routes");
	d->early = early_new(kernel_socket_bypass);
	if (d->early == NULL)
		return daemon_refuse(d, -ENOMEM, "cannot start");
	err = clear_open(&d->clear);
	if (err != 0)
		return daemon_refuse(d, err, "cannot watch for peers in the clear");
	return daemon_heal_open(d);
}

static int start_pool(struct daemon *d)
{
	int err = pool_open(pool_workers_here(), POOL_JOBS_MAX, &d->pool);

	ke_stock_for(&d->stock, &d->config->spec);
	return err == 0 ? 0 : daemon_refuse(d, err, "cannot start the crypto threads");
}

static int engine_random(void *arg, uint8_t *out, size_t n)
{
	struct daemon *d = arg;
	int err = random_take(&d->random, out, n);

	if (err != 0)
		log_recurrent(d->log, REPORT_ERROR, "no randomness: %s", strerror(-err));
	return err;
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
		return daemon_refuse(d, -ENOMEM, "cannot start");
	d->hands = daemon_hands(d);
	performer_init(&d->performer, &d->hands);
	daemon_feed(d, &(struct event){ .kind = EVENT_SPEC, .spec = { &d->config->spec } });
	daemon_succeed_load(d);
	return 0;
}

/* A policy of others in the place of one of ours keeps nobody from serving the rest. */
static int start_policies(struct daemon *d)
{
	size_t orphans = daemon_delete_orphans(d);
	int err;

	if (orphans > 0)
		log_text_in(d->log, AREA_XFRM, REPORT_NOTICE,
			    "%zu SA%s of a former ikemeshd removed", orphans,
			    orphans == 1 ? "" : "s");
	policies_set_sysctls(&d->policies);
	err = takeover_begin(d);
	return err == -EEXIST ? 0 : err;
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
	const struct control_options options = { .path = path,
						 .group = control_group(d),
						 .ask = daemon_ask,
						 .cannot_accept = daemon_cannot_accept,
						 .arg = d };
	int err;

	snprintf(path, sizeof(path), "%s/control.sock", d->options.run_dir);
	err = control_open(&options, &d->control);
	if (err == 0)
		err = loop_add(d->loop, control_fd(d->control), daemon_on_control, d);
	return err == 0 ? 0 : daemon_refuse(d, err, path);
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
	daemon_hear_missed(d, daemon_on_kernel_event);
	log_happening(d->log, START, REPORT_NOTICE,
		      "ikemesh %s is ready: %zu protected, %zu bypassed subnets", IKEMESH_VERSION,
		      d->config->spec.n_protect, d->config->spec.n_bypass);
	notify("READY=1");
	return 0;
}

/* In this order. */
static int (*const start_steps[])(struct daemon *d) = {
	daemon_succeed_take, start_keys,	   start_config,      start_log,
	daemon_expose_start, daemon_monitor_start, daemon_mode_start, start_run_dir,
	start_signals,	     start_kernel,	   start_sockets,     start_parked,
	daemon_confine,	     start_pool,	   start_engine,      daemon_wire,
	start_control,	     start_policies,	   daemon_heal_start, daemon_clear_start,
	daemon_renew_start,  daemon_enter_sandbox, start_publish,     start_ready,
};

int daemon_start(struct daemon *d)
{
	int err = 0;

	for (size_t i = 0; i < sizeof(start_steps) / sizeof(start_steps[0]) && err == 0; i++)
		err = start_steps[i](d);
	return err;
}
