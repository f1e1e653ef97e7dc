/* SPDX-License-Identifier: Apache-2.0 */
/* Local addresses come and go: rtnetlink. */
#ifndef IKEMESH_XFRM_ADDRESS_H
#define IKEMESH_XFRM_ADDRESS_H

#include "ike/ip.h"

struct addresses;

int addresses_open(struct addresses **out);
void addresses_close(struct addresses *a);
int addresses_fd(const struct addresses *a);

/*
 * Drains the socket; *changed tells whether the list is another one now. Where the kernel had more
 * to tell than could be heard, the whole list is asked for as well. After an error the list is as
 * it was, and the next call asks again whatever the socket says.
 */
int addresses_read(struct addresses *a, bool *changed);

/*
 * The current list, sorted and each once, without loopback, link-local and multicast ones, nor
 * those that failed IPv6 duplicate address detection. Tentative ones are in it, so that they are
 * covered before they can be used, and deprecated ones, since they still receive. Borrowed until
 * the next addresses_read().
 */
const struct ip *addresses_list(const struct addresses *a, size_t *n);

#endif
