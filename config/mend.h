/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What people get wrong in such files, told with the line to write instead, and mended in memory
 * so that reading can go on and find the rest. The text must have no keys in it (lift.h): its
 * lines are shown.
 */
#ifndef IKEMESH_CONFIG_MEND_H
#define IKEMESH_CONFIG_MEND_H

#include "config/problem.h"
#include "config/text.h"
#include "config/yaml.h"

/* PEM blocks that are not indented under their key, or whose `|` is missing. */
void mend_pem(struct report *r, struct text *t);

/* Reports a fault. true: the text has been mended, read it again. */
bool mend_fault(struct report *r, struct text *t, const struct yaml_fault *fault);

#endif
