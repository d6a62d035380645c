/* Nodes whose inputs are all constant become the constants that they make. */
#include "optimizer/pass.h"

static bool all_known(const struct tare_graph *graph, const struct tare_node *node)
{
    for (size_t i = 0; i < node->n_outputs; i++)
        if (node->outputs[i] >= 0 &&
            !tare_tensor_is_const(&graph->tensors[node->outputs[i]]))
            return false;
    return true;
}

/* Shape and Size want no more than a shape. */
static bool inputs_known(const struct tare_graph *graph, const struct tare_node *node)
{
    const bool by_shape = node->op == TARE_OP_SHAPE || node->op == TARE_OP_SIZE;
    for (size_t i = 0; i < node->n_inputs; i++) {
        const int32_t id = node->inputs[i];
        if (id >= 0 && !(by_shape ? tare_pass_has_shape(graph, id)
                                  : tare_tensor_is_const(&graph->tensors[id])))
            return false;
    }
    return true;
}

enum tare_status tare_pass_constant_fold(struct tare_graph *graph, bool *changed,
                                         struct tare_error *err)
{
    for (size_t i = 0; i < graph->n_nodes; i++) {
        const struct tare_node *node = &graph->nodes[i];
        if (node->dead) continue;
        bool known = all_known(graph, node); /* small ones have been by the inference */
        if (!known && inputs_known(graph, node)) {
            const enum tare_status status =
                tare_graph_eval_node(graph, (int32_t)i, &known, err);
            if (status != TARE_OK) return status;
        }
        if (!known) continue;
        tare_graph_remove_node(graph, (int32_t)i);
        *changed = true;
    }
    return TARE_OK;
}
