/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a process that was turned hostile would try: each attempt is one call, made for real. What
 * it gained it lets go again, so that the next one is as good.
 */
#ifndef IKEMESH_TEST_ATTEMPTS_H
#define IKEMESH_TEST_ATTEMPTS_H

#include <stddef.h>
#include <sys/types.h>

/* Whom it is about. */
struct victim {
	const char *config, *key; /* files; NULL: not tried */
	pid_t keyholder;	  /* or another process; 0: not tried */
};

struct attempt {
	const char *what;
	/* 0: it could; negative errno: it was refused. Some do not return if they could. */
	int (*act)(const struct victim *v);
	/* To root, before anything is refused; or not even to him, in some kernels. */
	enum { FOR_ROOT, IF_THE_KERNEL_HAS_IT } possible;
};

const struct attempt *attempts(size_t *n);

/* The same in a child of its own: -ECHILD if it died of it. */
int attempt_aside(const struct attempt *a, const struct victim *v);

#endif
