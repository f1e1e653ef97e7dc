/* SPDX-License-Identifier: Apache-2.0
 *
 * fan - echo requests (ICMP) of many hosts to many others, from one process, so that a lab of a
 *hundred hosts does not measure its own pings. Each line of the standard input is a stream:
 *
 *	NETNS ADDRESS [START [FILE]]
 *
 * From network namespace NETNS (of /run/netns) to ADDRESS (IPv4), beginning START milliseconds
 *after the start, or when FILE is there, if that is later. Streams of one time leave in the order
 *of their lines.
 *
 *	-c ROUNDS      packets of each stream (1)
 *	-i INTERVAL    ms between two of a stream (1000)
 *	-w WAIT        ms to wait for answers after the last packet (1000)
 *	-a             end as soon as each stream has had an answer
 *	-k             constant traffic: what could not leave in time, as the machine was busy, is
 *not made up for by a burst; and SIGTERM lets the answers under way come
 *	-u PORT        by UDP, from that port to the same: the hosts that are sent to, which have to
 *be among those that send, answer by this process. The kernel's own answers to pings are few at a
 *time, and one who has to wait for a CPU would find some of them gone
 *	-t             LOST names the packets by when they left, in ms since the epoch
 *
 * At its end, or at SIGTERM, it writes a line for each stream:
 *
 *	NETNS ADDRESS SENT ANSWERED FIRST LOST
 *
 * FIRST is when the first answer came, in ms from the start, or -; LOST names the packets without
 *an answer by number, from 0: 0,4-7, or - if there is none. One that the kernel refused to take is
 *lost.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/icmp.h>
#include <netinet/in.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define STREAMS_MAX 65535 /* a stream is known by the identifier of its packets */
#define ROUNDS_MAX 65535
#define HOSTS_MAX 1024
#define WORD 256
#define FILE_LOOK_MS 20
#define NEVER INT64_MAX

struct stream {
	size_t host;
	struct in_addr to;
	int64_t next_us; /* when the next packet is due; NEVER: none is */
	char *file;	 /* what it still waits for, or NULL */
	unsigned sent, answered;
	int64_t first_us;  /* -1: no answer yet */
	uint32_t *left_ms; /* when each packet left, from the start; NULL: nobody asks */
	uint8_t *seen;	   /* a bit for each packet that was answered */
};

struct fan {
	unsigned rounds;
	int64_t interval_us, wait_us, began_us, last_us; /* last_us: of the last packet */
	int64_t epoch_ms;				 /* when it began */
	bool until_answered, keep_pace, with_times;
	uint16_t port; /* 0: ICMP */
	char hosts[HOSTS_MAX][WORD];
	struct pollfd sockets[HOSTS_MAX];
	size_t n_hosts;
	struct stream *streams;
	size_t n_streams, n_answered; /* n_answered: streams that have had an answer */
	uint64_t under_way;
};

union echo { /* 64 octets, as ping's */
	struct {
		struct icmphdr icmp;
		int32_t pid; /* another fan's answers come here as well */
	} mine;
	uint16_t words[32];
};

static volatile sig_atomic_t ended;

static void on_term(int signal)
{
	(void)signal;
	ended = 1;
}

static void die(const char *what, const char *which)
{
	fprintf(stderr, "fan: %s%s%s: %s\n", what, which[0] != '\0' ? " " : "", which,
		strerror(errno));
	exit(1);
}

static int64_t now_us(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (int64_t)t.tv_sec * 1000000 + t.tv_nsec / 1000;
}

static int64_t epoch_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_REALTIME, &t);
	return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

/* ---- what it is to do ------------------------------------------------------------------------ */

/* A socket belongs to the namespace that it was made in, wherever its process goes. */
static int socket_by_icmp(void)
{
	const struct icmp_filter only_answers = { .data = ~(1U << ICMP_ECHOREPLY) };
	int fd = socket(AF_INET, SOCK_RAW | SOCK_NONBLOCK | SOCK_CLOEXEC, IPPROTO_ICMP);

	if (fd >= 0 &&
	    setsockopt(fd, SOL_RAW, ICMP_FILTER, &only_answers, sizeof(only_answers)) != 0)
		return -1;
	return fd;
}

static int socket_by_udp(uint16_t port)
{
	const struct sockaddr_in at = { .sin_family = AF_INET, .sin_port = htons(port) };
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

	return fd >= 0 && bind(fd, (const void *)&at, sizeof(at)) == 0 ? fd : -1;
}

static int socket_in(const char *name, uint16_t port)
{
	const int room = 4 << 20;
	char path[WORD + 16];
	int ns, fd;

	snprintf(path, sizeof(path), "/run/netns/%s", name);
	ns = open(path, O_RDONLY | O_CLOEXEC);
	if (ns < 0 || setns(ns, CLONE_NEWNET) != 0)
		die("no host", name);
	close(ns);
	fd = port != 0 ? socket_by_udp(port) : socket_by_icmp();
	if (fd < 0)
		die("no socket on", name);
	setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &room, sizeof(room));
	setsockopt(fd, SOL_SOCKET, SO_SNDBUFFORCE, &room, sizeof(room));
	return fd;
}

static size_t host_of(struct fan *f, const char *name)
{
	size_t i;

	for (i = 0; i < f->n_hosts; i++)
		if (strcmp(f->hosts[i], name) == 0)
			return i;
	if (f->n_hosts == HOSTS_MAX) {
		errno = E2BIG;
		die("too many hosts", "");
	}
	snprintf(f->hosts[i], WORD, "%s", name);
	f->sockets[i] = (struct pollfd){ .fd = socket_in(name, f->port), .events = POLLIN };
	return f->n_hosts++;
}

static void add_stream(struct fan *f, const char *line)
{
	char host[WORD], address[WORD], file[WORD] = "";
	struct stream s = { .first_us = -1 };
	long start = 0;
	int n = sscanf(line, "%255s %255s %ld %255s", host, address, &start, file);

	errno = EINVAL;
	if (n < 2 || inet_pton(AF_INET, address, &s.to) != 1 || f->n_streams == STREAMS_MAX)
		die("cannot use the line", line);
	s.host = host_of(f, host);
	s.next_us = (int64_t)start * 1000;
	s.file = n == 4 ? strdup(file) : NULL;
	s.seen = calloc(1, f->rounds / 8 + 1);
	s.left_ms = f->with_times ? calloc(f->rounds, sizeof(*s.left_ms)) : NULL;
	f->streams = realloc(f->streams, (f->n_streams + 1) * sizeof(s));
	if (f->streams == NULL || s.seen == NULL || (n == 4 && s.file == NULL) ||
	    (f->with_times && s.left_ms == NULL))
		die("out of memory", "");
	f->streams[f->n_streams++] = s;
}

/* ---- packets --------------------------------------------------------------------------------- */

static uint16_t checksum(const uint16_t *words, size_t n)
{
	uint32_t sum = 0;

	for (size_t i = 0; i < n; i++)
		sum += words[i];
	sum = (sum >> 16) + (sum & 0xffff);
	return (uint16_t) ~(sum + (sum >> 16));
}

/* A packet that the kernel does not take, because nothing may leave or its queue is full, is lost.
 */
static void send_one(struct fan *f, struct stream *s, int64_t now)
{
	const struct sockaddr_in to = { .sin_family = AF_INET,
					.sin_port = htons(f->port),
					.sin_addr = s->to };
	union echo packet = { .mine = { .icmp = { .type = ICMP_ECHO }, .pid = getpid() } };

	packet.mine.icmp.un.echo.id = htons((uint16_t)(s - f->streams + 1));
	packet.mine.icmp.un.echo.sequence = htons((uint16_t)s->sent);
	packet.mine.icmp.checksum = checksum(packet.words, 32);
	if (sendto(f->sockets[s->host].fd, &packet, sizeof(packet), 0, (const void *)&to,
		   sizeof(to)) == sizeof(packet))
		f->under_way++;
	s->next_us += f->interval_us;
	if (f->keep_pace && s->next_us < now)
		s->next_us = now + f->interval_us;
	if (s->left_ms != NULL)
		s->left_ms[s->sent] = (uint32_t)(now / 1000);
	if (++s->sent == f->rounds)
		s->next_us = NEVER;
	f->last_us = now;
}

static void take(struct fan *f, size_t host, const struct sockaddr_in *from, union echo echo)
{
	struct stream *s;
	unsigned id, number;

	if (f->port != 0 && echo.mine.icmp.type == ICMP_ECHO) {
		echo.mine.icmp.type = ICMP_ECHOREPLY;
		(void)!sendto(f->sockets[host].fd, &echo, sizeof(echo), 0, (const void *)from,
			      sizeof(*from));
		return;
	}
	id = ntohs(echo.mine.icmp.un.echo.id);
	number = ntohs(echo.mine.icmp.un.echo.sequence);
	if (echo.mine.icmp.type != ICMP_ECHOREPLY || echo.mine.pid != getpid() || id == 0 ||
	    id > f->n_streams)
		return;
	s = &f->streams[id - 1];
	/* It may come twice. */
	if (s->host != host || s->to.s_addr != from->sin_addr.s_addr || number >= s->sent ||
	    (s->seen[number / 8] & 1U << number % 8) != 0)
		return;
	s->seen[number / 8] |= (uint8_t)(1U << number % 8);
	if (s->answered++ == 0) {
		s->first_us = now_us() - f->began_us;
		f->n_answered++;
	}
	f->under_way--;
}

/* A raw socket gives the IP header, too. */
static void take_packet(struct fan *f, size_t host, const struct sockaddr_in *from,
			const uint8_t *p, size_t n)
{
	const size_t head = f->port != 0 || n == 0 ? 0 : (size_t)(p[0] & 0xf) * 4;
	union echo echo;

	if (n != head + sizeof(echo))
		return;
	memcpy(&echo, p + head, sizeof(echo));
	take(f, host, from, echo);
}

static void take_all(struct fan *f, int timeout_ms)
{
	uint8_t packet[2048];
	ssize_t n;

	if (poll(f->sockets, f->n_hosts, timeout_ms) <= 0)
		return;
	for (size_t i = 0; i < f->n_hosts; i++) {
		if (f->sockets[i].revents == 0)
			continue;
		for (;;) {
			struct sockaddr_in from = { 0 };
			socklen_t len = sizeof(from);

			n = recvfrom(f->sockets[i].fd, packet, sizeof(packet), 0, (void *)&from,
				     &len);
			if (n < 0)
				break;
			take_packet(f, i, &from, packet, (size_t)n);
		}
	}
}

/* ---- the run --------------------------------------------------------------------------------- */

static bool ready(struct stream *s, int64_t now)
{
	if (s->file == NULL)
		return true;
	if (access(s->file, F_OK) != 0) {
		s->next_us = now + FILE_LOOK_MS * 1000;
		return false;
	}
	free(s->file);
	s->file = NULL;
	s->next_us = now;
	return true;
}

/* Everything that is due now. Returns when the next is due, NEVER if all are sent. */
static int64_t send_due(struct fan *f)
{
	int64_t now = now_us() - f->began_us, next = NEVER;
	unsigned burst = 0;

	for (size_t i = 0; i < f->n_streams; i++) {
		struct stream *s = &f->streams[i];

		if (s->next_us <= now && ready(s, now)) {
			send_one(f, s, now);
			if (++burst % 32 == 0)
				take_all(f, 0);
		}
		if (s->next_us < next)
			next = s->next_us;
	}
	return next;
}

/* Nothing more is sent. */
static void stop(struct fan *f)
{
	for (size_t i = 0; i < f->n_streams; i++)
		f->streams[i].next_us = NEVER;
}

static void run(struct fan *f)
{
	int64_t next, until, now;

	f->began_us = now_us();
	f->epoch_ms = epoch_ms();
	while (!ended || f->keep_pace) {
		if (ended)
			stop(f);
		next = send_due(f);
		now = now_us() - f->began_us;
		until = next != NEVER ? next : f->last_us + f->wait_us;
		if (next == NEVER && (f->under_way == 0 || until <= now))
			break;
		take_all(f, until <= now ? 0 : (int)((until - now + 999) / 1000));
		if (f->until_answered && f->n_answered == f->n_streams)
			break;
	}
}

static void print_lost(const struct stream *s)
{
	const char *comma = "";
	unsigned i, end;

	for (i = 0; i < s->sent; i = end + 1) {
		for (end = i; end < s->sent && (s->seen[end / 8] & 1U << end % 8) == 0; end++)
			;
		if (end > i + 1)
			printf("%s%u-%u", comma, i, end - 1);
		else if (end == i + 1)
			printf("%s%u", comma, i);
		if (end > i)
			comma = ",";
	}
	printf("%s\n", comma[0] == '\0' ? "-" : "");
}

static void print_times(const struct fan *f, const struct stream *s)
{
	const char *comma = "";

	for (unsigned i = 0; i < s->sent; i++) {
		if ((s->seen[i / 8] & 1U << i % 8) != 0)
			continue;
		printf("%s%lld", comma, (long long)(f->epoch_ms + s->left_ms[i]));
		comma = ",";
	}
	printf("%s\n", comma[0] == '\0' ? "-" : "");
}

static void print(const struct fan *f)
{
	char address[INET_ADDRSTRLEN];

	for (size_t i = 0; i < f->n_streams; i++) {
		const struct stream *s = &f->streams[i];

		inet_ntop(AF_INET, &s->to, address, sizeof(address));
		printf("%s %s %u %u ", f->hosts[s->host], address, s->sent, s->answered);
		if (s->first_us < 0)
			printf("- ");
		else
			printf("%lld ", (long long)(s->first_us / 1000));
		if (f->with_times)
			print_times(f, s);
		else
			print_lost(s);
	}
}

int main(int argc, char **argv)
{
	struct fan *f = calloc(1, sizeof(*f));
	const struct sigaction term = { .sa_handler = on_term };
	char line[4 * WORD];
	int option;

	if (f == NULL)
		die("out of memory", "");
	*f = (struct fan){ .rounds = 1, .interval_us = 1000000, .wait_us = 1000000 };
	while ((option = getopt(argc, argv, "c:i:w:u:akt")) != -1) {
		switch (option) {
		case 'c':
			f->rounds = (unsigned)atoi(optarg);
			break;
		case 'i':
			f->interval_us = (int64_t)(atof(optarg) * 1000);
			break;
		case 'w':
			f->wait_us = (int64_t)(atof(optarg) * 1000);
			break;
		case 'u':
			f->port = (uint16_t)atoi(optarg);
			break;
		case 'a':
			f->until_answered = true;
			break;
		case 'k':
			f->keep_pace = true;
			break;
		case 't':
			f->with_times = true;
			break;
		default:
			return 2;
		}
	}
	if (f->rounds == 0 || f->rounds > ROUNDS_MAX)
		return 2;
	sigaction(SIGTERM, &term, NULL);
	while (fgets(line, sizeof(line), stdin) != NULL)
		add_stream(f, line);
	run(f);
	print(f);
	return 0;
}
