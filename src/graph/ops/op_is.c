/* IsNaN and IsInf: what is no number. */
#include <math.h>

#include "base/dims.h"
#include "graph/ops/ops.h"

enum tare_status tare_infer_is(struct tare_graph *graph, struct tare_node *node,
                               struct tare_error *err)
{
    const struct tare_tensor *x = tare_op_input(graph, node, 0);
    const enum tare_status st = tare_op_want_dtype(graph, node, 0, TARE_IS_FLOAT, err);
    return st == TARE_OK ? tare_op_set_output(graph, node, 0, TARE_BOOL, &x->dims, err)
                         : st;
}

enum tare_status tare_eval_is(const struct tare_graph *graph,
                              const struct tare_node *node,
                              const struct tare_const *inputs,
                              struct tare_const *outputs, struct tare_error *err)
{
    (void)graph;
    const bool positive = tare_node_int(node, "detect_positive", 1) != 0;
    const bool negative = tare_node_int(node, "detect_negative", 1) != 0;
    const enum tare_status st = tare_const_alloc(&outputs[0], err);
    if (st != TARE_OK) return st;
    const float *x = inputs[0].data;
    uint8_t *y = outputs[0].data;
    const int64_t n = tare_dims_count(&outputs[0].dims);
    for (int64_t i = 0; i < n; i++) {
        const bool is_inf =
            (positive && x[i] == INFINITY) || (negative && x[i] == -INFINITY);
        const bool is_nan = isnan(x[i]);
        y[i] = node->op == TARE_OP_IS_NAN ? is_nan : is_inf;
    }
    return TARE_OK;
}
