/* SPDX-License-Identifier: Apache-2.0 */
#include "cases/scene.h"

#include <malloc.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#define WARM 5	 /* right handshakes beforehand: what is remembered of a pair is full then */
#define ROUNDS 3 /* of each case */
#define LIMIT_US 100000
#define FORGOTTEN (8000 * SECOND)

/* ---- what it costs ----------------------------------------------------------------------------
 */

size_t __sanitizer_get_current_allocated_bytes(void) __attribute__((weak));

/* Octets on the heap. */
static int64_t heap(void)
{
	if (__sanitizer_get_current_allocated_bytes != NULL)
		return (int64_t)__sanitizer_get_current_allocated_bytes();
	return (int64_t)mallinfo2().uordblks;
}

static int64_t cpu_us(void)
{
	struct timespec t;

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
	return (int64_t)t.tv_sec * 1000000 + t.tv_nsec / 1000;
}

/* ---- what came of it --------------------------------------------------------------------------
 */

static void note_error(struct scene *s, uint16_t notify)
{
	for (size_t i = 0; i < s->n_errors; i++) {
		if (s->errors[i].notify == notify) {
			s->errors[i].times++;
			return;
		}
	}
	assert_true(s->n_errors < sizeof s->errors / sizeof s->errors[0]);
	s->errors[s->n_errors].notify = notify;
	s->errors[s->n_errors++].times = 1;
}

/* One datagram of the core. The peer's own state is not touched by a look. */
static enum outcome outcome_of(struct scene *s, const struct duet_datagram *x)
{
	struct ike_header h;
	struct draft heard;
	enum outcome o = OUT_GOES_ON;
	uint16_t error;

	assert_int_equal(ike_header_decode(blob_view(&x->b), &h), DECODE_OK);
	/* A fragment that is not the last, or sealed for somebody else. */
	if (peer_open(&s->d.peer, blob_view(&x->b), &heard) != 0)
		return OUT_GOES_ON;
	error = draft_error(&heard);
	if (h.response && draft_has_notify(&heard, NOTIFY_COOKIE)) {
		o = OUT_COOKIE;
	} else if (error != 0) {
		o = OUT_ERROR;
		note_error(s, error);
	}
	draft_free(&heard);
	return o;
}

struct before {
	struct status_counters c;
	size_t sent, kernel;
};

static struct before look(struct scene *s)
{
	return (struct before){ .c = duet_counters(&s->d),
				.sent = s->d.n_sent,
				.kernel = s->d.kernel.n_sas };
}

/* No answer: was it dropped? */
static enum outcome silent(struct scene *s, const struct before *b)
{
	const struct status_counters c = duet_counters(&s->d);

	if (c.ike_sas < b->c.ike_sas)
		return OUT_ENDS;
	if (c.ike_sas > b->c.ike_sas || c.child_sas > b->c.child_sas || c.jobs > b->c.jobs ||
	    s->d.kernel.n_sas > b->kernel)
		return OUT_KEPT;
	/* Not counted as dropped: a fragment that waits, or a step of what is under way. */
	if (c.drops == b->c.drops && c.packets_in > b->c.packets_in)
		return OUT_KEPT;
	return OUT_DROP;
}

static enum outcome record(struct scene *s, enum outcome o)
{
	s->seen[o]++;
	s->given++;
	return o;
}

/* What was sent since then tells; nothing: what else came of it. */
static enum outcome note_outcome(struct scene *s, const struct before *b)
{
	enum outcome o = OUT_DROP;

	for (size_t i = b->sent; i < s->d.n_sent; i++) {
		o = outcome_of(s, &s->d.sent[i]);
		s->octets_out += s->d.sent[i].b.n;
		if (o == OUT_ERROR || o == OUT_COOKIE)
			break;
	}
	return record(s, s->d.n_sent > b->sent ? o : silent(s, b));
}

static void note_time(struct scene *s, int64_t began)
{
	const int64_t took = cpu_us() - began;

	s->slowest_us = took > s->slowest_us ? took : s->slowest_us;
}

enum outcome scene_give_from(struct scene *s, const struct endpoint *from, struct bytes datagram)
{
	const struct before b = look(s);
	const int64_t began = cpu_us();

	duet_give_from(&s->d, from, &s->d.us, datagram);
	note_time(s, began);
	s->octets_in += datagram.n;
	return note_outcome(s, &b);
}

enum outcome scene_give(struct scene *s, struct bytes datagram)
{
	return scene_give_from(s, &s->d.peer.self, datagram);
}

enum outcome scene_say_clear(struct scene *s, struct draft *said)
{
	struct blob message = draft_message(said);
	enum outcome o;

	draft_free(said);
	o = scene_give(s, blob_view(&message));
	blob_free(&message);
	return o;
}

enum outcome scene_say(struct scene *s, struct draft *said)
{
	const bool clear = said->h.exchange == EXCHANGE_IKE_SA_INIT;
	struct blob message = clear ? peer_encode(&s->d.peer, said) : peer_seal(&s->d.peer, said);
	enum outcome o;

	draft_free(said);
	o = scene_give(s, blob_view(&message));
	blob_free(&message);
	return o;
}

enum outcome scene_say_fragmented(struct scene *s, struct draft *said, size_t limit)
{
	struct blob parts[DUET_FRAGMENTS];
	size_t n = peer_seal_fragments(&s->d.peer, said, limit, parts, DUET_FRAGMENTS);
	enum outcome o = OUT_DROP;

	draft_free(said);
	for (size_t i = 0; i < n; i++) {
		o = scene_give(s, blob_view(&parts[i]));
		/* What is waited for is no outcome of the message. */
		if (i + 1 < n && o == OUT_KEPT) {
			s->seen[OUT_KEPT]--;
			s->given--;
		}
		blob_free(&parts[i]);
	}
	return o;
}

void scene_check(struct scene *s, bool is_so, const char *what)
{
	size_t i = 0;

	while (i < s->n_checks && strcmp(s->checks[i].what, what) != 0)
		i++;
	assert_true(i < sizeof s->checks / sizeof s->checks[0]);
	s->checks[i].what = what;
	s->checks[i].times++;
	s->checks[i].failed += !is_so;
	s->n_checks += i == s->n_checks;
	s->given++;
}

/* ---- how it begins and ends -------------------------------------------------------------------
 */

static void forget(struct duet *d)
{
	for (size_t i = 0; i < d->n_sent; i++)
		blob_free(&d->sent[i].b);
	d->n_sent = d->taken = 0;
	d->reports[0] = d->log[0] = d->happened[0] = '\0';
}

static bool known_sa(void *arg, const struct fake_sa *f)
{
	const struct sa_ref ref = { .src = f->spec.src, .dst = f->spec.dst, .spi = f->spec.spi };

	assert_true(engine_knows_sa(arg, &ref));
	return true;
}

/* A hundred of them took less than the limit: so did each. */
#define TIMED_TOGETHER 100

void scene_pour(struct scene *s, struct bytes datagram, unsigned times)
{
	int64_t began = cpu_us();

	for (unsigned i = 1; i <= times; i++) {
		const struct before b = look(s);

		duet_give(&s->d, datagram);
		note_outcome(s, &b);
		forget(&s->d);
		if (i % TIMED_TOGETHER == 0 || i == times) {
			note_time(s, began);
			duet_wait(&s->d, TIMED_TOGETHER * SECOND / 1000);
			began = cpu_us();
		}
	}
	s->octets_in += (uint64_t)times * datagram.n;
}

void scene_clear(struct scene *s)
{
	const struct event down = { .kind = EVENT_COMMAND, .command = { .command = COMMAND_DOWN } };
	struct duet *d = &s->d;

	fake_kernel_walk(&d->kernel, known_sa, d->engine);
	forget(d);
	d->peer.self = d->them;
	duet_event(d, &down);
	for (int i = 0; i < 20; i++) { /* the time may be full of repeated requests of the core */
		forget(d);
		duet_wait(d, 10 * SECOND);
	}
	forget(d);
	peer_wipe(&d->peer);
	duet_assert_empty(d);
}

void scene_init(struct scene *s, struct draft *said)
{
	scene_clear(s);
	peer_ask_init(&s->d.peer, said);
}

void scene_auth(struct scene *s, struct draft *said)
{
	scene_clear(s);
	duet_peer_init(&s->d);
	peer_ask_auth(&s->d.peer, said);
}

void scene_auth_answer(struct scene *s, struct draft *said)
{
	struct draft heard;

	scene_clear(s);
	/* The pair is let go first, and with it its back-off. */
	duet_wait(&s->d, 4000 * SECOND);
	duet_core_init(&s->d);
	duet_hear(&s->d, EXCHANGE_IKE_AUTH, false, &heard);
	peer_answer_auth(&s->d.peer, &heard, said);
	draft_free(&heard);
}

void scene_up(struct scene *s)
{
	scene_clear(s);
	duet_peer_up(&s->d);
}

/* ---- the line ---------------------------------------------------------------------------------
 */

static const char *const outcome_names[OUTCOMES] = {
	[OUT_DROP] = "dropped",	 [OUT_KEPT] = "taken in silence", [OUT_GOES_ON] = "goes on",
	[OUT_COOKIE] = "COOKIE", [OUT_ERROR] = "error",		  [OUT_ENDS] = "ended in silence",
};

static void add(char *text, size_t size, const char *separator, const char *format, ...)
	__attribute__((format(printf, 4, 5)));

static void add(char *text, size_t size, const char *separator, const char *format, ...)
{
	size_t n = strlen(text);
	va_list arguments;

	if (n > 0)
		n += (size_t)snprintf(text + n, size - n, "%s", separator);
	va_start(arguments, format);
	vsnprintf(text + n, size - n, format, arguments);
	va_end(arguments);
}

static const char *expected_text(const struct bad_case *row, char *text, size_t size)
{
	text[0] = '\0';
	for (int o = 0; o < OUTCOMES; o++)
		if (o != OUT_ERROR && (row->allowed & ALLOW(o)) != 0)
			add(text, size, " or ", "%s", outcome_names[o]);
	for (size_t i = 0; i < ERRORS_MAX && row->errors[i] != 0; i++)
		add(text, size, " or ", "%s", notify_name(row->errors[i]));
	if (text[0] == '\0')
		add(text, size, "", "see what was seen");
	return text;
}

static const char *seen_text(const struct scene *s, char *text, size_t size)
{
	text[0] = '\0';
	for (int o = 0; o < OUTCOMES; o++)
		if (o != OUT_ERROR && s->seen[o] > 0)
			add(text, size, ", ", "%u %s", s->seen[o], outcome_names[o]);
	for (size_t i = 0; i < s->n_errors; i++)
		add(text, size, ", ", "%u %s", s->errors[i].times,
		    notify_name(s->errors[i].notify));
	for (size_t i = 0; i < s->n_checks; i++)
		add(text, size, "; ", "%s%s", s->checks[i].failed > 0 ? "NOT SO: " : "",
		    s->checks[i].what);
	return text;
}

static bool is_expected(const struct scene *s)
{
	for (int o = 0; o < OUTCOMES; o++)
		if (o != OUT_ERROR && s->seen[o] > 0 && (s->row->allowed & ALLOW(o)) == 0)
			return false;
	for (size_t i = 0; i < s->n_errors; i++) {
		bool allowed = false;

		for (size_t k = 0; k < ERRORS_MAX && s->row->errors[k] != 0; k++)
			allowed |= s->row->errors[k] == s->errors[i].notify;
		if (!allowed)
			return false;
	}
	for (size_t i = 0; i < s->n_checks; i++)
		if (s->checks[i].failed > 0)
			return false;
	return s->given > 0;
}

static void write_line(FILE *f, const struct scene *s, int64_t grown)
{
	char expected[300], seen[800];

	fprintf(f,
		"| %s %s | %s | %s | %s | %s%s%s; %.1f ms at most, heap %+lld, %u handshakes after "
		"|\n",
		s->row->id, s->row->name, s->row->source, s->row->sent,
		expected_text(s->row, expected, sizeof expected), seen_text(s, seen, sizeof seen),
		s->note[0] != '\0' ? "; " : "", s->note, (double)s->slowest_us / 1000,
		(long long)grown, s->handshakes);
}

/* ---- the play ---------------------------------------------------------------------------------
 */

/* By the right peer, now, whatever is half done still; it returns a cookie if it has to. */
static void handshake_at_once(struct scene *s)
{
	struct duet *d = &s->d;
	struct draft said, heard;

	forget(d);
	peer_wipe(&d->peer);
	d->peer.self = d->them;
	peer_ask_init(&d->peer, &said);
	duet_say(d, &said);
	duet_hear(d, EXCHANGE_IKE_SA_INIT, true, &heard);
	if (draft_has_notify(&heard, NOTIFY_COOKIE)) {
		assert_int_equal(
			blob_copy(&d->peer.cookie, draft_notify_data(&heard, NOTIFY_COOKIE)), 0);
		draft_free(&heard);
		peer_ask_init(&d->peer, &said);
		duet_say(d, &said);
		duet_hear(d, EXCHANGE_IKE_SA_INIT, true, &heard);
	}
	assert_int_equal(draft_error(&heard), 0);
	peer_take_init(&d->peer, &heard);
	draft_free(&heard);
	peer_ask_auth(&d->peer, &said);
	duet_say(d, &said);
	duet_hear(d, EXCHANGE_IKE_AUTH, true, &heard);
	assert_int_equal(draft_error(&heard), 0);
	peer_take_auth(&d->peer, &heard);
	draft_free(&heard);
	assert_non_null(fake_kernel_sa(&d->kernel, &d->us.ip, d->peer.esp_out));
}

void scene_play(const struct bad_case *row, FILE *f)
{
	const struct duet_options options = { .real = row->real };
	struct scene *s = calloc(1, sizeof *s);
	int64_t before = 0, grown = 0;
	char expected[300], seen[800];

	assert_non_null(s);
	s->row = row;
	duet_start(&s->d, &options);
	for (int i = 0; i < WARM; i++) {
		handshake_at_once(s);
		scene_clear(s);
	}
	/* A leak grows in each round; a number of the crypto library's may be a word longer in one.
	 */
	for (int i = 0; i < ROUNDS || (grown > 0 && i < 2 * ROUNDS); i++) {
		row->play(s);
		handshake_at_once(s);
		s->handshakes++;
		scene_clear(s);
		duet_wait(&s->d, FORGOTTEN); /* and what is remembered of strangers */
		grown = heap() - before;
		before += grown;
	}
	duet_end(&s->d);
	if (f != NULL)
		write_line(f, s, grown);
	if (!is_expected(s))
		fail_msg("%s: expected %s, seen %s", row->name,
			 expected_text(row, expected, sizeof expected),
			 seen_text(s, seen, sizeof seen));
	if (s->slowest_us >= LIMIT_US)
		fail_msg("%s: one took %lld us", row->name, (long long)s->slowest_us);
	if (grown > 0)
		fail_msg("%s: a round leaves %lld octets", row->name, (long long)grown);
	free(s);
}
