/* SPDX-License-Identifier: Apache-2.0 */
#include "cmd/ikectl/certs.h"
#include "cmd/ikectl/check.h"
#include "cmd/ikectl/client.h"
#include "cmd/ikectl/disable.h"
#include "cmd/ikectl/doctor.h"
#include "cmd/ikectl/explain.h"
#include "cmd/ikectl/import.h"
#include "cmd/ikectl/invocation.h"
#include "cmd/ikectl/log.h"
#include "cmd/ikectl/metrics_command.h"
#include "cmd/ikectl/mode.h"
#include "cmd/ikectl/monitor.h"
#include "cmd/ikectl/pki.h"
#include "cmd/ikectl/plan.h"
#include "cmd/ikectl/reload.h"
#include "cmd/ikectl/show.h"
#include "cmd/ikectl/show_peers.h"
#include "cmd/ikectl/steer.h"
#include "cmd/ikectl/top.h"
#include "cmd/ikectl/verify.h"
#include "cmd/ikectl/wait.h"
#include "cmd/ikectl/why.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define RUN_DIR "/run/ikemesh"

/* A question without particulars, or with a peer as its only one. */
static json_t *ask(const struct invocation *in, enum status *status)
{
	json_t *request = json_pack("{s:s}", "command", in->command);

	if (in->argument != NULL)
		json_object_set_new(request, "peer", json_string(in->argument));
	return command_ask(in, request, status);
}

static enum status run_statusall(const struct invocation *in)
{
	enum status status;
	json_t *answer = ask(in, &status);

	if (answer == NULL)
		return status;
	if (in->json)
		command_print_json(answer);
	else
		show_statusall(answer, stdout);
	json_decref(answer);
	return STATUS_GOOD;
}

static enum status run_status(const struct invocation *in)
{
	enum status status;
	json_t *answer = ask(in, &status);

	if (answer == NULL)
		return status;
	if (in->json)
		command_print_json(answer);
	else
		show_peers(answer, colour_for(in->colour, STDOUT_FILENO), stdout);
	json_decref(answer);
	return STATUS_GOOD;
}

static enum status run_doctor(const struct invocation *in)
{
	struct findings findings = { 0 };
	struct ip peer = { 0 };
	struct facts facts;
	enum health verdict;
	json_t *document;

	if (in->argument != NULL && !ip_parse(in->argument, &peer))
		return command_misuse("not an IPv4 or IPv6 address", in->argument);
	facts_gather(in->run_dir, &peer, &facts);
	doctor_examine(&facts, &findings);
	verdict = doctor_verdict(&findings);
	if (in->json) {
		document = doctor_json(&findings);
		command_print_json(document);
		json_decref(document);
	} else {
		doctor_print(&findings, colour_for(in->colour, STDOUT_FILENO), stdout);
	}
	findings_free(&findings);
	facts_free(&facts);
	return (enum status)verdict;
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

		command_print_json(both);
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

static enum status run_disable(const struct invocation *in)
{
	return disable(in->run_dir) == EXIT_SUCCESS ? STATUS_GOOD : STATUS_FAILED;
}

static enum status run_release(const struct invocation *in)
{
	return release(in->run_dir) == EXIT_SUCCESS ? STATUS_GOOD : STATUS_FAILED;
}

static const struct option rotate_options[] = { { "wait", no_argument, NULL, 0 }, { 0 } };

static const struct command commands[] = {
	{ .name = "statusall",
	  .synopsis = "statusall [--json]",
	  .help = "everything, in strongSwan's layout",
	  .run = run_statusall },
	{ .name = "status",
	  .argument = ARGUMENT_OPTIONAL,
	  .synopsis = "status [PEER]",
	  .help = "one line a pair; with PEER all about it",
	  .run = run_status },
	{ .name = "up",
	  .argument = ARGUMENT_OPTIONAL,
	  .synopsis = "up PEER|--all [--wait]\n                      ",
	  .help = "negotiate with this address now; --all: with each known one that has no SA; "
		  "it\n"
		  "                       waits for the outcome then, as --wait does",
	  .options = steer_up_options,
	  .run = steer_run },
	{ .name = "down",
	  .argument = ARGUMENT_NEEDED,
	  .synopsis = "down PEER [--wait]",
	  .help = "delete the SAs with this address; the next packet brings new ones",
	  .options = steer_options,
	  .run = steer_run },
	{ .name = "rekey",
	  .argument = ARGUMENT_NEEDED,
	  .synopsis = "rekey PEER [--wait]",
	  .help = "new keys for the traffic with this address",
	  .options = steer_options,
	  .run = steer_run },
	{ .name = "rekey-ike",
	  .argument = ARGUMENT_NEEDED,
	  .synopsis = "rekey-ike PEER [--wait]\n                      ",
	  .help = "new keys for the IKE SA with it",
	  .options = steer_options,
	  .run = steer_run },
	{ .name = "reauth",
	  .argument = ARGUMENT_NEEDED,
	  .synopsis = "reauth PEER",
	  .help = "a new IKE SA with it, proving identities again, without a gap",
	  .run = steer_run },
	{ .name = "reset",
	  .argument = ARGUMENT_NEEDED,
	  .synopsis = "reset PEER [--wait]",
	  .help = "all its SAs go at once, whether it answers or not, and it is negotiated afresh",
	  .options = steer_options,
	  .run = steer_run },
	{ .name = "reload",
	  .synopsis = "reload [--force] [--settled PATH,...]\n                      ",
	  .help = "load the configuration anew, unless it would cut connected peers off; "
		  "--settled: "
		  "when\n"
		  "                       these files, or those in these directories, were left "
		  "alone "
		  "for 2s, and\n"
		  "                       again if they changed meanwhile",
	  .options = reload_options,
	  .run = reload_run },
	{ .name = "mode",
	  .argument = ARGUMENT_OPTIONAL,
	  .synopsis = "mode optional|enforced|file [SUBNET] [--force] [--confirm-within DURATION]\n"
		      "                      ",
	  .help = "all of ipsec_subnets, or one of them; it outlives a reboot; file: as the\n"
		  "                       configuration says; --force: although peers talk in the "
		  "clear;\n"
		  "                       --confirm-within 5m: goes back unless `ikectl confirm` "
		  "follows",
	  .run = mode_run,
	  .further = 1,
	  .options = mode_options },
	{ .name = "confirm",
	  .synopsis = "confirm",
	  .help = "the mode stays that --confirm-within would take back",
	  .run = mode_confirm_run },
	{ .name = "log",
	  .argument = ARGUMENT_OPTIONAL,
	  .synopsis = "log [AREA] [LEVEL|default] [--for DURATION]\n                      ",
	  .help = "how much is said of what; with LEVEL (error, warning, notice, info, debug) "
		  "from now\n"
		  "                       on, for a while, or until the daemon ends; default: as "
		  "configured",
	  .run = log_run,
	  .further = 1,
	  .options = log_options },
	{ .name = "wait",
	  .synopsis = "wait [--peers A,B|N] [--timeout D]\n                      ",
	  .help = "until the daemon is ready; with --peers until SAs with these (which are asked\n"
		  "                       for), or with so many, are up; at most 30s, or D",
	  .run = wait_run,
	  .options = wait_options },
	{ .name = "monitor",
	  .argument = ARGUMENT_OPTIONAL,
	  .synopsis = "monitor [PEER] [--last N] [--count N] [--level LEVEL]\n"
		      "                      ",
	  .help = "what happens, as it happens (with PEER); --last: and the last N before; "
		  "--count:\n"
		  "                       ends after N; --level: error, warning, notice, info, "
		  "debug",
	  .options = monitor_options,
	  .run = monitor_run },
	{ .name = "top",
	  .synopsis = "top [--sort traffic|age|trouble] [--interval D] [--once]\n"
		      "                      ",
	  .help = "all pairs, live, looking every 2s, or D; h shows the keys; --once: printed "
		  "as text",
	  .options = top_options,
	  .run = top_run },
	{ .name = "why",
	  .argument = ARGUMENT_NEEDED,
	  .synopsis = "why PEER",
	  .help = "what became of traffic with it, the attempts, and the likely mend",
	  .run = why_run },
	{ .name = "verify",
	  .argument = ARGUMENT_NEEDED,
	  .synopsis = "verify PEER",
	  .help = "prove by traffic that what goes to it and comes from it is protected",
	  .run = verify_run },
	{ .name = "doctor",
	  .argument = ARGUMENT_OPTIONAL,
	  .synopsis = "doctor [PEER]",
	  .help = "what is amiss on this host (and on the way to PEER), and how to mend it",
	  .run = run_doctor },
	{ .name = "check",
	  .argument = ARGUMENT_OPTIONAL,
	  .synopsis = "check [FILE]",
	  .help = "look for errors in a configuration, and for peers that it would cut off",
	  .run = run_check },
	{ .name = "plan",
	  .argument = ARGUMENT_OPTIONAL,
	  .synopsis = "plan [FILE]",
	  .help = "what a reload of this configuration would change",
	  .run = plan },
	{ .name = "explain",
	  .argument = ARGUMENT_NEEDED,
	  .synopsis = "explain ADDR[:PORT]",
	  .help = "which rule decides on it, and why; --protocol NAME, or /udp behind it",
	  .run = explain_run,
	  .options = explain_options },
	{ .name = "certs",
	  .synopsis = "certs",
	  .help = "our certificates, the CAs and the peers': whose they are, and until when",
	  .run = run_certs },
	{ .name = "rotate",
	  .argument = ARGUMENT_OPTIONAL,
	  .synopsis = "rotate [--wait]",
	  .help = "re-authenticate all peers, a few at a time and without a gap\n"
		  "  rotate status        who has which certificate; is the next step to another "
		  "CA safe?",
	  .options = rotate_options,
	  .run = run_rotate },
	{ .name = "metrics",
	  .synopsis = "metrics [--prometheus]",
	  .help = "counters and states as OpenMetrics text; --prometheus: in the older format",
	  .run = metrics_run,
	  .options = metrics_options },
	{ .name = "pki",
	  .argument = ARGUMENT_NEEDED,
	  .synopsis = "pki init DIR | pki issue DIR NAME [ADDRESS|HOST...]\n                      ",
	  .help = "a CA and instance certificates, for tests and for a start",
	  .run = run_pki,
	  .further = COMMAND_ARGUMENTS - 1 },
	{ .name = "import",
	  .argument = ARGUMENT_NEEDED,
	  .synopsis = "import FILE... [--output DIR]\n                      ",
	  .help = "an ikemesh.yml from an ipsec-addon.yml, strongSwan's ipsec.conf (with "
		  "ipsec.secrets)\n"
		  "                       or swanctl.conf; --output: into DIR, with the keys that "
		  "stand in it",
	  .run = import_run,
	  .further = COMMAND_ARGUMENTS - 1,
	  .options = import_options },
	{ .name = "disable",
	  .synopsis = "disable",
	  .help = "stop the daemon, remove all our policies and SAs: traffic goes in the clear,\n"
		  "                       or, behind release, by another IKE daemon's SAs",
	  .run = run_disable },
	{ .name = "release",
	  .synopsis = "release",
	  .help = "end the daemon and leave its SAs and policies to carry the traffic; start\n"
		  "                       another IKE daemon, then say disable, which has that one "
		  "take over",
	  .run = run_release },
	{ .name = "version",
	  .synopsis = "version",
	  .help = "ours and the running daemon's",
	  .run = run_version },
};
#define N_COMMANDS (sizeof(commands) / sizeof(commands[0]))

static void print_usage(FILE *out)
{
	fprintf(out, "ikectl: shows and steers ikemeshd\n\n"
		     "  ikectl [--run-dir DIR] [--json] [--color WHEN] COMMAND\n\n");
	for (size_t i = 0; i < N_COMMANDS; i++)
		fprintf(out, "  %-20s %s\n", commands[i].synopsis, commands[i].help);
	fprintf(out, "\n"
		     "  --run-dir DIR        where the daemon's socket is (default " RUN_DIR ")\n"
		     "  --json               machine-readable, with stable names\n"
		     "  --color WHEN         auto (on a terminal, unless NO_COLOR is set), always, "
		     "never\n"
		     "\n"
		     "Exit status: 0 done, 1 failed, 2 bad configuration, 3 no daemon, 64 usage, "
		     "77 not allowed;\n"
		     "of doctor and check: 0 all is good, 1 warnings, 2 errors; of why: 0 nothing "
		     "is amiss, "
		     "1 else;\nof verify: 0 it is protected, 1 not proved; of wait: 0 ready, 1 "
		     "peers are missing at the end, 3 the daemon "
		     "is;\nof import: 0 all is carried over, 1 not all, as stderr says, 2 "
		     "nothing.\n");
}

/* A full disk is no success: what was to be told is not there. */
static enum status told(enum status status)
{
	if (fflush(stdout) == 0 && ferror(stdout) == 0)
		return status;
	fprintf(stderr, "ikectl: the output cannot be written: %s\n", strerror(errno));
	return status == STATUS_GOOD ? STATUS_FAILED : status;
}

int main(int argc, char **argv)
{
	struct invocation in = { .run_dir = RUN_DIR };
	const struct command *command;

	switch (invocation_read(argc, argv, commands, N_COMMANDS, &in, &command)) {
	case WANTED_COMMAND:
		return (int)told(command->run(&in));
	case WANTED_HELP:
		print_usage(stdout);
		return STATUS_GOOD;
	case WANTED_VERSION:
		return puts("ikectl " IKEMESH_VERSION) < 0;
	case WANTED_USAGE:
		print_usage(stderr);
		break;
	case WANTED_NOTHING:
		break;
	}
	return STATUS_USAGE;
}
