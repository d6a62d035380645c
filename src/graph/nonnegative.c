#include <string.h>

#include "base/dims.h"
#include "graph/ops/ops.h"
#include "graph/params.h"

/** When an operator's own result cannot be negative. */
enum rule {
    RULE_UNKNOWN,
    RULE_ALWAYS,
    RULE_FIRST,  /* input 0 is not negative */
    RULE_ALL,    /* no input is negative */
    RULE_ANY,    /* one input is not negative */
    RULE_SPECIAL /* special() below */
};

static const enum rule rules[TARE_OP_COUNT] = {
    [TARE_OP_RELU] = RULE_ALWAYS,
    [TARE_OP_SIGMOID] = RULE_ALWAYS,
    [TARE_OP_HARD_SIGMOID] = RULE_ALWAYS,
    [TARE_OP_SOFTMAX] = RULE_ALWAYS,
    [TARE_OP_SOFTPLUS] = RULE_ALWAYS,
    [TARE_OP_EXP] = RULE_ALWAYS,
    [TARE_OP_ABS] = RULE_ALWAYS,
    [TARE_OP_THRESHOLDED_RELU] = RULE_SPECIAL,
    [TARE_OP_HARDMAX] = RULE_ALWAYS,
    [TARE_OP_ACOS] = RULE_ALWAYS,
    [TARE_OP_COSH] = RULE_ALWAYS,
    [TARE_OP_ACOSH] = RULE_ALWAYS,
    [TARE_OP_REDUCE_L1] = RULE_ALWAYS,
    [TARE_OP_REDUCE_L2] = RULE_ALWAYS,
    [TARE_OP_REDUCE_SUM_SQUARE] = RULE_ALWAYS,
    [TARE_OP_SQRT] = RULE_ALWAYS,
    [TARE_OP_LEAKY_RELU] = RULE_FIRST,
    [TARE_OP_ELU] = RULE_FIRST,
    [TARE_OP_HARD_SWISH] = RULE_FIRST,
    [TARE_OP_SWISH] = RULE_FIRST,
    [TARE_OP_TANH] = RULE_FIRST,
    [TARE_OP_CELU] = RULE_FIRST,
    [TARE_OP_MISH] = RULE_FIRST,
    [TARE_OP_GELU] = RULE_FIRST,
    [TARE_OP_PRELU] = RULE_FIRST,
    [TARE_OP_SOFTSIGN] = RULE_FIRST,
    [TARE_OP_SIGN] = RULE_FIRST,
    [TARE_OP_ROUND] = RULE_FIRST,
    [TARE_OP_ASIN] = RULE_FIRST,
    [TARE_OP_ATAN] = RULE_FIRST,
    [TARE_OP_SINH] = RULE_FIRST,
    [TARE_OP_ASINH] = RULE_FIRST,
    [TARE_OP_ATANH] = RULE_FIRST,
    [TARE_OP_MOD] = RULE_FIRST,
    [TARE_OP_CAST_LIKE] = RULE_FIRST,
    [TARE_OP_REDUCE_PROD] = RULE_FIRST,
    [TARE_OP_ERF] = RULE_FIRST,
    [TARE_OP_FLOOR] = RULE_FIRST,
    [TARE_OP_CEIL] = RULE_FIRST,
    [TARE_OP_RECIPROCAL] = RULE_FIRST,
    [TARE_OP_POW] = RULE_FIRST,
    [TARE_OP_MAX_POOL] = RULE_FIRST,
    [TARE_OP_AVERAGE_POOL] = RULE_FIRST,
    [TARE_OP_LP_POOL] = RULE_ALWAYS,
    [TARE_OP_GLOBAL_LP_POOL] = RULE_ALWAYS,
    [TARE_OP_LRN] = RULE_FIRST,
    [TARE_OP_GLOBAL_AVERAGE_POOL] = RULE_FIRST,
    [TARE_OP_GLOBAL_MAX_POOL] = RULE_FIRST,
    [TARE_OP_REDUCE_MEAN] = RULE_FIRST,
    [TARE_OP_REDUCE_SUM] = RULE_FIRST,
    [TARE_OP_REDUCE_MAX] = RULE_FIRST,
    [TARE_OP_REDUCE_MIN] = RULE_FIRST,
    [TARE_OP_IDENTITY] = RULE_FIRST,
    [TARE_OP_DROPOUT] = RULE_FIRST,
    [TARE_OP_RESHAPE] = RULE_FIRST,
    [TARE_OP_FLATTEN] = RULE_FIRST,
    [TARE_OP_SQUEEZE] = RULE_FIRST,
    [TARE_OP_UNSQUEEZE] = RULE_FIRST,
    [TARE_OP_TRANSPOSE] = RULE_FIRST,
    [TARE_OP_EXPAND] = RULE_FIRST,
    [TARE_OP_SPLIT] = RULE_FIRST,
    [TARE_OP_SLICE] = RULE_FIRST,
    [TARE_OP_GATHER] = RULE_FIRST,
    [TARE_OP_GATHER_ELEMENTS] = RULE_FIRST,
    [TARE_OP_GATHER_ND] = RULE_FIRST,
    [TARE_OP_CENTER_CROP_PAD] = RULE_FIRST,
    [TARE_OP_TILE] = RULE_FIRST,
    [TARE_OP_COMPRESS] = RULE_FIRST,
    [TARE_OP_UNIQUE] = RULE_FIRST,
    [TARE_OP_REVERSE_SEQUENCE] = RULE_FIRST,
    [TARE_OP_DEPTH_TO_SPACE] = RULE_FIRST,
    [TARE_OP_SPACE_TO_DEPTH] = RULE_FIRST,
    [TARE_OP_MAX_UNPOOL] = RULE_FIRST,
    [TARE_OP_COL2IM] = RULE_FIRST,
    [TARE_OP_ROI_ALIGN] = RULE_FIRST,
    [TARE_OP_MAX_ROI_POOL] = RULE_FIRST,
    [TARE_OP_GRID_SAMPLE] = RULE_SPECIAL,
    [TARE_OP_CAST] = RULE_FIRST,
    [TARE_OP_TOP_K] = RULE_FIRST,
    [TARE_OP_CUM_SUM] = RULE_FIRST,
    [TARE_OP_TRILU] = RULE_FIRST,
    [TARE_OP_LP_NORMALIZATION] = RULE_FIRST,
    [TARE_OP_EINSUM] = RULE_ALL,
    [TARE_OP_EYE_LIKE] = RULE_ALWAYS,
    [TARE_OP_CONCAT] = RULE_ALL,
    [TARE_OP_ADD] = RULE_ALL,
    [TARE_OP_DIV] = RULE_ALL,
    [TARE_OP_MIN] = RULE_ALL,
    [TARE_OP_SUM] = RULE_ALL,
    [TARE_OP_MEAN] = RULE_ALL,
    [TARE_OP_MAX] = RULE_ANY,
    [TARE_OP_MUL] = RULE_SPECIAL,
    [TARE_OP_WHERE] = RULE_SPECIAL,
    [TARE_OP_ONE_HOT] = RULE_SPECIAL,
    [TARE_OP_CLIP] = RULE_SPECIAL,
    [TARE_OP_PAD] = RULE_SPECIAL,
    [TARE_OP_SCATTER] = RULE_SPECIAL,
    [TARE_OP_SCATTER_ELEMENTS] = RULE_SPECIAL,
    [TARE_OP_SCATTER_ND] = RULE_SPECIAL,
    [TARE_OP_RESIZE] = RULE_SPECIAL,
    [TARE_OP_UPSAMPLE] = RULE_SPECIAL,
};

static bool clip(bool x, float lower, float upper)
{
    return (x || lower >= 0.0F) && upper >= 0.0F;
}

static bool special(const struct tare_graph *graph, const struct tare_node *node,
                    const bool *flags)
{
    const bool x = flags[node->inputs[0]];
    float lower, upper;
    struct tare_pads pads;
    switch (node->op) {
    case TARE_OP_MUL:
        return node->inputs[0] == node->inputs[1] || (x && flags[node->inputs[1]]);
    case TARE_OP_CLIP:
        return tare_node_clip_is_fixed(graph, node) &&
               tare_node_clip_bounds(graph, node, &lower, &upper, NULL) == TARE_OK &&
               clip(x, lower, upper);
    case TARE_OP_WHERE: return flags[node->inputs[1]] && flags[node->inputs[2]];
    case TARE_OP_ONE_HOT: return flags[node->inputs[2]];
    case TARE_OP_THRESHOLDED_RELU:
        return x || tare_node_float(node, "alpha", 1.0F) >= 0.0F;
    case TARE_OP_PAD:
        return x && tare_node_pads(graph, node, &pads, NULL) == TARE_OK &&
               pads.value >= 0.0F;
    case TARE_OP_SCATTER:
    case TARE_OP_SCATTER_ELEMENTS:
    case TARE_OP_SCATTER_ND: return x && flags[node->inputs[2]];
    case TARE_OP_GRID_SAMPLE: /* cubic interpolation overshoots */
        return x && strstr(tare_node_string(node, "mode", "linear"), "cubic") == NULL;
    default: /* Resize and Upsample: cubic interpolation overshoots */
        return x && strcmp(tare_node_string(node, "mode", "nearest"), "cubic") != 0 &&
               tare_node_float(node, "extrapolation_value", 0.0F) >= 0.0F;
    }
}

/* The node's own arithmetic, without what is fused behind it. */
static bool own_result(const struct tare_graph *graph, const struct tare_node *node,
                       const bool *flags)
{
    const enum rule rule = rules[node->op];
    const size_t n = node->n_inputs - (node->fused.has_residual ? 1 : 0);
    if (rule == RULE_ALWAYS) return true;
    if (rule == RULE_UNKNOWN || n == 0) return false;
    if (rule == RULE_SPECIAL) return special(graph, node, flags);
    if (rule == RULE_FIRST) return flags[node->inputs[0]];
    size_t n_flagged = 0;
    for (size_t i = 0; i < n; i++)
        n_flagged += flags[node->inputs[i]];
    return rule == RULE_ALL ? n_flagged == n : n_flagged > 0;
}

static bool result(const struct tare_graph *graph, const struct tare_node *node,
                   const bool *flags)
{
    const struct tare_fused *fused = &node->fused;
    bool flag = own_result(graph, node, flags);
    if (fused->has_residual) flag = flag && flags[node->inputs[node->n_inputs - 1]];
    if (fused->negative_slope <= 0.0F) flag = true;
    return clip(flag, fused->lower, fused->upper);
}

static bool constant_is(const struct tare_tensor *tensor)
{
    const struct tare_const content = {
        .dtype = tensor->dtype, .dims = tensor->dims, .data = tensor->data};
    if (tensor->dtype == TARE_F16 || tensor->dtype == TARE_F64) return false;
    const int64_t n = tare_dims_count(&tensor->dims);
    for (int64_t i = 0; i < n; i++)
        if (!(tare_const_get(&content, i) >= 0.0)) return false;
    return true;
}

void tare_graph_nonnegative(const struct tare_graph *graph, bool *flags)
{
    for (size_t i = 0; i < graph->n_tensors; i++) {
        const struct tare_tensor *tensor = &graph->tensors[i];
        flags[i] = tensor->dtype == TARE_U8 || tensor->dtype == TARE_BOOL ||
                   (tensor->data && constant_is(tensor));
    }
    for (size_t i = 0; i < graph->n_nodes; i++) {
        const struct tare_node *node = &graph->nodes[i];
        if (node->dead) continue;
        /* Integers that are computed may wrap; only constants tell. */
        const bool is_float = graph->tensors[node->outputs[0]].dtype == TARE_F32;
        const bool flag = is_float && result(graph, node, flags);
        for (size_t j = 0; j < node->n_outputs; j++)
            flags[node->outputs[j]] = flags[node->outputs[j]] || flag;
    }
}
