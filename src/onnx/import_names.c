/* Every node gets a name of its own: constraints and reports speak of nodes by name. */
#include <string.h>

#include "base/log.h"
#include "base/mem.h"
#include "base/text.h"
#include "graph/names.h"
#include "onnx/importer.h"
#include "onnx/printable.h"

/** The names given so far; ids of `index` are positions in importer->node_names. */
struct given {
    struct tare_importer *importer;
    struct tare_names index;
};

static bool is_given(const struct given *given, const char *name)
{
    size_t cursor = 0;
    const uint64_t hash = tare_name_hash(name);
    int32_t at;
    while ((at = tare_names_next(&given->index, hash, &cursor)) >= 0)
        if (strcmp(given->importer->node_names[at], name) == 0) return true;
    return false;
}

/** Node `at` gets `name`, which is taken over; NULL or a full table: false. */
static bool give(struct given *given, size_t at, char *name)
{
    if (!name) return false;
    given->importer->node_names[at] = name;
    if (!tare_names_reserve(&given->index)) return false;
    tare_names_add(&given->index, tare_name_hash(name), (int32_t)at);
    return true;
}

/** "<base>_<number>" that no node has; numbers start with the node's position. */
static char *fresh_name(const struct given *given, const char *base, size_t at)
{
    for (;; at++) {
        struct tare_text text = {0};
        tare_text_add(&text, "%s_%zu", base, at);
        if (!text.failed && !is_given(given, text.data)) return text.data;
        const bool failed = text.failed;
        tare_text_free(&text);
        if (failed) return NULL;
    }
}

/** Names in the file go first, so that made-up ones never displace them. */
static enum tare_status keep_names(struct given *given, const Onnx__GraphProto *graph,
                                   struct tare_error *err)
{
    for (size_t i = 0; i < graph->n_node; i++) {
        const Onnx__NodeProto *node = graph->node[i];
        const bool named = node->name && *node->name;
        TARE_FAIL_IF(named && !tare_onnx_name_valid(node->name), err, TARE_E_FORMAT,
                     "the name of node %zu is unprintable", i);
        TARE_FAIL_IF(!tare_onnx_name_valid(node->op_type), err, TARE_E_FORMAT,
                     "node %zu '%.80s' has no printable op_type", i,
                     named ? node->name : "");
        TARE_FAIL_IF(named && !is_given(given, node->name) &&
                         !give(given, i, tare_strdup(node->name)),
                     err, TARE_E_NOMEM, "no memory");
    }
    return TARE_OK;
}

static enum tare_status make_names(struct given *given, const Onnx__GraphProto *graph,
                                   struct tare_error *err)
{
    char **names = given->importer->node_names;
    size_t n_clashes = 0;
    size_t last_clash = 0;
    for (size_t i = 0; i < graph->n_node; i++) {
        const Onnx__NodeProto *node = graph->node[i];
        if (names[i]) continue;
        const bool clash = node->name && *node->name;
        const char *base = clash ? node->name : node->op_type;
        TARE_FAIL_IF(!give(given, i, fresh_name(given, base, i)), err, TARE_E_NOMEM,
                     "no memory");
        n_clashes += clash;
        if (clash) last_clash = i;
    }
    if (n_clashes > 0)
        tare_log(TARE_LOG_WARN,
                 "%s: node names are not unique; %zu renamed ('%s' is now '%s')",
                 given->importer->label, n_clashes, graph->node[last_clash]->name,
                 names[last_clash]);
    return TARE_OK;
}

enum tare_status tare_import_names(struct tare_importer *importer,
                                   struct tare_error *err)
{
    const Onnx__GraphProto *graph = importer->proto;
    struct given given = {.importer = importer};
    importer->node_names =
        tare_alloc_array(graph->n_node, sizeof *importer->node_names);
    TARE_FAIL_IF(!importer->node_names, err, TARE_E_NOMEM, "no memory");
    enum tare_status st = keep_names(&given, graph, err);
    if (st == TARE_OK) st = make_names(&given, graph, err);
    tare_names_free(&given.index);
    return st;
}
