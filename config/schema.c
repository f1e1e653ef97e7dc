/* SPDX-License-Identifier: Apache-2.0 */
#include "config/schema.h"
#include "config/config.h"
#include "config/near.h"
#include <ctype.h>
#include <errno.h>
#include <stdio.h>
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
		.text = "The key of instance_certificate without a pass phrase, as PEM or a path.",
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
		.text = "ESP inside UDP: where there is NAT, always, or never.",
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
		.name = "strict_default",
		.type = VALUE_BOOL,
		.fallback = "false",
		.example = "false",
		FIELD(spec.strict_default),
		.text = "true: the kernel drops all that no policy matches: hosts in neither list "
			"are cut off too.",
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

struct unit {
	char letter;
	uint64_t worth;
};

static const struct unit times[] = { { 'd', DAY }, { 'h', HOUR }, { 'm', MINUTE }, { 's', 1 } };
static const struct unit sizes[] = {
	{ 'T', 1ull << 40 },
	{ 'G', 1ull << 30 },
	{ 'M', 1ull << 20 },
	{ 'K', 1ull << 10 },
};

/* Digits and at most one unit behind them. */
static int number_parse(const char *text, const struct unit *units, size_t n_units, uint64_t *out)
{
	uint64_t value = 0, worth = 0;

	if (!isdigit((unsigned char)*text))
		return -EINVAL;
	for (; isdigit((unsigned char)*text); text++)
		if (__builtin_mul_overflow(value, 10u, &value) ||
		    __builtin_add_overflow(value, (uint64_t)(*text - '0'), &value))
			return -ERANGE;
	if (!*text) {
		*out = value;
		return 0;
	}
	for (size_t i = 0; i < n_units; i++)
		if (*text == units[i].letter)
			worth = units[i].worth;
	if (!worth || text[1])
		return -EINVAL;
	return __builtin_mul_overflow(value, worth, out) ? -ERANGE : 0;
}

static int bool_parse(const char *text, uint64_t *out)
{
	/* YAML 1.1, as the add-on's own reader had it; case as there. */
	static const char *const yes[] = { "true", "True", "TRUE", "yes", "Yes",
					   "YES",  "on",   "On",   "ON" };
	static const char *const no[] = { "false", "False", "FALSE", "no", "No",
					  "NO",	   "off",   "Off",   "OFF" };

	for (size_t i = 0; i < sizeof(yes) / sizeof(yes[0]); i++) {
		*out = !strcmp(text, yes[i]);
		if (*out || !strcmp(text, no[i]))
			return 0;
	}
	return -EINVAL;
}

static int choice_parse(const char *const *choices, const char *text, uint64_t *out)
{
	for (*out = 0; choices[*out]; ++*out)
		if (!strcmp(choices[*out], text))
			return 0;
	return -EINVAL;
}

static int in_range(const struct key_row *row, uint64_t value)
{
	if (row->zero && value == 0)
		return 0;
	return value < row->min || value > row->max ? -ERANGE : 0;
}

int schema_number(const struct key_row *row, const char *text, uint64_t *out)
{
	int r = -EINVAL;

	switch (row->type) {
	case VALUE_BOOL:
		return bool_parse(text, out);
	case VALUE_CHOICE:
		return choice_parse(row->choices, text, out);
	case VALUE_DURATION:
		r = number_parse(text, times, sizeof(times) / sizeof(times[0]), out);
		break;
	case VALUE_SIZE:
		r = number_parse(text, sizes, sizeof(sizes) / sizeof(sizes[0]), out);
		break;
	case VALUE_COUNT:
		r = number_parse(text, NULL, 0, out);
		break;
	case VALUE_LOG:
	case VALUE_PROPOSALS:
	case VALUE_SUBNETS:
	case VALUE_CERTIFICATES:
	case VALUE_KEY:
	case VALUE_CAS:
	case VALUE_SECRET:
	case VALUE_TEXT:
	case VALUE_DAYS:
		break;
	}
	return r ? r : in_range(row, *out);
}

/* As the file would say it: 3600 with times is 1h. */
static const char *with_unit(uint64_t value, const struct unit *units, size_t n_units, char out[32])
{
	for (size_t i = 0; i < n_units; i++) {
		if (value && value % units[i].worth == 0) {
			snprintf(out, 32, "%llu%c", (unsigned long long)(value / units[i].worth),
				 units[i].letter);
			return out;
		}
	}
	snprintf(out, 32, "%llu", (unsigned long long)value);
	return out;
}

static void expected_number(const struct key_row *row, char out[static EXPECTED_LEN])
{
	const struct unit *units = row->type == VALUE_DURATION ? times : sizes;
	size_t n = row->type == VALUE_COUNT ? 0 : 4;
	const char *what = row->type == VALUE_DURATION ? "a duration"
			   : row->type == VALUE_SIZE   ? "a size"
						       : "a number";
	char low[32], high[32];

	snprintf(out, EXPECTED_LEN, "%s from %s to %s%s, such as %s", what,
		 with_unit(row->min, units, n, low), with_unit(row->max, units, n, high),
		 row->zero ? " (or 0)" : "", row->example);
}

static void expected_choice(const char *const *choices, char out[static EXPECTED_LEN])
{
	size_t n = 0;

	for (size_t i = 0; choices[i]; i++)
		n += (size_t)snprintf(out + n, EXPECTED_LEN - n, "%s%s",
				      i == 0	       ? ""
				      : choices[i + 1] ? ", "
						       : " or ",
				      choices[i]);
}

const char *schema_expected(const struct key_row *row, char out[static EXPECTED_LEN])
{
	const char *words = "";

	switch (row->type) {
	case VALUE_DURATION:
	case VALUE_COUNT:
	case VALUE_SIZE:
		expected_number(row, out);
		return out;
	case VALUE_CHOICE:
		expected_choice(row->choices, out);
		return out;
	case VALUE_BOOL:
		words = "true or false";
		break;
	case VALUE_LOG:
		words = "journal, syslog, stderr or the absolute path of a file";
		break;
	case VALUE_PROPOSALS:
		words = "proposals, such as aes128gcm16!";
		if (row->protocol == PROTO_IKE)
			words = "proposals, such as aes128-sha256-modp2048!";
		break;
	case VALUE_SUBNETS:
		words = "a list of subnets, such as 10.0.0.0/20 or fd00::/64";
		break;
	case VALUE_CERTIFICATES:
		words = "certificates as PEM, or the path of a PEM file";
		break;
	case VALUE_KEY:
		words = "a private key as PEM, or the path of a PEM file";
		break;
	case VALUE_CAS:
		words = "a list of certificates, each as PEM or the path of a PEM file";
		break;
	case VALUE_SECRET:
		words = "0x and hexadecimal digits, base64, or the path of a file with them";
		break;
	case VALUE_TEXT:
		words = "a text";
		break;
	case VALUE_DAYS:
		words = "a list of days, such as [30, 14, 7, 3, 1]";
		break;
	}
	snprintf(out, EXPECTED_LEN, "%s", words);
	return out;
}

void schema_store(const struct key_row *row, uint64_t value, struct config *c)
{
	void *to = (char *)c + row->offset;

	switch (row->size) {
	case 1:
		*(uint8_t *)to = (uint8_t)value;
		break;
	case 2:
		*(uint16_t *)to = (uint16_t)value;
		break;
	case 4:
		*(uint32_t *)to = (uint32_t)value;
		break;
	default:
		*(uint64_t *)to = value;
	}
}

static uint64_t stored(const struct key_row *row, const struct config *c)
{
	const void *at = (const char *)c + row->offset;

	switch (row->size) {
	case 1:
		return *(const uint8_t *)at;
	case 2:
		return *(const uint16_t *)at;
	case 4:
		return *(const uint32_t *)at;
	default:
		return *(const uint64_t *)at;
	}
}

const char *schema_text(const struct key_row *row, const struct config *c,
			char out[static SCHEMA_TEXT_LEN])
{
	uint64_t value = stored(row, c);
	char number[32];

	if (row->type == VALUE_BOOL)
		snprintf(out, SCHEMA_TEXT_LEN, "%s", value ? "true" : "false");
	else if (row->type == VALUE_CHOICE)
		snprintf(out, SCHEMA_TEXT_LEN, "%s", row->choices[value]);
	else
		snprintf(out, SCHEMA_TEXT_LEN, "%s",
			 with_unit(value, row->type == VALUE_DURATION ? times : sizes,
				   row->type == VALUE_COUNT ? 0 : 4, number));
	return out;
}
