/* SPDX-License-Identifier: Apache-2.0 */
#include "cmd/ikemesh-exporter/source.h"
#include "cmd/ikectl/client.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

static const unsigned codes[] = { 200, 404, 405 };
#define N_CODES (sizeof(codes) / sizeof(codes[0]))
#define FORMATS (FORMAT_PROMETHEUS + 1)

struct rendered {
	char *text; /* NULL: not yet */
	size_t n;
};

struct source {
	const char *run_dir;
	json_t *document; /* the last one, with what is said of ourselves; NULL: none */
	int64_t asked_ms;
	struct rendered rendered[FORMATS]; /* of the document */
	uint64_t answered[N_CODES];
	char error[CLIENT_ERROR_LEN];
};

int64_t source_now_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

struct source *source_new(const char *run_dir)
{
	struct source *s = calloc(1, sizeof(*s));

	if (s != NULL)
		s->run_dir = run_dir;
	return s;
}

static void forget(struct source *s)
{
	json_decref(s->document);
	s->document = NULL;
	for (size_t i = 0; i < FORMATS; i++) {
		free(s->rendered[i].text);
		s->rendered[i] = (struct rendered){ 0 };
	}
}

void source_free(struct source *s)
{
	if (s == NULL)
		return;
	forget(s);
	free(s);
}

void source_answered(struct source *s, unsigned code)
{
	for (size_t i = 0; i < N_CODES; i++)
		s->answered[i] += codes[i] == code;
}

static json_t *ask(struct source *s, const char *command, int *err)
{
	json_t *request = json_pack("{s:s}", "command", command), *answer;

	*err = -ENOMEM;
	answer = client_ask_within(s->run_dir, request, SOURCE_PATIENCE_MS, err, s->error);
	json_decref(request);
	return answer;
}

/* What we know ourselves; there, too, when the daemon is not. */
static json_t *own_json(const struct source *s, int64_t answer_us)
{
	json_t *requests = json_object();

	for (size_t i = 0; i < N_CODES; i++) {
		char name[8];

		snprintf(name, sizeof(name), "%u", codes[i]);
		json_object_set_new(requests, name, json_integer((json_int_t)s->answered[i]));
	}
	return json_pack("{s:I, s:o}", "answer_us", (json_int_t)answer_us, "requests", requests);
}

static void refresh(struct source *s, int64_t now_ms)
{
	int err;

	forget(s);
	s->document = ask(s, "metrics", &err);
	if (s->document == NULL)
		s->document = json_object();
	/* It is fresh from when the answer came: it may have taken its time. */
	s->asked_ms = source_now_ms();
	json_object_set_new(s->document, "exporter", own_json(s, (s->asked_ms - now_ms) * 1000));
}

static void render(const json_t *document, enum metrics_format format, struct rendered *out)
{
	FILE *to = open_memstream(&out->text, &out->n);

	if (to == NULL)
		return;
	metrics_print(document, format, to);
	if (fclose(to) != 0) {
		free(out->text);
		out->text = NULL;
	}
}

const char *source_text(struct source *s, enum metrics_format format, int64_t now_ms, size_t *n)
{
	struct rendered *r = &s->rendered[format];

	if (s->document == NULL || now_ms - s->asked_ms >= SOURCE_FRESH_MS)
		refresh(s, now_ms);
	if (r->text == NULL)
		render(s->document, format, r);
	*n = r->n;
	return r->text;
}

int source_listen(struct source *s, struct endpoint *out, const char **why)
{
	const char *text;
	json_t *answer;
	int err;

	*out = (struct endpoint){ 0 };
	*why = s->error;
	answer = ask(s, "metrics-listen", &err);
	if (answer == NULL)
		return err != 0 ? err : -EPROTO;
	text = json_string_value(json_object_get(answer, "listen"));
	if (text != NULL && !listen_parse(text, out)) {
		snprintf(s->error, sizeof(s->error), "ikemeshd says to listen at %.60s", text);
		err = -EPROTO;
	}
	json_decref(answer);
	return err;
}
