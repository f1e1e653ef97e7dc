/* SPDX-License-Identifier: Apache-2.0 */
#include "cmd/ikemeshd/control.h"
#include "cmd/ikemeshd/clock.h"
#include "cmd/ikemeshd/control_client.h"
#include "cmd/ikemeshd/control_name.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/timerfd.h>
#include <unistd.h>

#define EVENTS_AT_ONCE 16
#define EVENTS_A_TURN (2 * CONTROL_CLIENTS)
/*
 * In a turn events are taken for this part of the time since the last one, within bounds, and then
 * answers are made for as long: or one is.
 */
#define TURN_PART 8
#define TURN_US 1000
#define TURN_MAX_US 20000
/* More is no time of answers: the machine slept meanwhile. */
#define REST_MAX_US (2 * CLOCK_SECOND)
/* Until it is tried again to let somebody in. */
#define ACCEPT_AGAIN_US (CLOCK_SECOND / 4)

struct control {
	int epoll, listener, timer;
	/* false while every place is taken and nobody has to go, and until accept_at. */
	bool listening;
	struct mono accept_at; /* there was no descriptor for who came; MONO_NEVER: there was */
	struct mono armed;
	struct mono turned_at;	/* when the last turn ended */
	struct mono rest_until; /* no answer is made before */
	struct control_name name;
	gid_t group;
	void (*ask)(void *arg, const struct control_asker *asker, const json_t *request);
	void (*cannot_accept)(void *arg, int err);
	void *arg;
	uint64_t visits;
	size_t n_answers; /* octets */
	struct client clients[CONTROL_CLIENTS];
};

/* What an epoll event is about: a ticket, or one of these. */
enum {
	ABOUT_LISTENER,
	ABOUT_TIMER,
	ABOUT_OTHERS, /* ... which are fewer than there are places */
};

static int watch(struct control *c, int operation, int fd, uint32_t events, uint64_t about)
{
	struct epoll_event want = { .events = events, .data.u64 = about };

	return epoll_ctl(c->epoll, operation, fd, &want) == 0 ? 0 : -errno;
}

static void listen_again(struct control *c, bool on)
{
	if (c->listening != on)
		watch(c, EPOLL_CTL_MOD, c->listener, on ? EPOLLIN : 0, ABOUT_LISTENER);
	c->listening = on;
	c->accept_at = MONO_NEVER;
}

/* ---- places --------------------------------------------------------------------------------- */

/* Its place is in it, and a number that is never used again. */
static uint64_t new_ticket(struct control *c, const struct client *place)
{
	return ++c->visits * CONTROL_CLIENTS + (uint64_t)(place - c->clients);
}

static struct client *by_ticket(struct control *c, uint64_t ticket)
{
	struct client *client = &c->clients[ticket % CONTROL_CLIENTS];

	return client->state != CLIENT_FREE && client->ticket == ticket ? client : NULL;
}

static void leave(struct control *c, struct client *client)
{
	if (client->answer != NULL && client->answer->readers == 1)
		c->n_answers -= client->answer->n;
	client_leave(client);
	listen_again(c, true);
}

static void turn_client(struct control *c, struct client *client);

/* What it has done while nobody looked is seen now; it may have gone. */
static void look_at(struct control *c, struct client *client)
{
	if (client->state == CLIENT_ASKING || client->state == CLIENT_READING)
		turn_client(c, client);
}

/* Who is stale first; strangers before root; who has not asked; who made no progress for longest.
 */
static bool goes_before(const struct client *a, const struct client *b, struct mono now)
{
	const bool stale = client_is_stale(a, now), root = a->rights == RIGHTS_ADMIN;
	const bool asking = a->state == CLIENT_ASKING;

	if (stale != client_is_stale(b, now))
		return stale;
	if (root != (b->rights == RIGHTS_ADMIN))
		return !root;
	if (asking != (b->state == CLIENT_ASKING))
		return asking;
	return a->progress_at.us < b->progress_at.us;
}

/* As it seems: who is stale, or for root whoever is not. */
static struct client *who_might_go(struct control *c, enum rights rights)
{
	const struct mono now = clock_now();
	struct client *found = NULL;

	for (size_t i = 0; i < CONTROL_CLIENTS; i++) {
		struct client *client = &c->clients[i];
		bool stranger = client->rights < RIGHTS_ADMIN;

		if (client->state == CLIENT_FREE ||
		    (!client_is_stale(client, now) && !(stranger && rights == RIGHTS_ADMIN)))
			continue;
		if (!stranger && rights < RIGHTS_ADMIN)
			continue;
		if (found == NULL || goes_before(client, found, now))
			found = client;
	}
	return found;
}

/* Who makes room for somebody with these rights; it may just have gone by itself. */
static struct client *who_goes(struct control *c, enum rights rights)
{
	for (;;) {
		const struct mono now = clock_now();
		struct client *client = who_might_go(c, rights);

		if (client == NULL || !client_is_stale(client, now))
			return client;
		look_at(c, client);
		if (client->state == CLIENT_FREE || client_is_stale(client, now))
			return client;
	}
}

static struct client *free_place(struct control *c)
{
	for (size_t i = 0; i < CONTROL_CLIENTS; i++) {
		if (c->clients[i].state == CLIENT_FREE)
			return &c->clients[i];
	}
	return NULL;
}

static struct client *slowest_reader(struct control *c)
{
	const struct mono now = clock_now();
	struct client *slowest = NULL;

	for (size_t i = 0; i < CONTROL_CLIENTS; i++) {
		if (c->clients[i].state == CLIENT_READING &&
		    (slowest == NULL || goes_before(&c->clients[i], slowest, now)))
			slowest = &c->clients[i];
	}
	return slowest;
}

/* Room for so many octets, if need be by who is stale, or (anybody) by who reads slowest. */
static bool make_room(struct control *c, size_t n, bool anybody)
{
	while (c->n_answers + n > CONTROL_ANSWERS_MAX) {
		const struct mono now = clock_now();
		struct client *reader = slowest_reader(c);
		const bool stale = reader != NULL && client_is_stale(reader, now);

		if (reader == NULL || (!stale && !anybody))
			return false;
		look_at(c, reader);
		if (reader->state == CLIENT_READING && stale == client_is_stale(reader, now))
			leave(c, reader);
	}
	return true;
}

/* ---- answers -------------------------------------------------------------------------------- */

static void give(struct control *c, struct client *client, struct answer *answer)
{
	client_give(client, answer);
	if (watch(c, EPOLL_CTL_MOD, client->fd, EPOLLOUT, client->ticket) != 0)
		leave(c, client);
	else
		turn_client(c, client);
}

static bool asks_the_same(const struct client *a, const struct client *b)
{
	return a->rights == b->rights && a->n_request == b->n_request &&
	       memcmp(a->request, b->request, a->n_request) == 0;
}

void control_answer_text(struct control *c, uint64_t ticket, char *text, size_t n)
{
	struct client *client = by_ticket(c, ticket);
	struct answer *answer = NULL;
	bool fits;

	if (client == NULL || client->state != CLIENT_WAITING) {
		free(text);
		return;
	}
	fits = make_room(c, n + 1, !client->shares);
	if (!fits && client->shares && n < CONTROL_ANSWERS_MAX) {
		client->state = CLIENT_ASKED;
		client->wants = n + 1;
		free(text);
		return;
	}
	if (text != NULL && fits)
		answer = answer_new(text, n);
	else
		free(text);
	if (answer == NULL) {
		leave(c, client);
		return;
	}
	c->n_answers += answer->n;
	answer->readers = 1; /* us, until all have it */
	for (size_t i = 0; client->shares && i < CONTROL_CLIENTS; i++) {
		struct client *other = &c->clients[i];

		if (other->state == CLIENT_ASKED && asks_the_same(client, other))
			give(c, other, answer);
	}
	give(c, client, answer);
	if (answer->readers == 1)
		c->n_answers -= answer->n;
	answer_drop(answer);
}

static void ask(struct control *c, struct client *client, bool last);

static size_t count_watching(const struct control *c)
{
	size_t n = 0;

	for (size_t i = 0; i < CONTROL_CLIENTS; i++)
		n += c->clients[i].state == CLIENT_WATCHING;
	return n;
}

/* There is nothing to answer it yet. */
static void wait_for_more(struct control *c, struct client *client)
{
	if (client->last)
		leave(c, client);
	else if (count_watching(c) < CONTROL_WAITING)
		client_watch(client);
	else
		ask(c, client, true);
}

void control_answer(struct control *c, uint64_t ticket, json_t *document)
{
	struct client *client = by_ticket(c, ticket);
	char *text;

	if (client != NULL && client->state == CLIENT_WAITING && json_is_null(document)) {
		wait_for_more(c, client);
		return;
	}
	text = document != NULL ? json_dumps(document, JSON_COMPACT) : NULL;

	json_decref(document);
	control_answer_text(c, ticket, text, text != NULL ? strlen(text) : 0);
}

void control_share(struct control *c, uint64_t ticket)
{
	struct client *client = by_ticket(c, ticket);

	if (client != NULL)
		client->shares = true;
}

static json_t *what_is_wrong(const struct client *client, const json_t *request)
{
	if (client->rights == RIGHTS_NONE)
		return control_not_allowed("user %u may not ask here: root may, and members of "
					   "the group that control_group names",
					   (unsigned)client->uid);
	if (client->too_long)
		return control_error("the request is longer than %d octets", CONTROL_REQUEST_MAX);
	if (!json_is_object(request))
		return control_error("a request is one line with one JSON object, such as "
				     "{\"command\":\"version\"}");
	return NULL;
}

/* Has its answer made. last: of which there is nothing yet, is what there is. */
static void ask(struct control *c, struct client *client, bool last)
{
	const struct control_asker asker = {
		.control = c, .ticket = client->ticket, .rights = client->rights, .uid = client->uid
	};
	json_error_t error;
	json_t *request =
		json_loadb(client->request, client->n_request, JSON_REJECT_DUPLICATES, &error);
	json_t *no = what_is_wrong(client, request);

	client->state = CLIENT_WAITING;
	client->wants = 0;
	client->last = last;
	if (last)
		json_object_set_new(request, "wait", json_false());
	if (no != NULL)
		control_answer(c, asker.ticket, no);
	else
		c->ask(c->arg, &asker, request);
	json_decref(request);
}

/* In the order in which they came, but root first, and nobody whose answer has no room yet. */
static struct client *next_asked(struct control *c)
{
	struct client *next = NULL;

	for (size_t i = 0; i < CONTROL_CLIENTS; i++) {
		struct client *client = &c->clients[i];

		if (client->state != CLIENT_ASKED ||
		    (next != NULL &&
		     (client->rights < next->rights ||
		      (client->rights == next->rights && client->ticket > next->ticket))))
			continue;
		if (client->wants == 0 || make_room(c, client->wants, false))
			next = client;
	}
	return next;
}

/* What takes long is followed by as long a time without, in which the loop has others to serve. */
static void serve(struct control *c, int64_t allowed_us)
{
	const struct mono began = clock_now();
	struct mono now = began;
	struct client *client;
	int64_t took_us;

	if (c->rest_until.us > began.us)
		return;
	while (now.us - began.us < allowed_us && (client = next_asked(c)) != NULL) {
		ask(c, client, false);
		now = clock_now();
	}
	took_us = now.us - began.us;
	c->rest_until = clock_after(now, took_us < REST_MAX_US ? took_us : REST_MAX_US);
}

/* ---- events --------------------------------------------------------------------------------- */

static void turn_client(struct control *c, struct client *client)
{
	bool stays = false; /* whoever waits is heard of only when it has gone */

	if (client->state == CLIENT_ASKING)
		stays = client_read(client);
	else if (client->state == CLIENT_READING)
		stays = client_write(client);
	if (stays && client->state == CLIENT_ASKED)
		stays = watch(c, EPOLL_CTL_MOD, client->fd, 0, client->ticket) == 0;
	if (!stays)
		leave(c, client);
}

/* What it asks is read, so that closing does not take the answer back (it would with data unread).
 */
static void refuse_place(int fd)
{
	static const char text[] =
		"{\"ok\":false,\"error\":\"too many others ask the daemon: try again\"}\n";
	char request[CONTROL_REQUEST_MAX];

	if (recv(fd, request, sizeof(request), MSG_DONTWAIT) >= 0 || errno == EAGAIN)
		send(fd, text, sizeof(text) - 1, MSG_DONTWAIT | MSG_NOSIGNAL);
	close(fd);
}

/* A place for whoever comes; the one whose it was leaves. NULL: there is none for these rights. */
static struct client *place_for(struct control *c, enum rights rights)
{
	struct client *client = free_place(c);

	if (client == NULL && (client = who_goes(c, rights)) != NULL &&
	    client->state != CLIENT_FREE)
		leave(c, client);
	return client;
}

/*
 * Whoever comes stays in the kernel's queue, and so does the readiness of the listener: it is not
 * looked at for a while, or until somebody here goes.
 */
static void rest_from_accepting(struct control *c, int err)
{
	listen_again(c, false);
	c->accept_at = clock_after(clock_now(), ACCEPT_AGAIN_US);
	if (c->cannot_accept != NULL)
		c->cannot_accept(c->arg, err);
}

/* false: nobody is there, or nobody is let in. */
static bool accept_one(struct control *c)
{
	struct client *client;
	enum rights rights;
	uid_t uid;
	int fd;

	if (free_place(c) == NULL && who_goes(c, RIGHTS_ADMIN) == NULL) {
		/* The queue of the kernel holds the others until a place is free. */
		listen_again(c, false);
		return false;
	}
	fd = accept4(c->listener, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
	if (fd < 0) {
		if (errno != EAGAIN && errno != EINTR && errno != ECONNABORTED)
			rest_from_accepting(c, -errno);
		return false;
	}
	rights = rights_of_socket(fd, c->group, &uid);
	client = place_for(c, rights);
	if (client == NULL) {
		refuse_place(fd);
		return true;
	}
	client_seat(client, fd, new_ticket(c, client), rights, uid);
	if (watch(c, EPOLL_CTL_ADD, fd, EPOLLIN, client->ticket) != 0)
		leave(c, client);
	else
		turn_client(c, client); /* most have asked already */
	return true;
}

static void accept_some(struct control *c)
{
	for (size_t i = 0; i < EVENTS_AT_ONCE && accept_one(c); i++)
		;
}

static void arm(struct control *c, struct mono next)
{
	struct itimerspec at = { 0 };

	if (next.us == c->armed.us)
		return;
	c->armed = next;
	if (next.us != MONO_NEVER.us) {
		at.it_value.tv_sec = next.us / CLOCK_SECOND;
		at.it_value.tv_nsec = next.us % CLOCK_SECOND * 1000;
	}
	timerfd_settime(c->timer, TFD_TIMER_ABSTIME, &at, NULL);
}

static void end_of_patience(struct control *c, struct client *client, struct mono now)
{
	if (client->state == CLIENT_WATCHING) {
		ask(c, client, true);
		return;
	}
	look_at(c, client);
	if (client->state != CLIENT_FREE && client_patience_ends(client).us <= now.us)
		leave(c, client);
}

/* When something is to be done about it; crowded: others want its place or its memory. */
static struct mono next_of(const struct control *c, const struct client *client, bool crowded)
{
	struct mono next = client_patience_ends(client);

	if (client->state == CLIENT_ASKED &&
	    (client->wants == 0 || c->n_answers + client->wants <= CONTROL_ANSWERS_MAX))
		return clock_earlier(next, c->rest_until);
	return crowded ? clock_earlier(next, client_grace_ends(client)) : next;
}

static bool is_crowded(const struct control *c)
{
	bool crowded = !c->listening && c->accept_at.us == MONO_NEVER.us;

	for (size_t i = 0; i < CONTROL_CLIENTS; i++)
		crowded |= c->clients[i].state == CLIENT_ASKED && c->clients[i].wants > 0;
	return crowded;
}

/* While it does not listen: can somebody be let in now? */
static bool may_listen(struct control *c, struct mono now)
{
	return c->accept_at.us != MONO_NEVER.us ? c->accept_at.us <= now.us
						: who_goes(c, RIGHTS_ADMIN) != NULL;
}

/* Closes who was mute for too long; arms the timer for what comes next. */
static void end_patience(struct control *c)
{
	struct mono now = clock_now(), next;
	bool crowded;

	for (size_t i = 0; i < CONTROL_CLIENTS; i++) {
		if (c->clients[i].state != CLIENT_FREE &&
		    client_patience_ends(&c->clients[i]).us <= now.us)
			end_of_patience(c, &c->clients[i], now);
	}
	if (!c->listening && may_listen(c, now))
		listen_again(c, true);
	next = c->accept_at;
	crowded = is_crowded(c);
	for (size_t i = 0; i < CONTROL_CLIENTS; i++) {
		if (c->clients[i].state != CLIENT_FREE)
			next = clock_earlier(next, next_of(c, &c->clients[i], crowded));
	}
	arm(c, next);
}

/* Returns how many there were. */
static size_t take_events(struct control *c)
{
	struct epoll_event ready[EVENTS_AT_ONCE];
	int n = epoll_wait(c->epoll, ready, EVENTS_AT_ONCE, 0);

	for (int i = 0; i < n; i++) {
		uint64_t about = ready[i].data.u64;
		struct client *client = about >= ABOUT_OTHERS ? by_ticket(c, about) : NULL;

		if (about == ABOUT_LISTENER)
			accept_some(c);
		else if (client != NULL)
			turn_client(c, client);
	}
	return n > 0 ? (size_t)n : 0;
}

/* The rarer the turns are, the more is done in one: a busy loop serves as many clients as others.
 */
static int64_t allowance_us(const struct control *c, struct mono now)
{
	const int64_t us = (now.us - c->turned_at.us) / TURN_PART;

	return us < TURN_US ? TURN_US : us > TURN_MAX_US ? TURN_MAX_US : us;
}

void control_turn(struct control *c)
{
	const struct mono began = clock_now();
	const int64_t allowed_us = allowance_us(c, began);
	size_t n, all = 0;

	do {
		n = take_events(c);
		all += n;
	} while (n > 0 && all < EVENTS_A_TURN && clock_now().us - began.us < allowed_us);
	serve(c, allowed_us);
	end_patience(c);
	c->turned_at = clock_now();
}

bool control_is_watched(const struct control *c)
{
	for (size_t i = 0; i < CONTROL_CLIENTS; i++)
		if (c->clients[i].state == CLIENT_WATCHING)
			return true;
	return false;
}

void control_wake(struct control *c)
{
	for (size_t i = 0; i < CONTROL_CLIENTS; i++) {
		if (c->clients[i].state == CLIENT_WATCHING)
			ask(c, &c->clients[i], false);
	}
	end_patience(c);
}

int control_fd(const struct control *c)
{
	return c->epoll;
}

static int open_all(struct control *c)
{
	int err = control_name_is_free(&c->name);

	if (err != 0)
		return err;
	c->epoll = epoll_create1(EPOLL_CLOEXEC);
	c->timer = timerfd_create(CLOCK_BOOTTIME, TFD_CLOEXEC | TFD_NONBLOCK);
	c->listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (c->epoll < 0 || c->timer < 0 || c->listener < 0)
		return -errno;
	if ((err = watch(c, EPOLL_CTL_ADD, c->timer, EPOLLIN | EPOLLET, ABOUT_TIMER)) != 0)
		return err;
	if ((err = watch(c, EPOLL_CTL_ADD, c->listener, EPOLLIN, ABOUT_LISTENER)) != 0)
		return err;
	return control_name_listen(&c->name, c->listener, c->group, CONTROL_CLIENTS);
}

int control_open(const struct control_options *options, struct control **out)
{
	struct control *c = calloc(1, sizeof(*c));
	int err;

	*out = NULL;
	if (c == NULL)
		return -ENOMEM;
	c->epoll = c->timer = c->listener = -1;
	c->listening = true;
	c->armed = c->accept_at = MONO_NEVER;
	c->group = options->group;
	c->ask = options->ask;
	c->cannot_accept = options->cannot_accept;
	c->arg = options->arg;
	err = control_name_set(&c->name, options->path);
	if (err == 0)
		err = open_all(c);
	if (err != 0) {
		control_close(c);
		return err;
	}
	*out = c;
	return 0;
}

int control_publish(struct control *c)
{
	return control_name_publish(&c->name);
}

void control_close(struct control *c)
{
	if (c == NULL)
		return;
	for (size_t i = 0; i < CONTROL_CLIENTS; i++) {
		if (c->clients[i].state != CLIENT_FREE)
			client_leave(&c->clients[i]);
	}
	control_name_remove(&c->name);
	if (c->listener >= 0)
		close(c->listener);
	if (c->timer >= 0)
		close(c->timer);
	if (c->epoll >= 0)
		close(c->epoll);
	free(c);
}
