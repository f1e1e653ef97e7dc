/* SPDX-License-Identifier: Apache-2.0 */
#include "cmd/ikectl/show.h"
#include "cmd/ikectl/mode.h"
#include "cmd/ikectl/model.h"
#include "cmd/ikectl/show_trust.h"

#include <time.h>

const char *show_time(json_int_t at, char out[static SHOW_TIME_LEN])
{
	static const char month[12][4] = { "Jan", "Feb", "Mar", "Apr", "May", "Jun",
					   "Jul", "Aug", "Sep", "Oct", "Nov", "Dec" };
	const time_t t = (time_t)at;
	struct tm tm;

	out[0] = '\0';
	if (localtime_r(&t, &tm) != NULL)
		snprintf(out, SHOW_TIME_LEN, "%s %02d %02d:%02d:%02d %d", month[tm.tm_mon],
			 tm.tm_mday, tm.tm_hour, tm.tm_min, tm.tm_sec, tm.tm_year + 1900);
	return out;
}

const char *show_delta(json_int_t seconds, char out[static SHOW_DELTA_LEN])
{
	static const struct {
		json_int_t size;
		const char *name;
	} units[] = { { 86400, "day" }, { 3600, "hour" }, { 60, "minute" }, { 1, "second" } };
	size_t u = 0;

	while (u < 3 && seconds <= 2 * units[u].size)
		u++;
	seconds /= units[u].size;
	snprintf(out, SHOW_DELTA_LEN, "%lld %s%s", (long long)seconds, units[u].name,
		 seconds == 1 ? "" : "s");
	return out;
}

/* ", rekeying in 45 minutes" */
static void show_rekeying(const json_t *sa, FILE *out)
{
	const json_t *in = get(sa, "rekey_in_s");
	char delta[SHOW_DELTA_LEN];

	if (!json_is_integer(in))
		fprintf(out, ", rekeying disabled");
	else if (json_integer_value(in) == 0)
		fprintf(out, ", rekeying active");
	else
		fprintf(out, ", rekeying in %s", show_delta(json_integer_value(in), delta));
}

/* "[tcp/80]" after a selector's address, as strongSwan writes it; nothing if all goes. */
static void show_port(json_int_t protocol, json_int_t port, FILE *out)
{
	const char *name = protocol == 6 ? "tcp" : protocol == 17 ? "udp" : NULL;

	if (protocol == 0 && port == 0)
		return;
	if (name != NULL)
		fprintf(out, "[%s", name);
	else
		fprintf(out, "[%lld", (long long)protocol);
	if (port != 0)
		fprintf(out, "/%lld", (long long)port);
	fprintf(out, "]");
}

static int host_prefix(const char *address)
{
	return strchr(address, ':') != NULL ? 128 : 32;
}

/* ---- head ---------------------------------------------------------------------------------- */

/* Only where something was lost. */
static void show_strays(const json_t *c, FILE *out)
{
	if (number(c, "strays") == 0 && number(c, "qcd_taken") == 0)
		return;
	fprintf(out,
		"  lost SAs: %lld stray ESP packets (%lld refused), %lld sources asked, %lld "
		"healed, "
		"%lld told to delete; %lld IKE SAs that peers lost\n",
		(long long)number(c, "strays"), (long long)number(c, "strays_refused"),
		(long long)number(c, "strays_asked"), (long long)number(c, "strays_healed"),
		(long long)number(c, "strays_deleted"), (long long)number(c, "qcd_taken"));
}

/* Only what was met: "  limits met: half-open 12, error-replies 3". */
static void show_limits(const json_t *limits, FILE *out)
{
	const char *before = "  limits met: ", *name;
	json_t *n;

	json_object_foreach((json_t *)limits, name, n)
	{
		if (json_integer_value(n) == 0)
			continue;
		fprintf(out, "%s%s %lld", before, name, (long long)json_integer_value(n));
		before = ", ";
	}
	if (before[0] == ',')
		fprintf(out, "\n");
}

/* The process that has the private key. While it is away nobody can be authenticated. */
static void show_keyholder(const json_t *k, FILE *out)
{
	char delta[SHOW_DELTA_LEN];

	if (json_is_true(get(k, "away")))
		fprintf(out,
			"  THE KEYHOLDER IS AWAY for %s: it %s; nothing new is authenticated\n",
			show_delta(number(k, "away_s"), delta), text(k, "why"));
}

static void show_head(const json_t *status, FILE *out)
{
	const json_t *d = get(status, "daemon"), *address;
	char delta[SHOW_DELTA_LEN], since[SHOW_TIME_LEN];

	fprintf(out, "Status of IKE ikemesh daemon (%s %s, %s %s, %s):\n", text(d, "name"),
		text(d, "version"), text(d, "system"), text(d, "kernel"), text(d, "machine"));
	fprintf(out, "  uptime: %s, since %s\n", show_delta(number(d, "uptime_s"), delta),
		show_time(number(d, "started"), since));
	if (json_is_string(get(status, "keys_exposed_to")))
		fprintf(out, "  ALL KEYS ARE WRITTEN TO %s (--expose-keys)\n",
			text(status, "keys_exposed_to"));
	show_keyholder(get(status, "keyholder"), out);
	show_strays(get(status, "counters"), out);
	show_limits(get(get(status, "counters"), "limits"), out);
	mode_show(get(status, "mode"), out);
	fprintf(out, "Listening IP addresses:\n");
	EACH(get(status, "listening"), address)
	{
		if (json_is_string(address))
			fprintf(out, "  %s\n", json_string_value(address));
	}
}

static void show_expiry(const json_t *status, FILE *out)
{
	const char *heading = "Certificates that end soon:\n";
	const json_t *item;

	EACH(get(status, "expiry"), item)
	{
		fprintf(out, "%s  %s\n", heading, text(item, "text"));
		heading = "";
	}
}

/* ---- connections ------------------------------------------------------------------------------
 */

/* "10.0.1.5/32 === 10.0.1.0/24[tcp/80]" */
static void show_selectors(const char *local, const json_t *connection, FILE *out)
{
	if (local != NULL)
		fprintf(out, "%s/%d === %s", local, host_prefix(local), text(connection, "subnet"));
	else
		fprintf(out, "dynamic === %s", text(connection, "subnet"));
	show_port(number(connection, "protocol"), number(connection, "port"), out);
}

static void show_protect(const json_t *c, const char *subject, FILE *out)
{
	const json_t *locals = get(c, "locals"), *local;
	const char *name = text(c, "name");
	const char *first = json_string_value(json_array_get(locals, 0));

	fprintf(out, "%12s:  %s...%%any  IKEv2\n", name,
		first != NULL && json_array_size(locals) == 1 ? first : "%any");
	fprintf(out, "%12s:   local:  [%s] uses public key authentication\n", name, subject);
	fprintf(out, "%12s:    cert:  \"%s\"\n", name, subject);
	fprintf(out, "%12s:   remote: uses public key authentication\n", name);
	EACH(locals, local)
	{
		fprintf(out, "%12s:   child:  ", name);
		show_selectors(json_string_value(local), c, out);
		fprintf(out, " TRANSPORT\n");
	}
}

static void show_bypass(const json_t *c, FILE *out)
{
	const char *name = text(c, "name");

	fprintf(out, "%12s:  %%any...%%any  IKEv2\n", name);
	fprintf(out, "%12s:   local:  uses public key authentication\n", name);
	fprintf(out, "%12s:   remote: uses public key authentication\n", name);
	fprintf(out, "%12s:   child:  ", name);
	show_selectors(NULL, c, out);
	fprintf(out, " PASS\n");
}

static void show_connections(const json_t *status, FILE *out)
{
	const char *subject = text(get(status, "certificate"), "subject");
	const json_t *c;

	fprintf(out, "Connections:\n");
	EACH(get(status, "connections"), c)
	{
		if (is(c, "kind", "protect"))
			show_protect(c, subject, out);
		else
			show_bypass(c, out);
	}
}

static void show_shunted(const json_t *status, FILE *out)
{
	const char *heading = "Shunted Connections:\n";
	const json_t *c;

	EACH(get(status, "connections"), c)
	{
		if (!is(c, "kind", "bypass"))
			continue;
		fprintf(out, "%s%12s:  ", heading, text(c, "name"));
		show_selectors(NULL, c, out);
		fprintf(out, " PASS\n");
		heading = "";
	}
}

static void show_routed(const json_t *status, FILE *out)
{
	const char *heading = "Routed Connections:\n";
	const json_t *c, *local;
	unsigned n = 0;

	EACH(get(status, "connections"), c)
	{
		if (!is(c, "kind", "protect"))
			continue;
		EACH(get(c, "locals"), local)
		{
			const char *name = text(c, "name");

			n++;
			fprintf(out, "%s%12s{%u}:  ROUTED, TRANSPORT, reqid %lld%s\n", heading,
				name, n, (long long)number(status, "reqid"),
				json_is_true(get(c, "optional")) ? ", optional" : "");
			fprintf(out, "%12s{%u}:   ", name, n);
			show_selectors(json_string_value(local), c, out);
			fprintf(out, "\n");
			heading = "";
		}
	}
}

/* ---- security associations
 * ----------------------------------------------------------------------- */

static void show_traffic(const json_t *direction, const char *suffix, FILE *out)
{
	json_int_t packets = number(direction, "packets");
	const json_t *used = get(direction, "used_s_ago");

	fprintf(out, ", %lld bytes_%s", (long long)number(direction, "bytes"), suffix);
	if (packets == 0)
		return;
	fprintf(out, " (%lld pkt%s", (long long)packets, packets == 1 ? "" : "s");
	if (json_is_integer(used))
		fprintf(out, ", %llds ago", (long long)json_integer_value(used));
	fprintf(out, ")");
}

static void show_child(const char *name, const json_t *c, FILE *out)
{
	const json_t *suite = get(c, "suite");
	json_int_t n = number(c, "number");
	const char *local = text(c, "local"), *remote = text(c, "remote");

	fprintf(out, "%12s{%lld}:  %s, TRANSPORT, reqid %lld, ESP%s SPIs: %s_i %s_o\n", name,
		(long long)n, text(c, "state"), (long long)number(c, "reqid"),
		json_is_true(get(c, "udp_encapsulation")) ? " in UDP" : "", text(c, "spi_in"),
		text(c, "spi_out"));
	fprintf(out, "%12s{%lld}:  %s", name, (long long)n, text(suite, "encryption"));
	if (json_is_string(get(suite, "integrity")))
		fprintf(out, "/%s", text(suite, "integrity"));
	if (json_is_string(get(suite, "key_exchange")))
		fprintf(out, "/%s", text(suite, "key_exchange"));
	if (json_is_true(get(c, "esn")))
		fprintf(out, "/ESN");
	show_traffic(get(c, "in"), "i", out);
	show_traffic(get(c, "out"), "o", out);
	show_rekeying(c, out);
	fprintf(out, "\n%12s{%lld}:   %s/%d", name, (long long)n, local, host_prefix(local));
	show_port(number(c, "protocol"), number(c, "local_port"), out);
	fprintf(out, " === %s/%d", remote, host_prefix(remote));
	show_port(number(c, "protocol"), number(c, "remote_port"), out);
	fprintf(out, "\n");
}

static void show_ike_head(const char *name, const json_t *s, const char *subject, FILE *out)
{
	const json_t *since = get(s, "established_s_ago"), *peer = get(s, "peer_id");
	char delta[SHOW_DELTA_LEN];

	fprintf(out, "%12s[%lld]: %s", name, (long long)number(s, "number"), text(s, "state"));
	if (is(s, "state", "ESTABLISHED"))
		fprintf(out, " %s ago", show_delta(json_integer_value(since), delta));
	fprintf(out, ", %s[%s]...%s[%s]\n", text(s, "local"), subject, text(s, "remote"),
		json_is_string(peer) ? json_string_value(peer) : "%any");
}

/* As strongSwan has them: /KE1_ML_KEM_768 */
static void show_add_ke(const json_t *suite, FILE *out)
{
	const json_t *names = get(suite, "additional_key_exchanges");

	for (size_t i = 0; i < json_array_size(names); i++)
		fprintf(out, "/KE%zu_%s", i + 1, json_string_value(json_array_get(names, i)));
}

static void show_ike(const char *name, const json_t *s, const char *subject, FILE *out)
{
	const json_t *suite = get(s, "suite"), *child;
	bool we = json_is_true(get(s, "initiator"));
	json_int_t n = number(s, "number");

	show_ike_head(name, s, subject, out);
	fprintf(out, "%12s[%lld]: IKEv2 SPIs: %s_i%s %s_r%s", name, (long long)n, text(s, "spi_i"),
		we ? "*" : "", text(s, "spi_r"), we ? "" : "*");
	if (is(s, "state", "ESTABLISHED"))
		show_rekeying(s, out);
	fprintf(out, "\n");
	if (json_is_string(get(suite, "encryption"))) {
		fprintf(out, "%12s[%lld]: IKE proposal: %s", name, (long long)n,
			text(suite, "encryption"));
		if (json_is_string(get(suite, "integrity")))
			fprintf(out, "/%s", text(suite, "integrity"));
		fprintf(out, "/%s/%s", text(suite, "prf"), text(suite, "key_exchange"));
		show_add_ke(suite, out);
		fprintf(out, "%s\n", json_is_true(get(s, "ppk")) ? ", PPK" : "");
	}
	if (json_is_string(get(s, "peer_warning")))
		fprintf(out, "%12s[%lld]: WARNING: peer %s\n", name, (long long)n,
			text(s, "peer_warning"));
	else if (json_is_true(get(s, "peer_pinned")))
		fprintf(out, "%12s[%lld]: peer shows our own certificate, which is under the CAs\n",
			name, (long long)n);
	EACH(get(s, "child_sas"), child)
	{
		show_child(name, child, out);
	}
}

void show_pair_sas(const json_t *status, const json_t *pair, FILE *out)
{
	const char *subject = text(get(status, "certificate"), "subject");
	const json_t *ike;

	EACH(get(pair, "ike_sas"), ike)
	{
		show_ike(text(pair, "connection"), ike, subject, out);
	}
}

static void show_associations(const json_t *status, FILE *out)
{
	const json_t *pair;
	bool none = true;

	fprintf(out, "Security Associations (%lld up, %lld connecting):\n",
		(long long)number(status, "ike_up"), (long long)number(status, "ike_connecting"));
	EACH(get(status, "pairs"), pair)
	{
		show_pair_sas(status, pair, out);
		none = none && json_array_size(get(pair, "ike_sas")) == 0;
	}
	if (none)
		fprintf(out, "  none\n");
}

/* ---- pairs that are not up: the peer and the reason
 * ---------------------------------------------- */

static void show_failure(const json_t *pair, const json_t *attempt, FILE *out)
{
	const json_t *ended = get(attempt, "ended_s_ago"), *retry = get(pair, "retry_in_s");
	json_int_t failures = number(pair, "failures");
	char delta[SHOW_DELTA_LEN];

	fprintf(out, "  %s: %s failed %s ago: %s", text(pair, "remote"), text(attempt, "stage"),
		show_delta(json_integer_value(ended), delta), text(attempt, "reason"));
	if (failures > 1)
		fprintf(out, " (%lld times in a row)", (long long)failures);
	if (json_is_integer(retry))
		fprintf(out, "; next try in %s", show_delta(json_integer_value(retry), delta));
	fprintf(out, "\n");
}

const json_t *show_last_failure(const json_t *pair)
{
	const bool up = is(pair, "state", "up");
	const json_t *attempt;

	EACH(get(pair, "attempts"), attempt)
	{
		if (json_is_true(get(attempt, "failed")))
			return attempt;
		if (up && json_is_integer(get(attempt, "ended_s_ago")))
			return NULL;
	}
	return NULL;
}

static void show_failed(const json_t *status, FILE *out)
{
	const char *heading = "Failed peers:\n";
	const json_t *pair;

	EACH(get(status, "pairs"), pair)
	{
		const json_t *attempt = show_last_failure(pair);

		if (attempt == NULL)
			continue;
		fputs(heading, out);
		show_failure(pair, attempt, out);
		heading = "";
	}
}

static void show_foreign(const json_t *status, FILE *out)
{
	const char *heading = "Policies of others that come before ours:\n";
	const json_t *p;

	EACH(get(status, "foreign_policies"), p)
	{
		fprintf(out, "%s  %s %s => %s, %s, priority %lld: before %lld of ours\n", heading,
			text(p, "direction"), text(p, "source"), text(p, "destination"),
			text(p, "action"), (long long)number(p, "priority"),
			(long long)number(p, "shadows"));
		heading = "";
	}
}

static void show_takeover(const json_t *t, FILE *out)
{
	if (!json_is_object(t))
		return;
	fprintf(out,
		"Takeover: %zu of %lld peers of another IKE daemon are missing; %s SAs are in "
		"use\n",
		json_array_size(get(t, "missing")), (long long)number(t, "peers"),
		json_is_true(get(t, "done")) ? "our" : "its");
}

void show_statusall(const json_t *status, FILE *out)
{
	show_head(status, out);
	show_takeover(get(status, "takeover"), out);
	show_expiry(status, out);
	show_connections(status, out);
	show_shunted(status, out);
	show_routed(status, out);
	show_associations(status, out);
	show_failed(status, out);
	show_trust(get(status, "trust"), out);
	mode_show_clear(get(status, "clear"), out);
	show_foreign(status, out);
}
