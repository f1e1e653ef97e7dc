/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One daemon goes, the next goes on: SAs, exchanges under way and IKE ports are handed over, peers
 * notice nothing. What is handed over goes into the file descriptor store of systemd, or of the
 * guardian where there is none (guardian.h).
 */
#include "cmd/ikemeshd/candidate.h"
#include "cmd/ikemeshd/clock.h"
#include "cmd/ikemeshd/daemon.h"
#include "cmd/ikemeshd/notify.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>

#define LOG_AREA AREA_DAEMON

/* How long the crypto jobs under way may take. */
#define DRAIN_S 2
/* How long the keyholder may take to read the configuration. */
#define CHECK_S 10
/* Until what could not be kept is tried again. */
#define KEEP_AGAIN_S 1

static void leaf_of(const struct config *c, uint8_t out[static HANDOVER_LEAF_LEN])
{
	const struct bytes leaf = blob_view(&c->spec.credential.certs[0]);

	if (sha1(&leaf, 1, out) != 0)
		memset(out, 0, HANDOVER_LEAF_LEN);
}

int daemon_succeed_take(struct daemon *d)
{
	d->unlocked = secret_lock_process();
	handover_take(&d->handover, d->handover_why);
	d->keep_at = MONO_NEVER;
	if (handover_can_keep())
		d->keep_at = (struct mono){ 0 };
	return 0;
}

uint32_t daemon_first_generation(const struct daemon *d, const struct config *c)
{
	uint8_t leaf[HANDOVER_LEAF_LEN];

	leaf_of(c, leaf);
	if (d->handover.state.n == 0)
		return 1;
	return d->handover.generation + (memcmp(leaf, d->handover.leaf, sizeof(leaf)) == 0 ? 0 : 1);
}

int daemon_succeed_sockets(struct daemon *d)
{
	int sockets[UDP_SOCKETS], err = 0;

	udp_sockets(d->udp, sockets);
	if (!d->handover.stored)
		err = handover_store_sockets(sockets);
	if (err == 0)
		err = handover_store_key(&d->handover);
	if (err != 0 && err != -ENOTCONN)
		log_text(d->log, REPORT_WARNING,
			 "systemd does not keep the IKE ports over a restart: %s", strerror(-err));
	return 0;
}

static int pack(struct daemon *d, struct handover *h, bool died)
{
	*h = (struct handover){ .generation = d->config->spec.credential.generation,
				.sequence = d->handover.sequence,
				.key = d->handover.key,
				.died = died };
	leaf_of(d->config, h->leaf);
	udp_sockets(d->udp, h->sockets);
	return engine_save(d->engine, &h->state);
}

/*
 * From here on each step adds to it. Without it a kill costs the SAs, and nothing else. What it was
 * gone on from is emptied only now: at any moment there is one to go on from.
 */
static void begin_keepsake(struct daemon *d)
{
	struct handover h;
	int err;

	err = pack(d, &h, true);
	if (err == 0)
		err = keepsake_begin(&d->keepsake, &h);
	secret_free(&h.state);
	handover_used(&d->handover);
	d->keep_at = MONO_NEVER;
	if (err == 0)
		return;
	keepsake_drop(&d->keepsake);
	d->keep_at = clock_after(clock_now(), KEEP_AGAIN_S * CLOCK_SECOND);
	log_recurrent(d->log, REPORT_WARNING, "the SAs would not outlive this process: %s",
		      strerror(-err));
}

void daemon_say_unlocked(const struct daemon *d)
{
	log_text(d->log, REPORT_NOTICE,
		 "keys may get into swap, if there is some: memory cannot be locked (%s; "
		 "LimitMEMLOCK=infinity in the unit lets it)",
		 strerror(-d->unlocked));
}

void daemon_succeed_load(struct daemon *d)
{
	struct event loaded = { .kind = EVENT_STATE_LOADED };
	struct event addresses = { .kind = EVENT_ADDRESSES };

	if (d->unlocked != 0)
		daemon_say_unlocked(d);
	if (d->handover_why[0] != '\0')
		log_text(d->log, REPORT_WARNING, "%s", d->handover_why);
	loaded.state_loaded.state = secret_view(&d->handover.state);
	loaded.state_loaded.died = d->handover.died;
	handover_begin(&d->handover);
	daemon_feed(d, &loaded);
	addresses.addresses.locals = addresses_list(d->addresses, &addresses.addresses.n);
	daemon_feed(d, &addresses);
	if (handover_can_keep() && d->keepsake.fd < 0)
		begin_keepsake(d);
	handover_used(&d->handover);
}

/* Before anything of the step is done. What is kept anew has the step in it. */
void daemon_succeed_keep(struct daemon *d, struct bytes record)
{
	if (d->keepsake.fd >= 0 && keepsake_append(&d->keepsake, record) == 0)
		return;
	if (d->keepsake.fd >= 0 || d->keep_at.us <= clock_now().us)
		begin_keepsake(d);
}

void daemon_succeed_tidy(struct daemon *d)
{
	if (keepsake_is_long(&d->keepsake) || d->keep_at.us <= daemon_now(d).us)
		begin_keepsake(d);
}

/* What waits for a job cannot be handed over: the pool comes to rest first. */
static void drain(struct daemon *d)
{
	const struct mono until = clock_after(clock_now(), DRAIN_S * CLOCK_SECOND);

	while (pool_pending(d->pool) + key_client_jobs(d->keys) > 0 && clock_now().us < until.us) {
		struct pollfd p[] = {
			{ .fd = pool_fd(d->pool), .events = POLLIN },
			{ .fd = key_client_fd(d->keys), .events = POLLIN },
		};

		(void)poll(p, 2, pool_turn(d->pool, 1) > 0 ? 0 : 50);
		daemon_take_jobs(d);
	}
	daemon_feed(d, &(struct event){ .kind = EVENT_TIMER });
}

int daemon_succeed(struct daemon *d)
{
	struct handover h;
	int err;

	drain(d);
	err = pack(d, &h, false);
	if (err == 0) {
		err = keepsake_begin(&d->keepsake, &h);
		/* Then it goes on from what was kept step by step. */
		if (err == 0 || d->keepsake.fd >= 0)
			err = handover_settle();
	}
	secret_free(&h.state);
	if (err != 0) {
		log_text(d->log, REPORT_ERROR, "the SAs cannot be handed over: %s", strerror(-err));
		/* What was saved just now is not known to be kept. */
		d->keep_at = handover_can_keep() ? clock_now() : MONO_NEVER;
	}
	if (err == 0)
		log_text(d->log, REPORT_NOTICE,
			 "leaving: SAs and policies stay for the next ikemeshd");
	return err;
}

/* ---- SIGUSR2 ----------------------------------------------------------------------------- */

static void refuse(struct daemon *d, const char *path, const char *why)
{
	log_text(d->log, REPORT_ERROR,
		 "SIGUSR2: the program is not executed anew, as its start would fail: %s %s", path,
		 why);
}

static void on_checked(struct candidate *c)
{
	struct daemon *d = c->d;
	const char *path = d->options.config_path;
	char why[64];

	d->succession_checks = false;
	if (c->err == 0 && c->config != NULL) {
		d->succession_due = true;
	} else if (c->problems.errors > 0) {
		daemon_tell(d->log, &c->problems);
		snprintf(why, sizeof(why), "has %zu error%s", c->problems.errors,
			 c->problems.errors == 1 ? "" : "s");
		refuse(d, path, why);
	} else {
		snprintf(why, sizeof(why), "cannot be read: %s",
			 strerror(c->err != 0 ? -c->err : EINVAL));
		refuse(d, path, why);
	}
	candidate_free(c);
}

/* What the next start would load, and it is not committed to. */
static void check(struct daemon *d)
{
	const struct key_message m = { .kind = KEY_LOAD };
	int err = candidate_ask(d, &m, CHECK_S, on_checked, NULL);

	d->succession_checks = err == 0;
	if (err != 0)
		refuse(d, d->options.config_path, strerror(-err));
}

void daemon_succeed_turn(struct daemon *d)
{
	if (d->succession_asked && !d->succession_checks && !d->succession_due) {
		d->succession_asked = false;
		check(d);
	}
	if (d->succession_due) {
		d->succession_due = false;
		if (daemon_succeed(d) != 0) /* then this one goes on */
			return;
		d->handed_over = d->wants_successor = true;
		d->phase = DAEMON_GONE;
	}
}
