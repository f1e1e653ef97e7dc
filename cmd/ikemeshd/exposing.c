/* SPDX-License-Identifier: Apache-2.0 */
/* --expose-keys, as loud as it is dangerous. */
#include "cmd/ikemeshd/daemon.h"

#include <string.h>

#define LOG_AREA AREA_DAEMON

int daemon_expose_start(struct daemon *d)
{
	char why[EXPOSE_TEXT_LEN];
	int err;

	if (d->options.expose_dir == NULL)
		return 0;
	err = expose_open(d->options.expose_dir, &d->expose, why);
	if (err != 0) {
		log_text(d->log, REPORT_ERROR, "no keys can be exposed: %s", why);
		/* SAs that live are worth more than a look at their keys. */
		return d->handover.state.n > 0 ? 0 : err;
	}
	log_text(d->log, REPORT_WARNING,
		 "ALL KEYS OF IKE AND ESP ARE WRITTEN TO %s (--expose-keys): whoever reads that "
		 "reads all traffic with all peers, and can forge it",
		 d->options.expose_dir);
	if (why[0] != '\0')
		log_text(d->log, REPORT_WARNING, "%s", why);
	return 0;
}

void daemon_exposed(struct daemon *d, int err)
{
	if (err != 0)
		log_recurrent(d->log, REPORT_WARNING, "keys could not be exposed in %s: %s",
			      expose_dir(d->expose), strerror(-err));
}
