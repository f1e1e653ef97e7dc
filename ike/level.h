/* SPDX-License-Identifier: Apache-2.0 */
/* How much a report matters, and what it is about: what a level of the log is chosen by. */
#ifndef IKEMESH_IKE_LEVEL_H
#define IKEMESH_IKE_LEVEL_H

#include <stdbool.h>

enum report_level {
	REPORT_ERROR,
	REPORT_WARNING,
	REPORT_NOTICE, /* up, down */
	REPORT_INFO,
	REPORT_DEBUG,
};
#define REPORT_LEVELS (REPORT_DEBUG + 1)

/* What an operator may want to hear more or less of. */
#define REPORT_AREAS(X)                                                         \
	X(IKE, "ike", "IKE SAs: how they begin, are rekeyed and end")           \
	X(AUTH, "auth", "who the peer is: IKE_AUTH, certificates, PPK")         \
	X(CHILD, "child", "CHILD_SAs: how they begin, are rekeyed and end")     \
	X(XFRM, "xfrm", "the kernel's policies and SAs, and what it asks for")  \
	X(NET, "net", "datagrams, sockets, addresses, NAT")                     \
	X(TRUST, "trust", "our own certificate, CAs, CRLs, rotation")           \
	X(CONFIG, "config", "the configuration, its reload, the mode in force") \
	X(CONTROL, "control", "what ikectl asked for")                          \
	X(DAEMON, "daemon", "start, stop, handover, the log itself")

enum report_area {
#define X(id, name, text) AREA_##id,
	REPORT_AREAS(X)
#undef X
};
#define X(id, name, text) +1
enum { REPORT_N_AREAS = 0 REPORT_AREAS(X) };
#undef X

const char *report_level_name(enum report_level level); /* "warning" */
const char *report_area_name(enum report_area area);	/* "auth" */
const char *report_area_text(enum report_area area);	/* what it is about, in one line */

/* False: there is none of that name. */
bool report_level_parse(const char *name, enum report_level *out);
bool report_area_parse(const char *name, enum report_area *out);

#endif
