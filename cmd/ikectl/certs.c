/* SPDX-License-Identifier: Apache-2.0 */
#include "cmd/ikectl/certs.h"

#include <string.h>
#include <time.h>

static const char *text(const json_t *o, const char *name)
{
	const char *s = json_string_value(json_object_get(o, name));

	return s != NULL ? s : "";
}

static json_int_t number(const json_t *o, const char *name)
{
	return json_integer_value(json_object_get(o, name));
}

static void show_date(json_int_t at, FILE *out)
{
	const time_t t = (time_t)at;
	char date[40] = "";
	struct tm tm;

	if (gmtime_r(&t, &tm) != NULL)
		(void)strftime(date, sizeof(date), "%Y-%m-%d %H:%M:%S UTC", &tm);
	fprintf(out, "%s", date);
}

static void show_left(json_int_t days, FILE *out)
{
	const char *s = days == 1 || days == -1 ? "" : "s";

	if (days >= 0)
		fprintf(out, "%lld day%s left\n", (long long)days, s);
	else
		fprintf(out, "EXPIRED %lld day%s ago\n", (long long)-days, s);
}

static void show_cert(const json_t *c, FILE *out)
{
	fprintf(out, "  subject:     %s\n", text(c, "subject"));
	fprintf(out, "  issuer:      %s\n", text(c, "issuer"));
	fprintf(out, "  serial:      %s\n", text(c, "serial"));
	fprintf(out, "  fingerprint: %s (SHA-256)\n", text(c, "fingerprint"));
	fprintf(out, "  not after:   ");
	show_date(number(c, "not_after"), out);
	fprintf(out, ", ");
	show_left(number(c, "days_left"), out);
}

static void show_list(const char *heading, const json_t *list, FILE *out)
{
	const json_t *c;
	size_t i;

	json_array_foreach(list, i, c)
	{
		fprintf(out, "%s\n", heading);
		show_cert(c, out);
	}
}

/* "10.1.0.2, 10.1.0.3 and 4 others" */
static void show_addresses(const json_t *addresses, json_int_t n, FILE *out)
{
	const json_t *a;
	size_t i;

	json_array_foreach(addresses, i, a)
		fprintf(out, "%s%s", i > 0 ? ", " : "", json_string_value(a));
	if (n > (json_int_t)json_array_size(addresses))
		fprintf(out, " and %lld more",
			(long long)n - (long long)json_array_size(addresses));
}

static void show_crls(const json_t *list, FILE *out)
{
	const json_t *c;
	size_t i;

	json_array_foreach(list, i, c)
	{
		fprintf(out, "CRL\n  issuer:      %s\n", text(c, "issuer"));
		fprintf(out, "  next update: ");
		if (json_is_integer(json_object_get(c, "next_update"))) {
			show_date(number(c, "next_update"), out);
			fprintf(out, ", ");
			show_left(number(c, "days_left"), out);
		} else {
			fprintf(out, "not said\n");
		}
	}
}

void show_certs(const json_t *answer, FILE *out)
{
	const json_t *peer;
	size_t i;

	show_list("Instance certificate", json_object_get(json_object_get(answer, "own"), "chain"),
		  out);
	show_list("CA", json_object_get(answer, "cas"), out);
	show_crls(json_object_get(answer, "crls"), out);
	json_array_foreach(json_object_get(answer, "peers"), i, peer)
	{
		fprintf(out, "Peer ");
		show_addresses(json_object_get(peer, "addresses"), number(peer, "peers"), out);
		fprintf(out, "\n");
		show_cert(json_object_get(peer, "certificate"), out);
	}
}

enum status run_certs(const struct invocation *in)
{
	enum status status;
	json_t *answer = command_ask(in, json_pack("{s:s}", "command", "certs"), &status);

	if (answer == NULL)
		return status;
	if (in->json)
		command_print_json(answer);
	else
		show_certs(answer, stdout);
	json_decref(answer);
	return STATUS_GOOD;
}
