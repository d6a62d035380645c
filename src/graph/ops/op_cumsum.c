/* CumSum: of floats in double, of integers exactly. */
#include <string.h>

#include "base/dims.h"
#include "graph/ops/ops.h"

enum tare_status tare_infer_cumsum(struct tare_graph *graph, struct tare_node *node,
                                   struct tare_error *err)
{
    enum tare_status st = tare_op_want_dtype(graph, node, 0, TARE_IS_NUMBER, err);
    if (st == TARE_OK) st = tare_op_want_dtype(graph, node, 1, TARE_IS_INDEX, err);
    if (st != TARE_OK) return st;
    const struct tare_dims *axis = &tare_op_input(graph, node, 1)->dims;
    if (tare_dims_count(axis) != 1)
        TARE_NODE_FAIL(node, err, TARE_E_FORMAT, "input 'axis' has %lld values, want 1",
                       (long long)tare_dims_count(axis));
    return tare_op_set_like_input(graph, node, err);
}

/* Up to TARE_BLOCK lanes beside one another, each with n elements, the next `step`
 * away.
 */
struct lanes {
    const struct tare_const *x;
    struct tare_const *y;
    int64_t at, n, step, width;
    bool exclusive;
};

static void sum_floats(const struct lanes *l)
{
    double sum[TARE_BLOCK] = {0.0};
    const float *x = l->x->data;
    float *y = l->y->data;
    for (int64_t k = 0, at = l->at; k < l->n; k++, at += l->step)
        for (int64_t i = 0; i < l->width; i++) {
            const double before = sum[i];
            sum[i] += (double)x[at + i];
            y[at + i] = (float)(l->exclusive ? before : sum[i]);
        }
}

static void sum_integers(const struct lanes *l)
{
    int64_t x[TARE_BLOCK], y[TARE_BLOCK];
    uint64_t sum[TARE_BLOCK] = {0};
    for (int64_t k = 0, at = l->at; k < l->n; k++, at += l->step) {
        tare_const_read_ints(l->x, at, 1, l->width, x);
        for (int64_t i = 0; i < l->width; i++) {
            const uint64_t before = sum[i];
            sum[i] += (uint64_t)x[i];
            y[i] = (int64_t)(l->exclusive ? before : sum[i]);
        }
        tare_const_write_ints(l->y, at, l->width, y);
    }
}

enum tare_status tare_eval_cumsum(const struct tare_graph *graph,
                                  const struct tare_node *node,
                                  const struct tare_const *inputs,
                                  struct tare_const *outputs, struct tare_error *err)
{
    (void)graph;
    const struct tare_dims *dims = &inputs[0].dims;
    int64_t axis = tare_const_get_int(&inputs[1], 0);
    if (axis < -dims->rank || axis >= dims->rank)
        TARE_NODE_FAIL(node, err, TARE_E_FORMAT, "axis %lld, but the input has rank %d",
                       (long long)axis, (int)dims->rank);
    if (axis < 0) axis += dims->rank;
    const enum tare_status st = tare_const_alloc(&outputs[0], err);
    if (st != TARE_OK || outputs[0].n_bytes == 0) return st;
    const bool reverse = tare_node_int(node, "reverse", 0) != 0;
    const struct tare_lanes split = tare_dims_lanes(dims, (int32_t)axis);
    struct lanes l = {.x = &inputs[0],
                      .y = &outputs[0],
                      .n = split.n,
                      .step = reverse ? -split.inner : split.inner,
                      .exclusive = tare_node_int(node, "exclusive", 0) != 0};
    for (int64_t o = 0; o < split.outer; o++)
        for (int64_t i = 0; i < split.inner; i += TARE_BLOCK) {
            const int64_t first = reverse ? split.n - 1 : 0;
            l.at = (o * split.n + first) * split.inner + i;
            l.width = tare_block(split.inner - i);
            (inputs[0].dtype == TARE_F32 ? sum_floats : sum_integers)(&l);
        }
    return TARE_OK;
}
