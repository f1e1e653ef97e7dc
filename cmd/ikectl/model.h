/* SPDX-License-Identifier: Apache-2.0 */
/* Reading the daemon's documents: what is missing reads as empty, so that versions may differ. */
#ifndef IKEMESH_CTL_MODEL_H
#define IKEMESH_CTL_MODEL_H

#include <jansson.h>
#include <stdbool.h>
#include <string.h>

static inline const json_t *get(const json_t *o, const char *name)
{
	return json_object_get(o, name);
}

static inline const char *text(const json_t *o, const char *name)
{
	const char *s = json_string_value(get(o, name));

	return s != NULL ? s : "";
}

static inline json_int_t number(const json_t *o, const char *name)
{
	return json_integer_value(get(o, name));
}

static inline bool is(const json_t *o, const char *name, const char *value)
{
	return strcmp(text(o, name), value) == 0;
}

#define EACH(array, node) \
	for (size_t node##_i = 0; ((node) = json_array_get((array), node##_i)) != NULL; node##_i++)

#endif
