/* SPDX-License-Identifier: Apache-2.0 */
#ifndef IKEMESH_CTL_SOCKET_ADDRESS_H
#define IKEMESH_CTL_SOCKET_ADDRESS_H

#include "ike/ip.h"

#include <sys/socket.h>

/* port: host order. Returns the octets of *out that count. */
socklen_t socket_address(const struct ip *ip, uint16_t port, struct sockaddr_storage *out);

#endif
