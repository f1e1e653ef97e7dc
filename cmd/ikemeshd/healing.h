/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Finds out who sends on SAs that this host does not have (ike/stray.h says what is done about it).
 *
 * The kernel drops such ESP in silence and counts it: XfrmInNoStates in /proc/net/xfrm_stat. The
 * counter is read every HEALING_YOUNG_US in the first HEALING_YOUNG_FOR_US, when a reboot would
 * show. Later on it is read on the grid of CLOCK_REST_US, together with what else an idle host
 * looks at, or every HEALING_IDLE_US while it is listened, and for HEALING_WARY_US after a peer was
 * found dead that may not know it, or SAs went beneath us. When it rises, or has risen before we
 * came, the tap is made to listen, until it has not risen for HEALING_CALM_US. Without that counter
 * (CONFIG_XFRM_STATISTICS) the tap listens while the daemon is young, and never again. Its sockets
 * are opened at the start, and parked while it does not listen.
 *
 * Only that one counter matters: XfrmInStateInvalid, ...Expired, ...ProtoError and the like tell of
 * SAs that are there, and XfrmInNoPols and XfrmInTmplMismatch of packets that were not for us to
 * decrypt.
 */
#ifndef IKEMESH_CMD_HEALING_H
#define IKEMESH_CMD_HEALING_H

#include "ike/event.h"

#define HEALING_YOUNG_US INT64_C(20000)
#define HEALING_YOUNG_FOR_US INT64_C(10000000)
#define HEALING_IDLE_US INT64_C(250000)
#define HEALING_WARY_US INT64_C(3600000000)
#define HEALING_CALM_US INT64_C(2000000)
#define HEALING_PAUSE_US INT64_C(10000) /* after a turn that left packets unread */
#define HEALING_RETRY_US INT64_C(10000000)

struct healing;

struct healing_options {
	const char *stat_path; /* NULL: the one of this network namespace */
	uint16_t port_natt;    /* 0: ESP in UDP is not looked for */
	int (*bypass)(int fd, int family);
	/* Does the kernel have this inbound SA? */
	bool (*held)(void *arg, const struct sa_ref *ref);
	void (*stray)(void *arg, const struct event *event);
	/* The tap listens for rises of the counter since the last look, or could not be: error.
	 */
	void (*told)(void *arg, uint64_t rises, int error);
	void *arg;
};

/* options is copied. 0 or negative errno. */
int healing_open(const struct healing_options *options, struct mono now, struct healing **out);
void healing_close(struct healing *h); /* NULL is fine */
int healing_fd(const struct healing *h);
void healing_turn(struct healing *h, struct mono now); /* the descriptor is readable */
/* Does what is due; too early a call does no harm. */
void healing_tick(struct healing *h, struct mono now);
struct mono healing_deadline(const struct healing *h);
/* A peer was given up: when it is back, it may send on SAs that are gone here. */
void healing_wary(struct healing *h, struct mono now);

bool healing_is_listening(const struct healing *h);

/* Reads XfrmInNoStates out of the file's text. false: it is not there. */
bool healing_parse(const char *text, uint64_t *count);

#endif
