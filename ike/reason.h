/* SPDX-License-Identifier: Apache-2.0 */
/* From what was found out to one word (report.h); of an attempt: attempt_reason() in status.h. */
#ifndef IKEMESH_IKE_REASON_H
#define IKEMESH_IKE_REASON_H

#include "crypto/trust.h"
#include "ike/report.h"

/* REASON_NONE for VERDICT_GOOD. */
enum reason reason_of_verdict(enum verdict verdict);

/* Of an error notify, REASON_NONE for 0. ours: we sent it; init: in IKE_SA_INIT. */
enum reason reason_of_notify(uint16_t notify, bool ours, bool init);

#endif
