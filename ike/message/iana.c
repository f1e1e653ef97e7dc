/* SPDX-License-Identifier: Apache-2.0 */
#include "ike/message/iana.h"

#define X(name, value) \
	case value:    \
		return #name;

const char *exchange_name(uint8_t type)
{
	switch (type) {
		EXCHANGES(X)
	default:
		return "unknown";
	}
}

const char *payload_name(uint8_t type)
{
	switch (type) {
		PAYLOADS(X)
	default:
		return "unknown";
	}
}

const char *notify_name(uint16_t type)
{
	switch (type) {
		NOTIFIES(X)
	default:
		return "unknown";
	}
}

#undef X
