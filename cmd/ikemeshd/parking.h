/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Raw sockets that are opened while that is allowed, and hear nothing until they are wanted: bound
 * to the loopback, where the kernel makes no copy of what came for any other address, behind a
 * filter that drops the rest.
 */
#ifndef IKEMESH_CMD_PARKING_H
#define IKEMESH_CMD_PARKING_H

#include <linux/filter.h>

/*
 * A raw socket, parked: the descriptor, which is the caller's to close, or negative errno.
 * bypass: see kernel_socket_bypass(); NULL: none (tests).
 */
int parking_open(int family, int protocol, int (*bypass)(int fd, int family));

/* From now on it hears what passes the filter, for any address. 0 or negative errno. */
int parking_leave(int fd, int family, const struct sock_fprog *filter);

/* It hears nothing more, and what it has heard is gone. */
void parking_return(int fd, int family);

/*
 * To park one that keeps a filter of its own, and to wake it: meanwhile it hears what is sent to
 * the loopback and passes the filter, which is gone when it wakes. 0 or negative errno.
 */
int parking_rest(int fd, int family);
int parking_wake(int fd, int family);

/* Another filter: nothing passes it. */
void parking_deafen(int fd);

#endif
