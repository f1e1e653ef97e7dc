/* SPDX-License-Identifier: Apache-2.0 */
#include "cmd/ikemeshd/daemon.h"
#include "cmd/ikemeshd/clock.h"
#include "cmd/ikemeshd/guardian.h"
#include "cmd/ikemeshd/notify.h"
#include "cmd/ikemeshd/stop.h"
#include "config/remembered.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define LOG_AREA AREA_DAEMON

/* How long peers may take to answer our DELETEs before we go all the same. */
#define LEAVE_S 1
/* How long what they sent until then may take to arrive. */
#define LINGER_US (100 * 1000)

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
	if (d->release) {
		takeover_release(d);
		keepsake_drop(&d->keepsake);
		d->handed_over = true;
		d->phase = DAEMON_GONE;
		return;
	}
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
		sas = daemon_delete_orphans(d);
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
	ke_stock_wipe(&d->stock);
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
	takeover_free(&d->takeover);
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
	next = clock_earlier(next, takeover_deadline(&d->takeover));
	next = clock_earlier(next, log_tick(d->log, daemon_now(d)));
	if (d->healing != NULL)
		next = clock_earlier(next, healing_deadline(d->healing));
	next = clock_earlier(next, heap_deadline(&d->heap));
	next = clock_earlier(next, daemon_mode_deadline(d));
	next = clock_earlier(next, d->trust_at);
	next = clock_earlier(next, d->keep_at);
	next = clock_earlier(next, d->sweep_at);
	next = clock_earlier(next, daemon_monitor_deadline(d));
	next = clock_earlier(next, daemon_stock_deadline(d));
	if (d->phase == DAEMON_LEAVING)
		next = clock_earlier(next, d->leave_by);
	if (pool_has_done(d->pool))
		next = daemon_now(d);
	loop_set_deadline(d->loop, next);
}

static void turn(struct daemon *d)
{
	int err;

	daemon_take_done(d); /* first, as the others look at what comes of it */
	daemon_clear_follow(d);
	daemon_succeed_tidy(d);
	daemon_monitor_tick(d);
	daemon_shortage_turn(d);
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
			    .sweep_at = MONO_NEVER,
			    .takeover = { .look_at = MONO_NEVER },
			    .routes = { -1, -1 },
			    .keepsake = { .fd = -1 },
			    .rotation_timer = -1,
			    .mode.back_at = MONO_NEVER,
			    .prune_at = MONO_NEVER };
	int err;

	d.started = clock_now();
	d.started_wall = time(NULL);
	heap_open(&d.heap);
	metrics_host_open(&d.metrics_host);
	err = daemon_start(&d);
	while (err == 0 && d.phase != DAEMON_GONE)
		turn(&d);
	if (err == 0 && !d.handed_over)
		clear_kernel(&d);
	daemon_close(&d);
	if (err != 0)
		return d.bad_config ? DAEMON_BAD_CONFIG : 1;
	return d.wants_successor ? EXIT_SUCCEED : 0;
}
