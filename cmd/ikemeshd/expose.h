/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Start option --expose-keys: every key of IKE and ESP goes into two files of a directory, in
 * Wireshark's formats, for whoever must see inside. Whoever has them reads all traffic and can
 * forge it, so: root alone may ask for it, the directory and the files are root's alone, and the
 * daemon says so where anybody looks (log, statusall, doctor). The files are opened once, by who
 * is root, and passed on to the engine, which is not.
 */
#ifndef IKEMESH_CMD_EXPOSE_H
#define IKEMESH_CMD_EXPOSE_H

#include "ike/action.h"
#include "ike/spec.h"

struct expose;

#define EXPOSE_TEXT_LEN 256

/*
 * What was passed on by expose_pass(), whatever our rights are; else: dir is made (0700) if it is
 * not there; files that are there are appended to. 0, or negative errno with the reason in why:
 * -EPERM: we are not root, or dir or a file is not root's alone; -EINVAL: a file is none. why is
 * not empty either if dir lies on a disk, which is no error.
 */
int expose_open(const char *path, struct expose **out, char why[static EXPOSE_TEXT_LEN]);
void expose_close(struct expose *x); /* NULL is fine */

/*
 * For a program that this process is to execute, or that its children are, as whatever user: it
 * finds the open files by its environment. 0 or negative errno.
 */
int expose_pass(const struct expose *x);

const char *expose_dir(const struct expose *x); /* NULL if x is */

/* 0 or negative errno: the line is not there. */
int expose_ike(struct expose *x, const struct exposed_keys *keys);
int expose_esp(struct expose *x, const struct sa_spec *sa);

#endif
