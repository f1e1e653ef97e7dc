/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One core and its scripted peer in the middle of things: a scene begins where a real conversation
 * with stand-in crypto has come so far, and ends with the same two coming up rightly, whatever was
 * done in between.
 */
#ifndef IKEMESH_TEST_FUZZ_SCENE_H
#define IKEMESH_TEST_FUZZ_SCENE_H

#include "fuzz/frame.h"
#include "ike/message/fragment.h"
#include "sim/duet.h"
#include "sim/peer_child.h"

/* Bits of a scene's flavour. */
enum {
	FLAVOUR_IPV6 = 1,
	FLAVOUR_IKEMESH = 2, /* the peer is one */
	FLAVOUR_OPTIONAL = 4,
	FLAVOUR_PPK = 8, /* the core has one, and can do without */
	FLAVOUR_PFS = 16,
	FLAVOUR_GCM = 32, /* IKE messages are sealed with AES-GCM: slower, as it is the library's */
	FLAVOUR_LENIENT = 64, /* duet_options.lenient: other addresses matter */
	FLAVOUR_TOKENS = 128, /* RFC 6290 */
};

/* How a message of target inside is said. */
enum {
	HOW_RESPONSE = 1,
	/* Nonce, public value and signature become what they have to be, so that what stands beside
	 * them is looked at. */
	HOW_MENDED = 2,
	HOW_FRAGMENTED = 4,
	HOW_JOBS_LATER = 8,
	HOW_TIME_PASSES = 16, /* afterwards: to the next deadline */
	HOW_OTHER_ROLE = 32,
	HOW_OTHER_PORT = 64,
	HOW_CLEAR = 128,
};

struct scene {
	struct duet d;
	/*
	 * The core's last request that has no answer, as the peer reads it; before IKE_SA_INIT is
	 * over, what the peer would say rightly.
	 */
	struct draft asked, good;
	bool has_asked, has_good;
	bool proved;		/* the peer's identity, by its key */
	struct peer_exchange x; /* a rekeying under way */
	struct ppk ppk;
};

struct opening {
	const char *name;
	bool hybrid; /* with an additional key exchange */
	bool proved; /* the peer's identity is */
	void (*build)(struct scene *s);
};
extern const struct opening openings[];
extern const size_t n_openings;

void scene_start(struct scene *s, const struct opening *opening, uint8_t flavour);
void scene_end(struct scene *s);

/* Takes what the core has sent: its last request is s->asked. Forgets all datagrams. */
void scene_listen(struct scene *s);

/* What must hold whenever the core is at rest. */
void scene_check(struct scene *s);

/* From whatever there is: both forget it, and a handshake by the book brings them up. */
void scene_recover(struct scene *s);

/* An operator's word about the peer. */
void scene_command(struct scene *s, enum command_kind kind);

#endif
