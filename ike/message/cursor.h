/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Reader and writer for network-order octets. Both have a sticky error: after the first overrun
 * every read yields zero and every write does nothing; ask once, at the end.
 */
#ifndef IKEMESH_IKE_MESSAGE_CURSOR_H
#define IKEMESH_IKE_MESSAGE_CURSOR_H

#include "crypto/bytes.h"

struct reader {
	const uint8_t *p;
	size_t left;
	bool failed;
};

struct reader reader_of(struct bytes b);
uint8_t read_u8(struct reader *r);
uint16_t read_u16(struct reader *r);
uint32_t read_u32(struct reader *r);
uint64_t read_u64(struct reader *r);
struct bytes read_bytes(struct reader *r, size_t n); /* view into the input */
struct bytes read_rest(struct reader *r);
/* A reader that cannot leave the next n octets; r moves behind them. */
struct reader read_box(struct reader *r, size_t n);
/* No error, and nothing left over. */
bool reader_done(const struct reader *r);

/* Writes into a buffer that the caller owns. */
struct writer {
	uint8_t *p;
	size_t room;
	size_t n; /* octets written */
	bool failed;
};

struct writer writer_of(uint8_t *p, size_t room);
void write_u8(struct writer *w, uint8_t v);
void write_u16(struct writer *w, uint16_t v);
void write_u32(struct writer *w, uint32_t v);
void write_u64(struct writer *w, uint64_t v);
void write_bytes(struct writer *w, struct bytes b);
/* n octets for the caller to fill in; NULL once the writer has failed. */
uint8_t *write_space(struct writer *w, size_t n);
/* Reserve and patch: the place of a 16 or 32 bit length to be known later. */
size_t write_hole16(struct writer *w);
size_t write_hole32(struct writer *w);
void patch_u8(struct writer *w, size_t at, uint8_t v);
void patch_u16(struct writer *w, size_t at, uint16_t v);
void patch_u32(struct writer *w, size_t at, uint32_t v);
struct bytes writer_view(const struct writer *w); /* empty if failed */

#endif
