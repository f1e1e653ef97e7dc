/* SPDX-License-Identifier: Apache-2.0 */
/* What goes on about trust while the daemon runs: CRL files change, our own certificate expires. */
#include "cmd/ikemeshd/clock.h"
#include "cmd/ikemeshd/daemon.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#define LOG_AREA AREA_TRUST

/* A file is looked at so often; nothing tells of changes on every file system. */
#define LOOK_US (2 * CLOCK_SECOND)

/* ---- lists of revoked certificates ------------------------------------------------------------
 */

static void say_look(struct daemon *d, const struct crl_file *f, enum crl_look look)
{
	if (look == CRL_REPLACED)
		log_text(d->log, REPORT_NOTICE, "%s: %zu CRL%s read", f->path, crls_count(f->crls),
			 crls_count(f->crls) == 1 ? "" : "s");
	else if (f->crls != NULL)
		log_text(d->log, REPORT_ERROR,
			 "%s %s: the CRLs that were read of it before stay in force", f->path,
			 crl_fault_text(f->fault));
	else
		log_text(d->log, REPORT_ERROR, "%s %s", f->path,
			 crl_fault_text(f->fault));
}

static int renew(struct daemon *d)
{
	const struct config *c = d->config;
	struct crls *all = crl_files_join(c->crl_files, c->n_crl_files);
	int err = all == NULL ? -ENOMEM : keyholder_renew_crls(d->keyholder, all);

	crls_drop(all);
	return err;
}

/* Peers with the same lists refuse us from now on: that must not be news from them. */
static void look_for_ourselves(struct daemon *d)
{
	const struct credential_spec *own = &d->config->spec.credential;
	struct peer_finding f;

	d->own_revoked = keyholder_judge(d->keyholder, own->certs, own->n_certs, time(NULL), &f) ==
			 VERDICT_REVOKED;
	if (d->own_revoked)
		log_happening(d->log, CERTIFICATE, REPORT_ERROR,
			      "our own %s; peers with the same CRLs refuse us", f.text);
}

static void look_at_crls(struct daemon *d)
{
	struct config *c = d->config;
	bool replaced = false;
	int err;

	for (size_t i = 0; i < c->n_crl_files; i++) {
		enum crl_look look = crl_file_look(&c->crl_files[i]);

		replaced |= look == CRL_REPLACED;
		if (look != CRL_SAME)
			say_look(d, &c->crl_files[i], look);
	}
	d->crls_due |= replaced;
	if (!d->crls_due)
		return;
	err = renew(d);
	if (err != 0) {
		log_recurrent(d->log, REPORT_ERROR, "the CRLs could not be renewed: %s",
			      strerror(-err));
		return; /* at the next look */
	}
	d->crls_due = false;
	look_for_ourselves(d);
	daemon_feed(d, &(struct event){ .kind = EVENT_REVIEW });
}

static const struct crl_file *same_file(const struct config *c, const char *path)
{
	for (size_t i = 0; i < c->n_crl_files; i++)
		if (strcmp(c->crl_files[i].path, path) == 0)
			return &c->crl_files[i];
	return NULL;
}

int daemon_keep_crls(const struct config *from, struct config *to)
{
	struct crls *all;
	bool kept = false;

	for (size_t i = 0; i < to->n_crl_files; i++) {
		struct crl_file *f = &to->crl_files[i];
		const struct crl_file *before = same_file(from, f->path);

		if (f->crls != NULL || before == NULL || before->crls == NULL)
			continue;
		f->crls = crls_keep(before->crls);
		kept = true;
	}
	if (!kept)
		return 0;
	all = crl_files_join(to->crl_files, to->n_crl_files);
	if (all == NULL)
		return -ENOMEM;
	trust_set_crls(to->trust, all);
	crls_drop(all);
	return 0;
}

/* ---- our own certificate ----------------------------------------------------------------------
 */

static void close_all(struct daemon *d)
{
	const struct event down = { .kind = EVENT_COMMAND, .command = { .command = COMMAND_DOWN } };

	log_text(d->log, REPORT_WARNING,
		 "on_expiry: close: all SAs are deleted, since our own certificate has expired");
	daemon_feed(d, &down);
}

/* Each time anew, by the clock as it is: one that jumps back has nothing to undo. */
static void look_at_own(struct daemon *d)
{
	char text[VERDICT_TEXT_LEN];
	bool expired = keyholder_check_own(d->keyholder, time(NULL), text) != VERDICT_GOOD;
	bool close = expired && d->config->on_expiry == EXPIRY_CLOSE;

	if (expired && !d->own_expired)
		log_happening(d->log, CERTIFICATE, REPORT_ERROR,
			      "%s; until then no peer believes us%s", text,
			      close ? "" : ", and SAs that are up go on");
	if (close && !d->own_closed)
		close_all(d);
	d->own_expired = expired;
	d->own_closed = close;
}

void daemon_own_fault(const struct daemon *d, char text[static VERDICT_TEXT_LEN])
{
	if (keyholder_check_own(d->keyholder, time(NULL), text) == VERDICT_GOOD && d->own_revoked)
		snprintf(text, VERDICT_TEXT_LEN,
			 "our own certificate is revoked, and peers with the same CRLs refuse us: "
			 "put a new one into instance_certificate, and run: ikectl reload");
}

/* ---- time -------------------------------------------------------------------------------------
 */

/* Other lists count from here on. SAs taken over from a predecessor were judged by its own. */
static void judge_anew(struct daemon *d)
{
	look_for_ourselves(d);
	if (d->config->n_crl_files > 0)
		daemon_feed(d, &(struct event){ .kind = EVENT_REVIEW });
}

void daemon_trust_tick(struct daemon *d, struct mono now)
{
	if (d->trust_at.us > now.us)
		return;
	if (d->trust_at.us == 0)
		judge_anew(d);
	d->trust_at = clock_after(now, LOOK_US);
	look_at_crls(d);
	if (engine_review_failed(d->engine))
		daemon_feed(d, &(struct event){ .kind = EVENT_REVIEW });
	look_at_own(d);
}

void daemon_trust_loaded(struct daemon *d)
{
	judge_anew(d);
	d->crls_due = false;
	look_at_own(d);
}
