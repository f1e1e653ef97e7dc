/* SPDX-License-Identifier: Apache-2.0 */
#include "cmd/ikemeshd/json_text.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define ROOM_FIRST 4096

void json_text_free(struct json_text *t)
{
	free(t->p);
	*t = (struct json_text){ 0 };
}

static void put(struct json_text *t, const char *octets, size_t n)
{
	if (t->no_memory)
		return;
	if (t->room - t->n < n) {
		size_t room = t->room > 0 ? t->room : ROOM_FIRST;
		char *more;

		while (room - t->n < n)
			room *= 2;
		more = realloc(t->p, room);
		t->no_memory = more == NULL;
		if (more == NULL)
			return;
		t->p = more;
		t->room = room;
	}
	memcpy(t->p + t->n, octets, n);
	t->n += n;
}

/* RFC 8259 7 */
static void put_quoted(struct json_text *t, const char *text)
{
	char escape[8];

	put(t, "\"", 1);
	while (*text != '\0') {
		size_t plain = 0;

		while ((unsigned char)text[plain] >= 0x20 && text[plain] != '"' &&
		       text[plain] != '\\')
			plain++;
		put(t, text, plain);
		text += plain;
		if (*text == '\0')
			break;
		snprintf(escape, sizeof(escape), "\\u%04x", (unsigned)(unsigned char)*text++);
		put(t, escape, 6);
	}
	put(t, "\"", 1);
}

/* The comma and the name that stand before a value. */
static void begin(struct json_text *t, const char *name)
{
	if (t->comma)
		put(t, ",", 1);
	t->comma = true;
	if (name == NULL)
		return;
	put_quoted(t, name);
	put(t, ":", 1);
}

void json_text_open(struct json_text *t, const char *name, char bracket)
{
	begin(t, name);
	put(t, &bracket, 1);
	t->comma = false;
}

void json_text_close(struct json_text *t, char bracket)
{
	put(t, &bracket, 1);
	t->comma = true;
}

static bool is_ascii(const char *text)
{
	while (*text != '\0' && (unsigned char)*text < 0x80)
		text++;
	return *text == '\0';
}

void json_text_string(struct json_text *t, const char *name, const char *text)
{
	json_t *checked;

	if (text == NULL) {
		json_text_null(t, name);
	} else if (is_ascii(text)) {
		begin(t, name);
		put_quoted(t, text);
	} else {
		checked = json_string(text); /* NULL: no UTF-8 */
		json_text_tree(t, name, checked != NULL ? checked : json_null());
	}
}

void json_text_int(struct json_text *t, const char *name, int64_t value)
{
	char digits[24];

	snprintf(digits, sizeof(digits), "%" PRId64, value);
	json_text_raw(t, name, digits, strlen(digits));
}

void json_text_bool(struct json_text *t, const char *name, bool value)
{
	json_text_raw(t, name, value ? "true" : "false", value ? 4 : 5);
}

void json_text_null(struct json_text *t, const char *name)
{
	json_text_raw(t, name, "null", 4);
}

void json_text_tree(struct json_text *t, const char *name, json_t *value)
{
	char *text = json_dumps(value, JSON_COMPACT | JSON_ENCODE_ANY);

	if (text != NULL)
		json_text_raw(t, name, text, strlen(text));
	else
		t->no_memory = true;
	free(text);
	json_decref(value);
}

void json_text_raw(struct json_text *t, const char *name, const char *value, size_t n)
{
	/* A value has an octet at least: without one there was no memory for it. */
	if (n == 0) {
		t->no_memory = true;
		return;
	}
	begin(t, name);
	put(t, value, n);
}
