/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A file with lists of revoked certificates, named by the key crls. It is read again when it has
 * changed; what was read of it last stays while it is broken or gone.
 */
#ifndef IKEMESH_CONFIG_CRL_FILE_H
#define IKEMESH_CONFIG_CRL_FILE_H

#include "crypto/crl.h"
#include <sys/stat.h>

struct crl_file {
	char *path;
	struct crls *crls; /* NULL: it could never be read */
	int fault;	   /* what is wrong with the file as it is now; 0: nothing */
	bool seen;
	struct stat as; /* as it was when it was read */
};

enum crl_look {
	CRL_SAME,     /* since the last look */
	CRL_REPLACED, /* by other lists */
	CRL_BROKEN,   /* now; fault says how */
};

/* A fault in words: "has no CRL in it". */
const char *crl_fault_text(int fault);

/* Reads it if it changed since the last look, or was never looked at. */
enum crl_look crl_file_look(struct crl_file *f);
void crl_file_wipe(struct crl_file *f);

/* The lists of all files, for trust_set_crls(); the caller's to drop. NULL on no memory. */
struct crls *crl_files_join(const struct crl_file *files, size_t n);

#endif
