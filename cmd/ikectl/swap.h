/* SPDX-License-Identifier: Apache-2.0 */
/* Where this host swaps to, and whether that can be read by whoever has the disk. */
#ifndef IKEMESH_CTL_SWAP_H
#define IKEMESH_CTL_SWAP_H

#include <stddef.h>

enum swap_kind {
	SWAP_PLAIN,
	SWAP_ENCRYPTED, /* dm-crypt, itself or all that it lies on */
	SWAP_MEMORY,	/* zram that writes nothing back */
	SWAP_UNKNOWN,	/* a file on what has no block device of its own (btrfs) */
};

struct swap {
	char path[256];
	enum swap_kind kind;
};

/*
 * swaps: as /proc/swaps; sys: as /sys. *out is the caller's to free. 0; -ENOMEM; or why it cannot
 * be read, with none.
 */
int swaps_read(const char *swaps, const char *sys, struct swap **out, size_t *n);

/* Of the block device with these numbers. */
enum swap_kind swap_kind_of(const char *sys, unsigned major, unsigned minor);

#endif
