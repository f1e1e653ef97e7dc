/* SPDX-License-Identifier: Apache-2.0 */
#include "cmd/ikemeshd/handover.h"
#include "cmd/ikemeshd/notify.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <systemd/sd-daemon.h>
#include <unistd.h>

#define BARRIER_MS 5000
#define FIRST_FD 3 /* SD_LISTEN_FDS_START */

static const char *const state_names[HANDOVER_STATES] = { "ikemesh-state-0", "ikemesh-state-1" };
static const char *const socket_names[UDP_SOCKETS] = { "ike-4", "natt-4", "ike-6", "natt-6" };

const char *handover_state_name(uint64_t sequence)
{
	return state_names[sequence % HANDOVER_STATES];
}

const char *handover_socket_name(size_t which)
{
	return socket_names[which];
}

/* The later of two is the one to go on from. */
static void take_state_of(struct handover *h, int fd, char *why)
{
	struct handover other = { .key = h->key };

	if (handover_read(fd, &other, why) != 0)
		return;
	if (h->state.n > 0 && other.sequence <= h->sequence) {
		secret_free(&other.state);
		return;
	}
	secret_move(&h->state, &other.state);
	h->sequence = other.sequence;
	h->died = other.died;
	h->generation = other.generation;
	memcpy(h->leaf, other.leaf, sizeof(h->leaf));
}

static void take_descriptor(struct handover *h, int fd, const char *name)
{
	for (size_t i = 0; i < UDP_SOCKETS; i++) {
		if (strcmp(name, socket_names[i]) == 0 && h->sockets[i] < 0) {
			h->sockets[i] = fd;
			h->stored = true;
			return;
		}
	}
	for (size_t i = 0; i < HANDOVER_STATES; i++) {
		if (strcmp(name, state_names[i]) == 0 && h->used[i] < 0) {
			h->used[i] = fd;
			return;
		}
	}
	if (strcmp(name, HANDOVER_KEY_NAME) == 0 && h->key < 0) {
		h->key = fd;
		h->key_stored = true;
		return;
	}
	close(fd);
}

void handover_take(struct handover *h, char why[static HANDOVER_TEXT_LEN])
{
	char **names = NULL;
	int n;

	*h = (struct handover){ .key = -1 };
	for (size_t i = 0; i < UDP_SOCKETS; i++)
		h->sockets[i] = -1;
	for (size_t i = 0; i < HANDOVER_STATES; i++)
		h->used[i] = -1;
	why[0] = '\0';
	n = sd_listen_fds_with_names(1, &names);
	for (int i = 0; i < n; i++) {
		take_descriptor(h, FIRST_FD + i, names[i]);
		free(names[i]);
	}
	free(names);
	for (size_t i = 0; i < HANDOVER_STATES; i++)
		if (h->used[i] >= 0)
			take_state_of(h, h->used[i], why);
	/* Without one nothing is kept, and whoever tries says so. */
	if (h->key < 0)
		(void)!sealing_new_key(&h->key);
}

void handover_used(struct handover *h)
{
	for (size_t i = 0; i < HANDOVER_STATES; i++) {
		if (h->used[i] < 0)
			continue;
		(void)!ftruncate(h->used[i], 0);
		close(h->used[i]);
		h->used[i] = -1;
	}
	secret_free(&h->state);
}

void handover_wipe(struct handover *h)
{
	secret_free(&h->state);
	for (size_t i = 0; i < HANDOVER_STATES; i++) {
		if (h->used[i] >= 0)
			close(h->used[i]);
		h->used[i] = -1;
	}
	for (size_t i = 0; i < UDP_SOCKETS; i++) {
		if (h->sockets[i] >= 0)
			close(h->sockets[i]);
		h->sockets[i] = -1;
	}
	if (h->key >= 0)
		close(h->key);
	h->key = -1;
}

static int store(int fd, const char *name)
{
	char text[64];
	int r;

	/* FDPOLL=0: a socket with an ICMP error would count as hung up. */
	snprintf(text, sizeof(text), "FDSTORE=1\nFDNAME=%s\nFDPOLL=0", name);
	r = notify_with(text, fd);
	return r > 0 ? 0 : r == 0 ? -ENOTCONN : r;
}

int handover_store_sockets(const int *sockets)
{
	int err = 0;

	for (size_t i = 0; i < UDP_SOCKETS && err == 0; i++)
		if (sockets[i] >= 0)
			err = store(sockets[i], socket_names[i]);
	return err;
}

int handover_store_key(struct handover *h)
{
	int err = h->key_stored ? 0 : h->key < 0 ? -ENOKEY : store(h->key, HANDOVER_KEY_NAME);

	h->key_stored = err == 0;
	return err;
}

/* ---- step by step ------------------------------------------------------------------------- */

#define LONG_OCTETS (1u << 20)
#define GROWTH_MAX (1u << 28)

static void remove_state(uint64_t sequence)
{
	char text[64];

	snprintf(text, sizeof(text), "FDSTOREREMOVE=1\nFDNAME=%s", handover_state_name(sequence));
	notify(text);
}

bool handover_can_keep(void)
{
	return getenv("NOTIFY_SOCKET") != NULL;
}

int handover_settle(void)
{
	int r = notify_barrier(BARRIER_MS);

	return r < 0 ? r : 0;
}

int keepsake_begin(struct keepsake *k, const struct handover *h)
{
	struct handover next = *h; /* borrowed */
	struct keepsake old = *k, new;
	int err;

	next.sequence = (k->fd >= 0 ? k->sequence : h->sequence) + 1;
	err = handover_write(&next, &new);
	if (err != 0)
		return err;
	/* systemd goes by names: one of a predecessor's predecessor may still be called like it. */
	remove_state(new.sequence);
	err = store(new.fd, handover_state_name(new.sequence));
	if (err != 0) {
		keepsake_close(&new);
		return err;
	}
	remove_state(new.sequence - 1);
	*k = new;
	wipe(&new.sealing, sizeof(new.sealing));
	keepsake_close(&old);
	return 0;
}

bool keepsake_is_long(const struct keepsake *k)
{
	const uint64_t growth = 3 * k->first < GROWTH_MAX ? 3 * k->first : GROWTH_MAX;

	return k->fd >= 0 && k->octets > LONG_OCTETS + k->first + growth;
}

void keepsake_close(struct keepsake *k)
{
	if (k->fd >= 0)
		close(k->fd);
	wipe(&k->sealing, sizeof(k->sealing));
	*k = KEEPSAKE_NONE;
}

void keepsake_drop(struct keepsake *k)
{
	if (k->fd >= 0)
		(void)!ftruncate(k->fd, 0);
	for (uint64_t i = 0; i < HANDOVER_STATES; i++)
		remove_state(k->sequence + i);
	keepsake_close(k);
}
