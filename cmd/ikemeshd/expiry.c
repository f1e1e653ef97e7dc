/* SPDX-License-Identifier: Apache-2.0 */
#include "cmd/ikemeshd/expiry.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define HASH_NONFATAL_OOM 1
#define uthash_nonfatal_oom(obj) ((void)(obj))
#include <uthash.h>

#define DAY ((time_t)86400)
#define KEY_LEN 100

/* What was said of one item last. */
struct told {
	UT_hash_handle hh;
	char key[KEY_LEN]; /* kind and fingerprint */
	uint32_t days;	   /* the threshold; 0: that it is over */
};

struct expiry {
	struct told *told; /* the oldest first */
};

struct expiry *expiry_new(void)
{
	return calloc(1, sizeof(struct expiry));
}

static void forget(struct expiry *x, struct told *t)
{
	HASH_DELETE(hh, x->told, t);
	free(t);
}

void expiry_free(struct expiry *x)
{
	if (x == NULL)
		return;
	while (x->told != NULL)
		forget(x, x->told);
	free(x);
}

static bool counts(const struct expiry_item *item, uint32_t days)
{
	return item->what != EXPIRY_CRL ||
	       2 * (time_t)days * DAY <= item->not_after - item->not_before;
}

uint32_t expiry_due(const struct expiry_item *item, const uint32_t *days, size_t n_days, time_t now)
{
	uint32_t due = EXPIRY_NONE;

	if (now > item->not_after)
		return 0;
	for (size_t i = 0; i < n_days; i++) {
		if (days[i] < due && counts(item, days[i]) &&
		    item->not_after - now <= (time_t)days[i] * DAY)
			due = days[i];
	}
	return due;
}

/* true: this threshold, or a nearer one, was said before. Remembers it else. */
static bool was_told(struct expiry *x, const struct expiry_item *item, uint32_t due)
{
	char key[KEY_LEN];
	struct told *t;
	size_t n = (size_t)snprintf(key, sizeof(key), "%d %s", (int)item->what, item->fingerprint);

	HASH_FIND(hh, x->told, key, n, t);
	if (t != NULL && t->days <= due)
		return true;
	if (t == NULL) {
		if (HASH_COUNT(x->told) >= EXPIRY_REMEMBERED)
			forget(x, x->told);
		t = calloc(1, sizeof(*t));
		if (t == NULL)
			return false; /* rather twice than never */
		memcpy(t->key, key, sizeof(key));
		HASH_ADD(hh, x->told, key, n, t);
		if (t->hh.tbl == NULL) {
			free(t);
			return false;
		}
	}
	t->days = due;
	return false;
}

static const char *name_of(const struct expiry_item *item)
{
	static const char *const names[] = {
		[EXPIRY_OWN] = "instance_certificate",
		[EXPIRY_CA] = "CA certificate",
		[EXPIRY_CRL] = "CRL of",
		[EXPIRY_PEER] = "certificate",
	};

	return names[item->what];
}

static const char *remedy(const struct expiry_item *item, bool over)
{
	switch (item->what) {
	case EXPIRY_OWN:
		return over ? "peers refuse new IKE SAs: put a new certificate and key in its "
			      "place, then `ikectl reload` and `ikectl rotate`"
			    : "put a new certificate and key in its place, then `ikectl reload` "
			      "and `ikectl rotate`";
	case EXPIRY_CA:
		return over ? "no certificate under it is believed any more: add the new CA to "
			      "ca_certificates, then `ikectl reload`"
			    : "add the new CA to ca_certificates on all hosts, before any "
			      "certificate under it is used: see `ikectl rotate status`";
	case EXPIRY_CRL:
		return "put a new one in its place";
	case EXPIRY_PEER:
		break;
	}
	return over ? "new IKE SAs with it are refused" : "it needs a new one";
}

static void date_text(time_t at, char out[static 32])
{
	struct tm tm;

	if (gmtime_r(&at, &tm) == NULL || strftime(out, 32, "%Y-%m-%d %H:%M UTC", &tm) == 0)
		(void)snprintf(out, 32, "a date out of range");
}

void expiry_text(const struct expiry_item *item, time_t now, char out[static EXPIRY_TEXT_LEN])
{
	bool peer = item->what == EXPIRY_PEER, over = now > item->not_after;
	int64_t hours = (int64_t)(item->not_after - now) / 3600;
	char when[32], left[48] = "";

	date_text(item->not_after, when);
	if (!over && hours >= 48)
		snprintf(left, sizeof(left), "in %lld days, ", (long long)(hours / 24));
	else if (!over)
		snprintf(left, sizeof(left), "in %lld hours, ", (long long)hours);
	snprintf(out, EXPIRY_TEXT_LEN, "%s \"%s\"%s%s %s %son %s: %s", name_of(item), item->subject,
		 peer ? " of peer " : "", peer && item->whom != NULL ? item->whom : "",
		 over ? "expired" : "expires", left, when, remedy(item, over));
}

static enum report_level level_of(const struct expiry_item *item, bool over)
{
	return over && item->what != EXPIRY_PEER ? REPORT_ERROR : REPORT_WARNING;
}

void expiry_check(struct expiry *x, const struct expiry_item *items, size_t n, const uint32_t *days,
		  size_t n_days, time_t now, expiry_say *say, void *arg)
{
	for (size_t i = 0; i < n; i++) {
		uint32_t due = expiry_due(&items[i], days, n_days, now);
		char text[EXPIRY_TEXT_LEN];

		if (due == EXPIRY_NONE || was_told(x, &items[i], due))
			continue;
		expiry_text(&items[i], now, text);
		say(arg, level_of(&items[i], due == 0), text);
	}
}
