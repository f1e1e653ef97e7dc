/* SPDX-License-Identifier: Apache-2.0 */
/* What a reload would change, told by configurations that differ. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "cmd/ikectl/plan.h"
#include "cmd/ikemeshd/config_json.h"
#include "config_file.h"
#include <string.h>

static struct pki pki;

/* What the file says beyond this, or in its place. */
#define BASE NETS CREDENTIALS

static void read_config(const char *text, struct config *c)
{
	struct problems ps;

	if (pki_parse(&pki, text, c, &ps) != 0) {
		print_problems(&ps);
		fail_msg("not a good configuration:\n%s", text);
	}
	problems_free(&ps);
}

static json_t *planned(const char *before, const char *after, const char *status)
{
	struct config a, b;
	json_t *running, *all, *plan;

	read_config(before, &a);
	read_config(after, &b);
	running = config_json(&a, "/etc/ikemesh/ikemesh.yml");
	all = json_loads(status, 0, NULL);
	assert_non_null(running);
	assert_non_null(all);
	plan = plan_json(running, all, "new.yml", &b);
	assert_non_null(plan);
	json_decref(running);
	json_decref(all);
	config_free(&a);
	config_free(&b);
	return plan;
}

static void assert_shows(const json_t *plan, const char *wanted)
{
	char *text = NULL;
	size_t n = 0;
	FILE *out = open_memstream(&text, &n);

	assert_non_null(out);
	plan_show(plan, out);
	assert_int_equal(fclose(out), 0);
	assert_string_equal(text, wanted);
	free(text);
}

static void test_nothing_changes(void **state)
{
	json_t *p =
		planned(BASE, "# the same, said with a default\nesp_lifetime: 60m\n" BASE, "{}");

	(void)state;
	assert_shows(p, "new.yml: a reload changes nothing\n"
			"Pairs with SAs: 0 keep them, 0 lose them\n");
	json_decref(p);
}

#define PAIR(local, remote, state) \
	"{\"local\":\"" local "\",\"remote\":\"" remote "\",\"state\":\"" state "\"}"

static void test_subnets_and_pairs(void **state)
{
	json_t *p =
		planned("ipsec_subnets:\n- 10.0.0.0/20\n- 10.1.0.0/20\n- 10.2.0.0/20\n" CREDENTIALS,
			"ipsec_subnets:\n- {subnet: 10.1.0.0/20, optional: true}\n- 10.2.0.0/20\n"
			"- 10.3.0.0/20\n" CREDENTIALS
			"no_ipsec_subnets:\n- {subnet: 10.2.0.9, protocol: udp, port: 53}\n"
			"- 10.2.1.0/24\nlocal_addresses: [10.0.0.1]\nesp_lifetime: 2h\n",
			"{\"pairs\":[" PAIR("10.0.0.1", "10.2.0.9", "up") "," PAIR(
				"10.0.0.1", "10.0.0.2",
				"up") "," PAIR("10.0.0.1", "10.2.1.1",
					       "up") "," PAIR("10.0.0.7", "10.2.0.1",
							      "up") "," PAIR("10.0.0.1", "10.0.0.3",
									     "connecting") "]}");

	(void)state;
	assert_shows(
		p,
		"new.yml: a reload would change\n"
		"  - ipsec_subnets: 10.0.0.0/20\n"
		"  ~ ipsec_subnets: 10.1.0.0/20 -> 10.1.0.0/20 optional\n"
		"  + ipsec_subnets: 10.3.0.0/20\n"
		"  + no_ipsec_subnets: 10.2.0.9/32 udp/53\n"
		"  + no_ipsec_subnets: 10.2.1.0/24\n"
		"  + local_addresses: 10.0.0.1/32\n"
		"  ~ esp_lifetime: 1h -> 2h (for SAs made from then on)\n"
		"Pairs with SAs: 1 keep them, 3 lose them\n"
		"  - 10.0.0.1 === 10.0.0.2: in none of ipsec_subnets, in the clear from then on\n"
		"  - 10.0.0.1 === 10.2.1.1: in 10.2.1.0/24 of no_ipsec_subnets (line 11), in the "
		"clear from then on\n"
		"  - 10.0.0.7 === 10.2.0.1: our address is not in local_addresses, in the clear "
		"from then on\n"
		"Hosts in added ipsec_subnets: a handshake at the first packet.\n");
	json_decref(p);
}

/* One entry into no_ipsec_subnets' place, and precedence: who keeps SAs follows the same rule. */
static void test_precedence_decides_who_leaves(void **state)
{
	static const char pairs[] = "{\"pairs\":[" PAIR("10.9.9.9", "10.0.0.2", "up") "]}";
	const char *bypass = BASE "no_ipsec_subnets: [10.0.0.0/8]\n";
	const char *longest = BASE "no_ipsec_subnets: [10.0.0.0/8]\nprecedence: longest-prefix\n";
	json_t *p = planned(BASE, bypass, pairs);
	json_t *q = planned(BASE, longest, pairs);

	(void)state;
	assert_string_equal(json_string_value(json_object_get(
				    json_array_get(json_object_get(p, "pairs"), 0), "fate")),
			    "bypassed");
	assert_string_equal(json_string_value(json_object_get(
				    json_array_get(json_object_get(q, "pairs"), 0), "fate")),
			    "stays");
	json_decref(p);
	json_decref(q);
}

/* A reload leaves the mode that was chosen: "optional" of the file decides on nothing then. */
static void test_a_mode_wins_over_the_file(void **state)
{
	static const char *const status[] = {
		"{\"mode\":{\"all\":\"enforced\",\"subnets\":[]}}",
		"{\"mode\":{\"all\":\"file\",\"subnets\":[{\"subnet\":\"10.0.0.0/20\"}]}}",
		"{\"mode\":{\"all\":\"file\",\"subnets\":[]}}",
	};

	(void)state;
	for (size_t i = 0; i < 3; i++) {
		json_t *p = planned(BASE, BASE "optional: true\n", status[i]);
		char *text = NULL;
		size_t n = 0;
		FILE *out = open_memstream(&text, &n);

		plan_show(p, out);
		fclose(out);
		assert_int_equal(strstr(text, "`ikectl mode` was used, and wins") != NULL, i < 2);
		free(text);
		json_decref(p);
	}
}

static void test_what_a_reload_refuses(void **state)
{
	json_t *p = planned(BASE, BASE "crypto_properties: provider=default\n", "{}");

	(void)state;
	assert_shows(p,
		     "new.yml: a reload would be refused\n"
		     "  + crypto_properties: provider=default (not by a reload: ikemeshd must be "
		     "started anew)\n");
	json_decref(p);
}

static void test_whom_another_ca_cuts_off(void **state)
{
	const char *other = NETS "instance_certificate: @NEW\ninstance_private_key: @NEW_KEY\n"
				 "ca_certificates: [@NEW_CA]\n";
	json_t *p = planned(BASE, other, "{}");
	json_t *answer = json_loads("{\"findings\":[{\"level\":\"warning\",\"peer\":\"10.0.0.2\","
				    "\"text\":\"named no CA\"}]}",
				    0, NULL);
	json_t *cut = json_loads("{\"findings\":[{\"level\":\"error\",\"peer\":\"10.0.0.3\","
				 "\"text\":\"would be refused\"}]}",
				 0, NULL);
	char *text = NULL;
	size_t n = 0;
	FILE *out = open_memstream(&text, &n);

	(void)state;
	assert_true(plan_concerns_peers(p));
	plan_add_preflight(p, answer);
	assert_true(plan_show(p, out));
	plan_add_preflight(p, cut);
	assert_false(plan_show(p, out));
	fclose(out);
	assert_non_null(strstr(text, "  ~ instance_certificate: \"O=Example, CN=host-a\", until"));
	assert_non_null(strstr(text, "  warning: peer 10.0.0.2 named no CA\nPeers keep their SAs"));
	assert_non_null(strstr(text, "a reload would be refused\n"));
	assert_non_null(strstr(text, "  error: peer 10.0.0.3 would be refused\n"));
	free(text);
	json_decref(answer);
	json_decref(cut);
	json_decref(p);
}

static bool changes(const json_t *plan, const char *key)
{
	const json_t *c;
	size_t i;

	json_array_foreach(json_object_get(plan, "changes"), i, c)
	{
		if (!strcmp(json_string_value(json_object_get(c, "key")), key))
			return true;
	}
	return false;
}

static void assert_seen(const char *key, const char *after)
{
	json_t *p = planned(BASE, after, "{}");
	char *text = json_dumps(p, 0);

	if (!changes(p, key))
		fail_msg("a change of %s is not seen: %s", key, text);
	free(text);
	json_decref(p);
}

/* The key of a number with another value than the default. */
static void append_other(const struct key_row *row, char *out, size_t room)
{
	if (row->type == VALUE_BOOL)
		snprintf(out, room, BASE "%s: %s\n", row->name,
			 strcmp(row->fallback, "true") ? "true" : "false");
	else if (row->type == VALUE_CHOICE)
		snprintf(out, room, BASE "%s: %s\n", row->name,
			 strcmp(row->fallback, row->choices[0]) ? row->choices[0]
								: row->choices[1]);
	else
		snprintf(out, room, BASE "%s: %llu\n", row->name, (unsigned long long)row->max);
}

/* A key that the plan does not know would change unseen. */
static void test_every_key(void **state)
{
	static const struct {
		const char *key, *text;
	} others[] = {
		{ "ipsec_subnets", "ipsec_subnets: [10.5.0.0/20]\n" CREDENTIALS },
		{ "no_ipsec_subnets", BASE "no_ipsec_subnets: [10.5.0.0/20]\n" },
		{ "local_addresses", BASE "local_addresses: [10.5.0.0/20]\n" },
		{ "instance_certificate", NETS "instance_certificate: @NEW\n"
					       "instance_private_key: @NEW_KEY\n"
					       "ca_certificates: [@CA, @NEW_CA]\n" },
		{ "ca_certificates", NETS "instance_certificate: @HOST\n"
					  "instance_private_key: @KEY\n"
					  "ca_certificates: [@CA, @NEW_CA]\n" },
		{ "esp_proposals", BASE "esp_proposals: aes256gcm16!\n" },
		{ "ike_proposals", BASE "ike_proposals: aes256-sha384-ecp384!\n" },
		{ "log", BASE "log: /tmp/log\n" },
		{ "crypto_properties", BASE "crypto_properties: provider=default\n" },
		{ "control_group", BASE "control_group: adm\n" },
		{ "ppk_id", BASE "ppk: 0x0123456789abcdef0123456789abcdef0123456789abcdef0123456789"
				 "abcdef\nppk_id: mesh\n" },
		{ "ppk_required",
		  BASE "ppk: 0x0123456789abcdef0123456789abcdef0123456789abcdef0123456789"
		       "abcdef\nppk_id: mesh\nppk_required: true\n" },
		{ "peer_identities", BASE "peer_identities: [\"O=Example, CN=*\"]\n" },
		{ "crls", BASE "crls: [@CRL]\n" },
		{ "crl_policy", BASE "crls: [@CRL]\ncrl_policy: hard\n" },
		{ "log_levels", BASE "log_levels: [auth=debug]\n" },
		{ "expiry_warning_days", BASE "expiry_warning_days: [60, 5]\n" },
		{ "metrics_listen", BASE "metrics_listen: 9500\n" },
	};
	size_t n;
	const struct key_row *rows = schema_rows(&n);

	(void)state;
	for (size_t i = 0; i < n; i++) {
		const char *text = NULL;
		char made[1024];

		if (rows[i].type == VALUE_KEY || rows[i].type == VALUE_SECRET)
			continue;
		for (size_t k = 0; k < sizeof(others) / sizeof(others[0]); k++)
			if (!strcmp(others[k].key, rows[i].name))
				text = others[k].text;
		if (!text && rows[i].type <= VALUE_CHOICE) {
			append_other(&rows[i], made, sizeof(made));
			text = made;
		}
		if (!text)
			fail_msg("no other value of %s is known here", rows[i].name);
		assert_seen(rows[i].name, text);
	}
}

/* Neither the key nor the PPK is in what goes over the socket. */
static void test_no_secret_leaves(void **state)
{
	static const char ppk[] =
		"0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";
	struct config c;
	json_t *running;
	char *text;

	(void)state;
	read_config(BASE "ppk: 0x0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef\n"
			 "ppk_id: mesh\n",
		    &c);
	running = config_json(&c, "/etc/ikemesh/ikemesh.yml");
	text = json_dumps(running, 0);
	assert_null(strstr(text, "PRIVATE"));
	assert_null(strstr(text, ppk));
	assert_null(json_object_get(json_object_get(running, "keys"), "ppk"));
	assert_null(json_object_get(json_object_get(running, "keys"), "instance_private_key"));
	assert_non_null(strstr(text, "\"ppk_id\": [\"mesh\"]"));
	assert_non_null(strstr(text, "CN=host-a"));
	free(text);
	json_decref(running);
	config_free(&c);
}

static int make_pki(void **state)
{
	struct testpki_cert ca, host;
	struct blob crl;

	(void)state;
	pki_usual(&pki);
	testpki_make(&ca, &(struct testpki_spec){ .subject = "CN=New CA", .ca = true, .slot = 2 });
	testpki_leaf(&host, &ca, "O=Example, CN=host-b");
	pki_add(&pki, "NEW_CA", blob_view(&ca.pem), 0600);
	pki_add(&pki, "NEW", blob_view(&host.pem), 0600);
	pki_add(&pki, "NEW_KEY", blob_view(&host.key_pem), 0600);
	crl = testpki_crl(&(struct testpki_crl_spec){ .issuer = &ca }, NULL);
	pki_add(&pki, "CRL", blob_view(&crl), 0644);
	blob_free(&crl);
	testpki_free(&ca);
	testpki_free(&host);
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
		cmocka_unit_test(test_nothing_changes),
		cmocka_unit_test(test_subnets_and_pairs),
		cmocka_unit_test(test_precedence_decides_who_leaves),
		cmocka_unit_test(test_a_mode_wins_over_the_file),
		cmocka_unit_test(test_what_a_reload_refuses),
		cmocka_unit_test(test_whom_another_ca_cuts_off),
		cmocka_unit_test(test_every_key),
		cmocka_unit_test(test_no_secret_leaves),
	};

	return cmocka_run_group_tests(tests, make_pki, drop_pki);
}
