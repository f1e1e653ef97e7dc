/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the engine asks of the keyholder, and what it is answered: one message a datagram, on a
 * socket that keeps their bounds. Each kind's fields are named once, for both directions and for
 * question and answer side by side. What is long (a configuration) goes beside the message as a
 * descriptor: see key_channel.h.
 */
#ifndef IKEMESH_CMD_KEY_MESSAGE_H
#define IKEMESH_CMD_KEY_MESSAGE_H

#include "crypto/job.h"

/*
 * What both sides must say alike: they are of one program, or else the keyholder makes way for
 * another. The number counts up when a message, or what a descriptor has, gets another meaning.
 */
#define KEY_VERSION "ikemesh " IKEMESH_VERSION ", keys 2"
#define KEY_VERSION_LEN 64

#define KEY_MESSAGE_MAX 73728 /* octets: what is signed may have a whole datagram in it */
#define KEY_PATH_LEN 4096     /* octets with NUL */

enum key_kind {
	KEY_HELLO = 1, /* version; first of all. On another one the keyholder ends */
	KEY_PING,      /* are you there? -> resident, cpu_us */
	KEY_SIGN,      /* fingerprint, job -> job */
	KEY_PPK,       /* job -> job */
	KEY_LOAD,      /* -> serial, and a descriptor: wire_take_config() */
	KEY_COMMIT,    /* serial: what was loaded so is in force. -ESTALE: there is no such */
	KEY_LOOK,      /* serial: what is known -> serial, and if it is another one a descriptor:
			* wire_take_crl_files() */
	KEY_CHECK,     /* path -> a descriptor as of LOAD, without the problems' texts */
};

struct key_message {
	enum key_kind kind;
	bool answer;
	uint64_t id;	/* the engine's; the answer has the same */
	int32_t result; /* of an answer: 0 or negative errno */

	char version[KEY_VERSION_LEN];
	char fingerprint[96]; /* of the certificate whose key is to sign, as in struct cert_info */
	char path[KEY_PATH_LEN];
	uint64_t serial;
	uint64_t resident; /* octets of memory; 0: not known */
	uint64_t cpu_us;
	struct job *job;
};

/* job is borrowed. 0; -EINVAL: too long, or not to be said; -ENOMEM. *out is the caller's. */
int key_message_put(const struct key_message *m, struct secret *out);

/*
 * Kind, answer, id and result of a message: what is needed to know whose answer it is. 0 or
 * -EBADMSG.
 */
int key_message_peek(struct bytes from, struct key_message *out);
/*
 * The whole. A question's job is made anew, the caller's then; an answer's is out->job, that of the
 * question, which is filled in. 0 or -EBADMSG: nothing is owned, and a job that was the caller's is
 * not changed, but for results of its own that are empty then.
 */
int key_message_take(struct bytes from, struct key_message *out);

#endif
