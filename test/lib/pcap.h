/* SPDX-License-Identifier: Apache-2.0 */
/* Captures in little-endian pcap and pcapng: just enough to get at the UDP datagrams. */
#ifndef IKEMESH_TEST_LIB_PCAP_H
#define IKEMESH_TEST_LIB_PCAP_H

#include "crypto/bytes.h"

struct pcap_datagram {
	size_t frame; /* counted from 1, as Wireshark does */
	uint16_t src_port, dst_port;
	struct bytes data; /* view into the file */
};

typedef void pcap_take(void *arg, const struct pcap_datagram *d);

/*
 * Calls take for each whole UDP datagram over IPv4 or IPv6 (fragments and other protocols are
 * passed over). Returns the number of frames; 0 if the file is not understood or ends too soon.
 */
size_t pcap_each(struct bytes file, pcap_take *take, void *arg);

/*
 * The IKE message in a datagram: to or from port 500, or 4500 behind the non-ESP marker (RFC 3948
 * 2.2). Empty if there is none.
 */
struct bytes pcap_ike(const struct pcap_datagram *d);

#endif
