/* SPDX-License-Identifier: Apache-2.0 */
#include "cmd/ikemeshd/handover.h"

#include <errno.h>
#include <fcntl.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <systemd/sd-daemon.h>
#include <unistd.h>

#define MAGIC "ikemesh handover"
#define VERSION 1
#define BOOT_ID "/proc/sys/kernel/random/boot_id"
#define BOOT_ID_LEN 36
#define STATE_MAX (1u << 30) /* octets: 100,000 pairs have some 300 MB */
#define DEATHS_MAX 4
#define BARRIER_US 5000000
#define FIRST_FD 3 /* SD_LISTEN_FDS_START */
#define PARKED_FD 64

/* By turns, so that one can be stored before the other is removed. */
static const char *const state_names[HANDOVER_STATES] = { "ikemesh-state-0", "ikemesh-state-1" };
static const char *const socket_names[UDP_SOCKETS] = { "ike-4", "natt-4", "ike-6", "natt-6" };

/* Of this machine alone, so in its own octet order. */
struct envelope {
	char magic[sizeof(MAGIC)];
	uint32_t version;
	char boot_id[BOOT_ID_LEN]; /* times in the state are this boot's */
	uint32_t generation;
	uint8_t leaf[HANDOVER_LEAF_LEN];
	uint8_t died; /* 1 until who writes it says that it ended by itself; more: of who took it */
	uint64_t sequence;
	uint64_t octets; /* what is behind them is not written to its end */
};

static int read_boot_id(char out[static BOOT_ID_LEN])
{
	int fd = open(BOOT_ID, O_RDONLY | O_CLOEXEC);
	ssize_t n;

	if (fd < 0)
		return -errno;
	n = read(fd, out, BOOT_ID_LEN);
	close(fd);
	return n == BOOT_ID_LEN ? 0 : -EIO;
}

static int write_all(int fd, const void *from, size_t n)
{
	const char *p = from;

	while (n > 0) {
		ssize_t done = write(fd, p, n);

		if (done < 0 && errno == EINTR)
			continue;
		if (done < 0)
			return -errno;
		p += done;
		n -= (size_t)done;
	}
	return 0;
}

static int read_all(int fd, void *to, size_t n, off_t at)
{
	char *p = to;

	while (n > 0) {
		ssize_t done = pread(fd, p, n, at);

		if (done < 0 && errno == EINTR)
			continue;
		if (done <= 0)
			return done < 0 ? -errno : -EIO;
		p += done;
		at += done;
		n -= (size_t)done;
	}
	return 0;
}

int handover_write(const struct handover *h, int *fd)
{
	struct envelope e = { .magic = MAGIC,
			      .version = VERSION,
			      .generation = h->generation,
			      .died = (uint8_t)h->died,
			      .sequence = h->sequence,
			      .octets = h->state.n };
	int err = read_boot_id(e.boot_id);

	memcpy(e.leaf, h->leaf, sizeof(e.leaf));
	*fd = -1;
	if (err != 0)
		return err;
	*fd = memfd_create("ikemesh-state", MFD_CLOEXEC);
	if (*fd < 0)
		return -errno;
	err = write_all(*fd, &e, sizeof(e));
	if (err == 0)
		err = write_all(*fd, h->state.p, h->state.n);
	if (err != 0) {
		close(*fd);
		*fd = -1;
	}
	return err;
}

static const char *objection(const struct envelope *e, const struct stat *st)
{
	char boot_id[BOOT_ID_LEN];

	if (memcmp(e->magic, MAGIC, sizeof(e->magic)) != 0)
		return "it is no state of an ikemeshd";
	if (e->version != VERSION)
		return "it is of another version";
	if (read_boot_id(boot_id) != 0 || memcmp(e->boot_id, boot_id, sizeof(boot_id)) != 0)
		return "it is of another boot";
	if (e->octets > STATE_MAX || (uint64_t)st->st_size < sizeof(*e) + e->octets)
		return "it is cut off";
	if (e->died > DEATHS_MAX)
		return "one after the other died over it";
	return NULL;
}

static int take_state(int fd, const struct envelope *e, struct handover *h)
{
	int err = e->octets == 0 ? 0 : secret_new(&h->state, (size_t)e->octets);

	if (err == 0)
		err = read_all(fd, h->state.p, h->state.n, sizeof(*e));
	if (err != 0) {
		secret_free(&h->state);
		return err;
	}
	h->generation = e->generation;
	h->sequence = e->sequence;
	h->died = e->died;
	memcpy(h->leaf, e->leaf, sizeof(h->leaf));
	return 0;
}

int handover_read(int fd, struct handover *h, char why[static HANDOVER_TEXT_LEN])
{
	struct envelope e = { 0 };
	const char *no = NULL;
	struct stat st;
	int err = fstat(fd, &st) == 0 ? 0 : -errno;

	why[0] = '\0';
	if (err == 0 && st.st_size == 0)
		return 0; /* used already */
	if (err == 0)
		err = read_all(fd, &e, sizeof(e), 0);
	if (err == 0)
		no = objection(&e, &st);
	if (err == 0 && no == NULL)
		err = take_state(fd, &e, h);
	if (err == 0 && no == NULL)
		return 0;
	snprintf(why, HANDOVER_TEXT_LEN, "the state that a former ikemeshd left is not used: %s",
		 no != NULL ? no : strerror(-err));
	return err != 0 ? err : -EINVAL;
}

/* The later of two is the one to go on from. */
static void take_state_of(struct handover *h, int fd, char *why)
{
	struct handover other = { 0 };

	if (handover_read(fd, &other, why) != 0)
		return;
	if (h->state.n > 0 && other.sequence <= h->sequence) {
		secret_free(&other.state);
		return;
	}
	secret_move(&h->state, &other.state);
	h->sequence = other.sequence;
	h->died = other.died;
	h->generation = other.generation;
	memcpy(h->leaf, other.leaf, sizeof(h->leaf));
}

static void take_descriptor(struct handover *h, int fd, const char *name, char *why)
{
	for (size_t i = 0; i < UDP_SOCKETS; i++) {
		if (strcmp(name, socket_names[i]) == 0 && h->sockets[i] < 0) {
			h->sockets[i] = fd;
			h->stored = true;
			return;
		}
	}
	for (size_t i = 0; i < HANDOVER_STATES; i++) {
		if (strcmp(name, state_names[i]) == 0 && h->used[i] < 0) {
			take_state_of(h, fd, why);
			h->used[i] = fd;
			return;
		}
	}
	close(fd);
}

void handover_take(struct handover *h, char why[static HANDOVER_TEXT_LEN])
{
	char **names = NULL;
	int n;

	*h = (struct handover){ 0 };
	for (size_t i = 0; i < UDP_SOCKETS; i++)
		h->sockets[i] = -1;
	for (size_t i = 0; i < HANDOVER_STATES; i++)
		h->used[i] = -1;
	why[0] = '\0';
	n = sd_listen_fds_with_names(1, &names);
	for (int i = 0; i < n; i++) {
		take_descriptor(h, FIRST_FD + i, names[i], why);
		free(names[i]);
	}
	free(names);
}

static void remove_state(size_t which)
{
	char text[64];

	snprintf(text, sizeof(text), "FDSTOREREMOVE=1\nFDNAME=%s", state_names[which]);
	sd_notify(0, text);
}

void handover_begin(const struct handover *h)
{
	const uint8_t died = (uint8_t)(h->died + 1);

	for (size_t i = 0; i < HANDOVER_STATES; i++) {
		struct stat st;

		if (h->used[i] >= 0 && fstat(h->used[i], &st) == 0 && st.st_size > 0)
			(void)!pwrite(h->used[i], &died, sizeof(died),
				      offsetof(struct envelope, died));
	}
}

void handover_used(struct handover *h)
{
	for (size_t i = 0; i < HANDOVER_STATES; i++) {
		if (h->used[i] < 0)
			continue;
		(void)!ftruncate(h->used[i], 0);
		close(h->used[i]);
		h->used[i] = -1;
	}
	for (size_t i = 0; i < HANDOVER_STATES; i++)
		remove_state(i);
	secret_free(&h->state);
}

void handover_wipe(struct handover *h)
{
	secret_free(&h->state);
	for (size_t i = 0; i < HANDOVER_STATES; i++) {
		if (h->used[i] >= 0)
			close(h->used[i]);
		h->used[i] = -1;
	}
	for (size_t i = 0; i < UDP_SOCKETS; i++) {
		if (h->sockets[i] >= 0)
			close(h->sockets[i]);
		h->sockets[i] = -1;
	}
}

static int store(int fd, const char *name)
{
	char text[64];
	int r;

	/* FDPOLL=0: a socket with an ICMP error would count as hung up. */
	snprintf(text, sizeof(text), "FDSTORE=1\nFDNAME=%s\nFDPOLL=0", name);
	r = sd_pid_notify_with_fds(0, 0, text, &fd, 1);
	return r > 0 ? 0 : r == 0 ? -ENOTCONN : r;
}

int handover_store_sockets(const int *sockets)
{
	int err = 0;

	for (size_t i = 0; i < UDP_SOCKETS && err == 0; i++)
		if (sockets[i] >= 0)
			err = store(sockets[i], socket_names[i]);
	return err;
}

/* ---- step by step ------------------------------------------------------------------------- */

#define LONG_OCTETS (1u << 20)

bool handover_can_keep(void)
{
	return getenv("NOTIFY_SOCKET") != NULL;
}

int handover_settle(void)
{
	int r = sd_notify_barrier(0, BARRIER_US);

	return r < 0 ? r : 0;
}

int keepsake_begin(struct keepsake *k, const struct handover *h)
{
	struct handover next = *h; /* borrowed */
	struct keepsake old = *k;
	size_t which;
	int fd, err;

	next.sequence = (k->fd >= 0 ? k->sequence : h->sequence) + 1;
	which = next.sequence % HANDOVER_STATES;
	err = handover_write(&next, &fd);
	if (err == 0)
		err = store(fd, state_names[which]);
	if (err != 0) {
		if (fd >= 0)
			close(fd);
		return err;
	}
	*k = (struct keepsake){
		.fd = fd, .octets = h->state.n, .first = h->state.n, .sequence = next.sequence
	};
	if (old.fd >= 0) {
		remove_state(1 - which);
		close(old.fd);
	}
	return 0;
}

int keepsake_append(struct keepsake *k, struct bytes record)
{
	const uint64_t octets = k->octets + record.n;

	if (pwrite(k->fd, record.p, record.n, (off_t)(sizeof(struct envelope) + k->octets)) !=
		    (ssize_t)record.n ||
	    pwrite(k->fd, &octets, sizeof(octets), offsetof(struct envelope, octets)) !=
		    sizeof(octets))
		return errno != 0 ? -errno : -EIO;
	k->octets = octets;
	return 0;
}

bool keepsake_is_long(const struct keepsake *k)
{
	return k->fd >= 0 && k->octets > LONG_OCTETS + 3 * k->first;
}

void keepsake_close(struct keepsake *k)
{
	if (k->fd >= 0)
		close(k->fd);
	*k = KEEPSAKE_NONE;
}

void keepsake_drop(struct keepsake *k)
{
	if (k->fd >= 0) {
		(void)!ftruncate(k->fd, 0);
		remove_state(k->sequence % HANDOVER_STATES);
	}
	keepsake_close(k);
}

/* ---- in the same process ------------------------------------------------------------------ */

struct parcel {
	int fd[1 + UDP_SOCKETS];
	size_t n;
	char names[128];
};

static int parcel_add(struct parcel *p, int fd, const char *name)
{
	/* Out of the way of the places that they go to. */
	int copy = fcntl(fd, F_DUPFD_CLOEXEC, PARKED_FD);

	if (copy < 0)
		return -errno;
	p->fd[p->n++] = copy;
	if (p->names[0] != '\0')
		strncat(p->names, ":", sizeof(p->names) - strlen(p->names) - 1);
	strncat(p->names, name, sizeof(p->names) - strlen(p->names) - 1);
	return 0;
}

static int parcel_pack(struct parcel *p, const struct handover *h, int state)
{
	int err = parcel_add(p, state, state_names[h->sequence % HANDOVER_STATES]);

	for (size_t i = 0; i < UDP_SOCKETS && err == 0; i++)
		if (h->sockets[i] >= 0)
			err = parcel_add(p, h->sockets[i], socket_names[i]);
	return err;
}

static int set_environment(const struct parcel *p)
{
	char n[16], pid[16];

	snprintf(n, sizeof(n), "%zu", p->n);
	snprintf(pid, sizeof(pid), "%d", (int)getpid());
	if (setenv("LISTEN_FDS", n, 1) != 0 || setenv("LISTEN_PID", pid, 1) != 0 ||
	    setenv("LISTEN_FDNAMES", p->names, 1) != 0)
		return -errno;
	return 0;
}

/* What stood at the places that the parcel takes is put back, should the program not start. */
static int exec_with(const struct parcel *p, const char *program, char *const *argv)
{
	int saved[1 + UDP_SOCKETS], err = 0;

	for (size_t i = 0; i < p->n; i++)
		saved[i] = fcntl(FIRST_FD + (int)i, F_DUPFD_CLOEXEC, PARKED_FD);
	for (size_t i = 0; i < p->n && err == 0; i++)
		if (dup2(p->fd[i], FIRST_FD + (int)i) < 0)
			err = -errno;
	if (err == 0) {
		execv(program, argv);
		err = -errno;
	}
	for (size_t i = 0; i < p->n; i++) {
		if (saved[i] < 0) {
			close(FIRST_FD + (int)i);
			continue;
		}
		dup3(saved[i], FIRST_FD + (int)i, O_CLOEXEC);
		close(saved[i]);
	}
	return err;
}

int handover_exec(const struct handover *h, const char *program, char *const *argv)
{
	struct parcel p = { 0 };
	int state, err = handover_write(h, &state);

	if (err != 0)
		return err;
	err = parcel_pack(&p, h, state);
	if (err == 0)
		err = set_environment(&p);
	if (err == 0)
		err = exec_with(&p, program, argv);
	for (size_t i = 0; i < p.n; i++)
		close(p.fd[i]);
	close(state);
	unsetenv("LISTEN_FDS");
	unsetenv("LISTEN_PID");
	unsetenv("LISTEN_FDNAMES");
	return err;
}
