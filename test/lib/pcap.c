/* SPDX-License-Identifier: Apache-2.0 */
#include "lib/pcap.h"
#include "ike/message/cursor.h"
#include <string.h>

#define MAGIC_PCAP 0xa1b2c3d4u
#define MAGIC_PCAPNG 0x1a2b3c4du
#define INTERFACES_MAX 16
#define UDP 17

enum link_type {
	LINK_NULL = 0, /* family in four octets, host order */
	LINK_ETHERNET = 1,
	LINK_RAW = 101,
};

enum block_type {
	BLOCK_INTERFACE = 1,
	BLOCK_SIMPLE = 3, /* not supported */
	BLOCK_PACKET = 6,
	BLOCK_SECTION = 0x0a0d0d0a,
};

/* Where the walk stands. */
struct walk {
	pcap_take *take;
	void *arg;
	size_t frames;
};

static uint16_t read_le16(struct reader *r)
{
	const uint16_t v = read_u16(r);

	return (uint16_t)(v << 8 | v >> 8);
}

static uint32_t read_le32(struct reader *r)
{
	const uint32_t low = read_le16(r);

	return low | (uint32_t)read_le16(r) << 16;
}

static void udp(struct walk *w, struct reader r)
{
	struct pcap_datagram d = { .frame = w->frames };

	d.src_port = read_u16(&r);
	d.dst_port = read_u16(&r);
	const uint16_t length = read_u16(&r);
	read_u16(&r); /* checksum */
	d.data = read_bytes(&r, length < 8 ? SIZE_MAX : length - 8u);
	if (!r.failed)
		w->take(w->arg, &d);
}

static void ipv4(struct walk *w, struct reader r)
{
	const uint8_t words = read_u8(&r) & 15;
	read_u8(&r);
	const uint16_t total = read_u16(&r);
	read_u16(&r);
	const uint16_t fragment = read_u16(&r) & 0x3fff;
	read_u8(&r);
	const uint8_t protocol = read_u8(&r);

	read_bytes(&r, words * 4u - 10u);
	struct reader box = read_box(&r, total - words * 4u);
	if (!box.failed && protocol == UDP && fragment == 0)
		udp(w, box);
}

static void ipv6(struct walk *w, struct reader r)
{
	read_u32(&r);
	const uint16_t length = read_u16(&r);
	const uint8_t next = read_u8(&r);
	read_bytes(&r, 1 + 16 + 16);
	struct reader box = read_box(&r, length);

	if (!box.failed && next == UDP)
		udp(w, box);
}

static void frame(struct walk *w, uint32_t link, struct bytes b)
{
	struct reader r = reader_of(b);

	w->frames++;
	if (link == LINK_ETHERNET)
		read_bytes(&r, 14);
	else if (link == LINK_NULL)
		read_bytes(&r, 4);
	else if (link != LINK_RAW)
		return;
	if (r.left > 0 && r.p[0] >> 4 == 4)
		ipv4(w, r);
	else if (r.left > 0 && r.p[0] >> 4 == 6)
		ipv6(w, r);
}

static bool classic(struct walk *w, struct reader r)
{
	read_bytes(&r, 20);
	const uint32_t link = read_le32(&r);

	while (r.left > 0) {
		read_bytes(&r, 8); /* time */
		const uint32_t captured = read_le32(&r);
		read_le32(&r);
		const struct bytes b = read_bytes(&r, captured);
		if (r.failed)
			return false;
		frame(w, link, b);
	}
	return true;
}

static bool next_generation(struct walk *w, struct reader r)
{
	uint32_t links[INTERFACES_MAX] = { 0 };
	size_t n = 0;

	while (r.left > 0) {
		const uint32_t type = read_le32(&r);
		const uint32_t length = read_le32(&r);
		struct reader box = read_box(&r, (size_t)length - 12);
		read_le32(&r); /* length again */
		if (type == BLOCK_INTERFACE && n < INTERFACES_MAX) {
			links[n++] = read_le16(&box);
		} else if (type == BLOCK_PACKET) {
			const uint32_t interface = read_le32(&box);
			read_bytes(&box, 8); /* time */
			const uint32_t captured = read_le32(&box);
			read_le32(&box);
			const struct bytes b = read_bytes(&box, captured);
			if (interface >= n || box.failed)
				return false;
			frame(w, links[interface], b);
		} else if (type == BLOCK_SIMPLE) {
			return false;
		}
		if (r.failed)
			return false;
	}
	return true;
}

size_t pcap_each(struct bytes file, pcap_take *take, void *arg)
{
	struct walk w = { .take = take, .arg = arg };
	struct reader r = reader_of(file);
	const uint32_t magic = read_le32(&r);
	bool whole = false;

	if (magic == MAGIC_PCAP) {
		whole = classic(&w, reader_of(file));
	} else if (magic == BLOCK_SECTION) {
		read_le32(&r);
		if (read_le32(&r) == MAGIC_PCAPNG)
			whole = next_generation(&w, reader_of(file));
	}
	return whole ? w.frames : 0;
}

struct bytes pcap_ike(const struct pcap_datagram *d)
{
	static const uint8_t marker[4] = { 0 };

	if (d->src_port == 500 || d->dst_port == 500)
		return d->data;
	if (d->src_port != 4500 && d->dst_port != 4500)
		return BYTES_NONE;
	if (d->data.n < sizeof(marker) || memcmp(d->data.p, marker, sizeof(marker)) != 0)
		return BYTES_NONE;
	return BYTES(d->data.p + sizeof(marker), d->data.n - sizeof(marker));
}
