/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What is told to people, as data: how much it matters, what it is about, and why it came to that.
 * The names are stable: logs, `ikectl log`, `ikectl why` and metrics use the same.
 */
#ifndef IKEMESH_IKE_REPORT_H
#define IKEMESH_IKE_REPORT_H

#include "ike/ip.h"

#include <stdbool.h>
#include <stdint.h>

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

/*
 * Why. The first part is what `ikectl why` calls the same, as far as it can be known without
 * looking at the host; the second is why SAs that were up went.
 */
#define REASONS(X)                                   \
	X(WRONG_CA, "wrong-ca")                      \
	X(EXPIRED, "expired")                        \
	X(NOT_YET_VALID, "not-yet-valid")            \
	X(IDENTITY, "identity")                      \
	X(NOT_ALLOWED, "not-allowed")                \
	X(WRONG_ADDRESS, "wrong-address")            \
	X(REVOKED, "revoked")                        \
	X(NO_CRL, "no-crl")                          \
	X(SIGNATURE, "signature")                    \
	X(CERTIFICATE, "certificate")                \
	X(REFUSED_US, "refused-us")                  \
	X(NO_IKE_PROPOSAL, "no-common-ike-proposal") \
	X(NO_ESP_PROPOSAL, "no-common-esp-proposal") \
	X(SELECTORS, "selectors")                    \
	X(NO_IPSEC, "no-ipsec")                      \
	X(PEER_DOWN, "peer-down")                    \
	X(NO_ROUTE, "no-route")                      \
	X(SILENT, "silent")                          \
	X(AUTH_SILENT, "ike-auth-silent")            \
	X(NOT_PROTECTED, "not-protected")            \
	X(OTHER, "other")                            \
	X(PEER_DEAD, "peer-dead")                    \
	X(PEER_DELETED, "peer-deleted")              \
	X(PEER_LOST, "peer-lost-sas")                \
	X(PEER_RESTARTED, "peer-restarted")          \
	X(COMMAND, "command")                        \
	X(IDLE, "idle")                              \
	X(TOO_MANY, "too-many")                      \
	X(SUPERFLUOUS, "superfluous")                \
	X(HARD_LIMIT, "hard-limit")                  \
	X(KERNEL_REFUSES, "kernel-refuses")          \
	X(KERNEL_LOST, "kernel-lost")                \
	X(ADDRESS_GONE, "address-gone")              \
	X(MALFORMED, "malformed")                    \
	X(TEMPORARY, "temporary")                    \
	X(NO_MEMORY, "no-memory")

enum reason {
	REASON_NONE,
#define X(id, name) REASON_##id,
	REASONS(X)
#undef X
};
#define X(id, name) +1
enum { N_REASONS = 1 REASONS(X) };
#undef X

/* Printable text; values that came from the network are escaped already. */
struct report {
	enum report_level level;
	enum report_area area;
	enum reason reason;
	struct ip local, remote; /* none if no pair is meant */
	uint64_t spi_i, spi_r;	 /* 0 if no IKE SA is meant */
	uint8_t exchange;	 /* 0: none */
	bool has_message_id;	 /* of the IKE message that this is about */
	uint32_t message_id;
	char *text; /* owned by the action */
};

/* "warning", "auth", "wrong-ca"; of REASON_NONE "". */
const char *report_level_name(enum report_level level);
const char *report_area_name(enum report_area area);
const char *report_area_text(enum report_area area); /* what it is about, in one line */
const char *reason_name(enum reason reason);

/* False: there is none of that name. */
bool report_level_parse(const char *name, enum report_level *out);
bool report_area_parse(const char *name, enum report_area *out);

#endif
