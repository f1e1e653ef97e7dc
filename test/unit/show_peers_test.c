/* SPDX-License-Identifier: Apache-2.0 */
/* `ikectl status` from fixtures. */
#include "cmd/ikectl/show_peers.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static char *shown(const char *json)
{
	json_error_t error;
	json_t *status = json_loads(json, 0, &error);
	char *text = NULL;
	size_t n = 0;
	FILE *out = open_memstream(&text, &n);

	if (status == NULL)
		fail_msg("%d:%d: %s", error.line, error.column, error.text);
	show_peers(status, colour_palette(false), out);
	fclose(out);
	json_decref(status);
	return text;
}

static void assert_shown(const char *json, const char *want)
{
	char *text = shown(json);

	assert_string_equal(text, want);
	free(text);
}

#define HEADING "PEER       STATE        SINCE     IN    OUT  REKEY  IDENTITY; LAST FAILURE\n"
#define PAIR(remote, state, ruling, rest)                                                         \
	"{\"remote\":\"" remote "\",\"state\":\"" state "\",\"ruling\":\"" ruling "\",\"since_s_" \
	"ago\":7200," rest "}"
#define CHILD                                                                                   \
	"{\"number\":3,\"state\":\"INSTALLED\",\"local\":\"10.1.0.1\",\"remote\":\"10.1.0.2\"," \
	"\"spi_in\":\"c1\",\"spi_out\":\"c2\",\"rekey_in_s\":3000,\"overhead_min\":34,"         \
	"\"overhead_max\":37,\"path_mtu\":1500,\"largest_packet\":1466,"                        \
	"\"in\":{\"bytes\":1234567,\"packets\":1},\"out\":{\"bytes\":840,\"packets\":1}}"
#define UP                                                                                        \
	PAIR("10.1.0.2", "up", "enforced",                                                        \
	     "\"attempts\":[{\"failed\":false,\"ended_s_ago\":7200}],\"ike_sas\":[{\"number\":1," \
	     "\"state\":\"ESTABLISHED\",\"peer_id\":\"CN=b\",\"child_sas\":[" CHILD "]}]")
#define FAILS                                                                            \
	PAIR("10.1.0.33", "backing off", "enforced",                                     \
	     "\"attempts\":[{\"failed\":true,\"ended_s_ago\":12,\"stage\":\"IKE_AUTH\"," \
	     "\"reason\":\"AUTHENTICATION_FAILED\"}],\"ike_sas\":[]")

static void test_table(void **state)
{
	(void)state;
	assert_shown("{\"pairs\":[" UP "," FAILS "]}", HEADING
		     "10.1.0.2   up              2h   1.2M    840    50m  CN=b\n"
		     "10.1.0.33  backing off     2h      0      0      -  -; IKE_AUTH, 12s ago: "
		     "AUTHENTICATION_FAILED\n");
}

static void test_colours(void **state)
{
	json_t *status = json_loads("{\"pairs\":[" UP "," FAILS "]}", 0, NULL);
	char *text = NULL;
	size_t n = 0;
	FILE *out = open_memstream(&text, &n);

	(void)state;
	show_peers(status, colour_palette(true), out);
	fclose(out);
	assert_non_null(strstr(text, "10.1.0.2   \033[32mup         \033[0m "));
	assert_non_null(strstr(text, "10.1.0.33  \033[1;31mbacking off\033[0m "));
	free(text);
	json_decref(status);
}

static void test_one_peer(void **state)
{
	char *text = shown("{\"certificate\":{\"subject\":\"CN=a\"},\"peer\":{\"address\":"
			   "\"10.1.0.2\",\"ruling\":\"enforced\",\"subnet\":\"10.1.0.0/16\"},"
			   "\"pairs\":[" UP "]}");

	(void)state;
	assert_non_null(strstr(text, "\n10.1.0.2  up "));
	assert_non_null(strstr(text, "[1]: ESTABLISHED"));
	assert_non_null(strstr(text, "{3}: ESP adds 34 to 37 octets; of the 1500 that the way "
				     "takes, packets of up to 1466 fit (TCP segments of 1426)\n"));
	assert_non_null(strstr(text, "rule:   10.1.0.0/16 of ipsec_subnets: ESP or nothing\n"));
	free(text);
}

/* No pair: the subnets alone say what becomes of packets. */
static void test_no_pair(void **state)
{
	static const struct {
		const char *ruling, *subnet, *want;
	} cases[] = {
		{ "enforced", "\"10.1.0.0/16\"",
		  "10.1.0.9  never\nrule:   10.1.0.0/16 of ipsec_subnets: ESP or nothing\n" },
		{ "optional", "\"10.1.0.0/16\"",
		  "10.1.0.9  clear\nrule:   10.1.0.0/16 of ipsec_subnets, optional: cleartext "
		  "while "
		  "there is no SA\n" },
		{ "bypass", "\"10.1.0.9/32\"",
		  "10.1.0.9  bypassed\nrule:   10.1.0.9/32 of no_ipsec_subnets: always in the "
		  "clear\n" },
		{ "none", "null",
		  "10.1.0.9  clear\nrule:   in none of the subnets: always in the clear\n" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		char json[256];

		snprintf(json, sizeof(json),
			 "{\"pairs\":[],\"peer\":{\"address\":\"10.1.0.9\",\"ruling\":\"%s\","
			 "\"subnet\":%s}}",
			 cases[i].ruling, cases[i].subnet);
		assert_shown(json, cases[i].want);
	}
	assert_shown("{\"pairs\":[]}", "no pairs: no packet has asked for one yet\n");
}

static void assert_state(const char *json, const char *ruling, const char *want)
{
	json_t *pair = json != NULL ? json_loads(json, 0, NULL) : NULL;

	assert_string_equal(peer_state(pair, ruling), want);
	json_decref(pair);
}

static void test_states(void **state)
{
	(void)state;
	assert_state("{\"state\":\"up\"}", "optional", "up");
	assert_state("{\"state\":\"down\"}", "optional", "clear");
	assert_state("{\"state\":\"backing off\"}", "optional", "clear");
	assert_state("{\"state\":\"down\"}", "enforced", "down");
	assert_state("{\"state\":\"up\"}", "bypass", "bypassed");
	assert_state("{\"state\":\"down\"}", "none", "clear");
	assert_state(NULL, "enforced", "never");
}

static void test_short(void **state)
{
	char t[SHORT_TIME_LEN], n[SHORT_SIZE_LEN];

	(void)state;
	assert_string_equal(short_time(0, t), "0s");
	assert_string_equal(short_time(119, t), "119s");
	assert_string_equal(short_time(120, t), "2m");
	assert_string_equal(short_time(7199, t), "119m");
	assert_string_equal(short_time(86400 * 3, t), "3d");
	assert_string_equal(short_size(0, n), "0");
	assert_string_equal(short_size(999, n), "999");
	assert_string_equal(short_size(1000, n), "1.0K");
	assert_string_equal(short_size(9949, n), "9.9K");
	assert_string_equal(short_size(9951, n), "10K");
	assert_string_equal(short_size(999499, n), "999K");
	assert_string_equal(short_size(999500, n), "1.0M");
	assert_string_equal(short_size(INT64_MAX, n), "9.2E");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_table),	 cmocka_unit_test(test_colours),
		cmocka_unit_test(test_one_peer), cmocka_unit_test(test_no_pair),
		cmocka_unit_test(test_states),	 cmocka_unit_test(test_short),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
