/* SPDX-License-Identifier: Apache-2.0 */
#include "cmd/ikectl/why.h"
#include "cmd/ikectl/model.h"
#include "cmd/ikectl/show.h"
#include "crypto/trust.h"

#define ESP_SENT_SURE 3 /* packets without one that came back */
#define DELETED_OFTEN 2 /* IKE SAs that the peer deleted at once */
#define DELETED_WITHIN_S 120

/* In the order of `causes`. */
enum cause_id {
	CAUSE_FINE,
	CAUSE_IDLE,
	CAUSE_CONNECTING,
	CAUSE_OUTSIDE,
	CAUSE_BYPASSED,
	CAUSE_OWN,
	CAUSE_NEVER,
	CAUSE_CLEAR,
	CAUSE_WRONG_CA,
	CAUSE_EXPIRED,
	CAUSE_NOT_YET_VALID,
	CAUSE_CLOCK,
	CAUSE_IDENTITY,
	CAUSE_NOT_ALLOWED,
	CAUSE_ADDRESS,
	CAUSE_REVOKED,
	CAUSE_NO_CRL,
	CAUSE_SIGNATURE,
	CAUSE_CERTIFICATE,
	CAUSE_OWN_EXPIRED,
	CAUSE_KEYHOLDER,
	CAUSE_REFUSED_US,
	CAUSE_IKE_PROPOSAL,
	CAUSE_ESP_PROPOSAL,
	CAUSE_SELECTORS,
	CAUSE_NO_IPSEC,
	CAUSE_PEER_DOWN,
	CAUSE_NO_ROUTE,
	CAUSE_IKE_FILTERED,
	CAUSE_SILENT,
	CAUSE_AUTH_SILENT,
	CAUSE_ESP_FILTERED,
	CAUSE_ESP_IN_UDP,
	CAUSE_MTU,
	CAUSE_PEER_DELETED,
	CAUSE_OTHER,
};

static const struct cause causes[] = {
	[CAUSE_FINE] = { "fine", false, "nothing is amiss: ESP goes both ways", NULL },
	[CAUSE_IDLE] = { "idle", false, "the SAs are there, and have carried nothing yet", NULL },
	[CAUSE_CONNECTING] = { "connecting", false,
			       "the negotiation is under way, or waits for its "
			       "turn",
			       "ask again in a moment" },
	[CAUSE_OUTSIDE] = { "not-protected", false,
			    "the address lies in none of ipsec_subnets: traffic goes in the clear",
			    "add it to ipsec_subnets if it should be protected" },
	[CAUSE_BYPASSED] = { "bypassed", false,
			     "the address lies in no_ipsec_subnets: traffic goes in the clear",
			     "take it out of no_ipsec_subnets if it should be protected" },
	[CAUSE_OWN] = { "own-address", false,
			"it is an address of this host itself: such traffic never leaves", NULL },
	[CAUSE_NEVER] = { "no-traffic", false,
			  "no packet has asked for an SA with it, nor has it asked for one",
			  "ping it, or `ikectl up` it" },
	[CAUSE_CLEAR] = { "no-sa", false, "there is no SA, and no attempt is remembered",
			  "ping it, or `ikectl up` it" },
	[CAUSE_WRONG_CA] = { "wrong-ca", true,
			     "the peer's certificate comes from no CA that is trusted here",
			     "add the CA that issued it to ca_certificates here, or give the peer "
			     "a "
			     "certificate of ours" },
	[CAUSE_EXPIRED] = { "expired", true, "the peer's certificate has expired",
			    "give the peer another certificate, and reload it there" },
	[CAUSE_NOT_YET_VALID] = { "not-yet-valid", true, "the peer's certificate is not valid yet",
				  "look at the clock of whoever issued it, or wait" },
	[CAUSE_CLOCK] = { "clock", true,
			  "this host's clock is wrong: by it, our own certificate is not valid "
			  "either",
			  "set the clock and keep it by NTP: `timedatectl set-ntp true`, `chronyc "
			  "makestep`" },
	[CAUSE_IDENTITY] = { "identity", true,
			     "the peer claims an identity that its certificate does not have",
			     "make the peer's identity one that its certificate names" },
	[CAUSE_NOT_ALLOWED] = { "not-allowed", true, "the peer's identity is not allowed here",
				"add it to peer_identities here, if it should be" },
	[CAUSE_ADDRESS] = { "wrong-address", true, "the peer's address is not in its certificate",
			    "give the peer a certificate with its address, or leave out "
			    "bind_address_to_certificate" },
	[CAUSE_REVOKED] = { "revoked", true, "the peer's certificate was revoked",
			    "give the peer another certificate" },
	[CAUSE_NO_CRL] = { "no-crl", true,
			   "no revocation list tells of the peer's certificate, and crl_policy "
			   "asks "
			   "for one",
			   "bring the CRLs up to date here, or loosen crl_policy" },
	[CAUSE_SIGNATURE] = { "signature", true,
			      "the peer's signature is not by its certificate's key",
			      "give the peer the key that belongs to its certificate" },
	[CAUSE_CERTIFICATE] = { "certificate", true, "the peer's certificate is not accepted here",
				"give the peer another certificate" },
	[CAUSE_OWN_EXPIRED] = { "own-expired", true, "our own certificate has expired",
				"issue another one for this host (or set its clock), then `ikectl "
				"reload`" },
	[CAUSE_KEYHOLDER] = { "keyholder", true,
			      "the process that has this host's private key is away",
			      "`ikectl doctor` says what is the matter with it" },
	[CAUSE_REFUSED_US] = { "refused-us", true,
			       "the peer does not accept our certificate, "
			       "signature or PPK; only it knows why",
			       "run `ikectl why` there (or read its log): whether it has our CA, "
			       "and the right clock" },
	[CAUSE_IKE_PROPOSAL] = { "no-common-ike-proposal", true, "there is no common IKE proposal",
				 "give both sides one in common in ike_proposals" },
	[CAUSE_ESP_PROPOSAL] = { "no-common-esp-proposal", true, "there is no common ESP proposal",
				 "give both sides one in common in esp_proposals" },
	[CAUSE_SELECTORS] = { "selectors", true,
			      "traffic between these two addresses is not what both sides want to "
			      "protect",
			      "make ipsec_subnets and no_ipsec_subnets the same on both sides: "
			      "each "
			      "must have the other's address protected" },
	[CAUSE_NO_IPSEC] = { "no-ipsec", true,
			     "the peer is there, and nobody listens on UDP port 500",
			     "start IPsec there, or put its address into no_ipsec_subnets" },
	[CAUSE_PEER_DOWN] = { "peer-down", true, "the peer is not there: it answers nothing at all",
			      "start it, or look at its network" },
	[CAUSE_NO_ROUTE] = { "no-route", true, "there is no route to the peer",
			     "look at the routes of this host: `ip route get` it" },
	[CAUSE_IKE_FILTERED] = { "ike-filtered", true,
				 "the peer is there, but nothing comes back from its UDP port 500",
				 "let UDP 500 and 4500 through, both ways, here, on the way and "
				 "there; a strongSwan that has 5 half open negotiations with this "
				 "address ignores more of them, for 30 s: its log says so" },
	[CAUSE_SILENT] = { "silent", true,
			   "the peer does not answer: it is down, or UDP port 500 is filtered on "
			   "the "
			   "way",
			   "see whether it is up; let UDP 500 and 4500 through, both ways" },
	[CAUSE_AUTH_SILENT] = { "ike-auth-silent", true,
				"the peer answers IKE_SA_INIT and not IKE_AUTH, which is larger "
				"(and, "
				"behind a NAT, on UDP port 4500)",
				"let UDP 4500 and fragments through, or set fragment_size: 1280; "
				"see "
				"the peer's log" },
	[CAUSE_ESP_FILTERED] = { "esp-filtered", true,
				 "IKE is up and ESP is sent, but no ESP comes back: it is filtered "
				 "on "
				 "the way",
				 "let IP protocol 50 through, both ways, or set `encapsulation: "
				 "always` (ESP in UDP)" },
	[CAUSE_ESP_IN_UDP] = { "esp-in-udp", false,
			       "plain ESP is filtered on the way; it goes in UDP, and arrives",
			       NULL },
	[CAUSE_MTU] = { "mtu", true,
			"small packets pass, large ones are lost without a word: a link on the way "
			"takes less than is known here",
			"`ikectl doctor` with this peer says which size, and what would help" },
	[CAUSE_PEER_DELETED] = { "peer-deleted", true,
				 "SAs come up, and the peer deletes them soon after, again and "
				 "again",
				 "if it is a strongSwan, set uniqueids=no there: with its default "
				 "it keeps one IKE SA for each identity, and hosts that share a "
				 "certificate have the same; otherwise see its log" },
	[CAUSE_OTHER] = { "other", true, "the last attempt failed",
			  "see the reason below, and the "
			  "peer's log" },
};

/* ---- certificates ------------------------------------------------------------------------- */

static bool own_is_early(const struct why_facts *f)
{
	return number(get(f->status, "certificate"), "not_before") > (json_int_t)f->now;
}

static bool own_has_expired(const struct why_facts *f)
{
	const json_t *until = get(get(f->status, "certificate"), "not_after");

	return json_is_integer(until) && json_integer_value(until) <= (json_int_t)f->now;
}

static enum cause_id by_certificate(const struct why_facts *f, const json_t *attempt)
{
	static const struct {
		enum verdict verdict;
		enum cause_id cause;
	} rows[] = {
		{ VERDICT_NO_TRUSTED_CA, CAUSE_WRONG_CA },
		{ VERDICT_EXPIRED, CAUSE_EXPIRED },
		{ VERDICT_NOT_YET_VALID, CAUSE_NOT_YET_VALID },
		{ VERDICT_ID_MISMATCH, CAUSE_IDENTITY },
		{ VERDICT_NOT_ALLOWED, CAUSE_NOT_ALLOWED },
		{ VERDICT_WRONG_ADDRESS, CAUSE_ADDRESS },
		{ VERDICT_REVOKED, CAUSE_REVOKED },
		{ VERDICT_NO_CRL, CAUSE_NO_CRL },
		{ VERDICT_BAD_SIGNATURE, CAUSE_SIGNATURE },
	};
	enum cause_id cause = CAUSE_CERTIFICATE;

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		if (is(attempt, "certificate", verdict_name(rows[i].verdict)))
			cause = rows[i].cause;
	}
	/* Everybody's dates at once: it is the clock that is wrong. */
	if ((cause == CAUSE_EXPIRED && own_has_expired(f)) ||
	    (cause == CAUSE_NOT_YET_VALID && own_is_early(f)))
		return CAUSE_CLOCK;
	return cause;
}

/* ---- notifies and silence ------------------------------------------------------------------ */

/*
 * What our own certificate explains, whoever refused it: the peer, or this host itself. Nobody
 * installs one of the future: then it is the clock.
 */
static enum cause_id by_own(const struct why_facts *f, enum cause_id otherwise)
{
	if (own_is_early(f))
		return CAUSE_CLOCK;
	return own_has_expired(f) ? CAUSE_OWN_EXPIRED : otherwise;
}

static enum cause_id by_notify(const struct why_facts *f, const json_t *attempt)
{
	const bool init = is(attempt, "stage", "IKE_SA_INIT");

	if (is(attempt, "notify", "NO_PROPOSAL_CHOSEN"))
		return init ? CAUSE_IKE_PROPOSAL : CAUSE_ESP_PROPOSAL;
	if (is(attempt, "notify", "INVALID_KE_PAYLOAD"))
		return CAUSE_IKE_PROPOSAL;
	if (is(attempt, "notify", "TS_UNACCEPTABLE"))
		return CAUSE_SELECTORS;
	if (is(attempt, "notify", "AUTHENTICATION_FAILED"))
		return by_own(f, json_is_true(get(attempt, "notify_ours")) ? CAUSE_OTHER
									   : CAUSE_REFUSED_US);
	return CAUSE_OTHER;
}

static enum cause_id by_silence(const struct why_facts *f, const json_t *attempt)
{
	if (!is(attempt, "stage", "IKE_SA_INIT"))
		return CAUSE_AUTH_SILENT;
	if (is(attempt, "unreachable", "ECONNREFUSED") || f->knock == KNOCK_CLOSED)
		return CAUSE_NO_IPSEC;
	if (f->knock == KNOCK_FORBIDDEN)
		return CAUSE_IKE_FILTERED;
	if (is(attempt, "unreachable", "ENETUNREACH"))
		return CAUSE_NO_ROUTE;
	if (is(attempt, "unreachable", "EHOSTUNREACH") || f->neighbour == NEIGHBOUR_GONE)
		return CAUSE_PEER_DOWN;
	return f->neighbour == NEIGHBOUR_ALIVE ? CAUSE_IKE_FILTERED : CAUSE_SILENT;
}

/* It failed here, and not for what the peer said or is. */
static bool is_ours(const json_t *attempt)
{
	return json_is_string(get(attempt, "notify")) ? json_is_true(get(attempt, "notify_ours"))
						      : !json_is_true(get(attempt, "silent"));
}

static enum cause_id by_attempt(const struct why_facts *f, const json_t *attempt)
{
	if (json_is_string(get(attempt, "certificate")))
		return by_certificate(f, attempt);
	if (is_ours(attempt) && json_is_true(get(get(f->status, "keyholder"), "away")))
		return CAUSE_KEYHOLDER;
	if (json_is_string(get(attempt, "notify")))
		return by_notify(f, attempt);
	if (json_is_true(get(attempt, "silent")))
		return by_silence(f, attempt);
	return is(attempt, "stage", "IKE_AUTH") ? by_own(f, CAUSE_OTHER) : CAUSE_OTHER;
}

/* It came up each time, and not for long. */
static bool is_deleted_often(const json_t *pair)
{
	unsigned n = 0;
	const json_t *a;

	EACH(get(pair, "attempts"), a)
	{
		n += !json_is_true(get(a, "failed")) && is(a, "cause", "peer-deleted") &&
		     number(a, "ended_s_ago") <= DELETED_WITHIN_S;
	}
	return n >= DELETED_OFTEN;
}

/* The newest that tells something: failed, or without an answer; not one that has just begun. */
static const json_t *telling(const json_t *pair)
{
	const json_t *a;

	EACH(get(pair, "attempts"), a)
	{
		if (json_is_true(get(a, "failed")) || json_is_true(get(a, "silent")))
			return a;
	}
	return NULL;
}

/* ---- SAs that are up ----------------------------------------------------------------------- */

struct flow {
	json_int_t in, out; /* packets of all SAs */
};

static struct flow flow_of(const json_t *pair)
{
	struct flow f = { 0 };
	const json_t *ike, *child;

	EACH(get(pair, "ike_sas"), ike)
	{
		EACH(get(ike, "child_sas"), child)
		{
			f.in += number(get(child, "in"), "packets");
			f.out += number(get(child, "out"), "packets");
		}
	}
	return f;
}

static bool is_black_hole(const struct path_probe *p)
{
	return p->peer.family != 0 && p->answered && p->largest + p->overhead.block < p->believed;
}

static enum cause_id by_flow(const struct why_facts *f, const json_t *pair, char *detail)
{
	const struct flow flow = flow_of(pair);

	if (flow.in == 0 && flow.out >= ESP_SENT_SURE) {
		snprintf(detail, DIAGNOSIS_LEN, "%lld packets sent, none received",
			 (long long)flow.out);
		return CAUSE_ESP_FILTERED;
	}
	if (is_black_hole(&f->path)) {
		snprintf(detail, DIAGNOSIS_LEN,
			 "packets of up to %zu octets arrive, and up to %zu are sent",
			 f->path.largest, f->path.believed);
		return CAUSE_MTU;
	}
	if (is(get(pair, "encapsulation"), "state", "helps"))
		return CAUSE_ESP_IN_UDP;
	return flow.in == 0 && flow.out == 0 ? CAUSE_IDLE : CAUSE_FINE;
}

/* ---- the whole ----------------------------------------------------------------------------- */

static bool is_own(const json_t *status)
{
	const char *address = text(get(status, "peer"), "address");
	const json_t *own;

	EACH(get(status, "listening"), own)
	{
		if (json_is_string(own) && strcmp(json_string_value(own), address) == 0)
			return true;
	}
	return false;
}

static enum cause_id without_pair(const json_t *status)
{
	const json_t *peer = get(status, "peer");

	if (is_own(status))
		return CAUSE_OWN;
	if (is(peer, "ruling", "none"))
		return CAUSE_OUTSIDE;
	return is(peer, "ruling", "bypass") ? CAUSE_BYPASSED : CAUSE_NEVER;
}

static enum cause_id of_pair(const struct why_facts *f, const json_t *pair, struct diagnosis *out)
{
	if (is_deleted_often(pair))
		return CAUSE_PEER_DELETED;
	if (is(pair, "state", "up"))
		return by_flow(f, pair, out->detail);
	out->attempt = telling(pair);
	if (out->attempt != NULL) {
		snprintf(out->detail, sizeof(out->detail), "%s", text(out->attempt, "reason"));
		return by_attempt(f, out->attempt);
	}
	return is(pair, "state", "connecting") || is(pair, "state", "waiting") ? CAUSE_CONNECTING
									       : CAUSE_CLEAR;
}

/* Of several local addresses that speak with the peer, the one that fails is asked about. */
static const json_t *worst_pair(const json_t *status)
{
	const json_t *pair, *worst = NULL;

	EACH(get(status, "pairs"), pair)
	{
		if (worst == NULL || !is(pair, "state", "up"))
			worst = pair;
	}
	return worst;
}

void why_diagnose(const struct why_facts *facts, struct diagnosis *out)
{
	const json_t *pair = worst_pair(facts->status), *peer = get(facts->status, "peer");
	const bool ruled = is(peer, "ruling", "enforced") || is(peer, "ruling", "optional");

	*out = (struct diagnosis){ 0 };
	out->cause = &causes[pair == NULL || !ruled ? without_pair(facts->status)
						    : of_pair(facts, pair, out)];
}

bool why_is_silence(const struct diagnosis *d)
{
	return d->cause == &causes[CAUSE_SILENT] || d->cause == &causes[CAUSE_IKE_FILTERED];
}

const char *notify_meaning(const char *name)
{
	static const struct {
		const char *name, *meaning;
	} rows[] = {
		{ "UNSUPPORTED_CRITICAL_PAYLOAD", "a payload that it does not know and must not "
						  "pass over" },
		{ "INVALID_IKE_SPI", "an IKE SA that it does not have" },
		{ "INVALID_MAJOR_VERSION", "another version of IKE" },
		{ "INVALID_SYNTAX", "a message that is malformed, or makes no sense" },
		{ "INVALID_MESSAGE_ID", "a message out of turn" },
		{ "NO_PROPOSAL_CHOSEN", "none of the algorithms offered" },
		{ "INVALID_KE_PAYLOAD", "another key exchange group is wanted" },
		{ "AUTHENTICATION_FAILED", "who it is was not believed" },
		{ "SINGLE_PAIR_REQUIRED", "traffic selectors for a single pair of addresses are "
					  "wanted" },
		{ "NO_ADDITIONAL_SAS", "no more SAs are taken" },
		{ "TS_UNACCEPTABLE", "not this traffic between these addresses" },
		{ "INVALID_SELECTORS", "a packet that is not of its SA's traffic" },
		{ "TEMPORARY_FAILURE", "not now: another exchange is under way" },
		{ "CHILD_SA_NOT_FOUND", "a CHILD_SA that it does not have" },
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		if (strcmp(rows[i].name, name) == 0)
			return rows[i].meaning;
	}
	return NULL;
}
