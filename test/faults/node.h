/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What runs on a host, as far as no kernel is needed: a daemon that has loaded a good file, with
 * its log, its state directory, its control socket and its line to a keyholder, which is a thread.
 */
#ifndef IKEMESH_TEST_FAULTS_NODE_H
#define IKEMESH_TEST_FAULTS_NODE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "cmd/ikemeshd/daemon.h"
#include "lib/holder.h"

struct node {
	struct daemon d;
	struct holder holder;
	char dir[64]; /* all files are in it */
	char config[80], log[80], state[80], control[80];
};

/* Once in a program: certificates. */
int node_pki(void **state);
int node_pki_end(void **state);

/* What a configuration begins with; names of files of the pki stand behind an @. */
#define NODE_NETS "ipsec_subnets:\n- 10.0.0.0/20\n"
#define NODE_CREDENTIALS                                            \
	"instance_certificate: @HOST\ninstance_private_key: @KEY\n" \
	"ca_certificates:\n- @CA\n"
#define NODE_CONFIG NODE_NETS NODE_CREDENTIALS "log: @LOG\n"

void node_start(struct node *n);
void node_end(struct node *n);

void node_write_config(const struct node *n, const char *text);
/* Asks for a reload, and waits for how it ends: 0 or negative errno. */
int node_reload(struct node *n);
/* The first of the subnets in force is this one. */
bool node_protects(const struct node *n, const char *net);

/* The log has this line by now; shown else. */
bool node_logged(const struct node *n, const char *part);
void node_forget_log(const struct node *n);

/* One question at the control socket. NULL: no answer within ms; else the caller's. */
char *node_ask(struct node *n, const char *question, int ms);
/* Called before the daemon does something in the functions below, and after it; NULL: nobody is. */
extern void (*node_arm)(bool on);

/* How often the loop was woken for the control socket since node_start(). */
extern unsigned node_wakes;

#endif
