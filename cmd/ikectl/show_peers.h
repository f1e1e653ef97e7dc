/* SPDX-License-Identifier: Apache-2.0 */
/* `ikectl status`: one line a pair, or all about one peer, from the daemon's status document. */
#ifndef IKEMESH_CTL_SHOW_PEERS_H
#define IKEMESH_CTL_SHOW_PEERS_H

#include "cmd/ikectl/colour.h"

#include <jansson.h>
#include <stdio.h>

/* status: as `statusall --json` prints it, or what "status" answers for one peer. */
void show_peers(const json_t *status, const struct palette *p, FILE *out);

/*
 * up, connecting, waiting, backing off, down; clear: no SA, and none is needed; bypassed; never:
 * protected, and nothing was ever sent. pair: NULL if there is none; ruling: the subnets' for it.
 */
const char *peer_state(const json_t *pair, const char *ruling);

/* "45s", "12m", "3h", "5d": at most 8 characters. */
#define SHORT_TIME_LEN 24
const char *short_time(json_int_t seconds, char out[static SHORT_TIME_LEN]);

/* "812", "1.2K", "34M": octets. */
#define SHORT_SIZE_LEN 24
const char *short_size(json_int_t octets, char out[static SHORT_SIZE_LEN]);

/* "rule: 10.1.0.0/16 of ipsec_subnets: ESP or nothing": of status's object peer. */
void show_rule(const json_t *peer, FILE *out);

#endif
