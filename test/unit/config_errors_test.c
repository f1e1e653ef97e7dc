/* SPDX-License-Identifier: Apache-2.0 */
/* Everything that can be wrong with a file: where it is said to be, in which words, and what to
 * write instead. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "config/check.h"
#include "config_file.h"
#include <errno.h>
#include <time.h>

#define SECONDS_MAX 5 /* of processor time, with sanitizers on a slow machine */

static struct pki pki;

struct bad {
	const char *text;
	enum problem_level level;
	unsigned line, column;
	const char *says; /* a part of the message */
	const char *mend; /* a part of it, or NULL */
	size_t errors;	  /* in all: nothing else is reported because of it */
};

static const struct problem *find(const struct problems *ps, const struct bad *b)
{
	for (size_t i = 0; i < ps->n; i++) {
		const struct problem *p = &ps->p[i];

		if (p->level == b->level && p->line == b->line && p->column == b->column &&
		    strstr(p->message, b->says) &&
		    (!b->mend || (p->mend && strstr(p->mend, b->mend))))
			return p;
	}
	return NULL;
}

static void check(const struct bad *b)
{
	struct problems ps;
	struct config c;
	int r = pki_parse(&pki, b->text, &c, &ps);

	if (!find(&ps, b) || ps.errors != b->errors || r != (b->errors ? -EINVAL : 0)) {
		fprintf(stderr, "--- wanted %u:%u: %s | %s, %zu errors, of:\n%s--- got:\n", b->line,
			b->column, b->says, b->mend ? b->mend : "", b->errors, b->text);
		print_problems(&ps);
		fail();
	}
	if (!r)
		assert_non_null(c.key);
	problems_free(&ps);
	config_free(&c);
}

#define CHECK_ALL(table)                                                \
	for (size_t i = 0; i < sizeof(table) / sizeof((table)[0]); i++) \
	check(&(table)[i])
#define E PROBLEM_ERROR
#define W PROBLEM_WARNING
#define N PROBLEM_NOTICE

static void test_keys(void **state)
{
	static const struct bad table[] = {
		{ NETS CREDENTIALS "ipsec_subnet: []\n", E, 7, 1,
		  "unknown key ipsec_subnet: did you mean ipsec_subnets?", "ipsec_subnets:", 1 },
		{ "ipsec_subnet:\n- 10.0.0.0/20\n" CREDENTIALS, E, 1, 1,
		  "did you mean ipsec_subnets?", "ipsec_subnets:", 2 },
		{ "ipsec_subnet:\n- 10.0.0.0/20\n" CREDENTIALS, E, 1, 1, "ipsec_subnets is missing",
		  "ipsec_subnets:\n- 10.0.0.0/20", 2 },
		{ NETS CREDENTIALS "frobnicate: 1\n", E, 7, 1, "unknown key frobnicate", NULL, 1 },
		{ NETS CREDENTIALS "Optional: true\n", E, 7, 1, "did you mean optional?",
		  "optional:", 1 },
		{ NETS CREDENTIALS "prestart-timeout: 3\n", E, 7, 1,
		  "did you mean prestart_timeout?", NULL, 1 },
		{ NETS CREDENTIALS "optional: true\noptional: false\n", E, 8, 1,
		  "optional stands here a second time, after line 7", NULL, 1 },
		{ NETS CREDENTIALS "optional: true\noptional: true\n", W, 8, 1, "second time", NULL,
		  0 },
		{ NETS, E, 1, 1, "instance_certificate is missing",
		  "instance_certificate: |\n  -----BEGIN CERTIFICATE-----", 3 },
		{ NETS, E, 1, 1, "instance_private_key is missing", "-----BEGIN PRIVATE KEY-----",
		  3 },
		{ NETS, E, 1, 1, "ca_certificates is missing", "ca_certificates:\n- |\n", 3 },
		{ CREDENTIALS, E, 1, 1, "ipsec_subnets is missing", "- 10.0.0.0/20", 1 },
	};

	(void)state;
	CHECK_ALL(table);
}

static void test_values(void **state)
{
	static const struct bad table[] = {
		{ NETS CREDENTIALS "optional: \"yes\"\n", E, 7, 11,
		  "optional: true or false was expected, not the text \"yes\"", "optional: true",
		  1 },
		{ NETS CREDENTIALS "optional: 'true'\n", E, 7, 11, "not the text \"true\"", NULL,
		  1 },
		{ NETS CREDENTIALS "optional: maybe\n", E, 7, 11, "not 'maybe'", NULL, 1 },
		{ NETS CREDENTIALS "optional: [true]\n", E, 7, 11, "not a list", NULL, 1 },
		{ NETS CREDENTIALS "optional:\n", E, 7, 10, "not nothing", "optional: false", 1 },
		{ NETS CREDENTIALS "optional: yes\n", N, 7, 11, "yes is read as true", NULL, 0 },
		{ NETS CREDENTIALS "prestart_timeout: 30 seconds\n", E, 7, 19,
		  "a duration from 1s to 1h, such as 30s was expected, not '30 seconds'",
		  "prestart_timeout: 30s", 1 },
		{ NETS CREDENTIALS "prestart_timeout: 2h\n", E, 7, 19, "from 1s to 1h", NULL, 1 },
		{ NETS CREDENTIALS "replay_window: 5000\n", E, 7, 16, "a number from 32 to 4096",
		  "replay_window: 64", 1 },
		{ NETS CREDENTIALS "esp_byte_limit: 64MB\n", E, 7, 17, "a size from 1M to", NULL,
		  1 },
		{ NETS CREDENTIALS "encapsulation: yes\n", E, 7, 16, "auto, always or never", NULL,
		  1 },
		{ NETS CREDENTIALS "log: stdout\n", E, 7, 6,
		  "journal, syslog, stderr or the absolute path", NULL, 1 },
		{ NETS CREDENTIALS "log: {a: b}\n", E, 7, 6, "not a mapping", NULL, 1 },
		{ NETS CREDENTIALS "esp_proposals: aes128gmc16!\n", E, 7, 16,
		  "unknown algorithm 'aes128gmc16'", "esp_proposals: aes128gcm16!", 1 },
		{ NETS CREDENTIALS "ike_proposals: aes128-sha256-modp1024!\n", E, 7, 30,
		  "'modp1024' is too weak", "ike_proposals: aes128-sha256-modp2048!", 1 },
		{ NETS CREDENTIALS "ike_proposals: aes128-md5-modp768!\n", E, 7, 23,
		  "'md5' is too weak", "ike_proposals: aes128-sha256-modp2048!", 1 },
		{ NETS CREDENTIALS "ike_proposals: aes256-md5-modp3072, 3des-sha1-modp1024\n", E, 7,
		  23, "'md5' is too weak",
		  "ike_proposals: aes256-sha256-modp3072, aes128-sha256-modp2048", 1 },
		/* every word is good then, and together they are not: the default */
		{ NETS CREDENTIALS "esp_proposals: 3des, aes128gcm16\n", E, 7, 16,
		  "'3des' is too weak", "esp_proposals: aes128gcm16!", 1 },
		{ NETS CREDENTIALS "ike_proposals: aes128gcm16!\n", E, 7, 16,
		  "belongs into esp_proposals", "ike_proposals: aes128-sha256-modp2048!", 1 },
		{ NETS CREDENTIALS "esp_proposals: [aes128gcm16]\n", E, 7, 16, "not a list", NULL,
		  1 },
		{ NETS CREDENTIALS "esp_proposals: ''\n", E, 7, 16, "was expected", NULL, 1 },
	};

	(void)state;
	CHECK_ALL(table);
}

static void test_subnets(void **state)
{
	static const struct bad table[] = {
		{ "ipsec_subnets:\n- 10.0.0.256/20\n" CREDENTIALS, E, 2, 3,
		  "'10.0.0.256' is not an address", "- 10.0.0.0/20", 1 },
		{ "ipsec_subnets:\n- 10.0.0.0/33\n" CREDENTIALS, E, 2, 3,
		  "the prefix of an IPv4 subnet is a number from 0 to 32", "- 10.0.0.0/32", 1 },
		{ "ipsec_subnets:\n- fd00::/129\n" CREDENTIALS, E, 2, 3, "IPv6 subnet",
		  "fd00::/128", 1 },
		{ "ipsec_subnets:\n- 10.0.0.0/255.255.240.0\n" CREDENTIALS, E, 2, 3, "not a mask",
		  "- 10.0.0.0/20", 1 },
		{ "ipsec_subnets:\n- 10.0.0.0/\n" CREDENTIALS, E, 2, 3, "from 0 to 32", NULL, 1 },
		{ "ipsec_subnets:\n- host.example\n" CREDENTIALS, E, 2, 3, "is not an address",
		  NULL, 1 },
		{ "ipsec_subnets:\n- 10.0.0.1-10.0.0.9\n" CREDENTIALS, E, 2, 3, "is not an address",
		  NULL, 1 },
		{ "ipsec_subnets: 10.0.0.0/20\n" CREDENTIALS, E, 1, 16, "a list was expected",
		  "ipsec_subnets:\n- 10.0.0.0/20", 1 },
		{ "ipsec_subnets: 10.0.0.0/20, 10.1.0.0/20\n" CREDENTIALS, E, 1, 16,
		  "a list was expected", "ipsec_subnets:\n- 10.0.0.0/20\n- 10.1.0.0/20", 1 },
		{ "ipsec_subnets: []\n" CREDENTIALS, E, 1, 16, "a list of subnets", "- 10.0.0.0/20",
		  1 },
		{ "ipsec_subnets: []\n" CREDENTIALS, E, 1, 16, "was expected, not an empty list",
		  NULL, 1 },
		{ "ipsec_subnets:\n" CREDENTIALS, E, 1, 15, "not nothing", "- 10.0.0.0/20", 1 },
		{ "ipsec_subnets: {a: b}\n" CREDENTIALS, E, 1, 16, "not a mapping", NULL, 1 },
		{ "ipsec_subnets:\n- [10.0.0.0/20]\n" CREDENTIALS, E, 2, 3, "not a list", NULL, 1 },
		{ "ipsec_subnets:\n-\n" CREDENTIALS, E, 2, 2, "not nothing", NULL, 1 },
		/* copied as it is, it must not take a subnet out of IPsec */
		{ NETS CREDENTIALS "no_ipsec_subnets:\n- hello\n", E, 8, 3, "is not an address",
		  "- 10.0.1.10/32", 1 },
		{ NETS CREDENTIALS "no_ipsec_subnets:\n- 10.0.1.300\n", E, 8, 3,
		  "is not an address", "- 10.0.1.10/32", 1 },
		{ NETS CREDENTIALS "no_ipsec_subnets:\n- [10.0.1.1]\n", E, 8, 3,
		  "such as 10.0.1.10/32 was expected", "- 10.0.1.10/32", 1 },
		{ NETS CREDENTIALS "no_ipsec_subnets:\n- {subnet: x}\n", E, 8, 12,
		  "is not an address", "subnet: 10.0.1.10/32", 1 },
		{ NETS CREDENTIALS "no_ipsec_subnets:\n- {protocol: udp}\n", E, 8, 3,
		  "subnet is missing", "- {subnet: 10.0.1.10/32}", 1 },
		{ NETS CREDENTIALS "no_ipsec_subnets: director.example\n", E, 7, 19,
		  "a list was expected", "no_ipsec_subnets:\n- 10.0.1.10/32", 2 },
		{ "ipsec_subnets: 10.0.0.0/20, x\n" CREDENTIALS, E, 1, 16, "a list was expected",
		  "ipsec_subnets:\n- 10.0.0.0/20", 1 },
		{ NETS "- 10.0.0.0/20\n" CREDENTIALS, W, 3, 3,
		  "10.0.0.0/20 stands in ipsec_subnets twice", NULL, 0 },
		{ NETS "- 10.0.1.1/20\n" CREDENTIALS, W, 3, 3, "twice", NULL, 0 },
		{ NETS "- {subnet: 10.0.0.0/20, optional: true}\n" CREDENTIALS, E, 3, 3,
		  "once optional and once not", NULL, 1 },
		{ "ipsec_subnets:\n- 10.0.1.1/20\n" CREDENTIALS, N, 2, 3,
		  "10.0.1.1/20 has bits of a host set and is read as 10.0.0.0/20", NULL, 0 },
		{ NETS "- 10.9.5.0/24\n" CREDENTIALS "no_ipsec_subnets:\n- 10.9.0.0/16\n", W, 3, 3,
		  "10.9.5.0/24 will not be encrypted: it lies inside 10.9.0.0/16 of "
		  "no_ipsec_subnets (line 9)",
		  NULL, 0 },
		{ NETS
		  "- 10.9.5.0/24\n" CREDENTIALS
		  "precedence: longest-prefix\nno_ipsec_subnets:\n- 10.9.0.0/16\n- 10.9.5.0/24\n",
		  W, 3, 3, "(line 11), which wins as it is as long", NULL, 0 },
		{ NETS CREDENTIALS "precedence: longest\n", E, 7, 13, "bypass or longest-prefix",
		  "precedence: bypass", 1 },
		{ NETS CREDENTIALS "local_addresses: []\nlocal_addresses: []\n", E, 8, 1,
		  "a second time", NULL, 1 },
		{ NETS CREDENTIALS "local_addresses:\n- {subnet: 10.0.0.1}\n", E, 8, 3,
		  "a subnet such as 10.0.0.0/20 was expected, not a mapping", "- 10.0.0.0/20", 1 },
		{ NETS CREDENTIALS "local_addresses:\n- 10.0.0.1/33\n", E, 8, 3, "from 0 to 32",
		  "- 10.0.0.1/32", 1 },
		{ NETS CREDENTIALS "local_addresses:\n", N, 7, 17, "no entries",
		  "local_addresses: []", 0 },
		{ NETS CREDENTIALS "no_ipsec_subnets:\n", N, 7, 18, "no entries",
		  "no_ipsec_subnets: []", 0 },
		/* entries as mappings */
		{ "ipsec_subnets:\n- {subnets: 10.0.0.0/20}\n" CREDENTIALS, E, 2, 4,
		  "unknown key subnets", "subnet:", 2 },
		{ "ipsec_subnets:\n- {optional: true}\n" CREDENTIALS, E, 2, 3, "subnet is missing",
		  "{subnet: 10.0.0.0/20}", 1 },
		{ "ipsec_subnets:\n- {subnet: 10.0.0.0/40}\n" CREDENTIALS, E, 2, 12, "from 0 to 32",
		  "subnet: 10.0.0.0/32", 1 },
		{ NETS "- {subnet: 10.1.0.0/20, optional: 'no'}\n" CREDENTIALS, E, 3, 35,
		  "true or false", NULL, 1 },
		{ NETS CREDENTIALS "no_ipsec_subnets:\n- {subnet: 10.0.0.1, optional: true}\n", E,
		  8, 32, "optional means nothing in no_ipsec_subnets", NULL, 1 },
		{ NETS CREDENTIALS "no_ipsec_subnets:\n- {subnet: 10.0.0.1, port: 53}\n", E, 8, 28,
		  "port needs a protocol", "protocol: udp", 1 },
		{ NETS CREDENTIALS
		  "no_ipsec_subnets:\n- {subnet: 10.0.0.1, protocol: icmp, port: 53}\n",
		  E, 8, 44, "port needs a protocol", NULL, 1 },
		{ NETS CREDENTIALS
		  "no_ipsec_subnets:\n- {subnet: 10.0.0.1, protocol: udp, port: 70000}\n",
		  E, 8, 43, "from 1 to 65535", NULL, 1 },
		{ NETS CREDENTIALS "no_ipsec_subnets:\n- {subnet: 10.0.0.1, protocol: dns}\n", E, 8,
		  32, "tcp, udp, sctp", NULL, 1 },
		{ NETS "- {subnet: 10.1.0.0/20, subnet: 10.2.0.0/20}\n" CREDENTIALS, E, 3, 25,
		  "second time", NULL, 1 },
	};

	(void)state;
	CHECK_ALL(table);
}

/* What libyaml refuses, in our words, and what is found behind it all the same (the 2nd error). */
static void test_syntax(void **state)
{
	static const struct bad table[] = {
		{ "ipsec_subnets:\n\t- 10.0.0.0/33\n" CREDENTIALS, E, 2, 1,
		  "a tab in the indentation", "  - 10.0.0.0/33", 2 },
		{ NETS CREDENTIALS "optional:true\nlog: 7\n", E, 7, 9,
		  "':' and a space are missing after optional", "optional: true", 2 },
		{ NETS CREDENTIALS "optional = true\nlog: 7\n", E, 7, 9, "missing after optional",
		  "optional: true", 2 },
		{ NETS CREDENTIALS "no_ipsec_subnets\n- 10.0.0.1/33\n", E, 7, 17,
		  "':' is missing after no_ipsec_subnets", "no_ipsec_subnets:", 2 },
		{ NETS CREDENTIALS "optional: false\n  log: 7\n", E, 8, 3,
		  "this key does not stand exactly below", "log: 7", 2 },
		{ NETS CREDENTIALS " log: 7\n", E, 7, 2, "this key does not stand exactly below",
		  "log: 7", 2 },
		{ "ipsec_subnets:\n  - 10.0.0.0/20\n - 10.1.0.0/33\n" CREDENTIALS, E, 3, 2,
		  "this entry does not stand exactly below", "  - 10.1.0.0/33", 2 },
		{ NETS CREDENTIALS "no_ipsec_subnets: [10.0.0.1/33\nlog: 7\n", E, 7, 19,
		  "'[' is opened and not closed", "no_ipsec_subnets: [10.0.0.1/33]", 3 },
		{ NETS CREDENTIALS "log: \"/var/log/x\noptional: maybe\n", E, 7, 6,
		  "a quote is opened and not closed", "log: \"/var/log/x\"", 2 },
		{ NETS CREDENTIALS "log: %syslog\noptional: maybe\n", E, 7, 6,
		  "unless it has quotes", "log: \"%syslog\"", 3 },
		{ NETS CREDENTIALS "esp_proposals: *any\n", E, 7, 16, "unless it has quotes",
		  "esp_proposals: \"*any\"", 2 },
		{ NETS CREDENTIALS "esp_proposals: !aes128gcm16\n", E, 7, 16,
		  "unless it has quotes", "\"!aes128gcm16\"", 2 },
		/* what may only not have been seen is not called missing */
		{ "ipsec_subnets:\n\t- 10.0.0.0/20\n", E, 2, 1, "a tab", NULL, 1 },
		{ "ipsec_subnets: [10.0.0.0/20\nca_certificates: x\n", E, 1, 16,
		  "'[' is opened and not closed", "ipsec_subnets: [10.0.0.0/20]", 2 },
		{ NETS CREDENTIALS "---\n" NETS, E, 7, 1, "a second document begins", NULL, 1 },
		{ NETS CREDENTIALS "log: \x01\n", E, 7, 6, "control characters", NULL, 1 },
		{ NETS CREDENTIALS "log: \xff\n", E, 7, 6, "UTF-8", NULL, 1 },
		{ NETS CREDENTIALS "}\n", E, 7, 1, "this is not YAML", NULL, 1 },
	};

	(void)state;
	CHECK_ALL(table);
}

static void test_whole_files(void **state)
{
	static const struct bad table[] = {
		{ "", E, 1, 1, "the file is empty", "ipsec_subnets:", 1 },
		{ "# nothing\n", E, 1, 1, "the file is empty", NULL, 1 },
		{ "- 10.0.0.0/20\n", E, 1, 1, "keys and values were expected, not a list", NULL,
		  1 },
		{ "hello\n", E, 1, 1, "not a text", NULL, 1 },
		{ "\xff\xfe"
		  "i",
		  E, 1, 1, "UTF-16", NULL, 1 },
		{ NETS "# \xee\x80\x80\n", E, 3, 3, "private use area", NULL, 1 },
		{ "addons:\n- name: x\n  jobs:\n  - name: ipsec\n    release: ipsec\n", E, 4, 5,
		  "the job ipsec has no properties", "properties:\n  ipsec:", 1 },
		{ "releases: []\naddons: []\n", E, 1, 1,
		  "the IPsec keys were expected at the top level", NULL, 1 },
		{ "addons:\n- name: x\n  jobs:\n  - name: strongswan\n    properties:\n      "
		  "ipsec:\n"
		  "        ipsec_subnets: []\n",
		  E, 7, 9, "those found here stand in none of these places", NULL, 1 },
		{ "properties:\n  ipsec:\n  ipsec_subnets:\n  - 10.0.0.0/20\n", E, 2, 9,
		  "are the keys indented?", "ipsec:\n  ipsec_subnets:", 1 },
		{ NETS CREDENTIALS "ipsec:\n  ipsec_subnets: [10.0.0.0/20]\n", E, 8, 3,
		  "the IPsec keys stand twice in this file: on line 1 and here", NULL, 1 + 1 },
		{ "addons:\n- jobs:\n  - name: ipsec\n    properties: {ipsec: {log: syslog}}\n"
		  "- jobs:\n  - name: ipsec\n    properties: {ipsec: {log: syslog}}\n",
		  E, 7, 25, "stand twice in this file: on line 4 and here", NULL, 5 },
		{ "properties:\n  ipsec_subnets:\n  - 10.0.0.0/20\n  instance_certificate: @HOST\n"
		  "  instance_private_key: @KEY\n  ca_certificates: [@CA]\n",
		  W, 2, 3, "without ipsec: in between", "properties:\n  ipsec:", 0 },
	};

	(void)state;
	CHECK_ALL(table);
}

#define HOST_AND_KEY "instance_certificate: @HOST\ninstance_private_key: @KEY\n"

static void test_pem_blocks(void **state)
{
	static const struct bad table[] = {
		/* not indented, at the top and further in */
		{ NETS HOST_AND_KEY "ca_certificates:\n- |\n@@CA\n", E, 7, 1,
		  "the PEM block of the list entry is not indented: each of its lines needs 2 "
		  "spaces",
		  "- |\n  -----BEGIN CERTIFICATE-----", 1 },
		{ "properties:\n  ipsec:\n    ipsec_subnets: [10.0.0.0/20]\n"
		  "    instance_certificate: |\n    @@HOST\n    instance_private_key: @KEY\n"
		  "    ca_certificates: [@CA]\n",
		  E, 5, 5,
		  "the PEM block of instance_certificate is not indented: each of its lines "
		  "needs 6 spaces",
		  "instance_certificate: |\n  -----BEGIN CERTIFICATE-----", 1 },
		{ NETS
		  "instance_certificate: @HOST\nca_certificates: [@CA]\ninstance_private_key: |\n"
		  "@@KEY\n",
		  E, 6, 1, "the PEM block of instance_private_key is not indented",
		  "instance_private_key: |\n  -----BEGIN PRIVATE KEY-----\n  ...", 1 },
		/* and the rest is looked at as if it were */
		{ NETS "instance_certificate: |\n@@OTHER\ninstance_private_key: @KEY\n"
		       "ca_certificates: [@CA]\noptional: maybe\n",
		  E, 4, 1, "not indented", NULL, 3 },
		/* no list: the guide's each_with_index */
		{ NETS HOST_AND_KEY "ca_certificates: |\n  @@CA\n", E, 5, 18,
		  "ca_certificates: a list was expected",
		  "ca_certificates:\n- |\n  -----BEGIN CERTIFICATE-----", 1 },
		{ NETS HOST_AND_KEY "ca_certificates: @CA\n", E, 5, 18, "a list was expected",
		  "ca_certificates:\n- ", 1 },
		{ NETS HOST_AND_KEY "ca_certificates: |\n@@CA\n", E, 6, 1, "not indented",
		  "ca_certificates:\n- |\n  -----BEGIN CERTIFICATE-----", 2 },
		{ NETS HOST_AND_KEY "ca_certificates: []\n", E, 5, 18, "a list of certificates",
		  "ca_certificates:\n- |", 1 },
		{ NETS HOST_AND_KEY "ca_certificates: []\n", E, 5, 18, "not an empty list", NULL,
		  1 },
		{ NETS HOST_AND_KEY "ca_certificates: x\n", E, 5, 18, "a list was expected",
		  "ca_certificates:\n- |", 1 },
		{ NETS HOST_AND_KEY "ca_certificates:\n- {pem: x}\n", E, 6, 3, "not a mapping",
		  NULL, 1 },
		/* without the bar */
		{ NETS HOST_AND_KEY "ca_certificates:\n-\n  @@CA\n", E, 6, 2,
		  "`|` is missing in front of the PEM block of the list entry",
		  "- |\n  -----BEGIN CERTIFICATE-----", 1 },
		{ NETS HOST_AND_KEY "ca_certificates:\n  @@CA\n", E, 5, 17,
		  "`|` is missing in front of the PEM block of ca_certificates",
		  "ca_certificates:\n- |\n", 2 },
		{ NETS HOST_AND_KEY "ca_certificates:\n@@CA\n", E, 5, 17, "`|` is missing",
		  "ca_certificates:\n- |\n", 2 },
		/* inside the block */
		{ NETS HOST_AND_KEY "ca_certificates:\n- |\n  -----BEGIN CERTIFICATE-----\n  ...\n"
				    "  -----END CERTIFICATE-----\n",
		  E, 8, 3, "only base64 may stand here", NULL, 1 },
		{ NETS HOST_AND_KEY
		  "ca_certificates:\n- |\n  -----BEGIN CERTIFICATE-----\n  MIIB\n",
		  E, 7, 3, "has no -----END CERTIFICATE----- line", NULL, 1 },
		{ NETS HOST_AND_KEY "ca_certificates:\n- |\n  -----BEGIN CERTIFICATE-----\n  MIIB\n"
				    "  -----END CERTIFICATE-----\n",
		  E, 7, 3, "not a certificate: its content is damaged", NULL, 1 },
		{ NETS HOST_AND_KEY "ca_certificates:\n- |\n  MIIBCDCBrwIBADAAMAAwADAAMAAw\n", E, 6,
		  3, "the -----BEGIN line is missing", NULL, 1 },
		{ NETS HOST_AND_KEY "ca_certificates:\n- '-----BEGIN CERTIFICATE-----\\nMIIB\\n"
				    "-----END CERTIFICATE-----'\n",
		  E, 6, 3, "a backslash and an n", NULL, 1 },
		{ NETS HOST_AND_KEY "ca_certificates: ((ipsec_ca.certificate))\n", E, 5, 18,
		  "a variable of BOSH", NULL, 2 },
		{ NETS HOST_AND_KEY "ca_certificates:\n- hello\n", E, 6, 3, "was expected", NULL,
		  1 },
	};

	(void)state;
	CHECK_ALL(table);
}

#define WITH(host, key)                                                          \
	NETS "instance_certificate: @" host "\ninstance_private_key: @" key "\n" \
	     "ca_certificates: [@CA]\n"

/* Problems of a file that is named are told at its own lines; line 0: any. */
static void check_file(const char *text, enum problem_level level, const char *file, unsigned line,
		       const char *says, size_t errors)
{
	struct problems ps;
	struct config c;
	bool found = false;

	(void)pki_parse(&pki, text, &c, &ps);
	for (size_t i = 0; i < ps.n; i++)
		found |= ps.p[i].level == level && (!line || ps.p[i].line == line) &&
			 strstr(ps.p[i].file, file) && strstr(ps.p[i].message, says);
	if (!found || ps.errors != errors) {
		fprintf(stderr, "--- wanted %s:%u: %s, %zu errors, got:\n", file, line, says,
			errors);
		print_problems(&ps);
		fail();
	}
	problems_free(&ps);
	config_free(&c);
}

static void test_credentials(void **state)
{
	(void)state;
	check_file(WITH("HOST", "OTHER_KEY"), E, "OTHER_KEY.pem", 1,
		   "is not the key of \"O=Example, CN=host-a\"", 1);
	check_file(WITH("HOST", "ENCRYPTED"), E, "ENCRYPTED.pem", 1, "has a pass phrase", 1);
	check_file(WITH("HOST", "CA"), E, "CA.pem", 1,
		   "a PRIVATE KEY was expected, not CERTIFICATE", 1);
	check_file(WITH("KEY", "KEY"), E, "KEY.pem", 1,
		   "a CERTIFICATE was expected, not PRIVATE KEY", 1);
	check_file(WITH("HOST", "EMPTY"), E, "test.yml", 4, "EMPTY.pem: is empty", 1);
	check_file(WITH("EMPTY", "KEY"), E, "test.yml", 3, "EMPTY.pem: is empty", 1);
	check_file(WITH("HOST", "HOST_DER"), E, "test.yml", 4, "openssl pkey -inform DER -in", 1);
	check_file(WITH("NONSENSE", "KEY"), E, "test.yml", 3, "it has no -----BEGIN line", 1);
	check_file(WITH("HOST", "BROKEN_KEY"), E, "BROKEN_KEY.pem", 1, "is not a private key", 1);
	check_file(WITH("HOST", "GUIDE_KEY"), E, "GUIDE_KEY.pem", 1, "example of the guide", 1);
	check_file(WITH("HOST", "OPEN_KEY"), W, "test.yml", 4, "(mode 0644): chmod 600 ", 0);
	check_file(WITH("HOST", "GROUP_KEY"), W, "test.yml", 4, "(mode 0640): chmod 600 ", 0);
	check_file(WITH("EXPIRED", "KEY"), PROBLEM_FAULT, "EXPIRED.pem", 1,
		   "expired on 2029-12-31 00:00:00 UTC, and nothing new is negotiated with it: "
		   "put a new one there, and run: ikectl reload",
		   0);
	check_file(WITH("FUTURE", "KEY"), W, "FUTURE.pem", 1,
		   "is not valid before 2030-01-02 00:00:00 UTC", 0);
	check_file(WITH("STRANGER", "KEY") "strict_ca: true\n", E, "STRANGER.pem", 1,
		   "does not verify under ca_certificates", 1);
	check_file(WITH("STRANGER", "KEY"), W, "STRANGER.pem", 1,
		   "does not verify under ca_certificates; a peer that shows it is believed only "
		   "since its certificate is our own: no trusted CA",
		   0);
	check_file(WITH("SHORT", "SHORT_KEY"), E, "SHORT.pem", 1,
		   "RSA key of 1024 bits; 2048 to 8192 were expected", 1);
	check_file(WITH("NAMELESS", "KEY"), E, "NAMELESS.pem", 1, "has no subject", 1);
	check_file(WITH("TWO", "KEY"), W, "TWO.pem", 0, "is no part of the chain", 0);
}

/* Windows line ends and a missing last one are nobody's fault. */
static void test_line_ends(void **state)
{
	struct problems ps;
	struct config c;

	(void)state;
	assert_int_equal(pki_parse(&pki, WITH("CRLF", "KEY_CUT"), &c, &ps), 0);
	assert_int_equal(ps.n, 0);
	config_free(&c);
}

/* A key in the configuration makes a secret of that file. */
static void test_inline_mode(void **state)
{
	static const mode_t modes[] = { 0600, 0644 };
	char *text = pki_fill(&pki, NETS "instance_certificate: @HOST\nca_certificates: [@CA]\n"
					 "instance_private_key: |\n  @@KEY\n");

	(void)state;
	for (size_t i = 0; i < 2; i++) {
		const char *name = i ? "MODE_OPEN" : "MODE_CLOSED";
		struct problems ps = { 0 };
		struct config c;

		pki_add(&pki, name, BYTES((const uint8_t *)text, strlen(text)), modes[i]);
		assert_int_equal(config_load(pki_find(&pki, name)->path, TESTPKI_NOW, &c, &ps), 0);
		assert_int_equal(ps.n, i);
		if (i)
			assert_non_null(strstr(ps.p[0].message, "(mode 0644): chmod 600 "));
		problems_free(&ps);
		config_free(&c);
	}
	free(text);
}

static void test_paths(void **state)
{
	(void)state;
	check_file(NETS "instance_certificate: /nonexistent/a.pem\ninstance_private_key: @KEY\n"
			"ca_certificates: [@CA]\n",
		   E, "test.yml", 3, "/nonexistent/a.pem: there is no such file", 1);
	check_file(NETS "instance_certificate: /tmp\ninstance_private_key: @KEY\n"
			"ca_certificates: [@CA]\n",
		   E, "test.yml", 3, "/tmp: is a directory", 1);
	check_file(NETS "instance_certificate: /dev/zero\ninstance_private_key: @KEY\n"
			"ca_certificates: [@CA]\n",
		   E, "test.yml", 3, "is not a regular file", 1);
	check_file(WITH("FIFO", "KEY"), E, "test.yml", 3, "FIFO.pem: is not a regular file", 1);
	check_file(WITH("HOST", "FIFO"), E, "test.yml", 4, "FIFO.pem: is not a regular file", 1);
	check_file(NETS HOST_AND_KEY "ca_certificates: [@FIFO]\n", E, "test.yml", 5,
		   "FIFO.pem: is not a regular file", 1);
	check_file(WITH("HUGE", "KEY"), E, "test.yml", 3, "is larger than 4 MiB", 1);
	if (geteuid() != 0)
		check_file(WITH("HOST", "CLOSED"), E, "test.yml", 4, "permission denied", 1);
}

/* A FIFO that nobody writes to would never end, and a daemon that reloads has no time for it. */
static void test_fifo_is_no_file(void **state)
{
	struct problems ps = { 0 };
	struct config c;

	(void)state;
	assert_int_equal(config_load(pki_find(&pki, "FIFO")->path, TESTPKI_NOW, &c, &ps), -EINVAL);
	assert_int_equal(ps.n, 1);
	assert_string_equal(ps.p[0].message, "is not a regular file");
	problems_free(&ps);
}

/* What both programs print. */
static void assert_printed(const char *name, const char *text, enum check_result result,
			   const char *part)
{
	char *filled = pki_fill(&pki, text), *printed = NULL;
	size_t n;
	FILE *out = open_memstream(&printed, &n);

	pki_text(&pki, name, filled);
	assert_int_equal(config_check(pki_find(&pki, name)->path, TESTPKI_NOW, out), result);
	assert_int_equal(fclose(out), 0);
	if (!strstr(printed, part))
		fail_msg("wanted %s in: %s", part, printed);
	free(printed);
	free(filled);
}

static void test_check(void **state)
{
	char *printed = NULL;
	size_t n;
	FILE *out = open_memstream(&printed, &n);

	(void)state;
	assert_printed("CHECK_GOOD", NETS CREDENTIALS, CHECK_GOOD,
		       "/CHECK_GOOD.pem: good (1 ipsec_subnets, 0 no_ipsec_subnets, certificate "
		       "\"O=Example, CN=host-a\")\n");
	assert_printed("CHECK_REMARK", NETS CREDENTIALS "optional: no\n", CHECK_GOOD,
		       "\"), 1 remark above\n");
	assert_printed("CHECK_BAD", NETS CREDENTIALS "a: 1\nb: 2\n", CHECK_ERRORS,
		       ":8:1: error: unknown key b\n");
	assert_printed("CHECK_COUNT", NETS CREDENTIALS "a: 1\nb: 2\n", CHECK_ERRORS,
		       "/CHECK_COUNT.pem: 2 errors\n");
	assert_printed("CHECK_EXPIRED",
		       NETS "instance_certificate: @EXPIRED\ninstance_private_key: @KEY\n"
			    "ca_certificates: [@CA]\n",
		       CHECK_ERRORS, "/CHECK_EXPIRED.pem: 1 error; a daemon starts with it");
	assert_printed("CHECK_CLAIM", NETS CREDENTIALS, CHECK_GOOD,
		       "any holder of a certificate under the CAs can claim any address\n");
	assert_printed("CHECK_CA",
		       NETS HOST_AND_KEY "ca_certificates: [@OTHER_CA]\nstrict_ca: true\n",
		       CHECK_ERRORS, "/CHECK_CA.pem: 1 error\n");
	assert_printed("CHECK_WARNED", NETS CREDENTIALS "dpd_delay: 60s\ndpd_timeout: 30s\n",
		       CHECK_WARNINGS, "\"), 1 remark above\n");
	assert_int_equal(config_check("/nonexistent/a.yml", TESTPKI_NOW, out), CHECK_ERRORS);
	assert_int_equal(fclose(out), 0);
	assert_string_equal(printed, "/nonexistent/a.yml: error: there is no such file\n"
				     "/nonexistent/a.yml: 1 error\n");
	free(printed);
}

static void test_cas(void **state)
{
	(void)state;
	check_file(NETS HOST_AND_KEY "ca_certificates: [@CA, @HOST]\n", E, "HOST.pem", 1,
		   "is not a CA (basicConstraints CA:TRUE is missing)", 1);
	check_file(NETS HOST_AND_KEY "ca_certificates: [@CA, @SHORT_CA]\n", E, "SHORT_CA.pem", 1,
		   "RSA key of 1024 bits", 1);
	check_file(NETS HOST_AND_KEY "ca_certificates: [@CA, @OLD_CA]\n", W, "OLD_CA.pem", 1,
		   "CA certificate \"CN=Old\" expired on", 0);
	check_file(NETS HOST_AND_KEY "ca_certificates: [@CA, @CA]\n", N, "CA.pem", 1,
		   "stands in ca_certificates twice", 0);
	check_file(NETS HOST_AND_KEY "ca_certificates: [@OTHER_CA]\nstrict_ca: true\n", E,
		   "HOST.pem", 1,
		   "does not verify under ca_certificates, and peers with the same CAs will refuse "
		   "it",
		   1);
	/* a date that somebody else has to mend does not keep a host from starting */
	check_file(NETS "instance_certificate: @OF_OLD_CA\ninstance_private_key: @KEY\n"
			"ca_certificates: [@OLD_CA]\n",
		   W, "OF_OLD_CA.pem", 1, "does not verify under ca_certificates", 0);
	check_file(NETS HOST_AND_KEY "ca_certificates: [@KEY]\n", E, "KEY.pem", 1,
		   "a CERTIFICATE was expected, not PRIVATE KEY", 1);
}

/* The template as the add-on's guide prints it, letter by letter, and everything that it needs. */
static void test_template(void **state)
{
	static const char template[] =
		"releases:\n- {name: ipsec, version: 1.0.0}\n\naddons:\n- name: ipsec-addon\n"
		"  jobs:\n  - name: ipsec\n    release: ipsec\n  include:\n  stemcell:\n"
		"  - os: ubuntu-trusty\n  properties:\n  ipsec:\n    optional: false\n"
		"    ipsec_subnets:\n    - 10.0.1.1/20\n    no_ipsec_subnets:\n"
		"    - 10.0.1.10/32 # bosh director\n    - 10.0.1.4/32 # ops manager\n"
		"    instance_certificate: |\n    -----BEGIN CERTIFICATE-----\n"
		"    MIEMDCCAhiGAWIBAgIRAIvrBY2TttU/LeRhO+V1t0YwDQYJKoZIhvcNAQELBQAw\n    ...\n"
		"    -----END CERTIFICATE-----\n    instance_private_key: |\n"
		"    -----BEGIN EXAMPLE RSA PRIVATE KEY-----\n"
		"    EXAMPLExRSAXPRIVATExKEYxDATAxEXAMPLExRSAXPRIVATExKEYxDATA\n    ...\n"
		"    -----END EXAMPLE RSA PRIVATE KEY-----\n    ca_certificates:\n    - |\n"
		"    -----BEGIN CERTIFICATE-----\n    MIIFCTCC\n    ...\n"
		"    -----END CERTIFICATE-----\n    - |\n    -----BEGIN CERTIFICATE-----\n"
		"    MIIFCTCC\n    ...\n    -----END CERTIFICATE-----\n    prestart_timeout: 30\n"
		"    esp_proposals: aes128gcm16!\n    ike_proposals: aes128-sha256-modp2048!\n";
	static const struct bad findings[] = {
		{ template, W, 14, 5, "ipsec stands beside properties",
		  "properties:\n  ipsec:", 8 },
		{ template, N, 16, 7, "is read as 10.0.0.0/20", NULL, 8 },
		{ template, E, 21, 5, "the PEM block of instance_certificate is not indented",
		  "instance_certificate: |\n  -----BEGIN CERTIFICATE-----", 8 },
		{ template, E, 23, 5, "only base64 may stand here", NULL, 8 },
		{ template, E, 26, 5, "the PEM block of instance_private_key is not indented",
		  "  -----BEGIN EXAMPLE RSA PRIVATE KEY-----", 8 },
		{ template, E, 26, 5, "instance_private_key is the example of the guide", NULL, 8 },
		{ template, E, 32, 5, "the PEM block of the list entry is not indented", "- |\n",
		  8 },
		{ template, E, 37, 5, "the PEM block of the list entry is not indented", "- |\n",
		  8 },
	};

	(void)state;
	CHECK_ALL(findings);
}

static void test_everything_at_once(void **state)
{
	struct problems ps;
	struct config c;
	unsigned line = 0;

	(void)state;
	assert_int_equal(
		pki_parse(&pki,
			  "ipsec_subnets:\n- 10.0.0.0/33\n- 10.0.0.0/20\n"
			  "no_ipsec_subnet: []\noptional: \"no\"\nprestart_timeout: soon\n"
			  "esp_proposals: aes12gcm16\nike_proposals: aes128gcm16\n"
			  "log:nowhere\n"
			  "instance_certificate: @EMPTY\ninstance_private_key: @ENCRYPTED\n"
			  "ca_certificates: @HOST\n",
			  &c, &ps),
		-EINVAL);
	assert_int_equal(ps.errors, 12);
	for (size_t i = 0; i < ps.n; i++) {
		if (strcmp(ps.p[i].file, "test.yml"))
			continue;
		assert_true(ps.p[i].line >= line); /* in reading order */
		line = ps.p[i].line;
	}
	problems_free(&ps);
}

static void test_text(void **state)
{
	char file[] = "a.yml", message[] = "x was expected", mend[] = "x:\n- y";
	struct problem p = { .level = E, .file = file, .line = 3, .column = 5 };
	char *text;

	(void)state;
	p.message = message;
	text = problem_text(&p);
	assert_string_equal(text, "a.yml:3:5: error: x was expected");
	free(text);
	p.mend = mend;
	p.level = W;
	text = problem_text(&p);
	assert_string_equal(text,
			    "a.yml:3:5: warning: x was expected\n    write: x:\n           - y");
	free(text);
	p = (struct problem){ .level = N, .file = file, .message = message };
	text = problem_text(&p);
	assert_string_equal(text, "a.yml: notice: x was expected");
	free(text);
}

/* What comes from the file cannot steer a terminal, and is not shown at length. */
static void test_escaping(void **state)
{
	static char text[70000];
	struct problems ps;
	struct config c;

	(void)state;
	assert_int_equal(pki_parse(&pki, NETS CREDENTIALS "\"\\e[2J\\r\\xe9\": 1\n", &c, &ps),
			 -EINVAL);
	assert_int_equal(ps.n, 1);
	assert_string_equal(ps.p[0].message, "unknown key \\x1b[2J\\x0d\\xc3\\xa9");
	problems_free(&ps);
	strcpy(text, NETS CREDENTIALS "log: ");
	memset(text + strlen(text), 'x', 60000);
	assert_int_equal(pki_parse(&pki, text, &c, &ps), -EINVAL);
	assert_true(strlen(ps.p[0].message) < 200);
	problems_free(&ps);
}

/* --- too much of it ------------------------------------------------------------------------ */

static void in_time(const char *what, const char *text, size_t n, size_t at_most)
{
	struct problems ps = { 0 };
	clock_t start = clock();
	struct config c;

	(void)config_parse("test.yml", BYTES((const uint8_t *)text, n), TESTPKI_NOW, &c, &ps);
	if (clock() - start > SECONDS_MAX * CLOCKS_PER_SEC)
		fail_msg("%s took too long", what);
	if (ps.n > at_most)
		fail_msg("%s: %zu findings", what, ps.n);
	problems_free(&ps);
	config_free(&c);
}

static void test_hostile(void **state)
{
	static const char *const parts[] = {
		"ipsec_subnets:\n- |\n-----BEGIN PRIVATE KEY-----\n",
		"a: |\n-----BEGIN CERTIFICATE-----\nx\n-----END CERTIFICATE-----\n",
		"-----BEGIN CERTIFICATE-----\n",
		"\toptional: true\n",
		"optional:true\n",
		" a: 1\nb: 2\n",
		"- ",
		"[",
		"\n",
		"\xee\x80",
		"x\n",
		"a: 'b\n",
		"\r",
	};
	size_t room = 4u << 20;
	char *text = malloc(room + 1);

	(void)state;
	assert_non_null(text);
	for (size_t i = 0; i < sizeof(parts) / sizeof(parts[0]); i++) {
		size_t each = strlen(parts[i]), n = 0;

		for (; n + each <= room; n += each)
			memcpy(text + n, parts[i], each);
		in_time(parts[i], text, n, 101);
	}
	free(text);
}

/* As many entries as there may be, each of them wrong, each twice, or each inside another. */
static void test_long_lists(void **state)
{
	static const char *const formats[] = { "- 10.%u.%u.0/99\n", "- {subnet: 10.%u.%u.0/24}\n",
					       "- 10.0.%u.%u\n" };
	size_t room = 1u << 20;
	char *text = malloc(room);

	(void)state;
	assert_non_null(text);
	for (size_t f = 0; f < 3; f++) {
		size_t n = 0;

		for (unsigned list = 0; list < 2; list++) {
			n += (size_t)snprintf(text + n, room - n, "%sipsec_subnets:\n",
					      list ? "no_" : "");
			for (unsigned i = 0; i < 4096; i++)
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
				n += (size_t)snprintf(text + n, room - n, formats[f], i / 256,
						      i % 256);
#pragma GCC diagnostic pop
		}
		in_time(formats[f], text, n, 120);
	}
	free(text);
}

static void test_nonsense_file(void **state)
{
	char path[] = "/tmp/ikemesh-config-XXXXXX";
	int fd = mkstemp(path);
	struct problems ps = { 0 };
	clock_t start = clock();
	struct config c;

	(void)state;
	assert_true(fd >= 0);
	assert_int_equal(ftruncate(fd, 64 << 20), 0);
	assert_int_equal(config_load(path, TESTPKI_NOW, &c, &ps), -EINVAL);
	assert_true(clock() - start < CLOCKS_PER_SEC / 10);
	assert_int_equal(ps.n, 1);
	assert_string_equal(ps.p[0].message, "is larger than 4 MiB");
	problems_free(&ps);
	assert_int_equal(ftruncate(fd, 1 << 20), 0); /* NULs */
	assert_int_equal(config_load(path, TESTPKI_NOW, &c, &ps), -EINVAL);
	assert_non_null(strstr(ps.p[0].message, "a NUL"));
	problems_free(&ps);
	close(fd);
	unlink(path);
	assert_int_equal(config_load(path, TESTPKI_NOW, &c, &ps), -EINVAL);
	assert_string_equal(ps.p[0].message, "there is no such file");
	problems_free(&ps);
	assert_int_equal(config_load("/tmp", TESTPKI_NOW, &c, &ps), -EINVAL);
	assert_string_equal(ps.p[0].message, "is a directory");
	problems_free(&ps);
}

/* --- certificates -------------------------------------------------------------------------- */

static void add_cert(const char *name, const struct testpki_spec *spec)
{
	struct testpki_cert c;

	testpki_make(&c, spec);
	pki_add(&pki, name, blob_view(&c.pem), 0600);
	testpki_free(&c);
}

static void add_key(const char *name, enum testpki_kind kind, unsigned slot, const char *phrase,
		    mode_t mode)
{
	struct blob pem = testpki_key_pem(kind, slot, phrase);

	pki_add(&pki, name, blob_view(&pem), mode);
	blob_free(&pem);
}

static void add_odd_files(void)
{
	static char huge[(4 << 20) + 1];
	char crlf[8192], broken[8192];
	const char *key = pki_find(&pki, "KEY")->content;
	size_t n = 0;

	pki_text(&pki, "EMPTY", "");
	pki_text(&pki, "NONSENSE", "hello\n");
	pki_add(&pki, "HUGE", BYTES((uint8_t *)huge, sizeof(huge)), 0600);
	for (const char *p = pki_find(&pki, "HOST")->content; *p; p++) {
		if (*p == '\n')
			crlf[n++] = '\r';
		crlf[n++] = *p;
	}
	crlf[n] = '\0';
	pki_text(&pki, "CRLF", crlf);
	snprintf(broken, sizeof(broken), "%s", key);
	while (broken[strlen(broken) - 1] == '\n')
		broken[strlen(broken) - 1] = '\0';
	pki_text(&pki, "KEY_CUT", broken);
	snprintf(broken, sizeof(broken), "%s", key);
	memmove(broken + 200, broken + 264, strlen(broken + 264) + 1); /* a line is lost */
	pki_text(&pki, "BROKEN_KEY", broken);
	pki_text(&pki, "GUIDE_KEY",
		 "-----BEGIN EXAMPLE RSA PRIVATE KEY-----\n"
		 "EXAMPLExRSAXPRIVATExKEYxDATAxEXAMPLExRSAXPRIVATExKEYxDATA\n...\n"
		 "-----END EXAMPLE RSA PRIVATE KEY-----\n");
	snprintf(broken, sizeof(broken), "%s\n%s", pki_find(&pki, "HOST")->content,
		 pki_find(&pki, "OTHER")->content);
	pki_text(&pki, "TWO", broken);
	pki_text(&pki, "FIFO", "");
	unlink(pki_find(&pki, "FIFO")->path);
	mkfifo(pki_find(&pki, "FIFO")->path, 0600);
}

static int make_pki(void **state)
{
	struct testpki_cert ca, other_ca, old_ca, host;

	(void)state;
	pki_usual(&pki);
	testpki_ca(&ca, "O=Example, CN=Test CA");
	testpki_make(&other_ca,
		     &(struct testpki_spec){ .subject = "CN=Other", .ca = true, .slot = 2 });
	testpki_leaf(&host, &ca, "O=Example, CN=host-a");
	pki_add(&pki, "HOST_DER", blob_view(&host.der), 0600);
	pki_add(&pki, "OTHER_CA", blob_view(&other_ca.pem), 0600);
	add_cert("OTHER", &(struct testpki_spec){ .subject = "CN=b", .issuer = &ca, .slot = 3 });
	add_cert("EXPIRED", &(struct testpki_spec){ .subject = "CN=a",
						    .issuer = &ca,
						    .slot = 1,
						    .not_before = TESTPKI_NOW - 5 * TESTPKI_DAY,
						    .not_after = TESTPKI_NOW - TESTPKI_DAY });
	add_cert("FUTURE", &(struct testpki_spec){ .subject = "CN=a",
						   .issuer = &ca,
						   .slot = 1,
						   .not_before = TESTPKI_NOW + TESTPKI_DAY });
	add_cert("STRANGER",
		 &(struct testpki_spec){ .subject = "CN=a", .issuer = &other_ca, .slot = 1 });
	add_cert("SHORT",
		 &(struct testpki_spec){
			 .subject = "CN=a", .issuer = &ca, .slot = 1, .kind = TESTPKI_RSA_1024 });
	add_cert("NAMELESS", &(struct testpki_spec){ .subject = "", .issuer = &ca, .slot = 1 });
	add_cert("SHORT_CA", &(struct testpki_spec){
				     .subject = "CN=Short", .ca = true, .kind = TESTPKI_RSA_1024 });
	add_cert("OLD_CA", &(struct testpki_spec){ .subject = "CN=Old",
						   .ca = true,
						   .slot = 4,
						   .not_before = TESTPKI_NOW - 5 * TESTPKI_DAY,
						   .not_after = TESTPKI_NOW - TESTPKI_DAY });
	testpki_make(&old_ca, &(struct testpki_spec){ .subject = "CN=Old",
						      .ca = true,
						      .slot = 4,
						      .not_before = TESTPKI_NOW - 5 * TESTPKI_DAY,
						      .not_after = TESTPKI_NOW - TESTPKI_DAY });
	add_cert("OF_OLD_CA",
		 &(struct testpki_spec){ .subject = "CN=a", .issuer = &old_ca, .slot = 1 });
	testpki_free(&old_ca);
	add_key("OTHER_KEY", TESTPKI_RSA_2048, 3, NULL, 0600);
	add_key("OPEN_KEY", TESTPKI_RSA_2048, 1, NULL, 0644);
	add_key("GROUP_KEY", TESTPKI_RSA_2048, 1, NULL, 0640);
	add_key("CLOSED", TESTPKI_RSA_2048, 1, NULL, 0000);
	add_key("ENCRYPTED", TESTPKI_RSA_2048, 1, "secret", 0600);
	add_key("SHORT_KEY", TESTPKI_RSA_1024, 1, NULL, 0600);
	add_odd_files();
	testpki_free(&host);
	testpki_free(&other_ca);
	testpki_free(&ca);
	return 0;
}

static int drop_pki(void **state)
{
	(void)state;
	pki_end(&pki);
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_keys),
		cmocka_unit_test(test_values),
		cmocka_unit_test(test_subnets),
		cmocka_unit_test(test_syntax),
		cmocka_unit_test(test_whole_files),
		cmocka_unit_test(test_pem_blocks),
		cmocka_unit_test(test_credentials),
		cmocka_unit_test(test_line_ends),
		cmocka_unit_test(test_inline_mode),
		cmocka_unit_test(test_paths),
		cmocka_unit_test(test_fifo_is_no_file),
		cmocka_unit_test(test_check),
		cmocka_unit_test(test_cas),
		cmocka_unit_test(test_template),
		cmocka_unit_test(test_everything_at_once),
		cmocka_unit_test(test_text),
		cmocka_unit_test(test_escaping),
		cmocka_unit_test(test_hostile),
		cmocka_unit_test(test_long_lists),
		cmocka_unit_test(test_nonsense_file),
	};

	return cmocka_run_group_tests(tests, make_pki, drop_pki);
}
