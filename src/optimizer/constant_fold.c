/* Nodes whose inputs are all constant become the constants that they make. */
#include "optimizer/pass.h"

static bool all_known(const struct tare_graph *graph, const struct tare_node *node)
{
    for (size_t i = 0; i < node->n_outputs; i++)
        if (!tare_tensor_is_const(&graph->tensors[node->outputs[i]])) return false;
    return true;
}

enum tare_status tare_pass_constant_fold(struct tare_graph *graph, bool *changed,
                                         struct tare_error *err)
{
    for (size_t i = 0; i < graph->n_nodes; i++) {
        const struct tare_node *node = &graph->nodes[i];
        if (node->dead) continue;
        bool known = all_known(graph, node); /* small ones have been by the inference */
        if (!known) {
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
