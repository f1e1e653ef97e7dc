/* SPDX-License-Identifier: Apache-2.0 */
/* To a successor in the same process: descriptors as systemd would pass them (LISTEN_FDS). */
#include "cmd/ikemeshd/handover.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define FIRST_FD 3 /* SD_LISTEN_FDS_START */
#define PARKED_FD 64
#define PARCEL_MAX (2 + UDP_SOCKETS) /* state, key and sockets */

struct parcel {
	int fd[PARCEL_MAX];
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
	int err = parcel_add(p, state, handover_state_name(h->sequence));

	if (err == 0 && h->key >= 0)
		err = parcel_add(p, h->key, HANDOVER_KEY_NAME);
	for (size_t i = 0; i < UDP_SOCKETS && err == 0; i++)
		if (h->sockets[i] >= 0)
			err = parcel_add(p, h->sockets[i], handover_socket_name(i));
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
	int saved[PARCEL_MAX], err = 0;

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
	struct keepsake k = KEEPSAKE_NONE;
	int err = handover_write(h, &k);

	if (err != 0)
		return err;
	err = parcel_pack(&p, h, k.fd);
	if (err == 0)
		err = set_environment(&p);
	if (err == 0)
		err = exec_with(&p, program, argv);
	for (size_t i = 0; i < p.n; i++)
		close(p.fd[i]);
	keepsake_close(&k);
	unsetenv("LISTEN_FDS");
	unsetenv("LISTEN_PID");
	unsetenv("LISTEN_FDNAMES");
	return err;
}
