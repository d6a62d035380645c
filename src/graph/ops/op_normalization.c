/* InstanceNormalization, GroupNormalization, LayerNormalization, RMSNormalization. */
#include <math.h>

#include "base/dims.h"
#include "base/mem.h"
#include "graph/ops/ops.h"
#include "graph/params.h"

/* 1 / standard deviation of n values from `mean`. */
static double inverse_of(const float *x, int64_t n, double mean, double epsilon)
{
    double squares = 0.0;
    for (int64_t i = 0; i < n; i++) {
        const double d = (double)x[i] - mean;
        squares += d * d;
    }
    return 1.0 / sqrt(squares / (double)n + epsilon);
}

static double mean_of(const float *x, int64_t n)
{
    double sum = 0.0;
    for (int64_t i = 0; i < n; i++)
        sum += (double)x[i];
    return sum / (double)n;
}

static enum tare_status check_stash(const struct tare_node *node,
                                    struct tare_error *err)
{
    const int64_t type = tare_node_int(node, "stash_type", 1);
    if (type != 1)
        TARE_NODE_FAIL(node, err, TARE_E_UNSUPPORTED,
                       "stash_type is %lld, tare computes in float32 (1)",
                       (long long)type);
    return TARE_OK;
}

/* Groups of channels that are normalized together, for Instance and Group. */
static enum tare_status read_groups(const struct tare_graph *graph,
                                    const struct tare_node *node, int64_t *n_groups,
                                    struct tare_error *err)
{
    const struct tare_dims *x = &tare_op_input(graph, node, 0)->dims;
    char text[TARE_DIMS_TEXT];
    if (x->rank < 3)
        TARE_NODE_FAIL(node, err, TARE_E_FORMAT, "input is %.80s, want rank 3 or more",
                       tare_dims_print(x, text));
    const bool grouped = node->op == TARE_OP_GROUP_NORMALIZATION;
    *n_groups = grouped ? tare_node_int(node, "num_groups", 0) : x->d[1];
    if (grouped && (*n_groups < 1 || x->d[1] % *n_groups != 0))
        TARE_NODE_FAIL(node, err, TARE_E_FORMAT,
                       "num_groups is %lld, which does not divide %lld channels",
                       (long long)*n_groups, (long long)x->d[1]);
    return TARE_OK;
}

/* Before opset 21 GroupNormalization has one scale and bias a group, else a channel. */
static bool scales_groups(const struct tare_graph *graph, const struct tare_node *node)
{
    return node->op == TARE_OP_GROUP_NORMALIZATION && graph->opset < 21;
}

enum tare_status tare_infer_group_normalization(struct tare_graph *graph,
                                                struct tare_node *node,
                                                struct tare_error *err)
{
    static const char *const names[] = {"X", "scale", "bias"};
    int64_t n_groups;
    enum tare_status st = check_stash(node, err);
    if (st == TARE_OK) st = read_groups(graph, node, &n_groups, err);
    for (size_t i = 0; i < 3 && st == TARE_OK; i++) {
        st = tare_op_want_dtype(graph, node, i, TARE_IS_FLOAT, err);
        const int64_t n = scales_groups(graph, node)
                              ? n_groups
                              : tare_op_input(graph, node, 0)->dims.d[1];
        if (st == TARE_OK && i > 0)
            st = tare_op_want_vector(graph, node, i, names[i], n, err);
    }
    return st == TARE_OK ? tare_op_set_like_input(graph, node, err) : st;
}

enum tare_status tare_eval_group_normalization(const struct tare_graph *graph,
                                               const struct tare_node *node,
                                               const struct tare_const *inputs,
                                               struct tare_const *outputs,
                                               struct tare_error *err)
{
    int64_t n_groups;
    enum tare_status st = read_groups(graph, node, &n_groups, err);
    if (st == TARE_OK) st = tare_const_alloc(&outputs[0], err);
    if (st != TARE_OK || outputs[0].n_bytes == 0) return st;
    const struct tare_dims *dims = &inputs[0].dims;
    const int64_t group_c = dims->d[1] / n_groups;
    const int64_t size = tare_dims_count(dims) / (dims->d[0] * dims->d[1]);
    const double epsilon = (double)tare_node_float(node, "epsilon", 1e-5F);
    const float *scale = inputs[1].data, *bias = inputs[2].data;
    for (int64_t i = 0; i < dims->d[0] * n_groups; i++) {
        const float *x = (const float *)inputs[0].data + i * group_c * size;
        float *y = (float *)outputs[0].data + i * group_c * size;
        const int64_t group = i % n_groups;
        const double mean = mean_of(x, group_c * size);
        const double inverse = inverse_of(x, group_c * size, mean, epsilon);
        for (int64_t c = 0; c < group_c; c++) {
            const int64_t p = scales_groups(graph, node) ? group : group * group_c + c;
            const double factor = (double)scale[p] * inverse;
            for (int64_t j = c * size; j < (c + 1) * size; j++)
                y[j] = (float)(((double)x[j] - mean) * factor + (double)bias[p]);
        }
    }
    return TARE_OK;
}

/* The axes that Layer- and RMSNormalization run over: from the attribute's to the last.
 */
static enum tare_status layer_axes(const struct tare_node *node,
                                   const struct tare_dims *x, struct tare_dims *axes,
                                   struct tare_error *err)
{
    int32_t axis;
    const enum tare_status st = tare_node_axis(node, -1, x->rank, &axis, err);
    if (st != TARE_OK) return st;
    *axes = (struct tare_dims){.rank = x->rank - axis};
    for (int32_t i = axis; i < x->rank; i++)
        axes->d[i - axis] = x->d[i];
    return TARE_OK;
}

enum tare_status tare_infer_layer_normalization(struct tare_graph *graph,
                                                struct tare_node *node,
                                                struct tare_error *err)
{
    static const char *const names[] = {"X", "Scale", "B"};
    const struct tare_dims *x = &tare_op_input(graph, node, 0)->dims;
    struct tare_dims axes, wide, moments = *x;
    char have[TARE_DIMS_TEXT], want[TARE_DIMS_TEXT];
    enum tare_status st = check_stash(node, err);
    if (st == TARE_OK) st = layer_axes(node, x, &axes, err);
    for (size_t i = 0; i < 3 && st == TARE_OK; i++) {
        st = tare_op_want_dtype(graph, node, i, TARE_IS_FLOAT, err);
        const struct tare_tensor *tensor = tare_op_input(graph, node, i);
        if (st != TARE_OK || i == 0 || !tensor) continue;
        if (!tare_dims_broadcast(&tensor->dims, &axes, &wide) ||
            !tare_dims_equal(&wide, &axes))
            TARE_NODE_FAIL(node, err, TARE_E_FORMAT,
                           "%s is %.80s, the normalized axes are %.80s", names[i],
                           tare_dims_print(&tensor->dims, have),
                           tare_dims_print(&axes, want));
    }
    for (int32_t i = x->rank - axes.rank; st == TARE_OK && i < x->rank; i++)
        moments.d[i] = 1;
    for (size_t i = 1; i < node->n_outputs && st == TARE_OK; i++)
        st = tare_op_set_output(graph, node, i, TARE_F32, &moments, err);
    return st == TARE_OK ? tare_op_set_like_input(graph, node, err) : st;
}

/* Scale or B, broadcast to the normalized axes. */
static void expand(const struct tare_const *from, const struct tare_dims *axes,
                   float *to)
{
    struct tare_strided_copy copy = {.dims = *axes,
                                     .elem_bytes = sizeof *to,
                                     .src = from->data,
                                     .dst = (uint8_t *)to};
    tare_broadcast_strides(&from->dims, axes, copy.src_stride);
    tare_dims_strides(axes, copy.dst_stride);
    tare_strided_copy_run(&copy);
}

/* @param[in] bias  NULL: none. */
static void layer_rows(const struct tare_node *node, const float *x, int64_t n_rows,
                       int64_t n, const float *scale, const float *bias,
                       struct tare_const *outputs)
{
    const double epsilon = (double)tare_node_float(node, "epsilon", 1e-5F);
    for (int64_t r = 0; r < n_rows; r++, x += n) {
        float *y = (float *)outputs[0].data + r * n;
        const bool is_centred = node->op == TARE_OP_LAYER_NORMALIZATION;
        const double mean = is_centred ? mean_of(x, n) : 0.0;
        const double inverse = inverse_of(x, n, mean, epsilon);
        for (int64_t i = 0; i < n; i++)
            y[i] = (float)(((double)x[i] - mean) * inverse * (double)scale[i] +
                           (bias ? (double)bias[i] : 0.0));
        if (node->n_outputs > 1) tare_const_set(&outputs[1], r, mean);
        if (node->n_outputs > 2) tare_const_set(&outputs[2], r, inverse);
    }
}

enum tare_status tare_eval_layer_normalization(const struct tare_graph *graph,
                                               const struct tare_node *node,
                                               const struct tare_const *inputs,
                                               struct tare_const *outputs,
                                               struct tare_error *err)
{
    (void)graph;
    const struct tare_dims *x = &inputs[0].dims;
    struct tare_dims axes;
    int64_t n_rows;
    enum tare_status st = layer_axes(node, x, &axes, err);
    if (st == TARE_OK) st = tare_op_alloc_outputs(node, outputs, err);
    if (st != TARE_OK) return st;
    if (!tare_axes_product(x->d, x->rank - axes.rank, &n_rows))
        TARE_NODE_FAIL(node, err, TARE_E_UNSUPPORTED, "%s", "the input is too large");
    const int64_t n = tare_dims_count(&axes);
    const bool has_bias = node->n_inputs > 2 && inputs[2].data;
    float *scale = tare_alloc_array((size_t)n, 2 * sizeof *scale);
    if (!scale) TARE_NODE_FAIL(node, err, TARE_E_NOMEM, "%s", "no memory to compute");
    if (n > 0) expand(&inputs[1], &axes, scale);
    if (n > 0 && has_bias) expand(&inputs[2], &axes, scale + n);
    layer_rows(node, inputs[0].data, n_rows, n, scale, has_bias ? scale + n : NULL,
               outputs);
    tare_free(scale);
    return TARE_OK;
}
