/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Packets that a host answers which does not answer echoes: UDP to a port that hardly anybody has
 * open (ICMP port unreachable comes back), TCP to one as well (a reset). What comes back is seen by
 * the SA's counter alone.
 */
#ifndef IKEMESH_CTL_VERIFY_KNOCK_H
#define IKEMESH_CTL_VERIFY_KNOCK_H

#include "ike/ip.h"

/* Takes about a second. How many packets left. */
unsigned verify_knock(const struct ip *peer);

#endif
