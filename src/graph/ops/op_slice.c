/* Slice. */
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
