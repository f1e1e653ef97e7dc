/* SPDX-License-Identifier: Apache-2.0 */
#include "cmd/ikemeshd/daemon.h"
#include "cmd/ikemeshd/guardian.h"
#include "cmd/ikemeshd/heap.h"
#include "cmd/ikemeshd/keyholder.h"
#include "cmd/ikemeshd/privileges.h"
#include "cmd/ikemeshd/shortage.h"
#include "config/check.h"

#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <systemd/sd-daemon.h>
#include <unistd.h>

#define CONFIG_PATH "/etc/ikemesh/ikemesh.yml"
#define RUN_DIR "/run/ikemesh"
#define STATE_DIR "/var/lib/ikemesh"

#define EXIT_USAGE 64 /* sysexits.h */

static const char usage[] =
	"ikemeshd: keeps the traffic between the hosts of a mesh in ESP, keyed by IKEv2\n"
	"\n"
	"  --config FILE      what to protect (default " CONFIG_PATH ")\n"
	"  --run-dir DIR      control socket and lock (default " RUN_DIR ")\n"
	"  --state-dir DIR    what outlives a reboot (default " STATE_DIR ")\n"
	"  --check            only check the configuration: 0 good, 2 errors\n"
	"  --policies         only set the kernel's policies and go: for the boot, before\n"
	"                     there is a network (ikemesh-policy.service)\n"
	"  --sysctls          only set the kernel's net.core.xfrm_* and go: for a daemon that\n"
	"                     may not (ikemesh.service)\n"
	"  --stopping         only tell the daemon what kind of stop it is (ExecStop= of\n"
	"                     ikemesh.service)\n"
	"  --engine           serve, with the keyholder that is there already (ikemesh.service)\n"
	"  --keyholder        be the process that reads the configuration and has its private\n"
	"                     key, on the socket that is descriptor 3 (ikemesh-keyholder.service)\n"
	"  --user NAME        what talks to the network is that user (default " GUARDIAN_USER ")\n"
	"  --log-level LEVEL  error, warning, notice, info (default) or debug\n"
	"  --expose-keys DIR  write all keys of IKE and ESP to DIR, in Wireshark's formats: for\n"
	"                     root alone, and for debugging alone\n"
	"  --version\n"
	"  --help\n"
	"\n"
	"It stays in the foreground. SIGHUP: load the configuration anew. SIGTERM: tell the\n"
	"peers, remove the SAs and go; the policies stay until `ikectl disable`, unless the\n"
	"configuration says on_stop: clear. For a restart by systemd SAs stay as well, and the "
	"next\n"
	"ikemeshd goes on with them. SIGUSR2: execute the program anew, which takes over all SAs\n"
	"(an upgrade without systemd).\n";

static const struct option options[] = {
	{ "config", required_argument, NULL, 'c' },
	{ "run-dir", required_argument, NULL, 'r' },
	{ "state-dir", required_argument, NULL, 's' },
	{ "check", no_argument, NULL, 'k' },
	{ "policies", no_argument, NULL, 'p' },
	{ "sysctls", no_argument, NULL, 'y' },
	{ "stopping", no_argument, NULL, 'S' },
	{ "engine", no_argument, NULL, 'e' },
	{ "keyholder", no_argument, NULL, 'o' },
	{ "user", required_argument, NULL, 'u' },
	{ "log-level", required_argument, NULL, 'l' },
	{ "expose-keys", required_argument, NULL, 'x' },
	{ "version", no_argument, NULL, 'v' },
	{ "help", no_argument, NULL, 'h' },
	{ 0 },
};

static int misuse(const char *what)
{
	fprintf(stderr, "ikemeshd: %s; see --help\n", what);
	return EXIT_USAGE;
}

/*
 * What to execute anew: the name that we were called by, where an upgrade puts the next one.
 * Without a path it is this very program.
 */
static const char *program_of(const char *name)
{
	return strchr(name, '/') != NULL ? name : "/proc/self/exe";
}

/* Who may ask besides root; where there is no such user, root alone may. */
static uid_t user_of(const char *name)
{
	struct privileges_user user;

	return privileges_find(name, &user) == 0 ? user.uid : 0;
}

static int run_keyholder(const struct daemon_options *o)
{
	const struct keyholder_options k = { .config_path = o->config_path,
					     .listener = KEYHOLDER_LISTENER,
					     .user = user_of(o->user),
					     .sandbox = true,
					     .stop = -1 };

	if (sd_listen_fds(1) < 1)
		return misuse("--keyholder needs its socket: ikemeshd starts it by itself");
	/* It has what root's files give, and nothing of root's might. */
	(void)privileges_keep(0);
	(void)secret_lock_process(); /* where it may not be, ikectl doctor tells of swap */
	return keyholder_serve(&k);
}

static int run_guardian(const struct daemon_options *o)
{
	const struct guardian_options g = { .run_dir = o->run_dir,
					    .state_dir = o->state_dir,
					    .user = o->user,
					    .expose_dir = o->expose_dir,
					    .program = o->program,
					    .argv = o->argv };

	return guardian_run(&g);
}

int main(int argc, char **argv)
{
	struct daemon_options o = { .config_path = CONFIG_PATH,
				    .run_dir = RUN_DIR,
				    .state_dir = STATE_DIR,
				    .user = GUARDIAN_USER,
				    .log_level = REPORT_INFO };
	bool only_check = false;
	int (*run)(const struct daemon_options *) = run_guardian;

	shortage_watch();
	for (int c; (c = getopt_long(argc, argv, "", options, NULL)) != -1;) {
		if (c == 'c') {
			o.config_path = optarg;
		} else if (c == 'r') {
			o.run_dir = optarg;
		} else if (c == 's') {
			o.state_dir = optarg;
		} else if (c == 'k') {
			only_check = true;
		} else if (c == 'p') {
			run = daemon_policies;
		} else if (c == 'y') {
			run = daemon_sysctls;
		} else if (c == 'S') {
			return stop_tell();
		} else if (c == 'e') {
			run = daemon_run;
		} else if (c == 'o') {
			run = run_keyholder;
		} else if (c == 'u') {
			o.user = optarg;
		} else if (c == 'l') {
			if (!report_level_parse(optarg, &o.log_level))
				return misuse(
					"--log-level is error, warning, notice, info or debug");
		} else if (c == 'x') {
			o.expose_dir = optarg;
		} else if (c == 'v') {
			return puts("ikemeshd " IKEMESH_VERSION) < 0;
		} else if (c == 'h') {
			return fputs(usage, stdout) < 0;
		} else {
			return misuse("unknown option");
		}
	}
	if (optind != argc)
		return misuse("no arguments are taken");
	heap_limits();
	secret_guard_process();
	if (only_check)
		return config_check(o.config_path, time(NULL), stdout) == CHECK_ERRORS
			       ? DAEMON_BAD_CONFIG
			       : 0;
	o.program = program_of(argv[0]);
	o.argv = argv;
	return run(&o);
}
