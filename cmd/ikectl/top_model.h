/* SPDX-License-Identifier: Apache-2.0 */
/*
 * `ikectl top` without a terminal: rows from two answers to "pairs", their order, and the lines
 * that they are shown as. Pure: what it shows is printable ASCII, a column for each octet.
 */
#ifndef IKEMESH_CTL_TOP_MODEL_H
#define IKEMESH_CTL_TOP_MODEL_H

#include "ike/ip.h"

#include <jansson.h>
#include <stdbool.h>

#define TOP_NAME_LEN 64
#define TOP_TROUBLE_LEN 160

/* From what worries least to what worries most. */
enum top_state {
	TOP_BYPASSED,
	TOP_NEVER,
	TOP_UP,
	TOP_WAITING,
	TOP_CONNECTING,
	TOP_DOWN,
	TOP_CLEAR,
	TOP_BACKING_OFF,
	TOP_STATES,
};
const char *top_state_name(enum top_state s);

struct top_row {
	struct ip remote, local;
	char peer[IP_TEXT_LEN];
	char identity[TOP_NAME_LEN]; /* "" if it is not known */
	char trouble[TOP_TROUBLE_LEN];
	enum top_state state;
	unsigned failures;
	int64_t since_s, rekey_s; /* rekey_s -1: none */
	uint64_t in, out;	  /* octets */
	double in_rate, out_rate; /* octets a second; -1: not known (yet, or an SA went) */
};

struct top_sample {
	struct top_row *rows; /* sorted by address */
	size_t n;
	int64_t at_ms;
	char version[32], mode[16];
	int64_t uptime_s, certificate_days;
	size_t in_the_clear;
	size_t by_state[TOP_STATES];
};

/*
 * before NULL or empty: no rates. false: no memory, or it is no such answer; out is empty then.
 * What it was before is not looked at.
 */
bool top_sample_read(const json_t *answer, const struct top_sample *before, struct top_sample *out);
void top_sample_free(struct top_sample *s);

enum top_sort {
	TOP_BY_TRAFFIC, /* the busiest first */
	TOP_BY_AGE,	/* what changed last first */
	TOP_BY_TROUBLE, /* the worst first */
	TOP_SORTS,
};
const char *top_sort_name(enum top_sort s);
bool top_sort_parse(const char *text, enum top_sort *out);

/* Those whose peer, identity, state or trouble has filter in it, case aside; "" : all. */
struct top_view {
	const struct top_row **rows; /* borrowed */
	size_t n;
};
/* NULL rows and n 0 on no memory. */
void top_view_make(const struct top_sample *s, enum top_sort sort, bool reversed,
		   const char *filter, struct top_view *out);
void top_view_free(struct top_view *v);

/* Which columns fit: the peer, its state and what troubles it stay to the last. */
#define TOP_COLUMNS 8
struct top_layout {
	int width;
	int columns[TOP_COLUMNS]; /* their widths; 0: left out */
};
void top_layout_make(const struct top_view *v, int width, struct top_layout *out);

#define TOP_LINE_LEN 512
/* At most layout's width octets each, and no line end. */
void top_heading(const struct top_layout *l, char out[static TOP_LINE_LEN]);
void top_line(const struct top_layout *l, const struct top_row *r, char out[static TOP_LINE_LEN]);
/* Where the state stands in the line, to paint it. */
void top_state_place(const struct top_layout *l, int *from, int *width);

/* The two lines above the table. */
void top_title(const struct top_sample *s, int width, char out[static TOP_LINE_LEN]);
void top_counts(const struct top_sample *s, int width, char out[static TOP_LINE_LEN]);

#endif
