/* SPDX-License-Identifier: Apache-2.0 */
#include "cmd/ikectl/verify.h"
#include "cmd/ikectl/model.h"

#include <stdarg.h>
#include <string.h>

enum verdict_id {
	VERIFIED,
	VERIFIED_MUTE,
	IN_THE_CLEAR,
	NOT_PROTECTED,
	NO_SA,
	ESP_FILTERED,
	NO_ANSWER,
	NOT_SENT,
	TAKING_OVER,
};

static const struct verify_row rows[] = {
	[VERIFIED] = { "protected", true, NULL },
	[VERIFIED_MUTE] = { "protected-no-echo", true, NULL },
	[IN_THE_CLEAR] = { "in-the-clear", false,
			   "`ikectl why` with this peer says what keeps it from IPsec; `ikectl "
			   "mode "
			   "enforced` lets nothing out in the clear" },
	[NOT_PROTECTED] = { "not-protected", false,
			    "`ikectl explain` with this address says which rule it is; put it "
			    "under "
			    "ipsec_subnets if it should be protected" },
	[NO_SA] = { "no-sa", false, "`ikectl why` with this peer says why" },
	[ESP_FILTERED] = { "esp-filtered", false,
			   "let IP protocol 50 through, both ways, or set `encapsulation: always` "
			   "(ESP in UDP)" },
	[NO_ANSWER] = { "no-answer", false,
			"see whether the peer is up, and whether its firewall lets anything of "
			"this "
			"host in" },
	[NOT_SENT] = { "not-sent", false, "run this as root" },
	[TAKING_OVER] = { "taking-over", false,
			  "ask again when `ikectl statusall` has no line Takeover any more" },
};

/* ---- what the SAs carried ---------------------------------------------------------------------
 */

struct totals {
	long long in, out; /* packets */
	bool live;	   /* there is an SA to send on */
	bool encapsulated;
};

static void add_child(struct totals *t, const json_t *child)
{
	t->in += number(get(child, "in"), "packets");
	t->out += number(get(child, "out"), "packets");
	if (!is(child, "state", "INSTALLED"))
		return;
	t->live = true;
	t->encapsulated = json_is_true(get(child, "udp_encapsulation"));
}

static struct totals totals_of(const json_t *status)
{
	struct totals t = { 0 };
	const json_t *pair, *ike, *child;

	EACH(get(status, "pairs"), pair)
	{
		EACH(get(pair, "ike_sas"), ike)
		{
			EACH(get(ike, "child_sas"), child)
			{
				add_child(&t, child);
			}
		}
	}
	return t;
}

static bool has_child(const json_t *status, const char *spi_in)
{
	const json_t *pair, *ike, *child;

	EACH(get(status, "pairs"), pair)
	{
		EACH(get(pair, "ike_sas"), ike)
		{
			EACH(get(ike, "child_sas"), child)
			{
				if (is(child, "spi_in", spi_in))
					return true;
			}
		}
	}
	return false;
}

bool verify_missed_some(const struct verify_facts *f)
{
	const json_t *pair, *ike, *child;

	EACH(get(f->before, "pairs"), pair)
	{
		EACH(get(pair, "ike_sas"), ike)
		{
			EACH(get(ike, "child_sas"), child)
			{
				if (!has_child(f->after, text(child, "spi_in")))
					return true;
			}
		}
	}
	return false;
}

/* What was there before and has gone, as at a rekeying, took its counters along. */
static void forget_gone(const struct verify_facts *f, struct totals *before)
{
	const json_t *pair, *ike, *child;

	EACH(get(f->before, "pairs"), pair)
	{
		EACH(get(pair, "ike_sas"), ike)
		{
			EACH(get(ike, "child_sas"), child)
			{
				if (has_child(f->after, text(child, "spi_in")))
					continue;
				before->in -= number(get(child, "in"), "packets");
				before->out -= number(get(child, "out"), "packets");
			}
		}
	}
}

/* ---- the verdict ------------------------------------------------------------------------------
 */

static void conclude(struct verification *v, enum verdict_id id, const char *format, ...)
	__attribute__((format(printf, 3, 4)));
static void conclude(struct verification *v, enum verdict_id id, const char *format, ...)
{
	va_list args;

	v->verdict = &rows[id];
	v->is_early = id == TAKING_OVER;
	va_start(args, format);
	vsnprintf(v->text, sizeof(v->text), format, args);
	va_end(args);
}

static const char *ruling_of(const json_t *status)
{
	return text(get(status, "peer"), "ruling");
}

/* A peer that is heard in the clear where IPsec is optional (see `clear` in docs/status-json.md).
 */
static bool talks_in_the_clear(const struct verify_facts *f)
{
	const char *peer = text(get(f->after, "peer"), "address");
	const json_t *one;

	EACH(get(get(f->after, "clear"), "peers"), one)
	{
		if (is(one, "peer", peer) && json_is_integer(get(one, "in_s_ago")))
			return true;
	}
	return false;
}

static bool is_taking_over(const json_t *status)
{
	return json_is_object(get(status, "takeover"));
}

static void judge_answered(const struct verify_facts *f, struct verification *v)
{
	const char *how = v->encapsulated ? "ESP in UDP" : "ESP";
	const bool fewer = v->esp_in < f->answered || v->esp_out < f->answered;

	if (fewer && is_taking_over(f->after))
		conclude(v, TAKING_OVER,
			 "%u of %u echoes were answered, and %lld packets came on our SAs: during "
			 "a takeover the peer may still send on those of the other IKE daemon, "
			 "which nobody counts here",
			 f->answered, f->sent, v->esp_in);
	else if (fewer)
		conclude(v, IN_THE_CLEAR,
			 "%u of %u echoes were answered, and only %lld packets came by ESP: the "
			 "others came in the clear",
			 f->answered, f->sent, v->esp_in);
	else if (talks_in_the_clear(f))
		conclude(v, IN_THE_CLEAR,
			 "%u of %u echoes were answered inside %s, but the peer sends in the clear "
			 "as well",
			 f->answered, f->sent, how);
	else
		conclude(
			v, VERIFIED,
			"%u of %u echoes were answered, all inside %s (%lld packets out, %lld in); "
			"nothing was accepted in the clear",
			f->answered, f->sent, how, v->esp_out, v->esp_in);
}

/* came: some packets did before, on SAs that may have gone since. */
static void judge_silence(bool came, struct verification *v)
{
	const char *how = v->encapsulated ? "ESP in UDP" : "ESP";

	if (v->esp_in > 0)
		conclude(v, VERIFIED_MUTE,
			 "the peer does not answer echoes, and other packets came back inside %s "
			 "(%lld out, %lld in)",
			 how, v->esp_out, v->esp_in);
	else if (v->esp_out == 0)
		conclude(v, NO_SA, "nothing left by ESP: the kernel sends on no SA to this peer");
	else if (!came)
		conclude(
			v, ESP_FILTERED,
			"IKE is up and %lld packets left by %s, but none has ever come back: it is "
			"filtered on the way",
			v->esp_out, how);
	else
		conclude(v, NO_ANSWER,
			 "%lld packets left by %s and none came back now, though some did before: "
			 "the peer, or its firewall, is silent",
			 v->esp_out, how);
}

void verify_judge(const struct verify_facts *f, struct verification *v)
{
	struct totals before = totals_of(f->before), after = totals_of(f->after);
	const char *ruling = ruling_of(f->after);
	const bool came = before.in > 0 || after.in > 0;
	const bool ours = strcmp(ruling, "enforced") == 0 || strcmp(ruling, "optional") == 0;

	*v = (struct verification){ .encapsulated = after.encapsulated };
	forget_gone(f, &before);
	v->esp_in = after.in - before.in;
	v->esp_out = after.out - before.out;
	if (!ours)
		conclude(v, NOT_PROTECTED, "it is not under IPsec (%s): traffic goes in the clear",
			 strcmp(ruling, "bypass") == 0 ? "no_ipsec_subnets"
						       : "in none of ipsec_subnets");
	else if (f->error != 0 && f->answered == 0 && after.live)
		conclude(v, NOT_SENT, "the probes could not be sent: %s", strerror(-f->error));
	else if (f->answered > 0)
		judge_answered(f, v);
	else if (!after.live)
		conclude(v, NO_SA, "no SA came up, and nothing was answered");
	else
		judge_silence(came, v);
}

/* ---- printing ---------------------------------------------------------------------------------
 */

void verify_print(const char *peer, const struct verification *v, FILE *out)
{
	fprintf(out, "%s: %s: %s\n", peer, v->verdict->name, v->text);
	if (v->verdict->mend != NULL)
		fprintf(out, "  -> %s\n", v->verdict->mend);
}

json_t *verify_json(const char *peer, const struct verify_facts *f, const struct verification *v)
{
	return json_pack("{s:s, s:s, s:s, s:b, s:s, s:s?, s:i, s:i, s:I, s:I, s:b}", "format",
			 "ikemesh-verify/1", "peer", peer, "verdict", v->verdict->name, "protected",
			 v->verdict->good, "text", v->text, "mend", v->verdict->mend, "echoes",
			 (int)f->sent, "answered", (int)f->answered, "esp_out",
			 (json_int_t)v->esp_out, "esp_in", (json_int_t)v->esp_in,
			 "udp_encapsulation", v->encapsulated);
}
