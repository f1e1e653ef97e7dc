/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What is wanted, as plain data that every side shares: the file says it, the core negotiates it,
 * the kernel encoder writes it. A change of configuration is the difference between two of these.
 *
 * A struct spec owns everything it points to; spec_free() frees it. It never holds a private key or
 * a PPK.
 */
#ifndef IKEMESH_IKE_SPEC_H
#define IKEMESH_IKE_SPEC_H

#include "crypto/bytes.h"
#include "crypto/suite.h"
#include "crypto/trust.h"
#include "ike/ip.h"

/* RFC 7296 3.3.1 */
enum protocol_id {
	PROTO_NONE = 0,
	PROTO_IKE = 1,
	PROTO_AH = 2,
	PROTO_ESP = 3,
};

struct transform {
	uint8_t type; /* enum transform_type */
	uint16_t id;
	uint16_t key_bits; /* 0: no Key Length attribute */
};

#define PROPOSAL_TRANSFORMS 24
#define SPEC_PROPOSALS 8
#define PPK_ID_MAX 128 /* octets */

/* One proposal of ours, from `aes128-sha256-modp2048!`: alternatives within a type are allowed. */
struct proposal_spec {
	struct transform t[PROPOSAL_TRANSFORMS];
	size_t n;
};

/* An entry of ipsec_subnets or no_ipsec_subnets. */
struct subnet_spec {
	struct subnet net;
	bool optional;	       /* ipsec_subnets: cleartext until an SA exists (template flag) */
	bool optional_in_file; /* the same before `ikectl mode` had its say (config/mode.h) */
	uint8_t protocol;      /* 0: any; else IPPROTO_* */
	uint16_t port;	       /* 0: any; the remote port */
	uint32_t line;	       /* of the file, for people; 0: not known */
};

/* Which entry wins where both lists name an address. */
enum precedence {
	PRECEDENCE_BYPASS,  /* no_ipsec_subnets, whatever the prefixes */
	PRECEDENCE_LONGEST, /* the longer prefix; of equal ones no_ipsec_subnets */
};

/* Our certificate as peers see it. */
struct credential_spec {
	uint32_t generation;		   /* counts up with each reload that changed it */
	struct blob certs[CERT_CHAIN_MAX]; /* DER, leaf first */
	size_t n_certs;
	uint8_t id_type; /* ID_DER_ASN1_DN: the subject */
	struct blob id;
	enum key_type key;
	unsigned key_bits;
	struct cert_info leaf;
};

struct ca_spec {
	struct blob der;
	struct cert_info info; /* spki_sha1 goes into CERTREQ */
};

/* Encapsulation of ESP in UDP (RFC 3948). */
enum encap_mode {
	ENCAP_AUTO,
	ENCAP_ALWAYS,
	ENCAP_NEVER,
};

struct spec {
	struct subnet_spec *protect; /* ipsec_subnets, in file order */
	size_t n_protect;
	struct subnet_spec *bypass; /* no_ipsec_subnets, in file order */
	size_t n_bypass;
	enum precedence precedence;
	struct subnet_spec *local; /* local_addresses: those of ours that are covered; none: all */
	size_t n_local;
	bool optional;
	bool allow_icmp_errors; /* too-big errors of routers in protected subnets, in the clear */
	bool strict_default;	/* what no policy matches is dropped */

	struct proposal_spec ike[SPEC_PROPOSALS];
	size_t n_ike;
	struct proposal_spec esp[SPEC_PROPOSALS];
	size_t n_esp;

	struct credential_spec credential;
	struct ca_spec *cas;
	size_t n_cas;

	uint32_t ike_lifetime_s; /* seconds until an IKE SA is rekeyed; 0: never */
	uint32_t esp_lifetime_s; /* seconds until a CHILD_SA is rekeyed; 0: never */
	uint64_t esp_byte_limit; /* octets; 0: none */
	uint64_t esp_packet_limit;
	uint32_t dpd_delay_s;	/* seconds; 0: no liveness probes */
	uint32_t dpd_timeout_s; /* seconds */
	uint32_t replay_window; /* packets */
	uint16_t fragment_size; /* octets of an IP datagram; 0: by family, RFC 7383 2.5.1 */
	enum encap_mode encapsulation;
	uint32_t prestart_timeout_s;
	uint32_t idle_timeout_s; /* seconds without traffic until a pair's SAs are deleted; 0: never
				  */
	uint32_t max_pairs;	 /* beyond, the pair idle longest leaves */
	/* What load.h is about. */
	uint32_t half_open_limit, half_open_per_source; /* IKE SAs */
	uint32_t cookie_threshold;			/* half-open IKE SAs; 0: always */
	uint32_t error_replies;				/* a second; 0: none */
	uint32_t child_requests_per_minute;		/* of one peer; not 0 */

	struct blob ppk_id; /* of our PPK (RFC 8784), without the type octet; empty: we have none */
	bool ppk_required;  /* no IKE SA without it */
};

void spec_free(struct spec *s); /* frees what it owns and zeroes it; NULL is fine */

/* How the subnets decide on an address: the answer of one look-up, used by core and statusall. */
enum ruling {
	RULING_NONE,	 /* in no list: cleartext, not ours */
	RULING_BYPASS,	 /* no_ipsec_subnets win (precedence) */
	RULING_OPTIONAL, /* protected when an SA exists */
	RULING_ENFORCED,
};
/*
 * Rules for traffic with a peer: is any of it protected? *which (may be NULL) is the entry that
 * decides. A bypass of one port leaves the rest of what is said with that peer protected.
 */
enum ruling spec_ruling(const struct spec *s, const struct ip *peer,
			const struct subnet_spec **which);

/*
 * Rules for packets of this protocol to, or from, this port of the peer, as the policies in the
 * kernel do (but for the built-in bypasses). Protocol 0: only what concerns all protocols.
 */
enum ruling spec_ruling_of(const struct spec *s, const struct ip *peer, uint8_t protocol,
			   uint16_t port, const struct subnet_spec **which);

/* Are packets of this address of ours anything to us? */
bool spec_covers(const struct spec *s, const struct ip *local);

/* May there be SAs between the two? */
bool spec_protects(const struct spec *s, const struct ip *local, const struct ip *peer);

/* Do no_ipsec_subnets let packets of this protocol to this port of the peer pass in the clear? */
bool spec_bypasses(const struct spec *s, const struct ip *peer, uint8_t protocol, uint16_t port);

/* The one reqid of all our SAs and templates, and the marks of policies without a template. */
#define IKEMESH_REQID 0x494b4d00u	 /* "IKM\0" */
#define IKEMESH_POLICY_INDEX 0x494b0000u /* base of bypass and block policies */

/* Keying material of one direction of a CHILD_SA: encryption key and salt, then integrity key. */
#define SA_KEY_MAX (ENCR_MAX_KEY + INTEG_MAX_LEN)

/* An SA as the kernel shall hold it. */
struct sa_spec {
	bool inbound;
	struct ip src, dst;
	uint32_t spi; /* host order */
	const struct encr_alg *encr;
	const struct integ_alg *integ; /* NULL with AEAD */
	uint8_t key[SA_KEY_MAX];
	size_t key_len;
	bool esn;
	uint32_t replay_window;
	bool encap;		 /* ESP in UDP */
	uint16_t encap_src_port; /* host order */
	uint16_t encap_dst_port;
	uint32_t keepalive_s;  /* seconds; outbound and encapsulated: the kernel itself sends NAT
				  keepalives (RFC 3948 2.3) on an idle SA; 0: it does not */
	uint8_t sel_protocol;  /* 0: any */
	uint16_t sel_src_port; /* 0: any; host order */
	uint16_t sel_dst_port;
	uint64_t soft_packets; /* 0: none. 1: report the first packet by a soft expire */
	uint64_t hard_packets;
	uint64_t soft_bytes;
	uint64_t hard_bytes;
	uint32_t soft_s; /* seconds since it was added; 0: none */
	uint32_t hard_s;
};

/* What names an SA: destination, SPI (protocol is ESP always). */
struct sa_ref {
	struct ip src, dst;
	uint32_t spi; /* host order */
};

#endif
