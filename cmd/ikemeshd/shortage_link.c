/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Stands between a program and the C library's allocator, by the linker's --wrap: see the list of
 * names in CMakeLists.txt. Counts what is refused, and changes nothing.
 */
#include "cmd/ikemeshd/shortage.h"

#include <stdarg.h>
#include <stddef.h>

/* The names are the linker's. NOLINTBEGIN(bugprone-reserved-identifier) */
void *__real_malloc(size_t n);
void *__real_calloc(size_t n, size_t size);
void *__real_realloc(void *p, size_t n);
void *__real_reallocarray(void *p, size_t n, size_t size);
char *__real_strdup(const char *text);
char *__real_strndup(const char *text, size_t n);
int __real_vasprintf(char **out, const char *format, va_list args);
int __real___vasprintf_chk(char **out, int flag, const char *format, va_list args);

void *__wrap_malloc(size_t n);
void *__wrap_calloc(size_t n, size_t size);
void *__wrap_realloc(void *p, size_t n);
void *__wrap_reallocarray(void *p, size_t n, size_t size);
char *__wrap_strdup(const char *text);
char *__wrap_strndup(const char *text, size_t n);
int __wrap_vasprintf(char **out, const char *format, va_list args);
int __wrap___vasprintf_chk(char **out, int flag, const char *format, va_list args);
/* NOLINTEND(bugprone-reserved-identifier) */

static void *counted(void *p)
{
	if (p == NULL)
		shortage_add();
	return p;
}

void *__wrap_malloc(size_t n)
{
	return counted(__real_malloc(n));
}

void *__wrap_calloc(size_t n, size_t size)
{
	return counted(__real_calloc(n, size));
}

/* realloc(p, 0) may free p and give nothing: nobody was refused. */
void *__wrap_realloc(void *p, size_t n)
{
	void *other = __real_realloc(p, n);

	return n == 0 ? other : counted(other);
}

void *__wrap_reallocarray(void *p, size_t n, size_t size)
{
	void *other = __real_reallocarray(p, n, size);

	return n == 0 || size == 0 ? other : counted(other);
}

char *__wrap_strdup(const char *text)
{
	return counted(__real_strdup(text));
}

char *__wrap_strndup(const char *text, size_t n)
{
	return counted(__real_strndup(text, n));
}

int __wrap_vasprintf(char **out, const char *format, va_list args)
{
	const int n = __real_vasprintf(out, format, args);

	if (n < 0) /* of a format that is right, for nothing else */
		shortage_add();
	return n;
}

int __wrap___vasprintf_chk(char **out, int flag, const char *format, va_list args)
{
	const int n = __real___vasprintf_chk(out, flag, format, args);

	if (n < 0) /* of a format that is right, for nothing else */
		shortage_add();
	return n;
}
