/* SPDX-License-Identifier: Apache-2.0 */
#include "fuzz/frame.h"

#include "scenario/scenario.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

uint8_t feed_u8(struct feed *f)
{
	if (f->left == 0)
		return 0;
	f->left--;
	return *f->p++;
}

uint16_t feed_u16(struct feed *f)
{
	uint16_t high = feed_u8(f);

	return (uint16_t)(high << 8 | feed_u8(f));
}

uint32_t feed_u32(struct feed *f)
{
	uint32_t high = feed_u16(f);

	return high << 16 | feed_u16(f);
}

struct bytes feed_bytes(struct feed *f, size_t n)
{
	struct bytes b = BYTES(f->p, n < f->left ? n : f->left);

	f->p += b.n;
	f->left -= b.n;
	return b;
}

struct bytes feed_rest(struct feed *f)
{
	return feed_bytes(f, f->left);
}

struct bytes feed_sized(struct feed *f)
{
	return feed_bytes(f, feed_u16(f));
}

static void *grab(size_t n)
{
	void *p = malloc(n);

	if (p == NULL)
		abort();
	return p;
}

struct exact exact_of(struct bytes b)
{
	struct exact e = { .block = grab(b.n == 0 ? 1 : b.n), .n = b.n };

	e.p = b.n == 0 ? e.block + 1 : e.block;
	if (b.n > 0)
		memcpy(e.p, b.p, b.n);
	return e;
}

void exact_free(struct exact *e)
{
	free(e->block);
	*e = (struct exact){ 0 };
}

char *exact_text(struct bytes b)
{
	char *text = grab(b.n + 1);

	if (b.n > 0)
		memcpy(text, b.p, b.n);
	text[b.n] = '\0';
	return text;
}

_Noreturn void fuzz_breach(const char *file, int line, const char *condition, const char *what)
{
	fprintf(stderr, "%s:%d: does not hold: %s%s%s\n", file, line, condition,
		what == NULL ? "" : ": ", what == NULL ? "" : what);
	abort();
}

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
	(void)argc;
	(void)argv;
	/* What asserts by cmocka, as the simulator does, is to end the process as well. */
	setenv("CMOCKA_TEST_ABORT", "1", 1);
	scenario_cheap_rows(true);
	return 0;
}
