/* The walk over the graph: inputs, nodes in order, outputs. */
#include "engine/build/lower.h"

#include "base/mem.h"
#include "engine/layers/params.h"

static tare_lower_fn *const lowerings[TARE_OP_COUNT] = {
    [TARE_OP_CONV] = tare_lower_conv,
    [TARE_OP_GEMM] = tare_lower_gemm,
    [TARE_OP_MATMUL] = tare_lower_matmul,
    [TARE_OP_BATCH_NORMALIZATION] = tare_lower_batch_normalization,
    [TARE_OP_RELU] = tare_lower_unary,
    [TARE_OP_CLIP] = tare_lower_unary,
    [TARE_OP_LEAKY_RELU] = tare_lower_unary,
    [TARE_OP_SIGMOID] = tare_lower_unary,
    [TARE_OP_HARD_SIGMOID] = tare_lower_unary,
    [TARE_OP_HARD_SWISH] = tare_lower_unary,
    [TARE_OP_TANH] = tare_lower_unary,
    [TARE_OP_EXP] = tare_lower_unary,
    [TARE_OP_LOG] = tare_lower_unary,
    [TARE_OP_SQRT] = tare_lower_unary,
    [TARE_OP_ABS] = tare_lower_unary,
    [TARE_OP_NEG] = tare_lower_unary,
    [TARE_OP_FLOOR] = tare_lower_unary,
    [TARE_OP_CEIL] = tare_lower_unary,
    [TARE_OP_RECIPROCAL] = tare_lower_unary,
    [TARE_OP_ERF] = tare_lower_unary,
    [TARE_OP_SOFTPLUS] = tare_lower_unary,
    [TARE_OP_ELU] = tare_lower_unary,
    [TARE_OP_ADD] = tare_lower_binary,
    [TARE_OP_SUB] = tare_lower_binary,
    [TARE_OP_MUL] = tare_lower_binary,
    [TARE_OP_DIV] = tare_lower_binary,
    [TARE_OP_POW] = tare_lower_binary,
    [TARE_OP_MIN] = tare_lower_binary,
    [TARE_OP_MAX] = tare_lower_binary,
    [TARE_OP_MAX_POOL] = tare_lower_pool,
    [TARE_OP_AVERAGE_POOL] = tare_lower_pool,
    [TARE_OP_GLOBAL_AVERAGE_POOL] = tare_lower_pool,
    [TARE_OP_GLOBAL_MAX_POOL] = tare_lower_pool,
    [TARE_OP_RESIZE] = tare_lower_resize,
    [TARE_OP_UPSAMPLE] = tare_lower_resize,
    [TARE_OP_SOFTMAX] = tare_lower_softmax,
    [TARE_OP_REDUCE_MEAN] = tare_lower_reduce,
    [TARE_OP_REDUCE_SUM] = tare_lower_reduce,
    [TARE_OP_REDUCE_MAX] = tare_lower_reduce,
    [TARE_OP_REDUCE_MIN] = tare_lower_reduce,
    [TARE_OP_IDENTITY] = tare_lower_view,
    [TARE_OP_DROPOUT] = tare_lower_view,
    [TARE_OP_RESHAPE] = tare_lower_view,
    [TARE_OP_FLATTEN] = tare_lower_view,
    [TARE_OP_SQUEEZE] = tare_lower_view,
    [TARE_OP_UNSQUEEZE] = tare_lower_view,
    [TARE_OP_CAST] = tare_lower_view,
    [TARE_OP_TRANSPOSE] = tare_lower_transpose,
    [TARE_OP_EXPAND] = tare_lower_expand,
    [TARE_OP_CONCAT] = tare_lower_concat,
    [TARE_OP_SPLIT] = tare_lower_split,
    [TARE_OP_SLICE] = tare_lower_slice,
    [TARE_OP_GATHER] = tare_lower_gather,
    [TARE_OP_PAD] = tare_lower_pad,
};

static enum tare_status lower_inputs(struct tare_lower *l, struct tare_error *err)
{
    const struct tare_graph *g = l->graph;
    for (size_t i = 0; i < g->n_inputs; i++) {
        const struct tare_tensor *t = tare_lower_tensor(l, g->inputs[i]);
        TARE_FAIL_IF(t->dtype != TARE_F32, err, TARE_E_UNSUPPORTED,
                     "input '%.80s' is %s, want float32", t->name,
                     tare_dtype_name(t->dtype));
        for (int k = 0; k < t->dims.rank; k++)
            TARE_FAIL_IF(t->dims.d[k] < 1, err, TARE_E_UNSUPPORTED,
                         "input '%.80s' is empty (axis %d has length %lld)", t->name, k,
                         (long long)t->dims.d[k]);
        const enum tare_status st = tare_plan_add_binding(
            l->plan, t->name, &t->dims, true, &l->versions[g->inputs[i]].binding, err);
        if (st != TARE_OK) return st;
    }
    return TARE_OK;
}

static enum tare_status lower_node(struct tare_lower *l, const struct tare_node *node,
                                   struct tare_error *err)
{
    bool all_const = true;
    for (size_t i = 0; i < node->n_outputs; i++)
        if (node->outputs[i] != TARE_NO_TENSOR)
            all_const = all_const &&
                        tare_tensor_is_const(tare_lower_tensor(l, node->outputs[i]));
    if (all_const) return TARE_OK; /* folded by inference: nothing to run */
    if (!lowerings[node->op])
        TARE_NODE_FAIL(node, err, TARE_E_UNSUPPORTED, "%s",
                       "cannot run on activations, only on constants");
    return lowerings[node->op](l, node, err);
}

/* Does a layer read it, or a view of it exist? */
static bool is_shared(const struct tare_plan_builder *plan, int32_t id)
{
    for (size_t i = 0; i < plan->n_tensors; i++)
        if (plan->alias_of[i] == id) return true;
    for (size_t i = 0; i < plan->n_layers; i++)
        for (uint32_t k = 0; k < plan->layers[i].n_inputs; k++)
            if (plan->ids[plan->layers[i].first_id + k] == id) return true;
    return false;
}

/* The layer that makes an output writes to the user's memory, unless others read it. */
static enum tare_status lower_output(struct tare_lower *l, int32_t tensor,
                                     struct tare_error *err)
{
    const struct tare_tensor *t = tare_lower_tensor(l, tensor);
    int32_t from, id;
    enum tare_status st = tare_lower_use(l, tensor, TARE_LINEAR, false, &from, err);
    if (st != TARE_OK) return st;
    if (l->plan->tensors[from].storage == TARE_IN_ARENA &&
        l->plan->alias_of[from] < 0 && !is_shared(l->plan, from))
        return tare_plan_bind_tensor(l->plan, from, t->name, err);

    struct tare_pieces pieces = {0};
    int64_t strides[TARE_MAX_RANK];
    tare_lower_strides(&t->dims, TARE_LINEAR, sizeof(float), strides);
    st = tare_plan_add_binding(l->plan, t->name, &t->dims, false, &id, err);
    if (st == TARE_OK)
        st = tare_pieces_add(&pieces, 0, sizeof(float), &t->dims, 0, strides, 0,
                             strides, err);
    if (st == TARE_OK)
        st = tare_lower_copy(l, NULL, "copy to output", &pieces, NULL, &from, 1, id,
                             err);
    tare_free(pieces.items);
    return st;
}

enum tare_status tare_lower_graph(struct tare_lower *l, struct tare_error *err)
{
    const struct tare_graph *g = l->graph;
    l->versions = tare_alloc_array(g->n_tensors, sizeof *l->versions);
    TARE_FAIL_IF(!l->versions, err, TARE_E_NOMEM, "engine: no memory while building");
    for (size_t i = 0; i < g->n_tensors; i++)
        l->versions[i] = (struct tare_versions){{{-1, -1}, {-1, -1}}, -1};

    enum tare_status st = lower_inputs(l, err);
    for (size_t i = 0; st == TARE_OK && i < g->n_nodes; i++)
        if (!g->nodes[i].dead) st = lower_node(l, &g->nodes[i], err);
    for (size_t i = 0; st == TARE_OK && i < g->n_outputs; i++)
        st = lower_output(l, g->outputs[i], err);
    tare_free(l->versions);
    l->versions = NULL;
    return st;
}
