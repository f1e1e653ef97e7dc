/* SPDX-License-Identifier: Apache-2.0 */
#include "cmd/ikectl/show_peers.h"
#include "cmd/ikectl/model.h"
#include "cmd/ikectl/show.h"

#define TCP_HEADER 20

const char *short_time(json_int_t seconds, char out[static SHORT_TIME_LEN])
{
	static const struct {
		json_int_t size;
		char letter;
	} units[] = { { 86400, 'd' }, { 3600, 'h' }, { 60, 'm' }, { 1, 's' } };
	size_t u = 0;

	while (u < 3 && seconds < 2 * units[u].size)
		u++;
	snprintf(out, SHORT_TIME_LEN, "%lld%c", (long long)(seconds / units[u].size),
		 units[u].letter);
	return out;
}

const char *short_size(json_int_t octets, char out[static SHORT_SIZE_LEN])
{
	static const char letters[] = "KMGTPE";
	double n = (double)octets;
	size_t u = 0;

	if (octets < 1000) {
		snprintf(out, SHORT_SIZE_LEN, "%lld", (long long)octets);
		return out;
	}
	for (n /= 1000; n >= 999.5 && letters[u + 1] != '\0'; u++)
		n /= 1000;
	snprintf(out, SHORT_SIZE_LEN, n < 9.95 ? "%.1f%c" : "%.0f%c", n, letters[u]);
	return out;
}

const char *peer_state(const json_t *pair, const char *ruling)
{
	const bool enforced = strcmp(ruling, "enforced") == 0;

	if (strcmp(ruling, "bypass") == 0)
		return "bypassed";
	if (pair != NULL && (enforced || is(pair, "state", "up")))
		return text(pair, "state");
	return enforced ? "never" : "clear";
}

/* ---- one line ------------------------------------------------------------------------------ */

struct sums {
	json_int_t in, out;
	const json_t *rekey; /* the next; NULL: none */
	const char *identity;
};

static void sum_child(const json_t *child, struct sums *s)
{
	const json_t *rekey = get(child, "rekey_in_s");

	s->in += number(get(child, "in"), "bytes");
	s->out += number(get(child, "out"), "bytes");
	if (is(child, "state", "INSTALLED") && json_is_integer(rekey) &&
	    (s->rekey == NULL || json_integer_value(rekey) < json_integer_value(s->rekey)))
		s->rekey = rekey;
}

static struct sums sum_pair(const json_t *pair)
{
	struct sums s = { .identity = "-" };
	const json_t *ike, *child;

	EACH(get(pair, "ike_sas"), ike)
	{
		if (json_is_string(get(ike, "peer_id")))
			s.identity = text(ike, "peer_id");
		EACH(get(ike, "child_sas"), child)
		{
			sum_child(child, &s);
		}
	}
	return s;
}

static void show_heading(int width, FILE *out)
{
	fprintf(out, "%-*s  %-11s %6s %6s %6s %6s  %s\n", width, "PEER", "STATE", "SINCE", "IN",
		"OUT", "REKEY", "IDENTITY; LAST FAILURE");
}

static void show_reason(const json_t *pair, FILE *out)
{
	const json_t *failure = show_last_failure(pair);
	char ago[SHORT_TIME_LEN];

	if (failure != NULL)
		fprintf(out, "; %s, %s ago: %s", text(failure, "stage"),
			short_time(number(failure, "ended_s_ago"), ago), text(failure, "reason"));
}

static void show_line(const json_t *pair, int width, const struct palette *p, FILE *out)
{
	char since[SHORT_TIME_LEN], in[SHORT_SIZE_LEN], sent[SHORT_SIZE_LEN], rekey[SHORT_TIME_LEN];
	const char *state = peer_state(pair, text(pair, "ruling"));
	const struct sums s = sum_pair(pair);

	fprintf(out, "%-*s  %s%-11s%s %6s %6s %6s %6s  %s", width, text(pair, "remote"),
		colour_of_state(p, state), state, p->plain,
		short_time(number(pair, "since_s_ago"), since), short_size(s.in, in),
		short_size(s.out, sent),
		s.rekey != NULL ? short_time(json_integer_value(s.rekey), rekey) : "-", s.identity);
	show_reason(pair, out);
	fprintf(out, "\n");
}

static int widest(const json_t *pairs)
{
	const json_t *pair;
	size_t n = strlen("PEER");

	EACH(pairs, pair)
	{
		size_t here = strlen(text(pair, "remote"));

		n = here > n ? here : n;
	}
	return (int)n;
}

/* ---- one peer -------------------------------------------------------------------------------- */

static void show_child_size(const json_t *child, FILE *out)
{
	const json_int_t mtu = number(child, "path_mtu"), most = number(child, "largest_packet");
	const json_int_t ip_header = strchr(text(child, "remote"), ':') != NULL ? 40 : 20;

	fprintf(out, "       {%lld}: ESP adds %lld to %lld octets",
		(long long)number(child, "number"), (long long)number(child, "overhead_min"),
		(long long)number(child, "overhead_max"));
	if (json_is_integer(get(child, "largest_packet")))
		fprintf(out,
			"; of the %lld that the way takes, packets of up to %lld fit (TCP segments "
			"of %lld)",
			(long long)mtu, (long long)most,
			(long long)(most - ip_header - TCP_HEADER));
	fprintf(out, "\n");
}

static void show_sizes(const json_t *pair, FILE *out)
{
	const json_t *ike, *child;

	EACH(get(pair, "ike_sas"), ike)
	{
		EACH(get(ike, "child_sas"), child)
		{
			show_child_size(child, out);
		}
	}
}

void show_rule(const json_t *peer, FILE *out)
{
	static const struct {
		const char *ruling, *meaning;
	} rules[] = {
		{ "enforced", "of ipsec_subnets: ESP or nothing" },
		{ "optional", "of ipsec_subnets, optional: cleartext while there is no SA" },
		{ "bypass", "of no_ipsec_subnets: always in the clear" },
	};

	for (size_t i = 0; i < sizeof(rules) / sizeof(rules[0]); i++) {
		if (is(peer, "ruling", rules[i].ruling)) {
			fprintf(out, "rule:   %s %s\n", text(peer, "subnet"), rules[i].meaning);
			return;
		}
	}
	fprintf(out, "rule:   in none of the subnets: always in the clear\n");
}

void show_peers(const json_t *status, const struct palette *p, FILE *out)
{
	const json_t *pairs = get(status, "pairs"), *peer = get(status, "peer"), *pair;
	const int width = widest(pairs);

	if (json_array_size(pairs) > 0)
		show_heading(width, out);
	else if (peer != NULL)
		fprintf(out, "%s  %s\n", text(peer, "address"),
			peer_state(NULL, text(peer, "ruling")));
	else
		fprintf(out, "no pairs: no packet has asked for one yet\n");
	EACH(pairs, pair)
	{
		show_line(pair, width, p, out);
		if (peer == NULL)
			continue;
		show_pair_sas(status, pair, out);
		show_sizes(pair, out);
	}
	if (peer != NULL)
		show_rule(peer, out);
}
