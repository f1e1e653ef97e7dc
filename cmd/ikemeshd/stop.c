/* SPDX-License-Identifier: Apache-2.0 */
#include "cmd/ikemeshd/stop.h"

#include <errno.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <systemd/sd-bus.h>
#include <systemd/sd-daemon.h>
#include <systemd/sd-login.h>
#include <unistd.h>

#define ANSWER_WITHIN_US 500000 /* of each of two questions */
#define WORD_LEN 32
#define SYSTEMD "org.freedesktop.systemd1"
#define SYSTEMD_PATH "/org/freedesktop/systemd1"

/* Root's own way to the manager, which `systemctl` takes: it needs no bus daemon, which may be gone
 * by the time we are asked to. */
static int open_private(sd_bus **bus)
{
	int r = sd_bus_new(bus);

	if (r >= 0)
		r = sd_bus_set_address(*bus, "unix:path=/run/systemd/private");
	if (r >= 0)
		r = sd_bus_start(*bus);
	if (r < 0)
		*bus = sd_bus_unref(*bus);
	return r;
}

static int open_bus(sd_bus **bus)
{
	int r = geteuid() == 0 ? open_private(bus) : -EPERM;

	if (r < 0)
		r = sd_bus_open_system(bus);
	if (r >= 0)
		r = sd_bus_set_method_call_timeout(*bus, ANSWER_WITHIN_US);
	return r;
}

static int get_word(sd_bus *bus, const char *path, const char *interface, const char *property,
		    char word[static WORD_LEN])
{
	char *text = NULL;
	int r = sd_bus_get_property_string(bus, SYSTEMD, path, interface, property, NULL, &text);

	if (r >= 0)
		snprintf(word, WORD_LEN, "%s", text);
	free(text);
	return r;
}

static int get_job_type(sd_bus *bus, const char *unit_path, char word[static WORD_LEN])
{
	sd_bus_message *reply = NULL;
	const char *job_path;
	uint32_t id;
	int r = sd_bus_get_property(bus, SYSTEMD, unit_path, SYSTEMD ".Unit", "Job", NULL, &reply,
				    "(uo)");

	word[0] = '\0';
	if (r >= 0)
		r = sd_bus_message_read(reply, "(uo)", &id, &job_path);
	if (r >= 0 && id != 0)
		r = get_word(bus, job_path, SYSTEMD ".Job", "JobType", word);
	sd_bus_message_unref(reply);
	return r;
}

enum stop_kind stop_judge(const char *system_state, const char *job_type)
{
	if (strcmp(system_state, "stopping") == 0)
		return STOP_SHUTDOWN;
	/* While it waits for us to go, a restart's job is "restart"; "start" comes after it. */
	if (strstr(job_type, "start") != NULL)
		return STOP_RESTART;
	if (strcmp(job_type, "stop") == 0 || job_type[0] == '\0')
		return STOP_FOR_GOOD;
	return STOP_UNKNOWN;
}

static enum stop_kind ask(sd_bus *bus, const char *unit)
{
	char state[WORD_LEN], job[WORD_LEN], *path = NULL;
	int r = sd_bus_path_encode(SYSTEMD_PATH "/unit", unit, &path);

	if (r >= 0)
		r = get_word(bus, SYSTEMD_PATH, SYSTEMD ".Manager", "SystemState", state);
	if (r >= 0)
		r = get_job_type(bus, path, job);
	free(path);
	return r >= 0 ? stop_judge(state, job) : STOP_UNKNOWN;
}

/* Or started from a shell inside of one: that one's unit has no job then, or is going too. */
static bool is_service(char **unit)
{
	return sd_booted() > 0 && getenv("INVOCATION_ID") != NULL && sd_pid_get_unit(0, unit) >= 0;
}

enum stop_kind stop_ask(void)
{
	enum stop_kind kind = STOP_UNKNOWN;
	sd_bus *bus = NULL;
	char *unit = NULL;

	if (!is_service(&unit))
		return STOP_FOR_GOOD;
	if (open_bus(&bus) >= 0)
		kind = ask(bus, unit);
	sd_bus_close_unref(bus);
	free(unit);
	return kind;
}

enum stop_kind stop_untold(void)
{
	char *unit = NULL;
	const bool service = is_service(&unit);

	free(unit);
	return service ? STOP_UNKNOWN : STOP_FOR_GOOD;
}

int stop_tell(void)
{
	const char *text = getenv("MAINPID");
	const long pid = text != NULL ? strtol(text, NULL, 10) : 0;

	if (pid <= 1) {
		fprintf(stderr, "ikemeshd: --stopping is for the unit's ExecStop=\n");
		return 1;
	}
	if (sigqueue((pid_t)pid, SIGTERM, (union sigval){ .sival_int = stop_ask() }) == 0 ||
	    errno == ESRCH)
		return 0;
	fprintf(stderr, "ikemeshd: cannot tell process %ld to stop: %s\n", pid, strerror(errno));
	return 1;
}

bool stop_told(const struct signalfd_siginfo *info, enum stop_kind *kind)
{
	if (info->ssi_signo != SIGTERM || info->ssi_code != SI_QUEUE || info->ssi_uid != 0 ||
	    info->ssi_int < STOP_FOR_GOOD || info->ssi_int > STOP_UNKNOWN)
		return false;
	*kind = (enum stop_kind)info->ssi_int;
	return true;
}

const char *stop_kind_name(enum stop_kind kind)
{
	static const char *const names[] = { "stop", "restart", "shutdown", "unknown" };

	return names[kind];
}
