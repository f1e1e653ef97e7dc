/* SPDX-License-Identifier: Apache-2.0 */
#ifndef IKEMESH_CTL_DISABLE_H
#define IKEMESH_CTL_DISABLE_H

/*
 * Ends all enforcement on this host: a running daemon is told to clean up and go, then whatever is
 * left of ours in the kernel is removed, and the sysctls get back the values that they had. Nothing
 * else is touched. Says what it did; exit status.
 */
int disable(const char *run_dir);

/*
 * Ends the daemon alone: its peers are not told, and its SAs and policies stay behind those of
 * another IKE daemon that is started next. Exit status.
 */
int release(const char *run_dir);

#endif
