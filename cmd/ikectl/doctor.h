/* SPDX-License-Identifier: Apache-2.0 */
/*
 * `ikectl doctor`: what is amiss on this host, and how to mend it. The facts are gathered first
 * (facts.h); each check is a row of a table and a pure function from the facts to findings.
 */
#ifndef IKEMESH_CTL_DOCTOR_H
#define IKEMESH_CTL_DOCTOR_H

#include "cmd/ikectl/colour.h"
#include "cmd/ikectl/facts.h"

#include <stdio.h>

/* The worst of all is the exit status. */
enum health {
	HEALTH_GOOD = 0,
	HEALTH_WARNING = 1,
	HEALTH_ERROR = 2,
};

struct finding {
	const char *check; /* the row's name */
	enum health verdict;
	char *text;
	char *mend; /* NULL: nothing to do */
};

struct findings {
	struct finding *p;
	size_t n, room;
	const char *check; /* under way */
	bool no_memory;
};

void found(struct findings *f, enum health verdict, const char *format, ...)
	__attribute__((format(printf, 3, 4)));
/* What to do about the last one found. */
void mend(struct findings *f, const char *format, ...) __attribute__((format(printf, 2, 3)));
void findings_free(struct findings *f);

/* All checks, in the table's order. */
void doctor_examine(const struct facts *facts, struct findings *out);
enum health doctor_verdict(const struct findings *f);
void doctor_print(const struct findings *f, const struct palette *p, FILE *out);
json_t *doctor_json(const struct findings *f);

/* The checks, each on its own. */
void check_daemon(const struct facts *facts, struct findings *out);
void check_keyholder(const struct facts *facts, struct findings *out);
void check_exposure(const struct facts *facts, struct findings *out);
void check_configuration(const struct facts *facts, struct findings *out);
void check_kernel(const struct facts *facts, struct findings *out);
void check_sysctls(const struct facts *facts, struct findings *out);
void check_swap(const struct facts *facts, struct findings *out);
void check_clock(const struct facts *facts, struct findings *out);
void check_certificates(const struct facts *facts, struct findings *out);
void check_trust(const struct facts *facts, struct findings *out);
void check_policies(const struct facts *facts, struct findings *out);
void check_peers(const struct facts *facts, struct findings *out);
void check_esp(const struct facts *facts, struct findings *out);
void check_clear(const struct facts *facts, struct findings *out);
void check_load(const struct facts *facts, struct findings *out);
void check_mtu(const struct facts *facts, struct findings *out);
void check_icmp_errors(const struct facts *facts, struct findings *out);
void check_path(const struct facts *facts, struct findings *out);
void check_counters(const struct facts *facts, struct findings *out);

#endif
