#include <stdlib.h>
#include <string.h>

#include "graph/graph.h"

/* Operators whose parameters moved from attributes to inputs: from `opset` on they take
 * `least` to `most` inputs. The last line that fits counts; without one, ops.inc. */
static const struct {
    enum tare_op op;
    int opset;
    size_t least, most;
} versions[] = {
    {TARE_OP_GEMM, 0, 3, 3},
    {TARE_OP_GEMM, 11, 2, 3},
    {TARE_OP_CLIP, 0, 1, 1},
    {TARE_OP_CLIP, 11, 1, 3},
    {TARE_OP_DROPOUT, 0, 1, 1},
    {TARE_OP_DROPOUT, 12, 1, 3},
    {TARE_OP_RESHAPE, 0, 1, 1},
    {TARE_OP_RESHAPE, 5, 2, 2},
    {TARE_OP_PAD, 0, 1, 1},
    {TARE_OP_PAD, 11, 2, 3},
    {TARE_OP_PAD, 18, 2, 4},
    {TARE_OP_SLICE, 0, 1, 1},
    {TARE_OP_SLICE, 10, 3, 5},
    {TARE_OP_SPLIT, 0, 1, 1},
    {TARE_OP_SPLIT, 13, 1, 2},
    {TARE_OP_SQUEEZE, 0, 1, 1},
    {TARE_OP_SQUEEZE, 13, 1, 2},
    {TARE_OP_UNSQUEEZE, 0, 1, 1},
    {TARE_OP_UNSQUEEZE, 13, 2, 2},
    {TARE_OP_REDUCE_SUM, 0, 1, 1},
    {TARE_OP_REDUCE_SUM, 13, 1, 2},
    {TARE_OP_REDUCE_MEAN, 0, 1, 1},
    {TARE_OP_REDUCE_MEAN, 18, 1, 2},
    {TARE_OP_REDUCE_MAX, 0, 1, 1},
    {TARE_OP_REDUCE_MAX, 18, 1, 2},
    {TARE_OP_REDUCE_MIN, 0, 1, 1},
    {TARE_OP_REDUCE_MIN, 18, 1, 2},
    {TARE_OP_REDUCE_PROD, 0, 1, 1},
    {TARE_OP_REDUCE_PROD, 18, 1, 2},
    {TARE_OP_REDUCE_L1, 0, 1, 1},
    {TARE_OP_REDUCE_L1, 18, 1, 2},
    {TARE_OP_REDUCE_L2, 0, 1, 1},
    {TARE_OP_REDUCE_L2, 18, 1, 2},
    {TARE_OP_REDUCE_LOG_SUM, 0, 1, 1},
    {TARE_OP_REDUCE_LOG_SUM, 18, 1, 2},
    {TARE_OP_REDUCE_LOG_SUM_EXP, 0, 1, 1},
    {TARE_OP_REDUCE_LOG_SUM_EXP, 18, 1, 2},
    {TARE_OP_REDUCE_SUM_SQUARE, 0, 1, 1},
    {TARE_OP_REDUCE_SUM_SQUARE, 18, 1, 2},
    {TARE_OP_TOP_K, 0, 1, 1},
    {TARE_OP_TOP_K, 10, 2, 2},
    {TARE_OP_UPSAMPLE, 0, 1, 1},
    {TARE_OP_UPSAMPLE, 9, 2, 2},
    {TARE_OP_RESIZE, 10, 2, 2},
    {TARE_OP_RESIZE, 11, 3, 4},
    {TARE_OP_RESIZE, 13, 1, 4},
    {TARE_OP_DFT, 17, 1, 2},
    {TARE_OP_DFT, 20, 1, 3},
};

static enum tare_status check_inputs(const struct tare_graph *graph,
                                     const struct tare_node *node,
                                     struct tare_error *err)
{
    size_t least = tare_op_info(node->op)->min_inputs;
    size_t most = tare_op_info(node->op)->max_inputs;
    for (size_t i = 0; i < sizeof versions / sizeof versions[0]; i++)
        if (versions[i].op == node->op && graph->opset >= versions[i].opset) {
            least = versions[i].least;
            most = versions[i].most;
        }
    const size_t n = node->n_inputs - (node->fused.has_residual ? 1 : 0);
    if (n < least)
        TARE_NODE_FAIL(node, err, TARE_E_FORMAT,
                       "%zu inputs, opset %d wants at least %zu", n, graph->opset,
                       least);
    if (n > most)
        TARE_NODE_FAIL(node, err, TARE_E_UNSUPPORTED,
                       "%zu inputs, tare reads %zu in opset %d", n, most, graph->opset);
    /* Resize alone may leave out an input in front of one that it gives. */
    for (size_t i = 0; i < least && (i == 0 || node->op != TARE_OP_RESIZE); i++)
        if (node->inputs[i] == TARE_NO_TENSOR)
            TARE_NODE_FAIL(node, err, TARE_E_FORMAT,
                           "input %zu is left out, but required", i);
    return TARE_OK;
}

static enum tare_status check_outputs(const struct tare_node *node,
                                      struct tare_error *err)
{
    if (node->n_outputs == 0)
        TARE_NODE_FAIL(node, err, TARE_E_FORMAT, "%s", "no output");
    const size_t most = tare_op_info(node->op)->n_outputs;
    if (node->n_outputs > most)
        TARE_NODE_FAIL(node, err, TARE_E_UNSUPPORTED, "%zu outputs, tare makes %zu",
                       node->n_outputs, most);
    return TARE_OK;
}

static const char *const type_names[] = {
    [TARE_ATTR_INT] = "int",       [TARE_ATTR_FLOAT] = "float",
    [TARE_ATTR_STRING] = "string", [TARE_ATTR_INTS] = "ints",
    [TARE_ATTR_FLOATS] = "floats", [TARE_ATTR_TENSOR] = "tensor",
    [TARE_ATTR_GRAPH] = "graph",   [TARE_ATTR_STRINGS] = "strings",
};

/* The entry "name:type[<N|>=N]" of `list` for `name`, from behind the colon, or NULL.
 */
static const char *find_entry(const char *list, const char *name)
{
    const size_t length = strcspn(name, ":");
    for (const char *at = name[length] ? NULL : list; at && *at; at = strchr(at, ' ')) {
        at += *at == ' ';
        if (strncmp(at, name, length) == 0 && at[length] == ':') return at + length + 1;
    }
    return NULL;
}

bool tare_op_has_attr(enum tare_op op, const char *name, enum tare_attr_type type)
{
    const char *entry = find_entry(tare_op_info(op)->attributes, name);
    const size_t length = strlen(type_names[type]);
    return entry && strcspn(entry, " <>") == length &&
           strncmp(entry, type_names[type], length) == 0;
}

static enum tare_status check_attr(const struct tare_graph *graph,
                                   const struct tare_node *node,
                                   const struct tare_attr *attr, struct tare_error *err)
{
    const char *entry = find_entry(tare_op_info(node->op)->attributes, attr->name);
    const size_t length = entry ? strcspn(entry, " <>") : 0;
    const char limit = entry ? entry[length] : '\0';
    const long bound = limit == '<'   ? strtol(entry + length + 1, NULL, 10)
                       : limit == '>' ? strtol(entry + length + 2, NULL, 10)
                                      : 0;
    const bool in_range = limit == '<'   ? graph->opset < bound
                          : limit == '>' ? graph->opset >= bound
                                         : entry != NULL;
    if (!in_range)
        TARE_NODE_FAIL(node, err, TARE_E_UNSUPPORTED,
                       "attribute '%.60s' is not known in opset %d", attr->name,
                       graph->opset);
    const char *type = type_names[attr->type];
    if (strlen(type) != length || strncmp(type, entry, length) != 0)
        TARE_NODE_FAIL(node, err, TARE_E_FORMAT,
                       "attribute '%.60s' is of type %s, want %.*s", attr->name, type,
                       (int)length, entry);
    return TARE_OK;
}

/* Operators whose nodes look the same, but mean something else from `opset` on. */
static const struct {
    enum tare_op op;
    int opset;
} meanings[] = {
    {TARE_OP_SOFTMAX, 13},   {TARE_OP_LOG_SOFTMAX, 13},
    {TARE_OP_HARDMAX, 13},   {TARE_OP_GROUP_NORMALIZATION, 21},
    {TARE_OP_ROI_ALIGN, 16}, {TARE_OP_GRID_SAMPLE, 20},
    {TARE_OP_DROPOUT, 10},   {TARE_OP_RESIZE, 11},
};

static bool is_between(long opset, int first, int last)
{
    return opset > first && opset <= last;
}

bool tare_op_is_same(enum tare_op op, int a, int b)
{
    const struct tare_op_info *info = tare_op_info(op);
    const int first = a < b ? a : b, last = a < b ? b : a;
    if (first == last) return true;
    if (first < info->since || first < TARE_OPSET_MIN) return false;
    for (size_t i = 0; i < sizeof versions / sizeof versions[0]; i++)
        if (versions[i].op == op && is_between(versions[i].opset, first, last))
            return false;
    for (size_t i = 0; i < sizeof meanings / sizeof meanings[0]; i++)
        if (meanings[i].op == op && is_between(meanings[i].opset, first, last))
            return false;
    for (const char *at = info->attributes; (at = strpbrk(at, "<>")) != NULL; at++) {
        const long bound = strtol(at + strcspn(at, "0123456789"), NULL, 10);
        if (is_between(bound, first, last)) return false;
    }
    return true;
}

enum tare_status tare_node_check(const struct tare_graph *graph,
                                 const struct tare_node *node, struct tare_error *err)
{
    const struct tare_op_info *info = tare_op_info(node->op);
    if (graph->opset < info->since)
        TARE_NODE_FAIL(node, err, TARE_E_UNSUPPORTED,
                       "opset %d, tare reads it from opset %d", graph->opset,
                       info->since);
    enum tare_status st = check_inputs(graph, node, err);
    if (st == TARE_OK) st = check_outputs(node, err);
    for (size_t i = 0; i < node->n_attrs && st == TARE_OK; i++)
        st = check_attr(graph, node, &node->attrs[i], err);
    return st;
}
