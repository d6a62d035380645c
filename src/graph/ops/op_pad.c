/* Pad and CenterCropPad. */
#include <string.h>

#include "base/dims.h"
#include "graph/ops/axis_maps.h"
#include "graph/ops/ops.h"
#include "graph/params.h"

enum tare_status tare_infer_pad(struct tare_graph *graph, struct tare_node *node,
                                struct tare_error *err)
{
    const struct tare_tensor *x = tare_op_input(graph, node, 0);
    struct tare_pads pads;
    const enum tare_status st = tare_node_pads(graph, node, &pads, err);
    if (st != TARE_OK) return st;
    struct tare_dims out = x->dims;
    for (int32_t i = 0; i < out.rank; i++)
        out.d[i] += pads.begin[i] + pads.end[i];
    return tare_op_set_output(graph, node, 0, x->dtype, &out, err);
}

/* Where index `i` outside an axis of `length` kept elements lies in it; -1: nowhere. */
static int64_t index_outside(enum tare_pad_mode mode, int64_t i, int64_t length)
{
    const int64_t last = length - 1;
    switch (mode) {
    case TARE_PAD_REFLECT: return i < 0 ? -i : 2 * last - i;
    case TARE_PAD_EDGE: return i < 0 ? 0 : last;
    case TARE_PAD_WRAP: return i < 0 ? last - (-i - 1) % length : i % length;
    case TARE_PAD_CONSTANT: break;
    }
    return -1;
}

/* A negative pad takes elements away before the others are filled from what is left. */
static void map_axis(const struct tare_pads *pads, int32_t axis, int64_t length,
                     int64_t n, int64_t *map)
{
    const int64_t begin = pads->begin[axis], end = pads->end[axis];
    const int64_t first = begin < 0 ? -begin : 0;
    const int64_t kept = length - first + (end < 0 ? end : 0);
    for (int64_t o = 0; o < n; o++) {
        int64_t i = o - begin - first;
        if (i < 0 || i >= kept) i = index_outside(pads->mode, i, kept);
        map[o] = i < 0 ? -1 : i + first;
    }
}

enum tare_status tare_eval_pad(const struct tare_graph *graph,
                               const struct tare_node *node,
                               const struct tare_const *inputs,
                               struct tare_const *outputs, struct tare_error *err)
{
    struct tare_pads pads;
    struct tare_axis_maps maps = {0};
    struct tare_const *out = &outputs[0];
    enum tare_status st = tare_node_pads(graph, node, &pads, err);
    if (st == TARE_OK) st = tare_const_alloc(out, err);
    if (st != TARE_OK || out->n_bytes == 0) return st;
    st = tare_axis_maps_create(&out->dims, &maps, err);
    if (st != TARE_OK) return st;
    for (int32_t i = 0; i < out->dims.rank; i++)
        map_axis(&pads, i, inputs[0].dims.d[i], out->dims.d[i], maps.map[i]);
    uint8_t value[sizeof(int64_t)] = {0};
    if (tare_node_input(node, 2) != TARE_NO_TENSOR)
        memcpy(value, inputs[2].data, (size_t)tare_dtype_bytes(out->dtype));
    else if (out->dtype == TARE_F32)
        memcpy(value, &pads.value, sizeof pads.value);
    tare_axis_maps_copy(&maps, &inputs[0], value, out);
    tare_axis_maps_destroy(&maps);
    return TARE_OK;
}

enum tare_status tare_infer_center_crop_pad(struct tare_graph *graph,
                                            struct tare_node *node,
                                            struct tare_error *err)
{
    const struct tare_tensor *x = tare_op_input(graph, node, 0);
    struct tare_dims out = x->dims;
    int64_t axes[TARE_MAX_RANK], shape[TARE_MAX_RANK];
    size_t n_axes, n;
    bool given;
    enum tare_status st =
        tare_node_axis_list(graph, node, SIZE_MAX, out.rank, axes, &n_axes, err);
    if (st == TARE_OK)
        st = tare_op_ints(graph, node, "shape", 1, TARE_MAX_RANK, shape, &n, &given,
                          err);
    if (st != TARE_OK) return st;
    if (n != n_axes)
        TARE_NODE_FAIL(node, err, TARE_E_FORMAT, "shape has %zu values, want %zu", n,
                       n_axes);
    for (size_t i = 0; i < n; i++) {
        if (shape[i] < 0)
            TARE_NODE_FAIL(node, err, TARE_E_FORMAT, "shape has %lld at %zu",
                           (long long)shape[i], i);
        out.d[axes[i]] = shape[i];
    }
    return tare_op_set_output(graph, node, 0, x->dtype, &out, err);
}

/* What is cut off or put around is halved; the odd element is at the end. */
enum tare_status tare_eval_center_crop_pad(const struct tare_graph *graph,
                                           const struct tare_node *node,
                                           const struct tare_const *inputs,
                                           struct tare_const *outputs,
                                           struct tare_error *err)
{
    (void)graph;
    (void)node;
    static const uint8_t zero[sizeof(int64_t)] = {0};
    struct tare_axis_maps maps = {0};
    struct tare_const *out = &outputs[0];
    enum tare_status st = tare_const_alloc(out, err);
    if (st != TARE_OK || out->n_bytes == 0) return st;
    st = tare_axis_maps_create(&out->dims, &maps, err);
    if (st != TARE_OK) return st;
    for (int32_t i = 0; i < out->dims.rank; i++) {
        const int64_t length = inputs[0].dims.d[i], n = out->dims.d[i];
        const int64_t begin = n > length ? -((n - length) / 2) : (length - n) / 2;
        for (int64_t o = 0; o < n; o++) {
            const int64_t from = o + begin;
            maps.map[i][o] = from < length ? from : -1;
        }
    }
    tare_axis_maps_copy(&maps, &inputs[0], zero, out);
    tare_axis_maps_destroy(&maps);
    return TARE_OK;
}
