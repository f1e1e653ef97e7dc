/* SPDX-License-Identifier: Apache-2.0 */
/* As uthash.h beside it, for lists. */
#include_next <utlist.h>

#ifndef IKEMESH_TEST_CHECK_TIDY_UTLIST_H
#define IKEMESH_TEST_CHECK_TIDY_UTLIST_H

void tidy_list_delete(void *head, void *entry);

#undef DL_DELETE2
#define DL_DELETE2(head, entry, prev, next) tidy_list_delete(&(head), entry)

#endif
