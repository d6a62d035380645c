/* Clip: of floats and integers, between bounds that may be computed at run time. */
#include <math.h>

#include "base/dims.h"
#include "graph/ops/ops.h"
#include "graph/params.h"

static enum tare_status check_bound(const struct tare_graph *graph,
                                    const struct tare_node *node, const char *name,
                                    size_t i, struct tare_error *err)
{
    const struct tare_tensor *x = tare_op_input(graph, node, 0);
    const struct tare_tensor *bound = tare_op_input(graph, node, i);
    if (!bound) return TARE_OK;
    if (bound->dtype != x->dtype)
        TARE_NODE_FAIL(node, err, TARE_E_FORMAT,
                       "input '%s' is %s, the values are %s; want the same", name,
                       tare_dtype_name(bound->dtype), tare_dtype_name(x->dtype));
    if (tare_dims_count(&bound->dims) != 1)
        TARE_NODE_FAIL(node, err, TARE_E_FORMAT, "input '%s' has %lld values, want 1",
                       name, (long long)tare_dims_count(&bound->dims));
    return TARE_OK;
}

enum tare_status tare_infer_clip(struct tare_graph *graph, struct tare_node *node,
                                 struct tare_error *err)
{
    float lower, upper;
    enum tare_status st = tare_op_want_dtype(graph, node, 0, TARE_IS_NUMBER, err);
    if (st == TARE_OK) st = check_bound(graph, node, "min", 1, err);
    if (st == TARE_OK) st = check_bound(graph, node, "max", 2, err);
    if (st == TARE_OK && tare_node_clip_is_fixed(graph, node))
        st = tare_node_clip_bounds(graph, node, &lower, &upper, err);
    return st == TARE_OK ? tare_op_set_like_input(graph, node, err) : st;
}

/* Where the bounds cross, the upper one counts; NaN stays. */
static enum tare_status clip_floats(const struct tare_node *node,
                                    const struct tare_const *inputs, float *y,
                                    struct tare_error *err)
{
    const float *x = inputs[0].data;
    const bool has_lower = node->n_inputs > 1 && inputs[1].data;
    const bool has_upper = node->n_inputs > 2 && inputs[2].data;
    const float lower = has_lower ? *(const float *)inputs[1].data
                                  : tare_node_float(node, "min", -INFINITY);
    const float upper = has_upper ? *(const float *)inputs[2].data
                                  : tare_node_float(node, "max", INFINITY);
    if (isnan(lower) || isnan(upper))
        TARE_NODE_FAIL(node, err, TARE_E_FORMAT, "%s is NaN",
                       isnan(lower) ? "min" : "max");
    const int64_t n = tare_dims_count(&inputs[0].dims);
    for (int64_t i = 0; i < n; i++) {
        const float above = x[i] < lower ? lower : x[i];
        y[i] = above > upper ? upper : above;
    }
    return TARE_OK;
}

static void clip_integers(const struct tare_node *node, const struct tare_const *inputs,
                          struct tare_const *y)
{
    int64_t values[TARE_BLOCK], lower = INT64_MIN, upper = INT64_MAX;
    if (node->n_inputs > 1 && inputs[1].data)
        tare_const_read_keys(&inputs[1], 0, 1, 1, &lower);
    if (node->n_inputs > 2 && inputs[2].data)
        tare_const_read_keys(&inputs[2], 0, 1, 1, &upper);
    const int64_t n = tare_dims_count(&y->dims);
    for (int64_t at = 0; at < n; at += TARE_BLOCK) {
        const int64_t m = tare_block(n - at);
        tare_const_read_keys(&inputs[0], at, 1, m, values);
        for (int64_t i = 0; i < m; i++) {
            if (values[i] < lower) values[i] = lower;
            if (values[i] > upper) values[i] = upper;
        }
        if (y->dtype == TARE_U64) tare_ints_flip(values, m);
        tare_const_write_ints(y, at, m, values);
    }
}

enum tare_status tare_eval_clip(const struct tare_graph *graph,
                                const struct tare_node *node,
                                const struct tare_const *inputs,
                                struct tare_const *outputs, struct tare_error *err)
{
    (void)graph;
    const enum tare_status st = tare_const_alloc(&outputs[0], err);
    if (st != TARE_OK) return st;
    if (inputs[0].dtype == TARE_F32)
        return clip_floats(node, inputs, outputs[0].data, err);
    clip_integers(node, inputs, &outputs[0]);
    return TARE_OK;
}
