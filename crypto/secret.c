/* SPDX-License-Identifier: Apache-2.0 */
#include "crypto/secret.h"
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>

void wipe(void *p, size_t n)
{
	if (n > 0)
		explicit_bzero(p, n);
}

int secret_new(struct secret *s, size_t n)
{
	*s = (struct secret){ 0 };
	if (n == 0)
		return 0;
	s->p = calloc(1, n);
	if (s->p == NULL)
		return -ENOMEM;
	s->n = n;
	return 0;
}

int secret_copy(struct secret *s, struct bytes from)
{
	int r = secret_new(s, from.n);
	if (r == 0 && from.n > 0)
		memcpy(s->p, from.p, from.n);
	return r;
}

void secret_free(struct secret *s)
{
	wipe(s->p, s->n);
	free(s->p);
	*s = (struct secret){ 0 };
}

void secret_move(struct secret *to, struct secret *from)
{
	if (to == from)
		return;
	secret_free(to);
	*to = *from;
	*from = (struct secret){ 0 };
}

bool secret_equal(struct bytes a, struct bytes b)
{
	volatile uint8_t differs = 0;

	if (a.n != b.n)
		return false;
	for (size_t i = 0; i < a.n; i++)
		differs = (uint8_t)(differs | (a.p[i] ^ b.p[i]));
	return differs == 0;
}

int secret_guard_process(void)
{
	const struct rlimit none = { 0 };

	if (prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) != 0 || setrlimit(RLIMIT_CORE, &none) != 0)
		return -errno;
	return 0;
}

int secret_lock_process(void)
{
	const struct rlimit all = { .rlim_cur = RLIM_INFINITY, .rlim_max = RLIM_INFINITY };
	struct rlimit had;

	(void)!setrlimit(RLIMIT_MEMLOCK, &all);
	/* With a limit, memory that is wanted later would be refused. */
	if (getrlimit(RLIMIT_MEMLOCK, &had) != 0 || had.rlim_cur != RLIM_INFINITY)
		return -EPERM;
	/* What is used, rather than what is set aside: the stacks of threads. */
	return mlockall(MCL_CURRENT | MCL_FUTURE | MCL_ONFAULT) == 0 ? 0 : -errno;
}
