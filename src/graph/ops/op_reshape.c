/* Operators that give the same values another shape. */
#include <string.h>

#include "base/dims.h"
#include "graph/ops/ops.h"
#include "graph/params.h"

enum tare_status tare_infer_identity(struct tare_graph *graph, struct tare_node *node,
                                     struct tare_error *err)
{
    return tare_op_set_like_input(graph, node, err);
}

enum tare_status tare_infer_reshape(struct tare_graph *graph, struct tare_node *node,
                                    struct tare_error *err)
{
    struct tare_dims out;
    const enum tare_status st = tare_node_reshape_dims(graph, node, &out, err);
    if (st != TARE_OK) return st;
    return tare_op_set_output(graph, node, 0, tare_op_input(graph, node, 0)->dtype,
                              &out, err);
}

enum tare_status tare_infer_flatten(struct tare_graph *graph, struct tare_node *node,
                                    struct tare_error *err)
{
    const struct tare_tensor *x = tare_op_input(graph, node, 0);
    int64_t axis = tare_node_int(node, "axis", 1);
    if (axis < -x->dims.rank || axis > x->dims.rank)
        TARE_NODE_FAIL(node, err, TARE_E_FORMAT, "axis %lld, but the input has rank %d",
                       (long long)axis, (int)x->dims.rank);
    if (axis < 0) axis += x->dims.rank;
    struct tare_dims out = {.rank = 2};
    if (!tare_axes_product(x->dims.d, (int32_t)axis, &out.d[0]) ||
        !tare_axes_product(x->dims.d + axis, x->dims.rank - (int32_t)axis, &out.d[1]))
        TARE_NODE_FAIL(node, err, TARE_E_UNSUPPORTED, "%s", "the input is too large");
    return tare_op_set_output(graph, node, 0, x->dtype, &out, err);
}

enum tare_status tare_infer_squeeze(struct tare_graph *graph, struct tare_node *node,
                                    struct tare_error *err)
{
    const struct tare_tensor *x = tare_op_input(graph, node, 0);
    struct tare_dims out = x->dims;
    bool axes[TARE_MAX_RANK], named;
    const enum tare_status st =
        tare_node_axes(graph, node, out.rank, axes, &named, err);
    if (st != TARE_OK) return st;
    for (int32_t i = x->dims.rank - 1; i >= 0; i--) {
        if (named && axes[i] && x->dims.d[i] != 1)
            TARE_NODE_FAIL(node, err, TARE_E_FORMAT, "axis %d has length %lld, want 1",
                           (int)i, (long long)x->dims.d[i]);
        if (named ? axes[i] : x->dims.d[i] == 1) tare_dims_remove(&out, i);
    }
    return tare_op_set_output(graph, node, 0, x->dtype, &out, err);
}

enum tare_status tare_infer_unsqueeze(struct tare_graph *graph, struct tare_node *node,
                                      struct tare_error *err)
{
    const struct tare_tensor *x = tare_op_input(graph, node, 0);
    struct tare_dims out = x->dims;
    int64_t list[TARE_MAX_RANK];
    size_t n;
    bool axes[TARE_MAX_RANK], named;
    enum tare_status st =
        tare_op_ints(graph, node, "axes", 1, TARE_MAX_RANK, list, &n, &named, err);
    if (st != TARE_OK) return st;
    if (!named) TARE_NODE_FAIL(node, err, TARE_E_FORMAT, "%s", "axes are missing");
    const int32_t rank = out.rank + (int32_t)n;
    if (rank > TARE_MAX_RANK)
        TARE_NODE_FAIL(node, err, TARE_E_UNSUPPORTED,
                       "the output has rank %d, at most %d", (int)rank, TARE_MAX_RANK);
    st = tare_node_axes(graph, node, rank, axes, &named, err);
    if (st != TARE_OK) return st;
    for (int32_t i = 0; i < rank; i++)
        if (axes[i]) tare_dims_insert(&out, i);
    return tare_op_set_output(graph, node, 0, x->dtype, &out, err);
}

enum tare_status tare_eval_copy(const struct tare_graph *graph,
                                const struct tare_node *node,
                                const struct tare_const *inputs,
                                struct tare_const *outputs, struct tare_error *err)
{
    (void)graph;
    (void)node;
    const enum tare_status st = tare_const_alloc(&outputs[0], err);
    if (st == TARE_OK) memcpy(outputs[0].data, inputs[0].data, outputs[0].n_bytes);
    return st;
}
