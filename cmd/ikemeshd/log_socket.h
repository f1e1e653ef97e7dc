/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The journal and syslog, by one datagram socket that is opened at the start and kept: the daemon
 * may open none later on, and either service may be restarted beneath it, since each datagram names
 * where it goes. A service that stands still is waited for a moment, once: while it is behind,
 * reports are lost and counted, and peers are served.
 */
#ifndef IKEMESH_CMD_LOG_SOCKET_H
#define IKEMESH_CMD_LOG_SOCKET_H

#include "ike/report.h"

#include <stddef.h>
#include <time.h>

#define LOG_JOURNAL_PATH "/run/systemd/journal/socket"
#define LOG_SYSLOG_PATH "/dev/log"

#define LOG_DATAGRAM_LEN 4096

struct log_socket {
	int fd; /* -1: it could not be opened */
	const char *journal, *syslog;
	bool behind; /* the last datagram was not taken in time */
};

void log_socket_open(struct log_socket *s, const char *journal, const char *syslog);
void log_socket_close(struct log_socket *s);

/* The priority of syslog.h that a level stands for. */
int log_priority(enum report_level level);

/*
 * Pure: the datagrams. line is printable, without a line end. The journal's has a field a line,
 * NAME=VALUE; syslog's is RFC 3164 as /dev/log takes it. Octets.
 */
size_t log_journal_datagram(const struct report *r, const char *line,
			    char out[static LOG_DATAGRAM_LEN]);
size_t log_syslog_datagram(const struct report *r, const char *line, time_t now,
			   char out[static LOG_DATAGRAM_LEN]);

/* 0 or negative errno: nobody heard it. */
int log_to_journal(struct log_socket *s, const struct report *r, const char *line);
int log_to_syslog(struct log_socket *s, const struct report *r, const char *line);

#endif
