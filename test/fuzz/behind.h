/* SPDX-License-Identifier: Apache-2.0 */
/* A core that is up with a peer, for what stands before it and knows another struct peer. */
#ifndef IKEMESH_TEST_FUZZ_BEHIND_H
#define IKEMESH_TEST_FUZZ_BEHIND_H

#include "ike/engine.h"

void behind_start(void);
void behind_end(void);
void behind_feed(const struct event *event);
struct engine *behind_engine(void);
const struct spec *behind_spec(void);
const struct ip *behind_address(void); /* its own */

#endif
