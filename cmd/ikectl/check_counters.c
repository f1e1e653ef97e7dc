/* SPDX-License-Identifier: Apache-2.0 */
/* Of the doctor's checks that of /proc/net/xfrm_stat: what each counter means, and what raises it.
 */
#include "cmd/ikectl/doctor.h"

#include <stdlib.h>
#include <string.h>

/* grave: while it rises, something is wrong now. */
static const struct meaning {
	const char *name;
	bool grave;
	const char *meaning, *raised_by;
} meanings[] = {
	{ "XfrmInError", true, "packets came in that failed in no other class",
	  "a kernel that is short of something" },
	{ "XfrmInBufferError", true, "no memory for packets that came in", "want of memory" },
	{ "XfrmInHdrError", true, "ESP with a broken header came in",
	  "a middlebox that cuts packets, or a forger" },
	{ "XfrmInNoStates", true, "ESP came in for SAs that this host does not have",
	  "peers that sent on SAs from before a restart of this host, for a moment; for long: a "
	  "peer that does not notice" },
	{ "XfrmInStateProtoError", true, "ESP came in that failed authentication",
	  "a forger, damage on the way, or keys that differ" },
	{ "XfrmInStateModeError", true, "ESP came in whose inside is not of its SA's mode",
	  "a peer that uses tunnel mode" },
	{ "XfrmInStateSeqError", true, "ESP came in twice or too late",
	  "packets far out of order (raise replay_window), or a replay" },
	{ "XfrmInStateExpired", true, "ESP came in on an SA whose life is over",
	  "a peer that rekeys later than our limit" },
	{ "XfrmInStateMismatch", true, "an SA was used with another encapsulation than its own",
	  "ESP in UDP where plain ESP was agreed upon, or the other way" },
	{ "XfrmInStateInvalid", false, "ESP came in on an SA that is going away",
	  "packets under way while an SA is deleted" },
	{ "XfrmInTmplMismatch", true, "cleartext came in from protected addresses, and was refused",
	  "a peer that does no IPsec; or ICMP errors of routers in a protected subnet (see "
	  "allow_icmp_errors)" },
	{ "XfrmInNoPols", true, "ESP came in that no policy allows",
	  "a peer outside ipsec_subnets" },
	{ "XfrmInPolBlock", true, "a block policy refused packets that came in",
	  "traffic with a subnet that is not ready yet, or policies of others" },
	{ "XfrmInPolError", true, "a policy for what came in could not be used", "" },
	{ "XfrmOutError", true, "packets could not be sent, in no other class", "" },
	{ "XfrmOutBundleGenError", true, "no way could be made for packets that leave",
	  "an SA that went while it was used" },
	{ "XfrmOutBundleCheckError", false, "a way for packets had to be made anew",
	  "SAs or routes that changed" },
	{ "XfrmOutNoStates", false, "packets found no SA, and were held or thrown away",
	  "first packets to a peer; peers that cannot be negotiated with" },
	{ "XfrmOutStateProtoError", true, "ESP could not be made of packets", "" },
	{ "XfrmOutStateModeError", true, "packets did not fit their SA's mode",
	  "packets larger than the path takes, with DF set" },
	{ "XfrmOutStateSeqError", true, "an SA ran out of sequence numbers",
	  "an esp_packet_limit that is too high" },
	{ "XfrmOutStateExpired", true, "packets met an SA whose life is over",
	  "a rekeying that did not come about in time" },
	{ "XfrmOutPolBlock", true, "a block policy refused packets that leave",
	  "traffic with a subnet that is not ready yet, or policies of others" },
	{ "XfrmOutPolDead", false, "packets met a policy that was going away", "a reload" },
	{ "XfrmOutPolError", true, "a policy for packets that leave could not be used", "" },
	{ "XfrmFwdHdrError", true, "packets to be forwarded had a header that made no sense", "" },
	{ "XfrmOutStateInvalid", false, "packets met an SA that is going away", "a deletion" },
	{ "XfrmAcquireError", true, "the kernel could not ask for an SA",
	  "a daemon that does not run, or does not keep up" },
	{ "XfrmOutStateDirError", true, "an SA was used in the wrong direction", "" },
	{ "XfrmInStateDirError", true, "an SA was used in the wrong direction", "" },
	{ "XfrmInIptfsError", true, "aggregated ESP could not be taken apart", "" },
	{ "XfrmOutNoQueueSpace", true, "packets found no room in the queue", "too much traffic" },
};
#define N_MEANINGS (sizeof(meanings) / sizeof(meanings[0]))

/* Lines "NAME   VALUE". 0 if it is not there. */
static unsigned long long counter(const char *stat, const char *name)
{
	const size_t n = strlen(name);

	for (const char *at = stat; at != NULL && *at != '\0';) {
		if (strncmp(at, name, n) == 0 && (at[n] == ' ' || at[n] == '\t'))
			return strtoull(at + n, NULL, 10);
		at = strchr(at, '\n');
		at = at != NULL ? at + 1 : NULL;
	}
	return 0;
}

static void tell(const struct meaning *m, unsigned long long total, unsigned long long more,
		 unsigned ms, struct findings *out)
{
	char now[64] = "";

	if (more > 0)
		snprintf(now, sizeof(now), ", %llu in the last %u ms", more, ms);
	found(out, more > 0 && m->grave ? HEALTH_WARNING : HEALTH_GOOD,
	      "%s %llu since boot%s: %s%s%s", m->name, total, now, m->meaning,
	      m->raised_by[0] != '\0' ? "; raised by " : "", m->raised_by);
}

void check_counters(const struct facts *facts, struct findings *out)
{
	const size_t before = out->n;

	if (facts->stat_before == NULL || facts->stat_after == NULL) {
		found(out, HEALTH_WARNING,
		      "/proc/net/xfrm_stat cannot be read: what IPsec drops is not counted");
		mend(out, "a kernel with CONFIG_XFRM_STATISTICS");
		return;
	}
	for (size_t i = 0; i < N_MEANINGS; i++) {
		unsigned long long was = counter(facts->stat_before, meanings[i].name);
		unsigned long long is = counter(facts->stat_after, meanings[i].name);

		if (is > 0)
			tell(&meanings[i], is, is - was, facts->stat_ms, out);
	}
	if (out->n == before)
		found(out, HEALTH_GOOD, "nothing was ever dropped by IPsec");
}
