/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What is told to people, as data: how much it matters, what it is about, and why it came to that.
 * The names are stable: logs, `ikectl log`, `ikectl why` and metrics use the same.
 */
#ifndef IKEMESH_IKE_REPORT_H
#define IKEMESH_IKE_REPORT_H

#include "ike/ip.h"
#include "ike/level.h"

#include <stdbool.h>
#include <stdint.h>

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
	X(ESP_FILTERED, "esp-filtered")              \
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

/*
 * What happened, for programs that watch: most reports are none of these. A pair is up with its
 * first CHILD_SA that carries traffic, and down without any.
 */
#define HAPPENINGS(X)                 \
	X(ACQUIRE, "acquire")         \
	X(UP, "up")                   \
	X(DOWN, "down")               \
	X(FAILED, "failed")           \
	X(REKEYED, "rekeyed")         \
	X(CLEAR, "in-the-clear")      \
	X(RELOAD, "reload")           \
	X(MODE, "mode")               \
	X(CERTIFICATE, "certificate") \
	X(START, "start")             \
	X(STOP, "stop")

enum happening {
	HAPPENING_NONE,
#define X(id, name) HAPPENING_##id,
	HAPPENINGS(X)
#undef X
};
#define X(id, name) +1
enum { N_HAPPENINGS = 1 HAPPENINGS(X) };
#undef X

/* Printable text; values that came from the network are escaped already. */
struct report {
	enum report_level level;
	enum report_area area;
	enum reason reason;
	enum happening what;
	struct ip local, remote; /* none if no pair is meant */
	uint64_t spi_i, spi_r;	 /* 0 if no IKE SA is meant */
	uint8_t exchange;	 /* 0: none */
	bool has_message_id;	 /* of the IKE message that this is about */
	uint32_t message_id;
	char *text; /* owned by the action */
};

const char *reason_name(enum reason reason);	 /* "wrong-ca"; of REASON_NONE "" */
const char *happening_name(enum happening what); /* of HAPPENING_NONE "" */

#endif
