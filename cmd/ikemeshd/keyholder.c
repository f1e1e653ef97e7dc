/* SPDX-License-Identifier: Apache-2.0 */
#include "cmd/ikemeshd/keyholder.h"
#include "cmd/ikemeshd/clock.h"
#include "cmd/ikemeshd/key_channel.h"
#include "cmd/ikemeshd/key_errand.h"
#include "cmd/ikemeshd/key_message.h"
#include "cmd/ikemeshd/keyholder_sandbox.h"
#include "cmd/ikemeshd/metrics_host.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define CLIENTS 8
#define MESSAGES_A_TURN 64
#define JOBS_MAX 8192  /* waiting, running and done */
#define ERRANDS_MAX 32 /* the same */
#define PARKED_MAX 4096
#define AGAIN_US (5 * CLOCK_SECOND) /* until a configuration that was bad is read once more */
#define ACCEPT_AGAIN_US (CLOCK_SECOND / 4) /* until it is tried again to let somebody in */

/* Who asked: the place, and which of those who sat there. */
struct asker {
	size_t place;
	uint64_t visit;
};

struct client {
	int fd; /* -1: free */
	uint64_t visit;
	bool greeted;
};

/* A question that waits for what is being loaded. */
struct parked {
	struct parked *next;
	struct asker asker;
	struct key_message message;
};

struct keyholder {
	struct keyholder_options options;
	struct client clients[CLIENTS];
	struct mono accept_at; /* there was no descriptor for who came; MONO_NEVER: there was */
	uint64_t visits;
	size_t first; /* client to be served in the next turn */
	struct pool *signers, *readers;
	struct keyring *now, *before, *next;
	size_t loading; /* errands */
	struct mono load_again_at;
	struct parked *parked, **parked_end;
	size_t n_parked;
	bool one_core;	 /* another thread would only be switched to */
	bool signed_one; /* in this turn, by this thread */
	bool restricted; /* the readers' */
	bool no_library; /* the sandbox lets none be loaded */
	struct metrics_host self;
	unsigned malformed;
	bool leaves;
	int status;
	uint8_t buffer[KEY_MESSAGE_MAX];
};

static void take_question(struct keyholder *h, const struct asker *asker, struct key_message *m);

/* ---- clients ------------------------------------------------------------------------------- */

static void client_close(struct client *c)
{
	if (c->fd >= 0)
		close(c->fd);
	c->fd = -1;
}

/* Whoever comes stays in the kernel's queue, which is not looked at for a while. Told once. */
static void rest_from_accepting(struct keyholder *h, int err)
{
	if (h->accept_at.us == MONO_NEVER.us)
		fprintf(stderr, "ikemeshd: keyholder: whoever connects has to wait: %s\n",
			strerror(-err));
	h->accept_at = clock_after(clock_now(), ACCEPT_AGAIN_US);
}

static void accept_one(struct keyholder *h)
{
	int fd = key_channel_accept(h->options.listener, h->options.user);

	if (fd == -EPERM)
		fprintf(stderr, "ikemeshd: keyholder: somebody else than ikemeshd was refused\n");
	else if (fd < 0 && fd != -EAGAIN && fd != -EINTR && fd != -ECONNABORTED)
		rest_from_accepting(h, fd);
	if (fd >= 0)
		h->accept_at = MONO_NEVER;
	for (size_t i = 0; i < CLIENTS && fd >= 0; i++) {
		if (h->clients[i].fd >= 0)
			continue;
		h->clients[i] = (struct client){ .fd = fd, .visit = ++h->visits };
		return;
	}
	if (fd >= 0)
		close(fd);
}

/* content -1: none. Who does not read what he is told is dropped: he will ask again. */
static void answer(struct keyholder *h, const struct asker *to, const struct key_message *m,
		   int content)
{
	struct client *c = &h->clients[to->place];
	struct secret octets = { 0 };

	if (c->fd < 0 || c->visit != to->visit)
		return;
	if (key_message_put(m, &octets) != 0 ||
	    key_channel_send(c->fd, secret_view(&octets), content) != 0)
		client_close(c);
	secret_free(&octets);
}

static void answer_plain(struct keyholder *h, const struct asker *to, struct key_message *m,
			 int result)
{
	m->answer = true;
	m->result = result;
	answer(h, to, m, -1);
}

/* ---- keys ---------------------------------------------------------------------------------- */

static struct keyring *ring_of(struct keyholder *h, const struct key_message *m)
{
	struct keyring *const all[] = { h->now, h->before, h->next };

	if (m->kind == KEY_PPK)
		return h->now;
	for (size_t i = 0; i < 3; i++)
		if (all[i] != NULL && strcmp(all[i]->fingerprint, m->fingerprint) == 0)
			return all[i];
	return NULL;
}

/* What is asked for with a job is answered when the job is done. */
struct signing {
	struct keyholder *h;
	struct asker asker;
	enum key_kind kind;
	uint64_t id;
};

static void job_done(void *arg, struct job *job)
{
	struct signing *s = arg;
	struct key_message m = { .kind = s->kind, .id = s->id, .job = job };

	answer_plain(s->h, &s->asker, &m, job->result);
	job_free(job);
	free(s);
}

static void refuse_job(struct keyholder *h, const struct asker *asker, struct key_message *m,
		       int err, const char *why)
{
	snprintf(m->job->judged.text, sizeof(m->job->judged.text), "%s", why);
	answer_plain(h, asker, m, err);
	job_free(m->job);
	m->job = NULL;
}

/* A token may take its time, and so may many at once: nobody else waits for that. */
static bool is_done_here(const struct keyholder *h, const struct keyring *ring)
{
	return h->one_core && !h->signed_one &&
	       (ring->key == NULL || !sign_key_is_outside(ring->key));
}

static void do_job(struct keyholder *h, const struct asker *asker, struct key_message *m,
		   const struct keyring *ring)
{
	h->signed_one = true;
	keyring_run(m->job, ring);
	answer_plain(h, asker, m, m->job->result);
	job_free(m->job);
	m->job = NULL;
}

static void start_job(struct keyholder *h, const struct asker *asker, struct key_message *m,
		      struct keyring *ring)
{
	struct signing *s = malloc(sizeof(*s));
	int err = -ENOMEM;

	if (s != NULL) {
		*s = (struct signing){ .h = h, .asker = *asker, .kind = m->kind, .id = m->id };
		keyring_keep(ring);
		err = pool_submit_job(h->signers, m->job, ring, job_done, s);
		if (err == 0) {
			m->job = NULL;
			return;
		}
		keyring_drop(ring);
		free(s);
	}
	refuse_job(h, asker, m, err, "the keyholder has too much to do");
}

/* Who is committed to takes the place of what was in force, whose key is kept if it is another. */
static int commit(struct keyholder *h, uint64_t serial)
{
	if (h->now != NULL && h->now->serial == serial)
		return 0;
	if (h->next == NULL || h->next->serial != serial)
		return -ESTALE;
	if (h->now != NULL && strcmp(h->now->fingerprint, h->next->fingerprint) == 0) {
		keyring_drop(h->now);
	} else {
		keyring_drop(h->before);
		h->before = h->now;
	}
	h->now = h->next;
	h->next = NULL;
	return 0;
}

/* ---- errands ------------------------------------------------------------------------------- */

struct errand {
	struct key_errand key; /* first: the chore is its first */
	struct keyholder *h;
	struct asker asker;
	uint64_t id;
	bool own; /* nobody asked: the keyholder needs it */
};

static void errand_free(struct errand *e)
{
	key_errand_wipe(&e->key);
	free(e);
}

static void errand_drop(struct chore *c)
{
	errand_free((struct errand *)c);
}

/* A question may be parked once more; it goes behind the others then. */
static void unpark_all(struct keyholder *h)
{
	struct parked *p = h->parked;

	h->parked = NULL;
	h->parked_end = &h->parked;
	h->n_parked = 0;
	while (p != NULL) {
		struct parked *next = p->next;

		take_question(h, &p->asker, &p->message);
		free(p);
		p = next;
	}
}

static void loaded(struct keyholder *h, struct errand *e)
{
	h->loading--;
	if (e->key.ring != NULL) {
		keyring_drop(h->next);
		h->next = e->key.ring;
		e->key.ring = NULL;
		if (e->own && h->now == NULL)
			(void)commit(h, h->next->serial);
	}
	h->load_again_at = clock_after(clock_now(), AGAIN_US);
}

static void errand_home(struct chore *c)
{
	struct errand *e = (struct errand *)c;
	struct keyholder *h = e->h;
	struct key_message m = { .kind = e->key.kind,
				 .answer = true,
				 .id = e->id,
				 .result = e->key.result,
				 .serial = e->key.serial };

	if (e->key.kind == KEY_LOAD)
		loaded(h, e);
	/* The next one can; whoever asked will ask it. */
	if (e->key.result == -ERESTART) {
		h->leaves = true;
		h->status = KEYHOLDER_OTHER_VERSION;
	} else if (!e->own) {
		answer(h, &e->asker, &m, e->key.content);
	}
	errand_free(e);
	if (m.kind == KEY_LOAD && h->loading == 0)
		unpark_all(h);
}

/* m NULL: nobody asks. 0 or negative errno. */
static int start_errand(struct keyholder *h, const struct asker *asker, enum key_kind kind,
			const struct key_message *m)
{
	const char *path = kind == KEY_CHECK ? m->path : h->options.config_path;
	struct errand *e = calloc(1, sizeof(*e));
	int err;

	if (e == NULL)
		return -ENOMEM;
	key_errand_init(&e->key, kind);
	e->key.chore.home = errand_home;
	e->key.chore.drop = errand_drop;
	e->key.restricted = &h->restricted;
	e->key.no_library = h->no_library;
	snprintf(e->key.path, sizeof(e->key.path), "%s", path);
	e->h = h;
	e->own = m == NULL;
	if (m != NULL) {
		e->asker = *asker;
		e->id = m->id;
		e->key.serial = m->serial;
	}
	if (kind == KEY_LOOK)
		e->key.ring = keyring_keep(h->now);
	err = pool_submit(h->readers, &e->key.chore);
	if (err != 0)
		errand_free(e);
	else if (kind == KEY_LOAD)
		h->loading++;
	return err;
}

/* ---- questions ----------------------------------------------------------------------------- */

/* Nothing was loaded here yet that is in force: its predecessor has died, or a file was bad. */
static bool may_load(struct keyholder *h)
{
	if (h->now != NULL || h->loading > 0 || clock_now().us < h->load_again_at.us)
		return false;
	return start_errand(h, NULL, KEY_LOAD, NULL) == 0;
}

/* Takes the message over. */
static bool park(struct keyholder *h, const struct asker *asker, struct key_message *m)
{
	struct parked *p = h->n_parked < PARKED_MAX ? malloc(sizeof(*p)) : NULL;

	if (p == NULL)
		return false;
	*p = (struct parked){ .asker = *asker, .message = *m };
	m->job = NULL;
	*h->parked_end = p;
	h->parked_end = &p->next;
	h->n_parked++;
	return true;
}

static void take_job(struct keyholder *h, const struct asker *asker, struct key_message *m)
{
	struct keyring *ring = ring_of(h, m);

	if (ring != NULL && is_done_here(h, ring)) {
		do_job(h, asker, m, ring);
		return;
	}
	if (ring != NULL) {
		start_job(h, asker, m, ring);
		return;
	}
	if ((may_load(h) || h->loading > 0) && park(h, asker, m))
		return;
	refuse_job(h, asker, m, -ENOKEY,
		   h->now == NULL ? "the configuration has errors, and the keyholder had to read "
				    "it anew: `ikectl check` names them"
				  : "the files have another key by now than the one that is in "
				    "force: run: ikectl reload");
}

static void take_look(struct keyholder *h, const struct asker *asker, struct key_message *m)
{
	int err = -ENOKEY;

	if (h->now == NULL && (may_load(h) || h->loading > 0) && park(h, asker, m))
		return;
	if (h->now != NULL)
		err = start_errand(h, asker, KEY_LOOK, m);
	if (err != 0)
		answer_plain(h, asker, m, err);
}

static void take_hello(struct keyholder *h, const struct asker *asker, struct key_message *m)
{
	bool same = strcmp(m->version, KEY_VERSION) == 0;

	h->clients[asker->place].greeted = true;
	snprintf(m->version, sizeof(m->version), "%s", KEY_VERSION);
	answer_plain(h, asker, m, same ? 0 : -EPROTO);
	if (same)
		return;
	h->leaves = true;
	h->status = KEYHOLDER_OTHER_VERSION;
}

/* m's job is taken over. */
static void take_question(struct keyholder *h, const struct asker *asker, struct key_message *m)
{
	int err = 0;

	switch (m->kind) {
	case KEY_HELLO:
		take_hello(h, asker, m);
		break;
	case KEY_PING:
		m->resident = host_resident_bytes(&h->self);
		m->cpu_us = host_cpu_us();
		answer_plain(h, asker, m, 0);
		break;
	case KEY_SIGN:
	case KEY_PPK:
		take_job(h, asker, m);
		break;
	case KEY_COMMIT:
		answer_plain(h, asker, m, commit(h, m->serial));
		break;
	case KEY_LOOK:
		take_look(h, asker, m);
		break;
	case KEY_LOAD:
	case KEY_CHECK:
		err = start_errand(h, asker, m->kind, m);
		if (err != 0)
			answer_plain(h, asker, m, err);
		break;
	}
}

/* Told ever more seldom: somebody may send nothing else. */
static void count_malformed(struct keyholder *h)
{
	h->malformed++;
	if ((h->malformed & (h->malformed - 1)) == 0)
		fprintf(stderr, "ikemeshd: keyholder: %u messages that no ikemeshd sends\n",
			h->malformed);
}

/* false: nothing more to read, or the line is closed. */
static bool client_read(struct keyholder *h, struct client *c)
{
	const struct asker asker = { .place = (size_t)(c - h->clients), .visit = c->visit };
	struct key_message m = { 0 };
	int content, err;
	size_t n;

	err = key_channel_receive(c->fd, h->buffer, sizeof(h->buffer), &n, &content);
	if (err == -EAGAIN)
		return false;
	if (err == 0 && content < 0)
		err = key_message_take(BYTES(h->buffer, n), &m);
	else if (content >= 0) /* nobody has anything to give to a keyholder */
		err = -EBADMSG;
	if (content >= 0)
		close(content);
	wipe(h->buffer, n);
	if (err == 0 && !m.answer && (c->greeted || m.kind == KEY_HELLO)) {
		take_question(h, &asker, &m);
		return c->fd >= 0 && c->visit == asker.visit;
	}
	if (err != -EPIPE && err != -ECONNRESET)
		count_malformed(h);
	if (err == 0 && !m.answer)
		job_free(m.job);
	client_close(c);
	return false;
}

/* ---- the process --------------------------------------------------------------------------- */

enum {
	POLL_STOP,
	POLL_SIGNERS,
	POLL_READERS,
	POLL_LISTENER,
	POLL_CLIENTS,
	POLLED = POLL_CLIENTS + CLIENTS,
};

/* What is signed here is signed one a turn, and the next turn begins with the next client. */
static void serve_clients(struct keyholder *h, const struct pollfd p[static CLIENTS])
{
	const size_t first = h->first;

	for (size_t k = 0; k < CLIENTS && !h->signed_one; k++) {
		const size_t i = (first + k) % CLIENTS;

		for (int n = 0; p[i].revents != 0 && n < MESSAGES_A_TURN &&
				h->clients[i].fd == p[i].fd && !h->signed_one;
		     n++)
			if (!client_read(h, &h->clients[i]))
				break;
		h->first = (i + 1) % CLIENTS;
	}
}

/* Milliseconds until the listener is looked at again; -1: it is looked at. */
static int rest_ms(const struct keyholder *h)
{
	const struct mono now = clock_now();

	if (h->accept_at.us == MONO_NEVER.us || h->accept_at.us <= now.us)
		return -1;
	return (int)((h->accept_at.us - now.us) / 1000) + 1;
}

static void turn(struct keyholder *h)
{
	const int rest = rest_ms(h);
	struct pollfd p[POLLED] = {
		[POLL_STOP] = { h->options.stop, POLLIN, 0 },
		[POLL_SIGNERS] = { pool_fd(h->signers), POLLIN, 0 },
		[POLL_READERS] = { pool_fd(h->readers), POLLIN, 0 },
		[POLL_LISTENER] = { rest < 0 ? h->options.listener : -1, POLLIN, 0 },
	};

	for (size_t i = 0; i < CLIENTS; i++)
		p[POLL_CLIENTS + i] = (struct pollfd){ h->clients[i].fd, POLLIN, 0 };
	if (poll(p, POLLED, rest) < 0) {
		h->leaves = errno != EINTR;
		return;
	}
	h->leaves = p[POLL_STOP].revents != 0;
	h->signed_one = false;
	pool_turn(h->signers, MESSAGES_A_TURN);
	pool_turn(h->readers, MESSAGES_A_TURN);
	serve_clients(h, p + POLL_CLIENTS);
	if (p[POLL_LISTENER].revents != 0)
		accept_one(h);
}

static void keyholder_free(struct keyholder *h)
{
	pool_close(h->signers);
	pool_close(h->readers);
	metrics_host_close(&h->self);
	while (h->parked != NULL) {
		struct parked *p = h->parked;

		h->parked = p->next;
		job_free(p->message.job);
		free(p);
	}
	keyring_drop(h->now);
	keyring_drop(h->before);
	keyring_drop(h->next);
	for (size_t i = 0; i < CLIENTS; i++)
		client_close(&h->clients[i]);
	free(h);
}

/* What signs with a token is a thread even where there is but one core. */
static int open_pools(struct keyholder *h)
{
	unsigned workers = pool_workers_here();
	int err = pool_open(workers > 0 ? workers : 1, JOBS_MAX, &h->signers);

	h->one_core = workers == 0;
	return err == 0 ? pool_open(1, ERRANDS_MAX, &h->readers) : err;
}

int keyholder_serve(const struct keyholder_options *options)
{
	struct keyholder *h = calloc(1, sizeof(*h));
	int err, status;

	if (h == NULL)
		return 1;
	h->options = *options;
	h->parked_end = &h->parked;
	h->accept_at = MONO_NEVER;
	metrics_host_open_self(&h->self);
	for (size_t i = 0; i < CLIENTS; i++)
		h->clients[i].fd = -1;
	err = open_pools(h);
	if (err != 0)
		fprintf(stderr, "ikemeshd: keyholder: %s\n", strerror(-err));
	else if (h->options.sandbox)
		h->no_library = keyholder_enter_sandbox(h->options.config_path);
	while (err == 0 && !h->leaves)
		turn(h);
	status = err == 0 ? h->status : 1;
	keyholder_free(h);
	return status;
}
