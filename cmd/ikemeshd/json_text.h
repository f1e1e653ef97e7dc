/* SPDX-License-Identifier: Apache-2.0 */
/*
 * JSON written straight as text: for documents so large that a tree of them would keep the loop
 *busy (a thousand pairs: 45 ms as a tree, 5 as text). Values go in one after the other; a name of
 *NULL is an element of an array. Out of memory is remembered, and asked about at the end.
 *
 *	json_text_open(&t, NULL, '[');
 *	json_text_open(&t, NULL, '{');
 *	json_text_int(&t, "number", 7);
 *	json_text_close(&t, '}');
 *	json_text_close(&t, ']');
 */
#ifndef IKEMESH_CMD_JSON_TEXT_H
#define IKEMESH_CMD_JSON_TEXT_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct json_text {
	char *p;
	size_t n, room;
	bool comma; /* before the next value */
	bool no_memory;
};

void json_text_free(struct json_text *t);

void json_text_open(struct json_text *t, const char *name, char bracket);
void json_text_close(struct json_text *t, char bracket);
/* NULL, and what is no UTF-8, is null. */
void json_text_string(struct json_text *t, const char *name, const char *text);
void json_text_int(struct json_text *t, const char *name, int64_t value);
void json_text_bool(struct json_text *t, const char *name, bool value);
void json_text_null(struct json_text *t, const char *name);
/* A tree, taken over. */
void json_text_tree(struct json_text *t, const char *name, json_t *value);
/* n octets that are JSON already. */
void json_text_raw(struct json_text *t, const char *name, const char *value, size_t n);

#endif
