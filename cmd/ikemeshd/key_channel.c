/* SPDX-License-Identifier: Apache-2.0 */
#include "cmd/ikemeshd/key_channel.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#define BACKLOG 8
#define SEALS (F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE)

/* ---- ends ---------------------------------------------------------------------------------- */

static int address_of(const char *path, struct sockaddr_un *out)
{
	*out = (struct sockaddr_un){ .sun_family = AF_UNIX };
	if (strlen(path) >= sizeof(out->sun_path))
		return -ENAMETOOLONG;
	memcpy(out->sun_path, path, strlen(path) + 1);
	return 0;
}

/* Closes fd after what failed. */
static int failed(int fd)
{
	int err = -errno;

	close(fd);
	return err;
}

int key_channel_listen(const char *path, unsigned user)
{
	struct sockaddr_un a;
	int err = address_of(path, &a), fd;

	if (err != 0)
		return err;
	fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0)
		return -errno;
	if (unlink(path) != 0 && errno != ENOENT)
		return failed(fd);
	/* Linux keeps the mode of the socket itself for the name that it is bound to. */
	if (fchmod(fd, 0600) != 0 || bind(fd, (const struct sockaddr *)&a, sizeof(a)) != 0 ||
	    listen(fd, BACKLOG) != 0 || (user != geteuid() && chown(path, user, (gid_t)-1) != 0))
		return failed(fd);
	return fd;
}

int key_channel_connect(const char *path)
{
	struct sockaddr_un a;
	int err = address_of(path, &a), fd;

	if (err != 0)
		return err;
	fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0)
		return -errno;
	return connect(fd, (const struct sockaddr *)&a, sizeof(a)) == 0 ? fd : failed(fd);
}

int key_channel_accept(int listener, unsigned user)
{
	struct ucred who;
	socklen_t n = sizeof(who);
	int fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);

	if (fd < 0)
		return -errno;
	if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &who, &n) != 0)
		return failed(fd);
	if (who.uid == 0 || who.uid == user || who.uid == geteuid())
		return fd;
	close(fd);
	return -EPERM;
}

/* ---- messages ------------------------------------------------------------------------------ */

/* Room for one descriptor, and one that is too many. */
union ancillary {
	struct cmsghdr head;
	char octets[CMSG_SPACE(2 * sizeof(int))];
};

int key_channel_send(int fd, struct bytes message, int content)
{
	struct iovec part = { .iov_base = (void *)message.p, .iov_len = message.n };
	struct msghdr m = { .msg_iov = &part, .msg_iovlen = 1 };
	union ancillary a = { 0 };

	if (content >= 0) {
		m.msg_control = a.octets;
		m.msg_controllen = CMSG_SPACE(sizeof(int));
		a.head = (struct cmsghdr){ .cmsg_level = SOL_SOCKET,
					   .cmsg_type = SCM_RIGHTS,
					   .cmsg_len = CMSG_LEN(sizeof(int)) };
		memcpy(CMSG_DATA(&a.head), &content, sizeof(content));
	}
	if (sendmsg(fd, &m, MSG_DONTWAIT | MSG_NOSIGNAL) >= 0)
		return 0;
	return errno == EINTR ? -EAGAIN : -errno;
}

/* The first descriptor is kept in *content; the others are closed. Returns how many there were. */
static size_t take_descriptors(struct msghdr *m, int *content)
{
	size_t n = 0;

	for (struct cmsghdr *c = CMSG_FIRSTHDR(m); c != NULL; c = CMSG_NXTHDR(m, c)) {
		if (c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_RIGHTS)
			continue;
		for (size_t at = 0; CMSG_LEN(at + sizeof(int)) <= c->cmsg_len; at += sizeof(int)) {
			int fd;

			memcpy(&fd, CMSG_DATA(c) + at, sizeof(fd));
			if (n++ == 0)
				*content = fd;
			else
				close(fd);
		}
	}
	return n;
}

int key_channel_receive(int fd, uint8_t *buffer, size_t room, size_t *n, int *content)
{
	struct iovec part = { .iov_base = buffer, .iov_len = room };
	union ancillary a;
	struct msghdr m = { .msg_iov = &part,
			    .msg_iovlen = 1,
			    .msg_control = a.octets,
			    .msg_controllen = sizeof(a.octets) };
	ssize_t got = recvmsg(fd, &m, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
	size_t descriptors;
	bool cut;

	*content = -1;
	*n = 0;
	if (got < 0)
		return errno == EINTR ? -EAGAIN : -errno;
	if (got == 0 && m.msg_controllen == 0)
		return -EPIPE;
	descriptors = take_descriptors(&m, content);
	cut = (m.msg_flags & MSG_CTRUNC) != 0;
	if (descriptors > 1 || (descriptors == 1 && cut) || (m.msg_flags & MSG_TRUNC)) {
		if (*content >= 0)
			close(*content);
		*content = -1;
		return -EBADMSG;
	}
	*n = (size_t)got;
	/* There is room for two: it was this process that had no descriptor for one. */
	return cut ? -EMFILE : 0;
}

/* ---- what is long -------------------------------------------------------------------------- */

static int write_all(int fd, struct bytes b)
{
	while (b.n > 0) {
		ssize_t n = write(fd, b.p, b.n);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return n < 0 ? -errno : -EIO;
		b = BYTES(b.p + n, b.n - (size_t)n);
	}
	return 0;
}

int key_content_put(struct bytes octets)
{
	int fd, err;

	if (octets.n > KEY_CONTENT_MAX)
		return -EFBIG;
	fd = memfd_create("ikemesh-keyholder", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	if (fd < 0)
		return -errno;
	err = write_all(fd, octets);
	if (err == 0 && fcntl(fd, F_ADD_SEALS, SEALS) != 0)
		err = -errno;
	if (err == 0)
		return fd;
	close(fd);
	return err;
}

static int read_all(int fd, struct secret *out)
{
	size_t at = 0;

	while (at < out->n) {
		ssize_t n = pread(fd, out->p + at, out->n - at, (off_t)at);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return -EBADMSG;
		at += (size_t)n;
	}
	return 0;
}

int key_content_take(int fd, struct secret *out)
{
	const int seals = fcntl(fd, F_GET_SEALS);
	struct stat st;
	int err;

	*out = (struct secret){ 0 };
	if (seals < 0 || (seals & SEALS) != SEALS || fstat(fd, &st) != 0 || st.st_size <= 0 ||
	    st.st_size > (off_t)KEY_CONTENT_MAX)
		return -EBADMSG;
	if (secret_new(out, (size_t)st.st_size) != 0)
		return -EBADMSG;
	err = read_all(fd, out);
	if (err != 0)
		secret_free(out);
	return err;
}
