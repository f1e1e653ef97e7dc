/* SPDX-License-Identifier: Apache-2.0 */
#include "cmd/ikectl/check.h"
#include "cmd/ikectl/client.h"
#include "config/check.h"
#include "crypto/secret.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define CONFIG_PATH "/etc/ikemesh/ikemesh.yml"

static const char *const words[] = {
	[CHECK_GOOD] = "good",
	[CHECK_WARNINGS] = "warning",
	[CHECK_ERRORS] = "error",
};

/* What the daemon finds, which knows the peers; NULL: none runs here, or it did not say. */
static json_t *ask_daemon(const struct invocation *in, const char *path,
			  char error[static CLIENT_ERROR_LEN], int *err)
{
	char whole[PATH_MAX];
	json_t *request, *answer;

	/* The daemon has another working directory. */
	if (realpath(path, whole) == NULL) {
		*err = -errno;
		return NULL;
	}
	request = json_pack("{s:s, s:s}", "command", "preflight", "file", whole);
	answer = client_ask(in->run_dir, request, err, error);
	json_decref(request);
	return answer;
}

static enum check_result worst_of(const json_t *answer, enum check_result before)
{
	enum check_result worst = before;
	const json_t *finding;
	size_t i;

	json_array_foreach(json_object_get(answer, "findings"), i, finding)
	{
		const char *level = json_string_value(json_object_get(finding, "level"));
		bool error = level != NULL && strcmp(level, words[CHECK_ERRORS]) == 0;
		enum check_result one = error ? CHECK_ERRORS : CHECK_WARNINGS;

		worst = one > worst ? one : worst;
	}
	return worst;
}

static void print_findings(const json_t *answer)
{
	json_int_t checked = json_integer_value(json_object_get(answer, "checked"));
	json_int_t unchecked = json_integer_value(json_object_get(answer, "unchecked"));
	const json_t *finding;
	size_t i;

	json_array_foreach(json_object_get(answer, "findings"), i, finding)
	{
		printf("%s: peer %s %s\n", json_string_value(json_object_get(finding, "level")),
		       json_string_value(json_object_get(finding, "peer")),
		       json_string_value(json_object_get(finding, "text")));
	}
	printf("%lld connected peer%s looked at", (long long)checked, checked == 1 ? "" : "s");
	if (unchecked > 0)
		printf(", %lld more not", (long long)unchecked);
	printf("\n");
}

/* --- as text ---------------------------------------------------------------------------------- */

static enum check_result check_text(const struct invocation *in, const char *path)
{
	enum check_result result = config_check(path, time(NULL), stdout);
	char error[CLIENT_ERROR_LEN] = "";
	json_t *answer;
	int err = 0;

	if (result == CHECK_ERRORS)
		return result;
	answer = ask_daemon(in, path, error, &err);
	if (answer != NULL)
		print_findings(answer);
	else if (err == -ENOENT || err == -ECONNREFUSED)
		printf("no ikemeshd runs here: no peers to look at\n");
	else
		printf("the peers were not looked at: %s\n", error);
	result = worst_of(answer, result);
	json_decref(answer);
	return result;
}

/* --- as JSON ---------------------------------------------------------------------------------- */

static json_t *problem_json(const struct problem *p)
{
	static const char *const levels[] = {
		[PROBLEM_NOTICE] = "notice",
		[PROBLEM_WARNING] = "warning",
		[PROBLEM_ERROR] = "error",
	};

	return json_pack("{s:s, s:s, s:i, s:i, s:s, s:s?}", "level", levels[p->level], "file",
			 p->file, "line", (int)p->line, "column", (int)p->column, "text",
			 p->message, "instead", p->mend);
}

static json_t *problems_json(const struct problems *ps)
{
	json_t *all = json_array();

	for (size_t i = 0; i < ps->n; i++)
		json_array_append_new(all, problem_json(&ps->p[i]));
	return all;
}

static enum check_result check_json(const struct invocation *in, const char *path)
{
	char error[CLIENT_ERROR_LEN] = "";
	struct problems ps = { 0 };
	struct config c = { 0 };
	int err = config_load(path, time(NULL), &c, &ps);
	enum check_result result = err != 0 ? CHECK_ERRORS : check_result_of(&ps);
	json_t *answer = err == 0 ? ask_daemon(in, path, error, &err) : NULL, *all;

	result = worst_of(answer, result);
	all = json_pack("{s:s, s:s, s:s, s:o, s:O?}", "format", "ikemesh-check/1", "file", path,
			"result", words[result], "problems", problems_json(&ps), "peers", answer);
	command_print_json(all);
	json_decref(all);
	json_decref(answer);
	config_free(&c);
	problems_free(&ps);
	return result;
}

enum status run_check(const struct invocation *in)
{
	const char *path = in->argument != NULL ? in->argument : CONFIG_PATH;
	enum check_result result;

	secret_guard_process();
	result = in->json ? check_json(in, path) : check_text(in, path);
	/* 1 and 2 as well, though for a command that has done its work. */
	return result == CHECK_GOOD	  ? STATUS_GOOD
	       : result == CHECK_WARNINGS ? STATUS_FAILED
					  : STATUS_BAD_CONFIG;
}
