/* SPDX-License-Identifier: Apache-2.0 */
#include "lib/testvec.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#define DEFAULT_DIR "../shared/vectors"
#define N_ELEMENTS(a) (sizeof(a) / sizeof((a)[0]))

static const char *dir(void)
{
	const char *named = getenv("IKEMESH_VECTORS");
	return named != NULL && *named != '\0' ? named : DEFAULT_DIR;
}

void testvec_need(void)
{
	if (access(dir(), R_OK | X_OK) == 0)
		return;
	print_message("no test data in %s: skipped\n", dir());
	skip();
}

static struct blob read_all(FILE *f)
{
	struct blob out = { 0 };
	size_t room = 0, got;

	do {
		if (out.n + 1 >= room) {
			room = room == 0 ? 65536 : 2 * room;
			out.p = realloc(out.p, room);
			assert_non_null(out.p);
		}
		got = fread(out.p + out.n, 1, room - out.n - 1, f);
		out.n += got;
	} while (got > 0);
	out.p[out.n] = '\0'; /* beyond the end, so that texts are strings */
	return out;
}

struct blob testvec_read(const char *name)
{
	size_t n = strlen(name);
	bool packed = n > 3 && strcmp(name + n - 3, ".gz") == 0;
	char command[1024];
	struct blob out;
	FILE *f;

	(void)snprintf(command, sizeof(command), "%s '%s/%s'", packed ? "gzip -dc" : "cat", dir(),
		       name);
	f = popen(command, "r");
	assert_non_null(f);
	out = read_all(f);
	if (pclose(f) != 0 || out.n == 0)
		fail_msg("%s cannot be read", name);
	return out;
}

json_t *testvec_json(const char *name)
{
	struct blob text = testvec_read(name);
	json_error_t error;
	json_t *root = json_loadb((const char *)text.p, text.n, 0, &error);

	if (root == NULL)
		fail_msg("%s: %s", name, error.text);
	blob_free(&text);
	return root;
}

static uint8_t nibble(char c)
{
	const char *digits = "0123456789abcdef";
	const char *at = strchr(digits, c >= 'A' && c <= 'F' ? c - 'A' + 'a' : c);

	assert_true(c != '\0' && at != NULL);
	return (uint8_t)(at - digits);
}

struct bytes testvec_hex(struct testvec_pool *pool, const char *hex)
{
	struct blob *b = &pool->blobs[pool->n];
	size_t n = strlen(hex) / 2;

	assert_true(pool->n < N_ELEMENTS(pool->blobs) && strlen(hex) % 2 == 0);
	pool->n++;
	b->p = malloc(n + 1);
	b->n = n;
	assert_non_null(b->p);
	for (size_t i = 0; i < n; i++)
		b->p[i] = (uint8_t)(nibble(hex[2 * i]) << 4 | nibble(hex[2 * i + 1]));
	return blob_view(b);
}

struct bytes testvec_member(struct testvec_pool *pool, const json_t *object, const char *key)
{
	return testvec_hex(pool, testvec_text(object, key));
}

void testvec_clear(struct testvec_pool *pool)
{
	while (pool->n > 0)
		blob_free(&pool->blobs[--pool->n]);
}

const char *testvec_text(const json_t *object, const char *key)
{
	const char *text = json_string_value(json_object_get(object, key));
	return text == NULL ? "" : text;
}

size_t testvec_number(const json_t *object, const char *key)
{
	return (size_t)json_integer_value(json_object_get(object, key));
}

void testvec_cavs_open(struct testvec_cavs *c, const char *name)
{
	*c = (struct testvec_cavs){ 0 };
	c->text = testvec_read(name);
	c->at = (char *)c->text.p;
}

/* Cuts white space and brackets off both ends, in place. */
static char *trim(char *text)
{
	size_t n;

	text += strspn(text, " \t\r[");
	n = strlen(text);
	while (n > 0 && strchr(" \t\r]", text[n - 1]) != NULL)
		text[--n] = '\0';
	return text;
}

static void keep(struct testvec_cavs *c, char *name, char *value)
{
	size_t i = 0;

	while (i < c->n && strcmp(c->fields[i].name, name) != 0)
		i++;
	assert_true(i < N_ELEMENTS(c->fields));
	if (i == c->n)
		c->n++;
	c->fields[i].name = name;
	c->fields[i].value = value;
}

const char *testvec_cavs_next(struct testvec_cavs *c)
{
	char *line, *value;

	do {
		line = strsep(&c->at, "\n");
		if (line == NULL) {
			blob_free(&c->text);
			return NULL;
		}
		line = trim(line);
	} while (*line == '\0' || *line == '#');
	value = strchr(line, '=');
	if (value == NULL)
		return line;
	*value++ = '\0';
	line = trim(line);
	keep(c, line, trim(value));
	return line;
}

const char *testvec_cavs_get(const struct testvec_cavs *c, const char *name)
{
	for (size_t i = 0; i < c->n; i++)
		if (strcmp(c->fields[i].name, name) == 0)
			return c->fields[i].value;
	return "";
}

void testvec_skip(struct testvec_count *count, const char *why)
{
	size_t i = 0;

	while (count->skipped[i].why != NULL && strcmp(count->skipped[i].why, why) != 0)
		i++;
	assert_true(i + 1 < N_ELEMENTS(count->skipped));
	count->skipped[i].why = why;
	count->skipped[i].n++;
}

void testvec_check(struct testvec_count *count, bool good, const char *which)
{
	count->run++;
	if (!good)
		fail_msg("%s, case %s (number %zu)", count->file, which, count->run);
}

void testvec_report(const struct testvec_count *count)
{
	size_t skipped = 0;

	for (size_t i = 0; count->skipped[i].why != NULL; i++)
		skipped += count->skipped[i].n;
	/* The first that fails ends the test: who comes here has none. */
	print_message("%s: %zu passed, 0 failed, %zu skipped", count->file, count->run, skipped);
	for (size_t i = 0; count->skipped[i].why != NULL; i++)
		print_message("; %zu: %s", count->skipped[i].n, count->skipped[i].why);
	print_message("\n");
}

bool testvec_gcm(const struct encr_alg *e, struct bytes key, struct bytes nonce, struct bytes aad,
		 struct bytes plain, struct bytes sealed, struct bytes tag)
{
	uint8_t key_and_salt[ENCR_MAX_KEY], icv[ICV_MAX_LEN], data[1024] = { 0 };
	const uint8_t *iv = nonce.p + e->salt_len;

	assert_true(sealed.n <= sizeof(data) && key.n == e->key_len && tag.n == e->icv_len);
	memcpy(key_and_salt, key.p, key.n);
	memcpy(key_and_salt + key.n, nonce.p, e->salt_len);
	memcpy(data, sealed.p, sealed.n);
	if (e->open(e, key_and_salt, iv, aad, data, sealed.n, tag.p) != 0)
		return false;
	assert_true(bytes_equal(BYTES(data, sealed.n), plain));
	assert_int_equal(e->seal(e, key_and_salt, iv, aad, data, plain.n, icv), 0);
	assert_true(bytes_equal(BYTES(data, plain.n), sealed));
	assert_true(bytes_equal(BYTES(icv, e->icv_len), tag));
	return true;
}

/* out = one block of AES-CBC */
static void cbc_block(const struct encr_alg *e, bool seal, const uint8_t *key, const uint8_t *iv,
		      const uint8_t *in, uint8_t out[static 16])
{
	memcpy(out, in, 16);
	assert_int_equal(seal ? e->seal(e, key, iv, BYTES_NONE, out, 16, NULL)
			      : e->open(e, key, iv, BYTES_NONE, out, 16, NULL),
			 0);
}

void testvec_cbc_monte(const struct encr_alg *e, bool seal, struct bytes key, struct bytes iv,
		       struct bytes in, uint8_t out[static 16])
{
	uint8_t input[16], chain[16], last[16];

	memcpy(input, in.p, 16);
	memcpy(chain, iv.p, 16);
	memcpy(last, iv.p, 16);
	for (int j = 0; j < 1000; j++) {
		cbc_block(e, seal, key.p, chain, input, out);
		/* The chain goes on with the ciphertext; the next input is the output before this.
		 */
		memcpy(chain, seal ? out : input, 16);
		memcpy(input, last, 16);
		memcpy(last, out, 16);
	}
}
