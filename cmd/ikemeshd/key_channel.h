/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The socket between engine and keyholder: whole messages (SOCK_SEQPACKET), each with a descriptor
 * at most. What is long is memory that nobody can change any more once it is sent (a sealed memfd).
 */
#ifndef IKEMESH_CMD_KEY_CHANNEL_H
#define IKEMESH_CMD_KEY_CHANNEL_H

#include "crypto/secret.h"

#define KEY_CONTENT_MAX (256u << 20) /* octets of what a descriptor has */

/*
 * Each a descriptor, or negative errno; -ENAMETOOLONG: the path is none for a socket. The first one
 * takes the place of a socket that is there, and lets only root and user connect; accept() looks
 * once more who it is: -EPERM. Nobody blocks.
 */
int key_channel_listen(const char *path, unsigned user);
int key_channel_connect(const char *path);
int key_channel_accept(int listener, unsigned user);

/* Neither blocks. content -1: none; it stays the caller's. 0; -EAGAIN; else the line is dead. */
int key_channel_send(int fd, struct bytes message, int content);
/*
 * *n octets of a message into buffer, *content (-1: none) is the caller's. 0; -EAGAIN; -EPIPE: the
 * other side has gone; -EBADMSG: longer than the room, or more descriptors than one; -EMFILE: the
 * message is there, the descriptor that came with it is lost, as this process has no room for it.
 */
int key_channel_receive(int fd, uint8_t *buffer, size_t room, size_t *n, int *content);

/* A descriptor with these octets, sealed; or negative errno. */
int key_content_put(struct bytes octets);
/* 0: what the descriptor has, the caller's. -EBADMSG: it is not sealed, or too long. */
int key_content_take(int fd, struct secret *out);

#endif
