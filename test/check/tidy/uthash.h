/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Before the system's uthash.h where tidy.sh analyses: how an entry leaves a table is hidden from
 * the analyzer, which cannot follow the links and finds a neighbour that was freed before.
 */
#include_next <uthash.h>

#ifndef IKEMESH_TEST_CHECK_TIDY_UTHASH_H
#define IKEMESH_TEST_CHECK_TIDY_UTHASH_H

void tidy_hash_delete(void *head, void *entry);

#undef HASH_DELETE
#define HASH_DELETE(hh, head, entry) tidy_hash_delete(&(head), entry)

#endif
