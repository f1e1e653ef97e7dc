/* SPDX-License-Identifier: Apache-2.0 */
/* statusall from a fixture: the layout that scripts for strongSwan's `ipsec statusall` read. */
#include "cmd/ikectl/show.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

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
	show_statusall(status, out);
	fclose(out);
	json_decref(status);
	return text;
}

#define DN "C=US, O=Lab, CN=host"

static const char full[] =
	"{\"daemon\":{\"name\":\"ikemesh\",\"version\":\"0.1.0\",\"system\":\"Linux\","
	"\"kernel\":\"6.1.0\",\"machine\":\"x86_64\",\"started\":1795315462,\"uptime_s\":185},"
	"\"listening\":[\"10.0.1.5\",\"fd00::5\"],"
	"\"certificate\":{\"subject\":\"" DN "\"},\"reqid\":7,"
	"\"connections\":["
	"{\"name\":\"ipsec-10.0.1.0/24\",\"subnet\":\"10.0.1.0/24\",\"kind\":\"protect\","
	"\"optional\":false,\"protocol\":0,\"port\":0,\"locals\":[\"10.0.1.5\"]},"
	"{\"name\":\"ipsec-fd00::/64\",\"subnet\":\"fd00::/64\",\"kind\":\"protect\","
	"\"optional\":true,\"protocol\":6,\"port\":80,\"locals\":[\"fd00::5\",\"fd00::6\"]},"
	"{\"name\":\"no-ipsec-10.0.1.1/32\",\"subnet\":\"10.0.1.1/32\",\"kind\":\"bypass\","
	"\"optional\":false,\"protocol\":0,\"port\":0,\"locals\":[\"10.0.1.5\"]}],"
	"\"ike_up\":1,\"ike_connecting\":1,"
	"\"counters\":{\"strays\":120,\"strays_refused\":7,\"strays_asked\":3,"
	"\"strays_healed\":2,\"strays_deleted\":1,\"qcd_taken\":4,"
	"\"limits\":{\"half-open\":12,\"payloads\":0,\"error-replies\":3}},"
	"\"pairs\":["
	"{\"local\":\"10.0.1.5\",\"remote\":\"10.0.1.6\",\"connection\":\"ipsec-10.0.1.0/24\","
	"\"state\":\"up\",\"retry_in_s\":null,\"failures\":0,\"attempts\":["
	"{\"failed\":false,\"stage\":\"up\",\"ended_s_ago\":5,\"reason\":\"\"},"
	"{\"failed\":true,\"stage\":\"INIT\",\"ended_s_ago\":60,\"reason\":\"long ago\"}],"
	"\"ike_sas\":[{\"number\":1,\"state\":\"ESTABLISHED\",\"initiator\":true,"
	"\"spi_i\":\"0123456789abcdef\",\"spi_r\":\"fedcba9876543210\",\"local\":\"10.0.1.5\","
	"\"remote\":\"10.0.1.6\",\"suite\":{\"encryption\":\"AES_CBC_128\","
	"\"integrity\":\"HMAC_SHA2_256_128\",\"prf\":\"PRF_HMAC_SHA2_256\","
	"\"key_exchange\":\"MODP_2048\","
	"\"additional_key_exchanges\":[\"ML_KEM_768\",\"ECP_384\"]},\"ppk\":true,\"established_s_"
	"ago\":5,\"rekey_in_s\":10800,"
	"\"peer_id\":\"C=US, O=Lab, CN=peer\",\"child_sas\":["
	"{\"number\":2,\"state\":\"INSTALLED\",\"reqid\":7,\"spi_in\":\"c1234567\","
	"\"spi_out\":\"cabcdef0\",\"local\":\"10.0.1.5\",\"remote\":\"10.0.1.6\",\"protocol\":0,"
	"\"local_port\":0,\"remote_port\":0,\"suite\":{\"encryption\":\"AES_GCM_16_128\","
	"\"integrity\":null,\"prf\":null,\"key_exchange\":null},\"esn\":false,"
	"\"udp_encapsulation\":false,\"rekey_in_s\":2700,"
	"\"in\":{\"bytes\":504,\"packets\":6,\"used_s_ago\":1},"
	"\"out\":{\"bytes\":84,\"packets\":1,\"used_s_ago\":0}}]}]},"
	"{\"local\":\"10.0.1.5\",\"remote\":\"10.0.1.8\",\"connection\":\"ipsec-10.0.1.0/24\","
	"\"state\":\"connecting\",\"retry_in_s\":null,\"failures\":0,\"attempts\":[],"
	"\"ike_sas\":[{\"number\":3,\"state\":\"CONNECTING\",\"initiator\":false,"
	"\"spi_i\":\"0000000000000001\",\"spi_r\":\"0000000000000000\",\"local\":\"10.0.1.5\","
	"\"remote\":\"10.0.1.8\",\"suite\":{\"encryption\":null},\"peer_id\":null,"
	"\"child_sas\":[]}]},"
	"{\"local\":\"10.0.1.5\",\"remote\":\"10.0.1.7\",\"connection\":\"ipsec-10.0.1.0/24\","
	"\"state\":\"backing off\",\"retry_in_s\":3,\"failures\":4,\"attempts\":["
	"{\"failed\":true,\"stage\":\"AUTH\",\"ended_s_ago\":12,\"reason\":"
	"\"AUTHENTICATION_FAILED received\"}],\"ike_sas\":[]}]}";

static void test_everything(void **state)
{
	char *text = shown(full);

	(void)state;
	assert_string_equal(
		text, "Status of IKE ikemesh daemon (ikemesh 0.1.0, Linux 6.1.0, x86_64):\n"
		      "  uptime: 3 minutes, since Nov 22 02:44:22 2026\n"
		      "  lost SAs: 120 stray ESP packets (7 refused), 3 sources asked, 2 healed, "
		      "1 told to delete; 4 IKE SAs that peers lost\n"
		      "  limits met: half-open 12, error-replies 3\n"
		      "Listening IP addresses:\n"
		      "  10.0.1.5\n"
		      "  fd00::5\n"
		      "Connections:\n"
		      "ipsec-10.0.1.0/24:  10.0.1.5...%any  IKEv2\n"
		      "ipsec-10.0.1.0/24:   local:  [" DN "] uses public key authentication\n"
		      "ipsec-10.0.1.0/24:    cert:  \"" DN "\"\n"
		      "ipsec-10.0.1.0/24:   remote: uses public key authentication\n"
		      "ipsec-10.0.1.0/24:   child:  10.0.1.5/32 === 10.0.1.0/24 TRANSPORT\n"
		      "ipsec-fd00::/64:  %any...%any  IKEv2\n"
		      "ipsec-fd00::/64:   local:  [" DN "] uses public key authentication\n"
		      "ipsec-fd00::/64:    cert:  \"" DN "\"\n"
		      "ipsec-fd00::/64:   remote: uses public key authentication\n"
		      "ipsec-fd00::/64:   child:  fd00::5/128 === fd00::/64[tcp/80] TRANSPORT\n"
		      "ipsec-fd00::/64:   child:  fd00::6/128 === fd00::/64[tcp/80] TRANSPORT\n"
		      "no-ipsec-10.0.1.1/32:  %any...%any  IKEv2\n"
		      "no-ipsec-10.0.1.1/32:   local:  uses public key authentication\n"
		      "no-ipsec-10.0.1.1/32:   remote: uses public key authentication\n"
		      "no-ipsec-10.0.1.1/32:   child:  dynamic === 10.0.1.1/32 PASS\n"
		      "Shunted Connections:\n"
		      "no-ipsec-10.0.1.1/32:  dynamic === 10.0.1.1/32 PASS\n"
		      "Routed Connections:\n"
		      "ipsec-10.0.1.0/24{1}:  ROUTED, TRANSPORT, reqid 7\n"
		      "ipsec-10.0.1.0/24{1}:   10.0.1.5/32 === 10.0.1.0/24\n"
		      "ipsec-fd00::/64{2}:  ROUTED, TRANSPORT, reqid 7, optional\n"
		      "ipsec-fd00::/64{2}:   fd00::5/128 === fd00::/64[tcp/80]\n"
		      "ipsec-fd00::/64{3}:  ROUTED, TRANSPORT, reqid 7, optional\n"
		      "ipsec-fd00::/64{3}:   fd00::6/128 === fd00::/64[tcp/80]\n"
		      "Security Associations (1 up, 1 connecting):\n"
		      "ipsec-10.0.1.0/24[1]: ESTABLISHED 5 seconds ago, "
		      "10.0.1.5[" DN "]...10.0.1.6[C=US, O=Lab, CN=peer]\n"
		      "ipsec-10.0.1.0/24[1]: IKEv2 SPIs: 0123456789abcdef_i* fedcba9876543210_r, "
		      "rekeying in 3 hours\n"
		      "ipsec-10.0.1.0/24[1]: IKE proposal: "
		      "AES_CBC_128/HMAC_SHA2_256_128/PRF_HMAC_SHA2_256/MODP_2048"
		      "/KE1_ML_KEM_768/KE2_ECP_384, PPK\n"
		      "ipsec-10.0.1.0/24{2}:  INSTALLED, TRANSPORT, reqid 7, ESP SPIs: "
		      "c1234567_i cabcdef0_o\n"
		      "ipsec-10.0.1.0/24{2}:  AES_GCM_16_128, 504 bytes_i (6 pkts, 1s ago), "
		      "84 bytes_o (1 pkt, 0s ago), rekeying in 45 minutes\n"
		      "ipsec-10.0.1.0/24{2}:   10.0.1.5/32 === 10.0.1.6/32\n"
		      "ipsec-10.0.1.0/24[3]: CONNECTING, 10.0.1.5[" DN "]...10.0.1.8[%any]\n"
		      "ipsec-10.0.1.0/24[3]: IKEv2 SPIs: 0000000000000001_i 0000000000000000_r*\n"
		      "Failed peers:\n"
		      "  10.0.1.7: AUTH failed 12 seconds ago: AUTHENTICATION_FAILED received "
		      "(4 times in a row); next try in 3 seconds\n");
	free(text);
}

static void test_nothing(void **state)
{
	char *text = shown("{\"daemon\":{\"name\":\"ikemesh\",\"version\":\"0.1.0\",\"system\":"
			   "\"Linux\",\"kernel\":\"6.1.0\",\"machine\":\"x86_64\",\"started\":0,"
			   "\"uptime_s\":1},\"pairs\":[],\"connections\":[],\"listening\":[],"
			   "\"ike_up\":0,\"ike_connecting\":0}");

	(void)state;
	assert_string_equal(text,
			    "Status of IKE ikemesh daemon (ikemesh 0.1.0, Linux 6.1.0, x86_64):\n"
			    "  uptime: 1 second, since Jan 01 00:00:00 1970\n"
			    "Listening IP addresses:\n"
			    "Connections:\n"
			    "Security Associations (0 up, 0 connecting):\n"
			    "  none\n");
	free(text);
}

/* A daemon of another version may know less, or other things: no crash, whatever comes. */
static void test_strange_models(void **state)
{
	static const char *const strange[] = {
		"{}",
		"{\"pairs\":[{}],\"connections\":[{}],\"listening\":[1]}",
		"{\"pairs\":[{\"ike_sas\":[{\"child_sas\":[{}]}]}]}",
		"{\"pairs\":7,\"daemon\":[]}",
		"{\"pairs\":[{\"attempts\":[{\"failed\":true}]}]}",
		"{\"connections\":[{\"kind\":\"protect\",\"locals\":[null]}]}",
	};

	(void)state;
	for (size_t i = 0; i < sizeof(strange) / sizeof(strange[0]); i++)
		free(shown(strange[i]));
}

static void test_time_in_words(void **state)
{
	static const struct {
		json_int_t seconds;
		const char *words;
	} cases[] = {
		{ 0, "0 seconds" },	{ 1, "1 second" },	 { 120, "120 seconds" },
		{ 121, "2 minutes" },	{ 7200, "120 minutes" }, { 7201, "2 hours" },
		{ 172800, "48 hours" }, { 172801, "2 days" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		char text[SHOW_DELTA_LEN];

		assert_string_equal(show_delta(cases[i].seconds, text), cases[i].words);
	}
}

/* What differs from the file, what awaits confirmation, who would be cut off. */
static void test_mode(void **state)
{
	char *text = shown(
		"{\"mode\":{\"all\":\"enforced\",\"subnets\":[],\"differences\":["
		"{\"subnet\":\"10.0.1.0/24\",\"mode\":\"enforced\",\"file\":\"optional\"}],"
		"\"pending\":true,\"back_in_s\":240,\"fault\":null},"
		"\"clear\":{\"count\":3,\"watched_s\":60,\"error\":null,\"peers\":["
		"{\"peer\":\"10.0.1.7\",\"connection\":\"ipsec-10.0.1.0/24\",\"in_s_ago\":2,"
		"\"out_s_ago\":null},"
		"{\"peer\":\"10.0.1.8\",\"connection\":\"ipsec-10.0.1.0/24\",\"in_s_ago\":null,"
		"\"out_s_ago\":300},"
		"{\"peer\":\"10.0.1.9\",\"connection\":\"ipsec-10.0.1.0/24\",\"in_s_ago\":2,"
		"\"out_s_ago\":300}]}}");

	(void)state;
	assert_non_null(strstr(text, "  mode: 10.0.1.0/24 is enforced, where the configuration "
				     "says optional\n"));
	assert_non_null(strstr(text, "  mode: not confirmed: goes back by itself in 240 s, unless "
				     "`ikectl confirm` follows\n"));
	assert_non_null(strstr(text, "Peers in the clear (3):\n"
				     "  10.0.1.7 (ipsec-10.0.1.0/24): last packet from it 2 "
				     "seconds ago\n"
				     "  10.0.1.8 (ipsec-10.0.1.0/24): last packet to it without an "
				     "SA 5 minutes ago\n"
				     "  10.0.1.9 (ipsec-10.0.1.0/24): last packet from it 2 "
				     "seconds ago, last packet to it without an SA 5 minutes "
				     "ago\n"));
	free(text);
	text = shown("{\"mode\":{\"all\":\"file\",\"differences\":[],\"back_in_s\":null,"
		     "\"fault\":null},\"clear\":{\"count\":0,\"error\":null,\"peers\":[]}}");
	assert_null(strstr(text, "mode:"));
	assert_null(strstr(text, "in the clear"));
	free(text);
	text = shown("{\"mode\":{\"fault\":\"the mode cannot be told\"},"
		     "\"clear\":{\"count\":0,\"error\":\"not permitted\",\"peers\":[]}}");
	assert_non_null(strstr(text, "  mode: the mode cannot be told\n"));
	assert_non_null(strstr(text, "Peers in the clear: cannot be seen: not permitted\n"));
	free(text);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_everything),     cmocka_unit_test(test_nothing),
		cmocka_unit_test(test_strange_models), cmocka_unit_test(test_time_in_words),
		cmocka_unit_test(test_mode),
	};

	setenv("TZ", "UTC", 1);
	tzset();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
