/* SPDX-License-Identifier: Apache-2.0 */
/* Local addresses come and go: rtnetlink. */
#ifndef IKEMESH_XFRM_ADDRESS_H
#define IKEMESH_XFRM_ADDRESS_H

#include "ike/ip.h"

struct addresses;

int addresses_open(struct addresses **out);
void addresses_close(struct addresses *a);
int addresses_fd(const struct addresses *a);

/* Drains the socket; *changed tells whether the list is another one now. */
int addresses_read(struct addresses *a, bool *changed);

/*
 * The current list, without loopback, link-local, multicast, deprecated-and-tentative (IPv6 DAD)
 * ones. Borrowed until the next addresses_read().
 */
const struct ip *addresses_list(const struct addresses *a, size_t *n);

#endif
