/* NonZero: the indices of the elements that are not 0, an axis a row. */
#include "base/dims.h"
#include "graph/ops/ops.h"

enum tare_status tare_infer_nonzero(struct tare_graph *graph, struct tare_node *node,
                                    struct tare_error *err)
{
    struct tare_const x;
    double values[TARE_BLOCK];
    enum tare_status st =
        tare_op_want_dtype(graph, node, 0, TARE_IS_NUMBER | TARE_IS_BOOL, err);
    if (st == TARE_OK) st = tare_op_value(graph, node, "X", 0, &x, err);
    if (st != TARE_OK) return st;
    struct tare_dims out = {.rank = 2, .d = {x.dims.rank, 0}};
    const int64_t n = tare_dims_count(&x.dims);
    for (int64_t at = 0; at < n; at += TARE_BLOCK) {
        tare_const_read_doubles(&x, at, 1, tare_block(n - at), values);
        for (int64_t i = 0; i < tare_block(n - at); i++)
            out.d[1] += values[i] != 0.0;
    }
    return tare_op_set_output(graph, node, 0, TARE_S64, &out, err);
}

enum tare_status tare_eval_nonzero(const struct tare_graph *graph,
                                   const struct tare_node *node,
                                   const struct tare_const *inputs,
                                   struct tare_const *outputs, struct tare_error *err)
{
    (void)graph;
    (void)node;
    double values[TARE_BLOCK];
    int64_t index[TARE_MAX_RANK] = {0}, found = 0;
    const struct tare_dims *dims = &inputs[0].dims;
    const enum tare_status st = tare_const_alloc(&outputs[0], err);
    if (st != TARE_OK) return st;
    int64_t *y = outputs[0].data;
    const int64_t n = tare_dims_count(dims), n_found = outputs[0].dims.d[1];
    for (int64_t at = 0; at < n; at += TARE_BLOCK) {
        tare_const_read_doubles(&inputs[0], at, 1, tare_block(n - at), values);
        for (int64_t i = 0; i < tare_block(n - at); i++) {
            for (int32_t a = 0; values[i] != 0.0 && a < dims->rank; a++)
                y[a * n_found + found] = index[a];
            found += values[i] != 0.0;
            (void)tare_dims_next(dims, index, NULL, NULL, 0);
        }
    }
    return TARE_OK;
}
