/* SPDX-License-Identifier: Apache-2.0 */
#include "cmd/ikectl/doctor.h"

#include <stdarg.h>
#include <stdlib.h>

static const struct {
	const char *name;
	void (*look)(const struct facts *facts, struct findings *out);
} checks[] = {
	{ "daemon", check_daemon },
	{ "keyholder", check_keyholder },
	{ "keys", check_exposure },
	{ "configuration", check_configuration },
	{ "kernel", check_kernel },
	{ "sysctls", check_sysctls },
	{ "swap", check_swap },
	{ "clock", check_clock },
	{ "certificates", check_certificates },
	{ "trust", check_trust },
	{ "policies", check_policies },
	{ "peers", check_peers },
	{ "esp", check_esp },
	{ "cleartext", check_clear },
	{ "load", check_load },
	{ "mtu", check_mtu },
	{ "icmp errors", check_icmp_errors },
	{ "path", check_path },
	{ "counters", check_counters },
};

/* ---- findings -------------------------------------------------------------------------------- */

static char *format_text(const char *format, va_list args)
{
	char *out = NULL;

	return vasprintf(&out, format, args) < 0 ? NULL : out;
}

void found(struct findings *f, enum health verdict, const char *format, ...)
{
	va_list args;

	if (f->n == f->room) {
		size_t room = f->room ? 2 * f->room : 32;
		struct finding *more = reallocarray(f->p, room, sizeof(*more));

		f->no_memory |= more == NULL;
		if (more == NULL)
			return;
		f->p = more;
		f->room = room;
	}
	va_start(args, format);
	f->p[f->n] = (struct finding){ .check = f->check,
				       .verdict = verdict,
				       .text = format_text(format, args) };
	va_end(args);
	f->no_memory |= f->p[f->n++].text == NULL;
}

void mend(struct findings *f, const char *format, ...)
{
	va_list args;

	if (f->n == 0 || f->no_memory)
		return;
	va_start(args, format);
	f->p[f->n - 1].mend = format_text(format, args);
	va_end(args);
}

void findings_free(struct findings *f)
{
	for (size_t i = 0; i < f->n; i++) {
		free(f->p[i].text);
		free(f->p[i].mend);
	}
	free(f->p);
	*f = (struct findings){ 0 };
}

/* ---- the whole ------------------------------------------------------------------------------- */

void doctor_examine(const struct facts *facts, struct findings *out)
{
	for (size_t i = 0; i < sizeof(checks) / sizeof(checks[0]); i++) {
		out->check = checks[i].name;
		checks[i].look(facts, out);
	}
}

enum health doctor_verdict(const struct findings *f)
{
	enum health worst = f->no_memory ? HEALTH_ERROR : HEALTH_GOOD;

	for (size_t i = 0; i < f->n; i++) {
		if (f->p[i].verdict > worst)
			worst = f->p[i].verdict;
	}
	return worst;
}

static size_t count(const struct findings *f, enum health verdict)
{
	size_t n = 0;

	for (size_t i = 0; i < f->n; i++)
		n += f->p[i].verdict == verdict;
	return n;
}

void doctor_print(const struct findings *f, const struct palette *p, FILE *out)
{
	const char *const paints[] = { p->good, p->warning, p->bad };
	static const char *const words[] = { "good", "WARNING", "ERROR" };

	for (size_t i = 0; i < f->n; i++) {
		const struct finding *one = &f->p[i];

		fprintf(out, "%s%-7s%s  %s: %s\n", paints[one->verdict], words[one->verdict],
			p->plain, one->check, one->text != NULL ? one->text : "");
		if (one->mend != NULL)
			fprintf(out, "%-7s  -> %s\n", "", one->mend);
	}
	fprintf(out, "%zu good, %zu warnings, %zu errors\n", count(f, HEALTH_GOOD),
		count(f, HEALTH_WARNING), count(f, HEALTH_ERROR));
}

json_t *doctor_json(const struct findings *f)
{
	static const char *const words[] = { "good", "warning", "error" };
	json_t *all = json_array();

	for (size_t i = 0; i < f->n; i++) {
		const struct finding *one = &f->p[i];

		json_array_append_new(all, json_pack("{s:s, s:s, s:s?, s:s?}", "check", one->check,
						     "verdict", words[one->verdict], "text",
						     one->text, "mend", one->mend));
	}
	return json_pack("{s:s, s:s, s:o}", "format", "ikemesh-doctor/1", "verdict",
			 words[doctor_verdict(f)], "findings", all);
}
