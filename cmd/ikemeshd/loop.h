/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Waits on a few descriptors and one deadline. In each turn every source that has something gets
 * its handler called exactly once, in the order in which the sources were added: what was added
 * first goes first, and no source, however busy, keeps the others from their turn. Handlers bound
 * their own work; what they leave is found again in the next turn.
 */
#ifndef IKEMESH_CMD_LOOP_H
#define IKEMESH_CMD_LOOP_H

#include "ike/event.h"

#define LOOP_SOURCES 20

struct loop;

int loop_open(struct loop **out); /* 0 or negative errno */
void loop_close(struct loop *l);  /* NULL is fine; closes none of the sources */

/* Calls ready(arg) in each turn in which fd can be read. fd stays the caller's. */
int loop_add(struct loop *l, int fd, void (*ready)(void *arg), void *arg);

/* Calls due(arg) once when *deadline (see clock.h) has come; MONO_NEVER: disarmed. */
void loop_on_deadline(struct loop *l, void (*due)(void *arg), void *arg);
int loop_set_deadline(struct loop *l, struct mono deadline);

/* When the turn under way began: where the clock is a system call, each look at it costs. */
struct mono loop_now(const struct loop *l);

/* The clock is looked at again: what has just been done took its time. */
void loop_refresh(struct loop *l);

/* Waits until something is ready and serves each ready source once. 0 or negative errno. */
int loop_turn(struct loop *l);

#endif
