/* SPDX-License-Identifier: Apache-2.0 */
#include "cmd/ikectl/client.h"
#include "cmd/ikectl/disable.h"
#include "cmd/ikectl/show.h"
#include "config/check.h"
#include "crypto/secret.h"

#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define RUN_DIR "/run/ikemesh"
#define CONFIG_PATH "/etc/ikemesh/ikemesh.yml"

enum status {
	STATUS_GOOD = 0,
	STATUS_FAILED = 1,
	STATUS_BAD_CONFIG = 2,
	STATUS_NO_DAEMON = 3,
	STATUS_USAGE = 64, /* sysexits.h */
};

struct invocation {
	const char *run_dir;
	bool json;
	const char *command;
	const char *argument; /* NULL: none */
};

/* The daemon's answer, or NULL with *status set and the reason said. */
static json_t *ask(const struct invocation *in, enum status *status)
{
	char error[CLIENT_ERROR_LEN];
	json_t *request = json_pack("{s:s}", "command", in->command), *answer;
	int err = -ENOMEM;

	if (in->argument != NULL)
		json_object_set_new(request, "peer", json_string(in->argument));
	answer = client_ask(in->run_dir, request, &err, error);
	json_decref(request);
	*status = STATUS_GOOD;
	if (answer == NULL) {
		fprintf(stderr, "ikectl: %s\n", error);
		*status = err == -ENOENT || err == -ECONNREFUSED ? STATUS_NO_DAEMON : STATUS_FAILED;
	}
	return answer;
}

static void print_json(const json_t *document)
{
	json_dumpf(document, stdout, JSON_INDENT(2));
	printf("\n");
}

static enum status run_statusall(const struct invocation *in)
{
	enum status status;
	json_t *answer = ask(in, &status);

	if (answer == NULL)
		return status;
	if (in->json)
		print_json(answer);
	else
		show_statusall(answer, stdout);
	json_decref(answer);
	return STATUS_GOOD;
}

/* Ours is known without a daemon; its own may be another after an upgrade. */
static enum status run_version(const struct invocation *in)
{
	json_t *request = json_pack("{s:s}", "command", "version"), *answer;
	char error[CLIENT_ERROR_LEN];
	int err;

	answer = client_ask(in->run_dir, request, &err, error);
	json_decref(request);
	if (in->json) {
		json_t *both =
			json_pack("{s:s, s:o?}", "ikectl", IKEMESH_VERSION, "daemon", answer);

		print_json(both);
		json_decref(both);
		return STATUS_GOOD;
	}
	printf("ikectl %s\n", IKEMESH_VERSION);
	if (answer != NULL)
		printf("ikemeshd %s (running)\n",
		       json_string_value(json_object_get(answer, "version")));
	else
		printf("ikemeshd is not running, or not to be reached\n");
	json_decref(answer);
	return STATUS_GOOD;
}

/* up, down, rekey, reload: the daemon does it and says what it did. */
static enum status run_request(const struct invocation *in)
{
	enum status status;
	json_t *answer = ask(in, &status);
	const char *text;

	if (answer == NULL)
		return status;
	text = json_string_value(json_object_get(answer, "text"));
	if (in->json)
		print_json(answer);
	else
		printf("%s%s%s\n", in->argument != NULL ? in->argument : "",
		       in->argument != NULL ? ": " : "", text != NULL ? text : "done");
	json_decref(answer);
	return STATUS_GOOD;
}

static enum status run_disable(const struct invocation *in)
{
	return disable(in->run_dir) == EXIT_SUCCESS ? STATUS_GOOD : STATUS_FAILED;
}

static enum status run_check(const struct invocation *in)
{
	const char *path = in->argument != NULL ? in->argument : CONFIG_PATH;

	secret_guard_process();
	return config_check(path, time(NULL), stdout) ? STATUS_GOOD : STATUS_BAD_CONFIG;
}

enum argument {
	ARGUMENT_NONE,
	ARGUMENT_OPTIONAL,
	ARGUMENT_NEEDED,
};

static const struct command {
	const char *name;
	enum argument argument;
	const char *synopsis;
	const char *help;
	enum status (*run)(const struct invocation *in);
} commands[] = {
	{ "statusall", ARGUMENT_NONE, "statusall [--json]", "everything, in strongSwan's layout",
	  run_statusall },
	{ "up", ARGUMENT_NEEDED, "up PEER", "negotiate with this address now", run_request },
	{ "down", ARGUMENT_NEEDED, "down PEER", "delete the SAs with this address", run_request },
	{ "rekey", ARGUMENT_NEEDED, "rekey PEER", "new keys for the traffic with this address",
	  run_request },
	{ "rekey-ike", ARGUMENT_NEEDED, "rekey-ike PEER", "new keys for the IKE SA with it",
	  run_request },
	{ "reauth", ARGUMENT_NEEDED, "reauth PEER",
	  "a new IKE SA with it, proving identities again, without a gap", run_request },
	{ "reload", ARGUMENT_NONE, "reload", "load the configuration anew", run_request },
	{ "check", ARGUMENT_OPTIONAL, "check [FILE]", "look for errors in a configuration",
	  run_check },
	{ "disable", ARGUMENT_NONE, "disable",
	  "stop the daemon, remove all our policies and SAs: traffic goes in the clear",
	  run_disable },
	{ "version", ARGUMENT_NONE, "version", "ours and the running daemon's", run_version },
};
#define N_COMMANDS (sizeof(commands) / sizeof(commands[0]))

static void print_usage(FILE *out)
{
	fprintf(out, "ikectl: shows and steers ikemeshd\n\n"
		     "  ikectl [--run-dir DIR] [--json] COMMAND\n\n");
	for (size_t i = 0; i < N_COMMANDS; i++)
		fprintf(out, "  %-20s %s\n", commands[i].synopsis, commands[i].help);
	fprintf(out,
		"\n"
		"  --run-dir DIR        where the daemon's socket is (default " RUN_DIR ")\n"
		"  --json               machine-readable, with stable names\n"
		"\n"
		"Exit status: 0 done, 1 failed, 2 bad configuration, 3 no daemon, 64 usage.\n");
}

static enum status misuse(const char *what, const char *of)
{
	fprintf(stderr, "ikectl: %s%s%s; see --help\n", what, of != NULL ? ": " : "",
		of != NULL ? of : "");
	return STATUS_USAGE;
}

static enum status dispatch(const struct invocation *in)
{
	for (size_t i = 0; i < N_COMMANDS; i++) {
		const struct command *c = &commands[i];

		if (strcmp(c->name, in->command) != 0)
			continue;
		if (c->argument == ARGUMENT_NEEDED && in->argument == NULL)
			return misuse("an address is missing", c->synopsis);
		if (c->argument == ARGUMENT_NONE && in->argument != NULL)
			return misuse("one argument too many", in->argument);
		return c->run(in);
	}
	return misuse("unknown command", in->command);
}

static const struct option options[] = {
	{ "run-dir", required_argument, NULL, 'r' },
	{ "json", no_argument, NULL, 'j' },
	{ "help", no_argument, NULL, 'h' },
	{ "version", no_argument, NULL, 'v' },
	{ 0 },
};

int main(int argc, char **argv)
{
	struct invocation in = { .run_dir = RUN_DIR };

	for (int c; (c = getopt_long(argc, argv, "", options, NULL)) != -1;) {
		if (c == 'r') {
			in.run_dir = optarg;
		} else if (c == 'j') {
			in.json = true;
		} else if (c == 'v') {
			return puts("ikectl " IKEMESH_VERSION) < 0;
		} else if (c == 'h') {
			print_usage(stdout);
			return STATUS_GOOD;
		} else {
			return STATUS_USAGE;
		}
	}
	if (optind == argc) {
		print_usage(stderr);
		return STATUS_USAGE;
	}
	if (argc - optind > 2)
		return (int)misuse("too many arguments", argv[optind + 2]);
	in.command = argv[optind];
	in.argument = argv[optind + 1];
	return (int)dispatch(&in);
}
