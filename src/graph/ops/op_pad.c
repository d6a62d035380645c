#include "base/dims.h"
#include "graph/ops/ops.h"
#include "graph/params.h"

enum tare_status tare_infer_pad(struct tare_graph *graph, struct tare_node *node,
                                struct tare_error *err)
{
    struct tare_pads pads;
    enum tare_status st = tare_op_want_dtype(graph, node, 0, TARE_IS_FLOAT, err);
    if (st == TARE_OK) st = tare_node_pads(graph, node, &pads, err);
    if (st != TARE_OK) return st;
    struct tare_dims out = tare_op_input(graph, node, 0)->dims;
    for (int32_t i = 0; i < out.rank; i++)
        out.d[i] += pads.begin[i] + pads.end[i];
    return tare_op_set_output(graph, node, 0, TARE_F32, &out, err);
}

/* The index of the input that output index `o` shows; outside for a constant pad. */
static int64_t source_index(enum tare_pad_mode mode, int64_t o, int64_t begin,
                            int64_t length)
{
    const int64_t i = o - begin;
    const int64_t last = length - 1;
    if (mode == TARE_PAD_REFLECT) return i < 0 ? -i : i > last ? 2 * last - i : i;
    if (mode == TARE_PAD_EDGE) return i < 0 ? 0 : i > last ? last : i;
    return i;
}

enum tare_status tare_eval_pad(const struct tare_graph *graph,
                               const struct tare_node *node,
                               const struct tare_const *inputs,
                               struct tare_const *outputs, struct tare_error *err)
{
    struct tare_pads pads;
    enum tare_status st = tare_node_pads(graph, node, &pads, err);
    if (st == TARE_OK) st = tare_const_alloc(&outputs[0], err);
    if (st != TARE_OK) return st;

    const struct tare_dims *in = &inputs[0].dims, *out = &outputs[0].dims;
    int64_t stride[TARE_MAX_RANK], index[TARE_MAX_RANK] = {0};
    tare_dims_strides(in, stride);
    const int64_t n = tare_dims_count(out);
    for (int64_t i = 0; i < n; i++) {
        int64_t at = 0;
        bool inside = true;
        for (int32_t a = 0; a < out->rank; a++) {
            const int64_t from =
                source_index(pads.mode, index[a], pads.begin[a], in->d[a]);
            inside = inside && from >= 0 && from < in->d[a];
            if (inside) at += from * stride[a];
        }
        tare_const_set(&outputs[0], i,
                       inside ? tare_const_get(&inputs[0], at) : (double)pads.value);
        tare_dims_next(out, index, NULL, NULL, 0);
    }
    return TARE_OK;
}
