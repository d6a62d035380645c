/* ReduceMean, ReduceSum, ReduceMax, ReduceMin. */
#include "base/dims.h"
#include "graph/ops/ops.h"
#include "graph/params.h"

enum tare_status tare_infer_reduce(struct tare_graph *graph, struct tare_node *node,
                                   struct tare_error *err)
{
    const struct tare_tensor *x = tare_op_input(graph, node, 0);
    bool reduced[TARE_MAX_RANK], keepdims;
    enum tare_status st = tare_op_want_dtype(
        graph, node, 0,
        node->op == TARE_OP_REDUCE_MEAN ? TARE_IS_FLOAT : TARE_IS_NUMBER, err);
    if (st == TARE_OK) st = tare_node_reduce_axes(graph, node, reduced, &keepdims, err);
    if (st != TARE_OK) return st;
    struct tare_dims out = x->dims;
    for (int32_t i = x->dims.rank - 1; i >= 0; i--) {
        if (!reduced[i]) continue;
        if (x->dims.d[i] == 0)
            TARE_NODE_FAIL(node, err, TARE_E_UNSUPPORTED, "axis %d to reduce is empty",
                           (int)i);
        if (keepdims)
            out.d[i] = 1;
        else
            tare_dims_remove(&out, i);
    }
    return tare_op_set_output(graph, node, 0, x->dtype, &out, err);
}

/* Some axes of the input, with their strides. */
struct axes {
    struct tare_dims dims;
    int64_t stride[TARE_MAX_RANK];
};

static struct axes select_axes(const struct tare_dims *in,
                               const bool flags[TARE_MAX_RANK], bool flag)
{
    struct axes axes = {.dims = {.rank = 0}};
    int64_t stride[TARE_MAX_RANK];
    tare_dims_strides(in, stride);
    for (int32_t i = 0; i < in->rank; i++) {
        if (flags[i] != flag) continue;
        axes.stride[axes.dims.rank] = stride[i];
        axes.dims.d[axes.dims.rank++] = in->d[i];
    }
    return axes;
}

static enum tare_op step_of(enum tare_op reduction)
{
    return reduction == TARE_OP_REDUCE_MAX   ? TARE_OP_MAX
           : reduction == TARE_OP_REDUCE_MIN ? TARE_OP_MIN
                                             : TARE_OP_ADD;
}

/* Reduce the elements from `at` on along `axes` to y[i]. */
static void reduce_one(enum tare_op op, const struct tare_const *x, int64_t at,
                       const struct axes *axes, struct tare_const *y, int64_t i)
{
    const enum tare_op step = step_of(op);
    int64_t index[TARE_MAX_RANK] = {0};
    int64_t *const offsets[] = {&at};
    const int64_t *const strides[] = {axes->stride};
    if (x->dtype != TARE_F32) {
        int64_t sum = tare_const_get_int(x, at);
        while (tare_dims_next(&axes->dims, index, offsets, strides, 1))
            sum = tare_compute_int(step, sum, tare_const_get_int(x, at));
        tare_const_set_int(y, i, sum);
        return;
    }
    double sum = tare_const_get(x, at);
    while (tare_dims_next(&axes->dims, index, offsets, strides, 1))
        sum = tare_compute(step, sum, tare_const_get(x, at));
    if (op == TARE_OP_REDUCE_MEAN) sum /= (double)tare_dims_count(&axes->dims);
    tare_const_set(y, i, sum);
}

enum tare_status tare_eval_reduce(const struct tare_graph *graph,
                                  const struct tare_node *node,
                                  const struct tare_const *inputs,
                                  struct tare_const *outputs, struct tare_error *err)
{
    bool reduced[TARE_MAX_RANK], keepdims;
    enum tare_status st = tare_node_reduce_axes(graph, node, reduced, &keepdims, err);
    if (st == TARE_OK) st = tare_const_alloc(&outputs[0], err);
    if (st != TARE_OK || outputs[0].n_bytes == 0) return st;

    const struct axes inner = select_axes(&inputs[0].dims, reduced, true);
    const struct axes outer = select_axes(&inputs[0].dims, reduced, false);
    int64_t index[TARE_MAX_RANK] = {0};
    int64_t at = 0, i = 0;
    int64_t *const offsets[] = {&at};
    const int64_t *const strides[] = {outer.stride};
    do
        reduce_one(node->op, &inputs[0], at, &inner, &outputs[0], i++);
    while (tare_dims_next(&outer.dims, index, offsets, strides, 1));
    return TARE_OK;
}
