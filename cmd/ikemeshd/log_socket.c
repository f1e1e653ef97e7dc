/* SPDX-License-Identifier: Apache-2.0 */
#include "cmd/ikemeshd/log_socket.h"

#include "ike/message/iana.h"

#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <syslog.h>
#include <unistd.h>

#define PATIENCE_US 50000

void log_socket_open(struct log_socket *s, const char *journal, const char *syslog_path)
{
	const struct timeval patience = { .tv_usec = PATIENCE_US };

	*s = (struct log_socket){ .journal = journal, .syslog = syslog_path };
	s->fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (s->fd >= 0)
		setsockopt(s->fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof(patience));
}

void log_socket_close(struct log_socket *s)
{
	if (s->fd >= 0)
		close(s->fd);
	s->fd = -1;
}

int log_priority(enum report_level level)
{
	static const int priorities[REPORT_LEVELS] = {
		[REPORT_ERROR] = LOG_ERR,     [REPORT_WARNING] = LOG_WARNING,
		[REPORT_NOTICE] = LOG_NOTICE, [REPORT_INFO] = LOG_INFO,
		[REPORT_DEBUG] = LOG_DEBUG,
	};

	return priorities[level];
}

struct text {
	char *p;
	size_t n;
};

/* What does not fit is cut. */
static void __attribute__((format(printf, 2, 3))) put(struct text *t, const char *format, ...)
{
	const size_t room = LOG_DATAGRAM_LEN - t->n;
	va_list args;
	int n;

	va_start(args, format);
	n = vsnprintf(t->p + t->n, room, format, args);
	va_end(args);
	t->n += n < 0 ? 0 : (size_t)n < room ? (size_t)n : room - 1;
}

size_t log_journal_datagram(const struct report *r, const char *line,
			    char out[static LOG_DATAGRAM_LEN])
{
	struct text t = { .p = out };
	char ip[IP_TEXT_LEN];

	put(&t, "PRIORITY=%d\nSYSLOG_FACILITY=%d\nSYSLOG_IDENTIFIER=ikemeshd\n",
	    log_priority(r->level), LOG_FAC(LOG_DAEMON));
	put(&t, "AREA=%s\n", report_area_name(r->area));
	if (r->remote.family != 0)
		put(&t, "PEER=%s\n", ip_text(&r->remote, ip));
	if (r->local.family != 0)
		put(&t, "LOCAL=%s\n", ip_text(&r->local, ip));
	if (r->reason != REASON_NONE)
		put(&t, "REASON=%s\n", reason_name(r->reason));
	if (r->spi_i != 0)
		put(&t, "IKE_SPI=%016" PRIx64 "_i %016" PRIx64 "_r\n", r->spi_i, r->spi_r);
	if (r->exchange != 0)
		put(&t, "EXCHANGE=%s\n", exchange_name(r->exchange));
	if (r->has_message_id)
		put(&t, "MESSAGE_ID=%" PRIu32 "\n", r->message_id);
	put(&t, "MESSAGE=%s", line);
	/* A line that was cut still ends as one. */
	t.n = t.n < LOG_DATAGRAM_LEN - 1 ? t.n : LOG_DATAGRAM_LEN - 2;
	out[t.n++] = '\n';
	return t.n;
}

size_t log_syslog_datagram(const struct report *r, const char *line, time_t now,
			   char out[static LOG_DATAGRAM_LEN])
{
	struct text t = { .p = out };
	char stamp[32] = "";
	struct tm tm;

	if (localtime_r(&now, &tm) != NULL)
		strftime(stamp, sizeof(stamp), "%h %e %T ", &tm);
	put(&t, "<%d>%sikemeshd[%d]: %s", LOG_DAEMON | log_priority(r->level), stamp, (int)getpid(),
	    line);
	return t.n;
}

static int put_datagram(struct log_socket *s, const char *path, const char *octets, size_t n)
{
	struct sockaddr_un to = { .sun_family = AF_UNIX };
	ssize_t done;

	if (strlen(path) >= sizeof(to.sun_path))
		return -ENAMETOOLONG;
	memcpy(to.sun_path, path, strlen(path));
	done = sendto(s->fd, octets, n, MSG_NOSIGNAL | (s->behind ? MSG_DONTWAIT : 0),
		      (const struct sockaddr *)&to, sizeof(to));
	s->behind = done < 0 && errno == EAGAIN;
	return done < 0 ? -errno : 0;
}

int log_to_journal(struct log_socket *s, const struct report *r, const char *line)
{
	char datagram[LOG_DATAGRAM_LEN];

	return put_datagram(s, s->journal, datagram, log_journal_datagram(r, line, datagram));
}

int log_to_syslog(struct log_socket *s, const struct report *r, const char *line)
{
	char datagram[LOG_DATAGRAM_LEN];
	size_t n = log_syslog_datagram(r, line, time(NULL), datagram);

	return put_datagram(s, s->syslog, datagram, n);
}
