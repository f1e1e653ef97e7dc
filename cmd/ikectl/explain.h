/* SPDX-License-Identifier: Apache-2.0 */
/* `ikectl explain ADDRESS[:PORT][/PROTOCOL]`: which rule decides on an address, and why. */
#ifndef IKEMESH_CTL_EXPLAIN_H
#define IKEMESH_CTL_EXPLAIN_H

#include "cmd/ikectl/command.h"
#include "ike/ip.h"

#include <getopt.h>
#include <stdio.h>

extern const struct option explain_options[];
enum status explain_run(const struct invocation *in);

struct target {
	struct ip address;
	uint8_t protocol; /* 0: any */
	uint16_t port;	  /* 0: any; host order */
};

/*
 * "10.0.0.1", "10.0.0.1:53/udp", "[fd00::1]:443"; protocol is that of the option, or NULL. A port
 * alone is TCP's. false: it is no such thing.
 */
bool target_parse(const char *text, const char *protocol, struct target *out);

void explain_show(const json_t *answer, FILE *out);

#endif
