/* SPDX-License-Identifier: Apache-2.0 */
#include "config/yaml.h"
#include "crypto/secret.h"
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <yaml.h>

struct anchor {
	char *name;
	struct node *node;
};

struct builder {
	yaml_parser_t parser;
	struct bytes text;
	struct yaml_doc *doc;
	struct yaml_fault *fault;
	struct node *open[YAML_DEPTH_MAX]; /* containers, the innermost last */
	size_t depth;
	struct anchor anchors[YAML_ALIASES_MAX];
	size_t n_anchors;
	size_t n_aliases;
	size_t n_documents;
};

static unsigned from_one(size_t zero_based)
{
	return (unsigned)zero_based + 1;
}

static int fault_at(struct builder *b, yaml_mark_t at, const char *what)
{
	*b->fault = (struct yaml_fault){
		.line = from_one(at.line),
		.column = from_one(at.column),
		.what = what,
	};
	return -EINVAL;
}

/* The scanner knows marks; the reader below it knows only an offset. */
static void fault_at_offset(struct builder *b, size_t offset)
{
	b->fault->line = b->fault->column = 1;
	for (size_t i = 0; i < offset && i < b->text.n; i++) {
		b->fault->column++;
		if (b->text.p[i] == '\n') {
			b->fault->line++;
			b->fault->column = 1;
		}
	}
}

static int fault_of_library(struct builder *b)
{
	const yaml_parser_t *p = &b->parser;

	if (p->error == YAML_MEMORY_ERROR)
		return -ENOMEM;
	fault_at(b, p->problem_mark, p->problem ? p->problem : "not YAML");
	if (p->error == YAML_READER_ERROR) {
		fault_at_offset(b, p->problem_offset);
		return -EINVAL;
	}
	b->fault->context = p->context;
	b->fault->context_line = from_one(p->context_mark.line);
	b->fault->context_column = from_one(p->context_mark.column);
	return -EINVAL;
}

/* Room for one more in an array that doubles: true at 0, 1, 2, 4, 8, ... */
static bool is_full(size_t n)
{
	return (n & (n - 1)) == 0;
}

static int push(struct node ***list, size_t *n, struct node *node)
{
	if (is_full(*n)) {
		struct node **grown = realloc(*list, (*n ? *n * 2 : 1) * sizeof(struct node *));

		if (!grown)
			return -ENOMEM;
		*list = grown;
	}
	(*list)[(*n)++] = node;
	return 0;
}

static int node_new(struct builder *b, enum node_kind kind, yaml_mark_t at, struct node **out)
{
	struct node *node;

	if (b->doc->n == YAML_NODES_MAX)
		return fault_at(b, at, "the file has more than 65536 values");
	node = calloc(1, sizeof(*node));
	if (!node)
		return -ENOMEM;
	node->kind = kind;
	node->line = from_one(at.line);
	node->column = from_one(at.column);
	if (push(&b->doc->nodes, &b->doc->n, node)) {
		free(node);
		return -ENOMEM;
	}
	*out = node;
	return 0;
}

/* Puts a node where it belongs: the root, or the innermost open container. */
static int attach(struct builder *b, struct node *node, yaml_mark_t at)
{
	struct node *parent = b->depth ? b->open[b->depth - 1] : NULL;

	if (!parent) {
		b->doc->root = node;
		return 0;
	}
	if (parent->kind == NODE_MAP && parent->n % 2 == 0) {
		if (node->kind != NODE_SCALAR)
			return fault_at(b, at, "a key must be a word, not a list or a mapping");
		if (parent->n / 2 == YAML_KEYS_MAX)
			return fault_at(b, at, "a mapping has more than 1000 keys");
	}
	return push(&parent->items, &parent->n, node);
}

static int anchor_add(struct builder *b, const yaml_char_t *name, struct node *node, yaml_mark_t at)
{
	char *copy;

	if (!name)
		return 0;
	if (b->n_anchors == YAML_ALIASES_MAX)
		return fault_at(b, at, "the file has more than 256 anchors");
	copy = strdup((const char *)name);
	if (!copy)
		return -ENOMEM;
	b->anchors[b->n_anchors++] = (struct anchor){ .name = copy, .node = node };
	return 0;
}

static int alias(struct builder *b, const yaml_event_t *e)
{
	const char *name = (const char *)e->data.alias.anchor;
	struct node *node = NULL;

	if (b->n_aliases++ == YAML_ALIASES_MAX)
		return fault_at(b, e->start_mark, "the file has more than 256 aliases");
	for (size_t i = b->n_anchors; !node && i-- > 0;)
		if (!strcmp(b->anchors[i].name, name))
			node = b->anchors[i].node;
	if (!node)
		return fault_at(b, e->start_mark, "an alias without its anchor");
	if (node->open)
		return fault_at(b, e->start_mark, "an alias of what it stands in");
	return attach(b, node, e->start_mark);
}

static int tag_check(struct builder *b, const yaml_char_t *tag, yaml_mark_t at)
{
	if (!tag || !strcmp((const char *)tag, "!"))
		return 0;
	if (!strncmp((const char *)tag, YAML_MAP_TAG, strlen("tag:yaml.org,2002:")))
		return 0;
	return fault_at(b, at, "a tag means nothing here");
}

static int scalar(struct builder *b, const yaml_event_t *e)
{
	size_t len = e->data.scalar.length;
	struct node *node;
	int r;

	if (memchr(e->data.scalar.value, '\0', len))
		return fault_at(b, e->start_mark, "a NUL inside a text");
	if ((r = tag_check(b, e->data.scalar.tag, e->start_mark)) ||
	    (r = node_new(b, NODE_SCALAR, e->start_mark, &node)))
		return r;
	node->plain = e->data.scalar.style == YAML_PLAIN_SCALAR_STYLE;
	node->literal = e->data.scalar.style == YAML_LITERAL_SCALAR_STYLE;
	node->text = strdup((const char *)e->data.scalar.value);
	if (!node->text)
		return -ENOMEM;
	if ((r = anchor_add(b, e->data.scalar.anchor, node, e->start_mark)))
		return r;
	return attach(b, node, e->start_mark);
}

static int container(struct builder *b, enum node_kind kind, const yaml_event_t *e)
{
	bool map = kind == NODE_MAP;
	const yaml_char_t *anchor =
		map ? e->data.mapping_start.anchor : e->data.sequence_start.anchor;
	const yaml_char_t *tag = map ? e->data.mapping_start.tag : e->data.sequence_start.tag;
	struct node *node;
	int r;

	if (b->depth == YAML_DEPTH_MAX)
		return fault_at(b, e->start_mark, "nested deeper than 32 levels");
	if ((r = tag_check(b, tag, e->start_mark)) ||
	    (r = node_new(b, kind, e->start_mark, &node)) ||
	    (r = anchor_add(b, anchor, node, e->start_mark)) ||
	    (r = attach(b, node, e->start_mark)))
		return r;
	node->open = true;
	b->open[b->depth++] = node;
	return 0;
}

static int take(struct builder *b, const yaml_event_t *e)
{
	switch (e->type) {
	case YAML_DOCUMENT_START_EVENT:
		if (b->n_documents++)
			return fault_at(b, e->start_mark, "a second document begins");
		return 0;
	case YAML_SCALAR_EVENT:
		return scalar(b, e);
	case YAML_ALIAS_EVENT:
		return alias(b, e);
	case YAML_SEQUENCE_START_EVENT:
		return container(b, NODE_LIST, e);
	case YAML_MAPPING_START_EVENT:
		return container(b, NODE_MAP, e);
	case YAML_SEQUENCE_END_EVENT:
	case YAML_MAPPING_END_EVENT:
		b->open[--b->depth]->open = false;
		return 0;
	case YAML_NO_EVENT:
	case YAML_STREAM_START_EVENT:
	case YAML_STREAM_END_EVENT:
	case YAML_DOCUMENT_END_EVENT:
		break;
	}
	return 0;
}

static int events(struct builder *b)
{
	for (;;) {
		yaml_event_t e;
		bool last;
		int r;

		if (!yaml_parser_parse(&b->parser, &e))
			return fault_of_library(b);
		r = take(b, &e);
		last = e.type == YAML_STREAM_END_EVENT;
		yaml_event_delete(&e);
		if (r || last)
			return r;
	}
}

int yaml_doc_read(struct bytes text, struct yaml_doc *doc, struct yaml_fault *fault)
{
	struct builder b = { .text = text, .doc = doc, .fault = fault };
	int r;

	*doc = (struct yaml_doc){ 0 };
	*fault = (struct yaml_fault){ 0 };
	if (!yaml_parser_initialize(&b.parser))
		return -ENOMEM;
	yaml_parser_set_encoding(&b.parser, YAML_UTF8_ENCODING);
	yaml_parser_set_input_string(&b.parser, text.n ? text.p : (const uint8_t *)"", text.n);
	r = events(&b);
	yaml_parser_delete(&b.parser);
	for (size_t i = 0; i < b.n_anchors; i++)
		free(b.anchors[i].name);
	if (r)
		yaml_doc_free(doc);
	return r;
}

void yaml_doc_free(struct yaml_doc *doc)
{
	for (size_t i = 0; i < doc->n; i++) {
		struct node *node = doc->nodes[i];

		if (node->text)
			wipe(node->text, strlen(node->text));
		free(node->text);
		free(node->items);
		free(node);
	}
	free(doc->nodes);
	*doc = (struct yaml_doc){ 0 };
}

struct node *node_get(const struct node *map, const char *key)
{
	if (!map || map->kind != NODE_MAP)
		return NULL;
	for (size_t i = 0; i + 1 < map->n; i += 2)
		if (!strcmp(map->items[i]->text, key))
			return map->items[i + 1];
	return NULL;
}

bool node_is_null(const struct node *node)
{
	static const char *const nulls[] = { "", "~", "null", "Null", "NULL" };

	if (node->kind != NODE_SCALAR || !node->plain)
		return false;
	for (size_t i = 0; i < sizeof(nulls) / sizeof(nulls[0]); i++)
		if (!strcmp(node->text, nulls[i]))
			return true;
	return false;
}

const char *node_kind_name(const struct node *node)
{
	if (node->kind == NODE_LIST)
		return node->n > 0 ? "a list" : "an empty list";
	if (node->kind == NODE_MAP)
		return node->n > 0 ? "a mapping" : "an empty mapping";
	return node_is_null(node) ? "nothing" : "a text";
}
