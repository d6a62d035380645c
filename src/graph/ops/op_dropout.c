/* Dropout: at inference, or with a ratio of 0, it passes its input on. */
#include <string.h>

#include "base/dims.h"
#include "graph/ops/ops.h"

/* Whether `name`, input `i`, is there and not zero. */
static enum tare_status is_set(const struct tare_graph *graph,
                               const struct tare_node *node, const char *name, size_t i,
                               bool *set, struct tare_error *err)
{
    struct tare_const value;
    *set = false;
    if (tare_node_input(node, i) == TARE_NO_TENSOR) return TARE_OK;
    const enum tare_status st = tare_op_value(graph, node, name, i, &value, err);
    if (st != TARE_OK) return st;
    if (tare_dims_count(&value.dims) != 1)
        TARE_NODE_FAIL(node, err, TARE_E_FORMAT, "input '%s' has %lld values, want 1",
                       name, (long long)tare_dims_count(&value.dims));
    *set = tare_const_get(&value, 0) != 0.0;
    return TARE_OK;
}

enum tare_status tare_infer_dropout(struct tare_graph *graph, struct tare_node *node,
                                    struct tare_error *err)
{
    const struct tare_tensor *x = tare_op_input(graph, node, 0);
    bool trains, drops = tare_node_input(node, 1) == TARE_NO_TENSOR;
    enum tare_status st = tare_op_want_dtype(graph, node, 0, TARE_IS_FLOAT, err);
    if (st == TARE_OK) st = tare_op_want_dtype(graph, node, 1, TARE_IS_FLOAT, err);
    if (st == TARE_OK) st = tare_op_want_dtype(graph, node, 2, TARE_IS_BOOL, err);
    if (st == TARE_OK) st = is_set(graph, node, "training_mode", 2, &trains, err);
    if (st == TARE_OK && trains && !drops)
        st = is_set(graph, node, "ratio", 1, &drops, err);
    if (st != TARE_OK) return st;
    if (trains && drops)
        TARE_NODE_FAIL(node, err, TARE_E_UNSUPPORTED, "%s",
                       "training_mode is true; export the model for inference");
    if (node->n_outputs > 1)
        st = tare_op_set_output(
            graph, node, 1, graph->opset < 10 ? x->dtype : TARE_BOOL, &x->dims, err);
    return st == TARE_OK ? tare_op_set_like_input(graph, node, err) : st;
}

enum tare_status tare_eval_dropout(const struct tare_graph *graph,
                                   const struct tare_node *node,
                                   const struct tare_const *inputs,
                                   struct tare_const *outputs, struct tare_error *err)
{
    enum tare_status st = tare_eval_copy(graph, node, inputs, outputs, err);
    if (st != TARE_OK || node->n_outputs < 2 || node->outputs[1] == TARE_NO_TENSOR)
        return st;
    st = tare_const_alloc(&outputs[1], err); /* the mask: nothing is dropped */
    const int64_t n = tare_dims_count(&outputs[1].dims);
    for (int64_t i = 0; st == TARE_OK && i < n; i++)
        tare_const_set(&outputs[1], i, 1.0);
    return st;
}
