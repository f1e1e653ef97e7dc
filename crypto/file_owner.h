/* SPDX-License-Identifier: Apache-2.0 */
#ifndef IKEMESH_CRYPTO_FILE_OWNER_H
#define IKEMESH_CRYPTO_FILE_OWNER_H

/*
 * What root makes in a directory of the daemon's user (`ikectl mode`, the policies before there is
 * a daemon) is for the daemon: the open file gets its directory's owner. Without effect for others
 * than root, and in root's own directories. 0 or negative errno.
 */
int file_owner_follow(int fd, const char *dir);

#endif
