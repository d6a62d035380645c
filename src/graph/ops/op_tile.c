/* Tile. */
#include "graph/ops/axis_maps.h"
#include "graph/ops/ops.h"

enum tare_status tare_infer_tile(struct tare_graph *graph, struct tare_node *node,
                                 struct tare_error *err)
{
    const struct tare_tensor *x = tare_op_input(graph, node, 0);
    struct tare_dims out = x->dims;
    int64_t repeats[TARE_MAX_RANK];
    size_t n;
    bool given;
    const enum tare_status st = tare_op_ints(graph, node, "repeats", 1, TARE_MAX_RANK,
                                             repeats, &n, &given, err);
    if (st != TARE_OK) return st;
    if (n != (size_t)out.rank)
        TARE_NODE_FAIL(node, err, TARE_E_FORMAT,
                       "repeats has %zu values, the input has rank %d", n,
                       (int)out.rank);
    for (int32_t i = 0; i < out.rank; i++) {
        if (repeats[i] < 0)
            TARE_NODE_FAIL(node, err, TARE_E_FORMAT, "repeats has %lld at %d",
                           (long long)repeats[i], (int)i);
        if (__builtin_mul_overflow(out.d[i], repeats[i], &out.d[i]))
            TARE_NODE_FAIL(node, err, TARE_E_UNSUPPORTED, "%s",
                           "the output is too large");
    }
    return tare_op_set_output(graph, node, 0, x->dtype, &out, err);
}

enum tare_status tare_eval_tile(const struct tare_graph *graph,
                                const struct tare_node *node,
                                const struct tare_const *inputs,
                                struct tare_const *outputs, struct tare_error *err)
{
    (void)graph;
    (void)node;
    struct tare_axis_maps maps = {0};
    struct tare_const *out = &outputs[0];
    enum tare_status st = tare_const_alloc(out, err);
    if (st != TARE_OK || out->n_bytes == 0) return st;
    st = tare_axis_maps_create(&out->dims, &maps, err);
    if (st != TARE_OK) return st;
    for (int32_t i = 0; i < out->dims.rank; i++)
        for (int64_t o = 0; o < out->dims.d[i]; o++)
            maps.map[i][o] = o % inputs[0].dims.d[i];
    tare_axis_maps_copy(&maps, &inputs[0], NULL, out);
    tare_axis_maps_destroy(&maps);
    return TARE_OK;
}
