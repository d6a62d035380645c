#include "tools/yaml_tree.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <yaml.h>

/* A document that is being read. */
struct reader {
    yaml_parser_t parser;
    const char *name;
    size_t n_nodes, depth;
    struct tare_error *err;
};

static enum tare_status refuse(const struct reader *r, size_t line, const char *fmt,
                               ...) __attribute__((format(printf, 3, 4)));

static enum tare_status refuse(const struct reader *r, size_t line, const char *fmt,
                               ...)
{
    if (!r->err) return TARE_E_FORMAT;
    char text[110];
    va_list ap;
    va_start(ap, fmt);
    (void)vsnprintf(text, sizeof text, fmt, ap);
    va_end(ap);
    r->err->code = TARE_E_FORMAT;
    (void)snprintf(r->err->text, sizeof r->err->text, "%.120s:%zu: %s", r->name, line,
                   text);
    return TARE_E_FORMAT;
}

static enum tare_status no_memory(const struct reader *r)
{
    if (r->err)
        *r->err = (struct tare_error){TARE_E_NOMEM, "no memory for a YAML document"};
    return TARE_E_NOMEM;
}

static size_t line_of(const yaml_event_t *event)
{
    return event->start_mark.line + 1;
}

static enum tare_status next_event(struct reader *r, yaml_event_t *event)
{
    if (yaml_parser_parse(&r->parser, event)) return TARE_OK;
    *event = (yaml_event_t){0};
    if (r->parser.error == YAML_MEMORY_ERROR) return no_memory(r);
    return refuse(r, r->parser.problem_mark.line + 1, "no YAML: %s",
                  r->parser.problem ? r->parser.problem : "malformed");
}

/* Names that other nodes go by, and types of one's own. */
static enum tare_status check_properties(const struct reader *r,
                                         const yaml_event_t *event)
{
    const yaml_char_t *anchor = NULL, *tag = NULL;
    if (event->type == YAML_SCALAR_EVENT) {
        anchor = event->data.scalar.anchor;
        tag = event->data.scalar.tag;
    } else if (event->type == YAML_SEQUENCE_START_EVENT) {
        anchor = event->data.sequence_start.anchor;
        tag = event->data.sequence_start.tag;
    } else if (event->type == YAML_MAPPING_START_EVENT) {
        anchor = event->data.mapping_start.anchor;
        tag = event->data.mapping_start.tag;
    }
    if (anchor) return refuse(r, line_of(event), "anchors (&) are not supported");
    if (tag) return refuse(r, line_of(event), "tags (!) are not supported");
    return TARE_OK;
}

static enum tare_status copy_text(const struct reader *r, const yaml_event_t *event,
                                  char **text)
{
    const char *value = (const char *)event->data.scalar.value;
    const size_t length = event->data.scalar.length;
    if (memchr(value, '\0', length))
        return refuse(r, line_of(event), "a NUL character in a text");
    *text = malloc(length + 1);
    if (!*text) return no_memory(r);
    memcpy(*text, value, length);
    (*text)[length] = '\0';
    return TARE_OK;
}

static enum tare_status read_children(struct reader *r, struct tree_node *parent);

/* The node that `event` starts. */
static enum tare_status read_node(struct reader *r, const yaml_event_t *event,
                                  struct tree_node **out)
{
    *out = NULL;
    if (event->type == YAML_ALIAS_EVENT)
        return refuse(r, line_of(event), "aliases (*) are not supported");
    enum tare_status st = check_properties(r, event);
    if (st != TARE_OK) return st;
    if (++r->n_nodes > TREE_MAX_NODES)
        return refuse(r, line_of(event), "more than %d values", (int)TREE_MAX_NODES);
    struct tree_node *node = calloc(1, sizeof *node);
    if (!node) return no_memory(r);
    *out = node;
    node->line = line_of(event);
    if (event->type == YAML_SCALAR_EVENT) {
        node->is_plain = event->data.scalar.style == YAML_PLAIN_SCALAR_STYLE;
        return copy_text(r, event, &node->text);
    }
    node->kind = event->type == YAML_MAPPING_START_EVENT ? TREE_MAP : TREE_LIST;
    if (++r->depth > TREE_MAX_DEPTH)
        return refuse(r, node->line, "more than %d levels", (int)TREE_MAX_DEPTH);
    st = read_children(r, node);
    r->depth--;
    return st;
}

static enum tare_status read_key(struct reader *r, const yaml_event_t *event,
                                 const struct tree_node *map, char **key)
{
    *key = NULL;
    if (event->type != YAML_SCALAR_EVENT)
        return refuse(r, line_of(event), "a key that is no text");
    enum tare_status st = check_properties(r, event);
    if (st == TARE_OK) st = copy_text(r, event, key);
    if (st != TARE_OK) return st;
    const struct tree_node *other = tree_find(map, *key);
    if (!other) return TARE_OK;
    st = refuse(r, line_of(event), "key '%.60s' comes twice, first on line %zu", *key,
                other->line);
    free(*key);
    *key = NULL;
    return st;
}

/* One child, `event` being its start or, in a map, that of its key. */
static enum tare_status read_child(struct reader *r, const yaml_event_t *event,
                                   struct tree_node *parent, struct tree_node **child)
{
    char *key;
    yaml_event_t value;
    *child = NULL;
    if (parent->kind == TREE_LIST) return read_node(r, event, child);
    enum tare_status st = read_key(r, event, parent, &key);
    if (st != TARE_OK) return st;
    st = next_event(r, &value);
    if (st == TARE_OK) st = read_node(r, &value, child);
    yaml_event_delete(&value);
    if (*child)
        (*child)->key = key;
    else
        free(key);
    return st;
}

static enum tare_status read_children(struct reader *r, struct tree_node *parent)
{
    for (struct tree_node **last = &parent->first;;) {
        yaml_event_t event;
        enum tare_status st = next_event(r, &event);
        const bool is_end = st == TARE_OK && (event.type == YAML_MAPPING_END_EVENT ||
                                              event.type == YAML_SEQUENCE_END_EVENT);
        if (st == TARE_OK && !is_end) st = read_child(r, &event, parent, last);
        yaml_event_delete(&event);
        if (st != TARE_OK || is_end) return st;
        last = &(*last)->next;
    }
}

/* All events to the end; the first document's root. */
static enum tare_status read_stream(struct reader *r, struct tree_node **root)
{
    for (size_t n_documents = 0;;) {
        yaml_event_t event;
        enum tare_status st = next_event(r, &event);
        const yaml_event_type_t type = event.type;
        if (st == TARE_OK && type == YAML_DOCUMENT_START_EVENT && n_documents++ > 0)
            st = refuse(r, line_of(&event), "a second document, want one");
        const bool is_frame =
            type == YAML_STREAM_START_EVENT || type == YAML_STREAM_END_EVENT ||
            type == YAML_DOCUMENT_START_EVENT || type == YAML_DOCUMENT_END_EVENT;
        if (st == TARE_OK && !is_frame) st = read_node(r, &event, root);
        yaml_event_delete(&event);
        if (st != TARE_OK || type == YAML_STREAM_END_EVENT) return st;
    }
}

enum tare_status tree_parse(const char *name, const char *bytes, size_t n_bytes,
                            struct tree_node **root, struct tare_error *err)
{
    struct reader r = {.name = name, .err = err};
    *root = NULL;
    if (n_bytes > TREE_MAX_BYTES)
        return refuse(&r, 1, "%zu bytes, want at most %d", n_bytes,
                      (int)TREE_MAX_BYTES);
    if (!yaml_parser_initialize(&r.parser)) return no_memory(&r);
    yaml_parser_set_input_string(&r.parser, (const unsigned char *)bytes, n_bytes);
    const enum tare_status st = read_stream(&r, root);
    yaml_parser_delete(&r.parser);
    if (st == TARE_OK) return TARE_OK;
    tree_free(*root);
    *root = NULL;
    return st;
}

enum tare_status tree_read(const char *path, struct tree_node **root,
                           struct tare_error *err)
{
    *root = NULL;
    char *bytes = malloc(TREE_MAX_BYTES + 1); /* one more shows that it is too long */
    FILE *file = bytes ? fopen(path, "rb") : NULL;
    size_t n = 0;
    bool good = file != NULL;
    if (good) {
        n = fread(bytes, 1, TREE_MAX_BYTES + 1, file);
        good = !ferror(file);
    }
    const int reason = errno;
    if (file) (void)fclose(file);
    enum tare_status st = TARE_E_IO;
    if (good)
        st = tree_parse(path, bytes, n, root, err);
    else if (err) {
        err->code = TARE_E_IO;
        (void)snprintf(err->text, sizeof err->text, "%.120s: cannot read: %s", path,
                       strerror(reason));
    }
    free(bytes);
    return st;
}

void tree_free(struct tree_node *root)
{
    while (root) { /* depth is bounded, lists are not */
        struct tree_node *next = root->next;
        tree_free(root->first);
        free(root->text);
        free(root->key);
        free(root);
        root = next;
    }
}

const struct tree_node *tree_find(const struct tree_node *map, const char *key)
{
    for (const struct tree_node *n = map ? map->first : NULL; n; n = n->next)
        if (n->key && strcmp(n->key, key) == 0) return n;
    return NULL;
}
