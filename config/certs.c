/* SPDX-License-Identifier: Apache-2.0 */
#include "config/certs.h"
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* RFC 8247 4.1 and NIST SP 800-57: nothing shorter; longer ones only cost time. */
#define RSA_BITS_MIN 2048u
#define RSA_BITS_MAX 8192u

const char *time_text(time_t at, char out[static TIME_TEXT_LEN])
{
	struct tm tm;

	if (!gmtime_r(&at, &tm) || !strftime(out, TIME_TEXT_LEN, "%Y-%m-%d %H:%M:%S UTC", &tm))
		snprintf(out, TIME_TEXT_LEN, "(a date out of range)");
	return out;
}

static void cert_free(struct cert *c)
{
	blob_free(&c->der);
	free(c->file);
}

/* Takes what *c owns. */
static bool keep(struct reading *r, struct certs *to, struct cert *c)
{
	struct cert *grown = realloc(to->p, (to->n + 1) * sizeof(*grown));

	if (!grown) {
		r->report.no_memory = true;
		cert_free(c);
		return false;
	}
	to->p = grown;
	to->p[to->n++] = *c;
	return true;
}

static bool read_block(struct reading *r, const struct source *s, const struct block *b,
		       struct certs *to)
{
	struct cert c = { .at = source_place(r, s, b->line, 1) };
	size_t n = 1;
	int e;

	if (source_block_broken(r, s, b))
		return false;
	e = pem_certs(b->text, &c.der, &n);
	if (!e && (c.der.n > CERT_SIZE_MAX || cert_describe(blob_view(&c.der), &c.info)))
		e = -EINVAL;
	if (e == -ENOMEM || (c.at.file && !(c.file = strdup(c.at.file)))) {
		r->report.no_memory = true;
		cert_free(&c);
		return false;
	}
	c.at.file = c.file;
	if (e) {
		report_add(&r->report, PROBLEM_ERROR, c.at, NULL,
			   "this block is not a certificate: its content is damaged");
		cert_free(&c);
		return false;
	}
	return keep(r, to, &c);
}

static bool is_certificate(const struct block *b)
{
	return !strcmp(b->label, "CERTIFICATE") || !strcmp(b->label, "X509 CERTIFICATE");
}

bool certs_read(struct reading *r, const struct key_row *row, const struct source *s,
		struct certs *to)
{
	struct bytes text = secret_view(&s->content);
	struct block_cursor cursor = { 0 };
	size_t before = to->n, blocks = 0;
	struct block b, other = { 0 };

	while (block_next(text, &cursor, &b)) {
		if (!is_certificate(&b)) {
			other = b;
			continue;
		}
		if (to->n == CERTS_MAX || blocks == CERTS_MAX) {
			report_add(&r->report, PROBLEM_ERROR, source_place(r, s, b.line, 1), NULL,
				   "%s: more than %d certificates", row->name, CERTS_MAX);
			break;
		}
		blocks++;
		(void)read_block(r, s, &b, to);
	}
	if (!blocks)
		report_add(&r->report, PROBLEM_ERROR, source_place(r, s, other.line, 1), NULL,
			   "%s: a CERTIFICATE was expected, not %s", row->name, other.label);
	return to->n > before;
}

void certs_free(struct certs *c)
{
	for (size_t i = 0; i < c->n; i++)
		cert_free(&c->p[i]);
	free(c->p);
	*c = (struct certs){ 0 };
}

void cert_check(struct reading *r, const struct cert *c, const char *what)
{
	const struct cert_info *info = &c->info;
	char when[TIME_TEXT_LEN];

	if (info->not_before > r->now)
		report_add(&r->report, PROBLEM_WARNING, c->at, NULL,
			   "%s \"%s\" is not valid before %s; peers will refuse it until then",
			   what, info->subject, time_text(info->not_before, when));
	if (info->key == KEY_NONE)
		report_add(
			&r->report, PROBLEM_ERROR, c->at, NULL,
			"%s \"%s\" has a kind of key that is not supported: RSA, ECDSA on P-256, "
			"P-384 or P-521, or Ed25519 was expected",
			what, info->subject);
	if (info->key == KEY_RSA &&
	    (info->key_bits < RSA_BITS_MIN || info->key_bits > RSA_BITS_MAX))
		report_add(&r->report, PROBLEM_ERROR, c->at, NULL,
			   "%s \"%s\" has an RSA key of %u bits; %u to %u were expected", what,
			   info->subject, info->key_bits, RSA_BITS_MIN, RSA_BITS_MAX);
}
