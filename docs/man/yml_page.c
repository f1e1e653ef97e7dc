/* SPDX-License-Identifier: Apache-2.0 */
/* Prints ikemesh.yml(5), made from the table that the configuration is read by. */
#include "config/schema.h"

#include <stdio.h>
#include <string.h>

/* roff: a backslash and a hyphen have meanings, and so have "." and "'" at the start of a line. */
static void put(const char *text)
{
	bool starts = true;

	for (const char *c = text; *c != '\0'; c++) {
		if (starts && (*c == '.' || *c == '\''))
			fputs("\\&", stdout);
		if (*c == '\\')
			fputs("\\e", stdout);
		else if (*c == '-')
			fputs("\\-", stdout);
		else
			putchar(*c);
		starts = *c == '\n';
	}
}

static const char *const effects[] = {
	[EFFECT_AT_ONCE] = "at once",
	[EFFECT_NEXT_SAS] = "for SAs that are made from then on",
	[EFFECT_NEXT_HANDSHAKE] = "when identities are proved the next time",
	[EFFECT_NEXT_START] = "at the next start",
	[EFFECT_REFUSED] = "at the next start only: a reload that changes it is refused",
};

static void print_example(const struct key_row *row)
{
	printf(".IP\n.nf\n");
	put(row->name);
	printf(":%s", row->example[0] == '\n' ? "" : " ");
	put(row->example);
	printf("\n.fi\n");
}

static void print_key(const struct key_row *row)
{
	char expected[EXPECTED_LEN];

	printf(".TP\n.B ");
	put(row->name);
	printf("\n");
	put(row->text);
	printf("\n.IP\nValue: ");
	put(schema_expected(row, expected));
	if (row->required)
		printf(". Required.");
	else if (row->fallback != NULL) {
		printf(". Default: ");
		put(row->fallback);
		printf(".");
	} else {
		printf(". Default: none.");
	}
	printf("\nA reload changes it %s.\n", effects[row->effect]);
	if (row->example != NULL)
		print_example(row);
}

static const char head[] =
	".TH IKEMESH.YML 5 \"\" \"ikemesh " IKEMESH_VERSION "\" \"File formats\"\n"
	".SH NAME\n"
	"ikemesh.yml \\- what ikemeshd protects, and as whom\n"
	".SH SYNOPSIS\n"
	".I /etc/ikemesh/ikemesh.yml\n"
	".SH DESCRIPTION\n"
	"One YAML document. The keys below stand at its top level, under\n"
	".IR \"properties: ipsec:\" ,\n"
	"or in a whole BOSH runtime configuration with a job named ipsec.\n"
	"A key that is not known is an error, and\n"
	".B ikectl check\n"
	"tells all errors at once, each with its place and a likely mend.\n"
	".SH KEYS\n";

static const char foot[] =
	".SH FILES\n"
	".TP\n.I /etc/ikemesh/ikemesh.yml\nThe configuration; for root alone if the private key "
	"stands in it.\n"
	".TP\n.I /usr/share/doc/ikemesh/examples/ikemesh.yml\nAn example with every key.\n"
	".SH SEE ALSO\n"
	".BR ikemeshd (8),\n"
	".BR ikectl (8)\n";

int main(void)
{
	size_t n;
	const struct key_row *rows = schema_rows(&n);

	fputs(head, stdout);
	for (size_t i = 0; i < n; i++)
		print_key(&rows[i]);
	fputs(foot, stdout);
	return ferror(stdout) != 0;
}
