#include "precision/rules.h"

#include <math.h>
#include <stdio.h>

#include "base/dims.h"
#include "graph/params.h"
#include "graph/plugin_instance.h"
#include "graph/window.h"
#include "kernels/u8_conv/u8_conv.h"
#include "precision/half_rules.h"
#include "precision/precision.h"

/* Largest averaged window: their int32 sum is then exact in float32 too. */
#define MAX_AVERAGED (INT64_C(1) << 23)

/* Does the node meet what its rule asks for? Else says why not. */
typedef bool check_fn(const struct tare_graph *graph, const struct tare_node *node,
                      char reason[TARE_REASON_BYTES]);

#define NO(...) return (void)snprintf(reason, TARE_REASON_BYTES, __VA_ARGS__), false

static bool values_fit(const struct tare_tensor *tensor)
{
    const float *values = tensor->data;
    const size_t n = tensor->n_bytes / sizeof *values;
    int fit = 1; /* without branches: weights are many, and nearly always fit */
    for (size_t i = 0; i < n; i++)
        fit &= fabs((double)values[i]) <= TARE_RANGE_MOST; /* NaN does not */
    return fit;
}

/* What the weighted operators share; k products make one sum. */
static bool check_constants(const struct tare_graph *graph,
                            const struct tare_node *node,
                            char reason[TARE_REASON_BYTES])
{
    for (size_t i = 1; i < 3; i++) {
        const int32_t id = tare_node_input(node, i);
        if (id < 0) continue;
        const struct tare_tensor *tensor = &graph->tensors[id];
        const char *what = i == 1 ? "weights" : "bias";
        if (!tare_tensor_is_const(tensor) || tensor->dtype != TARE_F32)
            NO("tensor '%.80s' (%s) is not a float constant", tensor->name, what);
        if (!values_fit(tensor))
            NO("tensor '%.80s' (%s) holds values above %g or NaN", tensor->name, what,
               TARE_RANGE_MOST);
    }
    return true;
}

static bool check_terms(int64_t terms, char reason[TARE_REASON_BYTES])
{
    if (terms > TARE_U8_MAX_TERMS)
        NO("it sums %lld products, more than the %lld that fit an int32",
           (long long)terms, (long long)TARE_U8_MAX_TERMS);
    return true;
}

static bool check_conv(const struct tare_graph *graph, const struct tare_node *node,
                       char reason[TARE_REASON_BYTES])
{
    struct tare_spatial window;
    if (tare_node_window(graph, node, &window, NULL) != TARE_OK)
        NO("only convolutions over two axes have INT8 kernels");
    return check_terms(window.in_c / window.groups * window.kernel[0] *
                           window.kernel[1],
                       reason) &&
           check_constants(graph, node, reason);
}

static bool check_conv_transpose(const struct tare_graph *graph,
                                 const struct tare_node *node,
                                 char reason[TARE_REASON_BYTES])
{
    struct tare_spatial s;
    if (tare_node_window_nd(graph, node, &s, NULL) != TARE_OK || s.n_axes != 2)
        NO("only convolutions over two axes have INT8 kernels");
    if (!tare_spatial_is_stuffed_conv(&s)) NO("no convolution does what it does");
    return check_terms(s.in_c / s.groups * s.kernel[0] * s.kernel[1], reason) &&
           check_constants(graph, node, reason);
}

/* The bias must be one value a column. */
static bool check_gemm(const struct tare_graph *graph, const struct tare_node *node,
                       char reason[TARE_REASON_BYTES])
{
    struct tare_gemm gemm;
    if (tare_node_gemm(graph, node, &gemm, NULL) != TARE_OK || gemm.trans_a)
        NO("a transposed first matrix has no INT8 kernel");
    const int32_t bias = tare_node_input(node, 2);
    if (bias >= 0) {
        const struct tare_dims *dims = &graph->tensors[bias].dims;
        if (dims->rank == 2 && dims->d[0] != 1)
            NO("its bias '%.80s' differs from row to row", graph->tensors[bias].name);
    }
    return check_terms(gemm.k, reason) && check_constants(graph, node, reason);
}

int32_t tare_rule_signed(const struct tare_graph *graph, const struct tare_node *node)
{
    return node->op == TARE_OP_MATMUL &&
                   !tare_tensor_is_const(&graph->tensors[node->inputs[1]])
               ? node->inputs[1]
               : TARE_NO_TENSOR;
}

static bool check_activations(const struct tare_dims *a, char reason[TARE_REASON_BYTES])
{
    const int64_t terms = a->d[a->rank - 1];
    if (terms > TARE_U8_CONV_MATRIX_TERMS)
        NO("it sums %lld products, more than the %lld that fit an int32",
           (long long)terms, (long long)TARE_U8_CONV_MATRIX_TERMS);
    return true;
}

static bool check_matmul(const struct tare_graph *graph, const struct tare_node *node,
                         char reason[TARE_REASON_BYTES])
{
    const struct tare_tensor *b = &graph->tensors[node->inputs[1]];
    if (tare_rule_signed(graph, node) != TARE_NO_TENSOR)
        return check_activations(&graph->tensors[node->inputs[0]].dims, reason);
    if (b->dims.rank != 2)
        NO("its second matrix '%.80s' has %d axes, INT8 wants 2", b->name,
           (int)b->dims.rank);
    return check_terms(b->dims.d[0], reason) && check_constants(graph, node, reason);
}

static bool check_pad(const struct tare_graph *graph, const struct tare_node *node,
                      char reason[TARE_REASON_BYTES])
{
    struct tare_pads pads;
    if (tare_node_pads(graph, node, &pads, NULL) != TARE_OK ||
        pads.mode == TARE_PAD_WRAP)
        NO("it wraps around");
    return true;
}

/* Does it make values that its input does not have? Zero is a code of every scale. */
static bool makes_values(const struct tare_graph *graph, const struct tare_node *node)
{
    struct tare_pads pads;
    struct tare_resize resize;
    switch (node->op) {
    case TARE_OP_PAD:
        return tare_node_pads(graph, node, &pads, NULL) == TARE_OK &&
               pads.value != 0.0F;
    case TARE_OP_RESIZE:
    case TARE_OP_UPSAMPLE:
        return tare_node_resize(graph, node, &resize, NULL) == TARE_OK &&
               resize.mode != TARE_RESIZE_NEAREST;
    default: return false;
    }
}

static bool check_gather(const struct tare_graph *graph, const struct tare_node *node,
                         char reason[TARE_REASON_BYTES])
{
    const struct tare_tensor *indices = &graph->tensors[node->inputs[1]];
    if (!tare_tensor_is_const(indices) || indices->dtype != TARE_S64)
        NO("its indices '%.80s' are no int64 constant", indices->name);
    return true;
}

static bool check_blocks(const struct tare_graph *graph, const struct tare_node *node,
                         char reason[TARE_REASON_BYTES])
{
    struct tare_blocks blocks;
    if (tare_node_blocks(graph, node, &blocks, NULL) != TARE_OK)
        NO("its blocks do not fit");
    return true;
}

/* As a pool, over all of an image. */
static bool check_mean(const struct tare_graph *graph, const struct tare_node *node,
                       char reason[TARE_REASON_BYTES])
{
    const struct tare_dims *dims = &graph->tensors[node->inputs[0]].dims;
    bool reduced[TARE_MAX_RANK] = {false}, keepdims;
    if (dims->rank != 4 ||
        tare_node_reduce_axes(graph, node, reduced, &keepdims, NULL) != TARE_OK ||
        reduced[0] || reduced[1] || !reduced[2] || !reduced[3])
        NO("INT8 takes means over the two axes of images");
    if (dims->d[2] > MAX_AVERAGED / dims->d[3])
        NO("it averages more than %lld values", (long long)MAX_AVERAGED);
    return true;
}

static bool check_resize(const struct tare_graph *graph, const struct tare_node *node,
                         char reason[TARE_REASON_BYTES])
{
    struct tare_resize resize;
    if (tare_node_resize(graph, node, &resize, NULL) != TARE_OK ||
        resize.in.rank != 4 || resize.in.d[0] != resize.out.d[0] ||
        resize.in.d[1] != resize.out.d[1])
        NO("only resampling of two axes of images has INT8 kernels");
    if (resize.mode == TARE_RESIZE_CUBIC || resize.antialias ||
        resize.coordinates == TARE_RESIZE_TF_CROP_AND_RESIZE)
        NO("INT8 resamples to the nearest value or linearly, without antialias");
    return true;
}

static bool check_two(const struct tare_graph *graph, const struct tare_node *node,
                      char reason[TARE_REASON_BYTES])
{
    (void)graph;
    if (node->n_inputs != 2) NO("it has %zu inputs, INT8 wants 2", node->n_inputs);
    return true;
}

static bool check_max(const struct tare_graph *graph, const struct tare_node *node,
                      char reason[TARE_REASON_BYTES])
{
    struct tare_spatial window;
    if (tare_node_window(graph, node, &window, NULL) != TARE_OK)
        NO("only pools over two axes have INT8 kernels");
    if (node->n_outputs > 1 && tare_graph_n_uses(graph, node->outputs[1]) > 0)
        NO("its indices '%.80s' are used", graph->tensors[node->outputs[1]].name);
    return true;
}

static bool check_average(const struct tare_graph *graph, const struct tare_node *node,
                          char reason[TARE_REASON_BYTES])
{
    struct tare_spatial window;
    if (tare_node_window(graph, node, &window, NULL) != TARE_OK)
        NO("only pools over two axes have INT8 kernels");
    if (window.kernel[0] > MAX_AVERAGED / window.kernel[1])
        NO("it averages more than %lld values", (long long)MAX_AVERAGED);
    return true;
}

static bool check_plugin(const struct tare_graph *graph, const struct tare_node *node,
                         char reason[TARE_REASON_BYTES])
{
    if (!tare_plugin_offers(node->plugin, TARE_PLUGIN_INT8))
        NO("plugin '%.80s' does not compute in INT8", node->plugin->type->name);
    if (tare_rule_n_data(graph, node) == 0) NO("it reads no float activation");
    for (size_t i = 0; i < node->n_outputs; i++) {
        const struct tare_tensor *out = &graph->tensors[node->outputs[i]];
        if (out->dtype != TARE_F32)
            NO("its output '%.80s' is %s, not float32", out->name,
               tare_dtype_name(out->dtype));
        if (!tare_half_is_settled(out))
            NO("only a run knows the shape of '%.80s', or it is empty", out->name);
    }
    return true;
}

static bool check_clip(const struct tare_graph *graph, const struct tare_node *node,
                       char reason[TARE_REASON_BYTES])
{
    if (!tare_node_clip_is_fixed(graph, node))
        NO("its bounds are computed at run time");
    return true;
}

/* Operators that are not here stay float. */
static const struct {
    enum tare_rule rule;
    check_fn *check; /* NULL: nothing to ask */
} rules[TARE_OP_COUNT] = {
    [TARE_OP_CONV] = {TARE_RULE_PRODUCT, check_conv},
    [TARE_OP_CONV_TRANSPOSE] = {TARE_RULE_PRODUCT, check_conv_transpose},
    [TARE_OP_GEMM] = {TARE_RULE_PRODUCT, check_gemm},
    [TARE_OP_MATMUL] = {TARE_RULE_PRODUCT, check_matmul},

    [TARE_OP_MAX_POOL] = {TARE_RULE_SAME_SCALE, check_max},
    [TARE_OP_GLOBAL_MAX_POOL] = {TARE_RULE_SAME_SCALE, check_max},
    [TARE_OP_RESIZE] = {TARE_RULE_SAME_SCALE, check_resize},
    [TARE_OP_UPSAMPLE] = {TARE_RULE_SAME_SCALE, check_resize},
    [TARE_OP_IDENTITY] = {TARE_RULE_SAME_SCALE, NULL},
    [TARE_OP_RESHAPE] = {TARE_RULE_SAME_SCALE, NULL},
    [TARE_OP_FLATTEN] = {TARE_RULE_SAME_SCALE, NULL},
    [TARE_OP_SQUEEZE] = {TARE_RULE_SAME_SCALE, NULL},
    [TARE_OP_UNSQUEEZE] = {TARE_RULE_SAME_SCALE, NULL},
    [TARE_OP_TRANSPOSE] = {TARE_RULE_SAME_SCALE, NULL},
    [TARE_OP_SLICE] = {TARE_RULE_SAME_SCALE, NULL},
    [TARE_OP_SPLIT] = {TARE_RULE_SAME_SCALE, NULL},
    [TARE_OP_PAD] = {TARE_RULE_SAME_SCALE, check_pad},
    [TARE_OP_EXPAND] = {TARE_RULE_SAME_SCALE, NULL},
    [TARE_OP_GATHER] = {TARE_RULE_SAME_SCALE, check_gather},
    [TARE_OP_DEPTH_TO_SPACE] = {TARE_RULE_SAME_SCALE, check_blocks},
    [TARE_OP_SPACE_TO_DEPTH] = {TARE_RULE_SAME_SCALE, check_blocks},

    [TARE_OP_CONCAT] = {TARE_RULE_CONCAT, NULL},

    [TARE_OP_ADD] = {TARE_RULE_OWN_SCALE, NULL},
    [TARE_OP_SUB] = {TARE_RULE_OWN_SCALE, NULL},
    [TARE_OP_MUL] = {TARE_RULE_OWN_SCALE, NULL},
    [TARE_OP_MIN] = {TARE_RULE_OWN_SCALE, check_two},
    [TARE_OP_MAX] = {TARE_RULE_OWN_SCALE, check_two},
    [TARE_OP_AVERAGE_POOL] = {TARE_RULE_OWN_SCALE, check_average},
    [TARE_OP_GLOBAL_AVERAGE_POOL] = {TARE_RULE_OWN_SCALE, check_average},
    [TARE_OP_REDUCE_MEAN] = {TARE_RULE_OWN_SCALE, check_mean},

    [TARE_OP_PLUGIN] = {TARE_RULE_OWN_SCALE, check_plugin},

    [TARE_OP_CLIP] = {TARE_RULE_TABLE, check_clip},
    [TARE_OP_RELU] = {TARE_RULE_TABLE, NULL},
    [TARE_OP_LEAKY_RELU] = {TARE_RULE_TABLE, NULL},
    [TARE_OP_SIGMOID] = {TARE_RULE_TABLE, NULL},
    [TARE_OP_HARD_SIGMOID] = {TARE_RULE_TABLE, NULL},
    [TARE_OP_HARD_SWISH] = {TARE_RULE_TABLE, NULL},
    [TARE_OP_SWISH] = {TARE_RULE_TABLE, NULL},
    [TARE_OP_GELU] = {TARE_RULE_TABLE, NULL},
    [TARE_OP_TANH] = {TARE_RULE_TABLE, NULL},
    [TARE_OP_ERF] = {TARE_RULE_TABLE, NULL},
    [TARE_OP_SOFTPLUS] = {TARE_RULE_TABLE, NULL},
    [TARE_OP_ELU] = {TARE_RULE_TABLE, NULL},
    [TARE_OP_SELU] = {TARE_RULE_TABLE, NULL},
    [TARE_OP_CELU] = {TARE_RULE_TABLE, NULL},
    [TARE_OP_THRESHOLDED_RELU] = {TARE_RULE_TABLE, NULL},
    [TARE_OP_SHRINK] = {TARE_RULE_TABLE, NULL},
    [TARE_OP_SOFTSIGN] = {TARE_RULE_TABLE, NULL},
    [TARE_OP_MISH] = {TARE_RULE_TABLE, NULL},
    [TARE_OP_ABS] = {TARE_RULE_TABLE, NULL},
    [TARE_OP_NEG] = {TARE_RULE_TABLE, NULL},
    [TARE_OP_SIGN] = {TARE_RULE_TABLE, NULL},
    [TARE_OP_FLOOR] = {TARE_RULE_TABLE, NULL},
    [TARE_OP_CEIL] = {TARE_RULE_TABLE, NULL},
    [TARE_OP_ROUND] = {TARE_RULE_TABLE, NULL},
    [TARE_OP_EXP] = {TARE_RULE_TABLE, NULL},
    [TARE_OP_SQRT] = {TARE_RULE_TABLE, NULL},
    [TARE_OP_SIN] = {TARE_RULE_TABLE, NULL},
    [TARE_OP_COS] = {TARE_RULE_TABLE, NULL},
    [TARE_OP_ASIN] = {TARE_RULE_TABLE, NULL},
    [TARE_OP_ACOS] = {TARE_RULE_TABLE, NULL},
    [TARE_OP_ATAN] = {TARE_RULE_TABLE, NULL},
    [TARE_OP_SINH] = {TARE_RULE_TABLE, NULL},
    [TARE_OP_COSH] = {TARE_RULE_TABLE, NULL},
    [TARE_OP_ASINH] = {TARE_RULE_TABLE, NULL},
    [TARE_OP_ACOSH] = {TARE_RULE_TABLE, NULL},
    [TARE_OP_LOG] = {TARE_RULE_POLE, NULL},
    [TARE_OP_RECIPROCAL] = {TARE_RULE_POLE, NULL},
    [TARE_OP_TAN] = {TARE_RULE_POLE, NULL},
    [TARE_OP_ATANH] = {TARE_RULE_POLE, NULL},
};

/* Which input of two is a constant, so that the node is a function of the other; or -1.
 */
static int constant_of_two(const struct tare_graph *graph, const struct tare_node *node)
{
    switch (node->op) {
    case TARE_OP_ADD:
    case TARE_OP_SUB:
    case TARE_OP_MUL:
    case TARE_OP_DIV:
    case TARE_OP_POW:
    case TARE_OP_PRELU:
    case TARE_OP_MIN:
    case TARE_OP_MAX: break;
    default: return -1;
    }
    if (node->n_inputs != 2) return -1;
    return tare_tensor_is_const(&graph->tensors[node->inputs[1]])   ? 1
           : tare_tensor_is_const(&graph->tensors[node->inputs[0]]) ? 0
                                                                    : -1;
}

/* A constant of one value makes a table, one with a pole in 1 / x and x^-1. */
static enum tare_rule rule_of_constant(const struct tare_graph *graph,
                                       const struct tare_node *node, int constant,
                                       char reason[TARE_REASON_BYTES])
{
    const struct tare_tensor *c = &graph->tensors[node->inputs[constant]];
    const struct tare_tensor *x = &graph->tensors[node->inputs[1 - constant]];
    if (c->dtype != TARE_F32 || c->n_bytes != sizeof(float) ||
        !tare_dims_equal(&x->dims, &graph->tensors[node->outputs[0]].dims)) {
        (void)snprintf(reason, TARE_REASON_BYTES, "its input '%.80s' is constant",
                       c->name);
        return TARE_RULE_FLOAT;
    }
    const float value = *(const float *)c->data;
    const bool has_pole = (node->op == TARE_OP_DIV && constant == 0) ||
                          (node->op == TARE_OP_POW && constant == 1 && value < 0.0F);
    return has_pole ? TARE_RULE_POLE : TARE_RULE_TABLE;
}

/* A plugin's input that it takes as bytes: constants stay floats. */
static bool is_plugin_data(const struct tare_graph *graph, int32_t tensor)
{
    return tensor != TARE_NO_TENSOR && graph->tensors[tensor].dtype == TARE_F32 &&
           !tare_tensor_is_const(&graph->tensors[tensor]);
}

static size_t n_plugin_data(const struct tare_graph *graph,
                            const struct tare_node *node)
{
    size_t n = 0;
    for (size_t i = 0; i < node->n_inputs; i++)
        n += is_plugin_data(graph, node->inputs[i]);
    return n;
}

static int32_t plugin_data(const struct tare_graph *graph, const struct tare_node *node,
                           size_t i)
{
    size_t at = 0;
    while (!is_plugin_data(graph, node->inputs[at]) || i-- > 0)
        at++;
    return node->inputs[at];
}

static size_t n_own_data(const struct tare_graph *graph, const struct tare_node *node)
{
    if (constant_of_two(graph, node) >= 0) return 1;
    switch (node->op) {
    case TARE_OP_CONCAT:
    case TARE_OP_MIN:
    case TARE_OP_MAX: return node->n_inputs;
    case TARE_OP_ADD:
    case TARE_OP_SUB:
    case TARE_OP_MUL: return 2;
    case TARE_OP_PLUGIN: return n_plugin_data(graph, node);
    default: return tare_rule_signed(graph, node) != TARE_NO_TENSOR ? 2 : 1;
    }
}

size_t tare_rule_n_data(const struct tare_graph *graph, const struct tare_node *node)
{
    return n_own_data(graph, node) + node->fused.has_residual;
}

int32_t tare_rule_data(const struct tare_graph *graph, const struct tare_node *node,
                       size_t i)
{
    const bool is_residual =
        node->fused.has_residual && i + 1 == tare_rule_n_data(graph, node);
    if (is_residual) return node->inputs[node->n_inputs - 1];
    if (node->op == TARE_OP_PLUGIN) return plugin_data(graph, node, i);
    return node->inputs[constant_of_two(graph, node) == 0 ? 1 : i];
}

/* Every input and output of an INT8 node is a float activation in the model. */
static bool check_types(const struct tare_graph *graph, const struct tare_node *node,
                        char reason[TARE_REASON_BYTES])
{
    for (size_t i = 0; i < tare_rule_n_data(graph, node); i++) {
        const struct tare_tensor *in = &graph->tensors[tare_rule_data(graph, node, i)];
        if (tare_tensor_is_const(in)) NO("its input '%.80s' is constant", in->name);
        if (in->dtype != TARE_F32)
            NO("its input '%.80s' is %s, not float32", in->name,
               tare_dtype_name(in->dtype));
    }
    return true;
}

enum tare_rule tare_rule_find(const struct tare_graph *graph,
                              const struct tare_node *node,
                              char reason[TARE_REASON_BYTES])
{
    reason[0] = '\0';
    const int constant = constant_of_two(graph, node);
    enum tare_rule rule = rules[node->op].rule;
    check_fn *check = rules[node->op].check;
    if (constant >= 0) {
        rule = rule_of_constant(graph, node, constant, reason);
        check = NULL;
        if (rule == TARE_RULE_FLOAT) return rule;
    }
    if (makes_values(graph, node)) rule = TARE_RULE_OWN_SCALE;
    if (rule == TARE_RULE_FLOAT)
        (void)snprintf(reason, TARE_REASON_BYTES, "%s has no INT8 kernel",
                       tare_node_op_type(node));
    else if (check_types(graph, node, reason) && (!check || check(graph, node, reason)))
        return rule;
    return TARE_RULE_FLOAT;
}
