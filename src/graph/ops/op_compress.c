/* Compress: the slices along an axis, or the elements, whose condition is true. */
#include <string.h>

#include "base/dims.h"
#include "graph/ops/ops.h"
#include "graph/params.h"

/* The input as [outer, length, inner]: without `axis`, [1, elements, 1]. */
struct compress {
    bool flat;
    int32_t axis;
    int64_t outer, length, inner;
};

static enum tare_status read_compress(const struct tare_graph *graph,
                                      const struct tare_node *node,
                                      struct compress *out, struct tare_error *err)
{
    const struct tare_dims *dims = &tare_op_input(graph, node, 0)->dims;
    *out = (struct compress){.flat = !tare_node_attr(node, "axis")};
    if (out->flat) {
        out->outer = out->inner = 1;
        out->length = tare_dims_count(dims);
        return TARE_OK;
    }
    const enum tare_status st = tare_node_axis(node, 0, dims->rank, &out->axis, err);
    if (st != TARE_OK) return st;
    out->length = dims->d[out->axis];
    if (!tare_axes_product(dims->d, out->axis, &out->outer) ||
        !tare_axes_product(dims->d + out->axis + 1, dims->rank - out->axis - 1,
                           &out->inner))
        TARE_NODE_FAIL(node, err, TARE_E_UNSUPPORTED, "%s", "the input is too large");
    return TARE_OK;
}

static bool is_kept(const struct tare_const *condition, int64_t i)
{
    return i < condition->dims.d[0] && ((const uint8_t *)condition->data)[i];
}

enum tare_status tare_infer_compress(struct tare_graph *graph, struct tare_node *node,
                                     struct tare_error *err)
{
    const struct tare_tensor *x = tare_op_input(graph, node, 0);
    struct compress compress;
    struct tare_const condition;
    enum tare_status st = tare_op_want_dtype(graph, node, 1, TARE_IS_BOOL, err);
    if (st == TARE_OK) st = read_compress(graph, node, &compress, err);
    if (st == TARE_OK) st = tare_op_value(graph, node, "condition", 1, &condition, err);
    if (st != TARE_OK) return st;
    if (condition.dims.rank != 1)
        TARE_NODE_FAIL(node, err, TARE_E_FORMAT, "the condition has rank %d, want 1",
                       (int)condition.dims.rank);
    int64_t n = 0;
    for (int64_t i = 0; i < compress.length && i < condition.dims.d[0]; i++)
        n += is_kept(&condition, i);
    struct tare_dims out = {.rank = 1};
    if (!compress.flat) out = x->dims;
    out.d[compress.axis] = n;
    return tare_op_set_output(graph, node, 0, x->dtype, &out, err);
}

enum tare_status tare_eval_compress(const struct tare_graph *graph,
                                    const struct tare_node *node,
                                    const struct tare_const *inputs,
                                    struct tare_const *outputs, struct tare_error *err)
{
    struct compress compress;
    enum tare_status st = read_compress(graph, node, &compress, err);
    if (st == TARE_OK) st = tare_const_alloc(&outputs[0], err);
    if (st != TARE_OK || outputs[0].n_bytes == 0) return st;
    const size_t block =
        (size_t)compress.inner * (size_t)tare_dtype_bytes(outputs[0].dtype);
    const uint8_t *src = inputs[0].data;
    uint8_t *dst = outputs[0].data;
    for (int64_t o = 0; o < compress.outer; o++)
        for (int64_t i = 0; i < compress.length; i++, src += block)
            if (is_kept(&inputs[1], i)) {
                memcpy(dst, src, block);
                dst += block;
            }
    return TARE_OK;
}
