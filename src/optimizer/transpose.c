/* Transposes that undo each other go: one behind the other they are composed, and where
 * a function of one value is between two that cancel, both go and the function works
 * on the values as they lie. */
#include "base/dims.h"
#include "base/mem.h"
#include "graph/params.h"
#include "optimizer/pass.h"

/* Operators that treat each value alike, wherever it is. */
static bool is_pointwise(const struct tare_graph *graph, const struct tare_node *node)
{
    int32_t x;
    double v;
    switch (node->op) {
    case TARE_OP_RELU:
    case TARE_OP_CLIP:
    case TARE_OP_LEAKY_RELU:
    case TARE_OP_SIGMOID:
    case TARE_OP_HARD_SIGMOID:
    case TARE_OP_HARD_SWISH:
    case TARE_OP_SWISH:
    case TARE_OP_GELU:
    case TARE_OP_TANH:
    case TARE_OP_EXP:
    case TARE_OP_LOG:
    case TARE_OP_SQRT:
    case TARE_OP_ABS:
    case TARE_OP_NEG:
    case TARE_OP_FLOOR:
    case TARE_OP_CEIL:
    case TARE_OP_RECIPROCAL:
    case TARE_OP_ERF:
    case TARE_OP_SOFTPLUS:
    case TARE_OP_ELU: return tare_fused_is_none(&node->fused);
    case TARE_OP_ADD:
    case TARE_OP_SUB:
    case TARE_OP_MUL:
    case TARE_OP_DIV: return tare_pass_with_scalar(graph, node, &x, &v);
    default: return false;
    }
}

/* Where a pointwise node reads its tensor. */
static size_t slot_of(const struct tare_graph *graph, const struct tare_node *node)
{
    return tare_tensor_is_const(&graph->tensors[node->inputs[0]]) ? 1 : 0;
}

/* The axes of `second` after `first`: output axis i is input axis out[i]. */
static bool compose(const struct tare_graph *graph, const struct tare_node *first,
                    const struct tare_node *second, int32_t out[TARE_MAX_RANK])
{
    int32_t a[TARE_MAX_RANK], b[TARE_MAX_RANK];
    if (!tare_pass_has_shape(graph, first->inputs[0]) ||
        !tare_pass_has_shape(graph, second->inputs[0]) ||
        tare_node_permutation(graph, first, a, NULL) != TARE_OK ||
        tare_node_permutation(graph, second, b, NULL) != TARE_OK)
        return false;
    for (int32_t i = 0; i < graph->tensors[first->inputs[0]].dims.rank; i++)
        out[i] = a[b[i]];
    return true;
}

static enum tare_status set_permutation(struct tare_node *node,
                                        const int32_t *permutation, int32_t rank,
                                        struct tare_error *err)
{
    struct tare_attr attr = {.type = TARE_ATTR_INTS, .n = (size_t)rank};
    attr.ints = tare_alloc_array(attr.n, sizeof attr.ints[0]);
    TARE_FAIL_IF(!attr.ints, err, TARE_E_NOMEM, "node '%.80s': no memory", node->name);
    for (int32_t i = 0; i < rank; i++)
        attr.ints[i] = permutation[i];
    return tare_node_add_attr(node, "perm", attr, err);
}

/* Transpose `id` of a Transpose reads what that one reads. */
static enum tare_status compose_two(struct tare_graph *graph, int32_t id, int32_t first,
                                    bool *changed, struct tare_error *err)
{
    struct tare_node *node = &graph->nodes[id];
    int32_t permutation[TARE_MAX_RANK];
    if (!compose(graph, &graph->nodes[first], node, permutation)) return TARE_OK;
    enum tare_status status = TARE_OK;
    if (tare_graph_n_uses(graph, node->inputs[0]) == 1)
        status = tare_node_absorb(node, &graph->nodes[first], err);
    if (status == TARE_OK)
        status = set_permutation(node, permutation,
                                 graph->tensors[node->inputs[0]].dims.rank, err);
    if (status != TARE_OK) return status;
    if (tare_graph_n_uses(graph, node->inputs[0]) == 1)
        tare_graph_remove_node(graph, first);
    node->inputs[0] = graph->nodes[first].inputs[0];
    *changed = true;
    return TARE_OK;
}

/* Transpose `id` of a function of a Transpose, together the identity: the function
 * makes what `id` made from what the first one read. Not across several functions: the
 * tensors between them would lie differently under their names, or lose these. */
static enum tare_status cancel_two(struct tare_graph *graph, int32_t id,
                                   int32_t function, bool *changed,
                                   struct tare_error *err)
{
    struct tare_node *node = &graph->nodes[function];
    const int32_t between = graph->nodes[id].inputs[0];
    const size_t slot = slot_of(graph, node);
    const int32_t first =
        tare_pass_made_by(graph, node->inputs[slot], TARE_OP_TRANSPOSE, 1);
    int32_t permutation[TARE_MAX_RANK];
    if (first < 0 || tare_pass_only_reader(graph, between) != id ||
        !compose(graph, &graph->nodes[first], &graph->nodes[id], permutation))
        return TARE_OK;
    for (int32_t i = 0; i < graph->tensors[between].dims.rank; i++)
        if (permutation[i] != i) return TARE_OK;
    enum tare_status status = tare_node_absorb(node, &graph->nodes[first], err);
    if (status == TARE_OK) status = tare_node_absorb(node, &graph->nodes[id], err);
    if (status != TARE_OK) return status;
    node->inputs[slot] = graph->nodes[first].inputs[0];
    tare_graph_remove_node(graph, first);
    tare_graph_remove_node(graph, id);
    tare_graph_set_output(graph, function, 0, graph->nodes[id].outputs[0]);
    *changed = true;
    return TARE_OK;
}

enum tare_status tare_pass_transpose(struct tare_graph *graph, bool *changed,
                                     struct tare_error *err)
{
    for (size_t i = 0; i < graph->n_nodes; i++) {
        const struct tare_node *node = &graph->nodes[i];
        if (node->dead || node->op != TARE_OP_TRANSPOSE) continue;
        const int32_t maker = tare_pass_producer(graph, node->inputs[0]);
        enum tare_status status = TARE_OK;
        if (maker >= 0 && graph->nodes[maker].op == TARE_OP_TRANSPOSE)
            status = compose_two(graph, (int32_t)i, maker, changed, err);
        else if (maker >= 0 && is_pointwise(graph, &graph->nodes[maker]))
            status = cancel_two(graph, (int32_t)i, maker, changed, err);
        if (status != TARE_OK) return status;
    }
    return TARE_OK;
}
