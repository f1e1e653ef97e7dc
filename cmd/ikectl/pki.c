/* SPDX-License-Identifier: Apache-2.0 */
#include "cmd/ikectl/pki.h"
#include "cmd/ikectl/new_file.h"
#include "config/file.h"
#include "crypto/issue.h"

#include <ctype.h>
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define DAYS 365
#define CA_NAME "ca"
#define HOUR ((time_t)3600) /* other hosts' clocks may be behind */

static const char what_for[] = "For tests, and for a start: the CA's key lies in this directory "
			       "without a pass phrase, and\n"
			       "whoever reads it can claim to be any host. There is no revocation, "
			       "and nothing is renewed.\n"
			       "For a fleet that matters take the CA of your organisation.\n";

struct files {
	char certificate[PATH_MAX];
	char key[PATH_MAX];
};

static bool files_of(const char *dir, const char *name, struct files *out)
{
	const int room = PATH_MAX;

	return snprintf(out->certificate, PATH_MAX, "%s/%s.pem", dir, name) < room &&
	       snprintf(out->key, PATH_MAX, "%s/%s.key", dir, name) < room;
}

/* --- files ------------------------------------------------------------------------------------ */

static enum status write_both(const struct files *f, const struct issued *i)
{
	int err = new_file_write(f->key, secret_view(&i->key), 0600);

	if (err != 0)
		return new_file_failed(f->key, err);
	err = new_file_write(f->certificate, blob_view(&i->certificate), 0644);
	if (err != 0) {
		unlink(f->key);
		return new_file_failed(f->certificate, err);
	}
	printf("%s\n%s\n", f->certificate, f->key);
	return STATUS_GOOD;
}

/* Before the work of a key is done for nothing. */
static enum status free_to_write(const struct files *f)
{
	if (access(f->key, F_OK) == 0)
		return new_file_failed(f->key, -EEXIST);
	if (access(f->certificate, F_OK) == 0)
		return new_file_failed(f->certificate, -EEXIST);
	return STATUS_GOOD;
}

/* --- init ------------------------------------------------------------------------------------- */

static enum status make_ca(const char *dir, const char *name)
{
	const struct issue_spec spec = {
		.ca = true, .common_name = name, .from = time(NULL) - HOUR, .days = DAYS
	};
	enum status status;
	struct issued made;
	struct files f;
	int err;

	if (!files_of(dir, CA_NAME, &f))
		return new_file_failed(dir, -ENAMETOOLONG);
	if (mkdir(dir, 0700) != 0 && errno != EEXIST)
		return new_file_failed(dir, -errno);
	status = free_to_write(&f);
	if (status != STATUS_GOOD)
		return status;
	err = issue_make(&spec, BYTES_NONE, BYTES_NONE, &made);
	if (err == -EINVAL)
		return command_misuse("a CA cannot have this name", name);
	if (err != 0)
		return new_file_failed(dir, err);
	status = write_both(&f, &made);
	issued_free(&made);
	if (status == STATUS_GOOD)
		printf("\n%s", what_for);
	return status;
}

/* --- issue ------------------------------------------------------------------------------------ */

/* It becomes the name of two files. */
static bool is_plain(const char *name)
{
	if (name[0] == '\0' || name[0] == '.' || strcmp(name, CA_NAME) == 0 ||
	    strlen(name) > ISSUE_NAME_MAX)
		return false;
	for (const char *c = name; *c != '\0'; c++) {
		if (!isalnum((unsigned char)*c) && strchr("-._", *c) == NULL)
			return false;
	}
	return true;
}

struct ca {
	struct secret certificate, key;
};

static enum status ca_read(const char *dir, struct ca *out)
{
	struct files f;
	mode_t mode;
	int err;

	if (!files_of(dir, CA_NAME, &f))
		return new_file_failed(dir, -ENAMETOOLONG);
	err = file_read(f.certificate, &out->certificate, &mode);
	if (err != 0)
		return new_file_failed(f.certificate, err);
	err = file_read(f.key, &out->key, &mode);
	return err == 0 ? STATUS_GOOD : new_file_failed(f.key, err);
}

static enum status make_instance(const struct invocation *in, const struct ca *ca)
{
	const char *dir = in->arguments[1], *name = in->arguments[2];
	const struct issue_spec spec = { .common_name = name,
					 .names = in->arguments + 3,
					 .n_names = in->n_arguments - 3,
					 .from = time(NULL) - HOUR,
					 .days = DAYS };
	enum status status;
	struct issued made;
	struct files f;
	int err;

	if (!files_of(dir, name, &f))
		return new_file_failed(dir, -ENAMETOOLONG);
	status = free_to_write(&f);
	if (status != STATUS_GOOD)
		return status;
	err = issue_make(&spec, secret_view(&ca->certificate), secret_view(&ca->key), &made);
	if (err == -EINVAL) {
		fprintf(stderr,
			"ikectl: no certificate for %s: each name behind it must be an address or "
			"a host name, and %s/ca.pem a CA whose key is %s/ca.key\n",
			name, dir, dir);
		return STATUS_FAILED;
	}
	if (err == -EKEYEXPIRED) {
		fprintf(stderr,
			"ikectl: no certificate for %s: %s/ca.pem has expired, and nobody would "
			"believe what is under it; make a CA in another directory: ikectl pki "
			"init\n",
			name, dir);
		return STATUS_FAILED;
	}
	if (err != 0)
		return new_file_failed(dir, err);
	status = write_both(&f, &made);
	issued_free(&made);
	return status;
}

static enum status issue(const struct invocation *in)
{
	struct ca ca = { 0 };
	enum status status;

	if (!is_plain(in->arguments[2]))
		return command_misuse("a name of at most 64 letters, digits, -, . and _ was "
				      "expected, and not \"ca\"",
				      in->arguments[2]);
	status = ca_read(in->arguments[1], &ca);
	if (status == STATUS_GOOD)
		status = make_instance(in, &ca);
	secret_free(&ca.certificate);
	secret_free(&ca.key);
	return status;
}

enum status run_pki(const struct invocation *in)
{
	const char *what = in->argument;

	secret_guard_process();
	if (strcmp(what, "init") == 0 && (in->n_arguments == 2 || in->n_arguments == 3))
		return make_ca(in->arguments[1],
			       in->n_arguments == 3 ? in->arguments[2] : "ikemesh test CA");
	if (strcmp(what, "issue") == 0 && in->n_arguments >= 3)
		return issue(in);
	return command_misuse("pki init DIR [NAME], or pki issue DIR NAME [ADDRESS|HOST...]", NULL);
}
