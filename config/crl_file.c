/* SPDX-License-Identifier: Apache-2.0 */
#include "config/crl_file.h"
#include "config/file.h"
#include <errno.h>
#include <stdlib.h>
#include <string.h>

static bool same_time(const struct timespec *a, const struct timespec *b)
{
	return a->tv_sec == b->tv_sec && a->tv_nsec == b->tv_nsec;
}

/* A file that cannot be looked at is all zero. */
static bool same_file(const struct stat *a, const struct stat *b)
{
	return a->st_dev == b->st_dev && a->st_ino == b->st_ino && a->st_size == b->st_size &&
	       same_time(&a->st_mtim, &b->st_mtim) && same_time(&a->st_ctim, &b->st_ctim);
}

/* What is wrong with a file's content has numbers of its own, beside those of file_read(). */
static int fault_of(int error)
{
	switch (error) {
	case -ENOENT:
		return -ENODATA;
	case -EINVAL:
		return -EBADMSG;
	default:
		return -ENOMEM;
	}
}

const char *crl_fault_text(int fault)
{
	switch (fault) {
	case -ENODATA:
		return "has no CRL in it";
	case -EBADMSG:
		return "is no CRL: its content is damaged";
	case -ENOMEM:
		return "cannot be read for want of memory";
	default:
		return file_error(fault);
	}
}

/* NULL, and *fault says why. */
static struct crls *read_lists(const char *path, int *fault)
{
	struct secret content;
	struct crls *crls;
	mode_t mode;
	int e = file_read(path, &content, &mode);

	if (e != 0) {
		*fault = e;
		return NULL;
	}
	crls = crls_new();
	e = crls == NULL ? -ENOMEM : crls_add(crls, secret_view(&content));
	secret_free(&content);
	if (e == 0)
		return crls;
	crls_drop(crls);
	*fault = fault_of(e);
	return NULL;
}

/* What we lack ourselves may be there at the next look, when the file is the same as now. */
static bool is_of_the_file(int fault)
{
	return fault != -EMFILE && fault != -ENFILE && fault != -ENOMEM && fault != -EIO;
}

enum crl_look crl_file_look(struct crl_file *f)
{
	struct stat now;
	struct crls *fresh;

	/* Before it is read: what changes meanwhile is seen at the next look. */
	if (stat(f->path, &now) != 0)
		now = (struct stat){ 0 };
	if (f->seen && same_file(&now, &f->as))
		return CRL_SAME;
	f->seen = true;
	f->as = now;
	f->fault = 0;
	fresh = read_lists(f->path, &f->fault);
	if (fresh == NULL) {
		f->seen = is_of_the_file(f->fault);
		return CRL_BROKEN;
	}
	crls_drop(f->crls);
	f->crls = fresh;
	return CRL_REPLACED;
}

void crl_file_wipe(struct crl_file *f)
{
	free(f->path);
	crls_drop(f->crls);
	*f = (struct crl_file){ 0 };
}

struct crls *crl_files_join(const struct crl_file *files, size_t n)
{
	struct crls *all = crls_new();

	for (size_t i = 0; i < n && all != NULL; i++) {
		if (files[i].crls == NULL || crls_join(all, files[i].crls) == 0)
			continue;
		crls_drop(all);
		all = NULL;
	}
	return all;
}
