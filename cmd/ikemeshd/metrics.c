/* SPDX-License-Identifier: Apache-2.0 */
#include "cmd/ikemeshd/clock.h"
#include "cmd/ikemeshd/daemon.h"
#include "config/listen.h"

json_t *daemon_answer_metrics(struct daemon *d, const json_t *request)
{
	char own_fault[VERDICT_TEXT_LEN];
	struct key_client_state keyholder;
	struct metrics_sources s = {
		.engine = d->engine,
		.config = d->config,
		.past = &d->metrics,
		.host = &d->metrics_host,
		.keyholder = &keyholder,
		.policies = &d->policies,
		.kernel = d->kernel,
		.udp = udp_counters(d->udp),
		.mode = &d->mode,
		.clear = d->clear,
		.now = clock_now(),
		.wall_started = d->started_wall,
	};

	(void)request;
	key_client_state(d->keys, &keyholder);
	daemon_own_fault(d, own_fault);
	s.own_fault = own_fault[0] != '\0';
	return metrics_json(&s);
}

json_t *daemon_answer_metrics_listen(struct daemon *d, const json_t *request)
{
	const struct endpoint *listen = &d->config->metrics_listen;
	char text[LISTEN_TEXT_LEN];

	(void)request;
	return json_pack("{s:o}", "listen",
			 listen->port != 0 ? json_string(listen_text(listen, text)) : json_null());
}
