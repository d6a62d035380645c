#include <math.h>

#include "graph/ops/ops.h"
#include "graph/params.h"

enum tare_status tare_infer_softmax(struct tare_graph *graph, struct tare_node *node,
                                    struct tare_error *err)
{
    int64_t outer, n, inner;
    enum tare_status st = tare_op_want_dtype(graph, node, 0, TARE_IS_FLOAT, err);
    if (st == TARE_OK)
        st = tare_node_softmax_axes(graph, node, &outer, &n, &inner, err);
    return st == TARE_OK ? tare_op_set_like_input(graph, node, err) : st;
}

/* One sum: n elements, `stride` apart, from `at` on. */
static void softmax_one(const struct tare_const *x, struct tare_const *y, int64_t at,
                        int64_t n, int64_t stride)
{
    double largest = -HUGE_VAL, sum = 0.0;
    for (int64_t i = 0; i < n; i++)
        largest = fmax(largest, tare_const_get(x, at + i * stride));
    for (int64_t i = 0; i < n; i++)
        sum += exp(tare_const_get(x, at + i * stride) - largest);
    for (int64_t i = 0; i < n; i++)
        tare_const_set(y, at + i * stride,
                       exp(tare_const_get(x, at + i * stride) - largest) / sum);
}

enum tare_status tare_eval_softmax(const struct tare_graph *graph,
                                   const struct tare_node *node,
                                   const struct tare_const *inputs,
                                   struct tare_const *outputs, struct tare_error *err)
{
    int64_t outer, n, inner;
    enum tare_status st = tare_node_softmax_axes(graph, node, &outer, &n, &inner, err);
    if (st == TARE_OK) st = tare_const_alloc(&outputs[0], err);
    if (st != TARE_OK || outputs[0].n_bytes == 0) return st;
    for (int64_t o = 0; o < outer; o++)
        for (int64_t i = 0; i < inner; i++)
            softmax_one(&inputs[0], &outputs[0], o * n * inner + i, n, inner);
    return TARE_OK;
}
