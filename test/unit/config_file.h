/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Configuration texts for tests, with certificates made on the spot. In a text, a word such as
 * @HOST is the path of a file, and a line that is only @@HOST stands for that file's lines, with
 * the spaces before it.
 */
#ifndef IKEMESH_TEST_CONFIG_FILE_H
#define IKEMESH_TEST_CONFIG_FILE_H

#include "config/config.h"
#include "lib/testpki.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define NETS               \
	"ipsec_subnets:\n" \
	"- 10.0.0.0/20\n"
#define CREDENTIALS                     \
	"instance_certificate: @HOST\n" \
	"instance_private_key: @KEY\n"  \
	"ca_certificates:\n"            \
	"- @CA\n"

#define PKI_FILES_MAX 48

struct pki_file {
	const char *name;
	char *path;    /* owned */
	char *content; /* owned; ended by NUL */
	size_t n;
};

struct pki {
	char dir[40];
	struct pki_file files[PKI_FILES_MAX];
	size_t n;
};

static inline void pki_add(struct pki *p, const char *name, struct bytes content, mode_t mode)
{
	struct pki_file *f = &p->files[p->n++];
	FILE *out;

	assert_true(p->n <= PKI_FILES_MAX);
	f->name = name;
	f->n = content.n;
	f->content = malloc(content.n + 1);
	assert_non_null(f->content);
	if (content.n)
		memcpy(f->content, content.p, content.n);
	f->content[content.n] = '\0';
	assert_true(asprintf(&f->path, "%s/%s.pem", p->dir, name) > 0);
	out = fopen(f->path, "w");
	assert_non_null(out);
	assert_int_equal(fwrite(f->content, 1, f->n, out), f->n);
	assert_int_equal(fclose(out), 0);
	assert_int_equal(chmod(f->path, mode), 0);
}

static inline void pki_text(struct pki *p, const char *name, const char *content)
{
	pki_add(p, name, BYTES((const uint8_t *)content, strlen(content)), 0600);
}

static inline void pki_start(struct pki *p)
{
	*p = (struct pki){ .dir = "/tmp/ikemesh-config-XXXXXX" };
	assert_non_null(mkdtemp(p->dir));
}

static inline void pki_end(struct pki *p)
{
	for (size_t i = 0; i < p->n; i++) {
		unlink(p->files[i].path);
		free(p->files[i].path);
		free(p->files[i].content);
	}
	rmdir(p->dir);
}

/* The file whose name text starts with; names are capital letters, digits and '_'. */
static inline const struct pki_file *pki_find(const struct pki *p, const char *text)
{
	size_t n = strspn(text, "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_");

	for (size_t i = 0; i < p->n; i++)
		if (strlen(p->files[i].name) == n && !memcmp(p->files[i].name, text, n))
			return &p->files[i];
	fail_msg("no test file %.*s", (int)n, text);
	return NULL;
}

/* Each line of the file, with the spaces that stood before its name. */
static inline void put_lines(FILE *out, const struct pki_file *f, int spaces)
{
	for (const char *line = f->content; *line;) {
		size_t n = strcspn(line, "\n");

		fprintf(out, "%*s%.*s\n", spaces, "", (int)n, line);
		line += n + (line[n] == '\n');
	}
}

/* The text with its @ words filled in; owned by the caller. */
static inline char *pki_fill(const struct pki *p, const char *text)
{
	char *filled = NULL;
	size_t n, column = 0;
	FILE *out = open_memstream(&filled, &n);

	assert_non_null(out);
	while (*text) {
		const char *at = strpbrk(text, "@\n");
		size_t plain = at ? (size_t)(at - text) : strlen(text);
		bool lines = at && at[0] == '@' && at[1] == '@';
		const struct pki_file *f;

		if (lines) /* the spaces before @@ come with each line */
			fprintf(out, "%.*s", (int)(plain - strspn(text, " ")), text);
		else
			fprintf(out, "%.*s", (int)plain, text);
		column = strspn(text, " ");
		if (!at)
			break;
		text = at + 1;
		if (*at == '\n') {
			fputc('\n', out);
			continue;
		}
		text += lines;
		f = pki_find(p, text);
		if (lines)
			put_lines(out, f, (int)column);
		else
			fputs(f->path, out);
		text += strlen(f->name);
		if (lines && *text == '\n')
			text++;
	}
	assert_int_equal(fclose(out), 0);
	return filled;
}

/* Reads a text as the file "test.yml" at TESTPKI_NOW. */
static inline int pki_parse(const struct pki *p, const char *text, struct config *c,
			    struct problems *ps)
{
	char *filled = pki_fill(p, text);
	int r;

	*ps = (struct problems){ 0 };
	r = config_parse("test.yml", BYTES((const uint8_t *)filled, strlen(filled)), TESTPKI_NOW, c,
			 ps);
	free(filled);
	return r;
}

static inline void print_problems(const struct problems *ps)
{
	for (size_t i = 0; i < ps->n; i++) {
		char *text = problem_text(&ps->p[i]);

		fprintf(stderr, "%s\n", text);
		free(text);
	}
}

/* HOST, KEY, CA and what else both tests need. */
static inline void pki_usual(struct pki *p)
{
	struct testpki_cert ca, host;
	struct blob both;

	pki_start(p);
	testpki_ca(&ca, "O=Example, CN=Test CA");
	testpki_leaf(&host, &ca, "O=Example, CN=host-a");
	pki_add(p, "CA", blob_view(&ca.pem), 0600);
	pki_add(p, "HOST", blob_view(&host.pem), 0600);
	pki_add(p, "KEY", blob_view(&host.key_pem), 0600);
	both.n = host.pem.n + ca.pem.n + 1;
	both.p = malloc(both.n);
	memcpy(both.p, ca.pem.p, ca.pem.n);
	both.p[ca.pem.n] = '\n';
	memcpy(both.p + ca.pem.n + 1, host.pem.p, host.pem.n);
	pki_add(p, "CA_AND_HOST", blob_view(&both), 0600);
	blob_free(&both);
	testpki_free(&host);
	testpki_free(&ca);
}

#endif
