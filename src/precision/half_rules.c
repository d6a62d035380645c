/* Which nodes have layers that work on 16-bit floats: those with a kernel of float32,
 * or of the 16-bit float itself. What a program computes has not. */
#include "precision/half_rules.h"

#include <math.h>
#include <stdio.h>

#include "base/dims.h"
#include "graph/params.h"
#include "graph/window.h"

typedef bool check_fn(const struct tare_graph *graph, const struct tare_node *node);

static bool is_float_const(const struct tare_graph *graph, int32_t tensor)
{
    return tensor != TARE_NO_TENSOR && tare_tensor_is_const(&graph->tensors[tensor]) &&
           graph->tensors[tensor].dtype == TARE_F32;
}

static bool is_float_const_or_none(const struct tare_graph *graph, int32_t tensor)
{
    return tensor == TARE_NO_TENSOR || is_float_const(graph, tensor);
}

/* A fused residual is the last input. */
static int32_t bias_of(const struct tare_node *node)
{
    return node->n_inputs > 2U + node->fused.has_residual ? node->inputs[2]
                                                          : TARE_NO_TENSOR;
}

static bool has_constants(const struct tare_graph *graph, const struct tare_node *node)
{
    return is_float_const(graph, node->inputs[1]) &&
           is_float_const_or_none(graph, bias_of(node));
}

static bool check_conv(const struct tare_graph *graph, const struct tare_node *node)
{
    struct tare_spatial window;
    return tare_node_window(graph, node, &window, NULL) == TARE_OK &&
           has_constants(graph, node);
}

static bool check_conv_transpose(const struct tare_graph *graph,
                                 const struct tare_node *node)
{
    struct tare_spatial s;
    return tare_node_window_nd(graph, node, &s, NULL) == TARE_OK && s.n_axes == 2 &&
           tare_spatial_is_stuffed_conv(&s) && !node->fused.has_residual &&
           has_constants(graph, node);
}

static bool check_gemm(const struct tare_graph *graph, const struct tare_node *node)
{
    struct tare_gemm gemm;
    if (tare_node_gemm(graph, node, &gemm, NULL) != TARE_OK ||
        (gemm.trans_a && gemm.m > 1) || !has_constants(graph, node))
        return false;
    const int32_t bias = bias_of(node);
    if (bias == TARE_NO_TENSOR) return true;
    const struct tare_dims *dims = &graph->tensors[bias].dims;
    const int64_t n = tare_dims_count(dims);
    return (n == 1 || n == gemm.n) && (dims->rank == 0 || dims->d[dims->rank - 1] == n);
}

static bool check_matmul(const struct tare_graph *graph, const struct tare_node *node)
{
    return is_float_const_or_none(graph, bias_of(node));
}

static bool check_pool(const struct tare_graph *graph, const struct tare_node *node)
{
    struct tare_spatial window;
    return tare_node_window(graph, node, &window, NULL) == TARE_OK &&
           (node->n_outputs < 2 || tare_graph_n_uses(graph, node->outputs[1]) == 0);
}

static bool check_resize(const struct tare_graph *graph, const struct tare_node *node)
{
    struct tare_resize r;
    return tare_node_resize(graph, node, &r, NULL) == TARE_OK && r.in.rank == 4 &&
           r.in.d[0] == r.out.d[0] && r.in.d[1] == r.out.d[1] && !r.antialias &&
           r.coordinates != TARE_RESIZE_TF_CROP_AND_RESIZE;
}

static bool check_batch_normalization(const struct tare_graph *graph,
                                      const struct tare_node *node)
{
    const int32_t rank = graph->tensors[node->inputs[0]].dims.rank;
    bool all = (rank == 2 || rank == 4) && !tare_node_int(node, "training_mode", 0);
    for (size_t i = 1; i < 5; i++)
        all = all && is_float_const(graph, tare_node_input(node, i));
    return all;
}

static bool check_layer_norm(const struct tare_graph *graph,
                             const struct tare_node *node)
{
    const struct tare_dims *dims = &graph->tensors[node->inputs[0]].dims;
    int32_t axis;
    int64_t n = 1;
    for (size_t i = 1; i < node->n_outputs; i++)
        if (tare_graph_n_uses(graph, node->outputs[i]) > 0) return false;
    if (tare_node_axis(node, -1, dims->rank, &axis, NULL) != TARE_OK) return false;
    for (int32_t i = axis; i < dims->rank; i++)
        n *= dims->d[i];
    const int32_t bias = tare_node_input(node, 2);
    return is_float_const(graph, node->inputs[1]) &&
           tare_dims_count(&graph->tensors[node->inputs[1]].dims) == n &&
           is_float_const_or_none(graph, bias) &&
           (bias < 0 || tare_dims_count(&graph->tensors[bias].dims) == n);
}

static bool check_reduce(const struct tare_graph *graph, const struct tare_node *node)
{
    bool reduced[TARE_MAX_RANK], keepdims;
    return tare_node_reduce_axes(graph, node, reduced, &keepdims, NULL) == TARE_OK;
}

static bool check_softmax(const struct tare_graph *graph, const struct tare_node *node)
{
    int64_t outer, n, inner;
    return tare_node_softmax_axes(graph, node, &outer, &n, &inner, NULL) == TARE_OK;
}

static bool check_clip(const struct tare_graph *graph, const struct tare_node *node)
{
    return tare_node_clip_is_fixed(graph, node);
}

static bool check_two(const struct tare_graph *graph, const struct tare_node *node)
{
    (void)graph;
    return node->n_inputs == 2;
}

static bool check_dropout(const struct tare_graph *graph, const struct tare_node *node)
{
    return node->n_outputs < 2 || tare_graph_n_uses(graph, node->outputs[1]) == 0;
}

static bool check_slice(const struct tare_graph *graph, const struct tare_node *node)
{
    struct tare_slice slice;
    return tare_node_slice(graph, node, &slice, NULL) == TARE_OK;
}

static bool check_pad(const struct tare_graph *graph, const struct tare_node *node)
{
    struct tare_pads pads;
    return tare_node_pads(graph, node, &pads, NULL) == TARE_OK &&
           pads.mode != TARE_PAD_WRAP;
}

static bool check_gather(const struct tare_graph *graph, const struct tare_node *node)
{
    const struct tare_tensor *indices = &graph->tensors[node->inputs[1]];
    return tare_tensor_is_const(indices) && indices->dtype == TARE_S64;
}

static bool check_blocks(const struct tare_graph *graph, const struct tare_node *node)
{
    struct tare_blocks blocks;
    return tare_node_blocks(graph, node, &blocks, NULL) == TARE_OK;
}

static const struct {
    enum tare_half_rule rule;
    check_fn *check; /* NULL: nothing to ask */
} rules[TARE_OP_COUNT] = {
    [TARE_OP_CONV] = {TARE_HALF_PRODUCT, check_conv},
    [TARE_OP_CONV_TRANSPOSE] = {TARE_HALF_PRODUCT, check_conv_transpose},
    [TARE_OP_GEMM] = {TARE_HALF_PRODUCT, check_gemm},
    [TARE_OP_MATMUL] = {TARE_HALF_PRODUCT, check_matmul},

    [TARE_OP_BATCH_NORMALIZATION] = {TARE_HALF_FUNCTION, check_batch_normalization},
    [TARE_OP_MAX_POOL] = {TARE_HALF_FUNCTION, check_pool},
    [TARE_OP_AVERAGE_POOL] = {TARE_HALF_FUNCTION, check_pool},
    [TARE_OP_GLOBAL_AVERAGE_POOL] = {TARE_HALF_FUNCTION, check_pool},
    [TARE_OP_GLOBAL_MAX_POOL] = {TARE_HALF_FUNCTION, check_pool},
    [TARE_OP_RESIZE] = {TARE_HALF_FUNCTION, check_resize},
    [TARE_OP_UPSAMPLE] = {TARE_HALF_FUNCTION, check_resize},
    [TARE_OP_SOFTMAX] = {TARE_HALF_FUNCTION, check_softmax},
    [TARE_OP_LAYER_NORMALIZATION] = {TARE_HALF_FUNCTION, check_layer_norm},
    [TARE_OP_RMS_NORMALIZATION] = {TARE_HALF_FUNCTION, check_layer_norm},
    [TARE_OP_REDUCE_MEAN] = {TARE_HALF_FUNCTION, check_reduce},
    [TARE_OP_REDUCE_SUM] = {TARE_HALF_FUNCTION, check_reduce},
    [TARE_OP_REDUCE_MAX] = {TARE_HALF_FUNCTION, check_reduce},
    [TARE_OP_REDUCE_MIN] = {TARE_HALF_FUNCTION, check_reduce},
    [TARE_OP_ADD] = {TARE_HALF_FUNCTION, check_two},
    [TARE_OP_SUB] = {TARE_HALF_FUNCTION, check_two},
    [TARE_OP_MUL] = {TARE_HALF_FUNCTION, check_two},
    [TARE_OP_DIV] = {TARE_HALF_FUNCTION, check_two},
    [TARE_OP_POW] = {TARE_HALF_FUNCTION, check_two},
    [TARE_OP_MIN] = {TARE_HALF_FUNCTION, check_two},
    [TARE_OP_MAX] = {TARE_HALF_FUNCTION, check_two},
    [TARE_OP_RELU] = {TARE_HALF_FUNCTION, NULL},
    [TARE_OP_CLIP] = {TARE_HALF_FUNCTION, check_clip},
    [TARE_OP_LEAKY_RELU] = {TARE_HALF_FUNCTION, NULL},
    [TARE_OP_SIGMOID] = {TARE_HALF_FUNCTION, NULL},
    [TARE_OP_HARD_SIGMOID] = {TARE_HALF_FUNCTION, NULL},
    [TARE_OP_HARD_SWISH] = {TARE_HALF_FUNCTION, NULL},
    [TARE_OP_SWISH] = {TARE_HALF_FUNCTION, NULL},
    [TARE_OP_GELU] = {TARE_HALF_FUNCTION, NULL},
    [TARE_OP_TANH] = {TARE_HALF_FUNCTION, NULL},
    [TARE_OP_EXP] = {TARE_HALF_FUNCTION, NULL},
    [TARE_OP_LOG] = {TARE_HALF_FUNCTION, NULL},
    [TARE_OP_SQRT] = {TARE_HALF_FUNCTION, NULL},
    [TARE_OP_ABS] = {TARE_HALF_FUNCTION, NULL},
    [TARE_OP_NEG] = {TARE_HALF_FUNCTION, NULL},
    [TARE_OP_FLOOR] = {TARE_HALF_FUNCTION, NULL},
    [TARE_OP_CEIL] = {TARE_HALF_FUNCTION, NULL},
    [TARE_OP_RECIPROCAL] = {TARE_HALF_FUNCTION, NULL},
    [TARE_OP_ERF] = {TARE_HALF_FUNCTION, NULL},
    [TARE_OP_SOFTPLUS] = {TARE_HALF_FUNCTION, NULL},
    [TARE_OP_ELU] = {TARE_HALF_FUNCTION, NULL},

    [TARE_OP_PLUGIN] = {TARE_HALF_FUNCTION, NULL}, /* as far as it says, halves.c */

    [TARE_OP_IDENTITY] = {TARE_HALF_MOVE, NULL},
    [TARE_OP_DROPOUT] = {TARE_HALF_MOVE, check_dropout},
    [TARE_OP_RESHAPE] = {TARE_HALF_MOVE, NULL},
    [TARE_OP_FLATTEN] = {TARE_HALF_MOVE, NULL},
    [TARE_OP_SQUEEZE] = {TARE_HALF_MOVE, NULL},
    [TARE_OP_UNSQUEEZE] = {TARE_HALF_MOVE, NULL},
    [TARE_OP_TRANSPOSE] = {TARE_HALF_MOVE, NULL},
    [TARE_OP_EXPAND] = {TARE_HALF_MOVE, NULL},
    [TARE_OP_DEPTH_TO_SPACE] = {TARE_HALF_MOVE, check_blocks},
    [TARE_OP_SPACE_TO_DEPTH] = {TARE_HALF_MOVE, check_blocks},
    [TARE_OP_CONCAT] = {TARE_HALF_MOVE, NULL},
    [TARE_OP_SPLIT] = {TARE_HALF_MOVE, NULL},
    [TARE_OP_SLICE] = {TARE_HALF_MOVE, check_slice},
    [TARE_OP_GATHER] = {TARE_HALF_MOVE, check_gather},
    [TARE_OP_PAD] = {TARE_HALF_MOVE, check_pad},
};

bool tare_half_is_settled(const struct tare_tensor *tensor)
{
    bool is = tensor->has_dims;
    for (int i = 0; is && i < tensor->dims.rank; i++)
        is = tensor->dims.d[i] >= 1;
    return is;
}

/* Activations are float32 tensors with memory. */
static bool are_floats(const struct tare_graph *graph, const struct tare_node *node,
                       char reason[TARE_REASON_BYTES])
{
    bool any = false;
    for (size_t i = 0; i < node->n_inputs + node->n_outputs; i++) {
        const int32_t id =
            i < node->n_inputs ? node->inputs[i] : node->outputs[i - node->n_inputs];
        if (id == TARE_NO_TENSOR) continue;
        const struct tare_tensor *t = &graph->tensors[id];
        if (tare_tensor_is_const(t)) continue;
        any = true;
        if (t->dtype == TARE_F32 && tare_half_is_settled(t)) continue;
        (void)snprintf(reason, TARE_REASON_BYTES,
                       t->dtype == TARE_F32
                           ? "only a run knows the shape of '%.80s', or it is empty"
                           : "'%.80s' is no float32 tensor",
                       t->name);
        return false;
    }
    if (!any) (void)snprintf(reason, TARE_REASON_BYTES, "it reads constants alone");
    return any;
}

enum tare_half_rule tare_half_rule_find(const struct tare_graph *graph,
                                        const struct tare_node *node,
                                        char reason[TARE_REASON_BYTES])
{
    const enum tare_half_rule rule = rules[node->op].rule;
    reason[0] = '\0';
    if (rule == TARE_HALF_NONE)
        (void)snprintf(reason, TARE_REASON_BYTES, "%s has no kernel of 16-bit floats",
                       tare_node_op_type(node));
    else if (are_floats(graph, node, reason)) {
        if (!rules[node->op].check || rules[node->op].check(graph, node)) return rule;
        (void)snprintf(reason, TARE_REASON_BYTES,
                       "no kernel computes this %s, with its inputs and attributes",
                       tare_node_op_type(node));
    }
    return TARE_HALF_NONE;
}
