/* SPDX-License-Identifier: Apache-2.0 */
/* Addresses, subnets and endpoints as plain values. */
#ifndef IKEMESH_IKE_IP_H
#define IKEMESH_IKE_IP_H

#include "crypto/bytes.h"

#define IP_TEXT_LEN 46	     /* octets with NUL */
#define SUBNET_TEXT_LEN 50   /* address/prefix */
#define ENDPOINT_TEXT_LEN 56 /* address[port], as strongSwan writes it */

struct ip {
	uint8_t family; /* 4, 6, or 0 for none */
	uint8_t b[16];	/* network order; 4 octets used for family 4, the rest zero */
};

struct subnet {
	struct ip ip; /* host bits are zero */
	uint8_t prefix;
};

struct endpoint {
	struct ip ip;
	uint16_t port; /* host order */
};

size_t ip_len(const struct ip *ip); /* octets: 4 or 16, 0 for none */
unsigned ip_bits(const struct ip *ip);
struct ip ip_v4(uint8_t a, uint8_t b, uint8_t c, uint8_t d);
struct ip ip_from(uint8_t family, const uint8_t *octets);
bool ip_equal(const struct ip *a, const struct ip *b);
int ip_compare(const struct ip *a, const struct ip *b); /* family first, then value */
bool ip_is_link_local(const struct ip *ip);
bool ip_is_multicast(const struct ip *ip);
bool ip_is_loopback(const struct ip *ip);
bool ip_parse(const char *text, struct ip *out);
const char *ip_text(const struct ip *ip, char out[static IP_TEXT_LEN]);
bool subnet_contains(const struct subnet *net, const struct ip *ip);
bool subnet_covers(const struct subnet *outer, const struct subnet *inner);
/* Do they have an address in common? */
bool subnet_meets(const struct subnet *a, const struct subnet *b);
bool subnet_equal(const struct subnet *a, const struct subnet *b);
/* "10.0.1.1/20" or a bare address; *had_host_bits tells that host bits were cut off. */
bool subnet_parse(const char *text, struct subnet *out, bool *had_host_bits);
const char *subnet_text(const struct subnet *net, char out[static SUBNET_TEXT_LEN]);
bool endpoint_equal(const struct endpoint *a, const struct endpoint *b);
const char *endpoint_text(const struct endpoint *e, char out[static ENDPOINT_TEXT_LEN]);

#endif
