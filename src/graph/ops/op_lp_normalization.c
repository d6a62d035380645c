/* LpNormalization: an axis is divided by its norm; a norm of 0 leaves zeros. */
#include <math.h>

#include "base/dims.h"
#include "graph/ops/ops.h"
#include "graph/params.h"

enum tare_status tare_infer_lp_normalization(struct tare_graph *graph,
                                             struct tare_node *node,
                                             struct tare_error *err)
{
    const int64_t p = tare_node_int(node, "p", 2);
    int32_t axis;
    enum tare_status st = tare_op_want_dtype(graph, node, 0, TARE_IS_FLOAT, err);
    if (st == TARE_OK)
        st = tare_node_axis(node, -1, tare_op_input(graph, node, 0)->dims.rank, &axis,
                            err);
    if (st == TARE_OK && p != 1 && p != 2)
        TARE_NODE_FAIL(node, err, TARE_E_FORMAT, "p is %lld, want 1 or 2",
                       (long long)p);
    return st == TARE_OK ? tare_op_set_like_input(graph, node, err) : st;
}

/* `width` lanes beside one another, each with n elements `inner` apart. */
static void normalize(const float *x, float *y, const struct tare_lanes *split,
                      int64_t width, bool is_l1)
{
    double norm[TARE_BLOCK] = {0.0};
    for (int64_t k = 0; k < split->n; k++)
        for (int64_t i = 0; i < width; i++) {
            const double value = (double)x[k * split->inner + i];
            norm[i] += is_l1 ? fabs(value) : value * value;
        }
    for (int64_t i = 0; i < width; i++) {
        if (!is_l1) norm[i] = sqrt(norm[i]);
        if (norm[i] == 0.0) norm[i] = 1.0;
    }
    for (int64_t k = 0; k < split->n; k++)
        for (int64_t i = 0; i < width; i++) {
            const int64_t at = k * split->inner + i;
            y[at] = (float)((double)x[at] / norm[i]);
        }
}

enum tare_status tare_eval_lp_normalization(const struct tare_graph *graph,
                                            const struct tare_node *node,
                                            const struct tare_const *inputs,
                                            struct tare_const *outputs,
                                            struct tare_error *err)
{
    (void)graph;
    int32_t axis;
    enum tare_status st = tare_node_axis(node, -1, inputs[0].dims.rank, &axis, err);
    if (st == TARE_OK) st = tare_const_alloc(&outputs[0], err);
    if (st != TARE_OK || outputs[0].n_bytes == 0) return st;
    const struct tare_lanes split = tare_dims_lanes(&inputs[0].dims, axis);
    const bool is_l1 = tare_node_int(node, "p", 2) == 1;
    for (int64_t o = 0; o < split.outer; o++)
        for (int64_t i = 0; i < split.inner; i += TARE_BLOCK) {
            const int64_t at = o * split.n * split.inner + i;
            normalize((const float *)inputs[0].data + at, (float *)outputs[0].data + at,
                      &split, tare_block(split.inner - i), is_l1);
        }
    return TARE_OK;
}
