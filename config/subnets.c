/* SPDX-License-Identifier: Apache-2.0 */
#include "config/near.h"
#include "config/reading.h"
#include <arpa/inet.h>
#include <ctype.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>

#define SUBNETS_MAX 4096

struct list {
	struct reading *r;
	const struct key_row *row;
	enum subnet_list kind;
	struct subnet_spec *out;
	size_t n;
};

static const struct {
	const char *name;
	uint8_t number;
	bool ports;
} protocols[] = {
	{ "tcp", IPPROTO_TCP, true },	      { "udp", IPPROTO_UDP, true },
	{ "sctp", IPPROTO_SCTP, true },	      { "dccp", IPPROTO_DCCP, true },
	{ "udplite", IPPROTO_UDPLITE, true }, { "icmp", IPPROTO_ICMP, false },
	{ "icmpv6", IPPROTO_ICMPV6, false },
};
#define N_PROTOCOLS (sizeof(protocols) / sizeof(protocols[0]))

/* An entry worth copying: one host for a list that takes traffic out of IPsec, not a subnet. */
static const char *example(const struct list *l)
{
	return l->kind == LIST_BYPASS ? "10.0.1.10/32" : "10.0.0.0/20";
}

/* --- one subnet ---------------------------------------------------------------------------- */

static bool number_in(const char *text, unsigned long high, unsigned long *out)
{
	char *end;

	if (!isdigit((unsigned char)*text))
		return false;
	errno = 0;
	*out = strtoul(text, &end, 10);
	return !errno && !*end && *out <= high;
}

/* The prefix that a mask such as 255.255.240.0 stands for; -1 if it is none. */
static int prefix_of_mask(const char *text)
{
	struct ip mask;
	uint32_t bits;

	if (!ip_parse(text, &mask) || mask.family != 4)
		return -1;
	memcpy(&bits, mask.b, sizeof(bits));
	bits = ntohl(bits);
	if (~bits & (~bits + 1))
		return -1;
	return __builtin_popcount(bits);
}

/* Why text is no subnet, with the entry to write instead. */
static void subnet_fault(struct list *l, const struct node *node, const char *lead)
{
	char said[SHOWN_LEN], address[SHOWN_LEN];
	struct report *report = &l->r->report;
	const char *slash, *prefix;
	char *mend = NULL;
	struct ip ip;

	shown(node->text, said);
	shown(node->text, address);
	slash = strchr(address, '/');
	prefix = slash ? slash + 1 : "";
	address[strcspn(address, "/")] = '\0';
	if (!ip_parse(address, &ip)) {
		mend = report_text(report, "%s%s", lead, example(l));
		report_add(report, PROBLEM_ERROR, node_place(node), mend,
			   "'%s' is not an IPv4 or IPv6 subnet: '%s' is not an address", said,
			   address);
	} else if (prefix_of_mask(prefix) >= 0) {
		mend = report_text(report, "%s%s/%d", lead, address, prefix_of_mask(prefix));
		report_add(report, PROBLEM_ERROR, node_place(node), mend,
			   "'%s': the length of the prefix was expected, not a mask", said);
	} else {
		mend = report_text(report, "%s%s/%u", lead, address, ip_bits(&ip));
		report_add(report, PROBLEM_ERROR, node_place(node), mend,
			   "'%s': the prefix of an IPv%u subnet is a number from 0 to %u", said,
			   ip.family, ip_bits(&ip));
	}
	free(mend);
}

static bool read_cidr(struct list *l, const struct node *node, const char *lead, struct subnet *out)
{
	char net[SUBNET_TEXT_LEN], said[SHOWN_LEN];
	bool host_bits = false;

	if (node->kind != NODE_SCALAR || node_is_null(node)) {
		char *mend = report_text(&l->r->report, "%s%s", lead, example(l));

		report_add(&l->r->report, PROBLEM_ERROR, node_place(node), mend,
			   "a subnet such as %s was expected, not %s", example(l),
			   node_kind_name(node));
		free(mend);
		return false;
	}
	if (!subnet_parse(node->text, out, &host_bits)) {
		subnet_fault(l, node, lead);
		return false;
	}
	if (host_bits)
		report_add(&l->r->report, PROBLEM_NOTICE, node_place(node), NULL,
			   "%s has bits of a host set and is read as %s", shown(node->text, said),
			   subnet_text(out, net));
	return true;
}

/* --- an entry as a mapping ----------------------------------------------------------------- */

static void read_entry_protocol(struct list *l, const struct node *node, struct subnet_spec *out)
{
	unsigned long number;

	for (size_t i = 0; node->kind == NODE_SCALAR && i < N_PROTOCOLS; i++) {
		if (!strcmp(node->text, protocols[i].name)) {
			out->protocol = protocols[i].number;
			return;
		}
	}
	if (node->kind == NODE_SCALAR && number_in(node->text, 255, &number) && number) {
		out->protocol = (uint8_t)number;
		return;
	}
	report_add(&l->r->report, PROBLEM_ERROR, node_place(node), "protocol: udp",
		   "tcp, udp, sctp, dccp, udplite, icmp, icmpv6 or a number from 1 to 255 was "
		   "expected as protocol");
}

static void read_entry_port(struct list *l, const struct node *node, struct subnet_spec *out)
{
	unsigned long number;

	if (node->kind == NODE_SCALAR && number_in(node->text, 65535, &number) && number)
		out->port = (uint16_t)number;
	else
		report_add(&l->r->report, PROBLEM_ERROR, node_place(node), "port: 53",
			   "a number from 1 to 65535 was expected as port");
}

static void read_entry_optional(struct list *l, const struct node *node, struct subnet_spec *out)
{
	const struct key_row *row = schema_find("optional");
	uint64_t value;

	if (l->kind == LIST_BYPASS)
		report_add(&l->r->report, PROBLEM_ERROR, node_place(node), NULL,
			   "optional means nothing in no_ipsec_subnets: what is in there is never "
			   "encrypted");
	else if (node->kind != NODE_SCALAR || !node->plain ||
		 schema_number(row, node->text, &value))
		expected(l->r, row, node);
	else
		out->optional = value;
}

/* The keys of an entry. */
static const struct {
	const char *name;
	void (*read)(struct list *l, const struct node *node, struct subnet_spec *out);
} entry_keys[] = {
	{ "subnet", NULL },
	{ "optional", read_entry_optional },
	{ "protocol", read_entry_protocol },
	{ "port", read_entry_port },
};
#define N_ENTRY_KEYS (sizeof(entry_keys) / sizeof(entry_keys[0]))

static void unknown_entry_key(struct list *l, const struct node *key)
{
	char said[SHOWN_LEN];
	const char *near = NULL;
	char *mend = NULL;

	for (size_t i = 0; i < N_ENTRY_KEYS; i++)
		if (near_enough(key->text, near_distance(key->text, entry_keys[i].name)))
			near = entry_keys[i].name;
	if (near)
		mend = report_text(&l->r->report, "%s:", near);
	report_add(&l->r->report, PROBLEM_ERROR, node_place(key), mend,
		   "unknown key %s: subnet, optional, protocol or port was expected here",
		   shown(key->text, said));
	free(mend);
}

static void read_entry_keys(struct list *l, const struct node *map, struct subnet_spec *out)
{
	for (size_t i = 0; i + 1 < map->n; i += 2) {
		size_t k = 0;

		while (k < N_ENTRY_KEYS && strcmp(map->items[i]->text, entry_keys[k].name))
			k++;
		if (k == N_ENTRY_KEYS)
			unknown_entry_key(l, map->items[i]);
		else if (entry_keys[k].read)
			entry_keys[k].read(l, map->items[i + 1], out);
	}
}

static bool has_ports(uint8_t protocol)
{
	for (size_t i = 0; i < N_PROTOCOLS; i++)
		if (protocols[i].number == protocol)
			return protocols[i].ports;
	return false;
}

static bool read_entry(struct list *l, const struct node *map, struct subnet_spec *out)
{
	const struct node *subnet = node_get(map, "subnet"), *port = node_get(map, "port");

	check_twice(l->r, map);
	read_entry_keys(l, map, out);
	if (port && out->port && !has_ports(out->protocol))
		report_add(&l->r->report, PROBLEM_ERROR, node_place(port), "protocol: udp",
			   "port needs a protocol that has ports: protocol: tcp or udp");
	if (!subnet) {
		char *mend = report_text(&l->r->report, "- {subnet: %s}", example(l));

		report_add(&l->r->report, PROBLEM_ERROR, node_place(map), mend,
			   "subnet is missing in this entry");
		free(mend);
		return false;
	}
	return read_cidr(l, subnet, "subnet: ", &out->net);
}

/* --- the list ------------------------------------------------------------------------------ */

static bool same_traffic(const struct subnet_spec *a, const struct subnet_spec *b)
{
	return subnet_equal(&a->net, &b->net) && a->protocol == b->protocol && a->port == b->port;
}

/* Already in the list: told, and not added again. */
static bool is_repeated(struct list *l, const struct node *node, const struct subnet_spec *entry)
{
	char net[SUBNET_TEXT_LEN];

	for (size_t i = 0; i < l->n; i++) {
		bool differs = l->out[i].optional != entry->optional;

		if (!same_traffic(&l->out[i], entry))
			continue;
		report_add(&l->r->report, differs ? PROBLEM_ERROR : PROBLEM_WARNING,
			   node_place(node), NULL, "%s stands in %s twice%s",
			   subnet_text(&entry->net, net), l->row->name,
			   differs ? ", once optional and once not" : "");
		return true;
	}
	return false;
}

static void read_item(struct list *l, const struct node *node)
{
	struct subnet_spec entry = { .optional =
					     l->kind == LIST_PROTECT && l->r->out->spec.optional,
				     .line = node->line };
	bool good;

	if (node->kind == NODE_MAP && l->kind != LIST_LOCAL)
		good = read_entry(l, node, &entry);
	else
		good = read_cidr(l, node, "- ", &entry.net);
	if (!good || is_repeated(l, node, &entry))
		return;
	l->out[l->n++] = entry;
}

/* The words as entries of a list; NULL if one of them is no subnet. text is cut up. */
static char *as_list(struct list *l, char *text)
{
	struct report *report = &l->r->report;
	char *mend = report_text(report, "%s:", l->row->name), *more;

	for (char *word = strtok_r(text, ", ", &more); word && mend;
	     word = strtok_r(NULL, ", ", &more)) {
		struct subnet net;
		bool host_bits, good = subnet_parse(word, &net, &host_bits);
		char *longer = good ? report_text(report, "%s\n- %s", mend, word) : NULL;

		free(mend);
		mend = longer;
	}
	return mend;
}

/* ipsec_subnets: 10.0.0.0/20, or several with commas between them. */
static void not_a_list(struct list *l, const struct node *node)
{
	struct report *report = &l->r->report;
	char said[SHOWN_LEN], *mend;

	if (node->kind != NODE_SCALAR || node_is_null(node)) {
		expected(l->r, l->row, node);
		return;
	}
	shown(node->text, said);
	mend = as_list(l, said);
	if (!mend)
		mend = report_text(report, "%s:\n- %s", l->row->name, example(l));
	report_add(report, PROBLEM_ERROR, node_place(node), mend,
		   "%s: a list was expected, each subnet on a line of its own behind a dash",
		   l->row->name);
	free(mend);
	if (!strpbrk(node->text, ", "))
		read_item(l, node);
}

void read_subnets(struct reading *r, const struct key_row *row, const struct node *node,
		  struct subnet_spec **out, size_t *n, enum subnet_list kind)
{
	struct list l = { .r = r, .row = row, .kind = kind };
	size_t room = node && node->kind == NODE_LIST ? node->n : 1;

	*out = NULL;
	*n = 0;
	if (!node)
		return;
	if (room > SUBNETS_MAX) {
		report_add(&r->report, PROBLEM_ERROR, node_place(node), NULL,
			   "%s has %zu entries; at most %d are taken", row->name, room,
			   SUBNETS_MAX);
		return;
	}
	l.out = calloc(room ? room : 1, sizeof(*l.out));
	if (!l.out) {
		r->report.no_memory = true;
		return;
	}
	if (node->kind != NODE_LIST)
		not_a_list(&l, node);
	else if (!node->n && row->required)
		expected(r, row, node);
	for (size_t i = 0; node->kind == NODE_LIST && i < node->n; i++)
		read_item(&l, node->items[i]);
	*out = l.out;
	*n = l.n;
}

/* Where the entry of a list that became a spec stands; the list itself if it cannot be told. */
static struct place place_of(const struct node *list, const struct subnet_spec *entry)
{
	for (size_t i = 0; list->kind == NODE_LIST && i < list->n; i++) {
		const struct node *node = list->items[i], *cidr = node_get(node, "subnet");
		struct subnet net;
		bool host_bits;

		if (!cidr)
			cidr = node;
		if (cidr->kind == NODE_SCALAR && subnet_parse(cidr->text, &net, &host_bits) &&
		    subnet_equal(&net, &entry->net))
			return node_place(node);
	}
	return node_place(list);
}

/* The entry of no_ipsec_subnets that wins all of a protected subnet's traffic, or NULL. */
static const struct subnet_spec *shadow(const struct spec *s, const struct subnet_spec *protect)
{
	for (size_t i = 0; i < s->n_bypass; i++) {
		const struct subnet_spec *b = &s->bypass[i];

		if (b->protocol &&
		    (b->protocol != protect->protocol || (b->port && b->port != protect->port)))
			continue;
		if (s->precedence == PRECEDENCE_LONGEST && b->net.prefix < protect->net.prefix)
			continue;
		if (subnet_covers(&b->net, &protect->net))
			return b;
	}
	return NULL;
}

void check_subnets(struct reading *r, const struct node *protect, const struct node *bypass)
{
	const struct spec *s = &r->out->spec;
	char inner[SUBNET_TEXT_LEN], outer[SUBNET_TEXT_LEN];
	unsigned told = 0;

	for (size_t i = 0; protect && bypass && i < s->n_protect; i++) {
		const struct subnet_spec *b = shadow(s, &s->protect[i]);

		if (!b)
			continue;
		if (told++ > PROBLEMS_KEPT)
			return;
		report_add(&r->report, PROBLEM_WARNING, place_of(protect, &s->protect[i]), NULL,
			   "%s will not be encrypted: it lies inside %s of no_ipsec_subnets (line "
			   "%u), which %s",
			   subnet_text(&s->protect[i].net, inner), subnet_text(&b->net, outer),
			   place_of(bypass, b).line,
			   s->precedence == PRECEDENCE_LONGEST ? "wins as it is as long"
							       : "always wins");
	}
}
