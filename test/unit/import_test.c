/* SPDX-License-Identifier: Apache-2.0 */
/* Other configurations as ours: what is carried over, what is told, and that no text breaks it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "config/import.h"
#include "unit/config_file.h"
#include <errno.h>
#include <fnmatch.h>

/* --- files that are in memory ----------------------------------------------------------------- */

struct memory {
	const char *path, *text;
};

static int read_memory(void *context, const char *path, struct secret *out)
{
	for (const struct memory *m = context; m->path; m++)
		if (!strcmp(m->path, path))
			return *m->text ? secret_copy(out, BYTES((const uint8_t *)m->text,
								 strlen(m->text)))
					: 0;
	return -ENOENT;
}

static void list_memory(void *context, const char *pattern,
			void (*each)(void *to, const char *path), void *to)
{
	for (const struct memory *m = context; m->path; m++)
		if (!fnmatch(pattern, m->path, FNM_PATHNAME))
			each(to, m->path);
}

struct result {
	struct import im;
	char *text;
	char *notes; /* a line each */
};

static struct result read_all(const struct memory *files, const char *home)
{
	const struct import_files how = { read_memory, list_memory, (void *)files };
	struct result r = { 0 };
	size_t n;
	FILE *out;

	import_read(&r.im, files[0].path, &how);
	r.text = import_text(&r.im, home);
	assert_non_null(r.text);
	out = open_memstream(&r.notes, &n);
	for (size_t i = 0; i < r.im.n_notes; i++) {
		char *one = import_note_text(&r.im.notes[i]);

		assert_non_null(one);
		assert_null(strchr(one, '\n'));
		fprintf(out, "%s\n", one);
		free(one);
	}
	fclose(out);
	return r;
}

static void done(struct result *r)
{
	free(r->text);
	free(r->notes);
	import_free(&r->im);
}

static void expect(const struct memory *files, const char *text, const char *notes)
{
	struct result r = read_all(files, "/etc/ikemesh");

	assert_string_equal(r.text, text);
	assert_string_equal(r.notes, notes);
	done(&r);
}

/* A connection of ipsec.conf with these parameters, and what comes of it besides its subnet. */
static void expect_conn(const char *more, const char *text, const char *notes)
{
	char *conf;
	struct memory files[] = { { "/etc/ipsec.conf", NULL },
				  { "/etc/ipsec.secrets", ": RSA k.pem\n" },
				  { "/etc/ipsec.d/cacerts/ca.pem", "" },
				  { NULL, NULL } };
	struct result r;

	assert_true(asprintf(&conf,
			     "conn %%default\n    ike=aes128-sha256-modp2048!\n    "
			     "esp=aes128gcm16!\n    leftcert=a.pem\n    type=transport\n"
			     "conn net\n    auto=route\n    rightsubnet=10.0.0.0/8\n%s",
			     more) > 0);
	files[0].text = conf;
	r = read_all(files, "/etc/ikemesh");
	assert_non_null(strstr(r.text, text));
	assert_string_equal(r.notes, notes);
	done(&r);
	free(conf);
}

/* --- the add-on's file ------------------------------------------------------------------------ */

/* As the guide prints it, PEM lines where they are there. */
static const char guide[] = "releases:\n"
			    "- {name: ipsec, version: 1.0.0}\n"
			    "\n"
			    "addons:\n"
			    "- name: ipsec-addon\n"
			    "  jobs:\n"
			    "  - name: ipsec\n"
			    "    release: ipsec\n"
			    "  include:\n"
			    "  stemcell:\n"
			    "  - os: ubuntu-trusty\n"
			    "  properties:\n"
			    "  ipsec:\n"
			    "    optional: false\n"
			    "    ipsec_subnets:\n"
			    "    - 10.0.1.1/20\n"
			    "    no_ipsec_subnets:\n"
			    "    - 10.0.1.10/32 # bosh director\n"
			    "    - 10.0.1.4/32 # ops manager\n"
			    "    instance_certificate: |\n"
			    "    @@HOST\n"
			    "    instance_private_key: |\n"
			    "    @@KEY\n"
			    "    ca_certificates:\n"
			    "    - |\n"
			    "    @@CA\n"
			    "    - |\n"
			    "    @@CA\n"
			    "    prestart_timeout: 30\n"
			    "    esp_proposals: aes128gcm16!\n"
			    "    ike_proposals: aes128-sha256-modp2048!\n";

static struct pki pki;

static void test_the_guides_template(void **state)
{
	char *filled = pki_fill(&pki, guide);
	const struct memory files[] = { { "/x/ipsec-addon.yml", filled }, { NULL, NULL } };
	struct result r = read_all(files, "/etc/ikemesh");

	(void)state;
	assert_string_equal(r.text, "ipsec_subnets:\n"
				    "- 10.0.1.1/20\n"
				    "no_ipsec_subnets:\n"
				    "- 10.0.1.10/32\n"
				    "- 10.0.1.4/32\n"
				    "optional: false\n"
				    "instance_certificate: /etc/ikemesh/instance.pem\n"
				    "instance_private_key: /etc/ikemesh/instance.key\n"
				    "ca_certificates:\n"
				    "- /etc/ikemesh/ca-1.pem\n"
				    "- /etc/ikemesh/ca-2.pem\n"
				    "esp_proposals: aes128gcm16!\n"
				    "ike_proposals: aes128-sha256-modp2048!\n"
				    "prestart_timeout: 30\n");
	assert_non_null(strstr(r.notes, "/x/ipsec-addon.yml:21: warning: the PEM block of "
					"instance_certificate is not indented"));
	assert_int_equal(import_worst(&r.im), IMPORT_LOST);
	assert_int_equal(r.im.n_pems, 4);
	done(&r);
	free(filled);
}

/* The files that it makes and the text together are a configuration. */
static void test_what_is_made_can_be_read(void **state)
{
	char *filled = pki_fill(&pki, guide);
	const struct memory files[] = { { "/x/ipsec-addon.yml", filled }, { NULL, NULL } };
	struct result r = read_all(files, pki.dir);
	struct problems ps = { 0 };
	struct config c;

	(void)state;
	for (size_t i = 0; i < r.im.n_pems; i++) {
		char *path;
		FILE *out;

		assert_true(asprintf(&path, "%s/%s", pki.dir, r.im.pems[i].name) > 0);
		out = fopen(path, "w");
		assert_int_equal(fwrite(r.im.pems[i].content.p, 1, r.im.pems[i].content.n, out),
				 r.im.pems[i].content.n);
		assert_int_equal(fclose(out), 0);
		assert_int_equal(chmod(path, 0600), 0);
		free(path);
	}
	if (config_parse("made", BYTES((const uint8_t *)r.text, strlen(r.text)), TESTPKI_NOW, &c,
			 &ps)) {
		print_problems(&ps);
		fail_msg("it is no configuration");
	}
	assert_non_null(c.key);
	config_free(&c);
	problems_free(&ps);
	for (size_t i = 0; i < r.im.n_pems; i++) {
		char *path;

		assert_true(asprintf(&path, "%s/%s", pki.dir, r.im.pems[i].name) > 0);
		unlink(path);
		free(path);
	}
	done(&r);
	free(filled);
}

/* No line of the key is in the text or in what is told. */
static void test_keys_stay_out_of_texts(void **state)
{
	char *filled = pki_fill(&pki, guide), *copy, *rest, *line;
	const struct memory files[] = { { "/x/ipsec-addon.yml", filled }, { NULL, NULL } };
	struct result r = read_all(files, "/etc/ikemesh");

	(void)state;
	copy = rest = strdup(pki_find(&pki, "KEY")->content);
	while ((line = strsep(&rest, "\n")))
		if (*line) {
			assert_null(strstr(r.text, line));
			assert_null(strstr(r.notes, line));
		}
	free(copy);
	done(&r);
	free(filled);
}

static void test_entries_and_unknown_keys(void **state)
{
	static const struct memory files[] = {
		{ "/x/a.yml", "properties:\n"
			      "  ipsec:\n"
			      "    ipsec_subnets:\n"
			      "    - {subnet: 10.0.8.0/22, optional: true}\n"
			      "    no_ipsec_subnet:\n"
			      "    - 10.0.1.10/32\n"
			      "    instance_certificate: certs/a.pem\n"
			      "    instance_private_key: pkcs11:token=t;object=o?pin-value=1234\n"
			      "    ca_certificates:\n"
			      "    - ca.pem\n"
			      "    ppk: 0x00112233445566778899aabbccddeeff\n"
			      "    log_level: 3\n" },
		{ NULL, NULL }
	};

	(void)state;
	expect(files,
	       "ipsec_subnets:\n"
	       "- {subnet: \"10.0.8.0/22\", optional: true}\n"
	       "instance_certificate: certs/a.pem\n"
	       "ca_certificates:\n"
	       "- ca.pem\n",
	       "/x/a.yml:5: warning: no_ipsec_subnet: ikemesh has no such key; it may have meant "
	       "no_ipsec_subnets\n"
	       "/x/a.yml:8: warning: instance_private_key: it has a PIN, which is not copied; "
	       "write "
	       "it into the result, better with pin-source=FILE\n"
	       "/x/a.yml:11: warning: ppk: a secret is not copied; put it into a file of mode 0600 "
	       "and name that\n"
	       "/x/a.yml:12: warning: log_level: ikemesh has no such key; it may have meant "
	       "log_levels\n"
	       "instance_private_key: warning: it must be there, and nothing was found that says "
	       "it; "
	       "write it into the result\n");
}

/* What the daemon refuses is not carried over, though it stands in the result. */
static void test_values_that_no_daemon_takes(void **state)
{
	static const struct {
		const char *settings, *note;
	} all[] = {
		{ "ipsec_subnets: [banana]\n", "/x/a.yml:1: warning: ipsec_subnets: " },
		{ "ipsec_subnets: [\"10.0.0.0/16\\ntakeover: true\"]\n",
		  "/x/a.yml:1: warning: ipsec_subnets: " },
		{ "ipsec_subnets: [10.0.0.0/16]\nesp_proposals: aes128-sha1!\n",
		  "/x/a.yml:2: warning: esp_proposals: " },
		{ "ipsec_subnets: [10.0.0.0/16]\nesp_proposals: aes128gcm16!\n", NULL },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++) {
		char *text;
		struct memory files[] = { { "/x/a.yml", NULL }, { NULL, NULL } };
		struct result r;

		assert_true(asprintf(&text,
				     "%sinstance_certificate: a.pem\n"
				     "instance_private_key: a.key\nca_certificates: [ca.pem]\n",
				     all[i].settings) > 0);
		files[0].text = text;
		r = read_all(files, "/etc/ikemesh");
		if (all[i].note)
			assert_ptr_equal(strstr(r.notes, all[i].note), r.notes);
		else
			assert_string_equal(r.notes, "");
		assert_int_equal(import_worst(&r.im), all[i].note ? IMPORT_LOST : IMPORT_NEEDLESS);
		done(&r);
		free(text);
	}
}

/* --- ipsec.conf ------------------------------------------------------------------------------- */

static void test_an_ipsec_conf_of_the_add_on(void **state)
{
	static const struct memory files[] = {
		{ "/etc/ipsec.conf", "config setup\n"
				     "    uniqueids=no\n"
				     "conn %default\n"
				     "    keyexchange=ikev2\n"
				     "    type=transport\n"
				     "    leftcert=instance.pem\n"
				     "    ike=aes128-sha256-modp2048!\n"
				     "    esp=aes128gcm16!\n"
				     "conn ipsec-10.10.4.0/24\n"
				     "    leftsubnet=10.10.5.66/32\n"
				     "    right=%any\n"
				     "    rightsubnet=10.10.4.0/24\n"
				     "    auto=route\n"
				     "conn ipsec-fd00::/64\n"
				     "    right=%any6\n"
				     "    rightsubnet=fd00::/64\n"
				     "    auto=route\n"
				     "conn no-ipsec-10.10.4.1/32\n"
				     "    right=%any\n"
				     "    rightsubnet=10.10.4.1/32\n"
				     "    type=passthrough\n"
				     "    auto=route\n"
				     "conn neighbours-34560\n"
				     "    leftsubnet=::/0[ipv6-icmp/34560]\n"
				     "    rightsubnet=::/0[ipv6-icmp/34560]\n"
				     "    type=passthrough\n"
				     "    auto=route\n" },
		{ "/etc/ipsec.secrets.dpkg-old", ": RSA another.key\n" },
		{ "/etc/ipsec.secrets", "# keys\n: RSA instance.key\n" },
		{ "/etc/ipsec.d/cacerts/ca.pem", "" },
		{ NULL, NULL }
	};

	(void)state;
	expect(files,
	       "ipsec_subnets:\n"
	       "- 10.10.4.0/24\n"
	       "- fd00::/64\n"
	       "no_ipsec_subnets:\n"
	       "- 10.10.4.1/32\n"
	       "instance_certificate: /etc/ipsec.d/certs/instance.pem\n"
	       "instance_private_key: /etc/ipsec.d/private/instance.key\n"
	       "ca_certificates:\n"
	       "- /etc/ipsec.d/cacerts/ca.pem\n"
	       "esp_proposals: aes128gcm16!\n"
	       "ike_proposals: aes128-sha256-modp2048!\n",
	       "/etc/ipsec.conf:10: note: leftsubnet: all addresses of a host are protected, so "
	       "that one file does for all hosts; local_addresses would say which\n"
	       "/etc/ipsec.conf:25: note: rightsubnet: ICMPv6 that IPv6 needs always passes\n");
}

static void test_how_a_value_is_written(void **state)
{
	(void)state;
	/* Spaces are one each, a # ends it, but not that of an identity. */
	expect_conn("    rightid=O=Example,   CN=*   # all\n",
		    "peer_identities:\n- \"O=Example, CN=*\"\n", "");
	expect_conn(
		"    leftid=@#abcd\n", "ipsec_subnets",
		"/etc/ipsec.conf:9: warning: leftid is not carried over: peers see the "
		"certificate's subject as our identity; see that theirs of us, if they name one, "
		"is that subject\n");
	/* Quotes keep spaces, have escapes, and go over lines that end with a backslash. */
	expect_conn("    rightid=\"O=A \\\"b\\\",  C\\\nN=x\"\n", "- \"O=A \\\"b\\\",  CN=x\"\n",
		    "");
	expect_conn("    rightid = \"*.example.org\"\n    # a comment\n\n    dpddelay = 45 \n",
		    "dpd_delay: 45s\n", "");
	expect_conn("    rightid=\"O=A\n", "ipsec_subnets",
		    "/etc/ipsec.conf:9: warning: rightid: strongSwan itself does not read this "
		    "line; mend it there, or take it over by hand\n");
}

static void test_what_is_inherited(void **state)
{
	(void)state;
	/* What a section says itself wins, then the last also, then %default; empty clears. */
	expect_conn("    also=a\n    also=b\n    dpddelay=10s\n"
		    "conn a\n    dpddelay=20s\n    inactivity=5m\n    ike=aes256-sha384-ecp384!\n"
		    ""
		    "conn b\n    inactivity=7m\n",
		    "ike_proposals: aes256-sha384-ecp384!\ndpd_delay: 10s\nidle_timeout: 7m\n", "");
	expect_conn("    also=net\n    also=gone\n", "ipsec_subnets",
		    "/etc/ipsec.conf:10: warning: also=gone: there is no such section\n");
}

static void test_lifetimes_lose_the_margin(void **state)
{
	(void)state;
	expect_conn("    ikelifetime=3h\n    lifetime=3600s\n    margintime=10m\n",
		    "ike_lifetime: 170m\nesp_lifetime: 50m\n", "");
	expect_conn("    lifetime=5m\n", "ipsec_subnets",
		    "/etc/ipsec.conf:9: warning: lifetime is not carried over: not a time that can "
		    "be carried over; write it into the result, if it is needed\n");
}

static void test_what_cannot_be_carried_over(void **state)
{
	(void)state;
	expect_conn("    authby=psk\n", "",
		    "/etc/ipsec.conf:9: warning: authby is not carried over: peers prove who they "
		    "are by certificates alone; give these peers certificates; their connection is "
		    "left out\n"
		    "ipsec_subnets: error: no subnet that IPsec protects was found\n"
		    "instance_certificate: warning: it must be there, and nothing was found that "
		    "says it; write it into the result\n");
	expect_conn("    nonsense=1\n", "ipsec_subnets",
		    "/etc/ipsec.conf:9: warning: nonsense is not carried over: ikemesh has nothing "
		    "like it; write it into the result, if it is needed\n");
	expect_conn("conn tun\n    auto=route\n    type=tunnel\n    rightsubnet=172.16.0.0/12\n",
		    "ipsec_subnets:\n- 10.0.0.0/8\ninstance",
		    "/etc/ipsec.conf:11: warning: conn tun: type=tunnel: ikemesh protects host to "
		    "host, in transport mode alone; keep strongSwan for this connection\n");
	expect_conn("conn two\n    auto=route\n    rightsubnet=10.0.0.0/8\n    "
		    "ike=aes256-sha256-modp2048!\n",
		    "ike_proposals: aes128-sha256-modp2048!\n",
		    "/etc/ipsec.conf:12: warning: ike is not carried over: line 2 has another "
		    "value, and ike_proposals holds for all peers; look which one it should be\n");
}

static void test_optional_and_ports(void **state)
{
	(void)state;
	expect_conn("    policy_optional=yes\n", "- {subnet: \"10.0.0.0/8\", optional: true}\n",
		    "");
	expect_conn("conn dns\n    auto=route\n    type=passthrough\n    "
		    "rightsubnet=10.0.0.1[udp/53]\n",
		    "no_ipsec_subnets:\n- {subnet: \"10.0.0.1\", protocol: udp, port: 53}\n", "");
	expect_conn(
		"conn dns\n    auto=route\n    type=passthrough\n    "
		"rightsubnet=10.0.0.1[udp/99999]\n",
		"ipsec_subnets",
		"/etc/ipsec.conf:12: warning: rightsubnet: 10.0.0.1[udp/99999]: this is no port: "
		"they end with 65535; write it into the result, if it is needed\n");
	/* 2^32 + 53, as no int has it */
	expect_conn("conn dns\n    auto=route\n    type=passthrough\n    "
		    "rightsubnet=10.0.0.1[udp/4294967349]\n",
		    "ipsec_subnets",
		    "/etc/ipsec.conf:12: warning: rightsubnet: 10.0.0.1[udp/4294967349]: this is "
		    "no port: they end with 65535; write it into the result, if it is needed\n");
	expect_conn("conn dns\n    auto=route\n    type=passthrough\n    "
		    "rightsubnet=10.0.0.1[udp/53-54]\n",
		    "ipsec_subnets",
		    "/etc/ipsec.conf:12: warning: rightsubnet: 10.0.0.1[udp/53-54]: an entry has "
		    "one protocol and one port at most; write it into the result, if it is "
		    "needed\n");
}

/* Where strongSwan sets no trap, it talks in the clear. */
static void test_what_was_not_enforced(void **state)
{
	static const char told[] =
		"is not carried over as it was: strongSwan sets no trap and talks in the clear";
	static const struct {
		const char *settings, *note; /* NULL: none */
	} children[] = {
		{ "", "/s/swanctl.conf:1: warning: net: start_action=none " },
		{ "start_action = none\n", "/s/swanctl.conf:2: warning: net: start_action=none " },
		{ "start_action = trap\n", NULL },
		{ "start_action = trap|start\n", NULL },
		{ "start_action = start\n",
		  "/s/swanctl.conf:2: warning: net: start_action=start " },
		{ "policy_optional = yes\n", NULL },
	};

	(void)state;
	expect_conn("    policy_optional=yes\n    auto=add\n", "optional: true", "");
	expect_conn("    auto=add\n", "ipsec_subnets:\n- 10.0.0.0/8\n",
		    "/etc/ipsec.conf:9: warning: net: auto=add is not carried over as it was: "
		    "strongSwan sets no trap and talks in the clear until somebody negotiates, and "
		    "ikemesh enforces IPsec from the start; give entries `optional: true`, or list "
		    "such hosts in no_ipsec_subnets, unless all do IPsec\n");
	expect_conn("    auto=start\n", "ipsec_subnets:\n- 10.0.0.0/8\n",
		    "/etc/ipsec.conf:9: warning: net: auto=start is not carried over as it was: "
		    "strongSwan sets no trap and talks in the clear until somebody negotiates, and "
		    "ikemesh enforces IPsec from the start; give entries `optional: true`, or list "
		    "such hosts in no_ipsec_subnets, unless all do IPsec\n");
	expect_conn("    auto=route\n", "ipsec_subnets:\n- 10.0.0.0/8\n", "");
	for (size_t i = 0; i < sizeof(children) / sizeof(children[0]); i++) {
		char *text;
		struct memory files[] = { { "/s/swanctl.conf", NULL }, { NULL, NULL } };
		struct result r;

		assert_true(asprintf(&text,
				     "connections { a { children { net { mode = transport\n%s"
				     "remote_ts = 10.0.0.0/8 } } } }\n",
				     children[i].settings) > 0);
		files[0].text = text;
		r = read_all(files, "/etc/ikemesh");
		if (children[i].note)
			assert_non_null(strstr(r.notes, children[i].note));
		assert_int_equal(strstr(r.notes, told) != NULL, children[i].note != NULL);
		done(&r);
		free(text);
	}
}

static void test_secrets(void **state)
{
	static const struct memory files[] = { { "/etc/ipsec.secrets",
						 "10.0.0.1 %any : PSK \"a secret\"\n"
						 ": RSA a.key \"phrase\"\n"
						 "include more.secrets\n" },
					       { "/etc/more.secrets", "@x : ECDSA\n   /k/b.key\n" },
					       { NULL, NULL } };
	struct result r = read_all(files, "/etc/ikemesh");

	(void)state;
	assert_string_equal(r.text, "instance_private_key: /k/b.key\n");
	assert_non_null(strstr(r.notes, "/etc/ipsec.secrets:1: warning: PSK"));
	assert_non_null(strstr(r.notes, "/etc/ipsec.secrets:2: warning: a.key: a key must have no "
					"pass phrase"));
	assert_null(strstr(r.notes, "a secret"));
	assert_null(strstr(r.notes, "\"phrase"));
	done(&r);
}

static void test_proposals_that_are_not_ours(void **state)
{
	static const struct memory files[] = {
		{ "/etc/ipsec.conf", "conn a\n    auto=add\n    type=transport\n    "
				     "rightsubnet=10.0.0.0/8\n    esp=3des-md5,aes128gcm16\n" },
		{ NULL, NULL }
	};
	struct result r = read_all(files, "/etc/ikemesh");

	(void)state;
	assert_non_null(strstr(r.text, "esp_proposals: aes128gcm16!\n"));
	assert_null(strstr(r.text, "ike_proposals"));
	assert_non_null(strstr(r.notes, "/etc/ipsec.conf:5: warning: esp: 3des-md5: "));
	assert_non_null(strstr(r.notes, "/etc/ipsec.conf: warning: strongSwan's own choice of "
					"ike_proposals is not ikemesh's"));
	done(&r);
}

/* --- swanctl.conf ----------------------------------------------------------------------------- */

static const char mesh[] = "child-base { mode = transport\n"
			   "  esp_proposals = aes128gcm16, default\n"
			   "  rekey_time = 50m\n"
			   "}\n"
			   "auth : more { }\n"
			   "connections {\n"
			   "  mesh : auth {\n"
			   "    version = 2\n"
			   "    proposals = aes128-sha256-modp2048\n"
			   "    local { certs = instance.pem }\n"
			   "    remote {\n"
			   "      id = \"O=lab, CN=*\"   # whoever\n"
			   "    }\n"
			   "    children {\n"
			   "      net : child-base {\n"
			   "        remote_ts = 10.0.0.0/20, fd00::/64\n"
			   "        rekey_time =\n"
			   "        start_action = trap\n"
			   "      }\n"
			   "      dns { mode = pass\n"
			   "        remote_ts = 10.0.0.1/32[udp/53]\n"
			   "      }\n"
			   "    }\n"
			   "  }\n"
			   "}\n"
			   "more { local { auth = pubkey } }\n"
			   "secrets { ike-x { secret = \"abc\" } }\n"
			   "include conf.d/*.conf\n";

static const struct memory mesh_files[] = {
	{ "/etc/swanctl/swanctl.conf", mesh },
	{ "/etc/swanctl/conf.d/a.conf",
	  "connections.x { }\nauthorities { a { crl_uris = http://x } }\n" },
	{ "/etc/swanctl/x509ca/ca.pem", "" },
	{ "/etc/swanctl/private/k.pem", "" },
	{ NULL, NULL }
};

static void test_a_swanctl_conf(void **state)
{
	(void)state;
	expect(mesh_files,
	       "ipsec_subnets:\n"
	       "- 10.0.0.0/20\n"
	       "- fd00::/64\n"
	       "no_ipsec_subnets:\n"
	       "- {subnet: \"10.0.0.1/32\", protocol: udp, port: 53}\n"
	       "instance_certificate: /etc/swanctl/x509/instance.pem\n"
	       "instance_private_key: /etc/swanctl/private/k.pem\n"
	       "ca_certificates:\n"
	       "- /etc/swanctl/x509ca/ca.pem\n"
	       "peer_identities:\n"
	       "- \"O=lab, CN=*\"\n"
	       "esp_proposals: aes128gcm16!\n"
	       "ike_proposals: aes128-sha256-modp2048!\n",
	       "/etc/swanctl/swanctl.conf:27: warning: ike-x: ikemesh knows keys in files and "
	       "tokens "
	       "alone; peers need certificates\n"
	       "/etc/swanctl/conf.d/a.conf:2: warning: crl_uris is not carried over: ikemesh "
	       "fetches "
	       "nothing from the network; have the list put into a file and name it in crls\n");
}

static void test_swanctl_that_is_broken(void **state)
{
	static const char *const texts[] = {
		"connections {\n",	   "connections { a { } } }\n", "connections { a b }\n",
		"connections { a = \"x\n", "connections { } {\n",	"secrets { x",
	};

	(void)state;
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		const struct memory files[] = { { "/s/swanctl.conf", texts[i] }, { NULL, NULL } };
		struct result r = read_all(files, "/etc/ikemesh");

		assert_int_equal(import_worst(&r.im), IMPORT_BROKEN);
		assert_non_null(strstr(r.notes, "/s/swanctl.conf:"));
		assert_null(strstr(r.notes, "must be there")); /* the cause alone */
		assert_null(strstr(r.notes, "no subnet"));
		done(&r);
	}
}

/* --- what anybody may hand in ------------------------------------------------------------------
 */

static void test_files_that_include_themselves(void **state)
{
	static const struct memory files[] = {
		{ "/etc/ipsec.conf", "config setup\ninclude ipsec.c*\ninclude ipsec.conf\n" },
		{ NULL, NULL }
	};
	static const struct memory swanctl[] = {
		{ "/s/swanctl.conf", "connections { include s*.conf\n include swanctl.conf\n }\n" },
		{ NULL, NULL }
	};
	struct result r = read_all(files, "/etc/ikemesh");

	(void)state;
	assert_non_null(strstr(r.notes, "too deep"));
	done(&r);
	r = read_all(swanctl, "/etc/ikemesh");
	assert_int_equal(import_worst(&r.im), IMPORT_BROKEN);
	done(&r);
}

static void test_sections_that_inherit_from_each_other(void **state)
{
	static const struct memory files[] = {
		{ "/s/swanctl.conf",
		  "connections : connections.a { a : connections, connections.b { }\n"
		  " b : connections.a { } }\n" },
		{ NULL, NULL }
	};
	struct result r = read_all(files, "/etc/ikemesh");

	(void)state;
	done(&r);
	expect_conn("    also=x\nconn x\n    also=net\n", "ipsec_subnets", "");
}

/* Every prefix, and every octet turned into others that mean something. */
static void mangle(const char *path, const char *text)
{
	static const char others[] = "\"{}=:#\n\\ %,[!-\x80";
	const size_t n = strlen(text);
	char *copy = strdup(text);
	struct memory files[] = { { path, copy }, { NULL, NULL } };

	for (size_t i = 0; i < n; i++) {
		struct result r;

		for (const char *c = others; *c; c++) {
			copy[i] = *c;
			r = read_all(files, "/etc/ikemesh");
			done(&r);
		}
		copy[i] = '\0';
		r = read_all(files, "/etc/ikemesh");
		done(&r);
		copy[i] = text[i];
	}
	free(copy);
}

static void test_whatever_is_handed_in(void **state)
{
	(void)state;
	mangle("/s/swanctl.conf", mesh);
	mangle("/etc/ipsec.conf", "conn %default\n    also=\"a \\\" b\"\nconn a\n    auto=add\n"
				  "    rightsubnet=10.0.0.0/8[udp/1],::1\n    type=transport\n"
				  "include *.x\n    ike=aes128!,default\n");
	mangle("/etc/ipsec.secrets", "@a : RSA \"k e\" phrase\n  more\n: PSK 0x00\ninclude x\n");
	mangle("/a/addon.yml",
	       "properties:\n  ipsec:\n    ipsec_subnets:\n    - {subnet: a, port: 1}\n");
}

static void test_no_text_at_all(void **state)
{
	static const struct memory files[] = { { "/x/letter.txt", "Dear all,\n" }, { NULL, NULL } };
	static const struct memory gone[] = { { NULL, NULL } };
	const struct import_files how = { read_memory, list_memory, (void *)gone };
	struct import im = { 0 };
	struct result r = read_all(files, "/etc/ikemesh");

	(void)state;
	assert_non_null(strstr(r.notes, "/x/letter.txt: error: neither an ipsec-addon.yml nor"));
	assert_int_equal(r.im.n_notes, 1);
	done(&r);
	import_read(&im, "/gone", &how);
	assert_int_equal(import_worst(&im), IMPORT_BROKEN);
	free(import_text(&im, ""));
	assert_int_equal(im.n_notes, 1);
	import_free(&im);
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
		cmocka_unit_test(test_the_guides_template),
		cmocka_unit_test(test_what_is_made_can_be_read),
		cmocka_unit_test(test_keys_stay_out_of_texts),
		cmocka_unit_test(test_entries_and_unknown_keys),
		cmocka_unit_test(test_values_that_no_daemon_takes),
		cmocka_unit_test(test_an_ipsec_conf_of_the_add_on),
		cmocka_unit_test(test_how_a_value_is_written),
		cmocka_unit_test(test_what_is_inherited),
		cmocka_unit_test(test_lifetimes_lose_the_margin),
		cmocka_unit_test(test_what_cannot_be_carried_over),
		cmocka_unit_test(test_proposals_that_are_not_ours),
		cmocka_unit_test(test_optional_and_ports),
		cmocka_unit_test(test_what_was_not_enforced),
		cmocka_unit_test(test_secrets),
		cmocka_unit_test(test_a_swanctl_conf),
		cmocka_unit_test(test_swanctl_that_is_broken),
		cmocka_unit_test(test_files_that_include_themselves),
		cmocka_unit_test(test_sections_that_inherit_from_each_other),
		cmocka_unit_test(test_whatever_is_handed_in),
		cmocka_unit_test(test_no_text_at_all),
	};

	return cmocka_run_group_tests(tests, make_pki, drop_pki);
}
