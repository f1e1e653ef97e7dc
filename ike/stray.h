/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ESP that the kernel has no SA for. A peer goes on sending on SAs that this host lost, by a reboot
 * say, and would until its dead-peer timer says so: we begin afresh instead, at once.
 *
 * Anybody can send ESP under any address, so a forger must gain nothing by it:
 *  - only sources under an enforced subnet count, and two packets of one SPI with rising sequence
 *    numbers (random SPIs never make a pair of packets);
 *  - a source is sent one IKE_SA_INIT, which is not repeated, and only when its strays amount to as
 *    many octets as that will have, headers of IP included: so nobody is sent more octets than came
 *    here in his name;
 *  - while nothing answers, the next one is due after 0.5, 1, 2, 4 … 60 s, has to be paid for in
 * the same way, and takes the place of the one before; and one bucket limits all;
 *  - until it is answered there is no pair: the IKE SA under way belongs to a *suspect*, a pair
 * that is on no list, in no status and of which there are SUSPECTS_MAX at most. An answer proves
 * that the source is where it says, as it names our SPI of 64 random bits;
 *  - where an IKE SA with the peer lives, it is told there, by DELETE, that the SPI is unknown.
 * Memory is a table of STRAY_SOURCES at most. A source that finds no place in it is forgotten: the
 * dead-peer timers are still there.
 */
#ifndef IKEMESH_IKE_STRAY_H
#define IKEMESH_IKE_STRAY_H

#include "ike/core.h"

#define STRAY_SOURCES 1024 /* remembered at once */
#define SUSPECTS_MAX 100   /* asked and not yet answered */
#define STRAY_BURST 100	   /* IKE_SA_INITs and DELETEs in all, at once */
#define STRAY_PER_S 100

/* EVENT_STRAY_ESP */
void stray_esp(struct engine *e, const struct event *event);

/* The suspect's IKE SA was answered: its pair is a pair like any other from here on. */
void stray_answered(struct engine *e, struct ike_sa *sa);
/* Nothing answered so far: no repetition; after SUSPECT_LIFE_US the attempt is dropped. */
#define SUSPECT_LIFE_US INT64_C(5000000)
void stray_unanswered(struct engine *e, struct ike_sa *sa);
/* Traffic of our own wants the pair: what is under way for the suspect serves it. */
void stray_wanted(struct engine *e, struct pair *p);

void stray_close_suspects(struct engine *e);
void stray_free(struct engine *e);

#endif
