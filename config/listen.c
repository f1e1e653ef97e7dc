/* SPDX-License-Identifier: Apache-2.0 */
#include "config/listen.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static bool port_parse(const char *text, uint16_t *out)
{
	const size_t n = strlen(text);
	unsigned long value;

	if (n == 0 || n > 5 || strspn(text, "0123456789") != n)
		return false;
	value = strtoul(text, NULL, 10);
	*out = (uint16_t)value;
	return value > 0 && value <= UINT16_MAX;
}

/* The n octets are an address; in brackets it is IPv6's, without them IPv4's. */
static bool address_parse(const char *text, size_t n, struct ip *out)
{
	char address[IP_TEXT_LEN];
	const bool brackets = n > 2 && text[0] == '[' && text[n - 1] == ']';

	if (brackets) {
		text++;
		n -= 2;
	}
	if (n >= sizeof(address))
		return false;
	memcpy(address, text, n);
	address[n] = '\0';
	return ip_parse(address, out) && (out->family == 6) == brackets;
}

bool listen_parse(const char *text, struct endpoint *out)
{
	const char *colon = strrchr(text, ':');

	if (colon == NULL) {
		out->ip = ip_v4(127, 0, 0, 1);
		return port_parse(text, &out->port);
	}
	return address_parse(text, (size_t)(colon - text), &out->ip) &&
	       port_parse(colon + 1, &out->port);
}

const char *listen_text(const struct endpoint *e, char out[static LISTEN_TEXT_LEN])
{
	char address[IP_TEXT_LEN];

	snprintf(out, LISTEN_TEXT_LEN, e->ip.family == 6 ? "[%s]:%u" : "%s:%u",
		 ip_text(&e->ip, address), e->port);
	return out;
}
