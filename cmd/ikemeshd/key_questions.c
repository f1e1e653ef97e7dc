/* SPDX-License-Identifier: Apache-2.0 */
#include "cmd/ikemeshd/key_questions.h"
#include "cmd/ikemeshd/clock.h"

#include <stdlib.h>

void questions_init(struct questions *qs, uint64_t first_id)
{
	*qs = (struct questions){ .last_id = first_id - 1 };
	qs->end = &qs->first;
}

void questions_free(struct questions *qs)
{
	for (size_t i = 0; i < KEY_QUESTIONS_MAX; i++) {
		struct question *q = qs->slots[i];

		if (q == NULL)
			continue;
		job_free(q->job);
		if (q->drop != NULL)
			q->drop(q->arg);
		secret_free(&q->octets);
		free(q);
		qs->slots[i] = NULL;
	}
}

static struct question **slot(struct questions *qs, uint64_t id)
{
	return &qs->slots[id % KEY_QUESTIONS_MAX];
}

bool questions_full(const struct questions *qs)
{
	return qs->n >= KEY_QUESTIONS_MAX - 1;
}

uint64_t questions_next_id(struct questions *qs)
{
	do {
		qs->last_id++;
	} while (*slot(qs, qs->last_id) != NULL);
	return qs->last_id;
}

static void enqueue(struct questions *qs, struct question *q)
{
	q->waits = true;
	q->next = NULL;
	*qs->end = q;
	qs->end = &q->next;
}

void questions_add(struct questions *qs, struct question *q)
{
	*slot(qs, q->id) = q;
	qs->n++;
	qs->jobs += q->job != NULL;
	enqueue(qs, q);
}

struct question *questions_find(const struct questions *qs, uint64_t id)
{
	struct question *q = qs->slots[id % KEY_QUESTIONS_MAX];

	return q != NULL && q->id == id ? q : NULL;
}

void questions_sent(struct questions *qs, struct question *q)
{
	struct question **at = &qs->first;

	while (*at != q)
		at = &(*at)->next;
	*at = q->next;
	if (qs->end == &q->next)
		qs->end = at;
	q->waits = false;
}

void questions_remove(struct questions *qs, struct question *q)
{
	if (q->waits)
		questions_sent(qs, q);
	*slot(qs, q->id) = NULL;
	qs->n--;
	qs->jobs -= q->job != NULL;
	secret_free(&q->octets);
}

/* From the oldest on: that is the one behind the last. */
void questions_unsend(struct questions *qs)
{
	for (uint64_t i = 1; i <= KEY_QUESTIONS_MAX; i++) {
		struct question *q = *slot(qs, qs->last_id + i);

		if (q != NULL && !q->waits)
			enqueue(qs, q);
	}
}

struct question *questions_due(const struct questions *qs, struct mono now)
{
	for (size_t i = 0; i < KEY_QUESTIONS_MAX && qs->n > 0; i++)
		if (qs->slots[i] != NULL && qs->slots[i]->deadline.us <= now.us)
			return qs->slots[i];
	return NULL;
}

struct mono questions_deadline(const struct questions *qs)
{
	struct mono first = MONO_NEVER;

	for (size_t i = 0; i < KEY_QUESTIONS_MAX && qs->n > 0; i++)
		if (qs->slots[i] != NULL)
			first = clock_earlier(first, qs->slots[i]->deadline);
	return first;
}
