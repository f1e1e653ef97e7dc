/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a host had before us, kept so that it can have it back: sysctls in RUN_DIR/sysctl, the
 * default policy in RUN_DIR/default-policy. Lines "NAME VALUE". Whoever comes first writes: the
 * boot unit or the daemon, and none of them takes our own values for the host's.
 */
#ifndef IKEMESH_XFRM_FOUND_H
#define IKEMESH_XFRM_FOUND_H

#include "xfrm/kernel.h"

struct found_value {
	const char *name; /* a sysctl under /proc/sys/net/core */
	int value;
};

/* 0, also if there is such a file already; or negative errno. */
int found_keep_sysctls(const char *run_dir, const struct found_value *values, size_t n);

/*
 * Puts them back and forgets them. Each is told, with 0 or negative errno, through `told` (may be
 * NULL). 0, also if nothing was kept, or the first error; what was kept is kept then.
 */
typedef void (*found_told)(void *arg, const char *name, int value, int error);
int found_restore_sysctls(const char *run_dir, found_told told, void *arg);

/* Has strict() set the default policy, and not loosened it since? */
bool found_is_strict(const char *run_dir);
/* Keeps what the default policy is and sets it to block, in, out and fwd; 0 or negative errno. */
int found_strict(struct kernel *k, const char *run_dir);
/* The way back; 0 also if there is none to go. */
int found_loosen(struct kernel *k, const char *run_dir);

#endif
