/* SPDX-License-Identifier: Apache-2.0 */
#include "cmd/ikemeshd/control.h"
#include "cmd/ikemeshd/clock.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/timerfd.h>
#include <sys/un.h>
#include <unistd.h>

#define EVENTS_A_TURN 16
#define NOT_YET ".new" /* behind the name until the socket is published */

_Static_assert(CONTROL_PATH_LEN + sizeof(NOT_YET) - 1 ==
		       sizeof(((struct sockaddr_un *)0)->sun_path),
	       "both names fit a socket address");

enum client_state {
	CLIENT_FREE,
	CLIENT_ASKING,	/* its request line is not complete */
	CLIENT_WAITING, /* there is nothing to answer yet */
	CLIENT_READING, /* it has not read all of its answer */
};

struct client {
	enum client_state state;
	int fd;
	struct mono patience_ends, visit_ends;
	char request[CONTROL_REQUEST_MAX];
	size_t n_request;
	json_t *question; /* CLIENT_WAITING */
	char *answer;
	size_t n_answer, sent;
};

struct control {
	int epoll, listener, timer;
	bool listening; /* false while every place is taken */
	struct mono armed;
	/* Where it is bound (or "", before), and the name that it is to have. */
	char bound[CONTROL_PATH_LEN + sizeof(NOT_YET) - 1], path[CONTROL_PATH_LEN];
	json_t *(*answer)(void *arg, const json_t *request);
	void *arg;
	size_t n_answers; /* octets */
	size_t n_waiting;
	struct client clients[CONTROL_CLIENTS];
};

/* What an epoll event is about: a client's index, or one of these. */
enum {
	ABOUT_LISTENER = CONTROL_CLIENTS,
	ABOUT_TIMER,
};

json_t *control_error(const char *format, ...)
{
	char text[512];
	va_list args;

	va_start(args, format);
	vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	return json_pack("{s:b, s:s}", "ok", 0, "error", text);
}

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
}

static uint64_t client_index(const struct control *c, const struct client *client)
{
	return (uint64_t)(client - c->clients);
}

static void client_close(struct control *c, struct client *client)
{
	if (client->state == CLIENT_FREE)
		return;
	close(client->fd);
	c->n_answers -= client->n_answer;
	c->n_waiting -= client->state == CLIENT_WAITING;
	json_decref(client->question);
	free(client->answer);
	*client = (struct client){ .state = CLIENT_FREE, .fd = -1 };
	listen_again(c, true);
}

static void client_progress(struct client *client)
{
	struct mono patience = clock_after(clock_now(), CONTROL_PATIENCE_S * CLOCK_SECOND);

	client->patience_ends = clock_earlier(patience, client->visit_ends);
}

static void client_write(struct control *c, struct client *client)
{
	ssize_t n = send(client->fd, client->answer + client->sent, client->n_answer - client->sent,
			 MSG_DONTWAIT | MSG_NOSIGNAL);

	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (n >= 0)
		client->sent += (size_t)n;
	if (n < 0 || client->sent == client->n_answer)
		client_close(c, client);
	else if (n > 0)
		client_progress(client);
}

/* Takes over text; there is always a line end. */
static void client_answer(struct control *c, struct client *client, json_t *document)
{
	char *text = document != NULL ? json_dumps(document, JSON_COMPACT) : NULL;
	size_t n = text != NULL ? strlen(text) : 0;

	json_decref(document);
	if (text == NULL || c->n_answers + n + 1 > CONTROL_ANSWERS_MAX) {
		free(text);
		client_close(c, client);
		return;
	}
	text[n++] = '\n'; /* in place of the NUL: the length is known */
	client->state = CLIENT_READING;
	client->answer = text;
	client->n_answer = n;
	c->n_answers += n;
	if (watch(c, EPOLL_CTL_MOD, client->fd, EPOLLOUT, client_index(c, client)) != 0) {
		client_close(c, client);
		return;
	}
	client_progress(client);
	client_write(c, client);
}

/* What else it sends is not read; that it leaves is told all the same (EPOLLHUP). */
static void client_wait(struct control *c, struct client *client, const json_t *request)
{
	client->question = json_deep_copy(request);
	client->state = CLIENT_WAITING;
	client->patience_ends = clock_after(clock_now(), CONTROL_WAIT_S * CLOCK_SECOND);
	c->n_waiting++;
	if (client->question == NULL ||
	    watch(c, EPOLL_CTL_MOD, client->fd, 0, client_index(c, client)) != 0)
		client_close(c, client);
}

static void client_wait_ends(struct control *c, struct client *client)
{
	c->n_waiting -= client->state == CLIENT_WAITING;
	json_decref(client->question);
	client->question = NULL;
	client->state = CLIENT_READING;
	client->visit_ends = clock_after(clock_now(), CONTROL_VISIT_S * CLOCK_SECOND);
}

/* For the last time: an answer of which there is nothing yet is what there is. */
static json_t *answer_now(struct control *c, json_t *request)
{
	json_object_set_new(request, "wait", json_false());
	return c->answer(c->arg, request);
}

static void client_request(struct control *c, struct client *client, size_t n)
{
	json_error_t error;
	json_t *request = json_loadb(client->request, n, JSON_REJECT_DUPLICATES, &error);
	json_t *answer;

	if (!json_is_object(request))
		answer = control_error("a request is one line with one JSON object, such as "
				       "{\"command\":\"version\"}");
	else
		answer = c->answer(c->arg, request);
	if (json_is_null(answer) && c->n_waiting < CONTROL_WAITING)
		client_wait(c, client, request);
	else
		client_answer(c, client, json_is_null(answer) ? answer_now(c, request) : answer);
	json_decref(request);
}

/* last: its time is over. */
static void client_ask_again(struct control *c, struct client *client, bool last)
{
	json_t *answer =
		last ? answer_now(c, client->question) : c->answer(c->arg, client->question);

	if (json_is_null(answer) && !last)
		return;
	client_wait_ends(c, client);
	client_answer(c, client, answer);
}

static void client_read(struct control *c, struct client *client)
{
	size_t room = sizeof(client->request) - client->n_request;
	char *from = client->request + client->n_request;
	ssize_t n = recv(client->fd, from, room, MSG_DONTWAIT);
	char *end;

	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (n <= 0) {
		client_close(c, client);
		return;
	}
	client->n_request += (size_t)n;
	end = memchr(from, '\n', (size_t)n);
	if (end != NULL)
		client_request(c, client, (size_t)(end - client->request));
	else if (client->n_request == sizeof(client->request))
		client_answer(
			c, client,
			control_error("the request is longer than %d octets", CONTROL_REQUEST_MAX));
}

static struct client *client_place(struct control *c)
{
	for (size_t i = 0; i < CONTROL_CLIENTS; i++) {
		if (c->clients[i].state == CLIENT_FREE)
			return &c->clients[i];
	}
	return NULL;
}

static void accept_one(struct control *c)
{
	struct client *client = client_place(c);
	int fd;

	if (client == NULL) {
		/* The queue of the kernel holds the others until a place is free. */
		listen_again(c, false);
		return;
	}
	fd = accept4(c->listener, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
	if (fd < 0)
		return;
	if (watch(c, EPOLL_CTL_ADD, fd, EPOLLIN, client_index(c, client)) != 0) {
		close(fd);
		return;
	}
	client->state = CLIENT_ASKING;
	client->fd = fd;
	client->visit_ends = clock_after(clock_now(), CONTROL_VISIT_S * CLOCK_SECOND);
	client_progress(client);
}

static void client_turn(struct control *c, struct client *client)
{
	if (client->state == CLIENT_ASKING)
		client_read(c, client);
	else if (client->state == CLIENT_WAITING)
		client_close(c, client); /* it has left */
	else if (client->state == CLIENT_READING)
		client_write(c, client);
}

/* Closes who was mute for too long; arms the timer for the next one. */
static void end_patience(struct control *c)
{
	struct mono now = clock_now(), next = MONO_NEVER;
	struct itimerspec at = { 0 };

	for (size_t i = 0; i < CONTROL_CLIENTS; i++) {
		struct client *client = &c->clients[i];

		if (client->state == CLIENT_FREE)
			continue;
		if (client->patience_ends.us <= now.us && client->state == CLIENT_WAITING)
			client_ask_again(c, client, true);
		else if (client->patience_ends.us <= now.us)
			client_close(c, client);
		if (client->state != CLIENT_FREE)
			next = clock_earlier(next, client->patience_ends);
	}
	if (next.us == c->armed.us)
		return;
	c->armed = next;
	if (next.us != MONO_NEVER.us) {
		at.it_value.tv_sec = next.us / CLOCK_SECOND;
		at.it_value.tv_nsec = next.us % CLOCK_SECOND * 1000;
	}
	timerfd_settime(c->timer, TFD_TIMER_ABSTIME, &at, NULL);
}

void control_wake(struct control *c)
{
	for (size_t i = 0; i < CONTROL_CLIENTS && c->n_waiting > 0; i++) {
		if (c->clients[i].state == CLIENT_WAITING)
			client_ask_again(c, &c->clients[i], false);
	}
	end_patience(c);
}

void control_turn(struct control *c)
{
	struct epoll_event ready[EVENTS_A_TURN];
	int n = epoll_wait(c->epoll, ready, EVENTS_A_TURN, 0);

	for (int i = 0; i < n; i++) {
		uint64_t about = ready[i].data.u64;

		if (about == ABOUT_LISTENER)
			accept_one(c);
		else if (about < CONTROL_CLIENTS)
			client_turn(c, &c->clients[about]);
	}
	end_patience(c);
}

int control_fd(const struct control *c)
{
	return c->epoll;
}

static int bind_and_listen(struct control *c)
{
	struct sockaddr_un a = { .sun_family = AF_UNIX };

	snprintf(a.sun_path, sizeof(a.sun_path), "%s" NOT_YET, c->path);
	unlink(a.sun_path);
	/* Linux keeps the mode of the socket itself for the name that it is bound to. */
	if (fchmod(c->listener, 0600) != 0)
		return -errno;
	if (bind(c->listener, (const struct sockaddr *)&a, sizeof(a)) != 0)
		return -errno;
	memcpy(c->bound, a.sun_path, sizeof(c->bound));
	return listen(c->listener, CONTROL_CLIENTS) == 0 ? 0 : -errno;
}

/* What rename() would not replace is better known before anything depends on it. */
static int name_is_free(const struct control *c)
{
	struct stat st;

	return lstat(c->path, &st) == 0 && S_ISDIR(st.st_mode) ? -EISDIR : 0;
}

static int open_all(struct control *c)
{
	int err = name_is_free(c);

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
	return bind_and_listen(c);
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
	c->armed = MONO_NEVER;
	c->answer = options->answer;
	c->arg = options->arg;
	if (strlen(options->path) < sizeof(c->path)) {
		memcpy(c->path, options->path, strlen(options->path) + 1);
		err = open_all(c);
	} else {
		err = -ENAMETOOLONG;
	}
	if (err != 0) {
		control_close(c);
		return err;
	}
	*out = c;
	return 0;
}

int control_publish(struct control *c)
{
	if (rename(c->bound, c->path) != 0)
		return -errno;
	memcpy(c->bound, c->path, sizeof(c->path));
	return 0;
}

void control_close(struct control *c)
{
	if (c == NULL)
		return;
	for (size_t i = 0; i < CONTROL_CLIENTS; i++)
		client_close(c, &c->clients[i]);
	if (c->bound[0] != '\0') /* whoever has the other name, it is not us */
		unlink(c->bound);
	if (c->listener >= 0)
		close(c->listener);
	if (c->timer >= 0)
		close(c->timer);
	if (c->epoll >= 0)
		close(c->epoll);
	free(c);
}
