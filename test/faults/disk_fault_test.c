/* SPDX-License-Identifier: Apache-2.0 */
/*
 * No more room on the disk, or a disk that fails: at each single call that makes a file, writes to
 * it, puts it to the disk or gives it its name; and writes that are done by half. What was there
 * before stays whole, or what is new is there, whole; it is told; and it goes on.
 */
#include "faults/calls.h"
#include "faults/node.h"
#include "faults/points.h"

#include "cmd/ikectl/new_file.h"
#include "cmd/ikemeshd/crash_secret.h"
#include "cmd/ikemeshd/expose.h"
#include "cmd/ikemeshd/wireshark.h"
#include "config/mode.h"
#include "config/remembered.h"
#include "xfrm/found.h"

#include <errno.h>
#include <glob.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static struct node node;

static enum outcome of(int err)
{
	return err == 0 ? DONE : err == -ENOSPC || err == -EIO ? REFUSED : WRONG;
}

/* What stands in it; NULL: there is none. The last one who asks. */
static const char *content(const char *path)
{
	static char text[65536];
	FILE *in = fopen(path, "r");
	size_t n;

	if (in == NULL)
		return NULL;
	n = fread(text, 1, sizeof(text) - 1, in);
	fclose(in);
	text[n] = '\0';
	return text;
}

/* Nobody finds his way among what was begun and not ended. */
static bool is_clean(const char *dir, const char *name)
{
	char pattern[160];
	glob_t left;
	int r;

	snprintf(pattern, sizeof(pattern), "%s/%s.new*", dir, name);
	r = glob(pattern, 0, NULL, &left);
	if (r == 0)
		globfree(&left);
	return r == GLOB_NOMATCH;
}

/* ---- the state directory --------------------------------------------------------------------- */

/*
 * As `ikectl mode` does it: what is in force stands in the file, or it is told why not, and what
 * was in force is, and stands there. Only of a directory that the disk did not take nobody knows.
 */
static enum outcome mode_chosen(void)
{
	struct mode_switch *s = &node.d.mode;
	const enum mode_choice was = s->now.all;
	const enum mode_choice is = was == MODE_OPTIONAL ? MODE_ENFORCED : MODE_OPTIONAL;
	char why[MODE_TEXT_LEN], no[MODE_TEXT_LEN];
	struct mode got;
	bool synced;
	int err;

	calls_arm(true);
	err = mode_switch_choose(s, NULL, is, (struct mono){ 0 }, 0, why);
	calls_arm(false);
	synced = strcmp(calls_which(), "fsync") != 0;
	if (mode_load(node.state, &got, no) != 0 || !is_clean(node.state, "mode"))
		return WRONG;
	if (s->now.all != (err == 0 ? is : was) || (synced && got.all != s->now.all))
		return WRONG;
	if (err != 0 && strstr(why, "the mode cannot be written to") == NULL)
		return WRONG;
	return of(err);
}

/* The daemon's own word for a boot with a broken file. */
static enum outcome remembered(void)
{
	char path[128], before[4096];
	bool told, same;

	snprintf(path, sizeof(path), "%s/policies.yml", node.state);
	snprintf(before, sizeof(before), "%s", content(path));
	node_forget_log(&node);
	calls_arm(true);
	daemon_remember(&node.d);
	calls_arm(false);
	same = strcmp(content(path), before) == 0;
	told = strstr(content(node.log), "what is protected cannot be kept in") != NULL;
	return !same || !is_clean(node.state, "policies.yml") ? WRONG : told ? REFUSED : DONE;
}

static enum outcome crash_secret(void)
{
	uint8_t first[QCD_SECRET_LEN], again[QCD_SECRET_LEN];
	char why[CRASH_SECRET_TEXT_LEN], path[128];
	bool is_there;
	int err;

	snprintf(path, sizeof(path), "%s/" CRASH_SECRET_FILE, node.state);
	unlink(path);
	calls_arm(true);
	err = crash_secret_load(node.state, CRASH_SECRET_MACHINE_ID, first, why);
	calls_arm(false);
	is_there = access(path, F_OK) == 0;
	if (is_there != (err == 0) || !is_clean(node.state, CRASH_SECRET_FILE))
		return WRONG;
	if (is_there && (crash_secret_load(node.state, CRASH_SECRET_MACHINE_ID, again, why) != 0 ||
			 memcmp(first, again, sizeof(first)) != 0))
		return WRONG;
	unlink(path);
	return of(err);
}

static void test_the_state_directory(void **state)
{
	(void)state;
	points_try("mode chosen", mode_chosen, CALLS_DISK, 5);
	points_try("protected subnets written", remembered, CALLS_DISK, 5);
	points_try("crash secret", crash_secret, CALLS_DISK, 4);
}

/* ---- the run directory ----------------------------------------------------------------------- */

/* Half of what the host had would be no way back to it. */
static enum outcome found(void)
{
	static const struct found_value had[] = { { "xfrm_acq_expires", 30 },
						  { "xfrm_larval_drop", 1 } };
	const char *text = NULL;
	char path[128];
	int err;

	snprintf(path, sizeof(path), "%s/sysctl", node.dir);
	unlink(path);
	calls_arm(true);
	err = found_keep_sysctls(node.dir, had, 2);
	calls_arm(false);
	text = content(path);
	if ((text != NULL) != (err == 0) || !is_clean(node.dir, "sysctl") ||
	    (text != NULL && strcmp(text, "xfrm_acq_expires 30\nxfrm_larval_drop 1\n") != 0))
		return WRONG;
	unlink(path);
	return of(err);
}

/* The first to come knows what the host had. */
static void test_what_was_found_is_kept_once(void **state)
{
	const struct found_value first = { "xfrm_acq_expires", 30 }, second = { "x", 165 };
	char path[128];

	(void)state;
	snprintf(path, sizeof(path), "%s/sysctl", node.dir);
	assert_int_equal(found_keep_sysctls(node.dir, &first, 1), 0);
	assert_int_equal(found_keep_sysctls(node.dir, &second, 1), 0);
	assert_string_equal(content(path), "xfrm_acq_expires 30\n");
	unlink(path);
}

static void test_the_run_directory(void **state)
{
	(void)state;
	points_try("what the host had", found, CALLS_DISK, 3);
}

/* ---- the log --------------------------------------------------------------------------------- */

#define LINES 5

/* A line of ours is whole, or its first part stands on a line of its own. */
static bool are_lines(const char *text, size_t *whole, size_t *torn)
{
	*whole = *torn = 0;
	for (const char *at = text; *at != '\0';) {
		const size_t n = strcspn(at, "\n");

		if (at[n] == '\0')
			return false;
		if (n > 13 && strncmp(at + n - 13, "line whole ", 11) == 0)
			++*whole;
		else if (memmem(at, n, "could not be written here", 25) == NULL)
			++*torn;
		at += n + 1;
	}
	return true;
}

/* What is said is in the file, or counted as lost, in the file as well once there is room. */
static enum outcome logged(void)
{
	size_t whole = 0, torn = 0, lost;
	struct log *l;

	node_forget_log(&node);
	assert_int_equal(log_open(LOG_TO_FILE, node.log, REPORT_INFO, &l), 0);
	calls_arm(true);
	for (int i = 0; i < LINES; i++)
		log_text_in(l, AREA_DAEMON, REPORT_INFO, "line whole %02d", i);
	calls_arm(false);
	log_text_in(l, AREA_DAEMON, REPORT_INFO, "line whole 99");
	lost = log_state(l).lost;
	if (log_state(l).error != 0 || !are_lines(content(node.log), &whole, &torn))
		whole = torn = 99;
	log_close(l);
	if (whole + lost != LINES + 1 || torn > 1)
		return WRONG;
	if (lost > 0 && strstr(content(node.log), "could not be written here") == NULL)
		return WRONG;
	return lost == 0 ? DONE : REFUSED;
}

static void test_the_log(void **state)
{
	(void)state;
	points_try("log", logged, CALLS_DISK, LINES);
}

/* ---- keys for Wireshark ---------------------------------------------------------------------- */

/* Each line of it is whole, as one that is not spoils the file. */
static enum outcome exposed(void)
{
	static uint8_t octets[36];
	const struct exposed_keys k = { .spi_i = 1,
					.spi_r = 2,
					.encr = encr_by_id(ENCR_AES_GCM_16, 256),
					.ei = { octets, sizeof(octets) },
					.er = { octets, sizeof(octets) } };
	char dir[96], path[160], why[EXPOSE_TEXT_LEN], line[WIRESHARK_LINE_LEN];
	const size_t n = wireshark_ike(&k, line);
	struct expose *x;
	size_t ends = 0;
	int errors = 0;

	snprintf(dir, sizeof(dir), "%s/keys", node.dir);
	assert_int_equal(expose_open(dir, &x, why), 0);
	calls_arm(true);
	for (int i = 0; i < 3; i++)
		errors += expose_ike(x, &k) != 0;
	calls_arm(false);
	assert_int_equal(expose_ike(x, &k), 0);
	expose_close(x);
	snprintf(path, sizeof(path), "%s/ikev2_decryption_table", dir);
	for (const char *at = content(path); *at != '\0'; at += strcspn(at, "\n") + 1) {
		if (strncmp(at, line, n) != 0)
			return WRONG;
		ends++;
	}
	unlink(path);
	snprintf(path, sizeof(path), "%s/esp_sa", dir);
	unlink(path);
	assert_int_equal(rmdir(dir), 0);
	return ends + (size_t)errors != 4 ? WRONG : errors == 0 ? DONE : REFUSED;
}

static void test_keys_for_wireshark(void **state)
{
	(void)state;
	if (geteuid() != 0)
		skip();
	points_try("keys exposed", exposed, CALLS_DISK, 3);
}

/* ---- ikectl ---------------------------------------------------------------------------------- */

/* import, pki: all of a file, or none. */
static enum outcome new_file(void)
{
	static const char text[] = "a certificate";
	const char *got;
	char path[128];
	int err;

	snprintf(path, sizeof(path), "%s/new", node.dir);
	calls_arm(true);
	err = new_file_write(path, BYTES((const uint8_t *)text, strlen(text)), 0600);
	calls_arm(false);
	got = content(path);
	if ((got != NULL) != (err == 0) || (got != NULL && strcmp(got, text) != 0))
		return WRONG;
	unlink(path);
	return of(err);
}

static void test_what_ikectl_writes(void **state)
{
	(void)state;
	points_try("file of ikectl", new_file, CALLS_DISK, 3);
}

/* ---- what is in memory, where a tmpfs may be full as well -------------------------------------
 */

/*
 * A step that was written is there; one that was not, whole or not at all: it spoils none before
 * it.
 */
static enum outcome state_kept(void)
{
	static const uint8_t octets[] = { 1, 2, 3 };
	struct keepsake k = KEEPSAKE_NONE;
	struct handover h, got = { .used = { -1, -1 } };
	char why[HANDOVER_TEXT_LEN];
	size_t steps = 0;
	int err, read = 0;

	handover_take(&h, why);
	assert_int_equal(secret_copy(&h.state, BYTES(octets, sizeof(octets))), 0);
	calls_arm(true);
	err = handover_write(&h, &k);
	while (err == 0 && steps < 3 && (err = keepsake_append(&k, BYTES(octets, 3))) == 0)
		steps++;
	calls_arm(false);
	got.key = h.key;
	if (k.fd >= 0)
		read = handover_read(k.fd, &got, why);
	if (read != 0 || (k.fd >= 0 && got.state.n != 3 * (steps + 1) &&
			  (err == 0 || got.state.n != 3 * (steps + 2))))
		steps = 99;
	secret_free(&got.state);
	keepsake_close(&k);
	handover_wipe(&h);
	return steps == 99 ? WRONG : of(err);
}

/* From the one to the other and back: the whole of the new one is in force, or of the old one. */
static enum outcome reload(void)
{
	static const char *const nets[] = { "10.0.0.0/20", "10.1.0.0/20" };
	const bool other = node_protects(&node, nets[0]);
	const struct config *old = node.d.config;
	char text[512];

	snprintf(text, sizeof(text), "ipsec_subnets:\n- %s\n" NODE_CREDENTIALS "log: @LOG\n",
		 nets[other]);
	node_write_config(&node, text);
	if (node_reload(&node) == 0)
		return node_protects(&node, nets[other]) ? DONE : WRONG;
	return node.d.config == old && node_protects(&node, nets[!other]) &&
			       strstr(node.d.reloading.text, "the old configuration stays") != NULL
		       ? REFUSED
		       : WRONG;
}

static void test_what_is_in_memory(void **state)
{
	(void)state;
	points_try("state kept", state_kept, CALLS_DISK, 5);
	points_try("reload", reload, CALLS_DISK, 4);
}

static int set_up(void **state)
{
	node_pki(state);
	node_arm = calls_arm;
	node_start(&node);
	return mode_switch_load(&node.d.mode, node.state);
}

static int tear_down(void **state)
{
	mode_switch_wipe(&node.d.mode);
	node_end(&node);
	return node_pki_end(state);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_the_state_directory),
		cmocka_unit_test(test_the_run_directory),
		cmocka_unit_test(test_what_was_found_is_kept_once),
		cmocka_unit_test(test_the_log),
		cmocka_unit_test(test_keys_for_wireshark),
		cmocka_unit_test(test_what_ikectl_writes),
		cmocka_unit_test(test_what_is_in_memory),
	};

	return cmocka_run_group_tests(tests, set_up, tear_down);
}
