/* SPDX-License-Identifier: Apache-2.0 */
#include "cmd/ikectl/top_model.h"
#include "cmd/ikectl/model.h"
#include "cmd/ikectl/show_peers.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char *const state_names[TOP_STATES] = {
	[TOP_BYPASSED] = "bypassed",
	[TOP_NEVER] = "never",
	[TOP_UP] = "up",
	[TOP_WAITING] = "waiting",
	[TOP_CONNECTING] = "connecting",
	[TOP_DOWN] = "down",
	[TOP_CLEAR] = "clear",
	[TOP_BACKING_OFF] = "backing off",
};
static const char *const sort_names[TOP_SORTS] = {
	[TOP_BY_TRAFFIC] = "traffic",
	[TOP_BY_AGE] = "age",
	[TOP_BY_TROUBLE] = "trouble",
};

const char *top_state_name(enum top_state s)
{
	return state_names[s];
}

const char *top_sort_name(enum top_sort s)
{
	return sort_names[s];
}

bool top_sort_parse(const char *text, enum top_sort *out)
{
	for (size_t i = 0; i < TOP_SORTS; i++) {
		if (strcmp(sort_names[i], text) == 0) {
			*out = (enum top_sort)i;
			return true;
		}
	}
	return false;
}

/* ---- rows ------------------------------------------------------------------------------------ */

/* Whatever a certificate may say: a column each, and nothing that a terminal would obey. */
static void copy_plain(const char *in, char *out, size_t room)
{
	size_t n = 0;

	for (; *in != '\0' && n + 1 < room; in++)
		out[n++] = *in >= 0x20 && *in < 0x7f ? *in : '?';
	out[n] = '\0';
}

static enum top_state state_of(const json_t *pair)
{
	const char *name = peer_state(pair, text(pair, "ruling"));

	for (size_t i = 0; i < TOP_STATES; i++) {
		if (strcmp(state_names[i], name) == 0)
			return (enum top_state)i;
	}
	return TOP_DOWN; /* a newer daemon's word */
}

static bool read_row(const json_t *pair, struct top_row *out)
{
	const json_t *rekey = get(pair, "rekey_in_s");

	*out = (struct top_row){ .in_rate = -1, .out_rate = -1 };
	if (!ip_parse(text(pair, "remote"), &out->remote) ||
	    !ip_parse(text(pair, "local"), &out->local))
		return false;
	ip_text(&out->remote, out->peer);
	copy_plain(text(pair, "identity"), out->identity, sizeof(out->identity));
	copy_plain(text(pair, "trouble"), out->trouble, sizeof(out->trouble));
	out->state = state_of(pair);
	out->failures = (unsigned)number(pair, "failures");
	out->since_s = number(pair, "since_s_ago");
	out->rekey_s = json_is_integer(rekey) ? json_integer_value(rekey) : -1;
	out->in = (uint64_t)number(pair, "in_bytes");
	out->out = (uint64_t)number(pair, "out_bytes");
	return true;
}

static int compare_addresses(const struct top_row *a, const struct top_row *b)
{
	const int remote = ip_compare(&a->remote, &b->remote);

	return remote != 0 ? remote : ip_compare(&a->local, &b->local);
}

static int compare_rows(const void *a, const void *b)
{
	return compare_addresses(a, b);
}

/* An SA that went took its counters along: then nothing can be said until the next sample. */
static double rate(uint64_t before, uint64_t now, int64_t ms)
{
	return now >= before ? (double)(now - before) * 1000 / (double)ms : -1;
}

static void add_rates(struct top_sample *s, const struct top_sample *before)
{
	const int64_t ms = before != NULL ? s->at_ms - before->at_ms : 0;

	for (size_t i = 0; ms > 0 && i < s->n; i++) {
		struct top_row *r = &s->rows[i];
		const struct top_row *old =
			bsearch(r, before->rows, before->n, sizeof(*r), compare_rows);

		if (old == NULL)
			continue;
		r->in_rate = rate(old->in, r->in, ms);
		r->out_rate = rate(old->out, r->out, ms);
	}
}

static void read_head(const json_t *answer, struct top_sample *out)
{
	out->at_ms = number(answer, "at_ms");
	copy_plain(text(answer, "version"), out->version, sizeof(out->version));
	copy_plain(text(answer, "mode"), out->mode, sizeof(out->mode));
	out->uptime_s = number(answer, "uptime_s");
	out->certificate_days = number(answer, "certificate_days_left");
	out->in_the_clear = (size_t)number(answer, "in_the_clear");
}

bool top_sample_read(const json_t *answer, const struct top_sample *before, struct top_sample *out)
{
	const json_t *pairs = get(answer, "pairs"), *pair;

	*out = (struct top_sample){ .n = 0 };
	if (!json_is_array(pairs))
		return false;
	out->rows = calloc(json_array_size(pairs) + 1, sizeof(*out->rows));
	if (out->rows == NULL)
		return false;
	read_head(answer, out);
	EACH(pairs, pair)
	{
		if (!read_row(pair, &out->rows[out->n]))
			continue;
		out->by_state[out->rows[out->n].state]++;
		out->n++;
	}
	qsort(out->rows, out->n, sizeof(*out->rows), compare_rows);
	add_rates(out, before);
	return true;
}

void top_sample_free(struct top_sample *s)
{
	free(s->rows);
	*s = (struct top_sample){ .n = 0 };
}

/* ---- their order ----------------------------------------------------------------------------- */

static double traffic(const struct top_row *r)
{
	return (r->in_rate > 0 ? r->in_rate : 0) + (r->out_rate > 0 ? r->out_rate : 0);
}

/* 1: a comes behind b, -1: before it. */
static int by_traffic(const struct top_row *a, const struct top_row *b)
{
	const double x = traffic(a), y = traffic(b);

	if (x < y || x > y)
		return x < y ? 1 : -1;
	return a->in + a->out < b->in + b->out ? 1 : a->in + a->out > b->in + b->out ? -1 : 0;
}

static int by_age(const struct top_row *a, const struct top_row *b)
{
	return a->since_s > b->since_s ? 1 : a->since_s < b->since_s ? -1 : 0;
}

static int by_trouble(const struct top_row *a, const struct top_row *b)
{
	if (a->state != b->state)
		return a->state < b->state ? 1 : -1;
	if (a->failures != b->failures)
		return a->failures < b->failures ? 1 : -1;
	return by_age(a, b);
}

struct order {
	int (*compare)(const struct top_row *a, const struct top_row *b);
	bool reversed;
};

static int compare_pointers(const void *va, const void *vb, void *arg)
{
	const struct top_row *a = *(const struct top_row *const *)va;
	const struct top_row *b = *(const struct top_row *const *)vb;
	const struct order *o = arg;
	const int by = o->compare(a, b);

	if (by != 0)
		return o->reversed ? -by : by;
	return compare_addresses(a, b);
}

static bool has(const struct top_row *r, const char *filter)
{
	return strcasestr(r->peer, filter) != NULL || strcasestr(r->identity, filter) != NULL ||
	       strcasestr(state_names[r->state], filter) != NULL ||
	       strcasestr(r->trouble, filter) != NULL;
}

void top_view_make(const struct top_sample *s, enum top_sort sort, bool reversed,
		   const char *filter, struct top_view *out)
{
	static int (*const compare[TOP_SORTS])(const struct top_row *, const struct top_row *) = {
		[TOP_BY_TRAFFIC] = by_traffic,
		[TOP_BY_AGE] = by_age,
		[TOP_BY_TROUBLE] = by_trouble,
	};
	struct order order = { .compare = compare[sort], .reversed = reversed };

	out->n = 0;
	out->rows = calloc(s->n + 1, sizeof(*out->rows));
	if (out->rows == NULL)
		return;
	for (size_t i = 0; i < s->n; i++) {
		if (has(&s->rows[i], filter))
			out->rows[out->n++] = &s->rows[i];
	}
	qsort_r(out->rows, out->n, sizeof(*out->rows), compare_pointers, &order);
}

void top_view_free(struct top_view *v)
{
	free(v->rows);
	*v = (struct top_view){ .n = 0 };
}

/* ---- lines ----------------------------------------------------------------------------------- */

enum column {
	COLUMN_PEER,
	COLUMN_STATE,
	COLUMN_SINCE,
	COLUMN_IN,
	COLUMN_OUT,
	COLUMN_REKEY,
	COLUMN_IDENTITY,
	COLUMN_TROUBLE,
};

static const struct {
	const char *heading;
	int width; /* 0: as wide as what is in it */
	bool right;
} columns[TOP_COLUMNS] = {
	[COLUMN_PEER] = { "PEER", 0, false },
	[COLUMN_STATE] = { "STATE", 11, false },
	[COLUMN_SINCE] = { "SINCE", 5, true },
	[COLUMN_IN] = { "IN/s", 6, true },
	[COLUMN_OUT] = { "OUT/s", 6, true },
	[COLUMN_REKEY] = { "REKEY", 5, true },
	[COLUMN_IDENTITY] = { "IDENTITY", 0, false },
	[COLUMN_TROUBLE] = { "LAST REASON", 0, false },
};

#define IDENTITY_MAX 32
#define TROUBLE_MIN 24 /* less says nothing */

static int wider(int a, size_t b)
{
	return a > (int)b ? a : (int)b;
}

static int sum(const struct top_layout *l)
{
	int all = 0;

	for (int c = 0; c < TOP_COLUMNS; c++)
		all += l->columns[c] > 0 ? l->columns[c] + (all > 0 ? 2 : 0) : 0;
	return all;
}

void top_layout_make(const struct top_view *v, int width, struct top_layout *out)
{
	static const enum column dispensable[] = { COLUMN_IDENTITY, COLUMN_REKEY, COLUMN_SINCE,
						   COLUMN_OUT,	    COLUMN_IN,	  COLUMN_TROUBLE };
	bool trouble = false;
	int left;

	*out = (struct top_layout){ .width = width < TOP_LINE_LEN ? width : TOP_LINE_LEN - 1 };
	for (int c = 0; c < TOP_COLUMNS; c++)
		out->columns[c] = wider(columns[c].width, strlen(columns[c].heading));
	for (size_t i = 0; i < v->n; i++) {
		out->columns[COLUMN_PEER] =
			wider(out->columns[COLUMN_PEER], strlen(v->rows[i]->peer));
		out->columns[COLUMN_IDENTITY] =
			wider(out->columns[COLUMN_IDENTITY], strlen(v->rows[i]->identity));
		trouble |= v->rows[i]->trouble[0] != '\0';
	}
	if (out->columns[COLUMN_IDENTITY] > IDENTITY_MAX)
		out->columns[COLUMN_IDENTITY] = IDENTITY_MAX;
	if (trouble)
		out->columns[COLUMN_TROUBLE] = TROUBLE_MIN;
	for (size_t i = 0; i < sizeof(dispensable) / sizeof(dispensable[0]); i++) {
		if (sum(out) > out->width)
			out->columns[dispensable[i]] = 0;
	}
	left = out->width - sum(out);
	if (left > 0 && out->columns[COLUMN_TROUBLE] > 0)
		out->columns[COLUMN_TROUBLE] += left;
}

/* One more field, cut to its column; the last one is not padded. */
static void put(const struct top_layout *l, enum column c, const char *value, char *out, size_t *n)
{
	const int room = l->columns[c];

	if (room == 0)
		return;
	*n += (size_t)snprintf(out + *n, TOP_LINE_LEN - *n, "%s%*.*s", *n > 0 ? "  " : "",
			       columns[c].right ? room : -room, room, value);
	if (*n >= TOP_LINE_LEN)
		*n = TOP_LINE_LEN - 1;
}

static void end_line(const struct top_layout *l, char *out)
{
	size_t n = strnlen(out, (size_t)(l->width > 0 ? l->width : 0));

	while (n > 0 && out[n - 1] == ' ')
		n--;
	out[n] = '\0';
}

void top_heading(const struct top_layout *l, char out[static TOP_LINE_LEN])
{
	size_t n = 0;

	out[0] = '\0';
	for (int c = 0; c < TOP_COLUMNS; c++)
		put(l, (enum column)c, columns[c].heading, out, &n);
	end_line(l, out);
}

static const char *rate_text(double octets, char out[static SHORT_SIZE_LEN])
{
	return octets < 0 ? "-" : short_size((json_int_t)(octets + 0.5), out);
}

void top_line(const struct top_layout *l, const struct top_row *r, char out[static TOP_LINE_LEN])
{
	char since[SHORT_TIME_LEN], rekey[SHORT_TIME_LEN], in[SHORT_SIZE_LEN], sent[SHORT_SIZE_LEN];
	size_t n = 0;

	out[0] = '\0';
	put(l, COLUMN_PEER, r->peer, out, &n);
	put(l, COLUMN_STATE, state_names[r->state], out, &n);
	put(l, COLUMN_SINCE, short_time(r->since_s, since), out, &n);
	put(l, COLUMN_IN, rate_text(r->in_rate, in), out, &n);
	put(l, COLUMN_OUT, rate_text(r->out_rate, sent), out, &n);
	put(l, COLUMN_REKEY, r->rekey_s >= 0 ? short_time(r->rekey_s, rekey) : "-", out, &n);
	put(l, COLUMN_IDENTITY, r->identity[0] != '\0' ? r->identity : "-", out, &n);
	put(l, COLUMN_TROUBLE, r->trouble, out, &n);
	end_line(l, out);
}

void top_state_place(const struct top_layout *l, int *from, int *width)
{
	*from = l->columns[COLUMN_PEER] + 2;
	*width = l->columns[COLUMN_STATE];
	if (*from + *width > l->width)
		*width = *from < l->width ? l->width - *from : 0;
}

void top_title(const struct top_sample *s, int width, char out[static TOP_LINE_LEN])
{
	const struct top_layout l = { .width = width };
	char up[SHORT_TIME_LEN];

	snprintf(out, TOP_LINE_LEN, "ikemesh %s  up %s  mode %s  certificate %s%lld days",
		 s->version, short_time(s->uptime_s, up), s->mode,
		 s->certificate_days < 0 ? "EXPIRED " : "", (long long)s->certificate_days);
	end_line(&l, out);
}

void top_counts(const struct top_sample *s, int width, char out[static TOP_LINE_LEN])
{
	const struct top_layout l = { .width = width };
	size_t n = (size_t)snprintf(out, TOP_LINE_LEN, "%zu pair%s", s->n, s->n == 1 ? "" : "s");

	for (int i = TOP_STATES - 1; i >= 0; i--) {
		if (s->by_state[i] > 0)
			n += (size_t)snprintf(out + n, TOP_LINE_LEN - n, "  %zu %s", s->by_state[i],
					      state_names[i]);
	}
	if (s->in_the_clear > 0)
		snprintf(out + n, TOP_LINE_LEN - n, "  (%zu talk in the clear)", s->in_the_clear);
	end_line(&l, out);
}
