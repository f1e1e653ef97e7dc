/* SPDX-License-Identifier: Apache-2.0 */
#ifndef IKEMESH_CTL_DISABLE_H
#define IKEMESH_CTL_DISABLE_H

/*
 * Ends all enforcement on this host: a running daemon is told to clean up and go, then whatever is
 * left of ours in the kernel is removed, and the sysctls get back the values that they had. Nothing
 * else is touched. Another IKE daemon that was started behind release() has its SAs before that
 * (handback.h). Says what it did; exit status.
 */
int disable(const char *run_dir);

/*
 * Ends the daemon alone: its peers are not told, and its SAs and policies carry the traffic until
 * disable(). Exit status.
 */
int release(const char *run_dir);

#endif
