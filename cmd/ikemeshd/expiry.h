/* SPDX-License-Identifier: Apache-2.0 */
/*
 * When certificates and CRLs end, said in time: once at each threshold, and once when it is over.
 * A pure function of the items, the thresholds and the time of day handed in, which may jump: after
 * a jump forward only the nearest threshold is said, and after one back nothing is said again.
 */
#ifndef IKEMESH_CMD_EXPIRY_H
#define IKEMESH_CMD_EXPIRY_H

#include "ike/action.h"

#include <time.h>

enum expiry_what {
	EXPIRY_OWN,  /* instance_certificate and its intermediates */
	EXPIRY_CA,   /* ca_certificates */
	EXPIRY_CRL,  /* crls */
	EXPIRY_PEER, /* what peers show */
};

/* Texts are borrowed for the call. */
struct expiry_item {
	enum expiry_what what;
	const char *subject;
	const char *fingerprint; /* tells it from all others of its kind */
	const char *whom;	 /* EXPIRY_PEER: "10.1.0.2 and 3 others" */
	time_t not_before;	 /* EXPIRY_CRL: this update */
	time_t not_after;
};

#define EXPIRY_TEXT_LEN 768
typedef void expiry_say(void *arg, enum report_level level, const char *text);

struct expiry;

struct expiry *expiry_new(void); /* NULL on no memory */
void expiry_free(struct expiry *x);

#define EXPIRY_REMEMBERED 4096 /* items that something was said of */

/* days: the thresholds, in any order. */
void expiry_check(struct expiry *x, const struct expiry_item *items, size_t n, const uint32_t *days,
		  size_t n_days, time_t now, expiry_say *say, void *arg);

/*
 * The smallest threshold that is reached, 0: it is over, EXPIRY_NONE: none is. A CRL is replaced
 * often: what is longer than half of its life is no threshold for it.
 */
#define EXPIRY_NONE UINT32_MAX
uint32_t expiry_due(const struct expiry_item *item, const uint32_t *days, size_t n_days,
		    time_t now);

/* What is said of it now, in out. */
void expiry_text(const struct expiry_item *item, time_t now, char out[static EXPIRY_TEXT_LEN]);

#endif
