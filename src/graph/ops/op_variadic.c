/* Max, Min, Sum and Mean: any number of inputs, broadcast together, taken in order. */
#include <string.h>

#include "base/dims.h"
#include "graph/ops/ops.h"
#include "graph/params.h"

enum tare_status tare_infer_variadic(struct tare_graph *graph, struct tare_node *node,
                                     struct tare_error *err)
{
    const bool adds = node->op == TARE_OP_SUM || node->op == TARE_OP_MEAN;
    const struct tare_tensor *first = tare_op_input(graph, node, 0);
    struct tare_dims out = first->dims;
    for (size_t i = 0; i < node->n_inputs; i++) {
        const struct tare_tensor *x = tare_op_input(graph, node, i);
        if (!x) TARE_NODE_FAIL(node, err, TARE_E_FORMAT, "input %zu is left out", i);
        enum tare_status st = tare_op_want_dtype(
            graph, node, i, adds ? TARE_IS_FLOAT : TARE_IS_NUMBER, err);
        if (st != TARE_OK) return st;
        if (x->dtype != first->dtype)
            TARE_NODE_FAIL(node, err, TARE_E_FORMAT,
                           "inputs are %s and %s, want the same",
                           tare_dtype_name(first->dtype), tare_dtype_name(x->dtype));
        const struct tare_dims before = out;
        st = tare_op_broadcast(node, &before, &x->dims, &out, err);
        if (st != TARE_OK) return st;
    }
    return tare_op_set_output(graph, node, 0, first->dtype, &out, err);
}

static enum tare_op step_of(enum tare_op op)
{
    return op == TARE_OP_MIN || op == TARE_OP_MAX ? op : TARE_OP_ADD;
}

enum tare_status tare_eval_variadic(const struct tare_graph *graph,
                                    const struct tare_node *node,
                                    const struct tare_const *inputs,
                                    struct tare_const *outputs, struct tare_error *err)
{
    struct tare_const *out = &outputs[0];
    if (node->n_inputs == 1) return tare_eval_copy(graph, node, inputs, outputs, err);
    enum tare_status st = tare_const_alloc(out, err);
    if (st == TARE_OK)
        st = tare_binary_run(node, step_of(node->op), &inputs[0], &inputs[1], out, err);
    for (size_t i = 2; st == TARE_OK && i < node->n_inputs; i++)
        st = tare_binary_run(node, step_of(node->op), out, &inputs[i], out, err);
    if (st != TARE_OK || node->op != TARE_OP_MEAN) return st;
    float *y = out->data;
    const int64_t n = tare_dims_count(&out->dims);
    for (int64_t i = 0; i < n; i++)
        y[i] /= (float)node->n_inputs;
    return TARE_OK;
}
