/* SPDX-License-Identifier: Apache-2.0 */
#include "cmd/ikemeshd/key_client.h"
#include "cmd/ikemeshd/clock.h"
#include "cmd/ikemeshd/key_channel.h"
#include "cmd/ikemeshd/key_questions.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/timerfd.h>
#include <unistd.h>

#define MESSAGES_A_TURN 64
#define MILLISECOND ((int64_t)1000)
#define RETRY_FIRST_US (10 * MILLISECOND)
#define RETRY_MOST_US CLOCK_SECOND
#define PING_US (60 * CLOCK_SECOND)	/* how often, where nothing is asked */
#define PING_SOON_US CLOCK_SECOND	/* after a question: is anybody there? */
#define PING_AWAY_US (5 * CLOCK_SECOND) /* is it back? */
#define PING_ANSWER_US (3 * CLOCK_SECOND)
#define AWAY_US (2 * CLOCK_SECOND) /* what is mended sooner is no news */

/* What is no question of anybody's has these ids; those have the others. */
enum {
	ID_HELLO,
	ID_PING,
	ID_FIRST,
};

struct key_client {
	struct key_client_options options;
	int epoll, timer, fd; /* fd -1: not connected */
	bool greeted;
	bool writes; /* it is waited for room */
	struct mono retry_at, armed;
	int64_t backoff_us;
	struct mono ping_at;   /* the next one */
	struct mono ping_end;  /* of the one under way; MONO_NEVER: none is */
	struct mono bad_since; /* MONO_NEVER: all is well */
	bool told;	       /* that it is away */
	char why[128];
	uint64_t connected, timeouts;
	uint64_t resident, cpu_us; /* as it said last */
	struct questions questions;
	uint8_t buffer[KEY_MESSAGE_MAX];
};

__attribute__((format(printf, 3, 4))) static void say(struct key_client *c, enum report_level level,
						      const char *format, ...)
{
	char text[256];
	va_list args;

	if (c->options.say == NULL)
		return;
	va_start(args, format);
	vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	c->options.say(c->options.arg, level, text);
}

static struct mono now_of(const struct key_client *c)
{
	return c->options.now != NULL ? c->options.now(c->options.arg) : clock_now();
}

/* ---- how it is ----------------------------------------------------------------------------- */

static void is_bad(struct key_client *c, const char *why)
{
	if (c->bad_since.us == MONO_NEVER.us)
		c->bad_since = now_of(c);
	snprintf(c->why, sizeof(c->why), "%s", why);
}

static void is_well(struct key_client *c)
{
	if (c->told)
		say(c, REPORT_NOTICE, "the keyholder is there again, after %lld s",
		    (long long)clock_seconds_since(now_of(c), c->bad_since));
	c->told = false;
	c->bad_since = MONO_NEVER;
}

static bool is_away(const struct key_client *c, struct mono now)
{
	return clock_after(c->bad_since, AWAY_US).us <= now.us;
}

void key_client_state(const struct key_client *c, struct key_client_state *out)
{
	const struct mono now = now_of(c);

	*out = (struct key_client_state){ .away = is_away(c, now),
					  .renewed = c->connected > 0 ? c->connected - 1 : 0,
					  .timeouts = c->timeouts,
					  .open = c->questions.n,
					  .resident = c->resident,
					  .cpu_us = c->cpu_us };
	if (!out->away)
		return;
	out->away_us = now.us - c->bad_since.us;
	memcpy(out->why, c->why, sizeof(out->why));
}

/* ---- questions ----------------------------------------------------------------------------- */

/* Takes q. */
static void answered(struct key_client *c, struct question *q, const struct key_message *m,
		     int *content)
{
	questions_remove(&c->questions, q);
	if (q->job != NULL) {
		if (q->job->result != 0)
			q->job->judged.verdict = VERDICT_FAILED;
		q->job_done(q->arg, q->job);
	} else {
		q->done(q->arg, m, content);
	}
	free(q);
}

static void give_up(struct key_client *c, struct question *q)
{
	const struct key_message m = {
		.kind = q->kind, .answer = true, .id = q->id, .result = -ETIMEDOUT
	};
	const bool well = c->bad_since.us == MONO_NEVER.us;
	int none = -1;

	c->timeouts++;
	if (q->job != NULL) {
		q->job->result = -ETIMEDOUT;
		snprintf(q->job->judged.text, sizeof(q->job->judged.text),
			 "the keyholder, which has the private key, did not answer within %u s: it "
			 "%s",
			 q->seconds, well ? "has much to do, or a token that is slow" : c->why);
	}
	answered(c, q, &m, &none);
}

/* ---- the line ------------------------------------------------------------------------------ */

static void watch(struct key_client *c, bool writes)
{
	struct epoll_event want = { .events = EPOLLIN | (writes ? EPOLLOUT : 0u) };

	if (c->writes != writes)
		(void)epoll_ctl(c->epoll, EPOLL_CTL_MOD, c->fd, &want);
	c->writes = writes;
}

/* What was asked and not answered is asked again. */
static void disconnect(struct key_client *c, const char *why)
{
	if (c->fd >= 0)
		close(c->fd);
	c->fd = -1;
	is_bad(c, why);
	c->backoff_us = c->greeted ? RETRY_FIRST_US : 2 * c->backoff_us;
	if (c->backoff_us > RETRY_MOST_US)
		c->backoff_us = RETRY_MOST_US;
	c->retry_at = clock_after(now_of(c), c->greeted ? 0 : c->backoff_us);
	c->greeted = false;
	c->ping_end = MONO_NEVER;
	c->resident = c->cpu_us = 0;
	questions_unsend(&c->questions);
}

/* 0, -EAGAIN, or the line is closed. */
static int send_octets(struct key_client *c, struct bytes octets)
{
	int err = key_channel_send(c->fd, octets, -1);

	if (err == -EAGAIN)
		watch(c, true);
	else if (err != 0)
		disconnect(c, "does not listen");
	return err;
}

static int send_own(struct key_client *c, enum key_kind kind, uint64_t id)
{
	struct key_message m = { .kind = kind, .id = id, .version = KEY_VERSION };
	struct secret octets = { 0 };
	int err = key_message_put(&m, &octets);

	if (err == 0)
		err = send_octets(c, secret_view(&octets));
	secret_free(&octets);
	return err;
}

static void flush(struct key_client *c)
{
	while (c->fd >= 0 && c->questions.first != NULL) {
		struct question *q = c->questions.first;

		if (send_octets(c, secret_view(&q->octets)) != 0)
			return;
		questions_sent(&c->questions, q);
	}
	if (c->fd >= 0)
		watch(c, false);
}

static void connect_now(struct key_client *c)
{
	struct epoll_event want = { .events = EPOLLIN };
	char why[96];
	int fd = key_channel_connect(c->options.path);

	if (fd >= 0 && epoll_ctl(c->epoll, EPOLL_CTL_ADD, fd, &want) != 0) {
		int err = -errno;

		close(fd);
		fd = err;
	}
	if (fd < 0) {
		snprintf(why, sizeof(why), "cannot be reached (%s)", strerror(-fd));
		c->greeted = false;
		disconnect(c, why);
		return;
	}
	c->fd = fd;
	c->writes = false;
	c->ping_at = clock_after(now_of(c), PING_US);
	is_bad(c, "was started, and has not said a word yet");
	if (send_own(c, KEY_HELLO, ID_HELLO) == 0)
		flush(c);
}

/* ---- what comes ---------------------------------------------------------------------------- */

static void take_hello(struct key_client *c, const struct key_message *m)
{
	if (m->result != 0) {
		char why[128];

		snprintf(why, sizeof(why), "is of another program (%s; this is %s)", m->version,
			 KEY_VERSION);
		disconnect(c, why);
		return;
	}
	c->greeted = true;
	c->ping_at = clock_now(); /* what it takes is not known yet */
	if (c->connected++ > 0)
		say(c, REPORT_WARNING,
		    "the keyholder had gone; another one is there, and is asked again what was "
		    "open (%zu)",
		    c->questions.n);
	is_well(c);
}

/* 0, or -EBADMSG. */
static int take_answer(struct key_client *c, struct key_message *m, struct bytes from, int lost,
		       int *content)
{
	struct question *q = questions_find(&c->questions, m->id);

	if (q == NULL) /* it took too long */
		return m->id > c->questions.last_id ? -EBADMSG : 0;
	if (q->kind != m->kind)
		return -EBADMSG;
	m->job = q->job;
	if (key_message_take(from, m) != 0)
		return -EBADMSG;
	if (lost != 0 && m->result == 0)
		m->result = lost;
	answered(c, q, m, content);
	return 0;
}

/* lost: why there is no content that should have come; else 0. */
static int take(struct key_client *c, struct bytes from, int lost, int *content)
{
	struct key_message m;
	int err = key_message_peek(from, &m);

	if (err != 0 || !m.answer)
		return -EBADMSG;
	if (m.id >= ID_FIRST)
		return c->greeted ? take_answer(c, &m, from, lost, content) : -EBADMSG;
	err = key_message_take(from, &m);
	if (err == 0 && m.kind == KEY_HELLO && m.id == ID_HELLO) {
		take_hello(c, &m);
	} else if (err == 0 && m.kind == KEY_PING) {
		c->ping_end = MONO_NEVER;
		c->resident = m.resident;
		c->cpu_us = m.cpu_us;
		is_well(c);
	} else {
		err = -EBADMSG;
	}
	return err;
}

static bool awaits_something(const struct key_client *c)
{
	return !c->greeted || c->questions.n > 0 || c->ping_end.us != MONO_NEVER.us;
}

static void read_all(struct key_client *c)
{
	for (int i = 0; i < MESSAGES_A_TURN && c->fd >= 0; i++) {
		int content, err;
		size_t n;

		err = key_channel_receive(c->fd, c->buffer, sizeof(c->buffer), &n, &content);
		if (err == -EAGAIN)
			return;
		if (err == 0 || err == -EMFILE)
			err = take(c, BYTES(c->buffer, n), err, &content);
		wipe(c->buffer, n);
		if (content >= 0)
			close(content);
		if (err != 0 && c->fd >= 0)
			disconnect(c,
				   err == -EBADMSG ? "says what no keyholder says" : "has ended");
		if (!awaits_something(c))
			return;
	}
}

/* ---- time ---------------------------------------------------------------------------------- */

static void expire(struct key_client *c, struct mono now)
{
	struct question *q;

	while ((q = questions_due(&c->questions, now)) != NULL)
		give_up(c, q);
}

static void ping(struct key_client *c, struct mono now)
{
	if (c->ping_end.us <= now.us) {
		is_bad(c, "is stopped, or has too much to do");
		c->ping_end = MONO_NEVER;
	}
	if (c->fd < 0 || !c->greeted || c->ping_at.us > now.us)
		return;
	c->ping_at = c->bad_since.us == MONO_NEVER.us ? clock_on_grid(now, PING_US)
						      : clock_after(now, PING_AWAY_US);
	if (send_own(c, KEY_PING, ID_PING) == 0)
		c->ping_end = clock_after(now, PING_ANSWER_US);
}

static void tell_if_away(struct key_client *c, struct mono now)
{
	if (c->told || !is_away(c, now))
		return;
	c->told = true;
	say(c, REPORT_ERROR,
	    "the keyholder, which has the private key, %s: until it is there again nothing new is "
	    "authenticated, and SAs that are up go on",
	    c->why);
}

/* Of what is no question of anybody's. */
static struct mono next_own_time(const struct key_client *c)
{
	const struct mono next = c->fd < 0 ? c->retry_at : clock_earlier(c->ping_at, c->ping_end);

	return c->told ? next : clock_earlier(next, clock_after(c->bad_since, AWAY_US));
}

static struct mono next_time(const struct key_client *c)
{
	return clock_earlier(next_own_time(c), questions_deadline(&c->questions));
}

/*
 * What comes later than the timer goes waits for it, and is looked at then: system calls and looks
 * at all questions cost more than a turn now and then for nothing.
 */
static void arm(struct key_client *c, struct mono next)
{
	const struct itimerspec at = { .it_value = { .tv_sec = next.us / CLOCK_SECOND,
						     .tv_nsec = next.us % CLOCK_SECOND * 1000 } };

	if (next.us >= c->armed.us)
		return;
	c->armed = next;
	(void)timerfd_settime(c->timer, TFD_TIMER_ABSTIME, &at, NULL);
}

/* The timer has gone: what is due? */
static void on_time(struct key_client *c, struct mono now)
{
	uint64_t times;

	(void)!read(c->timer, &times, sizeof(times));
	c->armed = MONO_NEVER;
	expire(c, now);
	ping(c, now);
	if (c->fd < 0 && c->retry_at.us <= now.us)
		connect_now(c);
	flush(c);
	tell_if_away(c, now);
	arm(c, next_time(c));
}

void key_client_turn(struct key_client *c)
{
	const struct mono now = now_of(c);

	if (c->fd >= 0)
		read_all(c);
	if (c->fd >= 0 && c->writes)
		flush(c);
	if (c->armed.us <= now.us || (c->fd < 0 && c->retry_at.us <= now.us))
		on_time(c, now);
	else
		arm(c, next_own_time(c));
}

/* ---- asking -------------------------------------------------------------------------------- */

/* Takes what q has to say from m; on failure q stays the caller's. */
static int ask(struct key_client *c, struct question *q, struct key_message *m, unsigned seconds)
{
	int err;

	if (questions_full(&c->questions))
		return -EBUSY;
	m->id = q->id = questions_next_id(&c->questions);
	q->kind = m->kind;
	err = key_message_put(m, &q->octets);
	if (err != 0)
		return err;
	q->seconds = seconds;
	q->deadline = clock_after(now_of(c), seconds * CLOCK_SECOND);
	questions_add(&c->questions, q);
	if (c->ping_end.us == MONO_NEVER.us)
		c->ping_at = clock_earlier(c->ping_at, clock_after(now_of(c), PING_SOON_US));
	flush(c);
	arm(c, clock_earlier(q->deadline, next_own_time(c)));
	return 0;
}

int key_client_job(struct key_client *c, struct job *job, const char *fingerprint,
		   void (*done)(void *arg, struct job *job), void *arg)
{
	struct key_message m = { .kind = job->kind == JOB_PPK ? KEY_PPK : KEY_SIGN, .job = job };
	struct question *q = calloc(1, sizeof(*q));
	int err;

	if (q == NULL)
		return -ENOMEM;
	snprintf(m.fingerprint, sizeof(m.fingerprint), "%s", fingerprint);
	q->job = job;
	q->job_done = done;
	q->arg = arg;
	err = ask(c, q, &m, KEY_JOB_S);
	if (err != 0)
		free(q);
	return err;
}

int key_client_ask(struct key_client *c, const struct key_message *question, unsigned seconds,
		   key_done *done, void (*drop)(void *arg), void *arg)
{
	struct key_message m = *question;
	struct question *q = calloc(1, sizeof(*q));
	int err;

	if (q == NULL)
		return -ENOMEM;
	q->done = done;
	q->drop = drop;
	q->arg = arg;
	err = ask(c, q, &m, seconds);
	if (err != 0)
		free(q);
	return err;
}

size_t key_client_jobs(const struct key_client *c)
{
	return c->questions.jobs;
}

/* ---- start and end ------------------------------------------------------------------------- */

int key_client_fd(const struct key_client *c)
{
	return c->epoll;
}

static int open_all(struct key_client *c)
{
	struct epoll_event want = { .events = EPOLLIN };

	c->epoll = epoll_create1(EPOLL_CLOEXEC);
	c->timer = timerfd_create(CLOCK_BOOTTIME, TFD_CLOEXEC | TFD_NONBLOCK);
	if (c->epoll < 0 || c->timer < 0 ||
	    epoll_ctl(c->epoll, EPOLL_CTL_ADD, c->timer, &want) != 0)
		return -errno;
	return 0;
}

int key_client_open(const struct key_client_options *options, struct key_client **out)
{
	struct key_client *c = calloc(1, sizeof(*c));
	int err;

	*out = NULL;
	if (c == NULL)
		return -ENOMEM;
	c->options = *options;
	c->epoll = c->timer = c->fd = -1;
	c->armed = c->ping_at = c->ping_end = c->bad_since = MONO_NEVER;
	c->backoff_us = RETRY_FIRST_US;
	questions_init(&c->questions, ID_FIRST);
	err = open_all(c);
	if (err != 0) {
		key_client_close(c);
		return err;
	}
	key_client_turn(c);
	*out = c;
	return 0;
}

void key_client_close(struct key_client *c)
{
	if (c == NULL)
		return;
	questions_free(&c->questions);
	if (c->fd >= 0)
		close(c->fd);
	if (c->timer >= 0)
		close(c->timer);
	if (c->epoll >= 0)
		close(c->epoll);
	free(c);
}
