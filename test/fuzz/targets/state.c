/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The state that one process leaves to the next: any octets. What was taken of them goes on to
 * yet another process whole, timers run on it, and a handshake by the book still works.
 * The first octet says whether the predecessor died.
 */
#include "fuzz/scene.h"

#define TIMERS 6

static struct scene scene;

/* CHILD_SAs that another process finds in what this one saves. */
static size_t saved_on(void)
{
	struct secret state = { 0 };

	HOLDS(engine_save(scene.d.engine, &state) == 0);
	duet_restart(&scene.d, secret_view(&state), 0);
	secret_free(&state);
	scene_listen(&scene);
	return duet_counters(&scene.d).child_sas;
}

FUZZ_TARGET(input)
{
	const uint8_t how = feed_u8(input);
	struct exact state = exact_of(feed_rest(input));
	size_t children;

	scene_start(&scene, &openings[0], FLAVOUR_LENIENT);
	duet_restart(&scene.d, BYTES(state.p, state.n), how & 1);
	scene_listen(&scene);
	children = duet_counters(&scene.d).child_sas;
	/* None is lost. More there may be: an exchange that could not go on begins anew, and asks
	 * for one. */
	HOLDS(saved_on() >= children);
	for (int i = 0; i < TIMERS; i++) {
		duet_next_deadline(&scene.d);
		scene_listen(&scene);
	}
	saved_on();
	scene.proved = true;
	scene_recover(&scene);
	scene_end(&scene);
	exact_free(&state);
}
