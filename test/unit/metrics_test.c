/* SPDX-License-Identifier: Apache-2.0 */
/* The daemon's numbers as text, in both formats. */
#include "cmd/ikectl/metrics.h"

#include <ctype.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define LINES 2000
#define NAME 128

/* Owned by the caller. */
static char *printed(const json_t *document, enum metrics_format format)
{
	char *text = NULL;
	size_t n = 0;
	FILE *out = open_memstream(&text, &n);

	metrics_print(document, format, out);
	fclose(out);
	return text;
}

static json_t *full(void)
{
	json_t *document = json_load_file("test/metrics/document.json", 0, NULL);

	assert_non_null(document);
	return document;
}

/* Behind the first line. */
static void assert_has(const char *text, const char *line)
{
	char *whole = NULL;

	assert_true(asprintf(&whole, "\n%s\n", line) > 0);
	if (strstr(text, whole) == NULL)
		fail_msg("no line: %s", line);
	free(whole);
}

static void test_down(void **state)
{
	char *text = printed(NULL, FORMAT_OPENMETRICS);

	(void)state;
	assert_string_equal(text, "# TYPE ikemesh_up gauge\n"
				  "# HELP ikemesh_up 1: ikemeshd answers.\n"
				  "ikemesh_up 0\n"
				  "# EOF\n");
	free(text);
}

/* What another daemon answers is no document of ours, whatever is in it. */
static void test_another_format(void **state)
{
	json_t *o = json_pack("{s:s}", "format", "ikemesh-metrics/2");
	char *text = printed(o, FORMAT_PROMETHEUS);

	(void)state;
	assert_has(text, "ikemesh_up 0");
	assert_null(strstr(text, "EOF"));
	free(text);
	json_decref(o);
}

/* Each way in which a family finds its samples. */
static void test_samples(void **state)
{
	static const char *const lines[] = {
		"ikemesh_up 1",
		"# TYPE ikemesh_build info",
		"ikemesh_build_info{version=\"0.1.0\",kernel=\"6.1.0-28-amd64\",machine=\"x86_64\"}"
		" 1",
		"ikemesh_start_time_seconds 1794900000",
		"# UNIT ikemesh_cpu_seconds seconds",
		"# TYPE ikemesh_cpu_seconds counter",
		"ikemesh_cpu_seconds_total{process=\"daemon\"} 1.234567",
		"ikemesh_pairs{state=\"backing-off\"} 2",
		"ikemesh_handshakes_total{role=\"initiator\",result=\"failure\"} 12",
		"ikemesh_esp_bytes_total{direction=\"in\"} 123456789012",
		"ikemesh_clear_peer{remote=\"fd00::5\"} 1",
		"ikemesh_pair_trouble_seconds{local=\"10.0.0.1\",remote=\"10.0.0.67\",state="
		"\"down\","
		"reason=\"wrong-ca\"} 400",
		"ikemesh_pair_esp_bytes_total{local=\"10.0.0.1\",remote=\"10.0.0.2\",direction="
		"\"out\""
		"} 2000",
		"ikemesh_job_duration_seconds_bucket{le=\"0.0025\"} 1200",
		"ikemesh_job_duration_seconds_bucket{le=\"1.0\"} 2000",
		"ikemesh_job_duration_seconds_bucket{le=\"+Inf\"} 2000",
		"ikemesh_job_duration_seconds_count 2000",
		"ikemesh_job_duration_seconds_sum 9.876543",
		"ikemesh_crl_expiry_timestamp_seconds{issuer=\"O=Example, CN=CA\"} 1796000000",
		"ikemesh_xfrm_stat_total{name=\"XfrmInTmplMismatch\"} 5",
		"ikemesh_exporter_answer_seconds 0.001500",
		"ikemesh_exporter_requests_total{code=\"404\"} 1",
	};
	json_t *document = full();
	char *text = printed(document, FORMAT_OPENMETRICS);

	(void)state;
	for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++)
		assert_has(text, lines[i]);
	free(text);
	json_decref(document);
}

/* A subject is whatever an issuer wrote. */
static void test_labels_are_escaped(void **state)
{
	json_t *document = full();
	char *text = printed(document, FORMAT_OPENMETRICS);

	(void)state;
	assert_non_null(strstr(text, "subject=\"C=DE, O=Ex\\\\ample \\\"A\\\", CN=host-1\\n\""));
	free(text);
	json_decref(document);
}

static void test_older_format(void **state)
{
	json_t *document = full();
	char *text = printed(document, FORMAT_PROMETHEUS);

	(void)state;
	assert_has(text, "# TYPE ikemesh_build_info gauge");
	assert_has(text, "# TYPE ikemesh_handshakes_total counter");
	assert_null(strstr(text, "# UNIT"));
	assert_null(strstr(text, "# EOF"));
	free(text);
	json_decref(document);
}

static void test_an_older_daemon_says_less(void **state)
{
	json_t *document = full();
	char *text;

	(void)state;
	json_object_del(document, "rekeys");
	text = printed(document, FORMAT_OPENMETRICS);
	assert_null(strstr(text, "ikemesh_rekeys"));
	assert_has(text, "ikemesh_rekey_failures_total{sa=\"child\"} 2");
	free(text);
	json_decref(document);
}

/* ---- the grammar ---------------------------------------------------------------------------- */

struct reader {
	char name[NAME], type[NAME]; /* of the family under way */
	const char *samples[LINES];
	size_t n_samples, n_families;
	char families[LINES][NAME];
};

static bool is_name(const char *text)
{
	return strspn(text, "abcdefghijklmnopqrstuvwxyz0123456789_") == strlen(text) &&
	       isalpha(text[0]);
}

static bool ends_in(const char *text, const char *end)
{
	return strlen(text) > strlen(end) && strcmp(text + strlen(text) - strlen(end), end) == 0;
}

/* "TYPE NAME WORD" begins a family, once; UNIT and HELP follow and are of the same. */
static void read_comment(struct reader *r, const char *line)
{
	char what[8], name[NAME], rest[1024];

	assert_int_equal(sscanf(line, "# %7[A-Z] %127[a-z0-9_] %1023[^\n]", what, name, rest), 3);
	assert_true(is_name(name) && strncmp(name, "ikemesh_", 8) == 0);
	if (strcmp(what, "TYPE") == 0) {
		for (size_t i = 0; i < r->n_families; i++)
			assert_string_not_equal(r->families[i], name);
		snprintf(r->families[r->n_families++], NAME, "%s", name);
		snprintf(r->name, NAME, "%s", name);
		snprintf(r->type, NAME, "%s", rest);
	} else if (strcmp(what, "UNIT") == 0) {
		assert_true(ends_in(name, rest));
	} else {
		assert_string_equal(what, "HELP");
		assert_true(isupper(rest[0]) || isdigit(rest[0]));
		assert_true(ends_in(rest, "."));
	}
	assert_string_equal(name, r->name);
}

static bool suffix_fits(const char *type, const char *suffix)
{
	if (strcmp(type, "counter") == 0)
		return strcmp(suffix, "_total") == 0;
	if (strcmp(type, "info") == 0)
		return strcmp(suffix, "_info") == 0;
	if (strcmp(type, "histogram") == 0)
		return strcmp(suffix, "_bucket") == 0 || strcmp(suffix, "_count") == 0 ||
		       strcmp(suffix, "_sum") == 0;
	return strcmp(type, "gauge") == 0 && suffix[0] == '\0';
}

/* NAME[{LABEL="VALUE",...}] NUMBER; returns the length of what stands before the number. */
static size_t sample_head(const char *line)
{
	const char *at = line + strspn(line, "abcdefghijklmnopqrstuvwxyz0123456789_");

	if (*at == '{') {
		do {
			at++;
			at += strspn(at, "abcdefghijklmnopqrstuvwxyz_");
			assert_true(at[0] == '=' && at[1] == '"');
			for (at += 2; *at != '"'; at++) {
				assert_true(*at != '\0');
				if (*at == '\\')
					assert_non_null(strchr("\\\"n", *++at));
			}
			at++;
		} while (*at == ',');
		assert_true(*at++ == '}');
	}
	assert_true(*at == ' ');
	return (size_t)(at - line);
}

static void read_sample(struct reader *r, const char *line)
{
	const size_t n = sample_head(line), name = strcspn(line, "{ ");
	char suffix[NAME], *end;

	assert_true(strncmp(line, r->name, strlen(r->name)) == 0);
	snprintf(suffix, sizeof(suffix), "%.*s", (int)(name - strlen(r->name)),
		 line + strlen(r->name));
	if (!suffix_fits(r->type, suffix))
		fail_msg("%s: %s", r->type, line);
	assert_true(strtod(line + n + 1, &end) >= 0);
	assert_true(*end == '\0');
	for (size_t i = 0; i < r->n_samples; i++)
		if (strncmp(r->samples[i], line, n + 1) == 0)
			fail_msg("twice: %s", line);
	r->samples[r->n_samples++] = line;
	assert_true(r->n_samples < LINES);
}

static void assert_well_formed(char *text)
{
	struct reader *r = calloc(1, sizeof(*r));
	char *rest = NULL;
	bool over = false;

	assert_true(ends_in(text, "\n# EOF\n"));
	for (char *line = strtok_r(text, "\n", &rest); line != NULL;
	     line = strtok_r(NULL, "\n", &rest)) {
		assert_false(over);
		if (strcmp(line, "# EOF") == 0)
			over = true;
		else if (line[0] == '#')
			read_comment(r, line);
		else
			read_sample(r, line);
	}
	assert_true(over);
	free(r);
}

static void test_grammar(void **state)
{
	json_t *document = full();
	char *text = printed(document, FORMAT_OPENMETRICS);

	(void)state;
	assert_well_formed(text);
	free(text);
	json_decref(document);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_down),
		cmocka_unit_test(test_another_format),
		cmocka_unit_test(test_samples),
		cmocka_unit_test(test_labels_are_escaped),
		cmocka_unit_test(test_older_format),
		cmocka_unit_test(test_an_older_daemon_says_less),
		cmocka_unit_test(test_grammar),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
