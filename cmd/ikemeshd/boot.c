/* SPDX-License-Identifier: Apache-2.0 */
#include "cmd/ikemeshd/daemon.h"
#include "cmd/ikemeshd/run_dir.h"
#include "config/mode.h"
#include "config/remembered.h"

#include <errno.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define LOG_AREA AREA_XFRM

/*
 * A file that cannot be read is no reason to be open where yesterday nothing was: what a daemon had
 * in force last is taken instead. The exit status tells of it all the same.
 */
static int load(const struct daemon_options *o, struct log *log, struct config *c)
{
	struct problems ps = { 0 };
	int err = config_load_policies(o->config_path, c, &ps);

	daemon_tell(log, &ps);
	problems_free(&ps);
	if (err == 0)
		return 0;
	if (remembered_load(o->state_dir, c) == 0)
		log_text(log, REPORT_ERROR,
			 "%s cannot be used: what ikemeshd protected last is protected again",
			 o->config_path);
	else
		log_text(log, REPORT_ERROR,
			 "%s cannot be used, and nobody knows what to protect. What policies the "
			 "kernel has stay; if it has none, TRAFFIC FLOWS IN THE CLEAR",
			 o->config_path);
	return err;
}

static void apply_mode(const struct daemon_options *o, struct log *log, struct spec *spec)
{
	char why[MODE_TEXT_LEN];
	struct mode mode;
	int err = mode_load(o->state_dir, &mode, why);

	if (err != 0)
		log_text(log, REPORT_ERROR, "%s: %s", why, strerror(-err));
	mode_apply(&mode, spec);
	mode_wipe(&mode);
}

static int install(struct policies *p, const struct spec *spec)
{
	int err;

	policies_set_sysctls(p);
	err = policies_sync(p, spec);
	if (err == 0)
		log_text(p->log, REPORT_NOTICE,
			 "the policies stand: %zu protected, %zu bypassed subnets", spec->n_protect,
			 spec->n_bypass);
	return err;
}

static int set_policies(const struct daemon_options *o, struct log *log, const struct spec *spec)
{
	struct addresses *addresses = NULL;
	struct kernel *kernel = NULL;
	struct policies policies;
	int err = kernel_open(&kernel);

	if (err == 0)
		err = addresses_open(&addresses);
	if (err == 0) {
		policies_init(&policies, kernel, addresses, log, o->run_dir);
		err = install(&policies, spec);
		policies_free(&policies);
	} else {
		log_text(log, REPORT_ERROR,
			 "no access to the kernel's IPsec (CONFIG_XFRM_USER): %s", strerror(-err));
	}
	addresses_close(addresses);
	kernel_close(kernel);
	return err;
}

int daemon_policies(const struct daemon_options *o)
{
	struct config config = { 0 };
	struct log *log = NULL;
	int lock = -1, status = 1;
	bool bad;

	if (log_open(LOG_TO_STDERR, NULL, o->log_level, &log) != 0)
		return status;
	bad = load(o, log, &config) != 0;
	if (config.spec.n_protect > 0 && run_dir_take(o->run_dir, log, &lock) == 0) {
		apply_mode(o, log, &config.spec);
		status = set_policies(o, log, &config.spec) == 0 ? 0 : 1;
	}
	if (bad)
		status = DAEMON_BAD_CONFIG;
	if (lock >= 0)
		close(lock);
	config_free(&config);
	log_close(log);
	return status;
}

/* What root left there (the policies at boot, a version before) is for the engine to use. */
static void settle(struct log *log, const char *dir)
{
	struct stat st;
	int err = stat(dir, &st) == 0 ? 0 : -errno;

	if (err == 0)
		err = run_dir_give(dir, st.st_mode & 07777, st.st_uid, st.st_gid);
	if (err != 0 && err != -ENOENT)
		log_text(log, REPORT_WARNING, "%s: %s", dir, strerror(-err));
}

int daemon_sysctls(const struct daemon_options *o)
{
	struct policies policies;
	struct log *log = NULL;
	int err;

	if (log_open(LOG_TO_STDERR, NULL, o->log_level, &log) != 0)
		return 1;
	policies_init(&policies, NULL, NULL, log, o->run_dir);
	err = policies_set_sysctls(&policies);
	policies_free(&policies);
	settle(log, o->run_dir);
	settle(log, o->state_dir);
	log_close(log);
	return err == 0 ? 0 : 1;
}
