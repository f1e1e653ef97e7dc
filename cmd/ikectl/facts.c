/* SPDX-License-Identifier: Apache-2.0 */
#include "cmd/ikectl/facts.h"
#include "cmd/ikectl/client.h"
#include "cmd/ikectl/model.h"
#include "crypto/secret.h"
#include "xfrm/number.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/timex.h>
#include <sys/wait.h>
#include <unistd.h>

#define CONFIG_PATH "/etc/ikemesh/ikemesh.yml"
#define STAT_PATH "/proc/net/xfrm_stat"
#define STAT_ROOM 8192
#define STAT_APART_MS 500
#define SYSCTLS_MAX 64
#define ADDRESSES_TRIED 4 /* of a subnet */

/* ---- the daemon ------------------------------------------------------------------------------ */

static void gather_status(const char *run_dir, struct facts *f)
{
	json_t *request = json_pack("{s:s}", "command", "statusall");
	int err;

	_Static_assert(sizeof(f->no_daemon) == CLIENT_ERROR_LEN, "an error of client_ask() fits");
	f->status = client_ask(run_dir, request, &err, f->no_daemon);
	json_decref(request);
	f->config_path = text(get(f->status, "daemon"), "config");
	if (f->config_path[0] == '\0')
		f->config_path = CONFIG_PATH;
}

static void gather_config(struct facts *f)
{
	struct config c = { 0 };

	f->config_error = config_load(f->config_path, f->now, &c, &f->problems);
	config_free(&c);
}

/* ---- interfaces and ways --------------------------------------------------------------------- */

static bool is_loopback(const struct facts *f, unsigned index)
{
	for (size_t i = 0; i < f->n_links; i++) {
		if (f->links[i].index == index)
			return f->links[i].loopback;
	}
	return false;
}

/* By some address in it that is not this host's own: those are reached by lo. */
static bool find_way(const struct facts *f, const char *subnet, struct subnet_way *out)
{
	struct subnet net;
	bool bits;

	if (!subnet_parse(subnet, &net, &bits))
		return false;
	for (uint8_t host = 1; host <= ADDRESSES_TRIED; host++) {
		out->to = net.ip;
		if (net.prefix < ip_bits(&net.ip))
			out->to.b[ip_len(&net.ip) - 1] |= host;
		if (link_way(&out->to, &out->way) == 0 && !is_loopback(f, out->way.link))
			return true;
	}
	return false;
}

static void gather_ways(struct facts *f)
{
	const json_t *connections = get(f->status, "connections"), *c;

	f->ways = calloc(json_array_size(connections) + 1, sizeof(*f->ways));
	if (f->ways == NULL)
		return;
	EACH(connections, c)
	{
		if (is(c, "kind", "protect"))
			f->n_ways += find_way(f, text(c, "subnet"), &f->ways[f->n_ways]);
	}
}

const struct link *facts_uplink(const struct facts *f, unsigned index)
{
	bool used = false;

	for (size_t i = 0; i < f->n_ways; i++)
		used |= f->ways[i].way.link == index;
	for (size_t i = 0; used && i < f->n_links; i++) {
		if (f->links[i].index == index && !f->links[i].loopback)
			return &f->links[i];
	}
	return NULL;
}

/* ---- the kernel ------------------------------------------------------------------------------ */

static int keep_policy(const struct policy_held *p, void *arg)
{
	struct facts *f = arg;
	struct policy_held *more;

	if ((f->n_policies & (f->n_policies - 1)) == 0) { /* room for the next power of two */
		more = reallocarray(f->policies, f->n_policies ? 2 * f->n_policies : 1,
				    sizeof(*more));
		if (more == NULL)
			return -ENOMEM;
		f->policies = more;
	}
	f->policies[f->n_policies++] = *p;
	return 0;
}

static void gather_policies(struct facts *f)
{
	struct kernel *k;

	f->policies_error = kernel_open(&k);
	if (f->policies_error != 0)
		return;
	f->policies_error = kernel_policy_dump(k, keep_policy, f);
	kernel_close(k);
}

struct abilities {
	int esp, policy_default;
};

static struct abilities probe(void)
{
	struct policy_default d;
	struct kernel *k;
	int err = unshare(CLONE_NEWNET) == 0 ? kernel_open(&k) : -errno;
	struct abilities a = { err, err };

	if (err != 0)
		return a;
	a.esp = kernel_probe_esp(k);
	a.policy_default = kernel_default_get(k, &d);
	kernel_close(k);
	return a;
}

/* In a network namespace of its own, which ends with the process. */
static void gather_abilities(struct facts *f)
{
	struct abilities a = { -ECHILD, -ECHILD };
	int ends[2];
	pid_t child = -1;

	if (pipe2(ends, O_CLOEXEC) == 0) {
		child = fork();
		if (child == 0) {
			a = probe();
			_exit(write(ends[1], &a, sizeof(a)) != sizeof(a));
		}
		close(ends[1]);
		if (child < 0 || read(ends[0], &a, sizeof(a)) != sizeof(a))
			a = (struct abilities){ -ECHILD, -ECHILD };
		close(ends[0]);
	}
	if (child > 0)
		waitpid(child, NULL, 0);
	f->esp = a.esp;
	f->policy_default = a.policy_default;
}

static void add_sysctl(struct facts *f, const char *format, const char *name)
{
	struct sysctl *s = &f->sysctls[f->n_sysctls];
	char path[128], text[32];
	FILE *file;

	if (f->n_sysctls == SYSCTLS_MAX)
		return;
	snprintf(s->path, sizeof(s->path), format, name);
	snprintf(path, sizeof(path), "/proc/sys/%s", s->path);
	file = fopen(path, "re");
	if (file == NULL)
		return;
	f->n_sysctls +=
		fgets(text, sizeof(text), file) != NULL && number_int(text, &s->value) != NULL;
	(void)fclose(file);
}

static void gather_sysctls(struct facts *f)
{
	static const char *const general[] = { "net/core/xfrm_larval_drop",
					       "net/core/xfrm_acq_expires",
					       "net/ipv4/ip_no_pmtu_disc",
					       "net/ipv4/conf/all/disable_policy",
					       "net/ipv4/conf/all/disable_xfrm" };
	static const char *const by_interface[] = { "net/ipv4/conf/%s/disable_policy",
						    "net/ipv4/conf/%s/disable_xfrm",
						    "net/ipv6/conf/%s/disable_policy" };

	f->sysctls = calloc(SYSCTLS_MAX, sizeof(*f->sysctls));
	if (f->sysctls == NULL)
		return;
	for (size_t i = 0; i < sizeof(general) / sizeof(general[0]); i++)
		add_sysctl(f, "%s", general[i]);
	for (size_t l = 0; l < f->n_links; l++) {
		if (facts_uplink(f, f->links[l].index) == NULL)
			continue;
		for (size_t i = 0; i < 3; i++)
			add_sysctl(f, by_interface[i], f->links[l].name);
	}
}

static char *read_stat(void)
{
	FILE *file = fopen(STAT_PATH, "re");
	char *out = calloc(1, STAT_ROOM);

	if (file == NULL || out == NULL || fread(out, 1, STAT_ROOM - 1, file) == 0) {
		free(out);
		out = NULL;
	}
	if (file != NULL)
		(void)fclose(file);
	return out;
}

/* ---- clock ----------------------------------------------------------------------------------- */

static int64_t ms_now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

bool facts_clock_synchronised(void)
{
	struct timex t = { 0 };

	return adjtimex(&t) != TIME_ERROR;
}

/* ---- the path to a peer ---------------------------------------------------------------------- */

static void tell_probe(size_t size)
{
	if (isatty(STDERR_FILENO))
		fprintf(stderr, "\rprobing: %zu octets ... ", size);
}

static const json_t *child_with(const json_t *pairs, const struct ip *peer)
{
	char address[IP_TEXT_LEN];
	const json_t *pair, *ike, *child;

	ip_text(peer, address);
	EACH(pairs, pair)
	{
		if (!is(pair, "remote", address))
			continue;
		EACH(get(pair, "ike_sas"), ike)
		{
			EACH(get(ike, "child_sas"), child)
			{
				if (is(child, "state", "INSTALLED"))
					return child;
			}
		}
	}
	return NULL;
}

static unsigned mtu_of(unsigned index)
{
	struct link *links;
	unsigned mtu = 0;
	size_t n;

	links_read(&links, &n);
	for (size_t i = 0; i < n; i++) {
		if (links[i].index == index)
			mtu = links[i].mtu;
	}
	free(links);
	return mtu;
}

/* What its SA adds to a packet; zero where there is none. */
static struct overhead overhead_with(const json_t *status, const struct ip *peer)
{
	const json_t *child = child_with(get(status, "pairs"), peer);
	struct overhead o = { 0 };

	if (child == NULL)
		return o;
	o.min = (size_t)number(child, "overhead_min");
	o.max = (size_t)number(child, "overhead_max");
	o.block = o.max - o.min + 1;
	return o;
}

static struct overhead overhead_now(const char *run_dir, const struct ip *peer)
{
	char address[IP_TEXT_LEN], error[CLIENT_ERROR_LEN];
	json_t *request =
		json_pack("{s:s, s:s}", "command", "status", "peer", ip_text(peer, address));
	struct overhead o;
	json_t *status;
	int err;

	status = client_ask(run_dir, request, &err, error);
	json_decref(request);
	o = overhead_with(status, peer);
	json_decref(status);
	return o;
}

static void probe_with(const struct overhead *overhead, const struct ip *peer,
		       struct path_probe *out)
{
	struct way way;

	*out = (struct path_probe){ .peer = *peer, .overhead = *overhead };
	out->error = link_way(peer, &way);
	if (out->error == 0)
		path_probe(out, mtu_of(way.link), tell_probe);
}

void facts_probe_path(const char *run_dir, const json_t *status, const struct ip *peer,
		      struct path_probe *out)
{
	struct overhead o = overhead_with(status, peer);

	probe_with(&o, peer, out);
	/* The probe's first packet may have brought its SA up, and what fits in ESP is less. */
	if (o.block == 0 && out->answered) {
		o = overhead_now(run_dir, peer);
		if (o.block != 0)
			probe_with(&o, peer, out);
	}
	if (isatty(STDERR_FILENO))
		fprintf(stderr, "\r%30s\r", "");
}

void facts_gather(const char *run_dir, const struct ip *peer, struct facts *out)
{
	const int64_t begun = ms_now();
	int64_t left;

	*out = (struct facts){ .now = time(NULL) };
	secret_guard_process(); /* the configuration's key passes through */
	out->stat_before = read_stat();
	gather_status(run_dir, out);
	gather_config(out);
	links_read(&out->links, &out->n_links);
	gather_ways(out);
	gather_policies(out);
	gather_abilities(out);
	gather_sysctls(out);
	/* A kernel without swap has no such file. */
	(void)swaps_read("/proc/swaps", "/sys", &out->swaps, &out->n_swaps);
	out->clock_synchronised = facts_clock_synchronised();
	if (peer->family != 0)
		facts_probe_path(run_dir, out->status, peer, &out->path);
	left = STAT_APART_MS - (ms_now() - begun);
	if (left > 0)
		usleep((useconds_t)left * 1000);
	out->stat_ms = (unsigned)(ms_now() - begun);
	out->stat_after = read_stat();
}

void facts_free(struct facts *f)
{
	json_decref(f->status);
	problems_free(&f->problems);
	free(f->links);
	free(f->ways);
	free(f->policies);
	free(f->sysctls);
	free(f->swaps);
	free(f->stat_before);
	free(f->stat_after);
}
