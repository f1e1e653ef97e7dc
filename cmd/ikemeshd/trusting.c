/* SPDX-License-Identifier: Apache-2.0 */
/* What goes on about trust while the daemon runs: CRL files change, our own certificate expires. */
#include "cmd/ikemeshd/clock.h"
#include "cmd/ikemeshd/config_wire.h"
#include "cmd/ikemeshd/daemon.h"
#include "cmd/ikemeshd/key_channel.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define LOG_AREA AREA_TRUST

/* A file is looked at so often; nothing tells of changes on every file system. */
#define LOOK_US (2 * CLOCK_SECOND)
#define LOOK_ANSWER_S 60

/* ---- lists of revoked certificates ------------------------------------------------------------
 */

static struct crl_file *file_of(const struct config *c, const char *path)
{
	for (size_t i = 0; i < c->n_crl_files; i++)
		if (strcmp(c->crl_files[i].path, path) == 0)
			return &c->crl_files[i];
	return NULL;
}

static void say_replaced(struct daemon *d, const struct crl_file *f)
{
	log_text(d->log, REPORT_NOTICE, "%s: %zu CRL%s read", f->path, crls_count(f->crls),
		 crls_count(f->crls) == 1 ? "" : "s");
}

static void say_fault(struct daemon *d, const struct crl_file *f)
{
	if (f->crls != NULL)
		log_text(d->log, REPORT_ERROR,
			 "%s %s: the CRLs that were read of it before stay in force", f->path,
			 crl_fault_text(f->fault));
	else
		log_text(d->log, REPORT_ERROR, "%s %s", f->path, crl_fault_text(f->fault));
}

static int renew(struct daemon *d)
{
	const struct config *c = d->config;
	struct crls *all = crl_files_join(c->crl_files, c->n_crl_files);
	struct keyring *ring = all != NULL ? keyring_with_crls(d->ring, all) : NULL;

	crls_drop(all);
	if (ring == NULL)
		return -ENOMEM;
	keyring_drop(d->ring);
	d->ring = ring;
	return 0;
}

/* Peers with the same lists refuse us from now on: that must not be news from them. */
static void look_for_ourselves(struct daemon *d)
{
	const struct credential_spec *own = &d->config->spec.credential;
	struct bytes certs[CERT_CHAIN_MAX];
	struct peer_finding f;

	for (size_t i = 0; i < own->n_certs; i++)
		certs[i] = blob_view(&own->certs[i]);
	trust_check_certs(d->ring->trust, certs, own->n_certs, BYTES_NONE, time(NULL), &f);
	d->own_revoked = f.verdict == VERDICT_REVOKED;
	if (d->own_revoked)
		log_happening(d->log, CERTIFICATE, REPORT_ERROR,
			      "our own %s; peers with the same CRLs refuse us", f.text);
}

/* As much as there is to put in force, if any. */
static void renew_if_due(struct daemon *d)
{
	int err = d->look.due ? renew(d) : 0;

	if (err != 0)
		log_recurrent(d->log, REPORT_ERROR, "the CRLs could not be renewed: %s",
			      strerror(-err));
	if (err != 0 || !d->look.due)
		return; /* at the next look */
	d->look.due = false;
	look_for_ourselves(d);
	daemon_feed(d, &(struct event){ .kind = EVENT_REVIEW });
}

/* A file that has the same lists again is no news; what was read of one that is broken stays. */
static void take_file(struct daemon *d, struct crl_file *f, struct crl_file *seen)
{
	const bool faulty = seen->fault != 0 && seen->fault != f->fault;

	f->fault = seen->fault;
	if (seen->crls != NULL && !crls_equal(f->crls, seen->crls)) {
		crls_drop(f->crls);
		f->crls = seen->crls;
		seen->crls = NULL;
		d->look.due = true;
		say_replaced(d, f);
	}
	if (faulty)
		say_fault(d, f);
}

struct seen {
	struct chore chore; /* first: for the pool */
	struct daemon *d;
	uint32_t loads;
	uint64_t serial;
	int content, err;
	struct crl_file *files;
	size_t n;
};

static void seen_free(struct seen *s)
{
	if (s->content >= 0)
		close(s->content);
	for (size_t i = 0; i < s->n; i++)
		crl_file_wipe(&s->files[i]);
	free(s->files);
	free(s);
}

static void seen_run(struct chore *c)
{
	struct seen *s = (struct seen *)c;
	struct secret octets;

	s->err = key_content_take(s->content, &octets);
	if (s->err == 0)
		s->err = wire_take_crl_files(secret_view(&octets), &s->files, &s->n);
	secret_free(&octets);
}

static void seen_home(struct chore *c)
{
	struct seen *s = (struct seen *)c;
	struct daemon *d = s->d;

	d->look.under_way = false;
	/* Of a configuration that is in force no more, they are looked at once more. */
	if (s->err == 0 && s->loads == d->look.loads) {
		for (size_t i = 0; i < s->n; i++) {
			struct crl_file *f = file_of(d->config, s->files[i].path);

			if (f != NULL)
				take_file(d, f, &s->files[i]);
		}
		d->look.serial = s->serial;
		renew_if_due(d);
	}
	seen_free(s);
}

static void seen_drop(struct chore *c)
{
	seen_free((struct seen *)c);
}

static void on_looked(void *arg, const struct key_message *answer, int *content)
{
	struct daemon *d = arg;
	struct seen *s;

	d->look.under_way = false;
	if (answer->result != 0 || *content < 0)
		return;
	s = calloc(1, sizeof(*s));
	if (s == NULL)
		return; /* at the next look */
	*s = (struct seen){ .chore = { seen_run, seen_home, seen_drop },
			    .d = d,
			    .loads = d->look.loads,
			    .serial = answer->serial,
			    .content = *content };
	*content = -1;
	d->look.under_way = true;
	if (pool_submit(d->pool, &s->chore) == 0)
		return;
	d->look.under_way = false;
	seen_free(s);
}

/* The keyholder looks, as only it can read them. */
static void look_at_crls(struct daemon *d)
{
	const struct key_message m = { .kind = KEY_LOOK, .serial = d->look.serial };

	renew_if_due(d);
	if (d->config->n_crl_files == 0 || d->look.under_way)
		return;
	d->look.under_way = key_client_ask(d->keys, &m, LOOK_ANSWER_S, on_looked, NULL, d) == 0;
}

int daemon_keep_crls(const struct config *from, struct config *to)
{
	struct crls *all;
	bool kept = false;

	for (size_t i = 0; i < to->n_crl_files; i++) {
		struct crl_file *f = &to->crl_files[i];
		const struct crl_file *before = file_of(from, f->path);

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
	bool expired = trust_check_own(d->ring->trust, time(NULL), text) != VERDICT_GOOD;
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
	if (trust_check_own(d->ring->trust, time(NULL), text) == VERDICT_GOOD && d->own_revoked)
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
	/* Without such files there is but our own certificate, and the clock that may have jumped.
	 */
	d->trust_at = d->config->n_crl_files > 0 || d->look.due ? clock_after(now, LOOK_US)
								: clock_on_grid(now, CLOCK_REST_US);
	look_at_crls(d);
	if (engine_review_failed(d->engine))
		daemon_feed(d, &(struct event){ .kind = EVENT_REVIEW });
	look_at_own(d);
}

void daemon_trust_loaded(struct daemon *d)
{
	judge_anew(d);
	d->look.due = false;
	look_at_own(d);
}
