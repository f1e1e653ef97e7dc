/* SPDX-License-Identifier: Apache-2.0 */
#include "cmd/ikemeshd/control_client.h"
#include "cmd/ikemeshd/clock.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

struct answer *answer_new(char *text, size_t n)
{
	struct answer *answer = malloc(sizeof(*answer));
	char *more = answer != NULL ? realloc(text, n + 1) : NULL;

	if (more == NULL) {
		free(answer);
		free(text);
		return NULL;
	}
	more[n] = '\n';
	*answer = (struct answer){ .n = n + 1, .text = more };
	return answer;
}

void answer_drop(struct answer *answer)
{
	if (answer == NULL || (answer->readers > 0 && --answer->readers > 0))
		return;
	free(answer->text);
	free(answer);
}

void client_seat(struct client *client, int fd, uint64_t ticket, enum rights rights, uid_t uid)
{
	const struct mono now = clock_now();

	client->state = CLIENT_ASKING;
	client->fd = fd;
	client->ticket = ticket;
	client->rights = rights;
	client->uid = uid;
	client->progress_at = now;
	client->visit_ends = clock_after(now, CONTROL_VISIT_S * CLOCK_SECOND);
	client->n_request = client->sent = client->wants = 0;
	client->too_long = client->shares = client->waits = client->last = false;
	client->answer = NULL;
}

void client_leave(struct client *client)
{
	close(client->fd);
	answer_drop(client->answer);
	client->answer = NULL;
	client->fd = -1;
	client->state = CLIENT_FREE;
}

bool client_read(struct client *client)
{
	char *from = client->request + client->n_request;
	ssize_t n =
		recv(client->fd, from, sizeof(client->request) - client->n_request, MSG_DONTWAIT);
	char *end;

	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return true;
	if (n <= 0)
		return false;
	client->n_request += (size_t)n;
	end = memchr(from, '\n', (size_t)n);
	if (end != NULL)
		client->n_request = (size_t)(end - client->request);
	else if (client->n_request == sizeof(client->request))
		client->too_long = true;
	if (end != NULL || client->too_long)
		client->state = CLIENT_ASKED;
	return true;
}

bool client_write(struct client *client)
{
	const struct answer *answer = client->answer;
	ssize_t n = send(client->fd, answer->text + client->sent, answer->n - client->sent,
			 MSG_DONTWAIT | MSG_NOSIGNAL);

	if (n < 0)
		return errno == EAGAIN || errno == EINTR;
	client->sent += (size_t)n;
	if (n > 0)
		client->progress_at = clock_now();
	return client->sent < answer->n;
}

void client_give(struct client *client, struct answer *answer)
{
	answer->readers++;
	client->answer = answer;
	client->sent = 0;
	client->state = CLIENT_READING;
	client->progress_at = clock_now();
}

void client_watch(struct client *client)
{
	client->state = CLIENT_WATCHING;
	if (client->waits) /* however much happens to others, its time is running */
		return;
	client->waits = true;
	client->progress_at = clock_now();
	client->visit_ends =
		clock_after(client->progress_at, (CONTROL_WAIT_S + CONTROL_VISIT_S) * CLOCK_SECOND);
}

struct mono client_patience_ends(const struct client *client)
{
	const struct mono patience =
		clock_after(client->progress_at, CONTROL_PATIENCE_S * CLOCK_SECOND);

	if (client->state == CLIENT_ASKED || client->state == CLIENT_WAITING)
		return client->visit_ends;
	if (client->state == CLIENT_WATCHING)
		return clock_after(client->progress_at, CONTROL_WAIT_S * CLOCK_SECOND);
	return clock_earlier(patience, client->visit_ends);
}

struct mono client_grace_ends(const struct client *client)
{
	if (client->state == CLIENT_ASKING)
		return clock_after(client->progress_at, CONTROL_GRACE_MS * 1000);
	if (client->state == CLIENT_READING)
		return clock_after(client->progress_at, CONTROL_READING_GRACE_MS * 1000);
	return MONO_NEVER;
}

bool client_is_stale(const struct client *client, struct mono now)
{
	return client_grace_ends(client).us <= now.us;
}
