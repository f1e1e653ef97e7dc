/* SPDX-License-Identifier: Apache-2.0 */
#include "config/schema.h"
#include "config/config.h"
#include "config/near.h"
#include <string.h>

#define FIELD(member) \
	.offset = offsetof(struct config, member), .size = sizeof(((struct config *)0)->member)
#define MINUTE 60u
#define HOUR (60u * MINUTE)
#define DAY (24u * HOUR)

/* In the order of enum precedence. */
static const char *const precedences[] = { "bypass", "longest-prefix", NULL };

/* In the order of enum encap_mode. */
static const char *const encapsulations[] = { "auto", "always", "never", NULL };

/* In the order of enum on_stop. */
static const char *const on_stops[] = { "keep", "clear", NULL };
/* In the order of enum crl_policy, and of enum on_expiry. */
static const char *const crl_policies[] = { "soft", "hard", NULL };
static const char *const on_expiries[] = { "keep", "close", NULL };

#define PEM_EXAMPLE(label)                      \
	"|\n  -----BEGIN " label "-----\n  ..." \
	"\n  -----END " label "-----"

static const struct key_row rows[] = {
	{
		.name = "ipsec_subnets",
		.type = VALUE_SUBNETS,
		.required = true,
		.example = "\n- 10.0.0.0/20",
		.text = "Subnets whose hosts are only spoken to by ESP.",
	},
	{
		.name = "no_ipsec_subnets",
		.type = VALUE_SUBNETS,
		.fallback = "[]",
		.example = "\n- 10.0.1.10/32",
		.text = "Subnets that are always spoken to in the clear; they win over "
			"ipsec_subnets.",
	},
	{
		.name = "precedence",
		.type = VALUE_CHOICE,
		.fallback = "bypass",
		.example = "bypass",
		.choices = precedences,
		FIELD(spec.precedence),
		.text = "Which list wins where both name an address: bypass: no_ipsec_subnets "
			"always; "
			"longest-prefix: the more specific entry, of equal ones the bypass.",
	},
	{
		.name = "local_addresses",
		.type = VALUE_SUBNETS,
		.fallback = "[]",
		.example = "\n- 10.0.0.0/20",
		.text = "Of this host's own addresses those that all this is about: addresses or "
			"subnets; none: all.",
	},
	{
		.name = "optional",
		.type = VALUE_BOOL,
		.fallback = "false",
		.example = "false",
		FIELD(spec.optional),
		.text = "true: cleartext flows too, until a peer can do IPsec.",
	},
	{
		.name = "allow_icmp_errors",
		.type = VALUE_BOOL,
		.fallback = "false",
		.example = "true",
		FIELD(spec.allow_icmp_errors),
		.text = "true: routers inside ipsec_subnets that do no IPsec may say that a packet "
			"is too large (ICMP and ICMPv6), in the clear.",
	},
	{
		.name = "instance_certificate",
		.type = VALUE_CERTIFICATES,
		.required = true,
		.example = PEM_EXAMPLE("CERTIFICATE"),
		.effect = EFFECT_NEXT_HANDSHAKE,
		.text = "This host's certificate and its intermediates, as PEM or the path of such "
			"a file.",
	},
	{
		.name = "instance_private_key",
		.type = VALUE_KEY,
		.required = true,
		.example = PEM_EXAMPLE("PRIVATE KEY"),
		.effect = EFFECT_NEXT_HANDSHAKE,
		.text = "The key of instance_certificate without a pass phrase, as PEM, a path, or "
			"a "
			"URI (pkcs11:, handle:) of where it is kept.",
	},
	{
		.name = "ca_certificates",
		.type = VALUE_CAS,
		.required = true,
		.example = "\n- |\n  -----BEGIN CERTIFICATE-----\n  ...\n"
			   "  -----END CERTIFICATE-----",
		.effect = EFFECT_NEXT_HANDSHAKE,
		.text = "The CAs under which peers are believed: a list, each as PEM or a path.",
	},
	{
		.name = "peer_identities",
		.type = VALUE_TEXTS,
		.example = "\n- O=Example, CN=*.example.org",
		.effect = EFFECT_NEXT_HANDSHAKE,
		.text = "Patterns of which a peer's certificate must match one; none: any under "
			"the "
			"CAs will do.",
	},
	{
		.name = "bind_address_to_certificate",
		.type = VALUE_BOOL,
		.fallback = "false",
		.example = "false",
		FIELD(rules.bind_address),
		.effect = EFFECT_NEXT_HANDSHAKE,
		.text = "true: a peer's address must be in its certificate (an iPAddress of "
			"subjectAltName).",
	},
	{
		.name = "strict_ca",
		.type = VALUE_BOOL,
		.fallback = "false",
		.example = "false",
		FIELD(rules.strict_ca),
		.effect = EFFECT_NEXT_HANDSHAKE,
		.text = "true: a certificate that is our own must be under our CAs too.",
	},
	{
		.name = "crls",
		.type = VALUE_TEXTS,
		.example = "\n- /etc/ikemesh/ca.crl",
		.text = "Files with lists of revoked certificates, PEM or DER; read again when "
			"they "
			"change.",
	},
	{
		.name = "crl_policy",
		.type = VALUE_CHOICE,
		.fallback = "soft",
		.example = "soft",
		.choices = crl_policies,
		FIELD(rules.crl_policy),
		.effect = EFFECT_NEXT_HANDSHAKE,
		.text = "Where no CRL tells of a certificate, or one that is out of date: soft "
			"warns, "
			"hard refuses.",
	},
	{
		.name = "on_expiry",
		.type = VALUE_CHOICE,
		.fallback = "keep",
		.example = "keep",
		.choices = on_expiries,
		FIELD(on_expiry),
		.text = "When our own certificate expires: keep or close the SAs that are up.",
	},
	{
		.name = "esp_proposals",
		.type = VALUE_PROPOSALS,
		.protocol = PROTO_ESP,
		.fallback = "aes128gcm16!",
		.example = "aes128gcm16!",
		.effect = EFFECT_NEXT_SAS,
		.text = "Algorithms for traffic, best first.",
	},
	{
		.name = "ike_proposals",
		.type = VALUE_PROPOSALS,
		.protocol = PROTO_IKE,
		.fallback = "aes128-sha256-modp2048!",
		.example = "aes128-sha256-modp2048!",
		.effect = EFFECT_NEXT_SAS,
		.text = "Algorithms for the negotiation, best first; ke1_mlkem768 adds a "
			"post-quantum "
			"key exchange where OpenSSL has it (3.5 and newer).",
	},
	{
		.name = "prestart_timeout",
		.type = VALUE_DURATION,
		.fallback = "30s",
		.example = "30s",
		.min = 1,
		.max = HOUR,
		FIELD(spec.prestart_timeout_s),
		.effect = EFFECT_NEXT_START,
		.text = "How long a start may take before it counts as failed.",
	},
	{
		.name = "log",
		.type = VALUE_LOG,
		.fallback = "journal",
		.example = "journal",
		.text = "Where messages go: journal, syslog, stderr, or the path of a file.",
	},
	{
		.name = "log_levels",
		.type = VALUE_LEVELS,
		.example = "[notice, auth=debug]",
		.text = "How much is said, of all or of one area: error, warning, notice, info or "
			"debug; nothing: as --log-level says. `ikectl log` lists the areas, and "
			"changes levels for a while.",
	},
	{
		.name = "ike_lifetime",
		.type = VALUE_DURATION,
		.fallback = "4h",
		.example = "4h",
		.min = 2,
		.max = 30 * DAY,
		.zero = true,
		FIELD(spec.ike_lifetime_s),
		.effect = EFFECT_NEXT_SAS,
		.text = "Age at which an IKE SA is rekeyed; 0: never.",
	},
	{
		.name = "esp_lifetime",
		.type = VALUE_DURATION,
		.fallback = "1h",
		.example = "1h",
		.min = 2,
		.max = 7 * DAY,
		.zero = true,
		FIELD(spec.esp_lifetime_s),
		.effect = EFFECT_NEXT_SAS,
		.text = "Age at which the keys of traffic are replaced; 0: never.",
	},
	{
		.name = "esp_byte_limit",
		.type = VALUE_SIZE,
		.fallback = "0",
		.example = "64G",
		.min = 1u << 20,
		.max = 1ull << 60,
		.zero = true,
		FIELD(spec.esp_byte_limit),
		.effect = EFFECT_NEXT_SAS,
		.text = "Octets after which the keys of traffic are replaced; 0: no such limit.",
	},
	{
		.name = "esp_packet_limit",
		.type = VALUE_COUNT,
		.fallback = "2000000000",
		.example = "2000000000",
		.min = 10000,
		.max = 4000000000,
		FIELD(spec.esp_packet_limit),
		/* RFC 4106 and 4303: sequence numbers without ESN end at 2^32. */
		.effect = EFFECT_NEXT_SAS,
		.text = "Packets after which the keys of traffic are replaced.",
	},
	{
		.name = "dpd_delay",
		.type = VALUE_DURATION,
		.fallback = "30s",
		.example = "30s",
		.min = 1,
		.max = DAY,
		.zero = true,
		FIELD(spec.dpd_delay_s),
		.text = "How long a peer may be silent while spoken to before it is probed; 0: "
			"never "
			"probe.",
	},
	{
		.name = "dpd_timeout",
		.type = VALUE_DURATION,
		.fallback = "120s",
		.example = "120s",
		.min = 2,
		.max = DAY,
		FIELD(spec.dpd_timeout_s),
		.text = "How long probes go unanswered before the peer counts as dead.",
	},
	{
		.name = "idle_timeout",
		.type = VALUE_DURATION,
		.fallback = "0",
		.example = "1h",
		.min = 10,
		.max = 30 * DAY,
		.zero = true,
		FIELD(spec.idle_timeout_s),
		.text = "How long a pair may go without traffic before its SAs are deleted; 0: "
			"for ever.",
	},
	{
		.name = "max_pairs",
		.type = VALUE_COUNT,
		.fallback = "10000",
		.example = "10000",
		.min = 16,
		.max = 1000000,
		FIELD(spec.max_pairs),
		.text = "Pairs kept at most; beyond, the one idle longest leaves.",
	},
	{
		.name = "half_open_limit",
		.type = VALUE_COUNT,
		.fallback = "1000",
		.example = "1000",
		.min = 16,
		.max = 100000,
		FIELD(spec.half_open_limit),
		.text = "IKE SAs that others began and have not proved who they are, at most; "
			"beyond, who begins gets no answer.",
	},
	{
		.name = "half_open_per_source",
		.type = VALUE_COUNT,
		.fallback = "8",
		.example = "8",
		.min = 1,
		.max = 1000,
		FIELD(spec.half_open_per_source),
		.text = "Of them from one source: an IPv4 address, an IPv6 /64; inside "
			"ipsec_subnets of one pair of addresses.",
	},
	{
		.name = "cookie_threshold",
		.type = VALUE_COUNT,
		.fallback = "30",
		.example = "30",
		.min = 0,
		.max = 100000,
		FIELD(spec.cookie_threshold),
		.text = "From so many of them on, who begins must first return a cookie, which "
			"shows that its address is its own; 0: always.",
	},
	{
		.name = "error_replies",
		.type = VALUE_COUNT,
		.fallback = "10",
		.example = "10",
		.min = 0,
		.max = 1000,
		FIELD(spec.error_replies),
		.text = "How often a second anybody is told, in the clear, that a message cannot "
			"be taken (one source once a second); 0: never.",
	},
	{
		.name = "child_requests_per_minute",
		.type = VALUE_COUNT,
		.fallback = "60",
		.example = "60",
		.min = 1,
		.max = 60000,
		FIELD(spec.child_requests_per_minute),
		.text = "New keys that a peer may ask for, after 20 at once; beyond, it is told to "
			"come back later.",
	},
	{
		.name = "replay_window",
		.type = VALUE_COUNT,
		.fallback = "64",
		.example = "64",
		.min = 32,
		.max = 4096,
		FIELD(spec.replay_window),
		.effect = EFFECT_NEXT_SAS,
		.text = "Packets by which order on the wire may be broken.",
	},
	{
		.name = "fragment_size",
		.type = VALUE_COUNT,
		.fallback = "0",
		.example = "1280",
		.min = 576,
		.max = 65535,
		.zero = true,
		FIELD(spec.fragment_size),
		.text = "Octets of an IP datagram above which IKE messages are cut; 0: by address "
			"family.",
	},
	{
		.name = "encapsulation",
		.type = VALUE_CHOICE,
		.fallback = "auto",
		.example = "auto",
		.choices = encapsulations,
		FIELD(spec.encapsulation),
		.effect = EFFECT_NEXT_SAS,
		.text = "ESP inside UDP: auto (where there is NAT, or ESP is filtered), always, or "
			"never.",
	},
	{
		.name = "on_stop",
		.type = VALUE_CHOICE,
		.fallback = "keep",
		.example = "keep",
		.choices = on_stops,
		FIELD(on_stop),
		.text = "What a stop (no restart, no shutdown) does with the policies: keep them, "
			"so that nothing leaves in the clear, or clear them.",
	},
	{
		.name = "takeover",
		.type = VALUE_BOOL,
		.fallback = "false",
		.example = "true",
		.effect = EFFECT_NEXT_START,
		FIELD(takeover),
		.text = "true: what a strongSwan that was killed left in the kernel carries "
			"traffic until all of its peers have SAs with ikemesh; then it goes.",
	},
	{
		.name = "strict_default",
		.type = VALUE_BOOL,
		.fallback = "false",
		.example = "false",
		FIELD(spec.strict_default),
		.text = "true: the kernel drops all that no policy matches: hosts in neither list "
			"are cut off too.",
	},
	{
		.name = "control_group",
		.type = VALUE_TEXT,
		.example = "ikemesh",
		.effect = EFFECT_NEXT_START,
		.text = "A group whose members may look (status, why, metrics ...) and change "
			"nothing; none: root alone.",
	},
	{
		.name = "crypto_properties",
		.type = VALUE_TEXT,
		.example = "fips=yes",
		.effect = EFFECT_REFUSED,
		.text = "A property query of OpenSSL that every algorithm must satisfy.",
	},
	{
		.name = "ppk",
		.type = VALUE_SECRET,
		.example = "/etc/ikemesh/ppk",
		.effect = EFFECT_NEXT_HANDSHAKE,
		.text = "A post-quantum preshared key (RFC 8784), common to the mesh: 0x and "
			"hexadecimal digits, base64, or the path of a file that says it so.",
	},
	{
		.name = "ppk_id",
		.type = VALUE_TEXT,
		.example = "mesh-2026",
		.effect = EFFECT_NEXT_HANDSHAKE,
		.text = "The name by which peers know the PPK.",
	},
	{
		.name = "ppk_required",
		.type = VALUE_BOOL,
		.fallback = "false",
		.example = "false",
		FIELD(spec.ppk_required),
		.text = "true: no IKE SA with a peer that does not have the PPK.",
	},
	{
		.name = "expiry_warning_days",
		.type = VALUE_DAYS,
		.fallback = "[30, 14, 7, 3, 1]",
		.example = "[30, 14, 7, 3, 1]",
		.min = 1,
		.max = 3650,
		.text = "How many days before a certificate ends it is said; []: only that it is "
			"over.",
	},
	{
		.name = "reauth_on_reload",
		.type = VALUE_BOOL,
		.fallback = "false",
		.example = "false",
		FIELD(reauth_on_reload),
		.text = "true: a reload that brings another certificate or other CAs "
			"re-authenticates "
			"all peers, as `ikectl rotate` does.",
	},
	{
		.name = "metrics_listen",
		.type = VALUE_LISTEN,
		.example = "9500",
		.text = "Where ikemesh-exporter answers Prometheus by HTTP: a port of 127.0.0.1, "
			"or an address and a port; nothing: nowhere.",
	},
	{
		.name = "metrics_per_peer",
		.type = VALUE_BOOL,
		.fallback = "false",
		.example = "false",
		FIELD(metrics_per_peer),
		.text = "true: metrics tell of each peer, not only of those in trouble: five "
			"series for each.",
	},
};

#define PART_MIN 5 /* letters of a name that point to it */
#define N_ROWS (sizeof(rows) / sizeof(rows[0]))

const struct key_row *schema_rows(size_t *n)
{
	*n = N_ROWS;
	return rows;
}

const struct key_row *schema_find(const char *name)
{
	for (size_t i = 0; i < N_ROWS; i++)
		if (!strcmp(rows[i].name, name))
			return &rows[i];
	return NULL;
}

const struct key_row *schema_near(const char *name)
{
	const struct key_row *best = NULL;
	unsigned least = NEAR_FAR;

	/* instance_cert, subnets */
	for (size_t i = 0; i < N_ROWS; i++)
		if (strlen(name) >= PART_MIN && strstr(rows[i].name, name))
			return &rows[i];
	for (size_t i = 0; i < N_ROWS; i++) {
		unsigned d = near_distance(name, rows[i].name);

		if (d < least) {
			least = d;
			best = &rows[i];
		}
	}
	return near_enough(name, least) ? best : NULL;
}
