/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Configurations of test hosts: all addresses lie in 10.0.0.0/8 (or fd00::/16), which is protected,
 * but for 10.255.0.0/16 (fd00:ff::/32), which is not. Each spec owns what it points to.
 */
#ifndef IKEMESH_TEST_SIM_FLEET_H
#define IKEMESH_TEST_SIM_FLEET_H

#include "ike/spec.h"

/*
 * Host number n has the addresses n, n + FLEET_HOSTS, n + 2 * FLEET_HOSTS ... one after the other.
 */
#define FLEET_HOSTS 4096

struct fleet_options {
	bool shared_certificate; /* one for all, as the add-on's users have it */
	bool optional;
	bool ipv6;
	uint8_t ca;		 /* of the stand-in certificates; peers must agree */
	uint16_t group;		 /* key exchange; 0: modp2048 */
	uint32_t esp_lifetime_s; /* 0: never */
	uint32_t ike_lifetime_s;
	uint32_t dpd_delay_s;		 /* 0: 30 s */
	uint32_t dpd_timeout_s;		 /* 0: 150 s */
	uint32_t serial;		 /* of the stand-in certificate */
	int64_t valid_from, valid_until; /* of it, seconds; 0: without end */
};

struct ip fleet_address(unsigned host, bool ipv6);
/* The host's number, whichever of its addresses it is. */
unsigned fleet_number(const struct ip *ip);

/* A DER Name { CN=text }. Owned by the caller. */
struct blob fleet_name(const char *text);

/* The spec of a host with a stand-in certificate. */
void fleet_spec(struct spec *out, unsigned host, const struct fleet_options *options);

/*
 * The same with a real certificate: chain (DER, leaf first) and CA are copied. The identity is the
 * leaf's subject.
 */
void fleet_spec_real(struct spec *out, unsigned host, const struct fleet_options *options,
		     const struct bytes *chain, size_t n_chain, struct bytes ca);

#endif
