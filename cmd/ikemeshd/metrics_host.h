/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the host says of this process, and of IPsec in its network namespace. The files are opened
 * at the start and stay so, as a sandbox may not let them be opened later.
 */
#ifndef IKEMESH_CMD_METRICS_HOST_H
#define IKEMESH_CMD_METRICS_HOST_H

#include <jansson.h>
#include <stdint.h>

struct metrics_host {
	int statm, xfrm_stat; /* -1: not there */
};

void metrics_host_open(struct metrics_host *h);
void metrics_host_open_self(struct metrics_host *h); /* without what is the host's */
void metrics_host_close(struct metrics_host *h);

uint64_t host_resident_bytes(const struct metrics_host *h); /* 0: not known */
uint64_t host_cpu_us(void);				    /* user and system, all threads */

/* /proc/net/xfrm_stat: {"XfrmInError": 0, ...}; empty where the kernel does not count. */
json_t *host_xfrm_stat(const struct metrics_host *h);

/* The same of its text: lines "NAME  VALUE"; others are passed over. */
json_t *host_xfrm_stat_parse(const char *text);

#endif
