/* SPDX-License-Identifier: Apache-2.0 */
#include "fuzz/behind.h"

#include "fuzz/scene.h"

#define UP_BY_THE_PEER 4 /* in openings[] */

static struct scene scene;

void behind_start(void)
{
	scene_start(&scene, &openings[UP_BY_THE_PEER], FLAVOUR_LENIENT);
}

void behind_end(void)
{
	scene_end(&scene);
}

void behind_feed(const struct event *event)
{
	duet_event(&scene.d, event);
	scene_listen(&scene);
}

struct engine *behind_engine(void)
{
	return scene.d.engine;
}

const struct spec *behind_spec(void)
{
	return &scene.d.spec;
}

const struct ip *behind_address(void)
{
	return &scene.d.us.ip;
}
