/* SPDX-License-Identifier: Apache-2.0 */
/* Of the doctor's checks that of peers with whom IKE works and plain ESP does not. */
#include "cmd/ikectl/doctor.h"
#include "cmd/ikectl/model.h"

static size_t count(const struct facts *facts, const char *state, const char **such_as)
{
	const json_t *pair;
	size_t n = 0;

	EACH(get(facts->status, "pairs"), pair)
	{
		if (!is(get(pair, "encapsulation"), "state", state))
			continue;
		*such_as = text(pair, "remote");
		n++;
	}
	return n;
}

void check_esp(const struct facts *facts, struct findings *out)
{
	const char *peer = "";
	size_t helps, trying;

	if (facts->status == NULL)
		return;
	trying = count(facts, "trying", &peer);
	if (trying > 0) {
		found(out, HEALTH_WARNING,
		      "nothing comes back by ESP from %zu peer%s that answer%s IKE, such as %s: it "
		      "is tried in UDP",
		      trying, trying == 1 ? "" : "s", trying == 1 ? "s" : "", peer);
		mend(out, "ikectl verify %s", peer);
	}
	helps = count(facts, "helps", &peer);
	if (helps > 0) {
		found(out, HEALTH_WARNING,
		      "ESP is filtered on the way to %zu peer%s, such as %s, and goes in UDP",
		      helps, helps == 1 ? "" : "s", peer);
		mend(out,
		     "let IP protocol 50 through, or set `encapsulation: always`: then no peer "
		     "loses the seconds that finding out takes");
	}
	if (trying + helps == 0)
		found(out, HEALTH_GOOD, "no peer is known with whom ESP is filtered");
}
