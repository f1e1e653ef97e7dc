/* SPDX-License-Identifier: Apache-2.0 */
/*
 * `ikectl pki init DIR` and `ikectl pki issue DIR NAME [ADDRESS|HOST…]`: a CA and instance
 * certificates for tests and for a start. Nothing that is there is ever overwritten.
 */
#ifndef IKEMESH_CTL_PKI_H
#define IKEMESH_CTL_PKI_H

#include "cmd/ikectl/command.h"

enum status run_pki(const struct invocation *in);

#endif
