/* SPDX-License-Identifier: Apache-2.0 */
#include "cmd/ikemeshd/daemon.h"
#include "cmd/ikemeshd/notify.h"
#include "config/remembered.h"
#include "crypto/provider.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define LOG_AREA AREA_CONFIG

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

/* The private key and the PPK go to the keyholder, and only there. */
static int hand_over_key(struct daemon *d, struct config *c)
{
	struct sign_key *key = c->key;
	struct trust *trust = c->trust;

	c->key = NULL;
	c->trust = NULL;
	return keyholder_load(d->keyholder, key, trust, &c->ppk, c->spec.credential.generation);
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

static int read_config(struct daemon *d, struct config *c, size_t *errors)
{
	struct problems ps = { 0 };
	int err = config_load(d->options.config_path, time(NULL), c, &ps);

	daemon_tell(d->log, &ps);
	*errors = ps.errors;
	problems_free(&ps);
	return err;
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
static int spare_peers(struct daemon *d, const struct config *c, struct daemon_loading *how)
{
	struct preflight found;
	int err = daemon_preflight(d, c, &found);

	if (err != 0)
		return err;
	for (size_t i = 0; i < found.n; i++) {
		struct preflight_finding *f = &found.findings[i];
		const struct report r = { .level = f->error ? REPORT_ERROR : REPORT_WARNING,
					  .area = AREA_TRUST,
					  .remote = f->remote,
					  .text = f->text };

		log_report(d->log, &r);
	}
	if (found.errors > 0 && !how->force) {
		preflight_text(&found, how->cut_off, sizeof(how->cut_off));
		err = -ECONNABORTED;
	}
	preflight_free(&found);
	return err;
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

/*
 * What may fail comes first, and the keyholder last of it: from there on peers are judged by the
 * new CAs. The core borrows the new spec before the old one goes.
 */
static int take_over(struct daemon *d, struct config *c, struct daemon_loading *how)
{
	const struct credential_spec *old = &d->config->spec.credential;
	struct credential_spec *new = &c->spec.credential;
	bool same = same_credential(old, new);
	int err;

	new->generation = old->generation + (same ? 0 : 1);
	mode_apply(&d->mode.now, &c->spec);
	same = same && same_cas(&d->config->spec, &c->spec);
	err = same_properties(d, c);
	if (err == 0)
		err = no_worse(d, c);
	if (err == 0)
		err = daemon_keep_crls(d->config, c);
	if (err == 0)
		err = spare_peers(d, c, how);
	if (err == 0)
		err = new_log(d, c);
	if (err == 0)
		err = hand_over_key(d, c);
	if (err != 0)
		return err;
	/* Who leaves the protected subnets is spoken to in the clear before its SAs go. */
	policies_sync(&d->policies, &c->spec);
	daemon_feed(d, &(struct event){ .kind = EVENT_SPEC, .spec = { &c->spec } });
	config_free(d->config);
	free(d->config);
	d->config = c;
	levels_configure(log_levels(d->log), c->log_levels);
	daemon_remember(d);
	past_add(d->past, &c->spec.credential);
	daemon_trust_loaded(d);
	daemon_watch_look(d);
	if (c->reauth_on_reload && !same)
		(void)daemon_rotate(d);
	return 0;
}

int daemon_load(struct daemon *d, struct daemon_loading *how)
{
	struct config *c = calloc(1, sizeof(*c));
	int err;

	how->errors = 0;
	if (c == NULL)
		return -ENOMEM;
	err = read_config(d, c, &how->errors);
	if (err == 0 && d->config == NULL) {
		c->spec.credential.generation = daemon_first_generation(d, c);
		err = use_properties(c);
		if (err == 0)
			err = hand_over_key(d, c);
		if (err == 0) {
			d->config = c;
			past_add(d->past, &c->spec.credential);
		}
	} else if (err == 0) {
		err = take_over(d, c, how);
	}
	if (d->config != c) {
		config_free(c);
		free(c);
	} else {
		d->metrics.config_loaded = time(NULL);
	}
	return err;
}

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

static void say_refused(const char *path, int err, const struct daemon_loading *how,
			char text[static DAEMON_TEXT_LEN])
{
	if (how->errors > 0)
		snprintf(text, DAEMON_TEXT_LEN,
			 "%s has %zu error%s, and the old configuration stays: `ikectl check` "
			 "names them",
			 path, how->errors, how->errors == 1 ? "" : "s");
	else if (err == -ECONNABORTED)
		snprintf(text, DAEMON_TEXT_LEN,
			 "%s would cut off peers that are connected now, and the old configuration "
			 "stays (`ikectl reload --force` loads it all the same): %s",
			 path, how->cut_off);
	else
		snprintf(text, DAEMON_TEXT_LEN,
			 "%s was not loaded (%s), and the old configuration stays: see the log",
			 path, strerror(-err));
}

int daemon_reload(struct daemon *d, bool force, char text[static DAEMON_TEXT_LEN])
{
	const char *path = d->options.config_path;
	struct daemon_loading how = { .force = force };
	int err;

	notify_reloading();
	reopen_log(d);
	err = daemon_load(d, &how);
	notify("READY=1");
	if (err == 0)
		snprintf(text, DAEMON_TEXT_LEN, "%s was loaded anew%s", path,
			 d->policies.error != 0 ? POLICIES_INCOMPLETE : "");
	else
		say_refused(path, err, &how, text);
	log_happening(d->log, RELOAD, err == 0 ? REPORT_NOTICE : REPORT_ERROR, "%s", text);
	d->metrics.reload_failed = err != 0;
	if (err == 0)
		d->metrics.reloads++;
	else
		d->metrics.reloads_failed++;
	return err;
}
