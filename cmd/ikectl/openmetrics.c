/* SPDX-License-Identifier: Apache-2.0 */
#include "cmd/ikectl/openmetrics.h"

const char *metrics_media_type(enum metrics_format format)
{
	return format == FORMAT_OPENMETRICS
		       ? "application/openmetrics-text; version=1.0.0; charset=utf-8"
		       : "text/plain; version=0.0.4; charset=utf-8";
}

const char *metrics_suffix(enum family_type type)
{
	switch (type) {
	case FAMILY_COUNTER:
		return "_total";
	case FAMILY_INFO:
		return "_info";
	case FAMILY_GAUGE:
	case FAMILY_HISTOGRAM:
		break;
	}
	return "";
}

/* The older format escapes no quotes in HELP, but a backslash and a line end, as all do. */
static void put_escaped(FILE *out, const char *text, bool quotes)
{
	for (; *text != '\0'; text++) {
		if (*text == '\n')
			fputs("\\n", out);
		else if (*text == '\\' || (*text == '"' && quotes))
			fprintf(out, "\\%c", *text);
		else
			fputc(*text, out);
	}
}

void metrics_family(FILE *out, enum metrics_format format, const char *name, enum family_type type,
		    const char *unit, const char *help)
{
	static const char *const types[] = { "gauge", "counter", "info", "histogram" };
	const bool open = format == FORMAT_OPENMETRICS;
	/* There, a family is named as its samples are, and knows no infos. */
	const char *suffix = open ? "" : metrics_suffix(type);
	const char *word = !open && type == FAMILY_INFO ? "gauge" : types[type];

	fprintf(out, "# TYPE %s%s %s\n", name, suffix, word);
	if (open && unit != NULL)
		fprintf(out, "# UNIT %s %s\n", name, unit);
	fprintf(out, "# HELP %s%s ", name, suffix);
	put_escaped(out, help, open);
	fputc('\n', out);
}

void metrics_sample(FILE *out, const char *name, const char *suffix, const struct label *labels,
		    size_t n_labels, const char *value)
{
	fprintf(out, "%s%s", name, suffix);
	for (size_t i = 0; i < n_labels; i++) {
		fprintf(out, "%s%s=\"", i == 0 ? "{" : ",", labels[i].name);
		put_escaped(out, labels[i].value, true);
		fputc('"', out);
	}
	fprintf(out, "%s %s\n", n_labels > 0 ? "}" : "", value);
}

void metrics_end(FILE *out, enum metrics_format format)
{
	if (format == FORMAT_OPENMETRICS)
		fputs("# EOF\n", out);
}
