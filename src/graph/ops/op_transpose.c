/* Transpose and Expand: the input read with other strides. */
#include "base/dims.h"
#include "graph/ops/ops.h"
#include "graph/params.h"

enum tare_status tare_infer_transpose(struct tare_graph *graph, struct tare_node *node,
                                      struct tare_error *err)
{
    const struct tare_tensor *x = tare_op_input(graph, node, 0);
    int32_t permutation[TARE_MAX_RANK];
    const enum tare_status st = tare_node_permutation(graph, node, permutation, err);
    if (st != TARE_OK) return st;
    struct tare_dims out = {.rank = x->dims.rank};
    for (int32_t i = 0; i < out.rank; i++)
        out.d[i] = x->dims.d[permutation[i]];
    return tare_op_set_output(graph, node, 0, x->dtype, &out, err);
}

/* Fill a dense `out` from `in`, whose stride for each axis of `out` is given. */
static enum tare_status gather_strided(const struct tare_const *in,
                                       const int64_t stride[TARE_MAX_RANK],
                                       struct tare_const *out, struct tare_error *err)
{
    const enum tare_status st = tare_const_alloc(out, err);
    if (st != TARE_OK) return st;
    struct tare_strided_copy copy = {.dims = out->dims,
                                     .elem_bytes = (size_t)tare_dtype_bytes(out->dtype),
                                     .src = in->data,
                                     .dst = out->data};
    tare_dims_strides(&out->dims, copy.dst_stride);
    for (int32_t i = 0; i < out->dims.rank; i++)
        copy.src_stride[i] = stride[i];
    tare_strided_copy_run(&copy);
    return TARE_OK;
}

enum tare_status tare_eval_transpose(const struct tare_graph *graph,
                                     const struct tare_node *node,
                                     const struct tare_const *inputs,
                                     struct tare_const *outputs, struct tare_error *err)
{
    int32_t permutation[TARE_MAX_RANK];
    int64_t dense[TARE_MAX_RANK], stride[TARE_MAX_RANK];
    const enum tare_status st = tare_node_permutation(graph, node, permutation, err);
    if (st != TARE_OK) return st;
    tare_dims_strides(&inputs[0].dims, dense);
    for (int32_t i = 0; i < inputs[0].dims.rank; i++)
        stride[i] = dense[permutation[i]];
    return gather_strided(&inputs[0], stride, &outputs[0], err);
}

enum tare_status tare_infer_expand(struct tare_graph *graph, struct tare_node *node,
                                   struct tare_error *err)
{
    const struct tare_tensor *x = tare_op_input(graph, node, 0);
    struct tare_dims shape, out;
    size_t n;
    bool given;
    const enum tare_status st =
        tare_op_ints(graph, node, "shape", 1, TARE_MAX_RANK, shape.d, &n, &given, err);
    if (st != TARE_OK) return st;
    shape.rank = (int32_t)n;
    char from[TARE_DIMS_TEXT], to[TARE_DIMS_TEXT];
    if (!tare_dims_known(&shape) || !tare_dims_broadcast(&x->dims, &shape, &out))
        TARE_NODE_FAIL(node, err, TARE_E_FORMAT, "%.80s does not expand to %.80s",
                       tare_dims_print(&x->dims, from), tare_dims_print(&shape, to));
    return tare_op_set_output(graph, node, 0, x->dtype, &out, err);
}

enum tare_status tare_eval_expand(const struct tare_graph *graph,
                                  const struct tare_node *node,
                                  const struct tare_const *inputs,
                                  struct tare_const *outputs, struct tare_error *err)
{
    (void)graph;
    (void)node;
    int64_t stride[TARE_MAX_RANK];
    tare_broadcast_strides(&inputs[0].dims, &outputs[0].dims, stride);
    return gather_strided(&inputs[0], stride, &outputs[0], err);
}
