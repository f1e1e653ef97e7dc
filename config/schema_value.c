/* SPDX-License-Identifier: Apache-2.0 */
/* The values of keys as the file says them: read, put in their place, and said again. */
#include "config/config.h"
#include "config/schema.h"
#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#define MINUTE 60u
#define HOUR (60u * MINUTE)
#define DAY (24u * HOUR)

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
	case VALUE_LISTEN:
	case VALUE_TEXTS:
	case VALUE_DAYS:
	case VALUE_LEVELS:
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
		words = "a private key as PEM, the path of a PEM file, or a URI such as pkcs11:";
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
	case VALUE_LISTEN:
		words = "a port, or an address and a port, such as 127.0.0.1:9500 or [::1]:9500";
		break;
	case VALUE_TEXTS:
		words = "a list of texts, each behind a dash";
		break;
	case VALUE_DAYS:
		words = "a list of days, such as [30, 14, 7, 3, 1]";
		break;
	case VALUE_LEVELS:
		words = "a list of levels and AREA=LEVEL, such as [notice, auth=debug]";
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
