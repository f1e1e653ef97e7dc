/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What is said to the service manager (sd_notify(3)): by one socket, which is opened at the first
 * word and kept, where libsystemd opens one for each. Who may open none later on says something
 * early. To be called from one thread.
 */
#ifndef IKEMESH_CMD_NOTIFY_H
#define IKEMESH_CMD_NOTIFY_H

#include <stdbool.h>

/*
 * All three return 1: said; 0: nobody wants to hear ($NOTIFY_SOCKET is not set); or negative errno.
 */
int notify(const char *text);
int __attribute__((format(printf, 1, 2))) notifyf(const char *format, ...);
int notify_with(const char *text, int fd); /* the manager gets a copy of fd */

/*
 * May a process with few rights have this said by one whose word counts for more? Each line is
 * about its own state; none names a process (MAINPID=) or sets the watchdog.
 */
bool notify_is_harmless(const char *text);

/* Waits until the manager has read all that was said; -ETIMEDOUT: not within timeout_ms. */
int notify_barrier(int timeout_ms);

#endif
