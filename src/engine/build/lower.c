/* The walk over the graph: inputs, nodes in order, outputs. */
#include "engine/build/lower.h"

#include <string.h>

#include "base/dims.h"
#include "base/mem.h"
#include "engine/layers/params.h"
#include "graph/params.h"

static tare_lower_fn *const lowerings[TARE_OP_COUNT] = {
    [TARE_OP_CONV] = tare_lower_weighted,
    [TARE_OP_CONV_TRANSPOSE] = tare_lower_conv_transpose,
    [TARE_OP_GEMM] = tare_lower_weighted,
    [TARE_OP_MATMUL] = tare_lower_matmul,
    [TARE_OP_BATCH_NORMALIZATION] = tare_lower_batch_normalization,
    [TARE_OP_RELU] = tare_lower_unary,
    [TARE_OP_CLIP] = tare_lower_unary,
    [TARE_OP_LEAKY_RELU] = tare_lower_unary,
    [TARE_OP_SIGMOID] = tare_lower_unary,
    [TARE_OP_HARD_SIGMOID] = tare_lower_unary,
    [TARE_OP_HARD_SWISH] = tare_lower_unary,
    [TARE_OP_SWISH] = tare_lower_unary,
    [TARE_OP_GELU] = tare_lower_unary,
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
    [TARE_OP_SELU] = tare_lower_unary,
    [TARE_OP_CELU] = tare_lower_unary,
    [TARE_OP_THRESHOLDED_RELU] = tare_lower_unary,
    [TARE_OP_SHRINK] = tare_lower_unary,
    [TARE_OP_SOFTSIGN] = tare_lower_unary,
    [TARE_OP_MISH] = tare_lower_unary,
    [TARE_OP_SIGN] = tare_lower_unary,
    [TARE_OP_ROUND] = tare_lower_unary,
    [TARE_OP_SIN] = tare_lower_unary,
    [TARE_OP_COS] = tare_lower_unary,
    [TARE_OP_TAN] = tare_lower_unary,
    [TARE_OP_ASIN] = tare_lower_unary,
    [TARE_OP_ACOS] = tare_lower_unary,
    [TARE_OP_ATAN] = tare_lower_unary,
    [TARE_OP_SINH] = tare_lower_unary,
    [TARE_OP_COSH] = tare_lower_unary,
    [TARE_OP_ASINH] = tare_lower_unary,
    [TARE_OP_ACOSH] = tare_lower_unary,
    [TARE_OP_ATANH] = tare_lower_unary,
    [TARE_OP_PRELU] = tare_lower_binary,
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
    [TARE_OP_LAYER_NORMALIZATION] = tare_lower_layer_norm,
    [TARE_OP_RMS_NORMALIZATION] = tare_lower_layer_norm,
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
    [TARE_OP_CAST] = tare_lower_cast,
    [TARE_OP_TRANSPOSE] = tare_lower_transpose,
    [TARE_OP_EXPAND] = tare_lower_expand,
    [TARE_OP_DEPTH_TO_SPACE] = tare_lower_blocks,
    [TARE_OP_SPACE_TO_DEPTH] = tare_lower_blocks,
    [TARE_OP_CONCAT] = tare_lower_concat,
    [TARE_OP_SPLIT] = tare_lower_split,
    [TARE_OP_SLICE] = tare_lower_slice,
    [TARE_OP_GATHER] = tare_lower_gather,
    [TARE_OP_PAD] = tare_lower_pad,
    [TARE_OP_LSTM] = tare_lower_recurrent,
    [TARE_OP_GRU] = tare_lower_recurrent,
    [TARE_OP_RNN] = tare_lower_recurrent,
    [TARE_OP_QUANTIZE_LINEAR] = tare_lower_quantize,
    [TARE_OP_DEQUANTIZE_LINEAR] = tare_lower_dequantize,
    [TARE_OP_PLUGIN] = tare_lower_plugin,
};

/* Whether the operator's lowering does what this node asks for. */
static bool is_lowered(const struct tare_lower *l, const struct tare_node *node)
{
    const struct tare_graph *g = l->graph;
    switch (node->op) {
    case TARE_OP_MIN:
    case TARE_OP_MAX: return node->n_inputs == 2;
    case TARE_OP_CLIP: return tare_node_clip_is_fixed(g, node);
    case TARE_OP_DROPOUT: /* an unused mask is not made */
        return node->n_outputs < 2 || tare_graph_n_uses(g, node->outputs[1]) == 0;
    case TARE_OP_LAYER_NORMALIZATION: /* mean and deviation are not made */
        for (size_t i = 1; i < node->n_outputs; i++)
            if (tare_graph_n_uses(g, node->outputs[i]) > 0) return false;
        return true;
    default: return lowerings[node->op] != NULL;
    }
}

/* Kernels compute float32, or the uint8 that stands for it; constants may be parameters
 * of any type. What quantizes, and plugins, decide for themselves. */
static bool are_floats(const struct tare_lower *l, const struct tare_node *node)
{
    bool all = true;
    if (node->op == TARE_OP_QUANTIZE_LINEAR || node->op == TARE_OP_DEQUANTIZE_LINEAR ||
        node->op == TARE_OP_PLUGIN)
        return true;
    for (size_t i = 0; i < node->n_inputs; i++) {
        if (node->inputs[i] == TARE_NO_TENSOR) continue;
        const struct tare_tensor *t = tare_lower_tensor(l, node->inputs[i]);
        all = all && (t->dtype == TARE_F32 || tare_tensor_is_const(t));
    }
    for (size_t i = 0; i < node->n_outputs; i++)
        all = all && tare_lower_tensor(l, node->outputs[i])->dtype == TARE_F32;
    return all;
}

static bool is_empty(const struct tare_dims *dims)
{
    for (int i = 0; i < dims->rank; i++)
        if (dims->d[i] == 0) return true;
    return false;
}

/* Its outputs' shapes are not known, or it reads what is late, or makes what is empty.
 */
static bool is_late(const struct tare_lower *l, const struct tare_node *node)
{
    bool late = false;
    for (size_t i = 0; i < node->n_inputs; i++) {
        if (node->inputs[i] == TARE_NO_TENSOR) continue;
        const struct tare_tensor *t = tare_lower_tensor(l, node->inputs[i]);
        late = late || tare_lower_is_late(l, node->inputs[i]) ||
               (!tare_tensor_is_const(t) && is_empty(&t->dims));
    }
    for (size_t i = 0; i < node->n_outputs; i++) {
        const struct tare_tensor *t = tare_lower_tensor(l, node->outputs[i]);
        late = late || !t->has_dims || (!tare_tensor_is_const(t) && is_empty(&t->dims));
    }
    return late;
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
    if (!is_lowered(l, node) || !are_floats(l, node))
        return tare_lower_as_program(l, node, err);
    const enum tare_status st = lowerings[node->op](l, node, err);
    const bool can_run =
        node->precision != TARE_PRECISION_INT8 && tare_op_info(node->op)->eval;
    return st == TARE_E_UNSUPPORTED && can_run ? tare_lower_as_program(l, node, err)
                                               : st;
}

enum tare_status tare_lower_left_out(struct tare_lower *l, int32_t tensor,
                                     struct tare_error *err)
{
    const int32_t producer = tare_lower_tensor(l, tensor)->producer;
    if (producer < 0 || l->fates[producer] != TARE_FATE_LEFT_OUT) return TARE_OK;
    l->fates[producer] = TARE_FATE_RUNS;
    return lower_node(l, &l->graph->nodes[producer], err);
}

/* A node that has to wait is collected: it comes last. */
static enum tare_status lower_or_wait(struct tare_lower *l,
                                      const struct tare_node *node,
                                      const struct tare_node **late, size_t *n_late,
                                      struct tare_error *err)
{
    if (node->dead) return TARE_OK;
    enum tare_fate *fate = &l->fates[node - l->graph->nodes];
    if (!is_late(l, node))
        return *fate == TARE_FATE_RUNS ? lower_node(l, node, err) : TARE_OK;
    *fate = TARE_FATE_RUNS;
    late[(*n_late)++] = node;
    for (size_t k = 0; k < node->n_outputs; k++)
        l->is_late[node->outputs[k]] = true;
    return TARE_OK;
}

static enum tare_status lower_nodes(struct tare_lower *l, const struct tare_node **late,
                                    size_t *n_late, struct tare_error *err)
{
    const struct tare_graph *g = l->graph;
    enum tare_status st = TARE_OK;
    tare_monitor_start(l->monitor, TARE_PHASE_LAYERS, TARE_PHASE_BUILD, g->n_nodes);
    for (size_t i = 0; st == TARE_OK && i < g->n_nodes; i++) {
        st = lower_or_wait(l, &g->nodes[i], late, n_late, err);
        if (st == TARE_OK)
            st = tare_monitor_step(l->monitor, TARE_PHASE_LAYERS, i, err);
    }
    tare_monitor_finish(l->monitor, TARE_PHASE_LAYERS);
    return st;
}

/* An output of the program at the end. An empty one has its shape before the run. */
static enum tare_status bind_late(struct tare_lower *l, size_t i, int32_t *id,
                                  struct tare_error *err)
{
    const struct tare_tensor *t = tare_lower_tensor(l, l->graph->outputs[i]);
    const struct tare_border *border = tare_lower_border(l, i);
    if (t->has_dims && tare_dims_known(&t->dims) && is_empty(&t->dims))
        return tare_plan_add_binding(l->plan, t->name, t->dtype, border, &t->dims,
                                     false, id, err);
    TARE_FAIL_IF(border && (border->dtype != t->dtype || border->format != TARE_LINEAR),
                 err, TARE_E_UNSUPPORTED,
                 "output '%.80s': only a run tells its shape: it is bound as the model "
                 "has it",
                 t->name);
    return tare_plan_add_result(l->plan, t->name, id, err);
}

/* In the network's order; the late ones are then made by one program. */
static enum tare_status lower_outputs(struct tare_lower *l,
                                      const struct tare_node *const *late,
                                      size_t n_late, struct tare_error *err)
{
    const struct tare_graph *g = l->graph;
    int32_t *made = tare_alloc_array(g->n_outputs, sizeof *made);
    TARE_FAIL_IF(!made, err, TARE_E_NOMEM, "engine: no memory while building");
    size_t n_made = 0;
    enum tare_status st = TARE_OK;
    for (size_t i = 0; st == TARE_OK && i < g->n_outputs; i++) {
        st = tare_lower_is_late(l, g->outputs[i])
                 ? bind_late(l, i, &made[n_made++], err)
                 : tare_lower_output(l, i, err);
    }
    if (st == TARE_OK && n_made > 0)
        st = tare_lower_late(l, late, n_late, made, n_made, err);
    tare_free(made);
    return st;
}

static void release(struct tare_lower *l)
{
    tare_free(l->versions);
    tare_free(l->is_late);
    tare_free(l->places);
    tare_free(l->fates);
    tare_free(l->only_reader);
    l->versions = NULL;
    l->is_late = NULL;
    l->places = NULL;
    l->fates = NULL;
    l->only_reader = NULL;
}

enum tare_status tare_lower_graph(struct tare_lower *l, struct tare_error *err)
{
    const struct tare_graph *g = l->graph;
    const struct tare_node **late = tare_alloc_array(g->n_nodes, sizeof(void *));
    l->versions = tare_alloc_array(g->n_tensors, sizeof *l->versions);
    l->is_late = tare_alloc_array(g->n_tensors, sizeof *l->is_late);
    l->places = tare_alloc_array(g->n_tensors, sizeof *l->places);
    l->fates = tare_alloc_array(g->n_nodes, sizeof *l->fates);
    l->only_reader = tare_alloc_array(g->n_tensors, sizeof *l->only_reader);
    size_t n_late = 0;
    enum tare_status st = TARE_OK;
    if (!late || !l->versions || !l->is_late || !l->places || !l->fates ||
        !l->only_reader)
        st = tare_error_set(err, TARE_E_NOMEM, "engine: no memory while building");
    if (st == TARE_OK) /* all ids -1 */
        memset(l->versions, 0xff, g->n_tensors * sizeof *l->versions);

    if (st == TARE_OK) st = tare_lower_plan_places(l, err);
    if (st == TARE_OK) st = tare_lower_plan_views(l, err);
    if (st == TARE_OK) st = tare_lower_inputs(l, err);
    if (st == TARE_OK) st = lower_nodes(l, late, &n_late, err);
    if (st == TARE_OK) st = lower_outputs(l, late, n_late, err);
    if (st == TARE_OK && l->plan->n_layers == 0)
        st = tare_error_set(err, TARE_E_UNSUPPORTED,
                            "%.80s: its outputs are empty: there is nothing to run",
                            g->name);
    if (st == TARE_OK) l->n_joined += tare_lower_n_left_out(l);
    tare_free(late);
    release(l);
    return st;
}
