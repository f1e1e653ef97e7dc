/* SPDX-License-Identifier: Apache-2.0 */
/*
 * fuzz_seeds OUT: inputs from our own conversations. fuzz_seeds OUT capture FILE...: the IKE
 * messages in captures; fuzz_seeds OUT message FILE...: datagrams, whose version and length are set
 * right; fuzz_seeds OUT certificate|list FILE...: DER.
 */
#include "fuzz/seeds.h"

#include "fuzz/frame.h"
#include "fuzz/scene.h"
#include "lib/pcap.h"
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

static const char *out_dir;
static size_t written;

static uint64_t hash_of(struct bytes b)
{
	uint64_t h = b.n;

	for (size_t i = 0; i < b.n; i++)
		h = rng_mix(h ^ b.p[i]);
	return h;
}

static void die(const char *what)
{
	fprintf(stderr, "%s: %s\n", what, strerror(errno));
	exit(2);
}

void seed_write(const char *target, struct bytes content)
{
	char path[4096];
	FILE *out;

	snprintf(path, sizeof path, "%s/%s", out_dir, target);
	if (mkdir(path, 0777) != 0 && errno != EEXIST)
		die(path);
	snprintf(path, sizeof path, "%s/%s/%016llx", out_dir, target,
		 (unsigned long long)hash_of(content));
	out = fopen(path, "wb");
	if (out == NULL || fwrite(content.p, 1, content.n, out) != content.n || fclose(out) != 0)
		die(path);
	written++;
}

/* --- what others have recorded --- */

static struct blob file_of(const char *path)
{
	static uint8_t buf[1 << 20];
	FILE *in = fopen(path, "rb");
	struct blob b;

	if (in == NULL || blob_copy(&b, BYTES(buf, fread(buf, 1, sizeof buf, in))) != 0)
		die(path);
	fclose(in);
	return b;
}

static void take_datagram(void *arg, const struct pcap_datagram *d)
{
	struct bytes m = pcap_ike(d);

	(void)arg;
	if (m.n > 0)
		seed_write("message", m);
}

static void take_message(struct blob *b)
{
	if (b->n < IKE_HEADER_LEN || b->n > IKE_MESSAGE_MAX)
		return;
	b->p[17] = 0x20;
	for (int i = 0; i < 4; i++)
		b->p[24 + i] = (uint8_t)(b->n >> (24 - 8 * i));
	seed_write("message", blob_view(b));
}

/* The kind is target certificate's first octet. */
static void take_der(const struct blob *b, uint8_t kind)
{
	static uint8_t buf[1 << 16];

	if (b->n >= sizeof buf)
		return;
	buf[0] = kind;
	memcpy(buf + 1, b->p, b->n);
	seed_write("certificate", BYTES(buf, b->n + 1));
}

static void take_file(const char *kind, const char *path)
{
	struct blob b = file_of(path);

	if (strcmp(kind, "capture") == 0)
		pcap_each(blob_view(&b), take_datagram, NULL);
	else if (strcmp(kind, "certificate") == 0)
		take_der(&b, CERTIFICATE_ALONE);
	else if (strcmp(kind, "list") == 0)
		take_der(&b, CERTIFICATE_LIST);
	else
		take_message(&b);
	blob_free(&b);
}

int main(int argc, char **argv)
{
	if (argc < 2) {
		fprintf(stderr,
			"usage: fuzz_seeds OUT [capture|message|certificate|list FILE...]\n");
		return 2;
	}
	out_dir = argv[1];
	LLVMFuzzerInitialize(&argc, &argv);
	for (int i = 3; i < argc; i++)
		take_file(argv[2], argv[i]);
	if (argc == 2) {
		seeds_messages();
		seeds_fragments();
		seeds_proposals();
		seeds_netlink();
		seeds_channel();
		seeds_config();
		seeds_certificates();
		seeds_wire();
		seeds_control();
		seeds_words(out_dir);
		seeds_inside();
		seeds_state();
		seeds_engine();
	}
	printf("%zu inputs\n", written);
	return 0;
}
