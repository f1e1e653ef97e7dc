/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One YAML file to specs, or every error that it has.
 *
 * The same keys are found at the top level, under properties.ipsec, or inside a whole BOSH runtime
 * configuration (addons: jobs: properties: ipsec). This is the one reader of the file: it alone
 * sees the private key, and hands it out apart from the spec, so that it can run in a process of
 * its own.
 */
#ifndef IKEMESH_CONFIG_CONFIG_H
#define IKEMESH_CONFIG_CONFIG_H

#include "config/crl_file.h"
#include "crypto/job.h"
#include "ike/level.h"
#include "ike/spec.h"

enum problem_level {
	PROBLEM_NOTICE,
	PROBLEM_WARNING,
	/* An error with which a daemon starts all the same: one that did not would enforce nothing.
	 */
	PROBLEM_FAULT,
	PROBLEM_ERROR,
};

/* One finding: where, what was expected, what to write instead. */
struct problem {
	enum problem_level level;
	char *file;
	unsigned line, column; /* from 1; 0: the whole file */
	char *message;	       /* one line, printable */
	char *mend;	       /* the line(s) to write instead, or NULL */
};

struct problems {
	struct problem *p;
	size_t n;
	size_t errors, faults;
};
void problems_free(struct problems *ps);
/* "FILE:LINE:COLUMN: error: MESSAGE" and, indented, "write: MEND". Owned by the caller. */
char *problem_text(const struct problem *p);

enum log_target {
	LOG_TO_JOURNAL,
	LOG_TO_SYSLOG,
	LOG_TO_STDERR,
	LOG_TO_FILE,
};

/* What a stop that is no restart does with our policies. */
enum on_stop {
	ON_STOP_KEEP,
	ON_STOP_CLEAR,
};

#define EXPIRY_DAYS_MAX 16

/* Key on_expiry: what becomes of running SAs when our own certificate expires. */
enum on_expiry {
	EXPIRY_KEEP,
	EXPIRY_CLOSE,
};

/* All that the file says. */
struct config {
	struct spec spec;
	enum on_stop on_stop;
	bool takeover; /* start beside another IKE daemon of this host */
	enum log_target log;
	char *log_path;	     /* LOG_TO_FILE */
	char *control_group; /* NULL: root alone may ask the daemon */
	/* By enum report_area: the enum report_level and 1; 0: as --log-level says. */
	uint8_t log_levels[REPORT_N_AREAS];
	struct sign_key *key;		       /* leaves this struct for the keyholder */
	struct ppk ppk;			       /* this too; its key is empty if there is none */
	struct trust *trust;		       /* built from ca_certificates */
	char *crypto_properties;	       /* for provider_use(); NULL: none */
	uint32_t expiry_days[EXPIRY_DAYS_MAX]; /* thresholds, the longest first */
	size_t n_expiry_days;
	bool reauth_on_reload;
	struct endpoint metrics_listen; /* for `ikemesh-exporter`; port 0: not at all */
	bool metrics_per_peer;
	struct trust_rules rules; /* in trust too */
	enum on_expiry on_expiry;
	char **identities; /* peer_identities, as they are written */
	size_t n_identities;
	struct crl_file *crl_files;
	size_t n_crl_files;
	int64_t modified_ns; /* when the file was last written, since the epoch; 0: it is none */
};

/*
 * Reads file and the files that it names. 0: *out is complete (there may be warnings). -EINVAL:
 * ps->errors > 0 and *out is empty. -ENOMEM. now: the time of day, for dates of certificates.
 */
int config_load(const char *file, time_t now, struct config *out, struct problems *ps);

/*
 * The same for what policies are made from: certificates, keys, CAs and the PPK are not read, and
 * need not be there. At boot the clock may be wrong, and they may be on a disk that is not.
 */
int config_load_policies(const char *file, struct config *out, struct problems *ps);

/* The same from memory; name stands for the file in messages. */
int config_parse(const char *name, struct bytes yaml, time_t now, struct config *out,
		 struct problems *ps);
/* The same of config_load_policies(). */
int config_parse_policies(const char *name, struct bytes yaml, struct config *out,
			  struct problems *ps);

void config_free(struct config *c);

#endif
