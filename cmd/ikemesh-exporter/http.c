/* SPDX-License-Identifier: Apache-2.0 */
#include "cmd/ikemesh-exporter/http.h"

#include <arpa/inet.h>
#include <errno.h>
#include <microhttpd.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#define REQUEST_MEMORY 8192 /* octets of a connection: its request's head, its answer's */
/*
 * Without a descriptor for who comes libmicrohttpd waits by trying: after so many turns in which
 * nothing came of what was there to do, there is none for a while.
 */
#define TURNS_FOR_NOTHING 16
#define REST_MS 250

struct visitor {
	struct MHD_Connection *connection; /* NULL: free */
	uint64_t came;			   /* how many had, with this one */
	int64_t leaves_ms;
	bool mute; /* its request's head is not complete */
};

struct http {
	struct MHD_Daemon *mhd;
	struct source *source;
	int64_t now_ms;		 /* of the turn under way */
	uint64_t came, happened; /* visitors; and what they did */
	unsigned for_nothing;	 /* turns */
	int64_t rest_until_ms;	 /* 0: it does not rest */
	struct visitor visitors[HTTP_CONNECTIONS];
};

/* ---- answers -------------------------------------------------------------------------------- */

static enum MHD_Result answer(struct http *h, struct MHD_Connection *c, unsigned code,
			      const char *type, const char *text, size_t n)
{
	struct MHD_Response *r =
		MHD_create_response_from_buffer(n, (void *)text, MHD_RESPMEM_MUST_COPY);
	enum MHD_Result result;

	if (r == NULL)
		return MHD_NO;
	MHD_add_response_header(r, MHD_HTTP_HEADER_CONTENT_TYPE, type);
	MHD_add_response_header(r, MHD_HTTP_HEADER_CONNECTION, "close");
	MHD_add_response_header(r, MHD_HTTP_HEADER_CACHE_CONTROL, "no-store");
	if (code == MHD_HTTP_METHOD_NOT_ALLOWED)
		MHD_add_response_header(r, MHD_HTTP_HEADER_ALLOW, "GET, HEAD");
	result = MHD_queue_response(c, code, r);
	MHD_destroy_response(r);
	source_answered(h->source, code);
	return result;
}

static enum MHD_Result answer_text(struct http *h, struct MHD_Connection *c, unsigned code,
				   const char *text)
{
	return answer(h, c, code, "text/plain; charset=utf-8", text, strlen(text));
}

/* Prometheus asks for the newer one; who says nothing, a person or curl, reads either. */
static enum metrics_format wanted_format(struct MHD_Connection *c)
{
	const char *accept =
		MHD_lookup_connection_value(c, MHD_HEADER_KIND, MHD_HTTP_HEADER_ACCEPT);

	return accept != NULL && strstr(accept, "application/openmetrics-text") != NULL
		       ? FORMAT_OPENMETRICS
		       : FORMAT_PROMETHEUS;
}

static enum MHD_Result answer_metrics(struct http *h, struct MHD_Connection *c)
{
	const enum metrics_format format = wanted_format(c);
	size_t n;
	const char *text = source_text(h->source, format, source_now_ms(), &n);

	if (text == NULL)
		return MHD_NO;
	return answer(h, c, MHD_HTTP_OK, metrics_media_type(format), text, n);
}

/* The head is there: it may stay for its answer. */
static void has_asked(struct http *h, const struct MHD_Connection *c)
{
	for (size_t i = 0; i < HTTP_CONNECTIONS; i++) {
		struct visitor *v = &h->visitors[i];

		if (v->connection != c || !v->mute)
			continue;
		v->mute = false;
		v->leaves_ms = h->now_ms + HTTP_VISIT_MS;
	}
}

static enum MHD_Result request(void *arg, struct MHD_Connection *c, const char *url,
			       const char *method, const char *version, const char *upload,
			       size_t *n_upload, void **state)
{
	struct http *h = arg;

	(void)version;
	(void)upload;
	h->happened++;
	has_asked(h, c);
	/* Before a body is read, if there is one. */
	if (strcmp(method, MHD_HTTP_METHOD_GET) != 0 && strcmp(method, MHD_HTTP_METHOD_HEAD) != 0)
		return answer_text(h, c, MHD_HTTP_METHOD_NOT_ALLOWED, "GET and HEAD only\n");
	/* The first call is for the head alone, and may not be answered with a 200 yet. */
	if (*state == NULL || *n_upload > 0) {
		*state = h;
		*n_upload = 0;
		return MHD_YES;
	}
	if (strcmp(url, "/metrics") == 0)
		return answer_metrics(h, c);
	if (strcmp(url, "/-/healthy") == 0)
		return answer_text(h, c, MHD_HTTP_OK, "ikemesh-exporter is here\n");
	return answer_text(h, c, MHD_HTTP_NOT_FOUND, "only /metrics and /-/healthy are here\n");
}

/* ---- visitors ------------------------------------------------------------------------------- */

/* Its end is noticed in the next turn, like any other. */
static void show_the_door(struct visitor *v)
{
	const union MHD_ConnectionInfo *info =
		MHD_get_connection_info(v->connection, MHD_CONNECTION_INFO_CONNECTION_FD);

	if (info != NULL)
		shutdown(info->connect_fd, SHUT_RDWR);
	v->leaves_ms += HTTP_VISIT_MS;
	v->mute = false;
}

/* Those who came last may be about to ask. */
static void bound_the_mute(struct http *h)
{
	struct visitor *oldest = NULL;
	size_t n = 0;

	for (size_t i = 0; i < HTTP_CONNECTIONS; i++) {
		struct visitor *v = &h->visitors[i];

		if (v->connection == NULL || !v->mute)
			continue;
		n++;
		if (oldest == NULL || v->came < oldest->came)
			oldest = v;
	}
	if (n > HTTP_MUTE)
		show_the_door(oldest);
}

static void visit(void *arg, struct MHD_Connection *c, void **state,
		  enum MHD_ConnectionNotificationCode what)
{
	struct http *h = arg;

	(void)state;
	h->happened++;
	for (size_t i = 0; i < HTTP_CONNECTIONS; i++) {
		struct visitor *v = &h->visitors[i];

		if (what == MHD_CONNECTION_NOTIFY_STARTED && v->connection == NULL) {
			*v = (struct visitor){ .connection = c,
					       .came = ++h->came,
					       .leaves_ms = h->now_ms + HTTP_HEAD_MS,
					       .mute = true };
			bound_the_mute(h);
			return;
		}
		if (what == MHD_CONNECTION_NOTIFY_CLOSED && v->connection == c)
			v->connection = NULL;
	}
}

int http_timeout_ms(const struct http *h, int64_t now_ms)
{
	MHD_UNSIGNED_LONG_LONG mhd;
	int64_t least = INT32_MAX;

	if (h->rest_until_ms != 0)
		least = h->rest_until_ms > now_ms ? h->rest_until_ms - now_ms : 0;
	else if (MHD_get_timeout(h->mhd, &mhd) == MHD_YES && mhd < (unsigned long long)least)
		least = (int64_t)mhd;
	for (size_t i = 0; i < HTTP_CONNECTIONS; i++) {
		const struct visitor *v = &h->visitors[i];

		if (v->connection != NULL && v->leaves_ms - now_ms < least)
			least = v->leaves_ms > now_ms ? v->leaves_ms - now_ms : 0;
	}
	return least == INT32_MAX ? -1 : (int)least;
}

static int epoll_of(const struct http *h)
{
	return MHD_get_daemon_info(h->mhd, MHD_DAEMON_INFO_EPOLL_FD)->epoll_fd;
}

static void rest_if_stuck(struct http *h, bool happened)
{
	struct pollfd p = { .fd = epoll_of(h), .events = POLLIN };

	h->rest_until_ms = 0;
	if (happened || poll(&p, 1, 0) != 1) {
		h->for_nothing = 0;
		return;
	}
	if (++h->for_nothing < TURNS_FOR_NOTHING)
		return;
	if (h->for_nothing == TURNS_FOR_NOTHING)
		fprintf(stderr, "ikemesh-exporter: whoever comes has to wait: there is no "
				"descriptor, or no memory, for it\n");
	h->for_nothing = TURNS_FOR_NOTHING + 1;
	h->rest_until_ms = h->now_ms + REST_MS;
}

void http_turn(struct http *h, int64_t now_ms)
{
	const uint64_t before = h->happened;

	h->now_ms = now_ms;
	for (size_t i = 0; i < HTTP_CONNECTIONS; i++) {
		if (h->visitors[i].connection != NULL && h->visitors[i].leaves_ms <= now_ms)
			show_the_door(&h->visitors[i]);
	}
	MHD_run(h->mhd);
	rest_if_stuck(h, h->happened != before);
}

int http_fd(const struct http *h)
{
	return h->rest_until_ms != 0 ? -1 : epoll_of(h);
}

/* ---- open, close ---------------------------------------------------------------------------- */

static int listen_at(const struct endpoint *e)
{
	struct sockaddr_in6 v6 = { .sin6_family = AF_INET6, .sin6_port = htons(e->port) };
	struct sockaddr_in v4 = { .sin_family = AF_INET, .sin_port = htons(e->port) };
	const bool is_v6 = e->ip.family == 6;
	const int on = 1;
	int fd = socket(is_v6 ? AF_INET6 : AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	int err = 0;

	if (fd < 0)
		return -errno;
	memcpy(&v6.sin6_addr, e->ip.b, sizeof(v6.sin6_addr));
	memcpy(&v4.sin_addr, e->ip.b, sizeof(v4.sin_addr));
	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
	/* The address may come later (a VIP, IPv6 that is tentative). */
	setsockopt(fd, IPPROTO_IP, IP_FREEBIND, &on, sizeof(on));
	if ((is_v6 ? bind(fd, (const struct sockaddr *)&v6, sizeof(v6))
		   : bind(fd, (const struct sockaddr *)&v4, sizeof(v4))) != 0 ||
	    listen(fd, HTTP_CONNECTIONS) != 0) {
		err = -errno;
		close(fd);
	}
	return err != 0 ? err : fd;
}

int http_open(const struct endpoint *listen, struct source *source, struct http **out)
{
	struct http *h = calloc(1, sizeof(*h));
	int fd;

	*out = NULL;
	if (h == NULL)
		return -ENOMEM;
	h->source = source;
	h->now_ms = source_now_ms();
	fd = listen_at(listen);
	if (fd < 0) {
		free(h);
		return fd;
	}
	h->mhd =
		MHD_start_daemon(MHD_USE_EPOLL, 0, NULL, NULL, request, h, MHD_OPTION_LISTEN_SOCKET,
				 fd, MHD_OPTION_CONNECTION_LIMIT, (unsigned)HTTP_CONNECTIONS,
				 MHD_OPTION_PER_IP_CONNECTION_LIMIT, (unsigned)HTTP_OF_ONE_ADDRESS,
				 MHD_OPTION_CONNECTION_TIMEOUT, (unsigned)(HTTP_VISIT_MS / 1000),
				 MHD_OPTION_CONNECTION_MEMORY_LIMIT, (size_t)REQUEST_MEMORY,
				 MHD_OPTION_NOTIFY_CONNECTION, visit, h, MHD_OPTION_END);
	if (h->mhd == NULL) {
		close(fd);
		free(h);
		return -EIO;
	}
	*out = h;
	return 0;
}

void http_close(struct http *h)
{
	if (h == NULL)
		return;
	MHD_stop_daemon(h->mhd); /* closes the listening socket, too */
	free(h);
}
