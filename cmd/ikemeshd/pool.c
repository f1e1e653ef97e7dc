/* SPDX-License-Identifier: Apache-2.0 */
#include "cmd/ikemeshd/pool.h"

#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <unistd.h>

/* A ring buffer; as each queue holds the whole room, a push cannot fail. */
struct queue {
	struct chore **slots;
	size_t first, n;
};

struct pool {
	pthread_mutex_t lock; /* guards what follows */
	pthread_cond_t work;
	struct queue waiting, done;
	size_t room, pending;
	bool closing;
	bool told; /* done_fd is readable */

	int done_fd;
	pthread_t *threads;
	unsigned n_threads;
};

static void queue_push(struct queue *q, size_t room, struct chore *c)
{
	q->slots[(q->first + q->n++) % room] = c;
}

static struct chore *queue_pop(struct queue *q, size_t room)
{
	struct chore *c = q->slots[q->first];

	q->first = (q->first + 1) % room;
	q->n--;
	return c;
}

/* Under the lock, as in take(): readable exactly when something is done. */
static void tell(struct pool *p)
{
	const uint64_t one = 1;

	if (!p->told)
		(void)!write(p->done_fd, &one, sizeof(one));
	p->told = true;
}

static void finish(struct pool *p, struct chore *c)
{
	pthread_mutex_lock(&p->lock);
	queue_push(&p->done, p->room, c);
	if (p->n_threads > 0)
		tell(p);
	pthread_mutex_unlock(&p->lock);
}

static void *work(void *arg)
{
	struct pool *p = arg;

	pthread_mutex_lock(&p->lock);
	for (;;) {
		struct chore *c;

		while (p->waiting.n == 0 && !p->closing)
			pthread_cond_wait(&p->work, &p->lock);
		if (p->closing)
			break;
		c = queue_pop(&p->waiting, p->room);
		pthread_mutex_unlock(&p->lock);
		c->run(c);
		finish(p, c);
		pthread_mutex_lock(&p->lock);
	}
	pthread_mutex_unlock(&p->lock);
	return NULL;
}

static int start_workers(struct pool *p, unsigned workers)
{
	for (unsigned i = 0; i < workers; i++) {
		int err = pthread_create(&p->threads[i], NULL, work, p);

		if (err != 0)
			return -err;
		p->n_threads++;
	}
	return 0;
}

int pool_open(unsigned workers, size_t room, struct pool **out)
{
	struct pool *p = calloc(1, sizeof(*p));
	int err = -ENOMEM;

	*out = NULL;
	if (p == NULL)
		return -ENOMEM;
	pthread_mutex_init(&p->lock, NULL);
	pthread_cond_init(&p->work, NULL);
	p->room = room;
	p->waiting.slots = calloc(room, sizeof(struct chore *));
	p->done.slots = calloc(room, sizeof(struct chore *));
	p->threads = calloc(workers + 1, sizeof(pthread_t));
	p->done_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (p->done_fd < 0)
		err = -errno;
	else if (p->waiting.slots != NULL && p->done.slots != NULL && p->threads != NULL)
		err = start_workers(p, workers);
	if (err != 0) {
		pool_close(p);
		return err;
	}
	*out = p;
	return 0;
}

static void queue_free(struct queue *q, size_t room)
{
	while (q->n > 0) {
		struct chore *c = queue_pop(q, room);

		c->drop(c);
	}
	free(q->slots);
}

void pool_close(struct pool *p)
{
	if (p == NULL)
		return;
	pthread_mutex_lock(&p->lock);
	p->closing = true;
	pthread_cond_broadcast(&p->work);
	pthread_mutex_unlock(&p->lock);
	for (unsigned i = 0; i < p->n_threads; i++)
		pthread_join(p->threads[i], NULL);
	queue_free(&p->waiting, p->room);
	queue_free(&p->done, p->room);
	free(p->threads);
	if (p->done_fd >= 0)
		close(p->done_fd);
	pthread_cond_destroy(&p->work);
	pthread_mutex_destroy(&p->lock);
	free(p);
}

unsigned pool_workers_here(void)
{
	cpu_set_t cores;
	int n = 1;

	if (sched_getaffinity(0, sizeof(cores), &cores) == 0)
		n = CPU_COUNT(&cores);
	return n > 1 ? (unsigned)n : 0;
}

int pool_fd(const struct pool *p)
{
	return p->done_fd;
}

int pool_submit(struct pool *p, struct chore *c)
{
	bool full;

	pthread_mutex_lock(&p->lock);
	full = p->pending == p->room;
	if (!full) {
		p->pending++;
		if (p->n_threads > 0) {
			queue_push(&p->waiting, p->room, c);
			pthread_cond_signal(&p->work);
		}
	}
	pthread_mutex_unlock(&p->lock);
	if (full)
		return -EBUSY;
	if (p->n_threads == 0) {
		c->run(c);
		finish(p, c);
	}
	return 0;
}

static struct chore *take(struct pool *p)
{
	struct chore *c = NULL;
	uint64_t times;

	pthread_mutex_lock(&p->lock);
	if (p->done.n > 0) {
		c = queue_pop(&p->done, p->room);
		p->pending--;
	}
	if (p->done.n == 0 && p->told) {
		(void)!read(p->done_fd, &times, sizeof(times));
		p->told = false;
	}
	pthread_mutex_unlock(&p->lock);
	return c;
}

size_t pool_turn(struct pool *p, size_t most)
{
	size_t n = 0;

	for (; n < most; n++) {
		struct chore *c = take(p);

		if (c == NULL)
			break;
		c->home(c);
	}
	pthread_mutex_lock(&p->lock);
	if (p->done.n > 0)
		tell(p);
	pthread_mutex_unlock(&p->lock);
	return n;
}

bool pool_has_done(struct pool *p)
{
	bool some;

	pthread_mutex_lock(&p->lock);
	some = p->done.n > 0;
	pthread_mutex_unlock(&p->lock);
	return some;
}

size_t pool_pending(struct pool *p)
{
	size_t n;

	pthread_mutex_lock(&p->lock);
	n = p->pending;
	pthread_mutex_unlock(&p->lock);
	return n;
}

/* ---- crypto jobs --------------------------------------------------------------------------- */

struct job_chore {
	struct chore chore;
	struct job *job;
	struct keyring *ring;
	void (*done)(void *arg, struct job *job);
	void *arg;
};

static void job_run_it(struct chore *c)
{
	struct job_chore *j = (struct job_chore *)c;

	keyring_run(j->job, j->ring);
	keyring_drop(j->ring); /* a key that is in no ring any more goes at once */
	j->ring = NULL;
}

static void job_home(struct chore *c)
{
	struct job_chore j = *(struct job_chore *)c;

	free(c);
	j.done(j.arg, j.job);
}

static void job_drop(struct chore *c)
{
	struct job_chore *j = (struct job_chore *)c;

	job_free(j->job);
	keyring_drop(j->ring);
	free(j);
}

int pool_submit_job(struct pool *p, struct job *job, struct keyring *ring,
		    void (*done)(void *arg, struct job *job), void *arg)
{
	struct job_chore *j = malloc(sizeof(*j));
	int err;

	if (j == NULL)
		return -ENOMEM;
	*j = (struct job_chore){ .chore = { job_run_it, job_home, job_drop },
				 .job = job,
				 .ring = ring,
				 .done = done,
				 .arg = arg };
	err = pool_submit(p, &j->chore);
	if (err != 0)
		free(j);
	return err; /* NOLINT(clang-analyzer-unix.Malloc): the queue has it, by its first member */
}
