/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a process that talks to strangers may still ask of the kernel, once it has all that it
 * needs: a list of system calls, held by seccomp for all of its threads and for ever. A call that
 * is not on the list fails with EPERM and is told to the kernel's log (audit, type 1326): who was
 * turned hostile gains nothing by it, and a rare way through a library that nobody has thought of
 * costs that one thing, and not the host's protection.
 *
 * The filter sees numbers and not what pointers lead to. Which files may be written is held by the
 * owner's rights, by the unit of systemd, and by landlock where the kernel has it: see landlock.h.
 */
#ifndef IKEMESH_CMD_SANDBOX_H
#define IKEMESH_CMD_SANDBOX_H

enum sandbox {
	/*
	 * The engine: packets, netlink and files that are there. No other program, no process, no
	 * thread, no code that was not loaded before, no socket but what leads to the keyholder
	 * (AF_UNIX, SOCK_SEQPACKET), no option but those of SOL_SOCKET.
	 */
	SANDBOX_ENGINE,
	/* The keyholder: reads files, answers on the connections that it has accepted, signs. */
	SANDBOX_KEYHOLDER,
	/*
	 * The keyholder where a library drives the token that the key is in: that loads code, talks
	 * to its daemon or its network, has threads and files of its own. No other program still,
	 * and none of what changes the system.
	 */
	SANDBOX_TOKEN,
};

/* 0 or negative errno: -ENOSYS, a kernel without CONFIG_SECCOMP_FILTER. Sets no_new_privs. */
int sandbox_enter(enum sandbox which);

#endif
