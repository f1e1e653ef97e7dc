/* SPDX-License-Identifier: Apache-2.0 */
/* Of the doctor's checks those of the host itself: configuration, kernel, sysctls, clock. */
#include "cmd/ikectl/doctor.h"
#include "cmd/ikectl/model.h"
#include "cmd/ikectl/show.h"

#include <errno.h>
#include <fnmatch.h>

/* No clock that is right says less. */
#define EPOCH_OF_THIS 1767225600 /* 2026-01-01 */

void check_daemon(const struct facts *facts, struct findings *out)
{
	const json_t *d = get(facts->status, "daemon");
	char since[SHOW_DELTA_LEN];

	if (facts->status == NULL) {
		found(out, HEALTH_ERROR, "%s", facts->no_daemon);
		mend(out,
		     "systemctl start ikemesh; what keeps it from starting is in `journalctl -u "
		     "ikemesh`");
		return;
	}
	found(out, HEALTH_GOOD, "%s %s runs, for %s", text(d, "name"), text(d, "version"),
	      show_delta(number(d, "uptime_s"), since));
	if (!is(d, "version", IKEMESH_VERSION)) {
		found(out, HEALTH_WARNING, "the running daemon is version %s, ikectl is %s",
		      text(d, "version"), IKEMESH_VERSION);
		mend(out, "systemctl restart ikemesh");
	}
}

void check_exposure(const struct facts *facts, struct findings *out)
{
	const char *dir = text(facts->status, "keys_exposed_to");

	if (dir[0] == '\0')
		return;
	found(out, HEALTH_ERROR,
	      "all keys of IKE and ESP are written to %s: whoever reads that "
	      "reads all traffic",
	      dir);
	mend(out, "start ikemeshd without --expose-keys, and remove the directory");
}

/* The process that has the private key, and reads what has it. */
void check_keyholder(const struct facts *facts, struct findings *out)
{
	const json_t *k = get(facts->status, "keyholder");
	char delta[SHOW_DELTA_LEN];

	if (!json_is_object(k))
		return;
	if (!json_is_true(get(k, "away"))) {
		found(out, HEALTH_GOOD, "the process that has the private key answers");
		return;
	}
	found(out, HEALTH_ERROR,
	      "it has been away for %s: it %s; until it is back nothing new is authenticated, and "
	      "SAs that are up go on",
	      show_delta(number(k, "away_s"), delta), text(k, "why"));
	mend(out, "see what became of it: `systemctl status ikemesh-keyholder`, or where there is "
		  "no systemd the process `ikemeshd --keyholder`, which may be ended: another one "
		  "is started");
}

/* Its remarks are the reader's own: keys open to others, dates of certificates, shadowed subnets.
 */
void check_configuration(const struct facts *facts, struct findings *out)
{
	const struct problems *ps = &facts->problems;

	for (size_t i = 0; i < ps->n; i++) {
		const struct problem *p = &ps->p[i];
		char line[16];

		if (p->level == PROBLEM_NOTICE)
			continue;
		snprintf(line, sizeof(line), ":%u", p->line);
		found(out, p->level >= PROBLEM_FAULT ? HEALTH_ERROR : HEALTH_WARNING, "%s%s: %s",
		      p->file, p->line > 0 ? line : "", p->message);
		if (p->mend != NULL)
			mend(out, "write: %s", p->mend);
	}
	if (facts->config_error != 0 && ps->errors == 0) {
		found(out, HEALTH_ERROR, "%s: %s", facts->config_path,
		      strerror(-facts->config_error));
		mend(out, "run ikectl as root, who alone may read it");
	} else if (facts->config_error == 0 && ps->errors == 0) {
		found(out, HEALTH_GOOD, "%s can be loaded", facts->config_path);
	}
}

void check_kernel(const struct facts *facts, struct findings *out)
{
	const bool not_tried =
		facts->esp == -EPERM || facts->esp == -EACCES || facts->esp == -ECHILD;

	if (facts->esp == 0) {
		found(out, HEALTH_GOOD,
		      "ESP with AES-GCM in transport mode, %s; tried in a network namespace of its "
		      "own",
		      facts->policy_default == 0 ? "and a default policy"
						 : "but no default policy (Linux 5.15): "
						   "strict_default cannot be used");
	} else if (not_tried) {
		found(out, HEALTH_WARNING, "ESP could not be tried: %s", strerror(-facts->esp));
		mend(out, "run ikectl as root");
	} else {
		found(out, HEALTH_ERROR, "this kernel does no ESP with AES-GCM: %s",
		      strerror(-facts->esp));
		mend(out, "modprobe esp4 esp6 gcm; or a kernel with CONFIG_INET_ESP, "
			  "CONFIG_INET6_ESP and CONFIG_CRYPTO_GCM");
	}
}

/* ---- sysctls --------------------------------------------------------------------------------- */

/* What must be within low and high; the first pattern that fits counts. */
static const struct {
	const char *pattern;
	int low, high;
	enum health verdict;
	const char *meaning, *mend;
} sysctl_rules[] = {
	{ "net/core/xfrm_larval_drop", 0, 0, HEALTH_WARNING,
	  "the first packets to a peer are thrown away while its SA is negotiated", "0" },
	{ "net/core/xfrm_acq_expires", 1, 30, HEALTH_WARNING,
	  "after a failed negotiation the kernel does not ask again for so many seconds", "3" },
	{ "net/ipv4/ip_no_pmtu_disc", 0, 0, HEALTH_WARNING,
	  "the MTU of paths is not discovered: what a router says of too large packets is "
	  "ignored, or not asked for",
	  "0" },
	{ "*/disable_policy", 0, 0, HEALTH_ERROR,
	  "what comes in by this interface is accepted in the clear, whatever the policies say",
	  "0" },
	{ "*/disable_xfrm", 0, 0, HEALTH_ERROR,
	  "what leaves by this interface is not encrypted, whatever the policies say", "0" },
};
#define N_RULES (sizeof(sysctl_rules) / sizeof(sysctl_rules[0]))

/* False: it is not as it should be, which has been told. */
static bool judge_sysctl(const struct sysctl *s, struct findings *out)
{
	for (size_t i = 0; i < N_RULES; i++) {
		if (fnmatch(sysctl_rules[i].pattern, s->path, 0) != 0)
			continue;
		if (s->value >= sysctl_rules[i].low && s->value <= sysctl_rules[i].high)
			return true;
		found(out, sysctl_rules[i].verdict, "%s is %d: %s", s->path, s->value,
		      sysctl_rules[i].meaning);
		mend(out, "sysctl -w %s=%s", s->path, sysctl_rules[i].mend);
		return false;
	}
	return true;
}

void check_sysctls(const struct facts *facts, struct findings *out)
{
	size_t good = 0;

	for (size_t i = 0; i < facts->n_sysctls; i++)
		good += judge_sysctl(&facts->sysctls[i], out);
	if (good == facts->n_sysctls && good > 0)
		found(out, HEALTH_GOOD, "%zu are as IPsec wants them", good);
}

/* ---- swap ------------------------------------------------------------------------------------ */

/* ikemeshd keeps its own memory out of it, where it may; other programs have keys, too. */
void check_swap(const struct facts *facts, struct findings *out)
{
	size_t good = 0;

	for (size_t i = 0; i < facts->n_swaps; i++) {
		const struct swap *s = &facts->swaps[i];

		if (s->kind == SWAP_ENCRYPTED || s->kind == SWAP_MEMORY) {
			good++;
			continue;
		}
		found(out, HEALTH_WARNING,
		      s->kind == SWAP_PLAIN
			      ? "%s is swap that is not encrypted: what is in memory can get to a "
				"disk"
			      : "%s is swap, and whether it is encrypted cannot be told",
		      s->path);
		mend(out,
		     "let crypttab encrypt it with a random key, or swap to zram; that ikemeshd "
		     "keeps its own memory out of swap is LimitMEMLOCK=infinity in its unit");
	}
	if (facts->n_swaps == 0)
		found(out, HEALTH_GOOD, "there is none");
	else if (good == facts->n_swaps)
		found(out, HEALTH_GOOD, "encrypted, or in memory");
}

/* ---- time ------------------------------------------------------------------------------------ */

void check_clock(const struct facts *facts, struct findings *out)
{
	json_int_t from = number(get(facts->status, "certificate"), "not_before");
	char text[SHOW_TIME_LEN];

	show_time((json_int_t)facts->now, text);
	if (facts->now < EPOCH_OF_THIS) {
		found(out, HEALTH_ERROR, "the clock says %s: certificates are not valid yet", text);
		mend(out, "set it: `chronyc makestep`, or `timedatectl set-ntp true`");
	} else if ((json_int_t)facts->now < from) {
		found(out, HEALTH_ERROR,
		      "the clock says %s, which is before our own certificate's first day", text);
		mend(out, "set the clock, or issue the certificate anew");
	} else if (!facts->clock_synchronised) {
		found(out, HEALTH_WARNING, "no NTP client keeps the clock right (%s)", text);
		mend(out,
		     "run chrony or systemd-timesyncd: a clock that is wrong makes certificates "
		     "invalid");
	} else {
		found(out, HEALTH_GOOD, "%s, kept by NTP", text);
	}
}

/* What ends soon by expiry_warning_days, or has ended: as the daemon's log has it. */
static void judge_end(const json_t *item, struct findings *out)
{
	static const struct {
		const char *kind, *mend;
	} mends[] = {
		{ "own", "issue another one for this host, then `ikectl reload`" },
		{ "peer", "issue another one for that host, then `ikectl reload` there" },
		{ "ca",
		  "add its successor to ca_certificates on every host, before anything that it "
		  "issues is in use" },
		{ "crl", "bring a new one here, then `ikectl reload`" },
	};

	found(out, number(item, "days_left") < 0 ? HEALTH_ERROR : HEALTH_WARNING, "%s",
	      text(item, "text"));
	for (size_t i = 0; i < sizeof(mends) / sizeof(mends[0]); i++) {
		if (is(item, "kind", mends[i].kind))
			mend(out, "%s", mends[i].mend);
	}
}

void check_certificates(const struct facts *facts, struct findings *out)
{
	const json_t *expiry = get(facts->status, "expiry"), *item;
	char delta[SHOW_DELTA_LEN];

	if (facts->status == NULL)
		return;
	EACH(expiry, item)
	{
		judge_end(item, out);
	}
	if (json_array_size(expiry) == 0)
		found(out, HEALTH_GOOD, "nothing ends soon; ours is valid for another %s",
		      show_delta(number(get(facts->status, "certificate"), "not_after") -
					 (json_int_t)facts->now,
				 delta));
}

/* ---- trust ----------------------------------------------------------------------------------- */

static void judge_crls(const json_t *file, struct findings *out)
{
	const json_t *list;

	if (*text(file, "fault") != '\0') {
		found(out, HEALTH_WARNING, "%s %s", text(file, "file"), text(file, "fault"));
		mend(out, "put a CRL there, as PEM or DER: it is read without a reload");
	}
	EACH(get(file, "lists"), list)
	{
		if (!json_is_true(get(list, "out_of_date")))
			continue;
		found(out, HEALTH_WARNING, "the CRL of \"%s\" in %s is out of date",
		      text(list, "issuer"), text(file, "file"));
		mend(out, "put a new one there: it is read without a reload");
	}
}

static void judge_peer_warnings(const json_t *pair, struct findings *out)
{
	const json_t *ike;

	EACH(get(pair, "ike_sas"), ike)
	{
		if (json_is_string(get(ike, "peer_warning")))
			found(out, HEALTH_WARNING, "%s: %s", text(pair, "remote"),
			      text(ike, "peer_warning"));
	}
}

void check_trust(const struct facts *facts, struct findings *out)
{
	const json_t *trust = get(facts->status, "trust"), *each;

	EACH(get(facts->status, "pairs"), each)
	{
		judge_peer_warnings(each, out);
	}
	EACH(get(trust, "crls"), each)
	{
		judge_crls(each, out);
	}
	if (json_is_true(get(trust, "any_holder_may_claim_any_address")))
		found(out, HEALTH_GOOD,
		      "any holder of a certificate under the CAs can claim any address; "
		      "bind_address_to_certificate: true would end that");
	else if (json_is_true(get(trust, "bind_address_to_certificate")))
		found(out, HEALTH_GOOD, "a peer's address must be in its certificate");
}
