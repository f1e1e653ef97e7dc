/* SPDX-License-Identifier: Apache-2.0 */
/* The doctor's checks on facts made up here: what is well, then one thing that is not. */
#include "cmd/ikectl/doctor.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "lib/xfrm_spec.h"

#define NOW 1800000000

static const char well[] =
	"{\"daemon\":{\"name\":\"ikemesh\",\"version\":\"" IKEMESH_VERSION "\",\"uptime_s\":100},"
	"\"certificate\":{\"subject\":\"CN=a\",\"not_before\":1700000000,"
	"\"not_after\":1900000000},\"allow_icmp_errors\":false,"
	"\"connections\":[{\"kind\":\"protect\",\"subnet\":\"10.1.0.0/16\",\"optional\":false},"
	"{\"kind\":\"bypass\",\"subnet\":\"10.2.0.0/16\",\"optional\":false}],"
	"\"counters\":{\"half_open\":2,\"waiting\":0},"
	"\"pairs\":[{\"remote\":\"10.1.0.2\",\"state\":\"up\",\"ruling\":\"enforced\","
	"\"attempts\":[],\"ike_sas\":[{\"peer_certificate\":{\"subject\":\"CN=b\","
	"\"not_after\":1900000000},\"child_sas\":[{\"overhead_min\":34,\"overhead_max\":37}]}]}]}";

static struct link links[] = {
	{ .index = 1, .mtu = 65536, .up = true, .loopback = true, .name = "lo" },
	{ .index = 2, .mtu = 1500, .up = true, .name = "eth0" },
	{ .index = 3, .mtu = 1400, .up = true, .name = "docker0", .kind = "bridge" },
	{ .index = 4, .mtu = 1400, .up = true, .name = "veth1", .kind = "veth", .master = 3 },
};
static struct subnet_way ways[] = { { .way = { .link = 2 } } };

/* A host that is well, borrowing what is static here. */
static struct facts healthy(const char *status)
{
	json_error_t error;
	struct facts f = {
		.status = json_loads(status, 0, &error),
		.config_path = "/etc/x.yml",
		.links = links,
		.n_links = 4,
		.ways = ways,
		.n_ways = 1,
		.now = NOW,
		.clock_synchronised = true,
	};

	if (f.status == NULL)
		fail_msg("%d:%d: %s", error.line, error.column, error.text);
	ways[0].to = xfrm_ip("10.1.0.1");
	return f;
}

typedef void check_fn(const struct facts *facts, struct findings *out);

/* The check finds one thing with that verdict, whose text (and what to do) has these words. */
static void assert_found(check_fn *check, const struct facts *f, enum health verdict,
			 const char *words, const char *todo)
{
	struct findings out = { .check = "check" };

	check(f, &out);
	assert_int_equal(out.n, 1);
	if (strstr(out.p[0].text, words) == NULL)
		fail_msg("\"%s\" is not in \"%s\"", words, out.p[0].text);
	assert_int_equal(out.p[0].verdict, verdict);
	if (todo == NULL)
		assert_null(out.p[0].mend);
	else if (out.p[0].mend == NULL || strstr(out.p[0].mend, todo) == NULL)
		fail_msg("\"%s\" is not in \"%s\"", todo, out.p[0].mend);
	findings_free(&out);
}

static void assert_status(check_fn *check, const char *status, enum health verdict,
			  const char *words, const char *todo)
{
	struct facts f = healthy(status);

	assert_found(check, &f, verdict, words, todo);
	json_decref(f.status);
}

static void test_well(void **state)
{
	struct facts f = healthy(well);
	struct sysctl sysctl = { "net/core/xfrm_larval_drop", 0 };
	struct findings out = { 0 };

	(void)state;
	f.sysctls = &sysctl;
	f.n_sysctls = 1;
	f.stat_before = f.stat_after = (char[]){ "XfrmInError             \t0\n" };
	doctor_examine(&f, &out);
	for (size_t i = 0; i < out.n; i++)
		if (out.p[i].verdict != HEALTH_GOOD || out.p[i].mend != NULL)
			fail_msg("%s: %s", out.p[i].check, out.p[i].text);
	assert_int_equal(out.n, 15); /* all but the path */
	assert_int_equal(doctor_verdict(&out), HEALTH_GOOD);
	findings_free(&out);
	json_decref(f.status);
}

/* Nothing but the host itself can be judged then. */
static void test_no_daemon(void **state)
{
	struct facts f = { .no_daemon = "no daemon answers at X", .config_path = "" };
	struct findings out = { 0 };

	(void)state;
	assert_found(check_daemon, &f, HEALTH_ERROR, "no daemon answers at X", "systemctl start");
	doctor_examine(&f, &out);
	assert_int_equal(doctor_verdict(&out), HEALTH_ERROR);
	findings_free(&out);
}

static void test_daemon_version(void **state)
{
	struct facts f = healthy("{\"daemon\":{\"name\":\"ikemesh\",\"version\":\"0.0.1\"}}");
	struct findings out = { 0 };

	(void)state;
	check_daemon(&f, &out);
	assert_int_equal(out.n, 2);
	assert_int_equal(out.p[1].verdict, HEALTH_WARNING);
	assert_non_null(strstr(out.p[1].text, "is version 0.0.1"));
	findings_free(&out);
	json_decref(f.status);
}

static void test_configuration(void **state)
{
	struct problem problem = { PROBLEM_WARNING,	  (char *)"/etc/x.yml", 7, 1,
				   (char *)"key is open", (char *)"chmod 600 k" };
	struct facts f = { .config_path = "/etc/x.yml", .config_error = -EACCES };

	(void)state;
	assert_found(check_configuration, &f, HEALTH_ERROR, "/etc/x.yml: Permission denied",
		     "as root");
	f.config_error = -EINVAL;
	f.problems = (struct problems){ .p = &problem, .n = 1, .errors = 1 };
	problem.level = PROBLEM_ERROR;
	assert_found(check_configuration, &f, HEALTH_ERROR, "/etc/x.yml:7: key is open",
		     "write: chmod 600 k");
	problem.level = PROBLEM_NOTICE;
	f.config_error = 0;
	f.problems.errors = 0;
	assert_found(check_configuration, &f, HEALTH_GOOD, "can be loaded", NULL);
}

static void test_kernel(void **state)
{
	struct facts f = { .esp = -ENOSYS };

	(void)state;
	assert_found(check_kernel, &f, HEALTH_ERROR, "no ESP with AES-GCM", "modprobe esp4");
	f.esp = -EPERM;
	assert_found(check_kernel, &f, HEALTH_WARNING, "could not be tried", "root");
	f.esp = 0;
	f.policy_default = -EOPNOTSUPP;
	assert_found(check_kernel, &f, HEALTH_GOOD,
		     "no default policy (Linux 5.15): strict_default", NULL);
	f.policy_default = 0;
	assert_found(check_kernel, &f, HEALTH_GOOD, "and a default policy", NULL);
}

static void test_sysctls(void **state)
{
	static const struct {
		struct sysctl sysctl;
		enum health verdict;
		const char *words;
	} cases[] = {
		{ { "net/core/xfrm_larval_drop", 1 }, HEALTH_WARNING, "thrown away" },
		{ { "net/core/xfrm_acq_expires", 165 }, HEALTH_WARNING, "does not ask again" },
		{ { "net/ipv4/ip_no_pmtu_disc", 3 }, HEALTH_WARNING, "not discovered" },
		{ { "net/ipv4/conf/eth0/disable_policy", 1 }, HEALTH_ERROR, "in the clear" },
		{ { "net/ipv6/conf/eth0/disable_policy", 1 }, HEALTH_ERROR, "in the clear" },
		{ { "net/ipv4/conf/eth0/disable_xfrm", 1 }, HEALTH_ERROR, "not encrypted" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct sysctl sysctl = cases[i].sysctl;
		struct facts f = { .sysctls = &sysctl, .n_sysctls = 1 };

		assert_found(check_sysctls, &f, cases[i].verdict, cases[i].words, "sysctl -w");
	}
}

static void test_clock(void **state)
{
	struct facts f = healthy(well);

	(void)state;
	f.clock_synchronised = false;
	assert_found(check_clock, &f, HEALTH_WARNING, "no NTP client", "chrony");
	f.now = 3600;
	assert_found(check_clock, &f, HEALTH_ERROR, "not valid yet", "set it");
	json_decref(f.status);
	f = healthy("{\"certificate\":{\"not_before\":1900000000}}");
	assert_found(check_clock, &f, HEALTH_ERROR, "before our own certificate", "set the clock");
	json_decref(f.status);
}

static void test_certificates(void **state)
{
	(void)state;
	assert_status(check_certificates,
		      "{\"expiry\":[{\"kind\":\"own\",\"days_left\":-1,\"text\":\"it is over\"}]}",
		      HEALTH_ERROR, "it is over", "for this host, then `ikectl reload`");
	assert_status(check_certificates,
		      "{\"expiry\":[{\"kind\":\"peer\",\"days_left\":0,\"text\":\"today\"}]}",
		      HEALTH_WARNING, "today", "there");
	assert_status(check_certificates,
		      "{\"expiry\":[{\"kind\":\"ca\",\"days_left\":9,\"text\":\"in 9 days\"}]}",
		      HEALTH_WARNING, "in 9 days", "successor");
	assert_status(check_certificates,
		      "{\"expiry\":[{\"kind\":\"crl\",\"days_left\":9,\"text\":\"in 9 days\"}]}",
		      HEALTH_WARNING, "in 9 days", "a new one");
	assert_status(check_certificates,
		      "{\"expiry\":[],\"certificate\":{\"not_after\":1800864000}}", HEALTH_GOOD,
		      "nothing ends soon; ours is valid for another 10 days", NULL);
}

static void test_keyholder(void **state)
{
	(void)state;
	assert_status(check_keyholder, "{\"keyholder\":{\"away\":false}}", HEALTH_GOOD, "answers",
		      NULL);
	assert_status(check_keyholder,
		      "{\"keyholder\":{\"away\":true,\"away_s\":90,\"why\":\"has ended\"}}",
		      HEALTH_ERROR, "away for 90 seconds: it has ended", "ikemeshd --keyholder");
}

static void test_trust(void **state)
{
	(void)state;
	assert_status(
		check_trust,
		"{\"pairs\":[{\"remote\":\"10.1.0.2\",\"ike_sas\":[{\"peer_warning\":\"believed "
		"only since\"}]}]}",
		HEALTH_WARNING, "10.1.0.2: believed only since", NULL);
	assert_status(check_trust,
		      "{\"trust\":{\"crls\":[{\"file\":\"/a.crl\",\"fault\":\"is gone\"}]}}",
		      HEALTH_WARNING, "/a.crl is gone", "put a CRL there");
	assert_status(check_trust,
		      "{\"trust\":{\"crls\":[{\"file\":\"/a.crl\",\"lists\":[{\"issuer\":\"CN=CA\","
		      "\"out_of_date\":true}]}]}}",
		      HEALTH_WARNING, "the CRL of \"CN=CA\" in /a.crl is out of date",
		      "put a new one there");
	assert_status(check_trust, "{\"trust\":{\"any_holder_may_claim_any_address\":true}}",
		      HEALTH_GOOD,
		      "any holder of a certificate under the CAs can claim any address", NULL);
}

static struct policy_held policy(enum policy_dir dir, enum policy_kind kind, const char *src,
				 const char *dst, uint32_t priority, bool ours)
{
	return (struct policy_held){ .policy = { .dir = dir,
						 .kind = kind,
						 .src = xfrm_subnet(src),
						 .dst = xfrm_subnet(dst),
						 .priority = priority },
				     .ours = ours };
}

static void test_policies(void **state)
{
	struct policy_held held[2];
	struct facts f = { .policies = held, .n_policies = 2 };

	(void)state;
	held[0] = policy(POLICY_OUT, POLICY_PROTECT, "10.1.0.1/32", "10.1.0.0/16", 75000, true);
	held[1] = policy(POLICY_OUT, POLICY_BYPASS, "0.0.0.0/0", "10.1.2.0/24", 100, false);
	assert_found(check_policies, &f, HEALTH_ERROR,
		     "(out 0.0.0.0/0 => 10.1.2.0/24 priority 100) lets pass in the clear, before 1",
		     "ip xfrm policy delete dir out src 0.0.0.0/0 dst 10.1.2.0/24");
	held[1].policy.kind = POLICY_BLOCK;
	assert_found(check_policies, &f, HEALTH_ERROR, "blocks, before 1", "delete");
	held[1].policy.kind = POLICY_PROTECT;
	assert_found(check_policies, &f, HEALTH_WARNING, "asks for SAs of others", "delete");
	held[1].policy.priority = 80000; /* ours wins */
	assert_found(check_policies, &f, HEALTH_GOOD, "1 of ours; 1 of others, none", NULL);
	f.status = json_loads("{\"foreign_policies\":[{\"direction\":\"fwd\"}]}", 0, NULL);
	assert_found(check_policies, &f, HEALTH_ERROR, "1 policies of others have the selectors of",
		     "statusall");
	json_decref(f.status);
	f.status = NULL;
	f.policies_error = -EPERM;
	assert_found(check_policies, &f, HEALTH_WARNING, "cannot be read", "root");
}

static void test_peers(void **state)
{
	(void)state;
	assert_status(
		check_peers,
		"{\"pairs\":[{\"remote\":\"10.1.0.9\",\"state\":\"backing off\","
		"\"attempts\":[{\"failed\":true,\"stage\":\"IKE_AUTH\",\"reason\":\"no\"}]}]}",
		HEALTH_WARNING, "10.1.0.9 is not up: IKE_AUTH: no", "10.1.0.9");
	assert_status(check_esp,
		      "{\"pairs\":[{\"remote\":\"10.1.0.9\",\"encapsulation\":{\"state\":"
		      "\"helps\"}},{\"remote\":\"10.1.0.8\",\"encapsulation\":null}]}",
		      HEALTH_WARNING, "on the way to 1 peer, such as 10.1.0.9", "protocol 50");
	assert_status(check_esp,
		      "{\"pairs\":[{\"remote\":\"10.1.0.9\",\"encapsulation\":{\"state\":"
		      "\"trying\"}}]}",
		      HEALTH_WARNING, "from 1 peer that answers IKE, such as 10.1.0.9",
		      "ikectl verify 10.1.0.9");
	assert_status(check_esp, "{\"pairs\":[]}", HEALTH_GOOD, "no peer is known", NULL);
	assert_status(check_clear, "{\"clear\":{\"peers\":[{\"peer\":\"10.1.0.9\"}]}}",
		      HEALTH_WARNING,
		      "1 peer talked in the clear within the last hour, such as "
		      "10.1.0.9",
		      "mode enforced");
	assert_status(check_clear,
		      "{\"connections\":[{\"optional\":true}],\"clear\":{\"peers\":"
		      "[]}}",
		      HEALTH_GOOD, "although that is allowed", NULL);
	assert_status(check_load, "{\"counters\":{\"half_open\":31}}", HEALTH_WARNING,
		      "31 negotiations are half open", "log");
}

static void test_mtu(void **state)
{
	struct link wide[4];
	struct facts f = healthy(well);

	(void)state;
	memcpy(wide, links, sizeof(wide));
	f.links = wide;
	assert_found(check_mtu, &f, HEALTH_GOOD,
		     "eth0 has an MTU of 1500, of which ESP takes up to 37", NULL);
	wide[2].mtu = wide[3].mtu = 1500; /* the bridge speaks for its ports */
	assert_found(check_mtu, &f, HEALTH_WARNING,
		     "docker0 (bridge) has an MTU of 1500, but of what containers send by it eth0 "
		     "takes 1463",
		     "MTU of 1460");
	wide[2].mtu = 1463;
	assert_found(check_mtu, &f, HEALTH_WARNING, "veth1 (veth)", "1460");
	wide[3].mtu = 1463;
	assert_found(check_mtu, &f, HEALTH_GOOD, "no interface of containers", NULL);
	wide[2].mtu = 1464;
	assert_found(check_mtu, &f, HEALTH_WARNING, "docker0", "1460");
	wide[2].up = false;
	assert_found(check_mtu, &f, HEALTH_GOOD, "no interface of containers", NULL);
	/* on the bridge that the protected subnets are reached by: not ours to protect */
	wide[2].up = true;
	wide[1].mtu = wide[3].mtu = 1500;
	ways[0].way.link = 3;
	assert_found(check_mtu, &f, HEALTH_GOOD, "docker0 has an MTU of 1464", NULL);
	ways[0].way.link = 2;
	json_decref(f.status);
}

static void test_icmp_errors(void **state)
{
	struct facts f = healthy(well);

	(void)state;
	assert_found(check_icmp_errors, &f, HEALTH_GOOD, "no gateway here would need it", NULL);
	ways[0].way.via = xfrm_ip("10.1.0.254");
	assert_found(check_icmp_errors, &f, HEALTH_GOOD,
		     "the gateway 10.1.0.254 lies in a protected subnet", NULL);
	ways[0].way.via = (struct ip){ 0 };
	json_object_set_new(f.status, "allow_icmp_errors", json_true());
	assert_found(check_icmp_errors, &f, HEALTH_GOOD, "is on", NULL);
	json_decref(f.status);
}

static void test_path(void **state)
{
	struct facts f = healthy(well);

	(void)state;
	f.path = (struct path_probe){ .peer = xfrm_ip("10.1.1.2"),
				      .overhead = { 34, 37, 4 },
				      .answered = true,
				      .most = 1466,
				      .largest = 1466,
				      .believed = 1466 };
	assert_found(check_path, &f, HEALTH_GOOD, "up to 1466 octets arrive: all", NULL);
	f.path.largest = 1264;
	f.path.believed = 1266;
	assert_found(check_path, &f, HEALTH_GOOD, "the kernel knows", NULL);
	f.path.believed = 1466;
	assert_found(check_path, &f, HEALTH_ERROR, "it sends up to 1466", "mtu 1298");
	f.path.router = xfrm_ip("10.1.0.254");
	f.path.router_mtu = 1300;
	assert_found(check_path, &f, HEALTH_ERROR, "it sends up to 1466",
		     "`allow_icmp_errors: true`: 10.1.0.254 said that the next link takes 1300");
	f.path.router = xfrm_ip("10.7.0.254"); /* outside: it is heard anyway */
	assert_found(check_path, &f, HEALTH_ERROR, "it sends up to 1466", "ip route change");
	f.path.answered = false;
	assert_found(check_path, &f, HEALTH_ERROR, "10.1.1.2 does not answer pings", "why 10.1");
	json_decref(f.status);
}

static void test_counters(void **state)
{
	char was[] = "XfrmInError             \t0\nXfrmInTmplMismatch      \t7\n";
	char is[] = "XfrmInError             \t0\nXfrmInTmplMismatch      \t9\n";
	struct facts f = { .stat_before = was, .stat_after = was, .stat_ms = 500 };

	(void)state;
	assert_found(check_counters, &f, HEALTH_GOOD,
		     "XfrmInTmplMismatch 7 since boot: cleartext came in from protected", NULL);
	f.stat_after = is;
	assert_found(check_counters, &f, HEALTH_WARNING,
		     "9 since boot, 2 in the last 500 ms: cleartext came in", NULL);
	f.stat_after = NULL;
	assert_found(check_counters, &f, HEALTH_WARNING, "cannot be read", "XFRM_STATISTICS");
}

static void test_output(void **state)
{
	struct findings out = { .check = "mtu" };
	char *text = NULL;
	size_t n = 0;
	FILE *file = open_memstream(&text, &n);
	json_t *document;

	(void)state;
	found(&out, HEALTH_GOOD, "all is %s", "well");
	found(&out, HEALTH_ERROR, "no");
	mend(&out, "do %d things", 2);
	doctor_print(&out, colour_palette(false), file);
	fclose(file);
	assert_string_equal(text, "good     mtu: all is well\nERROR    mtu: no\n"
				  "         -> do 2 things\n1 good, 0 warnings, 1 errors\n");
	free(text);
	document = doctor_json(&out);
	text = json_dumps(document, JSON_COMPACT | JSON_SORT_KEYS);
	assert_string_equal(text,
			    "{\"findings\":[{\"check\":\"mtu\",\"mend\":null,\"text\":\"all is "
			    "well\",\"verdict\":\"good\"},{\"check\":\"mtu\",\"mend\":\"do 2 "
			    "things\",\"text\":\"no\",\"verdict\":\"error\"}],\"format\":"
			    "\"ikemesh-doctor/1\",\"verdict\":\"error\"}");
	free(text);
	json_decref(document);
	findings_free(&out);
}

static void test_swap(void **state)
{
	struct facts f = healthy(well);
	struct swap swaps[] = { { "/dev/dm-1", SWAP_ENCRYPTED }, { "/dev/zram0", SWAP_MEMORY } };

	(void)state;
	assert_found(check_swap, &f, HEALTH_GOOD, "none", NULL);
	f.swaps = swaps;
	f.n_swaps = 2;
	assert_found(check_swap, &f, HEALTH_GOOD, "encrypted, or in memory", NULL);
	swaps[1] = (struct swap){ "/swapfile", SWAP_PLAIN };
	assert_found(check_swap, &f, HEALTH_WARNING, "/swapfile is swap that is not encrypted",
		     "crypttab");
	swaps[1].kind = SWAP_UNKNOWN;
	assert_found(check_swap, &f, HEALTH_WARNING, "cannot be told", "crypttab");
	json_decref(f.status);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_swap),	      cmocka_unit_test(test_well),
		cmocka_unit_test(test_no_daemon),     cmocka_unit_test(test_daemon_version),
		cmocka_unit_test(test_configuration), cmocka_unit_test(test_kernel),
		cmocka_unit_test(test_sysctls),	      cmocka_unit_test(test_clock),
		cmocka_unit_test(test_certificates),  cmocka_unit_test(test_keyholder),
		cmocka_unit_test(test_certificates),  cmocka_unit_test(test_trust),
		cmocka_unit_test(test_policies),      cmocka_unit_test(test_peers),
		cmocka_unit_test(test_mtu),	      cmocka_unit_test(test_icmp_errors),
		cmocka_unit_test(test_path),	      cmocka_unit_test(test_counters),
		cmocka_unit_test(test_output),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
