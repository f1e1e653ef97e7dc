/* SPDX-License-Identifier: Apache-2.0 */
/* CREATE_CHILD_SA, RFC 7296 1.3. */
#include "ike/exchange/exchange.h"
#include "ike/sa.h"

static void create_child_answer(struct engine *e, struct ike_sa *sa, const struct inbound *m)
{
	(void)m;
	sa_reply_notify(e, sa, EXCHANGE_CREATE_CHILD_SA, NOTIFY_NO_ADDITIONAL_SAS, BYTES_NONE);
}

static void create_child_take(struct engine *e, struct ike_sa *sa, const struct inbound *m)
{
	(void)m;
	sa_request_done(e, sa);
}

static void create_child_give_up(struct engine *e, struct ike_sa *sa)
{
	sa_close(e, sa);
}

const struct exchange exchange_create_child = {
	.type = EXCHANGE_CREATE_CHILD_SA,
	.answer = create_child_answer,
	.take = create_child_take,
	.give_up = create_child_give_up,
};
