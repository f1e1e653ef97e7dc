/* SPDX-License-Identifier: Apache-2.0 */
#include "cmd/ikemeshd/mode_switch.h"
#include "cmd/ikemeshd/clock.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void mode_switch_wipe(struct mode_switch *s)
{
	mode_wipe(&s->confirmed);
	mode_wipe(&s->now);
	free(s->fault);
	*s = (struct mode_switch){ .back_at = MONO_NEVER };
}

int mode_switch_load(struct mode_switch *s, const char *state_dir)
{
	char why[MODE_TEXT_LEN];
	int err;

	*s = (struct mode_switch){ .state_dir = state_dir, .back_at = MONO_NEVER };
	err = mode_load(state_dir, &s->confirmed, why);
	if (err != 0)
		s->fault = strdup(why);
	if (mode_copy(&s->now, &s->confirmed) == 0)
		return err;
	s->now.all = MODE_ENFORCED;
	return -ENOMEM;
}

bool mode_switch_is_pending(const struct mode_switch *s)
{
	return s->back_at.us != MONO_NEVER.us;
}

int mode_switch_try(const struct mode_switch *s, const struct subnet *net, enum mode_choice choice,
		    struct mode *out)
{
	int err = mode_copy(out, &s->now);

	if (err == 0)
		err = mode_choose(out, net, choice);
	if (err != 0)
		mode_wipe(out);
	return err;
}

static int save(struct mode_switch *s, const struct mode *m, char why[static MODE_TEXT_LEN])
{
	int err = mode_save(s->state_dir, m, why);

	if (err == 0) {
		free(s->fault);
		s->fault = NULL;
	}
	return err;
}

/* It is in the file by now: nothing may fail any more. Takes over m. */
static void settle(struct mode_switch *s, struct mode *m, struct mode *copy)
{
	mode_wipe(&s->confirmed);
	mode_wipe(&s->now);
	s->confirmed = *copy;
	s->now = *m;
	s->back_at = MONO_NEVER;
}

/* Takes over m if all goes well. */
static int keep(struct mode_switch *s, struct mode *m, char why[static MODE_TEXT_LEN])
{
	struct mode copy;
	int err = mode_copy(&copy, m);

	if (err != 0) {
		snprintf(why, MODE_TEXT_LEN, "out of memory");
		return err;
	}
	err = save(s, m, why);
	if (err != 0)
		mode_wipe(&copy);
	else
		settle(s, m, &copy);
	return err;
}

int mode_switch_choose(struct mode_switch *s, const struct subnet *net, enum mode_choice choice,
		       struct mono now, int64_t within_us, char why[static MODE_TEXT_LEN])
{
	struct mode m;
	int err;

	why[0] = '\0';
	if (net != NULL && within_us == 0 && mode_switch_is_pending(s)) {
		snprintf(why, MODE_TEXT_LEN,
			 "another mode is not confirmed yet: `ikectl confirm` it first, or say "
			 "--confirm-within for this one too, or set a mode for all");
		return -EBUSY;
	}
	err = mode_switch_try(s, net, choice, &m);
	if (err != 0) {
		snprintf(why, MODE_TEXT_LEN, "out of memory");
		return err;
	}
	if (within_us > 0) {
		mode_wipe(&s->now);
		s->now = m;
		s->back_at = clock_after(now, within_us);
		return 0;
	}
	err = keep(s, &m, why);
	if (err != 0)
		mode_wipe(&m);
	return err;
}

int mode_switch_confirm(struct mode_switch *s, char why[static MODE_TEXT_LEN])
{
	struct mode m;
	int err;

	if (!mode_switch_is_pending(s)) {
		snprintf(why, MODE_TEXT_LEN, "no mode waits to be confirmed");
		return -ENOENT;
	}
	err = mode_copy(&m, &s->now);
	if (err != 0) {
		snprintf(why, MODE_TEXT_LEN, "out of memory");
		return err;
	}
	err = keep(s, &m, why);
	if (err != 0)
		mode_wipe(&m);
	return err;
}

bool mode_switch_back(struct mode_switch *s)
{
	struct mode m;

	if (!mode_switch_is_pending(s))
		return false;
	/* Without memory for it the confirmed one itself is taken; its file is not touched. */
	if (mode_copy(&m, &s->confirmed) != 0) {
		m = s->confirmed;
		s->confirmed = (struct mode){ .all = m.all };
	}
	mode_wipe(&s->now);
	s->now = m;
	s->back_at = MONO_NEVER;
	return true;
}

bool mode_switch_tick(struct mode_switch *s, struct mono now)
{
	return s->back_at.us <= now.us && mode_switch_back(s);
}
