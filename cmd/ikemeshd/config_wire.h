/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the keyholder tells the engine of a configuration, as octets and back: all of it but the
 * private key and the PPK, and what was found wrong with it. Whom to trust comes as certificates
 * and lists, and is put together again where it is read.
 *
 * Each field is named once, for both directions (ike/archive.h): a field that is added to struct
 * config or struct spec reaches the engine only if it is named in config_wire.c.
 */
#ifndef IKEMESH_CMD_CONFIG_WIRE_H
#define IKEMESH_CMD_CONFIG_WIRE_H

#include "config/config.h"
#include "crypto/secret.h"

#define WIRE_PATH_MAX 4096 /* octets of a path or another text */

/* c NULL: there is none, only problems. 0 or -ENOMEM; *out is the caller's. */
int wire_put_config(const struct problems *ps, const struct config *c, struct secret *out);
/*
 * 0: *ps and *c are the caller's; *there: the configuration was sent, else *c is empty. -EBADMSG:
 * these are no such octets (or there is no memory), and both are empty.
 */
int wire_take_config(struct bytes from, struct problems *ps, struct config *c, bool *there);

/* Files of CRLs alone. The same errors; on failure *files is NULL. */
int wire_put_crl_files(const struct crl_file *files, size_t n, struct secret *out);
int wire_take_crl_files(struct bytes from, struct crl_file **files, size_t *n);

/* Builds c->trust from what c says. 0, or -EBADMSG: that is not to be had of it. */
int config_build_trust(struct config *c);

#endif
