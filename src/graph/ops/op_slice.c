/* Slice and Gather. */
#include <string.h>

#include "base/dims.h"
#include "graph/ops/ops.h"
#include "graph/params.h"

enum tare_status tare_infer_slice(struct tare_graph *graph, struct tare_node *node,
                                  struct tare_error *err)
{
    const struct tare_tensor *x = tare_op_input(graph, node, 0);
    struct tare_slice slice;
    const enum tare_status st = tare_node_slice(graph, node, &slice, err);
    if (st != TARE_OK) return st;
    struct tare_dims out = {.rank = x->dims.rank};
    for (int32_t i = 0; i < out.rank; i++)
        out.d[i] = slice.length[i];
    return tare_op_set_output(graph, node, 0, x->dtype, &out, err);
}

enum tare_status tare_eval_slice(const struct tare_graph *graph,
                                 const struct tare_node *node,
                                 const struct tare_const *inputs,
                                 struct tare_const *outputs, struct tare_error *err)
{
    struct tare_slice slice;
    enum tare_status st = tare_node_slice(graph, node, &slice, err);
    if (st == TARE_OK) st = tare_const_alloc(&outputs[0], err);
    if (st != TARE_OK || outputs[0].n_bytes == 0) return st;
    struct tare_strided_copy copy = {.dims = outputs[0].dims,
                                     .elem_bytes =
                                         (size_t)tare_dtype_bytes(outputs[0].dtype),
                                     .src = inputs[0].data,
                                     .dst = outputs[0].data};
    tare_dims_strides(&outputs[0].dims, copy.dst_stride);
    tare_dims_strides(&inputs[0].dims, copy.src_stride);
    for (int32_t i = 0; i < copy.dims.rank; i++) {
        copy.src += slice.start[i] * copy.src_stride[i] * (int64_t)copy.elem_bytes;
        copy.src_stride[i] *= slice.step[i];
    }
    tare_strided_copy_run(&copy);
    return TARE_OK;
}

enum tare_status tare_infer_gather(struct tare_graph *graph, struct tare_node *node,
                                   struct tare_error *err)
{
    const struct tare_tensor *x = tare_op_input(graph, node, 0);
    const struct tare_tensor *indices = tare_op_input(graph, node, 1);
    int32_t axis;
    enum tare_status st = tare_op_want_dtype(graph, node, 1, TARE_IS_INDEX, err);
    if (st == TARE_OK) st = tare_node_axis(node, 0, x->dims.rank, &axis, err);
    if (st != TARE_OK) return st;
    if (x->dims.rank - 1 + indices->dims.rank > TARE_MAX_RANK)
        TARE_NODE_FAIL(node, err, TARE_E_UNSUPPORTED,
                       "the output has rank %d, at most %d",
                       (int)(x->dims.rank - 1 + indices->dims.rank), TARE_MAX_RANK);
    struct tare_dims out = {.rank = 0};
    for (int32_t i = 0; i < axis; i++)
        out.d[out.rank++] = x->dims.d[i];
    for (int32_t i = 0; i < indices->dims.rank; i++)
        out.d[out.rank++] = indices->dims.d[i];
    for (int32_t i = axis + 1; i < x->dims.rank; i++)
        out.d[out.rank++] = x->dims.d[i];
    return tare_op_set_output(graph, node, 0, x->dtype, &out, err);
}

enum tare_status tare_eval_gather(const struct tare_graph *graph,
                                  const struct tare_node *node,
                                  const struct tare_const *inputs,
                                  struct tare_const *outputs, struct tare_error *err)
{
    (void)graph;
    const struct tare_dims *dims = &inputs[0].dims;
    int32_t axis;
    enum tare_status st = tare_node_axis(node, 0, dims->rank, &axis, err);
    if (st == TARE_OK) st = tare_const_alloc(&outputs[0], err);
    if (st != TARE_OK || outputs[0].n_bytes == 0) return st;

    /* The input is [outer, length, block], the output [outer, n_indices, block]. */
    const int64_t length = dims->d[axis];
    const int64_t n_indices = tare_dims_count(&inputs[1].dims);
    int64_t outer = 1;
    for (int32_t i = 0; i < axis; i++)
        outer *= dims->d[i];
    const size_t block = outputs[0].n_bytes / (size_t)(outer * n_indices);
    const uint8_t *src = inputs[0].data;
    uint8_t *dst = outputs[0].data;
    for (int64_t o = 0; o < outer; o++)
        for (int64_t i = 0; i < n_indices; i++) {
            int64_t at = tare_const_get_int(&inputs[1], i);
            if (at < -length || at >= length)
                TARE_NODE_FAIL(node, err, TARE_E_FORMAT,
                               "index %lld, axis %d has length %lld", (long long)at,
                               (int)axis, (long long)length);
            if (at < 0) at += length;
            memcpy(dst, src + (size_t)(o * length + at) * block, block);
            dst += block;
        }
    return TARE_OK;
}
