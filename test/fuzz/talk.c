/* SPDX-License-Identifier: Apache-2.0 */
#include "fuzz/talk.h"

static void exchange_anew(struct scene *s)
{
	peer_exchange_free(&s->x);
	s->x = (struct peer_exchange){ 0 };
}

/* Another configuration of the core's may offer what the peer has not. */
static bool of_our_group(struct scene *s)
{
	const struct draft_payload *ke = draft_find(&s->asked, PAYLOAD_KE);
	const struct proposal_spec *ours = &s->d.peer_spec.ike[0];
	struct bytes value;
	uint16_t group;

	if (ke == NULL || !ke_decode(blob_view(&ke->body), &group, &value))
		return false;
	for (size_t i = 0; i < ours->n; i++)
		if (ours->t[i].type == TRANSFORM_KE && ours->t[i].id == group)
			return true;
	return false;
}

/* What it sent first may have gone out, changed, as another exchange: AUTH has nothing to be about.
 */
static bool can_sign(const struct peer *p)
{
	return (p->initiator ? p->init_i.n : p->init_r.n) > 0;
}

void talk_answer(struct scene *s, struct draft *out)
{
	struct peer *p = &s->d.peer;
	struct blob init_i;

	switch (s->asked.h.exchange) {
	case EXCHANGE_IKE_SA_INIT:
		/* The one that was made where the scene opens. */
		if (s->has_good && s->good.h.response && s->good.h.spi_i == s->asked.h.spi_i) {
			draft_copy(out, &s->good);
			break;
		}
		init_i = p->init_i;
		p->init_i = (struct blob){ 0 };
		peer_wipe(p);
		p->init_i = init_i;
		if (!of_our_group(s)) {
			draft_init(out, &s->asked.h);
			out->h.response = true;
			draft_add_notify(out, NOTIFY_NO_PROPOSAL_CHOSEN, BYTES_NONE);
			break;
		}
		peer_answer_init(p, &s->asked, out);
		break;
	case EXCHANGE_IKE_INTERMEDIATE:
		if (p->add_ke_done >= p->n_add_ke || p->next_shared.n > 0) {
			peer_answer(p, &s->asked, out);
			break;
		}
		peer_answer_intermediate(p, &s->asked, out);
		break;
	case EXCHANGE_IKE_AUTH:
		if (can_sign(p))
			peer_answer_auth(p, &s->asked, out);
		else
			peer_answer(p, &s->asked, out);
		break;
	case EXCHANGE_CREATE_CHILD_SA:
		exchange_anew(s);
		if (p->esp_encr == NULL) /* it never had a CHILD_SA: let it say nothing */
			peer_answer(p, &s->asked, out);
		else if (draft_has(&s->asked, PAYLOAD_TSI))
			peer_answer_child(p, &s->x, &s->asked, out);
		else
			peer_answer_rekey(p, &s->x, &s->asked, out);
		break;
	case EXCHANGE_IKE_FOLLOWUP_KE:
		if (s->x.nonce.n == 0 || s->x.add_ke_done >= p->n_add_ke) {
			peer_answer(p, &s->asked, out);
			break;
		}
		peer_answer_followup(p, &s->x, &s->asked, out);
		break;
	default:
		peer_answer(p, &s->asked, out);
		break;
	}
}

bool talk_begin(struct scene *s, struct draft *out)
{
	struct peer *p = &s->d.peer;

	if (!p->initiator && p->spi_i != 0)
		return false;
	if (p->spi_r == 0)
		peer_ask_init(p, out);
	else if (p->add_ke_done < p->n_add_ke)
		peer_ask_intermediate(p, out);
	else if (p->esp_in == 0 && can_sign(p))
		peer_ask_auth(p, out);
	else
		return false;
	return true;
}

static void wish_rekey_child(struct scene *s, struct draft *out)
{
	exchange_anew(s);
	s->x.rekeys = s->d.peer.esp_in;
	peer_ask_child(&s->d.peer, &s->x, out);
}

static void wish_child(struct scene *s, struct draft *out)
{
	exchange_anew(s);
	peer_ask_child(&s->d.peer, &s->x, out);
}

static void wish_rekey_ike(struct scene *s, struct draft *out)
{
	exchange_anew(s);
	peer_ask_rekey(&s->d.peer, &s->x, out);
}

static void wish_followup(struct scene *s, struct draft *out)
{
	if (s->x.link.n > 0 && s->x.add_ke_done < s->d.peer.n_add_ke)
		peer_ask_followup(&s->d.peer, &s->x, out);
	else
		peer_ask(&s->d.peer, EXCHANGE_IKE_FOLLOWUP_KE, out);
}

static void wish_life(struct scene *s, struct draft *out)
{
	peer_ask(&s->d.peer, EXCHANGE_INFORMATIONAL, out);
}

static void wish_no_child(struct scene *s, struct draft *out)
{
	peer_ask_delete_child(&s->d.peer, out);
}

static void wish_no_ike(struct scene *s, struct draft *out)
{
	peer_ask_delete_ike(&s->d.peer, out);
}

static void wish_reset(struct scene *s, struct draft *out)
{
	peer_ask(&s->d.peer, EXCHANGE_INFORMATIONAL, out);
	draft_add_notify(out, NOTIFY_INITIAL_CONTACT, BYTES_NONE);
	draft_add_notify(out, NOTIFY_AUTHENTICATION_FAILED, BYTES_NONE);
}

static void (*const wishes[TALK_WISHES])(struct scene *s, struct draft *out) = {
	wish_life,     wish_rekey_child, wish_child,  wish_rekey_ike,
	wish_followup, wish_no_child,	 wish_no_ike, wish_reset,
};

void talk_wish(struct scene *s, size_t which, struct draft *out)
{
	wishes[which % TALK_WISHES](s, out);
}
