/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The network between hosts: delay, jitter (and so reordering), loss, duplication, partitions; one
 * set of manners for all, and others for some pairs.
 */
#ifndef IKEMESH_TEST_SIM_WIRE_H
#define IKEMESH_TEST_SIM_WIRE_H

#include "ike/ip.h"
#include "sim/rng.h"

#define WIRE_MTU 1500
#define WIRE_COPIES 2

/* One direction. */
struct wire_manners {
	int64_t delay_us;
	int64_t jitter_us; /* 0 to this much is added: larger than the spacing, it reorders */
	double loss;	   /* of one IP packet */
	double duplicate;
};

struct wire_exception {
	unsigned from, to;
	struct wire_manners manners;
};

struct wire {
	struct wire_manners manners;
	struct wire_exception *exceptions;
	size_t n_exceptions;
	unsigned *part; /* by host: hosts of different numbers cannot reach each other */
	size_t n_hosts;
	uint64_t packets, lost, duplicated, octets;
};

void wire_init(struct wire *w, size_t n_hosts, const struct wire_manners *manners);
void wire_free(struct wire *w);
/* From one host to another; the way back has its own. */
void wire_except(struct wire *w, unsigned from, unsigned to, const struct wire_manners *manners);
void wire_part(struct wire *w, unsigned host, unsigned part);
const struct wire_manners *wire_manners_of(const struct wire *w, unsigned from, unsigned to);

/*
 * What becomes of n octets of IP payload: how many copies arrive (0 to WIRE_COPIES), and after how
 * many microseconds each. More than the MTU travels in IP fragments: all must arrive.
 */
size_t wire_carry(struct wire *w, struct rng *r, unsigned from, unsigned to, size_t n,
		  int64_t after_us[static WIRE_COPIES]);

#endif
