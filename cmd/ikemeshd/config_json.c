/* SPDX-License-Identifier: Apache-2.0 */
#include "cmd/ikemeshd/config_json.h"
#include "config/view.h"

#include <stdlib.h>

static json_t *values_json(const struct values *v)
{
	json_t *list = json_array();

	for (size_t i = 0; i < v->n; i++)
		json_array_append_new(list, json_string(v->p[i]));
	return list;
}

/* As one who stands elsewhere would name it. */
static json_t *file_json(const char *file)
{
	char *whole = realpath(file, NULL);
	json_t *name = json_string(whole != NULL ? whole : file);

	free(whole);
	return name;
}

json_t *config_json(const struct config *c, const char *file)
{
	json_t *keys = json_object();
	const struct key_row *rows;
	struct view v;
	size_t n;

	if (view_of(c, &v) != 0) {
		json_decref(keys);
		return NULL;
	}
	rows = schema_rows(&n);
	for (size_t i = 0; i < n; i++) {
		if (rows[i].type != VALUE_KEY && rows[i].type != VALUE_SECRET)
			json_object_set_new(keys, rows[i].name, values_json(&v.key[i]));
	}
	view_free(&v);
	return json_pack("{s:s, s:o, s:o}", "format", "ikemesh-config/1", "file", file_json(file),
			 "keys", keys);
}
