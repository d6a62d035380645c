/* Graphs of opsets 1 to 6 become such of TARE_OPSET_MIN: "limited" broadcasting becomes
 * NumPy's, and what was an attribute an input. Operators whose meaning changed
 * otherwise are refused by their first opset in graph/ops.inc. */
#include <stddef.h>
#include <string.h>

#include "base/dims.h"
#include "base/mem.h"
#include "base/text.h"
#include "onnx/importer.h"

/* The input whose rank the first output has, or -1. Before opset 7 the second input is
 * broadcast to the first, never the other way. */
static int rank_input(const struct tare_node *node)
{
    switch (node->op) {
    case TARE_OP_CONV:
    case TARE_OP_CONV_TRANSPOSE: return 1;
    case TARE_OP_ADD:
    case TARE_OP_SUB:
    case TARE_OP_MUL:
    case TARE_OP_DIV:
    case TARE_OP_POW:
    case TARE_OP_PRELU:
    case TARE_OP_RELU:
    case TARE_OP_LEAKY_RELU:
    case TARE_OP_ELU:
    case TARE_OP_SIGMOID:
    case TARE_OP_TANH:
    case TARE_OP_BATCH_NORMALIZATION:
    case TARE_OP_INSTANCE_NORMALIZATION:
    case TARE_OP_LRN:
    case TARE_OP_DROPOUT:
    case TARE_OP_MAX_POOL:
    case TARE_OP_AVERAGE_POOL:
    case TARE_OP_SUM:
    case TARE_OP_CONCAT: return 0;
    default: return -1;
    }
}

/* What is known of ranks before shapes are: what the model declares, and what follows
 * through common operators. ranks[n_tensors]; -1: unknown. Nodes are sorted. */
static void find_ranks(const struct tare_graph *graph, int32_t *ranks)
{
    for (size_t i = 0; i < graph->n_tensors; i++)
        ranks[i] = graph->tensors[i].has_dims ? graph->tensors[i].dims.rank : -1;
    for (size_t i = 0; i < graph->n_nodes; i++) {
        const struct tare_node *node = &graph->nodes[i];
        const int from = rank_input(node);
        if (from >= 0 && ranks[node->outputs[0]] < 0)
            ranks[node->outputs[0]] = ranks[node->inputs[from]];
    }
}

struct upgrade {
    struct tare_graph *graph;
    int32_t *ranks;         /* of its tensors as they were imported */
    struct tare_node *node; /* the one that is upgraded */
};

/* A name for what becomes input 1 of the node, or NULL. */
static char *name_input(const struct upgrade *u)
{
    struct tare_text text = {0};
    tare_text_add(&text, "%s:input_1", u->node->name);
    while (!text.failed && tare_graph_find_tensor(u->graph, text.data) >= 0)
        tare_text_add(&text, "_");
    if (text.failed) tare_text_free(&text);
    return text.data;
}

static enum tare_status ints_attr(const int64_t *values, size_t n,
                                  struct tare_attr *attr, struct tare_error *err)
{
    *attr = (struct tare_attr){.type = TARE_ATTR_INTS, .n = n};
    attr->ints = tare_alloc_array(n, sizeof *attr->ints);
    TARE_FAIL_IF(!attr->ints, err, TARE_E_NOMEM, "no memory");
    memcpy(attr->ints, values, n * sizeof *attr->ints);
    return TARE_OK;
}

/* Read input 1 with `n` axes of length 1 behind its own, `rank` of them. */
static enum tare_status append_axes(struct upgrade *u, int32_t rank, int32_t n,
                                    struct tare_error *err)
{
    int64_t axes[TARE_MAX_RANK];
    int32_t inputs[2] = {u->node->inputs[0], TARE_NO_TENSOR}, id;
    const int32_t narrow = u->node->inputs[1];
    const ptrdiff_t at = u->node - u->graph->nodes;
    struct tare_attr attr;
    for (int32_t i = 0; i < n; i++)
        axes[i] = rank + i;
    char *name = name_input(u);
    TARE_FAIL_IF(!name, err, TARE_E_NOMEM, "no memory");
    enum tare_status st = tare_graph_add_tensor(u->graph, name, &inputs[1], err);
    if (st == TARE_OK)
        st = tare_graph_add_node(u->graph, TARE_OP_UNSQUEEZE, name, &narrow, 1,
                                 &inputs[1], 1, &id, err);
    tare_free(name);
    u->node = &u->graph->nodes[at];
    if (st == TARE_OK) st = ints_attr(axes, (size_t)n, &attr, err);
    if (st == TARE_OK) st = tare_node_add_attr(&u->graph->nodes[id], "axes", attr, err);
    return st == TARE_OK ? tare_node_set_inputs(u->node, inputs, 2, err) : st;
}

/* Let the axes of input 1 begin at `axis` of input 0. */
static enum tare_status align(struct upgrade *u, int64_t axis, struct tare_error *err)
{
    const int32_t *inputs = u->node->inputs;
    const int32_t rank = u->ranks[inputs[0]], own = u->ranks[inputs[1]];
    if (rank < 0 || own < 0)
        TARE_NODE_FAIL(u->node, err, TARE_E_UNSUPPORTED,
                       "it broadcasts from axis %lld on, and the model does not say of "
                       "what rank '%.60s' is (onnx.shape_inference may help)",
                       (long long)axis,
                       u->graph->tensors[inputs[rank < 0 ? 0 : 1]].name);
    if (axis > rank - own)
        TARE_NODE_FAIL(
            u->node, err, TARE_E_FORMAT,
            "it broadcasts from axis %lld on, the inputs have rank %d and %d",
            (long long)axis, (int)rank, (int)own);
    const int32_t n = rank - own - (int32_t)axis;
    return n > 0 ? append_axes(u, own, n, err) : TARE_OK;
}

/* Without an axis, as NumPy does. */
static enum tare_status upgrade_binary(struct upgrade *u, struct tare_error *err)
{
    const int64_t axis = tare_node_int(u->node, "axis", -1);
    const bool aligns = axis >= 0 && tare_node_int(u->node, "broadcast", 0);
    tare_node_remove_attr(u->node, "axis");
    tare_node_remove_attr(u->node, "broadcast");
    return aligns ? align(u, axis, err) : TARE_OK;
}

/* One slope, or one for each index of axis 1. */
static enum tare_status upgrade_prelu(struct upgrade *u, struct tare_error *err)
{
    const struct tare_tensor *slope = &u->graph->tensors[u->node->inputs[1]];
    const bool is_one = slope->has_dims && tare_dims_known(&slope->dims) &&
                        tare_dims_count(&slope->dims) == 1;
    return is_one ? TARE_OK : align(u, 1, err);
}

static enum tare_status upgrade_is_test(struct upgrade *u, struct tare_error *err)
{
    if (!tare_node_int(u->node, "is_test", 0))
        TARE_NODE_FAIL(
            u->node, err, TARE_E_UNSUPPORTED, "%s",
            "is_test is 0, that is training; export the model for inference");
    tare_node_remove_attr(u->node, "is_test");
    return TARE_OK;
}

/* Whether the sequence is wanted, which its output's name says. */
static enum tare_status upgrade_recurrent(struct upgrade *u, struct tare_error *err)
{
    (void)err;
    tare_node_remove_attr(u->node, "output_sequence");
    return TARE_OK;
}

/* Whether C may be smaller than the product. */
static enum tare_status upgrade_gemm(struct upgrade *u, struct tare_error *err)
{
    (void)err;
    tare_node_remove_attr(u->node, "broadcast");
    return TARE_OK;
}

/* The axis had a default before opset 4. */
static enum tare_status upgrade_concat(struct upgrade *u, struct tare_error *err)
{
    if (u->graph->opset >= 4 || tare_node_attr(u->node, "axis")) return TARE_OK;
    const struct tare_attr axis = {.type = TARE_ATTR_INT, .i = 1};
    return tare_node_add_attr(u->node, "axis", axis, err);
}

/* The shape was an attribute before opset 5. */
static enum tare_status upgrade_reshape(struct upgrade *u, struct tare_error *err)
{
    const struct tare_attr *shape = tare_node_attr(u->node, "shape");
    if (u->graph->opset >= 5) return TARE_OK;
    if (!shape)
        TARE_NODE_FAIL(u->node, err, TARE_E_FORMAT, "%s",
                       "attribute 'shape' is missing");
    int32_t inputs[2] = {u->node->inputs[0], TARE_NO_TENSOR};
    struct tare_const content = {.dtype = TARE_S64,
                                 .dims = {.rank = 1, .d = {(int64_t)shape->n}}};
    enum tare_status st = tare_const_alloc(&content, err);
    if (st != TARE_OK) return st;
    if (shape->n) memcpy(content.data, shape->ints, content.n_bytes);
    char *name = name_input(u);
    if (!name) {
        tare_free(content.data);
        return tare_error_set(err, TARE_E_NOMEM, "no memory");
    }
    st = tare_graph_add_const(u->graph, name, &content, &inputs[1], err);
    tare_free(name);
    tare_node_remove_attr(u->node, "shape");
    return st == TARE_OK ? tare_node_set_inputs(u->node, inputs, 2, err) : st;
}

static const struct {
    enum tare_op op;
    enum tare_status (*run)(struct upgrade *u, struct tare_error *err);
} upgrades[] = {
    {TARE_OP_ADD, upgrade_binary},      {TARE_OP_SUB, upgrade_binary},
    {TARE_OP_MUL, upgrade_binary},      {TARE_OP_DIV, upgrade_binary},
    {TARE_OP_POW, upgrade_binary},      {TARE_OP_EQUAL, upgrade_binary},
    {TARE_OP_LESS, upgrade_binary},     {TARE_OP_GREATER, upgrade_binary},
    {TARE_OP_AND, upgrade_binary},      {TARE_OP_OR, upgrade_binary},
    {TARE_OP_XOR, upgrade_binary},      {TARE_OP_PRELU, upgrade_prelu},
    {TARE_OP_GEMM, upgrade_gemm},       {TARE_OP_BATCH_NORMALIZATION, upgrade_is_test},
    {TARE_OP_DROPOUT, upgrade_is_test}, {TARE_OP_LSTM, upgrade_recurrent},
    {TARE_OP_GRU, upgrade_recurrent},   {TARE_OP_RNN, upgrade_recurrent},
    {TARE_OP_CONCAT, upgrade_concat},   {TARE_OP_RESHAPE, upgrade_reshape},
};

static enum tare_status upgrade_node(struct upgrade *u, struct tare_error *err)
{
    for (size_t i = 0; i < sizeof upgrades / sizeof upgrades[0]; i++)
        if (upgrades[i].op == u->node->op) return upgrades[i].run(u, err);
    return TARE_OK;
}

enum tare_status tare_import_upgrade(struct tare_graph *graph, struct tare_error *err)
{
    if (graph->opset >= TARE_OPSET_MIN) return TARE_OK;
    struct upgrade u = {.graph = graph,
                        .ranks = tare_alloc_array(graph->n_tensors, sizeof *u.ranks)};
    TARE_FAIL_IF(!u.ranks, err, TARE_E_NOMEM, "no memory");
    find_ranks(graph, u.ranks);
    const size_t n_nodes = graph->n_nodes; /* nodes are added on the way */
    enum tare_status st = TARE_OK;
    for (size_t i = 0; i < n_nodes && st == TARE_OK; i++) {
        u.node = &graph->nodes[i];
        st = upgrade_node(&u, err);
    }
    tare_free(u.ranks);
    if (st != TARE_OK) return st;
    graph->opset = TARE_OPSET_MIN;
    return tare_graph_sort(graph, err);
}
