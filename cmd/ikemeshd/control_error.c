/* SPDX-License-Identifier: Apache-2.0 */
#include "cmd/ikemeshd/control.h"

#include <stdarg.h>
#include <stdio.h>

/* A text that was cut does not end within a character: JSON is UTF-8. */
static void end_with_whole_character(char *text, size_t n)
{
	while (n > 0 && ((unsigned char)text[n - 1] & 0xc0) == 0x80)
		n--;
	if (n > 0 && (unsigned char)text[n - 1] >= 0xc0)
		n--;
	text[n] = '\0';
}

static json_t *refusal(const char *reason, const char *format, va_list args)
{
	char text[512];

	if (vsnprintf(text, sizeof(text), format, args) >= (int)sizeof(text))
		end_with_whole_character(text, sizeof(text) - 1);
	return reason != NULL
		       ? json_pack("{s:b, s:s, s:s}", "ok", 0, "error", text, "reason", reason)
		       : json_pack("{s:b, s:s}", "ok", 0, "error", text);
}

json_t *control_error(const char *format, ...)
{
	va_list args;
	json_t *all;

	va_start(args, format);
	all = refusal(NULL, format, args);
	va_end(args);
	return all;
}

json_t *control_not_allowed(const char *format, ...)
{
	va_list args;
	json_t *all;

	va_start(args, format);
	all = refusal("not allowed", format, args);
	va_end(args);
	return all;
}
