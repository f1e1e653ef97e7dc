/* SPDX-License-Identifier: Apache-2.0 */
/* IANA's IKEv2 registries as lists: one list gives the enum and the names. */
#ifndef IKEMESH_IKE_MESSAGE_IANA_H
#define IKEMESH_IKE_MESSAGE_IANA_H

#include <stdint.h>

#define EXCHANGES(X)                                                                               \
	X(IKE_SA_INIT, 34)                                                                         \
	X(IKE_AUTH, 35)                                                                            \
	X(CREATE_CHILD_SA, 36)                                                                     \
	X(INFORMATIONAL, 37)                                                                       \
	X(IKE_SESSION_RESUME, 38)                                                                  \
	X(IKE_INTERMEDIATE, 43)                                                                    \
	X(IKE_FOLLOWUP_KE, 44)

enum exchange_type {
#define X(name, value) EXCHANGE_##name = value,
	EXCHANGES(X)
#undef X
};

#define PAYLOADS(X)                                                                                \
	X(NONE, 0)                                                                                 \
	X(SA, 33)                                                                                  \
	X(KE, 34)                                                                                  \
	X(IDI, 35)                                                                                 \
	X(IDR, 36)                                                                                 \
	X(CERT, 37)                                                                                \
	X(CERTREQ, 38)                                                                             \
	X(AUTH, 39)                                                                                \
	X(NONCE, 40)                                                                               \
	X(NOTIFY, 41)                                                                              \
	X(DELETE, 42)                                                                              \
	X(VENDOR, 43)                                                                              \
	X(TSI, 44)                                                                                 \
	X(TSR, 45)                                                                                 \
	X(SK, 46)                                                                                  \
	X(CP, 47)                                                                                  \
	X(EAP, 48)                                                                                 \
	X(SKF, 53)

enum payload_type {
#define X(name, value) PAYLOAD_##name = value,
	PAYLOADS(X)
#undef X
};

/* Errors below 16384 (RFC 7296 3.10.1), status types above. */
#define NOTIFIES(X)                                                                                \
	X(UNSUPPORTED_CRITICAL_PAYLOAD, 1)                                                         \
	X(INVALID_IKE_SPI, 4)                                                                      \
	X(INVALID_MAJOR_VERSION, 5)                                                                \
	X(INVALID_SYNTAX, 7)                                                                       \
	X(INVALID_MESSAGE_ID, 9)                                                                   \
	X(INVALID_SPI, 11)                                                                         \
	X(NO_PROPOSAL_CHOSEN, 14)                                                                  \
	X(INVALID_KE_PAYLOAD, 17)                                                                  \
	X(AUTHENTICATION_FAILED, 24)                                                               \
	X(SINGLE_PAIR_REQUIRED, 34)                                                                \
	X(NO_ADDITIONAL_SAS, 35)                                                                   \
	X(INTERNAL_ADDRESS_FAILURE, 36)                                                            \
	X(FAILED_CP_REQUIRED, 37)                                                                  \
	X(TS_UNACCEPTABLE, 38)                                                                     \
	X(INVALID_SELECTORS, 39)                                                                   \
	X(UNACCEPTABLE_ADDRESSES, 40)                                                              \
	X(UNEXPECTED_NAT_DETECTED, 41)                                                             \
	X(TEMPORARY_FAILURE, 43)                                                                   \
	X(CHILD_SA_NOT_FOUND, 44)                                                                  \
	X(STATE_NOT_FOUND, 47)                                                                     \
	X(INITIAL_CONTACT, 16384)                                                                  \
	X(SET_WINDOW_SIZE, 16385)                                                                  \
	X(ADDITIONAL_TS_POSSIBLE, 16386)                                                           \
	X(IPCOMP_SUPPORTED, 16387)                                                                 \
	X(NAT_DETECTION_SOURCE_IP, 16388)                                                          \
	X(NAT_DETECTION_DESTINATION_IP, 16389)                                                     \
	X(COOKIE, 16390)                                                                           \
	X(USE_TRANSPORT_MODE, 16391)                                                               \
	X(HTTP_CERT_LOOKUP_SUPPORTED, 16392)                                                       \
	X(REKEY_SA, 16393)                                                                         \
	X(ESP_TFC_PADDING_NOT_SUPPORTED, 16394)                                                    \
	X(NON_FIRST_FRAGMENTS_ALSO, 16395)                                                         \
	X(MOBIKE_SUPPORTED, 16396)                                                                 \
	X(AUTH_LIFETIME, 16403)                                                                    \
	X(MULTIPLE_AUTH_SUPPORTED, 16404)                                                          \
	X(REDIRECT_SUPPORTED, 16406)                                                               \
	X(QUICK_CRASH_DETECTION, 16419)                                                            \
	X(CHILDLESS_IKEV2_SUPPORTED, 16418)                                                        \
	X(IKEV2_MESSAGE_ID_SYNC_SUPPORTED, 16420)                                                  \
	X(IKEV2_FRAGMENTATION_SUPPORTED, 16430)                                                    \
	X(SIGNATURE_HASH_ALGORITHMS, 16431)                                                        \
	/* Of private use, between ikemesh hosts: see encap.h. */                                    \
	X(ESP_RECEIVED, 41454)                                                                     \
	X(USE_PPK, 16435)                                                                          \
	X(PPK_IDENTITY, 16436)                                                                     \
	X(NO_PPK_AUTH, 16437)                                                                      \
	X(INTERMEDIATE_EXCHANGE_SUPPORTED, 16438)                                                  \
	X(ADDITIONAL_KEY_EXCHANGE, 16441)

enum notify_type {
#define X(name, value) NOTIFY_##name = value,
	NOTIFIES(X)
#undef X
};

#define NOTIFY_FIRST_STATUS 16384

/* Static text; "unknown" for what is in no list. */
const char *exchange_name(uint8_t type);
const char *payload_name(uint8_t type);
const char *notify_name(uint16_t type);

#endif
