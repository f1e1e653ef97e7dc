/* SPDX-License-Identifier: Apache-2.0 */
/* One reading of one file: what its parts hand to each other. Internal to this folder. */
#ifndef IKEMESH_CONFIG_READING_H
#define IKEMESH_CONFIG_READING_H

#include "config/lift.h"
#include "config/problem.h"
#include "config/schema.h"
#include "config/yaml.h"
#include <sys/types.h>

struct reading {
	struct report report;
	struct lifted keys;  /* out of the text, for the one who needs them */
	struct text written; /* the file without its keys */
	struct text text;    /* the same, mended: what the tree was read from */
	struct yaml_doc doc;
	bool mended; /* the tree is a guess: there were syntax errors */
	mode_t mode; /* permission bits of the file; 0: it is none */
	time_t now;
	bool policies_only; /* certificates, keys and CAs are not looked at */
	struct config *out; /* filled in; worth nothing once there are errors */
};

/* More errors of syntax than these are not looked for. */
#define MENDS_MAX 32

/* Lifts the keys out, mends, and makes the tree. false: there is none, which has been told. */
bool reading_parse(struct reading *r, struct bytes text);
/* Frees all that reading_parse() made. */
void reading_end(struct reading *r);

/* Where a node stands. */
static inline struct place node_place(const struct node *node)
{
	return (struct place){ .line = node->line, .column = node->column };
}

/*
 * The mapping that holds the keys of schema.h: the top level, properties.ipsec, or the ipsec job of
 * a BOSH runtime configuration. NULL after having said why.
 */
struct node *locate_settings(struct reading *r);

/* Says that a key stands twice in a mapping (the first one counts). */
void check_twice(struct reading *r, const struct node *map);

enum subnet_list {
	LIST_PROTECT,
	LIST_BYPASS,
	LIST_LOCAL, /* addresses of our own: subnets alone */
};

/* A list of subnets into *out, owned by the caller. node NULL: none. */
void read_subnets(struct reading *r, const struct key_row *row, const struct node *node,
		  struct subnet_spec **out, size_t *n, enum subnet_list kind);

/* Entries that can never matter, said once both lists are known. */
void check_subnets(struct reading *r, const struct node *protect, const struct node *bypass);

/* Certificate, key and CAs into r->out. A node may be NULL: the key is missing, which was said. */
void read_credentials(struct reading *r, const struct node *certificate, const struct node *key,
		      const struct node *cas, const struct node *settings);

/* peer_identities, crls and crl_policy into r->out->trust, which has its CAs. */
void read_peer_rules(struct reading *r, const struct node *settings);

/* crypto_properties: proposals that they leave nothing of go. After proposals and credentials. */
void read_properties(struct reading *r, const struct node *settings);

/*
 * Algorithms that not every OpenSSL has (ML-KEM): proposals that need them go where it has none.
 * After the proposals, before crypto_properties.
 */
void read_optional_suites(struct reading *r, const struct node *settings);

/* control_group into r->out. */
void read_control_group(struct reading *r, const struct node *settings);

/* PPK and its identity, and whether both are there. Each may be NULL. */
void read_ppk(struct reading *r, const struct node *key, const struct node *id,
	      const struct node *settings);

/* expiry_warning_days; NULL: the usual ones. */
void read_days(struct reading *r, const struct node *node);

/* log_levels; NULL: none. */
void read_log_levels(struct reading *r, const struct node *node);

/* metrics_listen. */
void read_listen(struct reading *r, const struct key_row *row, const struct node *node);

/* An error: `what` was expected at node, with the line `key: example` as its mend. */
void expected(struct reading *r, const struct key_row *row, const struct node *node);

#endif
