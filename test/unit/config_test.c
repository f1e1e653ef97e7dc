/* SPDX-License-Identifier: Apache-2.0 */
/* Good files: where the keys may stand, what they come to, and what is left out of them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "config/schema.h"
#include "config/suites.h"
#include "config_file.h"
#include "lib/flip.h"
#include <errno.h>
#include <fcntl.h>

static struct pki pki;

static struct config read_good(const char *text, size_t findings)
{
	struct problems ps;
	struct config c;

	if (pki_parse(&pki, text, &c, &ps) || ps.n != findings) {
		print_problems(&ps);
		fail_msg("%zu findings", ps.n);
	}
	problems_free(&ps);
	return c;
}

static void assert_subnet(const struct subnet_spec *s, const char *wanted)
{
	char text[SUBNET_TEXT_LEN];

	assert_string_equal(subnet_text(&s->net, text), wanted);
}

static void assert_proposal(const struct proposal_spec *p, uint8_t protocol, const char *wanted)
{
	char text[128];

	suites_text(p, protocol, text, sizeof(text));
	assert_string_equal(text, wanted);
}

static void test_defaults(void **state)
{
	struct config c = read_good(NETS CREDENTIALS, 0);

	(void)state;
	assert_int_equal(c.spec.n_protect, 1);
	assert_subnet(&c.spec.protect[0], "10.0.0.0/20");
	assert_int_equal(c.spec.n_bypass, 0);
	assert_false(c.spec.optional);
	assert_int_equal(c.spec.n_ike, 1);
	assert_proposal(&c.spec.ike[0], PROTO_IKE, "aes128-sha256-modp2048");
	assert_int_equal(c.spec.n_esp, 1);
	assert_proposal(&c.spec.esp[0], PROTO_ESP, "aes128gcm16");
	assert_int_equal(c.spec.prestart_timeout_s, 30);
	assert_int_equal(c.spec.ike_lifetime_s, 4 * 3600);
	assert_int_equal(c.spec.esp_lifetime_s, 3600);
	assert_int_equal(c.spec.esp_byte_limit, 0);
	assert_true(c.spec.esp_packet_limit > 0 && c.spec.esp_packet_limit < UINT32_MAX);
	assert_int_equal(c.spec.dpd_delay_s, 30);
	assert_int_equal(c.spec.dpd_timeout_s, 120);
	assert_int_equal(c.spec.idle_timeout_s, 0);
	assert_int_equal(c.spec.max_pairs, 10000);
	assert_int_equal(c.spec.replay_window, 64);
	assert_int_equal(c.spec.fragment_size, 0);
	assert_int_equal(c.spec.encapsulation, ENCAP_AUTO);
	assert_int_equal(c.on_stop, ON_STOP_KEEP);
	assert_false(c.spec.strict_default);
	assert_int_equal(c.log, LOG_TO_JOURNAL);
	assert_null(c.log_path);
	config_free(&c);
}

/* The boot unit may come before clock, disks and certificates: it asks for none of them. */
static void test_policies_need_no_certificates(void **state)
{
	static const char text[] = "ipsec_subnets: [10.0.0.0/20]\n"
				   "no_ipsec_subnets: [10.0.1.10/32]\n"
				   "strict_default: yes\n"
				   "instance_certificate: /nowhere/instance.pem\n"
				   "instance_private_key: no key at all\n";
	struct problems ps = { 0 };
	struct config c;

	(void)state;
	pki_text(&pki, "BOOT", text);
	assert_int_equal(config_load_policies(pki_find(&pki, "BOOT")->path, &c, &ps), 0);
	assert_int_equal(c.spec.n_protect, 1);
	assert_int_equal(c.spec.n_bypass, 1);
	assert_true(c.spec.strict_default);
	assert_null(c.key);
	config_free(&c);
	problems_free(&ps);

	pki_text(&pki, "BROKEN", "ipsec_subnets: [10.0.0.0/33]\n");
	assert_int_equal(config_load_policies(pki_find(&pki, "BROKEN")->path, &c, &ps), -EINVAL);
	assert_int_equal(ps.errors, 1);
	problems_free(&ps);
}

static void test_all_keys(void **state)
{
	struct config c = read_good("ipsec_subnets: [10.0.0.0/20, 'fd00::/64', 10.9.0.1]\n"
				    "no_ipsec_subnets:\n"
				    "- 10.0.1.10/32 # the director\n"
				    "- {subnet: 10.0.0.1/32, protocol: udp, port: 53}\n"
				    "- {subnet: 10.0.0.2/32, protocol: 89}\n"
				    "precedence: longest-prefix\n"
				    "local_addresses: [10.0.2.0/24, 10.0.3.7]\n"
				    "optional: true\n"
				    "allow_icmp_errors: true\n"
				    "prestart_timeout: 2m\n"
				    "esp_proposals: aes256gcm16-ecp256, aes128gcm16!\n"
				    "ike_proposals: aes256gcm16-prfsha384-ecp384\n"
				    "log: /var/log/ikemesh.log\n"
				    "ike_lifetime: 1d\n"
				    "esp_lifetime: 0\n"
				    "esp_byte_limit: 64M\n"
				    "esp_packet_limit: 1000000\n"
				    "dpd_delay: 15\n"
				    "dpd_timeout: \"90s\"\n"
				    "idle_timeout: 1h\n"
				    "max_pairs: 500\n"
				    "replay_window: 4096\n"
				    "fragment_size: 1280\n"
				    "encapsulation: always\n"
				    "on_stop: clear\n"
				    "takeover: true\n"
				    "strict_default: true\n" CREDENTIALS,
				    0);

	(void)state;
	assert_int_equal(c.spec.n_protect, 3);
	assert_subnet(&c.spec.protect[1], "fd00::/64");
	assert_subnet(&c.spec.protect[2], "10.9.0.1/32");
	assert_int_equal(c.spec.n_bypass, 3);
	assert_subnet(&c.spec.bypass[0], "10.0.1.10/32");
	assert_int_equal(c.spec.bypass[1].protocol, 17);
	assert_int_equal(c.spec.bypass[1].port, 53);
	assert_int_equal(c.spec.bypass[2].protocol, 89);
	assert_int_equal(c.spec.bypass[1].line, c.spec.bypass[0].line + 1);
	assert_int_equal(c.spec.precedence, PRECEDENCE_LONGEST);
	assert_int_equal(c.spec.n_local, 2);
	assert_subnet(&c.spec.local[0], "10.0.2.0/24");
	assert_subnet(&c.spec.local[1], "10.0.3.7/32");
	assert_true(c.spec.optional);
	assert_true(c.spec.allow_icmp_errors);
	assert_true(c.spec.protect[0].optional);
	assert_int_equal(c.spec.prestart_timeout_s, 120);
	assert_int_equal(c.spec.n_esp, 2);
	assert_proposal(&c.spec.esp[0], PROTO_ESP, "aes256gcm16-ecp256");
	assert_proposal(&c.spec.ike[0], PROTO_IKE, "aes256gcm16-prfsha384-ecp384");
	assert_int_equal(c.log, LOG_TO_FILE);
	assert_string_equal(c.log_path, "/var/log/ikemesh.log");
	assert_int_equal(c.spec.ike_lifetime_s, 86400);
	assert_int_equal(c.spec.esp_lifetime_s, 0);
	assert_int_equal(c.spec.esp_byte_limit, 64u << 20);
	assert_int_equal(c.spec.esp_packet_limit, 1000000);
	assert_int_equal(c.spec.dpd_delay_s, 15);
	assert_int_equal(c.spec.dpd_timeout_s, 90);
	assert_int_equal(c.spec.idle_timeout_s, 3600);
	assert_int_equal(c.spec.max_pairs, 500);
	assert_int_equal(c.spec.replay_window, 4096);
	assert_int_equal(c.spec.fragment_size, 1280);
	assert_int_equal(c.spec.encapsulation, ENCAP_ALWAYS);
	assert_int_equal(c.on_stop, ON_STOP_CLEAR);
	assert_true(c.takeover);
	assert_true(c.spec.strict_default);
	config_free(&c);
}

static void test_credential(void **state)
{
	struct config c = read_good(NETS CREDENTIALS, 0);
	const struct credential_spec *own = &c.spec.credential;
	char name[CERT_TEXT_LEN];

	(void)state;
	assert_int_equal(own->generation, 1);
	assert_int_equal(own->n_certs, 1);
	assert_int_equal(own->id_type, ID_DER_ASN1_DN);
	dn_to_text(blob_view(&own->id), name, sizeof(name));
	assert_string_equal(name, "O=Example, CN=host-a");
	assert_string_equal(own->leaf.subject, "O=Example, CN=host-a");
	assert_int_equal(own->key, KEY_RSA);
	assert_int_equal(own->key_bits, 2048);
	assert_int_equal(c.spec.n_cas, 1);
	assert_string_equal(c.spec.cas[0].info.subject, "O=Example, CN=Test CA");
	assert_non_null(c.trust);
	assert_non_null(c.key);
	assert_true(sign_key_matches(c.key, blob_view(&own->certs[0])));
	config_free(&c);
}

#define INLINE(spaces)                                                                           \
	spaces "ipsec_subnets:\n" spaces "- 10.0.0.0/20\n" spaces                                \
	       "instance_certificate: |\n" spaces "  @@HOST\n" spaces                            \
	       "instance_private_key: |\n" spaces "  @@KEY\n" spaces "ca_certificates:\n" spaces \
	       "- |\n" spaces "  @@CA\n"

/* Every form in which such files are found. */
static void test_forms(void **state)
{
	static const struct {
		const char *text;
		size_t findings;
	} forms[] = {
		{ INLINE(""), 0 },
		{ "---\n" INLINE("") "...\n", 0 },
		{ "\xef\xbb\xbf" INLINE(""), 0 },
		{ "properties:\n  ipsec:\n" INLINE("    "), 0 },
		{ "ipsec:\n" INLINE("  "), 0 },
		/* a runtime configuration with properties in the job */
		{ "releases:\n- {name: ipsec, version: 1.0.0}\n- {name: other, version: 2}\n"
		  "addons:\n"
		  "- name: other\n  jobs:\n  - name: watch\n    properties:\n      ipsec: 5\n"
		  "- name: ipsec-addon\n  jobs:\n  - name: ipsec\n    release: ipsec\n"
		  "    properties:\n      ipsec:\n" INLINE("        ") "  include:\n"
								       "    stemcell:\n"
								       "    - os: ubuntu-trusty\n",
		  0 },
		/* the guide's template, its certificates indented: properties of the addon */
		{ "releases:\n- {name: ipsec, version: 1.0.0}\n\naddons:\n- name: ipsec-addon\n"
		  "  jobs:\n  - name: ipsec\n    release: ipsec\n  include:\n  stemcell:\n"
		  "  - os: ubuntu-trusty\n  properties:\n    ipsec:\n" INLINE("      "),
		  0 },
		/* as printed there: ipsec beside properties (told as a warning) */
		{ "releases:\n- {name: ipsec, version: 1.0.0}\n\naddons:\n- name: ipsec-addon\n"
		  "  jobs:\n  - name: ipsec\n    release: ipsec\n  include:\n  stemcell:\n"
		  "  - os: ubuntu-trusty\n  properties:\n  ipsec:\n" INLINE("    "),
		  1 },
		/* its Troubleshooting: jobs beside addons */
		{ "releases:\n- {name: ipsec, version: 1.0.0}\n\naddons:\n- name: ipsec-addon\n"
		  "jobs:\n- name: ipsec\n  release: ipsec\n  properties:\n    ipsec:\n" INLINE(
			  "      "),
		  1 },
		/* its Checking Certificate Dates: a name stands twice as well */
		{ "addons:\n- include:\n  stemcell:\n  - os: ubuntu-trusty\njobs:\n- name: ipsec\n"
		  "  release: ipsec\n  name: ipsec\n  properties:\n    ipsec:\n" INLINE("      "),
		  2 },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(forms) / sizeof(forms[0]); i++) {
		struct config c = read_good(forms[i].text, forms[i].findings);

		assert_subnet(&c.spec.protect[0], "10.0.0.0/20");
		assert_int_equal(c.spec.n_cas, 1);
		assert_int_equal(c.spec.credential.n_certs, 1);
		config_free(&c);
	}
}

static void test_crlf(void **state)
{
	char *filled = pki_fill(&pki, INLINE("")), *crlf = malloc(2 * strlen(filled) + 1);
	struct problems ps = { 0 };
	struct config c;
	size_t n = 0;

	(void)state;
	for (const char *p = filled; *p; p++) {
		if (*p == '\n')
			crlf[n++] = '\r';
		crlf[n++] = *p;
	}
	assert_int_equal(config_parse("test.yml", BYTES((uint8_t *)crlf, n), TESTPKI_NOW, &c, &ps),
			 0);
	assert_int_equal(ps.n, 0);
	config_free(&c);
	free(crlf);
	free(filled);
}

/* Quotes with \n, and PEM lines that YAML folded into one. */
static void test_other_styles(void **state)
{
	const struct pki_file *key = pki_find(&pki, "KEY");
	char text[8192] = NETS "instance_certificate: @HOST\nca_certificates: [@CA]\n"
			       "instance_private_key: \"";
	struct config c;

	(void)state;
	for (const char *p = key->content; *p; p++)
		snprintf(text + strlen(text), 4, *p == '\n' ? "\\n" : "%c", *p);
	strcat(text, "\"\n");
	c = read_good(text, 0);
	config_free(&c);
	c = read_good(NETS "instance_certificate: '\n  @@HOST\n  '\ninstance_private_key: @KEY\n"
			   "ca_certificates: [@CA]\n",
		      0);
	config_free(&c);
}

/* The leaf is the certificate of the key, wherever it stands; a root is not sent. */
static void test_bundle(void **state)
{
	struct config c = read_good(NETS "instance_certificate: @CA_AND_HOST\n"
					 "instance_private_key: @KEY\nca_certificates:\n- @CA\n",
				    0);

	(void)state;
	assert_int_equal(c.spec.credential.n_certs, 1);
	assert_string_equal(c.spec.credential.leaf.subject, "O=Example, CN=host-a");
	config_free(&c);
}

/* A renewed certificate beside the old one, both of one key: the one that lasts longer. */
static void test_renewed(void **state)
{
	struct testpki_cert ca, renewed;
	struct config c;

	(void)state;
	testpki_ca(&ca, "O=Example, CN=Test CA");
	testpki_make(&renewed,
		     &(struct testpki_spec){ .subject = "CN=renewed",
					     .issuer = &ca,
					     .slot = 1,
					     .not_after = TESTPKI_NOW + 700 * TESTPKI_DAY });
	pki_add(&pki, "RENEWED", blob_view(&renewed.pem), 0600);
	c = read_good(NETS "instance_certificate: |\n  @@HOST\n  @@RENEWED\n"
			   "instance_private_key: @KEY\nca_certificates: [@CA]\n",
		      1);
	assert_string_equal(c.spec.credential.leaf.subject, "CN=renewed");
	config_free(&c);
	testpki_free(&renewed);
	testpki_free(&ca);
}

static void test_chain(void **state)
{
	struct testpki_cert root, middle, lower, host;
	struct config c;
	struct cert_info info;

	(void)state;
	testpki_ca(&root, "CN=Root");
	testpki_make(&middle, &(struct testpki_spec){ .subject = "CN=Middle",
						      .issuer = &root,
						      .ca = true,
						      .kind = TESTPKI_ECDSA_P256 });
	testpki_make(&lower, &(struct testpki_spec){ .subject = "CN=Lower",
						     .issuer = &middle,
						     .ca = true,
						     .kind = TESTPKI_ECDSA_P256,
						     .slot = 1 });
	testpki_leaf(&host, &lower, "CN=host-c");
	pki_add(&pki, "ROOT", blob_view(&root.pem), 0600);
	pki_add(&pki, "MIDDLE", blob_view(&middle.pem), 0600);
	pki_add(&pki, "LOWER", blob_view(&lower.pem), 0600);
	pki_add(&pki, "HOST_C", blob_view(&host.pem), 0600);
	c = read_good(NETS "instance_certificate: |\n  @@MIDDLE\n  @@HOST_C\n  @@ROOT\n  @@LOWER\n"
			   "instance_private_key: @KEY\nca_certificates:\n- @ROOT\n- @CA\n",
		      0);
	assert_int_equal(c.spec.credential.n_certs, 3);
	for (size_t i = 0; i < 3; i++) {
		static const char *const order[] = { "CN=host-c", "CN=Lower", "CN=Middle" };

		assert_int_equal(cert_describe(blob_view(&c.spec.credential.certs[i]), &info), 0);
		assert_string_equal(info.subject, order[i]);
	}
	assert_int_equal(c.spec.n_cas, 2);
	config_free(&c);
	testpki_free(&host);
	testpki_free(&lower);
	testpki_free(&middle);
	testpki_free(&root);
}

static void test_other_keys(void **state)
{
	static const enum testpki_kind kinds[] = { TESTPKI_ECDSA_P256, TESTPKI_ECDSA_P384,
						   TESTPKI_ECDSA_P521, TESTPKI_ED25519,
						   TESTPKI_RSA_3072 };
	static const char *const names[] = { "K0", "K1", "K2", "K3" };
	static const char *const certs[] = { "C0", "C1", "C2", "C3" };
	struct testpki_cert ca;

	(void)state;
	testpki_ca(&ca, "O=Example, CN=Test CA");
	for (size_t i = 0; i < 4; i++) {
		char text[512];
		struct testpki_cert host;
		struct config c;

		testpki_make(&host, &(struct testpki_spec){ .subject = "CN=x",
							    .issuer = &ca,
							    .kind = kinds[i],
							    .slot = 1 });
		pki_add(&pki, names[i], blob_view(&host.key_pem), 0600);
		pki_add(&pki, certs[i], blob_view(&host.pem), 0600);
		snprintf(text, sizeof(text),
			 NETS "instance_certificate: @%s\ninstance_private_key: @%s\n"
			      "ca_certificates: [@CA]\n",
			 certs[i], names[i]);
		c = read_good(text, 0);
		assert_int_equal(c.spec.credential.key, sign_key_type(c.key));
		config_free(&c);
		testpki_free(&host);
	}
	testpki_free(&ca);
}

static void test_optional_entries(void **state)
{
	struct config c = read_good("ipsec_subnets:\n- {subnet: 10.0.8.0/22, optional: true}\n"
				    "- 10.0.0.0/22\n" CREDENTIALS,
				    0);

	(void)state;
	assert_true(c.spec.protect[0].optional);
	assert_false(c.spec.protect[1].optional);
	assert_false(c.spec.optional);
	config_free(&c);
	c = read_good("ipsec_subnets:\n- {subnet: 10.0.8.0/22, optional: true}\n" CREDENTIALS, 0);
	assert_true(c.spec.protect[0].optional);
	assert_false(c.spec.optional);
	config_free(&c);
	/* the other way round: one that is enforced already */
	c = read_good("optional: true\nipsec_subnets:\n- {subnet: 10.0.8.0/22, optional: false}\n"
		      "- 10.0.0.0/22\n" CREDENTIALS,
		      0);
	assert_false(c.spec.protect[0].optional);
	assert_true(c.spec.protect[1].optional);
	assert_false(c.spec.protect[0].optional_in_file);
	assert_true(c.spec.protect[1].optional_in_file);
	assert_false(c.spec.optional);
	config_free(&c);
}

static void test_relative_path(void **state)
{
	char path[80];
	struct problems ps = { 0 };
	struct config c;

	(void)state;
	pki_text(&pki, "RELATIVE",
		 NETS "instance_certificate: HOST.pem\ninstance_private_key: ./KEY.pem\n"
		      "ca_certificates: [CA.pem]\n");
	snprintf(path, sizeof(path), "%s/RELATIVE.pem", pki.dir);
	if (config_load(path, TESTPKI_NOW, &c, &ps))
		print_problems(&ps);
	assert_int_equal(ps.n, 0);
	assert_non_null(c.key);
	config_free(&c);
	assert_null(c.key);
}

/* When it was written goes along: by that what is in force is known for what lies there. */
static void test_modified(void **state)
{
	const struct timespec times[] = { { .tv_sec = 5 }, { .tv_sec = 1795315462, .tv_nsec = 7 } };
	char path[80];
	struct problems ps = { 0 };
	struct config c;

	(void)state;
	pki_text(&pki, "DATED",
		 NETS "instance_certificate: HOST.pem\ninstance_private_key: ./KEY.pem\n"
		      "ca_certificates: [CA.pem]\n");
	snprintf(path, sizeof(path), "%s/DATED.pem", pki.dir);
	assert_int_equal(utimensat(AT_FDCWD, path, times, 0), 0);
	assert_int_equal(config_load(path, TESTPKI_NOW, &c, &ps), 0);
	assert_true(c.modified_ns == INT64_C(1795315462000000007));
	config_free(&c);
	problems_free(&ps);
	assert_int_equal(pki_parse(&pki, NETS CREDENTIALS, &c, &ps), 0);
	assert_true(c.modified_ns == 0);
	config_free(&c);
	problems_free(&ps);
}

static void test_notices(void **state)
{
	struct problems ps;
	struct config c;

	(void)state;
	assert_int_equal(pki_parse(&pki,
				   "ipsec_subnets:\n- 10.0.1.1/20\noptional: yes\n"
				   "no_ipsec_subnets:\n" CREDENTIALS,
				   &c, &ps),
			 0);
	assert_int_equal(ps.n, 3);
	assert_int_equal(ps.errors, 0);
	for (size_t i = 0; i < ps.n; i++)
		assert_int_equal(ps.p[i].level, PROBLEM_NOTICE);
	assert_string_equal(ps.p[0].message,
			    "10.0.1.1/20 has bits of a host set and is read as 10.0.0.0/20");
	assert_true(c.spec.optional);
	problems_free(&ps);
	config_free(&c);
}

/* The example is good but for its paths, names every key, and gives each its default. */
static void test_example(void **state)
{
	struct problems ps = { 0 };
	struct config c;
	char *text = NULL;
	size_t room = 0, n_rows;
	const struct key_row *rows = schema_rows(&n_rows);
	FILE *f = fopen("docs/ikemesh.yml.example", "r");

	(void)state;
	assert_non_null(f);
	assert_true(getdelim(&text, &room, '\0', f) > 0);
	fclose(f);
	for (size_t i = 0; i < n_rows; i++) {
		char line[128];

		snprintf(line, sizeof(line), "\n%s:", rows[i].name);
		assert_non_null(strstr(text, line));
		if (rows[i].fallback && rows[i].type != VALUE_SUBNETS) {
			snprintf(line, sizeof(line), "\n%s: %s\n", rows[i].name, rows[i].fallback);
			assert_non_null(strstr(text, line));
		}
	}
	assert_int_equal(config_load("docs/ikemesh.yml.example", TESTPKI_NOW, &c, &ps), -EINVAL);
	for (size_t i = 0; i < ps.n; i++)
		assert_non_null(strstr(ps.p[i].message, "there is no such file"));
	assert_int_equal(ps.n, 3);
	problems_free(&ps);
	free(text);
}

/* The table itself: each default and each example is what the row's own type reads. */
static void test_schema(void **state)
{
	size_t n;
	const struct key_row *rows = schema_rows(&n);

	(void)state;
	for (size_t i = 0; i < n; i++) {
		const struct key_row *row = &rows[i];
		char words[EXPECTED_LEN];
		uint64_t value;

		assert_ptr_equal(schema_find(row->name), row);
		assert_non_null(row->text);
		assert_non_null(row->example);
		assert_true(!row->required || row->fallback == NULL);
		assert_true(strlen(schema_expected(row, words)) > 0);
		if (row->type > VALUE_CHOICE)
			continue;
		assert_int_equal(schema_number(row, row->fallback, &value), 0);
		assert_int_equal(schema_number(row, row->example, &value), 0);
	}
}

/* The thresholds, the longest first; without the key the usual ones. */
static void assert_days(const char *line, size_t n, uint32_t first, uint32_t last)
{
	struct problems ps;
	struct config c;
	char text[512];

	snprintf(text, sizeof(text), NETS CREDENTIALS "%s", line);
	assert_int_equal(pki_parse(&pki, text, &c, &ps), 0);
	assert_int_equal(c.n_expiry_days, n);
	if (n > 0) {
		assert_int_equal(c.expiry_days[0], first);
		assert_int_equal(c.expiry_days[n - 1], last);
	}
	config_free(&c);
	problems_free(&ps);
}

static void assert_no_days(const char *line)
{
	struct problems ps;
	struct config c;
	char text[512];

	snprintf(text, sizeof(text), NETS CREDENTIALS "%s", line);
	assert_int_equal(pki_parse(&pki, text, &c, &ps), -EINVAL);
	assert_int_equal(ps.n, 1);
	assert_non_null(strstr(ps.p[0].message, "expiry_warning_days: "));
	problems_free(&ps);
}

static void test_expiry_warning_days(void **state)
{
	(void)state;
	assert_days("", 5, 30, 1);
	assert_days("expiry_warning_days: [7, 60, 2]\n", 3, 60, 2);
	assert_days("expiry_warning_days: []\n", 0, 0, 0);
	assert_no_days("expiry_warning_days: 7\n");
	assert_no_days("expiry_warning_days: [7, 0]\n");
	assert_no_days("expiry_warning_days: [-7]\n");
	assert_no_days("expiry_warning_days: [7d]\n");
	assert_no_days("expiry_warning_days: [99999999999999999999]\n");
	assert_no_days("expiry_warning_days: [1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16,17]\n");
}

static void test_numbers(void **state)
{
	static const struct {
		const char *key, *text;
		int r;
		uint64_t value;
	} cases[] = {
		{ "ike_lifetime", "90s", 0, 90 },
		{ "ike_lifetime", "15m", 0, 900 },
		{ "ike_lifetime", "4h", 0, 14400 },
		{ "ike_lifetime", "1d", 0, 86400 },
		{ "ike_lifetime", "3600", 0, 3600 },
		{ "ike_lifetime", "0", 0, 0 },
		{ "ike_lifetime", "1", -ERANGE, 0 },
		{ "ike_lifetime", "31d", -ERANGE, 0 },
		{ "ike_lifetime", "99999999999999999999", -ERANGE, 0 },
		{ "ike_lifetime", "999999999999999999d", -ERANGE, 0 },
		{ "ike_lifetime", "4hours", -EINVAL, 0 },
		{ "ike_lifetime", "4 h", -EINVAL, 0 },
		{ "ike_lifetime", "-4h", -EINVAL, 0 },
		{ "ike_lifetime", "h", -EINVAL, 0 },
		{ "ike_lifetime", "1.5h", -EINVAL, 0 },
		{ "ike_lifetime", "", -EINVAL, 0 },
		{ "esp_byte_limit", "64M", 0, 64u << 20 },
		{ "esp_byte_limit", "2G", 0, 2ull << 30 },
		{ "esp_byte_limit", "64m", -EINVAL, 0 },
		{ "replay_window", "64", 0, 64 },
		{ "replay_window", "64K", -EINVAL, 0 },
		{ "replay_window", "4097", -ERANGE, 0 },
		{ "encapsulation", "never", 0, ENCAP_NEVER },
		{ "encapsulation", "sometimes", -EINVAL, 0 },
		{ "on_stop", "keep", 0, ON_STOP_KEEP },
		{ "on_stop", "clear", 0, ON_STOP_CLEAR },
		{ "on_stop", "remove", -EINVAL, 0 },
		{ "optional", "true", 0, 1 },
		{ "optional", "off", 0, 0 },
		{ "optional", "1", -EINVAL, 0 },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		uint64_t value = 0;

		if (schema_number(schema_find(cases[i].key), cases[i].text, &value) != cases[i].r)
			fail_msg("%s: %s", cases[i].key, cases[i].text);
		if (!cases[i].r)
			assert_int_equal(value, cases[i].value);
	}
}

/* --- truncate and flip --------------------------------------------------------------------- */

struct secrecy {
	const char *key; /* PEM */
	size_t good, bad;
};

#define WINDOW 12 /* octets of base64 that may not turn up anywhere */

/* No message shows a piece of the private key. */
static void assert_no_key(const struct secrecy *s, const char *message, const char *what)
{
	const char *body = strchr(s->key, '\n') + 1;
	char piece[WINDOW + 1] = "";

	for (; strlen(body) > WINDOW && *body != '-'; body++) {
		memcpy(piece, body, WINDOW);
		if (!strpbrk(piece, "-\n") && strstr(message, piece))
			fail_msg("%s shows the key: %s", what, message);
	}
}

static void try_config(void *arg, uint8_t *p, size_t n, const char *what)
{
	struct secrecy *s = arg;
	struct problems ps = { 0 };
	struct config c;
	int r = config_parse("test.yml", BYTES(p, n), TESTPKI_NOW, &c, &ps);

	if (r == 0) {
		s->good++;
		assert_int_equal(ps.errors, 0);
		assert_true(c.spec.n_protect && c.spec.n_cas && c.spec.n_ike && c.spec.n_esp);
		assert_true(c.key && c.trust && c.spec.credential.n_certs);
	} else {
		s->bad++;
		if (r != -EINVAL || !ps.errors || !ps.n || c.key || c.trust || c.spec.protect)
			fail_msg("%s", what);
	}
	for (size_t i = 0; i < ps.n; i++) {
		char *text = problem_text(&ps.p[i]);

		assert_no_key(s, text, what);
		for (const char *t = text; *t; t++)
			assert_true(*t == '\n' || (*t >= 0x20 && *t < 0x7f));
		free(text);
	}
	problems_free(&ps);
	config_free(&c);
}

/* In a certificate, but not in a key. What damage does to certificates is trust_test's matter. */
static bool in_certificate(struct bytes text, size_t at)
{
	const char *p = (const char *)text.p;
	const char *begin = strstr(p, "-----BEGIN CERTIFICATE-----"), *end;

	for (; begin && begin < p + at; begin = strstr(end, "-----BEGIN CERTIFICATE-----")) {
		end = strstr(begin, "-----END");
		if (p + at < end)
			return true;
	}
	return false;
}

/* One bit of each octet from `from` on, another one each time; of each third in certificates. */
static size_t flip_octets(struct bytes good, size_t from, struct secrecy *s)
{
	uint8_t *p = malloc(good.n);
	size_t n = 0;

	assert_non_null(p);
	for (size_t i = from; i < good.n; i++) {
		if (i % 3 && in_certificate(good, i))
			continue;
		memcpy(p, good.p, good.n);
		p[i] = (uint8_t)(p[i] ^ 1u << i % 8);
		try_config(s, p, good.n, "octet");
		n++;
	}
	free(p);
	return n;
}

/* Every bit of the first n octets. */
static size_t flip_head(struct bytes good, size_t n, struct secrecy *s)
{
	uint8_t *p = malloc(good.n);

	assert_non_null(p);
	for (size_t i = 0; i < n * 8; i++) {
		memcpy(p, good.p, good.n);
		p[i / 8] = (uint8_t)(p[i / 8] ^ 1u << i % 8);
		try_config(s, p, good.n, "bit");
	}
	free(p);
	return n * 8;
}

static struct bytes fill(const char *text)
{
	char *filled = pki_fill(&pki, text);

	return BYTES((const uint8_t *)filled, strlen(filled));
}

static void test_flip(void **state)
{
	struct testpki_cert ca, host;
	struct secrecy s = { 0 };
	struct bytes inside, paths;
	size_t head;

	(void)state;
	/* the shortest there are */
	testpki_make(&ca,
		     &(struct testpki_spec){
			     .subject = "CN=CA", .ca = true, .kind = TESTPKI_ED25519, .slot = 0 });
	testpki_make(&host, &(struct testpki_spec){ .subject = "CN=h",
						    .issuer = &ca,
						    .kind = TESTPKI_ED25519,
						    .slot = 1 });
	pki_add(&pki, "A", blob_view(&ca.pem), 0600);
	pki_add(&pki, "H", blob_view(&host.pem), 0600);
	pki_add(&pki, "K", blob_view(&host.key_pem), 0600);
	s.key = pki_find(&pki, "K")->content;
	inside = fill("ipsec:\n  ipsec_subnets: [10.0.0.0/20]\n  optional: no\n"
		      "  instance_certificate: |\n    @@H\n"
		      "  instance_private_key: |\n    @@K\n"
		      "  ca_certificates:\n  - |\n    @@A\n");
	paths = fill("ipsec_subnets:\n- 10.0.0.0/20\n- {subnet: '10.1.0.0/16', optional: no}\n"
		     "ike_lifetime: 4h\nesp_proposals: aes128gcm16!\n"
		     "instance_certificate: @HOST\ninstance_private_key: @KEY\n"
		     "ca_certificates: [@CA]\n"); /* RSA: read ten times as fast */
	flip_none(inside, try_config, &s);
	flip_none(paths, try_config, &s);
	assert_int_equal(s.good, 2);
	assert_true(flip_prefixes(inside, try_config, &s) > 1000);
	assert_true(flip_octets(inside, 0, &s) > 500);
	/* The library takes a millisecond for the same three files again: the paths get one bit. */
	head = (size_t)(strstr((const char *)paths.p, "instance_certificate") -
			(const char *)paths.p);
	assert_true(flip_head(paths, head, &s) > 800);
	assert_true(flip_octets(paths, head, &s) > 100);
	assert_true(s.bad > s.good);
	free((void *)inside.p);
	free((void *)paths.p);
	testpki_free(&host);
	testpki_free(&ca);
}

static int make_pki(void **state)
{
	(void)state;
	pki_usual(&pki);
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
		cmocka_unit_test(test_defaults),
		cmocka_unit_test(test_policies_need_no_certificates),
		cmocka_unit_test(test_all_keys),
		cmocka_unit_test(test_credential),
		cmocka_unit_test(test_forms),
		cmocka_unit_test(test_crlf),
		cmocka_unit_test(test_other_styles),
		cmocka_unit_test(test_bundle),
		cmocka_unit_test(test_renewed),
		cmocka_unit_test(test_chain),
		cmocka_unit_test(test_other_keys),
		cmocka_unit_test(test_optional_entries),
		cmocka_unit_test(test_relative_path),
		cmocka_unit_test(test_modified),
		cmocka_unit_test(test_notices),
		cmocka_unit_test(test_example),
		cmocka_unit_test(test_schema),
		cmocka_unit_test(test_numbers),
		cmocka_unit_test(test_expiry_warning_days),
		cmocka_unit_test(test_flip),
	};

	return cmocka_run_group_tests(tests, make_pki, drop_pki);
}
