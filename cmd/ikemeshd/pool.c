/* SPDX-License-Identifier: Apache-2.0 */
#include "cmd/ikemeshd/pool.h"

#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <unistd.h>

struct task {
	struct job *job;
	struct keyring *ring;
};

/* A ring buffer of tasks; as each queue holds the whole room, a push cannot fail. */
struct queue {
	struct task *slots;
	size_t first, n;
};

struct pool {
	pthread_mutex_t lock; /* guards what follows */
	pthread_cond_t work;
	struct queue waiting, done;
	size_t room, pending;
	bool closing;

	int done_fd;
	void (*run)(struct job *, const struct keyring *);
	pthread_t *threads;
	unsigned n_threads;
};

static void queue_push(struct queue *q, size_t room, struct task t)
{
	q->slots[(q->first + q->n++) % room] = t;
}

static struct task queue_pop(struct queue *q, size_t room)
{
	struct task t = q->slots[q->first];

	q->first = (q->first + 1) % room;
	q->n--;
	return t;
}

static void finish(struct pool *p, struct task t)
{
	const uint64_t one = 1;

	keyring_drop(t.ring);
	t.ring = NULL;
	pthread_mutex_lock(&p->lock);
	queue_push(&p->done, p->room, t);
	/* Under the lock, as in pool_take(): readable exactly when something is done. */
	(void)!write(p->done_fd, &one, sizeof(one));
	pthread_mutex_unlock(&p->lock);
}

static void *work(void *arg)
{
	struct pool *p = arg;

	pthread_mutex_lock(&p->lock);
	for (;;) {
		struct task t;

		while (p->waiting.n == 0 && !p->closing)
			pthread_cond_wait(&p->work, &p->lock);
		if (p->closing)
			break;
		t = queue_pop(&p->waiting, p->room);
		pthread_mutex_unlock(&p->lock);
		p->run(t.job, t.ring);
		finish(p, t);
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

int pool_open(unsigned workers, size_t room, void (*run)(struct job *, const struct keyring *),
	      struct pool **out)
{
	struct pool *p = calloc(1, sizeof(*p));
	int err = -ENOMEM;

	*out = NULL;
	if (p == NULL)
		return -ENOMEM;
	pthread_mutex_init(&p->lock, NULL);
	pthread_cond_init(&p->work, NULL);
	p->run = run;
	p->room = room;
	p->waiting.slots = calloc(room, sizeof(struct task));
	p->done.slots = calloc(room, sizeof(struct task));
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
		struct task t = queue_pop(q, room);

		job_free(t.job);
		keyring_drop(t.ring);
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

int pool_submit(struct pool *p, struct job *job, struct keyring *ring)
{
	const struct task t = { .job = job, .ring = ring };
	bool full;

	pthread_mutex_lock(&p->lock);
	full = p->pending == p->room;
	if (!full) {
		p->pending++;
		if (p->n_threads > 0) {
			queue_push(&p->waiting, p->room, t);
			pthread_cond_signal(&p->work);
		}
	}
	pthread_mutex_unlock(&p->lock);
	if (full)
		return -EBUSY;
	if (p->n_threads == 0) {
		p->run(job, ring);
		finish(p, t);
	}
	return 0;
}

struct job *pool_take(struct pool *p)
{
	struct job *job = NULL;
	uint64_t times;

	pthread_mutex_lock(&p->lock);
	if (p->done.n > 0) {
		job = queue_pop(&p->done, p->room).job;
		p->pending--;
	}
	if (p->done.n == 0)
		(void)!read(p->done_fd, &times, sizeof(times));
	pthread_mutex_unlock(&p->lock);
	return job;
}

size_t pool_pending(struct pool *p)
{
	size_t n;

	pthread_mutex_lock(&p->lock);
	n = p->pending;
	pthread_mutex_unlock(&p->lock);
	return n;
}
