/* SPDX-License-Identifier: Apache-2.0 */
/* Inputs that need no conversation: messages, fragments, texts, what a kernel said. */
#include "fuzz/seeds.h"

#include "config/schema.h"
#include "ike/message/cursor.h"
#include "lib/sample.h"
#include "lib/xfrm_hex.h"
#include "lib/xfrm_recorded.h"
#include "xfrm/encode.h"
#include <string.h>

static void write_text(struct writer *w, const char *text)
{
	write_bytes(w, BYTES((const uint8_t *)text, strlen(text)));
}

void seeds_messages(void)
{
	uint8_t buf[SAMPLE_ROOM];

	for (size_t i = 0; i < n_samples; i++)
		seed_write("message", sample_message(&samples[i], buf));
}

/* --- fragments --- */

/* Number, total, message id; 16 octets each. */
static const uint8_t orders[][3][3] = {
	{ { 1, 3, 1 }, { 2, 3, 1 }, { 3, 3, 1 } }, { { 3, 3, 1 }, { 1, 3, 1 }, { 2, 3, 1 } },
	{ { 1, 2, 1 }, { 1, 3, 1 }, { 2, 2, 1 } }, { { 1, 2, 1 }, { 1, 2, 1 }, { 2, 2, 1 } },
	{ { 1, 2, 1 }, { 1, 2, 2 }, { 2, 2, 1 } }, { { 0, 0, 1 }, { 2, 1, 1 }, { 1, 65, 1 } },
};

static void fragments_in_order(const uint8_t order[3][3])
{
	uint8_t buf[128], part[16];
	struct writer w = writer_of(buf, sizeof buf);

	write_u8(&w, 0);
	for (uint8_t i = 0; i < 3; i++) {
		memset(part, 'a' + i, sizeof part);
		write_u8(&w, order[i][2]);
		write_u8(&w, order[i][0]);
		write_u8(&w, order[i][1]);
		write_u8(&w, PAYLOAD_IDI);
		write_u8(&w, 1);
		write_bytes(&w, BYTES(part, sizeof part));
	}
	seed_write("fragment", writer_view(&w));
}

static void fragments_there_and_back(uint8_t aead, uint16_t limit, uint8_t hurt)
{
	uint8_t buf[SAMPLE_ROOM + 16], chain[SAMPLE_ROOM], first;
	struct writer w = writer_of(buf, sizeof buf);
	struct bytes plain = sample_chain(&samples[n_samples / 2], chain, &first);

	write_u8(&w, 1);
	write_u8(&w, aead);
	write_u16(&w, limit);
	write_u8(&w, first);
	write_u8(&w, hurt);
	write_u16(&w, 40);
	write_u8(&w, hurt);
	write_bytes(&w, plain);
	seed_write("fragment", writer_view(&w));
}

void seeds_fragments(void)
{
	for (size_t i = 0; i < sizeof orders / sizeof orders[0]; i++)
		fragments_in_order(orders[i]);
	for (uint8_t i = 0; i < 8; i++)
		fragments_there_and_back(i & 1, i & 2 ? 1280 : 120, i & 4 ? 1 : 0);
}

/* --- texts --- */

static const char *const proposals[] = {
	"aes128-sha256-modp2048!",
	"aes256gcm16-prfsha384-ecp384,aes128gcm16-prfsha256-curve25519",
	"aes128-aes256-sha256-sha384-modp3072-ecp256-ke1_mlkem768-ke1_none",
	"aes128gcm16!",
	"aes128gcm16-modp2048-esn-noesn",
	"aes128ccm16-sha1-md5,3des",
	"aes256gcm16-prfsha512-ecp256-ke2_mlkem1024-ke3_ecp384-ke7_mlkem512",
	",,--!",
};

void seeds_proposals(void)
{
	uint8_t buf[512];

	for (size_t i = 0; i < sizeof proposals / sizeof proposals[0]; i++)
		for (uint8_t protocol = 0; protocol < 2; protocol++) {
			struct writer w = writer_of(buf, sizeof buf);

			write_u8(&w, protocol);
			write_text(&w, proposals[i]);
			seed_write("proposal", writer_view(&w));
		}
}

/* --- the kernel --- */

static void of_request(const struct nlmsghdr *nlh)
{
	seed_write("netlink", BYTES((const uint8_t *)nlh, nlh->nlmsg_len));
}

/* An error with what was asked and a text, as extended acknowledgements have it. */
static void of_error(void)
{
	static _Alignas(8) uint8_t buf[128];
	static const char text[] = "Requested mode keys must be equal";
	struct nlmsghdr *nlh = (struct nlmsghdr *)buf;
	struct nlmsgerr e = { .error = -22, .msg = { .nlmsg_len = sizeof(struct nlmsghdr) } };
	struct nlattr a = { .nla_len = sizeof a + sizeof text, .nla_type = NLMSGERR_ATTR_MSG };

	nlh->nlmsg_type = NLMSG_ERROR;
	nlh->nlmsg_flags = NLM_F_ACK_TLVS;
	memcpy(buf + sizeof *nlh, &e, sizeof e);
	memcpy(buf + sizeof *nlh + sizeof e, &a, sizeof a);
	memcpy(buf + sizeof *nlh + sizeof e + sizeof a, text, sizeof text);
	nlh->nlmsg_len = (uint32_t)(sizeof *nlh + sizeof e + sizeof a + sizeof text);
	of_request(nlh);
}

void seeds_netlink(void)
{
	static _Alignas(8) uint8_t buf[ENCODE_ROOM];
	const struct policy_default d = { 0 };

	for (size_t i = 0; i < N_RECORDED; i++) {
		struct blob b = xfrm_hex(recorded[i]);

		seed_write("netlink", blob_view(&b));
		blob_free(&b);
	}
	of_request(encode_default_set(buf, &d));
	of_request(encode_default_get(buf));
	of_request(encode_sa_dump(buf));
	of_error();
}

/* --- a channel between two hosts --- */

void seeds_channel(void)
{
	uint8_t buf[64];

	for (unsigned i = 0; i < 96; i++) {
		struct writer w = writer_of(buf, sizeof buf);

		write_u8(&w, (uint8_t)(i * 29)); /* flavour */
		write_u8(&w, 2);
		write_u8(&w, 4); /* after a second: each kind, with each host */
		write_u8(&w, (uint8_t)(i % 10));
		write_u8(&w, (uint8_t)(i / 10));
		write_u8(&w, 20);
		write_u8(&w, (uint8_t)(i * 7 % 10));
		write_u8(&w, (uint8_t)i);
		for (unsigned k = 0; k < i % 12; k++)
			write_u8(&w, 0);
		for (unsigned k = 0; k < 6; k++)
			write_u8(&w, (uint8_t)(128 + (i + k) % 8));
		seed_write("channel", writer_view(&w));
	}
}
