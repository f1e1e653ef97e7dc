/* SPDX-License-Identifier: Apache-2.0 */
/* ppk and ppk_id, RFC 8784. The PPK is never part of a message, nor is what may be one. */
#include "config/file.h"
#include "config/source.h"
#include "crypto/pem.h"
#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define PPK_BITS_GOOD 256 /* RFC 8784 6 */
#define PPK_MIN 16	  /* octets */
#define PPK_MAX 1024

/* --- from text to octets ------------------------------------------------------------------- */

static struct bytes trimmed(struct bytes b)
{
	while (b.n && isspace(b.p[0]))
		b = BYTES(b.p + 1, b.n - 1);
	while (b.n && isspace(b.p[b.n - 1]))
		b.n--;
	return b;
}

static bool starts(struct bytes b, const char *with)
{
	size_t n = strlen(with);

	return b.n >= n && !memcmp(b.p, with, n);
}

static unsigned digit(uint8_t c)
{
	return (unsigned)(isdigit(c) ? c - '0' : tolower(c) - 'a' + 10);
}

static int from_hex(struct bytes digits, struct secret *out)
{
	int e;

	for (size_t i = 0; i < digits.n; i++)
		if (!isxdigit(digits.p[i]))
			return -EINVAL;
	if (digits.n % 2 || !digits.n)
		return -EINVAL;
	e = secret_new(out, digits.n / 2);
	for (size_t i = 0; !e && i < out->n; i++)
		out->p[i] = (uint8_t)(digit(digits.p[2 * i]) << 4 | digit(digits.p[2 * i + 1]));
	return e;
}

/* 0x…, 0s… (base64, as strongSwan has it), or base64 alone. 0, -EINVAL or -ENOMEM. */
static int decode(struct bytes text, struct secret *out)
{
	struct pem_block base64 = { .body = text };

	if (starts(text, "0x") || starts(text, "0X"))
		return from_hex(BYTES(text.p + 2, text.n - 2), out);
	if (starts(text, "0s"))
		base64.body = BYTES(text.p + 2, text.n - 2);
	return pem_decode(&base64, out);
}

/* --- where the text is --------------------------------------------------------------------- */

static bool is_path(struct bytes text)
{
	return starts(text, "/") || starts(text, "./") || starts(text, "../");
}

static bool may_be_base64(struct bytes text)
{
	for (size_t i = 0; i < text.n; i++)
		if (!isalnum(text.p[i]) && !strchr("+/=", text.p[i]))
			return false;
	return true;
}

static void error(struct reading *r, const struct node *node, const char *message)
{
	char *mend = report_text(&r->report, "ppk: %s", schema_find("ppk")->example);

	report_add(&r->report, PROBLEM_ERROR, node_place(node), mend, "ppk: %s", message);
	free(mend);
}

static void check_mode(struct reading *r, const struct node *node, const char *file, mode_t mode)
{
	if (mode & 077)
		report_add(&r->report, PROBLEM_WARNING, node_place(node), NULL,
			   "%s holds the PPK and is open to others than its owner (mode %04o): "
			   "chmod 600 %s",
			   file, (unsigned)mode, file);
}

/* *text becomes what the file says. What might be a PPK and no path is not shown. */
static bool open_file(struct reading *r, const struct node *node, struct secret *text)
{
	struct secret content = { 0 };
	bool unsafe = may_be_base64(secret_view(text)) && text->n >= PPK_MIN;
	char *name = strndup((const char *)text->p, text->n);
	char *path = name ? source_path(r, name) : NULL;
	mode_t mode = 0;
	int e = path ? file_read(path, &content, &mode) : -ENOMEM;

	if (e == -ENOMEM)
		r->report.no_memory = true;
	else if (e && unsafe)
		error(r, node, "there is no such file (base64 that begins with / is written 0s/…)");
	else if (e)
		report_add(&r->report, PROBLEM_ERROR, node_place(node), NULL, "ppk: %s: %s", path,
			   file_error(e));
	else
		check_mode(r, node, path, mode);
	secret_move(text, &content);
	if (name)
		wipe(name, strlen(name));
	if (path)
		wipe(path, strlen(path));
	free(name);
	free(path);
	return !e;
}

/* --- both keys ----------------------------------------------------------------------------- */

static bool is_given(const struct node *node)
{
	return node && !node_is_null(node) && !(node->kind == NODE_SCALAR && !*node->text);
}

static void check_length(struct reading *r, const struct node *node, const struct secret *key)
{
	if (key->n < PPK_MIN || key->n > PPK_MAX)
		report_add(&r->report, PROBLEM_ERROR, node_place(node), NULL,
			   "ppk: has %zu octets; 32 were expected, and %d to %d are taken "
			   "(openssl rand -base64 32 makes a good one)",
			   key->n, PPK_MIN, PPK_MAX);
	else if (key->n < PPK_BITS_GOOD / 8)
		report_add(&r->report, PROBLEM_WARNING, node_place(node), NULL,
			   "ppk: has %zu bits; against a quantum computer it needs %d", 8 * key->n,
			   PPK_BITS_GOOD);
}

static void read_key(struct reading *r, const struct node *node)
{
	struct secret text = { 0 };
	struct bytes inner;
	int e;

	if (node->kind != NODE_SCALAR) {
		expected(r, schema_find("ppk"), node);
		return;
	}
	if (lift_restore(&r->keys, node->text, &text)) {
		error(r, node, "the text is damaged");
		return;
	}
	inner = trimmed(secret_view(&text));
	if (is_path(inner)) {
		memmove(text.p, inner.p, inner.n);
		text.n = inner.n;
		if (!open_file(r, node, &text))
			goto out;
		inner = trimmed(secret_view(&text));
	} else {
		check_mode(r, node, r->report.file, r->mode);
	}
	e = decode(inner, &r->out->ppk.key);
	if (e == -ENOMEM)
		r->report.no_memory = true;
	else if (e)
		error(r, node,
		      "neither 0x and an even number of hexadecimal digits, nor base64, nor a "
		      "path");
	else
		check_length(r, node, &r->out->ppk.key);
out:
	secret_free(&text);
}

static void read_id(struct reading *r, const struct node *node)
{
	struct config *c = r->out;
	struct bytes id = BYTES((const uint8_t *)node->text, 0);

	if (node->kind == NODE_SCALAR)
		id.n = strlen(node->text);
	if (!id.n || id.n > PPK_ID_MAX) {
		expected(r, schema_find("ppk_id"), node);
		return;
	}
	if (blob_copy(&c->ppk.id, id) || blob_copy(&c->spec.ppk_id, id))
		r->report.no_memory = true;
}

static void missing(struct reading *r, const char *name, const struct node *at, const char *why)
{
	char *mend = report_text(&r->report, "%s: %s", name, schema_find(name)->example);

	report_add(&r->report, PROBLEM_ERROR, node_place(at), mend, "%s is missing: %s", name, why);
	free(mend);
}

void read_ppk(struct reading *r, const struct node *key, const struct node *id,
	      const struct node *settings)
{
	if (is_given(key))
		read_key(r, key);
	if (is_given(id))
		read_id(r, id);
	if (is_given(key) && !is_given(id))
		missing(r, "ppk_id", key, "the name by which peers know the PPK");
	else if (!is_given(key) && is_given(id))
		missing(r, "ppk", id, "ppk_id names it");
	else if (!is_given(key) && r->out->spec.ppk_required)
		missing(r, "ppk", node_get(settings, "ppk_required"), "ppk_required is set");
}
