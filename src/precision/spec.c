#include "precision/spec.h"

#include <string.h>

#include "base/mem.h"

static const struct {
    const char *name;
    enum tare_precision precision;
} values[] = {
    {"fp32", TARE_PRECISION_FP32},
    {"fp16", TARE_PRECISION_FP16},
    {"bf16", TARE_PRECISION_BF16},
    {"int8", TARE_PRECISION_INT8},
};

/* A part of the text, not terminated. */
struct slice {
    const char *begin;
    size_t length;
};

static struct slice slice_of(const char *begin, const char *end)
{
    return (struct slice){begin, (size_t)(end - begin)};
}

static struct slice trim(struct slice s)
{
    while (s.length && s.begin[0] == ' ')
        s = (struct slice){s.begin + 1, s.length - 1};
    while (s.length && s.begin[s.length - 1] == ' ')
        s.length--;
    return s;
}

static const char *find_last_colon(struct slice s)
{
    for (size_t i = s.length; i > 0; i--)
        if (s.begin[i - 1] == ':') return s.begin + i - 1;
    return NULL;
}

/* printf's "%.*s" wants an int; a name is cut to what fits an error anyway. */
static int shown(struct slice s)
{
    return s.length > 80 ? 80 : (int)s.length;
}

static enum tare_status add_value(struct tare_spec_entry *entry, struct slice text,
                                  size_t *capacity, const char *what,
                                  struct tare_error *err)
{
    for (size_t i = 0; i < sizeof values / sizeof values[0]; i++) {
        if (strlen(values[i].name) != text.length ||
            strncmp(values[i].name, text.begin, text.length) != 0)
            continue;
        TARE_FAIL_IF(!tare_grow(&entry->values, capacity, entry->n_values + 1,
                                sizeof entry->values[0]),
                     err, TARE_E_NOMEM, "%s: no memory", what);
        entry->values[entry->n_values++] = values[i].precision;
        return TARE_OK;
    }
    return tare_error_set(
        err, TARE_E_ARG,
        "%s: '%.*s' of layer '%.80s' is no precision, want fp32, fp16, "
        "bf16 or int8",
        what, shown(text), text.begin, entry->name);
}

static enum tare_status add_entry(struct tare_spec *spec, struct slice name,
                                  struct slice types, const char *what,
                                  struct tare_error *err)
{
    TARE_FAIL_IF(name.length == 0, err, TARE_E_ARG,
                 "%s: entry ':%.*s' has no layer name, want name:precision", what,
                 shown(types), types.begin);
    TARE_FAIL_IF(!tare_grow(&spec->entries, &spec->cap_entries, spec->n_entries + 1,
                            sizeof spec->entries[0]),
                 err, TARE_E_NOMEM, "%s: no memory", what);
    struct tare_spec_entry *entry = &spec->entries[spec->n_entries++];
    entry->name = tare_strndup(name.begin, name.length);
    TARE_FAIL_IF(!entry->name, err, TARE_E_NOMEM, "%s: no memory", what);

    size_t capacity = 0;
    const char *const end = types.begin + types.length;
    for (const char *at = types.begin;;) {
        const char *plus = memchr(at, '+', (size_t)(end - at));
        const enum tare_status status =
            add_value(entry, slice_of(at, plus ? plus : end), &capacity, what, err);
        if (status != TARE_OK || !plus) return status;
        at = plus + 1;
    }
}

/* One entry at `at`; *next is behind it: at its comma or at the end. */
static enum tare_status parse_entry(struct tare_spec *spec, const char *at,
                                    const char **next, const char *what,
                                    struct tare_error *err)
{
    while (*at == ' ')
        at++;
    if (*at == '\'') {
        const char *quote = strstr(at + 1, "':");
        TARE_FAIL_IF(!quote, err, TARE_E_ARG,
                     "%s: the quote in %.80s is not closed, want 'name':precision",
                     what, at);
        *next = quote + 2 + strcspn(quote + 2, ",");
        return add_entry(spec, slice_of(at + 1, quote),
                         trim(slice_of(quote + 2, *next)), what, err);
    }
    *next = at + strcspn(at, ",");
    const struct slice entry = trim(slice_of(at, *next));
    const char *colon = find_last_colon(entry);
    TARE_FAIL_IF(!colon, err, TARE_E_ARG,
                 "%s: entry '%.*s' has no ':', want name:precision", what, shown(entry),
                 entry.begin);
    return add_entry(spec, trim(slice_of(entry.begin, colon)),
                     trim(slice_of(colon + 1, entry.begin + entry.length)), what, err);
}

enum tare_status tare_spec_parse(const char *what, const char *text,
                                 struct tare_spec *spec, struct tare_error *err)
{
    *spec = (struct tare_spec){0};
    if (!text || !*text) return TARE_OK;
    for (const char *at = text;; at++) {
        const enum tare_status status = parse_entry(spec, at, &at, what, err);
        if (status != TARE_OK || !*at) return status;
    }
}

void tare_spec_free(struct tare_spec *spec)
{
    for (size_t i = 0; i < spec->n_entries; i++) {
        tare_free(spec->entries[i].name);
        tare_free(spec->entries[i].values);
    }
    tare_free(spec->entries);
    *spec = (struct tare_spec){0};
}

/* Does the pattern cover the whole text? On a mismatch, the last '*' takes one more. */
static bool covers(const char *pattern, struct slice text)
{
    const char *star = NULL;
    size_t at = 0, resume = 0;
    while (at < text.length) {
        if (*pattern == '*') {
            star = pattern++;
            resume = at;
        } else if (*pattern == text.begin[at]) {
            pattern++;
            at++;
        } else if (star) {
            pattern = star + 1;
            at = ++resume;
        } else {
            return false;
        }
    }
    while (*pattern == '*')
        pattern++;
    return *pattern == '\0';
}

static bool equals(const char *name, struct slice text)
{
    return strlen(name) == text.length && memcmp(name, text.begin, text.length) == 0;
}

/* The names that a node answers to, its own first: *at = NULL starts; false ends. */
static bool next_name(const struct tare_node *node, const char **at, struct slice *name)
{
    static const char separator[] = " + ";
    if (!*at) {
        *name = slice_of(node->name, node->name + strlen(node->name));
        *at = node->absorbed ? node->absorbed : "";
        return true;
    }
    if (!**at) return false;
    const char *end = strstr(*at, separator);
    *name = slice_of(*at, end ? end : *at + strlen(*at));
    *at = end ? end + sizeof separator - 1 : *at + strlen(*at);
    return true;
}

/* How closely an entry names the node; 0: not at all. */
enum closeness { NO_MATCH, WILDCARD, FUSED_NAME, OWN_NAME };

static enum closeness match(const struct tare_spec_entry *entry,
                            const struct tare_node *node, bool wildcards)
{
    enum closeness best = NO_MATCH;
    enum closeness exact = OWN_NAME;
    struct slice name;
    for (const char *at = NULL; next_name(node, &at, &name); exact = FUSED_NAME) {
        enum closeness found = NO_MATCH;
        if (equals(entry->name, name))
            found = exact;
        else if (wildcards && strchr(entry->name, '*') && covers(entry->name, name))
            found = WILDCARD;
        if (found > best) best = found;
    }
    return best;
}

const struct tare_spec_entry *tare_spec_find(struct tare_spec *spec,
                                             const struct tare_graph *graph,
                                             const struct tare_node *node)
{
    const bool is_float =
        node->n_outputs > 0 && graph->tensors[node->outputs[0]].dtype == TARE_F32;
    const struct tare_spec_entry *best = NULL;
    enum closeness best_closeness = NO_MATCH;
    for (size_t i = 0; i < spec->n_entries; i++) {
        struct tare_spec_entry *entry = &spec->entries[i];
        const enum closeness found = match(entry, node, is_float);
        if (found == NO_MATCH) continue;
        entry->used = true;
        if (found < best_closeness) continue;
        if (found == WILDCARD && best_closeness == WILDCARD &&
            strlen(entry->name) < strlen(best->name))
            continue;
        best = entry;
        best_closeness = found;
    }
    return best;
}

/* The layer name that differs least from `wanted`; length 0: none is near. */
static struct slice nearest_name(const struct tare_graph *graph, const char *wanted)
{
    struct slice nearest = {"", 0};
    size_t least = strlen(wanted) / 2 + 1;
    for (size_t i = 0; i < graph->n_nodes; i++) {
        if (graph->nodes[i].dead) continue;
        struct slice name;
        for (const char *at = NULL; next_name(&graph->nodes[i], &at, &name);) {
            char *copy = tare_strndup(name.begin, name.length);
            if (!copy) return nearest;
            const size_t distance = tare_text_distance(copy, wanted);
            tare_free(copy);
            if (distance >= least) continue;
            least = distance;
            nearest = name;
        }
    }
    return nearest;
}

void tare_spec_unused(const struct tare_spec *spec, const char *what,
                      const struct tare_graph *graph, struct tare_text *lines)
{
    for (size_t i = 0; i < spec->n_entries; i++) {
        if (spec->entries[i].used) continue;
        const char *name = spec->entries[i].name;
        const struct slice nearest = nearest_name(graph, name);
        tare_text_add(lines, "%s: no layer matches '%s'", what, name);
        if (nearest.length)
            tare_text_add(lines, ", did you mean '%.*s'?", shown(nearest),
                          nearest.begin);
        tare_text_add(lines, "\n");
    }
}
