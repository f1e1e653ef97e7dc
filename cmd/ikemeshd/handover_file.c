/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The file of a state: a head, and pieces behind it, each `length | sealed octets | tag`. A piece
 * counts once the head says that it is there. Version 1, which is still read, had the octets in the
 * clear behind a head without salt.
 */
#include "cmd/ikemeshd/handover.h"

#include <errno.h>
#include <fcntl.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#define MAGIC "ikemesh handover"
#define VERSION 2
#define VERSION_CLEAR 1
#define BOOT_ID "/proc/sys/kernel/random/boot_id"
#define BOOT_ID_LEN 36
#define STATE_MAX (1u << 30) /* octets: 100,000 pairs have some 300 MB */
#define DEATHS_MAX 4
#define PIECE_MAX (64u * 1024)	 /* octets of a state that are written at once */
#define PIECE_LONGEST (1u << 26) /* and of a record */

/* Of this machine alone, so in its own octet order. */
struct envelope {
	char magic[sizeof(MAGIC)];
	uint32_t version;
	char boot_id[BOOT_ID_LEN]; /* times in the state are this boot's */
	uint32_t generation;
	uint8_t leaf[HANDOVER_LEAF_LEN];
	uint8_t died; /* 1 until who writes it says that it ended by itself; more: of who took it */
	uint64_t sequence;
	uint64_t octets; /* what is behind them is not written to its end */
	uint8_t salt[SEALING_SALT_LEN];
};

static size_t head_len(uint32_t version)
{
	return version == VERSION_CLEAR ? offsetof(struct envelope, salt) : sizeof(struct envelope);
}

static int read_boot_id(char out[static BOOT_ID_LEN])
{
	int fd = open(BOOT_ID, O_RDONLY | O_CLOEXEC);
	ssize_t n;

	if (fd < 0)
		return -errno;
	n = read(fd, out, BOOT_ID_LEN);
	close(fd);
	return n == BOOT_ID_LEN ? 0 : -EIO;
}

static int write_all(int fd, const void *from, size_t n, uint64_t at)
{
	const char *p = from;

	while (n > 0) {
		ssize_t done = pwrite(fd, p, n, (off_t)at);

		if (done < 0 && errno == EINTR)
			continue;
		if (done <= 0)
			return done < 0 ? -errno : -EIO;
		p += done;
		at += (uint64_t)done;
		n -= (size_t)done;
	}
	return 0;
}

static int read_all(int fd, void *to, size_t n, uint64_t at)
{
	char *p = to;

	while (n > 0) {
		ssize_t done = pread(fd, p, n, (off_t)at);

		if (done < 0 && errno == EINTR)
			continue;
		if (done <= 0)
			return done < 0 ? -errno : -EIO;
		p += done;
		at += (uint64_t)done;
		n -= (size_t)done;
	}
	return 0;
}

/* ---- to the file ------------------------------------------------------------------------- */

static int add_piece(struct keepsake *k, struct bytes clear)
{
	const uint32_t n = (uint32_t)clear.n;
	struct secret piece = { 0 };
	uint8_t *data, *tag;
	int err = secret_new(&piece, sizeof(n) + clear.n + SEALING_TAG_LEN);

	if (err != 0)
		return err;
	data = piece.p + sizeof(n);
	tag = data + clear.n;
	memcpy(piece.p, &n, sizeof(n));
	memcpy(data, clear.p, clear.n);
	err = sealing_seal(&k->sealing, k->octets, data, clear.n, tag);
	if (err == 0)
		err = write_all(k->fd, piece.p, piece.n, sizeof(struct envelope) + k->octets);
	if (err == 0)
		k->octets += piece.n;
	secret_free(&piece);
	return err;
}

int keepsake_append(struct keepsake *k, struct bytes record)
{
	int err =
		record.n > PIECE_LONGEST || k->octets > STATE_MAX - 2 * PIECE_LONGEST ? -EFBIG : 0;

	if (err == 0)
		err = add_piece(k, record);
	if (err == 0)
		err = write_all(k->fd, &k->octets, sizeof(k->octets),
				offsetof(struct envelope, octets));
	return err;
}

static int write_state(const struct handover *h, struct envelope *e, struct keepsake *k)
{
	int err = 0;

	for (size_t at = 0; at < h->state.n && err == 0; at += PIECE_MAX) {
		const size_t left = h->state.n - at;

		err = add_piece(k, BYTES(h->state.p + at, left < PIECE_MAX ? left : PIECE_MAX));
	}
	k->first = e->octets = k->octets;
	/* At last, so that what is there is whole. */
	return err == 0 ? write_all(k->fd, e, sizeof(*e), 0) : err;
}

int handover_write(const struct handover *h, struct keepsake *k)
{
	struct envelope e = { .magic = MAGIC,
			      .version = VERSION,
			      .generation = h->generation,
			      .died = (uint8_t)h->died,
			      .sequence = h->sequence };
	int err = h->state.n > STATE_MAX / 2 ? -EFBIG : read_boot_id(e.boot_id);

	*k = KEEPSAKE_NONE;
	k->sequence = h->sequence;
	memcpy(e.leaf, h->leaf, sizeof(e.leaf));
	if (err == 0)
		err = random_fill(e.salt, sizeof(e.salt));
	if (err == 0)
		err = sealing_of(h->key, e.salt, &k->sealing);
	if (err == 0) {
		k->fd = memfd_create("ikemesh-state", MFD_CLOEXEC);
		err = k->fd >= 0 ? write_state(h, &e, k) : -errno;
	}
	if (err != 0)
		keepsake_close(k);
	return err;
}

/* ---- and back ---------------------------------------------------------------------------- */

static const char *objection(const struct envelope *e, const struct stat *st)
{
	char boot_id[BOOT_ID_LEN];

	if (memcmp(e->magic, MAGIC, sizeof(e->magic)) != 0)
		return "it is no state of an ikemeshd";
	if (e->version != VERSION && e->version != VERSION_CLEAR)
		return "it is of another version";
	if (read_boot_id(boot_id) != 0 || memcmp(e->boot_id, boot_id, sizeof(boot_id)) != 0)
		return "it is of another boot";
	if (e->octets > STATE_MAX || (uint64_t)st->st_size < head_len(e->version) + e->octets)
		return "it is cut off";
	if (e->died > DEATHS_MAX)
		return "one after the other died over it";
	return NULL;
}

/* The sealed octets are read to where the clear ones will be, as those are fewer. */
static int open_pieces(int fd, const struct envelope *e, const struct sealing *s,
		       struct secret *state)
{
	const uint64_t begin = sizeof(*e);
	size_t clear = 0;
	int err = 0;

	for (uint64_t at = 0; at < e->octets && err == 0;) {
		uint8_t *to = state->p + clear, tag[SEALING_TAG_LEN];
		uint32_t n = 0;

		if (e->octets - at < sizeof(n) + sizeof(tag))
			return -EBADMSG;
		err = read_all(fd, &n, sizeof(n), begin + at);
		if (err == 0 && n > e->octets - at - sizeof(n) - sizeof(tag))
			return -EBADMSG;
		if (err == 0)
			err = read_all(fd, to, n, begin + at + sizeof(n));
		if (err == 0)
			err = read_all(fd, tag, sizeof(tag), begin + at + sizeof(n) + n);
		if (err == 0)
			err = sealing_open(s, at, to, n, tag);
		at += sizeof(n) + n + sizeof(tag);
		clear += n;
	}
	state->n = clear;
	return err;
}

static int open_state(int fd, int key, const struct envelope *e, struct secret *state)
{
	struct sealing s;
	int err = sealing_of(key, e->salt, &s);

	if (err == 0)
		err = open_pieces(fd, e, &s, state);
	wipe(&s, sizeof(s));
	return err;
}

static int take_state(int fd, const struct envelope *e, struct handover *h)
{
	int err = e->octets == 0 ? 0 : secret_new(&h->state, (size_t)e->octets);

	if (err == 0 && e->octets > 0)
		err = e->version == VERSION_CLEAR
			      ? read_all(fd, h->state.p, h->state.n, head_len(e->version))
			      : open_state(fd, h->key, e, &h->state);
	if (err != 0) {
		secret_free(&h->state);
		return err;
	}
	h->generation = e->generation;
	h->sequence = e->sequence;
	h->died = e->died;
	memcpy(h->leaf, e->leaf, sizeof(h->leaf));
	return 0;
}

static int read_head(int fd, struct envelope *e)
{
	int err = read_all(fd, e, head_len(VERSION_CLEAR), 0);

	if (err == 0 && e->version == VERSION)
		err = read_all(fd, e->salt, sizeof(e->salt), offsetof(struct envelope, salt));
	return err;
}

static const char *reason(int err)
{
	return err == -EBADMSG	? "it is damaged"
	       : err == -ENOKEY ? "what it was sealed with is not there"
				: strerror(-err);
}

int handover_read(int fd, struct handover *h, char why[static HANDOVER_TEXT_LEN])
{
	struct envelope e = { 0 };
	const char *no = NULL;
	struct stat st;
	int err = fstat(fd, &st) == 0 ? 0 : -errno;

	why[0] = '\0';
	if (err == 0 && st.st_size == 0)
		return 0; /* used already */
	if (err == 0)
		err = read_head(fd, &e);
	if (err == 0)
		no = objection(&e, &st);
	if (err == 0 && no == NULL)
		err = take_state(fd, &e, h);
	if (err == 0 && no == NULL)
		return 0;
	snprintf(why, HANDOVER_TEXT_LEN, "the state that a former ikemeshd left is not used: %s",
		 no != NULL ? no : reason(err));
	return err != 0 ? err : -EINVAL;
}

void handover_begin(const struct handover *h)
{
	const uint8_t died = (uint8_t)(h->died + 1);

	for (size_t i = 0; i < HANDOVER_STATES; i++) {
		struct stat st;

		if (h->used[i] >= 0 && fstat(h->used[i], &st) == 0 && st.st_size > 0)
			(void)!pwrite(h->used[i], &died, sizeof(died),
				      offsetof(struct envelope, died));
	}
}
