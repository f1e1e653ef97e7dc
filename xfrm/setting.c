/* SPDX-License-Identifier: Apache-2.0 */
/* The part of kernel.h that goes without netlink: socket options and sysctls. */
#include "xfrm/kernel.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/udp.h>
#include <linux/xfrm.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "xfrm/encode.h"
#include "xfrm/number.h"

int kernel_socket_bypass(int fd, int family)
{
	bool v4 = family == AF_INET;
	static const enum policy_dir dirs[] = { POLICY_IN, POLICY_OUT };

	for (size_t i = 0; i < 2; i++) {
		struct xfrm_userpolicy_info p = encode_socket_bypass(dirs[i], (uint16_t)family);

		if (setsockopt(fd, v4 ? IPPROTO_IP : IPPROTO_IPV6,
			       v4 ? IP_XFRM_POLICY : IPV6_XFRM_POLICY, &p, sizeof(p)))
			return -errno;
	}
	return 0;
}

int kernel_socket_ask(int fd, int family, uint32_t reqid)
{
	const struct socket_ask ask = encode_socket_ask(reqid, (uint16_t)family);
	const bool v4 = family == AF_INET;

	return setsockopt(fd, v4 ? IPPROTO_IP : IPPROTO_IPV6,
			  v4 ? IP_XFRM_POLICY : IPV6_XFRM_POLICY, &ask, sizeof(ask))
		       ? -errno
		       : 0;
}

int kernel_socket_udp_encap(int fd)
{
	int type = UDP_ENCAP_ESPINUDP;

	return setsockopt(fd, IPPROTO_UDP, UDP_ENCAP, &type, sizeof(type)) ? -errno : 0;
}

static int sysctl_file(const char *name, int flags)
{
	char path[128];
	int fd;

	if (strchr(name, '/') ||
	    (size_t)snprintf(path, sizeof(path), "/proc/sys/net/core/%s", name) >= sizeof(path))
		return -EINVAL;
	fd = open(path, flags | O_CLOEXEC);
	return fd < 0 ? -errno : fd;
}

static int sysctl_get(const char *name, int *value)
{
	char text[32] = "";
	int fd = sysctl_file(name, O_RDONLY);
	ssize_t n;

	if (fd < 0)
		return fd;
	n = read(fd, text, sizeof(text) - 1);
	close(fd);
	return n > 0 && number_int(text, value) ? 0 : -EIO;
}

int kernel_sysctl_set(const char *name, int value, int *old)
{
	char text[32];
	int was = 0, fd, r;
	size_t len;

	r = sysctl_get(name, &was);
	if (old)
		*old = was;
	if (r || was == value)
		return r;
	fd = sysctl_file(name, O_WRONLY);
	if (fd < 0)
		return fd;
	len = (size_t)snprintf(text, sizeof(text), "%d\n", value);
	r = write(fd, text, len) == (ssize_t)len ? 0 : -errno;
	close(fd);
	return r;
}
