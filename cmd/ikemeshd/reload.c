/* SPDX-License-Identifier: Apache-2.0 */
#include "cmd/ikemeshd/candidate.h"
#include "cmd/ikemeshd/clock.h"
#include "cmd/ikemeshd/config_wire.h"
#include "cmd/ikemeshd/daemon.h"
#include "cmd/ikemeshd/key_channel.h"
#include "cmd/ikemeshd/notify.h"
#include "config/remembered.h"
#include "crypto/provider.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define LOG_AREA AREA_CONFIG

/* Less than who asks over the control socket waits. */
#define RELOAD_S 25

struct refusal {
	size_t errors; /* of the file */
	char cut_off[DAEMON_TEXT_LEN / 2];
};

static enum report_level level_of(const struct problem *p)
{
	switch (p->level) {
	case PROBLEM_FAULT:
	case PROBLEM_ERROR:
		return REPORT_ERROR;
	case PROBLEM_WARNING:
		return REPORT_WARNING;
	case PROBLEM_NOTICE:
		break;
	}
	return REPORT_NOTICE;
}

/* A problem's text has several lines (what to write instead): each becomes a line of the log. */
static void tell(struct log *log, const struct problem *p)
{
	char *text = problem_text(p), *rest = NULL;

	if (text == NULL)
		return;
	for (char *line = strtok_r(text, "\n", &rest); line != NULL;
	     line = strtok_r(NULL, "\n", &rest)) {
		if (log != NULL)
			log_text(log, level_of(p), "%s", line);
		else
			fprintf(stderr, "%s\n", line);
	}
	free(text);
}

void daemon_tell(struct log *log, const struct problems *ps)
{
	for (size_t i = 0; i < ps->n; i++)
		tell(log, &ps->p[i]);
}

void daemon_remember(struct daemon *d)
{
	int err = remembered_save(d->options.state_dir, d->config);

	if (err != 0)
		log_text(d->log, REPORT_WARNING,
			 "what is protected cannot be kept in %s: %s; a boot with a broken "
			 "configuration would protect nothing",
			 d->options.state_dir, strerror(-err));
}

static bool same_credential(const struct credential_spec *a, const struct credential_spec *b)
{
	if (a->n_certs != b->n_certs)
		return false;
	for (size_t i = 0; i < a->n_certs; i++) {
		if (!bytes_equal(blob_view(&a->certs[i]), blob_view(&b->certs[i])))
			return false;
	}
	return true;
}

/*
 * The keyholder has nothing like that any more: it was started anew meanwhile, or had to load
 * something else. Both must have the same.
 */
static void on_commit(void *arg, const struct key_message *answer, int *content)
{
	struct daemon *d = arg;

	(void)content;
	if (answer->result == -ESTALE && d->phase == DAEMON_RUNNING)
		daemon_reload(d, false, 0);
}

/* From here on the keyholder signs with what it has loaded, and peers are judged by its CAs. */
static int commit(struct daemon *d, struct config *c, uint64_t serial)
{
	const struct key_message m = { .kind = KEY_COMMIT, .serial = serial };
	struct trust *trust = c->trust;
	struct keyring *ring;
	int err;

	c->trust = NULL;
	ring = keyring_new(trust);
	if (ring == NULL)
		return -ENOMEM;
	err = key_client_ask(d->keys, &m, KEY_JOB_S, on_commit, NULL, d);
	if (err != 0) {
		keyring_drop(ring);
		return err;
	}
	keyring_drop(d->ring);
	d->ring = ring;
	d->look.serial = serial;
	d->look.loads++;
	d->metrics.config_loaded = time(NULL);
	return 0;
}

/* There is one thread still: the crypto library may be told what it is to use. */
static int use_properties(const struct config *c)
{
	return c->crypto_properties == NULL ? 0 : provider_use(c->crypto_properties);
}

/* Now there may be several, and keys that are in use. */
static int same_properties(struct daemon *d, const struct config *c)
{
	const char *old = d->config->crypto_properties, *new = c->crypto_properties;

	if (strcmp(old != NULL ? old : "", new != NULL ? new : "") == 0)
		return 0;
	log_text(d->log, REPORT_ERROR,
		 "crypto_properties cannot change while ikemeshd runs: start it anew");
	return -EBUSY;
}

static int new_log(struct daemon *d, const struct config *c)
{
	int err = log_retarget(d->log, c->log, c->log_path);

	if (err != 0)
		log_text(d->log, REPORT_ERROR, "cannot write the log %s: %s",
			 c->log_path != NULL ? c->log_path : "", log_path_error(err));
	return err;
}

/* Whoever is connected shall stay so, unless the operator wants it otherwise. */
static int spare_peers(struct daemon *d, const struct preflight *found, struct refusal *why)
{
	for (size_t i = 0; i < found->n; i++) {
		struct preflight_finding *f = &found->findings[i];
		const struct report r = { .level = f->error ? REPORT_ERROR : REPORT_WARNING,
					  .area = AREA_TRUST,
					  .remote = f->remote,
					  .text = f->text };

		log_report(d->log, &r);
	}
	if (found->errors == 0 || d->reloading.now.force)
		return 0;
	preflight_text(found, why->cut_off, sizeof(why->cut_off));
	return -ECONNABORTED;
}

static bool same_cas(const struct spec *a, const struct spec *b)
{
	if (a->n_cas != b->n_cas)
		return false;
	for (size_t i = 0; i < a->n_cas; i++) {
		if (!bytes_equal(blob_view(&a->cas[i].der), blob_view(&b->cas[i].der)))
			return false;
	}
	return true;
}

/* One that has expired does not take the place of another, whatever that is like. */
static int no_worse(struct daemon *d, const struct config *c)
{
	const struct credential_spec *new = &c->spec.credential;

	if (new->leaf.not_after >= time(NULL) ||
	    new->generation == d->config->spec.credential.generation)
		return 0;
	log_text(d->log, REPORT_ERROR, "instance_certificate has expired: the old one stays");
	return -EKEYEXPIRED;
}

/* Before it is held against the peers: what rules it out at once. */
static int may_come(struct daemon *d, struct config *c)
{
	const struct credential_spec *old = &d->config->spec.credential;
	int err;

	c->spec.credential.generation =
		old->generation + (same_credential(old, &c->spec.credential) ? 0 : 1);
	err = same_properties(d, c);
	if (err == 0)
		err = no_worse(d, c);
	return err == 0 ? daemon_keep_crls(d->config, c) : err;
}

/*
 * What may fail comes first, and the commitment last of it. The core borrows the new spec before
 * the old one goes. c is the daemon's then.
 */
static int take_over(struct daemon *d, struct config *c, uint64_t serial)
{
	bool same = same_credential(&d->config->spec.credential, &c->spec.credential) &&
		    same_cas(&d->config->spec, &c->spec);
	int err;

	mode_apply(&d->mode.now, &c->spec);
	err = new_log(d, c);
	if (err == 0)
		err = commit(d, c, serial);
	if (err != 0)
		return err;
	/* Who leaves the protected subnets is spoken to in the clear before its SAs go. */
	policies_sync(&d->policies, &c->spec);
	daemon_feed(d, &(struct event){ .kind = EVENT_SPEC, .spec = { &c->spec } });
	config_free(d->config);
	free(d->config);
	d->config = c;
	levels_configure(log_levels(d->log), c->log_levels);
	ke_stock_for(&d->stock, &c->spec);
	daemon_remember(d);
	past_add(d->past, &c->spec.credential);
	daemon_trust_loaded(d);
	daemon_watch_look(d);
	if (c->reauth_on_reload && !same)
		(void)daemon_rotate(d);
	return 0;
}

/* ---- the first one --------------------------------------------------------------------------
 */

struct first {
	bool done;
	int err, content;
	uint64_t serial;
};

static void on_first(void *arg, const struct key_message *answer, int *content)
{
	struct first *f = arg;

	f->done = true;
	f->err = answer->result;
	f->serial = answer->serial;
	f->content = *content;
	*content = -1;
}

static int wait_for(struct daemon *d, struct first *f)
{
	const struct key_message m = { .kind = KEY_LOAD };
	int err = key_client_ask(d->keys, &m, DAEMON_LOAD_S, on_first, NULL, f);

	while (err == 0 && !f->done) {
		struct pollfd p = { .fd = key_client_fd(d->keys), .events = POLLIN };

		if (poll(&p, 1, -1) < 0 && errno != EINTR)
			return -errno;
		key_client_turn(d->keys);
	}
	return err != 0 ? err : f->err;
}

static int read_first(struct daemon *d, struct first *f, struct config *c, size_t *errors)
{
	struct problems ps;
	struct secret octets;
	bool there;
	int err = key_content_take(f->content, &octets);

	if (err != 0)
		return err;
	err = wire_take_config(secret_view(&octets), &ps, c, &there);
	secret_free(&octets);
	daemon_tell(d->log, &ps);
	*errors = ps.errors;
	problems_free(&ps);
	return err == 0 && !there ? -EINVAL : err;
}

int daemon_load(struct daemon *d, size_t *errors)
{
	struct config *c = calloc(1, sizeof(*c));
	struct first f = { .content = -1 };
	int err = c == NULL ? -ENOMEM : wait_for(d, &f);

	*errors = 0;
	if (err == 0)
		err = read_first(d, &f, c, errors);
	if (f.content >= 0)
		close(f.content);
	if (err == 0) {
		c->spec.credential.generation = daemon_first_generation(d, c);
		err = use_properties(c);
	}
	if (err == 0)
		err = commit(d, c, f.serial);
	if (err == 0) {
		d->config = c;
		past_add(d->past, &c->spec.credential);
		return 0;
	}
	if (c != NULL)
		config_free(c);
	free(c);
	return err;
}

/* ---- another one ----------------------------------------------------------------------------
 */

/* Whatever becomes of the configuration: logrotate has moved the file away. */
static void reopen_log(struct daemon *d)
{
	int err = log_reopen(d->log);

	if (err != 0)
		log_text(d->log, REPORT_ERROR,
			 "the log cannot be opened anew: %s; it goes on in the old file",
			 log_path_error(err));
}

/* systemd 253 wants to know which of several reloads this is (Type=notify-reload). */
static void notify_reloading(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	notifyf("RELOADING=1\nMONOTONIC_USEC=%lld",
		(long long)now.tv_sec * 1000000 + now.tv_nsec / 1000);
}

static void say_refused(const char *path, int err, const struct refusal *why,
			char text[static DAEMON_TEXT_LEN])
{
	if (why->errors > 0)
		snprintf(text, DAEMON_TEXT_LEN,
			 "%s has %zu error%s, and the old configuration stays: `ikectl check` "
			 "names them",
			 path, why->errors, why->errors == 1 ? "" : "s");
	else if (err == -ECONNABORTED)
		snprintf(text, DAEMON_TEXT_LEN,
			 "%s would cut off peers that are connected now, and the old configuration "
			 "stays (`ikectl reload --force` loads it all the same): %s",
			 path, why->cut_off);
	else if (err == -ETIMEDOUT)
		snprintf(text, DAEMON_TEXT_LEN,
			 "%s was not loaded: the keyholder, which reads it, did not answer within "
			 "%d s; the old configuration stays",
			 path, RELOAD_S);
	else
		snprintf(text, DAEMON_TEXT_LEN,
			 "%s was not loaded (%s), and the old configuration stays: see the log",
			 path, strerror(-err));
}

static void answer_all(struct daemon *d, const struct reload *r)
{
	for (size_t i = 0; i < r->n; i++)
		control_answer(d->control, r->tickets[i],
			       d->reloading.err == 0
				       ? json_pack("{s:b, s:s}", "ok", 1, "text", d->reloading.text)
				       : control_error("%s", d->reloading.text));
}

static void begin(struct daemon *d);

static void end(struct daemon *d, int err, const struct refusal *why)
{
	const char *path = d->options.config_path;
	struct reloading *r = &d->reloading;
	const struct reload ended = r->now;

	r->err = err;
	if (err == 0)
		snprintf(r->text, sizeof(r->text), "%s was loaded anew%s", path,
			 d->policies.error != 0 ? POLICIES_INCOMPLETE : "");
	else
		say_refused(path, err, why, r->text);
	notify("READY=1");
	log_happening(d->log, RELOAD, err == 0 ? REPORT_NOTICE : REPORT_ERROR, "%s", r->text);
	d->metrics.reload_failed = err != 0;
	if (err == 0)
		d->metrics.reloads++;
	else
		d->metrics.reloads_failed++;
	r->now = r->next;
	r->next = (struct reload){ 0 };
	answer_all(d, &ended);
	if (r->now.asked)
		begin(d);
}

/* Owns the candidate. */
static void on_judged(struct candidate *c)
{
	struct daemon *d = c->d;
	struct refusal why = { 0 };
	struct config *config;
	int err = c->err;

	if (err == 0)
		err = spare_peers(d, &c->found, &why);
	if (err == 0 && d->phase > DAEMON_RUNNING)
		err = -ECANCELED;
	if (err == 0) {
		config = candidate_take(c);
		err = take_over(d, config, c->serial);
		if (err != 0) {
			config_free(config);
			free(config);
		}
	}
	candidate_free(c);
	end(d, err, &why);
}

/* The same. */
static void on_read(struct candidate *c)
{
	struct daemon *d = c->d;
	struct refusal why = { .errors = c->problems.errors };
	int err = c->err;

	daemon_tell(d->log, &c->problems);
	if (err == 0 && c->config == NULL)
		err = -EINVAL;
	if (err == 0)
		err = may_come(d, c->config);
	if (err == 0) {
		candidate_judge(c, on_judged);
		return;
	}
	candidate_free(c);
	end(d, err, &why);
}

static void begin(struct daemon *d)
{
	const struct key_message m = { .kind = KEY_LOAD };
	const struct refusal none = { 0 };
	int err;

	notify_reloading();
	reopen_log(d);
	err = candidate_ask(d, &m, RELOAD_S, on_read, NULL);
	if (err != 0)
		end(d, err, &none);
}

bool daemon_reloads(const struct daemon *d)
{
	return d->reloading.now.asked;
}

void daemon_reload(struct daemon *d, bool force, uint64_t ticket)
{
	struct reloading *all = &d->reloading;
	struct reload *r = all->now.asked ? &all->next : &all->now;
	bool first = r == &all->now;

	if (ticket != 0 && r->n == RELOAD_WAITING) {
		control_answer(
			d->control, ticket,
			control_error("%d others wait for a reload already", RELOAD_WAITING));
		return;
	}
	r->asked = true;
	r->force |= force;
	if (ticket != 0)
		r->tickets[r->n++] = ticket;
	if (first)
		begin(d);
}
