/* SPDX-License-Identifier: Apache-2.0 */
#include "cmd/ikemeshd/clear.h"
#include "cmd/ikemeshd/clear_filter.h"
#include "cmd/ikemeshd/clock.h"
#include "cmd/ikemeshd/parking.h"

#include <arpa/inet.h>
#include <errno.h>
#include <linux/if_packet.h>
#include <net/ethernet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/utsname.h>
#include <unistd.h>

#define RECEIVE_BUFFER 65536 /* octets: some dozens of packets */
#define READ_MAX 256	     /* packets of a socket in one turn */
#define LEFT_OUT_MAX 256     /* more than a filter has room for */
#define FAMILIES 2
#define NOBODYS 0x88b5 /* IEEE 802: for experiments */

static const struct {
	uint8_t family;
	uint16_t ethertype;
} families[FAMILIES] = { { 4, ETH_P_IP }, { 6, ETH_P_IPV6 } };

struct clear {
	int epoll;
	int fds[FAMILIES];	/* -1: it cannot be had, for open_error */
	bool watched[FAMILIES]; /* else it hears nothing: nothing is optional there */
	int open_error, error;
	bool builtin;			   /* decryption within GRO */
	const struct policy_set *policies; /* NULL: none yet */
	struct mono since;
	struct mono resume_at; /* MONO_NEVER: the sockets are watched */
	struct mono renew_at;  /* somebody's silence is over; MONO_NEVER: nobody is left out */
	struct clear_peer *peers;
	size_t n, room;
};

/* ---- the table --------------------------------------------------------------------------------
 */

static struct clear_peer *find(struct clear *c, const struct ip *remote)
{
	for (size_t i = 0; i < c->n; i++) {
		if (ip_equal(&c->peers[i].remote, remote))
			return &c->peers[i];
	}
	return NULL;
}

static struct clear_peer *oldest(struct clear *c)
{
	struct clear_peer *best = &c->peers[0];

	for (size_t i = 1; i < c->n; i++) {
		if (c->peers[i].last.us < best->last.us)
			best = &c->peers[i];
	}
	return best;
}

/* NULL: no memory, and none to be replaced. */
static struct clear_peer *place(struct clear *c)
{
	if (c->n == c->room && c->room < CLEAR_PEERS_MAX) {
		const size_t room = c->room == 0 ? 16 : c->room * 2;
		struct clear_peer *more = realloc(c->peers, room * sizeof(*more));

		if (more != NULL) {
			c->peers = more;
			c->room = room;
		}
	}
	if (c->n < c->room)
		return &c->peers[c->n++];
	return c->n > 0 ? oldest(c) : NULL;
}

void clear_note(struct clear *c, const struct ip *remote, struct mono now)
{
	struct clear_peer *p = find(c, remote);
	const bool told = p != NULL && p->told;

	if (p == NULL)
		p = place(c);
	if (p != NULL)
		*p = (struct clear_peer){ .remote = *remote, .last = now, .told = told };
}

void clear_forget(struct clear *c, const struct ip *remote)
{
	struct clear_peer *p = find(c, remote);

	if (p != NULL)
		*p = c->peers[--c->n];
}

const struct clear_peer *clear_peers(const struct clear *c, size_t *n)
{
	*n = c->n;
	return c->peers;
}

/* ---- the filters ------------------------------------------------------------------------------
 */

/* Those heard last; *next: when the first of them may be shown again. */
static size_t left_out(const struct clear *c, struct mono now, struct ip out[static 1],
		       struct mono *next)
{
	size_t n = 0;

	*next = MONO_NEVER;
	for (size_t i = 0; i < c->n && n < LEFT_OUT_MAX; i++) {
		const struct mono until = clock_after(c->peers[i].last, CLEAR_QUIET_US);

		if (until.us <= now.us)
			continue;
		out[n++] = c->peers[i].remote;
		*next = clock_earlier(*next, until);
	}
	return n;
}

static int attach(int fd, const struct policy_set *policies, uint8_t family, const struct ip *seen,
		  size_t n_seen)
{
	struct sock_filter *code = calloc(CLEAR_FILTER_MAX, sizeof(*code));
	struct sock_fprog program = { .filter = code };
	int err;

	if (code == NULL)
		return -ENOMEM;
	program.len = (unsigned short)clear_filter(policies, family, seen, n_seen, code);
	err = setsockopt(fd, SOL_SOCKET, SO_ATTACH_FILTER, &program, sizeof(program)) == 0 ? 0
											   : -errno;
	free(code);
	return err;
}

/* A filter that cannot be attached leaves the last one: more is shown than need be. */
static void renew(struct clear *c, struct mono now)
{
	struct ip seen[LEFT_OUT_MAX];
	const size_t n = left_out(c, now, seen, &c->renew_at);

	for (size_t i = 0; i < FAMILIES; i++)
		if (c->watched[i])
			attach(c->fds[i], c->policies, families[i].family, seen, n);
}

/* ---- the sockets ------------------------------------------------------------------------------
 */

static bool is_watching(const struct clear *c)
{
	return c->watched[0] || c->watched[1];
}

static void watch(struct clear *c, bool on)
{
	struct epoll_event want = { .events = on ? EPOLLIN : 0 };

	for (size_t i = 0; i < FAMILIES; i++)
		if (c->fds[i] >= 0)
			epoll_ctl(c->epoll, EPOLL_CTL_MOD, c->fds[i], &want);
}

/* It hears nothing before it is bound. */
static int socket_open(struct clear *c, size_t i)
{
	const int room = RECEIVE_BUFFER;
	struct epoll_event want = { .events = EPOLLIN };
	int fd = socket(AF_PACKET, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	int err = 0;

	if (fd < 0)
		return -errno;
	if (setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &room, sizeof(room)) != 0 ||
	    epoll_ctl(c->epoll, EPOLL_CTL_ADD, fd, &want) != 0)
		err = -errno;
	if (err != 0)
		close(fd);
	else
		c->fds[i] = fd;
	return err;
}

static int hear(const struct clear *c, size_t i, uint16_t ethertype)
{
	const struct sockaddr_ll any = { .sll_family = AF_PACKET,
					 .sll_protocol = htons(ethertype) };

	return bind(c->fds[i], (const struct sockaddr *)&any, sizeof(any)) == 0 ? 0 : -errno;
}

/* The filter is there before it hears. */
static int begin(struct clear *c, size_t i)
{
	int err = c->fds[i] >= 0 ? 0 : c->open_error;

	if (err == 0)
		err = attach(c->fds[i], c->policies, families[i].family, NULL, 0);
	if (err == 0)
		err = hear(c, i, families[i].ethertype);
	c->watched[i] = err == 0;
	return err;
}

/* A packet socket that was bound stays so: to a protocol that nobody speaks, behind a filter. */
static void end(struct clear *c, size_t i)
{
	uint8_t octet;

	if (!c->watched[i])
		return;
	c->watched[i] = false;
	parking_deafen(c->fds[i]);
	(void)hear(c, i, NOBODYS);
	while (recv(c->fds[i], &octet, sizeof(octet), MSG_DONTWAIT | MSG_TRUNC) >= 0)
		;
}

static void socket_close(struct clear *c, size_t i)
{
	if (c->fds[i] >= 0)
		close(c->fds[i]);
	c->fds[i] = -1;
}

static void watch_from(struct clear *c, struct mono now)
{
	c->since = now;
	watch(c, true); /* the last thing may have been a pause */
}

int clear_policies(struct clear *c, const struct policy_set *policies, struct mono now)
{
	c->policies = policies;
	c->error = 0;
	for (size_t i = 0; i < FAMILIES; i++) {
		const bool wanted = clear_filter_wanted(policies, families[i].family);
		int err = 0;

		if (!wanted)
			end(c, i);
		else if (!c->watched[i])
			err = begin(c, i);
		if (c->error == 0)
			c->error = err;
	}
	if (!is_watching(c))
		c->since = c->resume_at = c->renew_at = MONO_NEVER;
	else if (c->since.us == MONO_NEVER.us)
		watch_from(c, now);
	renew(c, now);
	return c->error;
}

int clear_error(const struct clear *c)
{
	return c->error;
}

struct mono clear_since(const struct clear *c)
{
	return c->since;
}

/* ---- the kernel's way with ESP -----------------------------------------------------------------
 */

static const char *const gro_modules[] = { "esp4_offload", "esp6_offload" };
#define N_GRO_MODULES (sizeof(gro_modules) / sizeof(gro_modules[0]))

static bool names_gro_module(const char *line)
{
	for (size_t i = 0; i < N_GRO_MODULES; i++) {
		if (strstr(line, gro_modules[i]) != NULL)
			return true;
	}
	return false;
}

bool clear_module_builtin(const char *modules_builtin)
{
	FILE *f = fopen(modules_builtin, "re");
	char line[512];
	bool found = false;

	while (f != NULL && !found && fgets(line, sizeof(line), f) != NULL)
		found = names_gro_module(line);
	if (f != NULL)
		(void)fclose(f);
	return found;
}

bool clear_module_loaded(const char *sys)
{
	char path[512];

	for (size_t i = 0; i < N_GRO_MODULES; i++) {
		snprintf(path, sizeof(path), "%s/%s", sys, gro_modules[i]);
		if (access(path, F_OK) == 0)
			return true;
	}
	return false;
}

static bool is_builtin_here(void)
{
	const char *credentials = getenv("CREDENTIALS_DIRECTORY");
	char path[4096];
	struct utsname u;

	/* In a sandbox without /lib/modules (ProtectKernelModules) the unit hands it in. */
	snprintf(path, sizeof(path), "%s/modules.builtin", credentials != NULL ? credentials : "");
	if (clear_module_builtin(path))
		return true;
	if (uname(&u) != 0)
		return false;
	snprintf(path, sizeof(path), "/lib/modules/%s/modules.builtin", u.release);
	return clear_module_builtin(path);
}

bool clear_sees_decrypted(const struct clear *c)
{
	return c->builtin || clear_module_loaded("/sys/module");
}

/* ---- the object --------------------------------------------------------------------------------
 */

int clear_open(struct clear **out)
{
	struct clear *c = calloc(1, sizeof(*c));

	*out = NULL;
	if (c == NULL)
		return -ENOMEM;
	c->fds[0] = c->fds[1] = -1;
	c->since = c->resume_at = c->renew_at = MONO_NEVER;
	c->builtin = is_builtin_here();
	c->epoll = epoll_create1(EPOLL_CLOEXEC);
	if (c->epoll < 0) {
		int err = -errno;

		free(c);
		return err;
	}
	/* Told when they are wanted, which may be never. */
	for (size_t i = 0; i < FAMILIES && c->open_error == 0; i++)
		c->open_error = socket_open(c, i);
	*out = c;
	return 0;
}

void clear_close(struct clear *c)
{
	if (c == NULL)
		return;
	for (size_t i = 0; i < FAMILIES; i++)
		socket_close(c, i);
	close(c->epoll);
	free(c->peers);
	free(c);
}

const struct clear_peer *clear_new_peer(struct clear *c)
{
	for (size_t i = 0; i < c->n; i++) {
		if (!c->peers[i].told) {
			c->peers[i].told = true;
			return &c->peers[i];
		}
	}
	return NULL;
}

int clear_fd(const struct clear *c)
{
	return c->epoll;
}

/* ---- packets ----------------------------------------------------------------------------------
 */

static void read_socket(struct clear *c, size_t i, struct mono now)
{
	uint8_t head[CLEAR_SNAP];

	for (int k = 0; c->watched[i] && k < READ_MAX; k++) {
		struct sockaddr_ll from = { 0 };
		socklen_t len = sizeof(from);
		ssize_t n =
			recvfrom(c->fds[i], head, sizeof(head), 0, (struct sockaddr *)&from, &len);
		struct ip src;

		if (n < 0)
			return;
		if (from.sll_pkttype == PACKET_HOST &&
		    clear_packet(c->policies, families[i].family, head, (size_t)n, &src))
			clear_note(c, &src, now);
	}
}

void clear_read(struct clear *c, struct mono now)
{
	for (size_t i = 0; i < FAMILIES; i++)
		read_socket(c, i, now);
	if (is_watching(c))
		renew(c, now);
}

void clear_turn(struct clear *c, struct mono now)
{
	if (!is_watching(c))
		return;
	clear_read(c, now);
	watch(c, false);
	c->resume_at = clock_after(now, CLEAR_PAUSE_US);
}

/* Whose silence ends in a pause stays left out until it is over: he would fill the buffer. */
void clear_tick(struct clear *c, struct mono now)
{
	const bool paused = c->resume_at.us != MONO_NEVER.us;

	if (!is_watching(c) || clear_deadline(c).us > now.us)
		return;
	renew(c, now);
	c->resume_at = MONO_NEVER;
	if (paused)
		watch(c, true);
}

struct mono clear_deadline(const struct clear *c)
{
	return c->resume_at.us != MONO_NEVER.us ? c->resume_at : c->renew_at;
}
