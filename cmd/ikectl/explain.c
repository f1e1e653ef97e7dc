/* SPDX-License-Identifier: Apache-2.0 */
#include "cmd/ikectl/explain.h"

#include <ctype.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>

const struct option explain_options[] = {
	{ "protocol", required_argument, NULL, 0 },
	{ 0 },
};

/* ---- what is asked --------------------------------------------------------------------------- */

#define TARGET_LEN 80

static const struct {
	const char *name;
	uint8_t number;
	bool ports;
} protocols[] = {
	{ "tcp", IPPROTO_TCP, true },	      { "udp", IPPROTO_UDP, true },
	{ "sctp", IPPROTO_SCTP, true },	      { "dccp", IPPROTO_DCCP, true },
	{ "udplite", IPPROTO_UDPLITE, true }, { "icmp", IPPROTO_ICMP, false },
	{ "icmpv6", IPPROTO_ICMPV6, false },
};
#define N_PROTOCOLS (sizeof(protocols) / sizeof(protocols[0]))

static bool number_parse(const char *text, unsigned long most, unsigned long *out)
{
	char *end;

	if (!isdigit((unsigned char)*text))
		return false;
	errno = 0;
	*out = strtoul(text, &end, 10);
	return errno == 0 && *end == '\0' && *out > 0 && *out <= most;
}

static bool protocol_parse(const char *text, uint8_t *out)
{
	unsigned long number;

	for (size_t i = 0; i < N_PROTOCOLS; i++) {
		if (strcmp(protocols[i].name, text) == 0) {
			*out = protocols[i].number;
			return true;
		}
	}
	if (!number_parse(text, 255, &number))
		return false;
	*out = (uint8_t)number;
	return true;
}

static bool has_ports(uint8_t protocol)
{
	for (size_t i = 0; i < N_PROTOCOLS; i++) {
		if (protocols[i].number == protocol)
			return protocols[i].ports;
	}
	return false;
}

/* The address at the front; *rest is what stands behind it: "", or ":PORT". */
static bool address_parse(const char *text, struct ip *out, const char **rest)
{
	const char *colon = strchr(text, ':'), *from = text, *end = text + strlen(text);
	const bool bracket = *text == '[';
	char address[TARGET_LEN];

	if (bracket) {
		from = text + 1;
		end = strchr(text, ']');
		if (end == NULL)
			return false;
	} else if (colon != NULL && strchr(colon + 1, ':') == NULL) {
		end = colon; /* IPv4 and a port */
	}
	*rest = end + bracket;
	snprintf(address, sizeof(address), "%.*s", (int)(end - from), from);
	return ip_parse(address, out) && (!bracket || out->family == 6);
}

bool target_parse(const char *text, const char *protocol, struct target *out)
{
	char copy[TARGET_LEN], *slash;
	unsigned long port = 0;
	const char *rest;

	*out = (struct target){ 0 };
	if ((size_t)snprintf(copy, sizeof(copy), "%s", text) >= sizeof(copy))
		return false;
	slash = strchr(copy, '/');
	if (slash != NULL) {
		if (protocol != NULL)
			return false;
		*slash = '\0';
		protocol = slash + 1;
	}
	if (!address_parse(copy, &out->address, &rest) ||
	    (protocol != NULL && !protocol_parse(protocol, &out->protocol)))
		return false;
	if (slash != NULL && isdigit((unsigned char)slash[1]))
		return false; /* a subnet */
	if (*rest == '\0')
		return true;
	if (*rest != ':' || !number_parse(rest + 1, 65535, &port))
		return false;
	out->port = (uint16_t)port;
	if (protocol == NULL)
		out->protocol = IPPROTO_TCP;
	return has_ports(out->protocol);
}

/* ---- what is shown --------------------------------------------------------------------------- */

static const char *text_of(const json_t *o, const char *name)
{
	const char *s = json_string_value(json_object_get(o, name));

	return s != NULL ? s : "";
}

static json_int_t number_of(const json_t *o, const char *name)
{
	return json_integer_value(json_object_get(o, name));
}

static bool is_true(const json_t *o, const char *name)
{
	return json_is_true(json_object_get(o, name));
}

static void show_protocol(json_int_t protocol, FILE *out)
{
	for (size_t i = 0; i < N_PROTOCOLS; i++) {
		if (protocols[i].number == protocol) {
			fprintf(out, " (%s)", protocols[i].name);
			return;
		}
	}
	if (protocol != 0)
		fprintf(out, " (protocol %lld)", (long long)protocol);
}

static const char *ruling_text(const json_t *a)
{
	const char *ruling = text_of(a, "ruling");

	if (is_true(a, "own"))
		return "an address of this host: packets to it do not leave";
	if (strcmp(ruling, "enforced") == 0)
		return "ESP, or nothing";
	if (strcmp(ruling, "optional") == 0)
		return "ESP where there is an SA, else in the clear";
	if (strcmp(ruling, "bypass") == 0)
		return "in the clear";
	return is_true(a, "strict_default") ? "nothing, as strict_default says"
					    : "in the clear, no concern of ours";
}

/* The first one decides, if any does. */
static void show_considered(const json_t *a, FILE *out)
{
	const json_t *c;
	size_t i;

	json_array_foreach(json_object_get(a, "considered"), i, c)
	{
		if (strcmp(text_of(c, "standing"), "decides") == 0)
			fprintf(out, "  by %s of %s (%s:%lld)%s\n", text_of(c, "entry"),
				text_of(c, "list"), text_of(a, "file"),
				(long long)number_of(c, "line"),
				is_true(a, "mode") ? ", otherwise by `ikectl mode`" : "");
		else
			fprintf(out, "  not by %s of %s (line %lld): %s\n", text_of(c, "entry"),
				text_of(c, "list"), (long long)number_of(c, "line"),
				text_of(c, "standing"));
	}
}

static void show_rule(const json_t *a, FILE *out)
{
	fprintf(out, "%s", text_of(a, "address"));
	if (number_of(a, "port") != 0)
		fprintf(out, " port %lld", (long long)number_of(a, "port"));
	show_protocol(number_of(a, "protocol"), out);
	fprintf(out, ": %s\n", ruling_text(a));
	if (json_is_string(json_object_get(a, "builtin")))
		fprintf(out, "  by what is built in for %s\n", text_of(a, "builtin"));
	show_considered(a, out);
	if (json_array_size(json_object_get(a, "considered")) == 0)
		fprintf(out, "  in neither of ipsec_subnets and no_ipsec_subnets\n");
	fprintf(out, "  precedence: %s\n  from %s%s%s\n", text_of(a, "precedence"),
		text_of(a, "local"),
		is_true(a, "covered") ? "" : ", which is not in local_addresses",
		is_true(a, "route") ? "" : "; there is no route to it");
}

static void show_selector(const json_t *p, const char *subnet, const char *port, FILE *out)
{
	fprintf(out, "%s", text_of(p, subnet));
	if (number_of(p, port) != 0)
		fprintf(out, "[%lld]", (long long)number_of(p, port));
}

static void show_policy(const json_t *kernel, const char *dir, FILE *out)
{
	const json_t *p = json_object_get(kernel, dir);

	fprintf(out, "  %s:%s ", dir, strlen(dir) == 2 ? " " : "");
	if (!json_is_object(p)) {
		bool block = strcmp(text_of(json_object_get(kernel, "default"), dir), "block") == 0;

		fprintf(out, "no policy: packets %s\n",
			block ? "are dropped, by the kernel's default policy"
			      : "pass in the clear");
		return;
	}
	fprintf(out, "%s%s ", text_of(p, "action"), is_true(p, "optional") ? " (optional)" : "");
	show_selector(p, "source", "source_port", out);
	fprintf(out, " => ");
	show_selector(p, "destination", "destination_port", out);
	show_protocol(number_of(p, "protocol"), out);
	fprintf(out, ", priority %lld, index %lld%s\n", (long long)number_of(p, "priority"),
		(long long)number_of(p, "index"),
		!is_true(p, "ours")	   ? ": not ours"
		: !is_true(p, "as_wanted") ? ": not as the configuration wants it"
					   : "");
}

static void show_pair(const json_t *pair, FILE *out)
{
	if (!json_is_object(pair))
		fprintf(out, "SAs: none\n");
	else if (strcmp(text_of(pair, "state"), "up") == 0)
		fprintf(out, "SAs: up, in %s, out %s\n", text_of(pair, "spi_in"),
			text_of(pair, "spi_out"));
	else
		fprintf(out, "SAs: none, %s (%lld failures in a row)\n", text_of(pair, "state"),
			(long long)number_of(pair, "failures"));
}

void explain_show(const json_t *a, FILE *out)
{
	const json_t *kernel = json_object_get(a, "kernel");

	show_rule(a, out);
	if (is_true(a, "own"))
		return;
	fprintf(out, "kernel\n");
	if (json_is_object(kernel)) {
		show_policy(kernel, "out", out);
		show_policy(kernel, "in", out);
	} else {
		fprintf(out, "  cannot be asked\n");
	}
	show_pair(json_object_get(a, "pair"), out);
}

/* ---- the command ----------------------------------------------------------------------------- */

enum status explain_run(const struct invocation *in)
{
	char text[IP_TEXT_LEN];
	enum status status;
	struct target t;
	json_t *answer;

	if (!target_parse(in->argument, command_option(in, "protocol"), &t))
		return command_misuse("not an address, such as 10.0.0.1, 10.0.0.1:53/udp or "
				      "[fd00::1]:443",
				      in->argument);
	answer = command_ask(in,
			     json_pack("{s:s, s:s, s:i, s:i}", "command", "explain", "address",
				       ip_text(&t.address, text), "protocol", (int)t.protocol,
				       "port", (int)t.port),
			     &status);
	if (answer == NULL)
		return status;
	if (in->json)
		command_print_json(answer);
	else
		explain_show(answer, stdout);
	json_decref(answer);
	return STATUS_GOOD;
}
