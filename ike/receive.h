/* SPDX-License-Identifier: Apache-2.0 */
/* One datagram: decode, find its IKE SA, open, judge, hand to its exchange. */
#ifndef IKEMESH_IKE_RECEIVE_H
#define IKEMESH_IKE_RECEIVE_H

#include "ike/core.h"

void receive(struct engine *e, const struct endpoint *local, const struct endpoint *remote,
	     uint8_t *datagram, size_t n);

#endif
