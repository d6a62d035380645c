/* MaxUnpool: values put back where MaxPool found them, zeros elsewhere. */
#include <string.h>

#include "base/dims.h"
#include "base/mem.h"
#include "graph/ops/ops.h"

/* The dims that the window says, which the indices count in. */
static enum tare_status unpooled_dims(const struct tare_graph *graph,
                                      const struct tare_node *node,
                                      struct tare_dims *out, struct tare_error *err)
{
    const struct tare_dims *in = &tare_op_input(graph, node, 0)->dims;
    int64_t kernel[TARE_MAX_RANK], stride[TARE_MAX_RANK], pads[2 * TARE_MAX_RANK];
    if (in->rank < 3)
        TARE_NODE_FAIL(node, err, TARE_E_FORMAT,
                       "the input has rank %d, want 3 or more", (int)in->rank);
    const size_t n = (size_t)in->rank - 2;
    if (!tare_node_attr(node, "kernel_shape"))
        TARE_NODE_FAIL(node, err, TARE_E_FORMAT, "%s",
                       "attribute 'kernel_shape' is missing");
    enum tare_status st = tare_node_ints(node, "kernel_shape", n, 1, kernel, err);
    if (st == TARE_OK) st = tare_node_ints(node, "strides", n, 1, stride, err);
    if (st == TARE_OK) st = tare_node_ints(node, "pads", 2 * n, 0, pads, err);
    if (st != TARE_OK) return st;
    *out = *in;
    for (size_t i = 0; i < n; i++) {
        int64_t *d = &out->d[2 + i];
        if (kernel[i] < 1 || stride[i] < 1 || pads[i] < 0 || pads[n + i] < 0 ||
            __builtin_mul_overflow(*d - 1, stride[i], d) ||
            __builtin_add_overflow(*d, kernel[i], d) ||
            __builtin_sub_overflow(*d, pads[i], d) ||
            __builtin_sub_overflow(*d, pads[n + i], d) || *d < 0)
            TARE_NODE_FAIL(node, err, TARE_E_FORMAT,
                           "the window does not fit axis %zu of length %lld", 2 + i,
                           (long long)in->d[2 + i]);
    }
    return TARE_OK;
}

/* The output's dims: input `output_shape`, or those above. */
static enum tare_status output_dims(const struct tare_graph *graph,
                                    const struct tare_node *node,
                                    const struct tare_dims *unpooled,
                                    struct tare_dims *out, struct tare_error *err)
{
    size_t n;
    bool given;
    const enum tare_status st = tare_op_ints(graph, node, "output_shape", 2,
                                             TARE_MAX_RANK, out->d, &n, &given, err);
    if (st != TARE_OK) return st;
    out->rank = (int32_t)n;
    if (!given) *out = *unpooled;
    bool fits = out->rank == unpooled->rank;
    for (int32_t i = 0; fits && i < out->rank; i++)
        fits = i < 2 ? out->d[i] == unpooled->d[i] : out->d[i] >= unpooled->d[i];
    char text[TARE_DIMS_TEXT], text_unpooled[TARE_DIMS_TEXT];
    if (!fits)
        TARE_NODE_FAIL(
            node, err, TARE_E_FORMAT, "output_shape is %.80s, the window gives %.80s",
            tare_dims_print(out, text), tare_dims_print(unpooled, text_unpooled));
    return TARE_OK;
}

enum tare_status tare_infer_max_unpool(struct tare_graph *graph, struct tare_node *node,
                                       struct tare_error *err)
{
    const struct tare_tensor *x = tare_op_input(graph, node, 0);
    const struct tare_tensor *indices = tare_op_input(graph, node, 1);
    struct tare_dims unpooled, out;
    enum tare_status st = tare_op_want_dtype(graph, node, 1, TARE_IS_INDEX, err);
    if (st != TARE_OK) return st;
    if (!tare_dims_equal(&x->dims, &indices->dims))
        TARE_NODE_FAIL(node, err, TARE_E_FORMAT, "%s",
                       "the indices have another shape than the input");
    st = unpooled_dims(graph, node, &unpooled, err);
    if (st == TARE_OK) st = output_dims(graph, node, &unpooled, &out, err);
    if (st != TARE_OK) return st;
    return tare_op_set_output(graph, node, 0, x->dtype, &out, err);
}

/* Where element `at` of a dense `from` lies in a dense `to`, no axis of which is
 * shorter. */
static int64_t move_index(const struct tare_dims *from, const struct tare_dims *to,
                          int64_t at)
{
    int64_t moved = 0, stride = 1;
    for (int32_t i = to->rank - 1; i >= 0; i--) {
        moved += at % from->d[i] * stride;
        at /= from->d[i];
        stride *= to->d[i];
    }
    return moved;
}

enum tare_status tare_eval_max_unpool(const struct tare_graph *graph,
                                      const struct tare_node *node,
                                      const struct tare_const *inputs,
                                      struct tare_const *outputs,
                                      struct tare_error *err)
{
    struct tare_dims unpooled;
    enum tare_status st = unpooled_dims(graph, node, &unpooled, err);
    if (st == TARE_OK) st = tare_const_alloc(&outputs[0], err);
    if (st != TARE_OK) return st;
    memset(outputs[0].data, 0, outputs[0].n_bytes);
    const size_t elem = (size_t)tare_dtype_bytes(outputs[0].dtype);
    const int64_t n = tare_dims_count(&inputs[0].dims);
    const int64_t n_unpooled = outputs[0].n_bytes ? tare_dims_count(&unpooled) : 0;
    for (int64_t i = 0; i < n; i++) {
        const int64_t at = tare_const_get_int(&inputs[1], i);
        if (at < 0 || at >= n_unpooled)
            TARE_NODE_FAIL(node, err, TARE_E_FORMAT, "index %lld of %lld elements",
                           (long long)at, (long long)n_unpooled);
        const int64_t to = move_index(&unpooled, &outputs[0].dims, at);
        memcpy((uint8_t *)outputs[0].data + (size_t)to * elem,
               (const uint8_t *)inputs[0].data + (size_t)i * elem, elem);
    }
    return TARE_OK;
}
