/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Scenarios: what a fleet goes through under one seed, and what must hold then. The program `sim`
 * runs each seed in a process of its own; a scenario returns when all is well, and ends in
 * sim_breach() otherwise.
 */
#ifndef IKEMESH_TEST_SCENARIO_SCENARIO_H
#define IKEMESH_TEST_SCENARIO_SCENARIO_H

#include "scenario/histogram.h"
#include "sim/sim.h"

struct scenario_options {
	struct sim_options sim; /* seed and trace are filled in; the rest is the scenario's */
	unsigned hosts;		/* 0: as the scenario has it */
	unsigned days;		/* the same */
	bool sealed;		/* IKE messages by the library's ciphers */
	bool brief;		/* as little as shows anything */
	bool verbose;		/* tells of its progress */
};

/* What a run found; travels through a pipe, so that it points to nothing. */
struct outcome {
	uint64_t seed;
	bool done;	      /* no breach */
	int64_t converged_us; /* until the last pair had its one CHILD_SA; 0: no such time */
	struct histogram up;  /* until each pair was up, microseconds */
	struct sim_tally tally;
	uint64_t events, datagrams, digest;
	size_t pairs;
	double cpu_s;
	char text[200]; /* the breach, or something to tell */
};

struct scenario {
	const char *name;
	const char *what;
	unsigned seeds;				       /* that it is usually run with */
	unsigned brief_seeds, brief_hosts, brief_days; /* for the test suite; 0: as usual */
	void (*run)(const struct scenario_options *o, struct outcome *out);
};

extern const struct scenario scenario_cold, scenario_rekey, scenario_large, scenario_year,
	scenario_nat, scenario_roam;

/* rows.c: cheap stand-ins for sealing and key derivation, in this process; off at first. */
void scenario_cheap_rows(bool on);
/* NULL: there is none, as in every ordinary build. */
const struct sim_core *scenario_other_core(struct sim_core *room);

/*
 * Seeds differ in more than their luck: in some all hosts share one certificate, in some they speak
 * IPv6, in some the kernel notices soft limits late.
 */
struct sim *scenario_sim(const struct scenario_options *o, unsigned hosts,
			 const struct wire_manners *wire);
/* What every scenario tells in the end. */
void scenario_tell(const struct sim *s, struct outcome *out);
/* No host had to mend a breach of "one live CHILD_SA a pair" by its self-check. */
void scenario_check_unrepaired(const struct sim *s);
/* Both send to each other: a packet each interval_us, from some moment of the first on. */
void scenario_talk(struct sim *s, unsigned a, unsigned b, int64_t interval_us, int64_t for_us);

#endif
