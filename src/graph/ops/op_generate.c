/* EyeLike and Range: values that follow from their places. */
#include <math.h>
#include <string.h>

#include "base/dims.h"
#include "graph/ops/ops.h"

enum tare_status tare_infer_eye_like(struct tare_graph *graph, struct tare_node *node,
                                     struct tare_error *err)
{
    const struct tare_tensor *x = tare_op_input(graph, node, 0);
    const struct tare_attr *attr = tare_node_attr(node, "dtype");
    enum tare_dtype dtype = x->dtype;
    if (attr && !tare_onnx_dtype(attr->i, &dtype))
        TARE_NODE_FAIL(node, err, TARE_E_UNSUPPORTED,
                       "dtype is ONNX type %lld, which tare does not have",
                       (long long)attr->i);
    if (x->dims.rank != 2)
        TARE_NODE_FAIL(node, err, TARE_E_FORMAT, "the input has rank %d, want 2",
                       (int)x->dims.rank);
    return tare_op_set_output(graph, node, 0, dtype, &x->dims, err);
}

enum tare_status tare_eval_eye_like(const struct tare_graph *graph,
                                    const struct tare_node *node,
                                    const struct tare_const *inputs,
                                    struct tare_const *outputs, struct tare_error *err)
{
    (void)graph;
    (void)inputs;
    struct tare_const *y = &outputs[0];
    const int64_t k = tare_node_int(node, "k", 0);
    const int64_t rows = y->dims.d[0], columns = y->dims.d[1];
    const enum tare_status st = tare_const_alloc(y, err);
    if (st != TARE_OK) return st;
    memset(y->data, 0, y->n_bytes);
    if (k <= -rows || k >= columns) return TARE_OK;
    for (int64_t r = k < 0 ? -k : 0; r < rows && r + k < columns; r++)
        tare_const_set(y, r * columns + r + k, 1.0);
    return TARE_OK;
}

static enum tare_status read_scalar(const struct tare_graph *graph,
                                    const struct tare_node *node, const char *name,
                                    size_t i, struct tare_const *out,
                                    struct tare_error *err)
{
    enum tare_status st = tare_op_want_dtype(
        graph, node, i, TARE_IS_FLOAT | TARE_IS_INDEX | TARE_IS(TARE_S16), err);
    if (st == TARE_OK) st = tare_op_value(graph, node, name, i, out, err);
    if (st != TARE_OK) return st;
    if (tare_dims_count(&out->dims) != 1)
        TARE_NODE_FAIL(node, err, TARE_E_FORMAT, "input '%s' has %lld values, want 1",
                       name, (long long)tare_dims_count(&out->dims));
    return TARE_OK;
}

/* How many steps of `delta` lead from `start` to before `limit`; delta is not 0. */
static int64_t int_steps(int64_t start, int64_t limit, int64_t delta)
{
    if (delta > 0 ? start >= limit : start <= limit) return 0;
    const uint64_t span = delta > 0 ? (uint64_t)limit - (uint64_t)start
                                    : (uint64_t)start - (uint64_t)limit;
    const uint64_t step = delta > 0 ? (uint64_t)delta : 0 - (uint64_t)delta;
    const uint64_t n = span / step + (span % step != 0);
    return n > INT64_MAX ? INT64_MAX : (int64_t)n;
}

enum tare_status tare_infer_range(struct tare_graph *graph, struct tare_node *node,
                                  struct tare_error *err)
{
    struct tare_const start, limit, delta;
    enum tare_status st = read_scalar(graph, node, "start", 0, &start, err);
    if (st == TARE_OK) st = read_scalar(graph, node, "limit", 1, &limit, err);
    if (st == TARE_OK) st = read_scalar(graph, node, "delta", 2, &delta, err);
    if (st != TARE_OK) return st;
    if (start.dtype != limit.dtype || start.dtype != delta.dtype)
        TARE_NODE_FAIL(node, err, TARE_E_FORMAT,
                       "inputs are %s, %s and %s, want the same",
                       tare_dtype_name(start.dtype), tare_dtype_name(limit.dtype),
                       tare_dtype_name(delta.dtype));
    const double step = tare_const_get(&delta, 0);
    if (step == 0.0) TARE_NODE_FAIL(node, err, TARE_E_FORMAT, "%s", "delta is 0");
    struct tare_dims out = {.rank = 1};
    if (start.dtype == TARE_F32) {
        const double n =
            ceil((tare_const_get(&limit, 0) - tare_const_get(&start, 0)) / step);
        if (!(n < 0x1p53)) /* NaN too */
            TARE_NODE_FAIL(node, err, TARE_E_UNSUPPORTED, "%g elements are too many",
                           n);
        out.d[0] = n > 0.0 ? (int64_t)n : 0;
    } else {
        out.d[0] =
            int_steps(tare_const_get_int(&start, 0), tare_const_get_int(&limit, 0),
                      tare_const_get_int(&delta, 0));
    }
    return tare_op_set_output(graph, node, 0, start.dtype, &out, err);
}

enum tare_status tare_eval_range(const struct tare_graph *graph,
                                 const struct tare_node *node,
                                 const struct tare_const *inputs,
                                 struct tare_const *outputs, struct tare_error *err)
{
    (void)graph;
    (void)node;
    struct tare_const *y = &outputs[0];
    const enum tare_status st = tare_const_alloc(y, err);
    const int64_t n = tare_dims_count(&y->dims);
    for (int64_t i = 0; st == TARE_OK && i < n; i++)
        if (y->dtype == TARE_F32)
            tare_const_set(y, i,
                           tare_const_get(&inputs[0], 0) +
                               (double)i * tare_const_get(&inputs[2], 0));
        else
            tare_const_set_int(
                y, i,
                (int64_t)((uint64_t)tare_const_get_int(&inputs[0], 0) +
                          (uint64_t)i * (uint64_t)tare_const_get_int(&inputs[2], 0)));
    return st;
}
