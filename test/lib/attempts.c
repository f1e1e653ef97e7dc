/* SPDX-License-Identifier: Apache-2.0 */
#include "lib/attempts.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <linux/bpf.h>
#include <linux/capability.h>
#include <linux/netlink.h>
#include <netinet/in.h>
#include <sched.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>

static int outcome(long r)
{
	return r < 0 ? -errno : 0;
}

static int close_again(int fd)
{
	if (fd < 0)
		return -errno;
	close(fd);
	return 0;
}

/* ---- files ----------------------------------------------------------------------------------- */

static int read_config(const struct victim *v)
{
	return v->config != NULL ? close_again(open(v->config, O_RDONLY | O_CLOEXEC)) : -ENOENT;
}

static int read_key(const struct victim *v)
{
	return v->key != NULL ? close_again(open(v->key, O_RDONLY | O_CLOEXEC)) : -ENOENT;
}

static int write_at(const char *path)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);

	if (fd >= 0)
		unlink(path);
	return close_again(fd);
}

static int write_etc(const struct victim *v)
{
	(void)v;
	return write_at("/etc/ikemesh-attempt");
}

static int write_usr(const struct victim *v)
{
	(void)v;
	return write_at("/usr/sbin/ikemesh-attempt");
}

static int write_var(const struct victim *v)
{
	(void)v;
	return write_at("/var/spool/ikemesh-attempt");
}

static int overwrite_passwd(const struct victim *v)
{
	(void)v;
	return close_again(open("/etc/passwd", O_WRONLY | O_APPEND | O_CLOEXEC));
}

static int write_sysctl(const struct victim *v)
{
	(void)v;
	return close_again(open("/proc/sys/kernel/core_pattern", O_WRONLY | O_CLOEXEC));
}

static int make_device(const struct victim *v)
{
	(void)v;
	if (mknod("/tmp/ikemesh-attempt", S_IFCHR | 0600, 0x101) != 0)
		return -errno;
	return unlink("/tmp/ikemesh-attempt");
}

/* ---- the keyholder --------------------------------------------------------------------------- */

static int attach(const struct victim *v)
{
	int err = outcome(ptrace(PTRACE_SEIZE, v->keyholder, NULL, NULL));

	if (err == 0)
		ptrace(PTRACE_DETACH, v->keyholder, NULL, NULL);
	return err;
}

static int open_memory(const struct victim *v)
{
	char path[64];

	snprintf(path, sizeof(path), "/proc/%d/mem", (int)v->keyholder);
	return close_again(open(path, O_RDONLY | O_CLOEXEC));
}

static int read_memory(const struct victim *v)
{
	char octet;
	struct iovec here = { &octet, 1 }, there = { (void *)(uintptr_t)4096, 1 };
	long r = process_vm_readv(v->keyholder, &here, 1, &there, 1, 0);

	return r < 0 && errno == EFAULT ? 0 : outcome(r); /* it was allowed to look */
}

static int take_descriptor(const struct victim *v)
{
	int pidfd = (int)syscall(SYS_pidfd_open, v->keyholder, 0), fd, err;

	if (pidfd < 0)
		return -errno;
	fd = (int)syscall(SYS_pidfd_getfd, pidfd, 0, 0);
	err = fd >= 0 || errno == EBADF ? 0 : -errno;
	if (fd >= 0)
		close(fd);
	close(pidfd);
	return err;
}

static int signal_it(const struct victim *v)
{
	return outcome(kill(v->keyholder, SIGCONT));
}

/* ---- programs, processes and code ------------------------------------------------------------ */

static int execute(const struct victim *v)
{
	char *const argv[] = { "true", NULL };

	(void)v;
	return outcome(execv("/bin/true", argv));
}

static int execute_memory(const struct victim *v)
{
	char *const argv[] = { "true", NULL }, *const env[] = { NULL };
	int from = open("/bin/true", O_RDONLY | O_CLOEXEC),
	    to = memfd_create("attempt", MFD_CLOEXEC);
	char part[4096];
	ssize_t n;
	int err = from >= 0 && to >= 0 ? 0 : -errno;

	(void)v;
	while (err == 0 && (n = read(from, part, sizeof(part))) > 0)
		if (write(to, part, (size_t)n) != n)
			err = -EIO;
	if (err == 0)
		err = outcome(syscall(SYS_execveat, to, "", argv, env, AT_EMPTY_PATH));
	close(from);
	close(to);
	return err;
}

static int fork_one(const struct victim *v)
{
	pid_t child = (pid_t)syscall(SYS_fork);

	(void)v;
	if (child == 0)
		_exit(0);
	if (child < 0)
		return -errno;
	waitpid(child, NULL, 0);
	return 0;
}

static int clone_one(const struct victim *v)
{
	pid_t child = (pid_t)syscall(SYS_clone, SIGCHLD, NULL, NULL, NULL, NULL);

	(void)v;
	if (child == 0)
		_exit(0);
	if (child < 0)
		return -errno;
	waitpid(child, NULL, 0);
	return 0;
}

static int map_code(const struct victim *v)
{
	void *p = mmap(NULL, 4096, PROT_READ | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	(void)v;
	return p == MAP_FAILED ? -errno : munmap(p, 4096);
}

static int make_code(const struct victim *v)
{
	void *p = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	int err;

	(void)v;
	if (p == MAP_FAILED)
		return -errno;
	err = outcome(mprotect(p, 4096, PROT_READ | PROT_EXEC));
	munmap(p, 4096);
	return err;
}

/* ---- sockets --------------------------------------------------------------------------------- */

#define SOCKET(name, family, type, protocol)                        \
	static int name(const struct victim *v)                     \
	{                                                           \
		(void)v;                                            \
		return close_again(socket(family, type, protocol)); \
	}

SOCKET(socket_unix_stream, AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0)
SOCKET(socket_unix_datagram, AF_UNIX, SOCK_DGRAM, 0)
SOCKET(socket_tcp, AF_INET, SOCK_STREAM, 0)
SOCKET(socket_udp, AF_INET, SOCK_DGRAM, 0)
SOCKET(socket_tcp6, AF_INET6, SOCK_STREAM, 0)
SOCKET(socket_udp6, AF_INET6, SOCK_DGRAM | SOCK_NONBLOCK, 0)
SOCKET(socket_raw, AF_INET, SOCK_RAW, IPPROTO_TCP)
SOCKET(socket_raw6, AF_INET6, SOCK_RAW, IPPROTO_ICMPV6)
SOCKET(socket_packet, AF_PACKET, SOCK_RAW, 0)
SOCKET(socket_route, AF_NETLINK, SOCK_RAW, NETLINK_ROUTE)
SOCKET(socket_netfilter, AF_NETLINK, SOCK_RAW, NETLINK_NETFILTER)
SOCKET(socket_xfrm, AF_NETLINK, SOCK_RAW, NETLINK_XFRM)
SOCKET(socket_key, AF_KEY, SOCK_RAW, 2)
SOCKET(socket_alg, AF_ALG, SOCK_SEQPACKET, 0)
SOCKET(socket_vsock, AF_VSOCK, SOCK_STREAM, 0)

static int socket_pair(const struct victim *v)
{
	int ends[2];

	(void)v;
	if (socketpair(AF_UNIX, SOCK_STREAM, 0, ends) != 0)
		return -errno;
	close(ends[0]);
	return close(ends[1]);
}

/* Before there is such an option the kernel has looked at what may be said of it. */
static int replace_firewall(const struct victim *v)
{
	const int fd = (int)syscall(SYS_dup, 0);
	uint8_t octets[8] = { 0 };
	int err = outcome(syscall(SYS_setsockopt, fd, IPPROTO_IP, 64, octets, sizeof(octets)));

	(void)v;
	close(fd);
	return err == -ENOTSOCK ? 0 : err;
}

/* ---- rights ---------------------------------------------------------------------------------- */

static int become_root(const struct victim *v)
{
	(void)v;
	return outcome(syscall(SYS_setuid, 0));
}

static int join_group(const struct victim *v)
{
	(void)v;
	return outcome(syscall(SYS_setgid, 0));
}

static int more_capabilities(const struct victim *v)
{
	struct __user_cap_header_struct header = { .version = _LINUX_CAPABILITY_VERSION_3 };
	struct __user_cap_data_struct data[2] = { 0 };

	(void)v;
	data[0].permitted = data[0].effective =
		1u << CAP_NET_ADMIN | 1u << CAP_NET_RAW | 1u << CAP_SYS_ADMIN;
	return outcome(syscall(SYS_capset, &header, data));
}

static int new_namespace(const struct victim *v)
{
	(void)v;
	return outcome(unshare(CLONE_NEWNS));
}

static int user_namespace(const struct victim *v)
{
	(void)v;
	return outcome(unshare(CLONE_NEWUSER));
}

static int mount_one(const struct victim *v)
{
	(void)v;
	if (mount("none", "/mnt", "tmpfs", 0, NULL) != 0)
		return -errno;
	return outcome(umount("/mnt"));
}

static int change_root(const struct victim *v)
{
	(void)v;
	return outcome(chroot("/"));
}

static int more_files(const struct victim *v)
{
	struct rlimit limit;

	(void)v;
	if (getrlimit(RLIMIT_NOFILE, &limit) != 0)
		return -errno;
	return outcome(setrlimit(RLIMIT_NOFILE, &limit));
}

/* ---- the kernel ------------------------------------------------------------------------------ */

static int load_bpf(const struct victim *v)
{
	union bpf_attr a;

	(void)v;
	memset(&a, 0, sizeof(a));
	a.map_type = BPF_MAP_TYPE_ARRAY;
	a.key_size = a.value_size = 4;
	a.max_entries = 1;
	return close_again((int)syscall(SYS_bpf, BPF_MAP_CREATE, &a, sizeof(a)));
}

static int load_module(const struct victim *v)
{
	long r = syscall(SYS_init_module, "", 0, "");

	(void)v;
	return r < 0 && errno == ENOEXEC ? 0 : outcome(r); /* it was looked at */
}

static int add_key(const struct victim *v)
{
	(void)v;
	return outcome(syscall(SYS_add_key, "user", "ikemesh-attempt", "x", 1, -2));
}

static int io_ring(const struct victim *v)
{
	uint8_t parameters[120] = { 0 };

	(void)v;
	return close_again((int)syscall(SYS_io_uring_setup, 1, parameters));
}

static int fault_handler(const struct victim *v)
{
	(void)v;
	return close_again((int)syscall(SYS_userfaultfd, O_CLOEXEC));
}

static int set_host_name(const struct victim *v)
{
	char name[65] = "";

	(void)v;
	if (gethostname(name, sizeof(name) - 1) != 0)
		return -errno;
	return outcome(sethostname(name, strlen(name)));
}

static const struct attempt all[] = {
	{ "read the configuration", read_config, FOR_ROOT },
	{ "read the private key's file", read_key, FOR_ROOT },
	{ "make a file in /etc", write_etc, FOR_ROOT },
	{ "make a file in /usr/sbin", write_usr, FOR_ROOT },
	{ "make a file in /var/spool", write_var, FOR_ROOT },
	{ "write to /etc/passwd", overwrite_passwd, FOR_ROOT },
	{ "write to kernel.core_pattern", write_sysctl, IF_THE_KERNEL_HAS_IT },
	{ "make a device", make_device, FOR_ROOT },
	{ "ptrace the keyholder", attach, FOR_ROOT },
	{ "open the keyholder's memory", open_memory, FOR_ROOT },
	{ "read the keyholder's memory", read_memory, FOR_ROOT },
	{ "take the keyholder's descriptors", take_descriptor, FOR_ROOT },
	{ "send the keyholder a signal", signal_it, FOR_ROOT },
	{ "execute a program", execute, FOR_ROOT },
	{ "execute a program out of memory", execute_memory, FOR_ROOT },
	{ "fork", fork_one, FOR_ROOT },
	{ "clone", clone_one, FOR_ROOT },
	{ "map memory to be executed", map_code, FOR_ROOT },
	{ "make memory executable", make_code, FOR_ROOT },
	{ "open a socket: UNIX stream", socket_unix_stream, FOR_ROOT },
	{ "open a socket: UNIX datagram", socket_unix_datagram, FOR_ROOT },
	{ "open a socket: TCP", socket_tcp, FOR_ROOT },
	{ "open a socket: UDP", socket_udp, FOR_ROOT },
	{ "open a socket: TCP over IPv6", socket_tcp6, IF_THE_KERNEL_HAS_IT },
	{ "open a socket: UDP over IPv6", socket_udp6, IF_THE_KERNEL_HAS_IT },
	{ "open a socket: raw", socket_raw, FOR_ROOT },
	{ "open a socket: raw IPv6", socket_raw6, IF_THE_KERNEL_HAS_IT },
	{ "open a socket: packets", socket_packet, FOR_ROOT },
	{ "open a socket: netlink, routes", socket_route, FOR_ROOT },
	{ "open a socket: netlink, netfilter", socket_netfilter, IF_THE_KERNEL_HAS_IT },
	{ "open a socket: netlink, XFRM", socket_xfrm, FOR_ROOT },
	{ "open a socket: PF_KEY", socket_key, IF_THE_KERNEL_HAS_IT },
	{ "open a socket: AF_ALG", socket_alg, IF_THE_KERNEL_HAS_IT },
	{ "open a socket: AF_VSOCK", socket_vsock, IF_THE_KERNEL_HAS_IT },
	{ "make a pair of sockets", socket_pair, FOR_ROOT },
	{ "replace the firewall", replace_firewall, FOR_ROOT },
	{ "become root", become_root, FOR_ROOT },
	{ "join root's group", join_group, FOR_ROOT },
	{ "take more capabilities", more_capabilities, FOR_ROOT },
	{ "leave the mount namespace", new_namespace, FOR_ROOT },
	{ "make a user namespace", user_namespace, IF_THE_KERNEL_HAS_IT },
	{ "mount", mount_one, FOR_ROOT },
	{ "change the root directory", change_root, FOR_ROOT },
	{ "set a limit", more_files, FOR_ROOT },
	{ "load BPF", load_bpf, IF_THE_KERNEL_HAS_IT },
	{ "load a kernel module", load_module, IF_THE_KERNEL_HAS_IT },
	{ "add a key to a keyring", add_key, IF_THE_KERNEL_HAS_IT },
	{ "make an io_uring", io_ring, IF_THE_KERNEL_HAS_IT },
	{ "handle page faults", fault_handler, IF_THE_KERNEL_HAS_IT },
	{ "name the host", set_host_name, FOR_ROOT },
};

const struct attempt *attempts(size_t *n)
{
	*n = sizeof(all) / sizeof(all[0]);
	return all;
}

/* One that executes a program ends with its status, which is 0. */
int attempt_aside(const struct attempt *a, const struct victim *v)
{
	int status;
	pid_t child = fork();

	if (child == 0)
		_exit(-a->act(v));
	if (child < 0 || waitpid(child, &status, 0) != child)
		return -errno;
	return WIFEXITED(status) ? -WEXITSTATUS(status) : -ECHILD;
}
