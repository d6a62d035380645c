/* OneHot: an axis of `depth`, one of whose places is on. */
#include <string.h>

#include "base/dims.h"
#include "graph/ops/ops.h"

static enum tare_status read_axis(const struct tare_node *node, int32_t rank,
                                  int32_t *axis, struct tare_error *err)
{
    const int64_t value = tare_node_int(node, "axis", -1);
    if (value < -rank || value >= rank)
        TARE_NODE_FAIL(node, err, TARE_E_FORMAT,
                       "axis %lld, but the output has rank %d", (long long)value,
                       (int)rank);
    *axis = (int32_t)(value < 0 ? value + rank : value);
    return TARE_OK;
}

enum tare_status tare_infer_one_hot(struct tare_graph *graph, struct tare_node *node,
                                    struct tare_error *err)
{
    struct tare_dims out = tare_op_input(graph, node, 0)->dims;
    const struct tare_tensor *values = tare_op_input(graph, node, 2);
    struct tare_const depth;
    int32_t axis;
    enum tare_status st = tare_op_want_dtype(graph, node, 0, TARE_IS_NUMBER, err);
    if (st == TARE_OK) st = tare_op_want_dtype(graph, node, 1, TARE_IS_NUMBER, err);
    if (st == TARE_OK) st = tare_op_value(graph, node, "depth", 1, &depth, err);
    if (st == TARE_OK && out.rank == TARE_MAX_RANK)
        TARE_NODE_FAIL(node, err, TARE_E_UNSUPPORTED,
                       "the output has rank %d, at most %d", (int)out.rank + 1,
                       TARE_MAX_RANK);
    if (st == TARE_OK) st = read_axis(node, out.rank + 1, &axis, err);
    if (st != TARE_OK) return st;
    if (tare_dims_count(&values->dims) != 2 || tare_dims_count(&depth.dims) != 1)
        TARE_NODE_FAIL(node, err, TARE_E_FORMAT,
                       "%lld values and %lld depths, want 2 and 1",
                       (long long)tare_dims_count(&values->dims),
                       (long long)tare_dims_count(&depth.dims));
    const double length = tare_const_get(&depth, 0);
    if (!(length >= 0.0 && length <= 0x1p53))
        TARE_NODE_FAIL(node, err, TARE_E_FORMAT, "depth is %g", length);
    const enum tare_dtype dtype = values->dtype;
    tare_dims_insert(&out, axis);
    out.d[axis] = (int64_t)length;
    return tare_op_set_output(graph, node, 0, dtype, &out, err);
}

/* Index `i`, a negative one counted from the end; -1 when it names no place. */
static int64_t place(const struct tare_const *indices, int64_t i, int64_t depth)
{
    const double value = tare_const_get(indices, i);
    if (!(value >= -(double)depth && value < (double)depth)) return -1;
    const int64_t index = (int64_t)value;
    return index < 0 ? index + depth : index;
}

enum tare_status tare_eval_one_hot(const struct tare_graph *graph,
                                   const struct tare_node *node,
                                   const struct tare_const *inputs,
                                   struct tare_const *outputs, struct tare_error *err)
{
    (void)graph;
    struct tare_const *y = &outputs[0];
    int32_t axis;
    enum tare_status st = read_axis(node, y->dims.rank, &axis, err);
    if (st == TARE_OK) st = tare_const_alloc(y, err);
    if (st != TARE_OK || y->n_bytes == 0) return st;
    const size_t elem = (size_t)tare_dtype_bytes(y->dtype);
    const uint8_t *values = inputs[2].data; /* off, on */
    uint8_t *to = y->data;
    for (size_t at = 0; at < y->n_bytes; at += elem)
        memcpy(to + at, values, elem);
    const struct tare_lanes split = tare_dims_lanes(&y->dims, axis);
    for (int64_t o = 0; o < split.outer; o++)
        for (int64_t i = 0; i < split.inner; i++) {
            const int64_t on = place(&inputs[0], o * split.inner + i, split.n);
            const int64_t at = (o * split.n + on) * split.inner + i;
            if (on >= 0) memcpy(to + (size_t)at * elem, values + elem, elem);
        }
    return TARE_OK;
}
