/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What all fuzz targets have in common. A target is a file in targets/ with one function:
 *
 *	FUZZ_TARGET(input)
 *	{
 *		HOLDS(...);
 *	}
 *
 * It looks at the input and nothing else: no clock, no real randomness, no file, so that each input
 * does the same every time. libFuzzer and AFL++ link a main() of their own; driver.c is one for any
 * compiler, which runs files and directories of inputs.
 */
#ifndef IKEMESH_TEST_FUZZ_FRAME_H
#define IKEMESH_TEST_FUZZ_FRAME_H

#include "crypto/bytes.h"

#define FUZZ_INPUT_MAX 65536 /* octets that the driver hands over; libFuzzer is told less */

/* Octets that are taken piece by piece; when there are no more, all numbers are zero. */
struct feed {
	const uint8_t *p;
	size_t left;
};

uint8_t feed_u8(struct feed *f);
uint16_t feed_u16(struct feed *f); /* network order, as in the messages that seeds are made of */
uint32_t feed_u32(struct feed *f);
/* At most n octets, as many as there are: a view. */
struct bytes feed_bytes(struct feed *f, size_t n);
struct bytes feed_rest(struct feed *f);
/* As long as the number before it says. */
struct bytes feed_sized(struct feed *f);

/*
 * A copy on the heap of exactly that many octets, for AddressSanitizer to see a read of one too
 * many; one of none ends where it starts. exact_free() it.
 */
struct exact {
	uint8_t *block, *p;
	size_t n;
};
struct exact exact_of(struct bytes b);
void exact_free(struct exact *e);
/* The same as a text: with a NUL behind it. */
char *exact_text(struct bytes b);

/* Ends the process unless it is so; in all builds. */
#define HOLDS(condition) ((condition) ? (void)0 : fuzz_breach(__FILE__, __LINE__, #condition, NULL))
/* The same, with a word more. */
#define HOLDS_OF(condition, what) \
	((condition) ? (void)0 : fuzz_breach(__FILE__, __LINE__, #condition, what))
_Noreturn void fuzz_breach(const char *file, int line, const char *condition, const char *what);

/* Both names are libFuzzer's. */
int LLVMFuzzerInitialize(int *argc, char ***argv);
int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n);

#define FUZZ_TARGET(input)                                     \
	static void fuzz_one(struct feed *input);              \
	int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n) \
	{                                                      \
		struct feed fuzz_feed = { .p = p, .left = n }; \
                                                               \
		fuzz_one(&fuzz_feed);                          \
		return 0;                                      \
	}                                                      \
	static void fuzz_one(struct feed *input)

#endif
